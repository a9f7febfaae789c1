"""What the tools answer: the shapes that clients are told of."""

from typing import Literal

from pydantic import BaseModel, Field

from ctxuse.context.given import Expansion, ReadText, SearchHit
from ctxuse.counting.entered import BASES
from ctxuse.reports.report import Evidence, UsageReport, UsageReportRecord
from ctxuse.times import format_ns

Kind = Literal["summary", "decision", "request", "workflow", "knowledge"]
"""The kinds of record that have files in a workspace."""


class RecordLines(BaseModel):
    """A record's text, or some lines of it."""

    kind: str
    slug: str
    text: str
    offset: int = Field(description="Lines that stand before these")
    lines: int = Field(description="Lines given")
    total_lines: int = Field(description="Lines of the whole record")
    cut_bytes: int = Field(description="Bytes of the last line that are not given: it is too long")

    @classmethod
    def of(cls, given: ReadText) -> "RecordLines":
        """Return the answer that gives `given`."""
        return cls(
            kind=given.kind,
            slug=given.slug,
            text=given.text,
            offset=given.offset,
            lines=given.lines,
            total_lines=given.total_lines,
            cut_bytes=given.cut_bytes,
        )


class Line(BaseModel):
    """A line of a record."""

    line: int = Field(description="Its number, from 1")
    text: str


class Hit(BaseModel):
    """A record in which a search found all of its words."""

    kind: str
    slug: str
    description: str
    lines: list[Line] = Field(description="The first lines that hold one of the words")


class Hits(BaseModel):
    """What a search found."""

    hits: list[Hit]

    @classmethod
    def of(cls, found: tuple[SearchHit, ...]) -> "Hits":
        """Return the answer that gives `found`."""
        return cls(
            hits=[
                Hit(
                    kind=hit.kind,
                    slug=hit.slug,
                    description=hit.description,
                    lines=[Line(line=e.line, text=e.text) for e in hit.excerpts],
                )
                for hit in found
            ]
        )


class Body(BaseModel):
    """The body of a record."""

    kind: str
    slug: str
    text: str


class Missing(BaseModel):
    """A record that could not be given."""

    kind: str
    slug: str
    reason: str


class WorkflowText(BaseModel):
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
            slug=workflow.slug,
            text=workflow.text,
            required=[Body(kind=r.kind, slug=r.slug, text=r.text) for r in required],
            left_out=[Missing(kind=o.kind, slug=o.slug, reason=o.reason) for o in given.left_out],
        )


class Grounds(BaseModel):
    """What the figures rest on. No evidence of use is not evidence of disuse."""

    events: int
    since: str | None = Field(description="The earliest event, UTC; there is no evidence before")
    until: str | None = Field(description="The latest event, UTC")
    lines_not_counted: int

    @classmethod
    def of(cls, evidence: Evidence) -> "Grounds":
        """Return the answer that gives `evidence`."""
        return cls(
            events=evidence.events,
            since=_time(evidence.since_ns),
            until=_time(evidence.until_ns),
            lines_not_counted=evidence.skipped_lines,
        )


class RecordEvidence(BaseModel):
    """The evidence on one record. Null is unknown, which is not zero."""

    kind: str
    slug: str
    use_count: int | None
    last_used_at: str | None
    source_breakdown: dict[str, int] | None
    resident_exposure_count: int | None
    tokens_each: int | None = Field(
        description="What entered when it was resident, the latest known"
    )
    tokens_each_basis: str | None = Field(description=f"How that is known: {', '.join(BASES)}")
    tokens: int | None = Field(description="Of all times resident of which they are known")
    tokens_times_known: int | None

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

    @classmethod
    def none(cls, kind: str, slug: str) -> "RecordEvidence":
        """Return the answer on a record that is in no event."""
        return cls(
            kind=kind,
            slug=slug,
            use_count=None,
            last_used_at=None,
            source_breakdown=None,
            resident_exposure_count=None,
            tokens_each=None,
            tokens_each_basis=None,
            tokens=None,
            tokens_times_known=None,
        )


class Report(BaseModel):
    """What the log says of each record."""

    evidence: Grounds
    records: list[RecordEvidence]

    @classmethod
    def of(cls, report: UsageReport) -> "Report":
        """Return the answer that gives `report`."""
        return cls(
            evidence=Grounds.of(report.evidence),
            records=[RecordEvidence.of(record) for record in report.records],
        )


class RecordReport(BaseModel):
    """What the log says of one record."""

    evidence: Grounds
    record: RecordEvidence

    @classmethod
    def of(cls, report: UsageReport, kind: str, slug: str) -> "RecordReport":
        """Return the answer on one record."""
        found = [r for r in report.records if (r.kind, r.slug) == (kind, slug)]
        record = RecordEvidence.of(found[0]) if found else RecordEvidence.none(kind, slug)
        return cls(evidence=Grounds.of(report.evidence), record=record)


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)
