"""One record over time: what each day saw of it, how its size changed, and its last uses. Pure.

Grows with the days and with the changes of size, not with the events.
"""

from collections import Counter
from heapq import nlargest
from typing import NamedTuple

from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.fuller import FullRecord

MOST_CHANGES = 1000
"""So many changes of size are kept, the latest."""

DAY = 86_400 * 1_000_000_000


class Use(NamedTuple):
    """One time that a record was read.

    Attributes:
        at_ns: When, in nanoseconds since the epoch.
        source: The way it entered.
        segment_id: The segment.
        host: The agent, where known.
        actor: Whose doing it was, where known.
        context_bytes: Bytes that entered, where known.
    """

    at_ns: int
    source: str
    segment_id: str
    host: str | None
    actor: str | None
    context_bytes: int | None


class History:
    """Collects the history of one record from the events of a log, in file order.

    Args:
        kind: The record's kind.
        slug: Its slug.
        last: How many of its last uses are kept.

    Attributes:
        uses: Uses by day, days since 1970-01-01 in UTC.
        exposures: Exposures by day, likewise.
        last_uses: The latest uses, the last first.
        figures: The fuller figures; None while the record has been met in no event.
    """

    def __init__(self, kind: str, slug: str, *, last: int = 10) -> None:
        self._key = (kind, slug)
        self._last = last
        self._sizes: dict[int, int] = {}
        self.uses: Counter[int] = Counter()
        self.exposures: Counter[int] = Counter()
        self.last_uses: list[Use] = []
        self.figures: FullRecord | None = None

    def add(self, event: UsageEvent) -> None:
        """Take note of an event, if the record is in it."""
        at = event.occurred_at_ns
        for record in event.records:
            if (record.kind, record.slug) != self._key:
                continue
            if self.figures is None:
                self.figures = FullRecord(at)
            self.figures.add(event, record)
            if event.event is UsageEventKind.USE:
                self.uses[at // DAY] += 1
                use = Use(
                    at, event.source.value, event.segment_id, event.host, event.actor,
                    record.context_bytes,
                )  # fmt: skip
                self.last_uses = nlargest(self._last, [*self.last_uses, use], key=_when)
            else:
                self.exposures[at // DAY] += 1
            if record.sized:
                self._sized(at, record.file_bytes)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """When the size of its file was first seen to be another, and what it was then, in bytes.

        By time; of one that never changed, when it was first seen.
        """
        changes: list[tuple[int, int]] = []
        for at, size in sorted(self._sizes.items()):
            if not changes or changes[-1][1] != size:
                changes.append((at, size))
        return changes

    def _sized(self, at: int, size: int) -> None:
        """Keep a size, and of those that are equal to their neighbours in time only the first."""
        self._sizes[at] = size
        if len(self._sizes) > 2 * MOST_CHANGES:
            self._sizes = dict(self.sizes[-MOST_CHANGES:])


def _when(use: Use) -> int:
    return use.at_ns
