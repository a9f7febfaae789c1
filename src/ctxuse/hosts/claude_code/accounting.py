"""Bytes per token of a session, by the model's own accounting in its transcript."""

import json
from collections.abc import Iterable

from ctxuse.hosts.claude_code.lines import Block, Line, Message, Usage
from ctxuse.hosts.lookup import size, text
from ctxuse.hosts.transcripts import LEAST_BYTES

_as_json = json.JSONEncoder(ensure_ascii=False).encode


class Accounting:
    """Measures a session's bytes per token: responses into which only text entered.

    What entered since the response before is the difference of their inputs, by the model's own
    accounting; its bytes are those of that response and of what followed it.

    Attributes:
        samples: The bytes per token of each such response.
    """

    def __init__(self, samples: Iterable[float] = ()) -> None:
        self.samples = [*samples]
        self._threads: dict[tuple[str | None, str | None], _Entered] = {}
        self._names: tuple[object, object] | None = None
        self._thread = _Entered()

    def add(self, line: Line) -> None:
        """Take note of a line, as it stands there."""
        kind = line.type
        if kind not in ("assistant", "user", "attachment"):  # it may be a list: no set
            return
        if line.isSidechain is True and text(line.agentId) is None:
            return
        thread = self._thread_of(line)
        message = line.message if isinstance(line.message, Message) else _NO_MESSAGE
        if kind == "attachment":
            thread.only_text = False
        elif kind == "user":
            thread.add(message.content)
        elif line.isApiErrorMessage is not True:
            response, total = text(message.id), _input_tokens(message.usage)
            if response is not None and total:
                thread.answered(response, total, self.samples)
                thread.add(message.content)

    def _thread_of(self, line: Line) -> "_Entered":
        names = line.sessionId, line.agentId
        if names != self._names:
            self._names = names
            thread = text(line.sessionId), text(line.agentId)
            self._thread = self._threads.setdefault(thread, _Entered())
        return self._thread


_NO_MESSAGE = Message()


class _Entered:
    """What has entered one thread since its last response."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        self._bytes = 0
        self.only_text = True

    def add(self, content: object) -> None:
        if not self.only_text:
            return  # the next response is no sample, whatever enters
        added = _bytes_of_text(content)
        self.only_text = added is not None
        self._bytes += added or 0

    def answered(self, response: str, total: int, samples: list[float]) -> None:
        """Take note of a response, whose lines are several; with a new one, of a sample."""
        if self._last is not None and response == self._last[0]:
            return
        grown = total - self._last[1] if self._last is not None else 0
        if self.only_text and grown > 0 and self._bytes >= LEAST_BYTES:
            samples.append(self._bytes / grown)
        self._last, self._bytes, self.only_text = (response, total), 0, True


def _input_tokens(usage: object) -> int | None:
    if not isinstance(usage, Usage):
        return None
    counts = usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known else None


_DEEPEST = 8
"""Results that stand in one another; hosts write two levels."""


def _bytes_of_text(content: object, depth: int = 0) -> int | None:
    """The bytes of a message's content; None when something else than text is in it."""
    if isinstance(content, str):
        return size(content)
    if depth > _DEEPEST:
        return None
    total = 0
    for block in content if isinstance(content, list) else ():
        if not isinstance(block, Block):
            return None
        match block.type:
            case "text":
                added = size(block.text)
            case "tool_use":
                added = size(_as_json([block.name, block.input]))
            case "tool_result":
                added = _bytes_of_text(block.content, depth + 1)
            case _:
                added = None
        if added is None:
            return None
        total += added
    return total
