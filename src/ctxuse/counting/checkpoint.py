"""The checkpoint: the tally of a log up to an offset, so that a report costs what came since.

It is a cache. Absent, damaged, of another version or unwritable it only costs time, and a report
that uses it must be that of a full read. So it records what the bytes were that it stands for: a
hash of all of them while that is cheap, beyond that of the head, the tail and sampled blocks, with
a full read every so many reports. Appends, truncation and replacement are always seen; a change of
the same length in the middle of a longer log is seen at the next full read.

It is kept in the user's cache directory, never in the workspace, which others write: a repository
could bring one along. What it stands for must be what was counted, also when the log is changed
meanwhile: the hash is taken before the lines are read and once more after, and it is kept under the
log's generation as that was before.

It is replaced by a temporary file and a rename, without a sync: a checksum tells a torn one.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from ctxuse.cache import Cache
from ctxuse.counting import kinds
from ctxuse.counting.count import tally_of
from ctxuse.counting.kinds import BASIC, KINDS, LogTally, TallyKind
from ctxuse.counting.sound import is_sound
from ctxuse.counting.tuning import USUAL, Reading, Tuning
from ctxuse.counting.workers import TallyTask, Task, count_in_parallel
from ctxuse.files import real_path
from ctxuse.layout import USAGE_DIR, WorkspaceLayout
from ctxuse.log.generation import begin_generation, generation
from ctxuse.log.names import remove_old_checkpoints
from ctxuse.log.reader import OpenLog, last_line_end, open_logs, pread

if TYPE_CHECKING:
    from hashlib import _Hash

T = TypeVar("T")


class Mark(NamedTuple):
    """Up to where a log was counted, and what these bytes were.

    Attributes:
        offset: How many bytes that is; they end in a newline.
        digest: What they were, as `digest` tells.
    """

    offset: int = 0
    digest: bytes = b""

    def stands(self, log: OpenLog, tuning: Tuning) -> bool:
        """Whether the bytes of a log are still the same, as far as that is looked at."""
        return (
            0 <= self.offset <= log.end
            and not (self.offset > tuning.hashed and _chance(tuning.full_read_every))
            and digest(log, self.offset, tuning) == self.digest
        )


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

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    if reading.cache is not None:
        remove_old_checkpoints(os.fspath(layout))
    return LogTally.merged(count_log(layout, log, kind, reading) for log in open_logs(layout))


def count_log(layout: WorkspaceLayout, log: OpenLog, kind: TallyKind, reading: Reading) -> LogTally:
    """Return the tally of one file of the log; see `count_logs`."""
    place = place_of(layout, log, reading)
    if place is None:
        return LogTally.merged(count_in_parallel(log, TallyTask(kind), reading))
    offset, found, tally = load(place, kind) or (0, b"", LogTally())
    before = Mark(offset, found)
    if not before.stands(log, reading.tuning):
        before, tally = Mark(), LogTally()
    read = read_on(log, TallyTask(kind), reading, before)
    for part in read.parts:
        tally.merge(part)
    if read.digest is not None:
        save(place, Checkpoint(read.end, read.digest, tally), kind)
        if kind.has_detail:  # what is known without it is known now, too
            save(place, Checkpoint(read.end, read.digest, LogTally(tally.basic)), BASIC)
    if read.end < log.end:  # a last line without its newline counts in the report only
        tally.merge(tally_of(log, kind, read.end))
    return tally


class ReadOn(NamedTuple, Generic[T]):
    """What stands in a log behind what is remembered.

    Attributes:
        parts: What each stretch of it holds, in the order of the file.
        end: Where its last finished line ends.
        digest: What all bytes up to there were; None where they may have changed meanwhile, or are
            not enough to be remembered.
    """

    parts: list[T]
    end: int
    digest: bytes | None


def read_on(log: OpenLog, task: Task[T], reading: Reading, before: Mark) -> ReadOn[T]:
    """Count the finished lines of a log behind those that are remembered.

    Args:
        log: The open log.
        task: What is counted.
        reading: How it is read.
        before: Up to where it is remembered.
    """
    end = last_line_end(log, before.offset)
    worth = end - before.offset >= reading.tuning.checkpoint
    proof = Proof(log, end, reading.tuning, before) if worth else None
    parts = count_in_parallel(log._replace(end=end), task, reading, before.offset)
    return ReadOn(parts, end, proof.digest if proof is not None and proof.holds() else None)


class Place(NamedTuple):
    """Where the checkpoints of one log file are kept.

    Attributes:
        cache: In which cache.
        name: Under which name there: that of the log's folder, file and generation.
    """

    cache: Cache
    name: str

    def key(self, kind: TallyKind) -> str:
        """Return the key of the checkpoint of one kind."""
        return f"{self.name}.{kind.name}"


def place_of(layout: WorkspaceLayout, log: OpenLog, reading: Reading) -> Place | None:
    """Return where checkpoints are kept; None where there are none, as of a small log.

    An archived log keeps its place: its file is the same, by its number in its folder.
    """
    if reading.cache is None or log.end < reading.tuning.checkpoint:
        return None
    try:
        number = str(os.fstat(log.descriptor).st_ino)
        return Place(reading.cache, name_of(layout, number))
    except OSError:
        return None


def name_of(layout: WorkspaceLayout, what: str) -> str:
    """Return the name of what is kept of a log: that of its folder, its generation and `what`.

    Raises:
        OSError: The generation cannot be read.
    """
    root = os.fspath(layout)
    folder = os.fsencode(os.path.join(real_path(root), *USAGE_DIR))
    return _sha256(b"\0".join([folder, what.encode(), generation(root)])).hexdigest()


class Proof:
    """Tells whether the bytes that are counted are still what they were before.

    Args:
        log: The open log.
        end: How many of its bytes are counted in the end.
        tuning: What of them is hashed.
        before: What was counted on from.

    Attributes:
        digest: What they were before.
    """

    def __init__(self, log: OpenLog, end: int, tuning: Tuning, before: Mark) -> None:
        self._log, self._tuning = log, tuning
        self._status = os.fstat(log.descriptor)
        self.digest = digest(log, end, tuning)
        self._found = [mark for mark in (Mark(end, self.digest), before) if mark.offset]

    def holds(self) -> bool:
        """Whether nothing was changed since, as far as hashes and the file's time can tell."""
        now, before = os.fstat(self._log.descriptor), self._status
        if now.st_size <= before.st_size and now.st_mtime_ns != before.st_mtime_ns:
            return False  # something else than an append: perhaps between the samples
        return all(digest(self._log, end, self._tuning) == found for end, found in self._found)


def _chance(one_in: int) -> bool:
    """Whether it is the turn of one in so many, by the microsecond."""
    return time.time_ns() // 1000 % one_in == 0


def digest(log: OpenLog, offset: int, tuning: Tuning = USUAL) -> bytes:
    """Return what tells the first `offset` bytes of a log from others: see the module."""
    hashed, edge, samples, sample = tuning.hashed, tuning.edge, tuning.samples, tuning.sample
    found = _sha256(f"{offset} of {hashed} {edge} {samples} {sample}".encode())
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


def _sha256(data: bytes) -> "_Hash":
    from hashlib import sha256  # noqa: PLC0415 - a small log without a checkpoint needs none

    return sha256(data)


def load(place: Place, kind: TallyKind) -> Checkpoint | None:
    """Return a stored checkpoint; None when there is none that can be used, for whatever reason."""
    payload = unsealed(place.cache.load(place.key(kind)), kind.version)
    if payload is None:
        return None
    try:
        offset, length = (int(number) for number in payload[:60].split())
        tally = kinds.load(payload[60 + length :])
    except ValueError:
        return None
    return Checkpoint(offset, payload[60:][:length], tally) if is_sound(tally, kind) else None


def save(place: Place, checkpoint: Checkpoint, kind: TallyKind) -> None:
    """Store a checkpoint in place of the one before, if that is possible."""
    numbers = checkpoint.offset, len(checkpoint.digest)
    head = " ".join(map(str, numbers)).ljust(60).encode()
    payload = head + checkpoint.digest + kinds.dump(checkpoint.tally)
    place.cache.save(place.key(kind), sealed(payload, kind.version))


def sealed(payload: bytes, version: bytes) -> bytes:
    """Return what is stored of a payload: behind its version and a checksum."""
    return version + _sha256(payload).digest() + payload


def unsealed(data: bytes | None, version: bytes) -> bytes | None:
    """Return the payload of what was stored; None where it is of another version, or damaged."""
    if data is None or not data.startswith(version):
        return None
    checksum, payload = data[len(version) :][:32], data[len(version) + 32 :]
    return payload if _sha256(payload).digest() == checksum else None


def forget(layout: WorkspaceLayout, place: Place) -> None:
    """Have no checkpoint of a workspace's log used again, nor one that is just being made."""
    for kind in KINDS.values():
        for key in (place.key(kind), *place.cache.keys(f"{place.key(kind)}.")):
            place.cache.remove(key)
    with suppress(OSError):
        begin_generation(os.fspath(layout))
