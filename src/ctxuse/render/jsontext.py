"""JSON: the reference's report, events as lines, and what a terminal may be shown of them."""

from collections.abc import Iterable

from ctxuse.codec.encode import escape, to_json
from ctxuse.events import UsageEvent


def events_json(events: Iterable[UsageEvent]) -> str:
    """Return events as JSON Lines, each as it would be stored."""
    return "".join(to_json(event) + "\n" for event in events)


def for_terminal(text: str, encoding: str = "utf-8") -> str:
    """Return JSON `text` with all that would not print inside its strings escaped.

    The result is the same JSON: a character outside ASCII that does not print can only stand in a
    string, where ``\\uXXXX`` means the same. Line ends stay.

    Args:
        text: The JSON.
        encoding: The terminal's encoding; what it does not have is escaped as well.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        char if char == "\n" or _prints(char, encoding) else escape(char) for char in text
    )


def _prints(char: str, encoding: str) -> bool:
    if not char.isprintable():
        return False
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
