"""What a worker is asked to do, as values that travel; each can be divided, and given up."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import msgspec

from ctxuse.errors import FleetError
from ctxuse.fleet import wire
from ctxuse.fleet.pieces import PIECE_SIZE
from ctxuse.fleet.repeats import Slice
from ctxuse.fleet.source import Source, as_text
from ctxuse.redaction import without_secrets
from ctxuse.reports.fleet import FleetQuery, FleetTally, Unreadable
from ctxuse.zones import Zone


def _name(zone: object) -> str:
    """What a time zone goes by on its way."""
    if isinstance(zone, Zone):
        return zone.name
    raise NotImplementedError


_encode = msgspec.json.Encoder(enc_hook=_name).encode


def _escaped(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can be made of
    match value:
        case str():
            return as_text(value)
        case dict():
            return {as_text(key): _escaped(one) for key, one in value.items()}
        case list() | tuple():
            return [_escaped(one) for one in value]
        case _:
            return value


MOST_IN_BATCH = 256
"""Workspaces in a job, at most."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of logs in a job, at most, unless one workspace alone has more."""

MOST_FILES = 500_000
"""Files, and parts of packs, that a job names at most, likewise: each takes some 160 bytes."""

_ROUNDS = 8
"""Jobs for each worker, at least, where there are workspaces enough: the last ones end together."""

GROUP_ROWS = 50_000
"""Rows in a group of a Parquet file."""


class Job(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something to do with some workspaces, whose result is bytes.

    Attributes:
        sources: The workspaces, sorted by address.
    """

    sources: tuple[Source, ...] = ()

    @property
    def number(self) -> int:
        """How many workspaces it is about."""
        return len(self.sources)

    def as_bytes(self) -> bytes:
        """Return it as bytes; see `decode`. What is no UTF-8 in it is escaped: it names nothing."""
        try:
            return _encode(self)
        except UnicodeEncodeError:
            return _encode(_escaped(msgspec.to_builtins(self, enc_hook=_name)))

    def divided(self) -> Sequence[Self]:
        """Return its halves, or itself when it is about one workspace or none."""
        half = len(self.sources) // 2
        return [self.stretch(0, half), self.stretch(half, len(self.sources))] if half else [self]

    def stretch(self, begin: int, end: int) -> Self:
        """Return the part of the job that is about some of its workspaces, by their indexes."""
        return msgspec.structs.replace(self, sources=self.sources[begin:end])

    def given_up(self, reason: str) -> bytes:
        """Return the result when its worker is lost again and again."""
        return wire.dump(self.none_done(reason))

    def none_done(self, reason: str) -> FleetTally:
        """Return the result when none of its workspaces could be read, or what they hold written.

        Args:
            reason: Why, perhaps with secrets of the places it is about.
        """
        said = self._without_secrets(reason)
        return FleetTally(unreadable=[Unreadable(source.address, said) for source in self.sources])

    def _without_secrets(self, reason: str) -> str:
        """Return a reason without those of the places it is about: its workspaces and another."""
        places = [source.url for source in self.sources]
        places += [getattr(self, name) for name in ("target", "scratch") if hasattr(self, name)]
        for place in places:
            reason = without_secrets(reason, place)
        return reason


class NumberedJob(Job, frozen=True, kw_only=True):
    """A job whose workspaces have numbers.

    Attributes:
        first: The number of the first workspace among those of all jobs; the others follow.
    """

    first: int

    def stretch(self, begin: int, end: int) -> Self:
        """See `Job`."""
        return msgspec.structs.replace(super().stretch(begin, end), first=self.first + begin)


class Count(Job, frozen=True, kw_only=True):
    """Count them; the result is a `FleetTally`.

    Attributes:
        asked: What is asked of them.
        cache: Whether to use and write checkpoints.
        scratch: Where the ids of repeated events are.
        slices: Where those of each workspace stand there; none when all of its events count.
    """

    asked: FleetQuery
    cache: bool = True
    scratch: str = ""
    slices: tuple[tuple[Slice, ...], ...] = ()

    def stretch(self, begin: int, end: int) -> Self:
        """See `Job`."""
        return msgspec.structs.replace(super().stretch(begin, end), slices=self.slices[begin:end])


class WriteIds(NumberedJob, frozen=True, kw_only=True):
    """Write their ids down; the result is an `IdsWritten`.

    Attributes:
        scratch: Where to.
    """

    scratch: str

    def given_up(self, reason: str) -> bytes:
        """None of them can be read."""
        reason = self._without_secrets(reason)
        why = {self.first + index: reason for index in range(len(self.sources))}
        return msgspec.json.encode(IdsWritten(files=0, unreadable=why))


class IdsWritten(msgspec.Struct, frozen=True):
    """What became of `WriteIds`.

    Attributes:
        files: How many files were written.
        unreadable: By number, the workspaces that could not be read, and why.
        ids: How many ids they hold.
    """

    files: int
    unreadable: dict[int, str]
    ids: int = 0


class FindRepeats(Job, frozen=True, kw_only=True):
    """Find the repeats in one part of the ids; the result is a dict of number → `Slice`.

    Attributes:
        scratch: Where the ids are.
        part: The number of the part.
        parts: How many there are.
        files: The number of the first workspace of each batch, and how many files it has written.
        without: The numbers of workspaces that are not counted.
    """

    scratch: str
    part: int
    parts: int
    files: tuple[tuple[int, int], ...]
    without: tuple[int, ...] = ()

    def given_up(self, reason: str) -> bytes:
        """Without it nothing can be told.

        Raises:
            FleetError: Always.
        """
        hint = "--scratch names a folder or address that all workers reach"
        raise FleetError("--distinct-ids", f"{self._without_secrets(reason)} ({hint})")


class Export(NumberedJob, frozen=True, kw_only=True):
    """Write their events to a Parquet file; the result is a `FleetTally`.

    Attributes:
        target: The folder or address of the files.
        run: What tells the files of this export from those of others.
        group_rows: Rows that are written at a time.
    """

    target: str
    run: str
    group_rows: int = GROUP_ROWS

    @property
    def name(self) -> str:
        """The file's name."""
        return f"part-{self.run}-{self.first:08}.parquet"


class Collect(Job, frozen=True, kw_only=True):
    """Copy what is new in their logs; the result is a list of `Collected`.

    Attributes:
        target: The folder or address to copy to.
        host: What stands there for the machine whose folders they are.
        piece_size: Bytes of a piece, at most.
    """

    target: str
    host: str
    piece_size: int = PIECE_SIZE

    def given_up(self, reason: str) -> bytes:
        """None of them was copied."""
        said = self._without_secrets(reason)
        return msgspec.json.encode(
            [Collected(address=source.address, reason=said) for source in self.sources]
        )


class Collected(msgspec.Struct, frozen=True, array_like=True):
    """What became of copying one workspace.

    Attributes:
        address: Where it is.
        pieces: How many pieces were written.
        bytes: Their bytes.
        replaced: Logs that are not what they were: kept beside what was copied before.
        reason: Why it could not be read or written; empty when it could.
    """

    address: str
    pieces: int = 0
    bytes: int = 0
    replaced: int = 0
    reason: str = ""


class Compact(Job, frozen=True, kw_only=True):
    """Put their pieces into packs; the result is a `Compacted`.

    Attributes:
        target: The folder or address where they and the packs are.
        begun: When the compaction began, as names of packs begin with a time.
        settled: Likewise, the time before which a pack was there long enough to stand for others.
        pack_size: Bytes of a pack, at most.
        taken_up: Packs whose pieces go into new ones.
        superseded: Packs of which other packs hold everything, if these hold it right.
    """

    target: str
    begun: str
    settled: str
    pack_size: int
    taken_up: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()

    def given_up(self, reason: str) -> bytes:
        """None of them was compacted."""
        return msgspec.json.encode(self.none_compacted(reason))

    def none_compacted(self, reason: str) -> "Compacted":
        """Return the result when none of them could be; see `none_done`."""
        unreadable = self.none_done(reason).unreadable
        return Compacted(unreadable=unreadable, needed=[*self.superseded])


class Prove(Job, frozen=True, kw_only=True):
    """Read packs whole; the result is a `Proved`.

    Attributes:
        target: The folder or address where they are.
        packs: Their names, each with its bytes and their hash as its index has it.
    """

    target: str
    packs: tuple[tuple[str, int, str], ...]

    def given_up(self, reason: str) -> bytes:
        """None of them was read."""
        said = self._without_secrets(reason)
        return msgspec.json.encode(Proved(unread={name: said for name, *_ in self.packs}))


class Proved(msgspec.Struct):
    """Which packs are not what their indexes say.

    Attributes:
        wrong: Packs that hold other bytes.
        unread: Packs that cannot be read, and why.
        gone: Packs that are no longer there.
    """

    wrong: list[str] = []
    unread: dict[str, str] = {}
    gone: list[str] = []


class Compacted(msgspec.Struct):
    """What became of compacting some workspaces.

    Attributes:
        packs: How many packs were written.
        bytes: Their bytes.
        pieces: How many pieces that were files of their own they hold.
        removed: How many files that packs stand for were removed.
        receipts: How many receipts were written.
        unreadable: Workspaces that were left as they are, and why.
        needed: Packs that cannot be removed, of those that seemed superseded.
    """

    packs: int = 0
    bytes: int = 0
    pieces: int = 0
    removed: int = 0
    receipts: int = 0
    unreadable: list[Unreadable] = []
    needed: list[str] = []


AnyJob = Count | WriteIds | FindRepeats | Export | Collect | Compact | Prove


def _zone(kind: type, name: str) -> Zone:
    if kind is Zone:
        return Zone(name)
    raise NotImplementedError


decode = msgspec.json.Decoder(AnyJob, dec_hook=_zone).decode
"""Makes a job of what `Job.as_bytes` gave."""


def batches(
    sources: Sequence[Source], workers: int, size: int | None = None
) -> Iterator[tuple[int, Sequence[Source]]]:
    """Yield stretches of `sources`, each with the number of its first: what one job is about.

    Args:
        sources: The workspaces, sorted by address.
        workers: How many work.
        size: How many to a stretch, at most; when None so many that every worker has several.
    """
    most = size or max(1, min(MOST_IN_BATCH, -(-len(sources) // (workers * _ROUNDS))))
    first = total = files = 0
    for number, source in enumerate(sources):
        total += source.size
        files += len(source.logs) + len(source.packed)
        if number > first and (number - first == most or total > MOST_BYTES or files > MOST_FILES):
            yield first, sources[first:number]
            first, total, files = number, source.size, len(source.logs) + len(source.packed)
    if first < len(sources):
        yield first, sources[first:]
