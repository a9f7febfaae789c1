"""What a worker does to export: writes events to a Parquet file. The only importer of `pyarrow`.

A row is one record of one event; docs/export.md describes the columns. Rows are written a group at
a time, a file for each job, so that a worker holds no more than a group.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from ctxuse.codec.decode import Valid, event_of
from ctxuse.counting.count import Accumulator
from ctxuse.errors import FleetError, MissingExtraError
from ctxuse.events import UsageEvent
from ctxuse.files import what_happened
from ctxuse.fleet.jobs import Export
from ctxuse.fleet.opening import logs_of, tried, with_retries
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import open_store
from ctxuse.fleet.target import writing_to
from ctxuse.log.reader import read_lines
from ctxuse.reports.fleet import FleetQuery, FleetTally, Unreadable

if TYPE_CHECKING:
    from types import ModuleType

_MOST_TEXTS = 32 * 1024 * 1024
"""Characters of texts in a group of rows, about, at most: each row repeats those of its event."""

SUFFIX = ".parquet"


def export(job: Export) -> FleetTally:
    """Write the events of a job's workspaces to its file: what a worker does.

    A workspace is in the file whole or not at all. When one can be read no further after some of
    its rows were written, the file is begun again without it. Where the file cannot be written,
    none of them is exported.
    """
    pyarrow()
    try:
        return _export(job)
    except FleetError as error:
        return job.none_done(error.reason)
    except _NoRoomError as error:
        return job.none_done(f"cannot write a temporary file: {error}")


def _export(job: Export) -> FleetTally:
    left_out: dict[str, Unreadable] = {}
    while True:
        with _temporary(), tempfile.NamedTemporaryFile(suffix=SUFFIX) as file:
            tally, broken = _write(job, file, left_out)
            file.flush()
            if broken is None:
                if tally.seen:
                    with writing_to(job.target):
                        store = open_store(job.target)
                        tried(partial(store.put, job.name, file.name))
                return tally
            left_out[broken[0]] = broken[1]


class _NoRoomError(Exception):
    """The file that is held back cannot be written; it has nothing to do with any workspace."""


@contextmanager
def _temporary() -> Iterator[None]:
    """Say of an error in the block that it is about the file that is held back."""
    try:
        yield
    except OSError as error:
        raise _NoRoomError(what_happened(error)) from error


def _write(
    job: Export, file: IO[bytes], left_out: dict[str, Unreadable]
) -> tuple[FleetTally, tuple[str, Unreadable] | None]:
    tally = FleetTally()
    with closing(_Rows(file, job.group_rows, Packs(job.sources))) as rows:
        for source in job.sources:
            found: Accumulator | Unreadable | None = left_out.get(source.place)
            if found is None:
                found = with_retries(source, partial(rows.add, source))
            if isinstance(found, Unreadable):
                if not rows.taken_back():
                    return tally, (source.place, found)
                tally.unreadable.append(found)
            else:
                tally.add(source.address, found.tally, FleetQuery(merge_records=True))
    return tally, None


class _Rows:
    """Collects rows, and writes them to a file a group at a time."""

    def __init__(self, file: IO[bytes], group_rows: int, packs: Packs) -> None:
        self._arrow = pyarrow()
        self._schema = schema(self._arrow)
        self._writer = self._arrow.parquet.ParquetWriter(
            file, self._schema, compression="zstd", use_dictionary=True
        )
        self._group_rows = group_rows
        self._packs = packs
        self._rows: list[tuple[object, ...]] = []
        self._texts = 0
        self._groups = 0
        self._saved = (0, 0, 0)
        self._trouble: Exception = OSError("it could not be read to its end")

    def add(self, source: Source) -> Accumulator:
        """Add the rows of a workspace, and return what it holds.

        Raises:
            OSError: It cannot be read; see `taken_back`.
        """
        if not self.taken_back():
            raise self._trouble  # it cannot be read again into this file
        self._saved = len(self._rows), self._texts, self._groups
        counted = Accumulator()
        try:
            self._add(source, counted)
        except Exception as error:
            self._trouble = error
            raise
        self._saved = len(self._rows), self._texts, self._groups
        return counted

    def _add(self, source: Source, counted: Accumulator) -> None:
        position = 0
        for opened in logs_of(source, self._packs):
            for _, line in read_lines(opened.log):
                counted.add_line(line)
                if isinstance(line, Valid):
                    event = event_of(line)
                    texts = _texts_of(event)
                    for row in _rows_of(source.address, position, event):
                        self._rows.append(row)
                        self._texts += texts
                        if len(self._rows) >= self._group_rows or self._texts >= _MOST_TEXTS:
                            self._write()
                    position += 1

    def taken_back(self) -> bool:
        """Take the rows of the last workspace back, and say whether that could be done."""
        number, texts, groups = self._saved
        if groups == self._groups:
            del self._rows[number:]
            self._texts = texts
        return groups == self._groups

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        columns = zip(*self._rows, strict=True)
        arrays = [
            self._arrow.array([*column], type=field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        with _temporary():
            self._writer.write_table(self._arrow.table(arrays, schema=self._schema))
        self._rows = []
        self._texts = 0
        self._groups += 1


def schema(arrow: "ModuleType") -> Any:  # noqa: ANN401 - pyarrow has no types
    """Return the columns; docs/export.md says what they mean."""
    text, number = arrow.string(), arrow.uint64()
    columns = [
        ("workspace", text, False),
        ("position", number, False),
        ("record", arrow.uint32(), False),
        ("id", text, False),
        ("occurred_at", arrow.timestamp("us", tz="UTC"), False),
        ("occurred_at_nanos", arrow.uint16(), False),
        ("segment_id", text, False),
        ("host", text, True),
        ("actor", text, True),
        ("call_id", text, True),
        ("event", text, False),
        ("source", text, False),
        ("kind", text, False),
        ("slug", text, False),
        ("file_bytes", number, False),
        ("file_tokens_estimate", number, False),
        ("context_bytes", number, True),
        ("context_tokens", number, True),
        ("tokens_from", text, True),
        ("size_from", text, True),
        ("agent_type", text, True),
    ]
    return arrow.schema([arrow.field(name, kind, nullable) for name, kind, nullable in columns])


def _texts_of(event: UsageEvent) -> int:
    """About how many characters an event puts into each row of it."""
    texts = (event.segment_id, event.host, event.actor, event.call_id, event.agent_type)
    return sum(len(text) for text in texts if text is not None)


def _rows_of(workspace: str, position: int, event: UsageEvent) -> Iterator[tuple[object, ...]]:
    micros, nanos = divmod(event.occurred_at_ns, 1000)
    for number, record in enumerate(event.records):
        yield (
            workspace,
            position,
            number,
            event.id,
            micros,
            nanos,
            event.segment_id,
            event.host,
            event.actor,
            event.call_id,
            event.event.value,
            event.source.value,
            *record,
            event.agent_type,
        )


def pyarrow() -> "ModuleType":
    """Return `pyarrow`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - an extra
        import pyarrow.parquet  # type: ignore[import-untyped] # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise MissingExtraError("ctxuse fleet export", "fleet") from error
    module: ModuleType = pa
    return module
