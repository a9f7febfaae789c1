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
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress

from ctxuse.files import DIRECTORY, closing_fd, open_descriptor, read_small
from ctxuse.hosts.lines import LARGEST, MOST_BYTES, MOST_FILES, forms, lines_of, lines_printed
from ctxuse.hosts.ondisk import files_of_agents
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.layout import SUMMARY, slug_of
from ctxuse.remembered import Memory
from ctxuse.typed import Self

_VERSION = 3

_SETTLED_NS = 2_000_000_000
"""What was changed less than this ago may be changed again within one tick of the disk's clock."""

_EACH = 4
"""Bytes of a hash."""

_WIDE = 8
"""Bytes of a number of a stamp, and of the length of what comes before them."""

_Stamp = tuple[int, ...]
"""When a file was changed, in nanoseconds since the epoch, its bytes and its inode."""

_STAMP = 3
"""Numbers of a stamp."""

_Pieces = dict[str, list[int]]
"""By path the hashes of the lines of a file."""

_STEPS = 16
"""About so many steps find a hash among those that are sorted."""


def files_near(places: Places, output: str) -> list[RecordFile] | None:
    """Return the files of records that hold a line of an output, and hardly another one.

    They come in the order of `record_files`. None where that cannot be told: nothing is remembered,
    or there are more records than are looked at.
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
    """The files of records, as they are now."""

    def __init__(self, places: Places) -> None:
        self._folders = places.layout.record_folders()
        self._summary = places.layout.summary_file
        self._others = [*files_of_agents(places)]
        others = (self._summary, *(record.named for record in self._others))
        found = [_stamps_in(folder) for _, folder in self._folders]
        self.stamps = _Stamps.of([*found, _stamps_of(others)])

    @property
    def are_too_many(self) -> bool:
        """Whether there are more of them, or larger ones, than are looked at."""
        sizes = self.stamps.numbers[1::_STAMP]
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


_Found = tuple[list[str], list[int]]
"""A folder and the names of files in it, or an empty one and paths; and their stamps one by one."""


def _stamps_in(folder: str) -> _Found:
    """The stamps of the files of a folder that may be records."""
    names, numbers = [folder], list[int]()
    with (
        suppress(OSError),
        closing_fd(open_descriptor(folder, DIRECTORY)) as descriptor,
        os.scandir(descriptor) as entries,
    ):
        for entry in entries:
            if entry.name.endswith(".md"):
                try:
                    now = entry.stat()
                except OSError:  # a link to nothing, or it is gone
                    continue
                if stat.S_ISREG(now.st_mode) and now.st_size <= LARGEST:
                    names.append(entry.name)
                    numbers += (now.st_ctime_ns, now.st_size, now.st_ino)
    return names, numbers


def _stamps_of(paths: Iterable[str]) -> _Found:
    """The stamps of the files at some paths."""
    names, numbers = [""], list[int]()
    for path in dict.fromkeys(paths):
        with suppress(OSError):
            now = os.stat(path)
            if stat.S_ISREG(now.st_mode) and now.st_size <= LARGEST:
                names.append(path)
                numbers += (now.st_ctime_ns, now.st_size, now.st_ino)
    return names, numbers


class _Stamps:
    """The stamps of files, in a form that many are compared and remembered in at once.

    Args:
        names: Each folder and after it the names in it, with a NUL between two of them and two
            between folders; the last folder is empty, and paths come after it.
        numbers: The stamps of the files, as they come in the names, one after the other.
    """

    def __init__(self, names: bytes, numbers: list[int]) -> None:
        self.names = names
        self.numbers = numbers

    @classmethod
    def of(cls, found: Sequence[_Found]) -> Self:
        """Return those of the files of some folders."""
        names = "\0\0".join("\0".join(names) for names, _ in found)
        return cls(os.fsencode(names), [number for _, numbers in found for number in numbers])

    def are(self, others: Self) -> bool:
        """Whether others are the same, in the same order."""
        return self.names == others.names and self.numbers == others.numbers

    def by_path(self) -> dict[str, _Stamp]:
        """Return them by the path of each file."""
        return {_path(folder, n): its for folder, those in self._each() for n, its in those}

    def of_those(self, paths: Container[str]) -> Self:
        """Return those of some files."""
        found = []
        for folder, those in self._each():
            names, numbers = [folder], list[int]()
            for name, its in those:
                if _path(folder, name) in paths:
                    names.append(name)
                    numbers += its
            found.append((names, numbers))
        return self.of(found)

    def _each(self) -> Iterator[tuple[str, list[tuple[str, _Stamp]]]]:
        """Of each folder the names in it and their stamps."""
        each = iter(self.numbers)
        stamps = zip(*[each] * _STAMP, strict=False)
        for group in os.fsdecode(self.names).split("\0\0"):
            folder, *names = group.split("\0")
            yield folder, [*zip(names, stamps, strict=False)]


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


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
        head, rest = data[: 2 * _WIDE], data[2 * _WIDE :]
        if len(head) == 2 * _WIDE:
            of_names, of_numbers = memoryview(head).cast("Q")
            numbers = rest[of_names : of_names + of_numbers]
            hashes = rest[of_names + of_numbers :]
            half, over = divmod(len(hashes), 2 * _EACH)
            if not over and len(numbers) == of_numbers and not of_numbers % _WIDE:
                stamps = _Stamps(rest[:of_names], memoryview(numbers).cast("Q").tolist())
                return cls(stamps, hashes[: half * _EACH], hashes[half * _EACH :])
        return cls(_Stamps(b"", []), b"", b"")

    @classmethod
    def of(cls, stamps: _Stamps, pieces: _Pieces) -> Self:
        """Return that of some files, by their stamps and the hashes of each."""
        paths = enumerate(stamps.by_path())
        ordered = sorted((a_hash, number) for number, path in paths for a_hash in pieces[path])
        hashes, files = (
            b"".join(pair[place].to_bytes(_EACH, sys.byteorder) for pair in ordered)
            for place in range(2)
        )
        return cls(stamps, hashes, files)

    def dumped(self) -> bytes:
        """Return it as it is remembered.

        Raises:
            OverflowError: A file from before 1970, or an inode that no disk has.
        """
        names, numbers = self.stamps.names, self.stamps.numbers
        head = (len(names), len(numbers) * _WIDE)
        sizes, each = (
            b"".join(number.to_bytes(_WIDE, sys.byteorder) for number in those)
            for those in (head, numbers)
        )
        return sizes + names + each + self._hashes + self._files

    def pieces(self) -> _Pieces:
        """Return the hashes of each file; of no file where numbers are none of theirs."""
        found: _Pieces = {path: [] for path in self.stamps.by_path()}
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
        paths = [*self.stamps.by_path()] if numbers else []
        return {paths[number] for number in numbers if number < len(paths)}

    def _having(self, a_hash: int) -> Iterator[int]:
        """The numbers of the files that have a hash."""
        place = bisect_left(self._hashes, a_hash)
        while place < len(self._hashes) and self._hashes[place] == a_hash:
            yield self._files[place]
            place += 1


def _holding(memory: Memory, name: str, stamps: _Stamps, hashes: set[int]) -> set[str]:
    """Return the paths of those of the files with these stamps that have one of some hashes."""
    before = _Index.loaded(memory.load(name) or b"")
    if before.stamps.are(stamps):
        return before.holding(hashes)
    now, then = stamps.by_path(), before.stamps.by_path()
    kept = {path: its for path, its in before.pieces().items() if now.get(path) == then[path]}
    read = {path: its for path in now if path not in kept and (its := _read(path)) is not None}
    settled = time.time_ns() - _SETTLED_NS
    lasting = kept | {path: its for path, its in read.items() if now[path][0] < settled}
    if {path: now[path] for path in lasting} != then:
        with suppress(OverflowError):
            memory.save(name, _Index.of(stamps.of_those(lasting), lasting).dumped())
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
