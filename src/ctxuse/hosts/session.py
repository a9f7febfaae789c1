"""Whose doing something was, and the events of it."""

from collections.abc import Iterable

from ctxuse.events import Actor, UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.ids import derived_id, new_id
from ctxuse.typed import NamedTuple, Self

_MOST_DIGITS = 6


class Session(NamedTuple):
    """A session of an agent, or a sub-agent within it.

    Attributes:
        host: The agent.
        segment_id: The session's id, in a sub-agent ``<session>/<sub-agent>``.
        actor: The agent or the sub-agent.
        agent_type: What the host calls the kind of sub-agent, where it says so.
    """

    host: str
    segment_id: str
    actor: Actor
    agent_type: str | None = None

    @classmethod
    def named(
        cls, host: str, session: str, agent: str | None, agent_type: str | None = None
    ) -> Self:
        """Return the session of an id, or the sub-agent of another within it, and its kind."""
        if agent is None:
            return cls(host, session, "agent")
        return cls(host, f"{session}/{agent}", "subagent", agent_type)

    def call_key(self, call_id: str) -> str:
        """Return what tells a tool call from others to everyone who sees it.

        That is its id, but for one that only counts (``call_0``, ``functions.read:12``): models
        that give such ids begin anew in each session and sub-agent.
        """
        return f"{self.segment_id} {call_id}" if _only_counts(call_id) else call_id

    def exposure(
        self, records: Iterable[UsageRecordSnapshot], at_ns: int, key: str | None = None
    ) -> UsageEvent:
        """Return the event that records were resident, one at least; its id is of the first."""
        snapshots = tuple(records)
        return UsageEvent(
            id=self.event_id(snapshots[0], at_ns, key),
            occurred_at_ns=at_ns,
            segment_id=self.segment_id,
            event=UsageEventKind.RESIDENT_EXPOSURE,
            source=UsageSource.RESIDENT_INJECTION,
            records=snapshots,
            host=self.host,
            agent_type=self.agent_type,
        )

    def event_id(self, record: UsageRecordSnapshot, at_ns: int, key: str | None) -> str:
        """Return the id of an event.

        Args:
            record: The record that it is of.
            at_ns: When it happened, in nanoseconds since the epoch.
            key: What tells the occurrence from others to everyone who sees it: the id follows from
                it. None where nobody else does: the id is new.
        """
        if key is None:
            return new_id(at_ns)
        return derived_id(self.host, key, record.kind, record.slug)


def _only_counts(call_id: str) -> bool:
    """Whether an id is a number, or ends in one behind a sign. Anthropic's own never only count."""
    before = call_id.rstrip("0123456789")
    digits = len(call_id) - len(before)
    is_apart = not before or not (before[-1].isascii() and before[-1].isalnum())
    return 0 < digits <= _MOST_DIGITS and is_apart and not call_id.startswith("toolu_")


def prompt_key(prompt_id: str) -> str:
    """Return what tells a prompt of the user from others, where there was no tool call."""
    return f"prompt:{prompt_id}"
