"""A FIFO, a directory or a link to a device in place of any file that a command opens."""

import ast
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from starting import PATIENCE
from strategies import an_event
from test_import import Talk
from test_overview import kept

from ctxuse import UsageRecordSnapshot, Workspace
from ctxuse.cli.main import run
from ctxuse.files import real_path
from ctxuse.hook import run as run_hook
from ctxuse.importing import import_transcripts

DATA = Path(__file__).parent / "data"


class Ground(NamedTuple):
    """A home directory, and a workspace in which everything is that a command may open."""

    home: Path
    root: Path

    def run(self, *words: object, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command there; one that hangs fails the test."""
        return subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            cwd=self.root, input=stdin, capture_output=True, text=True, timeout=PATIENCE,
            check=False,
            env={**os.environ, "HOME": str(self.home), "PATH": os.environ["PATH"]},
        )  # fmt: skip


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """The ground."""
    root = tmp_path / "home" / "app"
    (root / ".yoi" / "memory").mkdir(parents=True)
    with Workspace(root) as workspace:
        workspace.append(an_event())
        workspace.archive()
        workspace.append(an_event(id="01a2058a-0000-7000-8000-000000000001"))
    (tmp_path / "other" / ".yoi" / "memory").mkdir(parents=True)
    with Workspace(tmp_path / "other") as other:
        other.append(an_event(id="01a2058a-0000-7000-8000-000000000002"))
    return Ground(tmp_path / "home", root)


def fifo(path: Path) -> None:
    """Opening it waits for who writes it."""
    os.mkfifo(path)


def directory(path: Path) -> None:
    """It has no content."""
    path.mkdir()


def device(path: Path) -> None:
    """Reading it never ends."""
    path.symlink_to("/dev/zero")


KINDS = [fifo, directory, device]
LOG = ".yoi/memory/_usage/events.jsonl"
HOOK = json.dumps({
    "hook_event_name": "SessionStart", "session_id": "s", "cwd": "CWD", "source": "startup",
    "transcript_path": "CWD/t.jsonl",
})  # fmt: skip
READ = json.dumps({
    "hook_event_name": "PostToolUse", "session_id": "s", "cwd": "CWD", "tool_name": "Read",
    "tool_use_id": "t", "tool_input": {"file_path": "CWD/.yoi/knowledge/policy.md"},
    "tool_response": {},
})  # fmt: skip

CASES: list[tuple[str, list[str]]] = [
    # what is planted, from the workspace's root on; the command
    *((LOG, words) for words in (
        ["report"], ["report", "--wide"], ["report", "--by", "day"], ["events"], ["check"],
        ["check", "--cache"], ["doctor"], ["repair", "--dry-run"], ["repair"], ["archive"],
        ["show", "skill/pdf"], ["diff", "2026-11-21", "2026-11-22"], ["init"],
        ["record", "use", "skill/pdf", "--segment", "s"], ["fleet", "report", "."],
        ["fleet", "collect", ".", "--to", "../collected"],
    )),
    (".yoi/memory/_usage/events.20200101T000000Z.jsonl", ["report"]),
    (".yoi/memory/_usage/events.20200101T000000Z.jsonl", ["import", "log", "."]),
    (".yoi/memory/_usage/events.lock", ["record", "use", "skill/pdf", "--segment", "s"]),
    (".yoi/memory/_usage/trouble.jsonl", ["doctor"]),
    (".yoi/memory/_usage/generation", ["report"]),
    (".yoi/memory/_usage/.gitignore", ["init"]),
    (".yoi/memory/_usage/collected/a-1/0-10.jsonl", ["fleet", "report", "."]),
    (".yoi/knowledge/policy.md", ["report", "--all", "--wide"]),
    (".yoi/knowledge/policy.md", ["show", "knowledge/policy"]),
    (".yoi/knowledge/policy.md", ["record", "use", "knowledge/policy", "--segment", "s"]),
    (".claude/skills/pdf/SKILL.md", ["report", "--all", "--wide"]),
    (".claude/skills/pdf/SKILL.md", ["record", "use", "skill/pdf", "--segment", "s"]),
    (".claude/settings.json", ["doctor"]),
    (".claude/settings.json", ["setup", "claude-code", "--project"]),
    ("../.claude/settings.json", ["setup", "claude-code"]),
    ("../.claude/settings.json", ["doctor"]),
    ("../.codex/hooks.json", ["setup", "codex"]),
    ("../.codex/hooks.json", ["doctor"]),
    ("../.claude/plugins/installed_plugins.json", ["report", "--all"]),
    ("../.claude/projects/p/s.jsonl", ["import", "claude-code"]),
    ("../.claude/projects/p/s.jsonl", ["import", "claude-code", "--all"]),
    ("../.codex/sessions/2026/s.jsonl", ["import", "codex"]),
    ("planted", ["import", "claude-code", "planted"]),
    ("planted/s.jsonl", ["import", "codex", "planted"]),
    ("planted", ["import", "log", "planted"]),
    ("../../other/" + LOG, ["import", "log", "../../other"]),
    ("planted", ["fleet", "report", "@planted"]),
    ("planted", ["fleet", "report", "planted"]),
    ("planted", ["report", "-w", "planted"]),
]  # fmt: skip


@pytest.mark.parametrize("make", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_hangs_and_nothing_is_read_that_is_no_file(
    ground: Ground, make: Callable[[Path], None]
) -> None:
    kept = ground.root.parent.parent / "kept"
    shutil.copytree(ground.root.parent.parent, kept, symlinks=True)
    for planted, words in CASES:
        shutil.rmtree(ground.home)
        shutil.rmtree(ground.root.parent.parent / "other")
        shutil.copytree(kept / "home", ground.home)
        shutil.copytree(kept / "other", ground.root.parent.parent / "other")
        path = ground.root / planted
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
        before = os.lstat(path)
        done = ground.run("ctxuse", *words)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, (planted, words, said)
        assert "a fault of ctxuse" not in said, (planted, words, said)
        assert done.returncode in {0, 1, 2, 3}, (planted, words, said)
        if path.exists():
            after = os.lstat(path)
            assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino), (
                planted,
                words,
            )


def test_whatever_is_opened_is_known_to_be_a_regular_file() -> None:
    """`open_regular` opens it, or it is a directory or new; but for what a user names to write."""
    found = set()
    for path in (Path(__file__).parent.parent / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("open"), args=[ast.Call(), *_]):
                    pass  # a descriptor, from something that opens
                case ast.Call(func=ast.Name("open"), args=[ast.Name("descriptor"), *_]):
                    pass
                case ast.Call(func=ast.Name("open") | ast.Attribute(attr="open")) if not any(
                    sign in ast.unparse(node) for sign in ("DIRECTORY", "devnull", "O_EXCL")
                ):
                    found.add(f"{path.name}: {ast.unparse(node)}")
    assert sorted(found) == [
        "common.py: open(path, 'wb')",
        "store.py: self._fs.open(path, 'rb', block_size=BLOCK)",
    ]


@pytest.mark.parametrize("make", KINDS, ids=lambda kind: kind.__name__)
def test_no_hook_hangs_or_speaks(ground: Ground, make: Callable[[Path], None]) -> None:
    for planted in (
        LOG, ".yoi/memory/_usage/events.lock", ".yoi/memory/_usage/trouble.jsonl", "t.jsonl",
        ".yoi/knowledge/policy.md", ".claude/skills/pdf/SKILL.md", "CLAUDE.md",
        "../.claude/settings.json", "../.claude/projects/-app/memory/MEMORY.md",
    ):  # fmt: skip
        path = ground.root / planted
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)
        for payload in (HOOK, READ):
            said = payload.replace("CWD", str(ground.root))
            done = ground.run("ctxuse.hook", "claude-code", stdin=said)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), planted
        shutil.rmtree(path) if make is directory else path.unlink()


@pytest.mark.parametrize("make", [fifo, device], ids=lambda kind: kind.__name__)
def test_another_log_is_read_only_where_it_is_a_file(
    ground: Ground, make: Callable[[Path], None]
) -> None:
    other = ground.root.parent.parent / "other"
    done = ground.run("ctxuse", "import", "log", other)
    assert done.stdout.startswith("1 file")
    assert "1 event" in done.stdout
    (other / LOG).unlink()
    make(other / LOG)
    done = ground.run("ctxuse", "import", "log", other)
    assert "not read" in done.stderr
    (other / LOG).unlink()
    secret = ground.home / "secret.jsonl"
    shutil.copy(ground.root / LOG, secret)
    (other / LOG).symlink_to(secret)
    done = ground.run("ctxuse", "import", "log", other)
    assert "it is a link" in done.stderr


@pytest.fixture
def unread(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A link that the system does not read; the workspace is the current directory."""
    link = ground.home / "odd"
    link.symlink_to(ground.home.parent / "other")
    real = os.readlink

    def denied(path: str, *, dir_fd: int | None = None) -> str:
        if os.fspath(path) == str(link):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "readlink", denied)
    monkeypatch.setenv("HOME", str(ground.home))
    monkeypatch.chdir(ground.root)
    return link


class TestALinkThatIsNotRead:
    def test_it_is_as_it_is_named(self, unread: Path) -> None:
        assert real_path(unread / "x") == str(unread / "x")
        assert real_path("/a/../b\0") == "/b\0"
        assert real_path(unread.parent / "t") == os.path.realpath(unread.parent / "t")

    def test_a_command_that_names_it_ends_no_transcript(
        self, unread: Path, ground: Ground, tmp_path: Path
    ) -> None:
        (ground.root / "CLAUDE.md").write_text("Be brief.\n")
        talk = Talk(ground.root)
        talk.call("Bash", "t1", {"command": f"ls -l {unread}; cat {unread}/x CLAUDE.md"})
        talk.result("t1", {"stdout": "Be brief.\n"})
        talk.read(unread / "y", "t2")
        talk.read(ground.root / "CLAUDE.md", "t3")
        path = kept(tmp_path / "t.jsonl", talk.lines)
        result = import_transcripts(Workspace(ground.root), "claude-code", [str(path)])
        assert (result.unreadable, result.added) == ([], 2)

    @pytest.mark.parametrize("words", [["report", "--wide"], ["show", "instructions/{}"]])
    def test_a_slug_that_names_it_ends_no_report(
        self, unread: Path, ground: Ground, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        slug = f"~/{unread.name}/x.md"
        record = UsageRecordSnapshot("instructions", slug, 4, 1)
        with Workspace(ground.root) as workspace:
            workspace.append(an_event(id="01a2058a-0000-7000-8000-000000000003", records=(record,)))
        assert run([word.format(slug) for word in words]) == 0
        assert slug in capsys.readouterr().out

    def test_a_session_that_began_there_ends_nothing(
        self, unread: Path, ground: Ground, capsys: pytest.CaptureFixture[str]
    ) -> None:
        talk = Talk(unread)
        talk.line("user", message={"content": "go"})
        kept(ground.home / ".claude/projects/p/one.jsonl", talk.lines)
        for words in ([], ["import", "claude-code"], ["setup", "claude-code", "--dry-run"]):
            assert run(words) == 0, words
            assert capsys.readouterr().out

    def test_a_fleet_reports_the_other_places(
        self, unread: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        unread.unlink()
        unread.symlink_to(unread)
        words = ["fleet", "report", str(tmp_path / "other"), str(unread), "--scheduler", "threads"]
        assert run(words) == 3
        assert "decision/alpha" in capsys.readouterr().out

    def test_it_may_be_the_home_directory(
        self, unread: Path, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(unread))
        (ground.root / ".yoi/knowledge").mkdir()
        (ground.root / ".yoi/knowledge/policy.md").write_text("x")
        assert run(["report"]) == 0
        before = (ground.root / LOG).read_bytes()
        payload = READ.replace("CWD", str(ground.root)).encode()
        environ = {"HOME": str(unread), "CLAUDE_PROJECT_DIR": str(ground.root)}
        run_hook(["claude-code"], BytesIO(payload), environ)
        assert (ground.root / LOG).read_bytes() != before

    def test_one_function_resolves_links(self) -> None:
        found = set()
        for path in (Path(__file__).parent.parent / "src").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute | ast.alias):
                    name = node.attr if isinstance(node, ast.Attribute) else node.name
                    if name in {"realpath", "resolve", "readlink"}:
                        found.add(f"{path.name}: {name}")
        assert found == {"files.py: realpath", "files.py: readlink"}  # of our own descriptors
