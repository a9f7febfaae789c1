"""What the tools answer: the shapes that clients are told of."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, convert

from ctxuse.context.given import Expansion, SearchHit
from ctxuse.counting.entered import BASES
from ctxuse.reports.report import Evidence, UsageReport, UsageReportRecord
from ctxuse.times import format_ns
from ctxuse.visible import visible

Kind = Annotated[
    Literal["summary", "decision", "request", "workflow", "knowledge"],
    Meta(extra_json_schema={"type": "string"}),
]
"""The kinds of record that have files in a workspace."""


class RecordLines(Struct):
    """A record's text, or some lines of it."""

    kind: str
    slug: str
    text: str
    offset: Annotated[int, Meta(description="Lines that stand before these")]
    lines: Annotated[int, Meta(description="Lines given")]
    total_lines: Annotated[int, Meta(description="Lines of the whole record")]
    cut_bytes: Annotated[
        int, Meta(description="Bytes of the last line that are not given: it is too long")
    ]


class Line(Struct):
    """A line of a record."""

    line: Annotated[int, Meta(description="Its number, from 1")]
    text: str


class Hit(Struct):
    """A record in which a search found all of its words."""

    kind: str
    slug: str
    description: str
    lines: Annotated[list[Line], Meta(description="The first lines that hold one of the words")]


class Hits(Struct):
    """What a search found."""

    hits: list[Hit]

    @classmethod
    def of(cls, found: tuple[SearchHit, ...]) -> "Hits":
        """Return the answer that gives `found`."""
        return cls(
            [
                Hit(
                    hit.kind,
                    hit.slug,
                    hit.description,
                    convert(hit.excerpts, list[Line], from_attributes=True),
                )
                for hit in found
            ]
        )


class Body(Struct):
    """The body of a record."""

    kind: str
    slug: str
    text: str


class Missing(Struct):
    """A record that could not be given."""

    kind: str
    slug: str
    reason: str


class WorkflowText(Struct):
    """A workflow, and the knowledge it requires."""

    slug: str
    text: str
    required: list[Body]
    left_out: list[Missing]

    @classmethod
    def of(cls, given: Expansion) -> "WorkflowText":
        """Return the answer that gives what an invocation gave."""
        workflow, *required = given.included
        return cls(
            workflow.slug,
            workflow.text,
            convert(required, list[Body], from_attributes=True),
            [Missing(left.kind, visible(left.slug), left.reason) for left in given.left_out],
        )


class Grounds(Struct):
    """What the figures rest on. No evidence of use is not evidence of disuse."""

    events: int
    since: Annotated[
        str | None, Meta(description="The earliest event, UTC; there is no evidence before")
    ]
    until: Annotated[str | None, Meta(description="The latest event, UTC")]
    lines_not_counted: int

    @classmethod
    def of(cls, evidence: Evidence) -> "Grounds":
        """Return the answer that gives `evidence`."""
        since, until = _time(evidence.since_ns), _time(evidence.until_ns)
        return cls(evidence.events, since, until, evidence.skipped_lines)


class RecordEvidence(Struct):
    """The evidence on one record. Null is unknown, which is not zero."""

    kind: str
    slug: str
    use_count: int | None = None
    last_used_at: str | None = None
    source_breakdown: dict[str, int] | None = None
    resident_exposure_count: int | None = None
    tokens_each: Annotated[
        int | None, Meta(description="What entered when it was resident, the latest known")
    ] = None
    tokens_each_basis: Annotated[
        str | None, Meta(description=f"How that is known: {', '.join(BASES)}")
    ] = None
    tokens: Annotated[
        int | None, Meta(description="Of all times resident of which they are known")
    ] = None
    tokens_times_known: int | None = None

    @classmethod
    def of(cls, record: UsageReportRecord) -> "RecordEvidence":
        """Return the answer that gives `record`."""
        return cls(
            kind=record.kind,
            slug=record.slug,
            use_count=record.use_count,
            last_used_at=_time(record.last_used_at_ns),
            source_breakdown=dict(record.source_breakdown),
            resident_exposure_count=record.resident.times,
            tokens_each=record.resident.each,
            tokens_each_basis=record.resident.each_basis,
            tokens=record.resident.total,
            tokens_times_known=record.resident.times_known,
        )


class Report(Struct):
    """What the log says of each record."""

    evidence: Grounds
    records: list[RecordEvidence]

    @classmethod
    def of(cls, report: UsageReport) -> "Report":
        """Return the answer that gives `report`."""
        return cls(Grounds.of(report.evidence), [*map(RecordEvidence.of, report.records)])


class RecordReport(Struct):
    """What the log says of one record."""

    evidence: Grounds
    record: RecordEvidence

    @classmethod
    def of(cls, report: UsageReport, kind: str, slug: str) -> "RecordReport":
        """Return the answer on one record."""
        found = [r for r in report.records if (r.kind, r.slug) == (kind, slug)]
        record = RecordEvidence.of(found[0]) if found else RecordEvidence(kind, slug)
        return cls(Grounds.of(report.evidence), record)


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)
