"""Collecting logs: pieces, races, logs that are cut or replaced."""

import errno
import os
import shutil
import stat
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped] # it has no types
import pytest
from fleets import as_log, make_fleet, make_workspace, some_events
from hypothesis import given, settings
from hypothesis import strategies as st
from starting import started

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.errors import FleetError
from ctxuse.fleet import copying
from ctxuse.fleet.collect import Collecting, collect
from ctxuse.fleet.compact import compact
from ctxuse.fleet.jobs import Collect, Export
from ctxuse.fleet.opening import Opened, logs_of
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.pieces import MIXED, PIECE_SIZE, Piece, collected_in, joined, parse, streams_of
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import LocalStore, RemoteStore
from ctxuse.fleet.target import prepared

STREAM = "0123456789abcdef"


def collected(
    source: Path, target: Path | str, host: str = "h", piece_size: int = PIECE_SIZE
) -> Collecting:
    done = collect(
        [str(source)],
        str(target),
        host=host,
        executor="threads",
        workers=1,
        piece_size=piece_size,
    )
    assert done.failed == []
    return done


def records(place: Path) -> object:
    return fleet_report([str(place)], merge_records=True, executor="threads").fields()["records"]


def pieces_in(target: Path) -> dict[str, bytes]:
    return {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*.jsonl")}


def log_of(root: Path) -> Path:
    return Workspace(root).layout.events_path


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=10)


@given(spans)
def test_each_byte_of_a_stream_is_taken_once_and_in_order(some: list[tuple[int, int]]) -> None:
    pieces = [Piece(7, STREAM, start, start + length, "0" * 16) for start, length in some]
    stream = joined(pieces)
    taken = [at for step in stream.steps for at in range(step.start, step.piece.end)]
    assert taken == [*range(stream.end)]
    there = {at for piece in pieces for at in range(piece.start, piece.end)}
    first_missing = next(at for at in range(100) if at not in there)
    assert stream.end == first_missing
    assert bool(stream.trouble) == any(piece.start > first_missing for piece in pieces)


def test_a_piece_counts_when_all_of_it_is_there() -> None:
    whole, growing = (Piece(7, STREAM, start, start + 10, "0" * 16) for start in (0, 10))
    assert streams_of({whole.name: 10, growing.name: 9})[STREAM].end == 10
    assert streams_of({whole.name: 10, growing.name: 10})[STREAM].end == 20
    other = whole._replace(mark="1" * 16)
    assert streams_of({whole.name: 10, other.name: 10})[STREAM].trouble == MIXED
    assert parse(whole.name) == whole
    assert parse("events.jsonl") is parse(whole.name + ".tmp") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(40, 3000))
def test_whatever_was_appended_between_runs_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], most: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("collect")
    root = make_workspace(tmp_path / "w", b"")
    for seed, number in enumerate(steps):
        with log_of(root).open("ab") as log:
            log.write(as_log(some_events(number, seed)))
        if seed == 2:
            Workspace(root).archive()
        collected(root, tmp_path / "to", piece_size=most)
    before = pieces_in(tmp_path / "to")
    again = collected(root, tmp_path / "to", piece_size=most)
    assert sum(one.pieces for one in again.workspaces) == 0
    assert pieces_in(tmp_path / "to") == before
    if sum(steps):
        assert records(tmp_path / "to") == records(root)
        report = fleet_report([str(tmp_path / "to")], executor="threads")
        assert report.evidence.events == sum(steps)


def test_only_finished_lines_are_taken(tmp_path: Path) -> None:
    log = as_log(some_events(3, 1))
    root = make_workspace(tmp_path / "w", log[:-1])
    collected(root, tmp_path / "to")
    assert b"".join(pieces_in(tmp_path / "to").values()) == log[: log.rindex(b"\n", 0, -1) + 1]
    log_of(root).write_bytes(log)
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)


def test_of_an_archived_log_the_last_line_is_taken_as_it_is(tmp_path: Path) -> None:
    log = as_log(some_events(3, 1))
    root = make_workspace(tmp_path / "w", log[:-1], "events.20261101T000000Z.jsonl")
    make_workspace(root, as_log(some_events(2, 2)))
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)


def test_two_collectors_that_saw_different_lengths_count_each_event_once(tmp_path: Path) -> None:
    log = as_log(some_events(30, 1))
    ends = [at + 1 for at, char in enumerate(log) if char == 10]
    root = make_workspace(tmp_path / "w", log[: ends[9]])
    collected(root, tmp_path / "to")
    shutil.copytree(tmp_path / "to", tmp_path / "before")
    log_of(root).write_bytes(log[: ends[14]])
    collected(root, tmp_path / "to")  # one collector
    log_of(root).write_bytes(log[: ends[24]])
    collected(root, tmp_path / "before")  # another, who did not see what the first one wrote
    for name, data in pieces_in(tmp_path / "before").items():
        (tmp_path / "to" / name).write_bytes(data)
    assert len(pieces_in(tmp_path / "to")) == 3
    assert records(tmp_path / "to") == records(root)
    log_of(root).write_bytes(log)
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)


def test_of_a_piece_that_overlaps_only_what_is_new_is_taken(tmp_path: Path) -> None:
    lines = as_log(some_events(20, 1)).splitlines(keepends=True)
    root = make_workspace(tmp_path / "w", b"")
    for target, ends in (("to", (10, 20)), ("other", (15,))):
        for end in ends:
            log_of(root).write_bytes(b"".join(lines[:end]))
            collected(root, tmp_path / target)
    for name, data in pieces_in(tmp_path / "other").items():
        (tmp_path / "to" / name).write_bytes(data)
    log_of(root).write_bytes(b"".join(lines))
    assert len(pieces_in(tmp_path / "to")) == 3
    assert records(tmp_path / "to") == records(root)


def test_many_collectors_at_once_beside_a_writer(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", b"")
    lines = as_log(some_events(400, 1)).splitlines(keepends=True)
    written = threading.Event()

    def write() -> None:
        with log_of(root).open("ab", buffering=0) as log:
            for index, line in enumerate(lines):
                log.write(line)
                if index == 200:
                    break
        Workspace(root).archive()
        with log_of(root).open("ab", buffering=0) as log:
            for line in lines[201:]:
                log.write(line)
        written.set()

    def copy() -> None:
        while not written.is_set():
            collected(root, tmp_path / "to")

    threads = [threading.Thread(target=target) for target in (write, copy, copy, copy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)
    report = fleet_report([str(tmp_path / "to")], executor="threads")
    assert (report.evidence.events, len(report.workspaces), report.unreadable) == (400, 1, ())


def test_a_collector_killed_in_the_middle_leaves_nothing_half_visible(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet", 30, 300)
    words = ["fleet", "collect", str(tmp_path / "fleet"), "--to", str(tmp_path / "to")]
    words += ["--host", "h", "--scheduler", "threads", "--workers", "1"]
    for _ in range(3):
        with started("-m", "ctxuse", *words) as process:
            while process.poll() is None and len([*tmp_path.glob("to/*")]) % 9 != 8:
                pass
        if (tmp_path / "to").is_dir():
            whole = fleet_report([str(tmp_path / "to")], executor="threads")
            assert not [p for p in whole.unreadable if "no workspace" not in p.reason]
            assert all(w.events in {0, 300} for w in whole.workspaces)
    assert run(words) == 0
    assert records(tmp_path / "to") == records(tmp_path / "fleet")


@pytest.mark.parametrize("keep", [0, 5, 20])
def test_a_log_that_was_cut_or_restored_begins_a_folder_of_its_own(
    tmp_path: Path, keep: int
) -> None:
    log = as_log(some_events(20, 1))
    ends = [0, *(at + 1 for at, char in enumerate(log) if char == 10)]
    root = make_workspace(tmp_path / "w", log)
    collected(root, tmp_path / "to")
    before = pieces_in(tmp_path / "to")
    for number in (3, 6, 60):  # it is restored to an older copy, and grows past what it was
        log_of(root).write_bytes(log[: ends[keep]] + as_log(some_events(number, 2)))
        collected(root, tmp_path / "to")
    after = pieces_in(tmp_path / "to")
    assert before.items() <= after.items()
    report = fleet_report(
        [str(tmp_path / "to")], merge_records=True, distinct_ids=True, executor="threads"
    )
    assert report.evidence.events == 80
    assert len(report.workspaces) == (2 if 0 < keep < 20 else 1)


def test_a_missing_piece_is_said_and_brought_again(tmp_path: Path) -> None:
    log = as_log(some_events(30, 1))
    root = make_workspace(tmp_path / "w", b"")
    for end in (10, 20, 30):
        lines = log.splitlines(keepends=True)
        log_of(root).write_bytes(b"".join(lines[:end]))
        collected(root, tmp_path / "to")
    middle = sorted(pieces_in(tmp_path / "to"))[1]
    (tmp_path / "to" / middle).unlink()
    (place,) = fleet_report([str(tmp_path / "to")], executor="threads").unreadable
    assert "is missing" in place.reason
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)


def test_what_cannot_be_copied_is_said_and_the_others_are_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path / "fleet", 2)
    bad = make_workspace(tmp_path / "fleet" / "\x1b[1mbad", b"")
    log_of(bad).unlink()
    log_of(bad).symlink_to("/etc/hostname")
    words = ["fleet", "collect", str(tmp_path / "fleet"), str(tmp_path / "no")]
    assert run([*words, "--to", str(tmp_path / "to"), "--host", "../../\x1b"]) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("2 workspaces: 2 pieces, ")
    assert captured.err.count("not copied") == 2
    assert "\x1b" not in captured.out + captured.err
    assert all(name.isascii() for name in os.listdir(tmp_path / "to"))
    assert len(os.listdir(tmp_path / "to")) == 2
    assert run([*words, "--to", str(tmp_path / "to"), "--host", "../../\x1b"]) == 3
    assert capsys.readouterr().out == "2 workspaces: 0 pieces, 0 bytes\n"


def test_what_was_collected_can_be_collected_again_elsewhere(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet", 3)
    collected(tmp_path / "fleet", tmp_path / "first")
    collected(tmp_path / "first", tmp_path / "second")
    assert records(tmp_path / "second") == records(tmp_path / "fleet")


@pytest.mark.parametrize("scheme", ["", "file://", "file://localhost", "local://"])
def test_what_lies_in_the_target_is_no_source(tmp_path: Path, scheme: str) -> None:
    fleet = make_fleet(tmp_path / "fleet", 3)
    before = records(fleet)
    for _ in range(3):
        done = collected(fleet, f"{scheme}{fleet / 'to'}")
        assert len(done.workspaces) == 3
    assert records(fleet / "to") == before


def test_an_archived_line_that_is_finished_later_is_whole(tmp_path: Path) -> None:
    log, archive = as_log(some_events(3, 1)), "events.20261101T000000Z.jsonl"
    root = make_workspace(tmp_path / "w", log[:-40], archive)
    make_workspace(root, as_log(some_events(2, 2)))
    collected(root, tmp_path / "to")
    make_workspace(root, log, archive)  # who still held it open writes on
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == records(root)
    (one,) = fleet_report([str(tmp_path / "to")], executor="threads").workspaces
    assert (one.events, one.not_counted) == (5, {})


def test_a_line_longer_than_a_piece_is_cut_and_the_events_behind_it_count(
    tmp_path: Path,
) -> None:
    log = as_log(some_events(3, 1)) + b"x" * 20_000 + b"\n" + as_log(some_events(3, 2))
    root = make_workspace(tmp_path / "w", log)
    collected(root, tmp_path / "to", piece_size=5000)
    assert max(len(data) for data in pieces_in(tmp_path / "to").values()) <= 5000
    assert records(tmp_path / "to") == records(root)


def test_a_log_that_was_replaced_is_said_once(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(9, 1)))
    collected(root, tmp_path / "to")
    log_of(root).write_bytes(as_log(some_events(4, 1)))
    assert [one.replaced for one in collected(root, tmp_path / "to").workspaces] == [1]
    assert [one.replaced for one in collected(root, tmp_path / "to").workspaces] == [0]


@pytest.mark.parametrize("target", ["file", "file/below", "x\udcff", "", "nosuch://x", "x\0y"])
def test_a_target_that_cannot_be_written_to_is_said_once(tmp_path: Path, target: str) -> None:
    fleet = make_fleet(tmp_path / "fleet", 3)
    (tmp_path / "file").write_text("")
    place = target if "://" in target or not target else str(tmp_path / target)
    with pytest.raises(FleetError):
        collect([str(fleet)], place)
    assert (tmp_path / "file").read_text() == ""


def test_a_folder_means_the_same_to_every_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepared("to", "processes") == str(tmp_path / "to")
    assert prepared("to", "tcp://127.0.0.1:1") == str(tmp_path / "to")


def test_a_collector_that_was_overtaken_copies_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(9, 1)))
    usual = logs_of

    def overtaken(source: Source, packs: Packs) -> Iterator[Opened]:
        for opened in usual(source, packs):
            monkeypatch.setattr(copying, "logs_of", usual)
            with log_of(root).open("ab") as log:
                log.write(as_log(some_events(9, 2)))
            collected(root, tmp_path / "to")
            yield opened

    monkeypatch.setattr(copying, "logs_of", overtaken)
    collected(root, tmp_path / "to")
    assert len([*(tmp_path / "to").iterdir()]) == 1
    assert records(tmp_path / "to") == records(root)


def test_a_copy_that_was_fetched_before_another_collector_went_on_is_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = fsspec.filesystem("memory")
    root, log = "memory://overtaken/w", "/overtaken/w/.yoi/memory/_usage/events.jsonl"
    fs.pipe_file(log, as_log(some_events(9, 1)))
    usual = logs_of

    def copied() -> Collecting:
        return collect([root], str(tmp_path / "to"), host="h", executor="threads", workers=1)

    def overtaken(source: Source, packs: Packs) -> Iterator[Opened]:
        for opened in usual(source, packs):
            monkeypatch.setattr(copying, "logs_of", usual)
            fs.pipe_file(log, as_log([*some_events(9, 1), *some_events(9, 2)]))
            assert copied().failed == []
            yield opened

    monkeypatch.setattr(copying, "logs_of", overtaken)
    assert copied().failed == []
    assert len([*(tmp_path / "to").iterdir()]) == 1
    assert records(tmp_path / "to") == fleet_report([root], executor="threads").fields()["records"]
    fs.pipe_file(log, as_log(some_events(4, 1)))  # cut: that is sure after some tries
    (one,) = copied().workspaces
    assert (one.replaced, one.reason) == (1, "")
    fs.rm("/overtaken", recursive=True)


@pytest.mark.parametrize("renewed", [False, True])
def test_a_log_that_grows_while_what_was_copied_is_listed_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renewed: bool
) -> None:
    """By more lines, or by a longer one that takes its name."""
    root = make_workspace(tmp_path / "w", as_log(some_events(9, 1)))
    usual = LocalStore.names

    def overtaken(self: LocalStore, *where: Any) -> dict[str, int]:  # noqa: ANN401 - passed on
        monkeypatch.setattr(LocalStore, "names", usual)
        if renewed:
            before = log_of(root).rename(tmp_path / "before")
            shutil.copy(before, log_of(root))
        with log_of(root).open("ab") as log:
            log.write(as_log(some_events(9, 2)))
        collected(root, tmp_path / "to")
        return usual(self, *where)

    monkeypatch.setattr(LocalStore, "names", overtaken)
    (one,) = collected(root, tmp_path / "to").workspaces
    assert (one.pieces, one.replaced) == (0, 0)
    assert len([*(tmp_path / "to").iterdir()]) == 1
    assert records(tmp_path / "to") == records(root)


def test_a_slow_collector_that_is_overtaken_each_time_it_fetches_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = fsspec.filesystem("memory")
    root, log = "memory://slow/w", "/slow/w/.yoi/memory/_usage/events.jsonl"
    written = as_log(some_events(9, 1))
    fs.pipe_file(log, written)
    usual = RemoteStore.copy

    def copied() -> Collecting:
        return collect([root], str(tmp_path / "to"), host="h", executor="threads", workers=1)

    def slow(self: RemoteStore, *what: Any) -> int:  # noqa: ANN401 - passed on
        nonlocal written
        holes = usual(self, *what)
        monkeypatch.setattr(RemoteStore, "copy", usual)
        written += as_log(some_events(3, len(written)))
        fs.pipe_file(log, written)
        assert copied().failed == []
        monkeypatch.setattr(RemoteStore, "copy", slow)
        return holes

    monkeypatch.setattr(RemoteStore, "copy", slow)
    done = copied()
    monkeypatch.setattr(RemoteStore, "copy", usual)
    assert [(one.replaced, one.reason) for one in done.workspaces] == [(0, "")]
    assert copied().failed == []
    assert len([*(tmp_path / "to").iterdir()]) == 1
    assert records(tmp_path / "to") == fleet_report([root], executor="threads").fields()["records"]
    fs.rm("/slow", recursive=True)


def test_what_was_listed_of_a_collection_before_another_collector_went_on_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(9, 1)))
    collected(root, "memory://listed")
    usual = logs_of

    def copied() -> Collecting:
        return collect(["memory://listed"], str(tmp_path / "to"), executor="threads", workers=1)

    def overtaken(source: Source, packs: Packs) -> Iterator[Opened]:
        monkeypatch.setattr(copying, "logs_of", usual)
        with log_of(root).open("ab") as log:
            log.write(as_log(some_events(9, 2)))
        collected(root, "memory://listed")
        assert copied().failed == []
        return usual(source, packs)

    monkeypatch.setattr(copying, "logs_of", overtaken)
    assert [one.reason for one in copied().failed] == ["more of it was copied than is there"]
    assert (copied().failed, len([*(tmp_path / "to").iterdir()])) == ([], 1)
    assert records(tmp_path / "to") == records(root)
    fsspec.filesystem("memory").rm("/listed", recursive=True)


def test_of_two_logs_that_begin_alike_each_is_copied_in_each_run(tmp_path: Path) -> None:
    events = [*some_events(30, 1)]
    root = make_workspace(tmp_path / "w", as_log(events[:10]), "events.20261101T000000Z.jsonl")
    for number in (20, 20, 30):
        make_workspace(root, as_log(events[:number]))
        (one,) = collected(root, tmp_path / "to").workspaces
        report = fleet_report([str(tmp_path / "to")], merge_records=True, executor="threads")
        assert (report.evidence.events, one.replaced) == (10 + number, 0)


def test_every_workspace_has_a_folder_of_its_own_whatever_its_address() -> None:
    some = [
        Source(address="s3://b/w", url="s3://b/w?a=1"),
        Source(address="s3://b/w (1)", url="s3://b/w?a=2"),
        Source(address="/w", root=b"/w"),
        Source(address="/w", root=b"/v"),
    ]
    names = [copying.folder_of(source, "h") for source in some]
    assert len({*names}) == len(some)
    assert copying.folder_of(some[2], "other") != names[2]
    assert all(name.isascii() and "/" not in name and "?" not in name for name in names)


def test_no_secret_of_the_target_stands_in_a_reason() -> None:
    target = "sftp://kim:hunter2hunter2@host/to"
    job = Collect(target=target, host="h", sources=(Source(address="/w", root=b"/w"),))
    said = job.given_up("no route to sftp://kim:hunter2hunter2@host/to: hunter2hunter2").decode()
    assert "hunter2" not in said
    export = Export(target=target, run="r", first=0, sources=job.sources)
    assert b"hunter2" not in export.given_up("login hunter2hunter2 failed")


def test_a_link_in_the_place_of_what_was_collected_is_not_followed(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    collected(root, tmp_path / "elsewhere")
    (folder,) = (tmp_path / "elsewhere").glob("*/.yoi/memory/_usage/collected")
    planted = root / ".yoi/memory/_usage/collected"
    planted.symlink_to(folder)
    report = fleet_report([str(root)], executor="threads")
    reason = "collected: it is a link, and links are not followed"
    assert [place.reason for place in report.unreadable] == [reason]
    assert not report.workspaces
    planted.unlink()
    (stream,) = folder.iterdir()
    for one in (stream, next(stream.iterdir())):
        one.rename(tmp_path / one.name)
        one.symlink_to(tmp_path / one.name)
        (said,) = fleet_report([str(tmp_path / "elsewhere")], executor="threads").unreadable
        assert said.reason == f"{one.name}: it is a link, and links are not followed"
        (kept,) = compact(str(tmp_path / "elsewhere"), executor="threads").done.unreadable
        assert kept.reason == said.reason
        one.unlink()
        (tmp_path / one.name).rename(one)
    (folder.parent / "there").mkdir()
    folder.rename(folder.parent / "there" / "moved")
    folder.symlink_to(folder.parent / "there")
    before = sorted(folder.parent.rglob("*"))
    make_workspace(root, as_log(some_events(9, 2)))
    done = collect([str(root)], str(tmp_path / "elsewhere"), host="h", executor="threads")
    assert [failed.reason.rpartition(": ")[2] for failed in done.failed] == [
        "it is a link, and links are not followed"
    ]
    assert sorted(folder.parent.rglob("*")) == before


def test_a_piece_that_has_grown_is_none(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    collected(root, tmp_path / "to")
    before = records(tmp_path / "to")
    ((name, data),) = pieces_in(tmp_path / "to").items()
    (tmp_path / "to" / name).write_bytes(data + data)
    assert records(tmp_path / "to") != before
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == before


@pytest.mark.parametrize(("piece", "left"), [(0, 0), (1, 99), (2, 0), (2, 99)])
def test_what_a_piece_lost_is_said_until_it_was_collected_again(
    tmp_path: Path, piece: int, left: int
) -> None:
    root = make_workspace(tmp_path / "w", b"")
    for number in (4, 8, 12):
        log_of(root).write_bytes(as_log(some_events(number, 1)))
        collected(root, tmp_path / "to")
    before = records(tmp_path / "to")
    os.truncate(tmp_path / "to" / sorted(pieces_in(tmp_path / "to"))[piece], left)
    report = fleet_report([str(tmp_path / "to")], executor="threads")
    assert [place.reason.rpartition(" is ")[2] for place in report.unreadable] == ["missing"]
    assert report.workspaces == ()
    done = compact(str(tmp_path / "to"), grace=0, executor="threads").done
    assert (len(done.unreadable), done.packs, done.removed) == (1, 0, 0)
    again = collect([str(tmp_path / "to")], str(tmp_path / "other"), executor="threads")
    assert len(again.failed) == 1
    collected(root, tmp_path / "to")
    assert records(tmp_path / "to") == before
    assert compact(str(tmp_path / "to"), executor="threads").done.unreadable == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be opened there")
def test_what_was_copied_is_on_the_disk_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    synced: list[int] = []
    usual = os.fsync

    def syncing(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        usual(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):  # as some network shares say
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", syncing)
    collected(root, tmp_path / "to")
    made = {path.stat().st_ino for path in (tmp_path / "to", *(tmp_path / "to").rglob("*"))}
    assert set(synced) == made
    synced.clear()
    log_of(root).write_bytes(as_log(some_events(5, 1)))
    collected(root, tmp_path / "to")
    assert len(synced) == 2


def test_what_killed_writers_left_is_removed_by_who_writes_there_when_it_is_a_day_old(
    tmp_path: Path,
) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    collected(root, tmp_path / "to")
    compact(str(tmp_path / "to"), executor="threads")
    (piece,) = (tmp_path / "to").rglob("*.jsonl")
    packs = next((tmp_path / "to").rglob("*.pack")).parent
    names = [".ctxuse-7-0123abcd.tmp", ".ctxuse-8-0123abcd.tmp", ".ctxuse-x.tmp", "other.tmp"]
    day = time.time() - 86_400
    for folder in (piece.parent, packs):
        for name in names:
            (folder / name).write_bytes(b"{")
            os.utime(folder / name, (day, day + 99 * (name == names[1])))
    log_of(root).write_bytes(as_log(some_events(5, 1)))
    collected(root, tmp_path / "to")
    compact(str(tmp_path / "to"), executor="threads")
    for folder in (piece.parent, packs):
        assert [name for name in names if not (folder / name).exists()] == names[:1]


def test_each_name_of_a_piece_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counting(name: str) -> Piece | None:
        looked.append(name)
        return parse(name)

    monkeypatch.setattr("ctxuse.fleet.pieces.parse", counting)
    root = tmp_path / "w"
    for number in range(20):
        name = f"events.20261101T0000{number:02}Z.jsonl"
        make_workspace(root, as_log(some_events(1, number)), name)
    collected(root, tmp_path / "to")
    assert looked == []
    make_workspace(root, as_log(some_events(1, 99)))
    collected(root, tmp_path / "to")
    assert len(looked) == len(set(looked)) == 20


def test_a_log_archived_in_any_year_is_found_again(tmp_path: Path) -> None:
    name = "events.60000101T000000.000000Z.jsonl"
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)), name)
    make_workspace(root, as_log(some_events(4, 2)))
    collected(root, tmp_path / "to")
    before = pieces_in(tmp_path / "to")
    assert records(tmp_path / "to") == records(root)
    collected(root, tmp_path / "to")
    assert pieces_in(tmp_path / "to") == before


def test_what_nobody_would_find_by_its_name_is_not_written(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    collected(root, tmp_path / "to")
    (folder,) = (tmp_path / "to").glob("*/.yoi/memory/_usage/collected/*")
    folder.rename(folder.with_name(f"{'9' * 21}-{folder.name.partition('-')[2]}"))
    make_workspace(root, as_log(some_events(4, 2)))
    log_of(root).write_bytes(as_log(some_events(4, 7)))
    done = collect([str(root)], str(tmp_path / "to"), host="h", executor="threads")
    assert ["would be no name of a piece" in failed.reason for failed in done.failed] == [True]


def test_a_workspace_in_what_is_copied_to_is_said_unless_collectors_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    share = make_fleet(tmp_path / "share" / "agents", 2).parent
    outside = make_workspace(tmp_path / "w", as_log(some_events(5, 9)))
    reason = "it lies in what is copied to, where it is counted as it is: copy to another place"

    def left(target: Path, *places: Path) -> list[str]:
        words = ["fleet", "collect", *map(str, places), "--to", str(target), "--host", "h"]
        status = run([*words, "--executor", "threads"])
        said = capsys.readouterr().err.splitlines()
        assert status == (3 if said else 0)
        assert all(line.endswith(f": {reason}") for line in said)
        return [line.removeprefix("ctxuse: not copied: ").partition(":")[0] for line in said]

    inside = [f"{share}/agents/w00{number}" for number in range(2)]
    assert left(share, share / "agents" / "w000") == inside[:1]
    assert left(Path(inside[0]), Path(inside[0])) == inside[:1]
    assert left(share, share, outside) == inside
    (made,) = (one for one in share.iterdir() if one.name != "agents")
    assert records(outside) == records(made)
    assert left(share, share) == inside  # what was collected there is none
    deeper = share / "older" / made.name
    shutil.copytree(made, deeper)
    assert left(share, share) == [*inside, str(deeper)]
    shutil.rmtree(share / "agents")
    shutil.rmtree(deeper)
    (share / "empty" / ".yoi" / "memory").mkdir(parents=True)
    assert left(share, share) == []
    make_workspace(made, as_log(some_events(3, 4)))
    assert left(share, share) == [str(made)]


def test_a_hole_in_a_piece_takes_no_room(tmp_path: Path) -> None:
    with (tmp_path / "piece").open("wb") as file:
        file.write(b"begin")
        file.truncate(64 * 1024 * 1024)
    with (tmp_path / "copy").open("wb") as copy:
        LocalStore(str(tmp_path)).copy("piece", copy)
    status = (tmp_path / "copy").stat()
    assert status.st_size == 64 * 1024 * 1024
    assert status.st_blocks * 512 < 8 * 1024 * 1024
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "piece").read_bytes()


def test_holes_are_not_copied_as_zeros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sparse log is read in reports, and so is a sparse piece; neither becomes zeros anywhere."""
    fleet, target = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "to"
    with log_of(fleet / "w000").open("r+b") as log:
        log.truncate(2**28)
        log.seek(0, os.SEEK_END)
        log.write(b"\n" + as_log(some_events(3, 7)))
    assert fleet_report([str(fleet)], executor="threads").evidence.events == 13
    words = ["fleet", "collect", "--host", "h", "--executor", "threads"]
    assert run([*words, str(fleet), "--to", str(target)]) == 3
    said = capsys.readouterr().err
    assert said.endswith(
        f"{fleet}/w000: events.jsonl: it has over 67,108,864 bytes of holes, which would take that "
        "room in a copy\n"
    )
    assert fleet_report([str(target)], executor="threads").evidence.events == 5
    first, last = (sha256(some).hexdigest()[:16] for some in (b"\0" * 10**6, b"\0" * 4096))
    sparse = target / collected_in("h-w-0") / Piece(0, first, 0, 2**28, last).name
    sparse.parent.mkdir(parents=True)
    sparse.touch()
    os.truncate(sparse, 2**28)
    assert fleet_report([str(target)], executor="threads").unreadable == ()
    assert run([*words, str(target), "--to", str(tmp_path / "further")]) == 3
    assert "bytes of holes" in capsys.readouterr().err
    assert fleet_report([str(tmp_path / "further")], executor="threads").evidence.events == 5
    several = [Piece(0, first, start, start + 2**25, last) for start in range(0, 2**27, 2**25)]
    sparse.unlink()
    for piece in several:
        (sparse.parents[1] / piece.name).touch()
        os.truncate(sparse.parents[1] / piece.name, 2**25)
    assert run(["fleet", "compact", str(target), "--executor", "threads"]) == 3
    assert "bytes of holes" in capsys.readouterr().err
    assert sum(path.stat().st_size for path in target.rglob("*.pack")) < 10**6


def test_where_logs_were_collected_it_is_said_what_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collected(make_fleet(tmp_path / "fleet", 1), tmp_path / "to")
    (copied,) = (tmp_path / "to").iterdir()
    for root, said in ((copied, 1), (tmp_path / "fleet" / "w000", 0)):
        for words in (["report"], ["check"], ["events"]):
            run([*words, "-w", str(root)])
            assert capsys.readouterr().err.count("ctxuse fleet report counts them") == said


@pytest.mark.parametrize("was_there", [False, True])
def test_a_piece_that_was_cut_is_said_though_another_log_is_in_its_place(
    tmp_path: Path, *, was_there: bool
) -> None:
    first, rest = as_log(some_events(2, 1)), [as_log(some_events(9, number)) for number in (2, 3)]
    root, target = make_workspace(tmp_path / "w", first + rest[0]), tmp_path / "to"
    collected(root, target)
    ((name, _),) = pieces_in(target).items()
    if was_there:
        make_workspace(root, first + rest[1] * 2)
        collected(root, target)
    os.truncate(target / name, 9)
    make_workspace(root, first + rest[1] * 2)
    for _ in range(2):
        collected(root, target)
        found = fleet_report([str(target)], executor="threads")
        assert found.evidence.events == 20
        assert [one.reason.endswith("byte 0 is missing") for one in found.unreadable] == [True]


def test_of_pieces_of_two_logs_in_one_folder_nothing_is_counted(tmp_path: Path) -> None:
    """As collectors leave them that have read a log before and after it was replaced."""
    first, rest = as_log(some_events(2, 1)), [as_log(some_events(9, number)) for number in (2, 3)]
    folders = []
    for number, log in enumerate((first + rest[0], first + rest[1] * 2)):
        root = make_workspace(tmp_path / f"{number}" / "w", log)
        collected(root, tmp_path / f"to{number}")
        folders += [*(tmp_path / f"to{number}").glob("*/.yoi/memory/_usage/collected/*")]
    for piece in folders[1].iterdir():
        shutil.copy(piece, folders[0])
    (said,) = fleet_report([str(tmp_path / "to0")], executor="threads").unreadable
    assert said.reason.endswith(MIXED)
