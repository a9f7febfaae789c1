"""The words and figures that all forms share, so that they say the same thing."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ctxuse.counting.entered import CALIBRATED, ESTIMATED, MEASURED, WHOLE_FILE
from ctxuse.counting.sums import add_counts
from ctxuse.reports.report import Evidence, UsageReport
from ctxuse.visible import Safe, visible
from ctxuse.zones import UTC, Zone

UNKNOWN = "\N{EN DASH}"
"""What stands where nothing is known. Never zero."""

SEGMENT, SEGMENTS = "session or sub-agent", "sessions and sub-agents"
"""What people call a segment."""

ON_DISK_ONLY = "on disk and in no event: what is not known shows as a dash"


def count(number: int | None) -> str:
    """Return `number` with separators, or the sign for unknown."""
    return UNKNOWN if number is None else f"{number:,}"


_MARKS = {
    MEASURED: ("m", "as the model's own accounting said"),
    CALIBRATED: ("c", "the bytes that entered, at the rate measured in their session"),
    ESTIMATED: ("e", "estimated, a quarter of the bytes that entered"),
    WHOLE_FILE: (
        "w",
        "estimated, a quarter of the whole file, as how much of it entered is not known",
    ),
}


def marks(bases: Collection[str]) -> str:
    """Return the signs that stand behind a figure of tokens for how it is known."""
    signs = "".join(sign for basis, (sign, _) in _MARKS.items() if basis in bases)
    return f" {signs}" if signs else ""


def marks_explained(bases: Collection[str]) -> str:
    """Return what these signs mean, on one line; nothing where there are none."""
    said = [f"{sign}: {what}" for basis, (sign, what) in _MARKS.items() if basis in bases]
    return "; ".join(said)


_BLOCKS = " ▏▎▍▌▋▊▉█"
BAR = 6
"""Columns of a whole bar."""


def bar(share: float) -> str:
    """Return a share, from 0 to 1, as a bar; one above 0 is always seen."""
    eighths = -int(-share * BAR * 8 // 1)
    return ("█" * (eighths // 8) + _BLOCKS[eighths % 8]).strip()


def minute(ns: int | None, zone: Zone = UTC) -> str:
    """Return a time (in nanoseconds) to the minute, in `zone`, or the sign for unknown."""
    return UNKNOWN if ns is None else zone.clock(ns)


def day(ns: int | None, zone: Zone = UTC) -> str:
    """Return the day of a time (in nanoseconds), in `zone`, or the sign for unknown."""
    return minute(ns, zone)[: len("2026-11-22")]


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return `number` and the noun that goes with it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def since(evidence: Evidence) -> str:
    """Return since when there is evidence and how much, on one line."""
    if not evidence.events and not evidence.outside:
        return (
            "No evidence yet: the log holds no events. "
            "That says nothing about the records; it is not evidence of disuse."
        )
    zone = evidence.zone
    text = f"Evidence since {minute(evidence.log_since_ns, zone)} {visible(zone.name)}"
    if evidence.window != (None, None):
        begin, end = evidence.window
        text += f", here {_between(begin, end, zone)}"
    if evidence.segments is None:
        segments = f"more than {evidence.at_least_segments:,} {SEGMENTS}"
    else:
        segments = plural(evidence.segments, SEGMENT, SEGMENTS)
    text += f": {plural(evidence.events, 'event')} in {segments}"
    if evidence.events:
        text += f", the last {minute(evidence.until_ns, zone)}"
    if evidence.outside:
        text += f"; {plural(evidence.outside, 'event')} outside"
    return text


def _between(begin: int | None, end: int | None, zone: Zone) -> str:
    if end is None:
        return f"from {minute(begin, zone)} on"
    if begin is None:
        return f"up to {minute(end, zone)}"
    return f"from {minute(begin, zone)} to {minute(end, zone)}"


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


def only_outside(report: UsageReport) -> str | None:
    """Return how many records have events only outside the window; None when none has."""
    number = len(report.outside)
    if not number:
        return None
    what = "the window" if report.evidence.window != (None, None) else "what is asked for"
    return f"{plural(number, 'record has', 'records have')} events only outside {what}: not shown"


def notes(report: UsageReport, safe: Safe) -> list[str]:
    """Return what must be said below a report: since when, and what it does not show."""
    return [since(report.evidence), *later_notes(report, safe)]


def later_notes(report: UsageReport, safe: Safe) -> list[str]:
    """Return what must be said behind since when: from which sources, and what is not shown."""
    said = origins(report)
    return [*([said] if said else []), *gaps(report, safe)]


def gaps(report: UsageReport, safe: Safe, *, outside: bool = True) -> list[str]:
    """Return what a report does not show, with `outside` also records in no event of it."""
    evidence = report.evidence
    said = (
        chosen(report),
        counted(evidence.query.actors or (), evidence.query.without_actors, safe),
        only_outside(report) if outside else None,
        skipped(report.evidence.skipped_lines),
        pending(report.evidence),
        without_events(report),
    )
    return [text for text in said if text]


def chosen(report: UsageReport) -> str | None:
    """Return which records were chosen, and out of how many; None when all were."""
    rows, zone = report.rows, report.evidence.zone
    since = rows.no_use_since_ns
    said = ["that were resident"] if rows.resident else []
    said += [f"with {plural(rows.uses, 'use')}"] if rows.uses is not None else []
    said += [f"without a use since {minute(since, zone)}"] if since is not None else []
    if not said:
        return None
    number = len(report.records)
    every = number + report.not_chosen
    return f"{number:,} of {plural(every, 'record')}: those {' and '.join(said)}"


def origins(report: UsageReport) -> str | None:
    """Return from which sources the evidence is, and how much from each; None without any."""
    counts: dict[str, int] = {}
    exposures = 0
    for record in report.records:
        exposures += record.resident_exposure_count
        add_counts(counts, record.source_breakdown)
    said = [f"{name} {number:,}" for name, number in sorted(counts.items())]
    said += [f"resident {exposures:,}"] if exposures else []
    return f"From {', '.join(said)}" if said else None


MOST_NAMES = 12
"""So many names a list has; the others are counted."""


def named(numbers: Mapping[str, int], safe: Safe) -> str:
    """Return names, which are foreign, with their numbers on one line."""
    return some([f"{safe(name)} {number:,}" for name, number in numbers.items() if number])


def listed(names: Iterable[str], safe: Safe) -> str:
    """Return names, which are foreign, on one line: some, and how many more there are."""
    return some([*map(safe, names)])


def some(texts: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return texts, safe to show, on one line: the first of them, and how many more there are."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def agents(hosts: Iterable[str], safe: Safe) -> str:
    """Return which agents the evidence is from."""
    return f"Agents: {listed(hosts, safe)}"


def counted(actors: Sequence[str], without: Sequence[str], safe: Safe) -> str:
    """Return whose uses are counted; empty when everybody's are."""
    said = [f"by {listed(actors, safe)}"] if actors else []
    said += [f"not by {listed(without, safe)}"] if without else []
    return f"Uses counted: only those {' and '.join(said)}." if said else ""


def without_events(report: UsageReport) -> str | None:
    """Return how many records on disk are in no event; None when there are none to speak of."""
    number = len(report.without_events)
    return f"{plural(number, 'record')} {ON_DISK_ONLY}" if number else None
