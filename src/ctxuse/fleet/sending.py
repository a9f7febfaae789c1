"""Events of many workspaces by OTLP: `ctxuse fleet export --format otlp`.

Each workspace is sent as `ctxuse export otlp` sends it, by the same code and with the same marks:
who calls the one goes on where the other ended. It is done by this process, one workspace after the
other, since the marks are those of this user on this machine.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import partial
from typing import NamedTuple

from ctxuse.cache import cache_of
from ctxuse.counting.kinds import BASIC, LogTally
from ctxuse.counting.tuning import Reading
from ctxuse.errors import FleetError, SendingElsewhereError
from ctxuse.fleet.counting import tally_opened
from ctxuse.fleet.discovery import find
from ctxuse.fleet.opening import logs_of, with_retries
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.source import Source
from ctxuse.otlp.export import Exporter, Sent, Target
from ctxuse.progress import OnProgress, silent
from ctxuse.reports.fleet import Unreadable
from ctxuse.reports.report import build_report


class SentFleet(NamedTuple):
    """What was sent of many workspaces.

    Attributes:
        workspaces: How many of them were sent whole, also those with nothing new.
        unreadable: Places of which nothing was, or not all.
        sent: What was sent of all of them.
    """

    workspaces: int
    unreadable: list[Unreadable]
    sent: Sent


def send_events(
    places: Iterable[str],
    target: Target,
    *,
    environ: Mapping[str, str] | None = None,
    on_progress: OnProgress = silent,
) -> SentFleet:
    """Send the events of many workspaces that were not sent to an endpoint before, and figures.

    Args:
        places: Folders, patterns, ``@FILE`` and addresses; see `ctxuse.fleet.discovery`.
        target: Where to, and how.
        environ: The environment, for the user's directories; that of the process when None.
        on_progress: Called with how many workspaces are done, and how many there are.

    Raises:
        FleetError: Something could not be sent; what was acknowledged is marked.
        MissingExtraError: What is asked for needs libraries that are not installed.
    """
    environ = os.environ if environ is None else environ
    reading = Reading(cache_of(environ), processes=1)
    with closing(Exporter(target, environ)) as exporter:
        sources, unreadable = find(places)
        packs = Packs(sources)
        number = 0
        for done, source in enumerate(sources, 1):
            trouble = with_retries(source, partial(_send, exporter, source, packs, reading))
            if isinstance(trouble, SendingElsewhereError):
                trouble = Unreadable(source.address, trouble.reason)
            if isinstance(trouble, FleetError):
                left = f"{done - 1:,} of {len(sources):,} workspaces were sent, the rest is left"
                raise FleetError(trouble.where, f"{trouble.reason.rstrip('.')}; {left}")
            if trouble is None:
                number += 1
            else:
                unreadable.append(trouble)
            on_progress(done, len(sources))
    return SentFleet(number, unreadable, exporter.sent)


def _send(exporter: Exporter, source: Source, packs: Packs, reading: Reading) -> FleetError | None:
    """Send a workspace; return what is not its fault, so that it is not taken for unreadable.

    Tried again, it goes on behind what was acknowledged.
    """
    try:
        with exporter.of(source.name if source.url else source.place) as sending:
            tallies = []
            for opened in logs_of(source, packs):
                for _ in sending.send(opened.log):
                    pass
                if exporter.target.metrics:
                    tallies.append(tally_opened(opened, BASIC, reading))
            if tallies:
                sending.measure(build_report(LogTally.merged(tallies).basic))
    except FleetError as error:
        return error
    return None
