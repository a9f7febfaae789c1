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

import pytest
from truth.captured import Captured, load
from truth.compare import Row, compared
from truth.shop import Shop

from ctxuse import Workspace
from ctxuse.hook import run
from ctxuse.importing import import_transcripts

CAPTURED = Path(__file__).parent / "data/truth/claude-code-2.1.197.json.gz"

UNTOLD = {f"agent/{name}" for name in ("claude", "Explore", "general-purpose", "keeper", "Plan",
                                       "reviewer", "statusline-setup")}  # fmt: skip
"""What this version lists to a general-purpose sub-agent and leaves no trace of."""

PRELOADED = {"skill/deploy"}
"""What an agent brings along: like what is loaded at the start it stands in no transcript."""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The shop, at a path as long as it was: it is a part of some texts."""
    if os.path.realpath("/tmp") != "/tmp":  # noqa: S108 - it is made anew there
        pytest.skip("there is no /tmp whose paths are as long as those that were captured")
    directory = tempfile.mkdtemp(dir="/tmp")
    monkeypatch.setenv("HOME", f"{directory}/kim")
    try:
        made = Shop(Path(directory))
        (made.root / ".yoi/memory").mkdir(parents=True, exist_ok=True)
        yield made
    finally:
        shutil.rmtree(directory)


def hooks(shop: Shop, found: Captured) -> None:
    for payload in found.payloads:
        environ = {"HOME": str(shop.home), "CLAUDE_PROJECT_DIR": payload.project}
        run(["claude-code"], BytesIO(payload.text.encode()), environ)


def imports(shop: Shop, found: Captured) -> None:
    files = [str(shop.home / path) for path in found.transcripts if path.endswith(".jsonl")]
    import_transcripts(Workspace(shop.root), "claude-code", files, cache=False)


def rows(shop: Shop, found: Captured) -> dict[str, Row]:
    log = Workspace(shop.root).layout.events_path.read_text()
    return compared(found.truth, map(json.loads, log.splitlines()))


ORDERS = {
    "hooks": (hooks,),
    "import": (imports,),
    "both": (hooks, imports),
    "late": (imports, hooks),
}


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_recorded_is_what_entered(shop: Shop, order: str) -> None:
    found = load(CAPTURED, shop)
    for record in ORDERS[order]:
        record(shop, found)
    kinds = rows(shop, found)
    assert sum(row.truth for row in kinds.values()) > 400
    for kind, row in kinds.items():
        assert (row.wrong, row.doubled, row.sizes) == (0, 0, row.sized), (kind, row.differences)
        missed = {line.split(": ")[0].removeprefix("missed ") for line in row.differences}
        if order != "import":
            assert missed <= (UNTOLD if kind == "resident in sub-agents" else set()), kind
        elif "resident" not in kind:
            assert not missed, kind
        else:
            told = {name for name in missed - UNTOLD if name.split("/")[0] in {"skill", "command"}}
            assert told <= PRELOADED, kind
