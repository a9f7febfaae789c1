"""The cost of a whole log, at the price of what came since the last time.

Strategy: what a segment came to needs all of its lines, and blocks of requests come last. So the
state that is stored holds the sum over segments that were not met for long (*settled*), the lines
of those met last (*open*), and of all which they are (*seen*), as hashes. A line of a segment that
is settled makes it read everything: that happens when an import tells of old sessions.

It is a cache like any checkpoint (`ctxuse.counting.checkpoint`, which says what proves it): a cost
that was made with it is that of a full read. It stands for the log's files one behind the other,
archived ones first.
"""

from bisect import bisect_left
from hashlib import sha256
from typing import NamedTuple

import msgspec

from ctxuse.counting.checkpoint import Mark, Proof, name_of, sealed, unsealed
from ctxuse.counting.cost import Cost, RecordCost, cost_of
from ctxuse.counting.count import count
from ctxuse.counting.entered import BASES
from ctxuse.counting.kinds import decoded
from ctxuse.counting.segments import Segments, StoredSegment
from ctxuse.counting.tuning import Reading
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import last_line_end, open_logs
from ctxuse.query import ALWAYS, Window

KEPT = 200
"""So many segments stay open: those that were met last."""

_VERSION = b"ctxuse cost 4\n"
_HASH = 8


class _State(msgspec.Struct, array_like=True):
    """What is stored."""

    logs: list[Mark] = []
    records: list[tuple[str, str, RecordCost]] = []
    rest: Cost = msgspec.field(default_factory=Cost)
    open: list[StoredSegment] = []
    seen: bytes = b""

    @property
    def settled(self) -> Cost:
        """The sum over the segments that are not open."""
        records = {(kind, slug): record for kind, slug, record in self.records}
        return msgspec.structs.replace(self.rest, records=records)

    @property
    def is_sound(self) -> bool:
        """Whether it names no way of knowing that there is not."""
        bases = {basis for *_, record in self.records for basis in record.tokens}
        bases |= {record.last[2] for *_, record in self.records if record.last is not None}
        return bases <= {*BASES}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_State).decode


def cost_of_log(layout: WorkspaceLayout, window: Window, reading: Reading) -> Cost:
    """Return what the requests of a workspace's log came to; see `cost_of`.

    A window makes it read everything.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    kept = _Kept(layout, reading) if reading.cache is not None and window == ALWAYS else None
    state = _State() if kept is None else kept.load()
    read = _read_on(layout, state, reading) or _read_on(layout, _State(), reading)
    if read is None:
        raise AssertionError  # nothing stands in the way of reading everything
    keys = [*read.segments.by_key]
    if kept is not None and read.is_proved and read.worth >= reading.tuning.checkpoint:
        read = read._replace(state=_settled(read))
        kept.save(read.state)
        keys = keys[-KEPT:]
    cost = read.state.settled
    cost.merge(cost_of(read.segments, keys, window))
    return cost


class _Read(NamedTuple):
    """What was read.

    Attributes:
        state: What it was read on from.
        segments: The segments that were open there, and those that were met.
        marks: Up to where the files of the log were read.
        worth: Bytes that were read.
        is_proved: Whether none of the bytes before was changed meanwhile.
    """

    state: _State
    segments: Segments
    marks: list[Mark]
    worth: int
    is_proved: bool


def _read_on(layout: WorkspaceLayout, state: _State, reading: Reading) -> _Read | None:
    """Read on from a state; None where it is not of this log, or a settled segment is met."""
    tuning = reading.tuning
    segments = Segments()
    for stored in state.open:
        segments.restore(stored)
    is_open = frozenset(segments.by_key)
    before, marks = iter(state.logs), list[Mark]()
    worth, is_proved = 0, True
    for log in open_logs(layout):
        known = next(before, Mark())
        if known.offset and not known.stands(log, tuning):
            return None
        end = last_line_end(log, known.offset)
        proof = Proof(log, end, tuning, known)
        count(log, [segments], known.offset, tuning=tuning, on_progress=reading.on_progress)
        is_proved = is_proved and proof.holds() and end == log.end
        worth += end - known.offset
        marks.append(Mark(end, proof.digest))
    met = (_hash(key) for key in segments.by_key if key not in is_open)
    if len(marks) < len(state.logs) or any(_holds(state.seen, one) for one in met):
        return None
    return _Read(state, segments, marks, worth, is_proved)


def _settled(read: _Read) -> _State:
    """The state after a reading: the segments that were met last are open."""
    segments = read.segments
    keys = [*segments.by_key]
    cost = read.state.settled
    cost.merge(cost_of(segments, keys[:-KEPT]))
    hashes = {read.state.seen[at : at + _HASH] for at in range(0, len(read.state.seen), _HASH)}
    return _State(
        read.marks,
        [(kind, slug, record) for (kind, slug), record in cost.records.items()],
        msgspec.structs.replace(cost, records={}),
        [segments.stored(key) for key in keys[-KEPT:]],
        b"".join(sorted(hashes.union(map(_hash, keys)))),
    )


def _hash(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()[:_HASH]


def _holds(seen: bytes, one: bytes) -> bool:
    """Whether a hash is among those that are sorted one behind the other."""
    places = range(0, len(seen), _HASH)
    at = bisect_left(places, one, key=lambda place: seen[place : place + _HASH])
    return seen[at * _HASH :][:_HASH] == one


class _Kept:
    """Where the state of a log is kept."""

    def __init__(self, layout: WorkspaceLayout, reading: Reading) -> None:
        self._cache = reading.cache
        try:
            self._key = f"{name_of(layout, 'cost')}.cost"
        except OSError:
            self._cache = None

    def load(self) -> _State:
        """Return what was kept; an empty one where that is nothing that can be used."""
        data = None if self._cache is None else self._cache.load(self._key)
        payload = unsealed(data, _VERSION)
        try:
            state = None if payload is None else decoded(_decode, payload)
        except ValueError:
            state = None
        return state if state is not None and state.is_sound else _State()

    def save(self, state: _State) -> None:
        """Keep a state, if that is possible."""
        if self._cache is not None:
            self._cache.save(self._key, sealed(_encode(state), _VERSION))
