"""Machines with several users: whose workspace is written to, and whose what root makes is."""

import json
import os
from io import BytesIO
from pathlib import Path

import pytest

from ctxuse import UsageEvent, Workspace, WorkspaceLayout
from ctxuse.cli.main import run
from ctxuse.doctor import examine
from ctxuse.hook import run as run_hook
from ctxuse.log.failures import leave_mark

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away"
)

KIM, SASHA = 12345, 23456


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of who runs the tests."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path


@pytest.fixture
def shared(tmp_path: Path, home: Path) -> Path:  # noqa: ARG001 - it lies beside it
    """A directory of everybody's, such as /tmp, in which Kim has made a workspace."""
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o1777)
    marker = path / ".yoi" / "memory"
    marker.mkdir(parents=True)
    give(path / ".yoi", KIM)
    return path


@pytest.fixture
def project(shared: Path) -> Path:
    """A project in it that is nobody else's business."""
    path = shared / "secret"
    path.mkdir(0o700)
    (path / "CLAUDE.md").write_text("Be brief.\n")
    return path


def give(path: Path, owner: int) -> None:
    """Give a directory away, with all that is in it."""
    for one in (path, *path.rglob("*")):
        os.chown(one, owner, owner, follow_symlinks=False)


def read_a_record(project: Path, *words: str) -> None:
    """Run the hook of a session in a project that reads its instructions."""
    file = {"content": "Be brief.\n", "numLines": 1, "startLine": 1, "totalLines": 1}
    payload = {
        "session_id": "s", "cwd": str(project), "hook_event_name": "PostToolUse",
        "tool_name": "Read", "tool_use_id": "toolu_1",
        "tool_input": {"file_path": str(project / "CLAUDE.md")},
        "tool_response": {"type": "text", "file": file},
    }  # fmt: skip
    environ = {"HOME": os.environ["HOME"], "CLAUDE_PROJECT_DIR": str(project)}
    run_hook(["claude-code", *words], BytesIO(json.dumps(payload).encode()), environ)


def log(root: Path) -> list[UsageEvent]:
    return [event for event in Workspace(root).events() if isinstance(event, UsageEvent)]


class TestWhoseWorkspaceItIs:
    def test_a_workspace_of_somebody_else_above_a_project_collects_nothing_of_it(
        self, shared: Path, project: Path
    ) -> None:
        read_a_record(project)
        assert not (shared / ".yoi/memory/_usage").exists()
        assert WorkspaceLayout.find(project) == WorkspaceLayout(project)

    def test_a_workspace_of_ones_own_above_that_is_found(self, home: Path) -> None:
        between = home / "work" / "between"
        (project := between / "app").mkdir(parents=True)
        (project / "CLAUDE.md").write_text("x")
        for root in (home / "work", between):
            (root / ".yoi" / "memory").mkdir(parents=True)
        give(between / ".yoi", KIM)
        read_a_record(project)
        assert len(log(home / "work")) == 1
        assert not (between / ".yoi/memory/_usage").exists()

    def test_not_even_where_hooks_make_workspaces(self, shared: Path) -> None:
        (shared / "CLAUDE.md").write_text("x")
        read_a_record(shared, "--everywhere")
        assert not (shared / ".yoi/memory/_usage").exists()

    def test_who_works_in_a_project_of_somebody_else_writes_to_its_log(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project = home / "theirs"
        (project / ".yoi" / "memory").mkdir(parents=True)
        (project / "src").mkdir()
        (project / "CLAUDE.md").write_text("x")
        give(project, KIM)  # a container whose user is root, CI, sudo
        read_a_record(project)
        assert len(log(project)) == 1
        monkeypatch.setattr(os, "geteuid", lambda: SASHA)  # one whose user is another
        assert WorkspaceLayout.find(project / "src") == WorkspaceLayout(project)
        assert WorkspaceLayout.find(project / "gone") == WorkspaceLayout(project)

    def test_what_root_made_is_everybodys(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "work" / ".yoi" / "memory").mkdir(parents=True)
        (project := home / "work" / "app").mkdir()
        give(project, SASHA)
        monkeypatch.setattr(os, "geteuid", lambda: SASHA)
        assert WorkspaceLayout.find(project) == WorkspaceLayout(home / "work")

    def test_a_worktree_whose_main_checkout_is_somebody_elses_writes_nothing_there(
        self, home: Path
    ) -> None:
        main, worktree = home / "theirs", home / "mine"
        (there := main / ".git" / "worktrees" / "mine").mkdir(parents=True)
        (main / ".yoi" / "memory").mkdir(parents=True)
        (there / "gitdir").write_text(f"{worktree}/.git\n")
        (there / "commondir").write_text("../..\n")
        worktree.mkdir()
        (worktree / ".git").write_text(f"gitdir: {there}\n")
        assert WorkspaceLayout.find(worktree) == WorkspaceLayout(main)
        give(main, KIM)
        assert WorkspaceLayout.find(worktree) == WorkspaceLayout(worktree)

    def test_who_asks_is_told_and_may_name_it(
        self, shared: Path, project: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.chdir(project)
        said = f'the one in "{shared}" belongs to another user'
        assert run(["report"]) == 0
        assert said in capsys.readouterr().err
        assert run(["record", "use", "summary", "--segment", "s"]) == 3
        assert said in capsys.readouterr().err
        assert any(said in trouble.what for trouble in examine(Workspace(project)).troubles)
        assert run(["report", "-w", str(shared)]) == 0
        assert "another user" not in capsys.readouterr().err


def owners(directory: Path) -> dict[str, int]:
    """Whose each thing in a directory is, by its name."""
    return {str(one.relative_to(directory)): one.lstat().st_uid for one in directory.rglob("*")}


class TestWhatRootMakes:
    @pytest.fixture
    def theirs(self, home: Path) -> Path:
        """A project of Kim's that is no workspace yet."""
        project = home / "theirs"
        project.mkdir()
        (project / "CLAUDE.md").write_text("Be brief.\n")
        give(project, KIM)
        return project

    def test_what_is_made_in_a_workspace_of_another_user_belongs_to_that_user(
        self, theirs: Path
    ) -> None:
        workspace = Workspace(theirs)
        workspace.init(track=True)
        read_a_record(theirs)
        with workspace.layout.events_path.open("ab") as file:
            file.write(b'{"id":\xff\n')
        workspace.repair(overwrite_invalid_utf8=True)
        workspace.archive()
        leave_mark(workspace.layout, "it failed", environ=os.environ)
        made = owners(theirs / ".yoi")
        assert {*made.values()} == {KIM}
        assert {"events.jsonl", "events.lock", "trouble.jsonl", "generation"} < {
            Path(name).name for name in made
        }
        assert len(made) == 10  # with an archive, what was copied aside and what git is told

    def test_what_was_there_stays_whose_it_is(self, theirs: Path) -> None:
        usage = theirs / ".yoi" / "memory" / "_usage"
        usage.mkdir(parents=True)
        give(theirs, KIM)
        (usage / "events.jsonl").touch()  # Kim may have moved a file of root's here
        read_a_record(theirs)
        assert owners(usage) == {"events.jsonl": 0, "events.lock": KIM, ".gitignore": KIM}
        assert len(log(theirs)) == 1

    def test_what_stands_in_the_place_of_a_directory_just_made_is_not_given_away(
        self, theirs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = theirs.parent / "secret"
        secret.mkdir()
        (secret / "of root").touch()
        make = os.mkdir

        def swapped(name: str, *mode: int, dir_fd: int | None = None) -> None:
            make(name, *mode, dir_fd=dir_fd)
            if name == ".yoi":
                (theirs / name).rmdir()
                secret.rename(theirs / name)

        monkeypatch.setattr(os, "mkdir", swapped)
        Workspace(theirs).init()
        found = owners(theirs)
        assert found[".yoi"] == found[".yoi/of root"] == 0

    def test_settings_and_marks_below_a_home_of_another_user_are_that_users(
        self, home: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(home, KIM)
        monkeypatch.chdir(theirs)
        assert run(["setup", "claude-code", "-y"]) == 0
        leave_mark(WorkspaceLayout(home / "gone"), "it failed", environ=os.environ)
        found = owners(home)
        assert {"theirs/.claude/settings.json", ".local/state/ctxuse/trouble.jsonl"} < {*found}
        assert {*found.values()} == {KIM}
