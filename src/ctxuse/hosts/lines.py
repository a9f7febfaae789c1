"""Lines, of records and of what a command printed: how both are cut, and what is one and the same.

How much of records is looked at stands here, too.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

from ctxuse.files import read_beginning
from ctxuse.typed import NamedTuple

LARGEST = 256 * 1024
MOST_BYTES = 4 * 1024 * 1024
MOST_FILES = 2_000
"""So much of a record, of all of them, and so many files are looked at."""

_MOST_HASHES = 4 * 1024 * 1024
"""So many lines of files that are no records are kept, by their hashes."""

_MOST_OUTPUT = 1024 * 1024
"""Characters of an output that are looked at."""

SHORTEST = 3
"""A line of fewer characters shows nothing that is not named."""

_FEW = 16
"""So many times as few are looked up one by one."""

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


class OtherFile(NamedTuple):
    """A file that is no record.

    Attributes:
        hashes: Those of its lines, sorted.
        size: The bytes that were looked at.
    """

    hashes: "array[int]"
    size: int

    def has(self, line: str) -> bool:
        """Whether a line stands in it."""
        sought = hash(line)
        at = bisect_left(self.hashes, sought)
        return at < len(self.hashes) and self.hashes[at] == sought


class OtherFiles:
    """The lines of files that are no records, kept as commands name them again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], OtherFile] = {}
        self._room = _MOST_HASHES

    def of(self, path: str, most: int) -> OtherFile:
        """Return a file, as far as its first bytes. Raises: OSError."""
        found = self._known.get((path, most))
        if found is None:
            data = read_beginning(path, most)
            found = OtherFile(array("q", sorted(map(hash, lines_of(data)))), len(data))
            if len(found.hashes) < self._room:
                self._room -= 1 + len(found.hashes)
                self._known[path, most] = found
        return found


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


def bytes_of(line: str) -> int:
    """The bytes of a line and its end; an output may be cut within a character."""
    return len(line.encode("utf-8", "replace")) + 1


def weight(lines: set[str]) -> int:
    """The letters and digits of lines; nothing for those that are too short to tell anything."""
    return sum(len(line) for line in lines if sum(map(str.isalnum, line)) >= SHORTEST)


def among(holders: list[int], some: set[int]) -> list[int]:
    """Return those of the holders of a line, which ascend, that are among some files.

    Very many files may share each of very many lines, so they are not gone through one by one.
    """
    if len(some) * _FEW >= len(holders):
        return sorted(some.intersection(holders))
    places = [(bisect_left(holders, one), one) for one in sorted(some)]
    return [one for at, one in places if at < len(holders) and holders[at] == one]
