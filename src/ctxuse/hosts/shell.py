"""Which records a shell command shows: what Codex's own rule takes for a read.

The first program of each part between ``;``, ``&&``, ``|`` and the like shows files when it is one
of a few; of its words those that are no options are looked at. A command whose output goes into a
file, that edits in place or takes its text from the command itself shows nothing. A script of a
skill that is run is not shown: nothing of it enters the context.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterator

from ctxuse.events import UsageSource
from ctxuse.hosts import Seen
from ctxuse.hosts.session import Session
from ctxuse.places import Places

_SHOWING = frozenset({"cat", "sed", "head", "tail", "less", "more", "bat", "awk", "nl"})
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_PREFIXES = frozenset(
    {"!", "{", "command", "do", "else", "env", "if", "nohup", "sudo", "then", "time"}
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_SEPARATORS = frozenset(";|&()\n")
_LONGEST = 64 * 1024
_DEEPEST = 3


def records_shown(
    command: str, directory: str, session: Session, places: Places, call_id: str | None
) -> Iterator[Seen]:
    """Yield that the records were read that a command shows, each once.

    Args:
        command: The command, as a shell takes it.
        directory: Where it ran.
        session: Whose doing it was.
        places: The places of the workspace.
        call_id: The host's id of the tool call.
    """
    seen: set[tuple[str, str]] = set()
    for path in files_shown(command, directory, places.absolute):
        record = places.record_at(path)
        if record is None or record[:2] in seen or not os.path.isfile(path):
            continue
        seen.add(record[:2])
        yield session.use(record, UsageSource.MEMORY_READ, call_id=call_id)


def files_shown(
    command: str, directory: str, absolute: Callable[[str, str | None], str], depth: int = 0
) -> Iterator[str]:
    """Yield the absolute paths that a command names in order to show them, as they come.

    Args:
        command: The command, as a shell takes it.
        directory: Where it runs.
        absolute: Makes a path absolute, given the directory.
        depth: How many shells are around it.
    """
    if len(command) > _LONGEST or depth > _DEEPEST:
        return
    for part in _parts(command):
        words = _without_prefix(part)
        if not words:
            continue
        program, *rest = [os.path.basename(words[0]), *words[1:]]
        if program == "cd" and rest and not rest[-1].startswith("-"):
            directory = absolute(rest[-1], directory)
        elif program in _SHELLS:
            inner = _inner(rest)
            if inner is not None:
                yield from files_shown(inner, directory, absolute, depth + 1)
        elif program in _SHOWING and not _writes(program, rest):
            yield from (absolute(word, directory) for word in rest if not word.startswith("-"))


def _parts(command: str) -> Iterator[list[str]]:
    """The simple commands of `command`, as their words; redirections are words of their own."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    try:
        words = [*lexer]
    except ValueError:  # a quote that never ends
        words = command.split()
    part: list[str] = []
    in_comment = False
    for word in words:
        if word and set(word) <= _SEPARATORS:
            in_comment = in_comment and "\n" not in word
            if part:
                yield part
            part = []
        else:
            in_comment = in_comment or word.startswith("#")
            if not in_comment:
                part.append(word)
    if part:
        yield part


def _without_prefix(words: list[str]) -> list[str]:
    """The words of a command behind what may stand before its program."""
    for index, word in enumerate(words):
        if word not in _PREFIXES and not _ASSIGNMENT.match(word):
            return words[index:]
    return []


def _inner(words: list[str]) -> str | None:
    """The command that a shell is given with ``-c``."""
    for index, word in enumerate(words[:-1]):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return words[index + 1]
    return None


def _writes(program: str, words: list[str]) -> bool:
    """Whether the output does not come to the context, or the text not from files."""
    in_place = program == "sed" and any(
        word.startswith("--in-place") or (word[:1] == "-" and word[1:2] != "-" and "i" in word)
        for word in words
    )
    for index, word in enumerate(words):
        if word.startswith("<<") or (word.startswith(">") and not _is_stderr(words, index)):
            return True
    return in_place


def _is_stderr(words: list[str], index: int) -> bool:
    return index > 0 and words[index - 1] == "2"
