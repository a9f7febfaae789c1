"""Bringing in what agents left behind: their transcripts.

Every event has an id that follows from what it tells of, and is appended once: doing it again, a
longer copy, a fork, or a hook that saw the same adds nothing twice.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache as once
from typing import NamedTuple

from ctxuse.adding import Adding, ImportResult
from ctxuse.codec.encode import can_be_stored, encode
from ctxuse.errors import InvalidEventError, TranscriptError
from ctxuse.events import UsageEvent
from ctxuse.files import real_path, what_happened
from ctxuse.hosts import host_named
from ctxuse.hosts.jsonlines import OnRead
from ctxuse.hosts.kept import kept_of
from ctxuse.hosts.parts import transcripts_of
from ctxuse.hosts.paths import holds, is_name
from ctxuse.hosts.places import Places
from ctxuse.hosts.reading import Asked, read_all
from ctxuse.hosts.recorded import Recorded
from ctxuse.hosts.responses import stored
from ctxuse.hosts.transcripts import Head, Notes, Told
from ctxuse.imported import Imported
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.blocks import Known
from ctxuse.progress import OnProgress, silent
from ctxuse.workspace import Workspace


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
    whole = sum(map(kept_of(host).size, paths))
    on_read = read_so_far(on_progress, whole)
    asked = Asked(host, workspace.layout, whole, environ, processes)
    recorded = Recorded(host, workspace.events)
    blocks = once(lambda: Known.of_log(workspace.layout))
    with (
        Adding(workspace, result, dry_run=dry_run) as adding,
        closing(read_all(asked, paths, on_read)) as all_told,
        imported,
    ):
        for path, told in zip(paths, all_told, strict=True):
            before = result.added + result.there
            for occurrence in told.occurrences(notes, recorded.by_hook):
                for event, is_there in recorded.known(occurrence, adding.has):
                    _add(adding, event, notes, is_there=is_there)
            _store(adding, host, told, blocks, notes)
            if adding.lost():
                imported.lost()
            if told.summary.unread is not None:
                result.unreadable.append((path, told.summary.unread))
            elif not dry_run:
                imported.keep(path, result.added + result.there - before)
    return result


def _add(adding: Adding, event: UsageEvent, notes: Notes, *, is_there: bool = False) -> None:
    """Add an event that is not there."""
    if is_there:
        adding.found()
        return
    try:
        line = encode(event)
    except InvalidEventError:  # names of thousands of characters
        notes.not_understood.saw("(no event)")
    else:
        adding.add(event.id, line)


def _store(adding: Adding, host: str, told: Told, known: Callable[[], Known], notes: Notes) -> None:
    """Store what is told of requests and has no block; again, where others have meanwhile."""
    ratio = told.summary.bytes_per_token
    while True:
        for block in stored(host, told.requests, known, ratio, whole=True).blocks:
            if not can_be_stored(block):
                notes.not_understood.saw("(no event)")
                known().add(block)
            elif not adding.add_block(block, known()):
                break
        else:
            return


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
    there = [path for path in places.transcript_dirs(host) if _is_there(host, path, unreadable)]
    for path in transcripts_in(host, there, unreadable):
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


def _is_there(host: str, path: str, unreadable: list[tuple[str, str]]) -> bool:
    """Whether there is a directory, or a file of transcripts; what else is there is added."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and _holds_some(host, path)):
            return True
        unreadable.append((path, "it is no directory"))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        unreadable.append((path, what_happened(error) if isinstance(error, OSError) else "no path"))
    return False


def _holds_some(host: str, path: str) -> bool:
    """Whether a file is called as those of transcripts are."""
    return path.endswith(host_named(host).transcript_names)


def began_in(layout: WorkspaceLayout, found: Iterable[Session]) -> list[str]:
    """Return the transcripts of sessions that began in a workspace, or in what is to be one."""
    own = real_path(layout)
    if layout.has_marker:
        return [s.path for s in found if s.root and real_path(s.root) == own]
    return [s.path for s in found if s.began and not s.root and holds(own, s.began)]


def transcripts_in(host: str, paths: Iterable[str], unreadable: list[tuple[str, str]]) -> list[str]:
    """Return the transcripts that `paths` are, or hold when they are directories, sorted.

    Args:
        host: The agent.
        paths: The paths.
        unreadable: Where directories and files that cannot be read are added, with the reason.

    Raises:
        TranscriptError: A path does not exist.
    """

    def note(error: OSError) -> None:
        unreadable.append((os.fsdecode(error.filename), what_happened(error)))

    files: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            for folder, directories, names in os.walk(path, onerror=note):
                directories.sort()
                links = filter(os.path.islink, (os.path.join(folder, d) for d in directories))
                unreadable += [(link, "it is a link to a directory") for link in links]
                below = (os.path.join(folder, name) for name in sorted(names))
                files += [file for file in below if _holds_some(host, file)]
        elif os.path.exists(path):
            files.append(path)
        else:
            raise TranscriptError(path, "it does not exist")
    found: list[str] = []
    for file in files:
        try:
            found += kept_of(host).inside(file)
        except OSError as error:
            unreadable.append((file, what_happened(error)))
    return found
