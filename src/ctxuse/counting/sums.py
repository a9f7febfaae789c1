"""Adding up counts and times. Pure."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0)]
"""How often something happened, or how large it was; reading a stored tally holds it to that."""


Name = TypeVar("Name")
T = TypeVar("T", int, tuple[int, str], tuple[int, int, str])

Key = tuple[str, str]
"""Kind and slug of a record."""


def add_counts(mine: dict[Name, int], others: Mapping[Name, int]) -> None:
    """Add the counts of `others` to `mine`, name by name."""
    for name, count in others.items():
        mine[name] = mine.get(name, 0) + count


def earliest(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two times, of which None is unknown."""
    return one if other is None else other if one is None else min(one, other)


def latest(one: T | None, other: T | None) -> T | None:
    """Return the later of two times, of which None is unknown; or of what begins with a time."""
    return one if other is None else other if one is None else max(one, other)
