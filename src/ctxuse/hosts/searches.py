"""Whether a shell command searches: what a search finds is no use of a record.

Strategy: each program of the command is one that searches, one that prints nothing of a file, or
one that may show a file. What is not known may. A command is a search when there is one and nothing
may show. Behind a pipe a program passes on what comes, unless it takes that for names of files.
"""

from typing import Literal

from ctxuse.hosts.shellprograms import (
    DEEPEST,
    LONGEST,
    SHELLS,
    SHOWING,
    inner_command,
    program_of,
    without_options,
    without_prefix,
)
from ctxuse.hosts.shellwords import NotParsedError, Operator, Redirection, Word, tokens

Doing = Literal["searches", "says nothing", "may show"]

_SEARCHES = frozenset({"ack", "ag", "egrep", "fgrep", "grep", "rg", "zgrep"})
_SILENT = frozenset({
    ":", "[", "[[", "break", "cd", "chmod", "continue", "cp", "done", "esac", "export", "false",
    "fi", "for", "mapfile", "mkdir", "mv", "popd", "pushd", "read", "readarray", "rm", "set",
    "shopt", "sleep", "test", "touch", "true", "unset", "}",
})  # fmt: skip
_TELLING = frozenset({
    "basename", "date", "dirname", "du", "echo", "exit", "file", "hostname", "ls", "printf", "pwd",
    "realpath", "stat", "tree", "type", "uname", "wc", "which", "whoami",
})  # fmt: skip
"""Programs that print nothing of a file but what stands in their words."""

_OF_GIT = frozenset({
    "add", "branch", "checkout", "clone", "commit", "fetch", "init", "ls-files", "merge", "pull",
    "push", "remote", "rev-parse", "status", "switch", "tag",
})  # fmt: skip
"""Commands of git that print nothing of a file."""

_TAKING = frozenset({"mapfile", "read", "readarray"})
"""What puts lines of a file into a variable."""

_RUNNING = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
"""Behind one of these words of `find` stands a program that it runs."""

_MOST_RUNS = 16


def what_is_done(command: str, depth: int = 0) -> set[Doing]:
    """Return what the programs of a command do.

    Args:
        command: The command, as a shell takes it.
        depth: How many shells are around it.
    """
    if len(command) > LONGEST or depth > DEEPEST:
        return {"may show"}
    try:
        script = [*tokens(command)]
    except (NotParsedError, RecursionError):
        return {"may show"}
    programs: list[list[Word]] = [[]]
    behind: list[list[Word]] = []
    present = programs[-1]
    for token in script:
        if isinstance(token, Operator):
            present = []
            (behind if token in {"|", "|&"} else programs).append(present)
        elif isinstance(token, Word):
            present.append(token)
    words = [word for those in programs for word in those]
    reads = any(isinstance(token, Redirection) and "<" in token.sign for token in script)
    filled = (reads and any(w.text in _TAKING for w in words)) or any(w.runs for w in words)
    done = {_doing(without_prefix(those), filled=filled, depth=depth) for those in programs}
    return done | {_passing(without_prefix(those), depth) for those in behind}


def _doing(words: list[Word], *, filled: bool, depth: int) -> Doing:
    """What a program does.

    Args:
        words: It, and its words.
        filled: Whether a variable may hold what stands in a file.
        depth: How many shells are around it.
    """
    program = program_of(words)
    if not words or program in _SILENT:
        return "says nothing"
    if program in _TELLING:
        tells = any(word.runs or (filled and not word.fixed) for word in words)
        return "may show" if tells else "says nothing"
    if program in _SEARCHES:
        return "searches"
    if program in SHELLS:
        inner = inner_command(words[1:])
        return "may show" if inner is None else _together(what_is_done(inner, depth + 1))
    if program == "git":
        return _of_git(without_options(words))
    if program == "find":
        runs = [words[n + 1 :] for n, word in enumerate(words) if word.text in _RUNNING]
        return _together({_doing(those, filled=filled, depth=depth) for those in runs[:_MOST_RUNS]})
    return "may show"


def _of_git(words: list[Word]) -> Doing:
    name = words[0].text if words else ""
    if name == "grep":
        return "searches"
    return "says nothing" if name in _OF_GIT else "may show"


def _passing(words: list[Word], depth: int) -> Doing:
    """What a program behind a pipe does with what comes."""
    program = program_of(words)
    if program == "xargs":
        return _doing(without_options(words), filled=False, depth=depth)
    names = {*map(program_of, ([word] for word in words))}
    if program in SHELLS or (program == "parallel" and names & (SHOWING | SHELLS)):
        return "may show"
    return "says nothing"


def _together(done: set[Doing]) -> Doing:
    """What several programs do."""
    if "may show" in done:
        return "may show"
    return "searches" if "searches" in done else "says nothing"
