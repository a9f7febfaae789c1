"""RFC 3339 text ⇄ nanoseconds since 1970-01-01T00:00:00Z.

Inside ctxuse a time is an `int` of nanoseconds: it keeps what the log keeps, it compares and
merges exactly, and it costs nothing to import where events are written. People get
`whenever.Instant`, from the properties of the public types.
"""

import time

from ctxuse.patterns import pattern
from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from whenever import Instant

SECOND = 1_000_000_000

EPOCH = 719_163
"""The ordinal of 1970-01-01, as `datetime` counts days."""

MIN_NS = -62_135_596_800 * SECOND
"""0001-01-01T00:00:00Z, the earliest time the format knows."""

MAX_NS = 253_402_300_800 * SECOND - 1
"""The last nanosecond of the year 9999, the latest time the format knows."""

_RFC3339 = pattern(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def format_ns(ns: int) -> str:
    """Return `ns` as RFC 3339 in UTC with 0, 3, 6 or 9 fraction digits, the fewest that are exact.

    Args:
        ns: Nanoseconds since the epoch, `MIN_NS` to `MAX_NS`.
    """
    seconds, fraction = divmod(ns, SECOND)
    minute, second = divmod(seconds, 60)
    text = f"{_minute(minute)}{second:02}"
    if not fraction:
        return text + "Z"
    if not fraction % 1_000_000:
        return f"{text}.{fraction // 1_000_000:03}Z"
    if not fraction % 1_000:
        return f"{text}.{fraction // 1_000:06}Z"
    return f"{text}.{fraction:09}Z"


_MINUTES: dict[int, str] = {}


def _minute(minute: int) -> str:
    """Return all of a time but its seconds; times that are written mostly share it."""
    text = _MINUTES.get(minute)
    if text is None:
        at = time.gmtime(minute * 60)
        text = f"{at.tm_year:04}-{at.tm_mon:02}-{at.tm_mday:02}T{at.tm_hour:02}:{at.tm_min:02}:"
        if len(_MINUTES) >= 1024:  # noqa: PLR2004 - a bound, whatever times are written
            _MINUTES.clear()
        _MINUTES[minute] = text
    return text


def parse_ns(text: str) -> int | None:
    """Return the time that `text` names in nanoseconds since the epoch, or None if it names none.

    Accepted is RFC 3339 with an upper-case ``T``, an upper-case ``Z`` or an offset of less than
    24 hours with a colon, and at most nine fraction digits; the time in UTC must lie within the
    years 1 to 9999. A leap second (``:60``) is refused.
    """
    day_ns, clock_ns = _DAYS_NS.get(text[:11]), _CLOCKS_NS.get(text[11:17])
    if day_ns is not None and clock_ns is not None:
        match = _SECONDS.fullmatch(text, 17)
        if match is not None:  # the usual time, on a day that was met before
            seconds_text, fraction = match.groups()
            in_minute = int(seconds_text) * SECOND + (
                int(fraction.ljust(9, "0")) if fraction else 0
            )
            return day_ns + clock_ns + in_minute
    return _parse(text)


_SECONDS = pattern(r"([0-5][0-9])(?:\.([0-9]{1,9}))?Z")

_DAYS_NS: dict[str, int] = {}
"""``YYYY-MM-DDT`` → when that day begins."""

_CLOCKS_NS: dict[str, int] = {}
"""``HH:MM:`` → how long after its day's beginning that minute does."""


def _parse(text: str) -> int | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    date, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    day = _day_number(date)
    clock = int(hour), int(minute), int(second)
    if day is None or clock[0] > 23 or clock[1] > 59 or clock[2] > 59:  # noqa: PLR2004 - a clock
        return None
    in_day = clock[0] * 3600 + clock[1] * 60
    _CLOCKS_NS[f"{hour}:{minute}:"] = in_day * SECOND
    if len(_DAYS_NS) >= 4096:  # noqa: PLR2004 - eleven years of days; a bound against hostile logs
        _DAYS_NS.clear()
    _DAYS_NS[f"{date}T"] = day * 86_400 * SECOND
    seconds = day * 86_400 + in_day + clock[2]
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:  # noqa: PLR2004 - a clock
            return None
        offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
        seconds += -offset if sign == "+" else offset
    ns = seconds * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
    return ns if MIN_NS <= ns <= MAX_NS else None


def file_time(ns: int) -> str:
    """Return `ns` for use in a file's name, to the microsecond: ``20261101T093000.123456Z``.

    Names of later times sort behind those of earlier ones.
    """
    seconds, fraction = divmod(ns, SECOND)
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)) + f".{fraction // 1000:06}Z"


def known_time(ns: int | None) -> str | None:
    """Return a time as JSON holds it, see `format_ns`; None where it is not known."""
    return None if ns is None else format_ns(ns)


def ns_of(at: "Instant | None") -> int | None:
    """Return a `whenever.Instant` in nanoseconds since the epoch; None of None."""
    return None if at is None else at.timestamp(unit="nanosecond")


def instant(ns: int) -> "Instant":
    """Return `ns` as a `whenever.Instant`, for people who want to calculate with it."""
    from whenever import Instant  # noqa: PLC0415 - not on the way of an agent that only writes

    return Instant.from_timestamp(ns, unit="nanosecond")


def _day_number(date: str) -> int | None:
    """Days from 1970-01-01 to `date` (``YYYY-MM-DD``), or None if there is no such day."""
    from datetime import date as calendar  # noqa: PLC0415 - only reading needs a calendar

    try:
        return calendar.fromisoformat(date).toordinal() - EPOCH
    except ValueError:
        return None
