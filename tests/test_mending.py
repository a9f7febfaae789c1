"""Checking, repairing and archiving the log."""

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event, events

from ctxuse import MaintenanceError, UsageEvent, UsageEventKind, UsageSource, Workspace
from ctxuse.codec.encode import encode
from ctxuse.events import Requests
from ctxuse.log.archive import archive_log
from ctxuse.log.names import archive_names
from ctxuse.log.recover import recover

LINE = encode(an_event())
OTHER_EVENT = an_event(id="00000000-0000-7000-8000-000000000000", segment_id="other")
OTHER = encode(OTHER_EVENT)


def stored(workspace: Workspace) -> list[UsageEvent]:
    return [found for found in workspace.events() if isinstance(found, UsageEvent)]


def test_repair_recovers_what_concurrent_reference_writers_damaged(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("reference-concurrent")
    path = workspace.layout.events_path
    before = path.read_bytes()

    def uses() -> int:
        return sum(record.use_count for record in workspace.report().records)

    assert uses() == 1764
    dry = workspace.repair(dry_run=True)
    assert (dry.damaged, dry.recovered, dry.copies) == (118, 236, ())
    assert path.read_bytes() == before
    done = workspace.repair()
    assert (done.damaged, done.recovered, done.changed) == (118, 236, True)
    assert uses() == 2000
    assert path.read_bytes().startswith(before)
    (copy,) = done.copies
    copied = (workspace.layout.usage_dir / copy).read_bytes()
    for line in before.split(b"\n"):
        if line.count(b'"occurred_at"') > 1:
            assert line + b"\n" in copied

    after = path.read_bytes(), sorted(workspace.layout.usage_dir.iterdir())
    again = workspace.repair()
    assert (again.recovered, again.present, again.changed) == (0, 236, False)
    assert (path.read_bytes(), sorted(workspace.layout.usage_dir.iterdir())) == after
    check = workspace.check()
    assert (check.events, check.recoverable, check.recovered, check.repeated_ids) == (
        2000, 0, 236, 0,
    )  # fmt: skip


@given(st.lists(events, min_size=1, max_size=4), st.data())
def test_whole_events_are_found_behind_fragments_and_glued_together(
    glued: list[UsageEvent], data: st.DataObject
) -> None:
    lines = [encode(event) for event in glued]
    fragment = lines[0][: data.draw(st.integers(0, len(lines[0]) - 1))]
    rest = data.draw(st.sampled_from([b"", lines[-1][:20], b"}}", b"\xff"]))
    found = [*recover(fragment + b"".join(lines) + rest)]
    assert [one.event for one in found][-len(glued) :] == glued
    assert [one.line for one in found][-len(lines) :] == lines


def test_an_event_is_found_that_stands_where_a_value_of_a_fragment_was_to_come() -> None:
    """Both are whole then; else one that was acknowledged would be lost."""
    whole = an_event(id="01a2058a-0000-7000-8000-00000000000f")
    fragment = LINE[:-1] + b',"segment":'
    found = [*recover(fragment + encode(whole) + b"}}")]
    assert [one.event.id for one in found] == [an_event().id, whole.id]
    assert found[-1].line == encode(whole)


@given(st.binary(max_size=300))
def test_recovering_never_crashes(data: bytes) -> None:
    for found in recover(data):
        assert found.line in data


@pytest.mark.parametrize(
    "line",
    [
        LINE.replace(b"MemoryRead", b"Fifth"),  # refused as a whole: not damaged
        b'{"wrapped":' + LINE + b"}",
        json.dumps({"note": LINE.decode()}).encode(),
        LINE.replace(b"segment_id", b"session_id"),
        LINE[:-1],
    ],
)
def test_what_is_no_damaged_line_with_a_whole_event_is_left_alone(
    workspace_of_log: Callable[[bytes], Workspace], line: bytes
) -> None:
    workspace = workspace_of_log(line + b"\n")
    assert not workspace.repair().changed
    assert workspace.layout.events_path.read_bytes() == line + b"\n"


def test_an_event_in_several_damaged_lines_is_appended_once(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    workspace = workspace_of_log((LINE + OTHER + b"\n") * 3 + OTHER[:9] + LINE + b"\n" + OTHER)
    result = workspace.repair()
    assert result.recovered == 1
    assert sorted(event.id for event in stored(workspace)) == sorted(
        [an_event().id, OTHER_EVENT.id]
    )


def test_blocks_of_requests_are_recovered_as_far_as_they_have_none(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    def block(number: int, *taken: int) -> UsageEvent:
        return an_event(
            id=f"00000000-0000-7000-8000-{number:012}", records=(),
            event=UsageEventKind.RESIDENT_EXPOSURE, source=UsageSource.RESIDENT_INJECTION,
            requests=Requests(f"m{number}", taken, taken, taken),
        )  # fmt: skip

    there, lost, other = block(1, 0, 1, 2), block(2, 1, 2, 3), block(3, 3, 4)
    damaged = OTHER[:9] + encode(lost) + b"\n" + OTHER[:9] + encode(other) + b"\n"
    workspace = workspace_of_log(encode(there) + b"\n" + damaged)
    assert workspace.repair(dry_run=True).recovered == 2
    result = workspace.repair()
    assert (result.damaged, result.recovered) == (2, 2)
    assert sorted(taken_in(workspace)) == [0, 1, 2, 3, 4]
    assert workspace.repair().recovered == 0
    assert workspace.check().repeated_ids == 0


def taken_in(workspace: Workspace) -> list[int]:
    """What each request took in that is told of."""
    every = workspace.events(of_requests=True)
    blocks = [event.requests for event in every if isinstance(event, UsageEvent)]
    return [taken for block in blocks if block is not None for taken in block.input]


def test_a_recovered_line_of_another_writer_keeps_its_fields_in_ascii(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    foreign = LINE.replace(b"segment-1", "\u65e5\u672c \U0001f600".encode())[:-1] + b',"later":[1]}'
    workspace = workspace_of_log(b"{" + foreign + b"\n")
    workspace.repair()
    line = workspace.layout.events_path.read_bytes().splitlines()[-1]
    assert line.isascii()
    assert json.loads(line) == json.loads(foreign)


def test_what_a_repair_finishes_by_appending_is_recovered_by_it(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    third = an_event(id="00000000-0000-7000-8000-000000000001")
    unfinished = OTHER[:40] + OTHER
    workspace = workspace_of_log(LINE[:40] + encode(third) + b"\n" + unfinished)
    assert workspace.repair(dry_run=True).recovered == 1
    done = workspace.repair()
    assert (done.damaged, done.recovered, done.present) == (2, 2, 0)
    assert {event.id for event in stored(workspace)} == {third.id, OTHER_EVENT.id}
    assert not workspace.repair().changed
    assert workspace_of_log(unfinished).repair().recovered == 0


def test_invalid_utf8_is_overwritten_only_on_request_and_only_in_finished_lines(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    line = LINE.replace(b"alpha", b"al\xff\xc3a")
    half = "\u65e5".encode()[:2]
    pending = OTHER[:30] + b"\xff"
    log = line + b"\n" + LINE + b"\n" + half + OTHER + b"\n" + pending
    workspace = workspace_of_log(log)
    dry = workspace.repair(dry_run=True, overwrite_invalid_utf8=True)
    assert dry.overwritten == 4
    assert workspace.layout.events_path.read_bytes() == log
    assert workspace.repair().overwritten == 0
    assert workspace.layout.events_path.read_bytes().startswith(log)
    workspace.layout.events_path.write_bytes(log)

    done = workspace.repair(overwrite_invalid_utf8=True)
    # What was appended finished the pending line: its byte is overwritten as well.
    assert (done.recovered, done.overwritten) == (1, 5)
    lines = [line.replace(b"\xff\xc3", b"??"), LINE, b"??" + OTHER, OTHER[:30] + b"?", OTHER]
    assert workspace.layout.events_path.read_bytes() == b"\n".join(lines) + b"\n"
    (name,) = (name for name in done.copies if name.startswith("overwritten"))
    entries = (workspace.layout.usage_dir / name).read_text().splitlines()
    restored = bytearray(workspace.layout.events_path.read_bytes())
    for entry in map(json.loads, entries):
        data = bytes.fromhex(entry["bytes"])
        restored[entry["offset"] : entry["offset"] + len(data)] = data
    assert bytes(restored) == log + b"\n" + OTHER + b"\n"

    again = workspace.layout.events_path.read_bytes()
    again.decode()
    assert not workspace.repair(overwrite_invalid_utf8=True).changed
    assert workspace.layout.events_path.read_bytes() == again


@given(
    st.lists(st.sampled_from([b"a", b"\xff", b"\xe6\x97", b"\xa5", b"\n", b"\xc3"]), max_size=40)
)
@settings(max_examples=200)
def test_invalid_runs_are_those_that_python_finds(pieces: list[bytes]) -> None:
    from tempfile import TemporaryFile  # noqa: PLC0415 - beside its only use

    from ctxuse.log import repair  # noqa: PLC0415 - a private part, whatever the block size
    from ctxuse.log.reader import OpenLog  # noqa: PLC0415 - likewise

    data = b"".join(pieces)
    with TemporaryFile(buffering=0) as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        patch.setattr(repair, "BLOCK", 3)
        log = OpenLog("events.jsonl", file.fileno(), len(data))
        mended = bytearray(data)
        for run in repair._invalid_runs(log):  # noqa: SLF001 - the law of a private part
            assert data[run.offset :].startswith(run.data)
            mended[run.offset : run.offset + len(run.data)] = b"?" * len(run.data)
    expected = data.decode("utf-8", "surrogateescape")
    assert mended.decode() == "".join("?" if "\udc80" <= c <= "\udcff" else c for c in expected)


def test_check_says_all_that_there_is_to_say(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    legacy = LINE.replace(b"segment_id", b"session_id")
    future = encode(
        an_event(
            id="00000000-0000-7000-8000-00000000000f",
            occurred_at_ns=time.time_ns() + 3600 * 10**9,
        )
    )
    log = b"\n".join([LINE, LINE, b"", legacy, OTHER[:9] + OTHER, future, LINE[:40]])
    workspace = workspace_of_log(log)
    workspace.layout.events_path.chmod(0o640)
    result = workspace.check()
    assert (result.events, result.blank, result.skipped_lines) == (3, 1, 2)
    assert result.skipped_by_reason == {"legacy_schema": 1, "not_json": 1}
    assert [line.line for line in result.skipped] == [4, 5]
    assert (result.recoverable, result.recovered) == (1, 0)
    assert result.repeated == ((an_event().id, 2),)
    assert result.pending is not None
    assert (result.pending.offset, result.pending.length) == (log.rindex(b"\n") + 1, 40)
    assert not result.pending.counts
    assert result.in_future == 1
    assert result.permissions == ("events.jsonl has mode 0640: not its owner's alone",)
    assert not result.clean


@pytest.mark.parametrize(("tail", "counts"), [(LINE, True), (LINE[:-1], False)])
def test_a_pending_tail_is_no_damage(
    workspace_of_log: Callable[[bytes], Workspace],
    tail: bytes,
    counts: bool,  # noqa: FBT001 - a table
) -> None:
    result = workspace_of_log(OTHER + b"\n" + tail).check()
    assert result.clean
    assert result.events == 1 + counts
    assert result.pending is not None
    assert result.pending.counts == counts


def test_repeated_ids_are_not_clean(workspace_of_log: Callable[[bytes], Workspace]) -> None:
    assert not workspace_of_log(LINE + b"\n" + LINE + b"\n").check().clean


def test_an_archive_goes_on_counting_in_order(workspace: Workspace) -> None:
    assert workspace.archive() is None
    names = []
    for number in range(3):
        workspace.append(an_event(id=f"00000000-0000-7000-8000-00000000000{number}"))
        names.append(workspace.archive())
        assert workspace.layout.events_path.read_bytes() == b""
    workspace.append(an_event())
    assert names == sorted(name for name in names if name)
    assert [event.id[-1] for event in stored(workspace)] == ["0", "1", "2", "6"]
    assert workspace.report().records[0].use_count == 4
    assert workspace.check().files == (*names, "events.jsonl")
    assert workspace.layout.events_path.stat().st_mode & 0o777 == 0o600


def test_the_report_over_archives_is_that_over_all_of_them_joined(
    copy_of: Callable[[str], Workspace], tmp_path: Path
) -> None:
    workspace = copy_of("reference")
    lines = workspace.layout.events_path.read_bytes().splitlines(keepends=True)
    joined = workspace.report().to_json()
    workspace.layout.events_path.write_bytes(b"".join(lines[:50]).rstrip(b"\n"))
    workspace.archive()
    workspace.layout.events_path.write_bytes(b"".join(lines[50:70]))
    workspace.archive()
    workspace.layout.events_path.write_bytes(b"".join(lines[70:]))
    assert workspace.report().to_json() == joined
    del tmp_path


def test_a_clock_set_back_does_not_reorder_archives(workspace: Workspace) -> None:
    workspace.append(an_event())
    workspace.layout.events_path.rename(
        workspace.layout.usage_dir / "events.20991231T235959.999999Z.jsonl"
    )
    workspace.append(OTHER_EVENT)
    name = workspace.archive()
    assert name == "events.21000101T000000.000000Z.jsonl"
    assert stored(workspace) == [an_event(), OTHER_EVENT]


def test_an_archive_never_takes_a_name_that_is_not_read(workspace: Workspace) -> None:
    workspace.append(an_event())
    (workspace.layout.usage_dir / "events.99991231T235959.999999999Z.jsonl").touch()
    with pytest.raises(MaintenanceError, match="no room"):
        workspace.archive()
    assert stored(workspace) == [an_event()]


def test_a_log_is_not_archived_while_another_holds_the_lock(workspace: Workspace) -> None:
    import fcntl  # noqa: PLC0415 - beside its only use

    workspace.append(an_event())
    with (workspace.layout.usage_dir / "events.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(MaintenanceError, match="holds the lock"):
            archive_log(workspace.layout, lock_timeout=0)
    assert workspace.archive() is not None


def test_a_lock_that_cannot_be_taken_is_called_what_it_is(workspace: Workspace) -> None:
    workspace.append(an_event())
    lock = workspace.layout.usage_dir / "events.lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(MaintenanceError, match=r"events\.lock.* it is a directory") as caught:
        workspace.archive()
    assert "another process" not in str(caught.value)
    lock.rmdir()
    assert workspace.archive() is not None


@pytest.mark.parametrize("when", ["before listing", "after listing"])
def test_an_archiving_while_a_reader_opens_the_files_hides_and_doubles_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    workspace.append(an_event())
    archived: list[str | None] = []

    def listed(root: str) -> list[str]:
        found = archive_names(root)
        if not archived:
            archived.append(workspace.archive())
            workspace.append(OTHER_EVENT)
        return found if when == "after listing" else archive_names(root)

    monkeypatch.setattr("ctxuse.log.reader.archive_names", listed)
    assert stored(workspace) == [an_event(), OTHER_EVENT]
    assert archived != [None]


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_an_archive_that_does_not_reach_the_disk_says_where_the_log_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    workspace.append(an_event())
    usual = getattr(os, call)
    monkeypatch.setattr(os, call, fails)
    with pytest.raises(MaintenanceError) as said:
        workspace.archive()
    monkeypatch.setattr(os, call, usual)
    (name,) = (path.name for path in workspace.layout.usage_dir.glob("events.*.jsonl"))
    assert said.value.archive == name
    assert f"the log is archived as {name}" in str(said.value)
    assert "try again" not in str(said.value)
    assert stored(workspace) == [an_event()]
    assert workspace.archive() is None
