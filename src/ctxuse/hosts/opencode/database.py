"""OpenCode's database, which holds the sessions of all projects (version 1.18; SQLite).

It is only read, in a way that writes nothing, creates nothing beside it and takes no lock that
OpenCode waits for. What a query asks for is one row by its id, so that memory is bounded by the
longest row that is looked at, and one that cannot be read is passed over alone.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import quote

from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.jsonlines import LONGEST_LINE
from ctxuse.hosts.kept import Stamp
from ctxuse.remembered import digest

_PATIENCE = 1.0
_MOST_PARENTS = 32
"""So deep sub-agents of sub-agents are looked for."""

_LEFT_OPEN = "its newest part lies in {}-wal, which needs {}-shm: start OpenCode once"


class SessionRow(NamedTuple):
    """What the database says of a session.

    Attributes:
        directory: Where it began.
        root: The session that it is a sub-agent of, at last; itself where it is none.
        began_ms: When it began, in milliseconds since the epoch.
    """

    directory: object
    root: str
    began_ms: object


class Row(NamedTuple):
    """A message, or a part of one.

    Attributes:
        id: Its id.
        created_ms: When it was written first, in milliseconds since the epoch.
        data: What it holds: JSON; None for what cannot be held, or is no text.
    """

    id: str
    created_ms: object
    data: bytes | None


class Database:
    """A database that is open.

    Args:
        connection: The connection.
        path: Its path, for people.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def sessions(self) -> list[str]:
        """Return the ids of the sessions, in the order in which they began. Raises: OSError."""
        return self._names("SELECT id FROM session ORDER BY time_created, id")

    def number(self) -> int:
        """Return how many sessions there are. Raises: OSError."""
        (found,) = _first(self._rows("SELECT count(*) FROM session")) or (0,)
        return found if isinstance(found, int) else 0

    def latest(self, session: str, most: int) -> list[str]:
        """Return the other sessions that were written last, in order. Raises: OSError."""
        asked = "SELECT id FROM session WHERE id != ? ORDER BY time_updated DESC LIMIT "
        return self._names(f"{asked}{most:d}", session)[::-1]

    def session(self, session: str) -> SessionRow:
        """Return what is said of a session.

        Raises:
            OSError: It cannot be read, or is not there.
        """
        found, root, parent = self._session(session), session, None
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such session", self._path)
        parent = _name(found[1])
        for _ in range(_MOST_PARENTS):
            above = self._session(parent) if parent is not None else None
            if parent is None:
                break
            root, parent = parent, _name(above[1]) if above is not None else None
        return SessionRow(_text(found[0]), root, found[2])

    def _session(self, session: str) -> tuple[object, ...] | None:
        asked = "SELECT directory, parent_id, time_created FROM session WHERE id = ?"
        return _first(self._rows(asked, session))

    def messages(self, session: str) -> list[str]:
        """Return the ids of a session's messages, in order. Raises: OSError."""
        asked = "SELECT id FROM message WHERE session_id = ? ORDER BY time_created, id"
        return self._names(asked, session)

    def parts(self, message: str) -> list[str]:
        """Return the ids of a message's parts, in order. Raises: OSError."""
        return self._names("SELECT id FROM part WHERE message_id = ? ORDER BY id", message)

    def message(self, message: str) -> Row:
        """Return a message. Raises: OSError."""
        return self._row("SELECT time_created, data FROM message WHERE id = ?", message)

    def part(self, part: str) -> Row:
        """Return a part. Raises: OSError."""
        return self._row("SELECT time_created, data FROM part WHERE id = ?", part)

    def stamp(self, session: str) -> Stamp:
        """Return what tells whether a session is as it was. Raises: OSError."""
        counted = "SELECT count(*), max(time_updated) FROM {} WHERE session_id = ?"
        told = [_first(self._rows(counted.format(of), session)) for of in ("message", "part")]
        own = _first(self._rows("SELECT time_updated FROM session WHERE id = ?", session))
        number = sum(row[0] for row in told if row is not None and isinstance(row[0], int))
        return Stamp(number, 0, digest(repr((told, own)).encode()))

    def _names(self, asked: str, *names: str) -> list[str]:
        """The ids that are asked for; those that can be none are passed over."""
        found = (_name(row[0]) for row in self._rows(asked, *names))
        return [name for name in found if name is not None]

    def _row(self, asked: str, name: str) -> Row:
        try:
            created, data = _first(self._rows(asked, name)) or (None, None)
        except _TooLongError:
            return Row(name, None, None)
        return Row(name, created, data if isinstance(data, bytes) else None)

    def _rows(self, asked: str, *names: str) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(asked, names).fetchall()
        except sqlite3.DataError as error:
            raise _TooLongError(errno.EFBIG, str(error), self._path) from error
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise _unreadable(error, self._path) from error


def latest(session: str, most: int) -> list[str]:
    """Return the paths of the other sessions that were written last, the latest at the end.

    Args:
        session: The path of a session.
        most: How many of them.

    Raises:
        OSError: The database cannot be read.
    """
    path, own = os.path.split(session)
    with opened(path) as database:
        return [os.path.join(path, name) for name in database.latest(own, most)]


class _TooLongError(OSError):
    """A row is longer than what is looked at."""


@contextmanager
def opened(path: str) -> Iterator[Database]:
    """Open a database, as far as that can be done without writing anything.

    Raises:
        OSError: It cannot be read, or is no database of OpenCode's.
    """
    before = _as_it_is(path)
    way = f"file:{quote(os.path.abspath(path))}?mode=ro"
    log = os.path.isfile(f"{path}-wal") and os.path.getsize(f"{path}-wal")
    if log and not os.path.isfile(f"{path}-shm"):  # to read it, that would have to be made
        name = os.path.basename(path)
        raise OSError(errno.EROFS, _LEFT_OPEN.format(name, name), path)
    way += "&readonly_shm=1" if log else "&immutable=1"
    try:
        connection = sqlite3.connect(way, uri=True, timeout=_PATIENCE, isolation_level=None)
    except sqlite3.Error as error:
        raise _unreadable(error, path) from error
    try:
        connection.text_factory = bytes
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_LINE)
        yield Database(connection, path)
        if not log and _as_it_is(path) != before:  # nobody told OpenCode that it is being read
            raise OSError(errno.EAGAIN, "it was written meanwhile; try again", path)
    finally:
        connection.close()


def _as_it_is(path: str) -> tuple[int, int]:
    with closing_fd(open_regular(path)) as descriptor:
        found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def _unreadable(error: Exception, path: str) -> OSError:
    return OSError(errno.EINVAL, f"it is no database of OpenCode that can be read: {error}", path)


def _first(rows: list[tuple[object, ...]]) -> tuple[object, ...] | None:
    return rows[0] if rows else None


def _text(found: object) -> str | None:
    try:
        return found.decode() if isinstance(found, bytes) else None
    except UnicodeDecodeError:
        return None


_LONGEST_NAME = 256


def _name(found: object) -> str | None:
    """An id, if it can be one: it is a part of a path."""
    name = _text(found)
    is_one = name is not None and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
    return name if is_one and name not in {".", ".."} and "/" not in (name or "") else None
