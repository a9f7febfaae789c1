"""Which records a shell command shows: what Codex's own rule takes for a read, more strictly.

A program that shows files (``cat``, ``sed``, ``head`` and a few more) shows those that its words
name, unless what it prints goes into a file. What is not sure is left out: words with variables or
patterns, text of a here-document, functions, what is edited in place. A script of a skill that is
run is not shown: nothing of it enters the context.
"""

import os
import re
from collections.abc import Callable

from ctxuse.hosts.shellwords import NotParsedError, Operator, Redirection, Token, Word, tokens

_SHOWING = frozenset({"awk", "bat", "cat", "head", "less", "more", "nl", "sed", "tail"})
_SHELLS = frozenset({"bash", "dash", "sh", "zsh"})
_PREFIXES = frozenset({
    "!", "command", "do", "elif", "else", "env", "if", "nohup", "sudo", "then", "time",
    "until", "while", "{",
})  # fmt: skip
_ENDS = frozenset({"done", "esac", "fi", "}"})
"""Words behind which a redirection is one of everything since their beginning."""

_PASSING = frozenset({
    "awk", "bat", "cat", "column", "cut", "egrep", "fgrep", "grep", "head", "less", "more", "nl",
    "rg", "sed", "sort", "tail", "tee", "tr", "uniq",
})  # fmt: skip
"""Programs behind a pipe that print what they read, or parts of it."""

_WITH_ARGUMENT = {
    "awk": ("-F", "-f", "-v", "--file", "--assign", "--field-separator"),
    "bash": ("-O", "-o", "+O", "+o"),
    "env": ("-u", "-C", "-S"),
    "head": ("-c", "-n", "--bytes", "--lines"),
    "sed": ("-e", "-f", "-l", "--expression", "--file", "--line-length"),
    "sudo": ("-C", "-D", "-g", "-h", "-p", "-R", "-T", "-U", "-u"),
    "tail": ("-c", "-n", "-s", "--bytes", "--lines"),
}
"""Options that take the word behind them."""

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_LONGEST = 64 * 1024
_DEEPEST = 3
_MOST_FILES = 256

Absolute = Callable[[str, str | None], str]
"""Makes a path absolute, from a directory."""


def files_shown(command: str, directory: str, absolute: Absolute, depth: int = 0) -> list[str]:
    """Return the absolute paths that a command names in order to show them, as they come.

    Args:
        command: The command, as a shell takes it.
        directory: Where it runs.
        absolute: Makes a path absolute, from a directory.
        depth: How many shells are around it.
    """
    if len(command) > _LONGEST or depth > _DEEPEST:
        return []
    try:
        script = _Script([*tokens(command)], absolute, depth)
        return script.shown(_Where(directory))[:_MOST_FILES]
    except (NotParsedError, RecursionError):
        return []


_SEARCHES = frozenset({"ack", "ag", "egrep", "fgrep", "grep", "rg", "zgrep"})
_SILENT = frozenset({":", "cd", "export", "false", "set", "test", "true", "["})
_TELLING = frozenset({"date", "echo", "ls", "printf", "pwd", "wc"})
"""Programs that print nothing of a file, as long as no word is what another command prints."""

_RUNNING = frozenset({"parallel", "while", "xargs"})
"""Behind a pipe: they run a program for each line that comes."""


def only_searches(command: str, depth: int = 0) -> bool:
    """Whether all that a command can print comes from searches: a hit is no use."""
    if len(command) > _LONGEST or depth > _DEEPEST:
        return False
    try:
        script = [*tokens(command)]
    except (NotParsedError, RecursionError):
        return False
    programs: list[list[Word]] = [[]]
    behind: list[list[Word]] = []
    present = programs[-1]
    for token in script:
        if isinstance(token, Operator):
            present = []
            (behind if token in {"|", "|&"} else programs).append(present)
        elif isinstance(token, Word):
            present.append(token)
    found = [_without_prefix(words) for words in programs]
    said = [words for words in found if words and not _says_nothing(words)]
    return (
        bool(said)
        and all(_searches(words, depth) for words in said)
        and not any(map(_shows_what_comes, behind))
    )


def _says_nothing(words: list[Word]) -> bool:
    """Whether a program prints nothing of a file."""
    program = words[0].text
    return program in _SILENT or (program in _TELLING and all(word.fixed for word in words))


def _shows_what_comes(words: list[Word]) -> bool:
    """Whether a program behind a pipe may show the files whose names come."""
    program = os.path.basename(words[0].text) if words else ""
    names = {os.path.basename(word.text) for word in words}
    runs = bool(names & (_SHOWING | _SHELLS)) or program == "while"
    return program in _SHELLS or (program in _RUNNING and runs)


def _searches(words: list[Word], depth: int) -> bool:
    program = os.path.basename(words[0].text)
    if program in _SHELLS:
        inner = _inner(words[1:])
        return inner is not None and only_searches(inner, depth + 1)
    return program in _SEARCHES or [word.text for word in words[:2]] == ["git", "grep"]


class _Where:
    """The present directory; None where it is not known."""

    def __init__(self, directory: str | None, before: str | None = None) -> None:
        self.directory = directory
        self.before = before

    def go(self, directory: str | None) -> None:
        self.before, self.directory = self.directory, directory


class _Script:
    """Reads tokens from left to right."""

    def __init__(self, script: list[Token], absolute: Absolute, depth: int) -> None:
        self._tokens = script
        self._absolute = absolute
        self._depth = depth
        self._next = 0

    def shown(self, where: _Where, *, nested: bool = False) -> list[str]:
        """The files shown up to the end, or to the end of the subshell."""
        found: list[str] = []
        instead = False
        while self._next < len(self._tokens):
            if self._tokens[self._next] == Operator(")") and nested:
                break
            shown, keeps = self._pipeline(where)
            if not keeps:
                found.clear()
            elif not instead:
                found += shown
            instead = self._peek() == "||"  # what stands behind it may not have run
            if not (nested and self._peek() == ")"):
                self._next += 1
        return found

    def _peek(self) -> str | None:
        token = self._tokens[self._next] if self._next < len(self._tokens) else None
        return str(token) if isinstance(token, Operator) else None

    def _pipeline(self, where: _Where) -> tuple[list[str], bool]:
        """What one pipeline shows; and whether what was shown before it really was."""
        found: list[str] = []
        taken = ends = False
        while True:
            words: list[Word] = []
            inner: list[str] | None = None
            while self._next < len(self._tokens):
                piece = self._tokens[self._next]
                if isinstance(piece, Redirection):
                    taken = taken or piece.takes_output
                elif isinstance(piece, Word):
                    words.append(piece)
                elif piece == "(":
                    inner = self._group(words)
                    if inner is None:
                        inner = []
                        inner += self._subshell(where)
                else:
                    break
                self._next += 1
            found = found if _passes(words) or not found else []
            found += self._command(words, where) if inner is None else inner
            ends = ends or bool(words and words[0].text in _ENDS)
            if self._peek() not in {"|", "|&"}:
                break
            self._next += 1
        return ([], not ends) if taken else (found, True)

    def _group(self, words: list[Word]) -> list[str] | None:
        """Pass over ``name() …``, which runs nothing, or return None for a subshell."""
        after = self._tokens[self._next + 1 : self._next + 2]
        if words and _ASSIGNMENT.match(words[-1].text):  # the elements of an array
            self._subshell(_Where(None))
            return []
        if len(words) != 1 or after != [Operator(")")]:
            return None
        depth = 0
        while self._next < len(self._tokens):  # the body, up to the brace that ends it
            token = self._tokens[self._next]
            if isinstance(token, Word) and token.text in {"{", "}"}:
                depth += 1 if token.text == "{" else -1
                if not depth:
                    break
            self._next += 1
        return []

    def _subshell(self, where: _Where) -> list[str]:
        self._next += 1
        return self.shown(_Where(where.directory, where.before), nested=True)

    def _command(self, words: list[Word], where: _Where) -> list[str]:
        """What a simple command shows."""
        if words and words[0].text in {"exec", "function"}:
            raise NotParsedError(words[0].text)  # what follows goes elsewhere, or does not run
        words = _without_prefix(words)
        if not words or not words[0].fixed:
            return []
        program, rest = os.path.basename(words[0].text), words[1:]
        if program in {"cd", "pushd", "popd"}:
            where.go(self._gone_to(program, rest, where))
        elif program in _SHELLS:
            inner = _inner(rest)
            if inner is not None and where.directory is not None:
                return files_shown(inner, where.directory, self._absolute, self._depth + 1)
        elif program in _SHOWING:
            files = _files(program, rest)
            return [
                self._absolute(word.text, where.directory)
                for word in files
                if word.fixed and (where.directory is not None or word.text[:1] in {"/", "~"})
            ]
        return []

    def _gone_to(self, program: str, rest: list[Word], where: _Where) -> str | None:
        named = [word for word in rest if not word.text.startswith("-") or word.text == "-"]
        if program == "popd" or len(named) > 1:
            return None
        if not named:
            return self._absolute("~", None) if program == "cd" else None
        if named[0].text == "-":
            return where.before
        relative = not named[0].text.startswith(("/", "~"))
        if not named[0].fixed or (relative and where.directory is None):
            return None
        return self._absolute(named[0].text, where.directory)


def _passes(words: list[Word]) -> bool:
    """Whether a program behind a pipe prints what it reads."""
    words = _without_prefix(words)
    if not words or os.path.basename(words[0].text) not in _PASSING:
        return False
    options = [word.text for word in words[1:] if re.fullmatch("-[a-zA-Z]+", word.text)]
    counts = words[0].text.endswith("grep") and any(set(option) & set("qcLl") for option in options)
    return not counts


def _without_prefix(words: list[Word]) -> list[Word]:
    """The words of a command behind what may stand before its program."""
    index = 0
    by_env = False
    while index < len(words):
        word = words[index].text
        if word in _PREFIXES:
            index += 1
            options = _WITH_ARGUMENT.get(word, ())
            if word == "env" and not by_env:  # behind the first one there are all the others' words
                by_env = True
                if any(w.text[:2] in {"-C", "-S"} for w in words[index:]):
                    return []
            while index < len(words) and words[index].text.startswith("-"):
                index += 2 if words[index].text in options else 1
        elif _ASSIGNMENT.match(word):
            index += 1
        else:
            break
    return words[index:]


def _inner(words: list[Word]) -> str | None:
    """The command that a shell is given with ``-c``."""
    index = 0
    while index < len(words) - 1:
        word = words[index].text
        if word[:1] not in {"-", "+"}:
            return None  # a script, whose words the rest are
        if not word.startswith("--") and word.endswith("c"):
            return words[index + 1].text if words[index + 1].fixed else None
        index += 2 if word in _WITH_ARGUMENT["bash"] else 1
    return None


def _files(program: str, words: list[Word]) -> list[Word]:
    """The words that name files which a program shows."""
    options = _WITH_ARGUMENT.get(program, ())
    files: list[Word] = []
    has_script = program not in {"awk", "sed"}
    index = 0
    while index < len(words):
        word = words[index].text
        if word == "--":
            files += words[index + 1 :]
            break
        if word.startswith("-") and word != "-":
            if _in_place(program, words, index):
                return []
            has_script = has_script or word.startswith(("-e", "-f", "--expression", "--file"))
            index += 2 if word in options else 1
            continue
        if word != "-":
            files.append(words[index])
        index += 1
    return files if has_script else files[1:]


def _in_place(program: str, words: list[Word], index: int) -> bool:
    """Whether an option makes the program write into its files."""
    word = words[index].text
    if program == "awk":
        following = words[index + 1].text if index + 1 < len(words) else ""
        return word in {"-iinplace", "--include=inplace"} or (word, following) == ("-i", "inplace")
    if program != "sed":
        return False
    cluster = re.match(r"-[a-zA-Z]+", word)
    return word.startswith("--in") or (
        cluster is not None and "i" in re.split("[ef]", cluster[0], maxsplit=1)[0]
    )
