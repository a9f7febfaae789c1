"""What is sent by OTLP over HTTP, with OpenTelemetry's SDK: the only module that imports it.

The exporters of the SDK send one batch, and again with growing pauses where the endpoint says that
it may be tried again. What they say goes to a logger, of which the last word is the reason here.
They take a redirect for an acknowledgement, print headers that they do not understand, and read an
answer whatever its length: so answers are looked at first, and no value of a header is shown.
"""

import io
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote

from ctxuse import __version__
from ctxuse.errors import FleetError, MissingExtraError
from ctxuse.otlp.attributes import LogRecord
from ctxuse.redaction import without_secrets

SCHEMA = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
"""The conventions that the names are of."""

_HEADERS = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
)
_SHORT = 4
_LONGEST_ANSWER = 64 * 1024
_PIECE = 4096
_BELOW = 2**63
"""No number of OTLP is as large; one with a fraction may be."""


class Point(NamedTuple):
    """A figure of a record.

    Attributes:
        value: The figure.
        attributes: What it is of, by name.
    """

    value: int
    attributes: Mapping[str, str | int]


class Figure(NamedTuple):
    """What is counted of records.

    Attributes:
        name: Its name.
        unit: Its unit.
        about: What it is.
        points: Of each record.
    """

    name: str
    unit: str
    about: str
    points: Sequence[Point]


class Sender:
    """Sends log records and metrics to an endpoint.

    Args:
        endpoint: The base address of an OTLP/HTTP receiver, such as ``http://localhost:4318``.
        headers: Headers that are sent along.
        seconds: How long a batch is tried to be sent.

    Attributes:
        refused: Log records that the endpoint has acknowledged and said that it refuses.

    Raises:
        MissingExtraError: OpenTelemetry's SDK is not installed.
        FleetError: A header cannot be one.
    """

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        seconds: float,
    ) -> None:
        try:
            import requests  # noqa: PLC0415 - comes with the SDK
            from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http._log_exporter import (  # noqa: PLC0415
                OTLPLogExporter,
            )
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
                OTLPMetricExporter,
            )
            from opentelemetry.sdk.util.instrumentation import (  # noqa: PLC0415
                InstrumentationScope,
            )
        except ImportError as error:
            raise MissingExtraError("to send by OTLP", "otel") from error
        self._endpoint = endpoint.rstrip("/")
        self.refused = 0
        self._said = _LastWord()
        self._seconds = seconds
        self._secrets = _secrets_of(headers)
        self._not_taken = ""
        """Why an answer is none that acknowledges, though the SDK takes it for one."""
        self._session = session = requests.Session()
        session.hooks["response"].append(self._look)
        session.headers["Accept-Encoding"] = "identity"
        more: dict[str, Any] = {
            "headers": dict(headers) or None, "timeout": seconds, "compression": Compression.Gzip,
            "session": session,
        }  # fmt: skip
        with self._said:
            self._logs = OTLPLogExporter(f"{self._endpoint}/v1/logs", **more)
            self._metrics = OTLPMetricExporter(f"{self._endpoint}/v1/metrics", **more)
        are_headers = all(value.isprintable() and value.strip() for value in headers.values())
        if self._said.word or not are_headers:
            reason = f"headers ({_HEADERS[0]}) are NAME=VALUE with commas between, of one line each"
            raise FleetError(without_secrets(self._endpoint), reason)
        self._scope = InstrumentationScope("ctxuse", __version__, SCHEMA)

    def send(
        self, resource: Mapping[str, str], records: Iterable[LogRecord], observed_ns: int
    ) -> None:
        """Send log records, and return when the endpoint has acknowledged them.

        Args:
            resource: What they are of, by name.
            records: The log records.
            observed_ns: When they are sent, in nanoseconds since the epoch.

        Raises:
            FleetError: They could not be sent.
        """
        from opentelemetry._logs import LogRecord as ApiRecord  # noqa: PLC0415 - likewise
        from opentelemetry._logs import SeverityNumber  # noqa: PLC0415 - likewise
        from opentelemetry.sdk._logs import ReadableLogRecord  # noqa: PLC0415 - likewise
        from opentelemetry.sdk._logs.export import LogRecordExportResult  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise

        of = Resource(dict(resource))
        batch = [
            ReadableLogRecord(
                ApiRecord(
                    timestamp=record.at_ns,
                    observed_timestamp=observed_ns,
                    severity_number=SeverityNumber.INFO,
                    body=record.body,
                    attributes=record.attributes,
                    event_name=record.name,
                ),
                of,
                self._scope,
            )
            for record in records
        ]
        if batch:
            success = LogRecordExportResult.SUCCESS
            self._sent(lambda: self._logs.export(batch) is success, "logs")

    def measure(
        self, resource: Mapping[str, str], figures: Sequence[Figure], since_ns: int, now_ns: int
    ) -> None:
        """Send figures that have grown since a moment.

        Args:
            resource: What they are of, by name.
            figures: The figures.
            since_ns: Since when they are counted, in nanoseconds since the epoch.
            now_ns: Up to when.

        Raises:
            FleetError: They could not be sent.
        """
        from opentelemetry.sdk.metrics import export  # noqa: PLC0415 - likewise
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - likewise

        metrics = [
            export.Metric(
                figure.name,
                figure.about,
                figure.unit,
                export.Sum(
                    [
                        export.NumberDataPoint(dict(p.attributes), since_ns, now_ns, value)
                        for p in figure.points
                        for value in (p.value if p.value < _BELOW else float(p.value),)
                    ],
                    export.AggregationTemporality.CUMULATIVE,
                    is_monotonic=True,
                ),
            )
            for figure in figures
            if figure.points
        ]
        scope = export.ScopeMetrics(self._scope, metrics, SCHEMA)
        of = Resource(dict(resource))
        data = export.MetricsData([export.ResourceMetrics(of, [scope], SCHEMA)])
        success = export.MetricExportResult.SUCCESS
        if metrics:
            self._sent(lambda: self._metrics.export(data) is success, "metrics")

    def close(self) -> None:
        """Close what is held open."""
        self._session.close()

    def _sent(self, export: Callable[[], bool], what: str) -> None:
        self._not_taken = ""
        with self._said:
            done = export()
        if not done or self._not_taken:
            word = self._not_taken or self._said.word
            for secret in self._secrets:
                word = word.replace(secret, "\N{HORIZONTAL ELLIPSIS}")
            reason = without_secrets(word, self._endpoint) or "it did not take them"
            raise FleetError(f"{without_secrets(self._endpoint)}/v1/{what}", reason)

    def _look(self, response: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - of `requests`
        """Read an answer, so much of it as one may have, and take note of what it says.

        Who answers with another address, or with a page, has taken nothing, and what an endpoint
        acknowledges it may say that it does not keep.
        """
        self._bound(response)
        self._not_taken = ""
        is_html = "html" in response.headers.get("Content-Type", "").lower()
        is_page = is_html or response.content.lstrip().startswith(b"<")
        if response.ok and (response.status_code >= 300 or is_page):  # noqa: PLR2004 - of HTTP
            what = "a page" if is_page else "another address"
            self._not_taken = f"it answered with {what} (status {response.status_code})"
        if self._not_taken or not response.ok or not response.url.endswith("/v1/logs"):
            return
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
            ExportLogsServiceResponse,
        )

        with suppress(Exception):  # it may answer whatever it likes
            answer = ExportLogsServiceResponse.FromString(response.content)
            self.refused += max(0, answer.partial_success.rejected_log_records)

    def _bound(self, response: Any) -> None:  # noqa: ANN401 - likewise
        """Read an answer as long as there is time, and no more of it than one may have."""
        raw, read = response.raw, bytearray()
        until = time.monotonic() + self._seconds
        with suppress(Exception):  # what it breaks off is what it has answered
            while len(read) <= _LONGEST_ANSWER and time.monotonic() < until:
                piece = raw.read1(_PIECE)
                if not piece:
                    raw.release_conn()
                    break
                read += piece
            else:
                read.clear()
        raw.close()
        response.raw = io.BytesIO(bytes(read))


def _secrets_of(headers: Mapping[str, str]) -> list[str]:
    """The values of headers and their parts, the longest first, given or of the environment."""
    written = [part for name in _HEADERS for part in os.environ.get(name, "").split(",")]
    values = [*headers.values(), *written, *(part.partition("=")[2] for part in written)]
    parts = {part for value in values for way in (value, unquote(value)) for part in way.split()}
    return sorted((part for part in parts if len(part) >= _SHORT), key=len, reverse=True)


class _LastWord(logging.Handler):
    """Keeps the last that the SDK says while something is sent, and says it to nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self.word = ""
        self._logger = logging.getLogger("opentelemetry")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.word = record.getMessage()

    def __enter__(self) -> None:
        self.word = ""
        self._propagate = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagate
