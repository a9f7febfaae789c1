"""What the commands of `ctxuse fleet` share: places, workers, progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ctxuse.cli.common import Command

if TYPE_CHECKING:
    from rich.progress import Progress


def places_argument(command: Command) -> Command:
    """Add ``PLACE...``, one or more; the command gets `places`."""
    return click.argument("places", metavar="PLACE...", nargs=-1, required=True)(command)


def workers_options(command: Command) -> Command:
    """Add ``--scheduler`` and ``--workers``; the command gets `scheduler` and `workers`."""
    scheduler = click.option(
        "--scheduler",
        metavar="S",
        default="processes",
        show_default=True,
        help="Who reads: processes, threads, or the address of a Dask scheduler.",
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(min=1, max=1024),
        metavar="N",
        help="How many processes or threads.  [default: one for each processor]",
    )
    return scheduler(workers(command))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows on stderr, if a terminal, what is done and what remains."""
    shown: list[Progress] = []

    def told(done: int, whole: int) -> None:
        if sys.stderr is None or not sys.stderr.isatty():
            return
        if not shown:
            shown.append(_bar())
            shown[0].start()
            shown[0].add_task(what, total=whole)
        shown[0].update(shown[0].task_ids[0], completed=done, total=whole)

    try:
        yield told
    finally:
        for bar in shown:
            bar.stop()


def _bar() -> "Progress":
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("workspaces,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
