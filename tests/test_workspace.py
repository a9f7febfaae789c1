"""The object that users of the library hold."""

import json
import os
import shutil
import subprocess
import uuid
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from strategies import an_event
from whenever import Instant

from ctxuse import (
    InvalidEventError,
    InvalidSettingError,
    InvalidSlugError,
    RecordKind,
    RecordNotFoundError,
    RecordUnreadableError,
    UnknownKindError,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
    Workspace,
    WorkspaceLayout,
)
from ctxuse.hook import run
from ctxuse.otherlogs import import_log

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = UsageRecordSnapshot.from_bytes(RecordKind.DECISION, "alpha", b"abcd")
POLICY = UsageRecordSnapshot.from_bytes(RecordKind.KNOWLEDGE, "policy", b"abcdefgh")


def test_uses_and_exposures_are_counted_apart(workspace: Workspace) -> None:
    workspace.append_use("session-a", UsageSource.MEMORY_READ, [ALPHA])
    workspace.append_use("session-a", UsageSource.KNOWLEDGE_REF, [POLICY])
    workspace.append_use("session-b", UsageSource.KNOWLEDGE_REF, [POLICY])
    workspace.append_resident_exposure("session-b", [POLICY])

    alpha, policy = workspace.report().records
    assert (alpha.kind, alpha.slug) == ("decision", "alpha")
    assert alpha.use_count == 1
    assert alpha.source_breakdown == {"MemoryRead": 1}
    assert alpha.resident_exposure_count == 0
    assert alpha.last_used_at is not None
    assert (policy.kind, policy.slug) == ("knowledge", "policy")
    assert policy.use_count == 2
    assert policy.source_breakdown == {"KnowledgeRef": 2}
    assert policy.resident_exposure_count == 1
    assert policy.estimated_tokens_per_injection == 2
    assert policy.estimated_total_resident_exposure_tokens == 2


def test_an_exposure_alone_is_no_use(workspace: Workspace) -> None:
    workspace.append_resident_exposure("session", [POLICY])
    (record,) = workspace.report().records
    assert record.use_count == 0
    assert record.last_used_at is None
    assert record.source_breakdown == {}
    assert record.resident_exposure_count == 1


def test_the_last_exposure_in_file_order_gives_the_size(workspace: Workspace) -> None:
    for size in (400, 4000, 40):
        snapshot = UsageRecordSnapshot.from_size("knowledge", "policy", size)
        workspace.append_resident_exposure("session", [snapshot])
    (record,) = workspace.report().records
    assert record.estimated_tokens_per_injection == 10
    assert record.estimated_total_resident_exposure_tokens == 30


def test_no_records_write_nothing(workspace: Workspace) -> None:
    assert workspace.append_use("session", UsageSource.MEMORY_READ, []) is None
    assert workspace.append_resident_exposure("session", []) is None
    assert workspace.append(an_event(records=())) is None
    assert not workspace.layout.usage_dir.exists()


@pytest.mark.parametrize(("value", "recorded"), [("1", 0), ("yes", 0), ("0", 1), ("", 1)])
def test_recording_can_be_turned_off(workspace: Workspace, value: str, recorded: int) -> None:
    switched = Workspace(workspace.layout.root, environ={"CTXUSE_DISABLE": value})
    stored = switched.append_use("session", UsageSource.MEMORY_READ, [ALPHA])
    assert (stored is not None) == bool(recorded)
    assert len([*workspace.events()]) == recorded


@pytest.mark.parametrize("source", UsageSource)
@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_and_source_comes_back_as_it_was_stored(
    workspace: Workspace, kind: RecordKind, source: UsageSource
) -> None:
    before = Instant.now()
    stored = workspace.append_use(
        "session",
        source,
        [UsageRecordSnapshot.from_bytes(kind, "alpha", b"12345")],
        host="claude-code",
        actor="maintenance",
        call_id="toolu_1",
    )
    (read,) = workspace.events()
    assert isinstance(read, UsageEvent)
    assert read == stored
    assert read.event is UsageEventKind.USE
    assert read.source is source
    assert read.records[0].kind == kind.value
    assert read.records[0].file_bytes == 5
    assert read.records[0].file_tokens_estimate == 2
    assert (read.host, read.actor, read.call_id) == ("claude-code", "maintenance", "toolu_1")
    assert before <= read.occurred_at <= Instant.now()


def test_an_event_too_long_for_a_line_is_stored_as_several(workspace: Workspace) -> None:
    many = [UsageRecordSnapshot.from_size("decision", f"slug-{n}", n) for n in range(2000)]
    first = workspace.append_resident_exposure("session", many)
    events = [found for found in workspace.events() if isinstance(found, UsageEvent)]
    assert len(events) > 1
    assert events[0] == first
    assert [record for event in events for record in event.records] == many
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize("content", [b"", b"abcd", b"abcde", "\u65e5\u672c".encode()])
def test_a_snapshot_has_the_size_of_the_file_now(workspace: Workspace, content: bytes) -> None:
    for kind in RecordKind:
        slug = "summary" if kind is RecordKind.SUMMARY else "alpha"
        path = workspace.layout.record_path(kind, slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        expected = UsageRecordSnapshot(kind.value, slug, len(content), -(-len(content) // 4))
        assert workspace.snapshot(kind, slug) == expected
        assert workspace.snapshot(kind.value, slug) == expected


def test_a_bad_slug_a_bad_kind_and_a_missing_file_are_different_errors(
    workspace: Workspace,
) -> None:
    with pytest.raises(InvalidSlugError, match="is not a slug"):
        workspace.snapshot("decision", "../../etc/passwd")
    with pytest.raises(InvalidSlugError):
        workspace.snapshot("summary", "other")
    with pytest.raises(UnknownKindError, match="no file is known"):
        workspace.snapshot("skill", "pdf")
    with pytest.raises(RecordNotFoundError, match="does not exist") as caught:
        workspace.snapshot("decision", "alpha")
    assert caught.value.path == str(workspace.layout.decision_path("alpha"))


@pytest.mark.parametrize("what", ["directory", "fifo"])
def test_a_record_that_is_no_file_is_an_error_at_once(workspace: Workspace, what: str) -> None:
    path = workspace.layout.decision_path("alpha")
    path.parent.mkdir()
    if what == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(RecordUnreadableError) as caught:
        workspace.snapshot("decision", "alpha")
    assert caught.value.path == str(path)


def test_a_workspace_is_the_nearest_directory_with_the_marker(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "a" / ".yoi" / "memory").mkdir(parents=True)
    (tmp_path / "a" / "b" / ".yoi").mkdir()  # a child worktree's: no marker
    assert Workspace.find(deep).layout == WorkspaceLayout(tmp_path / "a")
    (tmp_path / "a" / "b" / ".yoi" / "memory").mkdir()
    assert Workspace.find(deep).layout == WorkspaceLayout(tmp_path / "a" / "b")


def test_without_a_marker_the_start_itself_is_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace.find().layout.root == tmp_path
    assert not Workspace.find().layout.has_marker
    assert Workspace.find(str(tmp_path / "not" / "there")).layout.root == tmp_path / "not/there"


def test_windows_are_from_and_up_to_but_without(workspace: Workspace) -> None:
    times = [Instant.from_timestamp(seconds) for seconds in (100, 200, 300)]
    for at in times:
        workspace.append(
            an_event(occurred_at_ns=at.timestamp(unit="nanosecond"), segment_id=str(at))
        )
    everything, first, last, middle, none = (
        workspace.report(),
        workspace.report(until=times[1]),
        workspace.report(since=times[2]),
        workspace.report(since=times[1], until=times[2]),
        workspace.report(since=times[1], until=times[1]),
    )
    assert everything.records[0].use_count == 3
    assert [r.last_used_at for r in first.records] == [times[0]]
    assert [r.last_used_at for r in last.records] == [times[2]]
    assert [r.last_used_at for r in middle.records] == [times[1]]
    assert none.records == ()


def test_a_report_says_what_it_rests_on(workspace: Workspace) -> None:
    workspace.append(an_event(segment_id="a"))
    workspace.append(an_event(segment_id="b"))
    workspace.append(an_event(segment_id="a", occurred_at_ns=5))
    with workspace.layout.events_path.open("ab") as log:
        log.write(b"\n \nnonsense\n{}\n")
    evidence = workspace.report().evidence
    assert (evidence.events, evidence.segments, evidence.blank) == (3, 2, 2)
    assert evidence.skipped == {"missing_field": 1, "not_json": 1}
    assert evidence.skipped_lines == 2
    assert (evidence.since_ns, evidence.until_ns) == (5, an_event().occurred_at_ns)


def test_records_on_disk_that_are_in_no_event_can_be_shown(workspace: Workspace) -> None:
    layout = workspace.layout
    for kind, slug in (("decision", "alpha"), ("workflow", "beta"), ("summary", "summary")):
        path = layout.record_path(kind, slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    (layout.decisions_dir / "No-Slug.md").write_text("text")
    (layout.decisions_dir / "alpha.txt").write_text("text")
    (layout.decisions_dir / "folder.md").mkdir()
    workspace.append_use("s", UsageSource.MEMORY_READ, [workspace.snapshot("decision", "alpha")])
    report = workspace.report().with_disk(layout.records_on_disk())
    assert [tuple(ref) for ref in report.without_events] == [
        ("summary", "summary"),
        ("workflow", "beta"),
    ]
    assert '"slug": "beta",\n      "use_count": null' in report.to_json()


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_durability_is_chosen_by_argument_or_environment(
    workspace: Workspace, durability: str
) -> None:
    chosen = Workspace(workspace.layout, environ={"CTXUSE_DURABILITY": durability})
    assert chosen.append(an_event()) == an_event()
    assert [*workspace.events()] == [an_event()]


def test_another_durability_is_an_error_of_appending_and_not_of_reading(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, environ={"CTXUSE_DURABILITY": "hope"})
    assert workspace.report().records == ()
    with pytest.raises(InvalidSettingError, match='CTXUSE_DURABILITY is os or fsync, not "hope"'):
        workspace.append(an_event())


@pytest.mark.parametrize("field", ["segment_id", "host", "actor", "call_id"])
def test_a_lone_surrogate_is_never_acknowledged(workspace: Workspace, field: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        workspace.append(an_event(**{field: "\udc80"}))
    assert caught.value.field == field
    for name in ("kind", "slug", "tokens_from", "size_from"):
        changes: dict[str, Any] = {name: "\udc80"}
        with pytest.raises(InvalidEventError):
            workspace.append(an_event(records=(ALPHA._replace(**changes),)))
    assert not workspace.layout.events_path.exists()


def test_what_is_no_record_is_refused_and_not_guessed(workspace: Workspace) -> None:
    class Word(Enum):
        SKILL = "skill"

    assert UsageRecordSnapshot.from_bytes(Word.SKILL, "pdf", b"1").kind == "skill"  # type: ignore[arg-type] # one of their own
    wrong: list[Callable[[], object]] = [
        lambda: UsageRecordSnapshot.from_bytes("decision", None, b""),  # type: ignore[arg-type] # wrong
        lambda: UsageRecordSnapshot.from_bytes(5, "a", b""),  # type: ignore[arg-type] # wrong
        lambda: UsageRecordSnapshot.from_bytes("decision", "a", "text"),  # type: ignore[arg-type] # wrong
        lambda: workspace.append_use("s", UsageSource.MEMORY_READ, ALPHA),  # type: ignore[arg-type] # wrong
        lambda: workspace.append_use("s", "Fifth", [ALPHA]),  # type: ignore[arg-type] # wrong
        lambda: workspace.append(an_event(id=uuid.uuid4())),
    ]
    for call in wrong:
        with pytest.raises(InvalidEventError):
            call()
    assert not workspace.layout.events_path.exists()
    stored = workspace.append_use("s", "KnowledgeRef", [ALPHA])  # type: ignore[arg-type] # as text
    assert stored is not None
    assert stored.source is UsageSource.KNOWLEDGE_REF


def test_a_huge_record_is_not_read_to_know_its_size(workspace: Workspace) -> None:
    path = workspace.layout.decision_path("big")
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(2**40)
    assert workspace.snapshot("decision", "big").file_bytes == 2**40


def test_looking_at_what_is_no_record_leaves_nothing_open(workspace: Workspace) -> None:
    workspace.layout.decision_path("alpha").mkdir(parents=True)
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        with pytest.raises(RecordUnreadableError):
            workspace.snapshot("decision", "alpha")
    assert len(os.listdir("/dev/fd")) == before


def test_an_unknown_size_is_unknown_in_the_report(workspace: Workspace) -> None:
    unknown = UsageRecordSnapshot("skill", "pdf", 0, 0, size_from="unknown")
    workspace.append_resident_exposure("s", [unknown])
    (record,) = workspace.report().records
    assert (record.file_tokens_each, record.file_tokens_total) == (None, None)
    assert (record.resident.each, record.resident.total) == (None, None)
    assert record.estimated_tokens_per_injection == 0
    workspace.append_resident_exposure("s", [unknown._replace(size_from=None, file_bytes=8)])
    (record,) = workspace.report().records
    assert (record.file_tokens_each, record.file_tokens_total) == (0, 0)


def test_a_window_does_not_hide_that_there_is_evidence_outside(workspace: Workspace) -> None:
    layout = workspace.layout
    for slug in ("alpha", "beta", "gamma"):
        layout.decision_path(slug).parent.mkdir(exist_ok=True)
        layout.decision_path(slug).write_text("text")
    times = {"alpha": 100, "beta": 200}
    for slug, seconds in times.items():
        at = seconds * 1_000_000_000
        workspace.append(an_event(records=(ALPHA._replace(slug=slug),), occurred_at_ns=at))
    report = workspace.report(since=Instant.from_timestamp(150)).with_disk(layout.records_on_disk())
    assert [record.slug for record in report.records] == ["beta"]
    assert report.outside == {("decision", "alpha")}
    assert [ref.slug for ref in report.without_events] == ["gamma"]
    evidence = report.evidence
    assert (evidence.events, evidence.outside) == (1, 1)
    assert evidence.log_since_ns == 100 * 1_000_000_000
    assert evidence.window == (150 * 1_000_000_000, None)


@pytest.mark.parametrize("way", ["library", "hook", "import"])
def test_in_a_clone_git_leaves_the_log_alone_too(tmp_path: Path, way: str) -> None:
    root = tmp_path / "home" / "clone"
    record = root / ".yoi" / "memory" / "decisions" / "alpha.md"
    record.parent.mkdir(parents=True)
    record.write_text("Alpha it is, and not beta.\n")
    git = [shutil.which("git") or "git", "-C", str(root), "-c", "user.name=k", "-c", "user.email=k"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    workspace = Workspace(root)
    alpha = workspace.snapshot("decision", "alpha")
    if way == "library":
        workspace.append_use(
            "s", UsageSource.MEMORY_READ, [workspace.snapshot("decision", "alpha")]
        )
    elif way == "hook":
        read = {"type": "text", "file": {"content": "Alpha it is, and not beta.\n"}}
        payload = {
            "session_id": "s", "cwd": str(root), "hook_event_name": "PostToolUse",
            "tool_name": "Read", "tool_input": {"file_path": str(record)}, "tool_use_id": "t",
            "tool_response": read,
        }  # fmt: skip
        run(
            ["claude-code"], BytesIO(json.dumps(payload).encode()), {"HOME": str(tmp_path / "home")}
        )
    else:
        other = Workspace(tmp_path)
        other.append_use("s", UsageSource.MEMORY_READ, [alpha])
        import_log(workspace, [str(tmp_path)])
    assert len([*workspace.events()]) == 1
    done = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True)
    assert done.stdout == b""
