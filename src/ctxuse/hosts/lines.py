"""Lines, of records and of what a command printed: how both are cut, and what is one and the same.

How much of records is looked at stands here, too.
"""

from collections.abc import Iterator

LARGEST = 256 * 1024
MOST_BYTES = 4 * 1024 * 1024
MOST_FILES = 2_000
"""So much of a record, of all of them, and so many files are looked at."""

_MOST_OUTPUT = 1024 * 1024
"""Characters of an output that are looked at."""

_DIGITS = "0123456789"
_MOST_DIGITS = 9
_LONGEST_NAME = 255
_BEHIND_NUMBERS = frozenset("\t:|│-")
_OF_DIFFERENCES = frozenset("<>+-")


def lines_of(data: bytes) -> set[str]:
    """Return the lines of a file, without what is blank around them, but for empty ones."""
    return {line.strip() for line in data.decode("utf-8", "replace").splitlines()} - {""}


def lines_printed(output: str) -> list[str]:
    """Return the lines of an output as they come, without what is blank around them."""
    return [line.strip() for line in output[:_MOST_OUTPUT].splitlines()]


def forms(line: str) -> Iterator[str]:
    """Yield what a printed line may be in a file: itself, and without what programs put before it.

    That is a number, a file's name (and a number), the sign of a difference; and quotes around it.
    The line has nothing blank around it.
    """
    yield line
    behind = _behind_number(line)
    if behind[:1] in _BEHIND_NUMBERS and behind is not line:
        yield behind[1:].strip()
    name, colon, behind = line.partition(":")
    if colon and 0 < len(name) <= _LONGEST_NAME and name.split() == [name]:
        number = _behind_number(behind)
        yield (number[1:] if number[:1] == ":" and number is not behind else behind).strip()
    if line[:1] in _OF_DIFFERENCES:
        yield line[1:].strip()
    if line[:1] == '"' and line.endswith('"'):
        yield line[1:-1]


def _behind_number(text: str) -> str:
    """What stands behind a number at the beginning of a text; the text where there is none."""
    behind = text.lstrip(_DIGITS)
    return behind if 0 < len(text) - len(behind) <= _MOST_DIGITS else text
