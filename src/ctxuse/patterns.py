"""Regular expressions that are compiled when they are first used.

To compile one takes as long as to load a small module, and the modules on the way of a hook have
many of which it uses few.
"""

import re

from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import AnyStr


class _Pattern:
    """Stands for an expression: has those of its methods that have been asked for."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        """Return what the expression has by that name, and keep it."""
        found: object = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def pattern(source: "AnyStr", flags: int = 0) -> "re.Pattern[AnyStr]":
    """Return what `re.compile` does, as an expression that is compiled when it is first used."""
    return _Pattern(source, flags)  # type: ignore[return-value] # it has what that has
