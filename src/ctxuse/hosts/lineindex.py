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
from collections.abc import Iterator, Mapping

from ctxuse.files import read_small
from ctxuse.hosts.lines import LARGEST, MOST_BYTES, MOST_FILES, forms, lines_of, lines_printed
from ctxuse.hosts.lookup import parsed
from ctxuse.hosts.ondisk import files_of_agents, record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.remembered import Memory

_VERSION = 1

_SETTLED_NS = 2_000_000_000
"""What was changed less than this ago may be changed again within one tick of the disk's clock."""

_EACH = 4
"""Bytes of a hash."""

_Stamp = list[int]
"""When a file was changed, in nanoseconds since the epoch, its bytes and its inode."""

_Known = dict[str, tuple[_Stamp, memoryview]]
"""By path the stamp of a file, and the hashes of its lines."""


def files_near(places: Places, output: str) -> list[RecordFile] | None:
    """Return the files of records that hold a line of an output, and hardly another one.

    They come in the order of `record_files`. None where that cannot be told: nothing is remembered,
    or there are more records than are looked at.

    Args:
        places: Where records lie.
        output: What a command printed.
    """
    memory = Memory(places.environ, "lines", _VERSION)
    stamps = _stamps(places) if memory.used else None
    if stamps is None:
        return None
    known = _known(memory, f"{sys.byteorder}\x00{places.root}\x00{places.start}", stamps)
    lines = dict.fromkeys(lines_printed(output))
    printed = {_hash(form) for line in lines if line for form in forms(line)}
    near = {path for path, (_, hashes) in known.items() if not printed.isdisjoint(hashes)}
    return [record for record in record_files(places) if record.named in near] if near else []


def _known(memory: Memory, name: str, stamps: Mapping[str, _Stamp]) -> _Known:
    """The hashes of the files that have these stamps, and can be read."""
    before = _loaded(memory.load(name) or b"")
    known: _Known = {}
    read: set[str] = set()
    for path, stamp in stamps.items():
        remembered = before.get(path)
        if remembered is not None and remembered[0] == stamp:
            known[path] = remembered
            continue
        hashes = _read(path)
        if hashes is not None:
            known[path] = stamp, hashes
            read.add(path)
    if read or len(known) != len(before):
        settled = time.time_ns() - _SETTLED_NS
        lasting = {p: its for p, its in known.items() if p not in read or its[0][0] < settled}
        if lasting.keys() != before.keys() or not read.isdisjoint(lasting):
            memory.save(name, _dumped(lasting))
    return known


def _loaded(data: bytes) -> _Known:
    """What was dumped; nothing where that is none."""
    head, _, hashes = data.partition(b"\n")
    rows = parsed(head)
    known: _Known = {}
    begin = 0
    try:
        together = memoryview(hashes).cast("I")
        for path, (stamp, number) in rows.items() if isinstance(rows, dict) else ():
            known[path] = stamp, together[begin : begin + number]
            begin += number
    except (TypeError, ValueError):
        return {}
    return known if begin == len(together) else {}


def _dumped(known: _Known) -> bytes:
    """What was found of files, as it is remembered."""
    import json  # noqa: PLC0415 - seldom

    rows = {path: (stamp, len(hashes)) for path, (stamp, hashes) in known.items()}
    return json.dumps(rows).encode() + b"\n" + b"".join(hashes for _, hashes in known.values())


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


def _stamps(places: Places) -> dict[str, _Stamp] | None:
    """The stamps of the files of records, by path; None where there are more than are looked at."""
    found: dict[str, _Stamp] = {}
    left = MOST_BYTES
    for path, now in _statuses(places):
        if path not in found and stat.S_ISREG(now.st_mode) and now.st_size <= LARGEST:
            found[path] = [now.st_ctime_ns, now.st_size, now.st_ino]
            left -= now.st_size
            if left <= 0 or len(found) > MOST_FILES:
                return None
    return found


def _statuses(places: Places) -> Iterator[tuple[str, os.stat_result]]:
    """What the system says of each file of a record, as of `record_files`, in any order."""
    for entry in places.layout.record_entries():
        try:
            yield entry.path, entry.stat()
        except OSError:  # a link to nothing, or it is gone
            continue
    for path in (places.layout.summary_file, *(file.named for file in files_of_agents(places))):
        try:
            yield path, os.stat(path)
        except OSError:
            continue
