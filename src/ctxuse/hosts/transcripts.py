"""What is common to the transcripts of agents: lines, what hooks recorded, what was counted.

Formats change between versions: what is not known is passed over and counted by its type, and no
line, however long, deep or broken, ends an import.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.lookup import text
from ctxuse.hosts.recordfile import OTHER_KINDS
from ctxuse.ids import is_derived
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
    with (
        closing_fd(open_regular(path)) as descriptor,
        open(descriptor, "rb", closefd=False) as file,
    ):
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


class Hooked:
    """What hooks of an agent have recorded, by segment; looked for when it is first asked for.

    Hooks give new ids to what no transcript tells under an id of its own.

    Args:
        host: The agent.
        events: Gives all events of the log.
    """

    def __init__(self, host: str, events: Callable[[], Iterable[object]]) -> None:
        self._host = host
        self._events = events
        self._exposed: set[str] | None = None
        self._typed: set[str] = set()

    def exposed(self, segment_id: str) -> bool:
        """Whether hooks have recorded what was resident in a segment."""
        return segment_id in self._look()

    def typed(self, segment_id: str) -> bool:
        """Whether hooks have recorded what the user typed there, without the prompt's id."""
        self._look()
        return segment_id in self._typed

    def _look(self) -> set[str]:
        if self._exposed is not None:
            return self._exposed
        self._exposed = set()
        for event in self._events():
            if not isinstance(event, UsageEvent) or event.host != self._host:
                continue
            if is_derived(event.id):
                continue
            if event.event is UsageEventKind.USE:
                if event.actor == "user" and event.source is UsageSource.WORKFLOW_INVOKE:
                    self._typed.add(event.segment_id)
            elif any(record.kind in OTHER_KINDS for record in event.records):
                self._exposed.add(event.segment_id)
        return self._exposed


def measured(samples: list[float]) -> float | None:
    """Return the bytes per token of a session, from those of its responses; None if unknown."""
    found = statistics.median(samples) if len(samples) >= FEWEST_SAMPLES else 0
    return found if PLAUSIBLE[0] <= found <= PLAUSIBLE[1] else None


def when(line: Line) -> int | None:
    """Return when a line was written, in nanoseconds since the epoch; None if it does not say."""
    said = text(line, "timestamp")
    return None if said is None else parse_ns(said)
