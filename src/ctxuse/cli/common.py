"""What several commands share: options, the workspace, printing."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

import click

from ctxuse.cli import names
from ctxuse.cli.progress import progress
from ctxuse.cli.typed import without_secrets
from ctxuse.errors import NoWorkspaceError, SetupError, UnsupportedSystemError
from ctxuse.files import naming, real_path, replacing
from ctxuse.layout import COLLECTED, USAGE_DIR, WorkspaceLayout, passed_over
from ctxuse.query import Query, Window
from ctxuse.times import MAX_NS, MIN_NS
from ctxuse.visible import quoted, visible
from ctxuse.zones import Zone, zone_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ctxuse.counting.tuning import Reading
    from ctxuse.hosts.places import Places
    from ctxuse.render.forms import Report

Command = TypeVar("Command", bound=Callable[..., object])


def workspace_option(command: Command) -> Command:
    """Add ``-w/--workspace``; the command gets a `layout`."""
    return click.option(
        "-w",
        "--workspace",
        "layout",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False),
        callback=lambda _, __, root: (
            WorkspaceLayout.find() if root is None else WorkspaceLayout(root)
        ),
        help="The workspace's root.  [default: the nearest directory upwards with .yoi/memory/]",
    )(command)


def format_option(*names: str) -> Callable[[Command], Command]:
    """Add ``--format``, one of `names`, the first by default; the command gets a `form`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="What to print.",
    )


def output_option(command: Command) -> Command:
    """Add ``-o/--output``; the command gets an `output`."""
    return click.option(
        "-o", "--output", metavar="FILE", help="Write to FILE, in one step, instead of printing."
    )(command)


def zone_option(command: Command) -> Command:
    """Add ``--tz``; the command gets a `zone`."""
    return click.option(
        "--tz",
        "zone",
        metavar="ZONE",
        default="UTC",
        show_default=True,
        is_eager=True,
        callback=lambda _, __, name: _zone(name),
        shell_complete=names.completer(names.zones),
        help="Where dates and days are taken, and times shown: Europe/Berlin, local.",
    )(command)


def window_options(command: Command) -> Command:
    """Add ``--since``, ``--until`` and ``--tz`` to a command with `takes_query`."""
    since = click.option(
        "--since", metavar="TIME", callback=_moment, help="Only events from this time on."
    )
    until = click.option(
        "--until", metavar="TIME", callback=_moment, help="Only events before this time."
    )
    return since(until(zone_option(command)))


def actor_options(command: Command) -> Command:
    """Add ``--actor`` and ``--without`` to a command with `takes_query`."""
    complete = names.completer(names.actors)
    only = click.option(
        "--actor", "actors", multiple=True, metavar="A", shell_complete=complete,
        callback=names.no_secrets, help="Only uses by A.",
    )  # fmt: skip
    no = click.option(
        "--without", multiple=True, metavar="A", shell_complete=complete,
        callback=names.no_secrets, help="No uses by A.",
    )  # fmt: skip
    return only(no(command))


def row_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what chooses records to a command with `takes_query` and a `form`; it gets `rows`."""
    from ctxuse.reports.report import (  # noqa: PLC0415 - only for commands with rows
        COLUMNS,
        FOR_PROGRAMS,
        Rows,
    )

    @wraps(command)
    def with_rows(  # noqa: PLR0913 - what rows are chosen by
        *,
        form: str,
        sort: str | None,
        top: int | None,
        resident: bool,
        uses: int | None,
        no_use_since: int | None,
        **others: object,
    ) -> None:
        order = sort or ("record" if form in FOR_PROGRAMS else "tokens")
        command(form=form, rows=Rows(order, top, resident, uses, no_use_since), **others)

    number = click.IntRange(min=0)
    for option in (
        click.option(
            "--sort",
            type=click.Choice(COLUMNS),
            help="The column to sort by: texts from A to Z, numbers and times from the largest."
            "  [default: tokens; record in JSON and CSV]",
        ),
        click.option("--top", type=number, metavar="N", help="Only the first N records."),
        click.option("--resident", is_flag=True, help="Only records that were resident."),
        click.option("--uses", type=number, metavar="N", help="Only records with N uses."),
        click.option(
            "--no-use-since",
            metavar="TIME",
            callback=_moment,
            help="Only records without a use from this time on.",
        ),
        kind_option,
    ):
        with_rows = option(with_rows)
    return with_rows


def kind_option(command: Command) -> Command:
    """Add ``--kind`` to a command with `takes_query`."""
    return click.option(
        "--kind", "kinds", multiple=True, metavar="K",
        shell_complete=names.completer(names.kinds), callback=names.no_secrets,
        help="Only records of this kind.",
    )(command)  # fmt: skip


def takes_query(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a `query` of what its options say, those of the functions above.

    Raises:
        click.UsageError: By the command, when the window ends before it begins.
    """

    @wraps(command)
    def with_query(  # noqa: PLR0913 - what a query is made of
        *,
        since: int | None = None,
        until: int | None = None,
        actors: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        kinds: tuple[str, ...] = (),
        zone: Zone,
        **others: object,
    ) -> None:
        window = Window(since, until)
        if window.is_empty:
            raise click.UsageError("--since is not before --until")
        command(query=Query(window, actors or None, without, kinds, zone), **others)

    return with_query


def _zone(name: str) -> Zone:
    try:
        return zone_named(name)
    except LookupError:
        raise click.BadParameter(
            f"{quoted(name)} is no time zone that is known here: write Europe/Berlin, UTC or local"
            " (where no zone is known, pip install tzdata)"
        ) from None


def _moment(
    context: click.Context,
    parameter: click.Parameter,  # noqa: ARG001 - click's signature
    value: str | None,
) -> int | None:
    """Return the moment that `value` names, in nanoseconds since the epoch."""
    if value is None:
        return None
    from ctxuse.windows import parse_moment  # noqa: PLC0415 - only for who asks for a window

    ns = parse_moment(value, context.params["zone"], time.time_ns())
    if ns is None or not MIN_NS <= ns <= MAX_NS:
        raise click.BadParameter(
            f"{quoted(value)} is no time: write 2026-11-01, 2026-11-01T09:30:00+01:00 or 7d"
        )
    return ns


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def require_writing(what: str) -> None:
    """Refuse a command where logs cannot be written safely (Windows), before it has done half.

    Raises:
        UnsupportedSystemError: This is such a system.
    """
    from ctxuse.log.opening import CAN_WRITE  # noqa: PLC0415 - only for who writes

    if not CAN_WRITE:
        raise UnsupportedSystemError(f"ctxuse {what}")


def require_project(places: "Places", instead: str) -> None:
    """Refuse the home directory and those above it, and say what to do `instead`.

    Raises:
        SetupError: It is such a directory.
    """
    if places.is_above_projects(places.root):
        raise SetupError(
            "the home directory, or one above it, is no project: nothing is recorded there."
            f" {instead}"
        )


def can_ask() -> bool:
    """Whether there is somebody to ask: stdin and stderr are a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def with_color() -> bool:
    """Whether to color what is printed: on a terminal, unless ``NO_COLOR`` is set."""
    return on_terminal() and not os.environ.get("NO_COLOR")


def title(layout: WorkspaceLayout) -> str:
    """Return what a workspace is called: the name of its root directory."""
    return os.path.basename(real_path(layout)) or "/"


def width() -> int:
    """Columns to print for: those of the terminal, of ``COLUMNS``, else 80; 40 to 1,000."""
    return min(max(_columns(), 40), 1000)


def _columns() -> int:
    """As `shutil.get_terminal_size` has it, which brings compressors along."""
    with suppress(ValueError):
        if (said := int(os.environ.get("COLUMNS", "0"))) > 0:
            return said
    with suppress(AttributeError, ValueError, OSError):  # no stdout, closed, no terminal
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr] # see there
    return 80


def show(text: str) -> None:
    """Print `text`, which is safe to show, to stdout.

    To a file or pipe it goes as UTF-8 and as it is. To a terminal it goes in the terminal's
    encoding, with escapes for what that does not have. When the reader has gone, or there is no
    stdout at all, it goes nowhere; see `reader_has_gone`.

    Raises:
        OSError: It could not be written for another reason.
    """
    if sys.stdout is None:
        return
    encoding = (sys.stdout.encoding or "utf-8") if on_terminal() else "utf-8"
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(encoding, "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        leave_stdout()
        _gone.append(True)
    except OSError as error:
        leave_stdout()
        raise OSError(error.errno, error.strerror, "stdout") from error


_gone: list[bool] = []


def leave_stdout() -> None:
    """Let what was not written to stdout, and what is printed from now on, go nowhere."""
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def reader_has_gone() -> bool:
    """Whether who read our stdout has closed it: there is no use in printing more."""
    return bool(_gone)


def write_or_show(text: str, output: str | None, show_it: Callable[[str], None]) -> None:
    """Write `text` to the file `output`, or show it where there is none.

    A regular file, or none, is replaced in one step; what else stands there is written to.

    Raises:
        OSError: It could not be written; a regular file is as it was.
    """
    if output is None or output == "-":
        show_it(text)
        return
    path = real_path(output) if output else output
    if not output or (os.path.lexists(path) and not os.path.isfile(path)):
        with naming(output), open(path, "wb") as file:  # a pipe, a device; a directory says so
            file.write(text.encode())
        return
    try:
        with replacing(path, mode=0o666, mode_of=path) as file:
            file.write(text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, output) from error


def show_json(text: str) -> None:
    """Print JSON: byte for byte to a file or pipe, with what would not print escaped elsewhere."""
    if on_terminal():
        from ctxuse.render.jsontext import for_terminal  # noqa: PLC0415 - only on a terminal

        text = for_terminal(text, sys.stdout.encoding or "utf-8")
    show(text)


@contextmanager
def reading(*, no_cache: bool = False) -> "Iterator[Reading]":
    """Give how a command reads the log: with a progress bar on stderr if it takes long.

    Args:
        no_cache: Whether its user wants no checkpoint; else it goes by ``CTXUSE_NO_CACHE``.
    """
    from ctxuse.cache import cache_of  # noqa: PLC0415 - only for a report
    from ctxuse.counting.tuning import Reading  # noqa: PLC0415 - likewise

    cache = cache_of(os.environ, wanted=False if no_cache else None)
    with progress("reading the log") as on_progress:
        yield Reading(cache, on_progress=on_progress)


def show_report(report: "Report", form: str, output: str | None = None) -> None:
    """Print a report in a form, or write it to the file `output`, and say what that leaves out."""
    from ctxuse.render.forms import beside, shown  # noqa: PLC0415 - rendering comes last

    text = shown(report, form, width=width(), color=output is None and with_color())
    write_or_show(text, output, show_json if form.startswith("json") else show)
    note(*beside(report, form))


def note(*remarks: str) -> None:
    """Print remarks to stderr, without secrets of addresses, if that can be written."""
    for text in remarks:
        with suppress(OSError):
            click.echo(f"ctxuse: {without_secrets(text)}", err=True)


def note_not_read(found: "Iterable[tuple[str, str]]") -> None:
    """Print for people which files could not be read, each with the reason."""
    note(*(f"not read: {quoted(path)}: {visible(reason)}" for path, reason in found))


def note_elsewhere(layout: WorkspaceLayout) -> None:
    """Say on stderr that there is no workspace here, or logs that are not looked at, if so."""
    if not layout.has_marker:
        note(str(no_workspace(layout)))
    elif os.path.lexists(os.path.join(layout, *USAGE_DIR, COLLECTED)):
        note(
            f"the logs that were collected in {quoted(os.fspath(layout))} are not looked at here:"
            " ctxuse fleet report counts them"
        )


def no_workspace(layout: WorkspaceLayout) -> NoWorkspaceError:
    """Return the error that says that a directory is in no workspace."""
    root = os.fspath(layout)
    return NoWorkspaceError(root, passed_over(root))
