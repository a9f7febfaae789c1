"""Linked worktrees: what happens in one stands in the log of the main checkout, by its names."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from test_import import Talk

from ctxuse import UsageEvent, Workspace, WorkspaceLayout
from ctxuse.cli.main import run
from ctxuse.hook import run as run_hook
from ctxuse.importing import import_transcripts
from ctxuse.worktrees import Worktree, worktree_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

FILES = {
    "CLAUDE.md": "Be brief, and test what you change.\n",
    "docs/style.md": "Use snake_case for all the names.\n",
    ".claude/skills/pdf/SKILL.md": "---\nname: pdf\n---\nUse the tool for forms.\n",
    ".claude/skills/pdf/ref.md": "A field has a name of its own here.\n",
    ".claude/commands/fix.md": "Fix it.\n",
    ".yoi/memory/decisions/money.md": "Amounts are integers of cents.\n",
    "apps/web/CLAUDE.md": "The web application has its own rules.\n",
}
WHERE = [".claude/worktrees/feat", "../beside", "../../far/away"]


def git(directory: Path, *words: str) -> None:
    who = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    program = shutil.which("git") or "git"
    subprocess.run([program, *who, *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is a workspace, in a home of its own."""
    root = tmp_path / "home" / "app"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "CLAUDE.md").write_text(FILES["CLAUDE.md"] + "@docs/style.md\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def linked(main: Path) -> Callable[[str], Path]:
    """Makes a worktree."""

    def made(where: str) -> Path:
        path = Path(os.path.normpath(main / where))
        git(main, "worktree", "add", "-q", "-b", f"b{len(str(path))}", str(path))
        return path

    return made


def log(root: Path) -> list[UsageEvent]:
    return [event for event in Workspace(root).events() if isinstance(event, UsageEvent)]


def hooked(worktree: Path, main: Path, *payloads: dict[str, object]) -> list[str]:
    """Hand payloads of a session in a worktree to the hook; the records in the main log."""
    for number, payload in enumerate(payloads, len(log(main))):
        fields = {"session_id": "s", "cwd": str(worktree), "tool_use_id": f"toolu_{number}x"}
        environ = {"HOME": str(main.parent), "CLAUDE_PROJECT_DIR": str(worktree)}
        run_hook(["claude-code"], BytesIO(json.dumps(fields | payload).encode()), environ)
    return [f"{event.records[0].kind}/{event.records[0].slug}" for event in log(main)]


def read(path: Path) -> dict[str, object]:
    file = {"filePath": str(path), "content": "x", "numLines": 1, "startLine": 1, "totalLines": 1}
    return {
        "hook_event_name": "PostToolUse", "tool_name": "Read",
        "tool_input": {"file_path": str(path)}, "tool_response": {"type": "text", "file": file},
    }  # fmt: skip


def ran(command: str, output: str) -> dict[str, object]:
    return {
        "hook_event_name": "PostToolUse", "tool_name": "Bash",
        "tool_input": {"command": command}, "tool_response": {"stdout": output, "stderr": ""},
    }  # fmt: skip


NAMES = [
    "instructions/CLAUDE.md", "instructions/docs/style.md", "skill/pdf", "skill/pdf",
    "command/fix", "decision/money", "instructions/apps/web/CLAUDE.md",
]  # fmt: skip


@pytest.mark.parametrize("where", WHERE)
def test_hooks_write_into_the_log_of_the_main_checkout(
    main: Path, linked: Callable[[str], Path], where: str
) -> None:
    worktree = linked(where)
    assert hooked(worktree, main, *[read(worktree / path) for path in FILES]) == NAMES
    assert not (worktree / ".yoi/memory/_usage").exists()
    text = "Amounts are decimals in this branch.\n"
    (worktree / ".yoi/memory/decisions/money.md").write_text(text)
    shown = ran("cat .yoi/memory/decisions/money.md", text)
    loaded: dict[str, object] = {"hook_event_name": "InstructionsLoaded", "load_reason": "include"}
    found = hooked(
        worktree, main, shown, ran("cat CLAUDE.md", FILES["CLAUDE.md"]),
        loaded | {"file_path": str(worktree / "notes/of-a-branch.md")},
        {"hook_event_name": "PostToolUse", "tool_name": "Skill", "tool_input": {"skill": "pdf"},
         "tool_response": {"success": True}},
    )[len(NAMES) :]  # fmt: skip
    assert found == [
        "decision/money", "instructions/CLAUDE.md", "instructions/notes/of-a-branch.md",
        "skill/pdf",
    ]  # fmt: skip
    assert log(main)[len(NAMES)].records[0].file_bytes == len(text)


def test_a_session_that_enters_a_worktree_later_has_the_same_names(
    main: Path, linked: Callable[[str], Path]
) -> None:
    worktree = linked(".claude/worktrees/feat")
    environ = {"HOME": str(main.parent), "CLAUDE_PROJECT_DIR": str(main)}
    for number, path in enumerate(FILES):
        fields = {"session_id": "s", "cwd": str(worktree), "tool_use_id": f"toolu_{number}x"}
        data = json.dumps(fields | read(worktree / path)).encode()
        run_hook(["claude-code"], BytesIO(data), environ)
    assert [f"{e.records[0].kind}/{e.records[0].slug}" for e in log(main)] == NAMES


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("below", ["", "apps/web"])
def test_an_import_has_the_names_of_the_main_checkout(
    main: Path, linked: Callable[[str], Path], where: str, below: str
) -> None:
    worktree = linked(where)
    talk = Talk(worktree / below)
    for number, path in enumerate(FILES):
        talk.read(worktree / path, f"toolu_{number}x")
    kept = main.parent / "one.jsonl"
    kept.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    import_transcripts(Workspace(main), "claude-code", [str(kept)])
    assert [f"{e.records[0].kind}/{e.records[0].slug}" for e in log(main)] == NAMES


def test_of_a_worktree_that_is_gone_the_agents_own_folder_tells(
    main: Path, linked: Callable[[str], Path]
) -> None:
    worktree = linked(".claude/worktrees/feat")
    talk = Talk(worktree)
    for number, path in enumerate(FILES):
        talk.read(worktree / path, f"toolu_{number}x")
    kept = main.parent / ".claude/projects/-app-feat/one.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    git(main, "worktree", "remove", "--force", str(worktree))
    assert run(["import", "claude-code"]) == 0
    assert [f"{e.records[0].kind}/{e.records[0].slug}" for e in log(main)] == NAMES


@pytest.mark.parametrize("where", WHERE)
def test_commands_and_the_library_use_the_main_checkouts_log(
    main: Path,
    linked: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    worktree = linked(where)
    monkeypatch.chdir(worktree / "apps" / "web")
    assert run(["record", "use", "decision/money", "--segment", "s"]) == 0
    assert len(log(main)) == 1
    assert Workspace.find().layout == WorkspaceLayout(main)
    assert run(["report"]) == 0
    assert "decision/money" in capsys.readouterr().out
    assert run(["record", "use", "decision/money", "--segment", "s", "-w", str(worktree)]) == 0
    assert len(log(main)) == 1
    assert len(log(worktree)) == 1


def test_where_the_main_checkout_is_no_workspace_the_worktree_is(
    main: Path, linked: Callable[[str], Path]
) -> None:
    worktree = linked("../beside")
    shutil.rmtree(main / ".yoi")
    assert WorkspaceLayout.find(worktree) == WorkspaceLayout(worktree)
    hooked(worktree, worktree, read(worktree / "CLAUDE.md"))
    assert len(log(worktree)) == 1


def test_git_itself_agrees(main: Path, linked: Callable[[str], Path]) -> None:
    worktree = linked("../beside")
    assert worktree_of(str(worktree / "apps")) == Worktree(str(worktree), str(main))
    assert worktree_of(str(main)) is None
    assert worktree_of("/") is None
    git(main, "worktree", "add", "--detach", str(main.parent / "relative"))
    own = main.parent / "relative/.git"
    there = Path(own.read_text().removeprefix("gitdir:").strip())
    own.write_text(f"gitdir: {os.path.relpath(there, own.parent)}\n")
    (there / "gitdir").write_text(f"{os.path.relpath(own, there)}\n")
    assert worktree_of(str(own.parent)) == Worktree(str(own.parent), str(main))


@pytest.mark.parametrize(
    "crafted",
    [
        "gitdir: {main}/.git/worktrees/beside", "gitdir: {main}/.git", "gitdir: /", "gitdir:",
        "gitdir: {main}/.git/worktrees/beside\nmore", "{main}", "gitdir: \0", "gitdir: /dev/zero",
    ],
)  # fmt: skip
def test_a_crafted_file_leads_nowhere(
    main: Path, linked: Callable[[str], Path], tmp_path: Path, crafted: str
) -> None:
    linked("../beside")
    (evil := tmp_path / "home" / "clone" / ".yoi/memory").mkdir(parents=True)
    clone = evil.parent.parent
    (clone / ".git").write_text(crafted.format(main=main))
    assert worktree_of(str(clone)) is None
    assert WorkspaceLayout.find(clone) == WorkspaceLayout(clone)


def test_what_is_no_file_of_git_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert worktree_of(str(tmp_path)) is None
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").symlink_to(".git")
    assert worktree_of(str(tmp_path)) is None
    assert worktree_of("a\0b") is None
