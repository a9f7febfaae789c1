"""Real processes for the tests of concurrency: writers of ours, and writers like the reference."""

import subprocess
import sys
from pathlib import Path

OURS = """
import sys
from ctxuse import UsageRecordSnapshot, UsageSource, Workspace

root, writer, number, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
workspace = Workspace(root)
sys.stdin.read(1)  # all begin at once
for index in range(number):
    snapshot = UsageRecordSnapshot.from_bytes("decision", f"{writer}-{index}" + "x" * size, b"1234")
    event = workspace.append_use(writer, UsageSource.MEMORY_READ, [snapshot])
    print(event.id, flush=True)
"""

LIKE_THE_REFERENCE = """
import json, os, sys, uuid

root, writer, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = os.path.join(root, ".yoi", "memory", "_usage", "events.jsonl")
os.makedirs(os.path.dirname(path), exist_ok=True)
sys.stdin.read(1)
for index in range(number):
    event_id = str(uuid.uuid4())
    record = {"kind": "request", "slug": writer, "file_bytes": 4, "file_tokens_estimate": 1}
    line = json.dumps({
        "id": event_id, "occurred_at": "2026-01-01T00:00:00Z", "segment_id": writer,
        "event": "use", "source": "MemoryRead", "records": [record],
    })
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, line.encode())
    os.write(log, b"\\n")
    os.close(log)
    print(event_id, flush=True)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs `program` and waits for `begin`."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def begin(*processes: subprocess.Popen[str]) -> None:
    """Let the processes begin."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def ended(process: subprocess.Popen[str]) -> list[str]:
    """Wait for a process to end well and return the lines it printed: ids it was promised."""
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return printed.split()


def log_of(root: Path) -> Path:
    """Return where the log of the workspace `root` is."""
    return root / ".yoi" / "memory" / "_usage" / "events.jsonl"
