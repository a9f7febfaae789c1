"""What the tools of an agent do, as far as they show records."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Generic, NamedTuple, TypeVar

from ctxuse.segment import Segment

_log = logging.getLogger("ctxuse")

K = TypeVar("K")
V = TypeVar("V")


class Tools(NamedTuple):
    """What of an agent's tools is looked at; what others answer enters as no record.

    Attributes:
        reads: The tools that read a file, by name, each with its argument that is the path.
        shells: The tools that run a command, likewise with that which is the command.
        where: Takes a path as the tools name it, gives that of the file.
        directory: Where commands begin; the current directory when None.
    """

    reads: Mapping[str, str] = {"read_file": "file_path"}
    shells: Mapping[str, str] = {"execute": "command"}
    where: Callable[[str], str] = str
    directory: str | None = None

    def looked_at(self, name: object, arguments: object) -> dict[str, str]:
        """Return what of a tool's arguments says what it shows; nothing for other tools."""
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            return {}
        names = {self.reads.get(name), self.shells.get(name)} - {None}
        given = {str(one): arguments.get(one) for one in names}
        return {one: value for one, value in given.items() if isinstance(value, str)}

    def answered(
        self, segment: Segment, name: str, arguments: object, text: str, call_id: str | None
    ) -> None:
        """Record what a tool has shown. Never raises.

        Args:
            segment: Whose call it was.
            name: The tool.
            arguments: What it was given, by name.
            text: What it gave back to the model.
            call_id: The id of the call.
        """
        with quietly("what a tool has shown"):
            given = self.looked_at(name, arguments)
            path = given.get(self.reads.get(name, ""))
            command = given.get(self.shells.get(name, ""))
            if path is not None:
                segment.read(self.where(path), text, call_id=call_id)
            if command is not None:
                segment.ran(command, text, call_id=call_id, directory=self.directory)


@contextmanager
def quietly(what: str) -> Iterator[None]:
    """Have nothing of what is done raise: the agent goes on, and the logger is told."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it was, the agent goes on
        with suppress(Exception):  # the error may not say what it is, nor the logger take it
            _log.warning("%s was not recorded: %s", what, f"{type(error).__name__}: {error}")


class Latest(Generic[K, V]):
    """The `most` that were put in and asked for last; others go. For several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: K, value: V) -> None:
        """Keep a value, as the latest."""
        with self._lock:
            self._put(key, value)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value that is kept, as the latest; a new one where there is none."""
        with self._lock:
            value = self._kept[key] if key in self._kept else make()
            self._put(key, value)
            return value

    def pop(self, key: K) -> V | None:
        """Return a value that is not kept any more; None where it was not."""
        with self._lock:
            return self._kept.pop(key, None)

    def _put(self, key: K, value: V) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


USUAL = Tools()
"""The names that deepagents gives its tools."""


def text_of(content: object) -> str:
    """Return the text of a message, whose content is one, or blocks of which some are text."""
    blocks = content if isinstance(content, list) else [content]
    texts = [block.get("text") if isinstance(block, Mapping) else block for block in blocks]
    return "\n".join(text for text in texts if isinstance(text, str))
