"""The fuller report as a table, CSV, Markdown and JSON."""

import json
from collections.abc import Iterable, Mapping

from ctxuse.fullreport import ContextFigures, FullReport, FullReportRecord
from ctxuse.render import markdown, sheet, words
from ctxuse.render.table import plain_table
from ctxuse.times import format_ns
from ctxuse.visible import visible
from ctxuse.zones import Zone

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
    zone = report.basic.evidence.zone
    dashes = (words.UNKNOWN,) * (len(HEADINGS) - 1)
    without = [(visible(f"{ref.kind}/{ref.slug}"), *dashes) for ref in report.basic.without_events]
    return HEADINGS, [*(_row(record, zone) for record in report.records), *without]


WIDE = 110
"""From this many columns on, a table shows everything."""

_IF_WIDE = ("Context", "Since")

SIDES = "lrrrrrrrrr"
"""To which side the columns of the table are set."""


def notes(report: FullReport) -> list[str]:
    """Return what stands below the table, a paragraph each.

    Args:
        report: The report.
    """
    explained = (
        f"Times are {visible(report.basic.evidence.zone.name)}. in: distinct segments. Recorded:"
        " tokens of all exposures as estimated when they happened. Context: bytes that entered by"
        " being read and by being resident, where known. Since: the first event. Now: bytes of its"
        " file today."
    )
    agents = f"Agents: {words.listed([*map(visible, report.hosts)])}"
    return [*words.notes(report.basic), *([agents] if report.records else []), explained]


def full_table(report: FullReport, *, width: int, color: bool = False) -> str:
    """Return the report as a table for a terminal of `width` columns; see `notes`."""
    headings, rows = full_rows(report)
    chosen = [i for i in range(len(headings)) if width >= WIDE or headings[i] not in _IF_WIDE]
    said = notes(report)
    if width < WIDE:
        said.append(f"From {WIDE} columns on, also {' and '.join(_IF_WIDE)}.")
    return plain_table(
        [headings[i] for i in chosen],
        [[row[i] for i in chosen] for row in rows],
        width=width,
        color=color,
        sides="".join(SIDES[i] for i in chosen),
        notes=said,
    )


def full_markdown(report: FullReport) -> str:
    """Return the report as a Markdown table with what it rests on below; see `notes`."""
    headings, rows = full_rows(report)
    cells = [tuple(markdown.cell(text) for text in row) for row in rows]
    table = markdown.table(headings, SIDES, cells) if cells else ""
    return table + "\n".join(f"\n{note}" for note in notes(report)) + "\n"


def full_csv(report: FullReport) -> str:
    """Return the report as CSV with a heading; what is unknown is an empty cell."""
    rows: list[Iterable[object]] = []
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
                record.total.unsized,
                _time(record.first_seen_ns),
                sheet.known(record.used.bytes),
                record.used.times_known,
                sheet.known(record.exposed.bytes),
                record.exposed.times_known,
                sheet.known(record.tokens_known("measured")),
                sheet.known(record.tokens_known("calibrated")),
                sheet.cell(_every({name: c.events for name, c in record.hosts.items()})),
                sheet.cell(_every({name: c.uses for name, c in record.actors.items()})),
                sheet.known(record.size_now),
                "" if record.gone is None else str(record.gone).lower(),
            )
        )
    empty = [""] * (len(COLUMNS) - 2)
    without = report.basic.without_events
    rows += [(sheet.cell(ref.kind), sheet.cell(str(ref.slug)), *empty) for ref in without]
    return sheet.written(COLUMNS, rows)


def _row(record: FullReportRecord, zone: Zone) -> tuple[str, ...]:
    basic = record.basic
    return (
        visible(f"{basic.kind}/{basic.slug}"),
        words.count(basic.use_count),
        _segments(record.used_in),
        words.day(basic.last_used_at_ns, zone),
        words.count(basic.resident_exposure_count),
        _segments(record.exposed_in),
        words.count(record.recorded_tokens),
        f"{_bytes(record.used)} / {_bytes(record.exposed)}",
        words.day(record.first_seen_ns, zone),
        "gone" if record.gone else words.count(record.size_now),
    )


def _segments(number: int | None) -> str:
    return "many" if number is None else words.count(number)


def _bytes(context: ContextFigures) -> str:
    if context.bytes is None:
        return words.UNKNOWN
    partly = "+" if context.times_known < context.times else ""
    return f"{context.bytes:,}{partly}"


def _every(numbers: Mapping[str, int]) -> str:
    """Names with their numbers, all of them: a sheet leaves nothing out."""
    return ", ".join(f"{name} {number}" for name, number in numbers.items() if number)


def _time(ns: int | None) -> str:
    return "" if ns is None else format_ns(ns)
