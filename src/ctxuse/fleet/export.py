"""Events as Parquet, for people's own DuckDB, Spark or warehouse: `ctxuse fleet export`.

docs/export.md describes the columns and holds a query that gives the report. What a worker does
with one job stands in `ctxuse.fleet.parquet`.
"""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from ctxuse.errors import FleetError
from ctxuse.fleet import wire
from ctxuse.fleet.discovery import find
from ctxuse.fleet.jobs import GROUP_ROWS, Export, batches
from ctxuse.fleet.parquet import SUFFIX, pyarrow
from ctxuse.fleet.running import open_engine
from ctxuse.fleet.source import shown_place
from ctxuse.fleet.target import AnyExecutor, names_in, prepared
from ctxuse.progress import OnProgress, silent
from ctxuse.reports.fleet import FleetTally, SeenWorkspace, Unreadable


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


def export_events(  # noqa: PLR0913 - an export has these options
    places: Iterable[str],
    target: str,
    *,
    executor: AnyExecutor = "processes",
    workers: int | None = None,
    batch_size: int | None = None,
    group_rows: int = GROUP_ROWS,
    on_progress: OnProgress = silent,
) -> Exported:
    """Write the events of many workspaces to Parquet files in `target`.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.discovery`.
        target: A folder or address without Parquet files; it is made when it is missing.
        executor: As for a report.
        workers: As for a report.
        batch_size: As for a report.
        group_rows: Rows that are written at a time.
        on_progress: Called with how many workspaces are done, and how many there are.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: `target` holds Parquet files, before or of another export afterwards; or the
            executor cannot be used.
    """
    pyarrow()
    target = prepared(target, executor)
    if any(name.endswith(SUFFIX) for name in names_in(target)):
        reason = "it holds Parquet files already: name an empty folder"
        raise FleetError(shown_place(target), reason)
    run = uuid.uuid4().hex[:12]
    discovered = find(places)
    whole = FleetTally()
    files = done = 0
    with open_engine(executor, workers) as engine:
        exports = (
            Export(sources=tuple(batch), target=target, run=run, first=first, group_rows=group_rows)
            for first, batch in batches(discovered.sources, engine.workers, batch_size)
        )
        for job, result in engine.results(exports):
            tally = wire.load(result)
            files += bool(tally.seen)
            whole.merge(tally)
            done += job.number
            on_progress(done, len(discovered.sources))
    if any(run not in name for name in names_in(target) if name.endswith(SUFFIX)):
        reason = f"another export wrote into it meanwhile: ours are those with {run} in their names"
        raise FleetError(shown_place(target), reason)
    return Exported(whole.seen, [*discovered.unreadable, *whole.unreadable], files)
