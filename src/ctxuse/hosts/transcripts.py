"""What is common to the transcripts of agents: lines, places of another machine, what was counted.

Formats change between versions: what is not known is passed over and counted by its type, and no
line, however long, deep or broken, ends an import.
"""

import os
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, Self

import msgspec

from ctxuse.events import UsageRecordSnapshot, estimate_tokens
from ctxuse.files import open_regular
from ctxuse.hosts.payload import text
from ctxuse.places import Places, RecordFile
from ctxuse.times import parse_ns

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of a line that is looked at; images make some very long."""

FEWEST_SAMPLES = 5
LEAST_BYTES = 1000
PLAUSIBLE = (0.5, 20.0)
"""A session's bytes per token are taken from so many responses at least, of so many bytes each,
and must lie between these two."""

Line = Mapping[str, object]

_MOST_TYPES = 50


class Notes:
    """What an import came upon, beside events.

    Attributes:
        files: Transcripts read.
        no_record: Tool calls that worked and touch no record.
        failed: Tool calls that failed or were refused.
        not_understood: Lines that say nothing that is known, by type.
    """

    def __init__(self) -> None:
        self.files = self.no_record = self.failed = 0
        self.not_understood: Counter[str] = Counter()
        self._done: set[str] = set()
        self._open: set[str] = set()

    @property
    def unfinished(self) -> int:
        """Tool calls whose result is in none of the transcripts."""
        return len(self._open - self._done)

    def left_open(self, call_ids: Iterable[str]) -> None:
        """Take note of calls whose result is not in their transcript."""
        self._open.update(call_ids)

    def done(self, call_id: str) -> bool:
        """Take note of a result, and say whether it is the first of its call.

        Transcripts repeat the calls of sub-agents, and copies of them those of the original.
        """
        if call_id in self._done:
            return False
        self._done.add(call_id)
        return True

    def strange(self, kind: str) -> None:
        """Take note of a line of a type that is not known; of very many, under one name."""
        known = kind in self.not_understood or len(self.not_understood) < _MOST_TYPES
        self.not_understood[kind[:64] if known else "(others)"] += 1


def lines(
    path: str, notes: Notes | None = None, told: Callable[[int], object] | None = None
) -> Iterator[Line]:
    """Yield the lines of a transcript that are JSON objects; others are counted in `notes`.

    Args:
        path: The transcript.
        notes: Where lines that are none are counted.
        told: Told after each line how many bytes it has.

    Raises:
        OSError: The file cannot be read, or is no regular one: it is read more than once.
    """
    decode = msgspec.json.Decoder().decode
    with open(open_regular(path), "rb") as file:
        while line := file.readline(LONGEST_LINE):
            reason = None
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                reason = "(line too long)"
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
            elif line.strip():
                try:
                    found: object = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    reason = "(no JSON)"
                else:
                    if isinstance(found, dict):
                        yield found
                    else:
                        reason = "(no object)"
            if reason and notes:
                notes.not_understood[reason] += 1
            if told is not None:
                told(len(line))


class Hooked(Protocol):
    """What hooks of an agent have recorded."""

    def exposed(self, segment_id: str) -> bool:
        """Whether they have recorded what was resident in a segment."""
        ...

    def typed(self, segment_id: str) -> bool:
        """Whether they have recorded what the user typed there, without the prompt's id."""
        ...


class Origin:
    """Where a transcript was written, in terms of where the workspace is now.

    The directory in which its session began stands for the root, unless it lies in the workspace;
    the home directory it was written in stands for the present one.

    Args:
        places: The places of the workspace.
        began_in: The directory in which the session began; None when unknown.
    """

    def __init__(self, places: Places, began_in: str | None) -> None:
        self.places = places
        pairs: list[tuple[str, str]] = []
        root = began_in and os.path.normpath(began_in)
        if root and root != places.root and not root.startswith(places.root + os.sep):
            pairs.append((root, places.root))
        home = _HOME.match(root or "")
        if home and home[0] != places.home:
            pairs += [
                (os.path.join(home[0], ".claude"), places.claude_dir),
                (os.path.join(home[0], ".codex"), places.codex_dir),
                (home[0], places.home),
            ]
        self._pairs = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        self.home = home[0] if home else places.home
        self.began_in = root or places.root

    @classmethod
    def of(cls, places: Places, began_in: str | None) -> Self:
        """Return the same with the places of a session that began there; see the class."""
        start = cls(places, began_in).here(".")
        return cls(places.starting_in(start), began_in)

    def here(self, path: str, directory: str | None = None) -> str:
        """Return what a path of the transcript is here, absolute.

        Args:
            path: The path.
            directory: Where it is taken from when it is relative.
        """
        path = self.there(path, directory)
        if path == self.places.root or path.startswith(self.places.root + os.sep):
            return path
        for there, here in self._pairs:
            if path == there or path.startswith(there + os.sep):
                return here + path[len(there) :]
        return path

    def there(self, path: str, directory: str | None = None) -> str:
        """Return a path of the transcript, absolute, as it was there."""
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        return os.path.normpath(os.path.join(self.began_in, directory or "", path))

    def record(self, path: str, directory: str | None = None) -> RecordFile | None:
        """Return the record that a path of the transcript is."""
        return self.places.record_at(self.here(path, directory))

    def records(self, paths: Iterable[str], directory: str | None = None) -> list[RecordFile]:
        """Return the records that paths of the transcript are, each once."""
        found: dict[tuple[str, str], RecordFile] = {}
        for path in paths:
            record = self.record(path, directory)
            if record is not None:
                found.setdefault((record.kind, record.slug), record)
        return [*found.values()]


_HOME = re.compile(r"/(?:Users|home)/[^/]+|/root(?=/|$)")


class Sizes(NamedTuple):
    """What a transcript says of sizes.

    Attributes:
        bytes_per_token: Measured in the session; None where it could not be.
    """

    bytes_per_token: float | None

    def snapshot(
        self, record: RecordFile, file_bytes: int | None, context_bytes: int | None
    ) -> UsageRecordSnapshot:
        """Return the snapshot of a record as the transcript has it, never as its file is today.

        Args:
            record: The record.
            file_bytes: The size of its whole file, where the transcript shows it whole.
            context_bytes: Bytes of it that entered the context, where known.
        """
        tokens = None
        if self.bytes_per_token and context_bytes is not None:
            tokens = round(context_bytes / self.bytes_per_token)
        return UsageRecordSnapshot(
            record.kind,
            record.slug,
            file_bytes or 0,
            estimate_tokens(file_bytes or 0),
            context_bytes=context_bytes,
            context_tokens=tokens,
            tokens_from=None if tokens is None else "calibrated",
            size_from="unknown" if file_bytes is None else "transcript",
        )


def measured(samples: list[float]) -> Sizes:
    """Return the sizes of a session of which `samples` are bytes per token of its responses."""
    if len(samples) < FEWEST_SAMPLES:
        return Sizes(None)
    found = statistics.median(samples)
    return Sizes(found if PLAUSIBLE[0] <= found <= PLAUSIBLE[1] else None)


def when(line: Line) -> int | None:
    """Return when a line was written, in nanoseconds since the epoch; None if it does not say."""
    said = text(line, "timestamp")
    return None if said is None else parse_ns(said)
