"""Which records a shell command shows: what Codex's own rule takes for a read, more strictly.

A program that shows files (``cat``, ``sed``, ``head`` and a few more) shows those that its words
name, unless what it prints goes into a file. What is not sure is left out: words with variables or
patterns, text of a here-document, functions, what is edited in place. A script of a skill that is
run is not shown: nothing of it enters the context.
"""

from collections.abc import Callable, Iterable

from ctxuse.hosts.shellprograms import (
    ASSIGNMENT,
    DEEPEST,
    GOING,
    SHELLS,
    SHOWING,
    WITH_ARGUMENT,
    inner_command,
    program_of,
    without_prefix,
)
from ctxuse.hosts.shellwords import NotParsedError, Operator, Redirection, Token, Word, tokens
from ctxuse.patterns import pattern

_ENDS = frozenset({"done", "esac", "fi", "}"})
"""Words behind which a redirection is one of everything since their beginning."""

_PASSING = frozenset({
    "awk", "bat", "cat", "column", "cut", "egrep", "fgrep", "grep", "head", "less", "more", "nl",
    "rg", "sed", "sort", "tail", "tee", "tr", "uniq",
})  # fmt: skip
"""Programs behind a pipe that print what they read, or parts of it."""

_MOST_FILES = 256
_MOST_NAMED = 64
_MOST_GONE = 64
"""Changes of directory that are followed: each may make the directory's name longer."""
_FILE = pattern(r"^(?!-)[^\0\n]*[./]")
_CLUSTER = pattern("-[a-zA-Z]+")
"""A word that may be the name of a file."""

Absolute = Callable[[str, str | None], str]
"""Makes a path absolute, from a directory."""


def files_shown(command: str, directory: str, absolute: Absolute, depth: int = 0) -> list[str]:
    """Return the absolute paths that a command names in order to show them, as they come.

    It runs in a directory, and `depth` shells are around it.
    """
    if depth > DEEPEST:
        return []
    try:
        script = _Script(tokens(command), absolute, depth)
        return script.shown(_Where(directory))[:_MOST_FILES]
    except (NotParsedError, RecursionError):
        return []


def started_in(command: str, end: str, starts: Iterable[str], absolute: Absolute) -> str:
    """Return the directory in which a command began, given where it ended.

    That is the first of `starts`, the likeliest, from which its changes of directory lead to the
    end; where none does, the end.
    """
    try:
        script = tokens(command)
        for start in starts:
            where = _Where(start)
            _Script(script, absolute, 0).shown(where)
            if where.directory == end:
                return start
    except (NotParsedError, RecursionError):
        pass
    return end


def files_named(command: str, directory: str, absolute: Absolute) -> list[str]:
    """Return the absolute paths that words of a command may be, the first ones."""
    try:
        words = [token for token in tokens(command) if isinstance(token, Word)]
    except (NotParsedError, RecursionError):
        return []
    texts = [word.text for word in words if word.fixed and _FILE.search(word.text)]
    return [absolute(text, directory) for text in texts[:_MOST_NAMED]]


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
        self._gone = 0

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
                        inner = self._subshell(where)
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
        if words and ASSIGNMENT.match(words[-1].text):  # the elements of an array
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
        words = without_prefix(words)
        if not words or not words[0].fixed:
            return []
        program, rest = program_of(words), words[1:]
        if program in GOING:
            where.go(self._gone_to(program, rest, where))
        elif program in SHELLS:
            inner = inner_command(rest)
            if inner is not None and where.directory is not None:
                return files_shown(inner, where.directory, self._absolute, self._depth + 1)
        elif program in SHOWING:
            files = _files(program, rest)
            return [
                self._absolute(word.text, where.directory)
                for word in files
                if word.fixed and (where.directory is not None or word.text[:1] in {"/", "~"})
            ]
        return []

    def _gone_to(self, program: str, rest: list[Word], where: _Where) -> str | None:
        self._gone += 1
        named = [word for word in rest if not word.text.startswith("-") or word.text == "-"]
        if program == "popd" or len(named) > 1 or self._gone > _MOST_GONE:
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
    words = without_prefix(words)
    if program_of(words) not in _PASSING:
        return False
    texts = [word.text for word in words[1:] if word.text[:1] == "-"]
    options = [text for text in texts if text.isascii() and text[1:].isalpha()]
    counts = words[0].text.endswith("grep") and any(set(option) & set("qcLl") for option in options)
    return not counts


def _files(program: str, words: list[Word]) -> list[Word]:
    """The words that name files which a program shows."""
    options = WITH_ARGUMENT.get(program, ())
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
    cluster = _CLUSTER.match(word)
    return word.startswith("--in") or (
        cluster is not None and "i" in cluster[0].partition("e")[0].partition("f")[0]
    )
