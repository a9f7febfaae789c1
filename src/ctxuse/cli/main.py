"""The entry point: finds the command, and maps what happened to an exit status."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ctxuse import __version__
from ctxuse.cli import DONE, FAILED, INTERRUPTED, USAGE, common, typed
from ctxuse.cli.lazy import LazyGroup
from ctxuse.errors import CtxuseError
from ctxuse.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

COMMANDS = (
    "init",
    "setup",
    "doctor",
    "import",
    "report",
    "show",
    "cost",
    "diff",
    "serve",
    "fleet",
    "export",
    "demo",
    "record",
    "events",
    "mcp",
    "check",
    "repair",
    "archive",
    "completion",
)
"""The commands, in the order the help shows them; each is `command` in the module of its name."""


_MODULES = {
    name: f"ctxuse.cli.{'import_' if name == 'import' else name}"  # a word of Python's own
    for name in COMMANDS
}


@click.group(
    cls=LazyGroup,
    modules=_MODULES,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ctxuse", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Show which records enter an agent's context, and what keeping them resident costs.

    Alone it shows this project at once, with what the agents' transcripts tell of it; nothing is
    written into the project.

    \b
    In a project:
      ctxuse                                       what is known of it, without a set-up
      ctxuse init                                  make it a workspace
      ctxuse record use decision/alpha --segment s1
      ctxuse report                                what is used, what is resident
      ctxuse events --follow                       watch events arrive
      ctxuse check                                 is the log in order?

    The evidence lives in .yoi/memory/_usage/ of the workspace; nothing leaves the machine unless
    you export it.
    """
    if context.invoked_subcommand is None:
        from ctxuse.cli.overview import show_overview  # noqa: PLC0415 - as commands are

        show_overview()


def main(arguments: "Sequence[str] | None" = None) -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: The words behind the program's name; those of the process when None.
    """
    leave(finished(arguments))


def finished(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line until all is written, and return its exit status."""
    status = run(arguments)
    if not _flushed() and status == DONE:
        status = _failed("stdout could not be written")
    return status


def leave(status: int) -> "NoReturn":
    """Exit with a status."""
    import signal  # noqa: PLC0415 - makes enumerations first

    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # only Python's own end can be interrupted
    sys.exit(status)


def run(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line and return its exit status."""
    if "_CTXUSE_COMPLETE" in os.environ:
        cli.main(prog_name="ctxuse")  # a shell asks for completions: click answers and exits
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    typed.remember(words)
    try:
        with cli.make_context("ctxuse", words) as context:
            cli.invoke(context)
        return DONE
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        return _wrong_usage(error)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # who reads our output has seen enough
        return DONE
    except CtxuseError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(_said(error))
    except Exception as error:
        if os.environ.get("CTXUSE_DEBUG"):
            raise
        return _failed(
            f"a fault of ctxuse itself: {type(error).__name__}: {visible(str(error))}"
            " (CTXUSE_DEBUG=1 shows where)"
        )


def _wrong_usage(error: click.UsageError) -> int:
    import io  # noqa: PLC0415 - only for what was wrong

    text = io.StringIO()
    error.show(file=text)
    with suppress(OSError):
        for line in typed.without_secrets(text.getvalue()).splitlines():
            click.echo(visible(line.expandtabs(4)), err=True)
    return USAGE


def _failed(message: str) -> int:
    common.note(message)
    return FAILED


def _said(error: OSError) -> str:
    """What the system said, and of what."""
    where = error.filename
    from traceback import walk_tb  # noqa: PLC0415 - only when something went wrong

    *_, (last, _) = walk_tb(error.__traceback__)
    if where is None and str(last.f_globals.get("__name__")).startswith("click."):
        where = "stdout"  # click prints help there, and reads no file
    said = error.strerror or str(error) or type(error).__name__
    if isinstance(where, bytes):
        where = os.fsdecode(where)
    return visible(said if where is None else f"{where}: {said}")


def _flushed() -> bool:
    """Write what is still to be written to stdout, and say whether it could be."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # who reads it has seen enough
        common.leave_stdout()
    except OSError:
        common.leave_stdout()
        return False
    return True
