"""What many workspaces cost: steps and reads in proportion to them, counted and not timed."""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fleets import as_log, make_collected, make_workspace, some_events
from test_growth import MOST_GROWTH, instructions

from ctxuse.fleet.collect import collect
from ctxuse.fleet.compact import compact
from ctxuse.fleet.discovery import find
from ctxuse.fleet.jobs import Job
from ctxuse.fleet.packs import PACKS
from ctxuse.fleet.pieces import mark_of
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.store import LocalStore

NOW = 4_000_000_000.0


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> Counter[str]:
    """How often a method of `LocalStore` is called from now on, by the name of the file."""
    asked: Counter[str] = Counter()
    real = getattr(LocalStore, name)

    def counting(store: LocalStore, file: str, *words: Any) -> object:  # noqa: ANN401 - passed on
        asked[file] += 1
        return real(store, file, *words)

    monkeypatch.setattr(LocalStore, name, counting)
    return asked


def owned(monkeypatch: pytest.MonkeyPatch, owner_of: Callable[[str], int | None]) -> None:
    """Have files and folders belong to who `owner_of` says, and us be nobody who is known."""

    def looked_at(real: Callable[..., os.stat_result], path: Any, **more: Any) -> os.stat_result:  # noqa: ANN401 - passed on
        status, owner = real(path, **more), owner_of(os.fsdecode(path))
        return status if owner is None else os.stat_result((*status[:4], owner, *status[5:]))

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, partial(looked_at, getattr(os, name)))
    monkeypatch.setattr(os, "geteuid", lambda: 9_000)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners")
def test_an_index_is_read_once_however_many_own_the_workspaces_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        make_collected(tmp_path / f"w{number}", as_log(some_events(3, number)))
    compact(str(tmp_path), executor="threads", now=NOW)
    owned(monkeypatch, lambda path: int(path[-1]) + 70 if path[:-1].endswith("/w") else None)
    reads, looks = counted(monkeypatch, "read"), counted(monkeypatch, "believed_by")
    found = find([str(tmp_path)])
    assert found.unreadable == []
    assert all(source.packed for source in found.sources)
    assert {*reads.values()} == {1}
    assert {*looks.values()} == {1}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners")
@pytest.mark.parametrize("foreign", [PACKS, ".index", ".pack"])
def test_packs_of_one_owner_speak_for_that_ones_workspaces_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: str
) -> None:
    for number in range(2):
        make_collected(tmp_path / f"w{number}", as_log(some_events(3, number)))
    compact(str(tmp_path), executor="threads", now=NOW)
    compact(str(tmp_path), executor="threads", now=NOW + 9_000)

    def owner_of(path: str) -> int | None:
        if path[:-1].endswith("/w"):
            return 70 + int(path[-1])
        return 71 if path.endswith(foreign) else None

    owned(monkeypatch, owner_of)
    found = fleet_report([str(tmp_path)], merge_records=True, executor="threads")
    assert found.evidence.events == 3
    reasons = {Path(one.address).name: one.reason for one in found.unreadable}
    assert "what follows byte 0 is missing" in reasons.pop("w0")
    assert [*reasons.values()] == ["somebody else may have written it"]


def test_a_job_that_is_too_long_to_be_sent_is_divided_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(64):
        make_collected(tmp_path / f"w{number}", as_log(some_events(1, number)))
    monkeypatch.setattr("ctxuse.processes.MOST", 5_000)
    done = compact(str(tmp_path), workers=1, now=NOW).done
    assert (done.pieces, done.unreadable) == (64, [])
    assert 2 < done.packs <= 8


def test_a_job_has_of_its_workspaces_only_what_it_looks_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = tmp_path / "fleet", tmp_path / "to"
    asked: list[int] = []
    real = Job.as_bytes

    def as_bytes(job: Job) -> bytes:
        asked.append(sum(len(source.packed) + len(source.logs) for source in job.sources))
        return real(job)

    monkeypatch.setattr(Job, "as_bytes", as_bytes)
    for turn in range(20):
        make_workspace(fleet / "w", b"".join(as_log(some_events(90, at)) for at in range(turn + 1)))
        make_workspace(
            fleet / "w",
            as_log(some_events(1, turn)),
            f"events.{20200101 + turn}T000000.000000000Z.jsonl",
        )
        collect([str(fleet)], str(target), host="h", executor="threads")
        asked.clear()
        compact(
            str(target), executor="threads", workers=1, now=NOW + turn * 9_000, pack_size=40_000
        )
        assert max(asked) <= 10


def test_logs_of_one_first_line_are_told_apart_in_proportion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[int] = []

    def marking(data: bytes) -> str:
        marks.append(len(data))
        return mark_of(data)

    monkeypatch.setattr("ctxuse.fleet.copying.mark_of", marking)
    taken = []
    for number in (20, 200):
        fleet, target = tmp_path / f"{number}", tmp_path / f"to{number}"
        for at in range(number):
            name = f"events.{20200101 + at % 28}T{at:06}.000000000Z.jsonl"
            make_workspace(fleet / "w", b"#\n" + as_log(some_events(1, 7)) + b"%09d\n" % at, name)
        for new in (number, 0):
            marks.clear()
            done = collect([str(fleet)], str(target), host="h", executor="threads")
            assert [one.pieces for one in done.workspaces] == [new]
            taken.append(len(marks))
        assert len([*target.iterdir()]) == number
    assert taken[2] < MOST_GROWTH * taken[0]
    assert taken[3] < MOST_GROWTH * taken[1]


def test_workspaces_that_share_an_address_are_numbered_in_proportion() -> None:
    memory: Any = pytest.importorskip("fsspec").filesystem("memory")

    def taken(number: int) -> int:
        for at in range(number):
            memory.pipe_file(f"/shared/x?a={at}/.yoi/memory/_usage/events.jsonl", b"")
        return instructions(lambda: find(["memory://shared"]))

    try:
        taken(1)
        few = taken(100)
        assert taken(1_000) < MOST_GROWTH * few
        addresses = [source.address for source in find(["memory://shared"]).sources]
    finally:
        memory.rm("/shared", recursive=True)
    assert {*addresses} == {f"memory://shared/x ({at})" for at in range(1, 1_001)}
