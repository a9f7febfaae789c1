"""Packs: files that hold pieces of many workspaces, and the indexes that say which.

They lie in one folder beside those of the workspaces::

    .ctxuse-packs/<time>-<hash of the index>.pack     the bytes of the pieces, one behind the other
    .ctxuse-packs/<time>-<hash of the index>.index    their names, by folder, in that order

The time is when the pack was written, in UTC. Neither file ever changes. The index is written last:
a pack counts when its index has the hash of its name and speaks of as many bytes as there are. One
without an index is being written, or was left so: after `folder.LEFT` it is removed. A folder that
is missing from the indexes has nothing in packs; what is missing of one that has is told from its
receipts (`ctxuse.fleet.pieces`).
"""

import errno
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from typing import IO, NamedTuple, TypeVar

import msgspec

from ctxuse.errors import CtxuseError
from ctxuse.fleet.pieces import Part, Step, is_folder, parse
from ctxuse.fleet.source import Source, reason_of
from ctxuse.fleet.store import BLOCK, FOREIGN, NOBODY, Owners, Store, append, open_store

PACKS = ".ctxuse-packs"
"""The folder of packs. No folder that stands for a workspace has such a name."""

PACK_SIZE = 64 * 1024 * 1024
"""Bytes of a pack, at most."""

MOST_PIECES = 100_000
"""Pieces in a pack, at most."""

_LARGEST_INDEX = 32 * 1024 * 1024
"""Bytes of an index that is read, at most; one of `MOST_PIECES` has some 20 MB at most."""

_MOST_INDEXED = 8 * 1024 * 1024 * 1024
"""Bytes of all indexes in one place, at most."""

_MOST_ENTRIES = 64_000_000
"""Pieces that all of them name, at most: each takes some 440 bytes of memory."""

_AT_ONCE = 16
"""Indexes that are read at the same moment: of small files most of the time is waiting."""

_LISTINGS = 3
"""How often packs are listed at most where some vanish."""

READ_AHEAD = 4 * 1024 * 1024
"""Bytes that are read at once, at most, where not more are asked for."""

_LEAST_AHEAD = 256 * 1024

_MOST_HELD = 64 * 1024 * 1024
"""Bytes that were read and are kept, at most."""

_FILE = re.compile(
    re.escape(PACKS) + r"/(?P<name>[0-9]{8}T[0-9]{6}Z-[0-9a-f]{32})\.(?P<kind>pack|index)"
)


T = TypeVar("T")


class VanishedError(Exception):
    """A pack that was listed is gone, so that a listing says too little of what there is."""

    def __str__(self) -> str:
        return "packs are removed while they are listed"


class Index(msgspec.Struct, frozen=True):
    """What an index holds: the hash of the pack's bytes, and names of pieces by folder."""

    sha256: str
    pieces: dict[str, list[str]]


_decode = msgspec.json.Decoder(Index).decode


class Pack(NamedTuple):
    """A pack that is whole.

    Attributes:
        size: Its bytes.
        pieces: How many pieces it holds.
        sha256: The hash of its bytes, as its index has it.
    """

    size: int
    pieces: int
    sha256: str


class Found(NamedTuple):
    """The packs in one place.

    Attributes:
        packs: Those that are whole, by name.
        parts: What they hold, by the folder of the workspace.
        troubles: Names of indexes that are none, and why. A folder of which only an index without
            a pack speaks has no parts.
        rest: Names of packs without an index, which are being written, or were left so.
        believers: Those of the owners of workspaces who believe a pack, by its name.
    """

    packs: dict[str, Pack]
    parts: dict[str, list[Part]]
    troubles: dict[str, str]
    rest: list[str]
    believers: dict[str, Owners]

    def of(self, folder: str, owner: int | None) -> list[Part]:
        """Return what they hold of the workspace of an owner."""
        parts = self.parts.get(folder, ())
        return [part for part in parts if owner in self.believers[part.pack]]

    def folders_of(self, packs: Collection[str]) -> set[str]:
        """Return the folders of the workspaces that have something in one of these packs."""
        return {folder for folder, parts in self.parts.items()
                if any(part.pack in packs for part in parts)}  # fmt: skip

    def drop(self, packs: Mapping[str, str]) -> None:
        """Take packs out, with all that they hold, each for the reason that is given."""
        for pack, reason in packs.items():
            del self.packs[pack]
            self.troubles[file_of(pack)] = reason
        for folder, parts in self.parts.items() if packs else ():
            self.parts[folder] = [part for part in parts if part.pack not in packs]


def moment(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as names of packs begin with it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0, seconds)))


def file_of(pack: str, kind: str = "pack") -> str:
    """Return the name of a file of a pack, from the place where the workspaces are."""
    return f"{PACKS}/{pack}.{kind}"


def packs_in(store: Store, files: Mapping[str, int], owners: Owners = NOBODY) -> Found:
    """Return the packs in a place that somebody believes.

    Args:
        store: The place.
        files: The files in its folder of packs, or more, with their sizes.
        owners: Those of workspaces there; see `LocalStore.believed_by`.

    Raises:
        VanishedError: A pack was removed since the files were listed.
        OSError: An index could not be read, or nobody believes the folder.
    """
    sizes: dict[str, dict[str, int]] = {"pack": {}, "index": {}}
    for path, size in files.items():
        match = _FILE.fullmatch(path)
        if match is not None:
            sizes[match["kind"]][match["name"]] = size
    rest = [name for name in sizes["pack"] if name not in sizes["index"]]
    found = Found({}, {}, {}, rest, {})
    if sum(sizes["index"].values()) > _MOST_INDEXED:
        raise OSError(errno.EFBIG, f"its indexes have more than {_MOST_INDEXED:,} bytes", PACKS)
    believers = store.believed_by(PACKS, owners) if any(sizes.values()) else owners
    if believers != owners:
        found.troubles[PACKS] = FOREIGN
    names = _believed(found, store, sorted(sizes["index"]), believers)
    under_way: deque[tuple[str, Future[bytes]]] = deque()
    entries = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while True:
            for name in islice(names, 2 * _AT_ONCE - len(under_way)):
                under_way.append((name, pool.submit(_index, store, name, sizes["index"][name])))
            if not under_way:
                return found
            entries += _take(found, store, *under_way.popleft(), sizes["pack"])
            if entries > _MOST_ENTRIES:
                reason = f"its indexes name more than {_MOST_ENTRIES:,} pieces"
                raise OSError(errno.EFBIG, reason, PACKS)


def _believed(found: Found, store: Store, names: Iterable[str], owners: Owners) -> Iterator[str]:
    """Yield the names of packs that somebody believes; where not all do it is said why not."""
    for name in names:
        believers = owners
        try:
            for kind in ("index", "pack"):
                with suppress(FileNotFoundError):  # noticed when it is read
                    believers = store.believed_by(file_of(name, kind), believers)
        except OSError as error:
            found.troubles[file_of(name, "index")] = reason_of(error)
            continue
        if believers != owners:
            found.troubles[file_of(name, "index")] = FOREIGN
        found.believers[name] = believers
        yield name


def _take(
    found: Found, store: Store, name: str, reading: Future[bytes], packs: Mapping[str, int]
) -> int:
    """Add what an index says, where there are `packs` with so many bytes; say how many pieces.

    Raises:
        VanishedError: It is gone.
        OSError: It could not be read.
    """
    try:
        digest, held = _held(name, reading.result(), packs.get(name))
        if name not in packs:
            _be_sure_of(store, name)
    except FileNotFoundError as error:
        raise VanishedError from error
    except ValueError as error:
        found.troubles[file_of(name, "index")] = str(error)
        return 0
    if name in packs or None in found.believers[name]:
        for folder, parts in held.items():
            found.parts.setdefault(folder, []).extend(parts if name in packs else ())
    number = sum(map(len, held.values()))
    if name in packs:
        found.packs[name] = Pack(packs[name], number, digest)
    else:
        found.troubles[file_of(name)] = "it is missing, and its index is there"
    return number


def _index(store: Store, name: str, size: int) -> bytes:
    """The bytes of an index.

    Raises:
        ValueError: They are too many.
    """
    if size > _LARGEST_INDEX:
        raise ValueError(f"no index of a pack: it has more than {_LARGEST_INDEX:,} bytes")
    return store.read(file_of(name, "index"), 0, size)


def _be_sure_of(store: Store, name: str) -> None:
    """Look whether a pack is missing and its index is not: listings are not of one moment.

    Raises:
        VanishedError: It is not so.
        FileNotFoundError: Likewise.
    """
    with suppress(FileNotFoundError):
        store.read(file_of(name), 0, 1)
        raise VanishedError
    store.read(file_of(name, "index"), 0, 1)


def _held(name: str, data: bytes, bytes_there: int | None) -> tuple[str, dict[str, list[Part]]]:
    """The hash of a pack's bytes, and what it holds, by folder.

    Raises:
        ValueError: Its index is none.
    """
    if hash_of(data) != name.rpartition("-")[2]:
        raise ValueError("no index of a pack: it is not what its name says")
    try:
        index = _decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("no index of a pack: it is not as such are written") from error
    held: dict[str, list[Part]] = {}
    offset = 0
    for folder, names in index.pieces.items():
        its = held[folder] = []
        for piece_name in names:
            piece = parse(piece_name)
            if piece is None or piece.kind != "jsonl" or not is_folder(folder):
                raise ValueError("no index of a pack: what it names is no piece")
            its.append(Part(name, offset, piece_name))
            offset += piece.size
    if offset != bytes_there is not None:
        raise ValueError("no index of a pack: it speaks of other bytes than there are")
    return index.sha256, held


def hash_of(data: bytes) -> str:
    """Return the hash of an index, as names of packs end with it."""
    return sha256(data).hexdigest()[:32]


class Ranges:
    """Parts of files, read in long stretches that are kept for what is asked next.

    Args:
        store: Where the files are.
        ends: Up to where something of each will be asked for, in bytes.
    """

    def __init__(self, store: Store, ends: Mapping[str, int]) -> None:
        self._store = store
        self._ends = ends
        self._ahead = min(READ_AHEAD, max(_LEAST_AHEAD, _MOST_HELD // max(1, len(ends))))
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._held = 0
        self._sparse: dict[str, bool] = {}

    def read(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes of a file from `start` up to but without `end`.

        Raises:
            OSError: They cannot be read, or it has no such bytes.
        """
        first, data = self._kept.get(name, (0, b""))
        if not first <= start <= end <= first + len(data):
            first = start
            self._held -= len(data)
            ahead = 0 if self._sparse.get(name) else self._ahead
            stop = max(end, min(start + ahead, self._ends.get(name, 0)))
            data = self._store.read(name, start, stop)
            if len(data) < end - start:
                raise OSError(f"{name} is shorter than it was")
            self._kept[name] = first, data
            self._held += len(data)
        self._kept.move_to_end(name)
        while self._held > _MOST_HELD and len(self._kept) > 1:
            self._held -= len(self._kept.popitem(last=False)[1][1])
        return data[start - first : end - first]

    def copy(self, part: Part, target: IO[bytes], start: int = 0) -> int:
        """Append a part of a pack, from `start` in it on, to an open file; say what is in holes.

        Holes are not read.

        Raises:
            OSError: See `read`.
        """
        name, first, end = file_of(part.pack), part.offset + start, part.offset + part.size
        at, holes = target.tell() - first, end - first
        for begin, stop in self._data_in(name, first, end):
            holes -= stop - begin
            for here in range(begin, stop, BLOCK):
                target.seek(at + here)
                append(target, self.read(name, here, min(here + BLOCK, stop)))
        target.seek(at + end)
        target.truncate()
        return holes

    def _data_in(self, name: str, start: int, end: int) -> list[tuple[int, int]]:
        """The stretches of a file between two of its bytes that are no holes."""
        if name not in self._sparse:
            self._sparse[name] = self._store.in_holes(name) > 0
        return self._store.data_in(name, start, end) if self._sparse[name] else [(start, end)]

    def of_step(self, step: Step, below: str, start: int, end: int) -> bytes:
        """Return bytes of a stream that one piece of it holds.

        Args:
            step: The piece, and where it is.
            below: The folder of pieces that are files of their own.
            start: From where in the stream.
            end: Up to where in the stream.

        Raises:
            OSError: See `read`.
        """
        start, end = start - step.piece.start, end - step.piece.start
        if step.part is None:
            return self.read(f"{below}/{step.piece.name}", start, end)
        offset = step.part.offset
        return self.read(file_of(step.part.pack), offset + start, offset + end)


class Packs:
    """The packs that some workspaces have parts in, for who reads one workspace after the other."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._ends: dict[str, dict[str, int]] = {}
        for source in sources:
            for part in source.packed:
                ends = self._ends.setdefault(source.parent, {})
                name = file_of(part.pack)
                ends[name] = max(ends.get(name, 0), part.offset + part.size)
        self._ranges: dict[str, Ranges] = {}

    def beside(self, source: Source) -> Ranges:
        """Return what reads the packs beside a workspace."""
        place = source.parent
        if place not in self._ranges:
            self._ranges[place] = Ranges(open_store(place), self._ends.get(place, {}))
        return self._ranges[place]


def listed_anew(act: Callable[[], T]) -> T:
    """Return what `act` returns, which lists packs: anew where some vanish meanwhile.

    Raises:
        VanishedError: Some vanish again and again.
    """
    for _ in range(_LISTINGS - 1):
        with suppress(VanishedError):
            return act()
    return act()


def _read(files: Mapping[str, int]) -> dict[str, int]:
    """Of packs of one size with one index those with the last name: they hold the same.

    Compactors at one moment write such; a compaction, which removes all but one, looks at all.
    """
    last: dict[tuple[str, int], str] = {}
    kept = {}
    for path, size in sorted(files.items(), reverse=True):
        match = _FILE.fullmatch(path)
        if match is not None:
            name, there = match["name"], files.get(file_of(match["name"]))
            digest = name.rpartition("-")[2]
            if there is None or last.setdefault((digest, there), name) == name:
                kept[path] = size
    return kept


def packs_beside(place: str, owners: Owners) -> Found:
    """Return the packs in a folder or at an address; whatever is wrong is among the troubles."""
    try:
        store = open_store(place)
        return listed_anew(lambda: packs_in(store, _read(store.names(PACKS)), owners))
    except VanishedError as error:
        reason = str(error)
    except (CtxuseError, OSError) as error:
        reason = reason_of(error, place)
    return Found({}, {}, {PACKS: reason}, [], {})
