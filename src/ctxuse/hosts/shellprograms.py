"""Programs of shell commands: what stands before one, and which ones do what."""

import os

from ctxuse.patterns import pattern
from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ctxuse.hosts.shellwords import Word

DEEPEST = 3
"""So many shells within one another are looked into."""

SHOWING = frozenset({"awk", "bat", "cat", "head", "less", "more", "nl", "sed", "tail"})
"""Programs that show the files that their words name."""

GOING = frozenset({"cd", "popd", "pushd"})
"""What changes the directory."""

SHELLS = frozenset({"bash", "dash", "sh", "zsh"})

_PREFIXES = frozenset({
    "!", "busybox", "command", "do", "doas", "elif", "else", "env", "if", "ionice", "nice", "nohup",
    "stdbuf", "sudo", "then", "time", "timeout", "until", "while", "{",
})  # fmt: skip

_ELSEWHERE = frozenset({"-C", "-S"})
"""Options of env that run what follows in another directory, or take it apart."""


WITH_ARGUMENT = {
    "awk": ("-F", "-f", "-v", "--file", "--assign", "--field-separator"),
    "bash": ("-O", "-o", "+O", "+o"),
    "doas": ("-u", "-C"),
    "env": ("-u",),
    "git": ("-C", "-c", "--git-dir", "--work-tree"),
    "head": ("-c", "-n", "--bytes", "--lines"),
    "ionice": ("-c", "-n", "-p"),
    "nice": ("-n",),
    "parallel": ("-a", "-I", "-j", "-n", "-N"),
    "sed": ("-e", "-f", "-l", "--expression", "--file", "--line-length"),
    "stdbuf": ("-i", "-o", "-e"),
    "sudo": ("-C", "-D", "-g", "-h", "-p", "-R", "-T", "-U", "-u"),
    "tail": ("-c", "-n", "-s", "--bytes", "--lines"),
    "time": ("-f", "-o"),
    "timeout": ("-k", "-s", "--kill-after", "--signal"),
    "xargs": ("-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"),
}
"""Options that take the word behind them."""

ASSIGNMENT = pattern(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


_LEFT_OUT = str.maketrans("", "", "\"'\\\n")
"""What a shell takes out of words: no name of a program has any of it."""


def may_show(command: str) -> bool:
    """Whether a program may stand in a command that shows files which its words name.

    This is for most commands all there is to know, without taking them apart.
    """
    return _has(command, SHOWING)


def may_go(command: str) -> bool:
    """Whether a command may change its directory; likewise."""
    return _has(command, GOING)


def _has(command: str, programs: frozenset[str]) -> bool:
    bare = command.translate(_LEFT_OUT)
    return any(program in bare for program in programs)


def program_of(words: "list[Word]") -> str:
    """Return the name of the program that words run; empty where there is none."""
    return os.path.basename(words[0].text) if words else ""


def without_prefix(words: "list[Word]") -> "list[Word]":
    """Return the words of a command behind what may stand before its program.

    Where that runs it in a way that is not followed, it stands there itself.
    """
    index = 0
    while index < len(words):
        word = words[index].text
        prefix = os.path.basename(word)
        if prefix in _PREFIXES:
            behind = _behind_options(prefix, words, index + 1)
            if prefix == "env" and any(w.text[:2] in _ELSEWHERE for w in words[index:behind]):
                break
            index = behind + (prefix == "timeout")  # the time
        elif ASSIGNMENT.match(word):
            index += 1
        else:
            break
    return words[index:]


def without_options(words: "list[Word]") -> "list[Word]":
    """Return the words behind a program and its options."""
    return words[_behind_options(program_of(words), words, 1) :]


def _behind_options(program: str, words: "list[Word]", index: int) -> int:
    options = WITH_ARGUMENT.get(program, ())
    while index < len(words) and words[index].text.startswith("-"):
        index += 2 if words[index].text in options else 1
    return index


def inner_command(words: "list[Word]") -> str | None:
    """Return the command that a shell is given with ``-c``, by the words behind the shell."""
    index = 0
    while index < len(words) - 1:
        word = words[index].text
        if word[:1] not in {"-", "+"}:
            return None  # a script, whose words the rest are
        if not word.startswith("--") and word.endswith("c"):
            return words[index + 1].text if words[index + 1].fixed else None
        index += 2 if word in WITH_ARGUMENT["bash"] else 1
    return None
