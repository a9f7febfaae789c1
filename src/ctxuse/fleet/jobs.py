"""What a worker is asked to do, as values that travel; each can be divided, and given up."""

from collections.abc import Sequence
from typing import Self

import msgspec

from ctxuse.errors import FleetError
from ctxuse.fleet import stored
from ctxuse.fleet.repeats import Slice
from ctxuse.fleet.source import Source, without_secrets
from ctxuse.fleetreport import FleetQuery, FleetTally, Unreadable
from ctxuse.zones import Zone


def _name(zone: object) -> str:
    """What a time zone goes by on its way."""
    if isinstance(zone, Zone):
        return zone.name
    raise NotImplementedError


_encode = msgspec.json.Encoder(enc_hook=_name).encode


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
        """Return it as bytes; see `decode`."""
        return _encode(self)

    def divided(self) -> Sequence[Self]:
        """Return jobs that do the same together, or itself when it cannot be divided."""
        return [self]

    def given_up(self, reason: str) -> bytes:
        """Return the result when its worker is lost again and again."""
        return stored.dump(
            FleetTally(unreadable=[Unreadable(source.address, reason) for source in self.sources])
        )


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

    def divided(self) -> Sequence[Self]:
        """A job for each workspace."""
        slices = self.slices or ((),) * len(self.sources)
        return [
            msgspec.structs.replace(self, sources=(source,), slices=(its,))
            for source, its in zip(self.sources, slices, strict=True)
        ]


class WriteIds(Job, frozen=True, kw_only=True):
    """Write their ids down; the result is an `IdsWritten`.

    Attributes:
        scratch: Where to.
        first: The number of the first workspace among all of them; the others follow.
        parts: Into how many parts ids are divided.
    """

    scratch: str
    first: int
    parts: int

    def divided(self) -> Sequence[Self]:
        """A job for each workspace."""
        return [
            msgspec.structs.replace(self, sources=(source,), first=number)
            for number, source in enumerate(self.sources, self.first)
        ]

    def given_up(self, reason: str) -> bytes:
        """None of them can be read."""
        why = {self.first + index: reason for index in range(len(self.sources))}
        return msgspec.json.encode(IdsWritten(files=0, unreadable=why))


class IdsWritten(msgspec.Struct, frozen=True):
    """What became of `WriteIds`.

    Attributes:
        files: How many files were written.
        unreadable: By number, the workspaces that could not be read, and why.
    """

    files: int
    unreadable: dict[int, str]


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
        raise FleetError("--distinct-ids", f"{reason} ({hint})")


class Export(Job, frozen=True, kw_only=True):
    """Write their events to a Parquet file; the result is a `FleetTally`.

    Attributes:
        target: The folder or address of the files.
        first: The number of the first workspace among all of them; the others follow.
    """

    target: str
    first: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"part-{self.first:08}.parquet"

    def divided(self) -> Sequence[Self]:
        """A job for each workspace."""
        return [
            msgspec.structs.replace(self, sources=(source,), first=number)
            for number, source in enumerate(self.sources, self.first)
        ]

    def given_up(self, reason: str) -> bytes:
        """None of them was exported."""
        return super().given_up(without_secrets(reason, self.target))


class Collect(Job, frozen=True, kw_only=True):
    """Copy what is new in their logs; the result is a list of `Collected`.

    Attributes:
        target: The folder or address to copy to.
        host: What stands there for the machine whose folders they are.
    """

    target: str
    host: str

    def divided(self) -> Sequence[Self]:
        """A job for each workspace."""
        return [msgspec.structs.replace(self, sources=(source,)) for source in self.sources]

    def given_up(self, reason: str) -> bytes:
        """None of them was copied."""
        return msgspec.json.encode(
            [
                Collected(address=source.address, reason=without_secrets(reason, self.target))
                for source in self.sources
            ]
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


AnyJob = Count | WriteIds | FindRepeats | Export | Collect


def _zone(kind: type, name: str) -> Zone:
    if kind is Zone:
        return Zone(name)
    raise NotImplementedError


decode = msgspec.json.Decoder(AnyJob, dec_hook=_zone).decode
"""Makes a job of what `Job.as_bytes` gave."""
