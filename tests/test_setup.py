"""`ctxuse setup`: the settings of agents, and never a setting lost."""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse.cli.main import run
from ctxuse.files import LARGEST
from ctxuse.hosts import HOSTS
from ctxuse.hosts.parts import hosts_with, installation_of
from ctxuse.hosts.places import Places
from ctxuse.layout import WorkspaceLayout
from ctxuse.setup import settings
from ctxuse.setup.difference import difference
from ctxuse.setup.jsontext import NotEditableError, add, take_out

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def hook_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that the hooks call is there."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "ctxuse-hook").write_text("#!/bin/sh\n")
    (directory / "ctxuse-hook").chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project in an empty home, as the current directory."""
    root = tmp_path / "home" / "app"
    root.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.chdir(root)
    return root


SETTINGS = ".claude/settings.json"


def called(command: str) -> list[str]:
    """The words of a command that a shell runs if it is there; another one as it is."""
    guarded = re.fullmatch("if command -v ctxuse-hook >/dev/null 2>&1; then exec (.*); fi", command)
    return guarded[1].split() if guarded else [command]


def ours(settings: object) -> dict[str, list[list[str]]]:
    """The commands in `settings`, by event."""
    assert isinstance(settings, dict)
    return {
        event: [
            [*called(handler["command"]), *handler.get("args", [])]
            for group in groups
            for handler in group["hooks"]
        ]
        for event, groups in settings["hooks"].items()
    }


class TestInstalling:
    def test_a_project_gets_hooks_and_becomes_a_workspace(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["setup", "claude-code", "--yes"]) == 0
        said = capsys.readouterr()
        assert "+++" in said.out
        assert "trusted the folder" in said.err
        settings = json.loads((project / SETTINGS).read_text())
        assert ours(settings) == {
            event: [["ctxuse-hook", "claude-code", "--shared"]]
            for event in (
                "PostToolUse",
                "PostToolUseFailure",
                "UserPromptExpansion",
                "InstructionsLoaded",
                "SessionStart",
                "SubagentStart",
                "SubagentStop",
                "Stop",
                "SessionEnd",
            )
        }
        assert settings["hooks"]["PostToolUse"][0]["matcher"] == "Read|Skill|Bash"
        assert (project / ".yoi/memory").is_dir()

    def test_for_the_user_it_goes_by_path_and_marks_nothing(self, project: Path) -> None:
        assert run(["setup", "claude-code", "--user", "--everywhere", "-y"]) == 0
        settings = json.loads((project.parent / SETTINGS).read_text())
        (command,) = ours(settings)["SessionStart"]
        assert command == [
            str(project.parent.parent / "bin/ctxuse-hook"),
            "claude-code",
            "--everywhere",
        ]
        assert not (project / ".yoi").exists()
        assert run(["setup", "claude-code", "--everywhere", "-y"]) == 2

    def test_codex_has_one_text_for_a_command_and_wants_trust(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["setup", "codex", "--yes"]) == 0
        settings = json.loads((project / ".codex/hooks.json").read_text())
        assert ours(settings) == {
            event: [["ctxuse-hook", "codex", "--shared"]]
            for event in ("PostToolUse", "SessionStart", "SubagentStop", "Stop", "SessionEnd")
        }
        assert "/hooks" in capsys.readouterr().err

    def test_nothing_is_written_before_it_was_agreed(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["setup", "claude-code", "--dry-run"]) == 0
        assert "ctxuse-hook" in capsys.readouterr().out
        assert run(["setup", "claude-code"]) == 2
        assert "--yes" in capsys.readouterr().err
        assert [*project.iterdir()] == []

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            (
                SETTINGS,
                '{"hooks": {"Stop": [{"hooks": [{"command": "ctxuse-hook", "args": []}]}]}}',
            ),
            (
                ".claude/settings.local.json",
                '{"hooks":{"A":[{"hooks":[{"command":"ctxuse-hook x"}]}]}}',
            ),
            (
                "../.claude/settings.json",
                '{"hooks":{"A":[{"hooks":[{"command":"/x/ctxuse-hook y"}]}]}}',
            ),
        ],
    )
    def test_a_part_of_an_installation_is_not_added_to(
        self, project: Path, capsys: pytest.CaptureFixture[str], file: str, text: str
    ) -> None:
        path = project / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        own = {".claude/settings.json": [], "../.claude/settings.json": ["--user"]}
        for more in ([], ["--user"]):
            if more != own.get(file):
                assert run(["setup", "claude-code", "-y", *more]) == 3
                assert "installed already" in capsys.readouterr().err
        assert path.read_text() == text

    @pytest.mark.parametrize("more", [[], ["--user"]])
    def test_what_an_older_version_installed_is_brought_up_to_date(
        self, project: Path, capsys: pytest.CaptureFixture[str], more: list[str]
    ) -> None:
        path = (project.parent if more else project) / SETTINGS
        path.parent.mkdir()
        shared = [] if more else ["--shared"]
        old = {"type": "command", "command": "ctxuse-hook", "args": ["claude-code", "--everywhere"]}
        other = {"type": "command", "command": "other"}
        hooks = {
            "PostToolUse": [{"matcher": "Read", "hooks": [old, other]}],
            "X": [{"hooks": [old]}],
        }
        path.write_text(json.dumps({"model": "opus", "hooks": hooks}))
        assert run(["setup", "claude-code", "-y", *more]) == 0
        assert "brought up to date" in capsys.readouterr().err
        found = json.loads(path.read_text())
        assert found["model"] == "opus"
        assert len(found["hooks"]) == 9
        assert found["hooks"]["PostToolUse"][0] == {"matcher": "Read", "hooks": [other]}
        for event in found["hooks"]:
            assert ours(found)[event][-1][1:] == ["claude-code", "--everywhere", *shared]
        assert run(["setup", "claude-code", "-y", *more]) == 0
        assert json.loads(path.read_text()) == found

    def test_what_an_older_version_shared_is_brought_up_to_date(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["setup", "claude-code", "-y"]) == 0
        now = (project / SETTINGS).read_text()
        (project / SETTINGS).write_text(now.replace(" --shared", ""))
        capsys.readouterr()
        assert run(["setup", "claude-code", "-y"]) == 0
        assert "by an older version" in capsys.readouterr().err
        assert (project / SETTINGS).read_text() == now

    @pytest.mark.parametrize(
        ("said", "lacking", "with_words"),
        [
            ("2.1.197 (Claude Code)", 0, True),
            ("2.1.139", 0, True),
            ("2.1.138", 0, False),
            ("2.1.115 (Claude Code)", 1, False),
            ("2.0.50", 3, False),
            ("1.0.60", 6, False),
            ("no version", 0, True),
            ("", 0, True),
        ],
    )
    def test_settings_hold_only_what_the_agent_knows(
        self,
        project: Path,
        capsys: pytest.CaptureFixture[str],
        said: str,
        *,
        lacking: int,
        with_words: bool,
    ) -> None:
        claude = project.parent.parent / "bin/claude"
        claude.write_text(f"#!/bin/sh\necho '{said}'\n")
        claude.chmod(0o755)
        assert run(["setup", "claude-code", "-y", "--user"]) == 0
        hook = project.parent.parent / "bin/ctxuse-hook"
        handler = json.loads((project.parent / SETTINGS).read_text())["hooks"]["Stop"][0]["hooks"][
            0
        ]
        assert ("args" in handler) is with_words
        assert with_words or handler["command"] == f"{hook} claude-code"
        assert run(["setup", "claude-code", "-y", "--user", "--remove"]) == 0
        capsys.readouterr()
        assert run(["setup", "claude-code", "-y"]) == 0
        assert ("does not know" in capsys.readouterr().err) is bool(lacking)
        hooks = json.loads((project / SETTINGS).read_text())["hooks"]
        assert len(hooks) == 9 - lacking
        written = (project / SETTINGS).read_text()
        assert run(["setup", "claude-code", "-y"]) == 0
        assert (project / SETTINGS).read_text() == written
        claude.write_text("#!/bin/sh\necho '2.1.332 (Claude Code)'\n")
        assert run(["setup", "claude-code", "-y"]) == 0
        assert len(json.loads((project / SETTINGS).read_text())["hooks"]) == 9

    @pytest.mark.parametrize(
        "program", ["exit 1", "echo x >&2; kill -9 $$", "yes 1.2.3.4.5 | head -c 9999"]
    )
    def test_an_agent_that_does_not_say_its_version_is_taken_for_the_newest(
        self, project: Path, program: str
    ) -> None:
        claude = project.parent.parent / "bin/claude"
        claude.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{program}\n")
        claude.chmod(0o755)
        assert run(["setup", "claude-code", "-y"]) == 0
        assert "PostToolUse" in json.loads((project / SETTINGS).read_text())["hooks"]

    def test_a_second_time_it_is_there_already(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for more in ([], ["--user"]):
            assert run(["setup", "claude-code", "-y", *more]) == 0
            written = (project / SETTINGS).read_text()
            capsys.readouterr()
            for words in ([], ["-y"], ["--dry-run"], ["--user"]):
                assert run(["setup", "claude-code", *words]) == 0
                said = capsys.readouterr()
                assert said.out == ""
                assert "are installed already, in " in said.err
                assert "--remove" in said.err
            assert (project / SETTINGS).read_text() == written

    def test_hooks_of_the_user_record_nothing_where_there_is_no_workspace(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["setup", "claude-code", "--user", "-y"]) == 0
        capsys.readouterr()
        assert run(["setup", "claude-code", "-y"]) == 0
        said = capsys.readouterr().err
        assert "this is no workspace yet, so they record nothing here: ctxuse init" in said
        assert not (project / ".yoi").exists()

    def test_in_the_end_it_offers_what_was_before(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kept = project.parent / ".claude/projects/-app/1.jsonl"
        kept.parent.mkdir(parents=True)
        kept.write_text(json.dumps({"type": "user", "cwd": str(project)}) + "\n")
        assert run(["setup", "claude-code", "-y"]) == 0
        offer = "keeps 1 transcript of sessions before: ctxuse import claude-code brings them in"
        assert offer in capsys.readouterr().err
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        assert "ctxuse import" not in capsys.readouterr().err
        assert run(["setup", "claude-code", "--user", "-y"]) == 0
        assert "ctxuse import claude-code --all brings" in capsys.readouterr().err

    def test_a_plugin_or_toml_settings_count_as_installed(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        plugins = project.parent / ".claude/plugins"
        plugins.mkdir(parents=True)
        where = str(ROOT / "plugins/claude-code")
        plugins.joinpath("installed_plugins.json").write_text(
            json.dumps({"plugins": {"ctxuse@x": [{"installPath": where}]}})
        )
        assert run(["setup", "claude-code", "-y"]) == 0
        (project / ".codex").mkdir()
        (project / ".codex/config.toml").write_text(
            '[[hooks.PostToolUse]]\n[[hooks.PostToolUse.hooks]]\ncommand = "ctxuse-hook codex"\n'
        )
        assert run(["setup", "codex", "-y"]) == 3
        said = capsys.readouterr().err
        assert "config.toml" in said
        assert "but not for SessionStart" in said

    def test_a_plugin_among_skills_counts_as_installed(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        skills = project.parent / ".claude/skills"
        skills.mkdir(parents=True)
        shutil.copytree(ROOT / "plugins/claude-code", skills / "ctxuse")
        assert run(["setup", "claude-code", "-y"]) == 0
        assert "by hand" in capsys.readouterr().err

    def test_without_the_program_it_is_refused(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr("sys.executable", "/nowhere/python")
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "not on the path" in capsys.readouterr().err
        assert [*project.iterdir()] == []


ODD = [
    "{}",
    "{ }\n",
    '{"model":"opus"}',
    '{\n\t"model": "opus",\n\n\t"env": {"A": "1"}\n}\n',
    '{\r\n    "model": "opus"\r\n}\r\n',
    '{"hooks": {"PostToolUse": [{"matcher": "X", "hooks": [{"type": "command"}]}]}}',
    '{\n  "hooks": {\n    "Stop": [\n      {"hooks": []}\n    ]\n  },\n  "env": {"A": [1]}\n}',
    '{"a": "\\u00e9 {[\\"", "b": [1, 2.50, -0, 1e9, true, null], "c": "日本"}\n\n\n',
    '  {"hooks"  :{ "PostToolUse" :[ ]} }  ',
]


class TestTheFile:
    @pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
    def test_its_owner_and_group_stay_when_root_changes_it(self, project: Path) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        path.write_text('{"model": "opus"}')
        path.chmod(0o640)
        os.chown(path, 1234, 5678)
        for words in ([], ["--remove"]):
            assert run(["setup", "claude-code", "-y", *words]) == 0
            for file in path.parent.iterdir():
                status = file.stat()
                assert (status.st_uid, status.st_gid) == (1234, 5678), file
                assert stat.S_IMODE(status.st_mode) == 0o640, file

    def test_what_a_killed_set_up_left_behind_is_in_nobodys_way(self, project: Path) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        left = path.parent / f".ctxuse-{os.getpid()}.tmp"
        left.write_text("half")
        assert run(["setup", "claude-code", "-y"]) == 0
        assert "PostToolUse" in path.read_text()
        assert left.read_text() == "half"

    @pytest.mark.parametrize("text", ODD)
    def test_everything_else_stays_as_it_was_to_the_character(
        self, project: Path, text: str
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        path.write_bytes(text.encode())
        path.chmod(0o640)
        assert run(["setup", "claude-code", "-y"]) == 0
        changed = path.read_bytes().decode()
        before, after = json.loads(text), json.loads(changed)
        for event, groups in after.pop("hooks").items():
            kept = before.get("hooks", {}).get(event, [])
            assert groups[: len(kept)] == kept
            assert len(groups) <= len(kept) + 1
        assert after == {key: value for key, value in before.items() if key != "hooks"}
        assert ("\r\n" in changed) == ("\r\n" in text)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        (copy,) = path.parent.glob("*.bak")
        assert copy.read_bytes().decode() == text
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        restored = path.read_bytes().decode()
        expected = json.loads(text)
        if expected.get("hooks") in ({}, {"PostToolUse": []}):
            del expected["hooks"]  # what is empty goes with what was in it
            assert json.loads(restored) == expected
        elif text != "{ }\n":  # white space between empty braces is what is lost
            assert restored == text
        assert len([*path.parent.glob("*.bak")]) == 2

    @pytest.mark.parametrize(
        "text",
        [
            '{\n  // mine\n  "model": "opus"\n}',
            '{"a": 1,}',
            "{'a': 1}",
            '{"a": 1} trailing',
            '{"hooks": {}, "hooks": {}}',
            '{"hooks": []}',
            '{"hooks": {"PostToolUse": {}}}',
            '{"hooks": 7}',
            "[]",
            "7",
            '{"a": NaN}',
            '{"a": ' + "9" * 5000 + "}",
            "{",
            '{"a"',
            "\ufeff{}",
            '{"a":' * 5000,
            "[" * 5000,
        ],
    )
    def test_what_cannot_be_edited_safely_is_refused_and_left_alone(
        self, project: Path, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "left alone" in capsys.readouterr().err
        assert path.read_text(encoding="utf-8") == text
        assert [*path.parent.iterdir()] == [path]
        assert not (project / ".yoi").exists()

    @pytest.mark.parametrize(
        "text",
        [
            '{\n%s"a": 1}', '{\n%s"hooks": {}}', '{\n%s"hooks": {"Stop": []}\n}',
            '{\n  "hooks":\n%s{\n"Stop":\n%s[]}}', '{\n%s"hooks": {\n%s"Stop": [\n%s{}]}}',
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("unit", [" ", "\t"])
    def test_of_an_indentation_without_end_nothing_is_repeated(
        self, project: Path, text: str, unit: str
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        path.write_text(text := text.replace("%s", unit * 100_000))
        assert run(["setup", "claude-code", "-y"]) == 0
        assert path.stat().st_size < len(text) + 20_000
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        assert "ctxuse-hook" not in path.read_text()

    def test_what_remove_could_not_read_any_more_is_not_written(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        text = '{"a": "%s"}' % ("x" * (LARGEST - 100))
        path.write_text(text)
        for words in (["-y"], ["--dry-run"]):
            assert run(["setup", "claude-code", *words]) == 3
            assert "left alone" in capsys.readouterr().err
        assert path.read_text() == text
        assert [*path.parent.iterdir()] == [path]
        path.write_text('{"a": "%s"}' % ("x" * (LARGEST - 10_000)))
        assert run(["setup", "claude-code", "-y"]) == 0
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0

    def test_bytes_that_are_no_text_are_refused(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".claude").mkdir()
        (project / SETTINGS).write_bytes(b'{"a": "\xff"}')
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "not UTF-8" in capsys.readouterr().err

    @pytest.mark.parametrize("more", [[], ["--user"]])
    def test_a_link_stays_one_and_its_target_is_written(
        self, project: Path, more: list[str]
    ) -> None:
        path = (project.parent if more else project) / SETTINGS
        target = path.parent.parent / "dotfiles" / "claude.json"
        target.parent.mkdir()
        target.write_text('{"model": "opus"}')
        path.parent.mkdir()
        path.symlink_to(target)
        assert run(["setup", "claude-code", "-y", *more]) == 0
        assert path.is_symlink()
        assert "ctxuse-hook" in target.read_text()
        assert [p.suffix for p in target.parent.iterdir() if p != target] == [".bak"]

    @pytest.mark.parametrize("host", hosts_with("install"))
    @pytest.mark.parametrize("leading", ["file", "folder"])
    @pytest.mark.parametrize("there", [True, False])
    @pytest.mark.parametrize("more", [[], ["--remove"], ["--dry-run"]])
    def test_no_link_of_a_project_leads_its_settings_out_of_it(
        self, project: Path, capsys: pytest.CaptureFixture[str], host: str, leading: str,
        more: list[str], *, there: bool,
    ) -> None:  # fmt: skip
        path = Path(installation_of(host).project_file(Places(WorkspaceLayout(project))))
        target = project.parent / "other" / "new" / path.name
        text = '{"hooks": {"Stop": [{"hooks": [{"command": "ctxuse-hook x"}]}]}}'
        if there:
            target.parent.mkdir(parents=True)
            target.write_text(text)
        folder = path.parent
        folder.parent.mkdir(exist_ok=True)
        if leading == "file":
            folder.mkdir()
            path.symlink_to(os.path.relpath(target, folder))
        else:
            folder.symlink_to(os.path.relpath(target.parent, folder.parent))
        before = sorted(project.parent.rglob("*"))
        assert run(["setup", host, "-y", *more]) == 3
        said = capsys.readouterr()
        assert f'it leads out of the project, to "{target}"; it was left alone' in said.err
        assert said.out == ""
        assert sorted(project.parent.rglob("*")) == before
        assert not there or target.read_text() == text

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_without_permission_nothing_changes(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".claude").mkdir()
        (project / SETTINGS).write_text("{}")
        (project / ".claude").chmod(0o500)
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "Permission denied" in capsys.readouterr().err
        assert (project / SETTINGS).read_text() == "{}"

    def test_a_disk_that_refuses_leaves_the_file_as_it_was(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".claude").mkdir()
        (project / SETTINGS).write_text("{}")

        def fails(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("ctxuse.setup.settings.os.replace", fails)
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "Permission denied" in capsys.readouterr().err
        assert (project / SETTINGS).read_text() == "{}"
        assert not [*(project / ".claude").glob("*.tmp")]

    def test_a_file_that_changed_meanwhile_is_left_alone(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".claude").mkdir()
        (project / SETTINGS).write_text("{}")
        monkeypatch.setattr("ctxuse.cli.setup._agreed", self.changes(project / SETTINGS))
        assert run(["setup", "claude-code"]) == 3
        assert "changed meanwhile" in capsys.readouterr().err
        assert (project / SETTINGS).read_text() == '{"new": 1}'

    @staticmethod
    def changes(path: Path) -> Callable[[], bool]:
        def agreed() -> bool:
            path.write_text('{"new": 1}')
            return True

        return agreed

    def test_what_another_program_writes_meanwhile_is_never_lost(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        path.write_text("{}")
        written = settings._write  # noqa: SLF001 - the last step before it is replaced

        def while_writing(file: IO[bytes], text: str) -> None:
            written(file, text)
            path.write_text('{"new": 1}')

        monkeypatch.setattr(settings, "_write", while_writing)
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "changed meanwhile" in capsys.readouterr().err
        assert path.read_text() == '{"new": 1}'
        assert [*path.parent.iterdir()] == [path]

    def test_the_home_directory_is_no_project(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(project.parent)
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "no project" in capsys.readouterr().err
        assert not (project.parent / ".claude").exists()

    @pytest.mark.parametrize("kind", ["fifo", "endless"])
    def test_settings_that_are_no_file_end_soon(
        self, project: Path, capsys: pytest.CaptureFixture[str], kind: str
    ) -> None:
        path = project / SETTINGS
        path.parent.mkdir()
        if kind == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        assert run(["setup", "claude-code", "-y"]) == 3
        assert run(["setup", "claude-code", "--user", "--dry-run"]) == 0
        assert run(["doctor"]) == 1
        assert "Traceback" not in capsys.readouterr().err

    def test_a_workspace_that_cannot_be_made_leaves_the_settings_alone(self, project: Path) -> None:
        (project / ".yoi").write_text("in the way")
        assert run(["setup", "claude-code", "-y"]) == 3
        assert not (project / SETTINGS).exists()

    def test_a_fifo_or_directory_is_refused(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / SETTINGS).mkdir(parents=True)
        assert run(["setup", "claude-code", "-y"]) == 3
        assert "Traceback" not in capsys.readouterr().err


class TestRemoving:
    def test_only_ours_go(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        text = '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "other"}]}]}}'
        (project / ".claude").mkdir()
        (project / SETTINGS).write_text(text)
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        assert "nothing to remove" in capsys.readouterr().err
        assert run(["setup", "claude-code", "-y"]) == 0
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        assert (project / SETTINGS).read_text() == text

    @pytest.mark.parametrize(
        "text",
        [
            '{"hooks": {"Stop": [%s]}, "hooks": {}}', '{"hooks": {"Stop": [%s], "Stop": []}}',
            '{"hooks": {"Stop": []}, "hooks": {"Stop": [%s]}}',
        ],
    )  # fmt: skip
    def test_below_a_key_that_stands_twice_it_is_refused(
        self, project: Path, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        """The last one counts for most readers, and which one for the agent is not known."""
        (project / ".claude").mkdir()
        for handler, status in (("ctxuse-hook claude-code", 3), ("other", 0)):
            group = json.dumps({"hooks": [{"type": "command", "command": handler}]})
            (project / SETTINGS).write_text(text % group)
            assert run(["setup", "claude-code", "--remove", "-y"]) == status
            assert ("stands twice" in capsys.readouterr().err) == (status == 3)
            assert (project / SETTINGS).read_text() == text % group

    def test_a_handler_among_others_of_one_entry_goes_alone(self, project: Path) -> None:
        other = {"type": "command", "command": "other"}
        mine = {"type": "command", "command": "ctxuse-hook", "args": ["claude-code"]}
        settings = {"hooks": {"PostToolUse": [{"matcher": "Read", "hooks": [other, mine]}]}}
        (project / ".claude").mkdir()
        (project / SETTINGS).write_text(json.dumps(settings))
        assert run(["setup", "claude-code", "--remove", "-y"]) == 0
        found = json.loads((project / SETTINGS).read_text())
        assert found == {"hooks": {"PostToolUse": [{"matcher": "Read", "hooks": [other]}]}}

    def test_where_there_is_no_file_there_is_nothing_to_remove(self, project: Path) -> None:
        assert run(["setup", "codex", "--remove", "-y"]) == 0
        assert [*project.iterdir()] == []


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "hooks", "é", ""]), values, max_size=4)


@given(
    objects,
    values,
    st.sampled_from([None, 1, 2, "\t"]),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=3),
)
def test_adding_adds_and_taking_out_undoes_it(
    settings: dict[str, object], value: object, indent: int | str | None, path: list[str]
) -> None:
    text = json.dumps(settings, indent=indent, ensure_ascii=False)
    try:
        changed = add(text, path, {"mine": value})
    except NotEditableError:
        return
    expected: object = json.loads(text)
    target: object = expected
    for key in path[:-1]:
        assert isinstance(target, dict)
        target = target.setdefault(key, {})
    assert isinstance(target, dict)
    existed = path[-1] in target
    target.setdefault(path[-1], []).append({"mine": value})
    assert json.loads(changed) == expected
    undone = take_out(changed, path, lambda found: found == {"mine": value})
    if existed and json.loads(text) != json.loads(undone):
        return  # the list was empty, or held the same already
    assert json.loads(undone) == json.loads(text) or not existed


def patched(before: list[str], shown: list[str]) -> list[str]:
    """What the lines of a unified diff make of some lines."""
    made: list[str] = []
    done = 0
    for line in shown[2:]:
        numbers = re.fullmatch(r"@@ -(\d+),(\d+) \+(\d+),\d+ @@", line)
        if numbers:
            begin = int(numbers[1]) - bool(int(numbers[2]))
            made += before[done:begin]
            done = begin
            assert len(made) == int(numbers[3]) - 1 or not before
            continue
        if line[0] in "- ":
            assert line[1:] == before[done]
            done += 1
        if line[0] in "+ ":
            made.append(line[1:])
    return made + before[done:]


@pytest.mark.parametrize("between", [0, 5, 5_000])
@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("abc"), min_size=1))
def test_the_change_that_is_shown_is_the_one_that_is_made(
    between: int, before: list[str], after: list[str]
) -> None:
    same = [str(number) for number in range(between)]
    before, after = [*before, *same, *before], [*after, *same, *after]
    shown = [*difference("\n".join(before), "\n".join(after), "a", "b")]
    assert shown[:2] == ([] if before == after else ["--- a", "+++ b"])
    assert patched(before, shown) == after


@given(st.text(alphabet='{}[]":,a1 \n\\-.eE', max_size=40))
def test_text_that_the_json_library_refuses_is_refused(text: str) -> None:
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    try:
        changed = add(text, ["hooks"], 1)
    except NotEditableError:
        return
    assert isinstance(parsed, dict)
    assert json.loads(changed)["hooks"][-1] == 1


@pytest.mark.parametrize("host", hosts_with("install"))
def test_what_is_installed_is_what_the_hook_knows(host: str) -> None:
    agent = installation_of(host)
    source = (Path(str(ROOT)) / f"src/ctxuse/hosts/{HOSTS[host]}/hook.py").read_text()
    for event in agent.groups("ctxuse-hook", everywhere=False):
        assert f'"{event}"' in source
    assert agent.host == host
    places = Places(WorkspaceLayout("/ws"), {"HOME": "/home/kim"})
    assert agent.user_file(places).startswith("/home/kim/")
    assert agent.project_file(places).startswith("/ws/")


def test_the_plugin_installs_the_same_hooks_and_the_server() -> None:
    folder = ROOT / "plugins" / "claude-code"
    hooks = json.loads((folder / "hooks/hooks.json").read_text())["hooks"]
    groups = installation_of("claude-code").groups("ctxuse-hook", everywhere=False)
    assert hooks == {event: [group] for event, group in groups.items()}
    manifest = json.loads((folder / ".claude-plugin/plugin.json").read_text())
    assert manifest["name"] == "ctxuse"
    assert "hooks" not in manifest  # it is loaded by itself; a second time would be a duplicate
    server = json.loads((folder / ".mcp.json").read_text())["mcpServers"]["ctxuse"]
    assert [server["command"], *server["args"]] == ["ctxuse", "mcp"]
