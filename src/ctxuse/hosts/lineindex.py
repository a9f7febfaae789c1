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
from collections.abc import Container, Iterator, Mapping
from operator import index

from ctxuse.files import read_small
from ctxuse.hosts.lines import LARGEST, MOST_BYTES, MOST_FILES, forms, lines_of, lines_printed
from ctxuse.hosts.lookup import parsed
from ctxuse.hosts.ondisk import files_of_agents
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.layout import SUMMARY
from ctxuse.remembered import Memory
from ctxuse.typed import Self

_VERSION = 1

_SETTLED_NS = 2_000_000_000
"""What was changed less than this ago may be changed again within one tick of the disk's clock."""

_EACH = 4
"""Bytes of a hash."""

_Stamp = list[int]
"""When a file was changed, in nanoseconds since the epoch, its bytes and its inode."""


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
    stamps = files.stamps()
    if stamps is None:
        return None
    known = _known(memory, f"{sys.byteorder}\x00{places.root}\x00{places.start}", stamps)
    lines = dict.fromkeys(lines_printed(output))
    return files.at(known.holding({_hash(form) for line in lines if line for form in forms(line)}))


class _Files:
    """The files of records, looked for once.

    Args:
        places: Where they lie.
    """

    def __init__(self, places: Places) -> None:
        self._own = [(ref, entry.path, entry) for ref, entry in places.layout.record_entries()]
        self._summary = places.layout.summary_file
        self._others = [*files_of_agents(places)]

    def stamps(self) -> dict[str, _Stamp] | None:
        """The stamps of those that can be read, by path; None for more than are looked at."""
        found: dict[str, _Stamp] = {}
        left = MOST_BYTES
        for path, now in self._statuses():
            if path not in found and stat.S_ISREG(now.st_mode) and now.st_size <= LARGEST:
                found[path] = [now.st_ctime_ns, now.st_size, now.st_ino]
                left -= now.st_size
                if left <= 0 or len(found) > MOST_FILES:
                    return None
        return found

    def _statuses(self) -> Iterator[tuple[str, os.stat_result]]:
        for _, path, entry in self._own:
            try:
                yield path, entry.stat()
            except OSError:  # a link to nothing, or it is gone
                continue
        for path in (self._summary, *(file.named for file in self._others)):
            try:
                yield path, os.stat(path)
            except OSError:
                continue

    def at(self, paths: Container[str]) -> list[RecordFile]:
        """Those at some paths, in the order of `record_files`."""
        own = [(ref, path) for ref, path, _ in self._own if path in paths]
        if self._summary in paths:
            own.append((SUMMARY, self._summary))
        found = [RecordFile(ref.kind, ref.slug or "", path, path) for ref, path in sorted(own)]
        return [*found, *(record for record in self._others if record.named in paths)]


class _Index:
    """The hashes of the lines of files.

    Args:
        rows: By path the stamp of a file, and how many hashes there are of it.
        hashes: The hashes of one file behind those of the other.
    """

    def __init__(self, rows: dict[str, tuple[_Stamp, int]], hashes: bytes) -> None:
        self.rows = rows
        self._hashes = memoryview(hashes).cast("I")

    @classmethod
    def loaded(cls, data: bytes) -> Self:
        """Return what was dumped; an empty one where that is none."""
        head, _, hashes = data.partition(b"\n")
        rows = parsed(head)
        try:
            if isinstance(rows, dict):
                number = index(sum(number for _, number in rows.values()))
                if number * _EACH == len(hashes):
                    return cls(rows, hashes)
        except (TypeError, ValueError):
            pass
        return cls({}, b"")

    def dumped(self) -> bytes:
        """Return it as it is remembered."""
        import json  # noqa: PLC0415 - seldom

        return json.dumps(self.rows).encode() + b"\n" + self._hashes

    def pieces(self) -> Iterator[tuple[str, memoryview]]:
        """Yield the path and the hashes of each file."""
        begin = 0
        for path, (_, number) in self.rows.items():
            yield path, self._hashes[begin : begin + number]
            begin += number

    def holding(self, hashes: set[int]) -> set[str]:
        """Return the paths of the files that have one of some hashes."""
        if hashes.isdisjoint(self._hashes):
            return set()
        return {path for path, its in self.pieces() if not hashes.isdisjoint(its)}


def _known(memory: Memory, name: str, stamps: Mapping[str, _Stamp]) -> _Index:
    """The hashes of the files that have these stamps, and can be read."""
    before = _Index.loaded(memory.load(name) or b"")
    rows = before.rows
    renewed = {path for path, stamp in stamps.items() if path not in rows or rows[path][0] != stamp}
    if not renewed and len(rows) == len(stamps):
        return before
    pieces = {path: piece for path, piece in before.pieces() if path in stamps} | {
        path: hashes for path in renewed if (hashes := _read(path)) is not None
    }
    settled = time.time_ns() - _SETTLED_NS
    lasting = {p: its for p, its in pieces.items() if p not in renewed or stamps[p][0] < settled}
    if lasting.keys() != rows.keys() or not renewed.isdisjoint(lasting):
        memory.save(name, _index_of(lasting, stamps).dumped())
    return _index_of(pieces, stamps)


def _index_of(pieces: Mapping[str, memoryview], stamps: Mapping[str, _Stamp]) -> _Index:
    rows = {path: (stamps[path], len(its)) for path, its in pieces.items()}
    return _Index(rows, b"".join(pieces.values()))


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
