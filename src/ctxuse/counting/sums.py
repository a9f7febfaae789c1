"""Adding up counts and times. Pure."""

from collections.abc import Mapping


def add_counts(mine: dict[str, int], others: Mapping[str, int]) -> None:
    """Add the counts of `others` to `mine`, name by name."""
    for name, count in others.items():
        mine[name] = mine.get(name, 0) + count


def earliest(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two times, of which None is unknown."""
    return one if other is None else other if one is None else min(one, other)


def latest(one: int | None, other: int | None) -> int | None:
    """Return the later of two times, of which None is unknown."""
    return one if other is None else other if one is None else max(one, other)
