"""How far long work is, for somebody who waits for it."""

from collections.abc import Callable

OnProgress = Callable[[int, int], object]
"""Called again and again with how much is done and how much there is to do.

What is counted (bytes, workspaces) is said where it is a parameter.
"""


def silent(done: int, whole: int) -> None:
    """Say nothing: an `OnProgress` for work that nobody watches."""
