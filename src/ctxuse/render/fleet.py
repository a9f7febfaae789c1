"""What a report of many workspaces shows: records or groups, and what is not in them. Pure."""

import os
from collections.abc import Sequence
from shlex import quote

from msgspec.structs import replace

from ctxuse.render import words
from ctxuse.render.reports import (
    WIDE,
    bars,
    basic_columns,
    explained,
    of_groups,
    of_records_in_groups,
)
from ctxuse.render.tables import AnyTable, Column, Said, Table
from ctxuse.reports.fleet import FleetRecord, FleetReport, SeenWorkspace
from ctxuse.reports.report import UsageReport, UsageReportRecord
from ctxuse.visible import Safe, visible

TOP = 50
"""So many records a table of a fleet has on a terminal, where its reader does not say."""

_MOST_SAID = 10
"""So many places that could not be read are named below a table."""


def of_fleet(report: FleetReport, form: str, safe: Safe) -> AnyTable:
    """Return what a report of many workspaces shows as ``table``, ``csv`` or ``markdown``."""
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
            for column in basic_columns()
            if column.heading != "By source"
        ]
        columns.append(bars(basic.records)._replace(least=WIDE))
        said = words.notes(basic, safe)
        said[1:1] = filter(None, [explained(basic.records, basic.evidence.zone)])
        if report.apart:
            begin = "" if form == "csv" else _common([w.address for w in report.workspaces])
            where = Column[FleetRecord](
                "Workspace", "workspace", lambda r: (r.workspace or "")[len(begin) :],
                right=False, whole=False,
            )  # fmt: skip
            columns = [where, *columns]
            said += [f"Workspaces are below {safe(begin)}"] if begin else []
        elif report.holders:
            holders = Column[FleetRecord](
                "In", "in_workspaces", lambda r: in_workspaces(report, r.basic),
                full="In workspaces",
            )  # fmt: skip
            columns.append(holders)
        zone, top = basic.evidence.zone, report.rows.top
        table = Table(columns, report.records, zone=zone, top=top, sums=True)
    number = words.plural(len(report.workspaces), "workspace")
    notes = [*said[:1], f"From {number}", *not_counted(report, safe), *said[1:]]
    if form == "table" and report.rows.top is None and len(table.rows) > TOP:
        table = table._replace(top=TOP)
        notes.insert(0, f"The first {TOP} rows: --top, --sort and --kind choose others")
    return table._replace(notes=notes)


def in_workspaces(report: FleetReport, record: UsageReportRecord) -> Said:
    """Return in how many of all workspaces a record is, where those of the same name are joined."""
    number = report.holders[record.kind, record.slug]
    return Said(f"{number:,} of {len(report.workspaces):,}", number)


def own_report(workspace: SeenWorkspace) -> str:
    """Return the command that shows a workspace by itself; empty where no text names it."""
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
        them = "it" if len(report.unreadable) == 1 else "them"
        said += [f"{places} could not be read, and nothing of {them} is counted:", *named]
    return said
