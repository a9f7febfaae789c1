"""The model's own accounting in a transcript: what requests took in, and bytes per token."""

from collections.abc import Iterable

import msgspec

from ctxuse.hosts.copilot.lines import Data, Usage
from ctxuse.hosts.jsonlines import held
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import LEAST_BYTES

_encode = msgspec.json.Encoder().encode


_BEFORE = 1_000_000
"""Nanoseconds by which the answer comes before what is made of it."""


class Accounting:
    """Measures a session's bytes per token: what entered between two responses.

    Its tokens are the difference of what the two took in, by the model's own accounting.

    Attributes:
        samples: The bytes per token of each.

    Args:
        samples: Those that are known already.
    """

    def __init__(self, samples: Iterable[float] = ()) -> None:
        self.samples = [*samples]
        self._bytes = 0
        self._total: int | None = None

    def entered(self, *texts: object) -> None:
        """Take note of texts that the next response takes in."""
        self._bytes += sum(size(one) or 0 for one in texts)

    def said(self, data: Data) -> None:
        """Take note of what a response says and calls, which the next one takes in."""
        self.entered(data.content)
        for call in items(held(data.toolRequests)):
            self._bytes += len(_encode([at(call, "name"), at(call, "arguments")]))

    def answered(self, total: int) -> None:
        """Take note of how many tokens a response took in."""
        grown = 0 if self._total is None else total - self._total
        if grown > 0 and self._bytes >= LEAST_BYTES:
            self.samples.append(self._bytes / grown)
        self._total, self._bytes = total, 0

    def begins_anew(self) -> None:
        """Take note that something of an unknown size entered, or that all is replaced."""
        self._total, self._bytes = None, 0


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
