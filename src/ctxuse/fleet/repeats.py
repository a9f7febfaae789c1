"""Events that several workspaces hold under one id: each counts with the first of them.

First is whose address sorts first. What a workspace itself holds twice counts twice, as in its own
report. On the way every id goes to the disk, into a *scratch* folder that all workers reach:

1. A worker writes the ids of its workspaces there, each with the number of its workspace, dealt
   out to buckets by a checksum of the id (`IdWriter`).
2. A worker reads one part of all those files, some buckets, sorts it, and writes down which ids of
   which workspaces are repeats of one before (`write_repeats`).
3. Who counts a workspace looks its events up in what concerns it (`Repeats`), in a database that
   goes to the disk when it grows.

Memory grows with the size of a part, of which there are the more the more ids were written: what
sizes logs have says nothing of that, as they may have holes.
"""

import sqlite3
from array import array
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple
from zlib import crc32

from ctxuse.events import UsageEvent
from ctxuse.fleet.opening import logs_of
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import Store
from ctxuse.ids import packed_id
from ctxuse.log.reader import read_events

IN_PART = 200_000
"""Ids in a part, about."""

AT_ONCE = 200_000
"""Ids a worker holds before it writes them."""

BUCKETS = 4096
"""Into so many ids are dealt out, so that there are as many parts at most."""

_ID, _NUMBER = 16, 4
_ENTRY = _ID + _NUMBER


class Slice(NamedTuple):
    """Where some of a workspace's repeats stand.

    Attributes:
        part: The number of the part.
        start: The first, in entries from the beginning of the part's file.
        number: How many.
    """

    part: int
    start: int
    number: int


Files = Sequence[tuple[int, int]]
"""The batches, by the number of the first workspace, and how many files of ids each has."""


def parts_for(ids: int) -> int:
    """Return how many parts so many ids are."""
    return min(BUCKETS, max(1, ids // IN_PART))


class IdWriter:
    """Writes the ids of the workspaces of one batch.

    Args:
        scratch: Where to.
        batch: What the batch is called: the number of its first workspace.
        at_once: How many to hold before writing them.

    Attributes:
        files: How many files were written.
        ids: How many ids they hold.
    """

    def __init__(self, scratch: Store, batch: int, at_once: int = AT_ONCE) -> None:
        self._scratch = scratch
        self._batch = batch
        self._buckets: list[set[bytes]] = [set() for _ in range(BUCKETS)]
        self._held = 0
        self._at_once = at_once
        self.files = self.ids = 0

    def add(self, source: Source, number: int, packs: Packs) -> None:
        """Add the ids of a workspace, whose number is `number`, reading `packs`."""
        tail = number.to_bytes(_NUMBER, "big")
        for opened in logs_of(source, packs):
            for found in read_events(opened.log):
                if isinstance(found, UsageEvent):
                    key = packed_id(found.id)
                    self._buckets[crc32(key) % BUCKETS].add(key + tail)
                    self._held += 1
                    if self._held >= self._at_once:
                        self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            ends = array("I", [0])
            for bucket in self._buckets:
                ends.append(ends[-1] + len(bucket))
            data = b"".join(b"".join(bucket) for bucket in self._buckets)
            self._scratch.write(_ids_name(self._batch, self.files), ends.tobytes() + data)
            self.files += 1
            self.ids += ends[-1]
            self._held = 0
            self._buckets = [set() for _ in self._buckets]


def write_repeats(
    scratch: Store,
    part: int,
    parts: int,
    files: Files,
    without: Collection[int] = (),
) -> dict[int, Slice]:
    """Write down the repeats of one part, and return where those of each workspace stand.

    Args:
        scratch: Where the ids are, and where to.
        part: The number of the part.
        parts: How many there are.
        files: The batches, and how many files of ids each has written.
        without: The numbers of workspaces that are not counted.
    """
    entries = sorted(set(_entries_of(scratch, part, parts, files)))
    repeats: list[bytes] = []
    left_out = {number.to_bytes(_NUMBER, "big") for number in without}
    counted = (entry for entry in entries if entry[_ID:] not in left_out)
    for first, second in pairwise(counted):
        if first[:_ID] == second[:_ID]:
            repeats.append(second[_ID:] + second[:_ID])
    repeats.sort()
    scratch.write(_repeats_name(part), b"".join(repeats))
    found: dict[int, Slice] = {}
    start = 0
    for tail, same in groupby(repeats, key=lambda entry: entry[:_NUMBER]):
        number = sum(1 for _ in same)
        found[int.from_bytes(tail, "big")] = Slice(part, start, number)
        start += number
    return found


def _entries_of(scratch: Store, part: int, parts: int, files: Files) -> Iterator[bytes]:
    width = array("I").itemsize
    first, last = part * BUCKETS // parts, (part + 1) * BUCKETS // parts
    head = (BUCKETS + 1) * width
    for batch, number in files:
        for file in range(number):
            name = _ids_name(batch, file)
            begin, *_, end = array("I", scratch.read(name, first * width, (last + 1) * width))
            data = scratch.read(name, head + begin * _ENTRY, head + end * _ENTRY)
            for at in range(0, len(data), _ENTRY):
                yield data[at : at + _ENTRY]


class Repeats:
    """The repeats of the workspaces of one batch.

    Args:
        scratch: Where they are.
        slices: Where those of each workspace stand, by its place.
    """

    def __init__(self, scratch: Store, slices: dict[str, list[Slice]]) -> None:
        self._scratch = scratch
        self._slices = slices
        self._loaded: str | None = None
        self._known = sqlite3.connect("")  # in memory while small, then in a file of its own
        self._known.execute("CREATE TABLE known (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def concern(self, source: Source) -> bool:
        """Whether an event of `source` is a repeat."""
        return bool(self._slices.get(source.place))

    def hold(self, source: Source, event_id: str) -> bool:
        """Whether the event `event_id` of `source` is counted with a workspace before it."""
        if self._loaded != source.place:
            self._load(source.place)
        found = self._known.execute("SELECT 1 FROM known WHERE id = ?", (packed_id(event_id),))
        return found.fetchone() is not None

    def close(self) -> None:
        """Give the database back."""
        self._known.close()

    def _load(self, place: str) -> None:
        self._known.execute("DELETE FROM known")
        for part, start, number in self._slices[place]:
            begin, end = start * _ENTRY, (start + number) * _ENTRY
            data = self._scratch.read(_repeats_name(part), begin, end)
            self._known.executemany(
                "INSERT OR IGNORE INTO known VALUES (?)",
                ((data[at + _NUMBER : at + _ENTRY],) for at in range(0, len(data), _ENTRY)),
            )
        self._loaded = place


def _ids_name(batch: int, file: int) -> str:
    return f"ids/{batch:08}-{file:04}"


def _repeats_name(part: int) -> str:
    return f"repeats/{part:06}"
