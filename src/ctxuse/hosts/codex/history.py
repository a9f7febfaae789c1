"""What a rollout passes on to its forks: what stands in its context before some line.

Strategy: it is read for all of its forks together, so that these cost as much as what is passed on.
Of its messages only the parts are kept that may hold records, each text once, since every
compaction repeats them.
"""

import errno
from typing import NamedTuple

import msgspec

from ctxuse.events import is_text
from ctxuse.files import what_happened
from ctxuse.hosts.codex.context import may_hold_records
from ctxuse.hosts.codex.lines import Line, Payload, payload_of
from ctxuse.hosts.codex.messages import Message, replacing
from ctxuse.hosts.jsonlines import Lines
from ctxuse.hosts.lookup import text

MOST_TEXT = 1024 * 1024
"""Characters of different texts that a rollout passes on, and of all texts that a fork is given."""

_MOST_PARTS = 5_000
"""Parts of messages, and compactions, that a rollout passes on."""

_FIRST, _LAST = -(2**62), 2**62
"""Numbers of lines that none has less and none more than."""

_lines = Lines(Line)


class Fork(NamedTuple):
    """Of what a rollout is a fork: what stood in a thread before the line of a number."""

    thread: str
    before: int

    @classmethod
    def of(cls, payload: Payload) -> "Fork | None":
        """Return what the first line of a rollout says of that; None of one that is no fork."""
        thread, before = text(payload.forked_from_id), payload.forked_from_ordinal_exclusive
        if thread is None or not isinstance(before, int):
            return None
        return cls(thread, _within(before))


class _Passed(msgspec.Struct, array_like=True):
    """A message that is passed on.

    Attributes:
        reached: The highest number of a line up to it.
        role: See `Message`.
        key: Likewise.
        parts: Of its parts those that may hold records: the place of the text, and the kind.
    """

    reached: int
    role: str | None
    key: str | None
    parts: list[tuple[int, str | None]]


class _Context(msgspec.Struct, array_like=True):
    """What stands from a line on, where nothing stands any more of what did before.

    Attributes:
        reached: The highest number of a line up to that one.
        fork: Of what it is a fork, where it begins with that.
        messages: What is said in it.
    """

    reached: int
    fork: Fork | None = None
    messages: list[_Passed] = []


class History(msgspec.Struct, array_like=True):
    """What a rollout passes on, wherever a fork begins.

    Attributes:
        contexts: Its contexts, one after the other.
        texts: What stands in the messages.
        reached: The highest number of a line that was read.
        goes_on: Whether more follows that was not asked for.
        error: Why what follows could not be read; None if it was, or was not asked for.
    """

    contexts: list[_Context]
    texts: list[str]
    reached: int
    goes_on: bool
    error: tuple[int, str] | None = None

    @classmethod
    def of(cls, path: str, before: int | None = None) -> "History":
        """Return that of a rollout, up to the line of a number, or to its end."""
        reading, goes_on, error = _Reading(), False, None
        try:
            for line in _lines.read(path):
                reading.take(line)
                goes_on = before is not None and reading.reached >= before
                if goes_on:
                    break
        except OSError as raised:
            words = what_happened(raised).encode("utf-8", "replace").decode()
            error = raised.errno or errno.EIO, words
        return cls(reading.contexts, [*reading.texts], reading.reached, goes_on, error)

    def reaches(self, number: int) -> bool:
        """Whether it tells what stands before the line of a number, as far as that can be read."""
        return self.reached >= number or not self.goes_on

    def before(self, number: int) -> tuple[list[Message], Fork | None]:
        """Return what stands before the line of a number, and of what that is a fork itself.

        Raises:
            OSError: It was not read up to there.
        """
        if self.error is not None and self.reached < number:
            raise OSError(*self.error)
        contexts = [context for context in self.contexts if context.reached < number]
        if not contexts:
            return [], None
        said = [self._message(one) for one in contexts[-1].messages if one.reached < number]
        return said, contexts[-1].fork

    def _message(self, passed: _Passed) -> Message:
        content: list[object] = [{"text": self.texts[place]} for place, _ in passed.parts]
        kinds: list[object] = [kind for _, kind in passed.parts]
        return Message(passed.role, content, kinds, passed.key)


class _Reading:
    """Makes the history of a rollout of its lines."""

    def __init__(self) -> None:
        self.contexts = [_Context(_FIRST - 1)]
        self.texts: dict[str, int] = {}
        self.reached = _FIRST
        self._has_begun = False
        self._text, self._parts = MOST_TEXT, _MOST_PARTS

    def take(self, line: Line) -> None:
        """Take in a line.

        Raises:
            OSError: More is passed on than is kept.
        """
        payload = payload_of(line)
        if isinstance(line.ordinal, int):
            self.reached = max(self.reached, _within(line.ordinal))
        if line.type == "session_meta" and not self._has_begun:  # others are of what it repeats
            self._has_begun = True
            self._begins(Fork.of(payload))
        elif line.type == "compacted":
            self._begins()
            for message in replacing(payload, None):
                self._add(message)
        elif payload.type == "message" and text(payload.role) not in {None, "assistant"}:
            self._add(Message.of(payload))

    def _begins(self, fork: Fork | None = None) -> None:
        self._holds(1)
        self.contexts.append(_Context(self.reached, fork))

    def _add(self, message: Message) -> None:
        parts = [
            (self._place(body), kind)
            for body, kind in message.parts()
            if may_hold_records(body, kind, message.role) and is_text(body)
        ]
        if parts:
            self._holds(len(parts))
            passed = _Passed(self.reached, message.role, message.key, parts)
            self.contexts[-1].messages.append(passed)

    def _place(self, body: str) -> int:
        if body not in self.texts:
            self._text -= len(body)
            if self._text < 0:
                raise too_much(f"{MOST_TEXT:,} characters")
        return self.texts.setdefault(body, len(self.texts))

    def _holds(self, parts: int) -> None:
        self._parts -= parts
        if self._parts < 0:
            raise too_much(f"{_MOST_PARTS:,} messages")


def too_much(what: str) -> OSError:
    """Return the error that a fork begins with more than is told of it."""
    return OSError(errno.EFBIG, f"it is more than {what}")


def _within(number: int) -> int:
    return min(max(int(number), _FIRST), _LAST)
