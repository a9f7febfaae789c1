"""The model's own accounting in a transcript: what requests took in, and the bytes that entered."""

import msgspec

from ctxuse.hosts.copilot.lines import Data, Usage
from ctxuse.hosts.jsonlines import held
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.session import Session

_encode = msgspec.json.Encoder().encode


_BEFORE = 1_000_000
"""Nanoseconds by which the answer comes before what is made of it."""


def length_of(*texts: object) -> int:
    """Return the bytes of texts that the next response takes in."""
    return sum(size(one) or 0 for one in texts)


def length_of_answer(data: Data) -> int:
    """Return the bytes of what a response says and calls, which the next one takes in."""
    calls = items(held(data.toolRequests))
    called = (_encode([at(call, "name"), at(call, "arguments")]) for call in calls)
    return length_of(data.content) + sum(map(len, called))


def responded(data: Data, thread: Session, at_ns: int | None) -> Responded | None:
    """Return the response that a record of its usage tells of; None where it tells of none."""
    usage = data.usage
    if not isinstance(usage, Usage) or at_ns is None:
        return None
    taken = tokens(usage.inputTokens)
    if not taken:
        return None
    return Responded(
        thread.segment_id,
        text(usage.apiCallId) or f"{thread.segment_id} {at_ns}",
        at_ns,
        taken,
        tokens(usage.outputTokens),
        min(tokens(usage.cacheReadTokens), taken),
        min(tokens(usage.cacheWriteTokens), taken),
        text(usage.model),
        tokens(usage.maxPromptTokens) or None,
        thread.agent_type,
    )


def summarised(data: Data, thread: Session, at_ns: int) -> Responded | None:
    """Return the one request by which a context was put in short; None where it is not told."""
    used = held(data.compactionTokensUsed)
    taken = tokens(at(used, "inputTokens"))
    if not taken or at(used, "requestCount") not in {None, 1}:
        return None
    return Responded(
        thread.segment_id,
        text(data.compactionAttemptId) or f"{thread.segment_id} {at_ns}",
        at_ns - _BEFORE,
        taken,
        tokens(at(used, "outputTokens")),
        min(tokens(at(used, "cacheReadTokens")), taken),
        min(tokens(at(used, "cacheWriteTokens")), taken),
        text(used, "model"),
        agent_type=thread.agent_type,
    )
