"""Whose doing something was, and the events made of it: by hooks now, of transcripts later."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

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
    def named(cls, host: str, session: str, agent: str | None) -> Self:
        """Return the session of an id, or the sub-agent of another within it."""
        if agent is None:
            return cls(host, session, "agent")
        return cls(host, f"{session}/{agent}", "subagent")

    @classmethod
    def of(cls, host: str, payload: Mapping[str, object]) -> Self | None:
        """Return the session that a payload is of; None when it names none."""
        session = text(payload, "session_id")
        agent = text(payload, "agent_id")  # `agent_type` is set on some main threads, too
        return None if session is None else cls.named(host, session, agent)

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
        """Return the event that a record is read now.

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
        key = call_id or (prompt_id and prompt_key(prompt_id))
        if not key:
            return Seen(event, once=False)
        same = derived_id(self.host, key, record.kind, record.slug)
        return Seen(event._replace(id=same), once=True)

    def exposure(self, snapshots: Iterable[UsageRecordSnapshot]) -> Seen:
        """Return the event that records are resident now."""
        event = UsageEvent.new(
            self.segment_id,
            UsageEventKind.RESIDENT_EXPOSURE,
            UsageSource.RESIDENT_INJECTION,
            snapshots,
            host=self.host,
        )
        return Seen(event, once=False)

    def used(  # noqa: PLR0913 - an event has these fields
        self,
        at_ns: int,
        record: UsageRecordSnapshot,
        source: UsageSource,
        key: str,
        *,
        by_user: bool = False,
        call_id: str | None = None,
    ) -> UsageEvent:
        """Return the event that a record was read.

        Args:
            at_ns: When, in nanoseconds since the epoch.
            record: Its snapshot.
            source: The way it entered.
            key: What tells the occurrence from others; its id follows from it.
            by_user: Whether the user asked for it.
            call_id: The host's id of the tool call.
        """
        return UsageEvent(
            id=derived_id(self.host, key, record.kind, record.slug),
            occurred_at_ns=at_ns,
            segment_id=self.segment_id,
            event=UsageEventKind.USE,
            source=source,
            records=(record,),
            host=self.host,
            actor="user" if by_user else self.actor,
            call_id=call_id,
        )

    def exposed(self, at_ns: int, record: UsageRecordSnapshot, key: str) -> UsageEvent:
        """Return the event that a record was resident; see `used`."""
        return UsageEvent(
            id=derived_id(self.host, key, record.kind, record.slug),
            occurred_at_ns=at_ns,
            segment_id=self.segment_id,
            event=UsageEventKind.RESIDENT_EXPOSURE,
            source=UsageSource.RESIDENT_INJECTION,
            records=(record,),
            host=self.host,
        )


def prompt_key(prompt_id: str) -> str:
    """Return what tells a prompt of the user from others, where there was no tool call."""
    return f"prompt:{prompt_id}"
