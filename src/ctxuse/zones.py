"""Time zones: which day a moment falls on, and when a day begins. No clock is read here.

Inside ctxuse a time is an `int` of nanoseconds since the epoch, and files and JSON say UTC. A zone
matters where people name days or are shown times.
"""

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ctxuse.times import EPOCH, SECOND, format_ns

if TYPE_CHECKING:
    from datetime import date, tzinfo

DAY = 86_400 * SECOND

LOCAL = "local"
"""The name of the zone that the machine is set to."""

_QUARTER = 900
"""Offsets are remembered for quarters of an hour; some change within one, at a minute past
midnight."""

_MINUTE = 60


class Zone:
    """A time zone.

    Args:
        name: A name of the IANA database such as ``Europe/Berlin``, ``UTC``, or `LOCAL`.

    Raises:
        LookupError: There is no zone of this name here.
    """

    __slots__ = ("_info", "_offsets", "_rules", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._offsets: dict[int, int] = {}
        self._info: tzinfo | None = None
        self._rules: bytes | None = None
        if name not in {"UTC", LOCAL}:
            self._info, self._rules = _info(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Zone({self.name!r})"

    @property
    def version(self) -> str | None:
        """What changes with the zone's rules; None where that is not known."""
        if self.name == "UTC":
            return self.name
        if self._rules is None:
            return None
        from hashlib import sha256  # noqa: PLC0415 - only for other zones

        return f"{self.name} {sha256(self._rules).hexdigest()}"

    def offset(self, at_ns: int) -> int:
        """Return how many seconds its clocks are ahead of UTC at `at_ns`."""
        if self.name == "UTC":
            return 0
        quarter = at_ns // (_QUARTER * SECOND)
        found = self._offsets.get(quarter)
        if found is None:
            if len(self._offsets) >= 65_536:  # noqa: PLR2004 - two years; a bound for hostile logs
                self._offsets.clear()
            begin = quarter * _QUARTER
            found = self._look_up(begin)
            if found != self._look_up(begin + _QUARTER - 1):
                return self._look_up(at_ns // SECOND)
            self._offsets[quarter] = found
        return found

    def day(self, at_ns: int) -> int:
        """Return the day that `at_ns` falls on here, in days since 1970-01-01."""
        return (at_ns + self.offset(at_ns) * SECOND) // DAY

    def clock(self, at_ns: int) -> str:
        """Return what calendar and clock show here, to the minute: ``2026-11-02 08:44``."""
        text = format_ns(at_ns + self.offset(at_ns) * SECOND)
        return f"{text[:10]} {text[11:16]}"

    def midnight(self, day: "date") -> int:
        """Return when a day begins here, in nanoseconds since the epoch.

        Where clocks are put forward at midnight that is the first moment of the day there is.
        """
        naive = (day.toordinal() - EPOCH) * 86_400
        begins = naive - self.offset((naive - self.offset(naive * SECOND)) * SECOND)
        wanted = day.toordinal() - EPOCH
        while self.day(begins * SECOND) < wanted:
            begins += _MINUTE
        for step in (_MINUTE, 1):  # where clocks are put back to midnight it comes twice
            while self.day((begins - step) * SECOND) >= wanted:
                begins -= step
        return begins * SECOND

    def _look_up(self, seconds: int) -> int:
        if self._info is None:
            try:
                return time.localtime(seconds).tm_gmtoff
            except (OverflowError, ValueError, OSError):
                return 0
        from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only for other zones

        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
            found = moment.astimezone(self._info).utcoffset()
        except (OverflowError, ValueError):  # the first and last day of the calendar
            return 0
        return 0 if found is None else round(found.total_seconds())


UTC = Zone("UTC")

_OF_UTC = {
    f"{area}{name}"
    for area in ("", "Etc/")
    for name in ("UTC", "UCT", "Universal", "Zulu", "GMT", "Greenwich")
}
"""What else it is called; checkpoints hold its days."""


def zone_named(name: str) -> Zone:
    """Return the zone that people call `name`.

    `LOCAL` is the zone that the machine is set to, under its name in the IANA database where it
    has one, so that a file says which it was.

    Raises:
        LookupError: There is no zone of this name here.
    """
    if name == LOCAL:
        from whenever import SYSTEM_TZ, Instant, TimeZoneNotFoundError  # noqa: PLC0415 - only here

        try:
            name = Instant.from_timestamp(0).to_tz(SYSTEM_TZ).tz_id or LOCAL
            return UTC if name in _OF_UTC else Zone(name)
        except (LookupError, TimeZoneNotFoundError):
            return Zone(LOCAL)
    return UTC if name in _OF_UTC else Zone(name)


def _info(name: str) -> "tuple[tzinfo, bytes | None]":
    """A zone, and the rules that it goes by where they can be told."""
    from io import BytesIO  # noqa: PLC0415 - only for other zones
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - likewise

    try:
        info = ZoneInfo(name)  # it knows which names are none
        rules = _rules(name)
        return (info if rules is None else ZoneInfo.from_file(BytesIO(rules), name)), rules
    except (KeyError, ValueError, OSError) as error:
        raise LookupError(name) from error


def _rules(name: str) -> bytes | None:
    """The file of the IANA database that a zone is read from."""
    from zoneinfo import TZPATH  # noqa: PLC0415 - only for other zones

    for folder in TZPATH:
        with suppress(OSError), open(os.path.join(folder, *name.split("/")), "rb") as file:
            return file.read()
    from importlib.resources import files  # noqa: PLC0415 - where the system has no database

    with suppress(ImportError, OSError):
        return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return None


def day_text(day: int) -> str:
    """Return a day, in days since 1970-01-01, as ``2026-11-02``."""
    return format_ns(day * DAY)[:10]


def week_text(day: int) -> str:
    """Return the ISO week that a day lies in, as ``2026-W45``."""
    from datetime import date  # noqa: PLC0415 - only reading needs a calendar

    year, week, _ = date.fromordinal(min(max(day + EPOCH, 1), date.max.toordinal())).isocalendar()
    return f"{year:04}-W{week:02}"


def monday(day: int) -> int:
    """Return the Monday on or before a day, both in days since 1970-01-01, a Thursday."""
    return day - (day + 3) % 7
