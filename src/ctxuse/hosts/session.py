"""Whose doing a payload is of, and the events made of it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ctxuse.events import Actor, UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.hosts import Seen
from ctxuse.hosts.payload import text
from ctxuse.ids import derived_id
from ctxuse.places import RecordFile


class Session(NamedTuple):
    """A session of an agent, or a sub-agent within it.

    Attributes:
        host: The agent.
        segment_id: The session's id, in a sub-agent ``<session>/<sub-agent>``.
        actor: The agent or the sub-agent.
    """

    host: str
    segment_id: str
    actor: Actor

    @classmethod
    def of(cls, host: str, payload: Mapping[str, object]) -> "Session | None":
        """Return the session that a payload is of; None when it names none."""
        session = text(payload, "session_id")
        agent = text(payload, "agent_id")  # `agent_type` is set on some main threads, too
        if session is None:
            return None
        if agent is None:
            return cls(host, session, "agent")
        return cls(host, f"{session}/{agent}", "subagent")

    def use(  # noqa: PLR0913 - an event has these fields
        self,
        record: RecordFile,
        source: UsageSource,
        *,
        call_id: str | None = None,
        prompt_id: str | None = None,
        by_user: bool = False,
        context_bytes: int | None = None,
    ) -> Seen:
        """Return the event that a record was read.

        Args:
            record: The record.
            source: The way it entered.
            call_id: The host's id of the tool call.
            prompt_id: The host's id of the user's prompt, where there was no tool call.
            by_user: Whether the user asked for it.
            context_bytes: Bytes that entered the context, where known.
        """
        event = UsageEvent.new(
            self.segment_id,
            UsageEventKind.USE,
            source,
            [record.snapshot(context_bytes)],
            host=self.host,
            actor="user" if by_user else self.actor,
            call_id=call_id,
        )
        key = call_id or (prompt_id and f"prompt:{prompt_id}")
        if not key:
            return Seen(event, once=False)
        same = derived_id(self.host, key, record.kind, record.slug)
        return Seen(event._replace(id=same), once=True)

    def exposure(self, snapshots: Iterable[UsageRecordSnapshot]) -> Seen:
        """Return the event that records are resident."""
        event = UsageEvent.new(
            self.segment_id,
            UsageEventKind.RESIDENT_EXPOSURE,
            UsageSource.RESIDENT_INJECTION,
            snapshots,
            host=self.host,
        )
        return Seen(event, once=False)
