"""Faults of many writers: *many-writers*, *beside-reference*, *kill*, *reading-along*, *lock*."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import scenarios
from faults.processes import Child, event, figures, is_locked, ours

from ctxuse import Workspace
from ctxuse.log.handle import Handle


def test_many_writers_lose_nothing_and_damage_no_line(tmp_path: Path) -> None:
    found = scenarios.many_writers(tmp_path, each=60)
    found.assert_sound()
    assert found.acknowledged == found.attempted == 8 * 60
    assert found.damaged == 0


def test_beside_reference_every_event_of_ours_counts_once(tmp_path: Path) -> None:
    found = scenarios.beside_reference(tmp_path, each=400)
    found.assert_sound()
    assert found.acknowledged == found.attempted == 8 * 400


def test_kill_loses_no_acknowledged_event_and_the_next_append_parses(tmp_path: Path) -> None:
    found = scenarios.kill(tmp_path, kills=40)
    found.assert_sound()
    assert found.acknowledged > 80


def test_reading_along_counts_only_grow(tmp_path: Path) -> None:
    found, reports = scenarios.reading_along(tmp_path, each=250)
    found.assert_sound()
    assert found.damaged == 0
    assert reports > 1


def test_archive_beside_writers_keeps_every_event_once(tmp_path: Path) -> None:
    found, archives = scenarios.archive(tmp_path, each=250)
    found.assert_sound()
    assert archives > 1
    assert len([*(tmp_path / ".yoi/memory/_usage").glob("events.*.jsonl")]) == archives


def test_threads_that_share_a_workspace_lose_nothing(tmp_path: Path) -> None:
    def work(tell: Callable[[str], None]) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only in the child

        workspace = Workspace(tmp_path)

        def append(number: int) -> None:
            fresh = event(f"thread-{number}")
            tell(f"try {fresh.id}")
            assert workspace.append(fresh) == fresh
            tell(f"ok {fresh.id}")

        with ThreadPoolExecutor(8) as pool:
            for future in [pool.submit(append, number) for number in range(400)]:
                future.result()

    found = figures(tmp_path, [Child(work).told()])
    found.assert_sound()
    assert found.acknowledged == 400
    assert found.damaged == 0


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Child]:
    """A process that holds the side lock of the workspace and has been stopped."""
    Workspace(tmp_path).append(event("before"))

    def hold(tell: Callable[[str], None]) -> None:
        handle = Handle(os.fspath(tmp_path))
        handle.ready(lock_timeout=5)
        tell("held")
        os.kill(os.getpid(), signal.SIGSTOP)
        signal.pause()

    child = Child(hold)
    child.wait_for(1)
    os.waitpid(child.pid, os.WUNTRACED)
    yield child
    if child.status is None:
        child.kill()
        child.lines()


def test_lock_held_by_a_stopped_process_does_not_stop_an_append(
    tmp_path: Path, holder: Child
) -> None:
    writer = ours(tmp_path, "writer", 3)
    told = writer.told()  # it has ended; the holder is still stopped and still holds the lock
    assert is_locked(tmp_path)
    assert holder.status is None
    found = figures(tmp_path, [told])
    found.assert_sound()
    assert found.acknowledged == 3


def test_lock_of_a_killed_process_is_free(tmp_path: Path, holder: Child) -> None:
    holder.kill()
    holder.lines()
    assert not is_locked(tmp_path)
    workspace = Workspace(tmp_path)
    assert workspace.append(event("after")) is not None


def test_lock_that_hangs_is_waited_for_once_and_not_by_every_event(
    tmp_path: Path, holder: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.status is None
    waited: list[float] = []
    monkeypatch.setattr("ctxuse.log.lock.time.sleep", waited.append)
    clock = iter(range(10_000))
    monkeypatch.setattr("ctxuse.log.lock.time.monotonic", lambda: next(clock) / 1000)
    workspace = Workspace(tmp_path)
    workspace.append(event("first"))
    first = len(waited)
    for _ in range(20):
        workspace.append(event("next"))
    assert first > 0
    assert len(waited) == first


def test_lock_file_that_is_removed_costs_nothing(tmp_path: Path) -> None:
    lock = tmp_path / ".yoi/memory/_usage/events.lock"
    workspace, other = Workspace(tmp_path), Workspace(tmp_path)
    for _ in range(5):
        assert workspace.append(event("one")) is not None
        lock.unlink(missing_ok=True)
        assert other.append(event("other")) is not None
    assert len([*workspace.events()]) == 10


def test_once_means_once_while_the_log_is_archived(tmp_path: Path) -> None:
    found = scenarios.once(tmp_path, 200, pause=0.01)
    found.assert_sound()
    assert found.counted == found.acknowledged == 200
    assert Workspace(tmp_path).check().repeated_ids == 0
