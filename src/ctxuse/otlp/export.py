"""Sending a log: what was not sent before, in batches, each marked once it is acknowledged."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ctxuse.codec.decode import Valid, check, event_of, is_blank
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.reader import Lines, OpenLog, Oversized, last_line_end, open_logs, read_blocks
from ctxuse.otlp.attributes import LogRecord, log_records
from ctxuse.otlp.marks import Marks
from ctxuse.otlp.sending import Figure, Point, Sender
from ctxuse.progress import OnProgress, silent
from ctxuse.reports.report import UsageReport
from ctxuse.workspace import Workspace

BATCH = 32 * 1024
"""Bytes of the log that are sent at a time, about."""

SECONDS = 30.0
"""How long a batch is tried to be sent."""


@dataclass(slots=True)
class Sent:
    """What was sent.

    Attributes:
        events: Events.
        records: Log records of these.
        skipped: Lines of the log that are not counted, and not sent.
        refused: Log records that the endpoint has taken and said that it does not keep.
        is_anew: Whether nothing of this log had been sent there before.
    """

    events: int = 0
    records: int = 0
    skipped: int = 0
    refused: int = 0
    is_anew: bool = True


def export_otlp(  # noqa: PLR0913 - an export has these options
    workspace: Workspace,
    endpoint: str,
    *,
    headers: Mapping[str, str] | None = None,
    metrics: bool = True,
    environ: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    batch: int = BATCH,
    on_progress: OnProgress = silent,
) -> Sent:
    """Send the events of a log that were not sent to an endpoint before, and the report's figures.

    Args:
        workspace: The workspace.
        endpoint: The base address of an OTLP/HTTP receiver.
        headers: Headers that are sent along.
        metrics: Whether the figures of the report are sent, too.
        environ: The environment, for the user's state directory; that of the process when None.
        seconds: How long a batch is tried to be sent.
        batch: Bytes of the log that are sent at a time, about.
        on_progress: Called with how many bytes of the log have been sent, and how many there are.

    Raises:
        FleetError: Something could not be sent; what was acknowledged is marked.
        MissingExtraError: OpenTelemetry's SDK is not installed.
        LogUnreadableError: The log exists but cannot be read.
    """
    layout, environ = workspace.layout, os.environ if environ is None else environ
    resource = {"service.name": "ctxuse", "ctxuse.workspace": os.path.basename(os.fspath(layout))}
    sender = Sender(endpoint, resource, headers or {}, seconds)
    marks = Marks(environ, os.fspath(layout), endpoint)
    sent = Sent(is_anew=marks.is_new)
    try:
        with marks.alone():
            for done, whole in _send_log(layout, sender, marks, sent, batch):
                on_progress(done, whole)
            if metrics:
                report = workspace.report()
                since_ns = report.evidence.since_ns
                if since_ns is not None:
                    sender.measure(figures_of(report), max(since_ns, 0), time.time_ns())
    finally:
        sender.close()
        sent.refused = sender.refused
    return sent


def _send_log(
    layout: WorkspaceLayout, sender: Sender, marks: Marks, sent: Sent, batch: int
) -> Iterator[tuple[int, int]]:
    """Send what was not sent; yield how many bytes have been, and how many there are."""
    whole = sum(log.end for log in open_logs(layout))
    before = 0
    for log in open_logs(layout):
        reached = marks.of(log)
        for found in _finished(log, reached, batch):
            records = [*_records(found, sent)]
            sender.send(records, time.time_ns())
            sent.records += len(records)
            marks.reached(log, reached, found.end)
            reached = found.end
            yield before + reached, whole
        before += log.end


def _finished(log: OpenLog, start: int, batch: int) -> Iterator[Lines | Oversized]:
    """The lines of a file behind a place; of the present log no last one without its newline."""
    end = last_line_end(log, start) if log.is_present else log.end
    return read_blocks(log.descriptor, start, end, size=batch)


def _records(found: Lines | Oversized, sent: Sent) -> Iterator[LogRecord]:
    for line in found.lines if isinstance(found, Lines) else [None]:
        valid = None if line is None else check(line)
        if line is not None and is_blank(line):
            continue
        if isinstance(valid, Valid):
            sent.events += 1
            yield from log_records(event_of(valid))
        else:
            sent.skipped += 1


def figures_of(report: UsageReport) -> list[Figure]:
    """Return what is counted of each record, as metrics have it; what is not known has no point."""
    named = [
        (record, {"ctxuse.record.kind": record.kind, "ctxuse.record.slug": record.slug})
        for record in report.records
    ]
    return [
        Figure(
            "ctxuse.record.uses", "{use}", "Times that a record was explicitly read.",
            [Point(record.use_count, name) for record, name in named],
        ),
        Figure(
            "ctxuse.record.resident", "{exposure}", "Times that a record was resident.",
            [
                Point(record.resident.times, name)
                for record, name in named
                if record.resident.times is not None
            ],
        ),
        Figure(
            "ctxuse.record.resident_tokens", "{token}",
            "Tokens that entered by being resident, as far as they are known, by how.",
            [
                Point(tokens, {**name, "ctxuse.record.tokens_from": basis})
                for record, name in named
                for basis, (_, tokens) in record.resident.by_basis.items()
            ],
        ),
    ]  # fmt: skip
