"""A collector of OpenTelemetry, on 127.0.0.1, that writes what it is sent to a file.

Like the file exporter of the real one it writes JSON, a request a line.
"""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class Collector:
    """Takes logs as JSON as long as it is entered.

    Args:
        path: The file.

    Attributes:
        url: Where it listens; agents add the path of logs themselves, or are told it.
    """

    def __init__(self, path: Path) -> None:
        lock = threading.Lock()
        path.touch()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self._body()
                if self.headers.get("content-encoding") == "gzip":
                    data = gzip.decompress(data)
                if "resourceLogs" in (request := json.loads(data)):
                    with lock, path.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(request, ensure_ascii=False) + "\n")
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def _body(self) -> bytes:
                if self.headers.get("transfer-encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


_TELLING = frozenset({"tool_decision", "tool_result", "subagent_completed", "skill_activated"})
_TELLING |= {"api_request", "skill_invocation"}


def slim(written: str) -> str:
    """Leave out what tells of no call and no skill, and what is said of the machine."""
    lines = []
    for line in written.splitlines():
        kept = []
        for logs in json.loads(line)["resourceLogs"]:
            attributes = logs["resource"]["attributes"]
            service = [one for one in attributes if one["key"].startswith("service.")]
            records = [
                {name: record[name] for name in _FIELDS if name in record}
                for scope in logs["scopeLogs"]
                for record in scope["logRecords"]
                if _event(record) in _TELLING
            ]
            if records:
                scopes = [{"logRecords": records}]
                kept.append({"resource": {"attributes": service}, "scopeLogs": scopes})
        if kept:
            lines.append(json.dumps({"resourceLogs": kept}, ensure_ascii=False) + "\n")
    return "".join(lines)


_FIELDS = ("timeUnixNano", "observedTimeUnixNano", "body", "attributes")


def _event(record: dict[str, Any]) -> str:
    names = (one["value"] for one in record["attributes"] if one["key"] == "event.name")
    return next((name.get("stringValue", "") for name in names), "").rpartition(".")[2]
