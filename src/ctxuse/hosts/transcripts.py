"""What is common to the transcripts of agents: their lines, and what one of them tells.

A transcript is read once, line by line, by a struct that takes of a line what is asked for and
passes over the rest. What it tells depends on nothing but itself and on where records are; what
the log or other transcripts hold already is left to who puts that together (`ctxuse.importing`),
so transcripts can be read side by side.

Formats change between versions: what is not known is passed over and counted by its type, and no
line, however long, deep or broken, ends an import.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Generic, NamedTuple, Self, TypeVar

import msgspec

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.lookup import text
from ctxuse.hosts.recordfile import OTHER_KINDS
from ctxuse.ids import is_derived
from ctxuse.times import parse_ns

READER = 2
"""Raised whenever something is read out of a transcript that was not, or otherwise."""

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of a line that is looked at; images make some very long."""

FEWEST_SAMPLES = 5
LEAST_BYTES = 1000
PLAUSIBLE = (0.5, 20.0)
"""A session's bytes per token are taken from so many responses at least, of so many bytes each,
and must lie between these two."""

_MOST_TYPES = 50
_MOST_SESSIONS = 1000
_BUFFER = 256 * 1024
START = 16 * 1024
"""Bytes that are read at a time where only the first lines are wanted."""

_HELD = 4 * 1024 * 1024
"""Bytes of what one transcript tells up to which that stays in memory."""

OnRead = Callable[[int], object]
"""Told, now and then, how many bytes more have been read."""


class Head(NamedTuple):
    """What the first lines of a transcript say of its session.

    Attributes:
        directory: Where it began; None where it is not said.
        session: Its id, likewise.
        at: When, likewise, as the host writes it.
        nested: Whether it is that of a sub-agent.
    """

    directory: str | None = None
    session: str | None = None
    at: str | None = None
    nested: bool = False


class Strange(Counter[str]):
    """Lines that say nothing that is known, by type; of very many types, under one name."""

    def saw(self, kind: str, times: int = 1) -> None:
        """Take note of lines of a type that is not known."""
        known = kind in self or len(self) < _MOST_TYPES
        self[kind[:64] if known else "(others)"] += times


class Notes:
    """What an import came upon, beside events.

    Attributes:
        files: Transcripts, those passed over included.
        no_record: Tool calls that worked and touch no record.
        failed: Tool calls that failed or were refused.
        not_understood: Lines that say nothing that is known, by type.
    """

    def __init__(self) -> None:
        self.files = self.no_record = self.failed = 0
        self.not_understood = Strange()
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


class Answered(msgspec.Struct, array_like=True, tag="a", gc=False):
    """A tool call has its result.

    Attributes:
        call_id: The host's id of the call.
        failed: Whether it failed or was refused.
        no_record: Whether it worked, and touches no record.
    """

    call_id: str
    failed: bool = False
    no_record: bool = False


class Happened(msgspec.Struct, array_like=True, tag="e", gc=False):
    """An event.

    Attributes:
        event: The event. With the id of a call it counts only where the answer of that call, which
            is told before, is the first one anywhere.
        unless_exposed: Not where hooks have recorded what was resident in its segment.
        unless_typed: Not where hooks have recorded what the user typed there, under new ids.
    """

    event: UsageEvent
    unless_exposed: bool = False
    unless_typed: bool = False


class Began(msgspec.Struct, array_like=True, gc=False):
    """When a session began, as its transcript says it.

    Attributes:
        first: When its first line was written.
        answered: When its first answer was; None while there is none.
    """

    first: str
    answered: str | None = None


class Summary(msgspec.Struct):
    """What holds for all of a transcript.

    Attributes:
        bytes_per_token: Measured in the session; None where it could not be.
        sessions: When the sessions in it began, by id; not those of sub-agents.
        not_understood: Lines that say nothing that is known, by type.
        left_open: Calls whose result is not in it, by id.
        size: How many bytes of it were read.
        error: Why it could not be read to its end; None if it was.
    """

    bytes_per_token: float | None = None
    sessions: dict[str, Began] = {}
    not_understood: dict[str, int] = {}
    left_open: list[str] = []
    size: int = 0
    error: str | None = None


_encode = msgspec.json.Encoder(enc_hook=str).encode  # a slug is a kind of text
_summary = msgspec.json.Decoder(Summary).decode
_item = msgspec.json.Decoder(Answered | Happened).decode


class Told:
    """What a transcript tells. Much of it is kept on the disk.

    It is filled while the transcript is read, and afterwards given back with `items`. As bytes it
    is what processes hand over: a line for the summary, and one for each item.

    Attributes:
        summary: What holds for all of it.
        not_understood: Lines that say nothing that is known, by type.
    """

    def __init__(self) -> None:
        self.summary = Summary()
        self.not_understood = Strange()
        self._items = SpooledTemporaryFile(max_size=_HELD)  # noqa: SIM115 - see `close`
        self._answered: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def first_answer(self, call_id: str) -> bool:
        """Take note of a result, and say whether it is the first of its call in this transcript."""
        if call_id in self._answered:
            return False
        self._answered.add(call_id)
        return True

    def answered(self, call_id: str, *, failed: bool = False, no_record: bool = False) -> None:
        """Tell of the first result of a call."""
        self._tell(Answered(call_id, failed, no_record))

    def worked(self, call_id: str, events: list[UsageEvent]) -> None:
        """Tell of the first result of a call that worked, and of what it was a use of."""
        self.answered(call_id, no_record=not events)
        self.happened(events)

    def happened(
        self,
        events: Iterable[UsageEvent],
        *,
        unless_exposed: bool = False,
        unless_typed: bool = False,
    ) -> None:
        """Tell of events; see `Happened`."""
        for event in events:
            self._tell(Happened(event, unless_exposed, unless_typed))

    def began(self, session: str, said: object, *, answered: bool) -> None:
        """Take note that a line of a session, not of a sub-agent, was written."""
        known = self.summary.sessions.get(session)
        if known is None:
            at = text(said, longest=64)
            if at is not None and len(self.summary.sessions) < _MOST_SESSIONS:
                self.summary.sessions[session] = Began(at, at if answered else None)
        elif answered and known.answered is None:
            known.answered = text(said, longest=64)

    def finish(self, left_open: Iterable[str], bytes_per_token: float | None = None) -> None:
        """Take note that the transcript has been read to its end."""
        self.summary.left_open = [*left_open]
        self.summary.bytes_per_token = bytes_per_token

    def items(self) -> Iterator[Answered | Happened]:
        """Yield what is told, in the order of the transcript, with the tokens that are measured."""
        self._items.seek(0)
        ratio = self.summary.bytes_per_token
        for line in self._items:
            item = _item(line)
            if ratio and isinstance(item, Happened):
                item.event = _calibrated(item.event, ratio)
            yield item

    def parts(self) -> Iterator[bytes]:
        """Yield it as bytes, piece by piece: the first is the line of the summary."""
        self.summary.not_understood = dict(self.not_understood)
        yield _encode(self.summary) + b"\n"
        self._items.seek(0)
        while part := self._items.read(_BUFFER):
            yield part

    def take(self, part: bytes) -> None:
        """Add a piece of the bytes that `parts` gave, after the first line."""
        self._items.write(part)

    @classmethod
    def begun(cls, line: bytes) -> Self:
        """Return what begins with the line of a summary; `take` adds the rest.

        Raises:
            ValueError: It is none.
        """
        told = cls()
        try:
            told.summary = _summary(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            told.close()
            raise ValueError(str(error)) from error
        told.not_understood.update(told.summary.not_understood)
        return told

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return what `parts` gave, all of it.

        Raises:
            ValueError: It is none.
        """
        line, _, rest = data.partition(b"\n")
        told = cls.begun(line)
        told.take(rest)
        return told

    def close(self) -> None:
        """Give back what is held."""
        self._items.close()

    def _tell(self, item: Answered | Happened) -> None:
        try:
            line = _encode(item)
        except UnicodeEncodeError:  # a lone surrogate, which no event can hold
            self.not_understood.saw("(no event)")
        else:
            self._items.write(line + b"\n")


def _calibrated(event: UsageEvent, bytes_per_token: float) -> UsageEvent:
    """An event with the tokens that entered, by what was measured in its session."""
    records = tuple(
        record
        if record.context_bytes is None
        else record._replace(
            context_tokens=round(record.context_bytes / bytes_per_token), tokens_from="calibrated"
        )
        for record in event.records
    )
    return event._replace(records=records)


_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _with_whole_characters(line: bytes) -> bytes:
    """A line of JSON with the sign for what is no character in place of halves of some.

    Hosts cut texts where a character has two halves, and write down the one that is left.
    """
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)


L = TypeVar("L")


class Lines(Generic[L]):
    """Reads the lines of transcripts.

    Args:
        of: The struct that takes of a line what is asked for; all fields have defaults, and take
            whatever stands there.
        buffer: Bytes that are read at a time.
    """

    def __init__(self, of: type[L], buffer: int = _BUFFER) -> None:
        self._of = of
        self._buffer = buffer
        others = list[object] | str | int | float | bool | None
        self._decode = msgspec.json.Decoder(of | others).decode

    def read(
        self, path: str, strange: Strange | None = None, on_read: OnRead | None = None
    ) -> Iterator[L]:
        """Yield the lines of a transcript that are JSON objects; others are counted in `strange`.

        Args:
            path: The transcript.
            strange: Where lines that are none are counted.
            on_read: Told how much has been read.

        Raises:
            OSError: The file cannot be read, or is no regular one.
        """
        read = 0
        with (
            closing_fd(open_regular(path)) as descriptor,
            open(descriptor, "rb", buffering=self._buffer, closefd=False) as file,
        ):
            while line := file.readline(LONGEST_LINE):
                read += len(line)
                if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                    found: L | str | None = "(line too long)"
                    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                        pass
                else:
                    found = self._line(line)
                if found is not None and not isinstance(found, str):
                    yield found
                elif found is not None and strange is not None:
                    strange[found] += 1
                if on_read is not None and read >= _BUFFER:
                    on_read(read)
                    read = 0
        if on_read is not None:
            on_read(read)

    def _line(self, line: bytes) -> L | str | None:
        """What a line holds; why it is none that is read; None for a blank one."""
        try:
            if not line.isascii():
                line.decode()  # of what is passed over nobody else looks at it
            try:
                found = self._decode(line)
            except msgspec.DecodeError:
                whole = _with_whole_characters(line)
                if whole == line:
                    raise
                found = self._decode(whole)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "(no JSON)" if line.strip() else None
        return found if isinstance(found, self._of) else "(no object)"


_raw = msgspec.json.Decoder().decode


def held(part: msgspec.Raw, decode: Callable[[msgspec.Raw], object] = _raw) -> object:
    """Return what a part of a line holds that was left as it was; None for what cannot be held.

    Such a part is only passed over when its line is read: a number in it may be too large.

    Args:
        part: The part.
        decode: Takes of it what is asked for; all of it where nothing else is said.
    """
    try:
        return decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


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

    def has(self, item: Happened) -> bool:
        """Whether hooks have recorded what an event tells, as far as that has to be asked."""
        if not item.unless_exposed and not item.unless_typed:
            return False
        exposed, segment = self._look(), item.event.segment_id
        return (item.unless_exposed and segment in exposed) or (
            item.unless_typed and segment in self._typed
        )

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


def when(said: object) -> int | None:
    """Return when a line was written, in nanoseconds since the epoch; None if it does not say.

    Args:
        said: Its time stamp.
    """
    stamp = text(said)
    return None if stamp is None else parse_ns(stamp)
