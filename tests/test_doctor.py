"""`ctxuse doctor`: what is installed, what has fired, what stands in the way."""

import json
import os
from pathlib import Path

import pytest

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.doctor import Examination, examine
from ctxuse.log.failures import leave_mark


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace in an empty home, with the hook's program on the path."""
    home = tmp_path / "home"
    root = home / "app"
    (root / ".yoi" / "memory").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in ("ctxuse-hook", "claude"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(root)
    return Workspace(root)


def whats(found: Examination) -> str:
    return "\n".join(trouble.what for trouble in found.troubles)


def test_nothing_installed_and_nothing_fired_is_no_trouble(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examine(ground)
    assert found.troubles == ()
    assert found.log_bytes is None
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "nothing yet" in said
    assert "Claude Code no hooks installed" in said
    assert "Nothing stands in the way" in said


def nexts(found: Examination) -> list[str]:
    return [step.command for step in found.next]


def test_it_leads_from_sessions_to_the_import_and_to_hooks(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nexts(examine(ground)) == ["ctxuse setup claude-code"]  # its program is on the path
    root = ground.layout.root
    kept = Path(os.environ["HOME"]) / ".claude/projects/-app/1.jsonl"
    kept.parent.mkdir(parents=True)
    line = {"cwd": str(root), "sessionId": "s", "timestamp": "2026-11-01T00:00:00Z"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "Skill", "input": {"skill": "pdf"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1"}
    lines = [
        {**line, "type": "assistant", "message": {"content": [use]}},
        {**line, "type": "user", "message": {"content": [result]}},
    ]
    kept.write_text("".join(json.dumps(one) + "\n" for one in lines))
    found = examine(ground)
    assert nexts(found) == ["ctxuse import claude-code", "ctxuse setup claude-code"]
    assert {host.host: host.transcripts for host in found.hosts if host.transcripts} == {
        "claude-code": 1
    }
    assert run(["import", "claude-code"]) == 0
    capsys.readouterr()
    assert run(["doctor"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing stands in the way of recording. no hooks of ctxuse are installed" in said
    assert "→ ctxuse setup claude-code" in said
    assert "ctxuse import" not in said
    assert run(["setup", "claude-code", "-y"]) == 0
    (step,) = examine(ground).next
    assert "no event that only they record" in step.what
    capsys.readouterr()
    run(["doctor"])
    said = " ".join(capsys.readouterr().out.split())
    assert "not run for sessions that begin in a directory below it" in said
    assert "with -c, or --fork-session" in said
    assert "trusted the folder" in step.command
    record = [UsageRecordSnapshot.from_size("skill", "pdf", 9)]
    ground.append_resident_exposure("s", record, host="claude-code")
    assert examine(ground).next == ()


def test_where_there_is_no_workspace_the_import_makes_it(
    ground: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ground.layout.root.parent / "plain"
    plain.mkdir()
    kept = plain.parent / ".claude/projects/-plain/1.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"type": "user", "cwd": str(plain)}) + "\n")
    monkeypatch.chdir(plain)
    assert nexts(examine(Workspace(plain)))[0] == "ctxuse import claude-code --init"


def test_it_says_whose_program_is_not_on_the_path(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert examine(ground).hosts[1].program is None
    run(["doctor"])
    said = capsys.readouterr().out
    assert "its program codex is not on this path" in said
    assert "/bin/claude\n" in said


def test_what_is_installed_and_what_has_fired(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["setup", "claude-code", "-y"]) == 0
    record = [UsageRecordSnapshot.from_size("skill", "pdf", 9)]
    ground.append_use("s", UsageSource.WORKFLOW_INVOKE, record, host="claude-code")
    ground.append_use("s", UsageSource.WORKFLOW_INVOKE, record, host="claude-code")
    ground.append_use("s", UsageSource.MEMORY_READ, record)
    found = examine(ground)
    assert found.troubles == ()
    claude, *others = found.hosts
    assert claude.program is not None
    assert claude.program.endswith("/bin/claude")
    assert {hook.event for hook in claude.hooks} == {
        "PostToolUse", "PostToolUseFailure", "UserPromptExpansion", "InstructionsLoaded",
        "SessionStart", "SubagentStart", "SubagentStop", "Stop", "SessionEnd",
    }  # fmt: skip
    assert {(host.hooks, host.program) for host in others} == {((), None)}
    assert [(s.host, s.source, s.events) for s in found.sources] == [
        (None, "MemoryRead", 1),
        ("claude-code", "WorkflowInvoke", 2),
    ]
    capsys.readouterr()
    assert run(["doctor", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sources"][1]["events"] == 2
    assert told["hosts"][0]["hooks"][0]["event"] == "PostToolUse"


def test_marks_of_any_shape_are_passed_over(ground: Workspace) -> None:
    directory = ground.layout.usage_dir
    directory.mkdir(parents=True, exist_ok=True)
    deep = '{"at":"x","what":' + "[" * 100_000
    (directory / "trouble.jsonl").write_text(f'{deep}\n[]\n7\n\n{{"at":1}}\n')
    assert examine(ground).marks == ()


def test_a_command_that_is_missing_and_two_installations_are_trouble(
    ground: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["setup", "claude-code", "-y"]) == 0
    text = (ground.layout.root / ".claude/settings.json").read_text()
    user = Path(os.environ["HOME"]) / ".claude/settings.json"
    user.parent.mkdir()
    user.write_text(text.replace("ctxuse-hook", "/gone/ctxuse-hook"))
    assert "installed more than once" in whats(examine(ground))
    assert "/gone/ctxuse-hook, which is not there" in whats(examine(ground))
    user.unlink()
    monkeypatch.setenv("PATH", "/nowhere")
    assert "ctxuse-hook, which is not there" in whats(examine(ground))
    capsys.readouterr()
    assert run(["doctor"]) == 1
    assert "! the hooks of Claude Code" in capsys.readouterr().out


def test_hooks_for_some_events_only_are_trouble(ground: Workspace) -> None:
    settings = ground.layout.root / ".codex/hooks.json"
    settings.parent.mkdir()
    handler = {"type": "command", "command": "ctxuse-hook codex"}
    settings.write_text(json.dumps({"hooks": {"SessionStart": [{"hooks": [handler]}]}}))
    assert "the hooks of Codex miss PostToolUse" in whats(examine(ground))


def test_what_an_agent_brings_along_is_not_gone(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    unsized = {"file_bytes": 0, "file_tokens_estimate": 0, "size_from": "unknown"}
    records = [
        UsageRecordSnapshot("agent", "Explore", context_bytes=99, **unsized),  # type: ignore[arg-type]
        UsageRecordSnapshot.from_size("skill", "was-here", 99),
    ]
    ground.append_resident_exposure("s", records, host="claude-code")
    assert [record.slug for record in examine(ground).gone] == ["was-here"]
    capsys.readouterr()
    assert run(["report", "--format", "json-full"]) == 0
    found = json.loads(capsys.readouterr().out)["records"]
    assert {record["slug"]: record["gone"] for record in found} == {
        "Explore": None, "was-here": True,
    }  # fmt: skip
    for slug, gone in (("Explore", None), ("was-here", True)):
        kind = "agent" if gone is None else "skill"
        assert run(["show", f"{kind}/{slug}", "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["gone"] is gone


def test_records_that_were_resident_and_have_no_file_are_named(ground: Workspace) -> None:
    (ground.layout.root / "CLAUDE.md").write_text("x")
    skill = Path(os.environ["HOME"]) / ".claude/skills/here"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("x")
    there = [("instructions", "CLAUDE.md"), ("skill", "here"), ("memory", "external:x.md")]
    gone = [("decision", "gone"), ("instructions", "~/CLAUDE.md"), ("skill", "gone")]
    ground.append_resident_exposure(
        "s", [UsageRecordSnapshot.from_size(kind, slug, 1) for kind, slug in [*there, *gone]]
    )
    used = UsageRecordSnapshot.from_size("decision", "only-used", 1)
    ground.append_use("s", UsageSource.MEMORY_READ, [used])
    found = examine(ground)
    assert [(record.kind, record.slug) for record in found.gone] == gone
    assert found.troubles == ()


def test_clock_log_marks_and_settings_are_told(
    ground: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strategies import an_event  # noqa: PLC0415 - beside its only use

    ground.append(an_event(occurred_at_ns=4_000_000_000_000_000_000))
    with ground.layout.events_path.open("ab") as log:
        log.write(b"rubbish\n")
    leave_mark(ground.layout, "AppendError: write: No space left", environ=os.environ)
    monkeypatch.setenv("CTXUSE_DISABLE", "1")
    found = examine(Workspace(ground.layout))
    for expected in (
        "1 event lies in the future",
        "1 line of the log is not counted",
        "1 recording failed, the last one with: AppendError: write: No space left",
        "CTXUSE_DISABLE is set",
    ):
        assert expected in whats(found)
    assert (found.events, found.lines_not_counted, len(found.marks)) == (1, 1, 1)
    assert all(trouble.remedy for trouble in found.troubles)


def test_hooks_that_are_turned_off_are_trouble(ground: Workspace) -> None:
    assert run(["setup", "claude-code", "-y"]) == 0
    path = ground.layout.root / ".claude/settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "disableAllHooks": True}))
    assert "turns all hooks of Claude Code off" in whats(examine(ground))


def test_marks_are_counted_and_sorted_wherever_they_lie(ground: Workspace) -> None:
    state = Path(os.environ["HOME"]) / ".local/state/ctxuse"
    state.mkdir(parents=True)
    old = {"at": "2020-01-01T00:00:00Z", "what": "old", "workspace": str(ground.layout.root)}
    (state / "trouble.jsonl").write_text(json.dumps(old) + "\n")
    ground.layout.usage_dir.mkdir()
    for number in range(20):
        leave_mark(ground.layout, f"new {number}", environ=os.environ)
    found = examine(ground)
    assert "21 recordings failed, the last one with: new 19" in whats(found)
    assert len(found.marks) == 10


def test_the_home_directory_is_no_workspace_for_hooks(
    ground: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ground.layout.root.parent
    (home / ".yoi/memory").mkdir(parents=True)
    monkeypatch.chdir(home)
    assert "home directory" in whats(examine(Workspace(home)))


def test_without_a_workspace_it_says_so(
    ground: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = examine(Workspace(tmp_path))
    assert not found.has_marker
    assert "no .yoi/memory/" in whats(found)
    assert ground.layout.has_marker


def test_a_log_that_cannot_be_read_is_trouble_and_no_traceback(ground: Workspace) -> None:
    ground.layout.events_path.mkdir(parents=True)
    assert "cannot read the log" in whats(examine(ground))


def test_hostile_names_reach_no_terminal_raw(
    ground: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    record = UsageRecordSnapshot.from_size("decision", "\x1b[31m\u202e", 1)
    ground.append_resident_exposure("s", [record], host="\x1b]0;x\x07")
    leave_mark(ground.layout, "\x1b[31m", environ=os.environ)
    run(["doctor"])
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\x07" not in said
