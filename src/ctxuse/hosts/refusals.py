"""Of which files an output may be, when what is in them is not known."""

import os
from collections.abc import Iterable

from ctxuse.hosts.lines import lines_printed
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.patterns import pattern

_REFUSALS = (
    "File name too long",
    "Input/output error",
    "Is a directory",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Permission denied",
    "Too many levels of symbolic links",
    "can't open",
    "can't read",
    "cannot open",
    "command not found",
)
"""What programs say of files that they cannot show."""

_MOST_SAID = 1_000
"""So many lines of an output may stand in the command itself."""

_MOST_PARTS = 32

_BETWEEN = pattern(r"[\s:'\"`\u2018\u2019]+")


def not_refused(files: Iterable[RecordFile], output: str, command: str) -> list[RecordFile]:
    """Return those of some files of unknown content that an output may show.

    What a program says of a file that it cannot read, and what the command itself says (``cat x ||
    echo none``), shows none. The command names the files to show them.
    """
    lines = {*lines_printed(output)} - {""}
    refusals = [line for line in lines if any(said in line for said in _REFUSALS)]
    others = lines.difference(refusals)
    if len(others) <= _MOST_SAID and all(line in command for line in others):
        return []
    refused = {os.path.normpath(w) for line in refusals for w in _BETWEEN.split(line) if w}
    spaced = "\n".join(line for line in refusals if " " in line)
    return [file for file in files if not _is_refused(file.named, refused, spaced)]


def _is_refused(path: str, words: set[str], lines: str) -> bool:
    """Whether a path, or an end of it, is among the words of refusals; with a space, in one."""
    parts = path.split("/")
    ends = ["/".join(parts[-number:]) for number in range(1, min(len(parts), _MOST_PARTS) + 1)]
    return any(end in words for end in (*ends, path)) or (" " in parts[-1] and parts[-1] in lines)
