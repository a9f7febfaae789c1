"""Text from outside, made safe to show.

Anything that came from a log, a payload, a path or a command line may hold escape sequences, C1
controls, bidirectional overrides or lone surrogates. Everything that prints such text passes it
through here first. Only plain functions on strings live here; what a sheet or a page needs on top
is the business of the renderer of that form.
"""

from collections.abc import Callable

Safe = Callable[[str], str]
"""What makes foreign text safe for one form. Whoever puts such text among words of ours is given
it, so that no form is forgotten."""


def visible(text: str) -> str:
    r"""Return `text` with every character that does not print replaced by an escape.

    What prints is `str.isprintable`: letters, digits, marks, punctuation, symbols and the plain
    space. Controls (C0, DEL, C1), bidirectional and other format characters, line and paragraph
    separators, unusual spaces, private, unassigned and surrogate code points are written as
    ``\x1b``, ``\u202e`` or ``\U000e0001``. The result is one line and never changes the
    direction or the state of a terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def quoted(text: str) -> str:
    """Return `text` in quotes, safe to show and unambiguous, for use in a message."""
    return '"' + visible(text).replace('"', '\\"') + '"'


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
