"""Counting the fuller figures of whole logs, with a checkpoint of their own."""

import msgspec

from ctxuse.events import UsageEvent
from ctxuse.fuller import FullRecord, FullTally
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.archives import FULL_SUFFIX
from ctxuse.log.checkpoint import BASIC, Kept, cached_tally
from ctxuse.log.parallel import Progress, count_in_parallel
from ctxuse.log.reader import OpenLog, open_logs, read_events
from ctxuse.tally import Tally


def count_full(
    log: OpenLog,
    start: int = 0,
    *,
    processes: int | None = None,  # noqa: ARG001 - always one: see docs/performance.md
    progress: Progress | None = None,
) -> FullTally:
    """Return the fuller tally of a log from `start` to its end.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        processes: As for every tally; one is used.
        progress: Told how far it is, at the end.
    """
    tally = FullTally()
    for found in read_events(log, start):
        if isinstance(found, UsageEvent):
            tally.add(found)
    if progress is not None:
        progress(log.end - start, log.end - start)
    return tally


def _dump(tally: FullTally) -> bytes:
    return _encode([(kind, slug, record) for (kind, slug), record in tally.records.items()])


def _load(data: bytes) -> FullTally:
    try:
        stored = _decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return FullTally({(kind, slug): record for kind, slug, record in stored})


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[str, str, FullRecord]]).decode

FULL = Kept(
    version=b"ctxuse full checkpoint 2\n",
    suffix=FULL_SUFFIX,
    empty=FullTally,
    tally_of=count_full,
    dump=_dump,
    load=_load,
)
"""The tally of the fuller figures."""


def count_both(layout: WorkspaceLayout, *, cache: bool) -> tuple[Tally, FullTally]:
    """Return both tallies of the archived logs and the present one, of the very same lines.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    basic, full = Tally(), FullTally()
    for log in open_logs(layout):
        basic.merge(cached_tally(layout, log, BASIC) if cache else count_in_parallel(log))
        full.merge(cached_tally(layout, log, FULL) if cache else count_full(log))
    return basic, full
