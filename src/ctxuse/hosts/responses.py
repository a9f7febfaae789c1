"""What transcripts tell of requests to a model, and the blocks that are stored of it.

Strategy: a reader tells of each response, once for each line of it, and of compactions, in the
order of the transcript. What follows one another in a segment is put into blocks of at most
`MOST_REQUESTS`, of one model each. Which requests have a block already is looked up in all of the
log, and in what has come since where nobody else appends (`Known.lacks`); a block that lacks no
more is put together again. So blocks may end anywhere: an import stores all that has none, a hook
only what is full or has ended.

A response has several lines, of which some may come when it has been stored. So the last ones of
each segment are kept with the rest, as are compactions behind them, which belong to the request
after.

Invariant: no request is in two blocks, also where transcripts are copies of one another, or go on
differently behind what they have in common.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import msgspec

from ctxuse.events import MOST_REQUESTS, Requests, UsageEvent, UsageEventKind, UsageSource
from ctxuse.ids import derived_id
from ctxuse.log.blocks import KIND, Known, named

_MS = 1_000_000
_BELOW = 2**53
_DIGITS = 16

_KEPT = 8
"""So many stored requests of a segment are kept: answers to several at once may be mixed."""


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
    return said if type(said) is int and is_number(said) else 0


def is_number(said: int) -> bool:
    """Return whether a number of tokens is one that an event can hold."""
    return 0 <= said < _BELOW


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
    planned = Known()
    for requests, behind in _by_segment(said):
        new = [request for request in requests if not request.response.is_stored]
        if there is None and new and (whole or len([*_parts(new)]) > 1):
            there = known()
        both = (there or planned, planned)
        runs = _without_block(host, requests, both)
        parts = [part for run in runs for part in _parts(run)]
        if not whole:
            is_open = bool(parts) and parts[-1][-1] is requests[-1]
            left = parts.pop() if is_open else []
            rest += _last(requests[: len(requests) - len(left)])
            rest += [one for request in left for one in request.said]
            rest += behind
        for part in parts:
            block = named(_block(host, part, ratio), partial(_is_taken, both))
            blocks.append(block)
            planned.add(block)
    return Stored(blocks, rest)


def ends(said: Iterable[Said]) -> list[Said]:
    """Return what is kept of what was told and stored: the end of each segment."""
    return [one for requests, behind in _by_segment(said) for one in [*_last(requests), *behind]]


def _last(requests: Sequence[_Request]) -> list[Said]:
    """The last of requests that are stored, of whose answers there may be more."""
    last = requests[-_KEPT:]
    return [msgspec.structs.replace(one.response, is_stored=True) for one in last]


def span_of(said: Iterable[Said]) -> tuple[int, int] | None:
    """Return when the first and the last of some requests were answered; None without any."""
    times = [one.at_ns for one in said if isinstance(one, Responded)]
    return (min(times), max(times)) if times else None


def is_to_be_stored(said: Iterable[Said]) -> bool:
    """Whether something of what was told is in no block yet."""
    return any(isinstance(one, Responded) and not one.is_stored for one in said)


def _by_segment(said: Iterable[Said]) -> Iterator[tuple[list[_Request], list[Said]]]:
    """Yield the requests of each segment, and what was told behind the last of them.

    Lines of a response mostly follow one another; those of several may be mixed, or told once more.
    What is of one response has its id and has taken in as much: some models give an id again.
    """
    found: dict[str, tuple[list[_Request], list[Said]]] = {}
    by_key: dict[tuple[str, str, int], _Request] = {}
    for one in said:
        requests, behind = found.setdefault(one.segment, ([], []))
        if isinstance(one, Compacted):
            behind.append(one)
            continue
        same = by_key.get((one.segment, one.key, one.input))
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
    host: str, requests: Sequence[_Request], known: Sequence[Known]
) -> Iterator[list[_Request]]:
    """Yield what of the requests of a segment is in no block, each run of it; each request once."""
    met: set[tuple[int, int]] = set()

    def has_none(request: _Request) -> bool:
        one = request.response
        told = one.at_ns // _MS, one.input
        is_new = not one.is_stored and told not in met
        met.add(told)
        return is_new and not any(k.has_at(host, *told) for k in known)

    for is_new, run in groupby(requests, has_none):
        if is_new:
            yield [*run]


def _is_taken(known: Sequence[Known], event_id: str) -> bool:
    return any(one.has_id(event_id) for one in known)


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
