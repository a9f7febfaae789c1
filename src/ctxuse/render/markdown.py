"""Markdown, for issues, pull requests and notes."""

import re
from collections.abc import Iterable, Sequence

from ctxuse.events import UsageEvent
from ctxuse.render import words
from ctxuse.report import UsageReport
from ctxuse.visible import visible

_PUNCTUATION = re.compile(r"[^\w \-/.,]", re.ASCII)


def cell(text: str) -> str:
    """Return `text` for a cell: safe to show, and never taken for markup.

    Every ASCII sign that could mean something to Markdown or HTML becomes a character reference.
    """
    shown = visible(text)
    return _PUNCTUATION.sub(_reference, shown).replace("_", "&#95;")


def report_markdown(report: UsageReport) -> str:
    """Return the report as a Markdown table with what it rests on below."""
    rows: list[Sequence[str]] = [
        (
            cell(f"{record.kind}/{record.slug}"),
            words.count(record.use_count),
            words.sources(record.source_breakdown),
            words.minute(record.last_used_at_ns, report.evidence.zone),
            words.count(record.resident_exposure_count),
            words.count(record.tokens_each),
            words.count(record.tokens_total),
        )
        for record in report.records
    ]
    dashes = [words.UNKNOWN] * 6
    rows += [(cell(f"{ref.kind}/{ref.slug}"), *dashes) for ref in report.without_events]
    headings = (
        "Record",
        "Uses",
        "By source",
        f"Last used ({report.evidence.zone.name})",
        "Exposed",
        "Tokens each (estimated)",
        "Tokens total (estimated)",
    )
    shown = table(headings, "lrllrrr", rows) if rows else ""
    return shown + "\n".join(f"\n{note}" for note in words.notes(report)) + "\n"


def events_markdown(events: Iterable[UsageEvent], *, heading: bool = True) -> str:
    """Return events as a Markdown table."""
    rows = [
        (
            event.occurred_at_text,
            event.event.value.replace("_", " "),
            event.source.value,
            cell(event.segment_id),
            ", ".join(cell(f"{record.kind}/{record.slug}") for record in event.records),
        )
        for event in events
    ]
    return table(("Time (UTC)", "Event", "Source", "Segment", "Records"), "lllll", rows, heading)


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};" if match[0].isascii() else match[0]


def table(
    headings: Sequence[str],
    sides: str,
    rows: Iterable[Sequence[str]],
    heading: bool = True,  # noqa: FBT001, FBT002 - a table mostly has a heading
) -> str:
    """Return rows of safe text as a table; `sides` says ``l`` or ``r`` for each column."""
    lines: list[Sequence[str]] = []
    if heading:
        lines = [headings, ["---:" if side == "r" else "---" for side in sides]]
    return "".join("| " + " | ".join(row) + " |\n" for row in [*lines, *rows])
