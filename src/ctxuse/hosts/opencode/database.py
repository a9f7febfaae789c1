"""OpenCode's database, which holds the sessions of all projects (version 1.18; SQLite).

It is only read, in a way that writes nothing, creates nothing beside it and takes no lock that
OpenCode waits for. What a query asks for is one row by its id, so that memory is bounded by the
longest row that is looked at, and one that cannot be read is passed over alone.

A database may be anybody's. So only what is stored in tables is read: no views, and no columns that
are computed, which may take any time in one step. A query ends that takes many more steps than the
rows are worth that it gives, as without an index, or gives more than the file can hold; and rows
are sorted here, since SQLite would sort them before it gives the first. Between its steps signals
are heard. While SQLite learns which tables there are it reads statistics by itself, computed ones
too: until they are looked at no value is long, so that no step is, and the whole has an end.
"""

import errno
import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from time import thread_time
from typing import Any, NamedTuple
from urllib.parse import quote

from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.jsonlines import LONGEST_LINE
from ctxuse.hosts.kept import Stamp
from ctxuse.remembered import digest

_PATIENCE = 1.0
_MOST_PARENTS = 32
"""So deep sub-agents of sub-agents are looked for."""

_EACH = 1_000
"""Steps of SQLite's machine after which it is looked whether a query is to end."""

_EACH_OF_LOOK, _CPU_OF_LOOK = 10, 2.0
"""The same, and seconds of the processor for the whole, while it is looked which tables there are:
of some sixty SQLite learns in a thousandth of a second."""

_LONGEST_OF_LOOK, _PROGRAM_OF_LOOK = 8 * 1024, 100
"""The bytes of the longest value meanwhile, that is of how a table was made, six times what the
longest of OpenCode's has, and the instructions of the longest program: between two jumps SQLite
asks for nothing."""

_SMALL, _COMPRESSED = 64 * 1024, 64
"""Bytes of a file of which it is not asked how many are on the disk, and how many may be in one of
those that are."""

_TIMES = 3
"""So often an id may stand in what a query gives, and what a row holds in what rows do, since the
sessions were listed: rows can share their bytes."""

_STEPS, _STEPS_OF_ROW = 20_000, 200
"""So many steps a query may take, and so many more for each row that it gives. By an index it takes
some twenty for each."""

_MOST_IN_SCHEMA = 300
"""Tables and indexes, of which OpenCode makes some sixty: they are looked at for each session."""

_READ = re.compile(rb"session|message|part|sqlite_stat\d*", re.IGNORECASE)
"""The names of what is read: by us, and by SQLite itself."""

_STORED = re.compile(rb"create table ", re.IGNORECASE)
"""How what made a table begins, where no module of SQLite makes up what is in it."""

_COMPUTED = "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden"
"""How many columns of a table are not stored."""

_NO_INDEX = "it has no index for what is asked"
_TOO_MUCH = "it asks for more memory or longer programs than there are"
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


class _Limit:
    """Ends a query after so many steps, or so long, or when a signal raises.

    SQLite swallows what is raised where it asks. A function would hear a signal at its very first
    step, where it can catch nothing; a generator hears it where it goes on, which is inside `try`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.left = 0
        self.raised: BaseException | None = None
        asked = self._asked()
        next(asked)
        self._is_over: Callable[[], bool] = asked.__next__
        self.ask(_EACH)

    def ask(self, each: int, until: float = math.inf) -> None:
        """From now on, ask each time that so many steps were taken, and end at a time.

        Args:
            each: The steps.
            until: The time, in seconds of this thread on the processor.
        """
        self._each, self._until = each, until
        self._connection.set_progress_handler(self._is_over, each)

    def _asked(self) -> Iterator[bool]:
        """Tell, each time that it is asked, whether the query is to end."""
        while True:
            try:
                while True:
                    yield self.left < 0 or self.raised is not None
                    self.left -= self._each
                    if thread_time() > self._until:
                        self.left = -1
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001 - it is raised again where the query ends
                self.raised = error


class _Given:
    """How much was given of what the rows of a database hold.

    Attributes:
        bytes: See there.
    """

    def __init__(self) -> None:
        self.bytes = 0


@lru_cache(maxsize=4)
def _given(path: str, *_as_it_is: int) -> _Given:  # noqa: ARG001 - it tells them apart
    """What was given of a database, while it is as it is."""
    return _Given()


class Database:
    """A database that is open.

    Args:
        connection: The connection.
        path: Its path, for people.
        size: Its bytes, those of its log included: what is asked of all sessions may take steps in
            proportion to them, and nothing gives more.
        given: What was given of it.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, size: int, given: _Given) -> None:
        self._given = given
        self._connection = connection
        self._path = path
        self._size = size
        self._limit = _Limit(connection)

    def look(self) -> None:
        """Look whether it holds tables; before anything else. Raises: OSError."""
        self._limit.ask(_EACH_OF_LOOK, thread_time() + _CPU_OF_LOOK)
        limit = self._connection.setlimit
        limit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_OF_LOOK)
        usual = limit(sqlite3.SQLITE_LIMIT_VDBE_OP, _PROGRAM_OF_LOOK)
        there = self._rows("SELECT type, name, sql FROM sqlite_master")
        limit(sqlite3.SQLITE_LIMIT_VDBE_OP, usual)
        if len(there) > _MOST_IN_SCHEMA:
            raise _unreadable(f"it has more than {_MOST_IN_SCHEMA} tables and indexes", self._path)
        for kind, name, made in there:
            if not isinstance(name, bytes) or b"\0" in name:  # SQLite finds it by what is before
                raise _unreadable("what it holds has no names", self._path)
            if _READ.fullmatch(name) and not (
                kind == b"table"
                and isinstance(made, bytes)
                and _STORED.match(made)
                and self._rows(_COMPUTED, name.decode()) == [(0,)]
            ):
                raise _unreadable("what it reads is no table", self._path)
        limit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_LINE)
        self._limit.ask(_EACH)

    def sessions(self) -> list[str]:
        """Return the ids of the sessions, in the order in which they began. Raises: OSError."""
        self._given.bytes = 0
        return _ordered(self._rows("SELECT id, time_created, id FROM session"))

    def number(self) -> int:
        """Return how many sessions there are. Raises: OSError."""
        (found,) = _first(self._rows("SELECT count(id) FROM session")) or (0,)
        return found if isinstance(found, int) else 0

    def latest(self, session: str, most: int) -> list[str]:
        """Return the other sessions that were written last, in order. Raises: OSError."""
        found = _ordered(self._rows("SELECT id, time_updated FROM session WHERE id != ?", session))
        return found[-most:]

    def session(self, session: str) -> SessionRow:
        """Return what is said of a session.

        Raises:
            OSError: It cannot be read, or is not there.
        """
        found = self._session(session)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such session", self._path)
        root, parent = session, _name(found[1])
        for _ in range(_MOST_PARENTS):
            if parent is None:
                break
            above = self._session(parent)
            root, parent = parent, None if above is None else _name(above[1])
        return SessionRow(_text(found[0]), root, found[2])

    def _session(self, session: str) -> tuple[object, ...] | None:
        asked = "SELECT directory, parent_id, time_created FROM session WHERE id = ? LIMIT 1"
        return _first(self._rows(asked, session))

    def messages(self, session: str) -> list[str]:
        """Return the ids of a session's messages, in order. Raises: OSError."""
        asked = "SELECT id, time_created, id FROM message WHERE session_id = ?"
        return _ordered(self._rows(asked, session))

    def parts(self, message: str) -> list[str]:
        """Return the ids of a message's parts, in order. Raises: OSError."""
        return _ordered(self._rows("SELECT id, id FROM part WHERE message_id = ?", message))

    def message(self, message: str) -> Row:
        """Return a message. Raises: OSError."""
        return self._row("SELECT time_created, data FROM message WHERE id = ? LIMIT 1", message)

    def part(self, part: str) -> Row:
        """Return a part. Raises: OSError."""
        return self._row("SELECT time_created, data FROM part WHERE id = ? LIMIT 1", part)

    def stamp(self, session: str) -> Stamp:
        """Return what tells whether a session is as it was. Raises: OSError."""
        times = "SELECT time_updated FROM {} WHERE session_id = ?"
        told = [self._rows(times.format(of), session) for of in ("message", "part")]
        own = _first(self._rows("SELECT time_updated FROM session WHERE id = ? LIMIT 1", session))
        written = [
            (len(rows), max((row[0] for row in rows), default=None, key=_rank)) for rows in told
        ]
        return Stamp(sum(map(len, told)), 0, digest(repr((written, own)).encode()))

    def _row(self, asked: str, name: str) -> Row:
        try:
            created, data = _first(self._rows(asked, name)) or (None, None)
        except _TooLongError:
            return Row(name, None, None)
        if not isinstance(data, bytes):
            return Row(name, created, None)
        self._given.bytes += len(data)
        self._be_within(self._given.bytes)
        return Row(name, created, data)

    def _be_within(self, given: int, rows: int = 0) -> None:
        """Raise OSError when more bytes, or rows, were given than there can be."""
        if rows > self._size or given > _TIMES * self._size + LONGEST_LINE:
            raise _unreadable("it gives more than it can hold", self._path)

    def _rows(self, asked: str, *names: str) -> list[tuple[object, ...]]:
        """The rows that are asked for; of all sessions, where nothing is asked by an id.

        Raises:
            OSError: They cannot be read, or it takes too many steps.
        """
        limit, found, held = self._limit, [], 0
        limit.raised = None
        limit.left = _STEPS + (0 if "WHERE" in asked else self._size)
        try:
            for row in self._connection.execute(asked, names):
                limit.left += _STEPS_OF_ROW
                found.append(row)
                held += sum(len(value) for value in row if isinstance(value, bytes))
                self._be_within(held, len(found))
        except sqlite3.DataError as error:
            raise _TooLongError(errno.EFBIG, str(error), self._path) from error
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError, MemoryError) as error:
            if limit.raised is not None:
                raise limit.raised from None
            what = _NO_INDEX if limit.left < 0 else str(error) or _TOO_MUCH
            raise _unreadable(what, self._path) from error
        return found


def latest(session: str, most: int) -> list[str]:
    """Return the paths of the other sessions that were written last, the latest at the end.

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
    way = f"file:/{quote(os.path.abspath(path).lstrip('/'))}?mode=ro"
    log = _size_on_disk(f"{path}-wal") if os.path.isfile(f"{path}-wal") else 0
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
        database = Database(connection, path, _size_on_disk(path) + log, _given(path, *before, log))
        database.look()
        yield database
        if not log and _as_it_is(path) != before:  # nobody told OpenCode that it is being read
            raise OSError(errno.EAGAIN, "it was written meanwhile; try again", path)
    finally:
        connection.close()


def _as_it_is(path: str) -> tuple[int, int]:
    with closing_fd(open_regular(path)) as descriptor:
        found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def _size_on_disk(path: str) -> int:
    """The bytes that a file may have without its holes; more where a file system compresses."""
    status = os.stat(path)
    blocks = getattr(status, "st_blocks", status.st_size)
    return min(status.st_size, max(_SMALL, blocks * 512 * _COMPRESSED))


def _unreadable(error: object, path: str) -> OSError:
    return OSError(errno.EINVAL, f"it is no database of OpenCode that can be read: {error}", path)


def _first(rows: list[tuple[object, ...]]) -> tuple[object, ...] | None:
    return rows[0] if rows else None


def _ordered(rows: list[tuple[object, ...]]) -> list[str]:
    """The ids at the beginning of rows, each once, by what stands behind them.

    Those that can be none are passed over.
    """
    ordered = sorted(rows, key=lambda row: [*map(_rank, row[1:])])
    return [*dict.fromkeys(name for row in ordered if (name := _name(row[0])) is not None)]


def _rank(found: object) -> tuple[int, Any]:
    """What sorts values as SQLite does: nothing, numbers, and texts by their bytes."""
    return (0, 0) if found is None else (1 + isinstance(found, bytes), found)


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
