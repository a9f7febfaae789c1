"""The words and figures that all forms share, so that they say the same thing."""

from collections.abc import Mapping

from ctxuse.report import Evidence, UsageReport
from ctxuse.times import format_ns

UNKNOWN = "\N{EN DASH}"
"""What stands where nothing is known. Never zero."""

ON_DISK_ONLY = "on disk and in no event: what is not known shows as a dash"


def count(number: int | None) -> str:
    """Return `number` with separators, or the sign for unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def minute(ns: int | None) -> str:
    """Return a time (in nanoseconds) to the minute, in UTC, or the sign for unknown."""
    if ns is None:
        return UNKNOWN
    text = format_ns(ns)
    return f"{text[:10]} {text[11:16]}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `number` and the noun that goes with it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sources(breakdown: Mapping[str, int]) -> str:
    """Return uses by source on one line."""
    return ", ".join(f"{source} {number:,}" for source, number in breakdown.items())


def since(evidence: Evidence) -> str:
    """Return since when there is evidence and how much, on one line."""
    if not evidence.events and not evidence.outside:
        return (
            "No evidence yet: the log holds no events. "
            "That says nothing about the records; it is not evidence of disuse."
        )
    text = f"Evidence since {minute(evidence.log_since_ns)} UTC"
    if evidence.window != (None, None):
        begin, end = evidence.window
        text += f", here from {minute(begin)} to {minute(end)}"
    if evidence.segments is None:
        segments = f"more than {evidence.at_least_segments:,} segments"
    else:
        segments = plural(evidence.segments, "segment")
    text += f": {plural(evidence.events, 'event')} in {segments}"
    if evidence.events:
        text += f", the last {minute(evidence.until_ns)}"
    if evidence.outside:
        text += f"; {plural(evidence.outside, 'event')} outside"
    return text


def skipped(lines: int) -> str | None:
    """Return that so many lines were not counted and what lists them; None when all were."""
    if not lines:
        return None
    return f"{plural(lines, 'line')} could not be counted: ctxuse check lists them"


def pending(evidence: Evidence) -> str | None:
    """Return that the last line is not counted yet; None when it is."""
    return (
        "The last line of the log is not finished; it is not counted yet"
        if evidence.pending
        else None
    )


def outside(report: UsageReport) -> str | None:
    """Return how many records have events only outside the window; None when none has."""
    number = len(report.outside)
    if not number:
        return None
    what = "the window" if report.evidence.window != (None, None) else "what is asked for"
    return f"{plural(number, 'record has', 'records have')} events only outside {what}: not shown"


def notes(report: UsageReport) -> list[str]:
    """Return what must be said below a report: since when, and what it does not show."""
    evidence = report.evidence
    said = (
        since(evidence),
        outside(report),
        skipped(evidence.skipped_lines),
        pending(evidence),
        without_events(report),
    )
    return [text for text in said if text]


def without_events(report: UsageReport) -> str | None:
    """Return how many records on disk are in no event; None when there are none to speak of."""
    number = len(report.without_events)
    return f"{plural(number, 'record')} {ON_DISK_ONLY}" if number else None
