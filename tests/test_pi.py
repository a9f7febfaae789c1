"""What the session files of Pi tell, of today and before."""

import json
import random
from pathlib import Path

import pytest
from test_following import made, put

from ctxuse import UsageEvent, UsageEventKind, Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run as command
from ctxuse.doctor import examine
from ctxuse.events import Requests
from ctxuse.hosts.places import Places
from ctxuse.importing import import_transcripts, sessions
from ctxuse.layout import WorkspaceLayout

RULES = "Be brief and say what you did.\nAmounts are integers of cents.\n"
ALPHA = "The shop has one currency.\nIt is the euro.\n"
ALPHA_FILE = ".yoi/memory/decisions/alpha.md"
PDF = "---\nname: pdf\ndescription: Fills <forms>\n---\nStep one.\n"
ROOT = "01aaaaaa-0000-7000-8000-000000000001"
FORK = "01bbbbbb-0000-7000-8000-000000000002"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = made(tmp_path, monkeypatch)
    put(root / "AGENTS.md", RULES)
    put(root / ALPHA_FILE, ALPHA)
    put(root / ".pi/skills/pdf/SKILL.md", PDF)
    return root


def instructions(*files: tuple[Path, str]) -> str:
    told = [
        f'<project_instructions path="{path}">\n{said}\n</project_instructions>'
        for path, said in files
    ]
    said = "\n\n".join(["Project-specific instructions and guidelines:", *told])
    return f"<project_context>\n{said}\n</project_context>"


def entry(name: str, where: object) -> str:
    return (
        f"  <skill>\n    <name>{name}</name>\n    <description>Fills &lt;forms&gt;</description>\n"
        f"    <location>{where}</location>\n  </skill>"
    )


def listing(*entries: str) -> str:
    said = "\n".join(entries)
    return f"<skills>\nSome words.\n\n<available_skills>\n{said}\n</available_skills>\n</skills>"


class File:
    """Makes the lines of a session file; time goes on by a second with each."""

    def __init__(self, project: Path, own: str = ROOT, minute: int = 0, **more: object) -> None:
        self.cwd, self.own, self.at = str(project), own, minute * 60
        header = {"type": "session", "version": 3, "id": own, "timestamp": self.time()}
        self.lines: list[dict[str, object]] = [{**header, "cwd": self.cwd, **more}]

    def time(self) -> str:
        self.at += 1
        return f"2026-08-03T10:{self.at // 60:02}:{self.at % 60:02}.000Z"

    def line(self, kind: str, /, **fields: object) -> str:
        before = self.lines[-1]["id"] if len(self.lines) > 1 else None
        own = f"{len(self.lines):08x}"
        line = {"type": kind, "id": own, "parentId": before, "timestamp": self.time()}
        self.lines.append({**line, **fields})
        return own

    def message(self, role: str, content: object = "", **fields: object) -> str:
        return self.line("message", message={"role": role, "content": content, **fields})

    def system(self, **sections: str | None) -> str:
        return self.message("system", sections=sections)

    def said(self, *parts: object, taken: int = 100) -> str:
        usage = {"input": taken - 30, "cacheRead": 20, "cacheWrite": 10, "output": 5}
        return self.message("assistant", [*parts], usage=usage, model="m")

    def calls(self, call_id: str, name: str, **arguments: object) -> str:
        part = {"type": "toolCall", "id": call_id, "name": name, "arguments": arguments}
        return self.said(part)

    def answers(self, call_id: str, said: str, *, failed: bool = False) -> str:
        content = [{"type": "text", "text": said}]
        return self.message("toolResult", content, toolCallId=call_id, isError=failed)

    def ran(self, said: str, *, failed: bool = False, **arguments: object) -> None:
        name = "read" if "path" in arguments else "bash"
        call_id = f"call_{len(self.lines)}x"
        self.calls(call_id, name, **arguments)
        self.answers(call_id, said, failed=failed)

    def write(self, project: Path) -> Path:
        folder = project.parent / ".pi/agent/sessions/--shop--"
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        return put(folder / f"{self.own}.jsonl", text)


def imported(project: Path, *files: Path) -> ImportResult:
    paths = [str(path) for path in files]
    return import_transcripts(Workspace(project), "pi", paths, cache=False)


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def uses(project: Path) -> list[tuple[str, int | None]]:
    """Record and bytes of each use."""
    return [
        (f"{record.kind}/{record.slug}", record.context_bytes)
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


def blocks(project: Path) -> list[tuple[str, Requests]]:
    """The segment of each block of requests, and the block."""
    events = Workspace(project).events(of_requests=True)
    found = [event for event in events if isinstance(event, UsageEvent)]
    return [(e.segment_id, e.requests) for e in found if e.requests is not None]


def taken(project: Path) -> list[tuple[str, tuple[int, ...], int]]:
    """Of each block the segment, what its requests took in, and how many compactions it tells."""
    return [(s, block.input, len(block.compactions)) for s, block in blocks(project)]


class TestTools:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (ALPHA, len(ALPHA)),
            ("The shop\n\n[1 more lines in file. Use offset=2 to continue.]", 8),
            ("The shop\n\n[Showing lines 1-1 of 9. Use offset=2 to continue.]", 8),
            ("The shop\n\n[Showing lines 1-1 of 9 (50.0KB limit). Use offset=2 to continue.]", 8),
            ("[Line 1 is 99.0KB, exceeds 50.0KB limit. Use bash: sed -n '1p' a | head]", None),
            ("", None),
        ],
    )
    def test_of_a_file_as_much_as_was_shown(
        self, project: Path, said: str, shown: int | None
    ) -> None:
        file = File(project)
        file.ran(said, path=ALPHA_FILE)
        imported(project, file.write(project))
        assert uses(project) == ([] if shown is None else [("decision/alpha", shown)])

    def test_only_a_whole_file_tells_its_size(self, project: Path) -> None:
        file = File(project)
        file.ran(ALPHA, path=ALPHA_FILE)
        file.ran("It is the euro.\n", path=ALPHA_FILE, offset=2)
        imported(project, file.write(project))
        sizes = [
            (event.records[0].file_bytes, event.records[0].size_from) for event in log(project)
        ]
        assert sizes[:2] == [(len(ALPHA), "transcript"), (0, "unknown")]

    @pytest.mark.parametrize("path", [ALPHA_FILE, f"@{ALPHA_FILE}", "{project}/" + ALPHA_FILE])
    def test_paths_are_taken_as_the_agent_takes_them(self, project: Path, path: str) -> None:
        file = File(project)
        file.ran(ALPHA, path=path.format(project=project))
        imported(project, file.write(project))
        assert uses(project) == [("decision/alpha", len(ALPHA))]

    def test_what_failed_was_not_read(self, project: Path) -> None:
        file = File(project)
        file.ran("ENOENT: no such file", path=ALPHA_FILE, failed=True)
        file.ran("Blocked by an extension\n" + ALPHA, command=f"cat {ALPHA_FILE}", failed=True)
        result = imported(project, file.write(project))
        assert uses(project) == []
        assert result.notes.failed == 2

    @pytest.mark.parametrize(
        "ends",
        [
            "exited with code 3",
            "aborted",
            "timed out after 2 seconds",
            "terminated without an exit code",
        ],
    )
    def test_a_command_that_failed_may_have_shown_something(self, project: Path, ends: str) -> None:
        file = File(project)
        said = f"{ALPHA}\n\nCommand {ends}"
        file.ran(said, command=f"cat {ALPHA_FILE}; exit 3", failed=True)
        imported(project, file.write(project))
        assert uses(project) == [("decision/alpha", len(ALPHA))]

    def test_a_search_is_no_use(self, project: Path) -> None:
        file = File(project)
        for name in ("grep", "find", "ls", "edit", "write", "of_an_extension"):
            file.calls(f"call_{name}", name, path=ALPHA_FILE, pattern="shop")
            file.answers(f"call_{name}", ALPHA)
        file.ran(ALPHA, command="rg -n . .yoi")
        result = imported(project, file.write(project))
        assert uses(project) == []
        assert result.notes.no_record == 7

    def test_a_call_without_its_result_is_open(self, project: Path) -> None:
        file = File(project)
        file.calls("call_x", "read", path=ALPHA_FILE)
        result = imported(project, file.write(project))
        assert (uses(project), result.notes.unfinished) == ([], 1)


class TestTypedByTheUser:
    def test_files_that_were_handed_over(self, project: Path) -> None:
        file = File(project)
        put(project / "README.md", "# The shop\n")
        told = "".join(
            f'<file name="{project}/{name}">\n{said}\n</file>\n'
            for name, said in (("README.md", "# The shop\n"), (ALPHA_FILE, ALPHA))
        )
        told += f'<file name="{project}/AGENTS.md"></file>\n'
        file.message("user", [{"type": "text", "text": f"{told}What is in @{ALPHA_FILE} ?"}])
        imported(project, file.write(project))
        assert uses(project) == [("decision/alpha", len(ALPHA)), ("instructions/AGENTS.md", None)]
        assert {(event.actor, event.source.value) for event in log(project)} == {
            ("user", "KnowledgeRef")
        }

    def test_only_what_a_message_begins_with_was_handed_over(self, project: Path) -> None:
        file = File(project)
        file.message("user", f'See <file name="{project}/{ALPHA_FILE}">\n{ALPHA}\n</file>\n')
        file.message("user", f'<file name="{project}/{ALPHA_FILE}">\n{ALPHA} and no end')
        file.message("user", f'x <skill name="pdf" location="{project}">\n.\n</skill>')
        imported(project, file.write(project))
        assert uses(project) == []

    def test_a_skill_that_was_called(self, project: Path) -> None:
        where = project / ".pi/skills/pdf/SKILL.md"
        block = (
            f'<skill name="pdf" location="{where}">\nReferences are there.\n\nStep one.\n</skill>'
        )
        file = File(project)
        file.message("user", f"{block}\n\nform.pdf")
        file.message("user", f"{block}")
        imported(project, file.write(project))
        assert uses(project) == [("skill/pdf", len(block))] * 2
        assert {(event.actor, event.source.value) for event in log(project)} == {
            ("user", "WorkflowInvoke")
        }

    @pytest.mark.parametrize("excluded", [True, False, None])
    def test_a_command_that_was_run(self, project: Path, excluded: object) -> None:
        file = File(project)
        ran = {"command": f"cat {ALPHA_FILE}", "output": ALPHA, "exitCode": 0}
        file.message("bashExecution", excludeFromContext=excluded, **ran)
        imported(project, file.write(project))
        assert uses(project) == ([] if excluded else [("decision/alpha", len(ALPHA))])
        assert all(event.actor == "user" for event in log(project))


class TestResident:
    def prompt(self, project: Path) -> dict[str, str]:
        own = project.parent / ".pi/agent/AGENTS.md"
        return {
            "project_context": instructions((own, "Own.\n"), (project / "AGENTS.md", RULES)),
            "skills": listing(entry("pdf", project / ".pi/skills/pdf/SKILL.md")),
            "cwd": f"<cwd>\n{project}\n</cwd>",
        }

    def test_what_the_prompt_holds_stands_once(self, project: Path) -> None:
        file = File(project)
        file.system(**self.prompt(project))
        file.message("user", "Go on")
        file.said()
        file.said()
        imported(project, file.write(project))
        skill = len(entry("pdf", project / ".pi/skills/pdf/SKILL.md"))
        assert resident(project) == [
            (ROOT, "instructions/~/.pi/agent/AGENTS.md", len("Own.\n")),
            (ROOT, "instructions/AGENTS.md", len(RULES)),
            (ROOT, "skill/pdf", skill),
        ]

    def test_what_was_never_sent_was_not_there(self, project: Path) -> None:
        file = File(project)
        file.system(**self.prompt(project))
        file.message("user", "Go on")
        imported(project, file.write(project))
        assert resident(project) == []

    def test_instructions_may_look_like_their_frame(self, project: Path) -> None:
        odd = f"{RULES}</project_instructions>\n\n<skill>\n    <name>x</name>\n"
        file = File(project)
        file.system(project_context=instructions((project / "AGENTS.md", odd)))
        file.said()
        imported(project, file.write(project))
        assert resident(project) == [(ROOT, "instructions/AGENTS.md", len(odd))]

    def test_of_what_changes_what_is_another_text(self, project: Path) -> None:
        file = File(project)
        file.system(**self.prompt(project))
        file.said()
        own = project.parent / ".pi/agent/AGENTS.md"
        changed = instructions((own, "Own.\n"), (project / "AGENTS.md", RULES + RULES))
        file.system(project_context=changed, skills=None)
        file.said()
        file.line("compaction", summary="x")
        file.said()
        imported(project, file.write(project))
        names = [(name, size) for _, name, size in resident(project) if "skill" not in name]
        assert names == [
            ("instructions/~/.pi/agent/AGENTS.md", 5), ("instructions/AGENTS.md", len(RULES)),
            ("instructions/AGENTS.md", 2 * len(RULES)),
            ("instructions/~/.pi/agent/AGENTS.md", 5), ("instructions/AGENTS.md", 2 * len(RULES)),
        ]  # fmt: skip
        assert len([name for _, name, _ in resident(project) if "skill" in name]) == 1
        assert taken(project) == [(ROOT, (100, 100, 100), 1)]

    def test_a_prompt_of_ones_own_is_told_by_its_text(self, project: Path) -> None:
        put(project / ".pi/SYSTEM.md", "Help with the shop.\n")
        put(project.parent / ".pi/agent/APPEND_SYSTEM.md", "And ask.\n")
        file = File(project)
        addendum = "<addendum>\nAnd ask.\n\n</addendum>"
        file.system(preamble="Help with the shop.\n", addendum=addendum)
        file.said()
        file.system(preamble="Help with something else.\n")
        file.said()
        imported(project, file.write(project))
        assert resident(project) == [
            (ROOT, "instructions/.pi/SYSTEM.md", 20),
            (ROOT, "instructions/~/.pi/agent/APPEND_SYSTEM.md", 9),
        ]

    def test_older_versions_do_not_say_what_stands_there(self, project: Path) -> None:
        file = File(project)
        file.message("user", "Go on")
        file.ran(ALPHA, path=ALPHA_FILE)
        file.said()
        imported(project, file.write(project))
        assert (resident(project), len(uses(project))) == ([], 1)


class TestBranches:
    def forked(self, parent: File, project: Path, own: str = FORK) -> File:
        """A fork that begins with all entries of its parent."""
        fork = File(project, own, minute=20, parentSession=f"/s/2026_{ROOT}.jsonl")
        fork.lines += parent.lines[1:]
        return fork

    def parent(self, project: Path) -> File:
        file = File(project)
        file.system(project_context=instructions((project / "AGENTS.md", RULES)))
        file.message("user", f'<file name="{project}/{ALPHA_FILE}">\n{ALPHA}\n</file>\nGo on')
        file.calls("call_0", "read", path=ALPHA_FILE)
        file.answers("call_0", ALPHA)
        file.message("bashExecution", command=f"cat {ALPHA_FILE}", output=ALPHA, exitCode=0)
        file.said()
        return file

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_what_a_fork_repeats_happened_in_its_parent(
        self, project: Path, order: tuple[int, ...]
    ) -> None:
        parent = self.parent(project)
        fork = self.forked(parent, project)
        fork.message("user", "Once more")
        fork.calls("call_0", "read", path=ALPHA_FILE)
        fork.answers("call_0", ALPHA)
        files = [parent.write(project), fork.write(project)]
        for number in order:
            imported(project, files[number])
        segments = [e.segment_id for e in log(project) if e.event is UsageEventKind.USE]
        assert sorted(segments) == [ROOT, ROOT, ROOT, FORK]
        assert sorted(resident(project)) == [
            (ROOT, "instructions/AGENTS.md", len(RULES)),
            (FORK, "instructions/AGENTS.md", len(RULES)),
        ]
        assert sorted(taken(project)) == [(ROOT, (100, 100), 0), (FORK, (100,), 0)]

    def test_in_a_fork_that_is_not_gone_on_with_nothing_stands(self, project: Path) -> None:
        imported(project, self.forked(self.parent(project), project).write(project))
        assert log(project) == []

    def test_a_fork_elsewhere_has_the_prompt_of_that_place(self, project: Path) -> None:
        fork = self.forked(self.parent(project), project)
        fork.system(project_context=instructions((project / "api/AGENTS.md", "v2\n")))
        fork.message("user", "Once more")
        fork.said()
        imported(project, fork.write(project))
        assert resident(project) == [(FORK, "instructions/api/AGENTS.md", 3)]

    def test_an_entry_of_several_branches_counts_once(self, project: Path) -> None:
        file = self.parent(project)
        first = file.lines[3]["id"]
        for _ in range(2):
            file.message("user", "Another way")
            file.lines[-1]["parentId"] = first
            file.ran(ALPHA, path=ALPHA_FILE)
        imported(project, file.write(project))
        assert len(uses(project)) == 3 + 2
        assert len(resident(project)) == 1

    def test_again_adds_nothing(self, project: Path) -> None:
        path = self.parent(project).write(project)
        first, again = imported(project, path), imported(project, path)
        assert (first.added, again.added, again.there) == (4, 0, 4)


def test_tokens_are_calibrated_by_what_responses_took_in(project: Path) -> None:
    file = File(project)
    total = 1000
    for number in range(20):
        is_branch = number > 6
        file.calls(f"call_{number}x", "bash", command="ls")
        message = file.lines[-1]["message"]
        assert isinstance(message, dict)
        message["usage"] = {"input": total}
        file.answers(f"call_{number}x", "x" * 3_000)
        if is_branch:  # what the next response took in says nothing of this
            file.lines[-1]["parentId"] = file.lines[1]["id"]
        total += 200 if is_branch else 1000
    file.said(taken=total)
    file.ran(ALPHA, path=ALPHA_FILE)
    imported(project, file.write(project))
    (record,) = log(project)[0].records
    assert record.tokens_from == "calibrated"
    assert record.context_tokens == pytest.approx(len(ALPHA) / 3.0, abs=2)


def test_requests_are_told_each_once(project: Path) -> None:
    file = File(project)
    file.said(taken=100)
    file.message("assistant", [], usage={"input": 0, "output": 0}, errorMessage="refused")
    file.said(taken=200)
    file.line("usage", kind="cache_warm", usage={"input": 7, "cacheRead": 90})
    file.said(taken=200)
    imported(project, file.write(project))
    assert taken(project) == [(ROOT, (100, 200, 200), 0)]
    ((_, block),) = blocks(project)
    assert (block.cached, block.written, block.output, block.model) == (
        (20, 20, 20), (10, 10, 10), (5, 5, 5), "m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("AGENTS.md", "instructions/AGENTS.md"),
        ("api/CLAUDE.MD", "instructions/api/CLAUDE.MD"),
        ("AGENTS.override.md", "instructions/AGENTS.override.md"),
        ("~/.pi/agent/AGENTS.md", "instructions/~/.pi/agent/AGENTS.md"),
        ("~/.pi/agent/SYSTEM.md", "instructions/~/.pi/agent/SYSTEM.md"),
        (".pi/SYSTEM.md", "instructions/.pi/SYSTEM.md"),
        (".pi/APPEND_SYSTEM.md", "instructions/.pi/APPEND_SYSTEM.md"),
        ("docs/SYSTEM.md", None),
        ("SYSTEM.md", None),
        (".pi/skills/pdf/SKILL.md", "skill/pdf"),
        (".agents/skills/team/pdf/SKILL.md", "skill/pdf"),
        ("~/.pi/agent/skills/pdf/SKILL.md", "skill/pdf"),
        ("~/.agents/skills/pdf/SKILL.md", "skill/pdf"),
        (".pi/prompts/fix.md", "command/fix"),
        ("~/.pi/agent/prompts/fix.md", "command/fix"),
        (".pi/settings.json", None),
    ],
)
def test_where_it_keeps_records(project: Path, path: str, name: str | None) -> None:
    places = Places(WorkspaceLayout(project), {"HOME": str(project.parent)})
    file = project.parent / path[2:] if path.startswith("~/") else project / path
    put(file, "x")
    record = places.record_at(path)
    assert (record and f"{record.kind}/{record.slug}") == name


def test_records_of_several_agents_are_listed_once(project: Path) -> None:
    put(project / "CLAUDE.md", "x")
    places = Places(WorkspaceLayout(project), {"HOME": str(project.parent)})
    names = [record.slug for record in places.instruction_files()]
    assert sorted(names) == ["AGENTS.md", "CLAUDE.md"]


def test_its_own_directory_may_be_elsewhere(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PI_CODING_AGENT_DIR", str(tmp_path / "own"))
    file = File(project)
    file.ran(ALPHA, path=ALPHA_FILE)
    path = file.write(project)
    there = tmp_path / "own/sessions/--x--/a.jsonl"
    put(there, path.read_text())
    (found,) = sessions("pi", Places(WorkspaceLayout(project)))
    assert (found.path, found.began, found.head.session) == (str(there), str(project), ROOT)


def test_doctor_knows_agents_that_have_no_hooks(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"HOME": str(project.parent), "PATH": ""}
    assert "pi" not in {host.host for host in examine(Workspace(project), environ).hosts}
    file = File(project)
    file.ran(ALPHA, path=ALPHA_FILE)
    file.write(project)
    found = examine(Workspace(project), environ)
    (host,) = [host for host in found.hosts if host.host == "pi"]
    assert (host.hooks, host.transcripts) == ((), 1)
    steps = [step.command for step in found.next]
    assert "ctxuse import pi" in steps
    assert "ctxuse setup pi" not in steps
    monkeypatch.chdir(project)
    command(["doctor"])
    said = capsys.readouterr().out
    assert "Pi          no hooks of ctxuse are for it; 1 transcript of sessions here" in said
    assert command(["import", "pi"]) == 0
    assert "ctxuse import pi" not in [s.command for s in examine(Workspace(project), environ).next]


STRANGE = [
    7, [], {}, "x", None, True, {"role": 7}, {"role": "user", "content": 7},
    {"role": "user", "content": {"text": "x"}}, {"role": "user", "content": [7, {"text": 7}]},
    {"role": "user", "content": '<file name="\\ud800">\nx\n</file>\n'},
    {"role": "user", "content": '<file name="\0">\nx\n</file>\n'},
    {"role": "user", "content": '<skill name="../.." location="\0">\nx\n</skill>'},
    {"role": "system", "sections": 7}, {"role": "system", "sections": {"skills": 7}},
    {"role": "system", "sections": {"project_context": "<project_instructions path="}},
    {"role": "system", "sections": {"project_context": instructions((Path("\0"), "x"))}},
    {"role": "system", "sections": {"skills": listing(entry("\ud800", "\0/SKILL.md"))}},
    {"role": "assistant", "usage": {"input": -1, "cacheRead": 2.5, "cacheWrite": True}},
    {"role": "assistant", "usage": [], "content": [{"type": "toolCall", "id": "a", "name": []}]},
    {"role": "assistant", "content": [{"type": "toolCall", "id": [], "arguments": 7}]},
    {"role": "toolResult", "toolCallId": [], "content": 7}, {"role": "toolResult"},
    {"role": "bashExecution", "command": 7, "output": {}},
    {"role": "bashExecution", "command": "cat \0", "output": "\ud800", "exitCode": []},
]  # fmt: skip


@pytest.mark.parametrize("message", STRANGE)
def test_what_is_strange_ends_nothing(project: Path, message: object) -> None:
    file = File(project)
    for kind in ("message", "compaction", "custom_message", "x" * 300, 7):
        file.line("x", message=message, systemMessage=message)
        file.lines[-1]["type"] = kind
    for name, value in (("id", []), ("parentId", {}), ("timestamp", 7), ("timestamp", "x" * 99)):
        file.line("message", message=message)
        file.lines[-1][name] = value
    file.ran(ALPHA, path=ALPHA_FILE)
    imported(project, file.write(project))
    assert uses(project) == [("decision/alpha", len(ALPHA))]


@pytest.mark.parametrize("name", ["id", "timestamp", "cwd", "parentSession", "type"])
@pytest.mark.parametrize("value", [7, None, [], "x", "\0", "\ud800"])
def test_a_strange_beginning_ends_nothing(project: Path, name: str, value: object) -> None:
    file = File(project)
    file.ran(ALPHA, path=ALPHA_FILE)
    file.lines[0][name] = value
    path = file.write(project)
    assert imported(project, path).unreadable == []
    assert [*sessions("pi", Places(WorkspaceLayout(project)))]


def test_no_bytes_end_an_import(project: Path) -> None:
    file = File(project)
    file.system(project_context=instructions((project / "AGENTS.md", RULES)))
    file.ran(ALPHA, path=ALPHA_FILE)
    whole = file.write(project).read_bytes()
    chance = random.Random(7)  # noqa: S311 - not for secrets
    for number in range(60):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 9)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = project.parent / f"{number}.jsonl"
        path.write_bytes(bytes(data) + b'\n{"a":' + b"[" * 2_000)
        assert imported(project, path).unreadable == []
