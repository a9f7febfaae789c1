"""Hooks: what each payload means, as real processes where that matters."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from starting import PATIENCE, started
from test_package import loaded_by

from ctxuse import UsageEvent, UsageSource, Workspace
from ctxuse.hook import run
from ctxuse.hosts.parts import installation_of
from ctxuse.hosts.places import Places
from ctxuse.hosts.shell import files_shown
from ctxuse.ids import derived_id
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.failures import read_marks

SESSION = "5f0c2a7e"
Payload = dict[str, object]
Fire = Callable[..., list[UsageEvent]]

RECORDS = {
    ".yoi/memory/decisions/alpha.md": "one\ntwo\n",
    ".yoi/workflow/release.md": "flow\n",
    ".claude/skills/pdf/SKILL.md": "---\ndescription: Reads PDFs\n---\nbody\n",
    ".claude/skills/pdf/references/forms.md": "forms\n",
    ".claude/skills/hidden/SKILL.md": "---\ndescription: x\ndisable-model-invocation: true\n---\n",
    "CLAUDE.md": "Be brief.\n",
    "AGENTS.md": "Be brief.\n",
    "README.md": "no record\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that is a workspace, in a home of its own."""
    root = tmp_path / "home" / "app"
    for path, text in RECORDS.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def environment(project: Path) -> dict[str, str]:
    return {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


@pytest.fixture
def fire(project: Path) -> Fire:
    """Hands a payload to the hook and returns the events it added."""

    def fired(payload: Mapping[str, object], host: str = "claude-code") -> list[UsageEvent]:
        before = len(log(project))
        whole = {"session_id": SESSION, "cwd": str(project), **payload}
        data = json.dumps(whole).encode()
        run([host], BytesIO(data), environment(project))
        return log(project)[before:]

    return fired


def read(path: object, content: str = "one\ntwo\n", **more: object) -> Payload:
    response = {
        "type": "text",
        "file": {"filePath": path, "content": content, "numLines": 2, "startLine": 1},
    }
    return {
        "hook_event_name": "PostToolUse",
        "tool_name": "Read",
        "tool_input": {"file_path": path},
        "tool_response": response,
        "tool_use_id": "toolu_1",
        **more,
    }


def skill(name: object, **more: object) -> Payload:
    return {
        "hook_event_name": "PostToolUse",
        "tool_name": "Skill",
        "tool_input": {"skill": name},
        "tool_response": {"success": True, "commandName": name},
        "tool_use_id": "toolu_2",
        **more,
    }


def shell(command: object, **more: object) -> Payload:
    return {
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": command},
        "tool_use_id": "toolu_3",
        **more,
    }


def summary(event: UsageEvent) -> tuple[str, str, str | None, str]:
    """Event, source, actor and the first record."""
    record = event.records[0]
    return event.event.value, event.source.value, event.actor, f"{record.kind}/{record.slug}"


class TestClaudeCode:
    def test_a_record_that_was_read_is_a_memory_read(self, project: Path, fire: Fire) -> None:
        path = str(project / ".yoi/memory/decisions/alpha.md")
        (event,) = fire(read(path, "one\n"))
        assert summary(event) == ("use", "MemoryRead", "agent", "decision/alpha")
        assert (event.segment_id, event.host, event.call_id) == (SESSION, "claude-code", "toolu_1")
        assert event.id == derived_id("claude-code", "toolu_1", "decision", "alpha")
        (record,) = event.records
        assert (record.file_bytes, record.context_bytes) == (8, 4)
        assert fire(read(path, "one\n")) == []

    def test_in_a_subagent_it_is_the_subagents(self, project: Path, fire: Fire) -> None:
        path = str(project / "CLAUDE.md")
        (event,) = fire(read(path, agent_id="a91c", agent_type="Explore"))
        assert (event.segment_id, event.actor) == (f"{SESSION}/a91c", "subagent")
        assert event.agent_type == "Explore"
        (event,) = fire(read(path, agent_type="Explore", tool_use_id="toolu_9"))
        assert (event.segment_id, event.actor, event.agent_type) == (SESSION, "agent", None)

    def test_a_file_of_a_skill_is_a_use_of_the_skill(self, project: Path, fire: Fire) -> None:
        path = str(project / ".claude/skills/pdf/references/forms.md")
        (event,) = fire(read(path, "forms\n"))
        assert summary(event) == ("use", "MemoryRead", "agent", "skill/pdf")
        size = len(RECORDS[".claude/skills/pdf/SKILL.md"])
        assert (event.records[0].file_bytes, event.records[0].context_bytes) == (size, 6)

    def test_a_file_that_is_not_shown_again_was_not_read(self, project: Path, fire: Fire) -> None:
        path = str(project / "CLAUDE.md")
        assert fire(read(path, tool_response={"type": "file_unchanged", "file": {}})) == []

    def test_a_read_that_gave_no_text_has_no_known_bytes(self, project: Path, fire: Fire) -> None:
        path = str(project / "CLAUDE.md")
        (event,) = fire(read(path, tool_response={"type": "other"}))
        assert event.records[0].context_bytes is None
        forms = project / ".claude/skills/pdf/references/forms.md"
        (event,) = fire(read(forms.as_posix(), tool_response={"type": "image"}, tool_use_id="t9"))
        assert event.records[0].context_bytes == 6  # the size of the file that was named

    def test_other_files_are_nothing(self, project: Path, fire: Fire) -> None:
        for path in (project / "README.md", "/etc/passwd", project / ".claude/skills", 7, None, ""):
            assert fire(read(str(path) if isinstance(path, Path) else path)) == []

    def test_a_skill_that_the_model_called(self, fire: Fire) -> None:
        (event,) = fire(skill("pdf"))
        assert summary(event) == ("use", "WorkflowInvoke", "agent", "skill/pdf")
        (event,) = fire(skill("release"))
        assert summary(event) == ("use", "WorkflowInvoke", "agent", "workflow/release")
        (event,) = fire(skill("acme:triage"))
        assert summary(event)[3] == "skill/acme:triage"
        assert (event.records[0].size_from, event.records[0].file_bytes) == ("unknown", 0)
        assert fire(skill("pdf", tool_response={"success": False}, tool_use_id="t4")) == []
        for name in (
            "",
            None,
            7,
            "x" * 300,
            "a b",
            "//srv/x:y",
            "../x:y",
            "a//b:c",
            "some text\nx",
        ):
            assert fire(skill(name, tool_use_id="t5")) == []

    def test_a_skill_that_the_user_typed(self, fire: Fire) -> None:
        typed = {
            "hook_event_name": "UserPromptExpansion",
            "expansion_type": "slash_command",
            "command_name": "pdf",
            "command_args": "secret words",
            "prompt": "/pdf secret words",
            "prompt_id": "b7aa",
        }
        (event,) = fire(typed)
        assert summary(event) == ("use", "WorkflowInvoke", "user", "skill/pdf")
        assert event.id == derived_id("claude-code", "prompt:b7aa", "skill", "pdf")
        assert event.call_id is None
        assert fire(typed) == []
        assert fire({**typed, "command_name": "clear"}) == []
        assert fire({**typed, "expansion_type": "mcp_prompt", "prompt_id": "2"}) == []
        assert len(fire({**typed, "prompt_id": None})) == 1

    def test_a_shell_that_shows_records(self, project: Path, fire: Fire) -> None:
        command = "cat .yoi/memory/decisions/alpha.md | head; sed -n 1,5p CLAUDE.md; cat CLAUDE.md"
        found = fire(shell(command))
        assert [summary(event)[3] for event in found] == [
            "decision/alpha",
            "instructions/CLAUDE.md",
        ]
        assert all(event.source.value == "MemoryRead" for event in found)
        assert fire(shell("cat gone/CLAUDE.md", tool_use_id="t7")) == []
        (event,) = fire(shell("cat ../CLAUDE.md", cwd=str(project / ".claude"), tool_use_id="t8"))
        assert summary(event)[3] == "instructions/CLAUDE.md"

    def test_instructions_that_were_loaded_are_exposures_at_each_firing(
        self, project: Path, fire: Fire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time_ns()
        loaded = {
            "hook_event_name": "InstructionsLoaded",
            "file_path": str(project / "CLAUDE.md"),
            "memory_type": "Project",
            "load_reason": "session_start",
        }
        (event,) = fire(loaded)
        assert summary(event) == (
            "resident_exposure", "ResidentInjection", None, "instructions/CLAUDE.md",
        )  # fmt: skip
        assert event.id[14] == "7"
        assert fire(loaded) == []  # hosts tell of it twice at times
        assert len(fire({**loaded, "session_id": "another"})) == 1
        assert len(fire({**loaded, "load_reason": "compact"})) == 1
        with monkeypatch.context() as later:
            later.setattr(time, "time_ns", lambda: now + 11_000_000_000)
            assert len(fire(loaded)) == 1
            assert fire(loaded) == []
        (event,) = fire({**loaded, "file_path": str(project / "docs/style.md")})
        assert summary(event)[3] == "instructions/docs/style.md"
        assert event.records[0].size_from == "unknown"
        (event,) = fire({**loaded, "file_path": "/etc/claude-code/CLAUDE.md"})
        assert summary(event)[3] == "instructions/external:CLAUDE.md"
        (event,) = fire({**loaded, "file_path": str(project / ".yoi/workflow/release.md")})
        assert summary(event)[3] == "workflow/release"

    def test_a_session_start_exposes_the_memory_that_no_transcript_tells_of(
        self, project: Path, fire: Fire
    ) -> None:
        memory = project.parent / ".claude/projects/-p/memory"
        memory.mkdir(parents=True)
        index = "---\na: b\n---\n<!-- hidden -->\nline\n" * 1 + "more\n" * 300
        (memory / "MEMORY.md").write_text(index)
        settings = project.parent / ".claude/settings.json"
        start = {
            "hook_event_name": "SessionStart",
            "source": "startup",
            "transcript_path": str(project.parent / ".claude/projects/-p/5f0c.jsonl"),
        }
        (event,) = fire(start)
        assert event.event.value == "resident_exposure"
        assert [(r.kind, r.slug, r.context_bytes) for r in event.records] == [
            ("memory", "~/.claude/projects/-p/memory/MEMORY.md", len("line\n" + "more\n" * 199)),
        ]
        settings.write_text(json.dumps({"autoMemoryEnabled": False}))
        assert fire(start) == []

    def test_the_style_of_output_that_is_set_is_resident(self, project: Path, fire: Fire) -> None:
        start = {"hook_event_name": "SessionStart", "source": "startup"}
        for top, text in ((project, "Few words."), (project.parent, "Many words, so many.")):
            styles = top / ".claude/output-styles"
            styles.mkdir(parents=True)
            (styles / "brief.md").write_text(f"---\nname: Brief words\n---\n\n{text}\n")
            (styles / "plain.md").write_text(f"{text} Plainly.\n")
        for said, found in (
            ({}, []),
            ({"outputStyle": "default"}, []),
            ({"outputStyle": 7}, []),
            ({"outputStyle": "Brief words"}, [("output-style", "Brief words", 10)]),
            ({"outputStyle": "plain"}, [("output-style", "plain", len("Few words. Plainly."))]),
        ):
            (project / ".claude/settings.json").write_text(json.dumps(said))
            events = fire(start)
            assert [(r.kind, r.slug, r.context_bytes) for e in events for r in e.records] == found

    def test_what_cannot_be_read_takes_nothing_else_along(self, project: Path, fire: Fire) -> None:
        (project / ".claude/settings.json").symlink_to("/dev/zero")
        (project / ".claude/rules").mkdir()
        os.mkdir(os.fsencode(project) + b"/.claude/rules/\xff")
        with open(os.fsencode(project) + b"/.claude/rules/\xff/x.md", "w") as file:
            file.write("x")
        memory = project.parent / ".claude/projects/-p/memory"
        memory.mkdir(parents=True)
        (memory / "MEMORY.md").write_text("<!-- x\n" * 200_000)
        start = {
            "hook_event_name": "SubagentStart",
            "agent_id": "a1",
            "agent_type": "general-purpose",
            "transcript_path": str(project.parent / ".claude/projects/-p/5f0c.jsonl"),
        }
        (event,) = fire(start)
        assert {"CLAUDE.md", "~/.claude/projects/-p/memory/MEMORY.md"} <= {
            record.slug for record in event.records
        }

    def test_a_sub_agent_is_given_what_its_kind_is_given(self, project: Path, fire: Fire) -> None:
        files = {
            "CLAUDE.md": "# Shop\n@docs/style.md\n`@docs/no.md`\n",
            "docs/style.md": "Use it.\n",
            "docs/no.md": "x",
            ".claude/rules/all.md": "Always.\n",
            ".claude/rules/sql.md": "---\npaths: db\n---\nSQL.\n",
            ".claude/agents/keeper.md": (
                "---\nname: keeper\nmemory: project\nskills: pdf, none\n---\nYou keep.\n"
            ),
            ".claude/agents/named.md": "---\nname: other-name\n---\nYou are.\n",
            ".claude/agent-memory/keeper/MEMORY.md": "I remember.\n",
        }
        for path, text in files.items():
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text)
        loaded = [
            ("instructions", "CLAUDE.md", len("# Shop\n@docs/style.md\n`@docs/no.md`")),
            ("instructions", ".claude/rules/all.md", len("Always.")),
            ("instructions", "docs/style.md", len("Use it.")),
        ]
        pdf = project / ".claude/skills/pdf"
        body = (pdf / "SKILL.md").read_text().rpartition("---\n")[2]
        given_whole = len(f"Base directory for this skill: {pdf}\n\n{body}")
        given = {
            "general-purpose": loaded,
            "Explore": [],
            "somebody-elses": [],
            "keeper": [
                ("agent", "keeper", len("You keep.")),
                *loaded,
                ("memory", ".claude/agent-memory/keeper/MEMORY.md", len("I remember.\n")),
                ("skill", "pdf", given_whole),
            ],
            "other-name": [("agent", "named", len("You are.")), *loaded],
        }
        for number, (kind, expected) in enumerate(given.items()):
            start = {"hook_event_name": "SubagentStart", "agent_id": f"a{number}"}
            events = fire({**start, "agent_type": kind})
            found = [(r.kind, r.slug, r.context_bytes) for e in events for r in e.records]
            assert found == expected, kind
            for event in events:
                assert event.segment_id == f"{SESSION}/a{number}"
                assert event.agent_type == kind

    def test_of_instructions_deep_in_a_project_the_transcript_tells(
        self, project: Path, fire: Fire
    ) -> None:
        deep = {"hook_event_name": "InstructionsLoaded", "load_reason": "nested_traversal"}
        assert fire({**deep, "file_path": str(project / "sub/CLAUDE.md")}) == []

    @pytest.mark.parametrize("path", ["fix.md", "team/standup.md"])
    def test_a_command_is_called_and_typed_by_its_path(
        self, project: Path, fire: Fire, path: str
    ) -> None:
        file = project / ".claude/commands" / path
        file.parent.mkdir(parents=True)
        file.write_text("---\ndescription: x\n---\nFix $ARGUMENTS now.\n")
        name = path.removesuffix(".md").replace("/", ":")
        typed = {
            "hook_event_name": "UserPromptExpansion", "expansion_type": "slash_command",
            "command_name": name, "command_args": "42", "prompt_id": "p1",
        }  # fmt: skip
        events = fire(typed) + fire(skill(name, tool_input={"skill": name, "args": "42"}))
        events += fire(read(str(file), tool_use_id="toolu_9"))
        assert [(e.actor, e.records[0].kind, e.records[0].slug) for e in events] == [
            ("user", "command", name), ("agent", "command", name), ("agent", "command", name),
        ]  # fmt: skip
        assert [e.records[0].context_bytes for e in events[:2]] == [len("Fix 42 now.\n")] * 2

    def test_agents_and_what_instructions_take_in_are_records(
        self, project: Path, fire: Fire
    ) -> None:
        for path, text in {
            ".claude/agents/reviewer.md": "x", "CLAUDE.md": "@docs/style.md",
            "docs/style.md": "See @./deep.md", "docs/deep.md": "x",
        }.items():  # fmt: skip
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text)
        paths = (".claude/agents/reviewer.md", "docs/style.md", "docs/deep.md")
        events = [
            event
            for number, path in enumerate(paths)
            for event in fire(read(str(project / path), tool_use_id=f"toolu_{number}x"))
        ]
        assert [f"{e.records[0].kind}/{e.records[0].slug}" for e in events] == [
            "agent/reviewer", "instructions/docs/style.md", "instructions/docs/deep.md",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "name",
        [
            "Grep",
            "Glob",
            "Edit",
            "Write",
            "mcp__ctxuse__memory_read",
            "ReadMcpResource",
            "",
            7,
            None,
        ],
    )
    def test_other_tools_are_nothing(self, project: Path, fire: Fire, name: object) -> None:
        assert fire(read(str(project / "CLAUDE.md"), tool_name=name)) == []

    @pytest.mark.parametrize(
        "event", ["PreToolUse", "PostToolUseFailure", "Stop", "UserPromptSubmit", "New", 7, None]
    )
    def test_other_events_are_nothing(self, project: Path, fire: Fire, event: object) -> None:
        assert fire(read(str(project / "CLAUDE.md"), hook_event_name=event)) == []

    @pytest.mark.parametrize(
        ("fields", "variable"),
        [({"cursor_version": "3.18.25"}, None), ({}, "COPILOT_CLI"), ({"sessionId": "s"}, None)],
    )
    def test_another_agent_that_runs_its_hooks_is_not_taken_for_it(
        self, project: Path, fields: dict[str, str], variable: str | None
    ) -> None:
        payload = {"session_id": SESSION, **read(str(project / "CLAUDE.md")), **fields}
        if "sessionId" in fields:
            payload["sessionId"] = payload.pop("session_id")
        environ = environment(project) | ({variable: "1"} if variable else {})
        run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
        assert log(project) == []

    def test_without_a_session_it_is_nothing(self, project: Path, fire: Fire) -> None:
        for session in (None, "", 7, "x" * 5000):
            assert fire(read(str(project / "CLAUDE.md"), session_id=session)) == []

    def test_no_prompt_and_no_content_is_stored(self, project: Path, fire: Fire) -> None:
        fire(read(str(project / "CLAUDE.md"), "SECRET content"))
        fire(shell("cat CLAUDE.md # SECRET", tool_response={"stdout": "SECRET"}))
        fire(skill("pdf", tool_input={"skill": "pdf", "args": "SECRET"}))
        assert log(project)
        assert "SECRET" not in Workspace(project).layout.events_path.read_text()


class TestCodex:
    def test_a_shell_that_shows_records(self, project: Path, fire: Fire) -> None:
        path = project / ".claude/skills/pdf/SKILL.md"
        (event,) = fire(shell(f"bash -lc 'sed -n 1,240p {path}'"), "codex")
        assert summary(event) == ("use", "MemoryRead", "agent", "skill/pdf")
        assert (event.host, event.id) == ("codex", derived_id("codex", "toolu_3", "skill", "pdf"))
        (event,) = fire(
            shell(["bash", "-lc", "cat AGENTS.md"], tool_name="shell", agent_id="c"), "codex"
        )
        assert (event.segment_id, event.actor) == (f"{SESSION}/c", "subagent")
        for command in (None, 7, [7], ["ls"], "", "ls"):
            assert fire(shell(command, tool_use_id="t"), "codex") == []
        assert fire(shell("cat AGENTS.md", tool_name="apply_patch"), "codex") == []

    def test_what_stands_in_a_context_no_hook_tells_of(self, project: Path, fire: Fire) -> None:
        (project / "AGENTS.md").write_text("x")
        for event in ("SessionStart", "SubagentStart", "Stop", "SessionEnd"):
            assert fire({"hook_event_name": event}, "codex") == []

    def test_what_a_script_runs_its_rollout_tells_of(self, project: Path, fire: Fire) -> None:
        (project / "AGENTS.md").write_text("Be brief.")
        by_script = shell("cat AGENTS.md", tool_use_id="exec-5b9bce1e", tool_response="Be brief.")
        assert fire(by_script, "codex") == []
        alone = shell("cat AGENTS.md", tool_use_id="call_1", tool_response="Be brief.")
        assert len(fire(alone, "codex")) == 1

    def test_a_command_of_another_directory_is_of_the_session(self, project: Path) -> None:
        (project / "AGENTS.md").write_text("Be brief.")
        payload = {
            **shell(f"cat {project}/AGENTS.md", tool_response="Be brief."),
            "session_id": SESSION, "cwd": "/", "tool_use_id": "call_1",
        }  # fmt: skip
        environ = {"HOME": str(project.parent), "PWD": str(project)}
        run(["codex"], BytesIO(json.dumps(payload).encode()), environ)
        assert [event.records[0].slug for event in log(project)] == ["AGENTS.md"]


def absolute(path: str, directory: str | None) -> str:
    if path.startswith("~"):
        path = "/home/kim" + path[1:]
    return os.path.normpath(os.path.join(directory or "/", path))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat a.md", ["a.md"]),
        ("/bin/cat a.md b.md", ["a.md", "b.md"]),
        ("cat 'a b.md' c\\ d.md", ["a b.md", "c d.md"]),
        ("cat a.md|grep x; head -5 b.md && tail c.md", ["a.md", "b.md", "c.md"]),
        ("(cat a.md) &", ["a.md"]),
        ("echo hi\ncat z.md", ["z.md"]),
        ("cd sub && cat a.md", ["sub/a.md"]),
        ("cd sub 2>/dev/null && cat a.md", ["sub/a.md"]),
        ("(cd sub && cat b.md); cat a.md", ["sub/b.md", "a.md"]),
        ("cd sub; cd - && cat a.md", ["a.md"]),
        ("pushd sub && cat a.md", ["sub/a.md"]),
        ("cd && cat a.md", ["/home/kim/a.md"]),
        ("cd $X && cat a.md /abs/b.md", ["/abs/b.md"]),
        ("FOO=1 sudo cat a.md", ["a.md"]),
        ("sudo -u bob cat a.md; env -i A=1 cat b.md; time -p cat c.md", ["a.md", "b.md", "c.md"]),
        ("if true; then cat a.md; fi", ["a.md"]),
        ("bash -lc 'cat a.md && head b.md'", ["a.md", "b.md"]),
        ("bash -o pipefail -c 'cat a.md'", ["a.md"]),
        ("zsh -c \"bash -c 'cat q.md'\"", ["q.md"]),
        ("cat a.md # cat b.md\ncat c.md", ["a.md", "c.md"]),
        ("# don't\ncat a.md", ["a.md"]),
        ("echo '# x' && cat a.md", ["a.md"]),
        ("cat x \\\n  a.md", ["a.md"]),
        ("cat a.md 2>/dev/null", ["a.md"]),
        ("cat a.md 2>&1 | head", ["a.md"]),
        ("cat x 2>> a.md", []),
        ("awk -F '|' '{print $1}' a.md", ["a.md"]),
        ("sed -n '1,240p' a.md", ["a.md"]),
        ("sed -n -e 1p a.md", ["a.md"]),
        ("head -n 5 a.md", ["a.md"]),
        (
            "cat /srv/c++/a.md /home/łukasz/b.md 日本/c.md",
            ["/srv/c++/a.md", "/home/łukasz/b.md", "日本/c.md"],
        ),
        (
            "cat x:a.md notes@a.md old+a.md packages/@acme/a.md",
            ["x:a.md", "notes@a.md", "old+a.md", "packages/@acme/a.md"],
        ),
        ('cat $D/a.md `x`/b.md *.md {a,b}.md "$X"/c.md', []),
        ("cat \"a b.md\" '$x.md'", ["a b.md", "$x.md"]),
        ("cat \"it's", []),
        ("cat a.md\necho don't", []),
        ("cat a.md > b.md", []),
        ("cat a.md >> b.md", []),
        ("cat a.md &> b", []),
        ("cat a.md >| b", []),
        ("cat a.md | sed s/a/b/ > out", []),
        ("cat a.md | tee out >/dev/null", []),
        ("(cat a.md; cat b.md) > out", []),
        ("{ cat a.md; } > out; cat c.md", ["c.md"]),
        ("for f in x; do cat a.md; done > out", []),
        ("bash -c 'cat a.md' > out", []),
        ("cat <<'EOF' > x.md\ncat y.md\nEOF\ncat z.md", ["z.md"]),
        ("python3 - <<EOF\ncat a.md\nEOF", []),
        ("cat <<-E\n\tcat a.md\n\tE\ncat b.md", ["b.md"]),
        ("x=$(cat a.md)", []),
        ("cat a.md || cat b.md", ["a.md"]),
        ("diff <(cat a.md) b.md", []),
        ("while read x; do y; done < <(cat a.md)", []),
        ("function f {\n cat a.md\n}", []),
        ("arr=(cat a.md); cat b.md", ["b.md"]),
        ("cat a.md | wc -l", []),
        ("cat a.md | grep -q x; cat b.md | grep -n x | head -3", ["b.md"]),
        ("cat a.md | sh", []),
        ("exec >/tmp/l 2>&1\ncat a.md", []),
        ("env -C sub cat a.md", []),
        ("tail --lines 5 a.md -", ["a.md"]),
        ('git commit -m "$(cat <<\'EOF\'\n1) 5" x\ncat a.md\n6" y\nEOF\n)"', []),
        ("echo $(cat a.md)", []),
        ("git commit -m '&&' cat a.md; echo ';' cat b.md", []),
        ("bash run.sh -c 'cat a.md'", []),
        ("f() { cat a.md; }; cat b.md", ["b.md"]),
        ("sed -i s/a/b/ x.md", []),
        ("sed -n -i.bak p x.md", []),
        ("sed -ni p x.md", []),
        ("sed --in-pl s/a/b/ x.md", []),
        ("awk -i inplace 1 a.md", []),
        ("sed -f a.md b.md", ["b.md"]),
        ("grep x a.md", []),
        ("python a.md", []),
        ("rm a.md; echo cat b.md", []),
        ("", []),
        (";;; && ) ( |", []),
        ("bash -c", []),
    ],
)
def test_the_files_that_a_shell_command_shows(command: str, expected: list[str]) -> None:
    shown = [path.removeprefix("/w/") for path in files_shown(command, "/w", absolute)]
    assert [path for path in shown if path.endswith(".md")] == expected


def test_a_command_of_any_depth_or_length_ends() -> None:
    nested = "cat a.md"
    for _ in range(40):
        nested = f"bash -c {json.dumps(nested)}" if len(nested) < 10_000 else nested
    assert [*files_shown(nested, "/w", absolute)] == []
    assert [*files_shown("cat a.md;" * 100_000, "/w", absolute)] == []
    for sign in ("(", "{", "$(", "`", "'", "<<E\n", "((", "f()", "|", "{a,"):
        files_shown(f"cat a.md {sign * 20_000}", "/w", absolute)
    assert len(files_shown("cat " + "a.md " * 5_000, "/w", absolute)) == 256


class TestWhereItWrites:
    def test_the_nearest_workspace_above_the_project(self, project: Path) -> None:
        below = project / "apps" / "web"
        below.mkdir(parents=True)
        self.fire(project, read(str(project / "CLAUDE.md")), project_dir=below)
        assert len(log(project)) == 1

    def test_nothing_without_a_marker_but_everywhere(self, tmp_path: Path) -> None:
        root = tmp_path / "home" / "plain"
        root.mkdir(parents=True)
        (root / "CLAUDE.md").write_text("x")
        self.fire(root, read(str(root / "CLAUDE.md")), project_dir=root)
        assert not (root / ".yoi").exists()
        self.fire(root, read(str(root / "README.md")), project_dir=root, words=["--everywhere"])
        assert not (root / ".yoi").exists()
        self.fire(root, read(str(root / "CLAUDE.md")), project_dir=root, words=["--everywhere"])
        assert len(log(root)) == 1
        assert (root / ".yoi/memory/_usage/.gitignore").exists()

    def test_never_in_the_home_directory_or_above_it(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        for marked in (home, tmp_path):
            (marked / ".yoi" / "memory").mkdir(parents=True)
        root = home / "plain"
        root.mkdir()
        (root / "CLAUDE.md").write_text("x")
        self.fire(root, read(str(root / "CLAUDE.md")), project_dir=root)
        self.fire(home, read(str(home / "CLAUDE.md")), project_dir=home, words=["--everywhere"])
        assert not log(home)
        assert not log(tmp_path)

    def test_never_above_the_home_directory_nor_in_it_by_another_name(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        shared = tmp_path / "shared" / "app"
        (tmp_path / ".yoi" / "memory").mkdir(parents=True)
        for root in (home / "app", shared):
            root.mkdir(parents=True)
            (root / "CLAUDE.md").write_text("x")
        data = json.dumps({"session_id": SESSION, **read(str(shared / "CLAUDE.md"))}).encode()
        environ = {"HOME": str(home), "CLAUDE_PROJECT_DIR": str(shared)}
        run(["claude-code"], BytesIO(data), environ)
        run(["claude-code", "--everywhere"], BytesIO(data), {**environ, "CLAUDE_PROJECT_DIR": "/"})
        assert not (tmp_path / ".yoi/memory/_usage").exists()
        (home / ".yoi" / "memory").mkdir(parents=True)
        (tmp_path / "link").symlink_to(home)
        environ = {"HOME": str(tmp_path / "link"), "CLAUDE_PROJECT_DIR": str(home / "app")}
        run(["claude-code"], BytesIO(data.replace(b"shared", b"home")), environ)
        assert not (home / ".yoi/memory/_usage").exists()

    def test_a_session_below_the_root_names_its_skills_as_their_files_do(
        self, project: Path
    ) -> None:
        web = project / "apps" / "web"
        for agent in (".claude", ".agents"):
            (web / agent / "skills" / "deploy").mkdir(parents=True)
            (web / agent / "skills" / "deploy" / "SKILL.md").write_text("x")
        environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(web)}
        common = {"session_id": SESSION, "cwd": str(web)}
        typed = {"hook_event_name": "UserPromptExpansion", "expansion_type": "slash_command"}
        for host, payload in (
            ("claude-code", {**typed, "command_name": "deploy"}),
            ("claude-code", skill("deploy")),
            ("claude-code", read(str(web / ".claude/skills/deploy/SKILL.md"))),
            ("codex", shell("cat .agents/skills/deploy/SKILL.md")),
        ):
            run([host], BytesIO(json.dumps({**common, **payload}).encode()), environ)
        slugs = {r.slug for e in log(project) for r in e.records if "deploy" in r.slug}
        assert slugs == {"apps/web:deploy"}
        assert len(log(project)) == 4

    def test_a_yoi_directory_without_memory_is_no_marker(self, tmp_path: Path) -> None:
        root = tmp_path / "home" / "tree"
        (root / ".yoi" / "workflow").mkdir(parents=True)
        (root / ".yoi" / "workflow" / "w.md").write_text("x")
        self.fire(root, read(str(root / ".yoi/workflow/w.md")), project_dir=root)
        assert not (root / ".yoi" / "memory").exists()

    def test_turned_off(self, project: Path) -> None:
        payload = {"session_id": SESSION, **read(str(project / "CLAUDE.md"))}
        environ = {**environment(project), "CTXUSE_DISABLE": "1"}
        run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
        assert not log(project)

    @staticmethod
    def fire(
        root: Path, payload: Payload, *, project_dir: Path, words: list[str] | None = None
    ) -> None:
        data = json.dumps({"session_id": SESSION, "cwd": str(root), **payload}).encode()
        home = next(p for p in (root, *root.parents) if p.name == "home")
        environ = {"HOME": str(home), "CLAUDE_PROJECT_DIR": str(project_dir)}
        run(["claude-code", *(words or [])], BytesIO(data), environ)


def process(
    data: bytes, project: Path, *words: str, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ctxuse.hook", *(words or ("claude-code",))],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, **environment(project), **environ},
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("host", ["claude-code", "codex"])
def test_where_the_user_has_the_hook_too_that_one_records(project: Path, host: str) -> None:
    agent, home = installation_of(host), {**environment(project), "CLAUDE_PROJECT_DIR": ""}
    numbers = count()
    (project / "AGENTS.md").write_text("Be brief.")
    (project / ".codex/skills/x").mkdir(parents=True)
    (project / ".codex/skills/x/SKILL.md").write_text("---\nname: x\ndescription: y\n---\n")
    settings = Path(agent.user_file(Places(WorkspaceLayout(project), home)))
    settings.parent.mkdir(exist_ok=True)
    program = project / "bin/ctxuse-hook"
    program.parent.mkdir()
    program.touch(mode=0o755)
    payload = {
        "session_id": SESSION, "cwd": str(project), "file_path": str(project / "CLAUDE.md"),
        "hook_event_name": "InstructionsLoaded" if host == "claude-code" else "PostToolUse",
        "tool_name": "Bash", "tool_input": {"command": "cat AGENTS.md"},
        "tool_response": "Be brief.",
    }  # fmt: skip

    def records(*words: str) -> bool:
        before = len(log(project))
        payload["session_id"] = f"s{next(numbers)}"
        run([host, *words], BytesIO(json.dumps(payload).encode()), home)
        return len(log(project)) > before

    groups = agent.groups(str(program))
    assert records("--shared")
    for text in ("", "[]", "{", '{"hooks": {"PostToolUse": 1}}', json.dumps({"hooks": {"X": []}})):
        settings.write_text(text)
        assert records("--shared")
    for version in ((2, 1, 100), None):
        groups = agent.groups(str(program), version)
        settings.write_text(json.dumps({"hooks": {e: [g] for e, g in groups.items()}}))
        assert not records("--shared")
        assert records()
    program.unlink()  # the user's installation is gone
    assert records("--shared")


@pytest.mark.parametrize(
    "data",
    [
        b"", b" \n", b"rubbish", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe\x00", b"{}",
        b"[" * 100_000, b'{"a":' * 50_000, b'{"session_id":"s","hook_event_name":[]}',
        b'{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"Read","tool_input":7}',
        (b'{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"Read","tool_input":'
        b'{"file_path":"\\ud800/CLAUDE.md"}}'),
        b'{"session_id":"\\ud800","hook_event_name":"SessionStart"}',
        (b'{"session_id":"s","cwd":7,"hook_event_name":"PostToolUse","tool_name":"Bash",'
        b'"tool_input":{"command":"cat \\u0000"}}'),
        b"9" * 1_000_000, b'{"x": 1e999999, "session_id": "s", "hook_event_name": "SessionStart"}',
        b'{"x": "' + b"y" * 70_000_000 + b'"}',
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
@pytest.mark.parametrize("host", ["claude-code", "codex"])
def test_rubbish_ends_with_0_in_silence(project: Path, data: bytes, host: str) -> None:
    done = process(data, project, host)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("words", [["no-such-host"], ["--help"], ["claude-code", "more", "words"]])
def test_any_words_end_with_0_in_silence(project: Path, words: list[str]) -> None:
    done = process(b"{}", project, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_log_that_cannot_be_written_is_a_mark_and_silence(project: Path) -> None:
    (project / ".yoi/memory/_usage").write_text("in the way")
    payload = {"session_id": SESSION, **read(str(project / "CLAUDE.md"))}
    done = process(json.dumps(payload).encode(), project, XDG_STATE_HOME=str(project / "state"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    mark = (project / "state/ctxuse/trouble.jsonl").read_text()
    assert "AppendError" in mark
    assert SESSION not in mark


def test_a_closed_stdin_or_stdout_is_silence(project: Path) -> None:
    for redirected in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
        command = f"{sys.executable} -m ctxuse.hook claude-code {redirected}"
        done = subprocess.run(
            ["/bin/sh", "-c", command], check=False, capture_output=True, stdin=subprocess.DEVNULL
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not log(project)


def test_forty_hooks_at_once_record_every_event_once(project: Path) -> None:
    payloads = [
        json.dumps(
            {"session_id": SESSION, **read(str(project / "CLAUDE.md"), tool_use_id=f"t{number}")}
        ).encode()
        for number in range(20)
        for _ in range(2)
    ]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                started(
                    "-m",
                    "ctxuse.hook",
                    "claude-code",
                    env={**os.environ, **environment(project)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            for _ in payloads
        ]
        for child, payload in zip(running, payloads, strict=True):  # all wait for them now
            child.stdin.write(payload)
            child.stdin.close()
        for child in running:
            assert (child.wait(PATIENCE), child.stdout.read(), child.stderr.read()) == (0, b"", b"")
    assert sorted(event.call_id or "" for event in log(project)) == sorted(
        f"t{n}" for n in range(20)
    )
    assert Workspace(project).check().clean


def test_a_lock_that_hangs_does_not_keep_the_agent_waiting(project: Path) -> None:
    import fcntl  # noqa: PLC0415 - beside its only use

    workspace = Workspace(project)
    alpha = workspace.snapshot("decision", "alpha")
    workspace.append_use("s", UsageSource.MEMORY_READ, [alpha])
    with (project / ".yoi/memory/_usage/events.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        payload = {"session_id": SESSION, **read(str(project / "CLAUDE.md"))}
        begin = time.monotonic()
        done = process(json.dumps(payload).encode(), project)
        assert time.monotonic() - begin < 30  # it returned while the lock was held
        assert done.returncode == 0
    assert len(log(project)) == 2


def test_a_hook_stops_by_itself_and_leaves_a_mark(project: Path) -> None:
    head = "x: [" + "a, " * 990 + "]"
    (project / ".claude/rules").mkdir()
    for number in range(1_000):  # a minute's work, were it all done
        rule = project / ".claude/rules" / f"s{number}.md"
        rule.write_text(f"---\n{head}\n---\nbody\n")
    payload = {
        "session_id": SESSION, "hook_event_name": "SubagentStart", "agent_id": "a",
        "agent_type": "general-purpose",
    }  # fmt: skip
    done = process(json.dumps(payload).encode(), project)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert log(project) == []
    (mark,) = read_marks(WorkspaceLayout(project), environ=environment(project))
    assert "SubagentStart: its time was over" in mark.what
    alpha = Workspace(project).snapshot("decision", "alpha")
    assert Workspace(project).append_use("s", UsageSource.MEMORY_READ, [alpha]) is not None


def test_a_hook_that_cannot_even_end_leaves_a_mark(project: Path) -> None:
    code = """if True:
        import time
        from ctxuse import following, hook, remembered
        hook.SECONDS = hook.MOST_SECONDS = 1.0
        following._read_on = remembered.Memory.save = lambda *_: time.sleep(9_999)
        hook.main()
    """
    transcript = project.parent / ".claude/projects/-app/s1.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("{}\n")
    payload = {
        "session_id": "s1", "cwd": str(project), "hook_event_name": "Stop",
        "transcript_path": str(transcript),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, "claude-code"],
        input=json.dumps(payload).encode(), capture_output=True, check=False, timeout=PATIENCE,
        env={**os.environ, **environment(project)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (mark,) = read_marks(WorkspaceLayout(project), environ=environment(project))
    assert "Stop: its time was over" in mark.what


def test_a_hook_whose_payload_never_ends_stops_by_itself(project: Path) -> None:
    words = ["-c", "from ctxuse.hook import main; main(to_arrive=0.5)", "claude-code"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with started(*words, env={**os.environ, **environment(project)}, **pipes) as hook:
        hook.stdin.write(b"{")
        hook.stdin.flush()
        assert hook.wait(PATIENCE) == 0  # its stdin is open still
        assert hook.stdout.read() == hook.stderr.read() == b""


def test_a_hook_loads_only_what_is_cheap(project: Path) -> None:
    payload = json.dumps({"session_id": SESSION, **read(str(project / "CLAUDE.md"))})
    loaded = loaded_by(
        "import io, sys\n"
        "from ctxuse.hook import run\n"
        f"run(['claude-code'], io.BytesIO({payload.encode()!r}), {environment(project)!r})"
    )
    assert len(log(project)) == 1
    expensive = {
        "click", "dataclasses", "datetime", "frontmatter", "hashlib", "inspect", "logging",
        "markdown_it", "msgspec", "pathlib", "rich", "shlex", "subprocess", "tempfile", "urllib",
        "uuid", "whenever", "yaml",
    }  # fmt: skip
    assert not loaded & expensive
