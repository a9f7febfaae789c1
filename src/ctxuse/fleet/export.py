"""Events as Parquet, for people's own DuckDB, Spark or warehouse. The only importer of `pyarrow`.

A row is one record of one event; docs/export.md describes the columns and holds a query that gives
the report. Rows are written a group at a time, a file for each job, so that neither a worker nor we
hold more than a group.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ctxuse.codec.decode import Valid, event_of
from ctxuse.counting.count import Accumulator
from ctxuse.counting.tuning import OnProgress
from ctxuse.errors import FleetError, MissingExtraError
from ctxuse.events import UsageEvent
from ctxuse.fleet import jobs, stored
from ctxuse.fleet.counting import tried
from ctxuse.fleet.opening import logs_of
from ctxuse.fleet.places import find
from ctxuse.fleet.reporting import batches
from ctxuse.fleet.running import open_runner
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import open_store
from ctxuse.fleet.target import prepared, shown
from ctxuse.fleetreport import FleetQuery, FleetTally, SeenWorkspace, Unreadable
from ctxuse.log.reader import read_lines

if TYPE_CHECKING:
    from types import ModuleType

ROWS = 50_000
"""Rows in a group."""

SUFFIX = ".parquet"


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        workspaces: The workspaces whose events are in the files.
        unreadable: Places of which nothing is.
        files: How many files were written.
    """

    workspaces: list[SeenWorkspace]
    unreadable: list[Unreadable]
    files: int


def export_events(
    places: Iterable[str],
    target: str,
    *,
    scheduler: str = "processes",
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> Exported:
    """Write the events of many workspaces to Parquet files in `target`.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.places`.
        target: A folder or address without Parquet files; it is made when it is missing.
        scheduler: As for a report.
        workers: As for a report.
        on_progress: Told how many workspaces are done, and how many there are.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: `target` holds Parquet files, or the scheduler cannot be used.
    """
    _pyarrow()
    target = prepared(target, scheduler)
    if any(name.endswith(SUFFIX) for name in open_store(target).names()):
        raise FleetError(shown(target), "it holds Parquet files already: name an empty folder")
    found = find(places)
    whole = FleetTally()
    files = done = 0
    with open_runner(scheduler, workers) as runner:
        exports = (
            jobs.Export(sources=tuple(batch), target=target, first=first)
            for first, batch in batches(found.sources, runner.workers)
        )
        for job, result in runner.results(exports):
            tally = stored.load(result)
            files += bool(tally.seen)
            whole.merge(tally)
            done += job.number
            if on_progress is not None:
                on_progress(done, len(found.sources))
    return Exported(whole.seen, [*found.unreadable, *whole.unreadable], files)


def export(job: jobs.Export) -> FleetTally:
    """Write the events of a job's workspaces to its file: what a worker does.

    A workspace is in the file whole or not at all. When one can be read no further after some of
    its rows were written, the file is begun again without it.
    """
    left_out: dict[str, Unreadable] = {}
    while True:
        with tempfile.NamedTemporaryFile(suffix=SUFFIX) as file:
            tally, broken = _write(job, file, left_out)
            file.flush()
            if broken is None:
                if tally.seen:
                    open_store(job.target).put(job.name, file.name)
                return tally
            left_out[broken[0]] = broken[1]


def _write(
    job: jobs.Export, file: IO[bytes], left_out: dict[str, Unreadable]
) -> tuple[FleetTally, tuple[str, Unreadable] | None]:
    tally = FleetTally()
    with closing(_Rows(file)) as rows:
        for source in job.sources:
            found: Accumulator | Unreadable | None = left_out.get(source.place)
            if found is None:
                found = tried(source, partial(rows.add, source))
            if isinstance(found, Unreadable):
                if not rows.taken_back():
                    return tally, (source.place, found)
                tally.unreadable.append(found)
            else:
                tally.add(source.address, found.tally, FleetQuery(merge_records=True))
    return tally, None


class _Rows:
    """Collects rows, and writes them to a file a group at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._arrow = _pyarrow()
        self._schema = schema(self._arrow)
        self._writer = self._arrow.parquet.ParquetWriter(
            file, self._schema, compression="zstd", use_dictionary=True
        )
        self._rows: list[tuple[object, ...]] = []
        self._groups = 0
        self._saved = (0, 0)
        self._trouble: Exception = OSError("it could not be read to its end")

    def add(self, source: Source) -> Accumulator:
        """Add the rows of a workspace, and return what it holds.

        Raises:
            OSError: It cannot be read; see `taken_back`.
        """
        if not self.taken_back():
            raise self._trouble  # it cannot be read again into this file
        self._saved = len(self._rows), self._groups
        counted = Accumulator()
        try:
            self._add(source, counted)
        except Exception as error:
            self._trouble = error
            raise
        self._saved = len(self._rows), self._groups
        return counted

    def _add(self, source: Source, counted: Accumulator) -> None:
        position = 0
        for opened in logs_of(source):
            for _, line in read_lines(opened.log):
                counted.add_line(line)
                if isinstance(line, Valid):
                    self._rows += _rows_of(source.address, position, event_of(line))
                    position += 1
                    if len(self._rows) >= ROWS:
                        self._write()

    def taken_back(self) -> bool:
        """Take the rows of the last workspace back, and say whether that could be done."""
        number, groups = self._saved
        if groups == self._groups:
            del self._rows[number:]
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
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))
        self._rows = []
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
    ]
    return arrow.schema([arrow.field(name, kind, nullable) for name, kind, nullable in columns])


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
        )


def _pyarrow() -> "ModuleType":
    try:
        import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - an extra
        import pyarrow.parquet  # type: ignore[import-untyped] # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise MissingExtraError("ctxuse fleet export", "fleet") from error
    module: ModuleType = pa
    return module
