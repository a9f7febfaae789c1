"""What a worker does to compact: puts pieces of some workspaces into packs. See `compact`.

Of each stream, from what was listed before:

1. What packs have held for the grace, and a file of its own holds, too, is removed, once the bytes
   read back out of the packs end in the mark of its name, and a receipt says what packs hold.
2. What no pack holds yet goes into a new one, with what is taken up of small packs.

Where pieces are mixed or some are missing nothing is removed but receipts of what is not there.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from ctxuse.errors import FleetError
from ctxuse.fleet.jobs import Compact, Compacted
from ctxuse.fleet.opening import with_retries
from ctxuse.fleet.packs import PackWriter, Ranges, file_of
from ctxuse.fleet.pieces import (
    COLLECTED,
    MARKED,
    MIXED,
    Holding,
    Part,
    Piece,
    Step,
    Stream,
    holdings_of,
    parse,
    swept,
)
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import open_store
from ctxuse.fleet.target import writing_to
from ctxuse.layout import USAGE_DIR
from ctxuse.redaction import without_secrets
from ctxuse.reports.fleet import Unreadable


def collected_in(folder: str) -> str:
    """Return the name of the folder of a workspace's pieces, from the place it lies in."""
    return "/".join((folder, *USAGE_DIR, COLLECTED))


def compact_some(job: Compact) -> Compacted:
    """Compact a job's workspaces."""
    batch = _Batch(job)
    for source in job.sources:
        trouble = with_retries(source, partial(batch.add, source))
        if isinstance(trouble, Unreadable):
            batch.left(source, trouble.reason)
    try:
        return batch.finished()
    except FleetError as error:
        unreadable = job.none_done(error.reason).unreadable
        return Compacted(unreadable=unreadable, needed=[*job.superseded])


class _Batch:
    """The work of one job."""

    def __init__(self, job: Compact) -> None:
        self._job = job
        self._store = open_store(job.target)
        self._writer = PackWriter(self._store, job.begun, job.pack_size)
        self._ranges = Ranges(self._store, _ends(job.sources))
        self._gone: list[str] = []
        self._done = Compacted(unreadable=[], needed=[])

    def add(self, source: Source) -> None:
        """Do what is to be done with a workspace.

        Raises:
            OSError: Something of it cannot be read.
            FleetError: Something cannot be written.
        """
        cut = len(COLLECTED) + 1
        files = {name[cut:]: size for name, size in source.logs}
        for name, holding in holdings_of(files, source.packed).items():
            reader = _Reader(self._ranges, collected_in(source.folder))
            try:
                self._stream(source, holding, reader)
            except _LeftError as error:
                self.left(source, f"{COLLECTED}/{name}: {error}")

    def left(self, source: Source, reason: str) -> None:
        """Say of a workspace that something of it was left as it is."""
        said = without_secrets(reason, self._job.target)
        self._done.unreadable.append(Unreadable(source.address, said))
        self._done.needed += {part.pack for part in source.packed}.intersection(
            self._job.superseded
        )

    def finished(self) -> Compacted:
        """Write the last pack, remove what is not needed, and return what was done.

        Raises:
            FleetError: It could not be written.
        """
        with writing_to(self._job.target):
            self._writer.flush()
            self._store.remove(self._gone)
        self._done.packs, self._done.bytes = self._writer.packs, self._writer.bytes
        self._done.removed = len(self._gone)
        return self._done

    def _stream(self, source: Source, holding: Holding, reader: "_Reader") -> None:
        whole = holding.stream()
        if whole.trouble:
            self._keep(source, holding, reader)
            if whole.trouble != MIXED:
                self._remove(reader, [one for one in holding.receipts if one.end > whole.end])
            raise _LeftError(whole.trouble)
        settled = holding.packed_stream(self._job.settled)
        twice = [piece for piece in holding.loose if piece.end <= settled.end]
        checked = [*twice]
        for piece, part in holding.packed:
            if part.pack in self._job.superseded:
                if piece.end <= settled.end:
                    checked.append(piece)
                else:
                    self._done.needed.append(part.pack)
        for piece in sorted(checked, key=lambda piece: piece.end):
            reader.check(settled, piece)
        self._take_away(holding, whole, settled, twice, reader)
        self._pack(source, holding, whole, reader)

    def _take_away(
        self,
        holding: Holding,
        whole: Stream,
        settled: Stream,
        twice: Sequence[Piece],
        reader: "_Reader",
    ) -> None:
        """Remove pieces that packs hold, behind a receipt, and receipts that say less."""
        said = max((one.end for one in holding.receipts), default=0)
        if twice and said < settled.end:
            mark = settled.steps[-1].piece.mark
            receipt = Piece(whole.order or 0, twice[0].stream, 0, settled.end, mark, packed=True)
            with writing_to(self._job.target):
                self._store.write(f"{reader.below}/{receipt.name}", b"")
            self._done.receipts += 1
            said = settled.end
        self._remove(reader, [*twice, *(one for one in holding.receipts if one.end < said)])

    def _remove(self, reader: "_Reader", pieces: Sequence[Piece]) -> None:
        self._gone += [f"{reader.below}/{piece.name}" for piece in pieces]

    def _pack(self, source: Source, holding: Holding, whole: Stream, reader: "_Reader") -> None:
        """Put into packs what none holds yet, and what is taken up."""
        end = holding.packed_stream().end
        loose = [piece for piece in holding.loose if piece.end > end]
        taken = dict(self._taken_up(holding))
        for step in swept([*loose, *taken], taken):
            if step.piece.end - step.piece.start > self._job.pack_size:
                raise _LeftError("a piece is larger than a pack")
            data = reader.checked(whole, step)
            piece = step.piece._replace(order=whole.order or 0, start=step.start)
            with writing_to(self._job.target):
                self._writer.add(source.folder, piece, data)
            self._done.pieces += step.part is None

    def _keep(self, source: Source, holding: Holding, reader: "_Reader") -> None:
        """Carry what is taken up of packs over as it is."""
        for piece, part in self._taken_up(holding):
            data = reader.bytes_of(Step(piece, 0, part), piece.start, piece.end)
            with writing_to(self._job.target):
                self._writer.add(source.folder, piece, data, joins=False)

    def _taken_up(self, holding: Holding) -> list[tuple[Piece, Part]]:
        return [(p, part) for p, part in holding.in_packs() if part.pack in self._job.taken_up]


class _LeftError(Exception):
    """A stream is left as it is."""


class _Reader:
    """Bytes of the streams of one workspace.

    Args:
        ranges: What reads files.
        below: The folder of its pieces.
    """

    def __init__(self, ranges: Ranges, below: str) -> None:
        self._ranges = ranges
        self.below = below

    def bytes_of(self, step: Step, start: int, end: int) -> bytes:
        """Return bytes of a stream that a piece holds."""
        return self._ranges.of_step(step, self.below, start, end)

    def check(self, stream: Stream, piece: Piece) -> None:
        """Look whether a stream, as it is read, ends in the mark of a piece of it.

        Raises:
            _LeftError: It does not.
        """
        if _mark(self._before(stream, piece.end)) != piece.mark:
            raise _LeftError(MIXED)

    def checked(self, stream: Stream, step: Step) -> bytes:
        """Return the bytes that a step gives of a stream.

        Raises:
            _LeftError: They do not end in the mark of its piece.
        """
        data = self.bytes_of(step, step.start, step.piece.end)
        tail = data[-MARKED:]
        if len(tail) < MARKED:
            tail = self._before(stream, step.start, MARKED - len(tail)) + tail
        if _mark(tail) != step.piece.mark:
            raise _LeftError("what a piece holds is not what its name says")
        return data

    def _before(self, stream: Stream, end: int, number: int = MARKED) -> bytes:
        """So many bytes of a stream before `end`, or all there are."""
        first = max(0, end - number)
        return b"".join(
            self.bytes_of(step, max(first, step.start), min(end, step.piece.end))
            for step in stream.steps
            if step.start < end and step.piece.end > first
        )


def _mark(tail: bytes) -> str:
    return sha256(tail).hexdigest()[:16]


def _ends(sources: Sequence[Source]) -> dict[str, int]:
    """Up to where something is asked for of each file that holds something of these workspaces."""
    ends: dict[str, int] = {}
    for source in sources:
        for part in source.packed:
            piece, name = parse(part.name), file_of(part.pack)
            if piece is not None:
                ends[name] = max(ends.get(name, 0), part.offset + piece.end - piece.start)
    return ends
