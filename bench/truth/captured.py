"""What a run of the bench has captured, kept in one file, and played again without the client.

Paths of the machine are put down as what they stand for. Sizes of texts in which they stand hold as
long as the paths are as long as they were.
"""

import gzip
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from truth.compare import Asked, Call, Thread, Truth
from truth.shop import Shop

_BEGINNING = 1024
"""Characters in which a transcript names its session, if its name does not."""

DUMP = ".sql"
"""How the name of a file ends that holds what a database is made of, and is made one again."""

OF_SERVER = "mcp-"
"""How the segments begin of an MCP server that is not told who calls."""

OLD = 1_577_836_800
"""When the files of a shop were written that is played in: before everything, in seconds."""


class Payload(NamedTuple):
    """What a hook was handed, the project it was said to be in, and where it ran."""

    text: str
    project: str
    directory: str


class Captured(NamedTuple):
    """What was captured.

    Attributes:
        version: The client's.
        payloads: What hooks were handed, in order.
        transcripts: The transcripts, and what lies beside them, by path from the home directory.
        telemetry: What a collector has written of the client's own telemetry.
        truth: What really entered.
    """

    version: str
    payloads: Sequence[Payload]
    transcripts: Mapping[str, str]
    telemetry: str
    truth: Truth


def save(captured: Captured, shop: Shop, path: Path) -> None:
    """Write it down."""
    truth = captured.truth
    fields = {
        "version": captured.version,
        "payloads": captured.payloads,
        "transcripts": captured.transcripts,
        "telemetry": captured.telemetry,
        "threads": [[*key, thread.resident, thread.again] for key, thread in truth.threads.items()],
        "calls": {
            call_id: [call.kind, call.input, call.thread, sorted(call.entered)]
            for call_id, call in truth.calls.items()
        },
        "typed": truth.typed,
        "inner": truth.inner,
        "requests": truth.requests,
    }
    text = json.dumps(fields, ensure_ascii=False, indent=1)
    for there, sign in _signs(shop):
        text = text.replace(there, sign)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def load(path: Path, shop: Shop) -> Captured:
    """Return what was captured as if it had been in this shop; its transcripts lie there then."""
    text = gzip.decompress(path.read_bytes()).decode()
    for here, sign in _signs(shop):
        text = text.replace(sign, here)
    fields: dict[str, Any] = json.loads(text)
    truth = Truth(
        {
            (session, agent): Thread(known, Counter(*again))
            for session, agent, known, *again in fields["threads"]
            if not session.startswith(OF_SERVER)  # what a server recorded is not played
        },
        {
            call_id: Call(kind, said, (thread[0], thread[1]), {*entered})
            for call_id, (kind, said, thread, entered) in fields["calls"].items()
        },
        [(session, name) for session, name in fields["typed"]],
        [],
        fields["inner"],
        [
            Asked((thread[0], thread[1]), taken, resident)
            for thread, taken, resident in fields.get("requests", ())
        ],
    )
    for below, content in fields["transcripts"].items():
        file = shop.home / below
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        if file.suffix == DUMP:
            with closing(sqlite3.connect(file.with_suffix(".db"))) as database:
                database.executescript(content)
    for directory, _, names in os.walk(shop.home):
        for name in names:
            os.utime(Path(directory) / name, (OLD, OLD))
    payloads = [Payload(*payload) for payload in fields["payloads"]]
    return Captured(
        fields["version"], payloads, fields["transcripts"], fields.get("telemetry", ""), truth
    )


def transcripts(
    shop: Shop, kept: str, sessions: Sequence[str], slim: Callable[[str], str]
) -> dict[str, str]:
    """Return what the client has kept of some sessions, below a folder of the home directory.

    Args:
        shop: The shop.
        kept: The folder.
        sessions: The ids of the sessions.
        slim: Leaves of a transcript out what is the client's own and tells of no record.
    """
    found = {}
    for path in sorted((shop.home / kept).rglob("*")):
        is_hidden = path.name.startswith(".")  # it says something of the folder
        if not path.is_file() or not (is_hidden or path.suffix.startswith(".json")):
            continue
        text = path.read_text(encoding="utf-8")
        if is_hidden or any(one in f"{path} {text[:_BEGINNING]}" for one in sessions):
            found[str(path.relative_to(shop.home))] = text if is_hidden else slim(text)
    return found


def _signs(shop: Shop) -> list[tuple[str, str]]:
    """What stands for the paths of a machine, the longest first."""
    paths = {"{root}": str(shop.root), "{home}": str(shop.home), "{above}": str(shop.home.parent)}
    names = {f"{sign[:-1]}-name}}": re.sub("[^A-Za-z0-9]", "-", p) for sign, p in paths.items()}
    return sorted(((path, sign) for sign, path in (paths | names).items()), key=_length)[::-1]


def _length(pair: tuple[str, str]) -> int:
    return len(pair[0])
