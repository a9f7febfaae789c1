"""Which records a command names, by its words, and what it says itself."""

import os
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property

from ctxuse.hosts.recordfile import SKILL, RecordFile
from ctxuse.patterns import pattern

MOST_COMMAND = 64 * 1024
"""Characters of a command that are looked at for names."""

_STRETCH = 64
"""So many characters of a command are compared at once."""

_WORD = pattern(r"[\w.-]+")

_QUOTING = str.maketrans("", "", "\"'\\")


class Mentions:
    """What a command names: its words, and the parts of paths in it.

    Args:
        command: The command.
        root: The root of the workspace: what lies there, or above, is not named by its folder,
            whose name stands in every path.
        others: The paths of files in it that are no records, and are not named by the same name.
    """

    def __init__(self, command: str, root: str, others: Iterable[str] = ()) -> None:
        self._command = command[:MOST_COMMAND]
        self._words = {*_WORD.findall(self._command)}
        self._root = os.path.join(root, "")
        self._others = {*map(os.path.basename, others)}

    def file(self, name: str) -> bool:
        """Whether a name stands there, not as a part of another one."""
        if name in self._others:
            return False
        if _WORD.fullmatch(name):
            return name in self._words
        return name in self._command

    def record(self, record: RecordFile) -> bool:
        """Whether a record is named: its file, or as a skill itself."""
        return self.file(record.slug if record.kind == SKILL else os.path.basename(record.named))

    def mentions(self, record: RecordFile) -> bool:
        """Whether a record's file is named, or the folder in which it lies."""
        folder = os.path.dirname(record.named)
        above = self._root.startswith(os.path.join(folder, ""))
        return self.record(record) or (not above and self.file(os.path.basename(folder)))


class Said:
    """What stands in a command, told of many lines without a search through it for each.

    What quotes is looked past, as a shell takes it out.
    """

    def __init__(self, command: str) -> None:
        self._command = command

    @cached_property
    def _stretches(self) -> list[str]:
        text = self._command[:MOST_COMMAND].translate(_QUOTING)
        return sorted({text[at : at + _STRETCH] for at in range(len(text) + 1)})

    def has(self, line: str) -> bool:
        """Whether a line stands there; of a long one, whether all stretches of it do."""
        bare = line.translate(_QUOTING)
        last = max(len(bare) - _STRETCH, 0)
        return all(self._has(bare[at : at + _STRETCH]) for at in (*range(0, last, _STRETCH), last))

    def _has(self, part: str) -> bool:
        at = bisect_left(self._stretches, part)
        return at < len(self._stretches) and self._stretches[at].startswith(part)
