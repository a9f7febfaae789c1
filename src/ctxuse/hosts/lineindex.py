"""Which records hold a line that a command printed, without reading them all for each command.

Strategy: the hashes of the lines of each file are remembered in the user's cache, with what tells
that the file is the same: when it was changed, its size and its inode. Whoever asks looks at these
of every file and reads only what is new or another one now. What came of that is remembered once
the file has been as it is for so long that a later change has a later time. Two lines with one hash
only have a file looked at that says nothing.

A hash is a checksum of 32 bits: no text is remembered.
"""

import os
import stat
import sys
import time
from binascii import crc32
from collections.abc import Iterator
from contextlib import suppress
from operator import index

from ctxuse.files import DIRECTORY, closing_fd, open_descriptor, read_small
from ctxuse.hosts.lines import LARGEST, MOST_BYTES, MOST_FILES, forms, lines_of, lines_printed
from ctxuse.hosts.lookup import parsed
from ctxuse.hosts.ondisk import files_of_agents
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.layout import SUMMARY, slug_of
from ctxuse.remembered import Memory
from ctxuse.typed import Self

_VERSION = 1

_SETTLED_NS = 2_000_000_000
"""What was changed less than this ago may be changed again within one tick of the disk's clock."""

_EACH = 4
"""Bytes of a hash."""

_Stamp = list[int]
"""When a file was changed, in nanoseconds since the epoch, its bytes and its inode."""

_Stamps = dict[str, dict[str, _Stamp]]
"""The stamps of files by folder and name, those in no folder of records by path below an empty one.
That this is compared as a whole is why it is not by path alone: there may be many."""

_Pieces = dict[str, memoryview]
"""By path the hashes of the lines of a file."""


def files_near(places: Places, output: str) -> list[RecordFile] | None:
    """Return the files of records that hold a line of an output, and hardly another one.

    They come in the order of `record_files`. None where that cannot be told: nothing is remembered,
    or there are more records than are looked at.

    Args:
        places: Where records lie.
        output: What a command printed.
    """
    memory = Memory(places.environ, "lines", _VERSION)
    if not memory.used:
        return None
    files = _Files(places)
    if files.are_too_many:
        return None
    known = _known(memory, f"{sys.byteorder}\x00{places.root}\x00{places.start}", files.stamps)
    lines = dict.fromkeys(lines_printed(output))
    return files.at(known.holding({_hash(form) for line in lines if line for form in forms(line)}))


class _Files:
    """The files of records, as they are now.

    Args:
        places: Where they lie.
    """

    def __init__(self, places: Places) -> None:
        self._folders = places.layout.record_folders()
        self._summary = places.layout.summary_file
        self._others = [*files_of_agents(places)]
        self.stamps = {folder: _stamps_in(folder) for _, folder in self._folders}
        others = self.stamps[""] = {}
        for path in (self._summary, *(record.named for record in self._others)):
            with suppress(OSError):
                _take(others, path, os.stat(path))

    @property
    def are_too_many(self) -> bool:
        """Whether there are more of them, or larger ones, than are looked at."""
        sizes = [size for those in self.stamps.values() for _, size, _ in those.values()]
        return len(sizes) > MOST_FILES or sum(sizes) >= MOST_BYTES

    def at(self, paths: set[str]) -> list[RecordFile]:
        """Return those at some paths, in the order of `record_files`."""
        kinds = {folder: kind for kind, folder in self._folders}
        own = [(*SUMMARY, self._summary)] if self._summary in paths else []
        for path in paths:
            folder, name = os.path.split(path)
            slug = slug_of(name) if folder in kinds else None
            if slug is not None:
                own.append((kinds[folder], slug, path))
        found = [RecordFile(kind, slug, path, path) for kind, slug, path in sorted(own)]
        return [*found, *(record for record in self._others if record.named in paths)]


def _stamps_in(folder: str) -> dict[str, _Stamp]:
    """The stamps of the files of a folder that may be records, by name."""
    found: dict[str, _Stamp] = {}
    with (
        suppress(OSError),
        closing_fd(open_descriptor(folder, DIRECTORY)) as descriptor,
        os.scandir(descriptor) as entries,
    ):
        for entry in entries:
            if entry.name.endswith(".md"):
                try:
                    _take(found, entry.name, entry.stat())
                except OSError:  # a link to nothing, or it is gone
                    continue
    return found


def _take(stamps: dict[str, _Stamp], name: str, now: os.stat_result) -> None:
    """Add the stamp of a file, if it is one of which lines are looked at."""
    if stat.S_ISREG(now.st_mode) and now.st_size <= LARGEST:
        stamps[name] = [now.st_ctime_ns, now.st_size, now.st_ino]


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


class _Index:
    """The hashes of the lines of files.

    Args:
        stamps: The files.
        numbers: How many hashes there are of each, in the same order.
        hashes: The hashes of one file behind those of the other.
    """

    def __init__(self, stamps: _Stamps, numbers: list[int], hashes: bytes) -> None:
        self.stamps = stamps
        self._numbers = numbers
        self._hashes = memoryview(hashes).cast("I")

    @classmethod
    def loaded(cls, data: bytes) -> Self:
        """Return what was dumped; an empty one where that is none."""
        head, _, hashes = data.partition(b"\n")
        with suppress(TypeError):  # of numbers that are none
            match parsed(head):
                case [dict(stamps), list(numbers)] if (
                    index(sum(numbers)) * _EACH == len(hashes)
                    and all(isinstance(those, dict) for those in stamps.values())
                    and len(numbers) == sum(map(len, stamps.values()))
                ):
                    return cls(stamps, numbers, hashes)
        return cls({}, [], b"")

    @classmethod
    def of(cls, stamps: _Stamps, pieces: _Pieces) -> Self:
        """Return that of those files whose hashes are known."""
        known = {
            folder: {name: its for name, its in those.items() if _path(folder, name) in pieces}
            for folder, those in stamps.items()
        }
        ordered = [pieces[_path(f, name)] for f, those in known.items() for name in those]
        return cls(known, [*map(len, ordered)], b"".join(ordered))

    def dumped(self) -> bytes:
        """Return it as it is remembered."""
        import json  # noqa: PLC0415 - seldom

        return json.dumps([self.stamps, self._numbers]).encode() + b"\n" + self._hashes

    def pieces(self) -> Iterator[tuple[str, str, memoryview]]:
        """Yield the folder, the name and the hashes of each file."""
        begin = 0
        numbers = iter(self._numbers)
        for folder, those in self.stamps.items():
            for name in those:
                end = begin + next(numbers)
                yield folder, name, self._hashes[begin:end]
                begin = end

    def holding(self, hashes: set[int]) -> set[str]:
        """Return the paths of the files that have one of some hashes."""
        if hashes.isdisjoint(self._hashes):
            return set()
        return {_path(f, name) for f, name, its in self.pieces() if not hashes.isdisjoint(its)}


def _known(memory: Memory, name: str, stamps: _Stamps) -> _Index:
    """The hashes of those of the files that have these stamps which can be read."""
    before = _Index.loaded(memory.load(name) or b"")
    if before.stamps == stamps:
        return before
    now = {_path(folder, n): its for folder, those in stamps.items() for n, its in those.items()}
    kept = {
        _path(folder, n): its
        for folder, n, its in before.pieces()
        if stamps.get(folder, {}).get(n) == before.stamps[folder][n]
    }
    read = {path: its for path in now if path not in kept and (its := _read(path)) is not None}
    settled = time.time_ns() - _SETTLED_NS
    lasting = kept | {path: its for path, its in read.items() if now[path][0] < settled}
    remembered = _Index.of(stamps, lasting)
    if remembered.stamps != before.stamps:
        memory.save(name, remembered.dumped())
    return _Index.of(stamps, kept | read)


def _read(path: str) -> memoryview | None:
    """The hashes of the lines of a file; None if it cannot be read."""
    try:
        lines = lines_of(read_small(path, LARGEST))
    except OSError:
        return None
    hashes = (_hash(line).to_bytes(_EACH, sys.byteorder) for line in lines)
    return memoryview(b"".join(hashes)).cast("I")


def _hash(line: str) -> int:
    """The hash of a line; an output may be cut within a character."""
    return crc32(line.encode("utf-8", "replace"))
