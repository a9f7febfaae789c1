"""Programs of shell commands: what stands before one, and which ones do what."""

import os
import re

from ctxuse.hosts.shellwords import Word

LONGEST = 64 * 1024
"""Characters up to which a command is taken apart."""

DEEPEST = 3
"""So many shells within one another are looked into."""

SHOWING = frozenset({"awk", "bat", "cat", "head", "less", "more", "nl", "sed", "tail"})
"""Programs that show the files that their words name."""

SHELLS = frozenset({"bash", "dash", "sh", "zsh"})

_PREFIXES = frozenset({
    "!", "command", "do", "elif", "else", "env", "if", "nice", "nohup", "stdbuf", "sudo", "then",
    "time", "timeout", "until", "while", "{",
})  # fmt: skip

WITH_ARGUMENT = {
    "awk": ("-F", "-f", "-v", "--file", "--assign", "--field-separator"),
    "bash": ("-O", "-o", "+O", "+o"),
    "env": ("-u", "-C", "-S"),
    "git": ("-C", "-c", "--git-dir", "--work-tree"),
    "head": ("-c", "-n", "--bytes", "--lines"),
    "nice": ("-n",),
    "sed": ("-e", "-f", "-l", "--expression", "--file", "--line-length"),
    "stdbuf": ("-i", "-o", "-e"),
    "sudo": ("-C", "-D", "-g", "-h", "-p", "-R", "-T", "-U", "-u"),
    "tail": ("-c", "-n", "-s", "--bytes", "--lines"),
    "timeout": ("-k", "-s", "--kill-after", "--signal"),
    "xargs": ("-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"),
}
"""Options that take the word behind them."""

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")


def program_of(words: list[Word]) -> str:
    """Return the name of the program that words run; empty where there is none."""
    return os.path.basename(words[0].text) if words else ""


def without_prefix(words: list[Word]) -> list[Word]:
    """Return the words of a command behind what may stand before its program."""
    index = 0
    by_env = False
    while index < len(words):
        word = words[index].text
        if word in _PREFIXES:
            if word == "env" and not by_env:  # behind the first one there are all the others' words
                by_env = True
                if any(w.text[:2] in {"-C", "-S"} for w in words[index:]):
                    return []
            index = _behind_options(word, words, index + 1)
            index += word == "timeout"  # the time
        elif ASSIGNMENT.match(word):
            index += 1
        else:
            break
    return words[index:]


def without_options(words: list[Word]) -> list[Word]:
    """Return the words behind a program and its options."""
    return words[_behind_options(program_of(words), words, 1) :]


def _behind_options(program: str, words: list[Word], index: int) -> int:
    options = WITH_ARGUMENT.get(program, ())
    while index < len(words) and words[index].text.startswith("-"):
        index += 2 if words[index].text in options else 1
    return index


def inner_command(words: list[Word]) -> str | None:
    """Return the command that a shell is given with ``-c``.

    Args:
        words: What stands behind the shell.
    """
    index = 0
    while index < len(words) - 1:
        word = words[index].text
        if word[:1] not in {"-", "+"}:
            return None  # a script, whose words the rest are
        if not word.startswith("--") and word.endswith("c"):
            return words[index + 1].text if words[index + 1].fixed else None
        index += 2 if word in WITH_ARGUMENT["bash"] else 1
    return None
