"""Faults of whole commands, short."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults.commands import hostile_hooks, stopped_commands

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_stopped_commands_lose_nothing_and_leave_no_lock(tmp_path: Path, by: int) -> None:
    found = stopped_commands(tmp_path, 18, by)
    found.assert_sound()
    assert found.acknowledged > 400


def test_hostile_input_to_hooks_ends_and_the_next_one_works(tmp_path: Path) -> None:
    found = hostile_hooks(tmp_path, skills=10)
    found.assert_sound()
    assert found.counted == found.acknowledged > 20


def test_make_starts_the_long_versions() -> None:
    recipe = re.search(r"^torture:.*\n\t(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    words = recipe[1].replace("$(BIN)", str(Path(sys.executable).parent))
    words = words.replace("$(TORTURE)", "--help")
    said = subprocess.run(
        ["/bin/sh", "-c", words], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "--scale" in said.stdout, said.stderr
