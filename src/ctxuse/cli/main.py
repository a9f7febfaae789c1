"""The entry point: finds the command, and maps what happened to an exit status."""

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from ctxuse import __version__
from ctxuse.cli import DONE, FAILED, INTERRUPTED, USAGE
from ctxuse.cli.lazy import LazyGroup
from ctxuse.errors import CtxuseError
from ctxuse.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "init",
    "setup",
    "doctor",
    "import",
    "report",
    "show",
    "diff",
    "serve",
    "fleet",
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
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="ctxuse", message="%(prog)s %(version)s")
def cli() -> None:
    """Show which records enter an agent's context, and what keeping them resident costs.

    \b
    In a project:
      ctxuse init                                  make it a workspace
      ctxuse record use decision/alpha --segment s1
      ctxuse report                                what is used, what is resident
      ctxuse events --follow                       watch events arrive
      ctxuse check                                 is the log in order?

    The evidence lives in .yoi/memory/_usage/ of the workspace; nothing leaves the machine.
    """


def main(arguments: "Sequence[str] | None" = None) -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: The words behind the program's name; those of the process when None.
    """
    sys.exit(run(arguments))


def run(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line and return its exit status."""
    if "_CTXUSE_COMPLETE" in os.environ:
        cli.main(prog_name="ctxuse")  # a shell asks for completions: click answers and exits
    words = [*(sys.argv[1:] if arguments is None else arguments)]
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
        return _failed(visible(str(error)))
    except Exception as error:
        if os.environ.get("CTXUSE_DEBUG"):
            raise
        return _failed(
            f"a fault of ctxuse itself: {type(error).__name__}: {visible(str(error))}"
            " (CTXUSE_DEBUG=1 shows where)"
        )


def _wrong_usage(error: click.UsageError) -> int:
    text = io.StringIO()
    error.show(file=text)
    with suppress(OSError):
        for line in text.getvalue().splitlines():
            click.echo(visible(line.expandtabs(4)), err=True)
    return USAGE


def _failed(message: str) -> int:
    with suppress(OSError):
        click.echo(f"ctxuse: {message}", err=True)
    return FAILED
