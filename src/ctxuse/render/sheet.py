"""CSV, for spreadsheets and everything that reads them."""

import csv
import io
from collections.abc import Iterable

from ctxuse.events import SIZE_UNKNOWN, UsageEvent, UsageSource
from ctxuse.report import UsageReport, UsageReportRecord
from ctxuse.times import format_ns
from ctxuse.visible import visible

_FORMULA_STARTS = tuple("=+-@＝＋－＠'")  # noqa: RUF001 - the full-width signs are meant
_SOURCES = tuple(sorted(UsageSource))

REPORT_COLUMNS = (
    "kind",
    "slug",
    "use_count",
    "last_used_at",
    *_SOURCES,
    "resident_exposure_count",
    "estimated_tokens_per_injection",
    "estimated_total_resident_exposure_tokens",
)

EVENT_COLUMNS = (
    "id",
    "occurred_at",
    "segment_id",
    "host",
    "actor",
    "call_id",
    "event",
    "source",
    "kind",
    "slug",
    "file_bytes",
    "file_tokens_estimate",
    "context_bytes",
    "context_tokens",
    "tokens_from",
    "size_from",
)


def cell(text: str) -> str:
    """Return `text` for a cell: safe to show, and never taken for a formula.

    A text that a spreadsheet would calculate gets an apostrophe in front, which says *text*.
    """
    shown = visible(text)
    return "'" + shown if shown.startswith(_FORMULA_STARTS) else shown


def known(number: int | None) -> int | str:
    """Return a figure for a cell: an empty text where it is not known."""
    return "" if number is None else number


def report_csv(report: UsageReport) -> str:
    """Return the report as CSV with a heading; what is unknown is an empty cell."""
    rows: list[Iterable[object]] = [report_row(record) for record in report.records]
    empty = [""] * (len(REPORT_COLUMNS) - 2)
    rows += [(cell(ref.kind), cell(str(ref.slug)), *empty) for ref in report.without_events]
    return written(REPORT_COLUMNS, rows)


def report_row(record: UsageReportRecord) -> tuple[object, ...]:
    """Return the cells of one record, in the order of `REPORT_COLUMNS`."""
    last = record.last_used_at_ns
    return (
        cell(record.kind),
        cell(record.slug),
        record.use_count,
        "" if last is None else format_ns(last),
        *(record.source_breakdown.get(source, 0) for source in _SOURCES),
        record.resident_exposure_count,
        *(known(n) for n in (record.tokens_each, record.tokens_total)),
    )


def events_csv(events: Iterable[UsageEvent], *, heading: bool = True) -> str:
    """Return events as CSV, a row for each record of each event."""
    rows = (
        (
            event.id,
            event.occurred_at_text,
            cell(event.segment_id),
            cell(event.host or ""),
            cell(event.actor or ""),
            cell(event.call_id or ""),
            event.event.value,
            event.source.value,
            cell(record.kind),
            cell(record.slug),
            known(None if record.size_from == SIZE_UNKNOWN else record.file_bytes),
            known(None if record.size_from == SIZE_UNKNOWN else record.file_tokens_estimate),
            known(record.context_bytes),
            known(record.context_tokens),
            cell(record.tokens_from or ""),
            cell(record.size_from or ""),
        )
        for event in events
        for record in event.records
    )
    return written(EVENT_COLUMNS if heading else None, rows)


def written(heading: Iterable[str] | None, rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, below a heading."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if heading is not None:
        writer.writerow(heading)
    writer.writerows(rows)
    return file.getvalue()
