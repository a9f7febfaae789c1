"""A report in a form: text, CSV, Markdown or JSON. Pure."""

from typing import TYPE_CHECKING

from ctxuse.render import words
from ctxuse.reports.full import FullReport
from ctxuse.reports.report import FOR_PROGRAMS, UsageReport, as_json
from ctxuse.visible import Safe, visible

if TYPE_CHECKING:
    from ctxuse.render.tables import AnyTable
    from ctxuse.reports.comparison import Comparison
    from ctxuse.reports.cost import CostReport
    from ctxuse.reports.fleet import FleetReport
    from ctxuse.reports.groups import GroupedReport

    Special = GroupedReport | Comparison | CostReport | FleetReport
    Report = UsageReport | FullReport | Special


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
            from ctxuse.render.fleet import not_counted, without_skipped  # noqa: PLC0415 - likewise

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
            from ctxuse.render.fleet import of_fleet  # noqa: PLC0415 - likewise

            return of_fleet(report, form, safe)
