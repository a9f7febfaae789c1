"""Opening the logs of one workspace of a fleet, wherever it is, for the code that reads logs.

A folder's logs are opened as they are. Others are copied to a temporary file, one at a time, and
so are the pieces of a collected log; of a log no more is held in memory than is read at once.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import IO, NamedTuple, TypeVar

from ctxuse.errors import CtxuseError, LogUnreadableError
from ctxuse.files import RefusedError
from ctxuse.fleet.packs import Packs, Ranges
from ctxuse.fleet.pieces import MIXED, STREAMS, Stream, is_of_one_log, streams_of
from ctxuse.fleet.source import Source, reason_of
from ctxuse.fleet.store import LocalStore, RemoteStore, Store
from ctxuse.layout import COLLECTED, LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.names import is_log
from ctxuse.log.reader import OpenLog, open_logs, pread_all
from ctxuse.reports.fleet import Unreadable

TRIES = 3
"""How often a workspace is read at most when the trouble can pass."""

_PAUSE = 0.1
"""Seconds to the second try; more to the next."""

_LASTING = (
    RefusedError,
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    PermissionError,
    ImportError,
    ValueError,
)

R = TypeVar("R")


class Opened(NamedTuple):
    """One log of a workspace, open while it is used.

    Attributes:
        log: The open log.
        layout: The workspace whose checkpoints stand for it; None when it is a copy.
        in_holes: How many bytes of what it is a copy of were in holes.
    """

    log: OpenLog
    layout: WorkspaceLayout | None = None
    in_holes: int = 0


def logs_of(source: Source, packs: Packs) -> Iterator[Opened]:
    """Open the logs of a workspace in order: archived ones, the present one, collected ones.

    Args:
        source: The workspace.
        packs: The packs that it and those before and behind it have parts in.

    Raises:
        LogUnreadableError: A log exists but cannot be read, or there is no such workspace here.
        OSError: An address could not be read; libraries raise other errors, too.
    """
    layout = source.layout
    if layout is None:
        yield from _remote(source, packs)
        return
    usage = os.path.join(layout, *USAGE_DIR)
    store = LocalStore(usage)
    if source.is_in_packs_alone:
        yield from _collected(store, {}, source, packs)
        return
    if not layout.has_marker:
        reason = "there is no workspace (.yoi/memory/) where it is read"
        raise LogUnreadableError(source.address, reason)
    for log in open_logs(layout):
        yield Opened(log, layout)
    files = store.names(COLLECTED, STREAMS)
    if files and (reason := why_not_believed(layout)):
        raise LogUnreadableError(source.address, reason)
    yield from _collected(store, files, source, packs)


def why_not_believed(root: str | os.PathLike[str]) -> str:
    """Return why nobody believes what was collected of a workspace; empty where it is believed.

    Whoever may write beside it may write logs of the workspace, too.

    Raises:
        OSError: It cannot be looked at.
    """
    usage = os.path.join(root, *USAGE_DIR)
    try:
        owners = {os.stat(root).st_uid}
        LocalStore(usage).believed_by(COLLECTED, owners, os.stat(usage).st_mode)
    except PermissionError as error:
        return f"{COLLECTED}: {reason_of(error)}"
    return ""


def needs_fleet(source: Source) -> bool:
    """Whether what reads one workspace does not read all of it: a copy, or collected logs."""
    layout = source.layout
    return (
        layout is None
        or source.is_in_packs_alone
        or os.path.isdir(os.path.join(layout, *USAGE_DIR, COLLECTED))
    )


def _remote(source: Source, packs: Packs) -> Iterator[Opened]:
    store = RemoteStore(source.usage_url)
    with tempfile.TemporaryFile() as present:
        files = _settled(source, store, present)
        for name in sorted(name for name in files if is_log(name) and name != LOG_NAME):
            with tempfile.TemporaryFile() as file:
                store.copy(name, file)
                yield _of(file, name)
        if LOG_NAME in files:
            yield _of(present, LOG_NAME)
    pieces = {name: size for name, size in files.items() if not is_log(name)}
    yield from _collected(store, pieces, source, packs)


def _settled(source: Source, store: Store, present: IO[bytes]) -> dict[str, int]:
    """Copy the present log, and return the files there are beside it, with their sizes.

    A log may be archived at any moment: as long as another one stands beside it when it has been
    copied, what was copied may be another file than the one that was listed.

    Raises:
        LogUnreadableError: It is archived again and again.
    """
    files = dict(source.logs)
    for _ in range(TRIES):
        present.seek(0)
        present.truncate()
        if LOG_NAME not in files:
            return files
        with suppress(FileNotFoundError):  # it is just being archived
            store.copy(LOG_NAME, present)
            after = store.names()
            if set(filter(is_log, after)) == set(filter(is_log, files)):
                return files
        files = store.names()
    raise LogUnreadableError(source.address, "its log is archived again and again; try again later")


def _collected(
    store: Store, files: dict[str, int], source: Source, packs: Packs
) -> Iterator[Opened]:
    cut = len(COLLECTED) + 1
    below = {name[cut:]: size for name, size in files.items()}
    for name, stream in streams_of(below, source.packed).items():
        if stream.trouble:
            raise LogUnreadableError(source.address, f"{COLLECTED}/{name}: {stream.trouble}")
        with tempfile.TemporaryFile() as file:
            holes = _copy_stream(store, packs.beside(source), stream, file)
            copy = _of(file, f"{stream.order or 0:020}-{name}")
            if not is_of_one_log(stream, partial(pread_all, file.fileno())):
                raise LogUnreadableError(source.address, f"{COLLECTED}/{name}: {MIXED}")
            yield copy._replace(in_holes=holes)


def _copy_stream(store: Store, ranges: Ranges, stream: Stream, target: IO[bytes]) -> int:
    """Append the bytes of a collected log to an open file; say how many are in holes."""
    holes = 0
    for step in stream.steps:
        skipped = step.start - step.piece.start
        if step.part is None:
            holes += store.copy(f"{COLLECTED}/{step.piece.name}", target, skipped)
        else:
            holes += ranges.copy(step.part, target, skipped)
    return holes


def _of(file: IO[bytes], name: str) -> Opened:
    file.flush()
    return Opened(OpenLog(name, file.fileno(), os.fstat(file.fileno()).st_size))


def with_retries(source: Source, read: Callable[[], R]) -> R | Unreadable:
    """Return what `read` returns, or why `source` cannot be read."""
    try:
        return tried(read)
    except (CtxuseError, OSError) as error:
        return Unreadable(source.address, reason_of(error, source.url))


def tried(act: Callable[[], R]) -> R:
    """Return what `act` returns, tried again where the trouble can pass.

    Raises:
        CtxuseError: The last try failed, or trying again cannot help.
        OSError: Likewise.
    """
    for number in range(1, TRIES + 1):
        try:
            return act()
        except (CtxuseError, OSError) as error:
            if number == TRIES or not can_pass(error):
                raise
        time.sleep(_PAUSE * number)
    raise AssertionError


def can_pass(error: BaseException) -> bool:
    """Whether trying again may help."""
    cause: BaseException | None = error
    while isinstance(cause, CtxuseError):
        cause = cause.__cause__
    return cause is not None and not isinstance(cause, _LASTING)
