"""`ctxuse demo`: the example workspace."""

import os
import tempfile

import click

from ctxuse.cli import common
from ctxuse.counting.tuning import Reading
from ctxuse.example import NAME, copy_example
from ctxuse.hosts.places import Places
from ctxuse.layout import WorkspaceLayout
from ctxuse.query import EVERYTHING
from ctxuse.recorder import Recorder
from ctxuse.reports.making import make_report, records_on_disk
from ctxuse.visible import quoted, visible


@click.command("demo")
@click.argument("directory", metavar="[DIR]", required=False)
def command(*, directory: str | None) -> None:
    """Print the report of an example workspace, or put it into DIR.

    The example is the web shop of a made-up bicycle workshop, with the log of three weeks. Without
    DIR nothing is left behind.

    \b
    Examples:
      ctxuse demo
      ctxuse demo shop
    """
    if directory is not None:
        copy_example(directory)
        Recorder(directory).init()
        common.note(f"put the example workspace into {quoted(directory)}; now try")
        for words in ("report --all", "show workflow/release", "diff 2026-W46 2026-W47"):
            common.note(f"  ctxuse {words} -w {visible(directory)}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = os.path.join(temporary, NAME)
        copy_example(root)
        layout = WorkspaceLayout(root)
        report = make_report(layout, EVERYTHING, Reading())
        report = report.with_disk(records_on_disk(report, Places(layout)))
    common.show_report(report, "table")
    common.note("this is an example: ctxuse demo DIR puts it into DIR to play with")
