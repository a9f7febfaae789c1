"""Appending, with real processes and real files."""

import gc
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from faults.processes import Child, end_file_size_limit, limit_file_size
from starting import PATIENCE
from strategies import an_event

from ctxuse import AppendError, UsageEvent, UsageRecordSnapshot, Workspace
from ctxuse.codec.encode import encode
from ctxuse.log.handle import Handle
from ctxuse.log.writer import LogWriter

LINE = encode(an_event())


def test_what_was_appended_stands_in_the_file_as_one_line(workspace: Workspace) -> None:
    event = workspace.append(an_event())
    assert event == an_event()
    assert workspace.layout.events_path.read_bytes() == LINE + b"\n"


def test_the_log_and_its_directories_are_private(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.append(an_event())
    assert stat.S_IMODE(workspace.layout.events_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(workspace.layout.usage_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(workspace.layout.memory_dir.stat().st_mode) == 0o700


def test_a_fragment_at_the_end_is_left_and_a_new_line_begun(workspace: Workspace) -> None:
    workspace.append(an_event())
    path = workspace.layout.events_path
    for cut in range(1, len(LINE) - 1):
        path.write_bytes(LINE + b"\n" + LINE[:cut])
        fresh = an_event(segment_id=f"after {cut}")
        workspace.append(fresh)
        assert path.read_bytes() == LINE + b"\n" + LINE[:cut] + b"\n" + encode(fresh) + b"\n"


def test_a_whole_last_line_without_newline_goes_on_counting(workspace: Workspace) -> None:
    workspace.append(an_event())
    workspace.layout.events_path.write_bytes(LINE)
    workspace.append(an_event(segment_id="next"))
    assert [*workspace.events()] == [an_event(), an_event(segment_id="next")]


def test_an_event_whose_own_line_was_left_unfinished_is_not_stored_twice(
    workspace: Workspace,
) -> None:
    other = encode(an_event(segment_id="other")) + b"\n"
    for before in (b"", other):
        workspace.append(an_event())
        workspace.layout.events_path.write_bytes(before + LINE)
        workspace.append(an_event())
        assert workspace.layout.events_path.read_bytes() == before + LINE + b"\n"


def test_a_log_replaced_under_an_open_writer_is_noticed(workspace: Workspace) -> None:
    path = workspace.layout.events_path
    workspace.append(an_event())
    path.rename(path.with_name("moved.jsonl"))
    workspace.append(an_event(segment_id="after rename"))
    assert [e.segment_id for e in workspace.events() if isinstance(e, UsageEvent)] == [
        "after rename"
    ]
    path.unlink()
    workspace.append(an_event(segment_id="after unlink"))
    fresh = path.with_name("fresh.jsonl")
    fresh.write_bytes(LINE + b"\n")
    fresh.replace(path)
    workspace.append(an_event(segment_id="after replace"))
    assert [e.segment_id for e in workspace.events() if isinstance(e, UsageEvent)] == [
        "segment-1",
        "after replace",
    ]


PLANTED = [
    (what, level)
    for what in ("directory", "link", "dangling link", "fifo", "hard link")
    for level in (1, 2, 3, 4)
    if what != "directory" or level == 4  # above the log a directory belongs there
]


@pytest.mark.parametrize(("what", "level"), PLANTED)
def test_what_was_planted_in_the_path_is_refused_and_left_alone(
    tmp_path: Path, what: str, level: int
) -> None:
    root, victim = tmp_path / "root", tmp_path / "victim"
    victim.mkdir()
    target = victim / "file"
    target.write_bytes(b"victim")
    place = root.joinpath(*[".yoi", "memory", "_usage", "events.jsonl"][:level])
    place.parent.mkdir(parents=True)
    match what:
        case "directory":
            place.mkdir()
        case "link":
            place.symlink_to(victim if level < 4 else target)
        case "dangling link":
            place.symlink_to(victim / "nowhere")
        case "fifo":
            os.mkfifo(place)
        case _:
            place.hardlink_to(target)
    with pytest.raises(AppendError) as caught:
        Workspace(root).append(an_event())
    assert caught.value.stored is False
    assert [*victim.iterdir()] == [target]
    assert target.read_bytes() == b"victim"


def test_what_was_planted_in_place_of_the_lock_is_left_alone_and_the_event_stored(
    workspace: Workspace,
) -> None:
    victim = workspace.layout.root / "victim"
    victim.write_bytes(b"victim")
    workspace.layout.usage_dir.mkdir()
    (workspace.layout.usage_dir / "events.lock").symlink_to(victim)
    workspace.append(an_event())
    assert victim.read_bytes() == b"victim"
    assert [*workspace.events()] == [an_event()]


def test_a_root_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(AppendError, match="nothing was stored") as caught:
        Workspace(tmp_path / "nowhere").append(an_event())
    assert caught.value.action == "open"
    assert not (tmp_path / "nowhere").exists()


def test_a_root_reached_through_a_link_is_fine(workspace: Workspace, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(workspace.layout.root)
    Workspace(link).append(an_event())
    assert [*workspace.events()] == [an_event()]


def test_a_writer_can_be_used_again_after_it_was_closed(workspace: Workspace) -> None:
    for _ in range(3):
        workspace.append(an_event())
        workspace.close()
    assert len([*workspace.events()]) == 3


def test_an_open_writer_survives_a_fork(workspace: Workspace) -> None:
    writer = LogWriter(workspace.layout)
    writer.append(LINE)
    child = os.fork()
    if child == 0:
        try:
            for _ in range(200):
                writer.append(LINE)
        finally:
            os._exit(0)
    for _ in range(200):
        writer.append(LINE)
    os.waitpid(child, 0)
    assert workspace.layout.events_path.read_bytes() == (LINE + b"\n") * 401


def test_an_open_writer_survives_a_fork_into_threads(workspace: Workspace) -> None:
    """In the child of a fork, threads that append at once neither fail nor touch foreign files."""
    found = []
    for _ in range(20):
        shared = Workspace(workspace.layout)
        shared.append(an_event(segment_id="parent"))

        def work(tell: Callable[[str], None], shared: Workspace = shared) -> None:
            before = len(os.listdir("/dev/fd"))
            threads = [
                Thread(target=shared.append, args=(an_event(segment_id="child"),)) for _ in range(6)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            shared.append(an_event(segment_id="child"))
            shared.close()
            tell(str(len(os.listdir("/dev/fd")) - before))

        child = Child(work)
        found += child.lines()
        assert child.status == 0
    assert set(found) <= {"0"}
    events = [e for e in workspace.events() if isinstance(e, UsageEvent)]
    assert sum(e.segment_id == "child" for e in events) == 20 * 7
    assert len([*workspace.events()]) == 20 * 8


def test_a_workspace_that_is_dropped_closes_what_it_held(tmp_path: Path) -> None:
    def opened() -> int:
        gc.collect()
        return len(os.listdir("/dev/fd"))

    before = opened()
    for _ in range(50):
        Workspace(tmp_path).append(an_event())
    assert opened() == before
    with Workspace(tmp_path) as workspace:
        workspace.append(an_event())
        assert opened() > before
    assert opened() == before


def test_appending_in_the_middle_of_an_append_of_the_same_thread_is_an_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a signal handler or a finalizer would; the append that was interrupted goes on."""
    caught: list[AppendError] = []
    ready = Handle.ready

    def interrupted(handle: Handle, lock_timeout: float) -> int:
        monkeypatch.undo()
        with pytest.raises(AppendError, match="in the middle of another append") as error:
            workspace.append(an_event(segment_id="inner"))
        caught.append(error.value)
        return ready(handle, lock_timeout)

    monkeypatch.setattr(Handle, "ready", interrupted)
    workspace.append(an_event(segment_id="outer"))
    assert caught[0].stored is False
    assert [*workspace.events()] == [an_event(segment_id="outer")]


def test_a_log_that_gets_another_name_under_an_open_writer_is_refused(workspace: Workspace) -> None:
    workspace.append(an_event())
    link = workspace.layout.root / "another"
    link.hardlink_to(workspace.layout.events_path)
    with pytest.raises(AppendError, match="another name"):
        workspace.append(an_event())
    link.unlink()
    assert workspace.append(an_event(segment_id="again")) is not None


def test_a_split_event_that_failed_half_way_is_completed_and_not_doubled(tmp_path: Path) -> None:
    records = tuple(UsageRecordSnapshot("decision", f"slug-{n}", n, n) for n in range(2000))
    event = an_event(records=records)

    def work(tell: Callable[[str], None]) -> None:
        workspace = Workspace(tmp_path)
        limit_file_size(100_000)
        try:
            workspace.append(event)
        except AppendError as error:
            tell(f"{error.stored} {'1 of the event' in error.reason}")
        end_file_size_limit()
        workspace.append(event)

    assert Child(work).lines() == ["None True"]
    report = Workspace(tmp_path).report()
    assert len(report.records) == 2000
    assert {record.use_count for record in report.records} == {1}
    assert Workspace(tmp_path).check().repeated_ids == 0


def test_on_a_system_without_the_means_logs_are_read_and_writing_is_refused() -> None:
    root = Path(__file__).parent / "data" / "workspaces" / "reference"
    program = f"""
import os, sys
sys.modules["fcntl"] = None
for name in ("pread", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC", "SEEK_DATA",
             "register_at_fork", "fdatasync"):
    delattr(os, name)
os.supports_dir_fd = set()
from ctxuse import AppendError, Workspace
workspace = Workspace({str(root)!r})
print(workspace.report().to_json(), end="")
assert workspace.check().clean
event = next(workspace.events())
try:
    workspace.append(event)
except AppendError as error:
    assert "can read logs, not write them" in str(error), error
else:
    raise SystemExit("it was written")
"""
    printed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True
    ).stdout
    assert printed == (root / "expected-report.json").read_bytes()


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\r", b" \r\t  "])
def test_white_space_of_another_writer_before_the_line_does_not_double_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, blank: bytes
) -> None:
    path = workspace.layout.events_path
    workspace.append(an_event(segment_id="before"))
    write = os.write

    def after_another(descriptor: int, data: bytes) -> int:
        monkeypatch.undo()
        with path.open("ab") as log:
            log.write(blank)
        return write(descriptor, data)

    monkeypatch.setattr("ctxuse.log.writer.os.write", after_another)
    workspace.append(an_event())
    assert path.read_bytes().count(LINE) == 1
    assert workspace.report().evidence.events == 2


def test_a_log_rewritten_in_place_to_its_own_size_does_not_double_the_next_event(
    workspace: Workspace,
) -> None:
    path = workspace.layout.events_path
    workspace.append(an_event(segment_id="before"))
    with path.open("r+b") as log:
        log.write(b" " * path.stat().st_size)
    workspace.append(an_event())
    assert path.read_bytes().count(LINE) == 1
    assert workspace.report().evidence.events == 1


def test_a_signal_handler_that_appends_never_hangs(tmp_path: Path) -> None:
    """It is refused in the middle of an append, and appends anywhere else."""
    program = f"""
import os, signal, time
from ctxuse import AppendError, UsageRecordSnapshot, UsageSource, Workspace
workspace = Workspace({str(tmp_path)!r})
record = [UsageRecordSnapshot("decision", "alpha", 1, 1)]
stored = refused = 0
def append(*_):
    global stored, refused
    try:
        workspace.append_use("s", UsageSource.MEMORY_READ, record)
        stored += 1
    except AppendError:
        refused += 1
signal.signal(signal.SIGALRM, append)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 2
outer = 0
while time.monotonic() < end:
    workspace.append_use("s", UsageSource.MEMORY_READ, record)
    outer += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(stored + outer, refused > 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )  # fmt: skip
    appended, refused = done.stdout.split()
    assert refused == "True"
    assert Workspace(tmp_path).report().evidence.events == int(appended)
