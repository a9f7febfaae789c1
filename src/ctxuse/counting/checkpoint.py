"""The checkpoint: the tally of a log up to an offset, so that a report costs what came since.

It is a cache. Absent, damaged, of another version or unwritable it only costs time, and a report
that uses it must be that of a full read. So it records what the bytes were that it stands for: a
hash of all of them while that is cheap, beyond that of the head, the tail and sampled blocks, with
a full read every so many reports. Appends, truncation and replacement are always seen; a change of
the same length in the middle of a longer log is seen at the next full read.

It is replaced by a temporary file and a rename, without a sync: a checksum tells a torn one.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ctxuse.counting import kinds
from ctxuse.counting.count import tally_of
from ctxuse.counting.kinds import BASIC, KINDS, LogTally, TallyKind
from ctxuse.counting.tuning import USUAL, Reading, Tuning
from ctxuse.counting.workers import count_in_parallel
from ctxuse.files import closing_fd, replacing
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.names import checkpoint_name, forget_checkpoints
from ctxuse.log.opening import open_for_reading, open_usage_dir
from ctxuse.log.reader import OpenLog, last_line_end, open_logs, pread


class Checkpoint(NamedTuple):
    """What is stored.

    Attributes:
        offset: How many bytes of the log it stands for; they end in a newline.
        digest: What those bytes were, as `digest` tells.
        tally: Their tally.
    """

    offset: int
    digest: bytes
    tally: LogTally


def count_logs(layout: WorkspaceLayout, kind: TallyKind, reading: Reading) -> LogTally:
    """Return the tally of the archived logs and the present one, in order.

    Args:
        layout: The workspace.
        kind: What is counted.
        reading: How they are read.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    return LogTally.merged(count_log(layout, log, kind, reading) for log in open_logs(layout))


def count_log(layout: WorkspaceLayout, log: OpenLog, kind: TallyKind, reading: Reading) -> LogTally:
    """Return the tally of one file of the log; see `count_logs`."""
    if not reading.cache:
        return count_in_parallel(log, kind, reading)
    name = checkpoint_name(log.name, kind.suffix)
    stored = load(layout, name, kind)
    if stored is not None and not _stands_for(stored, log, reading.tuning):
        stored = None
    start, tally = (0, LogTally()) if stored is None else (stored.offset, stored.tally)
    end = last_line_end(log, start)
    tally.merge(count_in_parallel(log._replace(end=end), kind, reading, start))
    if end - start >= reading.tuning.checkpoint:
        checkpoint = Checkpoint(end, digest(log, end, reading.tuning), tally)
        save(layout, name, checkpoint, kind)
        if kind.has_detail:  # what is known without it is known now, too
            basic = checkpoint._replace(tally=LogTally(tally.basic))
            save(layout, checkpoint_name(log.name, BASIC.suffix), basic, BASIC)
    if end < log.end:  # a last line without its newline counts in the report only
        tally.merge(tally_of(log, kind, end))
    return tally


def _stands_for(stored: Checkpoint, log: OpenLog, tuning: Tuning) -> bool:
    return (
        0 <= stored.offset <= log.end
        and not (stored.offset > tuning.hashed and _chance(tuning.full_read_every))
        and digest(log, stored.offset, tuning) == stored.digest
    )


def _chance(one_in: int) -> bool:
    """Whether it is the turn of one in so many, by the microsecond."""
    return time.time_ns() // 1000 % one_in == 0


def digest(log: OpenLog, offset: int, tuning: Tuning = USUAL) -> bytes:
    """Return what tells the first `offset` bytes of a log from others: see the module."""
    from hashlib import sha256  # noqa: PLC0415 - a small log without a checkpoint needs none

    hashed, edge, samples, sample = tuning.hashed, tuning.edge, tuning.samples, tuning.sample
    found = sha256(f"{offset} of {hashed} {edge} {samples} {sample}".encode())
    if offset <= max(hashed, 2 * edge):
        _hash(found.update, log, 0, offset)
        return found.digest()
    _hash(found.update, log, 0, edge)
    for index in range(samples):
        at = edge + (offset - 2 * edge) * index // samples
        _hash(found.update, log, at, min(at + sample, offset))
    _hash(found.update, log, offset - edge, offset)
    return found.digest()


def _hash(update: Callable[[bytes], None], log: OpenLog, begin: int, end: int) -> None:
    while begin < end and (block := pread(log.descriptor, min(1024 * 1024, end - begin), begin)):
        update(block)
        begin += len(block)


def load(layout: WorkspaceLayout, name: str, kind: TallyKind) -> Checkpoint | None:
    """Return a stored checkpoint; None when there is none that can be used, for whatever reason."""
    try:
        with (
            closing_fd(open_for_reading(os.fspath(layout), name)) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            data = file.read()
    except OSError:
        return None
    head, checksum, payload = (
        data[: len(kind.version)],
        data[len(kind.version) :][:32],
        data[len(kind.version) + 32 :],
    )
    from hashlib import sha256  # noqa: PLC0415 - likewise

    if head != kind.version or sha256(payload).digest() != checksum:
        return None
    try:
        offset, length = (int(number) for number in payload[:60].split())
        return Checkpoint(offset, payload[60:][:length], kinds.load(payload[60 + length :]))
    except ValueError:
        return None


def save(layout: WorkspaceLayout, name: str, checkpoint: Checkpoint, kind: TallyKind) -> None:
    """Store a checkpoint in place of the one before, if that is possible."""
    from hashlib import sha256  # noqa: PLC0415 - likewise

    numbers = checkpoint.offset, len(checkpoint.digest)
    head = " ".join(map(str, numbers)).ljust(60).encode()
    payload = head + checkpoint.digest + kinds.dump(checkpoint.tally)
    data = kind.version + sha256(payload).digest() + payload
    with (
        suppress(OSError),
        closing_fd(open_usage_dir(os.fspath(layout), create=False)) as directory,
        replacing(name, dir_fd=directory) as file,
    ):
        file.write(data)


class CacheCheck(NamedTuple):
    """What the checkpoint of one log file was found to be.

    Attributes:
        file: The log file.
        bytes: How many bytes of it the checkpoint stands for; None when there is none to be used.
        equal: Whether the tally made with it is that of a full read. If not, it was removed.
    """

    file: str
    bytes: int | None
    equal: bool


def check_cache(layout: WorkspaceLayout, tuning: Tuning = USUAL) -> list[CacheCheck]:
    """Read every file of the log in full and compare with what its checkpoints give.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    cached, cold = Reading(tuning=tuning), Reading(cache=False, tuning=tuning)
    checks: list[CacheCheck] = []
    for log in open_logs(layout):
        stored = {
            kind: load(layout, checkpoint_name(log.name, kind.suffix), kind)
            for kind in KINDS.values()
        }
        equal = all(
            count_log(layout, log, kind, cached) == count_log(layout, log, kind, cold)
            for kind, one in stored.items()
            if one is not None
        )
        if not equal:
            forget_checkpoints(layout, log.name)
        basic = stored[BASIC]
        checks.append(CacheCheck(log.name, basic.offset if basic else None, equal))
    return checks
