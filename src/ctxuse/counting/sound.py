"""Whether a tally that was stored can be one of a log: what a forged or damaged one is not.

Numbers are held to their range when they are read. Here are the sums that every tally keeps. A
tally that keeps them can still be wrong; it then names no reason, source or time that there is not,
and no report made of it can fail.
"""

from collections.abc import Iterable
from itertools import pairwise

from ctxuse.codec.decode import SkipReason
from ctxuse.counting.detail import LAST_USES, Context, Counts, DetailRecord
from ctxuse.counting.entered import BASES, Entered
from ctxuse.counting.kinds import LogTally, TallyKind
from ctxuse.counting.tally import LONGEST_KEY, MAX_SEGMENTS, RecordTally, Tally
from ctxuse.events import UsageSource
from ctxuse.times import MAX_NS, MIN_NS
from ctxuse.zones import DAY, UTC, Zone

_REASONS = frozenset(reason.value for reason in SkipReason)
_SOURCES = frozenset(source.value for source in UsageSource)


def is_sound(tally: LogTally, kind: TallyKind, zone: Zone = UTC) -> bool:
    """Whether `tally` keeps what every tally of a kind keeps, whose days are those of a zone."""
    basic, detail = tally.basic, tally.detail.records
    if not _basic(basic):
        return False
    if not kind.has_detail:
        return not detail
    return detail.keys() == basic.records.keys() and all(
        _detail(record, basic.records[key], zone) for key, record in detail.items()
    )


def _basic(tally: Tally) -> bool:
    return (
        _times(tally.since_ns, tally.until_ns)
        and (tally.since_ns is None) == (tally.events == 0)
        and (tally.events > 0 or not tally.records)
        and tally.skipped.keys() <= _REASONS
        and _segments(tally.segments, tally.events)
        and all(_record(record) for record in tally.records.values())
    )


def _record(record: RecordTally) -> bool:
    return (
        sum(record.sources.values()) == record.use_count
        and record.sources.keys() <= _SOURCES
        and _happened(record.use_count, record.last_used_ns)
        and _happened(record.exposure_count, record.last_exposed_ns)
        and _entered(record.resident, record.exposure_count, record.last_exposed_ns)
        and _entered(record.read, record.use_count, record.last_used_ns)
    )


def _detail(record: DetailRecord, basic: RecordTally, zone: Zone) -> bool:
    total = record.total
    return (
        (total.uses, total.exposures) == (basic.use_count, basic.exposure_count)
        and (record.last_used_ns, record.last_exposed_ns)
        == (basic.last_used_ns, basic.last_exposed_ns)
        and _times(record.first_ns, record.first_ns)
        and all(
            _adds_up(counts.values(), total)
            for counts in (
                record.days,
                record.sources,
                record.hosts,
                record.actors,
                record.agents,
            )
        )
        and record.sources.keys() <= _SOURCES
        and _short({*record.hosts, *record.actors, *record.agents})
        and all(MIN_NS // DAY - 1 <= day <= MAX_NS // DAY + 1 for day in record.days)
        and all(_is_on(size.at_ns, day, zone) for day, size in record.sizes.items())
        and record.sizes.keys() <= record.days.keys()
        and _context(record.used, total.uses)
        and _context(record.exposed, total.exposures)
        and _segments(record.used_in, total.uses)
        and _segments(record.exposed_in, total.exposures)
        and _last_uses(record)
    )


def _is_on(at_ns: int, day: int, zone: Zone) -> bool:
    """Whether a moment can be on a day, which in other zones is to be had cheaply to a day only."""
    return at_ns // DAY == day if zone == UTC else -DAY <= at_ns - day * DAY < 2 * DAY


def _last_uses(record: DetailRecord) -> bool:
    uses = record.last_uses
    return (
        len(uses) == min(LAST_USES, record.total.uses)
        and all(later.at_ns >= earlier.at_ns for later, earlier in pairwise(uses))
        and (not uses or uses[0].at_ns == record.last_used_ns)
        and (not uses or uses[-1].at_ns >= record.first_ns)
        and all(use.source in record.sources for use in uses)
        and _short(name for use in uses for name in (use.segment, use.host, use.actor))
    )


def _context(context: Context, times: int) -> bool:
    return context.times == times and context.sized <= times


def _entered(entered: Entered, times: int, last_ns: int | None) -> bool:
    """Whether they can be the tokens of so many times, at `last_ns` for the last time."""
    if entered.last is None:
        return not entered.times and not entered.tokens
    at_ns, _, basis = entered.last
    return (
        entered.times.keys() == entered.tokens.keys()
        and entered.times.keys() <= set(BASES)
        and basis in entered.times
        and 0 not in entered.times.values()
        and sum(entered.times.values()) <= times
        and _times(at_ns, last_ns)
    )


def _adds_up(parts: Iterable[Counts], total: Counts) -> bool:
    whole = Counts()
    for part in parts:
        whole.merge(part)
    return (
        whole == total
        and max(total.unsized, total.entered_times) <= total.exposures
        and total.bases < 1 << len(BASES)
        and (total.bases == 0) == (total.entered_times == 0)
    )


def _segments(segments: set[str] | None, events: int) -> bool:
    """Whether they can be the segments of so many events."""
    if segments is None:
        return events > MAX_SEGMENTS
    return min(events, 1) <= len(segments) <= min(events, MAX_SEGMENTS) and _short(segments)


def _short(names: Iterable[str]) -> bool:
    return max(map(len, names), default=0) <= LONGEST_KEY


def _happened(times: int, last_ns: int | None) -> bool:
    return (last_ns is None) == (times == 0) and _times(last_ns, last_ns)


def _times(first_ns: int | None, last_ns: int | None) -> bool:
    """Whether both are unknown, or both are times and in order."""
    if first_ns is None or last_ns is None:
        return first_ns is last_ns
    return MIN_NS <= first_ns <= last_ns <= MAX_NS
