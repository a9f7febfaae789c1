"""Packs of collected pieces: compaction beside collectors, reports, kills and forgers."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from faults.processes import Child
from fleets import BEGIN, as_log, make_fleet, make_workspace, some_events
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.errors import FleetError
from ctxuse.files import path_of
from ctxuse.fleet import opening, packs, store
from ctxuse.fleet.collect import Collecting, collect
from ctxuse.fleet.compact import GRACE, Compaction, compact
from ctxuse.fleet.folder import LEFT, Folder
from ctxuse.fleet.packs import PACKS, Ranges, packs_in
from ctxuse.fleet.pieces import (
    MARKED,
    MIXED,
    Holding,
    Part,
    Piece,
    Stream,
    collected_in,
    holdings_of,
    mark_of,
    parse,
)
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.store import LocalStore, RemoteStore, open_store
from ctxuse.ids import new_id
from ctxuse.times import SECOND, instant

NOW = 4_000_000_000.0
STREAM = "0123456789abcdef"


def collected(source: Path, target: Path, piece_size: int = 1500) -> Collecting:
    done = collect(
        [str(source)], str(target), host="h", executor="threads", workers=1, piece_size=piece_size
    )
    assert done.failed == []
    return done


def compacted(target: Path, now: float = NOW, size: int = 6000, **more: Any) -> Compaction:  # noqa: ANN401 - passed on
    return compact(str(target), executor="threads", workers=1, pack_size=size, now=now, **more)


def settled(target: Path, size: int = 6000) -> None:
    """Compact until nothing is to be done."""
    for turn in range(4):
        done = compacted(target, NOW + turn * 2 * GRACE, size)
        assert done.done.unreadable == []


def report(*places: Path, **asked: Any) -> Any:  # noqa: ANN401 - passed on
    asked = {"merge_records": True} | asked
    return fleet_report([str(place) for place in places], executor="threads", workers=1, **asked)


def log_of(root: Path) -> Path:
    return Workspace(root).layout.events_path


def files_in(place: Path | str) -> list[str]:
    if isinstance(place, str):
        return [*open_store(place).names()]
    return [path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()]


def loose_in(target: Path) -> list[Path]:
    return [*target.rglob("*.jsonl")]


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def at_operation(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something before the operation of a store with this number, or in the midst of it."""
    done = 0

    def due() -> bool:
        nonlocal done
        done += 1
        return done == number + 1

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*words: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
            if due():
                act()
            return real(*words, **more)

        return operation

    def removing(store: LocalStore, names: Iterable[str]) -> dict[str, str]:
        left: dict[str, str] = {}
        for name in names:
            if due():
                act()
            left |= real_remove(store, [name])
        return left

    real_remove = LocalStore.remove
    with pytest.MonkeyPatch.context() as patch:
        for name in ("names", "read", "copy", "write"):
            patch.setattr(LocalStore, name, wrapped(getattr(LocalStore, name)))
        patch.setattr(LocalStore, "remove", removing)
        yield


def die() -> None:
    raise Killed


class World:
    """Some workspaces, a place they are collected to, and what must be there."""

    def __init__(self, root: Path) -> None:
        self.fleet, self.target, self.now = root / "fleet", root / "to", NOW
        self.seed = self.there = self.written = 0
        for number in range(3):
            make_workspace(self.fleet / f"w{number}", b"")

    def append(self, number: int) -> None:
        self.seed += 1
        events = 1 + number % 5
        with log_of(self.fleet / f"w{number % 3}").open("ab") as log:
            log.write(as_log(some_events(events, self.seed)))
        self.written += events

    def archive(self, number: int) -> None:
        Workspace(self.fleet / f"w{number % 3}").archive()

    def collect(self) -> None:
        written = self.written
        collected(self.fleet, self.target)
        self.there = max(self.there, written)

    def compact(self) -> None:
        for _ in range(2):
            assert compacted(self.target, self.now, 20_000).done.unreadable == []

    def report(self) -> None:
        before = self.there
        if before:
            found = report(self.target)
            assert found.unreadable == ()
            assert before <= found.evidence.events <= self.written


acts = st.sampled_from(["append", "append", "archive", "collect", "collect", "compact", "report"])
steps = st.tuples(
    acts,
    st.integers(0, 20),
    st.sampled_from([0, GRACE / 2, 2 * GRACE, 2 * GRACE]),
    st.sampled_from(["", "die", "collect", "compact", "compact", "report"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=8, max_size=24))
def test_whatever_runs_beside_it_and_wherever_it_is_killed_each_event_counts_once(
    tmp_path_factory: pytest.TempPathFactory, some: list[tuple[str, int, float, str]]
) -> None:
    root = tmp_path_factory.mktemp("packs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ctxuse.fleet.compact.FEW", 2)
        play(World(root), some)
    shutil.rmtree(root)


def play(world: World, some: list[tuple[str, int, float, str]]) -> None:
    world.append(0)
    world.collect()
    for act, number, later, meanwhile in some:
        world.now += later
        if act in {"append", "archive"}:
            getattr(world, act)(number)
            continue
        other = die if meanwhile == "die" else getattr(world, meanwhile or "report")
        when = number % (8 if act == "report" else 21) if meanwhile else 10**9
        with at_operation(when, other), suppress(Killed):
            getattr(world, act)()
        world.report()
    world.collect()
    expected = report(world.fleet).fields()["records"]
    for _ in range(3):
        assert report(world.target).fields()["records"] == expected
        again = collected(world.fleet, world.target)
        assert [one.pieces for one in again.workspaces] == [0, 0, 0]
        assert [one.replaced for one in again.workspaces] == [0, 0, 0]
        world.now += 2 * GRACE
        world.compact()
    receipts = [path.parent for path in world.target.rglob("*.packed")]
    assert len(receipts) == len({*receipts})
    assert not loose_in(world.target)


@pytest.fixture
def ripe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A fleet, and a target where the next compaction packs, takes packs up and removes pieces."""
    monkeypatch.setattr("ctxuse.fleet.compact.FEW", 2)
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    for turn in range(4):
        with log_of(fleet / f"w00{turn % 2}").open("ab") as log:
            log.write(as_log(some_events(3, 100 + turn)))
        collected(fleet, target)
        if turn < 3:
            compacted(target, NOW + turn, 10**5)
    return fleet, target


def test_a_report_reads_what_it_listed_whenever_a_compaction_runs_meanwhile(
    tmp_path: Path, ripe: tuple[Path, Path]
) -> None:
    fleet, target = ripe
    expected = report(fleet).fields()["records"]
    for number in range(12):
        copy = shutil.copytree(target, tmp_path / f"copy{number}")
        done: list[Compaction] = []

        def act(place: Path = copy, done: list[Compaction] = done) -> None:
            done += [compacted(place, NOW + 2 * GRACE, 10**5) for _ in range(2)]

        with at_operation(number, act):
            found = report(copy)
        assert found.unreadable == ()
        assert found.fields()["records"] == expected
        runs = [(one.done.packs, one.done.removed > 0) for one in done]
        assert runs == [(1, True), (0, False)] or (not done and number > 3)
        assert report(copy).fields()["records"] == expected


def test_a_compaction_may_be_killed_anywhere_and_another_one_run_inside_it(
    tmp_path: Path, ripe: tuple[Path, Path]
) -> None:
    fleet, target = ripe
    expected = report(fleet).fields()["records"]
    for later in (NOW + 2 * GRACE, NOW + 4 * GRACE):
        for number in range(40):
            copy = shutil.copytree(target, tmp_path / f"copy{number}-{later}")
            killed = False
            try:
                with at_operation(number, die):
                    compacted(copy, later, 10**5)
            except Killed:
                killed = True
            assert report(copy).fields()["records"] == expected
            assert [one.pieces for one in collected(fleet, copy).workspaces] == [0, 0]
            with at_operation(number, lambda: compacted(copy, later, 10**5)):  # noqa: B023 - at once
                assert compacted(copy, later, 10**5).done.unreadable == []
            assert report(copy).fields()["records"] == expected
            for turn in (2, 4, 6, 8 + LEFT / GRACE):
                assert compacted(copy, later + turn * GRACE, 10**5).done.unreadable == []
            assert report(copy).fields()["records"] == expected
            assert not loose_in(copy)
            assert len([*copy.glob(f"{PACKS}/*")]) == 2
            shutil.rmtree(copy)
            if not killed:
                break
        assert number > 9
        compacted(target, later, 10**5)


FORMS: list[dict[str, Any]] = [
    {},
    {"merge_records": False},
    {"full": True},
    {"by": "workspace"},
    {"by": "day"},
    {"distinct_ids": True},
    {"without_actors": ["agent"]},
    {"since": instant(BEGIN + 4 * 86_400 * SECOND)},
]


def test_before_in_the_midst_and_after_reports_and_exports_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 9, 20), tmp_path / "to"
    Workspace(fleet / "w001").archive()
    make_workspace(fleet / "w001", as_log(some_events(7, 99)))

    def said() -> list[object]:
        assert run(["fleet", "export", str(target), "--to", str(tmp_path / "events")]) == 0
        shutil.rmtree(tmp_path / "events")
        ones = [report(target, **asked).fields() for asked in FORMS]
        (folder,) = target.glob("*w001*")
        return [*ones, report(folder).fields(), capsys.readouterr().out]

    collected(fleet, target)
    expected = said()
    for turn in range(4):
        done = compacted(target, NOW + turn * 2 * GRACE)
        assert done.done.unreadable == []
        assert said() == expected, turn
    assert not loose_in(target)
    assert len([*target.rglob("*.packed")]) == 10
    elsewhere = tmp_path / "elsewhere"
    collected(target, elsewhere)
    assert report(elsewhere).fields()["records"] == report(fleet).fields()["records"]


def test_small_packs_become_large_ones_and_there_are_few(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 4, 1), tmp_path / "to"
    written, there = 0, []
    for turn in range(40):
        with log_of(fleet / f"w00{turn % 4}").open("ab") as log:
            log.write(as_log(some_events(3, 100 + turn)))
        collected(fleet, target)
        written += compacted(target, NOW + turn * 2 * GRACE, 20_000).done.bytes
        there.append(len([*target.glob(f"{PACKS}/*.index")]))
    settled(target, 20_000)
    size = sum(path.stat().st_size for path in target.glob(f"{PACKS}/*.pack"))
    assert max(there) <= 4 + 4 + size // 10_000
    assert written <= 4 * size
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_what_packs_hold_goes_after_the_grace_and_when_it_was_read_back(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 5), tmp_path / "to"
    collected(fleet, target)
    number = len(loose_in(target))
    assert compacted(target).done.pieces == number
    assert compacted(target, NOW + GRACE - 1).done.removed == 0
    (pack, *_) = sorted(target.glob(f"{PACKS}/*.pack"))
    data = pack.read_bytes()
    pack.write_bytes(data[:-1] + b"x")
    done = compacted(target, NOW + GRACE)
    (said,) = done.done.unreadable
    assert said.address == str(pack)
    assert "not hold the bytes" in said.reason
    assert 0 < done.done.removed < number
    assert len(loose_in(target)) == number - done.done.removed
    assert done.done.packs > 0
    pack.write_bytes(data)
    assert compacted(target, NOW + 2 * GRACE).done.unreadable == []
    assert not loose_in(target)
    idle = compacted(target, NOW + 2 * GRACE)
    assert (idle.done.packs, idle.done.removed, idle.packs_removed) == (0, 0, 0)


def spoilt(data: bytes) -> bytes:
    """As many bytes with the same first line and the same end, and others between them."""
    first = data.index(b"\n") + 1
    assert len(data) - first > 2 * MARKED
    return data[:first] + b"#" * (len(data) - first - MARKED) + data[-MARKED:]


def test_a_pack_that_is_wrong_in_its_middle_stands_for_nothing(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 60), tmp_path / "to"
    collected(fleet, target, 10**6)
    compacted(target, size=10**6)
    (pack,) = target.glob(f"{PACKS}/*.pack")
    pack.write_bytes(spoilt(pack.read_bytes()))
    for turn in (1, 3, 5):
        done = compacted(target, NOW + turn * GRACE, 10**6)
        assert [one.address for one in done.done.unreadable] == [str(pack)]
        assert (done.done.packs, done.done.removed) == (turn == 1, 2 * (turn == 3))
        assert (done.packs_removed, pack.exists()) == (0, True)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_what_a_pack_holds_otherwise_is_not_removed_for_it(tmp_path: Path) -> None:
    make_workspace(tmp_path / "fleet" / "w", as_log(some_events(60, 1)))
    target = tmp_path / "to"
    collected(tmp_path / "fleet", target, 10**6)
    (loose,) = loose_in(target)
    data = spoilt(loose.read_bytes())
    claims = {loose.parts[-7]: ["/".join(loose.parts[-2:])]}
    index = {"sha256": sha256(data).hexdigest(), "pieces": claims}
    forged(target, index, data, "20200101T000000Z-")
    done = compacted(target)
    assert [one.reason.partition(": ")[2] for one in done.done.unreadable] == [MIXED]
    assert (done.done.removed, loose_in(target)) == (0, [loose])


def test_a_pack_that_cannot_be_read_leaves_its_workspaces_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 4), tmp_path / "to"
    collected(fleet, target)
    compacted(target)
    number = len(loose_in(target))
    bad = min(target.glob(f"{PACKS}/*.pack"))
    real = LocalStore.read

    def failing(store: LocalStore, name: str, start: int, end: int) -> bytes:
        if name.endswith(bad.name):
            raise PermissionError(13, "no")
        return real(store, name, start, end)

    monkeypatch.setattr(LocalStore, "read", failing)
    done = compacted(target, NOW + GRACE)
    assert [one.address for one in done.done.unreadable] == [str(bad)]
    assert 0 < done.done.removed < number
    monkeypatch.undo()
    assert compacted(target, NOW + GRACE).done.unreadable == []
    assert not loose_in(target)


def test_a_workspace_that_is_tried_again_is_packed_and_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 1), tmp_path / "to"
    collected(fleet, target)
    number = len(loose_in(target))
    reads, real = 0, LocalStore.read

    def failing(store: LocalStore, name: str, start: int, end: int) -> bytes:
        nonlocal reads
        reads += 1
        if reads == number // 2:
            raise OSError(5, "once")
        return real(store, name, start, end)

    monkeypatch.setattr(LocalStore, "read", failing)
    done = compacted(target, size=10**6).done
    size = sum(path.stat().st_size for path in loose_in(target))
    assert (done.pieces, done.bytes, done.packs) == (number, size, 1)
    assert done.unreadable == []


@pytest.mark.skipif(os.name != "posix", reason="folders are synced there")
def test_packs_are_on_the_disk_before_their_indexes_and_before_anything_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 1), tmp_path / "to"
    collected(fleet, target)
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        there = [path.suffix for path in (target / PACKS).iterdir()]
        synced.append("".join(sorted(there)))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    compacted(target, size=10**6)
    assert synced == ["", ".tmp", ".pack", ".pack.tmp", ".index.pack"]  # first their folder's name


def test_of_what_is_in_packs_alone_and_stays_there_no_bytes_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    put_together: list[str] = []
    real = Holding.packed_stream

    def counting(holding: Holding, until: str = "") -> Stream:
        put_together.append(until)
        return real(holding, until)

    monkeypatch.setattr(Holding, "packed_stream", counting)
    compacted(target, NOW + 99 * GRACE)
    assert put_together == []


def test_a_collector_needs_nothing_but_the_folder_of_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    make_workspace(fleet / "w001", as_log([*some_events(50, 1), *some_events(2, 9)]))
    listed: list[str] = []
    real = LocalStore.names

    def counting(store: LocalStore, below: str = "", *into: re.Pattern[str]) -> dict[str, int]:
        listed.append(below)
        return real(store, below, *into)

    monkeypatch.setattr(LocalStore, "names", counting)
    monkeypatch.setattr(LocalStore, "read", None)
    assert [one.pieces for one in collected(fleet, target).workspaces] == [0, 1, 0]
    assert len([name for name in listed if len(name.split("/")) > 1]) == 3
    monkeypatch.undo()
    assert report(target).fields()["records"] == report(fleet).fields()["records"]
    make_workspace(fleet / "w002", as_log(some_events(50, 2))[:-1000] + b"x" * 999 + b"\n")
    assert [one.replaced for one in collected(fleet, target).workspaces] == [0, 0, 1]


def test_a_pack_that_was_not_finished_goes_after_a_day(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target, 10**6)
    with at_operation(6, die), pytest.raises(Killed):  # three lists, two pieces, the pack; index
        compacted(target)
    (left,) = (target / PACKS).iterdir()
    assert left.suffix == ".pack"
    for grace in (GRACE, 0):
        compacted(target, NOW + LEFT - 1, grace=grace)
        assert left.exists()
    compacted(target, NOW + LEFT + 1)
    assert not left.exists()
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_a_pack_whose_index_comes_late_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wrote it slept; another one has listed it, and wakes it up when it writes itself."""
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    waiting: list[tuple[str, bytes]] = []
    real = LocalStore.write

    def asleep(store: LocalStore, name: str, data: bytes, *, sync: bool = False) -> None:
        if name.endswith(".index"):
            waiting.append((name, data))
            die()
        real(store, name, data, sync=sync)

    def waking(store: LocalStore, name: str, data: bytes, *, sync: bool = False) -> None:
        while waiting:
            real(store, *waiting.pop())
            late = NOW + LEFT + GRACE
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(LocalStore, "write", real)
                assert compacted(target, late, size=10**6).done.removed > 2
        real(store, name, data, sync=sync)

    monkeypatch.setattr(LocalStore, "write", asleep)
    with pytest.raises(Killed):
        compacted(target, size=10**6)
    (left,) = (target / PACKS).iterdir()
    monkeypatch.setattr(LocalStore, "write", waking)
    compacted(target, NOW + LEFT + GRACE, size=10**6)
    assert waiting == []
    assert left.exists()
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_a_pack_that_took_long_to_write_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    at, number = NOW, 0
    real = LocalStore.write

    def slow(store: LocalStore, name: str, data: bytes, *, sync: bool = False) -> None:
        nonlocal at, number
        real(store, name, data, sync=sync)
        number += name.endswith(".pack")
        at += LEFT / 2 if number == 1 else 1

    monkeypatch.setattr(LocalStore, "write", slow)
    monkeypatch.setattr("time.time", lambda: at)
    assert compacted(target, size=10**6).done.packs == 1
    first, second = sorted((target / PACKS).glob("*.pack"))
    assert not first.with_suffix(".index").exists()
    assert second.with_suffix(".index").exists()
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


LOST = "what follows byte 0 is missing"


def reasons_of(unreadable: Any) -> list[str]:  # noqa: ANN401 - those of reports and of jobs
    return [one.reason.partition(": ")[2] for one in unreadable]


@pytest.mark.parametrize("place", ["to", "memory://lost-packs"])
def test_a_lost_pack_is_said_until_what_it_held_was_copied_again(
    tmp_path: Path, place: str
) -> None:
    fleet = make_fleet(tmp_path / "fleet", 3)
    target: Any = place if "://" in place else tmp_path / place
    collected(fleet, target, 10**6)
    settled(target, 10**6)
    store = open_store(str(target))
    lost = [name for name in files_in(target) if name.startswith(PACKS)]
    saved = {name: store.read(name, 0, 10**9) for name in lost}
    expected = report(fleet).fields()["records"]
    store.remove(lost)
    assert reasons_of(report(target).unreadable) == [LOST] * 3
    assert [one.pieces for one in collected(fleet, target).workspaces] == [0, 0, 0]
    for turn in range(3):
        assert reasons_of(compacted(target, NOW + turn * 2 * GRACE).done.unreadable) == [LOST] * 3
        found = report(target)
        assert (found.evidence.events, reasons_of(found.unreadable)) == (0, [LOST] * 3)
        assert len([name for name in files_in(target) if name.endswith(".lost")]) == 3
    assert [one.pieces > 0 for one in collected(fleet, target).workspaces] == [True] * 3
    assert report(target).unreadable == ()
    for name, data in saved.items():  # a backup
        store.write(name, data)
    assert report(target).fields()["records"] == expected
    store.remove(lost)
    assert report(target).fields()["records"] == expected
    settled(target)
    assert report(target).fields()["records"] == expected
    assert [one.pieces for one in collected(fleet, target).workspaces] == [0] * 3
    assert not [name for name in files_in(target) if name.endswith(("lost", "jsonl"))]
    store.remove(files_in(target))


def test_what_was_lost_is_said_though_another_log_is_in_its_place(tmp_path: Path) -> None:
    """One that begins as it did: of it nothing is put where the other one was, nor twice."""
    fleet, target = tmp_path / "fleet", tmp_path / "to"
    first, rest = as_log(some_events(2, 1)), [as_log(some_events(9, number)) for number in (2, 3)]
    make_workspace(fleet / "w", first + rest[0])
    collected(fleet, target)
    settled(target)
    shutil.rmtree(target / PACKS)
    assert reasons_of(compacted(target).done.unreadable) == [LOST]
    make_workspace(fleet / "w", first + rest[1] * 2)
    for turn in range(3):
        collected(fleet, target)
        found = report(target)
        assert (found.evidence.events, reasons_of(found.unreadable)) == (20, [LOST])
        assert reasons_of(compacted(target, NOW + turn * 2 * GRACE).done.unreadable) == [LOST]


def test_what_is_there_before_a_gap_is_not_copied_again(tmp_path: Path) -> None:
    make_workspace(tmp_path / "fleet" / "w", as_log(some_events(9, 1)))
    fleet, target = tmp_path / "fleet", tmp_path / "to"
    collected(fleet, target)
    compacted(target)
    size = log_of(fleet / "w").stat().st_size
    with log_of(fleet / "w").open("ab") as log:
        log.write(as_log(some_events(9, 2)))
    collected(fleet, target)
    compacted(target, NOW + 1)
    compacted(target, NOW + 2 * GRACE)
    second = max(target.glob(f"{PACKS}/*.index"))
    second.unlink()
    second.with_suffix(".pack").unlink()
    assert reasons_of(compacted(target, NOW + 2 * GRACE).done.unreadable) == [
        f"what follows byte {size} is missing"
    ]
    again = collected(fleet, target).workspaces
    assert sum(one.bytes for one in again) == log_of(fleet / "w").stat().st_size - size
    settled(target)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_what_says_falsely_that_something_was_lost_costs_a_copy_and_goes(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 1), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    (receipt,) = target.rglob("*.packed")
    lost = Piece(0, STREAM, 0, 0, "0" * 16, "lost").name.rpartition("/")[2]
    for copies in (False, True):
        receipt.with_name(lost).touch()
        if copies:
            assert collected(fleet, target).workspaces[0].pieces > 0
        settled(target)
        assert [path.name for path in receipt.parent.iterdir()] == [receipt.name]
        assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_a_stream_that_is_left_keeps_the_packs_that_hold_something_of_it_alone(
    tmp_path: Path,
) -> None:
    def packs_after(rounds: int, *, bad: bool) -> int:
        fleet, target = make_fleet(tmp_path / f"fleet-{bad}", 2, 5), tmp_path / f"to-{bad}"
        growing = Workspace(fleet / "w000")
        for turn in range(rounds):
            growing.archive()
            growing.append(an_event(id=new_id(turn)))
            collected(fleet, target)
            if bad and turn == 1:
                stream = min(target.glob("*w000*/.yoi/memory/_usage/collected/*"))
                (stream / f"{0:016}-{10:016}.{'0' * 16}.jsonl").write_bytes(b"z" * 10)
            done = compacted(target, NOW + turn * 2 * GRACE, 10**6)
            assert bool(done.done.unreadable) == (bad and turn > 0)
        return len([*target.glob(f"{PACKS}/*.pack")])

    assert packs_after(24, bad=True) <= packs_after(24, bad=False) + 3


@pytest.mark.parametrize("gone", ["_usage/collected", "_usage"])
def test_where_the_folder_is_gone_of_what_packs_hold_that_is_said(
    tmp_path: Path, gone: str
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    memory = next(target.glob("*w001*")) / ".yoi" / "memory"
    shutil.rmtree(memory / gone)
    for place in (target, f"file://{target}"):
        found = fleet_report([str(place)], executor="threads", workers=1)
        (said,) = found.unreadable
        assert "w001" in said.address
        assert "packs hold logs of it" in said.reason
    (memory / "_usage" / "collected").mkdir(parents=True)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


@pytest.mark.skipif(
    not hasattr(os, "O_PATH") or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root may become somebody else",
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_that_may_only_be_gone_through_is(tmp_path: Path, *, packed: bool) -> None:
    target = tmp_path / "to"
    collected(make_fleet(tmp_path / "fleet", 2, 5), target)
    if packed:
        settled(target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    target.chmod(0o711)
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o11)
    folder = str(next(target.glob("*w001*")))

    def work(tell: Callable[[str], None]) -> None:
        os.setgid(65534)
        os.setuid(65534)
        found = fleet_report([folder], executor="threads", workers=1)
        tell(f"{found.evidence.events} {len(found.unreadable)}")

    assert Child(work).lines() == ["5 0"]


def test_a_workspace_of_which_only_packs_hold_something_is_counted(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    shutil.rmtree(next(target.glob("*w001*")))
    for place in (target, f"file://{target}"):
        found = fleet_report([str(place)], executor="threads", workers=1, merge_records=True)
        assert found.fields()["records"] == report(fleet).fields()["records"]
    assert report(next(target.glob("*w002*"))).evidence.events == 5
    for folder in target.glob("*w00*"):
        shutil.rmtree(folder)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]
    folder.mkdir()
    assert report(target).fields()["records"] == report(fleet).fields()["records"]
    for pack in target.glob(f"{PACKS}/*.pack"):
        pack.unlink()
    said = {one.reason for one in report(target).unreadable}
    assert said == {"what packs held of it is missing", "it is missing, and its index is there"}
    assert len(report(target).unreadable) == 4
    for path in (target / PACKS).iterdir():
        path.unlink()
    (one,) = report(target).unreadable
    assert "no workspace is in it" in one.reason


def test_an_index_that_vanishes_while_it_is_read_has_all_listed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    before = sorted(path.name for path in target.rglob("*"))
    real, times = LocalStore.read, 2

    def vanishing(store: LocalStore, name: str, start: int, end: int) -> bytes:
        nonlocal times
        if name.endswith(".index") and times:
            times -= 1
            raise FileNotFoundError(2, "gone")
        return real(store, name, start, end)

    monkeypatch.setattr(LocalStore, "read", vanishing)
    assert compacted(target).done.unreadable == []
    times = 2
    assert report(target).evidence.events == 10
    times = 99
    with pytest.raises(FleetError, match="packs are removed while they are listed"):
        compacted(target)
    said = {one.address: one.reason for one in report(target).unreadable}
    assert said[str(target / PACKS)] == "packs are removed while they are listed"
    assert before == sorted(path.name for path in target.rglob("*"))


def test_mixed_pieces_and_gaps_are_left_as_they_are_and_the_others_are_packed(
    tmp_path: Path,
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 4), tmp_path / "to"
    collected(fleet, target)
    mixed, gap = (sorted(next(target.glob(f"*w00{n}*")).rglob("*.jsonl")) for n in (1, 2))
    piece = parse("/".join(mixed[0].parts[-2:]))
    assert piece is not None
    (mixed[0].parents[1] / piece._replace(mark="0" * 16).name).write_bytes(mixed[0].read_bytes())
    gap[1].unlink()
    reasons = [MIXED, f"what follows byte {gap[0].stat().st_size} is missing"]
    for turn in range(3):
        done = compacted(target, NOW + turn * 2 * GRACE).done
        assert [one.reason.partition(": ")[2] for one in done.unreadable] == reasons
    left = {path.parts[-7] for path in loose_in(target)}
    assert left == {mixed[0].parts[-7], gap[0].parts[-7]}
    assert len(loose_in(target)) == len(mixed) + len(gap)
    found = report(target)
    assert [one.reason.partition(": ")[2] for one in found.unreadable] == reasons
    assert found.evidence.events == 100


def forged(target: Path, index: object, data: bytes = b"", time: str = "21000101T000000Z-") -> Path:
    """A pack with an index whose hash is that of its name."""
    raw = index if isinstance(index, bytes) else json.dumps(index).encode()
    name = f"{time}{sha256(raw).hexdigest()[:32]}"
    path = target / PACKS / f"{name}.index"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw)
    path.with_suffix(".pack").write_bytes(data)
    return path


PIECE = Piece(0, STREAM, 0, 9, "0" * 16).name
HUGE = Piece(0, STREAM, 0, 10**16 - 1, "0" * 16).name


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        {"sha256": "", "pieces": {"w": [HUGE]}},
        {"sha256": "", "pieces": {"w": [PIECE, PIECE]}},
        {"sha256": "", "pieces": {"w": [PIECE.replace("jsonl", "packed")]}},
        {"sha256": "", "pieces": {"../w": [PIECE]}},
        {"sha256": "", "pieces": {"..": [PIECE]}},
        {"sha256": "", "pieces": {"a\x1b[2J\nb": [PIECE]}},
        {"sha256": "", "pieces": {"w": ["../../etc/passwd"]}},
        {"sha256": "", "pieces": {"w": [9**99]}},
        {"sha256": 9**99, "pieces": {}},
    ],
)
def test_a_forged_index_is_listed_with_a_reason_and_the_others_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], index: object
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    path = forged(target, index, b"x" * 9)
    assert run(["fleet", "report", str(target), "--by", "kind", "--format", "json"]) == 3
    captured = capsys.readouterr()
    (place,) = json.loads(captured.out)["unreadable"]
    assert place["address"] == str(path)
    assert "no index of a pack" in place["reason"]
    assert report(target).evidence.events == 10
    assert run(["fleet", "compact", str(target)]) == 3
    captured = capsys.readouterr()
    assert "no index of a pack" in captured.err
    assert "Traceback" not in captured.err
    assert "\x1b" not in captured.err
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_an_index_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = forged(tmp_path, b" " * 100)
    monkeypatch.setattr(packs, "_LARGEST_INDEX", 99)
    monkeypatch.setattr(LocalStore, "read", None)
    here = LocalStore(str(tmp_path))
    assert [*packs_in(here, here.names(PACKS)).troubles] == [f"{PACKS}/{path.name}"]


def test_a_pack_that_claims_what_it_does_not_hold_removes_nothing(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 30), tmp_path / "to"
    collected(fleet, target)
    compacted(target)
    before = sorted(path.name for path in target.rglob("*") if path.is_file())
    claims: dict[str, list[str]] = {}
    size = 0
    for path in loose_in(target):
        claims.setdefault(path.parts[-7], []).append("/".join(path.parts[-2:]))
        size += path.stat().st_size
    bytes_of = b"x" * size
    lying = forged(target, {"sha256": sha256(bytes_of).hexdigest(), "pieces": claims}, bytes_of)
    done = compacted(target, 5_000_000_000)
    assert {one.reason.partition(": ")[2] for one in done.done.unreadable} == {MIXED}
    assert (done.done.removed, done.packs_removed) == (0, 0)
    for path in (lying, lying.with_suffix(".pack")):
        path.unlink()
    assert before == sorted(path.name for path in target.rglob("*") if path.is_file())
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_a_live_workspace_has_nothing_to_do_with_packs_beside_it(tmp_path: Path) -> None:
    make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    path = forged(tmp_path, {"sha256": "", "pieces": {"w": [PIECE]}}, b"x" * 9)
    for _ in range(2):
        found = report(tmp_path / "w")
        assert (found.evidence.events, found.unreadable) == (3, ())
        path.chmod(0o666)
    assert collected(tmp_path / "w", tmp_path / "to").failed == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners")
def test_what_others_may_have_written_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    (index,) = target.glob(f"{PACKS}/*.index")
    pieces = next(target.rglob("collected"))
    for path in (target / PACKS, index, index.with_suffix(".pack"), pieces):
        for mode in (0o020, 0o002):
            before = path.stat().st_mode
            path.chmod(before | mode)
            said = {one.address: one.reason for one in report(target).unreadable}
            shown = path if path.parent == target else index
            reason = said.get(str(pieces.parents[3] if path == pieces else shown), "")
            assert "somebody else may have written it" in reason
            path.chmod(before)
    pieces.chmod(0o770)
    pieces.parent.chmod(0o770)  # who may write there may write logs of the workspace, too
    assert report(target).unreadable == ()
    mine = (target / PACKS).stat().st_uid
    real = Folder.status

    def of_another(folder: Folder, name: str) -> os.stat_result:
        status = real(folder, name)
        if PACKS not in f"{folder.path}/{name}":
            return status
        return os.stat_result((*status[:4], owners[0], *status[5:]))

    monkeypatch.setattr(Folder, "status", of_another)
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    for owner, good in ((mine + 2, False), (mine, True), (mine + 1, True), (0, True)):
        owners = [owner]
        assert (report(target).unreadable == ()) == good
        if not good:
            with pytest.raises(FleetError, match="somebody else may have written it"):
                compacted(target)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners")
def test_what_no_report_believes_goes_into_no_pack(tmp_path: Path) -> None:
    """Who may write it could take the folder away, and what packs hold of it would be believed."""
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    pieces = next(target.rglob("collected"))
    before = pieces.stat().st_mode
    pieces.chmod(before | 0o002)
    number = len([*pieces.rglob("*.jsonl")])
    for turn in range(3):
        (said,) = compacted(target, NOW + turn * 2 * GRACE).done.unreadable
        (also,) = report(target).unreadable
        assert said == also
        assert said.reason == f"collected: {store.FOREIGN}"
    assert len(loose_in(target)) == len([*pieces.rglob("*.jsonl")]) == number
    pieces.chmod(before)
    settled(target)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


def test_a_link_in_the_place_of_packs_is_not_followed(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    (target / PACKS).rename(tmp_path / "moved")
    (target / PACKS).symlink_to(tmp_path / "moved")
    reasons = {one.address: one.reason for one in report(target).unreadable}
    assert "links are not followed" in reasons.pop(str(target / PACKS))
    assert len(reasons) == 2
    (target / PACKS).unlink()
    (tmp_path / "moved").rename(target / PACKS)
    (index,) = target.glob(f"{PACKS}/*.index")
    index.rename(tmp_path / index.name)
    index.symlink_to(tmp_path / index.name)
    assert len(report(target).unreadable) == 2


def test_no_workspace_is_looked_for_among_packs_nor_can_be_called_so(tmp_path: Path) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    make_workspace(target / PACKS / "w", as_log(some_events(3, 9)))
    assert report(target).evidence.events == 10
    strange = target / "a b\x1b"
    shutil.copytree(next(target.glob("*w001*")), strange)
    (one,) = compacted(target).done.unreadable
    assert one.reason == "no collector gives a folder such a name"
    assert report(target).evidence.events == 15


def test_a_folder_that_cannot_be_listed_is_said_and_the_others_are_compacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3, 5), tmp_path / "to"
    collected(fleet, target)
    store = open_store(str(target))
    store.write("lost+found/file", b"")
    store.write("deep/in/here/file", b"")
    real = LocalStore.names
    listed: list[str] = []

    def names(store: LocalStore, below: str = "", *into: re.Pattern[str]) -> dict[str, int]:
        listed.append(below)
        if "lost" in below or "w001" in below:
            raise PermissionError(13, "Permission denied")
        return real(store, below, *into)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "names", names)
        for turn in range(3):
            done = compacted(target, NOW + turn * 2 * GRACE)
            said = {one.address.rpartition("/")[2]: one.reason for one in done.done.unreadable}
            (left,) = said.keys() - {"lost+found"}
            assert "w001" in left
            assert {*said.values()} == {"Permission denied"}
        assert "" not in listed
        assert all(name == PACKS or name.endswith("collected") for name in listed)
    assert {"w001" in str(path) for path in loose_in(target)} == {True}
    settled(target)
    assert report(target).evidence.events == 15


def unremovable(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Have no file be removed that has `part` in its path."""
    real = os.unlink

    def unlink(path: str, *, dir_fd: int | None = None) -> None:
        if part in path or (dir_fd is not None and part in path_of(dir_fd)):
            raise PermissionError(13, "Permission denied")
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)


def test_what_cannot_be_removed_is_said_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 4), tmp_path / "to"
    collected(fleet, target)
    number = len(loose_in(target))
    compacted(target)
    unremovable(monkeypatch, "w001")
    for turn in (1, 2):
        done = compacted(target, NOW + turn * GRACE)
        (said,) = done.done.unreadable
        assert "w001" in said.address
        assert said.reason == "what packs hold of it cannot be removed: Permission denied"
        left = loose_in(target)
        assert {"w001" in str(path) for path in left} == {True}
        assert done.done.removed == (number - len(left) if turn == 1 else 0)
    monkeypatch.undo()
    settled(target)
    assert not loose_in(target)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


@pytest.mark.parametrize("kind", ["index", "pack"])
def test_a_pack_that_cannot_be_removed_is_said_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 4), tmp_path / "to"
    collected(fleet, target)
    compacted(target, size=4000)
    packs = sorted(path.name for path in (target / PACKS).glob(f"*.{kind}"))
    unremovable(monkeypatch, packs[0])
    for turn in range(1, 4):
        compacted(target, NOW + turn * GRACE, 10**6)
    done = compacted(target, NOW + 4 * GRACE + LEFT, 10**6)
    assert [Path(one.address).name for one in done.done.unreadable] == [packs[0]]
    assert done.done.unreadable[0].reason == "it cannot be removed: Permission denied"
    left = {path.stem for path in (target / PACKS).iterdir()}
    assert left & {Path(name).stem for name in packs} == {Path(packs[0]).stem}
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are UTF-8 there")
def test_names_that_are_no_utf8_stop_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    for folder in (next(target.rglob("collected")), next(target.rglob("0*-*")), target / "\udcff"):
        (folder / "\udcff" / "\udcff").mkdir(parents=True)
        (folder / "\udcff" / "\udcff.jsonl").write_bytes(b"{}")
    for command in (["compact"], ["report", "--actor", "\udcff"],
                    ["report", "--without", "\udcff"], ["report", "--kind", "\udcff"],
                    ["collect", "--host", "\udcff", "--to", str(tmp_path / "more")]):  # fmt: skip
        for executor in ("threads", "processes"):
            named = [command[0], str(target), *command[1:], "--executor", executor]
            assert run(["fleet", *named]) == 0, capsys.readouterr().err
    settled(target)
    assert {path.name for path in loose_in(target)} == {"\udcff.jsonl"}
    for place in (target, tmp_path / "more"):
        assert report(place).fields()["records"] == report(fleet).fields()["records"]


def test_folders_of_an_address_are_listed_where_it_is_a_tree(tmp_path: Path) -> None:
    for name in ("a/file", "b/c/file", "file"):
        LocalStore(str(tmp_path)).write(name, b"")
    for place in (tmp_path, tmp_path / "none"):
        there = ["a", "b"] if place == tmp_path else []
        assert RemoteStore(f"local://{place}").folders() == there
    assert LocalStore(str(tmp_path)).folders() == ["a", "b"]
    assert RemoteStore("memory://").folders() is None


def test_a_folder_in_which_nothing_was_collected_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for place, reason in {"none": "no such folder", "empty": "nothing was collected"}.items():
        assert run(["fleet", "compact", str(tmp_path / place)]) == 3
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert run(["fleet", "compact", "nosuch://kim:hunter2hunter2@host/to"]) == 3
    assert "hunter2" not in capsys.readouterr().err


def test_bytes_are_read_in_long_stretches(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(os.urandom(3 * packs.READ_AHEAD))
    data, asked = (tmp_path / "pack").read_bytes(), []

    class Counting(LocalStore):
        def read(self, name: str, start: int, end: int) -> bytes:
            asked.append(end - start)
            return super().read(name, start, end)

    ranges = Ranges(Counting(str(tmp_path)), {"pack": len(data)})
    for start in range(0, len(data), 10_000):
        end = min(start + 10_000, len(data))
        assert ranges.read("pack", start, end) == data[start:end]
    assert len(asked) <= 4
    assert sum(asked) <= len(data) + 4 * 10_000
    with pytest.raises(OSError, match="shorter"):
        ranges.read("pack", len(data), len(data) + 1)


def test_pieces_that_do_not_touch_are_taken_up_in_one_sweep() -> None:
    def seconds(number: int) -> float:
        pieces = [Piece(0, STREAM, 2 * at, 2 * at + 1, "") for at in reversed(range(number))]
        holding = Holding.nothing()._replace(packed=[(piece, Part("p", 0, "")) for piece in pieces])
        begin = process_time()
        assert len(holding.in_packs()) == number
        return process_time() - begin

    few = min(seconds(10_000) for _ in range(3))
    assert min(seconds(120_000) for _ in range(2)) < 40 * few


def test_a_hole_in_a_pack_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 * 1024 * 1024
    piece = Piece(0, STREAM, 0, size, mark_of(bytes(MARKED)))
    make_workspace(tmp_path / "w", b"")
    (Workspace(tmp_path / "w").layout.events_path.parent / "collected").mkdir()
    path = forged(tmp_path, {"sha256": "", "pieces": {"w": [piece.name]}})
    with path.with_suffix(".pack").open("r+b") as file:
        file.truncate(size)
    found: list[os.stat_result] = []
    real = opening.logs_of

    def looked_at(*words: Any) -> Iterator[opening.Opened]:  # noqa: ANN401 - passed on
        for opened in real(*words):
            found.append(os.fstat(opened.log.descriptor))
            yield opened

    monkeypatch.setattr("ctxuse.fleet.counting.logs_of", looked_at)
    report(tmp_path)
    assert found[-1].st_size == size
    assert found[-1].st_blocks * 512 < size // 4


def of_newlines(target: Path, spans: Iterable[tuple[int, int]], byte: bytes = b"\n") -> list[Path]:
    """Pieces of a log of newlines, or of zeros that are holes, in the folder of one workspace."""
    first = sha256(b"" if byte == b"\n" else byte * 1024 * 1024).hexdigest()[:16]
    made = []
    for start, end in spans:
        mark = sha256(byte * min(MARKED, end)).hexdigest()[:16]
        path = target / collected_in("w") / Piece(0, first, start, end, mark).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if byte == b"\0" else byte * (end - start))
        os.truncate(path, end - start)
        made.append(path)
    return made


def test_pieces_of_a_byte_are_packed_in_a_read_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names hold the hash of what is before their ends, which is kept."""
    of_newlines(tmp_path, ((at, at + 1) for at in range(300)))
    read: list[str] = []
    real = Ranges.read

    def reading(ranges: Ranges, name: str, start: int, end: int) -> bytes:
        read.append(name)
        return real(ranges, name, start, end)

    monkeypatch.setattr(Ranges, "read", reading)
    assert compacted(tmp_path).done.pieces == 300
    assert len(read) == 300


def test_holes_of_what_packs_hold_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They overlap with a piece of zeros that was packed, in a file of a few bytes each."""
    size = 10**6
    of_newlines(tmp_path, [(0, 2 * size)], b"\0")
    assert compacted(tmp_path, size=10**7).done.pieces == 1
    pieces = of_newlines(tmp_path, ((at, at + size) for at in range(100)), b"\0")
    read = 0
    real = LocalStore.read

    def reading(store: LocalStore, name: str, start: int, end: int) -> bytes:
        nonlocal read
        read += end - start
        return real(store, name, start, end)

    monkeypatch.setattr(LocalStore, "read", reading)
    done = compacted(tmp_path, NOW + 2 * GRACE, 10**7).done
    assert reasons_of(done.unreadable) == [store.IN_HOLES]
    assert read < 10 * size
    assert all(piece.exists() for piece in pieces)


@pytest.mark.skipif(os.name != "posix", reason="files are told apart there")
def test_a_file_under_two_names_is_no_two_pieces(tmp_path: Path) -> None:
    """But a copy of hard links is a copy, and receipts, which are empty, are what they are."""
    first, second = of_newlines(tmp_path / "to", [(0, 10**5), (10**5, 2 * 10**5)])
    copy = shutil.copytree(tmp_path / "to", tmp_path / "copy", copy_function=os.link)
    for place in (tmp_path / "to", copy):
        assert report(place).unreadable == ()
    again = first.parent.with_name(first.parent.name[:-1] + "0") / first.name
    again.parent.mkdir()
    again.hardlink_to(first)
    (said,) = report(tmp_path / "to").unreadable
    assert "under another name" in said.reason
    again.unlink()
    second.unlink()
    second.hardlink_to(first)
    (said,) = report(tmp_path / "to").unreadable
    assert "under another name" in said.reason
    done = compacted(tmp_path / "to").done
    assert (done.pieces, [one.reason for one in done.unreadable]) == (0, [said.reason])
    assert report(copy).unreadable == ()
    (tmp_path / "one.packed").touch()
    (tmp_path / "two.packed").hardlink_to(tmp_path / "one.packed")
    assert len(LocalStore(str(tmp_path)).names()) == 2


def test_of_packs_with_one_index_a_report_reads_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    compacted(target, size=10**6)
    (index,) = (target / PACKS).glob("*.index")
    _, _, digest = index.stem.rpartition("-")
    for number in range(9):
        for path in (index, index.with_suffix(".pack")):
            shutil.copy(path, path.with_name(f"2000010{number}T000000Z-{digest}{path.suffix}"))
    expected = report(fleet).fields()["records"]
    read: list[str] = []
    real = LocalStore.read

    def reading(store: LocalStore, name: str, start: int, end: int) -> bytes:
        read.append(name)
        return real(store, name, start, end)

    monkeypatch.setattr(LocalStore, "read", reading)
    assert report(target).fields()["records"] == expected
    assert [name for name in read if name.endswith(".index")] == [f"{PACKS}/{index.name}"]
    index.with_suffix(".pack").unlink()
    assert report(target).fields()["records"] == expected
    index.unlink()
    settled(target, 10**6)
    assert len([*(target / PACKS).glob("*.index")]) == 1
    assert report(target).fields()["records"] == expected


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="nobody says what was read")
def test_a_hole_in_a_pack_is_not_read(tmp_path: Path) -> None:
    """Packs may lie in any folder that is searched; also with some data between holes."""

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    for size in (10**9, 10**12):
        target = tmp_path / str(size)
        target.mkdir()
        piece = Piece(0, STREAM, 0, size, mark_of(bytes(MARKED)))
        for time in ("20200101T000000Z-", "20200102T000000Z-"):
            path = forged(target, {"sha256": "", "pieces": {"w": [piece.name]}}, time=time)
            with path.with_suffix(".pack").open("r+b") as file:
                file.truncate(size)
                for at in range(0, size, size // 5):
                    file.seek(at)
                    file.write(b"\n")
        before = bytes_read()
        assert report(target).unreadable == ()
        done = collect([str(target)], str(tmp_path / "to"), host="h", executor="threads")
        assert [store.IN_HOLES in one.reason for one in done.failed] == [True]
        said = compacted(target).done.unreadable
        assert {one.reason for one in said if PACKS in one.address} == {store.IN_HOLES}
        assert bytes_read() - before < 50_000_000


@pytest.mark.parametrize(("bound", "most"), [("_MOST_INDEXED", 300), ("_MOST_ENTRIES", 2)])
def test_indexes_that_are_too_many_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 3, 5), tmp_path / "to"
    collected(fleet, target)
    settled(target)
    monkeypatch.setattr(packs, bound, most)
    (said, *_) = report(target).unreadable
    assert said.address == str(target / PACKS)
    assert f"more than {most}" in said.reason
    with pytest.raises(FleetError, match=f"more than {most}"):
        compacted(target)


@pytest.mark.parametrize("order", ["000000000000000000001", "0" * 21])
def test_a_name_of_a_piece_is_the_one_that_is_written_for_it(order: str) -> None:
    assert parse(f"{order}-{STREAM}/{0:016}-{9:016}.{'0' * 16}.jsonl") is None
    assert parse(f"1{order[1:]}-{STREAM}/{0:016}-{9:016}.{'0' * 16}.jsonl") is not None


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(0, 4)), max_size=14)


@given(spans)
def test_what_a_later_pack_holds_is_read_there_and_nothing_is_left_out(
    some: list[tuple[int, int, int]],
) -> None:
    parts, files = [], {}
    for start, length, pack in some:
        piece = Piece(7, STREAM, start, start + length, "0" * 16)
        if pack:
            parts.append(Part(f"p{pack}", 0, piece.name))
        else:
            files[piece.name] = length
    for holding in holdings_of(files, parts).values():
        there = {at for start, length, _ in some for at in range(start, start + length)}
        taken = [at for step in holding.stream().steps for at in range(step.start, step.piece.end)]
        assert taken == [*range(next(at for at in range(100) if at not in there))]
        kept = holding.in_packs()
        in_packs = {at for start, n, pack in some if pack for at in range(start, start + n)}
        assert {at for piece, _ in kept for at in range(piece.start, piece.end)} == in_packs
        for piece, part in holding.packed:
            later = {at for p, other in kept if other.pack > part.pack
                     for at in range(p.start, p.end)}  # fmt: skip
            assert (
                (piece, part) in kept
                or later.issuperset(range(piece.start, piece.end))
                or any(other.pack == part.pack for _, other in kept)
            )


def read_of(stream: Stream, start: int) -> list[tuple[int, int, str | None]]:
    """Which bytes are read from where; of pieces of one pack that hold the same, either may be."""
    steps = stream.between(start, stream.end)
    each = ((max(one.start, start), one.piece.end, one.part and one.part.pack) for one in steps)
    united: list[tuple[int, int, str | None]] = []
    for begin, end, pack in each:
        goes_on = bool(united) and united[-1][2] == pack
        united.append((united.pop()[0] if goes_on else begin, end, pack))
    return united


@given(spans, st.sets(st.integers(1, 4)), st.integers(1, 4))
def test_what_is_sent_to_a_worker_says_as_much_as_all_that_is_known(
    some: list[tuple[int, int, int]], moved: set[int], until: int
) -> None:
    parts, files = [], {}
    for start, length, pack in some:
        piece = Piece(7 + pack, STREAM, start * 1_000, (start + length) * 1_000, "0" * 16)
        if pack:
            parts.append(Part(f"p{pack}", 0, piece.name))
        else:
            files[piece.name] = piece.size
    packs = {f"p{pack}" for pack in moved}
    for whole in holdings_of(files, parts).values():
        less = whole.without_rest(f"p{until}", packs)
        sent = {piece.name: piece.bytes for piece in less.loose}
        (less,) = holdings_of(sent, [part for _, part in less.packed]).values()
        looked_at = [*((piece, None) for piece in whole.loose),
                     *(one for one in whole.packed if one[1].pack in packs)]  # fmt: skip
        assert looked_at == [*((piece, None) for piece in less.loose),
                             *(one for one in less.packed if one[1].pack in packs)]  # fmt: skip
        first = min((piece.start for piece, _ in looked_at), default=10**6) - MARKED
        assert whole.stream().order == less.stream().order
        for get in (
            Holding.stream,
            Holding.packed_stream,
            partial(Holding.packed_stream, until=f"p{until}"),
        ):
            here, there = get(whole), get(less)
            assert (here.end, here.trouble) == (there.end, there.trouble)
            assert read_of(here, first) == read_of(there, first)


def test_a_pack_is_as_old_as_it_is_and_not_as_the_run_that_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    collected(fleet, target)
    monkeypatch.setattr("ctxuse.fleet.packs.time.time", lambda: NOW + 5 * GRACE)
    compacted(target)
    assert compacted(target, NOW + 6 * GRACE - 1).done.removed == 0
    assert compacted(target, NOW + 6 * GRACE).done.removed > 0


@contextmanager
def swapped_before(
    monkeypatch: pytest.MonkeyPatch, call: str, one: Path, link: Path
) -> Iterator[None]:
    """Before a call about what lies in a folder, something in the way to it becomes a link."""
    real = getattr(os, call)
    aside = one.with_name("aside")

    def called(path: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        if not aside.exists() and "collected" in inside(more) + str(path):
            one.rename(aside)
            one.symlink_to(link)
        return real(path, *words, **more)

    def inside(more: dict[str, Any]) -> str:
        folder = more.get("dir_fd", more.get("src_dir_fd"))
        return "" if folder is None else path_of(folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, called)
        yield
    assert one.is_symlink()
    one.unlink()
    aside.rename(one)


def beside_a_victim(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A fleet, where it was collected to, the one folder there, and a copy of that elsewhere."""
    fleet, target = make_fleet(tmp_path / "fleet", 1, 30), tmp_path / "to"
    collected(fleet, target)
    (own,) = target.iterdir()
    shutil.copytree(own, tmp_path / "victim")
    return fleet, target, own


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
def test_a_link_that_is_put_there_while_something_is_removed_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target, own = beside_a_victim(tmp_path)
    before = len(loose_in(tmp_path / "victim"))
    compacted(target)
    with swapped_before(monkeypatch, "unlink", own / ".yoi", tmp_path / "victim" / ".yoi"):
        compacted(target, NOW + 2 * GRACE)
    assert len(loose_in(tmp_path / "victim")) == before > 1
    settled(target)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
def test_a_link_that_is_put_there_while_something_is_written_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, target, own = beside_a_victim(tmp_path)
    before = sorted(tmp_path.glob("victim/**/*"))
    make_workspace(fleet / "w000", as_log([*some_events(30, 0), *some_events(30, 9)]))
    with swapped_before(monkeypatch, "open", own / ".yoi", tmp_path / "victim" / ".yoi"):
        collect([str(fleet)], str(target), host="h", executor="threads", workers=1)
    assert sorted(tmp_path.glob("victim/**/*")) == before
    collected(fleet, target)
    assert report(target).fields()["records"] == report(fleet).fields()["records"]
