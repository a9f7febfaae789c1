"""Bringing in what agents left behind: their transcripts, and other logs.

Every event has an id that follows from what it tells of, and is appended once: doing it again, a
longer copy, a fork, or a hook that saw the same adds nothing twice.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache as once
from typing import NamedTuple, Self

from ctxuse.codec import MAX_READ_LINE, MAX_WRITTEN_LINE
from ctxuse.codec.decode import Refusal, SkipReason, decode
from ctxuse.codec.encode import ascii_line, encode, split
from ctxuse.errors import CtxuseError, InvalidEventError, LogUnreadableError, TranscriptError
from ctxuse.events import UsageEvent
from ctxuse.files import closing_fd, open_regular, real_path, what_happened
from ctxuse.hosts.jsonlines import COMPRESSED, OnRead
from ctxuse.hosts.parts import transcripts_of
from ctxuse.hosts.paths import holds, is_name
from ctxuse.hosts.places import Places
from ctxuse.hosts.reading import Asked, read_all, size_of
from ctxuse.hosts.recorded import Recorded
from ctxuse.hosts.responses import Known, stored, without_known
from ctxuse.hosts.transcripts import Head, Notes
from ctxuse.imported import Imported
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.idindex import IdIndex
from ctxuse.log.reader import open_logs
from ctxuse.log.writer import LogWriter
from ctxuse.progress import OnProgress, silent
from ctxuse.workspace import Workspace


@dataclass(slots=True)
class ImportResult:
    """What an import found and did.

    Attributes:
        added: Events added, or that would be with `dry_run`.
        there: Events that the log had already.
        requests: Requests of which was stored what is known, or would be.
        unchanged: Transcripts passed over: imported before, and not changed since. Their events
            are among those that are there; of what else they tell nothing is in the notes.
        notes: What told of no event.
        unreadable: Files that could not be read, with the reason.
    """

    added: int = 0
    there: int = 0
    requests: int = 0
    unchanged: int = 0
    notes: Notes = field(default_factory=Notes)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def import_transcripts(  # noqa: PLR0913 - two of them are for tests and for terminals
    workspace: Workspace,
    host: str,
    files: Iterable[str],
    *,
    dry_run: bool = False,
    on_progress: OnProgress = silent,
    environ: Mapping[str, str] | None = None,
    processes: int | None = None,
    cache: bool | None = None,
) -> ImportResult:
    """Add the events that transcripts of an agent tell of.

    Transcripts that have been imported into this log before and not changed since are passed over.

    Args:
        workspace: The workspace.
        host: The agent.
        files: Its transcripts.
        dry_run: Add nothing; say what would be added.
        on_progress: Called with how many bytes have been read, and how many there are.
        environ: The environment, for where the agents' own places are; that of the process when
            None.
        processes: How many processes read; when None, as many as pay. Nothing else depends on it.
        cache: Whether it is remembered, in the user's cache directory, what has been imported; None
            leaves that to the environment, ``CTXUSE_NO_CACHE``.

    Raises:
        KeyError: The agent is not known.
        AppendError: An event could not be appended; what was before is stored.
        LogUnreadableError: The log exists but cannot be read.
    """
    result = ImportResult()
    notes = result.notes
    imported = Imported(workspace.layout, host, environ, used=cache)
    paths: list[str] = []
    for path in files:
        notes.files += 1
        events = imported.events(path)
        if events is None:
            paths.append(path)
        else:
            result.unchanged += 1
            result.there += events
    whole = sum(map(size_of, paths))
    on_read = read_so_far(on_progress, whole)
    asked = Asked(host, workspace.layout, whole, environ, processes)
    recorded = Recorded(host, workspace.events)
    blocks = once(lambda: Known.of_log(workspace.layout))
    with (
        _Adding(workspace, result, dry_run=dry_run) as adding,
        closing(read_all(asked, paths, on_read)) as all_told,
        imported,
    ):
        for path, told in zip(paths, all_told, strict=True):
            before = result.added + result.there
            for occurrence in told.occurrences(notes, recorded.by_hook):
                for event, is_there in recorded.known(occurrence, adding.has):
                    _add(adding, event, notes, is_there=is_there)
            ratio = told.summary.bytes_per_token
            for block in stored(host, told.requests, blocks, ratio, whole=True).blocks:
                _add(adding, block, notes)
            if adding.lost():
                imported.lost()
            if told.summary.error is not None:
                result.unreadable.append((path, told.summary.error))
            elif not dry_run:
                imported.keep(path, result.added + result.there - before)
    return result


def _add(adding: "_Adding", event: UsageEvent, notes: Notes, *, is_there: bool = False) -> None:
    """Add an event that is not there."""
    if is_there:
        adding.found()
        return
    try:
        line = encode(event)
    except InvalidEventError:  # names of thousands of characters
        notes.not_understood.saw("(no event)")
    else:
        adding.add(event.id, line, 0 if event.requests is None else len(event.requests.at_ms))


def read_so_far(on_progress: OnProgress, whole: int) -> OnRead:
    """Return what is told of each part that was read, and tells of how much has been.

    Args:
        on_progress: Called with how many bytes have been read, and how many there are.
        whole: How many there are.
    """
    done = 0

    def told(length: int) -> None:
        nonlocal done
        done += length
        on_progress(min(done, whole), whole)

    return told


def import_log(
    workspace: Workspace, files: Iterable[str], *, dry_run: bool = False
) -> ImportResult:
    """Add the events of other logs, as a union by id; also those of the older schema.

    Logs may tell of the same requests in blocks that end elsewhere: of these only what has none is
    added. Lines that are no events are counted by reason in the notes. Below the root of a
    workspace no link is followed, and what is no regular file is not read.

    Args:
        workspace: The workspace.
        files: Logs, or roots of workspaces.
        dry_run: Add nothing; say what would be added.

    Raises:
        AppendError: An event could not be appended; what was before is stored.
        LogUnreadableError: The log of the workspace exists but cannot be read.
    """
    result = ImportResult()
    known = once(lambda: Known.of_log(workspace.layout))
    with _Adding(workspace, result, dry_run=dry_run) as adding:
        for path in files:
            result.notes.files += 1
            try:
                for line in _log_lines(path):
                    found = _events_of(line, known)
                    if isinstance(found, Refusal):
                        result.notes.not_understood[found.reason.value] += 1
                        continue
                    for event_id, written, requests in found:
                        adding.add(event_id, written, requests)
            except CtxuseError:
                raise
            except OSError as error:
                result.unreadable.append((path, what_happened(error)))
    return result


class Session(NamedTuple):
    """A transcript that an agent keeps.

    Attributes:
        host: The agent.
        path: The transcript.
        began: The directory in which its session began; None when it does not say.
        root: The root of the workspace that directory is in; None when it is in none.
        head: What its first lines say.
        error: Why it could not be read, or a directory in which there may be some; None if it was.
    """

    host: str
    path: str
    began: str | None
    root: str | None
    head: Head
    error: str | None = None


def sessions(host: str, places: Places) -> Iterator[Session]:
    """Yield every transcript that an agent keeps, of whatever directory, sorted."""
    reader = transcripts_of(host)
    roots: dict[str, str | None] = {}
    unreadable: list[tuple[str, str]] = []
    there = [path for path in places.transcript_dirs(host) if _is_folder(path, unreadable)]
    for path in transcripts_in(there, unreadable):
        try:
            head = reader.head(path)
        except OSError as error:
            unreadable.append((path, what_happened(error)))
            continue
        began = head.directory
        if began is None or not os.path.isabs(began) or not is_name(began):
            yield Session(host, path, None, None, head)
            continue
        if began not in roots:
            layout = WorkspaceLayout.find(began)
            is_one = layout.has_marker and not places.is_above_projects(os.fspath(layout))
            roots[began] = os.fspath(layout) if is_one else None
        yield Session(host, path, began, roots[began], head)
    for path, reason in unreadable:
        yield Session(host, path, None, None, Head(), reason)


def _is_folder(path: str, unreadable: list[tuple[str, str]]) -> bool:
    """Whether there is a directory; what else is there, or cannot be looked at, is added."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return True
        unreadable.append((path, "it is no directory"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        unreadable.append((path, what_happened(error)))
    return False


def began_in(layout: WorkspaceLayout, found: Iterable[Session]) -> list[str]:
    """Return the transcripts of sessions that began in a workspace, or in what is to be one."""
    own = real_path(layout)
    if layout.has_marker:
        return [s.path for s in found if s.root and real_path(s.root) == own]
    return [s.path for s in found if s.began and not s.root and holds(own, s.began)]


def transcripts_in(paths: Iterable[str], unreadable: list[tuple[str, str]]) -> list[str]:
    """Return the transcripts that `paths` are, or hold when they are directories, sorted.

    Args:
        paths: The paths.
        unreadable: Where directories that cannot be read are added, with the reason.

    Raises:
        TranscriptError: A path does not exist.
    """

    def note(error: OSError) -> None:
        unreadable.append((os.fsdecode(error.filename), what_happened(error)))

    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            for folder, directories, names in os.walk(path, onerror=note):
                directories.sort()
                links = filter(os.path.islink, (os.path.join(folder, d) for d in directories))
                unreadable += [(link, "it is a link to a directory") for link in links]
                found += [os.path.join(folder, n) for n in sorted(names) if n.endswith(_NAMES)]
        elif os.path.exists(path):
            found.append(path)
        else:
            raise TranscriptError(path, "it does not exist")
    return found


_NAMES = (".jsonl", f".jsonl{COMPRESSED}")
"""How the names of transcripts end."""


class _Adding:
    """Adds events once, looking through each byte of the log once."""

    def __init__(self, workspace: Workspace, result: ImportResult, *, dry_run: bool) -> None:
        if not dry_run:
            workspace.tell_git()
        self._index = IdIndex(workspace.layout)
        self._writer = LogWriter(workspace.layout)
        self._result = result
        self._dry_run = dry_run
        self._seen: set[str] = set()
        self._looked = False

    def lost(self) -> bool:
        """Return whether something that had been added, or was there, is gone from the log."""
        if self._looked:
            self._index.catch_up()
        return self._index.lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._index.close()

    def has(self, event_id: str) -> bool:
        """Whether an event is in the log."""
        if not self._looked:
            self._index.catch_up()
            self._looked = True
        return event_id in self._index

    def found(self) -> None:
        """Take note that an event is there."""
        self._result.there += 1

    def add(self, event_id: str, line: bytes, requests: int = 0) -> None:
        """Add one event, or say whether it would be added.

        Args:
            event_id: Its id.
            line: Its line.
            requests: How many requests it tells of; of records it does not tell then.
        """
        if self.has(event_id):
            fresh = False
        elif self._dry_run:
            fresh = event_id not in self._seen
            self._seen.add(event_id)
        else:
            fresh = self._writer.append_once(event_id, line, index=self._index)
        if requests:
            self._result.requests += requests * fresh
        else:
            self._result.added += fresh
            self._result.there += not fresh


def _log_lines(path: str) -> Iterator[bytes]:
    """The lines of a log, or of those of the workspace whose root a path is, archived ones first.

    Raises:
        OSError: It cannot be read, or there is none.
    """
    if not os.path.isdir(path):
        with closing_fd(open_regular(path)) as descriptor:
            yield from _lines_of(descriptor)
        return
    there = False
    try:
        for log in open_logs(WorkspaceLayout(path)):
            there = True
            yield from _lines_of(log.descriptor)
    except LogUnreadableError as error:
        raise OSError(errno.EINVAL, error.reason, error.path) from error
    if not there:
        raise FileNotFoundError(errno.ENOENT, "there is no log in it", path)


def _lines_of(descriptor: int) -> Iterator[bytes]:
    limit = MAX_READ_LINE
    with open(descriptor, "rb", closefd=False) as file:
        left = os.fstat(descriptor).st_size  # what is appended meanwhile may be our own
        while left > 0 and (line := file.readline(min(limit + 2, left))):
            left -= len(line)
            if line.strip():
                yield line.rstrip(b"\r\n")
            while len(line) == limit + 2 and not line.endswith(b"\n"):
                line = file.readline(limit + 2)  # the rest of a line that is too long anyway
                left -= len(line)


def _events_of(line: bytes, known: Callable[[], Known]) -> list[tuple[str, bytes, int]] | Refusal:
    """The ids and lines to be written for the event on a line; or why there is none.

    With each, of how many requests it tells.
    """
    found = decode(line)
    if isinstance(found, Refusal) and found.reason is SkipReason.LEGACY_SCHEMA:
        line = _of_present_schema(line)
        found = decode(line)
    if isinstance(found, Refusal):
        return found
    written = ascii_line(line.strip())
    if found.requests is not None:
        if len(written) >= MAX_WRITTEN_LINE:
            return Refusal(SkipReason.OVERSIZED)
        parts = without_known(found, known())
        lines = [written] if parts == [found] else map(encode, parts)
        return [
            (part.id, text, len(part.requests.at_ms))
            for part, text in zip(parts, lines, strict=True)
            if part.requests is not None
        ]
    if len(written) < MAX_WRITTEN_LINE:
        return [(found.id, written, 0)]
    try:
        return [(part.id, part_line, 0) for part, part_line in split(found)]
    except InvalidEventError:  # one record alone is too long for a line
        return Refusal(SkipReason.OVERSIZED)


def _of_present_schema(line: bytes) -> bytes:
    """A line of the older schema as it is written today: ``session_id`` is ``segment_id``."""
    import json  # noqa: PLC0415 - seldom wanted

    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return line
    renamed = {("segment_id" if k == "session_id" else k): v for k, v in fields.items()}
    return json.dumps(renamed, separators=(",", ":")).encode("ascii")
