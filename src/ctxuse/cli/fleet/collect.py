"""`ctxuse fleet collect`: copy what is new in many logs to one place."""

import click

from ctxuse.cli import common
from ctxuse.cli.fleet import options
from ctxuse.visible import visible


@click.command("collect")
@options.places_argument
@options.to_option("A folder or an address.", required=True)
@click.option(
    "--host",
    metavar="NAME",
    help="What this machine is called in DEST.  [default: its host name]",
)
@options.workers_options
def command(
    *, places: tuple[str, ...], target: str, host: str | None, executor: str, workers: int | None
) -> None:
    """Copy what is new in each log to DEST, so that evidence outlives its container.

    Each workspace gets a folder in DEST, named by the machine and the workspace's path; reports
    read DEST as it is. Only finished lines are taken, and nothing in DEST is ever changed. Run it
    again at any time, also from several machines at once and after one was broken off: what is
    there already is not copied again, and nothing is counted twice. What could not be copied is
    listed with the reason, and the exit status is 3.

    \b
    Examples:
      ctxuse fleet collect /work --to s3://team/collected
      ctxuse fleet collect ~/work --to /mnt/share/collected --host laptop
      ctxuse fleet report s3://team/collected --merge-records

    Give --host the same name where the same folders have different hosts: a container that is made
    anew over the same volume, machines that share a file system.
    """
    from ctxuse.fleet.collect import collect  # noqa: PLC0415 - only when it is called
    from ctxuse.render.words import plural  # noqa: PLC0415 - likewise

    with options.progress("collecting") as on_progress:
        done = collect(
            places, target, host=host, executor=executor, workers=workers, on_progress=on_progress
        )
    number = sum(1 for one in done.workspaces if not one.reason)
    pieces = sum(one.pieces for one in done.workspaces)
    size = sum(one.bytes for one in done.workspaces)
    common.show(f"{plural(number, 'workspace')}: {plural(pieces, 'piece')}, {size:,} bytes\n")
    for one in done.workspaces:
        if one.replaced:
            logs = plural(one.replaced, "log is", "logs are")
            common.note(
                f"{visible(one.address)}: {logs} not what was copied before: kept beside it"
            )
    options.note_and_leave(done.failed, "not copied")
