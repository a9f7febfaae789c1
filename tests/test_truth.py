"""What a real client did against a scripted model, played again: is what is recorded what entered?

`make truth` has captured it (``--save``); it says what entered by the requests of the client alone.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from truth.__main__ import HOSTS
from truth.captured import DUMP, Captured, load
from truth.compare import OF_RESIDENT, Row, compared
from truth.shop import Shop

from ctxuse import Workspace
from ctxuse.hook import run
from ctxuse.hosts import host_named
from ctxuse.hosts.parts import hook_of, hosts_with
from ctxuse.importing import import_transcripts, transcripts_in
from ctxuse.telemetry import import_telemetry

CAPTURED = Path(__file__).parent / "data/truth"

UNTOLD = {
    ("claude-code", "resident in sub-agents"): {
        f"agent/{name}"
        for name in ("claude", "Explore", "general-purpose", "keeper", "Plan", "reviewer",
                     "statusline-setup")
    },
    ("opencode", "resident"): {"agent/explore", "agent/general", "agent/reviewer"},
    ("copilot", "resident"): {"agent/reviewer"},
    ("copilot", "resident in sub-agents"): {
        "agent/reviewer", "instructions/api/AGENTS.md",
        "instructions/.github/instructions/deep/api.instructions.md",
    },
}  # fmt: skip
"""What these versions put into contexts and leave no trace of: they list agents."""

PRELOADED = {"skill/deploy"}
"""What an agent brings along: like what is loaded at the start it stands in no transcript."""

NOT_IN_TRANSCRIPTS = {
    "claude-code": {"instructions", "memory", "agent"},
    "copilot": {"agent", "instructions"},
    "opencode": {"instructions", "skill", "agent"},
}
"""Kinds of which only hooks are told; of Copilot nobody is."""

ENVIRON = {"copilot": {"COPILOT_CLI": "1"}}
"""What an agent tells its hooks by."""

TYPED_TO_HOOKS = {"opencode": {"command/fix", "command/tidy"}}
"""What the user typed of which only hooks are told."""


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory whose path is as long as it was: it is a part of some texts."""
    if os.path.realpath("/tmp") != "/tmp":  # noqa: S108 - it is made anew there
        pytest.skip("there is no /tmp whose paths are as long as those that were captured")
    made = tempfile.mkdtemp(dir="/tmp")
    monkeypatch.setenv("HOME", f"{made}/kim")
    # files are as they were then, though they were written just now
    monkeypatch.setattr("ctxuse.hosts.copilot.context.is_as_it_was", lambda *_: True)
    monkeypatch.setattr("ctxuse.hosts.copilot.hook._PATIENCE", 0)  # all that is written is there
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made)


class Played(NamedTuple):
    """What was captured of an agent, in a shop of its own."""

    host: str
    shop: Shop
    found: Captured


def hooks(played: Played) -> None:
    for payload in played.found.payloads:
        environ = {
            "HOME": str(played.shop.home), "CLAUDE_PROJECT_DIR": payload.project,
            "PWD": payload.directory, **ENVIRON.get(played.host, {}),
        }  # fmt: skip
        run([played.host], BytesIO(payload.text.encode()), environ)


def imports(played: Played) -> None:
    there = [played.shop.home / path for path in played.found.transcripts]
    kept = [str(path.with_suffix(".db") if path.suffix == DUMP else path) for path in there]
    ends = host_named(played.host).transcript_names
    files = transcripts_in(played.host, [path for path in kept if path.endswith(ends)], [])
    import_transcripts(Workspace(played.shop.root), played.host, files, cache=False)


def telemetry(played: Played) -> None:
    written = played.shop.home / "collected.jsonl"
    written.write_text(played.found.telemetry, encoding="utf-8")
    import_telemetry(Workspace(played.shop.root), [str(written)])


def rows(played: Played) -> dict[str, Row]:
    log = Workspace(played.shop.root).layout.events_path.read_text()
    return compared(played.found.truth, map(json.loads, log.splitlines()))


ORDERS = {
    "hooks": (hooks,),
    "import": (imports,),
    "both": (hooks, imports),
    "late": (imports, hooks),
    "told": (imports, telemetry),
    "all": (telemetry, hooks, telemetry, imports),
}
TELLING = {"told", "all"}
"""Of these a collector has telemetry of the agent's own, too."""

_OF_THE_PAST = {"import", "told"}


FILES = sorted(path.name for path in CAPTURED.glob("*.gz"))
PLAYED = [
    (file, order)
    for file in FILES
    for order in (ORDERS if hook_of(file.rpartition("-")[0]) else ("import",))
    if order not in TELLING or file.rpartition("-")[0] in hosts_with("telemetry")
]


@pytest.mark.parametrize(("file", "order"), PLAYED)
def test_what_is_recorded_is_what_entered(directory: Path, file: str, order: str) -> None:
    host = file.rpartition("-")[0]
    shop = Shop(directory, HOSTS[host].RECORDS)
    (shop.root / ".yoi/memory").mkdir(parents=True, exist_ok=True)
    played = Played(host, shop, load(CAPTURED / file, shop))
    for record in ORDERS[order]:
        record(played)
    kinds = rows(played)
    assert sum(row.truth for row in kinds.values()) > 200
    for kind, row in kinds.items():
        assert (row.wrong, row.doubled, row.sizes) == (0, 0, row.sized), (kind, row.differences)
        missed = {line.split(": ")[0].removeprefix("missed ") for line in row.differences}
        if kind == OF_RESIDENT:  # hooks that are played say that it is now, behind all requests
            kinds_missed = {name.split("/")[0] for name in missed - PRELOADED}
            assert kinds_missed <= NOT_IN_TRANSCRIPTS.get(host, set())
            # what stands in the prompt of the system, OpenCode's transcripts do not tell
            assert row.right > row.truth / 2 or (host, order) == ("opencode", "import")
        elif order not in _OF_THE_PAST or host not in {*NOT_IN_TRANSCRIPTS} - {"copilot"}:
            assert missed <= UNTOLD.get((host, kind), set()), kind
        elif "resident" not in kind:
            assert missed <= TYPED_TO_HOOKS.get(host, set()), kind
        else:
            told = {name for name in missed if name.split("/")[0] not in NOT_IN_TRANSCRIPTS[host]}
            assert told <= PRELOADED, kind
