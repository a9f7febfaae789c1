"""The fuller report: the reference's figures and, beside them, what else the log says. Pure.

Every column has a unit and a rule; they stand in docs/format.md §6.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from ctxuse.counting.detail import (
    UNKNOWN,
    Context,
    Counts,
    DetailRecord,
    DetailTally,
    Size,
    Use,
    merge_counts,
)
from ctxuse.counting.entered import BASES
from ctxuse.hosts.recordfile import BROUGHT_ALONG
from ctxuse.layout import RecordRef
from ctxuse.query import UNNAMED
from ctxuse.reports.fields import (
    BOOLEAN_OR_NULL,
    COUNT,
    COUNT_OR_NULL,
    TEXT,
    TIME,
    TIME_OR_NULL,
    Field,
    by_name,
    fields_of_part,
    filled,
    list_of,
    plain,
    ref,
)
from ctxuse.reports.report import (
    EVIDENCE_FIELDS,
    RECORD_FIELDS,
    Rows,
    UsageReport,
    UsageReportRecord,
    without_evidence,
)
from ctxuse.reports.tokens import TokenFigures
from ctxuse.times import format_ns, known_time


class ContextFigures(msgspec.Struct, frozen=True):
    """What of a record entered contexts in one way, as far as that is known.

    Attributes:
        times: Times that it entered.
        times_known: Of these, how often its bytes are known.
        bytes: Their sum; None when they are never known.
        tokens: How often tokens are known and their sum, by how they are known.
    """

    times: int
    times_known: int
    bytes: int | None
    tokens: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, context: Context, tokens: TokenFigures) -> "ContextFigures":
        """Return the figures of a tally, and the tokens beside them."""
        return cls(
            times=context.times,
            times_known=context.sized,
            bytes=context.bytes if context.sized else None,
            tokens=tokens.by_basis,
        )

    def fields(self) -> dict[str, object]:
        """Return the figures as JSON names them."""
        return filled(CONTEXT_FIELDS, self)


CONTEXT_FIELDS: Sequence[Field[ContextFigures]] = (
    Field("times", COUNT, lambda c: c.times),
    Field("times_known", COUNT, lambda c: c.times_known),
    Field("bytes", COUNT_OR_NULL, lambda c: c.bytes),
    Field(
        "tokens", by_name(plain({"times_known": COUNT, "tokens": COUNT})),
        lambda c: {
            label: {"times_known": times, "tokens": tokens}
            for label, (times, tokens) in c.tokens.items()
        },
    ),
)  # fmt: skip
"""The figures as JSON names them."""


class FullReportRecord(msgspec.Struct, frozen=True):
    """The fuller evidence on one record.

    Attributes:
        basic: The reference's figures.
        first_seen_ns: When it is first met in an event, in nanoseconds since the epoch.
        last_exposed_ns: When it was last resident; None if never.
        used_in: Segments it was read in; None when there are more than can be told apart.
        exposed_in: Segments it was resident in, likewise.
        total: Its uses and exposures, and the tokens of these as recorded then.
        days: The same by day, in days since 1970-01-01, in order.
        sources: The same by source, by name.
        hosts: The same by agent; `UNNAMED` for those that name none.
        actors: The same by whose doing it was, likewise.
        agents: The same by kind of sub-agent; `UNNAMED` for what names none.
        used: What of it entered by being read.
        exposed: What of it entered by being resident.
        sizes: The days on which its file was first seen to have another size, and that size.
        last_uses: Its latest uses, the last first.
        size_now: The size of its file now, in bytes; None when unknown or gone.
        gone: Whether it has no file now; None when that is not known.
    """

    basic: UsageReportRecord
    first_seen_ns: int
    last_exposed_ns: int | None
    used_in: int | None
    exposed_in: int | None
    total: Counts
    days: Mapping[int, Counts]
    sources: Mapping[str, Counts]
    hosts: Mapping[str, Counts]
    actors: Mapping[str, Counts]
    agents: Mapping[str, Counts]
    used: ContextFigures
    exposed: ContextFigures
    sizes: tuple[tuple[int, int], ...]
    last_uses: tuple[Use, ...]
    size_now: int | None = None
    gone: bool | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Its kind and its slug."""
        return self.basic.kind, self.basic.slug

    @property
    def name(self) -> str:
        """Its kind and its slug as people write them, with a slash between."""
        return f"{self.basic.kind}/{self.basic.slug}"

    @property
    def had_file(self) -> bool:
        """Whether it is known to have had a file: agents bring along some that have none."""
        return bool(self.sizes) or self.basic.kind not in BROUGHT_ALONG

    @property
    def recorded_tokens(self) -> int | None:
        """The estimates of its exposures as recorded then, summed; None when no size is known."""
        return self.total.tokens

    def tokens_known(self, label: str) -> int | None:
        """Return the tokens that entered and are known by one of `BASES`; None without any."""
        contexts = (self.used, self.exposed)
        known = [context.tokens[label][1] for context in contexts if label in context.tokens]
        return sum(known) if known else None

    def fields(self) -> dict[str, object]:
        """Return all fields as the fuller JSON names them, the reference's first."""
        return filled(FULL_RECORD_FIELDS, self)


FULL_RECORD_FIELDS: Sequence[Field[FullReportRecord]] = (
    *fields_of_part("basic", RECORD_FIELDS),
    Field("first_seen_at", TIME, lambda r: format_ns(r.first_seen_ns)),
    Field("last_exposed_at", TIME_OR_NULL, lambda r: known_time(r.last_exposed_ns)),
    Field("segments_used_in", COUNT_OR_NULL, lambda r: r.used_in),
    Field("segments_exposed_in", COUNT_OR_NULL, lambda r: r.exposed_in),
    Field("exposed_tokens_recorded", COUNT_OR_NULL, lambda r: r.recorded_tokens),
    Field("exposures_of_unknown_size", COUNT, lambda r: r.total.unsized),
    Field("used_context", ref("Context"), lambda r: r.used.fields()),
    Field("exposed_context", ref("Context"), lambda r: r.exposed.fields()),
    Field(
        "hosts", by_name(COUNT),
        lambda r: {name: counts.events for name, counts in r.hosts.items()},
    ),
    Field(
        "actors", by_name(COUNT),
        lambda r: {name: counts.uses for name, counts in r.actors.items() if counts.uses},
    ),
    Field(
        "agent_types", by_name(COUNT),
        lambda r: {name: c.events for name, c in r.agents.items() if name != UNNAMED},
    ),
    Field("tokens_each", COUNT_OR_NULL, lambda r: r.basic.resident.each),
    Field("tokens_each_basis", {"enum": [*BASES, None]}, lambda r: r.basic.resident.each_basis),
    Field("tokens", COUNT_OR_NULL, lambda r: r.basic.resident.total),
    Field("tokens_times_known", COUNT, lambda r: r.basic.resident.times_known),
    Field("tokens_read", COUNT_OR_NULL, lambda r: r.basic.read.total),
    Field("tokens_read_times_known", COUNT, lambda r: r.basic.read.times_known),
    Field("size_now_bytes", COUNT_OR_NULL, lambda r: r.size_now),
    Field("gone", BOOLEAN_OR_NULL, lambda r: r.gone),
)  # fmt: skip
"""A record as the fuller JSON names it: the reference's fields first."""


class FullReport(msgspec.Struct, frozen=True):
    """What the log says of each record, in full. Evidence, never a verdict.

    Attributes:
        basic: The report with the reference's figures, its records in the same order.
        records: The fuller figures of the same records.
    """

    basic: UsageReport
    records: tuple[FullReportRecord, ...]

    def of_kinds(self, kinds: Collection[str]) -> "FullReport":
        """Return the part of the report that is about records of `kinds`."""
        return self._following(self.basic.of_kinds(kinds))

    def chosen(self, rows: Rows) -> "FullReport":
        """Return the report with the records that its reader chose."""
        return self._following(self.basic.chosen(rows))

    def with_disk(self, on_disk: Iterable[RecordRef]) -> "FullReport":
        """Return the report with those of `on_disk` that are in no event, in `basic`."""
        return replace(self, basic=self.basic.with_disk(on_disk))

    def with_files(
        self, size_now: Callable[[str, str], tuple[int | None, bool | None]]
    ) -> "FullReport":
        """Return the report with what `size_now` says of each kind and slug: size, and if gone."""
        records: list[FullReportRecord] = []
        for record in self.records:
            size, gone = size_now(*record.key)
            gone = gone if record.had_file or not gone else None
            records.append(replace(record, size_now=size, gone=gone))
        return replace(self, records=tuple(records))

    def record(self, kind: str, slug: str) -> FullReportRecord | None:
        """Return what is known of one record; None when it is in no event counted here."""
        return next((record for record in self.records if record.key == (kind, slug)), None)

    def knows(self, kind: str, slug: str) -> bool:
        """Whether a record is in any event, counted here or not."""
        return (kind, slug) in self.basic.outside or self.record(kind, slug) is not None

    def only(self, record: FullReportRecord) -> "FullReport":
        """Return the part of the report that is about one of its records."""
        basic = replace(self.basic, records=(record.basic,), without_events=())
        return FullReport(basic, (record,))

    @property
    def sources(self) -> list[str]:
        """The sources that its evidence is from, by name."""
        return _names(record.sources for record in self.records)

    @property
    def hosts(self) -> list[str]:
        """The agents that its evidence is from, by name."""
        return _names(record.hosts for record in self.records)

    def evidence(self) -> dict[str, object]:
        """Return what the report rests on as the fuller JSON holds it."""
        return filled(FULL_EVIDENCE_FIELDS, self)

    def fields(self) -> dict[str, object]:
        """Return the report as the fuller JSON holds it."""
        return filled(FULL_REPORT_FIELDS, self)

    def _following(self, basic: UsageReport) -> "FullReport":
        mine = {record.key: record for record in self.records}
        return FullReport(basic, tuple(mine[record.kind, record.slug] for record in basic.records))


FULL_EVIDENCE_FIELDS: Sequence[Field[FullReport]] = (
    *fields_of_part("basic.evidence", EVIDENCE_FIELDS),
    Field("sources", list_of(TEXT), lambda r: r.sources),
    Field("hosts", list_of(TEXT), lambda r: r.hosts),
)
"""What the fuller report rests on."""

FULL_REPORT_FIELDS: Sequence[Field[FullReport]] = (
    Field("evidence", ref("Evidence"), FullReport.evidence),
    Field(
        "records", list_of(ref("Record")),
        lambda r: [
            *(record.fields() for record in r.records),
            *(without_evidence(one, FULL_RECORD_FIELDS) for one in r.basic.without_events),
        ][: r.basic.rows.top],
    ),
)  # fmt: skip
"""The fuller report."""


def build_full_report(basic: UsageReport, tally: DetailTally) -> FullReport:
    """Return the fuller report over `tally`, beside the basic one of the same events."""
    records = [_record(record, tally.records[record.kind, record.slug]) for record in basic.records]
    return FullReport(basic, tuple(records))


def _said(counted: Mapping[str, Counts]) -> dict[str, Counts]:
    """Counts by host or actor with a word for those that are not named, by name."""
    said: dict[str, Counts] = {}
    for name, counts in counted.items():
        merge_counts(said, {name if name != UNKNOWN else UNNAMED: counts})
    return dict(sorted(said.items()))


def _record(basic: UsageReportRecord, tally: DetailRecord) -> FullReportRecord:
    return FullReportRecord(
        basic=basic,
        first_seen_ns=tally.first_ns,
        last_exposed_ns=tally.last_exposed_ns,
        used_in=None if tally.used_in is None else len(tally.used_in),
        exposed_in=None if tally.exposed_in is None else len(tally.exposed_in),
        total=tally.total,
        days=dict(sorted(tally.days.items())),
        sources=dict(sorted(tally.sources.items())),
        hosts=_said(tally.hosts),
        actors=_said(tally.actors),
        agents=_said(tally.agents),
        used=ContextFigures.of(tally.used, basic.read),
        exposed=ContextFigures.of(tally.exposed, basic.resident),
        sizes=_changes(tally.sizes),
        last_uses=tuple(tally.last_uses),
    )


def _changes(sizes: Mapping[int, Size]) -> tuple[tuple[int, int], ...]:
    """The days on which a size differs from the one known before, and the size."""
    changes: list[tuple[int, int]] = []
    for day, size in sorted(sizes.items()):
        if not changes or changes[-1][1] != size.bytes:
            changes.append((day, size.bytes))
    return tuple(changes)


def _names(counted: Iterable[Mapping[str, Counts]]) -> list[str]:
    return sorted({name for counts in counted for name in counts})
