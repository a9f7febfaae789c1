"""What the tools of an agent do, as far as they show records."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ctxuse.segment import Segment

_log = logging.getLogger("ctxuse")


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
        given = arguments if isinstance(arguments, Mapping) else {}
        path, command = given.get(self.reads.get(name)), given.get(self.shells.get(name))
        if isinstance(path, str):
            try:
                path = self.where(path)
            except Exception as error:  # noqa: BLE001 - it is the agent's, which goes on
                _log.warning("where %r is was not said: %s", path, error)
                return
            segment.read(path, text, call_id=call_id)
        if isinstance(command, str):
            segment.ran(command, text, call_id=call_id, directory=self.directory)


USUAL = Tools()
"""The names that deepagents gives its tools."""


def text_of(content: object) -> str:
    """Return the text of a message, whose content is one, or blocks of which some are text."""
    blocks = content if isinstance(content, list) else [content]
    texts = [block.get("text") if isinstance(block, Mapping) else block for block in blocks]
    return "\n".join(text for text in texts if isinstance(text, str))
