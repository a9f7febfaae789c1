"""A receiver of OTLP over HTTP for the tests, on this machine."""

import gzip
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

pb2 = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
metrics_pb2 = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")


class Receiver:
    """An OTLP/HTTP receiver, of OpenTelemetry's own messages, which keeps what it acknowledges.

    Attributes:
        logs: What it has acknowledged, each by event and index, with its attributes.
        bodies: The texts of these.
        metrics: The figures it was sent last.
        answers: Statuses that it gives before it takes anything, one a request.
        page: What it answers instead of taking anything.
        refuses: Log records of each request that it says it does not keep.
        headers: Those of the last request.
        resources: What the log records of each request were of.
        batches: The ids of the events of each request.
        measured: The figures it was sent last of each instance.
    """

    def __init__(self) -> None:
        self.logs: list[dict[str, Any]] = []
        self.bodies: list[str] = []
        self.metrics: dict[str, dict[str, float]] = {}
        self.answers: list[int] = []
        self.page: bytes | None = None
        self.refuses = 0
        self.headers: dict[str, str] = {}
        self.resources: list[dict[str, Any]] = []
        self.batches: list[set[str]] = []
        self.measured: dict[str, dict[str, dict[str, float]]] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                receiver.headers = {name.lower(): text for name, text in self.headers.items()}
                if self.headers.get("content-encoding") == "gzip":
                    data = gzip.decompress(data)
                status = receiver.answers.pop(0) if receiver.answers else 200
                body = receiver.page or b""
                if status == 200 and receiver.page is None:
                    body = receiver.take(self.path, data)
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self) -> None:
                with suppress(OSError):  # who asks may be killed
                    super().handle_one_request()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the name is its
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, data: bytes) -> bytes:
        if path == "/v1/metrics":
            request = metrics_pb2.ExportMetricsServiceRequest.FromString(data)
            (of,) = request.resource_metrics
            for metric in of.scope_metrics[0].metrics:
                self.metrics[metric.name] = {
                    "/".join(map(str, attributes(point).values())): point.as_int or point.as_double
                    for point in metric.sum.data_points
                }
            self.measured[attributes(of.resource)["service.instance.id"]] = {**self.metrics}
            return b""
        request = pb2.ExportLogsServiceRequest.FromString(data)
        before = len(self.logs)
        for resource in request.resource_logs:
            self.resources.append(attributes(resource.resource))
            for record in resource.scope_logs[0].log_records:
                said = attributes(record)
                self.bodies.append(record.body.string_value)
                self.logs.append({"name": record.event_name, "at": record.time_unix_nano, **said})
        self.batches.append({log["ctxuse.event.id"] for log in self.logs[before:]})
        if not self.refuses:
            return b""
        answer = pb2.ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = self.refuses
        said_by: bytes = answer.SerializeToString()
        return said_by

    def keys(self) -> list[tuple[str, int]]:
        return [(log["ctxuse.event.id"], log["ctxuse.event.index"]) for log in self.logs]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def plain(value: Any) -> object:  # noqa: ANN401 - a message of protobuf
    return getattr(value, value.WhichOneof("value"))


def attributes(message: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    return {attribute.key: plain(attribute.value) for attribute in message.attributes}
