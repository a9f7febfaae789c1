"""What of a file Claude Code puts into a context: no comments, and of some no frontmatter.

As seen in its requests (version 2.1): comments that begin a line are left out of instructions and
of its memory, frontmatter of rules and of its memory, and white space at the end.
"""

import re

from ctxuse.hosts.lookup import file_text

MEMORY_LINES, MEMORY_BYTES = 200, 25 * 1024
"""How much of the index of its memory the host puts into a context."""

_FRONTMATTER = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*\n", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"^<!(?=--).*?-->\n?", re.DOTALL | re.MULTILINE)
"""A comment that begins a line; ``<!-->`` is a whole one."""


def instruction_bytes(path: str) -> int | None:
    """Return how many bytes of a file of instructions the host puts into a context.

    None where it cannot be read.
    """
    text = file_text(path)
    if text is None:
        return None
    return len(_told(text, frontmatter="/.claude/rules/" not in path).rstrip().encode())


def index_bytes(data: bytes) -> int:
    """Return how many bytes of the index of its memory the host puts into a context."""
    text = _told(data.decode("utf-8", "replace"), frontmatter=False)
    lines = text.splitlines(keepends=True)[:MEMORY_LINES]
    return min(len("".join(lines).encode()), MEMORY_BYTES)


def body_bytes(path: str, words: str | None, directory: str | None) -> int | None:
    """Return how many bytes enter when a skill or command is called: its body, with the words.

    Args:
        path: Its file.
        words: What it is given; they stand where the body asks for them, else behind it.
        directory: Where a skill lies, which is said before its body; None for a command.

    Returns:
        None where the file cannot be read, or the body holds what is only known when it is called.
    """
    body = _body(path)
    if body is None or _RUN.search(body) or _NUMBERED.search(body):
        return None
    body = body.lstrip("\n")
    size, asked = len(body.encode()), body.count(_WORDS)
    if asked:  # what is put in is computed, as it may be much more than there is memory
        size += asked * (_size(words or "") - len(_WORDS))
    elif words:
        size += _size(f"\n\nARGUMENTS: {words}")
    if directory is not None:
        size += _size(f"Base directory for this skill: {directory}\n\n")
    return size


def text_bytes(path: str) -> int | None:
    """Return how many bytes an agent's own text has; None where it cannot be read."""
    body = _body(path)
    return None if body is None else len(body.strip().encode())


_WORDS = "$ARGUMENTS"
_NUMBERED = re.compile(r"\$[0-9]|\$ARGUMENTS\[")
_RUN = re.compile(r"!`|^```!", re.MULTILINE)
"""What a skill has put in when it is called: its words one by one, what a command prints."""


def _size(text: str) -> int:
    """The bytes of a text; half a character has as many as what stands for it."""
    return len(text.encode("utf-8", "surrogatepass"))


def _body(path: str) -> str | None:
    """The text of a file behind its frontmatter; None where it cannot be read."""
    text = file_text(path)
    return None if text is None else _FRONTMATTER.sub("", text.replace("\r\n", "\n"), count=1)


def _told(text: str, *, frontmatter: bool) -> str:
    """A text without comments, and with its `frontmatter` or without."""
    text = text.replace("\r\n", "\n")
    if not frontmatter:
        text = _FRONTMATTER.sub("", text, count=1)
    # Behind the last end no comment is whole, and to look for its end from each beginning, as the
    # pattern does, would take the square of their number.
    before, end, behind = text.rpartition("-->")
    return _COMMENT.sub("", before + end + behind[:1]) + behind[1:]
