"""What a worker does to compact: puts pieces of some workspaces into packs. See `compact`.

Of each stream, from what was listed before:

1. What packs have held for the grace, and a file of its own holds, too, is removed, once all of its
   bytes were compared with those of the packs, and a receipt says what packs hold.
2. What no pack holds yet goes into a new one, with what is taken up of small packs.

Nothing of a workspace is done before all of it was looked at.

Where pieces are mixed or some are missing nothing is removed. Where packs are missing of which a
receipt speaks, it is said how much is there, for collectors to copy the rest again.
"""

import errno
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from ctxuse.errors import CtxuseError, FleetError
from ctxuse.fleet.jobs import Compact, Compacted, Prove, Proved
from ctxuse.fleet.opening import tried
from ctxuse.fleet.packing import PackWriter
from ctxuse.fleet.packs import READ_AHEAD, Packs, Ranges, file_of
from ctxuse.fleet.pieces import (
    MARKED,
    MIXED,
    Holding,
    Part,
    Piece,
    Step,
    Stream,
    collected_in,
    holdings_of,
    is_of_one_log,
    mark_of,
    swept,
)
from ctxuse.fleet.source import Source, reason_of
from ctxuse.fleet.store import BLOCK, IN_HOLES, MOST_IN_HOLES, Store, open_store
from ctxuse.fleet.target import writing_to
from ctxuse.layout import COLLECTED
from ctxuse.redaction import without_secrets
from ctxuse.reports.fleet import Unreadable


def holdings_in(source: Source) -> dict[str, Holding]:
    """Return what is known of each stream of a workspace, of which all logs are pieces."""
    cut = len(COLLECTED) + 1
    return holdings_of({name[cut:]: size for name, size in source.logs}, source.packed)


def prove(job: Prove) -> Proved:
    """Read packs whole, and say which are not what their indexes say."""
    store = open_store(job.target)
    proved = Proved()
    for name, size, digest in job.packs:
        try:
            if tried(partial(_digest, store, file_of(name), size)) != digest:
                proved.wrong.append(name)
        except FileNotFoundError:
            proved.gone.append(name)
        except (CtxuseError, OSError) as error:
            proved.unread[name] = reason_of(error, job.target)
    return proved


def _digest(store: Store, name: str, size: int) -> str:
    if store.in_holes(name) > MOST_IN_HOLES:
        raise OSError(errno.EFBIG, IN_HOLES)
    digest = sha256()
    for start in range(0, size, READ_AHEAD):
        digest.update(store.read(name, start, min(size, start + READ_AHEAD)))
    return digest.hexdigest()


def compact_some(job: Compact) -> Compacted:
    """Compact a job's workspaces."""
    batch = _Batch(job)
    for source in job.sources:
        try:
            for plan in tried(partial(batch.look, source)):
                batch.commit(source, plan)
        except (CtxuseError, OSError) as error:
            batch.left(source, reason_of(error, source.url), source.packs)
    try:
        return batch.finished()
    except FleetError as error:
        return job.none_compacted(error.reason)


class _Packed(NamedTuple):
    """A piece that goes into a pack.

    Attributes:
        piece: The piece.
        read: Gives its bytes.
        is_new: Whether no pack held it.
        joins: Whether it may become one with the piece before it.
    """

    piece: Piece
    read: Callable[[], bytes]
    is_new: bool = False
    joins: bool = True


class _Plan:
    """What is to be done with a stream, before anything of it is.

    Attributes:
        name: The stream.
        packs: The packs that hold something of it.
        packed: What goes into packs.
        written: Receipts to write.
        gone: Files to remove.
        needed: Packs that have to stay.
        trouble: Why the stream is left as it is; empty when it is not.
    """

    def __init__(self, name: str, packs: Collection[str]) -> None:
        self.name = name
        self.packs = packs
        self.packed: list[_Packed] = []
        self.written: list[str] = []
        self.gone: list[str] = []
        self.needed: list[str] = []
        self.trouble = ""


class _Batch:
    """The work of one job."""

    def __init__(self, job: Compact) -> None:
        self._job = job
        self._store = open_store(job.target)
        self._writer = PackWriter(self._store, job.begun, job.pack_size)
        self._packs = Packs(job.sources)
        self._gone: dict[str, Source] = {}
        self._done = Compacted()
        self._in_holes = 0

    def look(self, source: Source) -> list[_Plan]:
        """Return what is to be done with the streams of a workspace; nothing is done.

        Raises:
            OSError: Something of it cannot be read.
        """
        plans = []
        self._in_holes = 0
        for name, holding in holdings_in(source).items():
            plan = _Plan(name, {part.pack for _, part in holding.packed})
            reader = _Reader(self._packs.beside(source), collected_in(source.folder))
            try:
                self._stream(holding, reader, plan)
            except _LeftError as error:
                plan.trouble = str(error)
            plans.append(plan)
        return plans

    def commit(self, source: Source, plan: _Plan) -> None:
        """Do what is to be done with a stream; each step is tried again by itself.

        Raises:
            OSError: Something of it cannot be read.
            FleetError: Something cannot be written.
        """
        try:
            for one in plan.packed:
                add = partial(self._writer.add, source.folder, one.piece, tried(one.read))
                with writing_to(self._job.target):
                    tried(partial(add, joins=one.joins))
                self._done.pieces += one.is_new
        except _LeftError as error:
            plan.trouble, plan.gone, plan.written = str(error), [], []
        for name in plan.written:
            with writing_to(self._job.target):
                tried(partial(self._store.write, name, b""))
            self._done.receipts += 1
        self._gone |= dict.fromkeys(plan.gone, source)
        self._done.needed += plan.needed
        if plan.trouble:
            self.left(source, f"{COLLECTED}/{plan.name}: {plan.trouble}", plan.packs)

    def left(self, source: Source, reason: str, packs: Collection[str]) -> None:
        """Say of a workspace that something of it, which is in these packs, was left as it is."""
        said = without_secrets(reason, self._job.target)
        self._done.unreadable.append(Unreadable(source.address, said))
        self._done.needed += {*packs}.intersection(self._job.superseded)

    def finished(self) -> Compacted:
        """Write the last pack, remove what is not needed, and return what was done.

        Raises:
            FleetError: It could not be written.
        """
        with writing_to(self._job.target):
            self._writer.flush()
        self._done.packs, self._done.bytes = self._writer.packs, self._writer.bytes
        left = self._store.remove(self._gone)
        self._done.removed = len(self._gone) - len(left)
        for address, why in {self._gone[name].address: why for name, why in left.items()}.items():
            reason = f"what packs hold of it cannot be removed: {why}"
            self._done.unreadable.append(Unreadable(address, reason))
        return self._done

    def _stream(self, holding: Holding, reader: "_Reader", plan: _Plan) -> None:
        whole = holding.stream()
        if whole.trouble:
            self._keep(holding, reader, plan)
            if any(one.end > whole.end for one in holding.receipts) and whole.trouble != MIXED:
                mark = whole.steps[-1].piece.mark if whole.steps else "0" * 16
                lost = Piece(whole.order or 0, plan.name, 0, whole.end, mark, "lost")
                plan.written += reader.paths({lost}.difference(holding.lost))
                plan.gone += reader.paths(one for one in holding.lost if one != lost)
            raise _LeftError(whole.trouble)
        if holding.lost or holding.broken:
            said = whole._replace(said=(*holding.receipts, *holding.broken))
            if not is_of_one_log(said, partial(reader.last_of, whole)):
                raise _LeftError(MIXED)
        settled = holding.packed_stream(self._job.settled)
        twice = [piece for piece in holding.loose if piece.end <= settled.end]
        self._look_for_holes(reader.paths(twice))
        checked = [Step(piece, piece.start) for piece in twice]
        needed = []
        for piece, part in holding.packed:
            if part.pack in self._job.superseded:
                if piece.end <= settled.end:
                    checked.append(Step(piece, piece.start, part))
                else:
                    needed.append(part.pack)
        for step in sorted(checked, key=lambda step: step.piece.end):
            reader.check(settled, step)
        packed = [*self._packed(holding, whole, reader)]
        plan.packed += packed
        plan.needed += needed
        so_far = max((one.end for one in holding.receipts), default=0)
        if twice and so_far < settled.end:
            so_far, mark = settled.end, settled.steps[-1].piece.mark
            receipt = Piece(whole.order or 0, twice[0].stream, 0, so_far, mark, "packed")
            plan.written += reader.paths([receipt])
        less = (one for one in holding.receipts if one.end < so_far)
        plan.gone += reader.paths([*holding.lost, *twice, *less])

    def _look_for_holes(self, files: Iterable[str]) -> None:
        """Count what is in holes of files that are to be read.

        Raises:
            _LeftError: It is too much, of this workspace.
        """
        for name in files:
            with suppress(FileNotFoundError):  # noticed when it is read
                self._in_holes += self._store.in_holes(name)
            if self._in_holes > MOST_IN_HOLES:
                raise _LeftError(IN_HOLES)

    def _packed(self, holding: Holding, whole: Stream, reader: "_Reader") -> Iterator["_Packed"]:
        """Yield what goes into packs: what none holds yet, and what is taken up."""
        end = holding.packed_stream().end
        loose = [piece for piece in holding.loose if piece.end > end]
        self._look_for_holes(reader.paths(loose))
        taken = dict(self._taken_up(holding))
        for step in swept([*loose, *taken], taken):
            if step.piece.size > self._job.pack_size:
                raise _LeftError("a piece is larger than a pack")
            piece = step.piece._replace(order=whole.order or 0, start=step.start)
            read = partial(reader.checked, whole, step)
            yield _Packed(piece, read, is_new=step.part is None)

    def _keep(self, holding: Holding, reader: "_Reader", plan: _Plan) -> None:
        """Carry what is taken up of packs over as it is."""
        for piece, part in self._taken_up(holding):
            step = Step(piece, piece.start, part)
            read = partial(reader.bytes_of, step, piece.start, piece.end)
            plan.packed.append(_Packed(piece, read, joins=False))

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
        self._below = below
        self._last = (0, b"")

    def paths(self, pieces: Iterable[Piece]) -> list[str]:
        """Return where pieces are that are files of their own."""
        return [f"{self._below}/{piece.name}" for piece in pieces]

    def bytes_of(self, step: Step, start: int, end: int) -> bytes:
        """Return bytes of a stream that a piece holds."""
        return self._ranges.of_step(step, self._below, start, end)

    def last_of(self, stream: Stream, length: int, start: int) -> bytes:
        """Return so many bytes of a stream from a place on."""
        return self._range(stream, start, start + length)

    def check(self, stream: Stream, step: Step) -> None:
        """Look whether all bytes of a piece are those of a stream, and end in its mark.

        Raises:
            _LeftError: They are not.
        """
        for start in range(step.start, step.piece.end, BLOCK):
            end = min(start + BLOCK, step.piece.end)
            try:
                data = self.bytes_of(step, start, end)
            except FileNotFoundError:  # somebody else has removed it
                return
            if data != self._range(stream, start, end):
                raise _LeftError(MIXED)
        first = max(0, step.piece.end - MARKED)
        if mark_of(self._range(stream, first, step.piece.end)) != step.piece.mark:
            raise _LeftError(MIXED)

    def checked(self, stream: Stream, step: Step) -> bytes:
        """Return the bytes that a step gives of a stream.

        Raises:
            _LeftError: They do not end in the mark of its piece.
        """
        data = self.bytes_of(step, step.start, step.piece.end)
        tail = data[-MARKED:]
        if len(tail) < MARKED:
            tail = (self._before(stream, step.start) + tail)[-MARKED:]
        if mark_of(tail) != step.piece.mark:
            raise _LeftError("what a piece holds is not what its name says")
        self._last = step.piece.end, tail
        return data

    def _before(self, stream: Stream, end: int) -> bytes:
        """The last bytes of a stream before `end`, as many as a mark is of: mostly just read."""
        last, tail = self._last
        return tail if last == end else self._range(stream, max(0, end - MARKED), end)

    def _range(self, stream: Stream, first: int, end: int) -> bytes:
        """The bytes of a stream from `first` up to `end`."""
        return b"".join(
            self.bytes_of(step, max(first, step.start), min(end, step.piece.end))
            for step in stream.between(first, end)
        )
