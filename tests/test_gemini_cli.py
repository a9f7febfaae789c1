"""What the chats of Gemini CLI tell, and its hooks; and where it keeps records."""

import json
import os
import random
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from test_following import made, put

from ctxuse import UsageEvent, UsageEventKind, Workspace, WorkspaceLayout
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run as command
from ctxuse.hook import run
from ctxuse.hosts.gemini_cli import imports
from ctxuse.hosts.gemini_cli.context import placed
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.importing import import_transcripts

RULES, STYLE, API = "Be brief and say what you did.", "Use snake_case.", "Version two only."
ALPHA = "The shop has one currency.\nIt is the euro.\n"
ONE, TWO = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
CONTEXT = "d04923d38bb0f6017037e74183378ef4"
"""The id of the message with which a session begins: the same in all of them."""

SERVED = "- #glossary: Words of the shop.\n\nWe build ships."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = made(tmp_path, monkeypatch)
    put(root / "GEMINI.md", f"{RULES}\nSee @docs/style.md for more.\n")
    put(root / "docs/style.md", STYLE)
    put(root / "api/GEMINI.md", API)
    put(root / ".yoi/memory/decisions/alpha.md", ALPHA)
    put(root / ".gemini/skills/pdf/SKILL.md", "---\nname: pdf\n---\nUse the tool.\n")
    return root


def file_of(path: object, text: str) -> str:
    return f"--- Context from: {path} ---\n{text}\n--- End of Context from: {path} ---"


def served(name: str, text: str) -> str:
    return (
        f"The following are instructions provided by the tool server '{name}':\n"
        f"---[start of server instructions]---\n{text}\n---[end of server instructions]---"
    )


class Chat:
    """Makes the lines of a chat."""

    def __init__(self, project: Path, session: str = ONE, kind: str = "main") -> None:
        self.project, self.session, self.kind = project, session, kind
        self.at = 0
        self.lines: list[dict[str, object]] = []
        self.line(sessionId=session, projectHash="x", startTime=self.now(), kind=kind)

    def now(self) -> str:
        self.at += 1
        return f"2026-08-03T10:{self.at // 60:02}:{self.at % 60:02}.000Z"

    def line(self, **fields: object) -> None:
        self.lines.append(fields)

    def message(self, kind: str, parts: object, key: str = "", **more: object) -> dict[str, object]:
        now = self.now()
        key = key or f"{self.session[:8]}-{self.at}"
        return {"id": key, "timestamp": now, "type": kind, "content": parts, **more}

    def says(self, kind: str, *texts: str, **more: object) -> None:
        self.line(**self.message(kind, [{"text": text} for text in texts], **more))  # type: ignore[arg-type]

    def context(self, *more: str) -> dict[str, object]:
        """The message with which a session begins."""
        taken_in = f"<!-- Imported from: docs/style.md -->\n{STYLE}\n"
        rules = f"{RULES}\nSee {taken_in}<!-- End of import from: docs/style.md --> for more."
        inner = "\n\n".join([file_of(self.project / "GEMINI.md", rules), *more])
        said = (
            "<session_context>\nThis is the Gemini CLI.\n\n<loaded_context>\n<project_context>\n"
            f"{inner}\n</project_context>\n</loaded_context>\n</session_context>"
        )
        return self.message("user", [{"text": said}], CONTEXT)

    def sets(self, *messages: dict[str, object]) -> None:
        self.line(**{"$set": {"messages": messages, "lastUpdated": self.now()}})

    def answers(self, taken: int = 100, *calls: dict[str, object]) -> None:
        """A message of the model, and once more with the results of its calls."""
        tokens = {"input": taken, "output": 5, "cached": 10, "thoughts": 2, "tool": 0}
        said = self.message("gemini", "", tokens=tokens, model="gemini-x")
        self.line(**said)
        self.line(**{"$set": {"lastUpdated": self.now()}})
        if calls:
            self.line(**said, toolCalls=calls)
            results = [part for call in calls for part in call["result"]]  # type: ignore[attr-defined]
            self.line(**self.message("user", results))

    def call(
        self, number: int, name: str, args: object, output: str, **more: object
    ) -> dict[str, object]:
        call_id = f"{name}__{name}_17955721849{number:02}_0"
        response = {"id": call_id, "name": name, "response": {"output": output}}
        result = [{"functionResponse": response}]
        said = {"id": call_id, "name": name, "args": args, "result": result, "status": "success"}
        return {**said, "timestamp": self.now(), **more}

    def write(self, name: str = "") -> Path:
        folder = self.project.parent / ".gemini/tmp/app"
        put(folder / ".project_root", str(self.project))
        name = name or f"session-2026-08-03T10-00-{self.session[:8]}.jsonl"
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        return put(folder / "chats" / name, text)


def imported(project: Path, *chats: Path) -> ImportResult:
    return import_transcripts(Workspace(project), "gemini-cli", map(str, chats), cache=False)


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def told(project: Path, kind: UsageEventKind) -> list[tuple[str, str, int | None]]:
    """Segment, record and bytes of each event of a kind."""
    return [
        (event.segment_id, f"{record.kind}/{record.slug}", record.context_bytes)
        for event in log(project)
        for record in event.records
        if event.event is kind
    ]


def uses(project: Path) -> list[tuple[str, int | None]]:
    return [(name, size) for _, name, size in told(project, UsageEventKind.USE)]


def resident(project: Path) -> list[tuple[str, str, int | None]]:
    return told(project, UsageEventKind.RESIDENT_EXPOSURE)


def blocks(project: Path) -> list[dict[str, object]]:
    """What is stored of requests."""
    lines = Workspace(project).layout.events_path.read_text().splitlines()
    return [line["segment"] for line in map(json.loads, lines) if "segment" in line]


OWN = len(f"{RULES}\nSee  for more.")
BEGINS = [("instructions/GEMINI.md", OWN), ("instructions/docs/style.md", len(STYLE))]


def test_what_begins_a_session_is_resident_in_each_although_its_id_is_the_same(
    project: Path,
) -> None:
    chats = []
    for session in (ONE, TWO):
        chat = Chat(project, session)
        chat.sets(chat.context())
        chats.append(chat.write())
    imported(project, *chats)
    assert sorted(resident(project)) == sorted((s, *one) for s in (ONE, TWO) for one in BEGINS)


def test_a_session_that_is_resumed_has_its_context_once(project: Path) -> None:
    chat = Chat(project)
    chat.sets(context := chat.context())
    chat.says("user", "hello")
    chat.line(sessionId=ONE, projectHash="x", startTime=chat.now(), kind="main")
    chat.sets(chat.context())
    chat.sets(context, chat.message("user", [{"text": "hello"}]))
    result = imported(project, chat.write())
    assert sorted(one for _, *one in map(list, resident(project))) == sorted(map(list, BEGINS))
    assert (result.added, result.there) == (len(BEGINS), 0)
    assert not result.notes.not_understood


def test_after_a_compaction_it_stands_there_anew(project: Path) -> None:
    chat = Chat(project)
    chat.sets(context := chat.context())
    chat.answers(1000)
    summary = chat.message("user", [{"text": "<state_snapshot>x</state_snapshot>"}])
    said = [{"text": "Got it. Thanks for the additional context!"}]
    compacted = [context, summary, chat.message("gemini", said)]
    chat.sets(*compacted)
    chat.sets(*compacted, chat.message("user", [{"text": "more"}]))  # the same one
    chat.answers(200)
    imported(project, chat.write())
    assert len(resident(project)) == 2 * len(BEGINS)
    (block,) = blocks(project)
    assert (block["input"], block["compactions"]) == ([1000, 200], [3000])


def test_instructions_of_servers_are_those_of_their_records_or_of_the_server(project: Path) -> None:
    chat = Chat(project)
    chat.sets(chat.context(served("ctxuse", SERVED), served("acme", "Use acme.")))
    imported(project, chat.write())
    assert [one for one in ((n, b) for _, n, b in resident(project)) if one not in BEGINS] == [
        ("knowledge/glossary", len("- #glossary: Words of the shop.")),
        ("summary/summary", len("We build ships.")),
        ("mcp/acme", len("Use acme.")),
    ]


def test_a_call_counts_once_however_often_its_message_is_told(project: Path) -> None:
    chat = Chat(project)
    path = ".yoi/memory/decisions/alpha.md"
    part = (
        "\nIMPORTANT: The file content has been truncated.\nStatus: Showing lines 2-2 of 3.\n\n"
        "--- FILE CONTENT (truncated) ---\nIt is the euro."
    )
    calls = [
        chat.call(1, "read_file", {"file_path": path}, ALPHA),
        chat.call(2, "read_file", {"absolute_path": str(project / path), "start_line": 2}, part),
        chat.call(3, "read_file", {"file_path": path}, "", status="error"),
        chat.call(4, "grep_search", {"pattern": "euro"}, "It is the euro."),
        chat.call(5, "read_file", {"file_path": path}, "", status="executing"),
    ]
    chat.answers(100, *calls)
    chat.lines.append(chat.lines[-2])
    result = imported(project, chat.write())
    assert uses(project) == [
        ("decision/alpha", len(ALPHA)),
        ("decision/alpha", len("It is the euro.")),
    ]
    assert [record.file_bytes for event in log(project) for record in event.records] == [
        len(ALPHA), 0,
    ]  # fmt: skip
    assert (result.notes.failed, result.notes.no_record, result.there) == (1, 1, 0)


def test_what_holds_in_a_directory_is_resident_with_the_first_call_that_shows_it(
    project: Path,
) -> None:
    chat = Chat(project)
    context = file_of(project / "api/GEMINI.md", API)
    behind = (
        f"{API}\n\n\n--- Newly Discovered Project Context ---\n{context}"
        "\n--- End Project Context ---"
    )
    chat.answers(100, chat.call(1, "read_file", {"file_path": "api/GEMINI.md"}, behind))
    imported(project, chat.write())
    assert uses(project) == [("instructions/api/GEMINI.md", len(API) + 1)]
    assert resident(project) == [(ONE, "instructions/api/GEMINI.md", len(API))]


def test_a_command_shows_what_it_printed(project: Path) -> None:
    chat = Chat(project)
    about = "\nExit Code: 1\nProcess Group PGID: 12"
    shown = f"<untrusted_context>\nOutput: {ALPHA}{about}\n</untrusted_context>"
    nothing = "<untrusted_context>\nOutput: (empty)\nProcess Group PGID: 12\n</untrusted_context>"
    arguments = {"command": "cat alpha.md; false", "dir_path": ".yoi/memory/decisions"}
    chat.answers(
        100,
        chat.call(1, "run_shell_command", arguments, shown),
        chat.call(2, "run_shell_command", {"command": "cat .yoi/knowledge/gone.md"}, nothing),
    )
    chat.says(
        "user",
        "I ran the following shell command:\n```sh\ncat GEMINI.md\n```\n\n"
        f"This produced the following result:\n```\n{RULES}\n```",
    )
    result = imported(project, chat.write())
    assert uses(project) == [
        ("decision/alpha", len(ALPHA)),
        ("instructions/GEMINI.md", len(RULES) + 1),
    ]
    assert [event.actor for event in log(project) if event.records] == ["agent", "user"]
    assert result.notes.failed == 1


def test_a_skill_is_the_one_whose_folder_is_named(project: Path) -> None:
    put(project.parent / ".agents/skills/other/SKILL.md", "---\nname: pdf\n---\nElse.\n")

    def loaded(folder: Path) -> str:
        return (
            '<activated_skill name="pdf">\n  <instructions>\n    Use the tool.\n  </instructions>\n'
            "\n  <available_resources>\n    Showing up to 200 items (files + folders).\n\n"
            f"{folder}/\n└───SKILL.md\n  </available_resources>\n</activated_skill>"
        )

    chat = Chat(project)
    arguments = {"name": "pdf"}
    own = loaded(project.parent / ".agents/skills/other")
    brought_along = "no folder is named"
    chat.answers(
        100,
        chat.call(1, "activate_skill", arguments, loaded(project / ".gemini/skills/pdf")),
        chat.call(2, "activate_skill", arguments, own),
        chat.call(3, "activate_skill", {"name": "skill-creator"}, brought_along),
        chat.call(4, "activate_skill", {"name": "pdf"}, "Error", status="error"),
    )
    imported(project, chat.write())
    body = len("Use the tool.")
    assert uses(project) == [
        ("skill/pdf", body), ("skill/other", body), ("skill/skill-creator", None),
    ]  # fmt: skip


def test_files_that_the_user_names_are_uses_of_the_user(project: Path) -> None:
    chat = Chat(project)
    chat.says(
        "user",
        "read @.yoi/memory/decisions/alpha.md and @ctxuse:ctxuse://knowledge/glossary",
        "\n--- Content from referenced files ---",
        "\nContent from @.yoi/memory/decisions/alpha.md:\n",
        ALPHA.strip(),
        "\nContent from @ctxuse://knowledge/glossary:\n",
        "Words",
        "\n--- End of content ---",
    )
    chat.says("user", "\nContent from @GEMINI.md:\n", "x")  # somebody's own words
    imported(project, chat.write())
    (event,) = log(project)
    assert uses(project) == [("decision/alpha", len(ALPHA.strip()))]
    assert (event.actor, event.source.value) == ("user", "KnowledgeRef")


def test_a_sub_agent_has_a_segment_of_its_own_and_what_it_begins_with(project: Path) -> None:
    chat = Chat(project, TWO, "subagent")
    begins = file_of(project / "GEMINI.md", RULES)
    chat.says("user", f"\n<loaded_context>\n<project_context>\n{begins}\n", "look at it")
    path = {"file_path": ".yoi/memory/decisions/alpha.md"}
    chat.answers(50, chat.call(1, "read_file", path, ALPHA, id=f"{TWO}#0-0"))
    imported(project, chat.write(f"{ONE}/{TWO}.jsonl"))
    assert resident(project) == [(f"{ONE}/{TWO}", "instructions/GEMINI.md", len(RULES))]
    (use,) = (event for event in log(project) if event.event is UsageEventKind.USE)
    assert (use.segment_id, use.actor) == (f"{ONE}/{TWO}", "subagent")


def test_a_request_is_told_once_with_all_of_its_answer(project: Path) -> None:
    chat = Chat(project)
    path = {"file_path": ".yoi/memory/decisions/alpha.md"}
    chat.answers(1000, chat.call(1, "read_file", path, ALPHA))
    chat.says("gemini", "given up")
    chat.answers(1200)
    result = imported(project, chat.write())
    (block,) = blocks(project)
    taken, given, cached = block["input"], block["output"], block["cached"]
    assert (taken, given, cached) == ([1000, 1200], [7, 7], [10, 10])
    assert (block["model"], result.requests) == ("gemini-x", 2)


def hooked(project: Path, chat: Path, event: str, session: str = ONE) -> None:
    payload = {
        "session_id": session, "cwd": str(project), "hook_event_name": event,
        "transcript_path": str(chat),
    }  # fmt: skip
    environ = {"HOME": os.environ["HOME"], "GEMINI_PROJECT_DIR": str(project)}
    run(["gemini-cli"], BytesIO(json.dumps(payload).encode()), environ)


def test_hooks_read_on_and_an_import_adds_nothing(project: Path) -> None:
    chat, nested = Chat(project), Chat(project, TWO, "subagent")
    chat.sets(chat.context())
    path = {"file_path": ".yoi/memory/decisions/alpha.md"}
    chat.answers(1000, chat.call(1, "read_file", path, ALPHA))
    hooked(project, chat.write(), "AfterAgent")
    assert uses(project) == [("decision/alpha", len(ALPHA))]
    nested.answers(50, nested.call(1, "read_file", path, ALPHA, id=f"{TWO}#0-0"))
    inner = nested.write(f"{ONE}/{TWO}.jsonl")
    chat.answers(1100, chat.call(2, "read_file", path, ALPHA))
    hooked(project, own := chat.write(), "AfterAgent")
    assert len(uses(project)) == 3
    assert blocks(project) == []
    hooked(project, own, "SessionEnd")
    assert sorted(block["input"] for block in blocks(project)) == [[50], [1000, 1100]]  # type: ignore[type-var]
    assert imported(project, own, inner).added == 0


def test_what_a_session_left_unheard_the_next_one_brings_in(project: Path) -> None:
    chat = Chat(project)
    chat.sets(chat.context())
    chat.write()
    new = Chat(project, TWO).write()
    hooked(project, new, "SessionStart", TWO)
    assert [segment for segment, *_ in resident(project)] == [ONE, ONE]


def test_what_a_session_of_another_project_left_unheard_is_not_brought_in(project: Path) -> None:
    chat = Chat(project)
    chat.sets(chat.context())
    chat.write()
    new = Chat(project, TWO).write()
    put(new.parent.parent / ".project_root", str(project.parent / "other"))
    hooked(project, new, "SessionStart", TWO)
    assert resident(project) == []


def test_setup_writes_hooks_that_the_client_runs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project / ".gemini/settings.json", '{"mcpServers": {"acme": {"command": "acme"}}}\n')
    assert command(["setup", "gemini-cli", "--yes", "--workspace", str(project)]) == 0
    settings = json.loads((project / ".gemini/settings.json").read_text())
    assert [*settings["hooks"]] == ["SessionStart", "AfterAgent", "SessionEnd"]
    (group,) = settings["hooks"]["AfterAgent"]
    assert group["hooks"][0]["timeout"] == 10_000  # milliseconds
    assert settings["mcpServers"] == {"acme": {"command": "acme"}}
    capsys.readouterr()


@pytest.mark.parametrize(
    ("said", "is_run"),
    [
        (None, False),
        ({"{root}": "TRUST_FOLDER"}, True),
        ({"{root}": "DO_NOT_TRUST", "{home}": "TRUST_FOLDER"}, False),
        ({"{home}": "TRUST_FOLDER"}, True),
        ({"{root}/api": "TRUST_PARENT"}, True),
        ({"{root}/api": "TRUST_FOLDER", "\0": "TRUST_FOLDER"}, False),
        (["{root}"], False),
        ({"{root}": 7}, False),
    ],
)
def test_doctor_says_that_hooks_of_a_folder_without_trust_are_not_run(
    project: Path, capsys: pytest.CaptureFixture[str], said: object, *, is_run: bool
) -> None:
    assert command(["setup", "gemini-cli", "--yes", "--workspace", str(project)]) == 0
    text = json.dumps(said).replace("{root}", str(project)).replace("{home}", os.environ["HOME"])
    put(project.parent / ".gemini/trustedFolders.json", text)
    capsys.readouterr()
    command(["doctor", "--workspace", str(project)])
    told = " ".join(capsys.readouterr().out.split())
    assert ("has not been told to trust this folder" not in told) is is_run


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("GEMINI.md", ("instructions", "GEMINI.md")),
        ("api/GEMINI.md", ("instructions", "api/GEMINI.md")),
        ("../GEMINI.md", ("instructions", "~/GEMINI.md")),
        ("~/.gemini/GEMINI.md", ("instructions", "~/.gemini/GEMINI.md")),
        ("docs/style.md", ("instructions", "docs/style.md")),
        (".gemini/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".agents/skills/deploy/SKILL.md", ("skill", "deploy")),
        ("~/.gemini/skills/brief/SKILL.md", ("skill", "brief")),
        ("~/.agents/skills/triage/SKILL.md", ("skill", "triage")),
        (".gemini/agents/reviewer.md", ("agent", "reviewer")),
        ("~/.gemini/agents/keeper.md", ("agent", "keeper")),
        ("~/.gemini/tmp/app/memory/MEMORY.md", ("memory", "~/.gemini/tmp/app/memory/MEMORY.md")),
        (".gemini/commands/fix.toml", None),
        ("~/.gemini/tmp/app/chats/x.md", None),
    ],
)
def test_where_it_keeps_records(project: Path, path: str, expected: tuple[str, str] | None) -> None:
    for other in ("~/.agents/skills/triage", "~/.gemini/skills/brief", ".agents/skills/deploy"):
        base = project.parent if other.startswith("~") else project
        put(base / other.removeprefix("~/") / "SKILL.md", "x")
    found = Places(WorkspaceLayout(project), {"HOME": str(project.parent)}).record_at(
        path if path.startswith("~") else os.path.normpath(project / path)
    )
    assert (None if found is None else (found.kind, found.slug)) == expected


def test_what_instruction_files_take_in() -> None:
    text = "@docs/a.md x@y.z `@no.md` @./b.md\n```\n@no.md\n```\n(@no.md) @7.md @/c.md"
    assert [*imports(text)] == ["docs/a.md", "./b.md", "/c.md"]


def test_its_memory_of_a_project_is_listed_by_the_name_of_its_directory(tmp_path: Path) -> None:
    root, memory = tmp_path / "My App_2", "~/.gemini/tmp/my-app-2/memory/MEMORY.md"
    put(root / ".yoi/memory/summary.md", "x")
    put(tmp_path / memory.removeprefix("~/"), "x")
    places = Places(WorkspaceLayout(root), {"HOME": str(tmp_path)})
    assert memory in {record.slug for record in places.files_of_agents()}


ODD: list[Callable[[Chat], object]] = [
    lambda chat: chat.lines.__setitem__(0, {"sessionId": 7}),
    lambda chat: chat.lines.__setitem__(0, {"sessionId": ONE, "kind": ["subagent"]}),
    lambda chat: chat.lines.__setitem__(0, {"sessionId": ONE, "directories": {"a": 1}}),
    lambda chat: chat.line(**{"$set": 7}),
    lambda chat: chat.line(**{"$set": {"messages": {"a": 1}}}),
    lambda chat: chat.sets({}, {"id": 7}),
    lambda chat: chat.line(**{"$set": {"messages": [None, 7, [[]]]}}),
    lambda chat: chat.line(**{"$rewindTo": "x"}),
    lambda chat: chat.line(type="news", id="x"),
    lambda chat: chat.line(type=[], id={}),
    lambda chat: chat.says("user", "\n--- Content from referenced files ---"),
    lambda chat: chat.says(
        "user", "\n--- Content from referenced files ---", "\nContent from @\0:\n", "x"
    ),
    lambda chat: chat.line(**chat.message("user", [7, None, {"text": 7}, {"functionResponse": 7}])),
    lambda chat: chat.line(**chat.message("gemini", {"x": 1}, tokens=[1], toolCalls=[7, None, {}])),
    lambda chat: chat.line(**chat.message("gemini", "", tokens={"input": -1, "output": 2**70})),
    lambda chat: chat.line(**chat.message("gemini", "", toolCalls={"a": 1}, timestamp="yesterday")),
    lambda chat: chat.answers(
        1,
        chat.call(1, "read_file", {"file_path": "a\0b"}, "x"),
        chat.call(2, "read_file", {"file_path": ["x"]}, "x"),
        chat.call(3, "read_file", {"file_path": "x\ud800"}, "x\ud800"),
        chat.call(4, "run_shell_command", {"command": 7}, "x"),
        chat.call(5, "activate_skill", {"name": "../../x"}, "\n/../..\0/\n└"),
        chat.call(6, "read_many_files", {}, f"--- {'x' * 5000} ---\n\n--- \0 ---\n\n"),
        chat.call(7, "x" * 300, None, "x", status={}),
        chat.call(8, "read_file", {"file_path": "x"}, "x", id="x" * 9999),
    ),
    lambda chat: chat.sets(chat.context(file_of("/../\0/\ud800", "x"), served("a\ud800", "x"))),
    lambda chat: chat.sets(chat.context("<!-- End of import from: x -->" * 9)),
]


@pytest.mark.parametrize("odd", ODD)
def test_no_line_ends_an_import(project: Path, odd: Callable[[Chat], object]) -> None:
    chat = Chat(project)
    odd(chat)
    path = {"file_path": ".yoi/memory/decisions/alpha.md"}
    chat.answers(100, chat.call(99, "read_file", path, ALPHA))
    result = imported(project, chat.write())
    assert not result.unreadable
    has_session = chat.lines[0]["sessionId"] == ONE
    assert uses(project) == ([("decision/alpha", len(ALPHA))] if has_session else [])


@pytest.mark.parametrize(
    "text", ["", "\n", "7\n[]\n", "{" * 100_000, '{"sessionId":' + "[" * 5000, "\ufeff{}\n", "x\0"]
)
def test_what_is_no_chat_tells_nothing(project: Path, text: str) -> None:
    chat = put(project.parent / ".gemini/tmp/app/chats/session-x.jsonl", text)
    assert imported(project, chat).added == 0
    hooked(project, chat, "AfterAgent", "../../../\0")
    assert log(project) == []


def test_what_is_deeper_than_the_host_takes_in_is_text_of_the_file_that_is_open(
    project: Path,
) -> None:
    names = [f"d{number}.md" for number in range(8)]
    comments = [f"<!-- Imported from: {name} -->\n{name}\n" for name in names]
    ends = [f"\n<!-- End of import from: {name} -->{name}!" for name in reversed(names)]
    text = "".join([*comments, *ends])
    origin = Origin.of_transcript(Places(WorkspaceLayout(project)), str(project))
    for name in ("GEMINI.md", *names):
        put(project / name, "x")
    told = placed(file_of(project / "GEMINI.md", text), origin)
    # Of each: its name, where it begins, and that of the one within it, where that ends.
    inner = len("d7.md\n") + sum(len(f"{name}\n{name}!") for name in names[5:])
    within = {**dict.fromkeys(names[:4], len("d0.md\nd0.md!")), "d4.md": inner}
    found = {os.path.relpath(one.record.file, project): one.context_bytes for one in told}
    assert found == within | {"GEMINI.md": len("d0.md!")}


def test_a_path_that_grows_too_long_is_text_of_the_file_that_is_open(project: Path) -> None:
    text = f"<!-- Imported from: {'d' * 3000}/a.md -->\n" * 3 + "x"
    origin = Origin.of_transcript(Places(WorkspaceLayout(project)), str(project))
    told = [*placed(file_of(project / "GEMINI.md", text), origin)]
    assert [one.context_bytes for one in told] == [1]
    assert told[0].record.file == f"{project}/{'d' * 3000}/a.md"


def test_what_stands_in_code_is_told_as_by_a_search_for_as_many_backticks() -> None:
    search = re.compile(r"(`+).*?\1|(?:^|(?<=\s))@([./A-Za-z]\S{0,1023})", re.DOTALL)
    chance = random.Random(7)  # noqa: S311 - which texts is no secret
    parts = ["`", "``", "```", "`````", " @a", " @b ", "\n", "x", "@c"]
    for _ in range(5_000):
        text = "".join(chance.choices(parts, k=chance.randrange(16)))
        found = [one[2] for one in search.finditer(text) if one[2]]
        assert [*imports(text)] == found, text
