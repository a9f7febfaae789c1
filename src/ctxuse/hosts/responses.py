"""What transcripts tell of requests to a model, and the blocks that are stored of it.

Strategy: a reader tells of each response, once for each line of it, and of compactions, in the
order of the transcript. What follows one another in a segment is put into blocks of at most
`MOST_REQUESTS`, of one model each. Which requests have a block already is looked up in all of the
log, so blocks may end anywhere: an import stores all that has none, a hook only what is full or has
ended.

A response has several lines, of which some may come when it has been stored. So the last ones of
each segment are kept with the rest, as are compactions behind them, which belong to the request
after.

Invariant: no request is in two blocks, also where transcripts are copies of one another, or go on
differently behind what they have in common.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Self

import msgspec

from ctxuse.codec.decode import Refusal, decode
from ctxuse.events import MOST_REQUESTS, Requests, UsageEvent, UsageEventKind, UsageSource
from ctxuse.ids import derived_id
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.naming import lines_of_requests
from ctxuse.times import parse_ns

_MS = 1_000_000
_BELOW = 2**53
_DIGITS = 16

_KEPT = 8
"""So many stored requests of a segment are kept: answers to several at once may be mixed."""

KIND = "requests"
"""What stands for a record's kind in the id of a block."""


class Responded(msgspec.Struct, array_like=True, tag="r", gc=False):
    """A request was answered, or more of its answer came.

    Attributes:
        segment: The segment.
        key: The host's id of the response.
        at_ns: When the first part of it came, in nanoseconds since the epoch.
        input: The tokens that the request took in, cached ones included.
        output: The tokens of the response so far.
        cached: Of `input` what came from a cache.
        written: Of `input` what was written to one.
        model: The model, where it is told.
        window: Tokens of its window, likewise.
        agent_type: What the host calls the kind of sub-agent, where it was one's.
        is_stored: Whether it has a block, and is kept since more of its answer may come.
    """

    segment: str
    key: str
    at_ns: int
    input: int
    output: int
    cached: int = 0
    written: int = 0
    model: str | None = None
    window: int | None = None
    agent_type: str | None = None
    is_stored: bool = False


class Compacted(msgspec.Struct, array_like=True, tag="c", gc=False):
    """The context of a segment was compacted, at a time in nanoseconds since the epoch."""

    segment: str
    at_ns: int


Said = Responded | Compacted


def tokens(said: object) -> int:
    """Return a number of tokens as a host tells it; 0 for what is none."""
    return said if type(said) is int and 0 <= said < _BELOW else 0


class Known:
    """Which requests have a block in a log."""

    def __init__(self) -> None:
        self._found: set[int] = set()

    @classmethod
    def of_log(cls, layout: WorkspaceLayout, said: Iterable[Said] | None = None) -> Self:
        """Return those of a workspace's log.

        Args:
            layout: The workspace.
            said: What is asked for; blocks of other times are passed over. All when None.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        known = cls()
        times = [one.at_ns for one in said or () if isinstance(one, Responded)]
        span = (min(times), max(times)) if times else None
        for line in lines_of_requests(layout):
            if span is not None and not _may_hold(line, *span):
                continue
            event = decode(line)
            if not isinstance(event, Refusal):
                known.add(event)
        return known

    def add(self, event: UsageEvent) -> None:
        """Take note of a block."""
        if event.requests is not None:
            base, block = event.occurred_at_ns // _MS, event.requests
            each = zip(block.at_ms, block.input, strict=True)
            self._found.update(hash((event.host, base + at, taken)) for at, taken in each)

    def has(self, host: str, response: Responded) -> bool:
        """Whether a request has one: it is told by when it was answered and what it took in.

        That is so in copies of a transcript, too, which may say that another session made it.
        """
        return response.is_stored or self.has_at(host, response.at_ns // _MS, response.input)

    def has_at(self, host: str | None, at_ms: int, taken: int) -> bool:
        """Whether a request has one, by when it was answered and the tokens that it took in."""
        return hash((host, at_ms, taken)) in self._found


_BEGINS, _AT = b'"occurred_at":"', b'"at":['
_AROUND = 86_400 * 1_000 * _MS
"""Nanoseconds that a request may have been answered before the first of its block, or after the
last: what is told at once may not be in order."""


def _may_hold(line: bytes, since_ns: int, until_ns: int) -> bool:
    """Whether a block may tell of requests of a time, by what is seen at a glance.

    A block of 500 is decoded in 0.4 ms. What is not written as we do it may.
    """
    if line.count(_BEGINS) != 1 or line.count(_AT) != 1:
        return True
    begin = line.index(_BEGINS) + len(_BEGINS)
    ats = line.index(_AT) + len(_AT)
    last = line[ats : line.find(b"]", ats)].rpartition(b",")[2]
    first_ns = parse_ns(line[begin : line.find(b'"', begin)].decode("ascii", "replace"))
    if first_ns is None or not last.isdigit() or len(last) > _DIGITS:
        return True
    return since_ns <= first_ns + int(last) * _MS + _AROUND and first_ns - _AROUND <= until_ns


class _Request(msgspec.Struct):
    """A request, with the compactions between it and the one before."""

    response: Responded
    compactions: list[int]

    @property
    def said(self) -> list[Said]:
        segment = self.response.segment
        return [*(Compacted(segment, at_ns) for at_ns in self.compactions), self.response]


class Stored(NamedTuple):
    """What came of what was told.

    Attributes:
        blocks: The blocks to be stored.
        rest: What is kept for later blocks.
    """

    blocks: list[UsageEvent]
    rest: list[Said]


def stored(
    host: str,
    said: Sequence[Said],
    known: Callable[[], Known],
    ratio: float | None,
    *,
    whole: bool,
) -> Stored:
    """Return the blocks of what was told.

    Args:
        host: The agent.
        said: What was told, in the order of the transcript.
        known: Gives the blocks that are there; asked once, where there is something to be stored.
        ratio: The bytes per token that were measured, where they could be.
        whole: Whether all is stored, and nothing is left but `ends`; else only what is full, or of
            a model before the last.
    """
    blocks: list[UsageEvent] = []
    rest: list[Said] = []
    there: Known | None = None
    for requests, behind in _by_segment(said):
        new = [request for request in requests if not request.response.is_stored]
        if there is None and new and (whole or len([*_parts(new)]) > 1):
            there = known()
        parts = [p for run in _without_block(host, requests, there or Known()) for p in _parts(run)]
        if not whole:
            is_open = bool(parts) and parts[-1][-1] is requests[-1]
            left = parts.pop() if is_open else []
            rest += _last(requests[: len(requests) - len(left)])
            rest += [one for request in left for one in request.said]
            rest += behind
        for part in parts:
            blocks.append(_block(host, part, ratio))
            if there is not None:
                there.add(blocks[-1])
    return Stored(blocks, rest)


def ends(said: Iterable[Said]) -> list[Said]:
    """Return what is kept of what was told and stored: the end of each segment."""
    return [one for requests, behind in _by_segment(said) for one in [*_last(requests), *behind]]


def _last(requests: Sequence[_Request]) -> list[Said]:
    """The last of requests that are stored, of whose answers there may be more."""
    last = requests[-_KEPT:]
    return [msgspec.structs.replace(one.response, is_stored=True) for one in last]


def is_to_be_stored(said: Iterable[Said]) -> bool:
    """Whether something of what was told is in no block yet."""
    return any(isinstance(one, Responded) and not one.is_stored for one in said)


def _by_segment(said: Iterable[Said]) -> Iterator[tuple[list[_Request], list[Said]]]:
    """Yield the requests of each segment, and what was told behind the last of them.

    Lines of a response mostly follow one another. Where those of several are mixed, or told once
    more, they are one response where they took in the same, too.
    """
    found: dict[str, tuple[list[_Request], list[Said]]] = {}
    by_key: dict[tuple[str, str, int], _Request] = {}
    for one in said:
        requests, behind = found.setdefault(one.segment, ([], []))
        if isinstance(one, Compacted):
            behind.append(one)
            continue
        same = requests[-1] if requests and requests[-1].response.key == one.key else None
        same = same or by_key.get((one.segment, one.key, one.input))
        if same is not None:
            first = same.response
            same.response = msgspec.structs.replace(
                first, output=max(first.output, one.output), window=one.window or first.window
            )
        else:
            requests.append(_Request(one, [compacted.at_ns for compacted in behind]))
            behind.clear()
            by_key[one.segment, one.key, one.input] = requests[-1]
    yield from found.values()


def _parts(requests: Sequence[_Request]) -> Iterator[list[_Request]]:
    """Divide requests where a block is full, and where the model changes."""
    part: list[_Request] = []
    for request in requests:
        if part and (
            len(part) == MOST_REQUESTS or part[0].response.model != request.response.model
        ):
            yield part
            part = []
        part.append(request)
    if part:
        yield part


def _without_block(
    host: str, requests: Sequence[_Request], known: Known
) -> Iterator[list[_Request]]:
    """Yield what of the requests of a segment is in no block, each run of it."""
    for has_none, run in groupby(requests, lambda request: not known.has(host, request.response)):
        if has_none:
            yield [*run]


def _block(host: str, part: Sequence[_Request], ratio: float | None) -> UsageEvent:
    """The event of a block."""
    first = part[0].response
    base = first.at_ns // _MS
    responses = [request.response for request in part]
    cached = tuple([one.cached for one in responses])
    written = tuple([one.written for one in responses])
    compactions = [at_ns // _MS - base for request in part for at_ns in request.compactions]
    block = Requests(
        first.key,
        tuple([one.at_ns // _MS - base for one in responses]),
        tuple([one.input for one in responses]),
        tuple([one.output for one in responses]),
        cached if any(cached) else (),
        written if any(written) else (),
        tuple(compactions[-MOST_REQUESTS:]),
        first.model,
        next((one.window for one in reversed(responses) if one.window), None),
        None if ratio is None else round(ratio, 4),
    )
    return UsageEvent(
        derived_id(host, first.segment, KIND, first.key),
        base * _MS,
        first.segment,
        UsageEventKind.RESIDENT_EXPOSURE,
        UsageSource.RESIDENT_INJECTION,
        (),
        host=host,
        agent_type=first.agent_type,
        requests=block,
    )


def without_known(event: UsageEvent, known: Known) -> list[UsageEvent]:
    """Return what a block of another log tells of requests that have none, and take note of it.

    That is the block itself where none of them has one; else a block of each run. Of a request that
    is not the first of its block no name is known: it is that of the first, and its place.
    """
    block, base = event.requests, event.occurred_at_ns // _MS
    if block is None:
        return [event]
    each = zip(block.at_ms, block.input, strict=True)
    has_none = [not known.has_at(event.host, base + at, taken) for at, taken in each]
    known.add(event)
    if all(has_none):
        return [event]
    runs = groupby(range(len(has_none)), has_none.__getitem__)
    return [_part_of(event, block, [*run]) for is_new, run in runs if is_new]


def _part_of(event: UsageEvent, block: Requests, run: Sequence[int]) -> UsageEvent:
    """The requests of a block at places that follow one another, as a block."""
    begin, end = run[0], run[-1] + 1
    moved, after = block.at_ms[begin], block.at_ms[begin - 1] if begin else None
    part = block._replace(
        first=f"{block.first}+{begin}" if begin else block.first,
        at_ms=tuple([at - moved for at in block.at_ms[begin:end]]),
        input=block.input[begin:end],
        output=block.output[begin:end],
        cached=block.cached[begin:end],
        written=block.written[begin:end],
        compactions=tuple([
            at - moved
            for at in block.compactions
            if at <= block.at_ms[end - 1] and (after is None or at > after)
        ]),
    )  # fmt: skip
    event_id = derived_id(event.host or "", event.segment_id, KIND, part.first)
    return event._replace(
        id=event_id if begin else event.id,
        occurred_at_ns=event.occurred_at_ns + moved * _MS,
        requests=part,
    )
