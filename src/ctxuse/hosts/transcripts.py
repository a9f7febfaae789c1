"""What is common to the transcripts of agents: what one of them tells (`Told`).

A transcript is read once, line by line, by a struct that takes of a line what is asked for and
passes over the rest. What it tells depends on nothing but itself and on where records are; what
the log or other transcripts hold already is left to who puts that together (`ctxuse.importing`),
so transcripts can be read side by side.

Formats change between versions: what is not known is passed over and counted by its type, and no
line, however long, deep or broken, ends an import.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import NamedTuple, Self

import msgspec

from ctxuse.events import UsageEvent
from ctxuse.files import what_happened
from ctxuse.hosts.jsonlines import Strange
from ctxuse.hosts.lookup import text
from ctxuse.hosts.responses import Compacted, Responded, Said, is_number
from ctxuse.hosts.session import Session
from ctxuse.times import parse_ns

READER = 13
"""Raised whenever something is read out of a transcript that was not, or otherwise."""

FEWEST_SAMPLES = 5
LEAST_BYTES = 1000
PLAUSIBLE = (0.5, 20.0)
"""A session's bytes per token are taken from so many responses at least, of so many bytes each,
and must lie between these two."""

_MOST_SESSIONS = 1000
_HELD = 4 * 1024 * 1024
"""Bytes of what one transcript tells up to which that stays in memory."""

_PIECE = 256 * 1024
"""Bytes of it that are handed on at a time."""


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

    def left_open(self, keys: Iterable[str]) -> None:
        """Take note of calls, by key, whose result is not in their transcript."""
        self._open.update(keys)

    def done(self, key: str) -> bool:
        """Take note of the result of a call, and say whether it is the first one.

        Transcripts repeat the calls of sub-agents, and copies of them those of the original.
        """
        if key in self._done:
            return False
        self._done.add(key)
        return True


class Rest(msgspec.Struct, frozen=True):
    """A place in a transcript at which nothing is open, from which it can be read on.

    Attributes:
        offset: The bytes before it.
        compacted: Whether what comes next is attached again after a compaction.
        samples: The bytes per token of the responses before it, the last ones.
        directory: Where the agent is; None where that is said on each line, or is not known.
        requests: What was told of requests before it and is in no block.
        noted: What else the agent's reader keeps.
    """

    offset: int = 0
    compacted: bool = False
    samples: list[float] = []
    directory: str | None = None
    requests: list[Said] = []
    noted: dict[str, str | int | None] = {}


MOST_SAMPLES = 200
"""So many samples of a session are kept at a rest."""


class Answered(msgspec.Struct, array_like=True, tag="a", gc=False):
    """A tool call has its result.

    Attributes:
        key: What tells the call from others (`Session.call_key`).
        failed: Whether it failed or was refused.
        no_record: Whether it worked, and touches no record.
    """

    key: str
    failed: bool = False
    no_record: bool = False


class Happened(msgspec.Struct, array_like=True, tag="e", gc=False):
    """An event.

    Attributes:
        event: The event.
        of: The key of a call: it counts only where the answer of that, which is told before, is
            the first one anywhere.
        key: What its id was derived from, beside host and record.
        unless_exposed: Not where hooks have recorded what was resident in its segment.
        unless_typed: Not where hooks have recorded what the user typed there, under new ids.
        formerly: What its id was derived from by an earlier version, if from something else.
    """

    event: UsageEvent
    of: str | None = None
    key: str | None = None
    unless_exposed: bool = False
    unless_typed: bool = False
    formerly: str | None = None


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
        left_open: Calls whose result is not in it, by key.
        size: How many bytes of it were read.
        error: Why it could not be read to its end; None if it was.
        lacks: The same of what it begins with, which another transcript holds; None if it is gone.
    """

    bytes_per_token: float | None = None
    sessions: dict[str, Began] = {}
    not_understood: dict[str, int] = {}
    left_open: list[str] = []
    size: int = 0
    error: str | None = None
    lacks: str | None = None

    @property
    def unread(self) -> str | None:
        """Why something could not be read that may be told another time; None if all was."""
        return self.error or self.lacks


Item = Answered | Happened | Responded | Compacted
"""What is told one after the other."""

_encode = msgspec.json.Encoder(enc_hook=str).encode  # a slug is a kind of text
_summary = msgspec.json.Decoder(Summary).decode
_item = msgspec.json.Decoder(Item).decode


class Told:
    """What a transcript tells. Much of it is kept on the disk.

    It is filled while the transcript is read, then `settle`d, and afterwards given back with
    `items`. As bytes it is what processes hand over: a line for the summary, and one for each item.

    Attributes:
        summary: What holds for all of it.
        not_understood: Lines that say nothing that is known, by type.
        requests: What is told of requests, once `occurrences` has come to its end.
        before_rest: How much of it stands before the rest, in reading on.
    """

    def __init__(self) -> None:
        self.summary = Summary()
        self.not_understood = Strange()
        self.requests: list[Said] = []
        self.before_rest = self._of_requests = 0
        self._items = _nothing()
        self._answered: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def first_answer(self, key: str) -> bool:
        """Take note of a call's result, and say whether it is the first one in this transcript."""
        if key in self._answered:
            return False
        self._answered.add(key)
        return True

    def answered(self, key: str, *, failed: bool = False, no_record: bool = False) -> None:
        """Tell of the first result of a call."""
        self._tell(Answered(key, failed, no_record))

    def ended(self, key: str, events: list[UsageEvent], *, failed: bool = False) -> None:
        """Tell of the first result of a call, and of its uses; it may have some and have failed."""
        self.answered(key, failed=failed, no_record=not failed and not events)
        self.happened(events, of=key, key=key)

    def happened(
        self,
        events: Iterable[UsageEvent],
        *,
        of: str | None = None,
        key: str | None = None,
        unless_exposed: bool = False,
        unless_typed: bool = False,
    ) -> None:
        """Tell of events; see `Happened`."""
        for event in events:
            self._tell(Happened(event, of, key, unless_exposed, unless_typed))

    def mentioned(self, events: Iterable[UsageEvent], key: str | None, formerly: str) -> None:
        """Tell of what the user named, whose ids an earlier version derived from something else."""
        for event in events:
            self._tell(Happened(event, key=key, formerly=formerly))

    def of_requests(self, said: Said) -> None:
        """Tell of a request, or of a compaction; not of one with numbers that no event can hold."""
        if isinstance(said, Responded) and not is_number(said.input):
            self.not_understood.saw("(no request)")
        else:
            self._of_requests += self._tell(said)

    def of_compaction(self, thread: Session, at_ns: int | None) -> None:
        """Tell that the context of a thread was compacted; nothing where it is not known when."""
        if at_ns is not None:
            self.of_requests(Compacted(thread.segment_id, at_ns))

    def rested(self) -> None:
        """Take note that what is told now stands behind a rest."""
        self.before_rest = self._of_requests

    def began(self, thread: Session, said: object, *, answered: bool) -> None:
        """Take note that a line was written; those of a sub-agent begin no session."""
        if thread.actor != "agent":
            return
        session = thread.segment_id
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

    def settle(self) -> None:
        """See to it that all of it can be given back.

        Raises:
            OSError: The disk did not take it; nothing of it is kept.
        """
        try:
            self._items.seek(0)
        except OSError:
            self._forget()
            raise

    def items(self) -> Iterator[Item]:
        """Yield what is told, in the order of the transcript, with the tokens that are measured.

        Where the disk does not give it back, the summary says so then.
        """
        ratio = self.summary.bytes_per_token
        try:
            self._items.seek(0)
            for line in self._items:
                item = _item(line)
                if ratio and isinstance(item, Happened):
                    item.event = _calibrated(item.event, ratio)
                yield item
        except OSError as error:
            self.summary.error = what_happened(error)

    def occurrences(
        self, notes: Notes, is_hooked: Callable[[Happened], bool]
    ) -> Iterator[list[Happened]]:
        """Yield the events that count, given the transcripts before it: those of one key together.

        Args:
            notes: What was come upon so far; what this one tells beside events is added.
            is_hooked: Whether hooks have recorded what an event tells; see `Recorded`.
        """
        first: set[str] = set()
        together: list[Happened] = []
        for item in self.items():
            if isinstance(item, Answered):
                if notes.done(item.key):
                    first.add(item.key)
                    notes.failed += item.failed
                    notes.no_record += item.no_record
            elif isinstance(item, Responded | Compacted):
                self.requests.append(item)
            elif (item.of is None or item.of in first) and not is_hooked(item):
                if together and (item.key is None or item.key != together[0].key):
                    yield together
                    together = []
                together.append(item)
        if together:
            yield together
        notes.left_open(self.summary.left_open)
        for kind, times in self.not_understood.items():
            notes.not_understood.saw(kind, times)

    def parts(self) -> Iterator[bytes]:
        """Yield it as bytes, piece by piece: the first is the line of the summary."""
        self.summary.not_understood = dict(self.not_understood)
        yield _encode(self.summary) + b"\n"
        self._items.seek(0)
        while part := self._items.read(_PIECE):
            yield part

    def take(self, part: bytes) -> None:
        """Add a piece of the bytes that `parts` gave, after the first line. Raises: OSError."""
        self._write(part)

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
        with suppress(OSError):  # what was still to be written has nobody who reads it
            self._items.close()

    def _tell(self, item: Item) -> bool:
        """Tell of something, and say whether it can be told."""
        try:
            line = _encode(item)
        except UnicodeEncodeError:  # a lone surrogate, which no event can hold
            self.not_understood.saw("(no event)")
            return False
        self._write(line + b"\n")
        return True

    def _write(self, data: bytes) -> None:
        try:
            self._items.write(data)
        except OSError:
            self._forget()
            raise

    def _forget(self) -> None:
        """Keep nothing, as the disk has not taken all: what is cut may say something else."""
        self.close()
        self._items = _nothing()


def _nothing() -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(max_size=_HELD)


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


def measured(samples: list[float]) -> float | None:
    """Return the bytes per token of a session, from those of its responses; None if unknown."""
    found = statistics.median(samples) if len(samples) >= FEWEST_SAMPLES else 0
    return found if PLAUSIBLE[0] <= found <= PLAUSIBLE[1] else None


def when(said: object) -> int | None:
    """Return the nanoseconds since the epoch of a time stamp; None for what is none."""
    stamp = text(said)
    return None if stamp is None else parse_ns(stamp)
