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
goes on with the piece that leads furthest. A piece of another size than its name says, such as one
that is being uploaded, does not count.
"""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

COLLECTED = "collected"
"""The folder in ``_usage`` that holds what was collected."""

PIECE_SIZE = 16 * 1024 * 1024
"""Bytes of a piece, at most."""

MARKED = 4096
"""So many bytes before a piece's end, at most, its name holds the hash of."""

_NAME = re.compile(
    r"(?P<order>[0-9]{20,21})-(?P<stream>[0-9a-f]{16})/(?P<start>[0-9]{16})-(?P<end>[0-9]{16})"
    r"\.(?P<mark>[0-9a-f]{16})\.jsonl"
)


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
    """

    order: int
    stream: str
    start: int
    end: int
    mark: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"{self.order:020}-{self.stream}/{self.start:016}-{self.end:016}.{self.mark}.jsonl"


class Step(NamedTuple):
    """A piece that is read, but for so many bytes at its beginning.

    Attributes:
        piece: The piece.
        skip: Bytes of it that a piece before it holds, too.
    """

    piece: Piece
    skip: int


class Stream(NamedTuple):
    """What is there of a stream.

    Attributes:
        steps: The pieces to read, in order: together the stream's bytes from its beginning.
        end: Where they end.
        trouble: What is wrong with the pieces; empty when nothing is.
        order: Where it stands among the others; None when there is nothing of it.
    """

    steps: list[Step]
    end: int
    trouble: str = ""
    order: int | None = None


def streams_of(files: Mapping[str, int]) -> dict[str, Stream]:
    """Return the streams that `files` (name → bytes) hold, by the hash of the first line, in order.

    Should two collectors not agree on the order, the smaller one holds.
    """
    found = {stream: joined(its) for stream, its in pieces_of(files).items()}
    return dict(sorted(found.items(), key=lambda one: (one[1].order or 0, one[0])))


def pieces_of(files: Mapping[str, int]) -> dict[str, list[Piece]]:
    """Return the pieces among `files` (name → bytes), by the hash of their stream's first line."""
    pieces: dict[str, list[Piece]] = {}
    for name, size in files.items():
        piece = parse(name)
        if piece is not None and size == piece.end - piece.start:
            pieces.setdefault(piece.stream, []).append(piece)
    return pieces


def joined(pieces: Collection[Piece]) -> Stream:
    """Return what of a stream its `pieces` give."""
    order = min((piece.order for piece in pieces), default=None)
    steps: list[Step] = []
    here = 0
    trouble = ""
    best: Piece | None = None
    marks: dict[int, str] = {}
    for piece in sorted(pieces, key=lambda piece: (piece.start, piece.end, piece.mark)):
        if marks.setdefault(piece.end, piece.mark) != piece.mark:
            trouble = MIXED
        if piece.start > here and best is not None and best.end > here:
            steps.append(Step(best, here - best.start))
            here = best.end
        if piece.start > here:
            return Stream(steps, here, trouble or f"what follows byte {here} is missing", order)
        if best is None or piece.end > best.end:
            best = piece
    if best is not None and best.end > here:
        steps.append(Step(best, here - best.start))
        here = best.end
    return Stream(steps, here, trouble, order)


def parse(name: str) -> Piece | None:
    """Return the piece that `name` names, or None if it names none."""
    match = _NAME.fullmatch(name)
    if match is None or int(match["end"]) <= int(match["start"]):
        return None
    order, start, end = (int(match[name]) for name in ("order", "start", "end"))
    return Piece(order, match["stream"], start, end, match["mark"])
