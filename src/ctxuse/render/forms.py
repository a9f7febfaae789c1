"""A report in a form: text, CSV, Markdown or JSON; and what only reports of fleets show. Pure."""

from msgspec.structs import replace

from ctxuse.render import words
from ctxuse.render.comparison import of_comparison
from ctxuse.render.reports import (
    WIDE,
    bars,
    basic_columns,
    explained,
    of_full,
    of_groups,
    of_records_in_groups,
    of_report,
)
from ctxuse.render.tables import AnyTable, Column, Table, as_csv, as_markdown, markdown_cell
from ctxuse.reports.comparison import Comparison
from ctxuse.reports.fleet import FleetRecord, FleetReport
from ctxuse.reports.full import FullReport
from ctxuse.reports.groups import GroupedReport
from ctxuse.reports.report import UsageReport, as_json
from ctxuse.visible import Safe, visible

Report = UsageReport | FullReport | GroupedReport | Comparison | FleetReport

MOST_ROWS = 2_000
"""So many rows a table of a fleet has on a terminal: more take minutes, and nobody reads them."""

_MOST_SAID = 10
"""So many places that could not be read are named below a table."""


def shown(report: Report, form: str, *, width: int = 80, color: bool = False) -> str:
    """Return a report in a form.

    Args:
        report: The report.
        form: ``table``, ``csv``, ``markdown`` or one of JSON.
        width: Columns of the terminal, for a table.
        color: Whether a table may have colors.
    """
    if form.startswith("json"):
        return report.to_json() if isinstance(report, UsageReport) else as_json(report.fields())
    table = table_of(report, form, width)
    match form:
        case "csv":
            return as_csv(table)
        case "markdown":
            return as_markdown(table)
        case _:
            from ctxuse.render.terminal import as_text  # noqa: PLC0415 - only for this form

            return as_text(table, width=width, color=color)


def beside(report: Report, form: str) -> list[str]:
    """Return what a form for programs leaves out, for stderr."""
    if form not in {"json", "json-full", "csv"}:
        return []
    match report:
        case UsageReport():
            return words.gaps(report, visible)
        case Comparison():
            return words.gaps(report.first.report.basic, visible, outside=False)
        case FleetReport():
            return [*not_counted(report, visible), *words.gaps(without_skipped(report), visible)]
        case _:
            return words.gaps(report.basic, visible)


def table_of(report: Report, form: str, width: int) -> AnyTable:
    """Return what a report shows in a form, for a terminal of `width` columns."""
    safe = markdown_cell if form == "markdown" else visible
    match report:
        case UsageReport():
            return of_report(report, safe, minutes=form == "markdown" or width >= WIDE)
        case FullReport():
            return of_full(report, safe, width=width if form == "table" else None)
        case GroupedReport():
            return of_records_in_groups(report) if form == "csv" else of_groups(report, safe)
        case Comparison():
            narrow = form == "table" and width < WIDE
            return of_comparison(report, safe, for_people=form != "csv", narrow=narrow)
        case FleetReport():
            return _of_fleet(report, form, safe)


def _of_fleet(report: FleetReport, form: str, safe: Safe) -> AnyTable:
    basic = without_skipped(report)
    table: AnyTable
    if report.grouped is not None:
        grouped = replace(report.grouped, basic=basic)
        table = of_records_in_groups(grouped) if form == "csv" else of_groups(grouped, safe)
        said = list(table.notes)
    else:
        columns = [
            column._replace(full=column.full and column.heading, whole=column.right)
            for column in basic_columns(lambda r: r.basic)
            if column.heading != "By source"
        ]
        columns.append(bars([record.resident for record in basic.records], lambda r: r.basic))
        if report.apart:
            columns = [_WORKSPACE, *columns]
        zone = basic.evidence.zone
        table = Table(columns, report.records, zone=zone, top=report.rows.top, sums=True)
        said = words.notes(basic, safe)
        said[1:1] = filter(None, [explained(basic.records, basic.evidence.zone)])
    number = words.plural(len(report.workspaces), "workspace")
    notes = [*said[:1], f"From {number}", *not_counted(report, safe), *said[1:]]
    if form == "table" and len(table.rows) > MOST_ROWS:
        more = words.plural(len(table.rows) - MOST_ROWS, "more row")
        options = "--kind chooses" if report.grouped is not None else "--sort and --kind choose"
        notes.insert(0, f"And {more}: --format csv and json have all, {options}")
        table = table._replace(rows=table.rows[:MOST_ROWS], sums=False)
    return table._replace(notes=notes)


_WORKSPACE: Column[FleetRecord] = Column(
    "Workspace", "workspace", lambda r: r.workspace or "", right=False, whole=False
)


def without_skipped(report: FleetReport) -> UsageReport:
    """Return the figures as a report that leaves to `not_counted` what could not be counted."""
    evidence = replace(report.basic.evidence, skipped={})
    return replace(report.basic, evidence=evidence)


def not_counted(report: FleetReport, safe: Safe) -> list[str]:
    """Return what of many workspaces is not in the figures; `safe` makes foreign text safe."""
    said = []
    if report.repeated:
        events = words.plural(report.repeated, "event")
        said.append(f"{events} held by several workspaces: counted with the first of them only")
    skipped = [one for one in report.workspaces if one.not_counted]
    if skipped:
        lines = words.plural(sum(sum(one.not_counted.values()) for one in skipped), "line")
        where = words.listed((one.address for one in skipped), safe)
        said.append(f"{lines} could not be counted, in {where}")
    if report.unreadable:
        places = words.plural(len(report.unreadable), "place")
        named = [f"{safe(p.address)}: {safe(p.reason)}" for p in report.unreadable[:_MOST_SAID]]
        more = len(report.unreadable) - len(named)
        named += [f"and {more:,} more (--format json lists them)"] if more else []
        said += [f"{places} could not be read, and nothing of them is counted:", *named]
    return said
