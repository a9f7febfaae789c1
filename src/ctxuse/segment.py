"""A segment of an agent's session, for who writes that agent.

It gives the records of the workspace (`ctxuse.context.giver`), and is told what the agent's own
tools and prompts have put into a context: files by their paths, and texts that have none by a name.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from typing import Any, Literal, TypeVar, overload

from ctxuse.context.given import Included, LeftOut, ReadText, Resident
from ctxuse.context.giver import Giver, Record
from ctxuse.errors import CtxuseError
from ctxuse.events import (
    Actor,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
    is_text,
)
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import COMMAND, SKILL, RecordFile
from ctxuse.hosts.session import Session
from ctxuse.layout import RecordKind, RecordRef, WorkspaceLayout
from ctxuse.records import record_size

Path = str | os.PathLike[str]
"""The path of a file, as `open` takes it; ``~/`` is the home directory."""

Kind = Literal["summary", "decision", "request", "workflow", "knowledge"] | RecordKind

LONGEST_NAME = 1024
"""Characters that the name of a text of an agent's own may have."""

_LOADED = frozenset({RecordKind.WORKFLOW.value, SKILL, COMMAND})
"""Kinds of which a use is an invocation, where nothing else is said."""

T = TypeVar("T")


class _Left(Enum):
    """What is said of an argument that is left out: None is one."""

    OUT = 0


class Segment(Giver):
    """One stretch of one agent's session: gives records, and is told what entered its context.

    Recording changes nothing of what is given, and what is told never raises: what goes wrong goes
    to the logger ``ctxuse`` and leaves a mark that ``ctxuse doctor`` shows. Safe to share between
    threads. Made by `Workspace.segment`.

    Args:
        layout: The workspace.
        segment_id: The segment's id; any text.
        record: Stores an event, once if its id is one that others can derive, too.
        failed: Told what kept something from being recorded.
        environ: The environment, for where agents keep records.
        host: The agent whose session it is, where known.
        actor: Whose doing within it what is asked for is, where known.
        call_id: The host's id of the tool call, where there is one.
        agent_type: What the host calls the kind of sub-agent, where it is one's doing.
    """

    def __init__(  # noqa: PLR0913 - an event has these fields
        self,
        layout: WorkspaceLayout,
        segment_id: str,
        record: Record,
        failed: Callable[[Exception], object],
        environ: Mapping[str, str],
        *,
        host: str | None = None,
        actor: Actor | None = None,
        call_id: str | None = None,
        agent_type: str | None = None,
    ) -> None:
        super().__init__(
            layout,
            segment_id,
            record,
            host=host,
            actor=actor,
            call_id=call_id,
            agent_type=agent_type,
        )
        self._failed = failed
        self._environ = environ
        self._prompt: tuple[int, int] | None = None
        """Of the last prompt its length and its hash: it may be long."""
        self._lock = threading.Lock()
        self._stood: set[tuple[str, str]] = set()
        """The records of which was told that they stand in a prompt."""

    def subagent(self, agent_id: str, agent_type: str | None = None) -> "Segment":
        """Return the segment of a sub-agent.

        Args:
            agent_id: What tells it from others of the session.
            agent_type: What the host calls its kind, where it says so.
        """
        return Segment(
            self._layout,
            f"{self._segment_id}/{self._quietly(lambda: str(agent_id), '?')}",
            self._record,
            self._failed,
            self._environ,
            host=self._host,
            actor="subagent",
            agent_type=agent_type,
        )

    @overload
    def read(
        self,
        kind: Kind,
        slug: str | None = None,
        offset: int = 0,
        limit: int = 2000,
        most_bytes: int | None = None,
    ) -> ReadText: ...

    @overload
    def read(self, path: Path, text: object, /, *, call_id: str | None) -> RecordRef | None: ...

    def read(  # noqa: PLR0913 - of a record a part can be had
        self,
        kind: Path,
        slug: Any = None,
        offset: int = 0,
        limit: int = 2000,
        most_bytes: int | None = None,
        *,
        call_id: str | Literal[_Left.OUT] | None = _Left.OUT,
    ) -> ReadText | RecordRef | None:
        """Record a read, as ``MemoryRead``: of a record that is given, or of a file.

        ``read(kind, slug)`` gives the text of a record of the workspace, or some lines of it; see
        `give`, which raises where it cannot. ``read(path, text, call_id=…)`` is told that the
        agent's own tool has read a file, and given this text of it to the model: that is recorded
        where the file is a record (one of the workspace, a skill, an instruction file, a memory)
        and something of it stands in the text, which may be a part of it, with numbers before its
        lines. It never raises.

        Args:
            kind: One of the five kinds; or the path of a file, as `open` takes it.
            slug: The record's slug; or the text that the model was given.
            offset: How many lines of the record to leave out at the beginning.
            limit: How many lines to return at most.
            most_bytes: How many bytes of UTF-8 to return at most.
            call_id: The id of the tool call that read the file, None where there is none; left out
                where a record is to be given. With one a read counts once, however often it is
                told, also where other witnesses of the same host tell of it.

        Returns:
            The record's text; or which record the file is, None for none.
        """
        if call_id is not _Left.OUT:
            return self._quietly(lambda: self._file_read(kind, slug, call_id), None)
        if isinstance(kind, str) and not _may_be_path(kind):
            return self.give(str(kind), slug, offset, limit, most_bytes)
        return self._quietly(lambda: self._file_read(kind, slug, None), None)

    def use(
        self,
        record: Path,
        text: str | None = None,
        *,
        call_id: str | None = None,
        by_user: bool = False,
        source: UsageSource | str | None = None,
    ) -> RecordRef | None:
        """Record that something was explicitly read into the context. Never raises.

        Args:
            record: The path of a file, or a name of the agent's own, as in ``tool/search``: any
                word, the record's kind, and behind the slash its slug.
            text: What entered, of which only the size is kept; None where that is not known.
            call_id: As for `read`.
            by_user: Whether the user asked for it.
            source: The way it entered; when None, ``WorkflowInvoke`` for skills, commands and
                workflows, else ``MemoryRead``.

        Returns:
            Which record it is; None for a file that is none or not there, or a name that cannot be
            one.
        """
        return self._quietly(
            lambda: self._used(record, text, call_id, source, by_user=by_user), None
        )

    def resident(self, texts: Mapping[Any, str] | None = None) -> Resident:
        """Return what should stand in the system prompt. Recorded as one exposure.

        That is what `standing` gives, the workspace's own records. With `texts` it is these
        instead: an agent's own prompt and tools, and the files that its host has put there. Nothing
        in them is an error.

        Args:
            texts: What stands in the context, by the path of the file it is of, or by name, as in
                ``prompt/system`` or ``tool/search``; see `use`. A file that is no record by where
                it lies is one of instructions. The texts are not stored.
        """
        if texts is None:
            resident = self.standing()
            self.expose(resident)
            return resident
        none: list[tuple[Any, str]] = []
        parts = [self._part(*part) for part in self._quietly(lambda: [*texts.items()], none)]
        told = [part for part in parts if not isinstance(part, LeftOut)]
        self._quietly(lambda: self._expose([snapshot for _, snapshot in told]), False)  # noqa: FBT003
        included = tuple(part for part, _ in told)
        whole = "\n\n".join(part.text for part in included)
        return Resident(whole, included, tuple(p for p in parts if isinstance(p, LeftOut)))

    def resident_in(self, prompt: str | None) -> tuple[RecordRef, ...]:
        """Record which records stand in a system prompt, as one exposure. Never raises.

        Looked for are the texts of instruction files and memories, and of skills, commands and
        agents the entries with their descriptions: where one stands, it entered. It can be told of
        each request; a record counts once in the segment.

        Args:
            prompt: The prompt, as it is sent; None where there is none.

        Returns:
            The records that it was not told of before.
        """
        return self._quietly(lambda: self._prompted(prompt), ())

    def ran(
        self,
        command: str,
        output: str,
        *,
        call_id: str | None = None,
        directory: str | None = None,
    ) -> tuple[RecordRef, ...]:
        """Record which records a shell has shown to the model. Never raises.

        What counts is the output: a record of which lines stand in it, whatever the command.

        Args:
            command: The command, which is not stored.
            output: What the model was given of what it printed, likewise.
            call_id: As for `read`.
            directory: Where it began; the current directory when None.

        Returns:
            The records that it has shown.
        """
        return self._quietly(lambda: self._ran(command, output, call_id, directory), ())

    def _quietly(self, told: Callable[[], T], otherwise: T) -> T:
        try:
            return told()
        except Exception as error:  # noqa: BLE001 - whatever it was, the agent goes on
            self._failed(error)
            return otherwise

    @cached_property
    def _places(self) -> Places:
        return Places(self._layout, self._environ)

    def _file_read(self, path: Path, text: object, call_id: str | None) -> RecordRef | None:
        from ctxuse.hosts.evidence import shows  # noqa: PLC0415 - not for who reads no file

        record = self._places.record_at(_absolute(path))
        if record is None or not isinstance(text, str) or not shows(record, text):
            return None
        snapshot = record.snapshot(len(_whole(text).encode()))
        return self._told(snapshot, UsageSource.MEMORY_READ, call_id)

    def _prompted(self, prompt: str | None) -> tuple[RecordRef, ...]:
        from ctxuse.hosts.prompted import standing_in  # noqa: PLC0415 - reads YAML

        if not isinstance(prompt, str) or (told := (len(prompt), hash(prompt))) == self._prompt:
            return ()
        self._prompt = told
        snapshots = [one.snapshot(size) for one, size in standing_in(_whole(prompt), self._places)]
        with self._lock:  # two threads may have found the same
            found = [one for one in snapshots if (one.kind, one.slug) not in self._stood]
            self._stood |= {(one.kind, one.slug) for one in found}
        self._expose(found)
        return tuple(RecordRef(snapshot.kind, snapshot.slug) for snapshot in found)

    def _ran(
        self, command: str, output: str, call_id: str | None, directory: str | None
    ) -> tuple[RecordRef, ...]:
        where = os.path.abspath(directory or os.getcwd())
        call_id = call_id or self._call_id
        key = None if call_id is None else self._session.call_key(call_id)
        now_ns = time.time_ns()
        call = Call(
            self._session,
            "shell",
            command,
            key,
            call_id,
            directory=where,
            at_ns=now_ns,
            output=output,
        )
        found = uses(call, Origin(self._places))
        for event in found:
            self._record(event._replace(host=self._host, actor=self._actor))
        return tuple(RecordRef(event.records[0].kind, event.records[0].slug) for event in found)

    @property
    def _session(self) -> Session:
        return Session(self._host or "", self._segment_id, "agent", self._agent_type)

    def _used(
        self,
        record: Path,
        text: str | None,
        call_id: str | None,
        source: UsageSource | str | None,
        *,
        by_user: bool,
    ) -> RecordRef | None:
        snapshot = self._snapshot(record, None if text is None else _whole(text))
        if snapshot is None:
            return None
        usual = UsageSource.WORKFLOW_INVOKE if snapshot.kind in _LOADED else UsageSource.MEMORY_READ
        return self._told(snapshot, UsageSource(source or usual), call_id, by_user=by_user)

    def _told(
        self,
        snapshot: UsageRecordSnapshot,
        source: UsageSource,
        call_id: str | None,
        *,
        by_user: bool = False,
    ) -> RecordRef:
        """Record a use; of a tool call under the id that it has to everyone who sees it."""
        call_id = call_id or self._call_id
        event = UsageEvent.new(
            self._segment_id,
            UsageEventKind.USE,
            source,
            [snapshot],
            host=self._host,
            actor="user" if by_user else self._actor,
            call_id=call_id,
            agent_type=self._agent_type,
        )
        if call_id is not None:
            key = self._session.call_key(call_id)
            event = event._replace(id=self._session.event_id(snapshot, event.occurred_at_ns, key))
        self._record(event)
        return RecordRef(snapshot.kind, snapshot.slug)

    def _part(self, name: object, text: object) -> tuple[Included, UsageRecordSnapshot] | LeftOut:
        """What stands in a context, and its snapshot; or why it cannot be told."""
        kind, _, slug = self._quietly(lambda: str(name), "?").partition("/")
        if not isinstance(text, str):
            return LeftOut(kind, slug, "it is no text")
        shown = _whole(text)
        snapshot = self._quietly(lambda: self._snapshot(name, shown, stands=True), None)
        if snapshot is None:
            return LeftOut(
                kind, slug, "its name is none: write KIND/SLUG, or the path of a file that is there"
            )
        return Included(snapshot.kind, snapshot.slug, shown, snapshot.file_bytes), snapshot

    def _snapshot(
        self, name: object, text: str | None, *, stands: bool = False
    ) -> UsageRecordSnapshot | None:
        """The snapshot of what is named by its path or its name; None for what is no record.

        Args:
            name: The path, or the name.
            text: What entered of it.
            stands: Whether it is resident: a file that is no other record holds instructions then.
        """
        size = None if text is None else len(text.encode())
        if isinstance(name, os.PathLike) or (isinstance(name, str) and _is_path(name)):
            path = _absolute(name)
            found = self._places.instructions_at(path) if stands else self._places.record_at(path)
            is_there = found is not None and os.path.isfile(found.named)
            return found.snapshot(size) if found is not None and is_there else None
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            return None
        kind, _, slug = name.partition("/")
        if not kind or not slug or not is_text(kind + slug):
            return None
        for file_bytes in self._file_sizes(kind, slug):
            snapshot = UsageRecordSnapshot.from_size(kind, slug, file_bytes)
            return snapshot._replace(context_bytes=size)
        if size is None:
            return RecordFile(kind, slug, "", "").snapshot()
        snapshot = UsageRecordSnapshot.from_size(kind, slug, size)  # it stands for the file, too
        return snapshot._replace(context_bytes=size)

    def _file_sizes(self, kind: str, slug: str) -> Iterator[int]:
        """The size of the file of a record of the workspace, or of a skill, that is there."""
        if kind == SKILL:
            found = self._places.skill_named(slug)
            if found is not None and found.kind == SKILL:
                yield os.stat(found.file).st_size
        else:
            try:
                yield record_size(self._layout, kind, slug)
            except CtxuseError:
                return


def _is_path(name: str) -> bool:
    """Whether a text is a path rather than a name of the kind ``prompt/system``."""
    return name.startswith(("/", "~/", "./", "../")) or os.path.isfile(name)


def _may_be_path(kind: str) -> bool:
    """Whether what is to be read is named by its path: kinds have neither a dot nor a slash."""
    return "/" in kind or os.sep in kind or "." in kind


def _absolute(path: "Path | object") -> str:
    text = os.fsdecode(path)  # type: ignore[arg-type]
    return text if text.startswith("~/") else os.path.abspath(text)


def _whole(text: str) -> str:
    """A text without what no event can be the size of: halves of characters."""
    return text if is_text(text) else text.encode("utf-8", "replace").decode()
