"""What can be seen of a project at once: no workspace is needed, and nothing is written into it.

The figures are those that the log would give after an import of all transcripts that the agents
keep of the project. What each transcript tells, and what came of all together, is remembered in the
user's cache as long as neither the files nor the log nor the places of records are others.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

import msgspec

from ctxuse.cache import cache_of
from ctxuse.codec.decode import decode
from ctxuse.codec.encode import can_be_stored
from ctxuse.counting.checkpoint import count_logs
from ctxuse.counting.kinds import BASIC, LogTally, dump, load
from ctxuse.counting.sums import earliest
from ctxuse.counting.tuning import Reading
from ctxuse.events import UsageEvent, UsageEventKind, UsageRecordSnapshot, estimate_tokens, is_text
from ctxuse.hosts.jsonlines import OnRead
from ctxuse.hosts.kept import Stamp, kept_of
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.reading import Asked, read_all
from ctxuse.hosts.recorded import Recorded
from ctxuse.hosts.transcripts import Notes, Told
from ctxuse.imported import READING
from ctxuse.importing import Session, read_so_far
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.idindex import IdIndex
from ctxuse.log.naming import lines_naming
from ctxuse.log.reader import open_logs
from ctxuse.progress import OnProgress, silent
from ctxuse.remembered import Memory, digest
from ctxuse.times import parse_ns
from ctxuse.workspace import Workspace

_VERSION = 1
_SHORT = 4096
"""Characters of an event's names up to which it is never too long for a line."""

_MOST_TOLD = 48 * 1024 * 1024
"""Bytes of what a project's transcripts tell up to which that is remembered."""


class Start(msgspec.Struct, frozen=True):
    """What stood resident when a session began, as far as that is known.

    Attributes:
        records: So many records.
        tokens: Their tokens together, those left out that are not known.
        estimated: Of how many of them the tokens are a quarter of the bytes.
        unknown: Of how many of them nothing is known.
    """

    records: int
    tokens: int
    estimated: int
    unknown: int


class Agent(msgspec.Struct, frozen=True):
    """The sessions of an agent in a project.

    Attributes:
        host: The agent.
        sessions: How many there are, those of sub-agents not counted.
        since_ns: When the first one began, in nanoseconds since the epoch; None if unknown.
        start: What stood resident when the last one began; None if that is unknown.
        beyond: So many events are told by its transcripts and not in the log.
    """

    host: str
    sessions: int
    since_ns: int | None
    start: Start | None
    beyond: int


class Overview(NamedTuple):
    """What can be seen of a project.

    Attributes:
        layout: The project.
        tally: The counts of the log and of what the transcripts tell beyond it.
        agents: The agents that have sessions in it.
        in_log: How many events the log holds.
        unreadable: Transcripts that could not be read to their end, with the reason.
    """

    layout: WorkspaceLayout
    tally: LogTally
    agents: list[Agent]
    in_log: int
    unreadable: list[tuple[str, str]]


def overview(
    layout: WorkspaceLayout,
    found: Sequence[Session],
    *,
    environ: Mapping[str, str] | None = None,
    on_progress: OnProgress = silent,
    processes: int | None = None,
) -> Overview:
    """Return what can be seen of a project; nothing is written but into the user's cache.

    Args:
        layout: The project's root, whether or not it is a workspace.
        found: The transcripts of sessions in it.
        environ: The environment, for where the agents' own places and the user's cache are; that
            of the process when None.
        on_progress: Called with how many bytes have been read, and how many there are.
        processes: As for an import.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    memory = _Memory(layout, found, environ)
    result = memory.result()
    if result is None:
        result = _looked(memory, on_progress, processes)
        if not result.unreadable:
            memory.keep(result)
    return result


class _Result(msgspec.Struct):
    key: str
    tally: msgspec.Raw
    agents: list[Agent]
    in_log: int


class _Entry(msgspec.Struct, array_like=True):
    """What a transcript told, and as what."""

    stamp: Stamp
    told: bytes


class _Entries(msgspec.Struct):
    key: str
    files: dict[str, _Entry]


_result = msgspec.json.Decoder(_Result).decode
_entries = msgspec.msgpack.Decoder(_Entries).decode
_BROKEN = (msgspec.DecodeError, RecursionError, ValueError)


class _Memory:
    """What is remembered of a project, and of what it holds.

    Attributes:
        layout: The project.
        found: Its transcripts.
        environ: The environment; that of the process when None.
        held: What is to be remembered of each transcript, by agent and path, as far as there is
            room.
    """

    def __init__(
        self, layout: WorkspaceLayout, found: Sequence[Session], environ: Mapping[str, str] | None
    ) -> None:
        self.layout = layout
        self.found = found
        self.environ = environ
        self.held: dict[str, _Entry] = {}
        self._room = _MOST_TOLD
        self._memory = Memory(os.environ if environ is None else environ, "overviews", _VERSION)
        self._name = os.fspath(layout)
        stamp = {host: kept_of(host).stamping() for host in {one.host for one in found}}
        self._stamps = {_key(one.host, one.path): stamp[one.host](one.path) for one in found}
        self._places = _digest([READING, os.fspath(layout), _records(Places(layout, environ))])
        self._all = _digest([self._places, _logs(layout), [*self._stamps.items()]])

    def result(self) -> Overview | None:
        """Return what came of the very same files and log before."""
        data = self._memory.load(self._name)
        try:
            stored = None if data is None else _result(data)
            if stored is None or stored.key != self._all:
                return None
            return Overview(
                self.layout, load(bytes(stored.tally)), stored.agents, stored.in_log, []
            )
        except _BROKEN:
            return None

    def told(self) -> dict[str, _Entry]:
        """Return what the transcripts told that have not changed since, by agent and path."""
        data = self._memory.load(f"told {self._name}")
        try:
            stored = None if data is None else _entries(data)
        except _BROKEN:
            stored = None
        if stored is None or stored.key != self._places:
            return {}
        same = {
            name: entry
            for name, entry in stored.files.items()
            if entry.stamp == self._stamps.get(name)
        }
        for name, entry in same.items():
            self._hold(name, entry)
        return same

    def read(self, name: str, told: Told) -> None:
        """Take note of what a transcript tells that was read now."""
        stamp = self._stamps[name]
        if stamp is not None and told.summary.unread is None:
            parts, size = [], 0
            for part in told.parts():
                size += len(part)
                if size > self._room:
                    return
                parts.append(part)
            self._hold(name, _Entry(stamp, b"".join(parts)))

    def _hold(self, name: str, entry: _Entry) -> None:
        if len(entry.told) <= self._room and is_text(name):
            self._room -= len(entry.told)
            self.held[name] = entry

    def keep(self, result: Overview) -> None:
        """Remember what came of all."""
        tally = msgspec.Raw(dump(result.tally))
        encode_it = msgspec.json.Encoder(enc_hook=str).encode
        stored = _Result(self._all, tally, result.agents, result.in_log)
        self._memory.save(self._name, encode_it(stored))
        told = msgspec.msgpack.Encoder().encode(_Entries(self._places, self.held))
        self._memory.save(f"told {self._name}", told)


def _key(host: str, path: str) -> str:
    return f"{host}\0{path}"


def _digest(value: object) -> str:
    return digest(repr(value).encode("utf-8", "surrogatepass"))


def _records(places: Places) -> object:
    """What decides which record a path or a name is, and which lines of an output are one's."""
    files = sorted((r.kind, r.slug, r.named, *_written(r.named)) for r in record_files(places))
    return files, places.home, sorted(places.config_dirs.items())


def _written(path: str) -> tuple[int, int]:
    """The size of a file and when it was written; zeros for one that cannot be seen."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _logs(layout: WorkspaceLayout) -> object:
    """What tells the files of a log from others."""
    found = [(log.name, os.fstat(log.descriptor)) for log in open_logs(layout)]
    return [(name, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns) for name, at in found]


def _looked(memory: _Memory, on_progress: OnProgress, processes: int | None) -> Overview:
    layout = memory.layout
    cache = cache_of(os.environ if memory.environ is None else memory.environ)
    tally = count_logs(layout, BASIC, Reading(cache))
    in_log = tally.basic.events
    known = memory.told()
    rest = [one for one in memory.found if _key(one.host, one.path) not in known]
    whole = sum(kept_of(one.host).size(one.path) for one in rest)
    on_read = read_so_far(on_progress, whole)
    agents = []
    unreadable = []
    with closing(IdIndex(layout)) as index:
        there = index if in_log and memory.found else None
        if there is not None:
            there.catch_up()
        for host in dict.fromkeys(one.host for one in memory.found):
            agent = _Agent(host, layout)
            asked = Asked(host, layout, whole, memory.environ, processes)
            for path, told in _told(memory, known, asked, on_read):
                agent.add(told, there, tally)
                if told.summary.unread is not None:
                    unreadable.append((path, told.summary.unread))
            if agent.sessions:
                agents.append(agent.done())
    return Overview(layout, tally, agents, in_log, unreadable)


def _told(
    memory: _Memory, known: Mapping[str, _Entry], asked: Asked, on_read: OnRead
) -> Iterator[tuple[str, Told]]:
    """Yield each transcript of an agent with what it tells: from memory, or read now."""
    paths = [one.path for one in memory.found if one.host == asked.host]
    rest = [path for path in paths if _key(asked.host, path) not in known]
    with closing(read_all(asked, rest, on_read)) as reading:
        for path in paths:
            name = _key(asked.host, path)
            if name in known:
                with Told.of(known[name].told) as told:
                    yield path, told
            else:
                fresh = next(reading)
                memory.read(name, fresh)
                yield path, fresh


class _Agent:
    """Counts what an agent's transcripts tell beyond the log."""

    def __init__(self, host: str, layout: WorkspaceLayout) -> None:
        self.sessions: dict[str, int | None] = {}
        self._host = host
        self._layout = layout
        self._notes = Notes()
        self._recorded = Recorded(host, Workspace(layout).events)
        self._seen: set[str] = set()
        self._latest = _Latest()
        self._beyond = 0

    def add(self, told: Told, index: IdIndex | None, tally: LogTally) -> None:
        """Count what a transcript tells, and what neither the log nor one before it has told."""
        for session, began in told.summary.sessions.items():
            at_ns = parse_ns(began.first)
            self.sessions[session] = earliest(self.sessions.get(session), at_ns)
            answered_ns = None if began.answered is None else parse_ns(began.answered)
            self._latest.began(session, at_ns, answered_ns)
        has = _nothing if index is None else index.__contains__
        for occurrence in told.occurrences(self._notes, self._recorded.by_hook):
            for event, is_there in self._recorded.known(occurrence, has):
                self._latest.add(event)
                if not is_there and event.id not in self._seen:
                    self._seen.add(event.id)
                    if _is_short(event) or can_be_stored(event):
                        self._beyond += 1
                        tally.basic.add(event)

    def done(self) -> Agent:
        """Return the figures."""
        for event in _exposures(self._layout, self._latest.session):
            self._latest.add(event)
        known = [at_ns for at_ns in self.sessions.values() if at_ns is not None]
        since_ns = min(known, default=None)
        start = self._latest.start()
        return Agent(self._host, len(self.sessions), since_ns, start, self._beyond)


def _nothing(_: str) -> bool:
    """A log in which there is nothing."""
    return False


def _is_short(event: UsageEvent) -> bool:
    """Whether an event is never too long for a line."""
    texts = (event.segment_id, event.call_id or "", *(record.slug for record in event.records))
    return sum(map(len, texts)) < _SHORT


class _Latest:
    """What stood resident when the latest session began: up to its first answer."""

    def __init__(self) -> None:
        self.session: str | None = None
        self._began_ns: int | None = None
        self._answered_ns: int | None = None
        self._records: dict[tuple[str, str], UsageRecordSnapshot] = {}

    def began(self, session: str, at_ns: int | None, answered_ns: int | None) -> None:
        """Take note of a session."""
        if at_ns is not None and (self._began_ns is None or at_ns > self._began_ns):
            if session != self.session:
                self._records.clear()
            self.session, self._began_ns, self._answered_ns = session, at_ns, answered_ns

    def add(self, event: UsageEvent) -> None:
        """Take note of an event, which may be of another session."""
        if event.event is not UsageEventKind.RESIDENT_EXPOSURE or event.segment_id != self.session:
            return
        if self._answered_ns is not None and event.occurred_at_ns > self._answered_ns:
            return
        for record in event.records:
            name = record.kind, record.slug
            before = self._records.get(name)
            if before is None or _how_known(record) > _how_known(before):
                self._records[name] = record

    def start(self) -> Start | None:
        """Return the figures; None where nothing is known."""
        if not self._records:
            return None
        tokens = estimated = unknown = 0
        for record in self._records.values():
            if record.context_tokens is not None:
                tokens += record.context_tokens
            elif record.context_bytes is not None:
                tokens += estimate_tokens(record.context_bytes)
                estimated += 1
            elif record.sized:
                tokens += record.file_tokens_estimate
                estimated += 1
            else:
                unknown += 1
        return Start(len(self._records), tokens, estimated, unknown)


def _how_known(record: UsageRecordSnapshot) -> tuple[bool, bool, bool]:
    return record.context_tokens is not None, record.context_bytes is not None, record.sized


def _exposures(layout: WorkspaceLayout, session: str | None) -> Iterator[UsageEvent]:
    """Yield the events that the log holds of a session, and maybe others."""
    if session is None:
        return
    for line in lines_naming(layout, [session]):
        found = decode(line)
        if isinstance(found, UsageEvent):
            yield found
