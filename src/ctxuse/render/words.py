"""The words and figures that all forms share, so that they say the same thing."""

from collections.abc import Mapping

from ctxuse.report import Evidence, UsageReport
from ctxuse.times import format_ns

UNKNOWN = "\N{EN DASH}"
"""What stands where nothing is known. Never zero."""

NO_EVIDENCE_YET = (
    "No evidence yet: the log holds no events. "
    "That says nothing about the records; it is not evidence of disuse."
)

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
    if evidence.segments is None:
        segments = f"more than {evidence.at_least_segments:,} segments"
    else:
        segments = plural(evidence.segments, "segment")
    return (
        f"Evidence since {minute(evidence.since_ns)} UTC: "
        f"{plural(evidence.events, 'event')} in {segments}, the last {minute(evidence.until_ns)}"
    )


def skipped(evidence: Evidence) -> str | None:
    """Return how many lines were not counted and what lists them; None when all were."""
    lines = evidence.skipped_lines
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


def without_events(report: UsageReport) -> str | None:
    """Return how many records on disk are in no event; None when there are none to speak of."""
    number = len(report.without_events)
    return f"{plural(number, 'record')} {ON_DISK_ONLY}" if number else None
