"""`ctxuse fleet compact`: put what was collected into few large files."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.cli.fleet import options

if TYPE_CHECKING:
    from ctxuse.fleet.compact import Compaction


@click.command("compact")
@click.argument("target", metavar="DEST")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="MINUTES",
    default=60,
    show_default=True,
    help="Remove what packs have held for so long; longer than a report takes.",
)
@options.workers_options
def command(*, target: str, grace: float, executor: str, workers: int | None) -> None:
    """Put what was collected in DEST into few large files, so that reports need few requests.

    Run it once a day, say. Collectors leave a file for each workspace and run; this puts them into
    packs of up to 64 MiB in DEST/.ctxuse-packs, and small packs into larger ones. Reports, exports
    and collectors go on as before, with the same result. What packs hold is removed elsewhere by a
    later run, when they have been there for --grace and their bytes were compared. It can be
    broken off and run again, beside itself, collectors and reports. What was left as it is, is
    listed with the reason, and the exit status is 3.

    \b
    Examples:
      ctxuse fleet compact s3://team/collected
      ctxuse fleet compact /mnt/share/collected --grace 180
    """
    from ctxuse.fleet.compact import compact  # noqa: PLC0415 - only when it is called

    with options.progress("compacting") as on_progress:
        found = compact(
            target, grace=grace * 60, executor=executor, workers=workers, on_progress=on_progress
        )
    common.show(_said(found))
    options.note_and_leave(found.done.unreadable, "left as it is")


def _said(found: "Compaction") -> str:
    from ctxuse.render.words import plural  # noqa: PLC0415 - only when it is called

    done = found.done
    packed = f"{plural(done.pieces, 'piece')} packed"
    written = f"{plural(done.packs, 'pack')} written, {done.bytes:,} bytes"
    removed = f"{plural(done.removed, 'file')} and {plural(found.packs_removed, 'pack')} removed"
    return f"{plural(found.workspaces, 'workspace')}: {packed}; {written}; {removed}\n"
