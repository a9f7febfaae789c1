"""Other logs: a union by id, and of requests by when they were answered and what they took in."""

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache as once

from ctxuse.adding import Adding, ImportResult
from ctxuse.codec import MAX_READ_LINE, MAX_WRITTEN_LINE
from ctxuse.codec.decode import Refusal, SkipReason, decode
from ctxuse.codec.encode import ascii_line, split
from ctxuse.errors import CtxuseError, InvalidEventError, LogUnreadableError
from ctxuse.events import UsageEvent
from ctxuse.files import closing_fd, open_regular, what_happened
from ctxuse.ids import following_id
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.blocks import Known, add_missing
from ctxuse.log.naming import lines_with
from ctxuse.log.reader import Oversized, open_logs, read_blocks
from ctxuse.workspace import Workspace


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
    only_told: dict[str, int] | None = {} if dry_run else None
    with Adding(workspace, result, dry_run=dry_run) as adding:
        for path in files:
            result.notes.files += 1
            try:
                parts = _Parts(workspace.layout, path, only_told)
                for line in _log_lines(path):
                    refusal = _add_line(adding, line, known, parts)
                    if refusal is not None:
                        result.notes.not_understood[refusal.reason.value] += 1
            except CtxuseError:
                raise
            except OSError as error:
                result.unreadable.append((path, what_happened(error)))
    return result


def _log_lines(path: str) -> Iterator[bytes]:
    """The lines of a log, or of those of the workspace whose root a path is, archived ones first.

    Raises:
        OSError: It cannot be read, or there is none.
    """
    try:
        if not os.path.isdir(path):
            with closing_fd(open_regular(path)) as descriptor:
                yield from _lines_of(descriptor)
            return
        there = False
        for log in open_logs(WorkspaceLayout(path)):
            there = True
            yield from _lines_of(log.descriptor)
    except LogUnreadableError as error:
        raise OSError(errno.EINVAL, error.reason, error.path) from error
    if not there:
        raise FileNotFoundError(errno.ENOENT, "there is no log in it", path)


def _lines_of(descriptor: int) -> Iterator[bytes]:
    """Its lines up to where it ends now: what is appended meanwhile may be our own."""
    for block in read_blocks(descriptor):
        if isinstance(block, Oversized):
            yield b"-" * (MAX_READ_LINE + 1)  # as unreadable, and as long, as it needs to be
        else:
            yield from (line.rstrip(b"\r") for line in block.lines if line.strip())


class _Parts:
    """Parts of events that were too long for a line, of which a log may hold the whole.

    The first part has the id of the whole, the others have those that follow: where that is there,
    with more records than the first part, none of the others is missing. At the first that follows
    another, all first parts of the other log are looked for at once: each reading takes the whole.

    Args:
        layout: The workspace of the log.
        path: The other log.
        only_told: How many records each event has that would be added, in a dry run; None else.
    """

    def __init__(
        self, layout: WorkspaceLayout, path: str, only_told: dict[str, int] | None = None
    ) -> None:
        self._layout = layout
        self._path = path
        self._only_told = only_told
        self._most: dict[str, int] | None = None
        self._first: UsageEvent | None = None
        self._last: UsageEvent | None = None

    def are_there(self, event: UsageEvent) -> bool:
        """Take in the next event of the other log; whether it is a part of one that is whole."""
        if not self._follows_last(event):
            return False
        if self._most is None:
            self._most = self._most_records()
        first = self._first
        return first is not None and self._most.get(first.id, 0) > len(first.records)

    def added(self, event: UsageEvent, *, is_new: bool) -> None:
        """Take note that an event was added, or was there."""
        if is_new and self._only_told is not None:
            self._only_told[event.id] = len(event.records)
        if self._most is None or event.id not in self._most:
            return
        if is_new:
            self._most[event.id] = max(self._most[event.id], len(event.records))
        elif self._most[event.id] < 0:  # somebody else has added it since
            self._look(self._most)
            self._most[event.id] = max(self._most[event.id], 0)  # once, whatever was found

    def _follows_last(self, event: UsageEvent) -> bool:
        """Take in an event; whether it is the part behind the one before."""
        last, self._last = self._last, event
        if last is not None and _follows(event, last):
            return True
        self._first = event
        return False

    def _most_records(self) -> dict[str, int]:
        """How many records the log has, at most, under the id of each first part; -1 without it."""
        reading, found = _Parts(self._layout, self._path), dict[str, int]()
        for line in _log_lines(self._path):
            _, event = _present(line)
            if not isinstance(event, Refusal) and reading._follows_last(event) and reading._first:
                found[reading._first.id] = -1
        found |= {one: most for one, most in (self._only_told or {}).items() if one in found}
        self._look(found)
        return found

    def _look(self, most: dict[str, int]) -> None:
        """Look in the log how many records there are under some ids."""
        for event_id, line in lines_with(self._layout, most):
            event = decode(line)
            if not isinstance(event, Refusal):
                most[event_id] = max(most[event_id], len(event.records))


def _follows(event: UsageEvent, other: UsageEvent) -> bool:
    """Whether an event is the part behind another."""
    same = event.segment_id == other.segment_id and event.occurred_at_ns == other.occurred_at_ns
    return same and event.id == following_id(other.id, 1)


def _add_line(
    adding: Adding, line: bytes, known: Callable[[], Known], parts: _Parts
) -> Refusal | None:
    """Add the event on a line of another log; return why there is none that can be added."""
    line, found = _present(line)
    if isinstance(found, Refusal):
        return found
    written = ascii_line(line.strip())
    if found.requests is not None:
        return _add_block(adding, found, written, known())
    if parts.are_there(found):
        adding.found()
        return None
    if len(written) < MAX_WRITTEN_LINE:
        parts.added(found, is_new=adding.add(found.id, written))
        return None
    try:
        for part, part_line in split(found):
            parts.added(part, is_new=adding.add(part.id, part_line))
    except InvalidEventError:  # one record alone is too long for a line
        return Refusal(SkipReason.OVERSIZED)
    return None


def _add_block(adding: Adding, block: UsageEvent, written: bytes, known: Known) -> Refusal | None:
    """Add what of a block has none; again, where others have added some of it meanwhile."""
    if len(written) >= MAX_WRITTEN_LINE:
        return Refusal(SkipReason.OVERSIZED)

    def append(part: UsageEvent) -> bool:
        return adding.add_block(part, known, written if part is block else None)

    _, is_all = add_missing(block, known, append)
    return None if is_all else Refusal(SkipReason.WRONG_TYPE)


def _present(line: bytes) -> tuple[bytes, UsageEvent | Refusal]:
    """A line as it is written today, and what it holds."""
    found = decode(line)
    if isinstance(found, Refusal) and found.reason is SkipReason.LEGACY_SCHEMA:
        line = _of_present_schema(line)
        found = decode(line)
    return line, found


def _of_present_schema(line: bytes) -> bytes:
    """A line of the older schema as it is written today: ``session_id`` is ``segment_id``."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return line
    renamed = {("segment_id" if k == "session_id" else k): v for k, v in fields.items()}
    return json.dumps(renamed, separators=(",", ":")).encode("ascii")
