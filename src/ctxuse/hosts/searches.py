"""Whether a shell command searches: what a search finds is no use of a record.

Strategy: each program of the command is one that searches, one that prints nothing of a file, or
one that may show a file. What is not known may. A command is a search when there is one and nothing
may show. Behind a pipe a program passes on what comes, unless it takes that for names of files.
"""

from ctxuse.hosts.shellprograms import (
    DEEPEST,
    SHELLS,
    inner_command,
    program_of,
    without_options,
    without_prefix,
)
from ctxuse.hosts.shellwords import (
    NotParsedError,
    Operator,
    Redirection,
    Token,
    Word,
    tokens,
)
from ctxuse.typed import Literal, NamedTuple

Doing = Literal["searches", "says nothing", "may show"]

_SEARCHES = frozenset({
    "ack", "ag", "bzgrep", "egrep", "fgrep", "git-grep", "grep", "pcregrep", "rg", "rgrep", "ugrep",
    "xzgrep", "zgrep",
})  # fmt: skip
_SILENT = frozenset({
    ":", "[", "[[", "alias", "break", "cd", "chmod", "continue", "cp", "declare", "done", "esac",
    "export", "false", "fi", "for", "hash", "jobs", "kill", "let", "ln", "local", "mapfile",
    "mkdir", "mv", "popd", "pushd", "read", "readarray", "readonly", "rm", "set", "shopt", "sleep",
    "sync", "test", "touch", "tput", "trap", "true", "ulimit", "umask", "unset", "wait", "}",
})  # fmt: skip
_TELLING = frozenset({
    "basename", "date", "dirname", "du", "echo", "exit", "file", "hostname", "ls", "mktemp",
    "printf", "pwd", "realpath", "seq", "stat", "tree", "type", "uname", "wc", "which", "whoami",
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

_FOR_EACH = frozenset({"parallel", "xargs"})
"""What runs a program for the names that come, or that stand behind it."""


class Done(NamedTuple):
    """What a command does.

    Attributes:
        kinds: What its programs do.
        said: What it says beside its searches; all of it where that is not known.
        sought: The words of its searches.
    """

    kinds: set[Doing]
    said: str
    sought: str


def what_is_done(command: str) -> Done:
    """Return what a command does, as a shell takes it."""
    try:
        programs = _programs(command)
    except (NotParsedError, RecursionError):
        return Done({"may show"}, command, "")
    kinds = {program.does for program in programs}
    sought = [
        word.text for program in programs if program.does == "searches" for word in program.words
    ]
    words = [word for program in programs if program.does != "searches" for word in program.words]
    if not sought or "<" in command or any(word.runs for word in words):
        return Done(kinds, command, " ".join(sought))
    return Done(kinds, " ".join(word.text for word in words), " ".join(sought))


class _Program(NamedTuple):
    words: list[Word]
    does: Doing


class _Pipeline(NamedTuple):
    programs: list[list[Word]]
    into_file: bool = False


def _pipelines(script: list[Token]) -> list[_Pipeline]:
    found = [_Pipeline([[]])]
    for token in script:
        if isinstance(token, Operator):
            if token in {"|", "|&"}:
                found[-1].programs.append([])
            else:
                found.append(_Pipeline([[]]))
        elif isinstance(token, Word):
            found[-1].programs[-1].append(token)
        elif token.takes_output and "<" not in token.sign and token.sign != ">&":
            found[-1] = found[-1]._replace(into_file=True)
    return found


def _programs(command: str, depth: int = 0) -> list[_Program]:
    """The programs of a command, and what each does.

    Raises:
        NotParsedError: It cannot be taken apart, or is too long or too deep.
    """
    if depth > DEEPEST:
        raise NotParsedError(command[:80])
    script = tokens(command)
    words = [token for token in script if isinstance(token, Word)]
    reads = any(isinstance(token, Redirection) and "<" in token.sign for token in script)
    filled = (reads and any(w.text in _TAKING for w in words)) or any(w.runs for w in words)
    found: list[_Program] = []
    for programs, into_file in _pipelines(script):
        for number, those in enumerate(programs):
            own = without_prefix(those)
            behind = map(program_of, map(without_prefix, programs[number + 1 : number + 2]))
            if into_file or any(program in _FOR_EACH for program in behind):
                does: Doing = "says nothing"  # or what it prints are names for the next one
            elif number:
                does = _passing(own, depth)
            else:
                does = _doing(own, filled=filled, depth=depth)
            found.append(_Program(those, does))
    return found


def _doing(words: list[Word], *, filled: bool, depth: int) -> Doing:
    """What a program does; a variable may be `filled` with what stands in a file."""
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
        return "may show" if inner is None else _together(_programs(inner, depth + 1))
    if program == "git":
        return _of_git(without_options(words))
    if program in _FOR_EACH:
        return _doing(without_prefix(without_options(words)), filled=filled, depth=depth)
    return _of_find(words, depth) if program == "find" else "may show"


def _of_git(words: list[Word]) -> Doing:
    name = words[0].text if words else ""
    if name == "grep":
        return "searches"
    return "says nothing" if name in _OF_GIT else "may show"


def _of_find(words: list[Word], depth: int) -> Doing:
    """What the programs do that find runs: each up to the next, and none of them another find."""
    runs: list[list[Word]] = []
    for word in words:
        if word.text in _RUNNING:
            runs.append([])
        elif runs:
            runs[-1].append(word)
    programs = [
        _Program(
            those,
            "may show"
            if program_of(those) == "find"
            else _doing(without_prefix(those), filled=False, depth=depth),
        )
        for those in runs
    ]
    return _together(programs)


def _passing(words: list[Word], depth: int) -> Doing:
    """What a program behind a pipe does with what comes."""
    program = program_of(words)
    if program in _FOR_EACH:
        return _doing(words, filled=False, depth=depth)
    return "may show" if program in SHELLS else "says nothing"


def _together(programs: list[_Program]) -> Doing:
    """What several programs do."""
    done = {program.does for program in programs}
    if "may show" in done:
        return "may show"
    return "searches" if "searches" in done else "says nothing"
