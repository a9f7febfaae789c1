"""Draws the charts: figures → Vega-Lite → SVG, by the converter that brings its own engine.

Colors are variables of the page's style, so that light and dark need one drawing. What a mark
stands for is its `aria-label`, which the page's script also shows as a tip.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ctxuse.errors import MissingExtraError
from ctxuse.render.page.series import Day, Mark, OverTime, Requests

WIDE, NARROW = 980, 330
"""Widths in pixels of the plots for a large and for a small screen."""

_FONT = "system-ui, sans-serif"

Spec = dict[str, Any]
"""A Vega-Lite specification, which is JSON."""

_CHARACTER = 8
"""Pixels of a character of a label at the most."""

_SQUARE = 14
"""Pixels of a day in a calendar."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def svg(spec: Spec) -> str:
    """Return a chart as SVG. The first one takes as long as its engine takes to start.

    Raises:
        MissingExtraError: The converter is not installed.
    """
    engine = _engine()
    drawn: str = engine.vegalite_to_svg(_drawable(spec), vl_version="6.1", allowed_base_urls=[])
    _started[:] = [True]
    return drawn


_started: list[bool] = []


def engine_runs() -> bool:
    """Whether the engine has started in this process.

    Raises:
        MissingExtraError: The converter is not installed.
    """
    _engine()
    return bool(_started)


def _engine() -> Any:  # noqa: ANN401 - untyped
    try:
        import vl_convert  # noqa: PLC0415 - only where a chart is drawn
    except ImportError as error:
        raise MissingExtraError("the page", "html") from error
    return vl_convert


_EXACT = 2**53
"""Beyond, the engine has only rounded numbers, and refuses others; labels hold the exact ones."""


def _drawable(spec: Any) -> Any:  # noqa: ANN401 - any part of a specification
    match spec:
        case dict():
            return {name: _drawable(part) for name, part in spec.items()}
        case list():
            return [_drawable(part) for part in spec]
        case int() if spec > _EXACT:
            return float(spec)
        case _:
            return spec


def over_time_chart(found: OverTime, *, width: int) -> Spec:
    """Return the chart of figures over time, stacked."""
    values = [
        {"bin": day, "name": name, "order": order, "number": number, "label": label}
        for order, (name, numbers) in enumerate(zip(found.names, found.numbers, strict=True))
        for day, number in zip(found.bins.names, numbers, strict=True)
        if number
        for label in [_label(found, name, number, day)]
    ]
    return {
        **_common(width, 240),
        "data": {"values": values},
        "mark": {"type": "bar", "stroke": "var(--back)", "strokeWidth": 0.5},
        "encoding": {
            "x": {
                "field": "bin",
                "type": "ordinal",
                "scale": {"domain": found.bins.names, "paddingInner": 0.15},
                "axis": {
                    "title": None,
                    "labelAngle": 0,
                    "values": _with_room(found.bins.names, width),
                    "labelExpr": _day_label(found.bins.names),
                    "grid": False,
                },
            },
            "y": _amount("number", f"{found.unit}, {found.bins.said}", 5),
            "color": _colors("name", found.names, record_colors(found)),
            "order": {"field": "order", "type": "quantitative"},
            "description": {"field": "label"},
        },
    }


def marks_chart(found: Sequence[Mark], *, width: int) -> Spec:
    """Return the chart of uses against resident tokens, a mark for each record."""
    colors = kind_colors(found)
    return {
        **_common(width, 320),
        "data": {
            "values": [
                mark._asdict() | {"kind": mark.kind if mark.kind in colors else _OTHER_KINDS}
                for mark in found
            ]
        },
        "mark": {"type": "circle", "opacity": 0.85, "size": 90, "stroke": "var(--back)"},
        "encoding": {
            "x": _root_axis("uses"),
            "y": _root_axis("tokens"),
            "color": _colors("kind", [*colors], [*colors.values()]),
            "description": {"field": "label"},
        },
    }


def calendar_chart(days: Sequence[Day], *, resident: bool) -> Spec:
    """Return the calendar of uses, or of times resident: a square a day, a column a week."""
    values = [
        {
            "week": day.week,
            "weekday": _WEEKDAYS[day.weekday],
            "number": number,
            "label": f"{day.name}: {number:,} {'times resident' if resident else 'uses'}",
        }
        for day in days
        for number in [day.exposures if resident else day.uses]
    ]
    weeks = sorted({day.week for day in days})
    most = max(value["number"] for value in values if isinstance(value["number"], int))
    return {
        **_common(_SQUARE * len(weeks), _SQUARE * 7),
        "padding": {"left": 2, "top": 2, "bottom": 2, "right": 48},
        "data": {"values": values},
        "mark": {"type": "rect", "stroke": "var(--back)", "strokeWidth": 1.5, "cornerRadius": 2},
        "encoding": {
            "x": {
                "field": "week",
                "type": "ordinal",
                "scale": {"domain": weeks},
                "axis": {
                    "title": None,
                    "labelAngle": 0,
                    "values": _months(weeks),
                    "labelExpr": "slice(datum.label, 0, 7)",
                    "labelAlign": "left",
                    "labelOverlap": "greedy",
                    "labelBound": False,
                    "grid": False,
                    "domain": False,
                    "ticks": False,
                },
            },
            "y": {
                "field": "weekday",
                "type": "ordinal",
                "scale": {"domain": list(_WEEKDAYS)},
                "axis": {
                    "title": None,
                    "values": ["Mon", "Wed", "Fri", "Sun"],
                    "grid": False,
                    "domain": False,
                    "ticks": False,
                },
            },
            "color": {
                "field": "number",
                "type": "quantitative",
                "scale": {
                    "type": "threshold",
                    "domain": _steps(most),
                    "range": [f"var(--q{index})" for index in range(len(_steps(most)) + 1)],
                },
                "legend": None,
            },
            "description": {"field": "label"},
        },
    }


def _steps(most: int) -> list[int]:
    """Where the shades of a calendar begin: 1, and from there in even parts up to `most`."""
    return sorted({max(1, round(most * part / 4)) for part in range(4)})


def steps_said(most: int) -> list[str]:
    """Return what the shades of a calendar stand for, the lightest first."""
    begins = [0, *_steps(most)]
    ends = [*(begin - 1 for begin in begins[1:]), most]
    return [
        f"{begin:,}" if begin >= end else f"{begin:,} to {end:,}"
        for begin, end in zip(begins, ends, strict=True)
    ]


def sizes_chart(sizes: Sequence[tuple[str, int]], last: str, *, width: int) -> Spec:
    """Return the chart of a file's size up to a `last` day, a line of steps with marks.

    `sizes` are the days on which it was first seen to have another size, and that size in bytes.
    """
    values = [{"day": d, "bytes": n, "label": f"{n:,} bytes from {d} on"} for d, n in sizes]
    ends = [{"day": last, "bytes": sizes[-1][1]}]
    x = {
        "field": "day",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {"title": None, "format": "%Y-%m-%d", "grid": False, "tickCount": width // 180},
    }
    y = _amount("bytes", "bytes", 4)
    line = {"type": "line", "interpolate": "step-after", "stroke": "var(--c0)"}
    marks = {"type": "circle", "size": 70, "opacity": 1, "fill": "var(--c0)"}
    return {
        **_common(width, 160),
        "layer": [
            {
                "data": {"values": [*values, *ends]},
                "mark": line,
                "encoding": {"x": x, "y": y},
            },
            {
                "data": {"values": values},
                "mark": marks,
                "encoding": {"x": x, "y": y, "description": {"field": "label"}},
            },
        ],
    }


def requests_chart(found: Requests, *, width: int) -> Spec:
    """Return the chart of what requests held: layers one upon the other, by request."""
    number = found.number
    values = [
        {"request": begin, "order": order, "tokens": tokens}
        for order, (_, drawn, _) in enumerate(found.layers)
        for begin, tokens in zip(found.begins, [*drawn, drawn[-1]], strict=True)
    ]
    names = [name for name, _, _ in found.layers]
    # names may be long: each is said once, not once a part
    said = [
        {"order": order, "name": name, "label": label}
        for order, (name, _, label) in enumerate(found.layers)
    ]
    names_of = {"data": {"values": said}, "key": "order", "fields": ["name", "label"]}
    rules = [{"at": mark.first, "label": mark.label} for mark in found.compacted]
    x = {
        "field": "request",
        "type": "quantitative",
        "scale": {"domain": [1, number + 1], "nice": False, "zero": False},
        "axis": _whole_numbers(6) | {"title": "request", "grid": False},
    }
    layer = {
        "data": {"values": values},
        "transform": [{"lookup": "order", "from": names_of}],
        "mark": {"type": "area", "interpolate": "step-after"},
        "encoding": {
            "x": x,
            "y": _amount("tokens", "tokens taken in", 5) | {"stack": "zero"},
            "color": _colors("name", names, layer_colors(found)),
            "order": {"field": "order", "type": "quantitative"},
            "description": {"field": "label"},
        },
    }
    line = {"type": "rule", "stroke": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5}
    rule = {
        "data": {"values": rules},
        "mark": line,
        "encoding": {"x": x | {"field": "at"}, "description": {"field": "label"}},
    }
    return {**_common(width, 260), "layer": [layer, *([rule] if rules else [])]}


def layer_colors(found: Requests) -> list[str]:
    """Return the color of each layer of a chart of requests."""
    colors = [f"var(--c{index})" for index in range(found.own)]
    more = ["var(--c-others)"] * found.others + ["var(--line)"] * found.rest
    return [*colors, *more]


def record_colors(found: OverTime) -> list[str]:
    """Return the color of each name of a chart over time."""
    colors = [f"var(--c{index})" for index in range(len(found.names))]
    if found.others:
        colors[-1] = "var(--c-others)"
    return colors


def kind_colors(found: Sequence[Mark]) -> dict[str, str]:
    """Return the color of each kind of record: seven have one each, all others one together."""
    numbers = Counter(mark.kind for mark in found)
    kinds = sorted(kind for kind, _ in numbers.most_common(_MOST_KINDS))
    colors = {kind: f"var(--c{index})" for index, kind in enumerate(kinds)}
    return colors if len(numbers) <= _MOST_KINDS else colors | {_OTHER_KINDS: "var(--c-others)"}


_MOST_KINDS = 7
_OTHER_KINDS = "other kinds"


def _day_label(days: Sequence[str]) -> str:
    """What makes the label of a day: without the year where it is the same for all."""
    return "slice(datum.label, 5)" if days[0][:4] == days[-1][:4] else "datum.label"


def _with_room(days: Sequence[str], width: int) -> Sequence[str]:
    """The days that get a label, so that none touches the next in a chart of a width."""
    characters = len("02-02") if days[0][:4] == days[-1][:4] else len("2026-02-02")
    most = max(1, width // (_CHARACTER * (characters + 3)))
    return days[:: -(-len(days) // most)]


def _months(weeks: Sequence[str]) -> list[str]:
    """The first week of the calendar, and the first that begins in each month behind it."""
    firsts = [week for before, week in pairwise(weeks) if before[:7] != week[:7]]
    begin = weeks[:1]
    if firsts and weeks.index(firsts[0]) < 4:  # noqa: PLR2004 - there is no room for both
        begin = []
    return [*begin, *firsts]


def _root_axis(field: str) -> Spec:
    scale = {"type": "sqrt", "zero": True, "nice": True}
    return _amount(field, field, 6) | {"scale": scale}


def _amount(field: str, title: str, ticks: int) -> Spec:
    """An axis of counts, with at about so many places."""
    axis = _whole_numbers(ticks)
    return {"field": field, "type": "quantitative", "title": title, "axis": axis}


def _colors(field: str, names: Sequence[str], colors: Sequence[str]) -> Spec:
    scale = {"domain": names, "range": colors}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}


def _whole_numbers(ticks: int) -> Spec:
    """What an axis of counts says: at about so many places, and only at whole numbers."""
    whole = "datum.value % 1 ? '' : datum.label"
    return {"format": ",d", "tickCount": ticks, "labelExpr": whole}


def _label(found: OverTime, name: str, number: int, day: str) -> str:
    """What a part of a column stands for."""
    when = day if found.bins.each == 1 else f"{found.bins.said} from {day}"
    said = f"{number:,} {found.unit}, {when}"
    return said if name == found.unit else f"{name}: {said}"


def _common(width: int, height: int) -> Spec:
    axis = {
        "titlePadding": 10,
        "labelFont": _FONT,
        "titleFont": _FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": "var(--quiet)",
        "titleColor": "var(--quiet)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    }
    return {
        "width": width,
        "height": height,
        "padding": 2,
        "autosize": {"type": "fit-x", "contains": "padding"} if width in {WIDE, NARROW} else "pad",
        "background": None,
        "config": {"view": {"stroke": None}, "axis": axis},
    }
