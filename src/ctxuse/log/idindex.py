"""Which ids stand in the log: for adding each event once, and for finding repeated ids.

The ids lie in a temporary database on disk, so memory does not grow with the log.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

from ctxuse.codec.decode import Valid, check
from ctxuse.errors import LogUnreadableError
from ctxuse.ids import canonical_id, packed_id
from ctxuse.layout import LOG_NAME, USAGE_DIR, WorkspaceLayout
from ctxuse.log.cursor import Cursor, Position
from ctxuse.log.reader import Lines, OpenLog, open_logs, read_blocks

_CACHE_KIB = 16 * 1024


class _Room:
    """Says of a block that the ids of the log at a path find no room on disk; used again.

    Raises:
        LogUnreadableError: By the block.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            reason = (
                f"the ids of its events find no room in a temporary file ({error}): make room,"
                " or let TMPDIR name a directory that has it"
            )
            raise LogUnreadableError(self._path, reason) from error


class IdCounter:
    """Counts how often each id of a workspace's log was met. To be closed.

    Raises:
        LogUnreadableError: By each use: there is no room for the ids.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._room = _Room(os.path.join(layout, *USAGE_DIR, LOG_NAME))
        with self._room:
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
                self._database.execute(f"PRAGMA {setting}")
            self._database.execute(
                "CREATE TABLE ids (id BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"
            )

    def add(self, ids: Iterable[str]) -> None:
        """Count every one of `ids`, which are canonical."""
        packed = ((packed_id(event_id),) for event_id in ids)
        with self._room:
            if not self._database.in_transaction:  # an add that was interrupted may have left one
                self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO ids VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1",
                packed,
            )
            self._database.execute("COMMIT")

    def __contains__(self, event_id: str) -> bool:
        return self._first("SELECT 1 FROM ids WHERE id = ?", packed_id(event_id)) is not None

    def __len__(self) -> int:
        return self._first("SELECT count(*) FROM ids") or 0

    def repeated(self) -> Iterator[tuple[str, int]]:
        """Yield the ids that were met more than once, and how often, sorted."""
        query = "SELECT id, number FROM ids WHERE number > 1 ORDER BY id"
        with self._room, closing(self._database.execute(query)) as found:
            for packed, number in found:
                yield _text(packed), number

    def repeated_number(self) -> int:
        """Return how many ids were met more than once."""
        return self._first("SELECT count(*) FROM ids WHERE number > 1") or 0

    def number_absent_from(self, other: "IdCounter") -> int:
        """Return how many distinct ids were met here and not by `other`."""
        with self._room, closing(self._database.execute("SELECT id FROM ids")) as found:
            return sum(_text(packed) not in other for (packed,) in found)

    def close(self) -> None:
        """Give back the temporary database."""
        self._database.close()

    def _first(self, query: str, *values: bytes) -> int | None:
        """The number that a query finds, if it finds one."""
        with self._room, closing(self._database.execute(query, values)) as found:
            row = found.fetchone()
        number: int | None = None if row is None else row[0]
        return number


class IdIndex:
    """The ids of all finished lines of a log, archived logs included, kept up to date by need.

    Each byte is read once, as long as the log only grows or is archived by us; when it was
    replaced or shortened, everything is read anew.

    Attributes:
        pending: The id of the event on a last line that is whole but for its newline.
        lost: Whether an id that had been read was gone later.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._known = IdCounter(layout)
        self._cursor = Cursor()
        self.pending: str | None = None
        self.lost = False

    def catch_up(self) -> None:
        """Read what has been appended since the last time.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        if not self._read_on():
            before, self._known, self._cursor = self._known, IdCounter(self._layout), Cursor()
            try:
                self._read_on()
                self.lost = self.lost or before.number_absent_from(self._known) > 0
            finally:
                before.close()

    def _read_on(self) -> bool:
        """Read what is new and say whether all that was read before is still there."""
        missed = self._cursor.holding
        for log in open_logs(self._layout):
            position = self._cursor.of(log)
            if self._cursor.holds(log):
                missed = position.offset == 0
            self._cursor.reached(log, Position(self._read(log, position.offset)))
        return not missed

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._known

    def close(self) -> None:
        """Give back what is held."""
        self._known.close()
        self._cursor.close()

    def _read(self, log: OpenLog, start: int) -> int:
        """Add the ids of the finished lines from `start` on and return where they end.

        Nobody finishes the last line of an archived log: it stands there as it is.
        """
        self.pending = None
        for block in read_blocks(log.descriptor, start, log.end):
            if log.is_present and not block.ended:
                if isinstance(block, Lines):
                    last = check(block.lines[0])
                    self.pending = last.id if isinstance(last, Valid) else None
                break
            if isinstance(block, Lines):
                found = map(check, block.lines)
                self._known.add(one.id for one in found if isinstance(one, Valid))
            start = block.end
        return start


def _text(packed: bytes) -> str:
    return str(canonical_id(packed.hex()))
