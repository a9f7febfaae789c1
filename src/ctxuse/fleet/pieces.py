"""Pieces of collected logs: their names, and which bytes of which piece count. Pure.

A *stream* is one log file of a workspace, told by its first line: a log keeps it for life, also
when it is archived under another name. A piece holds the bytes of a stream from one offset to
another, mostly both behind a newline, and never changes. Its name says which bytes it holds and
what the last of them are::

    <order>-<hash of the first line>/<start>-<end>.<hash of what is before end>

The order is the time in the name of the archived log before it, 0 for the first: streams stand in
the order in which the workspace's own report reads its files.

All pieces of a stream are cut out of one sequence of bytes. So where pieces overlap (two collectors
that saw different lengths) they say the same, and a reader takes each byte of the sequence once: it
goes on with the piece that leads furthest. A piece of another size than its name says (it was cut,
or is being uploaded) gives none; what it says is there is missing until another piece holds it.

A piece has a place: a file of its own, or a part of a *pack* (`ctxuse.fleet.packs`). Where files of
their own were taken away, a *receipt* stands for them: an empty file with the name of a piece that
ends in ``.packed``, which says what packs hold of the stream. Where some of that was lost, an empty
file that ends in ``.lost`` says how much is there. A collector goes on behind that. A reader goes
by the receipt and misses the rest until it was collected again.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from heapq import heappop, heappush
from itertools import chain, islice, takewhile
from operator import attrgetter
from typing import NamedTuple

from ctxuse.layout import COLLECTED, USAGE_DIR

STREAMS = re.compile(r"[0-9]{20,21}-[0-9a-f]{16}")
"""How the folders in that are named which hold pieces."""

PIECE_SIZE = 16 * 1024 * 1024
"""Bytes of a piece, at most."""

MARKED = 4096
"""So many bytes before a piece's end, at most, its name holds the hash of."""

_NAME = re.compile(
    r"(?P<order>[0-9]{20,21})-(?P<stream>[0-9a-f]{16})/(?P<start>[0-9]{16})-(?P<end>[0-9]{16})"
    r"\.(?P<mark>[0-9a-f]{16})\.(?P<kind>jsonl|packed|lost)"
)
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


MIXED = "pieces of different logs stand side by side"
"""What is wrong where two pieces that end at the same byte do not end alike."""


class Piece(NamedTuple):
    """A piece.

    Attributes:
        order: Where among the streams of its workspace that one stands.
        stream: The stream it is of: the hash of its first line.
        start: Where it begins in that, in bytes.
        end: Where it ends.
        mark: The hash of the last bytes before its end.
        kind: ``jsonl``; or ``packed``, a receipt, which says that packs hold this; or ``lost``,
            which says that no more than this is there; or ``broken``, of a file of another size.
            None of these holds anything.
    """

    order: int
    stream: str
    start: int
    end: int
    mark: str
    kind: str = "jsonl"

    @property
    def name(self) -> str:
        """Its name."""
        stream = f"{self.order:020}-{self.stream}"
        return f"{stream}/{self.start:016}-{self.end:016}.{self.mark}.{self.kind}"

    @property
    def size(self) -> int:
        """How many bytes it holds, or speaks of."""
        return self.end - self.start

    @property
    def bytes(self) -> int:
        """How many bytes a file has that is it."""
        return self.size if self.kind == "jsonl" else 0


class Part(NamedTuple):
    """The place of a piece that is in a pack.

    Attributes:
        pack: The pack's name.
        offset: Where the piece begins in it, in bytes.
        name: The name of the piece.
    """

    pack: str
    offset: int
    name: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        piece = parse(self.name)
        return 0 if piece is None else piece.size


class Step(NamedTuple):
    """A piece that is read from somewhere on.

    Attributes:
        piece: The piece.
        start: From where in the stream, in bytes; what it holds before, a piece before it gives.
        part: Where it is; None in a file of its own.
    """

    piece: Piece
    start: int
    part: Part | None = None


class Stream(NamedTuple):
    """What is there of a stream.

    Attributes:
        steps: The pieces to read, in order: together the stream's bytes from its beginning.
        end: Where they end.
        trouble: What is wrong with the pieces; empty when nothing is.
        order: Where it stands among the others; None when there is nothing of it.
        said: Pieces that say by their marks what stands before their ends, whether they are there
            or not.
    """

    steps: list[Step]
    end: int
    trouble: str = ""
    order: int | None = None
    said: tuple[Piece, ...] = ()

    def between(self, start: int, end: int) -> Iterator[Step]:
        """Yield the steps that give bytes from `start` up to `end`."""
        first = bisect_right(self.steps, start, key=lambda step: step.piece.end)
        return takewhile(lambda step: step.start < end, islice(self.steps, first, None))


class Holding(NamedTuple):
    """All that is known of one stream.

    Attributes:
        loose: The pieces that are files of their own.
        receipts: What is said to be in packs.
        packed: The pieces in packs with their places, those of the pack with the last name first.
        lost: What is said to be there where the rest was lost.
        broken: The pieces that are files of another size than their names say.
    """

    loose: list[Piece]
    receipts: list[Piece]
    packed: list[tuple[Piece, Part]]
    lost: list[Piece]
    broken: list[Piece]

    @classmethod
    def nothing(cls) -> "Holding":
        """Return one of which nothing is known."""
        return cls([], [], [], [], [])

    @property
    def files(self) -> Iterator[Piece]:
        """The pieces that are files, broken ones and what stands for others among them."""
        return chain(self.loose, self.receipts, self.lost, self.broken)

    def in_packs(self, until: str = "") -> list[tuple[Piece, Part]]:
        """Return the pieces that packs hold and no pack with a later name does.

        Args:
            until: Look only at packs whose names begin with this or what sorts before it.
        """
        packed = [one for one in self.packed if not until or one[1].pack[: len(until)] <= until]
        return [packed[index] for index in sorted(_uppermost([piece for piece, _ in packed]))]

    def packed_stream(self, until: str = "") -> Stream:
        """Return what of the stream `in_packs` gives."""
        found = self.in_packs(until)
        return joined([piece for piece, _ in found], dict(found))

    def standing(self, until: str, superseded: Collection[str]) -> set[str]:
        """Return the packs that would stand for what is removed.

        Args:
            until: As for `in_packs`.
            superseded: The packs that are to be removed.
        """
        stream = self.packed_stream(until)
        gone = [*self.loose, *(piece for piece, part in self.packed if part.pack in superseded)]
        spans = _Spans(piece for piece in gone if piece.end <= stream.end)
        return {
            step.part.pack
            for start, end in zip(spans.starts, spans.ends, strict=True)
            for step in stream.between(start, end)
            if step.part is not None
        }

    def without_rest(self, until: str, moved: Collection[str]) -> "Holding":
        """Return the same, with one piece for all that packs hold and nobody looks at.

        That is what is long before pieces that are files of their own, or lie in packs that are
        written anew or removed. The piece lies in no pack.

        Args:
            until: As for `in_packs`.
            moved: Those packs.
        """
        stream = self.packed_stream(until)
        starts = [piece.start for piece, part in self.packed if part.pack in moved]
        starts += [piece.start for piece in self.loose]
        first = min(starts, default=stream.end + MARKED) - MARKED
        before = [step.piece for step in stream.steps if step.piece.end <= first]
        if not before:
            return self
        order = min(piece.order for piece, _ in self.packed)
        rest = before[-1]._replace(order=order, start=0)
        kept = [one for one in self.packed if one[0].end > rest.end]
        return self._replace(packed=[*kept, (rest, Part("", 0, rest.name))])

    def stream(self) -> Stream:
        """Return what there is of the stream, from packs where they hold it."""
        found = self.in_packs()
        spans = _Spans(piece for piece, _ in found)
        loose = [piece for piece in self.loose if not spans.hold(piece)]
        whole = joined([*(piece for piece, _ in found), *loose], dict(found))
        packed = [piece for piece, _ in self.packed]
        order = min(piece.order for piece in (*self.files, *packed))
        said = (*self.loose, *packed, *self.receipts, *self.broken)
        trouble = whole.trouble
        if are_mixed(said):
            trouble = MIXED
        elif max((one.end for one in (*self.receipts, *self.broken)), default=0) > whole.end:
            trouble = trouble or _missing(whole.end)
        return whole._replace(order=order, trouble=trouble, said=said)


class _Spans:
    """Stretches of bytes that pieces hold, joined where they touch."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted((piece.start, piece.end) for piece in pieces):
            if not self.ends or start > self.ends[-1]:
                self.starts.append(start)
                self.ends.append(end)
            else:
                self.ends[-1] = max(self.ends[-1], end)

    def hold(self, piece: Piece) -> bool:
        at = bisect_right(self.starts, piece.start) - 1
        return at >= 0 and self.ends[at] >= piece.end


def _uppermost(pieces: Sequence[Piece]) -> set[int]:
    """The indexes of pieces that hold a byte which none of those before them does."""
    by_start = sorted(range(len(pieces)), key=lambda index: pieces[index].start, reverse=True)
    found: set[int] = set()
    here: list[int] = []
    for at in sorted({edge for piece in pieces for edge in (piece.start, piece.end)}):
        while by_start and pieces[by_start[-1]].start == at:
            heappush(here, by_start.pop())
        while here and pieces[here[0]].end <= at:
            heappop(here)
        found.update(here[:1])
    return found


def is_folder(name: str) -> bool:
    """Whether `name` can stand for a workspace in what was collected."""
    return _FOLDER.fullmatch(name) is not None


def collected_in(folder: str) -> str:
    """Return the name of the folder of a workspace's pieces, from the place it lies in."""
    return "/".join((folder, *USAGE_DIR, COLLECTED))


def streams_of(files: Mapping[str, int], parts: Iterable[Part] = ()) -> dict[str, Stream]:
    """Return the streams that `files` (name → bytes) and packs hold, by the hash of the first line.

    They are in order. Should two collectors not agree on it, the smaller one holds.
    """
    found = {stream: its.stream() for stream, its in holdings_of(files, parts).items()}
    return dict(sorted(found.items(), key=lambda one: (one[1].order or 0, one[0])))


def holdings_of(files: Mapping[str, int], parts: Iterable[Part] = ()) -> dict[str, Holding]:
    """Return what `files` (name → bytes) and `parts` of packs hold, by stream."""
    found: dict[str, Holding] = {}
    for part in sorted(parts, reverse=True):
        piece = parse(part.name)
        if piece is not None:
            found.setdefault(piece.stream, Holding.nothing()).packed.append((piece, part))
    for piece, is_whole in _named(files):
        holding = found.setdefault(piece.stream, Holding.nothing())
        places = {"jsonl": holding.loose, "packed": holding.receipts, "lost": holding.lost}
        (places[piece.kind] if is_whole else holding.broken).append(piece)
    return found


def pieces_of(files: Mapping[str, int]) -> dict[str, list[Piece]]:
    """Return the pieces among `files` (name → bytes), by the hash of their stream's first line.

    Receipts, and what says that something was lost, are among them; of what is broken the kind says
    so.
    """
    pieces: dict[str, list[Piece]] = {}
    for piece, is_whole in _named(files):
        one = piece if is_whole else piece._replace(kind="broken")
        pieces.setdefault(piece.stream, []).append(one)
    return pieces


def _named(files: Mapping[str, int]) -> Iterator[tuple[Piece, bool]]:
    """The pieces that files are by their names, and whether they are by their sizes, too."""
    for name, size in files.items():
        piece = parse(name)
        if piece is not None:
            yield piece, size == piece.bytes


_KINDS = ("jsonl", "packed", "lost", "broken")


def as_collected(pieces: Collection[Piece]) -> Stream:
    """Return what a collector need not copy of a stream, whose `pieces` these are."""
    of = {kind: [piece for piece in pieces if piece.kind == kind] for kind in _KINDS}
    least = sorted(of["lost"], key=attrgetter("end"))[:1]
    there = joined([*of["jsonl"], *(least or of["packed"])])
    ends = [one for one in least if one.end]
    return there._replace(said=(*of["jsonl"], *of["packed"], *of["broken"], *ends))


def joined(pieces: Collection[Piece], places: Mapping[Piece, Part] | None = None) -> Stream:
    """Return what of a stream its `pieces` give, with the places of those that are in packs."""
    order = min((piece.order for piece in pieces), default=None)
    trouble = MIXED if are_mixed(pieces) else ""
    steps: list[Step] = []
    here = 0
    for step in swept(pieces, places):
        if step.start > here:
            return Stream(steps, here, trouble or _missing(here), order)
        steps.append(step)
        here = step.piece.end
    return Stream(steps, here, trouble, order)


def swept(pieces: Iterable[Piece], places: Mapping[Piece, Part] | None = None) -> Iterator[Step]:
    """Yield what to read so that each byte that `pieces` hold is read once, in order."""
    here = 0
    best: Piece | None = None
    places = places or {}
    for piece in sorted(pieces, key=lambda piece: (piece.start, piece.end, piece.mark)):
        if piece.start > here:
            if best is not None and best.end > here:
                yield Step(best, here, places.get(best))
                here = best.end
            here = max(here, piece.start)
        if best is None or piece.end > best.end:
            best = piece
    if best is not None and best.end > here:
        yield Step(best, here, places.get(best))


def are_mixed(pieces: Iterable[Piece]) -> bool:
    """Whether two pieces that end at the same byte do not end alike."""
    marks: dict[int, str] = {}
    return any(marks.setdefault(piece.end, piece.mark) != piece.mark for piece in pieces)


def is_of_one_log(stream: Stream, read: Callable[[int, int], bytes]) -> bool:
    """Whether all pieces that speak of a stream say what stands in it.

    Args:
        stream: The stream.
        read: Gives so many bytes of it, from a place on.
    """
    said = {(one.end, one.mark) for one in stream.said if one.end <= stream.end}
    return all(mark_of(read(min(end, MARKED), max(0, end - MARKED))) == mark for end, mark in said)


def _missing(here: int) -> str:
    return f"what follows byte {here} is missing"


def mark_of(data: bytes) -> str:
    """Return the hash by which names tell some bytes: a first line, or the last ones of a piece."""
    return sha256(data).hexdigest()[:16]


def parse(name: str) -> Piece | None:
    """Return the piece that `name` names, or None if it names none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    order, start, end = (int(match[name]) for name in ("order", "start", "end"))
    piece = Piece(order, match["stream"], start, end, match["mark"], match["kind"])
    is_one = start < end or (piece.kind == "lost" and start == end == 0)
    return piece if is_one and piece.name == name else None
