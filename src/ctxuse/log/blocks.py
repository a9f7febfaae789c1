"""The blocks of requests that stand in a log, and what of others has none there.

Invariant: no request is in two blocks. A request is told by when it was answered and what it took
in, so that holds for copies of a transcript, too. Who adds a block looks once more where nobody
else appends (`LogWriter.append_if` with `Known.lacks`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain, count, groupby
from typing import Self

from ctxuse.codec.decode import Refusal, decode
from ctxuse.codec.encode import can_be_stored
from ctxuse.events import Requests, UsageEvent
from ctxuse.ids import derived_id
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.naming import RequestLines
from ctxuse.times import parse_ns

_MS = 1_000_000
_DIGITS = 16

KIND = "requests"
"""What stands for a record's kind in the id of a block."""


class Known:
    """Which requests have a block in a log: as far as it was read, and added to.

    Args:
        layout: The workspace; None for a log that nothing is read of.
        span: When what is asked for was answered, from and to, in nanoseconds since the epoch;
            blocks of other times are passed over. All when None.
    """

    def __init__(
        self, layout: WorkspaceLayout | None = None, span: tuple[int, int] | None = None
    ) -> None:
        self._found: set[int] = set()
        self._ids: set[str] = set()
        self._lines = None if layout is None else RequestLines(layout)
        self._span = span

    @classmethod
    def of_log(cls, layout: WorkspaceLayout, span: tuple[int, int] | None = None) -> Self:
        """Return those of a workspace's log as it is now.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        known = cls(layout, span)
        known.catch_up()
        return known

    def catch_up(self) -> None:
        """Read what has come to the log.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        for line in () if self._lines is None else self._lines.read():
            if self._span is None or _may_hold(line, *self._span):
                event = decode(line)
                if not isinstance(event, Refusal):
                    self.add(event)

    def add(self, event: UsageEvent) -> None:
        """Take note of a block."""
        self._ids.add(event.id)
        self._found.update(_requests_on(event))

    def lacks(self, block: UsageEvent) -> bool:
        """Whether no request of a block has one, and its id is of none; after what has come.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        self.catch_up()
        return not self.has_id(block.id) and self._found.isdisjoint(_requests_on(block))

    def has_id(self, event_id: str) -> bool:
        """Whether a block has an id."""
        return event_id in self._ids

    def has_at(self, host: str | None, at_ms: int, taken: int) -> bool:
        """Whether a request has one, by when it was answered and the tokens that it took in.

        That is so in copies of a transcript, too, which may say that another session made it.
        """
        return hash((host, at_ms, taken)) in self._found


def _requests_on(event: UsageEvent) -> Iterator[int]:
    """What tells the requests of a block from others."""
    block, base = event.requests, event.occurred_at_ns // _MS
    each = () if block is None else zip(block.at_ms, block.input, strict=True)
    return (hash((event.host, base + at, taken)) for at, taken in each)


_BEGINS, _AT = b'"occurred_at":"', b'"at":['
_AROUND = 86_400 * 1_000 * _MS
"""Nanoseconds that a request may have been answered before the first of its block, or after the
last: what is told at once may not be in order."""


def _may_hold(line: bytes, since_ns: int, until_ns: int) -> bool:
    """Whether a block may tell of requests of a time, by what is seen at a glance.

    A block of 500 is decoded in 0.4 ms. What is not written as we do it may: with a key twice, or
    maybe escaped, or with something between a key and its value.
    """
    of_each = [(line.count(begin), line.count(begin[:-2])) for begin in (_BEGINS, _AT)]
    if b"\\" in line or of_each != [(1, 1)] * 2:
        return True
    begin = line.index(_BEGINS) + len(_BEGINS)
    ats = line.index(_AT) + len(_AT)
    last = line[ats : line.find(b"]", ats)].rpartition(b",")[2]
    first_ns = parse_ns(line[begin : line.find(b'"', begin)].decode("ascii", "replace"))
    if first_ns is None or not last.isdigit() or len(last) > _DIGITS:
        return True
    return since_ns <= first_ns + int(last) * _MS + _AROUND and first_ns - _AROUND <= until_ns


def without_known(event: UsageEvent, known: Known) -> Iterator[UsageEvent]:
    """Yield what a block of another log tells of requests that have none.

    That is the block itself where none of them has one; else a block of each run. Of a request that
    is not the first of its block no name is known: it is that of the first, and its place. What is
    taken note of between two of them counts for the second.
    """
    block, base = event.requests, event.occurred_at_ns // _MS
    if block is None:
        yield event
        return
    compactions = _compactions_before(block)
    each = enumerate(zip(block.at_ms, block.input, strict=True))
    runs = groupby(each, lambda one: not known.has_at(event.host, base + one[1][0], one[1][1]))
    for places in ([place for place, _ in run] for is_new, run in runs if is_new):
        is_all = len(places) == len(block.at_ms)
        part = event if is_all else _part_of(event, block, places, compactions)
        yield named(part, known.has_id)


def _compactions_before(block: Requests) -> list[list[int]]:
    """Of each request which compactions came before it, and after all requests before it."""
    latest = [*accumulate(block.at_ms, max)]
    found: list[list[int]] = [[] for _ in (*latest, None)]
    for place, at in enumerate(block.compactions):
        found[bisect_left(latest, at)].append(place)
    return found


def named(event: UsageEvent, is_taken: Callable[[str], bool]) -> UsageEvent:
    """Return a block whose id is of no other: the same one where that is so.

    Else there stands behind its first id when that request was answered, then what it took in, by
    which a request is told, and then a number.
    """
    block = event.requests
    if block is None or not is_taken(event.id):
        return event
    at = f"@{event.occurred_at_ns // _MS + (block.at_ms[0] if block.at_ms else 0)}"
    request = f"{at}-{block.input[0] if block.input else 0}"
    names = chain((at, request), (f"{request}-{number}" for number in count(2)))
    renamed = (_renamed(event, name) for name in names)
    return next(one for one in renamed if not is_taken(one.id))


def _renamed(event: UsageEvent, behind: str) -> UsageEvent:
    """A block whose first id has something behind it, and its own id follows from that."""
    if event.requests is None:
        return event
    first = f"{event.requests.first}{behind}"
    event_id = derived_id(event.host or "", event.segment_id, KIND, first)
    return event._replace(id=event_id, requests=event.requests._replace(first=first))


def _part_of(
    event: UsageEvent, block: Requests, run: Sequence[int], compactions: Sequence[Sequence[int]]
) -> UsageEvent:
    """The requests of a block at places that follow one another, as a block."""
    begin, end = run[0], run[-1] + 1
    moved = block.at_ms[begin]
    its = sorted(chain.from_iterable(compactions[begin:end]))
    part = block._replace(
        at_ms=tuple([at - moved for at in block.at_ms[begin:end]]),
        input=block.input[begin:end],
        output=block.output[begin:end],
        cached=block.cached[begin:end],
        written=block.written[begin:end],
        compactions=tuple([block.compactions[place] - moved for place in its]),
    )
    moved_event = event._replace(occurred_at_ns=event.occurred_at_ns + moved * _MS, requests=part)
    return _renamed(moved_event, f"+{begin}") if begin else moved_event


def add_missing(
    block: UsageEvent, known: Known, append: Callable[[UsageEvent], bool]
) -> tuple[int, bool]:
    """Add what of a block has none, and once more what others have not added meanwhile.

    Args:
        block: The block.
        known: Which requests have one; of what is added it takes note.
        append: Appends a block if it lacks any still, and says whether it did.

    Returns:
        How many parts were added, and whether all that could be.
    """
    added, is_all = 0, True
    parts = without_known(block, known)
    while (part := next(parts, None)) is not None:
        is_storable = can_be_stored(part)
        is_all = is_all and is_storable
        if not is_storable or append(part):
            known.add(part)
            added += is_storable
        else:  # others have added some of it, which is known now
            parts = without_known(block, known)
    return added, is_all
