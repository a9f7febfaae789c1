"""Which transcripts have been imported into a log, so that those are passed over.

That holds for this log as long as what it held then is still there, for this version of the
reader and the records that there are, and for a file as long as its size, its time and its last
bytes are the same: one that grew is read from its beginning, since what it tells is added once
anyway. It is remembered in the user's cache (`ctxuse.remembered`); forgotten, it only costs the
time to read everything again.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import msgspec

from ctxuse import __version__
from ctxuse.errors import CtxuseError
from ctxuse.events import is_text
from ctxuse.hosts.kept import Stamp, kept_of
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.transcripts import READER
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.generation import generation
from ctxuse.log.reader import open_logs, pread
from ctxuse.remembered import Memory, digest

_VERSION = 2
_MOST_FILES = 50_000
_EDGE = 4096

READING = f"{__version__} {READER}"
"""This version of the reader."""


class LogMark(msgspec.Struct, array_like=True, frozen=True):
    """What tells whether a log still holds what it held: its files one behind the other.

    Attributes:
        length: How many bytes it had.
        head: A hash of the first 4 KiB of these.
        tail: A hash of the last 4 KiB of these.
    """

    length: int
    head: str
    tail: str

    @classmethod
    def of(cls, layout: WorkspaceLayout, length: int | None = None) -> "LogMark | None":
        """Return the mark of the first `length` bytes of a log, or of all; None if it has fewer.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        whole = _length(layout)
        length = whole if length is None else length
        if not 0 <= length <= whole:
            return None
        edge = min(_EDGE, length)
        tail = digest(_stretch(layout, length - edge, length))
        return cls(length, digest(_stretch(layout, 0, edge)), tail)

    def stands(self, layout: WorkspaceLayout) -> bool:
        """Whether the log still holds what it held.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        return LogMark.of(layout, self.length) == self


def _records(places: Places) -> str:
    """What tells the records on the disk from others: outputs are looked through for these."""
    names = sorted((record.kind, record.slug, record.named) for record in record_files(places))
    return digest(repr(names).encode("utf-8", "surrogatepass"))


def _generation(root: str) -> str | None:
    """The log's generation, where bytes of it were overwritten; None where it cannot be read."""
    try:
        return generation(root).hex()
    except OSError:
        return None


def _length(layout: WorkspaceLayout) -> int:
    return sum(log.end for log in open_logs(layout))


def _stretch(layout: WorkspaceLayout, begin: int, end: int) -> bytes:
    found, at = b"", 0
    for log in open_logs(layout):
        low, high = max(begin - at, 0), min(end - at, log.end)
        if low < high:
            found += pread(log.descriptor, high - low, low)
        at += log.end
    return found


class _Entry(msgspec.Struct, array_like=True):
    """A transcript that was imported: as it was then, and how many events of it are in the log."""

    stamp: Stamp
    events: int


class _Stored(msgspec.Struct):
    """What is remembered of one agent's transcripts and one log."""

    reader: str
    root: str
    generation: str
    log: LogMark
    files: dict[str, _Entry]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


class Imported:
    """The transcripts of an agent that have been imported into a log.

    Args:
        layout: The workspace.
        host: The agent.
        environ: The environment, for where the user's cache is; that of the process when None.
        used: Whether anything is remembered at all; None leaves that to the environment.
        reader: The version of the reader.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        host: str,
        environ: Mapping[str, str] | None = None,
        *,
        used: bool | None = None,
        reader: str = READING,
    ) -> None:
        self._layout = layout
        self._stamp = kept_of(host).stamping()
        self._reader = reader
        self._root = os.fspath(layout)
        self._generation = _generation(self._root)
        environ = os.environ if environ is None else environ
        if self._generation is None or not is_text(self._root):  # what is stored is text
            used = False
        self._memory = Memory(environ, "imported", _VERSION, used=used)
        if self._memory.used:
            self._reader = f"{reader} {_records(Places(layout, environ))}"
        self._name = f"{host} {self._root}"
        self._files = self._stored()
        self._stamps: dict[str, Stamp | None] = {}
        self._changed = False
        self._before = LogMark.of(layout) if self._memory.used else None
        self._length = self._before.length if self._before else 0

    def _stored(self) -> dict[str, _Entry]:
        data = self._memory.load(self._name)
        try:
            stored = None if data is None else _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            stored = None
        if stored is None:
            return {}
        if (stored.reader, stored.root, stored.generation) != (
            self._reader,
            self._root,
            self._generation,
        ):
            return {}
        return stored.files if stored.log.stands(self._layout) else {}

    def events(self, path: str) -> int | None:
        """Return how many events of a transcript are in the log; None where it is to be read.

        It is looked at now; `keep` is told the same of it later.

        Args:
            path: The transcript.
        """
        if not self._memory.used:
            return None
        path = os.path.abspath(path)
        stamp = self._stamps[path] = self._stamp(path)
        known = self._files.get(path)
        return known.events if known is not None and known.stamp == stamp else None

    def keep(self, path: str, events: int) -> None:
        """Remember that all events of a transcript, as `events` saw it, are in the log."""
        path = os.path.abspath(path)
        stamp = self._stamps.get(path)
        if stamp is not None and is_text(path):
            self._files.pop(path, None)
            self._files[path] = _Entry(stamp, events)
            self._changed = True
            with suppress(CtxuseError):
                self._look()

    def lost(self) -> None:
        """Take note that the log was cut or replaced: nothing of this import is remembered."""
        self._before = None

    def _look(self) -> None:
        """See whether the log still holds what it held: events that went with it are not there."""
        length = _length(self._layout)
        if length < self._length:
            self._before = None
        self._length = length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Store what is remembered, if that is possible; also when an import was broken off.

        Nothing, where the log was cut or replaced meanwhile.
        """
        mark = None
        with suppress(CtxuseError):  # who reads the log says so
            if self._changed:
                self._look()
                stands = self._before is not None and self._before.stands(self._layout)
                mark = LogMark.of(self._layout) if stands else None
        if mark is not None and self._generation is not None:
            last = dict([*self._files.items()][-_MOST_FILES:])
            stored = _Stored(self._reader, self._root, self._generation, mark, last)
            self._memory.save(self._name, _encode(stored))
