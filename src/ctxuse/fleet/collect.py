"""Copying what is new in the logs of many workspaces to one place: `ctxuse fleet collect`.

Every workspace gets a folder of its own in the target, itself a workspace, so that a fleet report
reads the target as it is. What is copied are pieces (`ctxuse.fleet.pieces`): new files that are
never changed, whose names say what they hold. What has been copied is told from these names alone,
so a run that was broken off is simply run again, and several machines may collect the same
workspace at once: at worst they bring the same bytes twice, and a reader takes each once.

What collectors made in the target is no source, so the target may lie among the places. Another
workspace that lies in it is not copied: it would be counted twice there. What a worker does with
one workspace stands in `ctxuse.fleet.copying`.
"""

import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from ctxuse.fleet.discovery import find
from ctxuse.fleet.jobs import Collect, Collected, batches
from ctxuse.fleet.pieces import PIECE_SIZE
from ctxuse.fleet.running import open_engine
from ctxuse.fleet.source import Source
from ctxuse.fleet.target import AnyExecutor, prepared, ways_in
from ctxuse.progress import OnProgress, silent
from ctxuse.reports.fleet import Unreadable

_INSIDE = "it lies in what is copied to, where it is counted as it is: copy to another place"


class Collecting(NamedTuple):
    """What became of collecting many workspaces.

    Attributes:
        workspaces: What became of each, sorted by address.
        unreadable: Places that could not be searched, or hold no workspace, and workspaces that are
            not copied to where they lie.
    """

    workspaces: list[Collected]
    unreadable: list[Unreadable]

    @property
    def failed(self) -> list[Unreadable]:
        """Everything that could not be read or written."""
        lost = [Unreadable(one.address, one.reason) for one in self.workspaces if one.reason]
        return [*self.unreadable, *lost]


def collect(  # noqa: PLR0913 - collecting has these options
    places: Iterable[str],
    target: str,
    *,
    host: str | None = None,
    executor: AnyExecutor = "processes",
    workers: int | None = None,
    piece_size: int = PIECE_SIZE,
    on_progress: OnProgress = silent,
) -> Collecting:
    """Copy what is new in the logs of the workspaces at `places` to `target`.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.discovery`.
        target: The folder or address to copy to; it is made when it is missing.
        host: What stands there for this machine, with the paths of its folders; its name when None.
        executor: As for a report; folders are read where the workers are.
        workers: As for a report.
        piece_size: Bytes of a piece, at most.
        on_progress: Called with how many workspaces are done, and how many there are.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: The executor cannot be used, or `target` cannot.
    """
    target = prepared(target, executor)
    discovered = find(places)
    sources, inside, way_to = [], [], ways_in(target)
    for source in discovered.sources:
        way = way_to(source)
        if way is None:
            sources.append(source)
        elif not _is_of_collectors(source, way):
            inside.append(Unreadable(source.address, _INSIDE))
    done: list[Collected] = []
    job = Collect(target=target, host=host or socket.gethostname(), piece_size=piece_size)
    if sources:
        with open_engine(executor, workers) as engine:
            jobs = (
                msgspec.structs.replace(job, sources=tuple(batch))
                for _, batch in batches(sources, engine.workers)
            )
            for _, result in engine.results(jobs):
                done += msgspec.json.decode(result, type=list[Collected])
                on_progress(len(done), len(sources))
    return Collecting(done, [*discovered.unreadable, *inside])


def _is_of_collectors(source: Source, way: Sequence[str]) -> bool:
    """Whether collectors made all that a workspace holds, by the way to it from what is copied to.

    What holds nothing is as good.
    """
    is_collected = source.has_collected or source.packed != ()
    return not source.has_own_log and (len(way) == 1 or not is_collected)
