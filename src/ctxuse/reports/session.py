"""One session or sub-agent, request by request: what stood in each, and what else it took in. Pure.

What is known of records is added up per request; the rest of what a request took in is everything
else. Where more is known than it took in, everything else is nothing.

Strategy: the tokens of a piece are added where it begins and taken away where it ends, and one
running sum over requests gives those of each. So steps and memory grow with what entered and with
the requests, never with one times the other.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ctxuse.counting.cost import (
    Piece,
    Request,
    compactions_of,
    entered_in,
    known_tokens,
    pieces,
    requests_of,
)
from ctxuse.counting.entered import BASES
from ctxuse.counting.segments import Segments
from ctxuse.query import UNNAMED
from ctxuse.reports.cost import CostReport, other_records
from ctxuse.reports.fields import (
    COUNT,
    COUNT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    TIME_OR_NULL,
    Field,
    field_of_list,
    filled,
    list_of,
)
from ctxuse.times import known_time

_begin = attrgetter("begin")

MOST_LAYERS = 8
"""So many records have a layer of their own; the others share one."""


class SessionRecord(msgspec.Struct, frozen=True):
    """A record that entered a session.

    Attributes:
        kind: Its kind.
        slug: Its name.
        resident: Times that it was resident.
        read: Times that it was read.
        pieces: In which requests it stood, and with how many tokens.
    """

    kind: str
    slug: str
    resident: int
    read: int
    pieces: tuple[Piece, ...]

    @property
    def tokens(self) -> int | None:
        """Its tokens, summed over requests; None where they are known of none."""
        known = [p.tokens.number * (p.end - p.begin) for p in self.pieces if p.tokens is not None]
        return sum(known) if known else None

    @property
    def bases(self) -> list[str]:
        """How they are known."""
        found = {piece.tokens.basis for piece in self.pieces if piece.tokens is not None}
        return [basis for basis in BASES if basis in found]

    @property
    def is_partly(self) -> bool:
        """Whether some of its tokens are not known."""
        return any(piece.tokens is None for piece in self.pieces)

    @property
    def requests(self) -> int:
        """Requests in which it stood, each once."""
        number = reached = 0
        for piece in sorted(self.pieces, key=_begin):
            number += max(0, piece.end - max(piece.begin, reached))
            reached = max(reached, piece.end)
        return number

    @property
    def first(self) -> int | None:
        """The number of the first of them, from 1 on."""
        return min((piece.begin + 1 for piece in self.pieces), default=None)

    def per_request(self, number: int) -> list[int]:
        """Return its known tokens in each of so many requests."""
        return known_tokens(self.pieces, number)


class Layer(NamedTuple):
    """Tokens of each request.

    Attributes:
        name: What they are of: a record, or several.
        tokens: How many, request by request.
    """

    name: str
    tokens: list[int]


class SessionReport(msgspec.Struct, frozen=True, dict=True):
    """What the log says of one session or sub-agent. Evidence, never a verdict.

    Attributes:
        segment: Its id.
        host: Its agent; None where no event says it.
        agent_type: What the host calls the kind of sub-agent, likewise.
        requests: Its requests, by time.
        compactions: Before which of them its context was compacted, from 0 on.
        records: What entered it, what took most tokens first.
        began_ns: When the first thing is known to have happened, in nanoseconds since the epoch.
        ended_ns: When the last is.
    """

    segment: str
    host: str | None
    agent_type: str | None
    requests: tuple[Request, ...]
    compactions: tuple[int, ...]
    records: tuple[SessionRecord, ...]
    began_ns: int | None
    ended_ns: int | None

    @property
    def models(self) -> list[str]:
        """The models that were asked, in order."""
        return [*dict.fromkeys(request.model or UNNAMED for request in self.requests)]

    @cached_property
    def layers(self) -> list[Layer]:
        """The tokens of each request, one layer upon the other: records first, then the rest."""
        number = len(self.requests)
        standing = [record for record in self.records if record.tokens]
        own = [
            Layer(f"{record.kind}/{record.slug}", record.per_request(number))
            for record in standing[:MOST_LAYERS]
        ]
        others = standing[MOST_LAYERS:]
        if others:
            name = other_records(len(others))
            together = (piece for record in others for piece in record.pieces)
            own.append(Layer(name, known_tokens(together, number)))
        known = [sum(each) for each in zip(*(layer.tokens for layer in own), strict=True)]
        known = known or [0] * number
        left = [max(0, one.input - of) for one, of in zip(self.requests, known, strict=True)]
        return [*own, Layer("everything else", left)]

    def fields(self) -> dict[str, object]:
        """Return the report as JSON holds it."""
        return filled(SESSION_FIELDS, self)


_PIECE: Sequence[Field[Piece]] = (
    Field("from", COUNT, lambda p: p.begin + 1),
    Field("to", COUNT, lambda p: p.end),
    Field("tokens", COUNT_OR_NULL, lambda p: p.tokens and p.tokens.number),
    Field("basis", TEXT_OR_NULL, lambda p: p.tokens and p.tokens.basis),
    Field("read", {"type": "boolean"}, lambda p: p.is_use),
)

_RECORD: Sequence[Field[SessionRecord]] = (
    Field("kind", TEXT, lambda r: r.kind),
    Field("slug", TEXT, lambda r: r.slug),
    Field("resident_exposure_count", COUNT, lambda r: r.resident),
    Field("use_count", COUNT, lambda r: r.read),
    Field("requests", COUNT, lambda r: r.requests),
    Field("tokens", COUNT_OR_NULL, lambda r: r.tokens),
    field_of_list("stood", _PIECE, lambda r: r.pieces),
)

_REQUEST: Sequence[Field[Request]] = (
    Field("at", TIME, lambda r: known_time(r.at_ns)),
    Field("model", TEXT_OR_NULL, lambda r: r.model),
    Field("input", COUNT, lambda r: r.input),
    Field("cached", COUNT, lambda r: r.cached),
    Field("written", COUNT, lambda r: r.written),
    Field("output", COUNT, lambda r: r.output),
    Field("window", COUNT_OR_NULL, lambda r: r.window or None),
)

SESSION_FIELDS: Sequence[Field[SessionReport]] = (
    Field("segment", TEXT, lambda s: s.segment),
    Field("host", TEXT_OR_NULL, lambda s: s.host),
    Field("agent_type", TEXT_OR_NULL, lambda s: s.agent_type),
    Field("began_at", TIME_OR_NULL, lambda s: known_time(s.began_ns)),
    Field("ended_at", TIME_OR_NULL, lambda s: known_time(s.ended_ns)),
    Field("compacted_before", list_of(COUNT), lambda s: [place + 1 for place in s.compactions]),
    field_of_list("requests", _REQUEST, lambda s: s.requests),
    field_of_list("records", _RECORD, lambda s: s.records),
)
"""A session as JSON holds it; requests are numbered from 1 on."""


def build_session(segments: Segments, key: str) -> SessionReport:
    """Return the report on one of some segments, by its key."""
    segment = segments.by_key[key]
    requests = requests_of(segment)
    times = [request.at_ns for request in requests]
    entered = entered_in(segments, segment)
    compacted = compactions_of(segment)
    counts: dict[tuple[str, str], list[int]] = {}
    for one in entered:
        for of, _ in one.records:
            counts.setdefault(of, [0, 0])[one.is_use] += 1
    standing: dict[tuple[str, str], list[Piece]] = {of: [] for of in counts}
    for piece in pieces(entered, times, compacted):
        if piece.begin < piece.end:
            standing[piece.key].append(piece)
    records = [
        SessionRecord(of[0], of[1], counts[of][0], counts[of][1], tuple(sorted(those, key=_begin)))
        for of, those in sorted(standing.items())
    ]
    records.sort(key=lambda record: -(record.tokens or 0))
    moments = [*times, *(one.at_ns for one in entered)]
    return SessionReport(
        key,
        segment.host,
        segment.agent_type,
        tuple(requests),
        tuple(_behind(times, compacted)),
        tuple(records),
        min(moments, default=None),
        max(moments, default=None),
    )


def _behind(times_ns: Sequence[int], compacted_ns: Iterable[int]) -> list[int]:
    """The numbers of the first requests behind each compaction; of one behind all none."""
    places = {bisect_left(times_ns, at_ns) for at_ns in compacted_ns}
    return sorted(place for place in places if place < len(times_ns))


class Costs(NamedTuple):
    """What a page shows of requests.

    Attributes:
        report: What they came to.
        session: The latest session; None where no request is known.
    """

    report: CostReport
    session: SessionReport | None


def meant(found: Iterable[str], name: str) -> list[str]:
    """Return which of some segments a name means: that one, or those that begin so.

    A session and its sub-agents begin alike: then it is the session.
    """
    names = sorted({segment for segment in found if segment.startswith(name)})
    if name in names:
        return [name]
    sessions = {segment.partition("/")[0] for segment in names}
    return [*sessions] if len(sessions) == 1 and sessions <= {*names} and "/" not in name else names
