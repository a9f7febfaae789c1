"""One record over time: what of the fuller report is about it, and its file now. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from ctxuse.counting.detail import Counts, Use
from ctxuse.reports.fields import (
    BOOLEAN_OR_NULL,
    COUNT,
    COUNT_OR_NULL,
    DAY,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    Field,
    by_name,
    field_of_list,
    filled,
    or_null,
    ref,
)
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.groups import COUNT_FIELDS
from ctxuse.times import format_ns
from ctxuse.zones import day_text


class RecordHistory(NamedTuple):
    """One record over time.

    Attributes:
        kind: The record's kind.
        slug: Its slug.
        report: The report that says what is known of it.
        size_now: The size of its file now, in bytes; None when unknown or gone.
        gone: Whether it has no file now; None when that is not known.
        files: The files of its name, where agents may keep several: where each lies, and what it is
            to the first (``link``, ``copy``, ``other``; None for that).
    """

    kind: str
    slug: str
    report: FullReport
    size_now: int | None = None
    gone: bool | None = None
    files: Sequence[tuple[str, str | None]] = ()

    @classmethod
    def of(
        cls,
        kind: str,
        slug: str,
        report: FullReport,
        now: tuple[int | None, bool | None],
        files: Sequence[tuple[str, str | None]] = (),
    ) -> Self:
        """Return the history of a record; `now` is the size of its file, and whether it is gone."""
        size, gone = now
        record = report.record(kind, slug)
        is_known = not gone or record is None or record.had_file
        return cls(kind, slug, report, size, gone if is_known else None, files)

    @property
    def record(self) -> FullReportRecord | None:
        """What is known of it; None when it is in no event counted here."""
        return self.report.record(self.kind, self.slug)

    def fields(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return filled(HISTORY_FIELDS, self)


def _record_now(history: RecordHistory) -> dict[str, object] | None:
    record = history.record
    now: dict[str, object] = {"size_now_bytes": history.size_now, "gone": history.gone}
    return None if record is None else record.fields() | now


def _days(history: RecordHistory) -> dict[str, object]:
    days = {} if history.record is None else history.record.days
    return _counts({day_text(day): counts for day, counts in days.items()})


def _sources(history: RecordHistory) -> dict[str, object]:
    return {} if history.record is None else _counts(history.record.sources)


def _counts(counted: Mapping[str, Counts]) -> dict[str, object]:
    return {name: filled(COUNT_FIELDS, counts) for name, counts in counted.items()}


USE_FIELDS: Sequence[Field[Use]] = (
    Field("at", TIME, lambda use: format_ns(use.at_ns)),
    Field("source", TEXT, lambda use: use.source),
    Field("segment_id", TEXT, lambda use: use.segment),
    Field("host", TEXT_OR_NULL, lambda use: use.host or None),
    Field("actor", TEXT_OR_NULL, lambda use: use.actor or None),
    Field("context_bytes", COUNT_OR_NULL, lambda use: use.context_bytes),
)
"""A use as JSON holds it."""

_SIZE: Sequence[Field[tuple[int, int]]] = (
    Field("day", DAY, lambda size: day_text(size[0])),
    Field("bytes", COUNT, lambda size: size[1]),
)

_FILE: Sequence[Field[tuple[str, str | None]]] = (
    Field("path", TEXT, lambda file: file[0]),
    Field("is_as_first", TEXT_OR_NULL, lambda file: file[1]),
)

HISTORY_FIELDS: Sequence[Field[RecordHistory]] = (
    Field("kind", TEXT, lambda h: h.kind),
    Field("slug", TEXT, lambda h: h.slug),
    Field("evidence", ref("Evidence"), lambda h: h.report.evidence()),
    Field("record", or_null(ref("Record")), _record_now),
    Field("days", by_name(ref("Counts")), _days),
    Field("sources", by_name(ref("Counts")), _sources),
    field_of_list("sizes", _SIZE, lambda h: h.record.sizes if h.record else ()),
    field_of_list("last_uses", USE_FIELDS, lambda h: h.record.last_uses if h.record else ()),
    Field("size_now_bytes", COUNT_OR_NULL, lambda h: h.size_now),
    Field("gone", BOOLEAN_OR_NULL, lambda h: h.gone),
    field_of_list("files", _FILE, lambda h: h.files),
)
"""One record over time as JSON holds it."""
