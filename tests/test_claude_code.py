"""What Claude Code's hooks and transcripts say, in its versions and on other machines."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from test_following import ended, kept, log, made, put
from test_import import SESSION, Talk

from ctxuse import UsageEvent, Workspace
from ctxuse.adding import ImportResult
from ctxuse.hook import run
from ctxuse.importing import import_transcripts

BODY = "Base directory for this skill: {}\n\nUse the tool."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return made(tmp_path, monkeypatch)


def imported(project: Path, talk: Talk, name: str = SESSION) -> ImportResult:
    path = kept(project, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    return import_transcripts(Workspace(project), "claude-code", [str(path)], cache=False)


def told(events: list[UsageEvent]) -> list[tuple[str, str, int | None]]:
    """Segment, record and bytes of each event."""
    return [
        (event.segment_id, f"{record.kind}/{record.slug}", record.context_bytes)
        for event in events
        for record in event.records
    ]


def names(events: list[UsageEvent]) -> list[str]:
    return [name for _, name, _ in told(events)]


def hooked(project: Path, tool: str, **arguments: object) -> list[UsageEvent]:
    """What the hook records of a call that worked."""
    before = len(log(project))
    payload = {
        "session_id": SESSION, "cwd": str(project), "hook_event_name": "PostToolUse",
        "tool_name": tool, "tool_use_id": "toolu_hx", "tool_input": arguments,
        "tool_response": {"success": True},
    }  # fmt: skip
    environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
    run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
    return log(project)[before:]


def called(talk: Talk, call_id: str, body: str, tool: str = "Skill", **arguments: object) -> None:
    """A call of a skill or a command whose body entered."""
    talk.call(tool, call_id, arguments)
    talk.result(call_id, {"success": True})
    talk.line("user", isMeta=True, sourceToolUseID=call_id, message={"content": body})


class TestSubAgents:
    def test_what_is_listed_to_one_and_loaded_by_one_is_its_own(self, project: Path) -> None:
        talk = Talk(project, isSidechain=True, agentId="a1")
        talk.attachment(type="skill_listing", content="- pdf: Reads\n")
        talk.attachment(
            type="nested_memory", path=str(project / "sub/CLAUDE.md"), content={"content": "x"}
        )
        imported(project, talk)
        assert [segment for segment, *_ in told(log(project))] == [f"{SESSION}/a1"] * 2

    @pytest.mark.parametrize(
        ("file", "agent"), [(SESSION, "sidechain"), ("agent-ab12", "ab12"), ("agent-", "sidechain")]
    )
    def test_one_that_old_transcripts_do_not_name_is_not_the_session(
        self, project: Path, file: str, agent: str
    ) -> None:
        talk = Talk(project, isSidechain=True)
        talk.read(project / "CLAUDE.md", "toolu_1x")
        talk.attachment(type="skill_listing", content="- pdf: Reads\n")
        imported(project, talk, file)
        segments = [(event.segment_id, event.actor) for event in log(project)]
        assert segments == [(f"{SESSION}/{agent}", "subagent"), (f"{SESSION}/{agent}", None)]


class TestNames:
    def test_a_skill_beside_a_workflow_of_its_name_is_itself(self, project: Path) -> None:
        directory = put(project / ".claude/skills/release/SKILL.md", "Use the tool.").parent
        put(project / ".yoi/workflow/release.md", "Steps")
        body = BODY.format(directory)
        assert told(hooked(project, "Skill", skill="release")) == [
            (SESSION, "skill/release", len(body))
        ]
        talk = Talk(project)
        called(talk, "toolu_1x", body, skill="release")
        imported(project, talk)
        assert told(log(project))[1:] == [(SESSION, "skill/release", len(body))]

    def test_a_skill_that_is_called_by_the_name_in_its_text_is_that_of_its_folder(
        self, project: Path
    ) -> None:
        text = "---\nname: by-name\n---\nUse the tool."
        directory = put(project / ".claude/skills/folder/SKILL.md", text).parent
        deep = put(project / "api/.claude/skills/check/SKILL.md", "Use the tool.").parent
        body = BODY.format(directory)
        assert told(hooked(project, "Skill", skill="by-name")) == [
            (SESSION, "skill/folder", len(body))
        ]
        talk = Talk(project)
        called(talk, "toolu_1x", body, skill="by-name")
        called(talk, "toolu_2x", BODY.format(deep), skill="check")
        imported(project, talk)
        assert names(log(project))[1:] == ["skill/folder", "skill/api:check"]

    def test_a_skill_of_a_plugin_that_is_typed_by_its_bare_name_is_the_plugins(
        self, project: Path
    ) -> None:
        plugin = project.parent / ".claude/plugins/cache/market/super/4.1.1"
        directory = put(plugin / "skills/debugging/SKILL.md", "Use the tool.").parent
        talk = Talk(project)
        typed = "<command-name>/debugging</command-name>"
        talk.line("user", promptId="p1", message={"content": typed})
        talk.line("user", isMeta=True, promptId="p1", message={"content": BODY.format(directory)})
        kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        (use,) = ended(project)
        assert (names([use]), use.actor) == (["skill/super:debugging"], "user")
        assert imported(project, talk).added == 0

    def test_a_name_of_three_parts_is_kept(self, project: Path) -> None:
        plugin = project.parent / ".claude/plugins/cache/market/acme/1.0"
        put(plugin / "commands/flows/ship.md", "Ship it.")
        listed = {"plugins": {"acme@market": [{"installPath": str(plugin)}]}}
        put(project.parent / ".claude/plugins/installed_plugins.json", json.dumps(listed))
        talk = Talk(project)
        called(talk, "toolu_1x", "x", skill="acme:flows:review")
        called(talk, "toolu_2x", "Ship it.", skill="acme:flows:ship")
        imported(project, talk)
        assert names(log(project)) == ["skill/acme:flows:review", "command/acme:flows:ship"]


class TestVersions:
    def test_older_ones_called_skills_and_commands_otherwise(self, project: Path) -> None:
        put(project / ".claude/commands/fix.md", "Fix it.")
        talk = Talk(project)
        body = BODY.format(project / ".claude/skills/pdf")
        called(talk, "toolu_1x", body, command="pdf")
        called(talk, "toolu_2x", "Fix it.", "SlashCommand", command="/fix 42")
        talk.call("SlashCommand", "toolu_3x", {"command": "/fix"})
        talk.result("toolu_3x", "Error: no", is_error=True)
        imported(project, talk)
        assert told(log(project)) == [
            (SESSION, "skill/pdf", len(body)), (SESSION, "command/fix", len("Fix it.")),
        ]  # fmt: skip

    def test_a_command_that_failed_may_have_shown_something(self, project: Path) -> None:
        talk = Talk(project)
        talk.call("Bash", "toolu_1x", {"command": "cat CLAUDE.md; false"})
        shown = (project / "CLAUDE.md").read_text()
        block = {
            "type": "tool_result", "tool_use_id": "toolu_1x", "is_error": True,
            "content": f"Exit code 1\n{shown}",
        }  # fmt: skip
        talk.line(
            "user", message={"content": [block]}, toolUseResult=f"Error: Exit code 1\n{shown}"
        )
        result = imported(project, talk)
        assert told(log(project)) == [(SESSION, "instructions/CLAUDE.md", len(shown))]
        assert result.notes.failed == 1


class TestOtherMachines:
    @pytest.mark.parametrize(
        ("root", "home"),
        [
            ("/workspaces/app", "/home/vscode"), ("/app", "/root"), ("/srv/app", "/home/kim"),
            ("/Volumes/x/app", "/Users/kim"), ("/Users/kim/app", "/Users/kim"),
            ("C:\\Users\\kim\\app", "C:\\Users\\kim"), ("d:\\work\\app", "C:\\Users\\kim"),
        ],
    )  # fmt: skip
    def test_the_users_own_records_are_found_wherever_the_project_was(
        self, project: Path, root: str, home: str
    ) -> None:
        put(project.parent / ".claude/skills/mine/SKILL.md", "x")
        sep = "\\" if ":" in root else "/"
        paths = [
            f"{root}/CLAUDE.md", f"{root}/.yoi/memory/decisions/alpha.md",
            f"{home}/.claude/CLAUDE.md", f"{home}/.claude/skills/mine/SKILL.md",
            f"{home}/.claude/plugins/cache/m/acme/1.0/skills/plan/SKILL.md",
            f"{home}/other/CLAUDE.md",
        ]  # fmt: skip
        talk = Talk(root)
        for number, path in enumerate(paths):
            talk.read(path.replace("/", sep), f"toolu_{number}x")
        talk.call("Bash", "toolu_9x", {"command": "cat ./.claude/skills/pdf/SKILL.md"})
        talk.result("toolu_9x")
        imported(project, talk)
        assert names(log(project)) == [
            "instructions/CLAUDE.md", "decision/alpha", "instructions/~/.claude/CLAUDE.md",
            "skill/mine", "skill/acme:plan", "skill/pdf",
        ]  # fmt: skip
        assert b"kim" not in Workspace(project).layout.events_path.read_bytes()

    def test_a_shell_of_windows_names_drives_otherwise(self, project: Path) -> None:
        talk = Talk("C:\\Users\\kim\\app")
        command = "cat /c/Users/kim/app/CLAUDE.md; cat ~/.claude/CLAUDE.md"
        talk.call("Bash", "toolu_1x", {"command": command})
        talk.result("toolu_1x")
        imported(project, talk)
        assert names(log(project)) == [
            "instructions/CLAUDE.md", "instructions/~/.claude/CLAUDE.md",
        ]  # fmt: skip


def test_the_index_of_memory_stands_in_a_worktree_too(project: Path) -> None:
    home = project.parent
    name = "".join(c if c.isalnum() else "-" for c in str(project))
    put(home / f".claude/projects/{name}/memory/MEMORY.md", "Remembered.\n")
    worktree = project / ".claude/worktrees/blue"
    put(worktree / "CLAUDE.md", "x")
    git = project / ".git/worktrees/blue"
    put(git / "gitdir", f"{worktree}/.git\n")
    put(git / "commondir", "../..\n")
    put(project / ".git/HEAD", "ref: refs/heads/main\n")
    put(worktree / ".git", f"gitdir: {git}\n")
    payload = {
        "session_id": SESSION, "cwd": str(worktree), "hook_event_name": "SessionStart",
        "source": "startup",
    }  # fmt: skip
    environ = {"HOME": str(home), "CLAUDE_PROJECT_DIR": str(worktree)}
    run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
    assert names(log(project)) == [f"memory/~/.claude/projects/{name}/memory/MEMORY.md"]
