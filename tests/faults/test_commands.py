"""Faults of whole commands, short."""

import signal
from pathlib import Path

import pytest
from faults.commands import hostile_hooks, stopped_commands


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_stopped_commands_lose_nothing_and_leave_no_lock(tmp_path: Path, by: int) -> None:
    found = stopped_commands(tmp_path, 18, by)
    found.assert_sound()
    assert found.acknowledged > 400


def test_hostile_input_to_hooks_ends_and_the_next_one_works(tmp_path: Path) -> None:
    found = hostile_hooks(tmp_path, skills=10)
    found.assert_sound()
    assert found.counted == found.acknowledged > 20
