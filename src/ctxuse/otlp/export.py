"""Sending logs: what was not sent before, in batches, each marked once it is acknowledged."""

import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from ctxuse.codec.decode import Valid, event_of
from ctxuse.files import real_path
from ctxuse.log.reader import (
    Lines,
    OpenLog,
    Oversized,
    SkippedLine,
    last_line_end,
    lines_of,
    open_logs,
    read_blocks,
)
from ctxuse.otlp.attributes import LogRecord, log_records
from ctxuse.otlp.marks import Marks
from ctxuse.otlp.sending import Figure, Point, Sender
from ctxuse.progress import OnProgress, silent
from ctxuse.redaction import hidden
from ctxuse.reports.report import UsageReport
from ctxuse.workspace import Workspace

BATCH = 32 * 1024
"""Bytes of the log that are sent at a time, about."""

SECONDS = 30.0
"""How long a batch is tried to be sent."""


class Target(NamedTuple):
    """Where to, and how.

    Attributes:
        endpoint: The base address of an OTLP/HTTP receiver.
        headers: Headers that are sent along.
        metrics: Whether the figures of the report are sent, too.
        seconds: How long a batch is tried to be sent.
        batch: Bytes of the log that are sent at a time, about.
    """

    endpoint: str
    headers: Mapping[str, str] = {}
    metrics: bool = True
    seconds: float = SECONDS
    batch: int = BATCH


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


def export_otlp(
    workspace: Workspace,
    target: Target,
    *,
    environ: Mapping[str, str] | None = None,
    on_progress: OnProgress = silent,
) -> Sent:
    """Send the events of a log that were not sent to an endpoint before, and the report's figures.

    Args:
        workspace: The workspace.
        target: Where to, and how.
        environ: The environment, for the user's state directory; that of the process when None.
        on_progress: Called with how many bytes of the log have been sent, and how many there are.

    Raises:
        FleetError: Something could not be sent; what was acknowledged is marked.
        MissingExtraError: OpenTelemetry's SDK is not installed.
        LogUnreadableError: The log exists but cannot be read.
    """
    layout = workspace.layout
    with (
        closing(Exporter(target, environ)) as exporter,
        exporter.of(real_path(layout)) as sending,
    ):
        whole = sum(log.end for log in open_logs(layout))
        before = 0
        for log in open_logs(layout):
            for reached in sending.send(log):
                on_progress(before + reached, whole)
            before += log.end
        if target.metrics:
            sending.measure(workspace.report())
    return exporter.sent


class Exporter:
    """Sends the logs of one workspace after the other to an endpoint.

    Args:
        target: Where to, and how.
        environ: The environment, for the user's state directory; that of the process when None.

    Attributes:
        target: Where to, and how.
        sent: What was sent of all of them.

    Raises:
        MissingExtraError: OpenTelemetry's SDK is not installed.
    """

    def __init__(self, target: Target, environ: Mapping[str, str] | None = None) -> None:
        self.target = target
        self.sent = Sent()
        self._environ = os.environ if environ is None else environ
        self._sender = Sender(target.endpoint, target.headers, target.seconds)

    @contextmanager
    def of(self, name: str) -> Iterator["Sending"]:
        """Give what sends the logs of a workspace, and sees to it that nobody else does meanwhile.

        Args:
            name: What tells it from every other one: its path without links, or its address.

        Raises:
            SendingElsewhereError: Somebody does.
        """
        marks = Marks(self._environ, name, self.target.endpoint)
        with marks.alone():
            self.sent.is_anew &= marks.is_new
            try:
                yield Sending(self._sender, self.target, marks, resource_of(name), self.sent)
            finally:
                self.sent.refused = self._sender.refused

    def close(self) -> None:
        """Close what is held open."""
        self._sender.close()


class Sending:
    """Sends the logs of one workspace; see `Exporter.of`."""

    def __init__(
        self,
        sender: Sender,
        target: Target,
        marks: Marks,
        resource: Mapping[str, str],
        sent: Sent,
    ) -> None:
        self._sender = sender
        self._target = target
        self._marks = marks
        self._resource = resource
        self._sent = sent

    def send(self, log: OpenLog) -> Iterator[int]:
        """Send what of a file was not sent; yield after each batch how many bytes of it have been.

        Raises:
            FleetError: Something could not be sent; what was acknowledged is marked.
        """
        reached = self._marks.of(log)
        # Of the present log a last line without its newline is left for later.
        end = last_line_end(log, reached) if log.is_present else log.end
        for found in read_blocks(log.descriptor, reached, end, size=self._target.batch):
            self._marks.prove()
            records = [*_records(found, log, self._sent)]
            self._sender.send(self._resource, records, time.time_ns())
            self._sent.records += len(records)
            self._marks.reached(log, reached, found.end)
            reached = found.end
            yield reached

    def measure(self, report: UsageReport) -> None:
        """Send the figures of a report, if there are any.

        Raises:
            FleetError: They could not be sent.
        """
        since_ns = report.evidence.since_ns
        if since_ns is not None:
            figures, now_ns = figures_of(report), time.time_ns()
            self._sender.measure(self._resource, figures, min(max(since_ns, 0), now_ns), now_ns)


def resource_of(name: str) -> dict[str, str]:
    """Return what tells the receiver whose events these are, and tells that from every other.

    Args:
        name: As for `Exporter.of`. It is not shown itself, and no more of it than its last part.
    """
    if os.path.isabs(name):
        path = os.fsencode(name).decode("utf-8", "backslashreplace")
        place, last = f"file://{socket.gethostname()}{path}", os.path.basename(path)
    else:
        place, last = name, hidden(name).rstrip("/").rpartition("/")[2]
    return {
        "service.name": "ctxuse",
        "service.instance.id": str(uuid.uuid5(uuid.NAMESPACE_URL, place)),
        "ctxuse.workspace": last or "/",
    }


def _records(found: Lines | Oversized, log: OpenLog, sent: Sent) -> Iterator[LogRecord]:
    for _, line in lines_of(found, log):
        if isinstance(line, Valid):
            sent.events += 1
            yield from log_records(event_of(line))
        elif isinstance(line, SkippedLine):
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
