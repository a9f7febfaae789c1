"""What a record is called changes; what has happened does not, and is told once."""

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest
from test_following import ended, kept, log, made, put
from test_import import SESSION, Talk

from ctxuse import Workspace
from ctxuse.hook import run
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.transcripts import Head
from ctxuse.importing import Session, import_transcripts
from ctxuse.layout import WorkspaceLayout
from ctxuse.overview import overview

PLUGIN = "plugins/cache/market/tools"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return made(tmp_path, monkeypatch)


def own(project: Path) -> Path:
    """The agent's own directory."""
    return project.parent / ".claude"


def skill(directory: Path, name: str) -> Path:
    return put(directory / "SKILL.md", f"---\nname: {name}\ndescription: d\n---\nbody\n")


def plugin(project: Path, version: str) -> Path:
    """Have a plugin installed; return where it is."""
    where = own(project) / PLUGIN / version
    listed = {"version": 2, "plugins": {"tools@market": [{"installPath": str(where)}]}}
    put(own(project) / "plugins/installed_plugins.json", json.dumps(listed))
    return where


class Change(NamedTuple):
    """How a record gets another name.

    Attributes:
        before: Makes it, and returns the directory that its body begins with, if it has one.
        said: What the host calls it.
        after: Changes its name.
        more: So many events are only told by the new one: a text that the user had typed is the
            body of a command only where there is one.
    """

    before: Callable[[Path], Path | None]
    said: str
    after: Callable[[Path], object]
    more: int = 0


def command(project: Path) -> None:
    put(project / ".claude/commands/fix.md", "---\ndescription: d\n---\nbody\n")


def without_command(project: Path) -> None:
    (project / ".claude/commands/fix.md").unlink()


def as_skill(project: Path) -> None:
    without_command(project)
    skill(project / ".claude/skills/fix", "fix")


def plugin_skill(project: Path) -> Path:
    return skill(plugin(project, "a1b2c3d4e5f6") / "skills/pdf", "pdf").parent


def updated(project: Path) -> None:
    shutil.rmtree(own(project) / PLUGIN)
    skill(plugin(project, "b7c8d9e0f1a2") / "skills/pdf", "pdf")


def plugin_command(project: Path) -> None:
    put(plugin(project, "1.0.0") / "commands/go.md", "body\n")


def uninstalled(project: Path) -> None:
    shutil.rmtree(own(project) / "plugins")


def named_otherwise(project: Path) -> Path:
    return skill(project / ".claude/skills/forms", "pdf-tools").parent


def nested(project: Path) -> Path:
    return skill(project / "apps/web/.claude/skills/deploy", "deploy").parent


def moved_up(project: Path) -> None:
    shutil.move(project / "apps/web/.claude/skills/deploy", project / ".claude/skills/deploy")


def workflow(project: Path) -> None:
    put(project / ".yoi/workflow/rel.md", "flow\n")


def workflow_as_skill(project: Path) -> None:
    (project / ".yoi/workflow/rel.md").unlink()
    skill(project / ".claude/skills/rel", "rel")


CHANGES = {
    "a command is deleted": Change(command, "fix", without_command),
    "a command becomes a skill": Change(command, "fix", as_skill),
    "a plugin of a commit is updated": Change(plugin_skill, "tools:pdf", updated),
    "a plugin is uninstalled": Change(plugin_skill, "tools:pdf", uninstalled),
    "a plugin with commands is uninstalled": Change(plugin_command, "tools:go", uninstalled),
    "a skill of another name is deleted": Change(
        named_otherwise, "pdf-tools", lambda project: shutil.rmtree(project / ".claude/skills")
    ),
    "a skill is moved up": Change(nested, "deploy", moved_up),
    "a workflow becomes a skill": Change(workflow, "rel", workflow_as_skill),
    "a skill becomes a command": Change(lambda _: None, "fix", command, 1),
}


def session(project: Path, change: Change) -> Talk:
    """A session that lists a record, calls it, has it called by the user, and reads its file."""
    directory = change.before(project)
    talk = Talk(project / "apps/web" if directory and "apps" in directory.parts else project)
    talk.line("user", message={"content": "go"})
    talk.attachment(type="skill_listing", content=f"- {change.said}: d\n- other: x\n")
    talk.call("Skill", "toolu_1x", {"skill": change.said})
    talk.result("toolu_1x", {"success": True, "commandName": change.said})
    body = f"Base directory for this skill: {directory}\n\nbody" if directory else "body"
    talk.line("user", isMeta=True, sourceToolUseID="toolu_1x", message={"content": body})
    typed = f"<command-name>/{change.said}</command-name>"
    talk.line("user", promptId="p1", message={"content": typed})
    talk.line("user", isMeta=True, promptId="p1", message={"content": body})
    if directory:
        talk.read(directory / "SKILL.md", "toolu_2x")
    return talk


def imported(project: Path, session: str = SESSION) -> int:
    files = [str(kept(project, session))]
    return import_transcripts(Workspace(project), "claude-code", files, cache=False).added


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_import_again_adds_nothing(project: Path, change: Change) -> None:
    talk = session(project, change)
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert imported(project) >= len(("listed", "other", "called"))
    change.after(project)
    assert imported(project) == change.more
    there = Session("claude-code", str(kept(project)), str(project), None, Head())
    assert overview(Workspace(project).layout, [there]).agents[0].beyond == 0
    assert ended(project) == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_hook_told_of_the_end_of_the_turn_does_not_tell_again(
    project: Path, change: Change
) -> None:
    talk = session(project, change)
    payload = {
        "session_id": SESSION, "cwd": str(project), "hook_event_name": "PostToolUse",
        "tool_name": "Skill", "tool_use_id": "toolu_1x", "tool_input": {"skill": change.said},
        "tool_response": {"success": True, "commandName": change.said},
    }  # fmt: skip
    environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
    run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
    assert [event.call_id for event in log(project)] == ["toolu_1x"]
    change.after(project)
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert "toolu_1x" not in [event.call_id for event in ended(project)]
    assert imported(project) == 0


def test_however_much_is_listed_calls_of_what_is_gone_are_known(project: Path) -> None:
    command(project)
    talk = Talk(project)
    talk.line("user", message={"content": "go"})
    listed = "".join(f"- other{number}: x\n" for number in range(150))
    talk.attachment(type="skill_listing", content=f"- fix: d\n{listed}")
    for number in range(900):
        call = f"toolu_{number}x"
        talk.call("Skill", call, {"skill": "fix"})
        talk.result(call, {"success": True, "commandName": "fix"})
        body = {"content": "body"}
        talk.line("user", isMeta=True, sourceToolUseID=call, message=body)
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert imported(project) == 151 + 900
    without_command(project)
    assert imported(project) == 0
    ended(project)
    assert len(log(project)) == 151 + 900


def test_an_agent_of_another_name_that_is_deleted_is_listed_once(project: Path) -> None:
    agent = put(project / ".claude/agents/reviewer.md", "---\nname: code-reviewer\n---\nx\n")
    talk = Talk(project)
    talk.attachment(
        type="agent_listing_delta", addedTypes=["code-reviewer"], addedLines=["- code-reviewer: d"]
    )
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert imported(project) == 1
    agent.unlink()
    assert imported(project) == 0


def test_what_is_missing_of_a_listing_is_still_added(project: Path) -> None:
    command(project)
    talk = Talk(project)
    talk.attachment(type="skill_listing", content="- fix: d\n- pdf: x\n- other: x\n")
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert imported(project) == 3
    path = Workspace(project).layout.events_path
    first, *_ = path.read_text().splitlines(keepends=True)
    path.write_text(first)  # the others were not written any more
    assert imported(project) == 2
    path.write_text(first)
    without_command(project)
    assert imported(project) == 2


def test_a_copy_under_its_own_name_tells_nothing_again(project: Path) -> None:
    talk = Talk(project)
    talk.attachment(type="skill_listing", content="- pdf: Reads\n")
    for number in range(20):
        talk.read(project / "CLAUDE.md", f"toolu_{number}x")
    kept(project).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    assert len(ended(project)) == 21
    path = Workspace(project).layout.events_path
    filler = json.dumps({"segment_id": "x" * 500_000}) + "\n"
    path.write_text(path.read_text() + filler * 3)  # more than is looked through for a new event
    copy = [{**line, "sessionId": "copy"} for line in talk.lines]
    kept(project, "copy").write_text("".join(json.dumps(line) + "\n" for line in copy))
    before = path.read_text()
    ended(project, session_id="copy", transcript_path=str(kept(project, "copy")))
    assert path.read_text() == before


RULES = (
    "Deploy the payment service with care and tell the ledger team\n"
    "Never deploy on a Friday afternoon, whoever asks for that\n"
)


def shell(project: Path, session_id: str, command: str, output: str) -> Path:
    """A transcript in which a command printed something."""
    talk = Talk(project, sessionId=session_id)
    talk.call("Bash", f"toolu_{session_id}x", {"command": command})
    talk.result(f"toolu_{session_id}x", {"stdout": output, "stderr": "", "interrupted": False})
    path = kept(project, session_id)
    path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    return path


def names_in_order(project: Path, *paths: Path) -> list[str]:
    """The calls and records of an import into a fresh log, sorted."""
    shutil.rmtree(Workspace(project).layout.usage_dir, ignore_errors=True)
    files = [str(path) for path in paths]
    import_transcripts(Workspace(project), "claude-code", files, cache=False, processes=1)
    return sorted(f"{event.call_id} {event.records[0].slug}" for event in log(project))


def test_what_one_command_names_changes_nothing_for_others(project: Path) -> None:
    more = RULES + "A line of the web application alone, of more than twenty letters\n"
    put(project / "CLAUDE.md", RULES)
    put(project / "apps/web/CLAUDE.md", more)
    skill(project / "apps/web/.claude/skills/deep", "deep").write_text(body := RULES.upper())
    sessions = [
        shell(project, "s1", "cat apps/web/CLAUDE.md", more),
        shell(project, "s2", "cat *.md | head -20", RULES),
        shell(project, "s3", "cat apps/web/.claude/skills/deep/SKILL.md", body),
        shell(project, "s4", "cat $(git ls-files | grep deep)", body),
    ]
    told = names_in_order(project, *sessions)
    assert told == [
        "toolu_s1x apps/web/CLAUDE.md",
        "toolu_s2x CLAUDE.md",
        "toolu_s3x apps/web:deep",
    ]
    assert names_in_order(project, *reversed(sessions)) == told
    apart = [name for path in sessions for name in names_in_order(project, path)]
    assert sorted(apart) == told


def test_what_is_cut_out_of_a_named_file_is_no_use_of_where_it_is_put(project: Path) -> None:
    path = project / ".claude/skills/pdf/SKILL.md"
    path.write_text("---\nname: pdf\n---\nKept as it is, a line of some words\n" + RULES)
    session = shell(project, "s1", "cat .claude/skills/pdf/SKILL.md", path.read_text())
    assert names_in_order(project, session) == ["toolu_s1x pdf"]
    path.write_text(path.read_text().removesuffix(RULES))
    put(project / ".claude/rules/split.md", RULES)
    assert imported(project, "s1") == 0
    assert names_in_order(project, session) == ["toolu_s1x pdf"]


def test_a_project_in_the_home_of_another_has_nothing_of_ones_own() -> None:
    """What is read there is what it is; where a session was elsewhere, its home is one's own."""
    places = Places(WorkspaceLayout(Path("/home/shared/app")), {"HOME": "/home/kim"})
    here, gone = (
        Origin.of_transcript(places, path) for path in ("/home/shared/app", "/home/b/app")
    )
    read = [origin.here("/home/shared/.claude/CLAUDE.md") for origin in (here, gone)]
    assert read == ["/home/shared/.claude/CLAUDE.md"] * 2
    assert gone.here("/home/b/.claude/CLAUDE.md") == "/home/kim/.claude/CLAUDE.md"
