"""Hypothesis strategies for what the tests invent."""

import uuid
from typing import Any

from hypothesis import strategies as st

from ctxuse.events import (
    U64_MAX,
    Requests,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
)
from ctxuse.times import MAX_NS, MIN_NS

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**20) | st.integers(0, U64_MAX)
ids = st.uuids().map(str)
times = st.integers(MIN_NS, MAX_NS) | st.integers(1_700_000_000, 1_800_000_000).map(
    lambda seconds: seconds * 1_000_000_000
)

snapshots = st.builds(
    UsageRecordSnapshot,
    kind=st.sampled_from(["decision", "workflow", "skill"]) | texts,
    slug=st.sampled_from(["alpha", "beta", "gamma"]) | texts,
    file_bytes=numbers,
    file_tokens_estimate=numbers,
    context_bytes=st.none() | numbers,
    context_tokens=st.none() | numbers,
    tokens_from=st.none() | st.sampled_from(["usage", "calibrated"]),
    size_from=st.none() | st.sampled_from(["transcript", "unknown"]),
)

events = st.builds(
    UsageEvent,
    id=ids,
    occurred_at_ns=times,
    segment_id=st.sampled_from(["s1", "s2"]) | texts,
    event=st.sampled_from(UsageEventKind),
    source=st.sampled_from(UsageSource),
    records=st.lists(snapshots, min_size=1, max_size=4).map(tuple),
    host=st.none() | texts,
    actor=st.none() | st.sampled_from(["user", "agent", "subagent", "maintenance"]),
    call_id=st.none() | texts,
    agent_type=st.none() | texts,
    requests=st.none(),
)

_tokens = st.integers(0, 200_000) | st.integers(0, 2**53 - 1)
_offsets = st.integers(0, 10**7) | st.integers(1 - 2**53, 2**53 - 1)


@st.composite
def _blocks(draw: st.DrawFn) -> Requests:
    number = draw(st.integers(1, 5) | st.integers(1, 500))

    def of_each(one: st.SearchStrategy[int]) -> tuple[int, ...]:
        return tuple(draw(st.lists(one, min_size=number, max_size=number)))

    return Requests(
        first=draw(texts),
        at_ms=of_each(_offsets),
        input=of_each(_tokens),
        output=of_each(_tokens),
        cached=of_each(st.integers(1, 2**53 - 1)) if draw(st.booleans()) else (),
        written=of_each(st.integers(1, 2**53 - 1)) if draw(st.booleans()) else (),
        compactions=tuple(draw(st.lists(st.just(0) | _offsets, max_size=3))),
        model=draw(st.none() | texts),
        window=draw(st.none() | _tokens),
        bytes_per_token=draw(st.none() | st.floats(0.5, 20)),
    )


facts = st.builds(
    UsageEvent,
    id=ids,
    occurred_at_ns=times,
    segment_id=st.sampled_from(["s1", "s2"]) | texts,
    event=st.just(UsageEventKind.RESIDENT_EXPOSURE),
    source=st.just(UsageSource.RESIDENT_INJECTION),
    records=st.just(()),
    host=st.none() | texts,
    actor=st.none(),
    call_id=st.none(),
    agent_type=st.none() | texts,
    requests=_blocks(),
)
"""Events that tell of requests."""


def an_event(**changes: Any) -> UsageEvent:  # noqa: ANN401 - whatever a field may hold, wrongly too
    """One plain event, with the changes given."""
    event = UsageEvent(
        id=str(uuid.UUID(int=0x01A2058AACB273BC8F4332AC6750F8A6)),
        occurred_at_ns=1_795_389_303_986_118_970,
        segment_id="segment-1",
        event=UsageEventKind.USE,
        source=UsageSource.MEMORY_READ,
        records=(UsageRecordSnapshot("decision", "alpha", 456, 114),),
    )
    return event._replace(**changes)
