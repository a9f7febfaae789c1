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
from typing import Generic, NamedTuple

from ctxuse.files import closing_fd, replacing
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.archives import SUFFIXES, checkpoint_name
from ctxuse.log.kept import Kept, T
from ctxuse.log.parallel import Progress, count_in_parallel
from ctxuse.log.place import open_for_reading, open_usage_dir
from ctxuse.log.reader import OpenLog, last_line_end, pread

FULL_HASH_LIMIT = 16 * 1024 * 1024
"""Up to so many bytes all of them are hashed, in about 13 ms."""

EDGE = 64 * 1024
"""Of a longer log so many bytes at its beginning and before the offset are hashed."""

SAMPLES = 64
"""So many blocks in between, evenly spaced."""

SAMPLE = 4 * 1024
"""Bytes in each of them."""

FULL_READ_EVERY = 100
"""Of so many reports over sampled bytes one, by chance, reads everything."""

WORTH = 1024 * 1024
"""A checkpoint is only written when it saves reading so many bytes more than the one before."""


class Checkpoint(NamedTuple, Generic[T]):
    """What is stored.

    Attributes:
        offset: How many bytes of the log it stands for; they end in a newline.
        digest: What those bytes were, as `digest` tells.
        tally: Their tally.
    """

    offset: int
    digest: bytes
    tally: T


def cached_tally(
    layout: WorkspaceLayout,
    log: OpenLog,
    kept: Kept[T],
    *,
    processes: int | None = None,
    progress: Progress | None = None,
) -> T:
    """Return the tally of a log, reading only what its checkpoint does not stand for.

    Args:
        layout: The workspace.
        log: The open log.
        kept: The kind of tally.
        processes: How many processes to use at most for what is read.
        progress: Told how far the reading is.
    """
    name = checkpoint_name(log.name, kept.suffix)
    stored = load(layout, name, kept)
    if stored is not None and not _stands_for(stored, log):
        stored = None
    start, tally = (0, kept.empty()) if stored is None else (stored.offset, stored.tally)
    end = last_line_end(log, start)
    finished = log._replace(end=end)
    counted = count_in_parallel(finished, kept, start, processes=processes, progress=progress)
    tally.merge(counted)
    if end - start >= WORTH:
        save(layout, name, Checkpoint(end, digest(log, end), tally), kept)
    if end < log.end:  # a last line without its newline counts in the report only
        tally.merge(kept.tally_of(log, end))
    return tally


def _stands_for(stored: Checkpoint[T], log: OpenLog) -> bool:
    return (
        0 <= stored.offset <= log.end
        and not (stored.offset > FULL_HASH_LIMIT and _chance(FULL_READ_EVERY))
        and digest(log, stored.offset) == stored.digest
    )


def _chance(one_in: int) -> bool:
    """Whether it is the turn of one in so many, by the microsecond."""
    return time.time_ns() // 1000 % one_in == 0


def digest(log: OpenLog, offset: int) -> bytes:
    """Return what tells the first `offset` bytes of a log from others: see the module."""
    from hashlib import sha256  # noqa: PLC0415 - a small log without a checkpoint needs none

    found = sha256(f"{offset} of {FULL_HASH_LIMIT} {EDGE} {SAMPLES} {SAMPLE}".encode())
    if offset <= max(FULL_HASH_LIMIT, 2 * EDGE):
        _hash(found.update, log, 0, offset)
        return found.digest()
    _hash(found.update, log, 0, EDGE)
    for index in range(SAMPLES):
        at = EDGE + (offset - 2 * EDGE) * index // SAMPLES
        _hash(found.update, log, at, min(at + SAMPLE, offset))
    _hash(found.update, log, offset - EDGE, offset)
    return found.digest()


def _hash(update: Callable[[bytes], None], log: OpenLog, begin: int, end: int) -> None:
    while begin < end and (block := pread(log.descriptor, min(1024 * 1024, end - begin), begin)):
        update(block)
        begin += len(block)


def load(layout: WorkspaceLayout, name: str, kept: Kept[T]) -> Checkpoint[T] | None:
    """Return a stored checkpoint; None when there is none that can be used, for whatever reason."""
    try:
        descriptor = open_for_reading(os.fspath(layout), name)
        with open(descriptor, "rb") as file:
            data = file.read()
    except OSError:
        return None
    head, checksum, payload = (
        data[: len(kept.version)],
        data[len(kept.version) :][:32],
        data[len(kept.version) + 32 :],
    )
    from hashlib import sha256  # noqa: PLC0415 - likewise

    if head != kept.version or sha256(payload).digest() != checksum:
        return None
    try:
        offset, length = (int(number) for number in payload[:60].split())
        return Checkpoint(offset, payload[60:][:length], kept.load(payload[60 + length :]))
    except ValueError:
        return None


def save(layout: WorkspaceLayout, name: str, checkpoint: Checkpoint[T], kept: Kept[T]) -> None:
    """Store a checkpoint in place of the one before, if that is possible."""
    from hashlib import sha256  # noqa: PLC0415 - likewise

    numbers = checkpoint.offset, len(checkpoint.digest)
    head = " ".join(map(str, numbers)).ljust(60).encode()
    payload = head + checkpoint.digest + kept.dump(checkpoint.tally)
    data = kept.version + sha256(payload).digest() + payload
    with (
        suppress(OSError),
        closing_fd(open_usage_dir(os.fspath(layout), create=False)) as directory,
        replacing(name, dir_fd=directory) as file,
    ):
        file.write(data)


def forget(layout: WorkspaceLayout, log_name: str) -> None:
    """Remove the checkpoints of a log, as far as there are some and they can be removed."""
    with (
        suppress(OSError),
        closing_fd(open_usage_dir(os.fspath(layout), create=False)) as directory,
    ):
        for suffix in SUFFIXES:
            with suppress(OSError):
                os.unlink(checkpoint_name(log_name, suffix), dir_fd=directory)
