"""Recording what the server gave, in the name of who called. It holds up no answer.

Strategy: who is calling is found out by a thread of its own, since of some agents it stands in a
transcript that is written a moment later. Mostly it is known at once, and what was given is
recorded before it is answered; else the answer goes first.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event, Lock
from typing import Any, TypeVar

from ctxuse.codec.decode import decode
from ctxuse.context.given import Resident
from ctxuse.context.giver import Giver
from ctxuse.errors import CtxuseError
from ctxuse.events import Actor, UsageEvent, UsageEventKind
from ctxuse.hosts.caller import Caller, caller, delivered
from ctxuse.ids import new_id
from ctxuse.log.naming import lines_naming
from ctxuse.mcp_server.protocol import Asked, Client
from ctxuse.mcp_server.rpc import PATIENCE
from ctxuse.workspace import Workspace

_AT_MOST = 0.05
"""Seconds that an answer is held up."""

_THREADS = 8
"""So many callers are looked for at once. What waits for one is begun after that one is."""

Result = TypeVar("Result")


class Recording:
    """Records what one client is given.

    Args:
        workspace: The workspace. Where it has no marker nothing is recorded: that would make one.
        environ: The environment, for who is calling.
    """

    def __init__(self, workspace: Workspace, environ: Mapping[str, str]) -> None:
        self._workspace = workspace
        self._environ = environ
        self._began_ns = time.time_ns()
        """When it was started: before the first request of the session that it is started for."""
        self._own_segment = f"mcp-{new_id(self._began_ns)}"
        self._resident = workspace.segment(self._own_segment).standing(lines_first=True)
        self._session: str | None = None
        """The session that was named last; a client has one at a time."""
        self._exposing = Lock()
        self._exposed: set[str] = set()
        self._hurry = Event()
        self._under_way: set[Future[Any]] = set()
        self._pool = ThreadPoolExecutor(_THREADS, "ctxuse-recording")

    @property
    def instructions(self) -> str:
        """What is to be resident."""
        return self._resident.text

    def segment(
        self,
        asked: Asked,
        actor: Actor | None = "agent",
        *,
        expose: bool = True,
        enters: bool = True,
    ) -> Giver:
        """Return the segment through which a caller is given records.

        Args:
            asked: Who asks.
            actor: Whose doing it is; that of a sub-agent where it was one that called.
            expose: Whether the call shows that somebody works with the instructions.
            enters: Whether what is given enters a context; else nothing is recorded.
        """
        if not (enters and self._workspace.layout.has_marker):
            return Giver(self._workspace.layout, self._own_segment, _nothing)
        exposed_ns = time.time_ns() if expose else None
        who = self._begin(self._pool.submit(self._caller, asked, exposed_ns))
        wait([who], _AT_MOST)

        def record(event: UsageEvent) -> UsageEvent | None:
            if who.done():
                return self._append(who, actor, event)
            self._begin(self._pool.submit(self._append, who, actor, event))
            return event

        return Giver(self._workspace.layout, self._own_segment, record)

    def finish(self, *, hurry: bool = False) -> None:
        """See to it that all is recorded; in a hurry, without waiting for who is calling."""
        if hurry:
            self._hurry.set()
        wait([*self._under_way], PATIENCE)

    def _begin(self, work: "Future[Result]") -> "Future[Result]":
        """Take note of a work. In a hurry nothing is answered before it is done."""
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        if self._hurry.is_set():  # or it was added before `finish` looked
            wait([work])
        return work

    def _caller(self, asked: Asked, exposed_ns: int | None) -> Caller:
        """Who is calling; with the first call of each, when it was, the exposure is recorded."""
        who = caller(asked.meta, asked.client.name, self._environ, self._hurry)
        if who.segment_id is None:  # some say it with calls of tools only
            who = who._replace(segment_id=self._session)
        else:
            self._session = who.segment_id.partition("/")[0] if who.in_subagent else who.segment_id
        if exposed_ns is not None:
            self._expose(who, asked.client, exposed_ns)
        return who

    def _append(
        self, who: "Future[Caller]", actor: Actor | None, event: UsageEvent
    ) -> UsageEvent | None:
        """Record what a caller was given; who that is, another thread finds out or has."""
        found = who.result()
        if found.in_subagent and actor != "user":
            actor = "subagent"
        return self._workspace.try_append(
            event._replace(
                segment_id=found.segment_id or self._own_segment,
                host=found.host,
                actor=actor,
                call_id=found.call_id,
            )
        )

    def _expose(self, who: Caller, client: Client, called_ns: int) -> None:
        """Record that the instructions came into a context, as far as the host delivers them.

        They stand in a session from its beginning, so that is when it is said to have been, and in
        a sub-agent from its first call on, as seen in requests of Claude Code (2.1.197 and
        2.1.332); however long it takes to find out who called. What a transcript has told of it
        before is not told again.
        """
        own = who.segment_id or self._own_segment
        with self._exposing:
            for name in dict.fromkeys((own.partition("/")[0] if who.in_subagent else own, own)):
                if name in self._exposed:
                    continue
                call_id = who.call_id if name == own else None
                most = delivered(who.host, client.version, self._resident.text, call_id)
                resident = self._resident if most is None else self._resident.up_to(most)
                is_session = name == own.partition("/")[0]
                record = partial(self._record_at, self._began_ns if is_session else called_ns)
                segment = Giver(self._workspace.layout, name, record, host=who.host)
                if self._is_told(name, resident) or segment.expose(resident):
                    self._exposed.add(name)

    def _record_at(self, at_ns: int, event: UsageEvent) -> UsageEvent | None:
        """Record what has been so since then."""
        return self._workspace.try_append(event._replace(occurred_at_ns=at_ns))

    def _is_told(self, segment: str, resident: Resident) -> bool:
        """Whether the log says that some of it stood in a segment."""
        if segment == self._own_segment:
            return False
        names = {(part.kind, part.slug) for part in resident.records}
        try:
            return any(
                isinstance(event, UsageEvent)
                and event.event is UsageEventKind.RESIDENT_EXPOSURE
                and event.segment_id == segment
                and not names.isdisjoint((r.kind, r.slug) for r in event.records)
                for event in map(decode, lines_naming(self._workspace.layout, [segment]))
            )
        except CtxuseError:
            return False


def _nothing(event: UsageEvent) -> None:
    """Record nothing."""
