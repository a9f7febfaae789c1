"""The report over many workspaces as a table, CSV, Markdown and JSON."""

import json
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from ctxuse.fleetreport import FleetRecord, FleetReport
from ctxuse.render import groups, markdown, sheet, words
from ctxuse.render.table import plain_table
from ctxuse.report import UsageReport
from ctxuse.visible import visible
from ctxuse.zones import Zone

HEADINGS = ("Record", "Uses", "Last used", "Exposed", "Each", "Total")
SIDES = "lrlrrr"
"""Of the table, and to which side its columns are set; the workspace stands first where needed."""

MOST_ROWS = 2_000
"""So many rows a table for a terminal has: more take minutes to lay out, and nobody reads them."""

MOST_SAID = 10
"""So many places that could not be read are named below a table."""


def fleet_json(report: FleetReport) -> str:
    """Return the report as JSON, newline included."""
    return json.dumps(report.fields(), ensure_ascii=False, indent=2) + "\n"


def fleet_html(report: FleetReport, *, sort: str) -> str:
    """Return the fuller figures as one page of HTML that needs nothing else.

    Args:
        report: The report.
        sort: The column that it is sorted by.

    Raises:
        MissingExtraError: The libraries of the extra ``html`` are not installed.
        ValueError: The report has no fuller figures.
    """
    from ctxuse.render.page import page_html  # noqa: PLC0415 - only for this form

    if report.full is None:
        message = "the report has no fuller figures"
        raise ValueError(message)
    number = words.plural(len(report.workspaces), "workspace")
    said = [f"From {number}; records of one kind and slug are one", *beside(report)]
    full = replace(report.full, basic=without_skipped(report))
    return page_html(full, title=number, sort=sort, more=said)


def fleet_csv(report: FleetReport) -> str:
    """Return the report as CSV with a heading; what is unknown is an empty cell."""
    if report.grouped is not None:
        return groups.groups_csv(report.grouped)
    if not report.apart:
        return sheet.report_csv(report.basic)
    rows: Iterable[Iterable[object]] = (
        (sheet.cell(record.workspace or ""), *sheet.report_row(record.basic))
        for record in report.records
    )
    return sheet.written(("workspace", *sheet.REPORT_COLUMNS), rows)


def fleet_table(report: FleetReport, *, width: int, color: bool = False) -> str:
    """Return the report as a table for a terminal of `width` columns."""
    headings, sides, rows = _shown(report, visible)
    said = notes(report, visible)
    if len(rows) > MOST_ROWS:
        more = words.plural(len(rows) - MOST_ROWS, "more row")
        options = "--kind chooses" if report.grouped is not None else "--sort and --kind choose"
        said.insert(0, f"And {more}: --format csv and json have all, {options}")
    return plain_table(
        headings, rows[:MOST_ROWS], width=width, color=color, sides=sides, notes=said
    )


def fleet_markdown(report: FleetReport) -> str:
    """Return the report as a Markdown table with what it rests on below."""
    headings, sides, rows = _shown(report, markdown.cell)
    shown = markdown.table(headings, sides, rows) if rows else ""
    return shown + "\n".join(f"\n{note}" for note in notes(report, markdown.cell)) + "\n"


def notes(report: FleetReport, safe: Callable[[str], str]) -> list[str]:
    """Return what stands below the table, a paragraph each; `safe` makes foreign text safe."""
    basic = without_skipped(report)
    if report.grouped is not None:
        first, *others = groups.notes(replace(report.grouped, basic=basic))
    else:
        explained = (
            f"Times are {visible(basic.evidence.zone.name)}. Exposed: times resident in a"
            " context. Each: estimated tokens of the record at its last exposure, a quarter of its"
            " bytes. Total: both multiplied."
        )
        first, *others = words.notes(basic)
        others = [*([explained] if report.records else []), *others]
    number = len(report.workspaces)
    return [first, f"From {words.plural(number, 'workspace')}", *beside(report, safe), *others]


def without_skipped(report: FleetReport) -> UsageReport:
    """Return the figures as a report that leaves to `beside` what could not be counted."""
    evidence = replace(report.basic.evidence, skipped={})
    return replace(report.basic, evidence=evidence)


def beside(report: FleetReport, safe: Callable[[str], str] = visible) -> list[str]:
    """Return what the forms for programs leave out of view: what is not in the figures."""
    said = []
    if report.repeated:
        events = words.plural(report.repeated, "event")
        said.append(f"{events} held by several workspaces: counted with the first of them only")
    skipped = [one for one in report.workspaces if one.not_counted]
    if skipped:
        lines = words.plural(sum(sum(one.not_counted.values()) for one in skipped), "line")
        where = words.listed([safe(one.address) for one in skipped])
        said.append(f"{lines} could not be counted, in {where}")
    if report.unreadable:
        places = words.plural(len(report.unreadable), "place")
        named = [f"{safe(p.address)}: {safe(p.reason)}" for p in report.unreadable[:MOST_SAID]]
        more = len(report.unreadable) - len(named)
        named += [f"and {more:,} more (--format json lists them)"] if more else []
        said += [f"{places} could not be read, and nothing of them is counted:", *named]
    return said


def _shown(
    report: FleetReport, safe: Callable[[str], str]
) -> tuple[Sequence[str], str, list[tuple[str, ...]]]:
    """The headings, their sides and the rows."""
    if report.grouped is not None:
        headings = groups.headings(report.grouped)
        return headings, groups.SIDES[: len(headings)], groups.rows(report.grouped, safe)
    zone = report.evidence.zone
    rows = [_row(record, safe, zone, apart=report.apart) for record in report.records]
    if report.apart:
        return ("Workspace", *HEADINGS), "l" + SIDES, rows
    return HEADINGS, SIDES, rows


def _row(
    record: FleetRecord, safe: Callable[[str], str], zone: Zone, *, apart: bool
) -> tuple[str, ...]:
    basic = record.basic
    return (
        *((safe(record.workspace or ""),) if apart else ()),
        safe(f"{basic.kind}/{basic.slug}"),
        words.count(basic.use_count),
        words.day(basic.last_used_at_ns, zone),
        words.count(basic.resident_exposure_count),
        words.count(basic.tokens_each),
        words.count(basic.tokens_total),
    )
