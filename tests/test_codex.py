"""What the rollouts of Codex tell, of today and before."""

import json
import os
import re
import sys
from io import BytesIO
from pathlib import Path

import pytest
from test_following import made, put

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run as command
from ctxuse.doctor import examine
from ctxuse.hook import run
from ctxuse.hosts.places import Places
from ctxuse.ids import derived_id
from ctxuse.importing import import_transcripts, sessions
from ctxuse.layout import WorkspaceLayout
from ctxuse.overview import overview

RULES = "Be brief and say what you did.\nAmounts are integers of cents.\n"
ALPHA = "The shop has one currency.\nIt is the euro.\n"
OWN = "Never use emojis in code.\n"
ROOT = "019aaaaa-0000-7000-8000-000000000001"
CHILD = "019bbbbb-0000-7000-8000-000000000002"
OTHER = "019ccccc-0000-7000-8000-000000000003"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = made(tmp_path, monkeypatch)
    put(root / "AGENTS.md", RULES)
    put(root / ".yoi/memory/decisions/alpha.md", ALPHA)
    put(root.parent / ".codex/AGENTS.md", OWN)
    (root / ".git").mkdir()
    return root


class Rollout:
    """Makes the lines of a rollout."""

    def __init__(
        self, project: object, own: str = ROOT, session: str | None = None, **more: object
    ) -> None:
        self.lines: list[dict[str, object]] = []
        self.at = 0
        self.cwd = str(project)
        meta = {} if session is None else {"session_id": session}
        self.line("session_meta", id=own, cwd=self.cwd, **meta, **more)

    def line(self, kind: str, **payload: object) -> None:
        self.at += 1
        stamp = f"2026-08-03T10:{self.at // 60:02}:{self.at % 60:02}.000Z"
        self.lines.append({"timestamp": stamp, "type": kind, "payload": payload})

    def item(self, kind: str, **payload: object) -> None:
        self.line("response_item", type=kind, **payload)

    def called(self, call_id: str, command: str, name: str = "exec_command") -> None:
        arguments = json.dumps({"cmd": command})
        self.item("function_call", name=name, call_id=call_id, arguments=arguments)

    def typed(self, call_id: str, session: str, chars: str) -> None:
        arguments = json.dumps({"session_id": int(session), "chars": chars})
        self.item("function_call", name="write_stdin", call_id=call_id, arguments=arguments)

    def printed(self, call_id: str, text: str, state: str = "exited with code 0") -> None:
        said = f"Chunk ID: a1\nWall time: 0.1 seconds\nProcess {state}\nOutput:\n{text}"
        self.item("function_call_output", call_id=call_id, output=said)

    def script(self, call_id: str) -> None:
        self.item("custom_tool_call", name="exec", call_id=call_id, input="text(await …)")

    def returned(self, call_id: str, text: str, begin: str = "Script completed") -> None:
        parts = [f"{begin}\nOutput:\n", text]
        output = [{"type": "input_text", "text": part} for part in parts]
        self.item("custom_tool_call_output", call_id=call_id, output=output)

    def waited(self, call_id: str, cell: str, text: str, begin: str = "Script completed") -> None:
        arguments = json.dumps({"cell_id": cell, "yield_time_ms": 10000})
        self.item("function_call", name="wait", call_id=call_id, arguments=arguments)
        output = f"{begin}\nWall time 0.1 seconds\nOutput:\n{text}"
        self.item("function_call_output", call_id=call_id, output=output)

    def ended(self, item_id: str, command: str, output: str, **more: object) -> None:
        item = {
            "type": "CommandExecution", "id": item_id, "command": ["/bin/bash", "-lc", command],
            "cwd": f"file://{self.cwd}", "status": "completed", "exit_code": 0,
            "aggregated_output": output, **more,
        }  # fmt: skip
        self.line("event_msg", type="item_completed", item=item)

    def message(
        self, role: str, text: str, kind: str | None = None, key: str | None = None, turn: str = ""
    ) -> None:
        passed = {"turn_id": turn or None, "content_item_kinds": [kind] if kind else None}
        content = [{"type": "input_text", "text": text}]
        self.item(
            "message", role=role, content=content, id=key or f"msg_{self.at}",
            internal_chat_message_metadata_passthrough=passed,
        )  # fmt: skip

    def write(self, project: Path, name: str = ROOT) -> Path:
        folder = project.parent / ".codex/sessions/2026/08/03"
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        return put(folder / f"rollout-2026-08-03T10-00-00-{name}.jsonl", text)


def imported(project: Path, *rollouts: Path, dry_run: bool = False) -> ImportResult:
    files = [str(path) for path in rollouts]
    return import_transcripts(Workspace(project), "codex", files, dry_run=dry_run, cache=False)


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def uses(project: Path) -> list[tuple[str, str, int | None]]:
    """Call, record and bytes of each use."""
    return [
        (event.call_id or "", f"{record.kind}/{record.slug}", record.context_bytes)
        for event in log(project)
        for record in event.records
        if event.event is UsageEventKind.USE
    ]


def resident(project: Path) -> list[tuple[str, str, int | None]]:
    """Segment, record and bytes of what was resident."""
    return [
        (event.segment_id, f"{record.kind}/{record.slug}", record.context_bytes)
        for event in log(project)
        for record in event.records
        if event.event is UsageEventKind.RESIDENT_EXPOSURE
    ]


class TestCommands:
    def test_what_was_handed_to_the_model_is_what_entered(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.called("c1", "cat AGENTS.md")
        rollout.ended("c1", "cat AGENTS.md", RULES)
        rollout.printed("c1", RULES.splitlines(keepends=True)[0])
        rollout.ended("u1", "cat AGENTS.md", RULES, source="user_shell", exit_code=1)
        imported(project, rollout.write(project))
        first = len(RULES.splitlines(keepends=True)[0])
        assert uses(project) == [
            ("c1", "instructions/AGENTS.md", first), ("u1", "instructions/AGENTS.md", len(RULES)),
        ]  # fmt: skip
        assert [event.actor for event in log(project)] == ["agent", "user"]

    def test_beside_a_file_that_is_not_there_others_are_shown(self, project: Path) -> None:
        """They have been there as they are since before: the text of none that is gone."""
        rollout = Rollout(project)
        rollout.called("c1", "cat docs/AGENTS.md; cat .yoi/memory/decisions/*.md | head -9")
        rollout.printed("c1", f"cat: docs/AGENTS.md: No such file or directory\n{ALPHA}")
        for line in rollout.lines:
            line["timestamp"] = "2100-01-01T00:00:00.000Z"
        imported(project, rollout.write(project))
        assert uses(project) == [("c1", "decision/alpha", len(ALPHA))]

    def test_of_a_script_as_much_as_it_prints(self, project: Path) -> None:
        rollout = Rollout(project)
        for number, printed in enumerate((RULES, json.dumps(RULES), str(len(RULES)))):
            rollout.script(f"c{number}")
            rollout.ended(f"exec-{number}", "cat AGENTS.md", RULES)
            rollout.returned(f"c{number}", printed)
        result = imported(project, rollout.write(project))
        assert uses(project) == [
            ("exec-0", "instructions/AGENTS.md", len(RULES)),
            ("exec-1", "instructions/AGENTS.md", len(RULES)),
        ]
        assert result.notes.unfinished == 0

    def test_of_scripts_at_the_same_time_each_has_its_own(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.script("c1")
        rollout.script("c2")
        rollout.ended("exec-1", "cat AGENTS.md", RULES)
        rollout.ended("exec-2", "cat .yoi/memory/decisions/alpha.md", ALPHA)
        rollout.returned("c2", ALPHA)
        rollout.returned("c1", RULES)
        imported(project, rollout.write(project))
        assert {(call, name) for call, name, _ in uses(project)} == {
            ("exec-1", "instructions/AGENTS.md"), ("exec-2", "decision/alpha"),
        }  # fmt: skip

    @pytest.mark.parametrize("printed", [RULES, RULES.splitlines(keepends=True)[0], "62"])
    @pytest.mark.parametrize("ends", ["before", "between", "after"])
    def test_a_script_that_goes_on_is_answered_in_pieces(
        self, project: Path, printed: str, ends: str
    ) -> None:
        rollout = Rollout(project)
        rollout.script("c1")
        for moment in ("before", "between", "after"):
            if moment == ends:
                rollout.ended("exec-1", "cat AGENTS.md", RULES)
            if moment == "before":
                rollout.returned("c1", "", "Script running with cell ID 4")
                rollout.waited("w1", "4", "", "Script running with cell ID 4")
            elif moment == "between":
                rollout.waited("w2", "4", printed)
        path = rollout.write(project)
        result = imported(project, path)
        size = len(printed) if printed in RULES else None
        assert uses(project) == (
            [] if size is None else [("exec-1", "instructions/AGENTS.md", size)]
        )
        assert result.notes.unfinished == 0
        assert fired(project, "Stop", path) == 0

    def test_of_a_script_that_never_ends_what_it_has_printed(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.script("c1")
        rollout.ended("exec-1", "cat AGENTS.md", RULES)
        rollout.ended("exec-2", "cat .yoi/memory/decisions/alpha.md", ALPHA)
        rollout.returned("c1", RULES, "Script running with cell ID 4")
        imported(project, rollout.write(project))
        assert uses(project) == [("exec-1", "instructions/AGENTS.md", len(RULES))]

    def test_a_command_ends_when_no_script_is_open(self, project: Path) -> None:
        first = RULES.splitlines(keepends=True)[0]
        rollout = Rollout(project)
        rollout.script("c1")
        rollout.returned("c1", json.dumps({"session_id": 7, "output": first}))
        rollout.ended("exec-1", "cat AGENTS.md; sleep 9; cat .yoi/*/*/alpha.md", RULES + ALPHA)
        rollout.script("c2")
        rollout.returned("c2", "62")
        rollout.ended("exec-2", "cat .yoi/memory/decisions/alpha.md", ALPHA)
        imported(project, rollout.write(project))
        assert uses(project) == [("exec-1", "instructions/AGENTS.md", len(first))]

    def test_a_command_that_goes_on_is_one_call(self, project: Path) -> None:
        rollout = Rollout(project)
        command = "cat AGENTS.md; sleep 4; cat .yoi/memory/decisions/alpha.md"
        rollout.called("c1", command)
        rollout.printed("c1", RULES, "running with session ID 7")
        rollout.typed("c2", "7", "")
        rollout.ended("c1", command, RULES + ALPHA, process_id="7")
        rollout.printed("c2", ALPHA)
        imported(project, rollout.write(project))
        assert uses(project) == [
            ("c1", "instructions/AGENTS.md", len(RULES)), ("c1", "decision/alpha", len(ALPHA)),
        ]  # fmt: skip

    def test_what_is_typed_into_a_terminal_shows_what_it_prints(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.called("c1", "bash -i")
        rollout.printed("c1", "$ ", "running with session ID 7")
        rollout.typed("c2", "7", "cat AGENTS.md\n")
        shown = RULES.replace("\n", "\r\n")
        rollout.printed("c2", f"cat AGENTS.md\r\n{shown}$ ", "running with session ID 7")
        imported(project, rollout.write(project))
        assert [(call, name) for call, name, _ in uses(project)] == [
            ("c2", "instructions/AGENTS.md")
        ]

    def test_a_tool_of_a_server_is_its_own_to_record(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.called("c1", "x", "memory_read")
        item = {"type": "McpToolCall", "id": "c1", "status": "completed"}
        rollout.line("event_msg", type="item_completed", item=item)
        result = imported(project, rollout.write(project))
        assert (result.added, result.notes.unfinished) == (0, 0)


LISTING = """<skills_instructions>
## Skills
### Skill roots
- `r0` = `{home}/.codex/skills`
- `r1` = `{root}/.agents/skills`
- `r2` = `{home}/.codex/plugins/cache/market/acme/1.0.0/skills`
### Available skills
- lint: Lints äöü. (file: r1/lint/SKILL.md)
- other-name: Has another directory. (file: r1/folder/SKILL.md)
- acme:triage: Sorts them
out. (file: r2/triage/SKILL.md)
- imagegen (file: r0/.system/imagegen/SKILL.md)
- elsewhere: Of nowhere known. (file: /x/elsewhere/SKILL.md)
### How to use skills
- Discovery: the list above is it.
</skills_instructions>"""


def listing(project: Path) -> str:
    for path in (
        project / ".agents/skills/lint", project / ".agents/skills/folder",
        project.parent / ".codex/skills/.system/imagegen",
        project.parent / ".codex/plugins/cache/market/acme/1.0.0/skills/triage",
    ):  # fmt: skip
        put(path / "SKILL.md", "---\nname: x\n---\n")
    return LISTING.format(home=project.parent, root=project)


def agents(directory: Path, text: str) -> str:
    return f"# AGENTS.md instructions for {directory}\n\n<INSTRUCTIONS>\n{text}\n</INSTRUCTIONS>"


BETWEEN = "\n--- project-doc ---\n\n"


class TestContexts:
    def test_each_skill_that_is_listed_with_the_bytes_of_its_line(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.message("developer", listing(project), "host_skills.instructions")
        imported(project, rollout.write(project))
        lines = LISTING.splitlines()
        at = lines.index("### Available skills") + 1
        sizes = [len(line.encode()) for line in lines[at : at + 6]]
        assert resident(project) == [
            (ROOT, "skill/lint", sizes[0]), (ROOT, "skill/folder", sizes[1]),
            (ROOT, "skill/acme:triage", sizes[2] + 1 + sizes[3]),
            (ROOT, "skill/imagegen", sizes[4]), (ROOT, "skill/elsewhere", sizes[5]),
        ]  # fmt: skip

    @pytest.mark.parametrize("kind", ["agents_md.instructions", None])
    def test_instructions_are_told_apart(self, project: Path, kind: str | None) -> None:
        deep = put(project / "api/AGENTS.override.md", "Only version two.\n").parent
        (deep / "AGENTS.md").write_text("It does not count.")
        text = f"{OWN}{BETWEEN}{RULES}\nOnly version two.\n"
        rollout = Rollout(deep)
        rollout.message("user", agents(deep, text), kind)
        imported(project, rollout.write(project))
        assert resident(project) == [
            (ROOT, "instructions/~/.codex/AGENTS.md", len(OWN) - 1),
            (ROOT, "instructions/AGENTS.md", len(RULES) - 1),
            (ROOT, "instructions/api/AGENTS.override.md", len("Only version two.")),
        ]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (RULES, {"AGENTS.md": len(RULES) - 1}),
            (OWN, {"~/.codex/AGENTS.md": len(OWN) - 1}),
            ("What it was then.", {"AGENTS.md": len("What it was then.")}),
            (f"Then.\n{BETWEEN}Otherwise.", {"~/.codex/AGENTS.md": 5, "AGENTS.md": 10}),
        ],
    )
    def test_instructions_that_have_changed_since_have_the_bytes_they_had(
        self, project: Path, text: str, expected: dict[str, int]
    ) -> None:
        rollout = Rollout(project)
        rollout.message("user", agents(project, text), "agents_md.instructions")
        imported(project, rollout.write(project))
        found = {name.removeprefix("instructions/"): size for _, name, size in resident(project)}
        assert found == expected

    def test_memory_stands_there_only_where_it_is_told(self, project: Path) -> None:
        put(project.parent / ".codex/memories/memory_summary.md", "Short answers.\n")
        summary = (
            "## Memory\nIt is there.\n========= MEMORY_SUMMARY BEGINS =========\nShort answers.\n"
            "========= MEMORY_SUMMARY ENDS =========\n"
        )
        rollout = Rollout(project)
        rollout.message("developer", "## Permissions", "permissions.instructions")
        imported(project, rollout.write(project))
        assert resident(project) == []
        rollout.message("developer", summary, "memories.instructions")
        imported(project, rollout.write(project))
        name = "memory/~/.codex/memories/memory_summary.md"
        assert resident(project) == [(ROOT, name, len("Short answers."))]

    @pytest.mark.parametrize(
        ("begin", "unit"),
        [
            ("# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\n", "\n"),
            ("# AGENTS.md instructions for /x\n\n", "<INSTRUCTIONS>\n"),
            ("## Memory\n", "="),
            ("## Memory\n", "= MEMORY_SUMMARY BEGINS =\n"),
            ("<skills_instructions>\n### Available skills\n- a b\n", "x\n"),
        ],
    )
    def test_a_message_of_any_length_is_read_once(
        self, project: Path, begin: str, unit: str
    ) -> None:
        """Read again and again from each place, this would take hours."""
        rollout = Rollout(project)
        role = "user" if "AGENTS.md" in begin else "developer"
        rollout.message(role, begin + unit * (4_000_000 // len(unit)))
        result = imported(project, rollout.write(project))
        assert result.added == 0

    def test_of_an_mcp_servers_instructions_the_first_line(self, project: Path) -> None:
        rollout = Rollout(project)
        said = "Deferred tool namespaces:\n- mcp__other: - #no: x\n- mcp__ctxuse: - #pay: How\n"
        rollout.message("developer", said, "tools.deferred_namespaces")
        imported(project, rollout.write(project))
        assert resident(project) == [
            (ROOT, "mcp/other", len("- mcp__other: - #no: x")),
            (ROOT, "knowledge/pay", len("- #pay: How")),
        ]

    def test_a_compaction_puts_it_there_anew(self, project: Path) -> None:
        text = agents(project, RULES)
        rollout = Rollout(project)
        rollout.message("user", text, "agents_md.instructions", key="msg_1")
        again = {
            "type": "message", "id": "msg_9", "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }  # fmt: skip
        rollout.line("compacted", message="Summary", replacement_history=[again, 7, {"id": 3}])
        imported(project, rollout.write(project))
        assert len(resident(project)) == 2

    def test_what_hooks_of_older_versions_told_is_not_told_again(self, project: Path) -> None:
        record = UsageRecordSnapshot("instructions", "AGENTS.md", 9, 3)
        Workspace(project).append(
            UsageEvent.new(
                ROOT, UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION, [record],
                host="codex",
            )
        )  # fmt: skip
        rollout = Rollout(project)
        rollout.message("user", agents(project, RULES), "agents_md.instructions")
        assert imported(project, rollout.write(project)).added == 0

    def test_what_a_user_writes_is_none_of_it(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.message("user", listing(project))
        rollout.message("user", agents(project, RULES), "user.text")
        rollout.message("assistant", agents(project, RULES))
        assert imported(project, rollout.write(project)).added == 0


def mention(project: Path) -> str:
    path = put(project / ".agents/skills/rel/SKILL.md", "Use the tool.")
    return f"<skill>\n<name>rel</name>\n<path>{path}</path>\nUse the tool.\n</skill>"


class TestMentions:
    def test_a_mention_is_one_of_its_turn(self, project: Path) -> None:
        rollout = Rollout(project)
        for turn in ("t1", "t1", "t2"):
            rollout.message(
                "user", mention(project), "skills.selected_skill_instructions", turn=turn
            )
        imported(project, rollout.write(project))
        ids = [event.id for event in log(project)]
        assert ids == [derived_id("codex", f"mention:{t}", "skill", "rel") for t in ("t1", "t2")]
        assert {event.actor for event in log(project)} == {"user"}

    def test_one_that_an_earlier_version_told_is_not_told_again(self, project: Path) -> None:
        rollout = Rollout(project)
        rollout.message("user", mention(project), turn="t1")
        path = rollout.write(project)
        imported(project, path)
        (event,) = log(project)
        key = f"mention:{rollout.lines[-1]['timestamp']}"
        former = derived_id("codex", key, "skill", "rel")
        file = Workspace(project).layout.events_path
        file.write_text(file.read_text().replace(event.id, former))
        assert imported(project, path).added == 0

    def test_a_copy_does_not_tell_again_what_an_earlier_version_told(self, project: Path) -> None:
        rollout, copy = Rollout(project), Rollout(project, CHILD)
        for each in (rollout, copy):
            each.message("user", mention(project), turn="t1")
        imported(project, rollout.write(project))
        (event,) = log(project)
        former = derived_id("codex", f"mention:{rollout.lines[-1]['timestamp']}", "skill", "rel")
        file = Workspace(project).layout.events_path
        file.write_text(file.read_text().replace(event.id, former))
        assert fired(project, "Stop", copy.write(project, CHILD), session_id=CHILD) == 0

    @pytest.mark.parametrize("order", ["parent first", "child first"])
    def test_the_history_of_a_parent_is_the_parents(self, project: Path, order: str) -> None:
        parent, child = Rollout(project), Rollout(project, CHILD, ROOT)
        for rollout in (parent, child):
            if rollout is child:
                rollout.line("session_meta", id=ROOT, cwd=str(project))
            rollout.message("user", mention(project))
            rollout.called("c1", "cat .yoi/memory/decisions/alpha.md")
            rollout.printed("c1", ALPHA)
        for line in child.lines:
            line["timestamp"] = "2026-08-04T11:00:00.500Z"
        child.at = 59 * 60
        child.called("c2", "cat AGENTS.md")
        child.printed("c2", RULES)
        for line in child.lines[-2:]:
            line["timestamp"] = "2026-08-04T11:00:09.000Z"
        paths = [parent.write(project), child.write(project, CHILD)]
        for path in paths if order == "parent first" else paths[::-1]:
            imported(project, path)
        told = {
            (e.segment_id, e.records[0].slug, e.actor, e.occurred_at_text) for e in log(project)
        }
        assert told == {
            (ROOT, "rel", "user", "2026-08-03T10:00:02Z"),
            (ROOT, "alpha", "agent", "2026-08-03T10:00:04Z"),
            (f"{ROOT}/{CHILD}", "AGENTS.md", "subagent", "2026-08-04T11:00:09Z"),
        }


def fired(project: Path, event: str, rollout: Path, **more: object) -> int:
    """Hand a payload to the hook; return how many events that has added."""
    before = len(log(project))
    payload = {
        "session_id": ROOT, "cwd": str(project), "hook_event_name": event,
        "transcript_path": str(rollout), **more,
    }  # fmt: skip
    environ = {"HOME": str(project.parent), "PWD": str(project)}
    run(["codex"], BytesIO(json.dumps(payload).encode()), environ)
    return len(log(project)) - before


def test_hooks_read_on_in_rollouts_and_an_import_adds_nothing(project: Path) -> None:
    rollout = Rollout(project)
    rollout.message("user", agents(project, RULES), "agents_md.instructions")
    rollout.script("c1")
    rollout.ended("exec-1", "cat AGENTS.md", RULES)
    rollout.returned("c1", RULES)
    path = rollout.write(project)
    assert fired(project, "Stop", path) == 2
    assert fired(project, "Stop", path) == 0
    rollout.script("c2")
    rollout.ended("exec-2", "cat .yoi/memory/decisions/alpha.md", ALPHA)
    rollout.write(project)
    assert fired(project, "Stop", path) == 0  # what has entered of it is not told yet
    rollout.returned("c2", ALPHA)
    rollout.write(project)
    assert fired(project, "SessionEnd", path) == 1
    child = Rollout(project, CHILD, ROOT)
    child.message("user", agents(project, RULES), "agents_md.instructions", key="msg_c")
    of_child = child.write(project, CHILD)
    assert fired(project, "SubagentStop", path, agent_transcript_path=str(of_child)) == 1
    unheard = Rollout(project, "019ccccc-0000-7000-8000-000000000003")
    unheard.called("c1", "cat AGENTS.md")
    unheard.printed("c1", RULES)
    unheard.write(project, "3")
    assert fired(project, "SessionStart", path) == 1
    assert imported(project, path, of_child).added == 0
    assert [segment for segment, *_ in resident(project)] == [ROOT, f"{ROOT}/{CHILD}"]


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("begins", ["a parent's history", "what is of no session"])
def test_wherever_reading_stops_the_log_is_that_of_an_import(
    project: Path, begins: str, step: int
) -> None:
    rollout = Rollout(project, CHILD, ROOT)
    if begins == "a parent's history":
        rollout.line("session_meta", id=ROOT, cwd=str(project))
    for number in range(3):
        rollout.called(f"c{number}", "cat .yoi/memory/decisions/alpha.md")
        rollout.printed(f"c{number}", ALPHA)
    if begins == "what is of no session":
        rollout.lines.append(rollout.lines.pop(0))
    rollout.called("c9", "cat AGENTS.md")
    rollout.printed("c9", RULES)
    of_own = rollout.lines[-2:] if begins == "a parent's history" else []
    for line in rollout.lines:
        line["timestamp"] = f"2026-08-04T11:00:0{9 if line in of_own else 0}.500Z"
    lines, of_child = rollout.lines, project
    for number in range(0, len(lines) + step, step):
        rollout.lines = lines[:number]
        of_child = rollout.write(project, CHILD)
        fired(project, "SubagentStop", of_child, agent_transcript_path=str(of_child))
    told = log(project)
    Workspace(project).layout.events_path.unlink(missing_ok=True)
    imported(project, of_child)
    assert [event.call_id for event in told] == ["c9"]
    assert told == log(project)


def forked(project: Path, day: str) -> tuple[Path, Path]:
    """Write a rollout into the folder of a day, and one of a fork of it after two messages."""
    parent = Rollout(project)
    parent.message("user", agents(project, RULES), "agents_md.instructions", key="msg_a")
    parent.message("developer", listing(project), key="msg_b")
    parent.message("user", agents(project / "api", ALPHA), "agents_md.instructions", key="msg_c")
    for ordinal, line in enumerate(parent.lines):
        line["ordinal"] = ordinal
    fork = Rollout(project, CHILD, forked_from_id=ROOT, forked_from_ordinal_exclusive=3)
    text = "".join(json.dumps(line) + "\n" for line in parent.lines)
    folder = project.parent / ".codex/sessions" / day
    of_parent = put(folder / f"rollout-2026-08-03T10-00-00-{ROOT}.jsonl", text)
    return of_parent, fork.write(project, CHILD)


@pytest.mark.parametrize("day", ["2026/08/03", "2025/11/22"])
def test_a_fork_begins_with_what_stood_in_its_parent(project: Path, day: str) -> None:
    of_parent, of_fork = forked(project, day)
    put(project / "api/AGENTS.md", ALPHA)
    imported(project, of_parent, of_fork)
    here = [(record, size) for segment, record, size in resident(project) if segment == ROOT]
    there = [(record, size) for segment, record, size in resident(project) if segment == CHILD]
    assert there == here[: len(there)]
    assert [record for record, _ in here[len(there) :]] == ["instructions/api/AGENTS.md"]
    assert ("instructions/AGENTS.md", len(RULES.rstrip())) in there
    assert "skill/lint" in dict(there)
    assert imported(project, of_fork).added == 0
    assert fired(project, "SessionStart", of_fork, session_id=CHILD) == 0


def test_of_a_fork_whose_parent_is_gone_nothing_is_claimed(project: Path) -> None:
    of_parent, of_fork = forked(project, "2026/08/03")
    of_parent.unlink()
    assert imported(project, of_fork).added == 0
    assert resident(project) == []


def zstd_of(path: Path, data: bytes) -> Path:
    """Write the compressed rollout of another one, which goes."""
    path.unlink()
    small = path.with_name(f"{path.name}.zst")
    small.write_bytes(data)
    return small


def beyond(project: Path) -> tuple[int, list[str]]:
    """How many events the transcripts tell beyond the log, and what could not be read."""
    layout = WorkspaceLayout(project)
    found = overview(layout, [*sessions("codex", Places(layout))])
    return sum(agent.beyond for agent in found.agents), [why for _, why in found.unreadable]


@pytest.mark.parametrize("generations", [1, 2])
@pytest.mark.parametrize("state", ["gone", "damaged"])
def test_what_a_fork_begins_with_is_told_once_its_parent_can_be_read(
    project: Path, state: str, generations: int
) -> None:
    pytest.importorskip("backports.zstd", reason="there is no backports.zstd")
    of_parent, of_fork = forked(project, "2026/08/03")
    for _ in range(generations - 1):
        later = Rollout(project, OTHER, forked_from_id=CHILD, forked_from_ordinal_exclusive=3)
        of_fork = later.write(project, OTHER)
    told, whole = beyond(project), of_parent.read_text()
    bad = zstd_of(of_parent, b"rubbish")
    if state == "gone":
        bad.unlink()

    def again() -> ImportResult:
        return import_transcripts(Workspace(project), "codex", [str(of_fork)])

    for _ in range(2):
        done = again()
        assert done.added == 0
        assert [path for path, _ in done.unreadable] == [str(of_fork)] * (state == "damaged")
        assert all("what it begins with: it is damaged" in why for _, why in done.unreadable)
        assert beyond(project)[0] < told[0]
    bad.unlink(missing_ok=True)
    put(of_parent, whole)
    assert beyond(project) == told
    wanted = imported(project, of_fork, dry_run=True).added
    assert wanted > 0
    assert [(done.added, done.unchanged) for done in (again(), again())] == [(wanted, 0), (0, 1)]


def test_a_fork_begins_with_what_stood_before_its_parent_was_damaged(project: Path) -> None:
    zstd = pytest.importorskip("backports.zstd", reason="there is no backports.zstd")
    of_parent, of_fork = forked(project, "2026/08/03")
    wanted = imported(project, of_fork, dry_run=True).added
    rest = "".join(hex(number) + "\n" for number in range(200_000))
    whole = zstd.compress((of_parent.read_text() + rest).encode())
    zstd_of(of_parent, whole[:-1_000])
    done = imported(project, of_fork)
    assert (done.added, done.unreadable) == (wanted, [])


@pytest.mark.parametrize(
    ("many", "why"), [
        ("skills", "1,000 records"), ("messages", "5,000 messages"), ("texts", "1,048,576 char"),
        ("repeated", "1,048,576 char"),
    ],
)  # fmt: skip
def test_a_fork_that_begins_with_too_much_is_named(project: Path, many: str, why: str) -> None:
    parent, text = Rollout(project), agents(project, "x" * (1 if many == "messages" else 9_999))
    listed = "".join(
        f"- s{number}: one of many\n" for number in range(1_200 if many == "skills" else 1)
    )
    parent.message("developer", listing(project).replace("- lint", f"{listed}- lint"))
    for number in range({"skills": 0, "messages": 5_001}.get(many, 120)):
        parent.item("compacted" if many == "messages" else "x")
        new = f"\n{number}" if many == "texts" else ""
        parent.message("user", text + new, "agents_md.instructions")
    fork = Rollout(project, CHILD, forked_from_id=ROOT, forked_from_ordinal_exclusive=3)
    fork.called("c1", "cat AGENTS.md")
    fork.printed("c1", RULES)
    parent.write(project)
    done = imported(project, fork.write(project, CHILD))
    ((_, said),) = done.unreadable
    assert said.startswith(f"what it begins with: it is more than {why}")
    assert done.added == (1_001 if many == "skills" else 1)


@pytest.mark.parametrize("role", [[], {}, 7, "assistant"])
def test_strange_messages_of_a_parent_pass_nothing_on(project: Path, role: object) -> None:
    of_parent, of_fork = forked(project, "2026/08/03")
    wanted = imported(project, of_fork, dry_run=True).added
    begin, *rest = of_parent.read_text().splitlines(keepends=True)
    strange = json.loads(rest[0])
    strange["payload"]["role"] = role
    of_parent.write_text("".join([begin, json.dumps(strange) + "\n", *rest]))
    done = imported(project, of_fork)
    assert (done.added, done.unreadable) == (wanted, [])


def test_hooks_read_on_in_a_fork_whose_parent_cannot_be_read(project: Path) -> None:
    of_parent, of_fork = forked(project, "2026/08/03")
    zstd_of(of_parent, b"rubbish")
    before = fired(project, "Stop", of_fork, session_id=CHILD)
    assert before == 0
    rollout = Rollout(project, CHILD, forked_from_id=ROOT, forked_from_ordinal_exclusive=3)
    rollout.called("c1", "cat AGENTS.md")
    rollout.printed("c1", RULES)
    rollout.write(project, CHILD)
    assert fired(project, "Stop", of_fork, session_id=CHILD) == 1


def test_where_the_agent_was_is_known_also_when_it_is_read_on(project: Path) -> None:
    put(project / "api/AGENTS.md", "Only version two, and nothing of the first.\n")
    rollout = Rollout(project)
    rollout.line("turn_context", cwd=str(project / "api"))
    path = rollout.write(project)
    assert fired(project, "Stop", path) == 0
    rollout.called("c1", "cat AGENTS.md")
    rollout.printed("c1", "Only version two, and nothing of the first.\n")
    rollout.write(project)
    assert fired(project, "Stop", path) == 1
    assert [name for _, name, _ in uses(project)] == ["instructions/api/AGENTS.md"]


def test_skills_lie_as_deep_as_the_agent_looks(project: Path) -> None:
    deep = put(project / ".agents/skills/team/web/deploy/SKILL.md", "Bring it out, step by step.\n")
    put(deep.parent / "references/x.md", "One more text of it, and some words.\n")
    rollout = Rollout(project)
    for number, name in enumerate(("SKILL.md", "references/x.md")):
        path = deep.parent / name
        rollout.called(f"c{number}", f"cat {path}")
        rollout.printed(f"c{number}", path.read_text())
    imported(project, rollout.write(project))
    assert [name for _, name, _ in uses(project)] == ["skill/deploy", "skill/deploy"]


def troubles(project: Path) -> list[str]:
    environ = {"HOME": str(project.parent), "PATH": os.environ["PATH"]}
    return [trouble.what for trouble in examine(Workspace(project), environ).troubles]


def test_doctor_says_what_the_agent_was_not_told_to_trust(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert command(["setup", "codex", "--yes"]) == 0
    file = project / ".codex/hooks.json"
    events = [*json.loads(file.read_text())["hooks"]]
    assert sum("trust" in what for what in troubles(project)) == 2
    states = "".join(
        f'[hooks.state."{file}:{"_".join(re.findall("[A-Z][a-z]+", event)).lower()}:0:0"]\n'
        'trusted_hash = "sha256:0"\n'
        for event in events
    )
    config = put(project.parent / ".codex/config.toml", states)
    assert [what for what in troubles(project) if "trust" in what] == [
        "Codex has not been told to trust this project: it does not read the hooks in it"
    ]
    config.write_text(f'{states}[projects."{project}"]\ntrust_level = "trusted"\n')
    assert not any("trust" in what for what in troubles(project))
    config.write_text(f'hooks = 7\n[projects."{project}"]\ntrust_level = "trusted"\n')
    assert sum("trust" in what for what in troubles(project)) == 1


class TestCompressed:
    def compressed(self, project: Path) -> Path:
        zstd = pytest.importorskip("backports.zstd", reason="there is no backports.zstd")
        rollout = Rollout(project)
        rollout.called("c1", "cat AGENTS.md")
        rollout.printed("c1", RULES)
        path = rollout.write(project)
        small = path.with_name(f"{path.name}.zst")
        small.write_bytes(zstd.compress(path.read_bytes()))
        path.unlink()
        return small

    def test_it_is_read_as_it_was_written(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.compressed(project)
        monkeypatch.chdir(project)
        assert command(["import", "codex"]) == 0
        assert [name for _, name, _ in uses(project)] == ["instructions/AGENTS.md"]
        assert command(["import", "codex", "--no-cache"]) == 0
        assert len(log(project)) == 1

    def test_one_that_is_damaged_is_named(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.compressed(project)
        whole = path.read_bytes()
        monkeypatch.chdir(project)
        for data in (whole[:-9], whole[:9] + bytes(9) + whole[18:], b"rubbish", b""):
            path.write_bytes(data)
            assert command(["import", "codex", "--no-cache", str(path)]) == 3
            assert "fault" not in capsys.readouterr().err

    def test_what_unpacks_without_end_is_named(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.compressed(project)
        head = b"\x28\xb5\x2f\xfd\x00" + bytes([7 << 3])
        block = (131_072 << 3 | 2).to_bytes(3, "little") + b"x"  # so many times one sign
        path.write_bytes(head + block * 20_000)
        monkeypatch.chdir(project)
        assert command(["import", "codex", "--no-cache", str(path)]) == 3
        assert "bytes uncompressed" in capsys.readouterr().err

    def test_a_small_one_is_no_more_than_it_can_be(self, project: Path) -> None:
        zstd = pytest.importorskip("backports.zstd", reason="there is no backports.zstd")
        path = self.compressed(project)
        lines = zstd.decompress(path.read_bytes())
        path.write_bytes(zstd.compress(lines + b'{"type":"compacted"}\n' * 20_000))
        ((_, why),) = imported(project, path).unreadable
        assert "bytes uncompressed" in why
        assert len(uses(project)) == 1

    def test_without_the_library_it_is_said_what_to_install(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = self.compressed(project)
        for name in ("compression.zstd", "backports.zstd"):
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.chdir(project)
        assert command(["import", "codex", "--no-cache", str(path)]) == 3
        assert "pip install 'ctxuse[zstd]'" in capsys.readouterr().err


def test_tokens_are_calibrated_by_what_responses_took_in(project: Path) -> None:
    rollout = Rollout(project)
    total = 1000
    for number in range(7):
        usage = {"input_tokens": total}
        rollout.line("token_usage_record", usage=usage)
        rollout.called(f"c{number}", "ls")
        rollout.printed(f"c{number}", "x" * 3_000)
        total += 1000
    rollout.line(
        "event_msg", type="token_count", info={"last_token_usage": {"input_tokens": total}}
    )
    rollout.called("c9", "cat AGENTS.md")
    rollout.printed("c9", RULES)
    imported(project, rollout.write(project))
    (record,) = log(project)[0].records
    assert record.tokens_from == "calibrated"
    assert record.context_tokens == pytest.approx(len(RULES) / 3.1, abs=2)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "item_completed", "item": 7}, {"type": "item_completed", "item": {"type": []}},
        {"type": "item_completed", "item": {"type": "CommandExecution", "id": "c", "command": [1]}},
        {"type": "token_count", "info": {"last_token_usage": {"input_tokens": True}}},
        {"type": "message", "role": "user", "content": [7, {"text": 7}], "id": 7},
        {"type": "function_call", "name": "write_stdin", "call_id": "c", "arguments": "[]"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": {"x": 1}},
    ],
)  # fmt: skip
def test_what_is_strange_ends_nothing(project: Path, payload: dict[str, object]) -> None:
    rollout = Rollout(project)
    for kind in ("event_msg", "response_item", "token_usage_record", "compacted", "session_meta"):
        rollout.lines.append(
            {"timestamp": "2026-08-03T10:30:00Z", "type": kind, "payload": payload}
        )
    rollout.at = 58 * 60
    rollout.called("c1", "cat AGENTS.md")
    rollout.printed("c1", RULES)
    imported(project, rollout.write(project))
    assert len(uses(project)) == 1
