"""What is asked of a log: of which time, whose uses, which kinds of record, in which zone. Pure.

Front ends make a `Query` once, from whatever their users write; everything below takes it as it is.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, Self, get_args

from ctxuse.times import ns_of
from ctxuse.zones import UTC, Zone

if TYPE_CHECKING:
    from collections.abc import Collection

    from whenever import Instant

UNNAMED = "unknown"
"""What people call the host or the actor of events that name none."""

By = Literal["day", "week", "segment", "host", "source", "actor", "agent-type", "model", "kind"]
"""What a report can be grouped by."""

BY: tuple[By, ...] = get_args(By)


class Window(NamedTuple):
    """A stretch of time.

    Attributes:
        begin_ns: Its first moment, in nanoseconds since the epoch; None has no beginning.
        end_ns: The first moment behind it; None has no end.
    """

    begin_ns: int | None = None
    end_ns: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it ends before or when it begins."""
        begin, end = self
        return begin is not None and end is not None and begin >= end

    def covers(self, first_ns: int, last_ns: int) -> bool:
        """Whether every moment from `first_ns` to `last_ns`, both included, lies in it."""
        begin, end = self
        return (begin is None or begin <= first_ns) and (end is None or last_ns < end)

    def misses(self, first_ns: int, last_ns: int) -> bool:
        """Whether no moment from `first_ns` to `last_ns`, both included, lies in it."""
        begin, end = self
        return (begin is not None and last_ns < begin) or (end is not None and first_ns >= end)


ALWAYS = Window()
"""All of time."""


class Query(NamedTuple):
    """Which events and records a report is about, and how its times are shown.

    Attributes:
        window: When events have to have happened.
        actors: Whose uses count, `UNNAMED` for events that do not say; everybody's when None.
            Exposures count whoever's they are.
        without_actors: Whose uses do not count, likewise.
        kinds: The kinds of record that are shown; all when empty.
        zone: The time zone that days are counted in, and that people are shown times in.
    """

    window: Window = ALWAYS
    actors: tuple[str, ...] | None = None
    without_actors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    zone: Zone = UTC

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - a query has these parts
        cls,
        since: "Instant | None" = None,
        until: "Instant | None" = None,
        actors: "Collection[str] | None" = None,
        without_actors: "Collection[str]" = (),
        kinds: "Collection[str]" = (),
        zone: Zone | None = None,
    ) -> Self:
        """Return the query that callers of the library mean, whose times are `whenever.Instant`s.

        Args:
            since: Count events from this time on; all from the first when None.
            until: Count events before this time; all up to the last when None.
            actors: See `Query`.
            without_actors: See `Query`.
            kinds: See `Query`.
            zone: See `Query`; UTC when None.
        """
        window = Window(ns_of(since), ns_of(until))
        named = None if actors is None else tuple(actors)
        return cls(window, named, tuple(without_actors), tuple(kinds), zone or UTC)

    @property
    def counts_everybody(self) -> bool:
        """Whether uses count whoever's they are."""
        return self.actors is None and not self.without_actors

    @property
    def counts_everything(self) -> bool:
        """Whether every event of the log counts."""
        return self.window == ALWAYS and self.counts_everybody

    def counts_uses_by(self, actor: str | None) -> bool:
        """Whether uses by `actor` count; None or an empty text is an actor that is not named."""
        name = actor or UNNAMED
        return (self.actors is None or name in self.actors) and name not in self.without_actors


EVERYTHING = Query()
"""All events, of all records, in UTC."""
