"""One session → the texts of its page. Pure, but for the charts' engine."""

from collections.abc import Callable

from ctxuse.render import words
from ctxuse.render.cost import of_cost
from ctxuse.render.page import charts, series
from ctxuse.render.page.recordview import Listing, RecordView
from ctxuse.render.page.view import CostView, Figure, both
from ctxuse.render.session import of_session, said
from ctxuse.render.tables import AnyTable, texts
from ctxuse.reports.session import Costs, SessionReport
from ctxuse.visible import visible
from ctxuse.zones import Zone

MOST_COSTS = 25
"""So many records the costs on the page of all records name by themselves."""

MOST_ROWS = 500
"""So many rows a table of a page has."""


def session_view(report: SessionReport, zone: Zone) -> RecordView:
    """Return what the page of a session says, with times in `zone`.

    Raises:
        MissingExtraError: What draws the charts is not installed.
    """
    first, *notes = said(report, zone)
    bases = {basis for record in report.records for basis in record.bases}
    notes.append(
        "Times are those of the evidence; a dash is what is not known, never zero."
        f" {words.marks_explained(bases)}".strip()
    )
    return RecordView(
        first,
        notes,
        known=True,
        totals=_totals(report),
        figures=figures(report),
        listings=[_records(report), *_requests(report, zone)],
    )


def cost_view(
    costs: Costs, address: Callable[[str], str] | None = None, *, drawn: bool = True
) -> CostView:
    """Return what a page says of requests: what each record came to, and the latest session.

    `address` says where the page of a session is, if it has one. Charts are `drawn` or not.

    Raises:
        MissingExtraError: What draws the charts is not installed.
    """
    report = costs.report.chosen("tokens", MOST_COSTS)
    table, session = of_cost(report, visible), costs.session
    return CostView(
        [note for note in (*table.notes[1:], table.explained) if note],
        *_texts(table),
        "" if session is None else visible(session.segment),
        "" if session is None or address is None else address(session.segment),
        [] if session is None else figures(session, drawn=drawn),
    )


def figures(report: SessionReport, *, drawn: bool = True) -> list[Figure]:
    """Return pictures of what a session's requests took in, and of its records; `drawn` or not."""
    if not report.requests:
        return []
    found = [
        _figure(
            "requests",
            "What its requests took in",
            report,
            "Records, and above them everything else: system prompt, tools, conversation.",
            rest=True,
            drawn=drawn,
        )
    ]
    if len(report.layers) > 1:
        found.append(
            _figure(
                "requests-records",
                "Of that, what is of records",
                report,
                "The same without everything else.",
                rest=False,
                drawn=drawn,
            )
        )
    return found


def _figure(  # noqa: PLR0913 - what tells two of them apart
    name: str, title: str, report: SessionReport, caption: str, *, rest: bool, drawn: bool
) -> Figure:
    found = series.requests_of(report, rest=rest)
    if found.each > 1:
        caption += f" A step is the average of {found.each} requests."
    if found.compacted:
        often = any(mark.number > 1 for mark in found.compacted)
        times = ", once or more often" if often else ""
        caption += f" A broken line is where the context was compacted{times}."
    names = [layer for layer, _, _ in found.layers]
    rows = [
        (f"{begin:,}", *(f"{drawn[place]:,}" for _, drawn, _ in found.layers))
        for place, begin in enumerate(found.begins[:-1])
    ]
    return Figure(
        name,
        title,
        caption,
        *both(lambda width: charts.requests_chart(found, width=width), drawn=drawn),
        headings=("From request", *names),
        rows=rows,
        legend=[*zip(charts.layer_colors(found), names, strict=True)],
        broad=True,
    )


def _totals(report: SessionReport) -> list[tuple[str, str, str]]:
    taken = [request.input for request in report.requests]
    known = bool(taken)
    return [
        ("requests", words.count(len(taken) if known else None), "Requests to the model"),
        ("tokens taken in", words.count(sum(taken) if known else None), "By the agent's account"),
        ("largest request", words.count(max(taken, default=None)), "Tokens that one took in"),
        ("records", words.count(len(report.records)), "Different ones that entered"),
        ("compactions", words.count(len(report.compactions) if known else None), "Of its context"),
    ]


def _records(report: SessionReport) -> Listing:
    table = of_session(report)
    headings, rows = _texts(table._replace(rows=table.rows[:MOST_ROWS]))
    note = _not_shown(len(report.records) - len(rows), "record", "with the most tokens")
    return Listing("What entered", headings, rows, numbers=False, note=note)


def _texts(table: AnyTable) -> tuple[list[str], list[list[str]]]:
    """The headings and the rows of a table, the last of them that of totals, if it has one."""
    columns = [column for column in table.columns if column.heading.strip()]
    rows, every = texts(table, columns, visible)
    headings = [column.full or column.heading for column in columns]
    return headings, rows if every is None else [*rows, every]


def _requests(report: SessionReport, zone: Zone) -> list[Listing]:
    rows = [
        (
            f"{number:,}",
            words.minute(one.at_ns, zone),
            visible(one.model or words.UNKNOWN),
            f"{one.input:,}",
            f"{one.cached:,}",
            f"{one.output:,}",
        )
        for number, one in enumerate(report.requests[:MOST_ROWS], 1)
    ]
    note = _not_shown(len(report.requests) - len(rows), "request", "first in time")
    headings = ("Request", "When", "Model", "Took in", "From a cache", "Gave")
    return [Listing("Requests", headings, rows, numbers=False, note=note)] if rows else []


def _not_shown(number: int, what: str, which: str) -> str:
    """How many more rows a table would have, and which it has; empty where it has all."""
    if not number:
        return ""
    more = words.plural(number, f"more {what} is", f"more {what}s are")
    return (
        f"{more} not in this table, which has the {MOST_ROWS:,} {which}:"
        " ctxuse show --format json has all."
    )
