"""`ctxuse demo`: the example workspace."""

import os
import tempfile

import click

from ctxuse.cli import common, report
from ctxuse.example import NAME, copy_example
from ctxuse.recorder import Recorder
from ctxuse.visible import quoted, visible


@click.command("demo")
@click.argument("directory", metavar="[DIR]", required=False)
@click.pass_context
def command(context: click.Context, *, directory: str | None) -> None:
    """Print the report of an example workspace, or put it into DIR.

    The example is the web shop of a made-up bicycle workshop, with the log of three weeks. Without
    DIR nothing is left behind.

    \b
    Examples:
      ctxuse demo
      ctxuse demo shop
    """
    if directory is not None:
        if "://" in directory:
            raise click.UsageError("DIR is a folder of this machine, no address")
        copy_example(directory)
        Recorder(directory).init()
        common.note(f"put the example workspace into {quoted(directory)}; now try")
        for words in ("report --all", "show workflow/release", "diff 2026-W46 2026-W47"):
            common.note(f"  ctxuse {words} -w {visible(directory)}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = os.path.join(temporary, NAME)
        copy_example(root)
        arguments = ["--all", "--no-cache", "--workspace", root]
        with report.command.make_context("report", arguments, parent=context) as inner:
            report.command.invoke(inner)
    common.note("this is an example: ctxuse demo DIR puts it into DIR to play with")
