"""Faults of the disk and the system: *torn-tail*, *full-disk*, *failing-call*, *lying-write*."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from disks import disk_of
from faults.processes import (
    Child,
    end_file_size_limit,
    event,
    figures,
    limit_file_size,
    log_of,
)
from strategies import an_event

from ctxuse import AppendError, UsageEvent, Workspace, files
from ctxuse.codec.encode import encode
from ctxuse.log import handle, lock, once, opening, writer

LINE = encode(an_event())


def events_of(root: Path) -> list[UsageEvent]:
    return [found for found in Workspace(root).events() if isinstance(found, UsageEvent)]


def test_torn_tail_at_any_byte_does_not_reach_the_next_event(workspace: Workspace) -> None:
    first, torn, fresh = (an_event(segment_id=s) for s in ("first", "torn", "fresh"))
    workspace.append(first)
    path = workspace.layout.events_path
    whole = encode(torn) + b"\n"
    for cut in range(len(whole) + 1):
        path.write_bytes(encode(first) + b"\n" + whole[:cut])
        workspace.append(fresh)
        expected = [first, torn, fresh] if cut >= len(whole) - 1 else [first, fresh]
        assert events_of(workspace.layout.root) == expected, cut
        assert path.read_bytes().startswith(encode(first) + b"\n" + whole[:cut])


def test_full_disk_at_any_byte_acknowledges_nothing_falsely_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    before = an_event(segment_id="before")

    def work(tell: Callable[[str], None]) -> None:
        for room in range(2 * len(LINE) + 8):
            root = tmp_path / str(room)
            root.mkdir()
            workspace = Workspace(root)
            workspace.append(before)
            fresh = event("full")
            limit_file_size(len(encode(before)) + 1 + room)
            tell(f"try {room} {fresh.id}")
            for _ in range(2):  # who is refused tries the same event again
                try:
                    workspace.append(fresh)
                except AppendError as error:
                    tell(f"refused {room} {error.stored}")
                else:
                    tell(f"ok {room} {fresh.id}")
                    break
            end_file_size_limit()
            if workspace.append_once(fresh) is None:  # now there is room again
                tell(f"there {room} {fresh.id}")

    lines = Child(work).lines()
    tried = {line.split()[1]: line.split()[2] for line in lines if line.startswith("try")}
    accepted = {line.split()[1] for line in lines if line.startswith("ok")}
    refused = {line.split()[1] for line in lines if line.startswith("refused")}
    there = {line.split()[1] for line in lines if line.startswith("there")}
    assert len(tried) == 2 * len(LINE) + 8
    assert accepted
    assert refused
    for room, event_id in tried.items():
        found = [e.id for e in events_of(tmp_path / room)]
        assert found == [before.id, event_id], room  # once, whatever happened
        if room in accepted:
            assert room in there, "it was acknowledged, so it must have been there"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    with disk_of("64k", tmp_path / "disk") as disk:
        yield disk


def test_full_disk_of_a_small_file_system_goes_on_when_it_is_freed(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 20_000)

    def work(tell: Callable[[str], None]) -> None:
        workspace = Workspace(small_disk)
        refused = 0
        while refused < 30:
            fresh = event("full", 1_500)
            tell(f"try {fresh.id}")
            try:
                workspace.append(fresh)
                tell(f"ok {fresh.id}")
            except AppendError:
                refused += 1
        filler.unlink()
        for _ in range(5):
            fresh = event("freed")
            tell(f"try {fresh.id}")
            workspace.append(fresh)
            tell(f"ok {fresh.id}")

    found = figures(small_disk, [Child(work).told()])
    found.assert_sound()
    assert found.attempted > found.acknowledged > 5


def refusal(workspace: Workspace, fresh: UsageEvent) -> AppendError | None:
    """Append an event and return the error, if there is one."""
    try:
        workspace.append(fresh)
    except AppendError as error:
        return error
    return None


MODULES = (files, handle, lock, once, opening, writer)


class Failing:
    """Stands in for `os` in the modules that write; the n-th call to the system fails.

    Calls that close are made before they fail, as the system does it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at: int, forever: bool) -> None:
        self.calls: list[str] = []
        self._at = at
        self._forever = forever
        watched = (
            "open", "close", "fstat", "lstat", "stat", "mkdir", "pread", "write", "lseek",
            "fsync", "fdatasync",
        )  # fmt: skip
        fake = SimpleNamespace(**vars(os))
        for name in watched:
            setattr(fake, name, self._watched(name, getattr(os, name)))
        monkeypatch.setattr(fcntl, "flock", self._watched("flock", fcntl.flock))
        for module in MODULES:
            monkeypatch.setattr(module, "os", fake, raising=False)

    def _watched(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def watched(*arguments: object, **options: object) -> object:
            self.calls.append(name)
            number = len(self.calls) - 1
            fails = number == self._at or (self._forever and 0 <= self._at <= number)
            if not fails:
                return call(*arguments, **options)
            if name == "close":
                call(*arguments, **options)
            raise OSError(5, "Input/output error")

        return watched


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))


def calls_of_an_append(root: Path, durability: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        failing = Failing(patch, at=-1, forever=False)
        workspace = Workspace(root, environ={"CTXUSE_DURABILITY": durability})
        workspace.append(event("first"))
        workspace.append(event("second"))
        workspace.close()
    return len(failing.calls)


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
def test_failing_call_of_any_kind_is_an_error_and_leaks_nothing(
    tmp_path: Path,
    durability: str,
    forever: bool,  # noqa: FBT001 - a table
) -> None:
    (tmp_path / "counted").mkdir()
    number = calls_of_an_append(tmp_path / "counted", durability)
    assert number > 20
    failed = 0
    for at in range(number):
        root = tmp_path / str(at)
        root.mkdir()
        before = open_descriptors()
        acknowledged: list[str] = []
        attempted: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch, at=at, forever=forever)
            workspace = Workspace(root, environ={"CTXUSE_DURABILITY": durability})
            for writer_name in ("first", "second"):
                fresh = event(writer_name)
                attempted.append(fresh.id)
                error = refusal(workspace, fresh)
                if error is None:
                    acknowledged.append(fresh.id)
                    continue
                failed += 1
                assert error.path == str(workspace.layout.events_path)
                assert "Input/output error" in error.reason
                assert error.stored is not True
            workspace.close()
        assert open_descriptors() == before, at
        counted = [e.id for e in events_of(root)]
        assert set(acknowledged) <= set(counted) <= set(attempted)
        assert len(counted) == len(set(counted))
        after = Workspace(root)
        assert after.append(event("after")) is not None  # nothing is locked, nothing is in the way
        assert len(events_of(root)) == len(counted) + 1
        after.close()
    assert failed > number // 4


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from then on"])
def test_failing_call_where_recording_is_a_by_product_is_silent(
    tmp_path: Path,
    forever: bool,  # noqa: FBT001 - a table
) -> None:
    (tmp_path / "counted").mkdir()
    for at in range(calls_of_an_append(tmp_path / "counted", "os")):
        root = tmp_path / str(at)
        root.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            Failing(patch, at=at, forever=forever)
            environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
            Workspace(root, environ=environ).try_append(event("by-product"))


def test_durability_fsync_brings_the_event_and_all_names_to_the_disk(tmp_path: Path) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path))
        real(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("there is no /proc here to tell which file was synced")
    with pytest.MonkeyPatch.context() as patch:
        fake = SimpleNamespace(**vars(os))
        fake.fsync = fake.fdatasync = fsync
        patch.setattr(opening, "os", fake)
        lasting = Workspace(tmp_path, durability="fsync")
        lasting.append(event("first"))
        assert synced == [
            ".yoi/memory/_usage/events.jsonl", ".yoi/memory/_usage", ".yoi/memory", ".yoi", ".",
        ]  # fmt: skip
        lasting.append(event("second"))
        assert synced[5:] == [".yoi/memory/_usage/events.jsonl"]
        Workspace(tmp_path).append(event("not asked for"))
        assert len(synced) == 6


Lie = Callable[[int, bytes], int]


def nothing_written(descriptor: int, data: bytes) -> int:
    del descriptor
    return len(data)


def half_written(descriptor: int, data: bytes) -> int:
    os.write(descriptor, data[: len(data) // 2])
    return len(data)


def something_else_written(descriptor: int, data: bytes) -> int:
    return os.write(descriptor, data.replace(b"decision", b"xxxxxxxx"))


def more_said_than_given(descriptor: int, data: bytes) -> int:
    return os.write(descriptor, data) + 1


def less_said_than_written(descriptor: int, data: bytes) -> int:
    os.write(descriptor, data)
    return len(data) - 7


@pytest.mark.parametrize(
    "lie",
    [nothing_written, half_written, something_else_written, more_said_than_given],
    ids=lambda lie: lie.__name__,
)
def test_lying_write_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Lie
) -> None:
    before = an_event(segment_id="before")
    workspace = Workspace(tmp_path)
    workspace.append(before)
    fake = SimpleNamespace(**vars(os))
    fake.write = lie
    monkeypatch.setattr(writer, "os", fake)
    with pytest.raises(AppendError) as caught:
        workspace.append(event("lied"))
    assert caught.value.stored is not True
    monkeypatch.undo()
    after = an_event(segment_id="after")
    assert workspace.append(after) == after
    found = events_of(tmp_path)
    assert found[0] == before
    assert found[-1] == after


def test_full_disk_that_takes_a_part_gets_the_whole_line_again_and_never_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a part and the rest another writer may write: the rest would damage its line too."""
    workspace = Workspace(tmp_path)
    workspace.append(an_event())
    path = log_of(tmp_path)
    foreign = encode(an_event(segment_id="foreign")) + b"\n"
    fake = SimpleNamespace(**vars(os))

    def short(descriptor: int, data: bytes) -> int:
        fake.write = os.write
        written = os.write(descriptor, data[:50])
        with path.open("ab") as other:
            other.write(b"\n" + foreign)
        return written

    fake.write = short
    monkeypatch.setattr(writer, "os", fake)
    fresh = an_event(segment_id="fresh")
    assert workspace.append(fresh) == fresh
    line = encode(fresh)
    written = LINE + b"\n" + line[:50] + b"\n" + foreign + b"\n" + line + b"\n"
    assert path.read_bytes() == written
    assert [e.segment_id for e in events_of(tmp_path)] == ["segment-1", "foreign", "fresh"]


def test_full_disk_never_leaves_more_than_the_fragment(tmp_path: Path) -> None:
    """What a refused append leaves is never changed or cut: the next line stands below it."""

    def work(tell: Callable[[str], None]) -> None:
        workspace = Workspace(tmp_path)
        workspace.append(an_event())
        limit_file_size(len(LINE) + 1 + 50)
        try:
            workspace.append(an_event(segment_id="refused"))
        except AppendError:
            tell("refused")
        end_file_size_limit()
        workspace.append(an_event(segment_id="after"))

    assert Child(work).lines() == ["refused"]
    fragment = encode(an_event(segment_id="refused"))[:50]
    after = encode(an_event(segment_id="after"))
    assert log_of(tmp_path).read_bytes() == LINE + b"\n" + fragment + b"\n" + after + b"\n"
