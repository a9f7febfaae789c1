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

from ctxuse.files import DIRECTORY, closing_fd, open_descriptor, read_small
from ctxuse.hosts.lines import LARGEST, MOST_BYTES, MOST_FILES, forms, lines_of, lines_printed
from ctxuse.hosts.lookup import parsed
from ctxuse.hosts.ondisk import files_of_agents
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.layout import SUMMARY, slug_of
from ctxuse.remembered import Memory
from ctxuse.typed import Self

_VERSION = 2

_SETTLED_NS = 2_000_000_000
"""What was changed less than this ago may be changed again within one tick of the disk's clock."""

_EACH = 4
"""Bytes of a hash."""

_Stamp = list[int]
"""When a file was changed, in nanoseconds since the epoch, its bytes and its inode."""

_Stamps = dict[str, dict[str, _Stamp]]
"""The stamps of files by folder and name, those in no folder of records by path below an empty one.
That this is compared as a whole is why it is not by path alone: there may be many."""

_Pieces = dict[str, list[int]]
"""By path the hashes of the lines of a file."""

_STEPS = 16
"""About so many steps find a hash among those that are sorted."""


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
    lines = dict.fromkeys(lines_printed(output))
    hashes = {_hash(form) for line in lines if line for form in forms(line)}
    name = f"{sys.byteorder}\x00{places.root}\x00{places.start}"
    return files.at(_holding(memory, name, files.stamps, hashes))


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


def _by_path(stamps: _Stamps) -> dict[str, _Stamp]:
    return {_path(folder, n): its for folder, those in stamps.items() for n, its in those.items()}


class _Index:
    """The hashes of the lines of files.

    Args:
        stamps: The files.
        hashes: All the hashes, sorted.
        files: Of each the number of the file that has it, as they come in the stamps.
    """

    def __init__(self, stamps: _Stamps, hashes: bytes, files: bytes) -> None:
        self.stamps = stamps
        self._hashes = memoryview(hashes).cast("I")
        self._files = memoryview(files).cast("I")

    @classmethod
    def loaded(cls, data: bytes) -> Self:
        """Return what was dumped; an empty one where that is none."""
        head, _, numbers = data.partition(b"\n")
        half, rest = divmod(len(numbers), 2 * _EACH)
        match parsed(head):
            case dict(stamps) if rest == 0 and all(
                isinstance(those, dict) for those in stamps.values()
            ):
                return cls(stamps, numbers[: half * _EACH], numbers[half * _EACH :])
        return cls({}, b"", b"")

    @classmethod
    def of(cls, stamps: _Stamps, pieces: _Pieces) -> Self:
        """Return that of some files.

        Args:
            stamps: Those of them.
            pieces: Their hashes.
        """
        paths = enumerate(_by_path(stamps))
        ordered = sorted((a_hash, number) for number, path in paths for a_hash in pieces[path])
        hashes, files = (
            b"".join(pair[place].to_bytes(_EACH, sys.byteorder) for pair in ordered)
            for place in range(2)
        )
        return cls(stamps, hashes, files)

    def dumped(self) -> bytes:
        """Return it as it is remembered."""
        import json  # noqa: PLC0415 - seldom

        return json.dumps(self.stamps).encode() + b"\n" + self._hashes + self._files

    def pieces(self) -> _Pieces:
        """Return the hashes of each file; of no file where numbers are none of theirs."""
        found: _Pieces = {path: [] for path in _by_path(self.stamps)}
        those = [*found.values()]
        try:
            for a_hash, number in zip(self._hashes, self._files, strict=True):
                those[number].append(a_hash)
        except IndexError:
            return {}
        return found

    def holding(self, hashes: set[int]) -> set[str]:
        """Return the paths of the files that have one of some hashes."""
        if _STEPS * len(hashes) < len(self._hashes):
            numbers = {number for a_hash in hashes for number in self._having(a_hash)}
        else:
            both = zip(self._hashes, self._files, strict=True)
            numbers = {number for a_hash, number in both if a_hash in hashes}
        paths = [*_by_path(self.stamps)] if numbers else []
        return {paths[number] for number in numbers if number < len(paths)}

    def _having(self, a_hash: int) -> Iterator[int]:
        """The numbers of the files that have a hash."""
        hashes = self._hashes
        begin, end = 0, len(hashes)
        while begin < end:
            middle = (begin + end) // 2
            if hashes[middle] < a_hash:
                begin = middle + 1
            else:
                end = middle
        while begin < len(hashes) and hashes[begin] == a_hash:
            yield self._files[begin]
            begin += 1


def _holding(memory: Memory, name: str, stamps: _Stamps, hashes: set[int]) -> set[str]:
    """Return the paths of those of the files with these stamps that have one of some hashes."""
    before = _Index.loaded(memory.load(name) or b"")
    if before.stamps == stamps:
        return before.holding(hashes)
    now, then = _by_path(stamps), _by_path(before.stamps)
    kept = {path: its for path, its in before.pieces().items() if now.get(path) == then[path]}
    read = {path: its for path in now if path not in kept and (its := _read(path)) is not None}
    settled = time.time_ns() - _SETTLED_NS
    lasting = kept | {path: its for path, its in read.items() if now[path][0] < settled}
    known = {
        folder: {n: its for n, its in those.items() if _path(folder, n) in lasting}
        for folder, those in stamps.items()
    }
    if known != before.stamps:
        memory.save(name, _Index.of(known, lasting).dumped())
    return {path for path, its in (kept | read).items() if not hashes.isdisjoint(its)}


def _read(path: str) -> list[int] | None:
    """The hashes of the lines of a file; None if it cannot be read."""
    try:
        lines = lines_of(read_small(path, LARGEST))
    except OSError:
        return None
    return [_hash(line) for line in lines]


def _hash(line: str) -> int:
    """The hash of a line; an output may be cut within a character."""
    return crc32(line.encode("utf-8", "replace"))
