"""Imports: transcripts of agents and other logs → events, each once."""

import errno
import json
import os
import pty
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path

import pytest
from starting import PATIENCE, started

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run
from ctxuse.codec.encode import to_json
from ctxuse.hook import run as run_hook
from ctxuse.hosts.claude_code import lines
from ctxuse.hosts.claude_code.accounting import Accounting
from ctxuse.ids import derived_id
from ctxuse.importing import import_transcripts
from ctxuse.otherlogs import import_log

REAL = Path(__file__).parents[2] / "shared" / "realdata"
SESSION = "5f0c2a7e"
Line = dict[str, object]
Import = Callable[[Iterable[object]], ImportResult]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with some records, in a home of its own."""
    root = tmp_path / "home" / "app"
    for path, text in {
        ".yoi/memory/decisions/alpha.md": "today's text is longer\n",
        ".yoi/workflow/release.md": "flow\n",
        ".claude/skills/pdf/SKILL.md": "body\n",
        "CLAUDE.md": "Be brief.\n",
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def imported(project: Path, tmp_path: Path) -> Import:
    """Imports lines as a transcript of Claude Code."""

    def done(lines: Iterable[object]) -> ImportResult:
        path = tmp_path / "transcript.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return import_transcripts(Workspace(project), "claude-code", [str(path)])

    return done


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def told(event: UsageEvent) -> tuple[str, str, str | None, str]:
    record = event.records[0]
    return event.event.value, event.source.value, event.actor, f"{record.kind}/{record.slug}"


class Talk:
    """Makes lines of a transcript, as Claude Code writes them."""

    def __init__(self, root: object, **common: object) -> None:
        self.lines: list[Line] = []
        self.common = {"cwd": str(root), "sessionId": SESSION, "version": "2.1.29", **common}

    def line(self, kind: str, **fields: object) -> Line:
        number = len(self.lines)
        line = {
            **self.common, "type": kind, "uuid": f"u{number}",
            "timestamp": f"2026-02-02T06:{number % 60:02}:54.907Z", **fields,
        }  # fmt: skip
        self.lines.append(line)
        return line

    def call(
        self, tool: str, call_id: str, tool_input: Mapping[str, object], **more: object
    ) -> None:
        block = {"type": "tool_use", "id": call_id, "name": tool, "input": tool_input}
        self.line("assistant", message={"id": f"m{call_id}", "content": [block]}, **more)

    def result(self, call_id: str, result: object = None, **more: object) -> None:
        block = {"type": "tool_result", "tool_use_id": call_id, "content": "…", **more}
        self.line("user", message={"content": [block]}, toolUseResult=result)

    def read(self, path: object, call_id: str, content: str = "a\nb\n", total: int = 2) -> None:
        self.call("Read", call_id, {"file_path": str(path)})
        file = {"content": content, "numLines": 2, "startLine": 1, "totalLines": total}
        self.result(call_id, {"type": "text", "file": file})

    def attachment(self, **fields: object) -> Line:
        return self.line("attachment", attachment=fields)


class TestClaudeCode:
    def test_reads_with_the_sizes_the_transcript_shows(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        path = project / ".yoi/memory/decisions/alpha.md"
        talk.read(path, "t1", "a\nb\n")
        talk.read(path, "t2", "a\nb\n", total=9)
        talk.call("Read", "t3", {"file_path": str(path)})
        talk.result("t3", {"type": "image"})
        result = imported(talk.lines)
        assert (result.added, result.there) == (3, 0)
        whole, part, image = log(project)
        assert told(whole) == ("use", "MemoryRead", "agent", "decision/alpha")
        assert whole.id == derived_id("claude-code", "t1", "decision", "alpha")
        assert whole.occurred_at_text == "2026-02-02T06:01:54.907Z"
        assert (whole.segment_id, whole.host, whole.call_id) == (SESSION, "claude-code", "t1")
        sizes = [
            (r.file_bytes, r.context_bytes, r.size_from)
            for e in (whole, part, image)
            for r in e.records
        ]
        assert sizes == [(4, 4, "transcript"), (0, 4, "unknown"), (0, None, "unknown")]

    def test_failed_and_unfinished_calls_and_other_tools_are_counted_not_recorded(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        for number, more in enumerate(({"is_error": True}, {})):
            talk.call("Read", f"f{number}", {"file_path": str(project / "CLAUDE.md")})
            talk.result(f"f{number}", {"success": False} if number else "Error: no", **more)
        talk.call("Skill", "s1", {"skill": "model"})
        talk.result("s1", "Error: Skill model is not a prompt-based skill", is_error=True)
        talk.call("Grep", "g1", {"pattern": "CLAUDE.md"})
        talk.result("g1")
        talk.read(project / "README.md", "n1")
        talk.call("Read", "open", {"file_path": str(project / "CLAUDE.md")})
        result = imported(talk.lines)
        notes = result.notes
        assert (result.added, notes.failed, notes.no_record, notes.unfinished) == (0, 3, 2, 1)
        assert not log(project)

    def test_skills_the_model_called_with_the_body_that_entered(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        body = "Base directory for this skill: /x/triage\n\n# Triage"
        talk.call("Skill", "s1", {"skill": "acme:triage", "args": "x"})
        talk.result("s1", {"success": True, "commandName": "acme:triage"})
        talk.line(
            "user",
            isMeta=True,
            sourceToolUseID="s1",
            message={"content": [{"type": "text", "text": body}]},
        )
        talk.call("Skill", "s2", {"skill": "release"})
        talk.result("s2", {"success": True})
        imported(talk.lines)
        skill, flow = log(project)
        assert told(skill) == ("use", "WorkflowInvoke", "agent", "skill/acme:triage")
        assert skill.records[0].context_bytes == len(body)
        assert told(flow) == ("use", "WorkflowInvoke", "agent", "workflow/release")
        assert flow.records[0].context_bytes is None

    def test_skills_the_user_typed_only_when_their_body_follows(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        for name, prompt in (("pdf", "b7aa"), ("clear", "b7ab"), ("pdf", None)):
            typed = f"<command-message>x</command-message>\n<command-name>/{name}</command-name>"
            talk.line("user", message={"content": typed}, promptId=prompt)
            text = "Base directory for this skill: /x" if name == "pdf" else "Invoke it"
            talk.line("user", isMeta=True, message={"content": [{"type": "text", "text": text}]})
        talk.line("user", message={"content": "see <command-name>/pdf</command-name>"})
        talk.line("user", isMeta=True, message={"content": "Base directory for this skill: /x"})
        imported(talk.lines)
        first, second = log(project)
        assert told(first) == ("use", "WorkflowInvoke", "user", "skill/pdf")
        assert first.id == derived_id("claude-code", "prompt:b7aa", "skill", "pdf")
        assert second.id == derived_id("claude-code", "u4", "skill", "pdf")

    def test_a_shell_that_showed_records(self, project: Path, imported: Import) -> None:
        talk = Talk(project)
        talk.call("Bash", "b1", {"command": "cat CLAUDE.md; sed -n 1p .claude/skills/pdf/x.md"})
        talk.result("b1", {"stdout": "Be brief.\n…"})
        imported(talk.lines)
        found = log(
            project
        )  # the skill's file cannot be read today: what names it is what is known
        assert [told(event)[3] for event in found] == ["instructions/CLAUDE.md", "skill/pdf"]
        assert [event.records[0].context_bytes for event in found] == [10, None]

    def test_attachments(self, project: Path, imported: Import) -> None:
        talk = Talk(project)
        talk.attachment(
            type="file", filename=str(project / "CLAUDE.md"),
            content={"type": "text", "file": {"content": "12345", "numLines": 1, "totalLines": 1}},
        )  # fmt: skip
        talk.attachment(
            type="nested_memory", path=str(project / "sub/CLAUDE.md"),
            content={"content": "123", "contentDiffersFromDisk": False},
        )  # fmt: skip
        talk.attachment(
            type="skill_listing",
            content="- pdf: Reads\n- acme:x: Does\n- fast: no skill but text\n",
            names=["pdf", "acme:x", "bare"],
        )
        talk.attachment(type="invoked_skills", skills=[{"name": "pdf", "content": "body"}])
        talk.attachment(type="compact_file_reference", filename=str(project / "CLAUDE.md"))
        talk.attachment(type="new_thing")
        imported(talk.lines)
        found = log(project)
        assert [told(event) for event in found] == [
            ("use", "KnowledgeRef", "user", "instructions/CLAUDE.md"),
            ("resident_exposure", "ResidentInjection", None, "instructions/sub/CLAUDE.md"),
            ("resident_exposure", "ResidentInjection", None, "skill/pdf"),
            ("resident_exposure", "ResidentInjection", None, "skill/acme:x"),
            ("resident_exposure", "ResidentInjection", None, "skill/bare"),
            ("resident_exposure", "ResidentInjection", None, "skill/pdf"),
        ]
        assert [event.records[0].context_bytes for event in found] == [5, 3, 12, 40, None, 4]
        assert found[2].id == derived_id("claude-code", "u2", "skill", "pdf")
        assert len({event.id for event in found}) == 6

    def test_the_kind_of_a_subagent_stands_beside_its_transcript(
        self, project: Path, tmp_path: Path
    ) -> None:
        inner = Talk(project, isSidechain=True, agentId="a61b")
        inner.read(project / "CLAUDE.md", "t1")
        path = tmp_path / "agent-a61b.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in inner.lines))
        (tmp_path / "agent-a61b.meta.json").write_text('{"agentType": "reviewer"}')
        import_transcripts(Workspace(project), "claude-code", [str(path)])
        (event,) = log(project)
        assert (event.actor, event.agent_type) == ("subagent", "reviewer")
        report = Workspace(project).grouped_report("agent-type")
        assert [(group.name, group.total.uses) for group in report.groups] == [("reviewer", 1)]

    def test_calls_of_subagents_count_once_wherever_they_are_told(
        self, project: Path, tmp_path: Path
    ) -> None:
        inner = Talk(project, isSidechain=True, agentId="a61b")
        inner.read(project / "CLAUDE.md", "t1")
        parent = Talk(project)
        for line in inner.lines:
            nested = {"type": line["type"], "message": line["message"]}
            parent.line(
                "progress", data={"type": "agent_progress", "agentId": "a61b", "message": nested}
            )
        files = []
        for name, talk in (("parent", parent), ("agent-a61b", inner)):
            files.append(str(tmp_path / f"{name}.jsonl"))
            Path(files[-1]).write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        result = import_transcripts(Workspace(project), "claude-code", files)
        assert (result.added, result.there, result.notes.no_record) == (1, 0, 0)
        (event,) = log(project)
        assert (event.segment_id, event.actor) == (f"{SESSION}/a61b", "subagent")

    def test_a_result_in_a_later_copy_counts_whatever_was_imported_before(
        self, project: Path, tmp_path: Path
    ) -> None:
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", "t1")
        short, long = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        short.write_text(json.dumps(talk.lines[0]) + "\n")
        long.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        files = [str(short), str(long)]
        result = import_transcripts(Workspace(project), "claude-code", files)
        assert (result.added, result.notes.unfinished) == (1, 0)

    def test_refusals_background_and_silent_commands_are_no_reads(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        for number, (more, result) in enumerate(
            (
                ({}, "Error: File does not exist"),
                ({"toolDenialKind": "user-rejected"}, None),
                ({}, {"stdout": ""}),
                ({}, {"backgroundTaskId": "b1"}),
            )
        ):
            talk.call("Bash", f"t{number}", {"command": "cat CLAUDE.md"})
            talk.result(f"t{number}", result)
            talk.lines[-1].update(more)
        talk.call("Bash", "t9", {"command": "cat CLAUDE.md", "run_in_background": True})
        talk.result("t9", {"stdout": "x"})
        assert imported(talk.lines).added == 0

    @pytest.mark.parametrize(
        "by_hand",
        [
            (),
            (
                "<command-name>/compact</command-name>\n<command-message>compact</command-message>",
                "<local-command-stdout>Compacted</local-command-stdout>",
            ),
            ("<command-message>compact</command-message>\n<command-name>/compact</command-name>",),
        ],
    )
    def test_files_attached_again_after_compaction_are_no_uses(
        self, project: Path, imported: Import, by_hand: tuple[str, ...]
    ) -> None:
        talk = Talk(project)
        talk.line("system", subtype="compact_boundary")
        talk.line("user", isCompactSummary=True, message={"content": "Summary"})
        for said in by_hand:
            talk.line("user", message={"content": said})
        talk.attachment(type="file", filename=str(project / "CLAUDE.md"), content={})
        talk.line("user", message={"content": "go on"})
        talk.attachment(type="file", filename=str(project / "CLAUDE.md"), content={})
        assert imported(talk.lines).added == 1

    def test_typed_commands_of_two_sessions_do_not_mix(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        talk.line("user", message={"content": "<command-name>/pdf</command-name>"})
        talk.line("user", sessionId="b", message={"content": "<command-name>/model</command-name>"})
        talk.line("user", isMeta=True, message={"content": "Base directory for this skill: /x"})
        imported(talk.lines)
        (event,) = log(project)
        assert (told(event)[3], event.segment_id) == ("skill/pdf", SESSION)

    def test_a_session_below_the_root_names_skills_as_its_hooks_do(
        self, project: Path, imported: Import
    ) -> None:
        web = project / "apps" / "web"
        skill = web / ".claude" / "skills" / "deploy"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text("x")
        environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(web)}
        payload = {
            "session_id": SESSION, "cwd": str(web), "hook_event_name": "PostToolUse",
            "tool_name": "Skill", "tool_use_id": "t1", "tool_input": {"skill": "deploy"},
        }  # fmt: skip
        run_hook(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
        talk = Talk(web)
        talk.call("Skill", "t1", {"skill": "deploy"})
        talk.result("t1", {"success": True, "commandName": "web:deploy"})
        result = imported(talk.lines)
        assert (result.added, result.there) == (0, 1)
        assert told(log(project)[0])[3] == "skill/apps/web:deploy"

    def test_one_event_that_cannot_be_stored_does_not_end_the_import(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        talk.common["sessionId"] = "\x01" * 4096
        talk.call(
            "Read",
            "\x02" * 4096,
            {"file_path": str(project / "CLAUDE.md")},
            isSidechain=True,
            agentId="\x03" * 4096,
        )
        talk.result("\x02" * 4096, {})
        talk.common["sessionId"] = SESSION
        talk.read(project / "CLAUDE.md", "t2")
        result = imported(talk.lines)
        assert result.added == 1
        assert result.notes.not_understood == {"(no event)": 1}

    def test_what_a_hook_saw_is_not_added(self, project: Path, imported: Import) -> None:
        environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
        common = {"session_id": SESSION, "cwd": str(project)}
        for payload in (
            {"hook_event_name": "PostToolUse", "tool_name": "Read", "tool_use_id": "t1",
             "tool_input": {"file_path": str(project / "CLAUDE.md")}},
            {"hook_event_name": "InstructionsLoaded", "file_path": str(project / "CLAUDE.md")},
        ):  # fmt: skip
            run_hook(["claude-code"], BytesIO(json.dumps({**common, **payload}).encode()), environ)
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", "t1")
        talk.attachment(type="nested_memory", path=str(project / "CLAUDE.md"), content={})
        talk.line("user", message={"content": "<command-name>/pdf</command-name>"})
        talk.line("user", isMeta=True, message={"content": "Base directory for this skill: /x"})
        result = imported(talk.lines)
        assert (result.added, result.there) == (0, 1)
        assert len(log(project)) == 2

    def test_what_hooks_of_older_versions_listed_is_not_added_and_the_rest_is(
        self, project: Path, imported: Import
    ) -> None:
        listed = UsageEvent.new(
            SESSION,
            UsageEventKind.RESIDENT_EXPOSURE,
            UsageSource.RESIDENT_INJECTION,
            [UsageRecordSnapshot("skill", name, 9, 3) for name in ("pdf", "mail")],
            host="claude-code",
        )
        Workspace(project).append(listed)
        talk = Talk(project)
        talk.attachment(type="skill_listing", content="- pdf: Reads\n- mail: x\n- simplify: y\n")
        talk.attachment(type="nested_memory", path=str(project / "sub/CLAUDE.md"), content={})
        assert imported(talk.lines).added == 2
        assert [told(event)[3] for event in log(project)[1:]] == [
            "skill/simplify", "instructions/sub/CLAUDE.md",
        ]  # fmt: skip

    def test_what_our_mcp_server_says_of_itself_is_resident(
        self, project: Path, imported: Import
    ) -> None:
        said = "- #policy: Rules\n- /deploy: How\n- #a--b: No slug\n- no record\n\nShips.\n\nFast."
        talk = Talk(project)
        talk.attachment(
            type="mcp_instructions_delta",
            addedNames=["other", "plugin:x:ctxuse", "ctxuse", 7, "ctxuse"],
            addedBlocks=[f"## other\n{said}", f"## x\n{said}", 7, f"## y\n{said}"],
        )
        assert imported(talk.lines).added == 4
        found = [event.records[0] for event in log(project)]
        assert [(r.kind, r.slug, r.context_bytes) for r in found] == [
            ("mcp", "other", len(f"## other\n{said}")),
            ("knowledge", "policy", 16), ("workflow", "deploy", 14), ("summary", "summary", 13),
        ]  # fmt: skip
        cut = Talk(project)
        cut.common["sessionId"] = "s2"
        block = "## ctxuse\n- #policy: Rules\n- #glo… [truncated]"
        cut.attachment(type="mcp_instructions_delta", addedNames=["ctxuse"], addedBlocks=[block])
        cut.lines[0]["uuid"] = "other"
        assert imported(cut.lines).added == 1

    def test_the_tools_of_an_mcp_server_that_are_only_named_are_resident(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        names = ["WebSearch", "mcp__notes__note", "mcp__notes__list", "mcp__x y__z", "mcp__", 7]
        talk.attachment(type="deferred_tools_delta", addedNames=names, addedLines=names)
        assert imported(talk.lines).added == 1
        (record,) = log(project)[0].records
        listed = "mcp__notes__note\nmcp__notes__list\n"
        assert (record.kind, record.slug, record.context_bytes) == (
            "mcp", "notes/tools", len(listed),
        )  # fmt: skip
        assert record.size_from == "unknown"

    def test_what_our_mcp_server_has_recorded_is_not_added_but_after_a_compaction(
        self, project: Path, imported: Import
    ) -> None:
        recorded = UsageEvent.new(
            SESSION,
            UsageEventKind.RESIDENT_EXPOSURE,
            UsageSource.RESIDENT_INJECTION,
            [UsageRecordSnapshot("knowledge", "policy", 9, 3)],
            host="claude-code",
        )
        Workspace(project).append(recorded)
        talk = Talk(project)
        told = {"addedNames": ["ctxuse"], "addedBlocks": ["## ctxuse\n- #policy: Rules"]}
        talk.attachment(type="mcp_instructions_delta", **told)
        talk.attachment(type="skill_listing", content="- pdf: Reads\n")
        assert imported(talk.lines).added == 1
        talk.line("user", isCompactSummary=True, message={"content": "This session is continued"})
        talk.attachment(type="mcp_instructions_delta", **told)
        assert imported(talk.lines).added == 1

    def test_a_better_name_is_no_new_occurrence(self, project: Path, imported: Import) -> None:
        skill = project / "apps/web/.claude/skills/deploy/SKILL.md"
        command = project / ".claude/commands/fix.md"
        for path in (skill, command):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("---\nname: x\n---\nbody\n")
        older = [
            ("toolu_1x", "skill", "fix"),
            ("u0", "skill", "fix"),
            ("toolu_2x", "skill", "deploy"),
        ]
        for key, kind, slug in older:
            event = UsageEvent.new(
                SESSION,
                UsageEventKind.USE,
                UsageSource.WORKFLOW_INVOKE,
                [UsageRecordSnapshot(kind, slug, 9, 3)],
                host="claude-code",
            )
            Workspace(project).append(event._replace(id=derived_id("claude-code", key, kind, slug)))
        talk = Talk(project)
        talk.attachment(type="skill_listing", content="- fix: Fixes it\n")
        for call_id, name in (("toolu_1x", "fix"), ("toolu_2x", "apps/web:deploy")):
            talk.call("Skill", call_id, {"skill": name})
            talk.result(call_id, {"success": True, "commandName": name})
        result = imported(talk.lines)
        assert (result.added, result.there) == (0, 3)
        talk.call("Skill", "toolu_3x", {"skill": "fix"})
        talk.result("toolu_3x", {"success": True, "commandName": "fix"})
        assert imported(talk.lines).added == 1
        assert told(log(project)[-1])[3] == "command/fix"

    def test_agents_and_commands_that_are_listed_typed_and_called(
        self, project: Path, imported: Import
    ) -> None:
        for path in ("commands/fix.md", "agents/reviewer.md", "agents/other.md"):
            (project / ".claude" / path).parent.mkdir(exist_ok=True)
            (project / ".claude" / path).write_text("---\nname: by-name\n---\nbody\n")
        talk = Talk(project)
        talk.attachment(
            type="agent_listing_delta",
            addedTypes=["Explore", "reviewer", "by-name", 7, "a\nb"],
            addedLines=["- Explore: x", "- reviewer: yy", "- by-name: z", "- 7", "- a"],
        )
        talk.attachment(type="skill_listing", content="- fix: Fixes it\n")
        talk.line("user", promptId="p1", message={"content": "<command-name>/fix</command-name>"})
        body = {"content": [{"type": "text", "text": "Fix 42\n"}]}
        talk.line("user", isMeta=True, promptId="p1", message=body)
        talk.call("Skill", "toolu_1x", {"skill": "fix"})
        talk.result("toolu_1x", {"success": True, "commandName": "fix"})
        talk.line("user", isMeta=True, sourceToolUseID="toolu_1x", message=body)
        talk.line("user", message={"content": "<command-name>/clear</command-name>"})
        talk.line("user", isMeta=True, message={"content": "Fix 42\n"})
        imported(talk.lines)
        found = [(told(event)[2:], event.records[0].context_bytes) for event in log(project)]
        assert found == [
            ((None, "agent/Explore"), 12), ((None, "agent/reviewer"), 14),
            ((None, "agent/other"), 12), ((None, "command/fix"), 15),
            (("user", "command/fix"), 7), (("agent", "command/fix"), 7),
        ]  # fmt: skip

    @pytest.mark.parametrize("call_id", ["call_0", "functions.Read:12", "0"])
    def test_an_id_that_only_counts_is_of_its_session(
        self, project: Path, imported: Import, call_id: str
    ) -> None:
        environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
        payload = {
            "session_id": SESSION, "cwd": str(project), "hook_event_name": "PostToolUse",
            "tool_name": "Read", "tool_use_id": call_id,
            "tool_input": {"file_path": str(project / "CLAUDE.md")},
        }  # fmt: skip
        run_hook(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", call_id)
        talk.common["sessionId"] = "other"
        talk.read(project / "CLAUDE.md", call_id)
        talk.common |= {"isSidechain": True, "agentId": "a"}
        talk.call("Skill", f"skill_{call_id}", {"skill": "pdf"})
        talk.result(f"skill_{call_id}", {"success": True})
        talk.line(
            "user", isMeta=True, sourceToolUseID=f"skill_{call_id}",
            message={"content": "Base directory for this skill: /x"},
        )  # fmt: skip
        result = imported(talk.lines)
        assert (result.added, result.there, result.notes.unfinished) == (2, 1, 0)
        assert [(event.segment_id, event.call_id) for event in log(project)] == [
            (SESSION, call_id),
            ("other", call_id),
            ("other/a", f"skill_{call_id}"),
        ]
        assert imported([*talk.lines, talk.lines[0]]).added == 0

    def test_one_file_may_hold_two_sessions_and_a_fork_adds_nothing(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", "t1")
        talk.common["sessionId"] = "other"
        talk.read(project / "CLAUDE.md", "t2")
        assert imported(talk.lines).added == 2
        assert [event.segment_id for event in log(project)] == [SESSION, "other"]
        fork = [{**line, "sessionId": "fork", "uuid": f"f{line['uuid']}"} for line in talk.lines]
        result = imported(fork)
        assert (result.added, result.there) == (0, 2)

    @pytest.mark.parametrize("first", ["original", "fork"])
    def test_what_a_fork_copied_is_of_the_session_it_was_copied_from(
        self, project: Path, imported: Import, first: str
    ) -> None:
        talk = Talk(project)
        talk.attachment(type="skill_listing", content="- pdf: Reads\n")
        talk.attachment(
            type="nested_memory", path=str(project / "CLAUDE.md"), content={"content": "x"}
        )
        talk.line("user", message={"content": "<command-name>/pdf</command-name>"})
        talk.line("user", isMeta=True, message={"content": "Base directory for this skill: /x"})
        fork = [
            {
                **line,
                "sessionId": "fork",
                "uuid": f"f{line['uuid']}",
                "forkedFrom": {"sessionId": SESSION, "messageUuid": line["uuid"]},
            }
            for line in talk.lines
        ]
        order = [talk.lines, fork] if first == "original" else [fork, talk.lines]
        assert [(result.added, result.there) for result in map(imported, order)] == [(3, 0), (0, 3)]
        assert {event.segment_id for event in log(project)} == {SESSION}
        own = Talk(project)
        own.common["sessionId"] = "fork"
        own.attachment(type="skill_listing", content="- pdf: Reads\n")
        own.lines[0].update(uuid="new", forkedFrom={"sessionId": 3, "messageUuid": []})
        assert imported([*fork, *own.lines]).added == 1

    def test_a_transcript_of_another_machine_is_taken_for_this_workspace(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk("/Users/alex/work/cli")
        talk.read("/Users/alex/work/cli/CLAUDE.md", "t1")
        talk.read("/Users/alex/.claude/plugins/cache/acme/4.1/skills/plan/x.md", "t2")
        talk.read("/Users/alex/.claude/CLAUDE.md", "t3")
        talk.read("/Users/alex/work/other/CLAUDE.md", "t4")
        talk.common["cwd"] = "/Users/alex/work/cli/sub"
        talk.call("Bash", "t5", {"command": "cat ../CLAUDE.md"})
        talk.result("t5")
        imported(talk.lines)
        assert [told(event)[3] for event in log(project)] == [
            "instructions/CLAUDE.md",
            "skill/acme:plan",
            "instructions/~/.claude/CLAUDE.md",
            "instructions/CLAUDE.md",
        ]
        assert b"/Users" not in Workspace(project).layout.events_path.read_bytes()

    def test_tokens_are_calibrated_where_the_transcript_has_the_models_accounting(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        total = 1000
        for number in range(8):
            usage = {"input_tokens": 3, "cache_read_input_tokens": total - 3}
            block = {"type": "text", "text": "x" * 100}
            for _ in range(2):  # one response on several lines
                talk.line(
                    "assistant", message={"id": f"m{number}", "content": [block], "usage": usage}
                )
            talk.line("user", message={"content": "y" * 2800})
            total += 1000
        usage = {"input_tokens": total}
        read = {
            "type": "tool_use",
            "id": "t1",
            "name": "Read",
            "input": {"file_path": str(project / "CLAUDE.md")},
        }
        talk.line("assistant", message={"id": "last", "content": [read], "usage": usage})
        file = {"content": "z" * 300, "numLines": 1, "totalLines": 1}
        talk.result("t1", {"type": "text", "file": file})
        imported(talk.lines)
        (event,) = log(project)
        assert (event.records[0].context_tokens, event.records[0].tokens_from) == (
            100,
            "calibrated",
        )

    def test_without_enough_of_it_tokens_are_left_out(
        self, project: Path, imported: Import
    ) -> None:
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", "t1")
        imported(talk.lines)
        assert log(project)[0].records[0].context_tokens is None


class TestCodex:
    def imported(self, project: Path, lines: Iterable[object]) -> ImportResult:
        path = project / "rollout.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return import_transcripts(Workspace(project), "codex", [str(path)])

    @staticmethod
    def line(kind: str, **payload: object) -> Line:
        return {"timestamp": "2026-08-03T10:48:56.000Z", "type": kind, "payload": payload}

    def call(self, call_id: str, command: object, name: str = "shell") -> Line:
        arguments = json.dumps({"command": command})
        return self.line(
            "response_item", type="function_call", name=name, call_id=call_id, arguments=arguments
        )

    def ended(self, call_id: str, code: int, parsed: list[Line], **more: object) -> Line:
        kind = "exec_command_end"
        return self.line(
            "event_msg", type=kind, call_id=call_id, exit_code=code, parsed_cmd=parsed, **more
        )

    def test_the_hosts_own_account_of_a_read(self, project: Path) -> None:
        read: Line = {"type": "read", "cmd": "cat", "name": "CLAUDE.md", "path": "CLAUDE.md"}
        lines = [
            self.line("session_meta", id="s1", cwd=str(project)),
            self.call("c1", ["bash", "-lc", "cat CLAUDE.md"]),
            self.ended("c1", 0, [read, {"type": "search", "path": "CLAUDE.md"}], cwd=str(project)),
            self.line("response_item", type="function_call_output", call_id="c1", output="…"),
            self.ended("c2", 1, [read]),
        ]
        result = self.imported(project, lines)
        (event,) = log(project)
        assert told(event) == ("use", "MemoryRead", "agent", "instructions/CLAUDE.md")
        assert event.id == derived_id("codex", "c1", "instructions", "CLAUDE.md")
        assert (event.segment_id, event.host) == ("s1", "codex")
        assert event.records[0].size_from == "unknown"
        assert (result.notes.failed, result.notes.unfinished) == (1, 0)

    def test_what_the_model_was_given_of_an_output_is_what_entered(self, project: Path) -> None:
        (project / "CLAUDE.md").write_text("# App\nBe brief and say what you did.\n")
        whole = "# App\nBe brief and say what you did.\n"
        lines = [
            self.line("session_meta", id="s1", cwd=str(project)),
            self.ended(
                "c1", 0, [], command="cat CLAUDE.md", aggregated_output=whole,
                formatted_output="# App\n[1 line left out]\n",
            ),
            self.ended("c2", 0, [], command="cat CLAUDE.md", aggregated_output=whole),
        ]  # fmt: skip
        self.imported(project, lines)
        assert [event.records[0].context_bytes for event in log(project)] == [6, len(whole)]

    def test_versions_that_only_tell_of_calls_and_outputs(self, project: Path) -> None:
        failed = json.dumps({"output": "no", "metadata": {"exit_code": 1}})
        lines = [
            self.line("session_meta", id="child", session_id="root", cwd=str(project)),
            self.call("c1", "sed -n 1,9p .claude/skills/pdf/SKILL.md", "shell_command"),
            self.line("response_item", type="function_call_output", call_id="c1", output="body\n"),
            self.call("c2", ["cat", "CLAUDE.md"]),
            self.line("response_item", type="function_call_output", call_id="c2", output=failed),
            self.call("c3", "ls"),
            self.line("response_item", type="function_call_output", call_id="c3", output={}),
            self.line("event_msg", type="mcp_tool_call_end", call_id="c4", result={"Ok": {}}),
            self.call("c5", "cat CLAUDE.md"),
        ]
        result = self.imported(project, lines)
        (event,) = log(project)
        assert told(event) == ("use", "MemoryRead", "subagent", "skill/pdf")
        assert event.segment_id == "root/child"
        notes = result.notes
        assert (notes.failed, notes.no_record, notes.unfinished) == (1, 2, 1)

    @pytest.mark.parametrize(
        "output",
        [
            "Exit code: 1\nWall time: 0.1\nno such file",
            "Process exited with code 2",
            "exec command rejected by user",
            "aborted by user after 3.1s",
            [{"type": "input_text", "text": "Exit code: 1"}],
        ],
    )
    def test_outputs_that_say_it_failed(self, project: Path, output: object) -> None:
        lines = [
            self.line("session_meta", id="s1", cwd=str(project)),
            self.call("c1", "cat CLAUDE.md"),
            self.line("response_item", type="function_call_output", call_id="c1", output=output),
        ]
        result = self.imported(project, lines)
        assert (result.added, result.notes.failed) == (0, 1)

    @pytest.mark.parametrize(
        "form",
        [
            "{}",
            "Exit code: 0\nWall time: 0.1 seconds\nOutput:\n{}",
            "Exit code: 0\nWall time: 0.1 seconds\nTotal output lines: 9\nOutput:\n\n{}",
            "Chunk ID: a1\nProcess exited with code 0\nOriginal token count: 9\nOutput:\n{}",
            "JSON",
        ],
    )
    def test_what_stands_before_an_output_is_none(self, project: Path, form: str) -> None:
        def output(text: str) -> str:
            whole = json.dumps({"output": text, "metadata": {"exit_code": 0}})
            return whole if form == "JSON" else form.format(text)

        (project / "CLAUDE.md").write_text("# App\nBe brief and say what you did.\n")
        gone = ".yoi/knowledge/gone.md"
        printed = {
            f"cat {gone} 2>/dev/null; true": "",
            f"cat {gone} 2>/dev/null || cat CLAUDE.md": "# App\nBe brief and say what you did.\n",
            f"cat {gone}": "It was there.\n",
        }
        lines = [self.line("session_meta", id="s1", cwd=str(project))]
        for command, text in printed.items():
            lines += [
                self.call(command, command),
                self.line(
                    "response_item", type="function_call_output", call_id=command,
                    output=output(text),
                ),
            ]  # fmt: skip
        self.imported(project, lines)
        found = [event.records[0] for event in log(project)]
        assert [(one.slug, one.context_bytes) for one in found] == [
            ("CLAUDE.md", 37),
            ("gone", None),
        ]

    def test_directories_of_other_lines_do_not_leak(self, project: Path) -> None:
        (project / "sub").mkdir()
        lines = [
            self.line("session_meta", id="s1", cwd=str(project)),
            self.ended("c0", 0, [], cwd=str(project / "sub")),
            self.call("c1", "cat CLAUDE.md"),
            self.line(
                "response_item",
                type="function_call_output",
                call_id="c1",
                output="Exit code: 0\nBe brief.",
            ),
        ]
        self.imported(project, lines)
        assert [told(event)[3] for event in log(project)] == ["instructions/CLAUDE.md"]

    def test_a_skill_that_the_user_named(self, project: Path) -> None:
        path = project / ".claude/skills/pdf/SKILL.md"
        said = f"<skill>\n<name>pdf</name>\n<path>{path}</path>\nbody\n</skill>"
        lines = [
            self.line("session_meta", id="s1", cwd=str(project)),
            self.line("response_item", type="message", role="user", content=[{"text": said}]),
            self.line("response_item", type="message", role="assistant", content=[{"text": said}]),
            self.line("new_kind"),
        ]  # fmt: skip
        result = self.imported(project, lines)
        (event,) = log(project)
        assert told(event) == ("use", "WorkflowInvoke", "user", "skill/pdf")
        assert result.notes.not_understood == {"new_kind": 1}
        assert self.imported(project, lines).added == 0


STAMPED = b'"sessionId":"s","uuid":"u","timestamp":"2026-01-01T00:00:00Z"'
TIMED = b'"timestamp":"2026-01-01T00:00:00Z"'
HOSTILE = [
    b"",
    b"\n\n",
    b"rubbish\n",
    b"[]\n7\nnull\n",
    b"\xff\xfe\n",
    b"[" * 100_000 + b"\n",
    b'{"type":',
    b'{"type":"assistant"}\n',
    b'{"type":"user","sessionId":7,"message":[]}\n',
    b'{"type":{"a":1}}\n',
    b'{"type":"assistant","sessionId":"s","message":{"content":[7,null,{"type":"tool_use"}]}}\n',
    b'{"type":"user",%s,"message":{"content":[{"type":"tool_result","tool_use_id":[]}]}}\n'
    % STAMPED,
    b'{"type":"attachment",%s,"attachment":{"type":"skill_listing","content":7,'
    b'"names":[7,"","\\ud800"]}}\n' % STAMPED,
    b'{"type":"attachment",%s,"attachment":{"type":"file","filename":"\\u0000"}}\n' % STAMPED,
    b'{"type":"progress",%s,"data":{"agentId":"a","message":{"type":"user"}}}\n' % STAMPED,
    b'{"type":"session_meta","payload":7}\n{"type":"response_item","payload":{"type":[]}}\n',
    b'{"type":"session_meta",%s,"payload":{"id":"s"}}\n{"type":"response_item",%s,"payload":'
    b'{"type":"function_call","call_id":"c","name":"shell","arguments":"[[["}}\n'
    b'{"type":"event_msg",%s,"payload":{"type":"exec_command_end","call_id":"c","exit_code":0,'
    b'"parsed_cmd":[7,{"type":"read","path":"\\u0000"}]}}\n' % (TIMED, TIMED, TIMED),
    *(
        b'{"type":"assistant",%s,"message":{"content":[{"type":"tool_use","id":"t","name":"Read",'
        b'"input":{"file_path":"x"}}]}}\n{"type":"user",%s,"message":{"content":[{"type":'
        b'"tool_result","tool_use_id":"t"}]},"toolUseResult":{"a":[%s]}}\n'
        b'{"type":"attachment",%s,"attachment":%s}\n' % (STAMPED, STAMPED, number, STAMPED, number)
        for number in (b"1e999", b"9" * 400)
    ),
    *(
        b'{"type":"session_meta",%s,"payload":{"id":"s"}}\n{"type":"event_msg",%s,"payload":'
        b'{"type":"mcp_tool_call_end","call_id":"c","result":%s}}\n{"type":"response_item",%s,'
        b'"payload":{"type":"message","role":"user","content":[%s]}}\n'
        % (TIMED, TIMED, number, TIMED, number)
        for number in (b"1e999", b"9" * 400)
    ),
]


@pytest.mark.parametrize("host", ["claude-code", "codex"])
@pytest.mark.parametrize("data", HOSTILE, ids=lambda data: repr(data[:50]))
def test_hostile_transcripts_never_fail_an_import(project: Path, data: bytes, host: str) -> None:
    path = project / "x.jsonl"
    path.write_bytes(data)
    result = import_transcripts(Workspace(project), host, [str(path)])
    assert not result.unreadable
    assert all(event.segment_id == "s" for event in log(project))


class TestWhatCameLater:
    """A transcript is looked at with the files of now: what they say need not have been there."""

    SAID = "ERROR: could not find libfoo.so.3 in path"
    LONG_BEFORE, JUST_BEFORE, LATER = 1_000_000_000, 1_769_990_400, 1_800_000_000

    def of(self, imported: Import, project: Path, command: str, output: str) -> list[str]:
        talk = Talk(project)
        talk.call("Bash", "t1", {"command": command})
        talk.result("t1", {"stdout": output, "stderr": "", "interrupted": False})
        imported(talk.lines)
        return sorted(told(event)[3] for event in log(project))

    def written(self, project: Path, text: str, at: int, name: str = "lib.md") -> None:
        path = project / ".yoi/knowledge" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (at, at))

    @pytest.mark.parametrize(
        ("at", "seen"), [(LONG_BEFORE, True), (JUST_BEFORE, True), (LATER, False)]
    )
    def test_what_was_written_down_from_an_output_did_not_enter_by_it(
        self, imported: Import, project: Path, at: int, *, seen: bool
    ) -> None:
        self.written(project, f"# libfoo\n\n{self.SAID}\n\nSet LD_LIBRARY_PATH.\n", at)
        output = f"cc -o x\n{self.SAID}\nmake: *** [test] Error 1\n"
        found = self.of(imported, project, "make test", output)
        assert found == (["knowledge/lib"] if seen else [])

    def test_what_stands_there_whole_was_read_also_when_the_files_are_a_fresh_copy(
        self, imported: Import, project: Path
    ) -> None:
        text = f"# libfoo\n\n{self.SAID}\n"
        self.written(project, text, self.LATER)
        assert self.of(imported, project, "cat $(ls -t)", text) == ["knowledge/lib"]

    @pytest.mark.parametrize("name", ["lib.md", ".yoi/knowledge/lib.md"])
    def test_of_what_is_named_a_part_is_enough(
        self, imported: Import, project: Path, name: str
    ) -> None:
        self.written(project, f"# libfoo\n\n{self.SAID}\n", self.LATER)
        found = self.of(imported, project, f"sed -n 3p < {name}; date", f"{self.SAID}\nMon\n")
        assert found == ["knowledge/lib"]

    @pytest.mark.parametrize(
        ("command", "output", "seen"),
        [
            ("cat KB/gone.md 2>/dev/null || echo none", "none\n", []),
            ("cat KB/gone.md; true", "cat: KB/gone.md: No such file or directory\n", []),
            ("cat ./KB/gone.md; date", "cat: ./KB/gone.md: No such file or directory\nMon\n", []),
            ("sed -n 1,9p KB/gone.md; date", "sed: can't read KB/gone.md: denied\nMon\n", []),
            ("cat KB/gone.md KB/b.md; true", "# B\ncat: KB/b.md: Permission denied\n",
             ["knowledge/gone"]),
            ("cat 'KB/a gone.md'; date", "cat: 'KB/a gone.md': Input/output error\nMon\n", []),
            ("cat KB/gone.md; date", "# What it was\nMon\n", ["knowledge/gone"]),
            ("cat KB/empty.md; date", "Mon Feb 2\n", []),
        ],
    )  # fmt: skip
    def test_of_what_is_gone_the_words_decide_unless_the_output_says_that_it_was_not_shown(
        self, imported: Import, project: Path, command: str, output: str, seen: list[str]
    ) -> None:
        self.written(project, "", self.LONG_BEFORE, "empty.md")
        base = ".yoi/knowledge"
        found = self.of(imported, project, command.replace("KB", base), output.replace("KB", base))
        assert found == seen

    def test_a_record_that_was_renamed_is_not_read_once_more_by_the_same_call(
        self, imported: Import, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CTXUSE_NO_CACHE", "1")  # the transcript itself is the same
        text = f"# libfoo\n\n{self.SAID}\n"
        command = "cat .yoi/knowledge/old.md"
        self.written(project, text, self.LONG_BEFORE, "old.md")
        assert self.of(imported, project, command, text) == ["knowledge/old"]
        (project / ".yoi/knowledge/old.md").rename(project / ".yoi/knowledge/new.md")
        assert self.of(imported, project, command, text) == ["knowledge/old"]


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (r"\ud83d", True), (r"x\ude00", True), (r"\ud83d\ud83d\ude00", True), (r"\\\ud83d", True),
        (r"\\ud83d", True), (r"\ud83d\ude00", True), (r"\ud83d\q", False), (r"\ud83", False),
    ],
)  # fmt: skip
def test_half_a_character_where_a_text_was_cut_hides_no_line(
    project: Path, said: str, *, understood: bool
) -> None:
    talk = Talk(project)
    talk.read(project / "CLAUDE.md", "t1", "HERE")
    path = project / "x.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines).replace("HERE", said))
    result = import_transcripts(Workspace(project), "claude-code", [str(path)])
    assert result.added == understood
    assert bool(result.notes.not_understood) != understood


@pytest.mark.parametrize(
    "command",
    [
        'cat "x\x00y"', "cat x\ud800y", "find " + "-exec find " * 2_000, "xargs " * 9_000,
        "find " + "-ok " * 9_000, "( " * 9_000, "cat " + "a/" * 30_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("directory", ["", "\0", "\ud800"])
def test_no_command_ends_an_import(
    project: Path, imported: Import, command: str, directory: str
) -> None:
    talk = Talk(project)
    for call_id, said in (("t1", command), ("t2", "cat CLAUDE.md")):
        talk.call("Bash", call_id, {"command": said}, cwd=directory or str(project))
        talk.result(call_id, {"stdout": "Be brief.\n", "stderr": "", "interrupted": False})
    talk.read(project / "CLAUDE.md", "t3")
    imported(talk.lines)
    assert log(project)[-1].call_id == "t3"


def test_results_that_stand_in_one_another_are_not_followed_without_end() -> None:
    content: lines.Content = "x"
    for _ in range(2_000):  # some versions of Python decode as many
        content = [lines.Block(type="tool_result", content=content)]
    Accounting().add(lines.Line(type="user", message=lines.Message(content=content)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("host", ["claude-code", "codex"])
def test_a_pipe_is_named_as_unreadable_and_not_waited_for(project: Path, host: str) -> None:
    pipe = str(project / "pipe.jsonl")
    os.mkfifo(pipe)
    result = import_transcripts(Workspace(project), host, [pipe])
    assert result.unreadable == [(pipe, "it is no regular file")]


def test_a_transcript_cut_anywhere_never_fails_an_import(project: Path) -> None:
    talk = Talk(project)
    talk.read(project / "CLAUDE.md", "t1")
    data = "".join(json.dumps(line) + "\n" for line in talk.lines).encode()
    path = project / "x.jsonl"
    for cut in range(0, len(data), 13):
        path.write_bytes(data[:cut])
        import_transcripts(Workspace(project), "claude-code", [str(path)])
    path.write_bytes(data)
    import_transcripts(Workspace(project), "claude-code", [str(path)])
    assert len(log(project)) == 1


def test_a_transcript_of_any_length_takes_little_memory(project: Path) -> None:
    talk = Talk(project)
    talk.read(project / "CLAUDE.md", "t1", "x" * 100_000)
    filler = json.dumps(talk.line("user", message={"content": "y" * 200_000})) + "\n"
    path = project / "x.jsonl"
    with path.open("w") as file:
        for _ in range(2500):
            file.write(filler)
        file.writelines(json.dumps(line) + "\n" for line in talk.lines)
    assert path.stat().st_size > 500_000_000
    program = (
        "import resource, sys\n"
        "from ctxuse.cli.main import run\n"
        "assert run(sys.argv[1:]) == 0\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell how much memory a process has used")
    done = subprocess.run(
        [sys.executable, "-c", program, "import", "claude-code", str(path)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) < 150_000  # KiB
    assert len(log(project)) == 1
    assert resource.getpagesize()


def keep(home: Path, root: Path, copies: int) -> None:
    """Keep some transcripts of sessions in a directory where Claude Code would."""
    name = str(root).replace("/", "-")
    for number in range(copies):
        talk = Talk(root, sessionId=f"{SESSION}{number}{root.name}")
        talk.read(root / "CLAUDE.md", f"t-{root.name}-{number}")
        path = home / f".claude/projects/{name}/{number}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))


class TestCommand:
    def test_the_sessions_of_this_workspace_and_of_all(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = project.parent / "other"
        (other / ".yoi/memory").mkdir(parents=True)
        (other / "CLAUDE.md").write_text("x")
        plain = project.parent / "plain"
        plain.mkdir()
        for root in (project, other, plain, project / "sub"):
            talk = Talk(root)
            talk.read(root / "CLAUDE.md", f"t-{root.name}")
            name = str(root).replace("/", "-")
            path = project.parent / f".claude/projects/{name}/{root.name}.jsonl"
            path.parent.mkdir(parents=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        assert run(["import", "claude-code", "--dry-run"]) == 0
        assert "2 files: 2 events would be added, 0 already there" in capsys.readouterr().out
        assert not log(project)
        assert run(["import", "claude-code"]) == 0
        assert [told(event)[3] for event in log(project)] == [
            "instructions/CLAUDE.md",
            "instructions/sub/CLAUDE.md",
        ]
        assert run(["import", "claude-code", "--all", "--format", "json"]) == 0
        printed = capsys.readouterr().out
        found = json.loads(printed[printed.index("{") :])["imports"]
        assert [(entry["workspace"], entry["added"]) for entry in found] == [
            (str(project), 0),
            (str(other), 1),
        ]
        assert not (plain / ".yoi").exists()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    @pytest.mark.parametrize("words", [[], ["--all"], ["--all", "--format", "json"]])
    def test_what_the_agent_keeps_and_cannot_be_read_is_named(
        self, project: Path, capsys: pytest.CaptureFixture[str], words: list[str]
    ) -> None:
        keep(project.parent, project, 1)
        pipe = str(project.parent / ".claude/projects/pipe.jsonl")
        os.mkfifo(pipe)
        assert run(["import", "claude-code", *words]) == 3
        said = capsys.readouterr()
        if "json" in words:
            found = json.loads(said.out)["not_read"]
            assert found == [{"path": pipe, "reason": "it is no regular file"}]
        else:
            assert f'not read: "{pipe}": it is no regular file' in said.err
            assert "without the name" not in said.err
        assert len(log(project)) == 1

    @pytest.mark.parametrize("how", ["a file", "a circle"])
    def test_where_the_agent_keeps_them_is_no_directory(
        self, project: Path, capsys: pytest.CaptureFixture[str], how: str
    ) -> None:
        place = project.parent / ".claude/projects"
        place.parent.mkdir()
        if how == "a file":
            place.touch()
        else:
            place.symlink_to(place)
        assert run(["import", "claude-code"]) == 3
        said = capsys.readouterr().err
        assert f'not read: "{place}": ' in said
        assert "does not exist" not in said

    def test_a_link_to_a_directory_of_them_is_named(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        keep(project.parent, project, 1)
        (folder,) = (project.parent / ".claude/projects").iterdir()
        folder.rename(project.parent / "elsewhere")
        folder.symlink_to(project.parent / "elsewhere")
        assert run(["import", "claude-code"]) == 3
        assert f'not read: "{folder}": it is a link to a directory' in capsys.readouterr().err
        assert run(["import", "claude-code", str(folder)]) == 0
        assert len(log(project)) == 1

    @pytest.mark.parametrize("named", [True, False])
    def test_a_directory_that_cannot_be_read_is_named(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
        *, named: bool,
    ) -> None:  # fmt: skip
        keep(project.parent, project, 1)
        closed = project.parent / ".claude/projects/closed"
        closed.mkdir()
        listed = os.scandir

        def refused(path: str) -> object:
            if str(path) == str(closed):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return listed(path)

        monkeypatch.setattr("os.scandir", refused)
        assert run(["import", "claude-code", *([str(closed.parent)] if named else [])]) == 3
        assert f'not read: "{closed}": Permission denied' in capsys.readouterr().err
        assert len(log(project)) == 1

    def test_it_says_where_it_looked_and_what_it_passed_over(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home = project.parent
        (home / "other/.yoi/memory").mkdir(parents=True)
        for number, name in enumerate(["app", "other", *(f"plain-{n:02}" for n in range(12))]):
            keep(home, home / name, number)
        (home / ".claude/projects/strange.jsonl").write_text("{}\n")
        (home / "plain-11").mkdir()
        where = f"looked in {home}/.claude/projects: "
        assert run(["import", "claude-code"]) == 0
        said = capsys.readouterr().err
        number = 1 + sum(range(2, 14)) + 1
        assert f"{where}{number} transcripts" in said
        assert (
            "passed over: 1 of other workspaces (--all takes them), 90 of directories that are no"
            " workspace, 1 without the name of a directory" in said
        )
        assert f"  {home}/plain-11: 13 transcripts\n" in said
        assert run(["import", "claude-code", "--all"]) == 0
        said = capsys.readouterr().err
        assert f"  {home}/plain-11: 13 transcripts\n" in said
        assert f"  {home}/plain-02: 4 transcripts (it does not exist now)\n" in said
        assert "plain-01" not in said
        assert "  2 more directories: 5 transcripts\n" in said
        assert run(["import", "claude-code", "--format", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["looked_in"] == [
            {"directory": f"{home}/.claude/projects", "exists": True, "transcripts": number}
        ]
        assert told["no_workspace"][0] == {"directory": f"{home}/plain-11", "transcripts": 13}
        assert run(["import", "codex"]) == 0
        assert f"looked in {home}/.codex/sessions: it does not exist" in capsys.readouterr().err
        (project / "empty").mkdir()
        assert run(["import", "claude-code", "empty"]) == 0
        assert 'no transcript (*.jsonl) in "empty"' in capsys.readouterr().err

    def test_a_directory_becomes_a_workspace_on_request(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        plain = project.parent / "plain"
        (plain / "sub").mkdir(parents=True)
        keep(project.parent, plain, 1)
        keep(project.parent, plain / "sub", 1)
        monkeypatch.chdir(plain)
        assert run(["import", "claude-code"]) == 3
        said = capsys.readouterr().err
        assert "ctxuse import claude-code --init makes it and imports; 2 transcripts" in said
        assert run(["import", "claude-code", "--dry-run"]) == 0
        assert "2 files: 2 events would be added" in capsys.readouterr().out
        assert not (plain / ".yoi").exists()
        assert run(["import", "claude-code", "--init"]) == 0
        assert "2 files: 2 events added" in capsys.readouterr().out
        assert len(log(plain)) == 2
        assert run(["import", "claude-code", "--init"]) == 0
        assert "2 files: 0 events added" in capsys.readouterr().out
        assert run(["import", "claude-code", "--init", "--all"]) == 2
        assert run(["import", "claude-code", "--init", "-w", str(project.parent)]) == 3
        assert not (project.parent / ".yoi").exists()

    @pytest.mark.parametrize("answer", ["n", "y"])
    def test_on_a_terminal_it_asks(self, project: Path, answer: str) -> None:
        plain = project.parent / "plain"
        plain.mkdir()
        keep(project.parent, plain, 1)
        ours, theirs = pty.openpty()
        words = ["-m", "ctxuse", "import", "claude-code", "-w", str(plain)]
        with started(*words, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as process:
            os.close(theirs)
            said = b""
            while b"[Y/n]" not in said:
                said += os.read(ours, 65536)
            os.write(ours, answer.encode() + b"\n")
            out, _ = process.communicate(timeout=PATIENCE)
        os.close(ours)
        assert process.returncode == 0
        assert b"is no workspace yet; 1 transcript began in it" in said
        assert (plain / ".yoi").exists() == (answer == "y")
        assert (b"1 event added" in out) == (answer == "y")

    def test_wrong_use_is_said(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["import", "log"]) == 2
        assert run(["import", "claude-code", "--all", "."]) == 2
        assert run(["import", "claude-code", "/not/there"]) == 2
        assert run(["import", "claude-code", "-w", str(project.parent)]) == 3
        assert "Traceback" not in capsys.readouterr().err

    def test_a_file_that_cannot_be_read_is_named_and_the_others_imported(
        self, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = Talk(project)
        talk.read(project / "CLAUDE.md", "t1")
        good, bad = project / "good.jsonl", project / "bad.jsonl"
        good.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        bad.write_text("x")
        opened = os.open

        def refuses(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if path == str(bad):
                raise PermissionError(13, "Permission denied")
            return opened(path, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr("os.open", refuses)
        assert run(["import", "claude-code", str(bad), str(good)]) == 3
        assert "bad.jsonl" in capsys.readouterr().err
        assert len(log(project)) == 1


class TestLogs:
    def test_a_union_by_id(self, copy_of: Callable[[str], Workspace], tmp_path: Path) -> None:
        one, other = copy_of("reference"), copy_of("reference-concurrent")
        before = one.report().evidence.events
        extra = other.report().evidence.events
        result = import_log(one, [os.fspath(other.layout)])
        assert (result.added, result.there) == (extra, 0)
        again = import_log(one, [os.fspath(other.layout.events_path)])
        assert (again.added, again.there) == (0, extra)
        assert one.report().evidence.events == before + extra
        assert one.check().clean
        assert tmp_path.exists()

    def test_archived_logs_and_long_lines_come_in_too(
        self, copy_of: Callable[[str], Workspace], workspace: Workspace
    ) -> None:
        other = copy_of("reference")
        events = other.report().evidence.events
        other.archive()
        many = [["decision", f"slug-{number}", 1, 1] for number in range(1500)]
        names = ("kind", "slug", "file_bytes", "file_tokens_estimate")
        line = {
            "id": "01a2058a-acb2-73bc-8f43-32ac6750f8a7", "occurred_at": "2026-11-22T00:00:00Z",
            "segment_id": "s", "event": "use", "source": "MemoryRead",
            "records": [dict(zip(names, record, strict=True)) for record in many],
        }  # fmt: skip
        with other.layout.events_path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        result = import_log(workspace, [os.fspath(other.layout)])
        assert result.added > events + 1
        found = {(r.kind, r.slug): r.use_count for r in workspace.report().records}
        assert found == {(r.kind, r.slug): r.use_count for r in other.report().records}
        assert import_log(workspace, [os.fspath(other.layout)]).added == 0

    def test_a_long_event_comes_back_from_another_log_once(self, tmp_path: Path) -> None:
        places = [tmp_path / "one", tmp_path / "two"]
        for place in places:
            place.mkdir()
            Workspace(place).init()
        one, two = map(Workspace, places)
        many = [UsageRecordSnapshot("decision", f"slug-{n}", 1, 1) for n in range(1500)]
        event = UsageEvent.new("s", UsageEventKind.USE, UsageSource.MEMORY_READ, many)
        one.layout.events_path.write_text(to_json(event) + "\n")
        assert import_log(two, [str(places[0])]).added > 1
        back = import_log(one, [str(places[1])])
        assert (back.added, sum(r.use_count for r in one.report().records)) == (0, 1500)
        parts = two.layout.events_path.read_bytes().splitlines(keepends=True)
        one.layout.events_path.write_bytes(parts[0])
        assert import_log(one, [str(places[1])]).added == len(parts) - 1
        assert sum(r.use_count for r in one.report().records) == 1500

    def test_the_older_schema_comes_in_under_its_own_ids(self, workspace: Workspace) -> None:
        data = Path(__file__).parent / "data" / "workspaces" / "legacy-insomnia"
        (path,) = data.rglob("events.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        result = import_log(workspace, [str(path)])
        assert result.added == len(lines)
        found = [e for e in workspace.events() if isinstance(e, UsageEvent)]
        assert [(e.id, e.segment_id) for e in found] == [
            (line["id"], line["session_id"]) for line in lines
        ]

    def test_lines_that_are_no_events_are_counted(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        path = tmp_path / "other.jsonl"
        path.write_bytes(b'rubbish\n\n{"session_id":1}\n\xff\n' + b"x" * 3_000_000 + b"\n{}")
        result = import_log(workspace, [str(path)], dry_run=True)
        assert result.added == 0
        assert result.notes.not_understood == {
            "not_json": 1, "missing_field": 2, "not_utf8": 1, "oversized": 1,
        }  # fmt: skip


needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real sessions are not here")


@needs_real
class TestRealSessions:
    """Real sessions, into workspaces made so that files they touch are records."""

    ROOT = "/Users/alex/workspace/cli"

    def transcript(self, name: str, tmp_path: Path) -> Path:
        """A transcript whose files lie in a skill, so that every read is one of a record."""
        text = (REAL / name).read_text(encoding="utf-8")
        for folder in ("cmd", "docs"):
            text = text.replace(f"{self.ROOT}/{folder}/", f"{self.ROOT}/.claude/skills/{folder}/")
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    @staticmethod
    def counted(path: Path) -> Counter[tuple[str, bool]]:
        """Good Reads and Skills, and whether on the main thread, counted in another way."""
        tools: dict[str, tuple[str, bool]] = {}
        good: Counter[tuple[str, bool]] = Counter()
        done: set[str] = set()
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            main = entry["type"] != "progress"
            inner = entry if main else (entry.get("data") or {}).get("message")
            message = inner.get("message") if isinstance(inner, dict) else None
            content = message.get("content") if isinstance(message, dict) else None
            for block in content if isinstance(content, list) else ():
                if block["type"] == "tool_use":
                    tools.setdefault(block["id"], (block["name"], main))
                elif block["type"] == "tool_result" and block["tool_use_id"] not in done:
                    done.add(block["tool_use_id"])
                    if not block.get("is_error"):
                        good[tools[block["tool_use_id"]]] += 1
        return good

    @pytest.mark.parametrize(("name", "reads"), [("A", 14), ("B", 16)])
    def test_reads_and_skills_of_the_main_thread_and_of_subagents(
        self, project: Path, tmp_path: Path, name: str, reads: int
    ) -> None:
        path = self.transcript(f"claude-prefix-{name}.jsonl", tmp_path)
        import_transcripts(Workspace(project), "claude-code", [str(path)])
        uses = Counter((e.source.value, e.actor) for e in log(project) if e.call_id)
        assert uses["MemoryRead", "agent"] == reads
        assert uses["WorkflowInvoke", "agent"] == 3
        independent = self.counted(path)
        assert independent["Read", True] == reads
        assert independent["Skill", True] == 3
        assert uses["MemoryRead", "subagent"] == independent["Read", False] > 0
        report = {(r.kind, r.slug): r.use_count for r in Workspace(project).report().records}
        assert sum(report.values()) == sum(uses.values())

    def test_a_longer_copy_adds_the_difference_and_the_shorter_nothing(
        self, project: Path, tmp_path: Path
    ) -> None:
        a, b = (str(self.transcript(f"claude-prefix-{n}.jsonl", tmp_path)) for n in "AB")
        workspace = Workspace(project)
        first = import_transcripts(workspace, "claude-code", [a])
        second = import_transcripts(workspace, "claude-code", [b])
        assert second.there == first.added
        assert second.added > 0
        other = Workspace(tmp_path / "other")
        other.layout.memory_dir.mkdir(parents=True)
        assert import_transcripts(other, "claude-code", [b]).added == first.added + second.added
        assert import_transcripts(other, "claude-code", [a]).added == 0
        ids = [sorted(event.id for event in log(root)) for root in (project, tmp_path / "other")]
        assert ids[0] == ids[1]

    def test_the_session_has_a_measured_ratio_and_the_failed_skill_is_none(
        self, project: Path, tmp_path: Path
    ) -> None:
        path = self.transcript("claude-prefix-A.jsonl", tmp_path)
        failed = str(REAL / "claude-failed-skill2.jsonl")
        result = import_transcripts(Workspace(project), "claude-code", [str(path), failed])
        assert result.notes.failed >= 1
        records = [e.records[0] for e in log(project)]
        tokens = [(r.context_bytes, r.context_tokens) for r in records if r.context_tokens]
        assert tokens
        assert all(2.5 < (size or 0) / count < 3.5 for size, count in tokens if count > 50)
        assert "model" not in {record.slug for record in records}

    @pytest.mark.parametrize(
        ("host", "name"),
        [
            ("claude-code", "schema-claude-linetypes.jsonl"),
            ("codex", "schema-codex-linetypes.jsonl"),
            ("codex", "codex-mcp-small.jsonl"),
        ],
    )
    def test_files_of_every_line_type_import_without_an_error(
        self, project: Path, host: str, name: str
    ) -> None:
        result = import_transcripts(Workspace(project), host, [str(REAL / name)])
        assert not result.unreadable
        assert "(no JSON)" not in result.notes.not_understood
