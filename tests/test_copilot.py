"""What the sessions of GitHub Copilot CLI tell, by imports and by hooks that read on in them."""

import json
import os
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from test_following import made, put

from ctxuse import UsageEvent, UsageEventKind, Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run as command
from ctxuse.codec.decode import decode
from ctxuse.doctor import examine
from ctxuse.hook import run
from ctxuse.hosts.copilot.hook import read
from ctxuse.hosts.places import Places
from ctxuse.importing import import_transcripts

RULES = "Be brief and say what you did.\nAmounts are integers of cents.\n"
ALPHA = "The shop has one currency.\nIt is the euro.\n"
SESSION = "2a1b9c2e-0000-4000-8000-000000000001"
AGENT = "2a1b9c2e-0000-4000-8000-00000000000a"
ALPHA_FILE = ".yoi/memory/decisions/alpha.md"
LISTED = """<skill>
  <name>pdf</name>
  <description>Work with &lt;PDF&gt; files</description>
  <location>project</location>
</skill>"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = made(tmp_path, monkeypatch)
    (root / "CLAUDE.md").unlink()
    put(root / "AGENTS.md", RULES)
    put(root / ALPHA_FILE, ALPHA)
    put(root / ".github/skills/pdf/SKILL.md", "---\nname: pdf\n---\nUse the tool.\n")
    (root / ".git").mkdir()
    monkeypatch.chdir(root)
    return root


class Talk:
    """Makes the lines of a session."""

    def __init__(self, project: Path, session: str = SESSION) -> None:
        self.project, self.session = project, session
        self.lines: list[dict[str, object]] = []
        context = {"cwd": str(project), "gitRoot": str(project)}
        self.line("session.start", sessionId=session, context=context)

    def line(self, kind: str, agent: str | None = None, /, **data: object) -> None:
        number = len(self.lines) + 1
        of = {} if agent is None else {"agentId": agent}
        self.lines.append({
            "type": kind, "id": f"{self.session[:-4]}{number:04}", **of,
            "timestamp": f"2026-08-03T10:{number // 60:02}:{number % 60:02}.000Z", "data": data,
        })  # fmt: skip

    def called(
        self, call_id: str, tool: str, agent: str | None = None, /, **arguments: object
    ) -> None:
        self.line(
            "tool.execution_start", agent, toolCallId=call_id, toolName=tool, arguments=arguments
        )

    def returned(self, call_id: str, said: str, agent: str | None = None, **more: object) -> None:
        result = {"content": said, "detailedContent": "…"}
        fields = {"toolCallId": call_id, "success": True, "result": result, **more}
        self.line("tool.execution_complete", agent, **fields)

    def views(self, call_id: str, path: str, said: str, **more: object) -> None:
        self.called(call_id, "view", None, path=str(self.project / path), **more)
        self.returned(call_id, said)

    def runs(
        self, call_id: str, command: str, printed: str, about: str = "", code: int = 0
    ) -> None:
        about = about or f"<shellId: 0 completed with exit code {code}>"
        self.called(call_id, "bash", command=command)
        self.returned(call_id, f"{printed}{about}", shellExecution={"exitCode": code})

    def loads(self, call_id: str, name: str, *, delivered: bool = True) -> None:
        path = str(self.project / f".github/skills/{name}/SKILL.md")
        self.called(call_id, "skill", skill=name)
        self.returned(call_id, f'Skill "{name}" loaded successfully.')
        self.line("skill.invoked", name=name, path=path, content="Use it.", trigger="agent-invoked")
        if delivered:
            about = {"prefix": "<skill-context>\n", "suffix": "\n</skill-context>"}
            digest = f"sha256:{sha256(b'Use it.').hexdigest()}"
            self.line(
                "skill.context_delivered_ref", source=f"skill-{name}", contentId=digest, **about
            )

    def prompt(self, behind: str, tools: str = "", agent: str | None = None) -> None:
        listed = f"<tools>\n<available_skills>\n{tools}\n</available_skills>\n</tools>\n"
        self.line("system.message", agent, role="system", content=f"You are.\n{listed}\n{behind}\n")

    def write(self) -> Path:
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        state = self.project.parent / ".copilot/session-state"
        return put(state / self.session / "events.jsonl", text)


def block(text: str) -> str:
    return f"<custom_instruction>\n{text}\n</custom_instruction>\n\n"


def imported(project: Path, *files: Path) -> ImportResult:
    return import_transcripts(Workspace(project), "copilot", [str(f) for f in files], cache=False)


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def told(project: Path, kind: UsageEventKind) -> list[tuple[str, str, int | None]]:
    """Call of a use or segment of an exposure, record and bytes of what an import tells."""
    return [
        (
            (event.call_id or "") if kind is UsageEventKind.USE else event.segment_id,
            f"{record.kind}/{record.slug}",
            record.context_bytes,
        )
        for event in log(project)
        for record in event.records
        if event.event is kind
    ]


def uses(talk: Talk) -> list[tuple[str, str, int | None]]:
    imported(talk.project, talk.write())
    return told(talk.project, UsageEventKind.USE)


def resident(talk: Talk) -> list[tuple[str, str, int | None]]:
    imported(talk.project, talk.write())
    return told(talk.project, UsageEventKind.RESIDENT_EXPOSURE)


class TestFiles:
    def test_what_was_shown_of_a_file_is_what_entered(self, project: Path) -> None:
        talk = Talk(project)
        talk.views("c1", ALPHA_FILE, ALPHA)
        talk.views("c2", ALPHA_FILE, "It is the euro.", view_range=[2, 2])
        cut = "\n\n[Output truncated. Use view_range=[2, ...] to continue reading.]"
        talk.views("c3", ALPHA_FILE, f"The shop{cut}", view_range=[1, -1])
        assert uses(talk) == [
            ("c1", "decision/alpha", len(ALPHA)), ("c2", "decision/alpha", 15),
            ("c3", "decision/alpha", 8),
        ]  # fmt: skip
        sizes = [(r.file_bytes, r.size_from) for event in log(project) for r in event.records]
        assert sizes == [(len(ALPHA), "transcript"), (0, "unknown"), (0, "unknown")]

    def test_what_was_not_shown_is_no_use(self, project: Path) -> None:
        talk = Talk(project)
        talk.views("c1", ALPHA_FILE, "File too large to read at once (199.1 KB). Consider grep.")
        talk.called("c2", "view", path=str(project / ALPHA_FILE))
        talk.line("tool.execution_complete", toolCallId="c2", success=False, error={"message": "x"})
        talk.called("c3", "grep", pattern="euro", output_mode="content")
        talk.returned("c3", f"{ALPHA_FILE}:It is the euro.")
        talk.called("c4", "view", path=str(project / ALPHA_FILE))
        assert uses(talk) == []


class TestCommands:
    def test_what_is_said_of_a_command_is_not_what_it_printed(self, project: Path) -> None:
        talk = Talk(project)
        talk.runs("c1", f"cat {ALPHA_FILE}", ALPHA)
        talk.runs("c2", f"cat {ALPHA_FILE}; exit 3", ALPHA, code=3)
        talk.runs("c3", f"cat {ALPHA_FILE} > /dev/null", "\n")
        assert [(call, name) for call, name, _ in uses(talk)] == [
            ("c1", "decision/alpha"), ("c2", "decision/alpha"),
        ]  # fmt: skip

    def test_what_goes_on_is_shown_when_it_is_asked_for(self, project: Path) -> None:
        talk = Talk(project)
        talk.runs(
            "c1",
            f"sleep 2; cat {ALPHA_FILE}",
            "",
            "<command started in background with shellId: 7>",
        )
        for call, printed, about in (
            ("c2", "", "<command with shellId: 7 is still running after 1 seconds. Wait.>"),
            ("c3", ALPHA, "<shellId: 7 completed with exit code 0>"),
        ):
            talk.called(call, "read_bash", shellId="7", delay=1)
            talk.returned(call, f"{printed}\n{about}")
        assert uses(talk) == [("c3", "decision/alpha", len(ALPHA))]

    def test_what_the_user_runs_is_the_users(self, project: Path) -> None:
        talk = Talk(project)
        arguments = {"command": "cat AGENTS.md"}
        talk.line(
            "tool.user_requested", toolCallId="u1", toolName="local_shell", arguments=arguments
        )
        talk.returned("u1", RULES, shellExecution={"exitCode": 0})
        assert [name for _, name, _ in uses(talk)] == ["instructions/AGENTS.md"]
        assert [event.actor for event in log(project)] == ["user"]

    def test_a_tool_of_a_server_is_its_own_to_record(self, project: Path) -> None:
        talk = Talk(project)
        talk.line(
            "tool.execution_start", toolCallId="c1", toolName="bash", mcpServerName="files",
            arguments={"command": f"cat {ALPHA_FILE}"},
        )  # fmt: skip
        talk.returned("c1", ALPHA)
        assert uses(talk) == []


class TestSkills:
    def test_one_is_used_where_its_text_is_delivered(self, project: Path) -> None:
        talk = Talk(project)
        talk.loads("c1", "pdf")
        talk.loads("c2", "pdf", delivered=False)
        assert [(call, name) for call, name, _ in uses(talk)] == [("c1", "skill/pdf")]

    def test_the_bytes_are_those_of_what_was_delivered(self, project: Path) -> None:
        talk = Talk(project)
        for number in range(2):
            talk.called(f"c{number}", "skill", skill="pdf")
            talk.returned(f"c{number}", "loaded")
            talk.line("skill.invoked", name="pdf", content="Use it.", trigger="agent-invoked")
            talk.line("skill.context_delivered", source="skill-pdf", content="<x>Ünits</x>")
        assert [length for *_, length in uses(talk)] == [13, 13]

    def test_one_that_was_told_before_is_only_referred_to(self, project: Path) -> None:
        digest = f"sha256:{sha256('Ünits'.encode()).hexdigest()}"
        talk = Talk(project)
        talk.called("c1", "skill", skill="pdf")
        talk.returned("c1", "loaded")
        talk.line("skill.invoked", name="pdf", content="Ünits", trigger="agent-invoked")
        for _ in range(2):
            talk.line(
                "skill.context_delivered_ref", source="skill-pdf", contentId=digest, prefix="<x>",
                suffix="</x>",
            )  # fmt: skip
        assert uses(talk) == [("c1", "skill/pdf", 13)]

    def test_what_the_user_types_is_delivered_with_the_prompt(self, project: Path) -> None:
        talk = Talk(project)
        talk.line("skill.invoked", name="pdf", content="Use it.", trigger="user-invoked")
        said = '<skill-context name="pdf">\nUse it.\n</skill-context>'
        talk.line("user.message", content="/pdf x", transformedContent=f"Now:\n\n{said}\nx")
        assert uses(talk) == [("", "skill/pdf", len(said))]
        assert [event.actor for event in log(project)] == ["user"]


class TestWhatIsResident:
    def test_skills_and_instructions_stand_in_the_prompt(self, project: Path) -> None:
        put(project / ".github/instructions/all.instructions.md", "---\napplyTo: '**'\n---\nMine.")
        put(project / ".github/instructions/other.instructions.md", "Not in this one.")
        talk = Talk(project)
        row = "| api/** | '.github/instructions/api.instructions.md' | of the api |"
        rules = f"---\napplyTo: '**'\n---\nMine.\n\n\n{row}\n"
        talk.prompt(block(RULES) + rules, LISTED)
        assert resident(talk) == [
            (SESSION, "skill/pdf", len(LISTED)),
            (SESSION, "instructions/AGENTS.md", len(RULES.strip())),
            (SESSION, "instructions/.github/instructions/all.instructions.md", 27),
            (SESSION, "instructions/.github/instructions/api.instructions.md", len(row)),
        ]

    def test_what_a_file_takes_in_is_a_record_of_its_own(self, project: Path) -> None:
        put(project / "AGENTS.md", "See @docs/style.md for it.\n")
        put(project / "docs/style.md", "snake_case\n")
        talk = Talk(project)
        where = project / "docs/style.md"
        inner = f'<imported_custom_instruction source="{where}">\nsnake_case\n'
        taken = f"See @docs/style.md\n\n{inner}</imported_custom_instruction> for it.\n"
        talk.prompt(block(taken))
        assert resident(talk) == [
            (SESSION, "instructions/AGENTS.md", 26), (SESSION, "instructions/docs/style.md", 10),
        ]  # fmt: skip

    def test_a_text_that_no_file_has_is_of_the_one_that_is_left(self, project: Path) -> None:
        put(project / "CLAUDE.md", "Be kind.\n")
        talk = Talk(project)
        talk.prompt(block("Older rules.\n") + block("Be kind.\n"))
        assert [(name, length) for _, name, length in resident(talk)] == [
            ("instructions/CLAUDE.md", 8), ("instructions/AGENTS.md", 12),
        ]  # fmt: skip

    def test_where_several_are_left_nothing_is_claimed(self, project: Path) -> None:
        put(project / "CLAUDE.md", "Be kind.\n")
        talk = Talk(project)
        talk.prompt(block("Older rules.\n") + block("Others.\n"))
        assert resident(talk) == []

    def test_a_new_prompt_tells_what_did_not_stand_there(self, project: Path) -> None:
        talk = Talk(project)
        talk.prompt(block(RULES))
        talk.prompt(block(RULES), LISTED)
        assert [name for _, name, _ in resident(talk)] == ["instructions/AGENTS.md", "skill/pdf"]

    def test_after_a_compaction_it_stands_there_anew(self, project: Path) -> None:
        talk = Talk(project)
        talk.prompt(block(RULES))
        talk.line("session.compaction_complete", success=False)
        talk.prompt(block(RULES))
        talk.line("session.compaction_complete", success=True)
        talk.prompt(block(RULES))
        assert [name for _, name, _ in resident(talk)] == ["instructions/AGENTS.md"] * 2

    def test_of_a_sub_agent_its_own_text_too(self, project: Path) -> None:
        body = "You review code."
        put(project / ".github/agents/reviewer.agent.md", f"---\nname: reviewer\n---\n{body}\n")
        talk = Talk(project)
        talk.line("subagent.started", AGENT, toolCallId="c1", agentName="reviewer")
        talk.line("system.message", AGENT, content=f"{body}\n<tools>\n{LISTED}\n</tools>\n")
        segment = f"{SESSION}/{AGENT}"
        assert resident(talk) == [
            (segment, "skill/pdf", len(LISTED)), (segment, "agent/reviewer", len(body)),
        ]  # fmt: skip
        assert {event.agent_type for event in log(project)} == {"reviewer"}

    def test_instructions_that_are_come_upon(self, project: Path) -> None:
        put(project / "api/AGENTS.md", 'Say "no" & go.\n')
        talk = Talk(project)
        kind = {"type": "instruction_discovered", "sourcePath": "api/AGENTS.md"}
        talk.line("system.notification", content="Discovered", kind=kind)
        talk.line("system.notification", content="x", kind={"type": "shell_completed"})
        assert resident(talk) == [(SESSION, "instructions/api/AGENTS.md", None)]
        for line in talk.lines:  # later than the file was written
            line["timestamp"] = "2999-01-01T00:00:00Z"
        Workspace(project).layout.events_path.unlink()
        assert resident(talk) == [(SESSION, "instructions/api/AGENTS.md", 28)]

    def test_instructions_of_mcp_servers_only_where_they_are_let_in(self, project: Path) -> None:
        talk = Talk(project)
        ours = "- #policy: What may be said.\n\nThe summary."
        tools = f"<ctxuse-*>\n{ours}\n</ctxuse-*>\n<files-*>\nAsk.\n</files-*>"
        talk.prompt("", tools)
        assert [(name, length) for _, name, length in resident(talk)] == [
            ("knowledge/policy", 28), ("summary/summary", 12), ("mcp/files", 4),
        ]  # fmt: skip


def test_requests_are_told_as_the_model_counts_them(project: Path) -> None:
    talk = Talk(project)
    usage = {"model": "m", "inputTokens": 100, "outputTokens": 5, "cacheReadTokens": 60,
             "maxPromptTokens": 1000, "apiCallId": "a1"}  # fmt: skip
    talk.line("session.usage_record", usage=usage)
    used = {"model": "m", "inputTokens": 300, "outputTokens": 7, "requestCount": 1}
    talk.line(
        "session.compaction_complete", success=True, compactionAttemptId="x",
        compactionTokensUsed=used,
    )  # fmt: skip
    talk.line("session.usage_record", usage={**usage, "inputTokens": 80, "apiCallId": "a2"})
    imported(project, talk.write())
    lines = Workspace(project).layout.events_path.read_bytes().splitlines()
    events = [event for line in lines if isinstance(event := decode(line), UsageEvent)]
    (block,) = [event.requests for event in events if event.requests is not None]
    assert (block.input, block.output, block.cached) == ((100, 300, 80), (5, 7, 5), (60, 0, 60))
    assert (block.model, block.window) == ("m", 1000)
    (compacted,) = block.compactions
    assert block.at_ms[1] < compacted < block.at_ms[2]  # the second one made it


def fired(project: Path, event: str, more: str = "1", **fields: object) -> int:
    """Hand a payload to the hook; return how many events that has added."""
    before = len(log(project))
    said = {"session_id": SESSION, "cwd": str(project), "hook_event_name": event, **fields}
    environ = {"HOME": str(project.parent), **({"COPILOT_CLI": more} if more else {})}
    run(["copilot"], BytesIO(json.dumps(said).encode()), environ)
    return len(log(project)) - before


def test_hooks_read_on_and_an_import_adds_nothing(project: Path) -> None:
    talk = Talk(project)
    talk.prompt(block(RULES), LISTED)
    talk.views("c1", ALPHA_FILE, ALPHA)
    path = talk.write()
    named = {"transcript_path": str(path)}
    assert fired(project, "Stop", more="", **named) == 0  # another program runs the hook
    assert fired(project, "Stop", **named) == 3
    assert fired(project, "SubagentStop", **named) == 0
    talk.called("c2", "bash", command=f"cat {ALPHA_FILE}")
    talk.write()
    assert fired(project, "Stop", **named) == 0
    talk.returned("c2", ALPHA, shellExecution={"exitCode": 0})
    talk.write()
    assert fired(project, "SessionEnd") == 1  # which names no transcript
    other = Talk(project, f"{SESSION[:-1]}2")
    other.views("c9", ALPHA_FILE, ALPHA)
    other.write()
    assert fired(project, "SessionStart", source="new") == 1
    assert imported(project, path, other.write()).added == 0


def test_a_hook_waits_for_what_is_not_written_yet(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(project)
    talk.views("c1", ALPHA_FILE, ALPHA)
    path = project.parent / f".copilot/session-state/{SESSION}/events.jsonl"
    at = "2026-08-03T10:00:00Z"
    looks: list[float] = []

    def later(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            talk.write()

    monkeypatch.setattr("ctxuse.hosts.copilot.hook.time.sleep", later)
    assert fired(project, "SessionEnd", timestamp=at, transcript_path=str(path)) == 1
    assert len(looks) == 2
    os.utime(path, (1, 1))  # written before: there is more to come
    assert fired(project, "Stop", timestamp=at, transcript_path=str(path)) == 0
    assert len(looks) > 2


@pytest.mark.parametrize("step", [1, 2, 3])
def test_wherever_reading_stops_the_log_is_that_of_an_import(project: Path, step: int) -> None:
    talk = Talk(project)
    talk.line("subagent.started", AGENT, toolCallId="c0", agentName="reviewer")
    talk.prompt(block(RULES), LISTED)
    talk.runs("c1", f"cat {ALPHA_FILE}", "", "<command started in background with shellId: 7>")
    talk.loads("c2", "pdf")
    talk.called("c3", "read_bash", shellId="7")
    talk.returned("c3", ALPHA)
    talk.called("c4", "view", AGENT, path=str(project / ALPHA_FILE))
    talk.returned("c4", ALPHA, AGENT)
    talk.prompt(block(RULES), LISTED)
    talk.loads("c5", "pdf")
    lines, path = talk.lines, talk.write()
    for number in range(1, len(lines) + step, step):
        talk.lines = lines[:number]
        talk.write()
        fired(project, "Stop", transcript_path=str(path))
    by_hooks = log(project)
    Workspace(project).layout.events_path.unlink(missing_ok=True)
    imported(project, path)
    assert [event.call_id for event in by_hooks if event.call_id] == ["c2", "c3", "c4", "c5"]
    assert by_hooks == log(project)


def test_the_project_is_where_the_session_began(project: Path) -> None:
    path = Talk(project).write()
    fields: dict[str, object] = {"session_id": SESSION, "cwd": "/elsewhere"}
    environ = {"COPILOT_CLI": "1", "HOME": str(project.parent)}
    payload = read(fields, environ)
    assert (payload.project, payload.transcript) == (str(project), str(path))
    elsewhere = {**environ, "COPILOT_HOME": "/nowhere"}
    assert read(fields, elsewhere).project == "/elsewhere"
    assert read({**fields, "session_id": "../x"}, environ).transcript is None
    assert read({"transcript_path": "a\0b", "session_id": "s"}, environ).project is None


class TestSettings:
    FILE = ".github/hooks/ctxuse.json"

    def test_they_say_their_version_and_go_when_nothing_else_is_there(self, project: Path) -> None:
        file = project / self.FILE
        assert command(["setup", "copilot", "-y"]) == 0
        there = json.loads(file.read_text())
        assert there["version"] == 1
        assert [*there["hooks"]] == ["SessionStart", "SubagentStop", "Stop", "SessionEnd"]
        (handler,) = there["hooks"]["Stop"]
        assert "ctxuse-hook copilot --shared" in handler["bash"]
        assert command(["setup", "copilot", "-y"]) == 0
        assert json.loads(file.read_text()) == there
        assert command(["setup", "copilot", "-y", "--remove"]) == 0
        assert not file.exists()
        (kept,) = file.parent.iterdir()
        assert kept.name.endswith(".bak")

    def test_what_others_have_there_stays(self, project: Path) -> None:
        text = '{"version": 1, "hooks": {"Stop": [{"type": "command", "bash": "beep"}]}}'
        file = put(project / self.FILE, text)
        assert command(["setup", "copilot", "-y"]) == 0
        assert command(["setup", "copilot", "-y", "--remove"]) == 0
        assert json.loads(file.read_text()) == json.loads(text)

    def test_hooks_are_found_wherever_the_agent_reads_them(self, project: Path) -> None:
        entry = {"type": "command", "command": "ctxuse-hook copilot --shared"}
        own, shared = project.parent / ".copilot", project / ".github"
        for file in (own / "settings.json", shared / "hooks/mine.json", own / "hooks/x.json"):
            put(file, json.dumps({"hooks": {"Stop": [entry]}}))
        put(shared / "copilot/settings.json", json.dumps({"disableAllHooks": True}))
        found = examine(Workspace(project))
        (facts,) = [host for host in found.hosts if host.host == "copilot"]
        assert len(facts.hooks) == 3
        said = " ".join(trouble.what for trouble in found.troubles)
        assert "turns all hooks of GitHub Copilot CLI off" in said

    def test_hooks_that_only_read_on_have_fired_when_there_are_events(self, project: Path) -> None:
        assert command(["setup", "copilot", "-y"]) == 0
        steps = [step.what for step in examine(Workspace(project)).next]
        assert any("Copilot CLI are installed, and the log holds no event" in s for s in steps)
        talk = Talk(project)
        talk.views("c1", ALPHA_FILE, ALPHA)
        imported(project, talk.write())
        steps = [step.what for step in examine(Workspace(project)).next]
        assert not any("Copilot CLI are installed" in step for step in steps)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".github/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".claude/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".agents/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("api/.github/skills/pdf/SKILL.md", ("skill", "api:pdf")),
        ("~/.copilot/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("~/.agents/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".github/copilot-instructions.md", ("instructions", None)),
        ("api/.github/copilot-instructions.md", ("instructions", None)),
        ("~/.copilot/copilot-instructions.md", ("instructions", None)),
        (".github/instructions/deep/a.instructions.md", ("instructions", None)),
        ("~/.copilot/instructions/a.instructions.md", ("instructions", None)),
        ("GEMINI.md", ("instructions", None)),
        (".claude/rules/a.md", ("instructions", None)),
        (".github/agents/reviewer.agent.md", ("agent", "reviewer")),
        (".github/agents/reviewer.md", ("agent", "reviewer")),
        ("~/.copilot/agents/reviewer.agent.md", ("agent", "reviewer")),
        (".github/prompts/a.prompt.md", None),
        (".github/workflows/a.md", None),
    ],
)
def test_which_record_a_path_is(
    project: Path, path: str, expected: tuple[str, str | None] | None
) -> None:
    found = Places(Workspace(project).layout).record_at(path)
    slug = None if expected is None else expected[1] or path
    assert (found and (found.kind, found.slug)) == (expected and (expected[0], slug))


def test_an_agent_is_found_by_the_name_of_its_file(project: Path) -> None:
    put(project / ".github/agents/reviewer.agent.md", "You review.")
    found = Places(Workspace(project).layout).prompt_named("agent", "reviewer")
    assert found is not None
    assert found.file.endswith("reviewer.agent.md")


HALF = "\ud800"


@pytest.mark.parametrize(
    "data",
    [
        7, [], None, "x", {"toolCallId": 7, "toolName": {}, "arguments": []},
        {"toolCallId": "x" * 5000}, {"toolCallId": HALF, "name": HALF, "path": HALF},
        {"toolCallId": "c9", "toolName": "view", "arguments": {"path": "a\0b"}},
        {"toolCallId": "c9", "toolName": "view", "arguments": {"path": ["x"]}},
        {"toolCallId": "c9", "toolName": "bash", "arguments": {"command": 1e400}},
        {"toolCallId": "c9", "toolName": "read_bash", "arguments": {"shellId": {}}},
        {"result": {"content": {"a": 1}}, "success": True, "toolCallId": "c9"},
        {"result": [], "success": True, "toolCallId": "c9"},
        {"content": [HALF], "name": "pdf", "trigger": [], "source": {}},
        {"content": HALF, "name": "pdf", "source": "skill-pdf", "trigger": "user-invoked"},
        {"content": "<skill>\n  <name>pdf</name>" * 2000},
        {"content": "\n</tools>\n" + "<custom_instruction>\n" * 2000},
        {"content": "\n</tools>\n| a | '../../../../etc/a\0b' | c |"},
        {"kind": {"type": "instruction_discovered", "sourcePath": "../" * 300 + "etc/passwd"}},
        {"kind": {"type": "instruction_discovered", "sourcePath": "a\0b"}},
        {"usage": {"inputTokens": True, "outputTokens": -1, "apiCallId": []}},
        {"usage": {"inputTokens": 1e400}}, {"usage": []}, {"usage": {"inputTokens": 2**70}},
        {"success": True, "compactionTokensUsed": {"inputTokens": "9"}, "context": 7, "cwd": 7},
        {"transformedContent": '<skill-context name="pdf">\n' * 2000, "toolRequests": [7, {}]},
        {"agentName": HALF, "contentId": 7, "prefix": 7, "suffix": []},
    ],
)  # fmt: skip
def test_what_is_strange_ends_nothing(project: Path, data: object) -> None:
    talk = Talk(project)
    kinds = (
        "session.start", "session.resume", "session.context_changed", "session.usage_record",
        "session.compaction_complete", "system.message", "system.notification", "user.message",
        "assistant.message", "tool.execution_start", "tool.user_requested",
        "tool.execution_complete", "skill.invoked", "skill.invoked_ref", "skill.context_delivered",
        "subagent.started", "no.such_thing",
    )  # fmt: skip
    for kind in kinds:
        for agent in (None, 7, AGENT, HALF):
            stamp = "2026-08-03T10:30:00Z"
            line = {"type": kind, "timestamp": stamp, "id": 7, "agentId": agent, "data": data}
            talk.lines.append(line)
    talk.lines += [{"type": ["x"]}, {"type": "x", "data": data}, {"timestamp": 7}]
    talk.views("c1", ALPHA_FILE, ALPHA)
    assert "c1" in [call for call, *_ in uses(talk)]


def test_a_prompt_of_any_length_is_read_once(project: Path) -> None:
    talk = Talk(project)
    many = "".join(LISTED.replace("pdf", f"s{n}") + "\n" for n in range(3000))
    imports = '\n\n<imported_custom_instruction source="x">\n' * 3000
    unclosed = "<skill>\n  <name>x</name>\n" * 3000 + "<a-*>\n" * 3000 + imports
    talk.prompt(unclosed + "<custom_instruction>\n" * 3000 + block(RULES), many + unclosed)
    assert len(resident(talk)) == 3001
