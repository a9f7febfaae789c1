"""Two windows side by side, as a table, CSV, Markdown and JSON."""

import json
from collections.abc import Callable, Iterable

from ctxuse.comparison import Comparison, Side
from ctxuse.counting.detail import Counts
from ctxuse.render import markdown, sheet, words
from ctxuse.render.table import plain_table
from ctxuse.visible import quoted, visible

HEADINGS = ("Record", "Uses A", "B", "Exposed A", "B", "Recorded A", "B")
SIDES = "lrrrrrr"

_FIGURES = (
    "use_count", "resident_exposure_count", "exposed_tokens_recorded", "exposures_of_unknown_size",
)  # fmt: skip

COLUMNS = ("kind", "slug", *(f"{name}_{side}" for name in _FIGURES for side in ("a", "b")))
"""Of the CSV."""


def comparison_json(comparison: Comparison) -> str:
    """Return the comparison as JSON, newline included."""
    return json.dumps(comparison.fields(), ensure_ascii=False, indent=2) + "\n"


def comparison_csv(comparison: Comparison) -> str:
    """Return the comparison as CSV with a heading; what is unknown is an empty cell."""
    return sheet.written(
        COLUMNS,
        (
            (
                sheet.cell(row.kind),
                sheet.cell(row.slug),
                *(sheet.known(n) for n in _figures(row.first, row.second)),
            )
            for row in comparison.rows()
        ),
    )


def comparison_table(comparison: Comparison, *, width: int, color: bool = False) -> str:
    """Return the comparison as a table for a terminal of `width` columns."""
    return plain_table(
        HEADINGS,
        _rows(comparison, visible),
        width=width,
        color=color,
        sides=SIDES,
        notes=notes(comparison),
    )


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as a Markdown table with what it rests on below."""
    rows = _rows(comparison, markdown.cell)
    table = markdown.table(HEADINGS, SIDES, rows) if rows else ""
    return table + "\n".join(f"\n{note}" for note in notes(comparison)) + "\n"


def notes(comparison: Comparison) -> list[str]:
    """Return what stands below the table, a paragraph each."""
    return [
        _side("A", comparison.first),
        _side("B", comparison.second),
        *words.gaps(comparison.first.report.basic, outside=False),
        "Recorded: tokens of all exposures as estimated when they happened.",
    ]


def _side(letter: str, side: Side) -> str:
    name = quoted(side.name)
    report = side.report.basic
    since = ". ".join(filter(None, [words.since(report.evidence), words.origins(report)]))
    if not side.known:
        when = "ends before there is evidence" if side.begun else "is to come"
        return f"{letter} is {name}. It {when}: nothing is known of it. {since}"
    partly = " It begins before there is evidence." if side.partly else ""
    return f"{letter} is {name}.{partly} {since}"


def _rows(comparison: Comparison, safe: Callable[[str], str]) -> list[tuple[str, ...]]:
    return [
        (safe(f"{row.kind}/{row.slug}"), *map(words.count, [*_figures(row.first, row.second)][:6]))
        for row in comparison.rows()
    ]


def _figures(first: Counts | None, second: Counts | None) -> Iterable[int | None]:
    """The figures of both, in turns."""
    for name in ("uses", "exposures", "tokens", "unsized"):
        for counts in (first, second):
            yield None if counts is None else getattr(counts, name)
