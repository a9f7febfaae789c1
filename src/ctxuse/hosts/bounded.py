"""How many records are told to stand in a context: what is read pays for what is told.

A prompt lists each record with its name, its text and what stands around it, so that honest ones
have many times the bytes. Of a short line that stands for very much (a prompt that is told again
and again, one text that many files hold) the first records are told, and that there are more.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ctxuse.hosts.jsonlines import Strange

BYTES_OF_ONE = 32
"""So many bytes are read for each record that is told; its line in the log has ten times that."""

_SHORTEST = 16
"""So many bytes a text has for each record at least: that is a short name with its dash, and more
than many of them have."""

MORE = "(too many records)"
"""How a line is counted that stands for more of them."""

V = TypeVar("V")


def paid(found: Iterable[V], most: int, strange: Strange) -> Iterator[V]:
    """Yield the first records that are found; that there are more is counted in `strange`."""
    for number, one in enumerate(found):
        if number >= most:
            strange.saw(MORE)
            return
        yield one


def most_in(length: int) -> int:
    """Return how many records a text of so many bytes may hold."""
    return 1 + length // _SHORTEST
