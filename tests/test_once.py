"""Adding an event once, whoever else may have written it."""

from contextlib import closing
from pathlib import Path

import pytest
from strategies import an_event

from ctxuse import UsageEvent, Workspace, WorkspaceLayout
from ctxuse.codec.encode import encode
from ctxuse.ids import new_id
from ctxuse.log import once
from ctxuse.log.idindex import IdCounter, IdIndex
from ctxuse.log.writer import LogWriter

EVENT = an_event()
LINE = encode(EVENT)
OTHER = encode(an_event(id="00000000-0000-7000-8000-000000000000", segment_id=EVENT.id))


def events(workspace: Workspace) -> list[UsageEvent]:
    return [found for found in workspace.events() if isinstance(found, UsageEvent)]


@pytest.fixture(params=["tail", "index"])
def add(request: pytest.FixtureRequest, workspace: Workspace) -> "Adder":
    return Adder(workspace, with_index=request.param == "index")


class Adder:
    """Adds the event as a hook does it, or as an import does it."""

    def __init__(self, workspace: Workspace, *, with_index: bool) -> None:
        self._writer = LogWriter(workspace.layout)
        self._index = IdIndex(workspace.layout) if with_index else None

    def __call__(self, event: UsageEvent = EVENT) -> bool:
        return self._writer.append_once(event.id, encode(event), index=self._index)


def test_an_event_is_added_once(workspace: Workspace, add: Adder) -> None:
    assert [add(), add(), add()] == [True, False, False]
    assert events(workspace) == [EVENT]


def test_an_event_that_another_writer_wrote_is_not_added(workspace: Workspace, add: Adder) -> None:
    workspace.append(EVENT._replace(segment_id="seen by another"))
    assert not add()
    assert [event.segment_id for event in events(workspace)] == ["seen by another"]


@pytest.mark.parametrize("before", [b"", OTHER + b"\n", OTHER[:50]])
def test_an_id_on_a_damaged_line_is_not_there(
    workspace: Workspace, add: Adder, before: bytes
) -> None:
    workspace.append(an_event(id="00000000-0000-7000-8000-00000000000f"))
    path = workspace.layout.events_path
    for damaged in (OTHER[:50] + LINE + b"\n", LINE + OTHER + b"\n", LINE[:-1], LINE[:-1] + b"\n"):
        path.write_bytes(before + b"\n" + damaged)
        assert add()
        assert [event.id for event in events(workspace)].count(EVENT.id) == 1
        assert not add()


def test_an_id_in_another_field_is_not_there(workspace: Workspace, add: Adder) -> None:
    workspace.append(an_event(id="00000000-0000-7000-8000-000000000000", segment_id=EVENT.id))
    assert add()
    assert len(events(workspace)) == 2


def test_a_pending_line_is_finished_and_not_doubled(workspace: Workspace, add: Adder) -> None:
    workspace.append(EVENT)
    seen = encode(EVENT._replace(segment_id="seen by another"))
    for line in (LINE, seen):
        workspace.layout.events_path.write_bytes(OTHER + b"\n" + line)
        add()
        assert workspace.layout.events_path.read_bytes() == OTHER + b"\n" + line + b"\n"


def test_a_hook_looks_only_through_the_end(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "TAIL", 2 * len(OTHER))
    add = Adder(workspace, with_index=False)
    assert add()
    workspace.append(an_event(id="00000000-0000-7000-8000-000000000001"))
    assert not add()
    for number in range(2, 5):
        workspace.append(an_event(id=f"00000000-0000-7000-8000-00000000000{number}"))
    assert add()


def test_an_event_that_was_archived_is_not_added(workspace: Workspace, add: Adder) -> None:
    assert add()
    for number in range(3):
        assert workspace.archive() is not None
        assert not add()
        workspace.append(an_event(id=new_id(number)))
        assert not add()
    assert [event.id for event in events(workspace)].count(EVENT.id) == 1


def test_an_event_on_the_unfinished_last_line_of_an_archive_is_there(
    workspace: Workspace, add: Adder
) -> None:
    workspace.append(an_event(id=new_id(1)))
    name = workspace.archive()
    with (workspace.layout.usage_dir / str(name)).open("ab") as late:
        late.write(LINE)
    assert not add()


def test_a_hook_looks_through_1_mib_of_all_files_together(workspace: Workspace) -> None:
    def fill(size: int) -> None:
        number = 0
        while workspace.layout.events_path.stat().st_size < size:
            number += 1
            workspace.append(an_event(id=new_id(number), segment_id="x" * 50_000))

    add = Adder(workspace, with_index=False)
    assert add()
    workspace.archive()
    for _ in range(4):
        workspace.append(an_event(id=new_id(0)))
        fill(150_000)
        workspace.archive()
    assert not add()
    workspace.append(an_event(id=new_id(0)))
    fill(900_000)
    assert add()


def test_an_archive_that_cannot_be_read_keeps_nobody_from_writing(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.append(an_event(id=new_id(1)))
    workspace.archive()
    (workspace.layout.usage_dir / "events.99990101T000000Z.jsonl").symlink_to(tmp_path / "no")
    add = Adder(workspace, with_index=False)
    assert [add(), add()] == [True, False]


@pytest.mark.parametrize("meanwhile", ["appended", "archived", "appended and archived"])
def test_what_happens_during_the_look_is_looked_at_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """As a writer without the lock does it, and one that archives without our noticing."""
    workspace.append(an_event(id=new_id(1)))
    other = LogWriter(workspace.layout)
    done: list[str] = []
    look = once.in_tail

    def looking(root: str, event_id: str, searched: once.Searched | None = None) -> once.Look:
        inner = look(root, event_id, searched)

        def looked(log: int, size: int) -> once.Standing:
            standing = inner(log, size)
            if len(done) < 2:
                done.append(meanwhile)
                if "appended" in meanwhile and len(done) == 2:
                    other.append(LINE)
                if "archived" in meanwhile and len(done) == 2:
                    archived = workspace.layout.usage_dir / "events.20260101T000000Z.jsonl"
                    workspace.layout.events_path.rename(archived)
            return standing

        return looked

    monkeypatch.setattr("ctxuse.log.writer.in_tail", looking)
    added = LogWriter(workspace.layout).append_once(EVENT.id, LINE)
    assert added == (meanwhile == "archived")
    assert [event.id for event in events(workspace)].count(EVENT.id) == 1


@pytest.mark.parametrize("since", ["nothing", "event", "archive", "both", "rest of a line"])
def test_who_has_searched_looks_at_what_came_since(workspace: Workspace, since: str) -> None:
    other = Workspace(workspace.layout.root)
    for number in range(3000):  # more than is looked through otherwise
        other.append(an_event(id=new_id(number), segment_id="x" * 200))
    path = workspace.layout.events_path
    if since == "rest of a line":
        with path.open("ab") as file:
            file.write(LINE[:100])
    searched = once.Searched.now(workspace.layout)
    if since in {"event", "both"}:
        other.append(EVENT)
    if since in {"archive", "both"}:
        assert other.archive() is not None
    if since == "rest of a line":
        with path.open("ab") as file:
            file.write(LINE[100:] + b"\n")
    is_new = since in {"nothing", "archive"}
    writer = LogWriter(workspace.layout)
    assert writer.append_once(EVENT.id, LINE, searched=searched) is is_new
    assert not writer.append_once(EVENT.id, LINE, searched=searched)
    assert [event.id for event in events(workspace)].count(EVENT.id) == 1


def test_an_import_knows_archived_and_replaced_logs(workspace: Workspace) -> None:
    add = Adder(workspace, with_index=True)
    assert add()
    assert workspace.archive() is not None
    assert not add()
    fresh = an_event(id="00000000-0000-7000-8000-00000000000a")
    assert add(fresh)
    workspace.archive()
    assert not add(fresh)
    assert not add()
    for archive in workspace.layout.usage_dir.glob("events.*.jsonl"):
        archive.unlink()
    workspace.layout.events_path.unlink()
    assert add()
    assert add(fresh)
    assert len(events(workspace)) == 2


def test_an_import_reads_each_byte_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = IdCounter.add

    def counted(self: IdCounter, ids: "list[str]") -> None:
        found = [*ids]
        read.append(len(found))
        original(self, found)

    monkeypatch.setattr(IdCounter, "add", counted)
    with closing(IdIndex(workspace.layout)) as index:
        for number in range(20):
            workspace.append(an_event(id=f"00000000-0000-7000-8000-0000000000{number:02}"))
            index.catch_up()
            index.catch_up()
    assert sum(read) == 20


def test_ids_are_counted(tmp_path: Path) -> None:
    with closing(IdCounter(WorkspaceLayout(tmp_path))) as ids:
        ids.add([EVENT.id, "00000000-0000-7000-8000-000000000000", EVENT.id])
        ids.add([EVENT.id])
        assert len(ids) == 2
        assert EVENT.id in ids
        assert "00000000-0000-7000-8000-000000000009" not in ids
        assert [*ids.repeated()] == [(EVENT.id, 3)]
        assert ids.repeated_number() == 1


def test_where_recording_is_a_by_product_nothing_is_raised_and_a_mark_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from ctxuse.log.failures import read_marks  # noqa: PLC0415 - beside its only use

    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    nowhere = Workspace(tmp_path / "nowhere", environ=environ)
    assert nowhere.try_append(EVENT) is None
    assert nowhere.try_append(EVENT._replace(segment_id="\ud800"), once=True) is None
    assert [mark.what for mark in read_marks(nowhere.layout, environ=environ)] == [
        "AppendError: open: No such file or directory",
        "InvalidEventError: append: holds a lone surrogate, which is no text",
    ]
    assert "was not recorded" in caplog.text

    here = Workspace(tmp_path, environ=environ)
    assert here.try_append(EVENT) == EVENT
    assert here.try_append(EVENT, once=True) is None
    assert [*read_marks(here.layout, environ=environ)] == []
    here.layout.events_path.unlink()
    here.layout.events_path.mkdir()
    assert here.try_append(EVENT) is None
    (mark,) = read_marks(here.layout, environ=environ)
    assert mark.what == "AppendError: open: events.jsonl: it is a directory"
    assert (here.layout.usage_dir / "trouble.jsonl").exists()
    assert EVENT.segment_id not in (here.layout.usage_dir / "trouble.jsonl").read_text()


def test_marks_do_not_grow_without_end(workspace: Workspace) -> None:
    from ctxuse.log.failures import MOST_BYTES, leave_mark  # noqa: PLC0415 - beside its only use

    workspace.layout.usage_dir.mkdir()
    for _ in range(200):
        assert leave_mark(workspace.layout, "x" * 5000, environ={})
    assert (workspace.layout.usage_dir / "trouble.jsonl").stat().st_size < MOST_BYTES + 2000
