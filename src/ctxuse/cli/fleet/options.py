"""What the commands of `ctxuse fleet` share: places, workers, progress."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from ctxuse.cli import FAILED
from ctxuse.cli.common import Command, note
from ctxuse.cli.progress import shown_progress
from ctxuse.visible import visible

if TYPE_CHECKING:
    from rich.progress import Progress

    from ctxuse.reports.fleet import Unreadable


def places_argument(command: Command) -> Command:
    """Add ``PLACE...``, one or more; the command gets `places`."""
    return click.argument("places", metavar="PLACE...", nargs=-1, required=True)(command)


def to_option(text: str, *, required: bool = False) -> Callable[[Command], Command]:
    """Add ``--to DEST``; the command gets `target`, which is no memory of this process."""

    def outlives(_: click.Context, __: click.Parameter, target: str | None) -> str | None:
        if target is not None:
            from ctxuse.fleet.target import refuse_memory  # noqa: PLC0415 - when it is run

            refuse_memory(target)
        return target

    return click.option(
        "--to", "target", metavar="DEST", callback=outlives, required=required, help=text
    )


def workers_options(command: Command) -> Command:
    """Add ``--executor`` and ``--workers``; the command gets `executor` and `workers`."""
    executor = click.option(
        "--executor",
        "--scheduler",
        "executor",
        metavar="E",
        default="processes",
        show_default=True,
        help="Who reads: processes, threads, the address of a Dask scheduler, or MODULE:FACTORY,"
        " which makes a concurrent.futures.Executor.",
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(min=1, max=1024),
        metavar="N",
        help="How many workers; a FACTORY is called with it.  [default: one for each processor]",
    )
    return executor(workers(command))


def leave_with(failed: "Sequence[Unreadable]") -> None:
    """Exit with the status that says so if there is a place for which it could not be done."""
    if failed:
        click.get_current_context().exit(FAILED)


def note_and_leave(failed: "Sequence[Unreadable]", what: str) -> None:
    """Say on stderr `what` was not done, as in ``not copied``, and where; exit as `leave_with`."""
    note(*(f"{what}: {visible(p.address)}: {visible(p.reason)}" for p in failed))
    leave_with(failed)


def progress(what: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """Give a function that shows on stderr, if a terminal, what is done and what remains."""
    return shown_progress(what, _bar)


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
