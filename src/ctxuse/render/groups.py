"""The report by day, week, segment, host, source, actor or kind: table, CSV, Markdown, JSON."""

import json
from collections.abc import Callable

from ctxuse.groups import Group, GroupedReport
from ctxuse.render import markdown, sheet, words
from ctxuse.render.table import plain_table
from ctxuse.times import format_ns
from ctxuse.visible import visible

SIDES = "lrrrrr"
"""To which side the columns of the table are set; those of segments follow."""

COLUMNS = (
    "kind", "slug", "use_count", "resident_exposure_count", "exposed_tokens_recorded",
    "exposures_of_unknown_size",
)  # fmt: skip
"""Of the CSV, behind that of the group: a row for each group and record."""


def groups_json(report: GroupedReport) -> str:
    """Return the report as JSON, newline included."""
    return json.dumps(report.fields(), ensure_ascii=False, indent=2) + "\n"


def groups_csv(report: GroupedReport) -> str:
    """Return the report as CSV with a heading, a row for each record in each group."""
    segments = report.by == "segment"
    rows = [
        (
            sheet.cell(group.name),
            *((_time(group.began_ns), sheet.cell(group.host or "")) if segments else ()),
            *(sheet.cell(name) for name in key),
            counts.uses,
            counts.exposures,
            sheet.known(counts.tokens),
            counts.unsized,
        )
        for group in report.groups
        for key, counts in sorted(group.records.items())
    ]
    more = ("began_at", "host") if segments else ("workspace",) if report.apart else ()
    return sheet.written((report.by, *more, *COLUMNS), rows)


def groups_table(report: GroupedReport, *, width: int, color: bool = False) -> str:
    """Return the report as a table for a terminal of `width` columns."""
    return plain_table(
        headings(report),
        rows(report, visible),
        width=width,
        color=color,
        sides=SIDES + "ll",
        notes=notes(report),
    )


def groups_markdown(report: GroupedReport) -> str:
    """Return the report as a Markdown table with what it rests on below."""
    names = headings(report)
    sides = (SIDES + "ll")[: len(names)]
    table = markdown.table(names, sides, rows(report, markdown.cell)) if report.groups else ""
    return table + "\n".join(f"\n{note}" for note in notes(report)) + "\n"


def headings(report: GroupedReport) -> tuple[str, ...]:
    """Return the headings of the table: what they mean stands below it."""
    more = ("Began", "Agent") if report.by == "segment" else ()
    return (report.by.capitalize(), "Uses", "of", "Exposed", "of", "Recorded", *more)


def rows(report: GroupedReport, safe: Callable[[str], str]) -> list[tuple[str, ...]]:
    """Return the rows of the table; `safe` makes foreign text safe."""
    return [_row(group, report, safe) for group in report.groups]


def notes(report: GroupedReport) -> list[str]:
    """Return what stands below the table, a paragraph each; see `words.notes`."""
    zone = report.basic.evidence.zone.name
    explained = (
        "of: different records. Recorded: tokens of all exposures as estimated when they happened."
    )
    if report.by in {"day", "week"}:
        explained += f" Days are those of {zone}; one without a row has no event."
    return [*words.notes(report.basic), explained]


def _row(group: Group, report: GroupedReport, safe: Callable[[str], str]) -> tuple[str, ...]:
    total = group.total
    zone = report.basic.evidence.zone
    segment = (words.minute(group.began_ns, zone), safe(group.host or "unknown"))
    return (
        safe(group.name),
        words.count(total.uses),
        words.count(group.used),
        words.count(total.exposures),
        words.count(group.exposed),
        words.count(total.tokens),
        *(segment if report.by == "segment" else ()),
    )


def _time(ns: int | None) -> str:
    return "" if ns is None else format_ns(ns)
