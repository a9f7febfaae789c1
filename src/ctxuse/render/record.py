"""One record over time, as text."""

from collections.abc import Mapping, Sequence

from ctxuse.counting.detail import Counts, Use
from ctxuse.query import UNNAMED
from ctxuse.render import words
from ctxuse.render.reports import tokens_of
from ctxuse.reports.full import FullReportRecord
from ctxuse.reports.history import RecordHistory
from ctxuse.visible import visible
from ctxuse.zones import Zone, day_text

MOST_COLUMNS = 60
"""So many columns a sparkline has at most; a longer time has several days in one."""

MOST_SIZES = 10
"""So many changes of size the text shows, the latest."""

BARS = " ▁▂▃▄▅▆▇█"
"""Bars from nothing to all."""


def sparkline(
    counts: Mapping[int, int], first: int, last: int, columns: int = MOST_COLUMNS
) -> tuple[str, int]:
    """Return counts by day as a line of bars, and how many days one bar stands for.

    Args:
        counts: By day; days without an entry have none.
        first: The first day shown.
        last: The last day shown.
        columns: How many bars there may be at most.
    """
    each = -(-(last - first + 1) // columns)
    bars = [0] * (-(-(last - first + 1) // each))
    for day, count in counts.items():
        bars[(day - first) // each] += count
    most = max([*bars, 1])
    return "".join(BARS[-(-count * (len(BARS) - 1) // most)] for count in bars), each


def record_text(history: RecordHistory) -> str:
    """Return one record over time as text, safe to show."""
    kind, slug, report, *_ = history
    evidence = report.basic.evidence
    notes = [words.since(evidence), *words.later_notes(report.basic, visible)]
    lines = [visible(f"{kind}/{slug}"), *notes]
    record = history.record
    if record is None:
        elsewhere = (kind, slug) in report.basic.outside
        nothing = "In no event of what is asked for; there are others." if elsewhere else _NOTHING
        size = _size_now(history) if elsewhere or not history.gone else "It has no file now"
        return "\n".join([*lines, "", nothing, size, *_files(history)]) + "\n"
    zone = evidence.zone
    lines += [
        f"Events by agent: {_names(record.hosts)}",
        "",
        *_totals(record, zone),
        _size_now(history),
        *_files(history),
        "",
    ]
    lines += [*_over_time(record), ""]
    lines.append("Size of its file on the first day that it was seen to be so")
    sizes = record.sizes[-MOST_SIZES:]
    lines += [f"  {day_text(day)}  {size:,} bytes" for day, size in sizes]
    lines += [] if sizes else ["  not known"]
    lines += ["", f"Last uses ({zone.name})", *(_use(use, zone) for use in record.last_uses)]
    lines += [] if record.last_uses else ["  none"]
    return "\n".join(lines) + "\n"


_NOTHING = "In no event: nothing is known of it, which is not evidence of disuse."


def _names(counted: Mapping[str, Counts]) -> str:
    return words.named({name: counts.events for name, counts in counted.items()}, visible)


def _totals(record: FullReportRecord, zone: Zone) -> list[str]:
    sources = words.named(record.basic.source_breakdown, visible)
    used = f"Used      {words.plural(record.total.uses, 'time')} in {_segments(record.used_in)}"
    resident = words.plural(record.total.exposures, "time")
    exposed = f"Resident  {resident} in {_segments(record.exposed_in)}"
    if record.total.uses:
        used += f", the last {words.minute(record.basic.last_used_at_ns, zone)} ({sources})"
        used += f"; tokens {tokens_of([record.basic.read]).text}"
    if record.total.exposures:
        exposed += f", the last {words.minute(record.last_exposed_ns, zone)}"
        exposed += f"; tokens {tokens_of([record.basic.resident]).text}"
    figures = [record.basic.resident, record.basic.read]
    known = tokens_of(figures)
    explained = [f"Tokens    {words.marks_explained(known.bases)}"] if known.bases else []
    return [used, exposed, *explained]


def _segments(found: int | None) -> str:
    if found is None:
        return f"many {words.SEGMENTS}"
    return words.plural(found, words.SEGMENT, words.SEGMENTS)


def _size_now(history: RecordHistory) -> str:
    if history.gone is None:
        return "Its file  not known"
    return "Its file  is gone" if history.gone else f"Its file  has {history.size_now:,} bytes now"


_IS_AS = {
    None: "",
    "link": "  a link to the first",
    "copy": "  a copy: the same text",
    "other": "  another text",
}


def _files(history: RecordHistory) -> list[str]:
    """The files of its name, where there are several."""
    if len(history.files) < 2:  # noqa: PLR2004 - several
        return []
    listed = [f"  {visible(path)}{_IS_AS[is_as]}" for path, is_as in history.files]
    apart = any(is_as != "link" for _, is_as in history.files[1:])
    told = " Events say its name, not which of these." if apart else ""
    return [f"Files of this name, as agents look for them.{told}", *listed]


def _over_time(record: FullReportRecord) -> list[str]:
    first, last = min(record.days), max(record.days)
    uses = {day: counts.uses for day, counts in record.days.items()}
    exposures = {day: counts.exposures for day, counts in record.days.items()}
    used, each = sparkline(uses, first, last)
    resident, _ = sparkline(exposures, first, last)
    span = "a day" if each == 1 else f"{each} days"
    lines = [
        f"From {day_text(first)} to {day_text(last)}, {span} a column",
        f"  uses      |{used}| at most {max(uses.values()):,} a day",
        f"  resident  |{resident}| at most {max(exposures.values()):,} a day",
    ]
    sizes = dict(record.sizes)
    if len(sizes) > 1:
        line = _size_line(record.sizes, first, last, each)
        lines.append(
            f"  size      |{line}| {min(sizes.values()):,} to {max(sizes.values()):,} bytes"
        )
    return lines


def _size_line(sizes: Sequence[tuple[int, int]], first: int, last: int, each: int) -> str:
    """The size at the end of each column as a bar, from nothing to the largest; blank before."""
    most = max(size for _, size in sizes) or 1
    line = ""
    for column in range(-(-(last - first + 1) // each)):
        end = first + (column + 1) * each
        known = [size for day, size in sizes if day < end]
        line += BARS[max(1, -(-known[-1] * (len(BARS) - 1) // most))] if known else BARS[0]
    return line


def _use(use: Use, zone: Zone) -> str:
    who = ", ".join(filter(None, [use.host, use.actor])) or UNNAMED
    size = "" if use.context_bytes is None else f", {use.context_bytes:,} bytes"
    told = f"{use.source} by {who}{size}, session {use.segment}"
    return f"  {words.minute(use.at_ns, zone)}  {visible(told)}"
