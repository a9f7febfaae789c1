"""Counting the fuller figures of whole logs, with a checkpoint of their own."""

from collections.abc import Callable

import msgspec

from ctxuse.codec.decode import decode
from ctxuse.events import UsageEvent
from ctxuse.fuller import FullRecord, FullTally
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.archives import FULL_SUFFIX
from ctxuse.log.batches import ByTails, read_usual
from ctxuse.log.fullbatches import FullBatches
from ctxuse.log.kept import BASIC, Kept
from ctxuse.log.parallel import Progress
from ctxuse.log.reader import Lines, OpenLog, open_logs
from ctxuse.log.whole import count_one
from ctxuse.tally import Tally
from ctxuse.zones import UTC


def count_full(
    log: OpenLog, start: int = 0, *, progress: Callable[[int], object] | None = None
) -> FullTally:
    """Return the fuller tally of a log from `start` to its end, its days those of UTC.

    Args:
        log: The open log.
        start: Where to begin, in bytes: 0 or right behind a newline.
        progress: Told after each block how many bytes have been read.
    """
    tally = FullTally()
    batches = FullBatches(tally, UTC)
    for block, read in read_usual(log, start, in_full=False):
        if isinstance(read, ByTails) and read.repeats:
            batches.add(read)
        else:
            batches.flush()
            for line in block.lines if isinstance(block, Lines) else ():
                found = decode(line) if line else None
                if isinstance(found, UsageEvent):
                    tally.add(found)
        if progress is not None:
            progress(block.end - start)
    batches.flush()
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
    home="ctxuse.log.full:FULL",
    version=b"ctxuse full checkpoint 4\n",
    suffix=FULL_SUFFIX,
    empty=FullTally,
    tally_of=count_full,
    dump=_dump,
    load=_load,
)
"""The tally of the fuller figures."""


def count_both(
    layout: WorkspaceLayout,
    *,
    cache: bool,
    processes: int | None = None,
    progress: Progress | None = None,
) -> tuple[Tally, FullTally]:
    """Return both tallies of the archived logs and the present one, of the very same lines.

    Args:
        layout: The workspace.
        cache: Whether to use and write checkpoints.
        processes: How many processes to use at most for what is read.
        progress: Told how far the second, slower reading of each file is.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    basic, full = Tally(), FullTally()
    for log in open_logs(layout):
        basic.merge(count_one(layout, log, BASIC, cache=cache, processes=processes))
        full.merge(
            count_one(layout, log, FULL, cache=cache, processes=processes, progress=progress)
        )
    return basic, full
