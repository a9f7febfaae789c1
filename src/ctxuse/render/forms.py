"""A report in a form: text, CSV, Markdown or JSON; and what only reports of fleets show. Pure."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ctxuse.render import words
from ctxuse.reports.full import FullReport
from ctxuse.reports.report import FOR_PROGRAMS, UsageReport, UsageReportRecord, as_json
from ctxuse.visible import Safe, visible

if TYPE_CHECKING:
    from ctxuse.render.tables import AnyTable, Column, Said
    from ctxuse.reports.comparison import Comparison
    from ctxuse.reports.cost import CostReport
    from ctxuse.reports.fleet import FleetRecord, FleetReport, SeenWorkspace
    from ctxuse.reports.groups import GroupedReport

    Special = GroupedReport | Comparison | CostReport | FleetReport
    Report = UsageReport | FullReport | Special

TOP = 50
"""So many records a table of a fleet has on a terminal, where its reader does not say."""

_MOST_SAID = 10
"""So many places that could not be read are named below a table."""


def shown(report: "Report", form: str, *, width: int = 80, color: bool = False) -> str:
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
            from ctxuse.render.tables import as_csv  # noqa: PLC0415 - only for tables

            return as_csv(table)
        case "markdown":
            from ctxuse.render.tables import as_markdown  # noqa: PLC0415 - only for tables

            return as_markdown(table)
        case _:
            from ctxuse.render.terminal import as_text  # noqa: PLC0415 - only for this form

            return as_text(table, width=width, color=color)


def beside(report: "Report", form: str) -> list[str]:
    """Return what a form for programs leaves out, for stderr."""
    if form not in FOR_PROGRAMS:
        return []
    match report:
        case UsageReport():
            return words.gaps(report, visible)
        case FullReport():
            return words.gaps(report.basic, visible)
        case _:
            return _beside_special(report)


def _beside_special(report: "Special") -> list[str]:
    from ctxuse.reports.comparison import Comparison  # noqa: PLC0415 - no plain report needs it
    from ctxuse.reports.fleet import FleetReport  # noqa: PLC0415 - likewise

    match report:
        case Comparison():
            return words.gaps(report.first.report.basic, visible, outside=False)
        case FleetReport():
            return [*not_counted(report, visible), *words.gaps(without_skipped(report), visible)]
        case _:
            return words.gaps(report.basic, visible)


def table_of(report: "Report", form: str, width: int) -> "AnyTable":
    """Return what a report shows in a form, for a terminal of `width` columns."""
    from ctxuse.render.reports import WIDE, of_full, of_report  # noqa: PLC0415 - only for tables
    from ctxuse.render.tables import markdown_cell  # noqa: PLC0415 - likewise

    safe = markdown_cell if form == "markdown" else visible
    match report:
        case UsageReport():
            return of_report(report, safe, minutes=form == "markdown" or width >= WIDE)
        case FullReport():
            return of_full(report, safe, width=width if form == "table" else None)
        case _:
            return _of_special(report, form, safe, width)


def _of_special(report: "Special", form: str, safe: Safe, width: int) -> "AnyTable":
    from ctxuse.render.comparison import of_comparison  # noqa: PLC0415 - no plain report needs it
    from ctxuse.render.cost import of_cost  # noqa: PLC0415 - likewise
    from ctxuse.render.reports import (  # noqa: PLC0415 - likewise
        WIDE,
        of_groups,
        of_records_in_groups,
    )
    from ctxuse.reports.comparison import Comparison  # noqa: PLC0415 - likewise
    from ctxuse.reports.cost import CostReport  # noqa: PLC0415 - likewise
    from ctxuse.reports.fleet import FleetReport  # noqa: PLC0415 - likewise
    from ctxuse.reports.groups import GroupedReport  # noqa: PLC0415 - likewise

    match report:
        case GroupedReport():
            return of_records_in_groups(report) if form == "csv" else of_groups(report, safe)
        case Comparison():
            narrow = form == "table" and width < WIDE
            return of_comparison(report, safe, for_people=form != "csv", narrow=narrow)
        case CostReport():
            return of_cost(report, safe)
        case FleetReport():
            return _of_fleet(report, form, safe)


def _of_fleet(report: "FleetReport", form: str, safe: Safe) -> "AnyTable":
    from ctxuse.render.reports import (  # noqa: PLC0415 - only for tables
        WIDE,
        bars,
        basic_columns,
        explained,
        of_groups,
        of_records_in_groups,
    )
    from ctxuse.render.tables import Table  # noqa: PLC0415 - likewise

    basic = without_skipped(report)
    table: AnyTable
    if report.grouped is not None:
        grouped = replace(report.grouped, basic=basic)
        table = of_records_in_groups(grouped) if form == "csv" else of_groups(grouped, safe)
        said = list(table.notes)
        if report.grouped.by == "workspace" and form != "csv":
            command = next(filter(None, map(own_report, report.workspaces)), "")
            said += [f"One by itself: {safe(command)}"] if command else []
    else:
        columns = [
            column._replace(full=column.full and column.heading, whole=column.right)
            for column in basic_columns(lambda r: r.basic)
            if column.heading != "By source"
        ]
        bar = bars([record.resident for record in basic.records], lambda r: r.basic)
        columns.append(bar._replace(least=WIDE))
        said = words.notes(basic, safe)
        said[1:1] = filter(None, [explained(basic.records, basic.evidence.zone)])
        if report.apart:
            begin = "" if form == "csv" else _common([w.address for w in report.workspaces])
            columns = [_workspace(len(begin)), *columns]
            said += [f"Workspaces are below {safe(begin)}"] if begin else []
        elif report.holders:
            columns.append(_holders(report))
        top = TOP if form == "table" and report.rows.top is None else report.rows.top
        table = Table(columns, report.records, zone=basic.evidence.zone, top=top, sums=True)
    number = words.plural(len(report.workspaces), "workspace")
    notes = [*said[:1], f"From {number}", *not_counted(report, safe), *said[1:]]
    if form == "table" and report.rows.top is None and len(table.rows) > TOP:
        table = table._replace(top=TOP)
        notes.insert(0, f"The first {TOP} rows: --top, --sort and --kind choose others")
    return table._replace(notes=notes)


def _workspace(begin: int) -> "Column[FleetRecord]":
    """The column of workspaces, from the character `begin` of their addresses on."""
    from ctxuse.render.tables import Column  # noqa: PLC0415 - only for tables

    return Column(
        "Workspace", "workspace", lambda r: (r.workspace or "")[begin:], right=False, whole=False
    )


def _holders(report: "FleetReport") -> "Column[FleetRecord]":
    """The column that says in how many of all workspaces a record is."""
    from ctxuse.render.tables import Column  # noqa: PLC0415 - only for tables

    def said(record: "FleetRecord") -> "Said":
        return in_workspaces(report, record.basic)

    return Column("In", "in_workspaces", said, full="In workspaces")


def in_workspaces(report: "FleetReport", record: UsageReportRecord) -> "Said":
    """Return in how many of all workspaces a record is.

    Args:
        report: A report in which records of the same name are joined.
        record: One of them.
    """
    from ctxuse.render.tables import Said  # noqa: PLC0415 - only for tables

    number = report.holders[record.kind, record.slug]
    return Said(f"{number:,} of {len(report.workspaces):,}", number)


def own_report(workspace: "SeenWorkspace") -> str:
    """Return the command that shows a workspace by itself; empty where no text names it."""
    from shlex import quote  # noqa: PLC0415 - only for fleets

    address = workspace.address
    is_url = "://" in address
    _, numbered, number = address.removesuffix(")").rpartition(" (")
    is_one_of_several = is_url and numbered and number.isdigit()  # what tells them apart is hidden
    if visible(address) != address or "\\" in address or is_one_of_several:
        return ""
    how = "fleet report" if is_url or workspace.only_fleet else "report -w"
    return f"ctxuse {how} {quote(address)}"


def _common(addresses: Sequence[str]) -> str:
    """The folder in which all addresses lie, with its slash; empty where there is none of use."""
    shared = os.path.commonprefix(addresses)  # noqa: RUF071 - characters
    folder = shared[: shared.rfind("/") + 1]
    return folder if folder.count("/") > 1 else ""


def without_skipped(report: "FleetReport") -> UsageReport:
    """Return the figures as a report that leaves to `not_counted` what could not be counted."""
    evidence = replace(report.basic.evidence, skipped={})
    return replace(report.basic, evidence=evidence)


def not_counted(report: "FleetReport", safe: Safe) -> list[str]:
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
