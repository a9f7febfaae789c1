"""The fuller report as a table, CSV, Markdown and JSON."""

import json
from collections.abc import Mapping

from ctxuse.fullreport import ContextFigures, FullReport, FullReportRecord
from ctxuse.render import markdown, sheet, words
from ctxuse.times import format_ns
from ctxuse.visible import visible

HEADINGS = (
    "Record", "Uses", "in", "Last used", "Exposed", "in", "Recorded", "Context", "Since", "Now",
)  # fmt: skip
"""Of the table: what they mean stands below it."""

COLUMNS = (
    "kind", "slug", "use_count", "last_used_at", "segments_used_in", "resident_exposure_count",
    "last_exposed_at", "segments_exposed_in", "estimated_tokens_per_injection",
    "estimated_total_resident_exposure_tokens", "exposed_tokens_recorded",
    "exposures_of_unknown_size", "first_seen_at", "used_context_bytes",
    "used_context_times_known", "exposed_context_bytes", "exposed_context_times_known",
    "context_tokens_measured", "context_tokens_calibrated", "hosts", "actors", "size_now_bytes",
    "gone",
)  # fmt: skip
"""Of the CSV."""


def full_json(report: FullReport) -> str:
    """Return the report as JSON, newline included."""
    return json.dumps(report.fields(), ensure_ascii=False, indent=2) + "\n"


def full_rows(report: FullReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the headings and the rows of the table, as safe text."""
    return HEADINGS, [_row(record) for record in report.records]


SIDES = "lrrlrrrrlr"
"""To which side the columns of the table are set."""


def notes(report: FullReport, counted: str = "") -> list[str]:
    """Return what stands below the table, a paragraph each.

    Args:
        report: The report.
        counted: Whose uses are counted, when not everybody's.
    """
    explained = (
        "Times are UTC. in: distinct segments. Recorded: tokens of all exposures as estimated when"
        " they happened. Context: bytes that entered by being read and by being resident, where"
        " known. Since: the first event. Now: bytes of its file today."
    )
    return [*words.notes(report.basic), *([counted] if counted else []), explained]


def full_markdown(report: FullReport, counted: str = "") -> str:
    """Return the report as a Markdown table with what it rests on below; see `notes`."""
    headings, rows = full_rows(report)
    cells = [tuple(markdown.cell(text) for text in row) for row in rows]
    table = markdown.table(headings, SIDES, cells) if cells else ""
    return table + "\n".join(f"\n{note}" for note in notes(report, counted)) + "\n"


def full_csv(report: FullReport) -> str:
    """Return the report as CSV with a heading; what is unknown is an empty cell."""
    rows = []
    for record in report.records:
        basic = record.basic
        rows.append(
            (
                sheet.cell(basic.kind),
                sheet.cell(basic.slug),
                basic.use_count,
                _time(basic.last_used_at_ns),
                sheet.known(record.used_in),
                basic.resident_exposure_count,
                _time(record.last_exposed_ns),
                sheet.known(record.exposed_in),
                sheet.known(basic.tokens_each),
                sheet.known(basic.tokens_total),
                sheet.known(record.recorded_tokens),
                record.unsized,
                _time(record.first_seen_ns),
                sheet.known(record.used.bytes),
                record.used.times_known,
                sheet.known(record.exposed.bytes),
                record.exposed.times_known,
                sheet.known(_tokens(record, "measured")),
                sheet.known(_tokens(record, "calibrated")),
                sheet.cell(_counts(record.hosts)),
                sheet.cell(_counts(record.actors)),
                sheet.known(record.size_now),
                "" if record.gone is None else str(record.gone).lower(),
            )
        )
    return sheet.written(COLUMNS, rows)


def _row(record: FullReportRecord) -> tuple[str, ...]:
    basic = record.basic
    return (
        visible(f"{basic.kind}/{basic.slug}"),
        words.count(basic.use_count),
        _segments(record.used_in),
        words.minute(basic.last_used_at_ns)[: len("2026-11-22")],
        words.count(basic.resident_exposure_count),
        _segments(record.exposed_in),
        words.count(record.recorded_tokens),
        f"{_bytes(record.used)} / {_bytes(record.exposed)}",
        words.minute(record.first_seen_ns)[: len("2026-11-22")],
        "gone" if record.gone else words.count(record.size_now),
    )


def _segments(number: int | None) -> str:
    return "many" if number is None else words.count(number)


def _bytes(context: ContextFigures) -> str:
    if context.bytes is None:
        return words.UNKNOWN
    partly = "+" if context.times_known < context.times else ""
    return f"{context.bytes:,}{partly}"


def _tokens(record: FullReportRecord, label: str) -> int | None:
    known = [c.tokens[label][1] for c in (record.used, record.exposed) if label in c.tokens]
    return sum(known) if known else None


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'unknown'} {number}" for name, number in counts.items())


def _time(ns: int | None) -> str:
    return "" if ns is None else format_ns(ns)
