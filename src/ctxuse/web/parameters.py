"""What an address asks for: a window, a time zone, whose uses, which kinds."""

import time
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode

from ctxuse.query import BY, By, Query, Window
from ctxuse.times import MAX_NS, MIN_NS
from ctxuse.visible import quoted
from ctxuse.windows import parse_moment
from ctxuse.zones import UTC, Zone, zone_named

_OFTEN = ("actor", "without")


class BadQueryError(ValueError):
    """An address asks for something that cannot be; the message says what, safe to show."""


class NotThereError(BadQueryError):
    """An address asks for something that there is not."""


class Parameters(NamedTuple):
    """What an address asks for.

    Attributes:
        since: The beginning of the window as written; empty for the beginning of the log.
        until: Its end, likewise.
        tz: The time zone as written; empty for the server's own.
        actors: Whose uses are counted; everybody's when empty.
        without: Whose uses are not.
        record: A record's kind and slug, where the address is about one.
        by: What to group by, where the address is about groups.
        segment: A session or sub-agent, or how its id begins, where the address is about one.
        zone: The time zone.
    """

    since: str = ""
    until: str = ""
    tz: str = ""
    actors: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    record: tuple[str, str] | None = None
    by: By = "day"
    segment: str = ""
    zone: Zone = UTC

    def query(self, *, ordered: bool = False) -> Query:
        """Return what is asked of the log, its window as of now.

        Args:
            ordered: Whether the window must begin before it ends. One that moves need not.

        Raises:
            BadQueryError: One of its ends is no time, or they are not in order.
        """
        now = time.time_ns()
        window = Window(
            self._moment("since", self.since, now), self._moment("until", self.until, now)
        )
        if ordered and not self.moves and window.is_empty:
            message = "since is not before until"
            raise BadQueryError(message)
        return Query(window, self.actors or None, self.without, zone=self.zone)

    @property
    def moves(self) -> bool:
        """Whether the window is another one a moment later."""
        return any(text[-1:] in {"h", "d", "w"} for text in (self.since, self.until))

    @property
    def counting(self) -> str:
        """The part of an address that says what is counted."""
        pairs = [("since", self.since), ("until", self.until), ("tz", self.tz)]
        pairs += [("actor", actor) for actor in self.actors]
        pairs += [("without", actor) for actor in self.without]
        return urlencode([(name, value) for name, value in pairs if value])

    def _moment(self, name: str, text: str, now_ns: int) -> int | None:
        if not text:
            return None
        ns = parse_moment(text, self.zone, now_ns)
        if ns is None or not MIN_NS <= ns <= MAX_NS:
            message = f"{name}: {quoted(text)} is no time: write 2026-11-01, RFC 3339 or 7d"
            raise BadQueryError(message)
        return ns


LONGEST = 1000
"""So many characters a value may have."""

MOST = 10
"""So many actors may be named."""


def read(
    query: Iterable[tuple[str, str]], *, allowed: Iterable[str], zone: Zone, form: bool = False
) -> Parameters:
    """Return what an address asks for.

    Args:
        query: The names and values behind its question mark.
        allowed: The names that may stand there.
        zone: The time zone where the address names none.
        form: Whether it is that of a form, in which what is left empty is not asked for, and a
            window that ends before it begins is a slip. Programs get what lies in it: nothing.

    Raises:
        BadQueryError: A name is not known or stands there twice, or a value cannot be.
    """
    once: dict[str, str] = {}
    often: dict[str, list[str]] = {"actor": [], "without": []}
    known = set(allowed)
    for name, value in query:
        if name not in known:
            raise BadQueryError(f"{quoted(name[:40])} is not known here")
        if name in once:
            raise BadQueryError(f"{name} stands there twice")
        if not value and form:
            continue
        too_long = name != "name" and len(value) > LONGEST  # a record's is as long as it is
        if not value or too_long or "\0" in value:
            raise BadQueryError(f"{name} is empty, too long or holds a NUL")
        if form and not value.isprintable():
            raise BadQueryError(f"{name} holds what does not print")
        if name in _OFTEN:
            often[name].append(value)
        else:
            once[name] = value
    if max(map(len, often.values())) > MOST:
        message = f"more than {MOST} actors are named"
        raise BadQueryError(message)
    record = _named(once["name"]) if "name" in once else None
    if "kind" in once and "slug" in once:
        record = once["kind"], once["slug"]
    found = Parameters(
        since=once.get("since", ""),
        until=once.get("until", ""),
        tz=once.get("tz", ""),
        actors=tuple(often["actor"]),
        without=tuple(often["without"]),
        record=record,
        by=_by(once.get("by", "day")),
        segment=once.get("segment", ""),
        zone=_zone(once.get("tz", ""), zone),
    )
    found.query(ordered=form)
    return found


def record_name(kind: str, slug: str) -> str:
    """Return how a page's address names a record: both parts quoted, so that nothing is raw."""
    return f"{quote(kind, safe=_PLAIN)}/{quote(slug, safe=_PLAIN + '/')}"


_PLAIN = ":~.@"


def _named(text: str) -> tuple[str, str]:
    kind, slash, slug = text.partition("/")
    if not slash or not text.isprintable():
        message = f"name: {quoted(text[:80])} names no record: kind/slug"
        raise BadQueryError(message)
    kind, slug = unquote(kind), unquote(slug)
    if "\0" in kind + slug:
        message = "name holds a NUL"
        raise BadQueryError(message)
    return kind, slug


def _by(text: str) -> By:
    for by in BY:
        if by == text:
            return by
    raise BadQueryError(f"by: {quoted(text[:40])} is none of {', '.join(BY)}")


def _zone(text: str, default: Zone) -> Zone:
    if not text:
        return default
    try:
        return zone_named(text)
    except LookupError:
        raise BadQueryError(f"tz: {quoted(text[:60])} is no time zone that is known") from None


COUNTING = ("since", "until", "tz", *_OFTEN)
"""The names that say what is counted."""
