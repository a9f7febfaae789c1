"""In how many requests what stood in a context was sent, and what that came to. Pure.

Strategy: in each segment requests and what entered are sorted by time and divided where the context
was compacted. What is resident stands from when it was told to the end of its stretch, once however
often it was told there; what was read likewise, each time by itself. So the tokens of one moment
are a piece of requests, from one to the end of the stretch, and sums over pieces are differences of
running sums. Requests that are known to hold more than the host says they took in are divided by
nobody: what they took in is said apart.

Costs of different segments add up (`Cost.merge`); that of one needs all of its lines.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, TypeVar

import msgspec

from ctxuse.counting.entered import CALIBRATED, Tokens, is_rate, tokens_of
from ctxuse.counting.segments import Segment, Segments
from ctxuse.counting.sums import Key, Number, add_counts, earliest, latest
from ctxuse.events import UsageRecordSnapshot
from ctxuse.query import ALWAYS, Window

_MS = 1_000_000

FINE = 1_000_000
"""So many parts of a token are told apart where of each request a part counts. Sums of parts of a
float would depend on their order: on what is remembered."""


class RecordCost(msgspec.Struct, array_like=True):
    """What a record came to.

    Attributes:
        resident: Times that it was resident.
        resident_known: Of these, in segments of which requests are known.
        read: Times that it was read.
        read_known: Likewise.
        requests: Requests in which it stood.
        input: What these took in, in tokens.
        unknown: Of these requests, those of which it is not known how much of it they held: for
            some of it, or because they are not divided.
        tokens: Its tokens, summed over requests, by how they are known (`BASES`).
        tokens_read: Of these, those that it has by having been read.
        cached: Of these, as many as of all that each request took in came from a cache; in parts of
            a token (`FINE`).
        written: Likewise, that were written to one.
        windowed: Its tokens, over the requests of which the model's window is known.
        window: The tokens that these could have taken, summed.
        last: The latest known tokens of one time that it was resident: when, in nanoseconds since
            the epoch, how many, how they are known.
    """

    resident: Number = 0
    resident_known: Number = 0
    read: Number = 0
    read_known: Number = 0
    requests: Number = 0
    input: Number = 0
    unknown: Number = 0
    tokens: dict[str, Number] = {}
    tokens_read: Number = 0
    cached: Number = 0
    written: Number = 0
    windowed: Number = 0
    window: Number = 0
    last: tuple[int, Number, str] | None = None

    def merge(self, other: "RecordCost") -> None:
        """Add what it came to elsewhere."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        add_counts(self.tokens, other.tokens)
        self.last = latest(self.last, other.last)


_SUMS = (
    "resident", "resident_known", "read", "read_known", "requests", "input", "unknown",
    "tokens_read", "cached", "written", "windowed", "window",
)  # fmt: skip


class Cost(msgspec.Struct):
    """What requests took in, and how much of that is of which record.

    Attributes:
        records: By kind and slug.
        requests: Requests.
        input: What they took in, in tokens, cached ones included.
        cached: Of these, what came from a cache.
        written: Of these, what was written to one.
        output: The tokens of the responses.
        unsplit: Requests that are known to hold more than they took in.
        unsplit_input: What these took in.
        unsplit_cached: Of that, what came from a cache.
        unsplit_written: Of that, what was written to one.
        segments: Segments of which requests are known.
        segments_without: Segments in which something entered and no request is known.
        since_ns: When the first of the requests was answered, in nanoseconds since the epoch.
        until_ns: When the last was.
        latest: The session with the latest request, that of no sub-agent: when, and its key.
    """

    records: dict[Key, RecordCost] = {}
    requests: Number = 0
    input: Number = 0
    cached: Number = 0
    written: Number = 0
    output: Number = 0
    unsplit: Number = 0
    unsplit_input: Number = 0
    unsplit_cached: Number = 0
    unsplit_written: Number = 0
    segments: Number = 0
    segments_without: Number = 0
    since_ns: int | None = None
    until_ns: int | None = None
    latest: tuple[int, str] | None = None

    def merge(self, other: "Cost") -> None:
        """Add what other segments came to. `other` is left as it was."""
        for key, record in other.records.items():
            self.of(key).merge(record)
        for name in _TOTALS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.since_ns = earliest(self.since_ns, other.since_ns)
        self.until_ns = latest(self.until_ns, other.until_ns)
        self.latest = latest(self.latest, other.latest)

    def of(self, key: Key) -> RecordCost:
        """Return what a record came to."""
        found = self.records.get(key)
        if found is None:
            found = self.records[key] = RecordCost()
        return found


_TOTALS = (
    "requests", "input", "cached", "written", "output", "unsplit", "unsplit_input",
    "unsplit_cached", "unsplit_written", "segments", "segments_without",
)  # fmt: skip


class Request(NamedTuple):
    """A request.

    Attributes:
        at_ns: When it was answered first, in nanoseconds since the epoch.
        input: The tokens that it took in.
        cached: Of these, what came from a cache.
        written: Of these, what was written to one.
        output: The tokens of the response.
        window: What the model takes at most; 0 where that is not known.
        model: The model; None where it is not known.
    """

    at_ns: int
    input: int
    cached: int
    written: int
    output: int
    window: int
    model: str | None


def requests_of(segment: Segment) -> list[Request]:
    """Return the requests of a segment, by time.

    No more of what one took in came from a cache than all of it, and no more was written to one
    than the rest: what a line says beyond that is left out.
    """
    found: list[Request] = []
    for at_ns, block in segment.blocks:
        none = (0,) * len(block.at_ms)
        each = zip(
            block.at_ms, block.input, block.cached or none, block.written or none, block.output,
            strict=True,
        )  # fmt: skip
        window, model = block.window or 0, block.model
        found += [
            Request(
                at_ns + at * _MS, taken, of_cache := min(cached, taken),
                min(written, taken - of_cache), output, window, model,
            )
            for at, taken, cached, written, output in each
        ]  # fmt: skip
    found.sort(key=lambda request: request.at_ns)
    return found


def compactions_of(segment: Segment) -> list[int]:
    """Return when the context of a segment was compacted, in nanoseconds since the epoch."""
    return sorted(at_ns + at * _MS for at_ns, block in segment.blocks for at in block.compactions)


class Piece(NamedTuple):
    """Requests that held some tokens of a record: from one on, up to another.

    Attributes:
        key: The record.
        begin: The number of the first.
        end: That of the first that did not.
        stretch: Between how many compactions and the next one.
        tokens: How many of each; None where that is not known.
        is_use: Whether the record had been read; else it was resident.
    """

    key: Key
    begin: int
    end: int
    stretch: int
    tokens: Tokens | None
    is_use: bool


class Entered(NamedTuple):
    """Something that entered.

    Attributes:
        at_ns: When, in nanoseconds since the epoch.
        is_use: Whether it was read; else it was resident.
        records: The records, and the tokens of each, where they are known.
    """

    at_ns: int
    is_use: bool
    records: list[tuple[Key, Tokens | None]]


def entered_in(segments: Segments, segment: Segment) -> list[Entered]:
    """Return what entered a segment, by time.

    Tokens are those of `tokens_of`; where only bytes are known, they are calibrated by the rate
    that was measured last in the segment, if one was; what is no rate (`is_rate`) was not measured.
    """
    blocks = sorted(segment.blocks, key=lambda block: -block.at_ns)
    ratios = (block.requests.bytes_per_token for block in blocks)
    ratio = next((one for one in ratios if one is not None and is_rate(one)), None)

    def tokens(record: UsageRecordSnapshot, *, is_use: bool) -> Tokens | None:
        if ratio is None or record.context_tokens is not None or record.context_bytes is None:
            return tokens_of(record, is_use=is_use)
        return Tokens(CALIBRATED, round(record.context_bytes / ratio))

    made: dict[int, list[tuple[Key, Tokens | None]]] = {}
    found: list[Entered] = []
    for at_ns, entry in segments.events(segment):
        records = made.get(id(entry))  # of which there is one each
        if records is None:
            records = [((r.kind, r.slug), tokens(r, is_use=entry.is_use)) for r in entry.records]
            made[id(entry)] = records
        found.append(Entered(at_ns, entry.is_use, records))
    found.sort(key=itemgetter(0))
    return found


def pieces(
    entered: Iterable[Entered], times_ns: Sequence[int], compactions_ns: Sequence[int]
) -> Iterator[Piece]:
    """Yield in which requests what entered stood.

    Args:
        entered: What entered, by time.
        times_ns: When the requests were answered, by time.
        compactions_ns: When the context was compacted, likewise.
    """
    bounds = [bisect_left(times_ns, at_ns) for at_ns in compactions_ns]
    ends = [*bounds, len(times_ns)]
    standing: dict[tuple[int, Key], tuple[int, Tokens | None]] = {}
    for at_ns, is_use, records in entered:
        stretch = bisect_right(compactions_ns, at_ns)
        begin, end = bisect_left(times_ns, at_ns), ends[stretch]
        for key, tokens in records:
            if is_use:
                yield Piece(key, begin, end, stretch, tokens, is_use=True)
                continue
            before = standing.get((stretch, key))
            known = tokens
            if before is not None:
                yield Piece(key, before[0], begin, stretch, before[1], is_use=False)
                known = before[1] if tokens is None else tokens
            standing[stretch, key] = begin, known
    for (stretch, key), (begin, tokens) in standing.items():
        yield Piece(key, begin, ends[stretch], stretch, tokens, is_use=False)


def known_tokens(found: Iterable[Piece], number: int) -> list[int]:
    """Return the known tokens of some pieces together in each of so many requests."""
    changes = [0] * (number + 1)
    for piece in found:
        if piece.tokens is not None:
            changes[piece.begin] += piece.tokens.number
            changes[piece.end] -= piece.tokens.number
    return [*accumulate(changes[:-1])]


def cost_of(segments: Segments, keys: Iterable[str], window: Window = ALWAYS) -> Cost:
    """Return what some segments came to.

    Args:
        segments: Those that they are of.
        keys: Their keys.
        window: Only requests that were answered, and what entered, in it count. What had entered
            before stands in its requests, too.
    """
    cost = Cost()
    for key in keys:
        _add(cost, segments, key, window)
    return cost


def _add(cost: Cost, segments: Segments, key: str, window: Window) -> None:
    """Add what one segment came to."""
    segment = segments.by_key[key]
    entered = entered_in(segments, segment)
    every = requests_of(segment)
    _count_times(cost, entered, is_known=bool(every), window=window)
    requests = [one for one in every if window.covers(one.at_ns, one.at_ns)]
    if not requests:
        return
    _add_requests(cost, requests)
    if "/" not in key:
        cost.latest = latest(cost.latest, (requests[-1].at_ns, key))
    times = [request.at_ns for request in requests]
    all_pieces = pieces(entered, times, compactions_of(segment))
    found = [piece for piece in all_pieces if piece.begin < piece.end]
    sums = _Sums(requests, found)
    cost.unsplit += len(sums.unsplit)
    cost.unsplit_input += sum(request.input for request in sums.unsplit)
    cost.unsplit_cached += sum(request.cached for request in sums.unsplit)
    cost.unsplit_written += sum(request.written for request in sums.unsplit)
    together: dict[tuple[Key, int], list[Piece]] = {}
    for piece in found:
        sums.add(cost.of(piece.key), piece)
        together.setdefault((piece.key, piece.stretch), []).append(piece)
    for (record, _), those in together.items():
        sums.stood(cost.of(record), those)


def _count_times(cost: Cost, entered: Iterable[Entered], *, is_known: bool, window: Window) -> None:
    """Count how often records entered, and whether requests are known there."""
    any_entered = False
    for at_ns, is_use, records in entered:
        if not window.covers(at_ns, at_ns):
            continue
        any_entered = True
        for key, tokens in records:
            record = cost.of(key)
            if is_use:
                record.read += 1
                record.read_known += is_known
                continue
            record.resident += 1
            record.resident_known += is_known
            if tokens is not None:
                record.last = latest(record.last, (at_ns, tokens.number, tokens.basis))
    cost.segments_without += any_entered and not is_known


def _add_requests(cost: Cost, requests: Sequence[Request]) -> None:
    cost.requests += len(requests)
    cost.input += sum(request.input for request in requests)
    cost.cached += sum(request.cached for request in requests)
    cost.written += sum(request.written for request in requests)
    cost.output += sum(request.output for request in requests)
    cost.segments += 1
    cost.since_ns = earliest(cost.since_ns, requests[0].at_ns)
    cost.until_ns = latest(cost.until_ns, requests[-1].at_ns)


class _Sums:
    """Running sums over requests, each list with one more number than there are requests.

    Attributes:
        split: Of how many requests not more is known than they took in: only these are divided.
        unsplit: The others.
    """

    def __init__(self, requests: Sequence[Request], found: Iterable[Piece]) -> None:
        both = zip(requests, known_tokens(found, len(requests)), strict=True)
        split = [one if known <= one.input else None for one, known in both]
        self.split = _running((one is not None for one in split), 0)
        each = zip(requests, split, strict=True)
        self.unsplit = [request for request, one in each if one is None]
        self._cached = _running((_share(one.cached, one.input) if one else 0 for one in split), 0.0)
        written = (_share(one.written, one.input) if one else 0 for one in split)
        self._written = _running(written, 0.0)
        self._windowed = _running((one is not None and one.window > 0 for one in split), 0)
        self._window = _running((one.window if one else 0 for one in split), 0)
        self._input = _running((one.input for one in requests), 0)

    def add(self, record: RecordCost, piece: Piece) -> None:
        """Add the tokens that a record had in some requests."""
        if piece.tokens is None:
            return
        (basis, number), (_, begin, end, *_) = piece.tokens, piece
        whole = number * (self.split[end] - self.split[begin])
        record.tokens[basis] = record.tokens.get(basis, 0) + whole
        record.tokens_read += whole * piece.is_use
        record.cached += round(FINE * number * (self._cached[end] - self._cached[begin]))
        record.written += round(FINE * number * (self._written[end] - self._written[begin]))
        record.windowed += number * (self._windowed[end] - self._windowed[begin])

    def stood(self, record: RecordCost, together: Sequence[Piece]) -> None:
        """Add the requests in which a record stood in one stretch, by any of some pieces."""
        begin = min(piece.begin for piece in together)
        end = max(piece.end for piece in together)
        record.requests += end - begin
        record.input += self._input[end] - self._input[begin]
        record.window += self._window[end] - self._window[begin]
        record.unknown += end - begin - (self.split[end] - self.split[begin])
        reached = begin
        for piece in sorted(piece for piece in together if piece.tokens is None):
            since = max(piece.begin, reached)
            if since < piece.end:
                record.unknown += self.split[piece.end] - self.split[since]
                reached = piece.end


N = TypeVar("N", int, float)


def _running(numbers: Iterable[N], zero: N) -> list[N]:
    return list(accumulate(numbers, initial=zero))


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole else 0.0
