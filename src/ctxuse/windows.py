"""Windows of time as people name them: from when on, and up to but without when. Pure.

The present time is an argument. A date means its first moment in the time zone that is asked for.
"""

import re
from datetime import date, timedelta

from ctxuse.query import Window
from ctxuse.times import EPOCH, SECOND, parse_ns
from ctxuse.zones import Zone, monday

THIS_WEEK, LAST_WEEK = "this-week", "last-week"

_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_AGO = re.compile(r"([0-9]{1,5})([hdw])")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


def parse_moment(text: str, zone: Zone, now_ns: int) -> int | None:
    """Return the moment that `text` names, in nanoseconds since the epoch, or None for no moment.

    Args:
        text: A date such as ``2026-11-01`` (its first moment), RFC 3339, or so long before now:
            ``12h``, ``7d``, ``4w``.
        zone: Where dates are taken.
        now_ns: The present time, in nanoseconds since the epoch.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ns - int(ago[1]) * _UNITS[ago[2]] * SECOND
    if _DAY.fullmatch(text):
        try:
            return zone.midnight(date.fromisoformat(text))
        except ValueError:
            return None
    return parse_ns(text)


def parse_window(text: str, zone: Zone, now_ns: int) -> Window | None:
    """Return the window that `text` names, or None for no window.

    Args:
        text: A day (``2026-11-03``), a week (``2026-W45``, ``this-week``, ``last-week``), a month
            (``2026-11``), the last days up to now (``7d``), or two moments of `parse_moment`
            as in ``2026-11-01..2026-11-08`` or ``14d..7d``: from the first on, up to but without
            the second. Either may be left out.
        zone: Where dates are taken.
        now_ns: The present time, in nanoseconds since the epoch.
    """
    first, dots, second = text.partition("..")
    if dots:
        begin = parse_moment(first, zone, now_ns) if first else None
        end = parse_moment(second, zone, now_ns) if second else None
        if (first and begin is None) or (second and end is None):
            return None
        window = Window(begin, end)
        return None if window.is_empty else window
    if _AGO.fullmatch(text):
        return Window(parse_moment(text, zone, now_ns), now_ns)
    days = _week(text, zone, now_ns) or _days(text)
    if days is None:
        return None
    first_day, behind = days
    return Window(zone.midnight(first_day), None if behind is None else zone.midnight(behind))


def _week(text: str, zone: Zone, now_ns: int) -> tuple[date, date | None] | None:
    """The Monday of this week, or of the one before, and the Monday behind it."""
    before = {THIS_WEEK: 0, LAST_WEEK: 7}.get(text)
    if before is None:
        return None
    first = date.fromordinal(EPOCH + monday(zone.day(now_ns)) - before)
    return first, _later(first, 7)


def _days(text: str) -> tuple[date, date | None] | None:
    """The first day of a day, week or month, and the first day behind it, if there is one."""
    month, week = _MONTH.fullmatch(text), _WEEK.fullmatch(text)
    try:
        if _DAY.fullmatch(text):
            first = date.fromisoformat(text)
            return first, _later(first, 1)
        if week is not None:
            first = date.fromisocalendar(int(week[1]), int(week[2]), 1)
            return first, _later(first, 7)
        if month is not None:
            first = date(int(month[1]), int(month[2]), 1)
            behind = _later(first, 31)
            return first, None if behind is None else behind.replace(day=1)
    except ValueError:
        return None
    return None


def _later(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:  # the calendar ends
        return None
