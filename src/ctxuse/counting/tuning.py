"""How a log is read: in pieces of which size, by how many processes, from checkpoints or anew.

No tally depends on it; time and memory do. The figures are measured: docs/performance.md.
"""

from typing import NamedTuple

from ctxuse.cache import Cache
from ctxuse.counting.detail import LAST_USES
from ctxuse.log.reader import BLOCK
from ctxuse.progress import OnProgress, silent


class Tuning(NamedTuple):
    """The sizes that reading goes by.

    Attributes:
        block: Bytes that are read at a time.
        tails: Bytes of different tails that are remembered, against logs in which none repeats.
        judged: Of so many lines it is seen whether their tails repeat.
        pause: Where most of them are new, so many blocks are decoded line by line before another
            try.
        worth: Detail is counted in blocks of up to so many different tails a line: 0.4 halves the
            time, and 0.9 adds 40 % to it.
        lines: Lines that detail, or days, are held of before they are handed on.
        dealt: So many lines are gathered before they are dealt out to their days, at least,
        each: and so many for each day there is.
        records: The counts of so many records, those of each day, are held and remembered at most;
            of a third of them with detail: some 500 MB.
        uses: Uses of one tail that are held before the latest are picked.
        second_process: Bytes from which on a second process saves more than it costs to start.
        processes: Processes, at most, where the caller does not say.
        ahead: Bytes that this process reads while the others start.
        searched: Bytes in which a place between two lines is looked for, to divide a log.
        checkpoint: A checkpoint is only written when it saves reading so many bytes more than the
            one before.
        hashed: Up to so many bytes of a log all are hashed, in about 13 ms.
        edge: Of a longer log so many bytes at its beginning and before the offset are hashed,
        samples: and so many blocks in between, evenly spaced,
        sample: of so many bytes each.
        full_read_every: Of so many reports over sampled bytes one, by chance, reads everything.
    """

    block: int = BLOCK
    tails: int = 4 * 1024 * 1024
    judged: int = 750
    pause: int = 40
    worth: float = 0.6
    lines: int = 100_000
    dealt: int = 5_000
    each: int = 50
    records: int = 300_000
    uses: int = 8 * LAST_USES
    second_process: int = 48 * 1024 * 1024
    processes: int = 4
    ahead: int = 16 * 1024 * 1024
    searched: int = 4 * 1024 * 1024
    checkpoint: int = 1024 * 1024
    hashed: int = 16 * 1024 * 1024
    edge: int = 64 * 1024
    samples: int = 64
    sample: int = 4 * 1024
    full_read_every: int = 100


USUAL = Tuning()
"""As measured."""


class Reading(NamedTuple):
    """How one report reads a log.

    Attributes:
        cache: Where checkpoints are kept; None uses and writes none.
        processes: How many processes read a long log, at most; None takes one for each processor,
            up to `Tuning.processes`.
        on_progress: Called with how many bytes of a file have been read, and how many there are.
        tuning: The sizes it goes by.
    """

    cache: Cache | None = None
    processes: int | None = None
    on_progress: OnProgress = silent
    tuning: Tuning = USUAL
