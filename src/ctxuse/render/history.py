"""One record over time, as text and as JSON."""

import json
from collections import Counter

from ctxuse.fuller import FullRecord
from ctxuse.history import DAY, History
from ctxuse.render import words
from ctxuse.report import UsageReport
from ctxuse.times import format_ns
from ctxuse.visible import visible

MOST_COLUMNS = 60
"""So many columns a sparkline has at most; a longer time has several days in one."""

_BARS = " ▁▂▃▄▅▆▇█"


def sparkline(counts: Counter[int], first: int, last: int) -> tuple[str, int]:
    """Return counts by day as a line of bars, and how many days one bar stands for.

    Args:
        counts: By day; days without an entry have none.
        first: The first day shown.
        last: The last day shown.
    """
    each = -(-(last - first + 1) // MOST_COLUMNS)
    columns = [0] * (-(-(last - first + 1) // each))
    for day, count in counts.items():
        columns[(day - first) // each] += count
    most = max([*columns, 1])
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in columns), each


def history_text(
    kind: str,
    slug: str,
    history: History,
    report: UsageReport,
    now: tuple[int | None, bool | None],
) -> str:
    """Return the history of a record as text, safe to show.

    Args:
        kind: The record's kind.
        slug: Its slug.
        history: Its history.
        report: The report, for what it rests on.
        now: The size of its file now, and whether it is gone; None where unknown.
    """
    lines = [visible(f"{kind}/{slug}"), words.since(report.evidence)]
    figures = history.figures
    if figures is None:
        lines += ["", "In no event: nothing is known of it, which is not evidence of disuse."]
        return "\n".join([*lines, _size_now(now)]) + "\n"
    lines += ["", *_totals(figures), _size_now(now), "", *_over_time(history), ""]
    lines.append("Size of its file when it was first seen to be so (UTC)")
    lines += [f"  {words.minute(at)}  {size:,} bytes" for at, size in history.sizes[-10:]]
    lines += [] if history.sizes else ["  not known"]
    lines += ["", "Last uses (UTC)"]
    for use in history.last_uses:
        who = ", ".join(filter(None, [use.host, use.actor])) or "unknown"
        size = "" if use.context_bytes is None else f", {use.context_bytes:,} bytes"
        told = f"{use.source} by {who}{size}, segment {use.segment_id[:64]}"
        lines.append(f"  {words.minute(use.at_ns)}  {visible(told)}")
    lines += [] if history.last_uses else ["  none"]
    return "\n".join(lines) + "\n"


def history_json(
    kind: str, slug: str, history: History, now: tuple[int | None, bool | None]
) -> str:
    """Return the history of a record as JSON, newline included."""
    size, gone = now
    value = {
        "kind": kind,
        "slug": slug,
        "uses_by_day": {_day(day): n for day, n in sorted(history.uses.items())},
        "exposures_by_day": {_day(day): n for day, n in sorted(history.exposures.items())},
        "sizes": [{"at": format_ns(at), "bytes": bytes_} for at, bytes_ in history.sizes],
        "last_uses": [
            {
                "at": format_ns(use.at_ns),
                "source": use.source,
                "segment_id": use.segment_id,
                "host": use.host,
                "actor": use.actor,
                "context_bytes": use.context_bytes,
            }
            for use in history.last_uses
        ],
        "size_now_bytes": size,
        "gone": gone,
    }
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _totals(figures: FullRecord) -> list[str]:
    sources = words.sources(dict(sorted(figures.sources.items())))
    used = f"Used      {words.plural(figures.used.times, 'time')} in {_segments(figures.used_in)}"
    resident = words.plural(figures.exposed.times, "time")
    exposed = f"Resident  {resident} in {_segments(figures.exposed_in)}"
    if figures.used.times:
        used += f", the last {words.minute(figures.last_used_ns)} ({sources})"
    if figures.exposed.times:
        exposed += f", the last {words.minute(figures.last_exposed_ns)}"
        known = figures.exposed.times > figures.unsized
        tokens = words.count(figures.recorded_tokens if known else None)
        exposed += f"; {tokens} tokens, estimated when it happened"
        if known and figures.unsized:
            exposed += f", without {figures.unsized:,} of unknown size"
    return [used, exposed]


def _segments(found: set[str] | None) -> str:
    return "many segments" if found is None else words.plural(len(found), "segment")


def _size_now(now: tuple[int | None, bool | None]) -> str:
    size, gone = now
    if gone is None:
        return "Its file  not known"
    return "Its file  is gone" if gone else f"Its file  has {size:,} bytes now"


def _over_time(history: History) -> list[str]:
    days = [*history.uses, *history.exposures]
    first, last = min(days), max(days)
    uses, each = sparkline(history.uses, first, last)
    exposures, _ = sparkline(history.exposures, first, last)
    span = "a day" if each == 1 else f"{each} days"
    return [
        f"From {_day(first)} to {_day(last)}, {span} a column",
        f"  uses      |{uses}| at most {max(history.uses.values(), default=0):,} a day",
        f"  resident  |{exposures}| at most {max(history.exposures.values(), default=0):,} a day",
    ]


def _day(day: int) -> str:
    return format_ns(day * DAY)[:10]
