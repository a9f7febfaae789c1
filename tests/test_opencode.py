"""What OpenCode's database and our plugin of it tell."""

import json
import os
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from starting import PATIENCE
from test_following import made, put
from test_growth import steps

from ctxuse import UsageEvent, UsageEventKind, UsageSource, Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run as command
from ctxuse.doctor import examine
from ctxuse.hook import run
from ctxuse.hosts.jsonlines import LONGEST_LINE
from ctxuse.hosts.opencode import named_instructions
from ctxuse.hosts.opencode.database import Row, opened
from ctxuse.hosts.opencode.install import INSTALLATION
from ctxuse.hosts.places import Places
from ctxuse.importing import import_transcripts, sessions, transcripts_in
from ctxuse.layout import WorkspaceLayout

ALPHA = "The shop has one currency.\nIt is the euro.\n"
RULES = "Be brief and say what you did.\n"
API = "Only the second version.\n"
SKILL = "---\nname: pdf\ndescription: Fill forms.\n---\nStep one.\n"
ROOT, CHILD = "ses_a", "ses_b"
BEGAN = 1_785_000_000_000

SCHEMA = """
CREATE TABLE session (id, parent_id, directory, time_created, time_updated);
CREATE TABLE message (id, session_id, time_created, time_updated, data);
CREATE TABLE part (id, message_id, session_id, time_created, time_updated, data);
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = made(tmp_path, monkeypatch)
    monkeypatch.chdir(root)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "OPENCODE_DB"):
        monkeypatch.delenv(name, raising=False)
    put(root / "AGENTS.md", RULES)
    put(root / "api/AGENTS.md", API)
    put(root / ".yoi/memory/decisions/alpha.md", ALPHA)
    put(root / ".opencode/skill/pdf/SKILL.md", SKILL)
    put(root / ".opencode/command/fix.md", "Fix issue $ARGUMENTS\n")
    return root


def lines_of(path: Path) -> str:
    """How the tool shows a file."""
    numbered = [f"{n}: {line}" for n, line in enumerate(path.read_text().splitlines(), 1)]
    shown = "\n".join(numbered)
    end = f"(End of file - total {len(numbered)} lines)"
    return f"<path>{path}</path>\n<type>file</type>\n<content>\n{shown}\n\n{end}\n</content>"


def with_instructions(path: Path, *loaded: Path) -> str:
    """How the tool shows a file, with the instructions that come along."""
    told = "\n\n".join(f"Instructions from: {one}\n{one.read_text()}" for one in loaded)
    return f"{lines_of(path)}\n\n<system-reminder>\n{told}\n</system-reminder>"


class Sessions:
    """A database that is made."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.path = project.parent / ".local/share/opencode/opencode.db"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.at = BEGAN
        with closing(self.open()) as database:
            database.executescript(SCHEMA)
        self.session(ROOT)

    def open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path)

    def session(self, name: str, parent: str | None = None, directory: object = None) -> None:
        self.at += 1
        where = str(self.project) if directory is None else directory
        self.insert("session", name, parent, where, self.at, self.at)

    def insert(self, table: str, *values: object) -> None:
        with closing(self.open()) as database, database:
            marks = ", ".join("?" * len(values))
            database.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608

    def message(self, role: str, *parts: object, session: str = ROOT, **fields: object) -> str:
        self.at += 10
        name = f"msg_{self.at}"
        done = {} if role == "user" else {"time": {"completed": self.at + 9}}
        data = {"role": role, "agent": "build", "modelID": "m", **done, **fields}
        self.insert("message", name, session, self.at, self.at, json.dumps(data))
        for number, part in enumerate(parts):
            text = part if isinstance(part, (str, bytes)) else json.dumps(part)
            at = self.at + number
            self.insert("part", f"prt_{self.at}_{number}", name, session, at, at, text)
        return name

    def call(self, tool: str, call_id: str, output: str, **fields: object) -> dict[str, object]:
        metadata = fields.pop("metadata", {})
        state = {"status": "completed", "input": fields, "output": output, "metadata": metadata}
        return self.state(tool, call_id, **state)

    def state(self, tool: str, call_id: str, **state: object) -> dict[str, object]:
        timed = {"time": {"start": self.at, "end": self.at + 5}, **state}
        return {"type": "tool", "tool": tool, "callID": call_id, "state": timed}

    def tokens(self, taken: int, cached: int = 0, output: int = 20) -> dict[str, object]:
        told = {"input": taken, "output": output, "reasoning": 1, "cache": {"read": cached}}
        return {"type": "step-finish", "tokens": told}

    def imported(self, *, cache: bool = False) -> ImportResult:
        files = transcripts_in("opencode", [str(self.path)], [])
        return import_transcripts(Workspace(self.project), "opencode", files, cache=cache)


@pytest.fixture
def kept(project: Path) -> Sessions:
    return Sessions(project)


def log_of(project: Path) -> list[UsageEvent]:
    found = [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]
    return [event for event in found if event.records]


def blocks(project: Path) -> list[dict[str, list[int]]]:
    lines = Workspace(project).layout.events_path.read_text().splitlines()
    return [event["segment"] for event in map(json.loads, lines) if "segment" in event]


def names(project: Path) -> list[tuple[str, str, str]]:
    return [(e.event.value, e.records[0].kind, e.records[0].slug) for e in log_of(project)]


def hook(project: Path, event: str, **fields: object) -> None:
    payload = {
        "hook_event_name": event, "cwd": str(project), "session_id": ROOT, "at": BEGAN, **fields
    }  # fmt: skip
    run(["opencode"], BytesIO(json.dumps(payload).encode()), os.environ)


def answered(project: Path, call: dict[str, object], **fields: object) -> None:
    """Hand over what a call of the database has answered."""
    state = call["state"]
    assert isinstance(state, dict)
    said = {"output": state["output"], "metadata": state["metadata"]}
    named = {"tool_name": call["tool"], "tool_use_id": call["callID"]}
    hook(
        project, "tool.execute.after", tool_input=state["input"], tool_response=said, **named,
        **fields,
    )  # fmt: skip


ALPHA_PATH = ".yoi/memory/decisions/alpha.md"


def read_alpha(kept: Sessions, call_id: str = "call_x1") -> dict[str, object]:
    path = kept.project / ALPHA_PATH
    return kept.call("read", call_id, lines_of(path), filePath=str(path))


def test_a_plugin_and_the_database_tell_of_one_call_once(kept: Sessions) -> None:
    call = read_alpha(kept)
    app = put(kept.project / "api/app.py", "pass\n")
    loaded = kept.project / "api/AGENTS.md"
    nested = kept.call(
        "read", "call_x2", with_instructions(app, loaded), filePath="api/app.py",
        metadata={"loaded": [str(loaded)]},
    )  # fmt: skip
    kept.message("user", {"type": "text", "text": "do it"})
    kept.message("assistant", call, nested)
    answered(kept.project, call)
    answered(kept.project, nested)
    before = names(kept.project)
    assert before == [
        ("use", "decision", "alpha"),
        ("resident_exposure", "instructions", "api/AGENTS.md"),
    ]
    result = kept.imported()
    assert (result.added, result.there) == (0, 2)
    use, exposure = log_of(kept.project)
    assert (use.segment_id, use.actor, use.call_id) == (ROOT, "agent", "call_x1")
    assert use.records[0].context_bytes == len(ALPHA)
    assert exposure.records[0].context_bytes == len(API.strip())


def test_what_stands_in_the_prompt_is_told_once_and_anew_after_a_compaction(project: Path) -> None:
    skill = project / ".opencode/skill/pdf/SKILL.md"
    entry = (
        "  <skill>\n    <name>pdf</name>\n    <description>Fill forms.</description>\n"
        f"    <location>{skill}</location>\n  </skill>"
    )
    brought = entry.replace("pdf</name>", "own</name>").replace(str(skill), "&lt;built-in&gt;")
    quoted = f"Instructions from: {project}/api/AGENTS.md\nSomething else.\n"
    text = (
        f"You are an agent.\nInstructions from: {project}/AGENTS.md\n{RULES}\n{quoted}\n"
        '<mcp_instructions>\n  <server name="other">\n    Ask me.\n  </server>\n'
        '  <server name="ctxuse">\n    - #alpha: x\n  </server>\n</mcp_instructions>\n'
        f"<available_skills>\n{entry}\n{brought}\n</available_skills>"
    )
    event = "experimental.chat.system.transform"
    hook(project, event, tool_response=text)
    hook(project, event, tool_response=text)
    told = {(e.records[0].slug, e.records[0].context_bytes) for e in log_of(project)}
    server = '  <server name="other">\n    Ask me.\n  </server>'
    assert told == {
        ("AGENTS.md", len(RULES.strip())), ("pdf", len(entry)), ("own", len(brought)),
        ("other", len(server)),
    }  # fmt: skip
    assert len(log_of(project)) == len(told)
    hook(project, event, tool_response=text, prompt_id="evt_1")
    assert len(log_of(project)) == 2 * len(told)
    assert command(["setup", "opencode", "--yes"]) == 0
    assert "only they record" not in " ".join(
        step.what for step in examine(Workspace(project)).next
    )


def test_commands_that_the_user_typed_are_uses_and_those_of_the_host_are_not(
    project: Path,
) -> None:
    typed = {"expansion_type": "slash_command", "tool_response": {"bytes": 12}}
    hook(project, "command.execute.before", command_name="fix", **typed)
    hook(project, "command.execute.before", command_name="init", **typed)
    (event,) = log_of(project)
    assert (event.records[0].kind, event.records[0].slug, event.actor) == ("command", "fix", "user")
    assert (event.source, event.records[0].context_bytes) == (UsageSource.WORKFLOW_INVOKE, 12)


def test_workflows_that_our_server_offers_are_uses_once_they_are_typed(project: Path) -> None:
    put(project / ".yoi/workflow/release.md", "Steps.\n")
    typed = {"expansion_type": "slash_command", "tool_response": {"bytes": 7}}
    for command_name in ("ctxuse:release", "other:release", "ctxuse:../x"):
        hook(project, "command.execute.before", command_name=command_name, **typed)
    assert names(project) == [("use", "workflow", "release")]
    assert log_of(project)[0].segment_id == ROOT


def test_a_file_that_the_user_named_is_one_use_of_both(kept: Sessions) -> None:
    said, url = lines_of(kept.project / ALPHA_PATH), f"file://{kept.project}/{ALPHA_PATH}"
    parts = [
        {"type": "text", "text": "look"}, {"type": "text", "text": said},
        {"type": "file", "url": url}, {"type": "file", "url": "data:,x"},
    ]  # fmt: skip
    kept.message("user", *parts)
    kept.imported()
    part = f"prt_{kept.at}_2"
    hook(kept.project, "chat.message", tool_response={"url": url, "said": said, "part": part})
    (event,) = log_of(kept.project)
    assert (event.actor, event.source) == ("user", UsageSource.KNOWLEDGE_REF)
    assert event.records[0].context_bytes == len(ALPHA)


def test_a_command_that_the_user_typed_into_the_terminal_is_the_users(kept: Sessions) -> None:
    kept.message("user", {"type": "text", "text": "The following tool was executed by the user"})
    kept.message("assistant", kept.call("bash", "01X", ALPHA, command=f"cat {ALPHA_PATH}"))
    kept.message("user", {"type": "text", "text": "go on"})
    kept.message("assistant", kept.call("bash", "call_x", ALPHA, command=f"cat {ALPHA_PATH}"))
    kept.imported()
    assert [event.actor for event in log_of(kept.project)] == ["user", "agent"]


def test_sub_agents_are_told_apart_and_named(kept: Sessions) -> None:
    kept.session(CHILD, ROOT)
    kept.session("ses_c", CHILD)
    call = read_alpha(kept)
    kept.message("assistant", call, session=CHILD, agent="general")
    kept.message("assistant", read_alpha(kept, "call_x2"), session="ses_c", agent="explore")
    kept.imported()
    told = [(event.segment_id, event.actor, event.agent_type) for event in log_of(kept.project)]
    assert told == [
        (f"{ROOT}/{CHILD}", "subagent", "general"), (f"{ROOT}/ses_c", "subagent", "explore")
    ]  # fmt: skip
    answered(kept.project, call, agent_id=CHILD, agent_type="general")
    assert len(log_of(kept.project)) == 2


def test_ids_that_only_count_are_of_their_session(kept: Sessions) -> None:
    kept.session("ses_z")
    for session in (ROOT, "ses_z"):
        kept.message("assistant", read_alpha(kept, "call_0"), session=session)
    kept.imported()
    assert [event.segment_id for event in log_of(kept.project)] == [ROOT, "ses_z"]


def test_a_fork_repeats_no_use_and_no_request_but_begins_with_what_stood(kept: Sessions) -> None:
    loaded = kept.project / "api/AGENTS.md"
    app = put(kept.project / "api/app.py", "pass\n")
    metadata = {"loaded": [str(loaded)]}
    call = kept.call("read", "call_0", with_instructions(app, loaded), metadata=metadata,
                     filePath=str(kept.project / ALPHA_PATH))  # fmt: skip
    kept.message("assistant", call, kept.tokens(1000))
    before = kept.at
    kept.at += 1000
    kept.session("ses_f")
    began, kept.at = kept.at, before - 10
    kept.message("assistant", call, kept.tokens(1000), session="ses_f")
    kept.at = began
    kept.message("assistant", kept.tokens(1200), session="ses_f")
    result = kept.imported()
    assert result.requests == 2
    told = [(e.event.value, e.segment_id) for e in log_of(kept.project)]
    assert sorted(told) == [
        ("resident_exposure", ROOT), ("resident_exposure", "ses_f"), ("use", ROOT)
    ]  # fmt: skip


def test_requests_and_compactions_are_told(kept: Sessions) -> None:
    kept.message("user", {"type": "text", "text": "go"})
    kept.message("assistant", {"type": "step-start"}, kept.tokens(100, cached=900))
    kept.message("user", {"type": "compaction", "auto": True})
    kept.message("assistant", {"type": "step-start"}, kept.tokens(300), summary=True)
    kept.message("assistant", {"type": "step-start"}, kept.tokens(0))
    result = kept.imported()
    assert result.requests == 2
    (block,) = blocks(kept.project)
    assert (block["input"], block["cached"], block["output"]) == ([1000, 300], [900, 0], [21, 21])
    assert (block["at"], block["compactions"]) == ([0, 20], [10])


def test_requests_are_read_on_when_a_session_is_idle_and_stored_at_its_end(kept: Sessions) -> None:
    def requests() -> int:
        return sum(len(block["at"]) for block in blocks(kept.project))

    kept.message("assistant", {"type": "step-start"}, kept.tokens(100), read_alpha(kept))
    hook(kept.project, "session.idle")
    assert names(kept.project) == [("use", "decision", "alpha")]
    kept.message("assistant", {"type": "step-start"}, kept.tokens(200))
    hook(kept.project, "session.idle")
    assert requests() == 0
    hook(kept.project, "exit")
    assert requests() == 2
    kept.imported()
    assert requests() == 2
    kept.message("assistant", {"type": "step-start"}, kept.tokens(300))
    kept.session("ses_new")
    hook(kept.project, "session.created", session_id="ses_new")
    assert requests() == 3


def test_a_call_that_is_not_done_is_waited_for_and_one_that_failed_is_counted(
    kept: Sessions,
) -> None:
    kept.message("assistant", kept.state("read", "call_x1", status="error", error="none"))
    kept.message("assistant", kept.state("read", "call_x2", status="running"), time={})
    kept.message("assistant", kept.call("edit", "call_x3", "ok"), read_alpha(kept, "call_x4"))
    notes = kept.imported().notes
    assert (notes.failed, notes.unfinished, notes.no_record) == (1, 1, 1)
    assert len(log_of(kept.project)) == 1


def test_only_the_sessions_that_changed_are_read_again(kept: Sessions) -> None:
    kept.session("ses_other")
    kept.message("assistant", read_alpha(kept))
    assert kept.imported(cache=True).unchanged == 0
    assert kept.imported(cache=True).unchanged == 2
    kept.message("assistant", read_alpha(kept, "call_x9"))
    again = kept.imported(cache=True)
    assert (again.unchanged, again.added) == (1, 1)


def test_each_session_belongs_to_the_project_in_which_it_began(kept: Sessions) -> None:
    other = kept.project.parent / "other"
    (other / ".yoi/memory").mkdir(parents=True)
    kept.session("ses_other", directory=str(other))
    kept.session("ses_odd", directory=7)
    found = {one.head.session: one for one in sessions("opencode", Places(WorkspaceLayout(other)))}
    assert found["ses_other"].root == str(other)
    assert found[ROOT].root == str(kept.project)
    assert found["ses_odd"].began is None
    assert found[ROOT].path == f"{kept.path}/{ROOT}"


@pytest.mark.parametrize(
    ("name", "value", "below"),
    [("XDG_DATA_HOME", "data", "opencode/opencode.db"), ("OPENCODE_DB", "own.db", "")],
)
def test_the_database_is_found_where_the_environment_says(
    kept: Sessions, monkeypatch: pytest.MonkeyPatch, name: str, value: str, below: str
) -> None:
    place = kept.project.parent / value
    moved = place / below if below else place
    moved.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(kept.path, moved)
    monkeypatch.setenv(name, str(place))
    kept.path = moved
    kept.message("assistant", {"type": "step-start"}, kept.tokens(100))
    assert command(["import", "opencode"]) == 0
    assert len(blocks(kept.project)) == 1
    kept.message("assistant", {"type": "step-start"}, kept.tokens(200))
    hook(kept.project, "exit")
    assert len(blocks(kept.project)) == 2


def test_reading_changes_nothing_while_opencode_writes_and_after(
    kept: Sessions, tmp_path: Path
) -> None:
    def state() -> list[tuple[str, bytes]]:
        files = sorted(kept.path.parent.iterdir())
        return [(file.name, file.read_bytes()) for file in files]

    def imports() -> str:
        words = [sys.executable, "-m", "ctxuse", "import", "opencode", "--no-cache"]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return done.stdout

    kept.message("assistant", read_alpha(kept))
    before = state()
    assert "1 event added" in imports()
    assert state() == before
    writing = kept.open()
    assert writing.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    assert writing.execute("SELECT id FROM session").fetchall() == [(ROOT,)]
    kept.message("assistant", read_alpha(kept, "call_x2"))
    before = state()
    assert [name for name, _ in before] == [
        "opencode.db", "opencode.db-shm", "opencode.db-wal"
    ]  # fmt: skip
    assert "1 event added" in imports()
    assert state() == before
    copied = tmp_path / "copied"
    shutil.copytree(kept.path.parent, copied)
    writing.close()
    before = state()
    assert [name for name, _ in before] == ["opencode.db"]
    assert "2 already there" in imports()
    assert state() == before
    (copied / "opencode.db-shm").unlink()
    with pytest.raises(OSError, match="start OpenCode once"), opened(f"{copied}/opencode.db"):
        pass
    assert not (copied / "opencode.db-shm").exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written_is_read(kept: Sessions) -> None:
    kept.message("assistant", read_alpha(kept))
    kept.path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert kept.imported().added == 1
    finally:
        kept.path.parent.chmod(stat.S_IRWXU)


def test_what_is_no_database_of_opencode_is_listed_as_unreadable(
    kept: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(WorkspaceLayout(kept.project))
    for write in _NO_DATABASES:
        for file in kept.path.parent.iterdir():
            file.unlink()
        write(kept.path)
        (found,) = sessions("opencode", places)
        assert found.error
        capsys.readouterr()
        assert command(["import", "opencode"]) == 3
        assert str(kept.path) in capsys.readouterr().err
        hook(kept.project, "session.idle")
        hook(kept.project, "session.created")


def _with_tables(statements: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        database = sqlite3.connect(path)
        database.executescript(statements)
        database.close()

    return write


def _with_schema(changed: str) -> Callable[[Path], object]:
    """Tables that are right, whose schema is changed behind SQLite's back."""

    def write(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(SCHEMA)
            database.execute("INSERT INTO session VALUES ('s', NULL, '/', 1, 1)")
            database.execute("CREATE TABLE other (tbl, idx, n, stat)")
            statistics = (("session", n) for n in range(3_000))
            database.executemany("INSERT INTO other VALUES (?, NULL, ?, 1)", statistics)
            database.execute("PRAGMA writable_schema = 1")
            database.execute("UPDATE sqlite_master SET " + changed)  # noqa: S608 - ours, below
            database.commit()

    return write


def _with_statistics(computed: str) -> Callable[[Path], object]:
    """Statistics, which SQLite reads by itself, of which some are computed."""
    made = f"CREATE TABLE sqlite_stat1 (tbl, idx, n, {computed})"
    return _with_schema(
        f"name = 'sqlite_stat1', tbl_name = 'sqlite_stat1', sql = '{made}' WHERE name = 'other'"
    )


_ENDLESS = "instr(zeroblob(8000000), CAST(zeroblob(4000000) || n AS BLOB))"
_DOUBLED = ", ".join(f"c{n + 1} AS (c{n} + c{n})" for n in range(60))


def _made_up(path: Path) -> None:
    """A table that a module makes up, of another one, with a page as if it were stored."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA.replace("CREATE TABLE session", "CREATE TABLE other"))
        fields = "id, a, b, +parent_id, +directory, +time_created, +time_updated"
        database.execute(f"CREATE VIRTUAL TABLE session USING rtree({fields})")
        database.execute("PRAGMA writable_schema = 1")
        database.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'session'")
        database.commit()


def _damaged_schema(path: Path) -> None:
    _with_tables("CREATE TABLE session (id); CREATE INDEX by_its_id ON session (id);")(path)
    path.write_bytes(path.read_bytes().replace(b"INDEX by_its_id", b"INDEX by_its_\xffd"))


_NO_DATABASES: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b"x" * 5000),
    lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000),
    _with_tables("CREATE TABLE other (id);"),
    _with_tables("CREATE TABLE session (name);"),
    _with_tables(SCHEMA + "".join(f"CREATE VIEW v{number} AS SELECT 1;" for number in range(400))),
    _with_tables(
        "CREATE VIEW session AS WITH RECURSIVE endless(n) AS"
        " (SELECT 1 UNION ALL SELECT n + 1 FROM endless)"
        " SELECT 's' || n AS id, NULL AS parent_id, '/' AS directory, 1 AS time_created,"
        " 1 AS time_updated FROM endless WHERE n < 0;"
    ),
    _with_tables(
        "CREATE TABLE session (id, parent_id, directory, time_updated, time_created AS (hex(id)));"
        "INSERT INTO session (id) VALUES ('s');"
    ),
    _damaged_schema,
    _with_schema("name = CAST(x'73657373696F6E0078' AS TEXT) WHERE name = 'session'"),
    _with_statistics("stat AS (" + "+".join(["instr(hex(zeroblob(4000)), n)"] * 4) + ")"),
    _with_statistics(f"c0 AS (n), {_DOUBLED}, stat AS (c60)"),
    _with_statistics(f"stat AS ({_ENDLESS})"),
    _with_statistics("stat AS (n)"),
    _made_up,
]


def test_what_is_in_the_log_of_a_database_only_is_read(kept: Sessions) -> None:
    with closing(kept.open()) as database:
        database.execute("PRAGMA journal_mode = WAL")
        rows = ((f"ses_{n:05}", None, "/", n, n) for n in range(9_000))
        database.executemany("INSERT INTO session VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
        with opened(str(kept.path)) as found:
            assert len(found.sessions()) == found.number() == 9_001


def inner_page(child: int) -> bytes:
    """A page of 512 bytes of a table, which leads to the same page below sixty times."""
    page = bytearray(512)
    page[:12] = struct.pack(">BHHHBI", 5, 0, 60, 512 - 60 * 5, 0, child)
    for number in range(60):
        cell = 512 - 5 * (number + 1)
        page[12 + 2 * number : 14 + 2 * number] = cell.to_bytes(2, "big")
        page[cell : cell + 5] = child.to_bytes(4, "big") + bytes([number + 1])
    return bytes(page)


@pytest.mark.parametrize("hole", [0, 1 << 40])
def test_a_table_that_gives_more_than_it_can_hold_ends(kept: Sessions, hole: int) -> None:
    with closing(sqlite3.connect(kept.path)) as database:
        database.executescript("PRAGMA page_size = 512; VACUUM; CREATE TABLE other (id);")
        database.execute("INSERT INTO other VALUES (zeroblob(10000))")
        database.commit()
        asked = "SELECT rootpage FROM sqlite_master WHERE name = 'session'"
        (root,) = database.execute(asked).fetchone()
    pages = [
        kept.path.read_bytes()[at : at + 512] for at in range(0, kept.path.stat().st_size, 512)
    ]
    pages[-1], child = pages[root - 1], len(pages)
    for page in (*range(len(pages) - 1, len(pages) - 8, -1), root):
        pages[page - 1], child = inner_page(child), page
    kept.path.write_bytes(b"".join(pages))
    os.truncate(kept.path, kept.path.stat().st_size + hole)
    with opened(str(kept.path)) as found:
        with pytest.raises(OSError, match="it gives more than it can hold"):
            found.sessions()
        with pytest.raises(OSError, match="no database of OpenCode that can be read"):
            found.number()


def test_rows_give_no_more_than_there_can_be_until_they_are_listed_anew(kept: Sessions) -> None:
    with closing(kept.open()) as database:
        data = json.dumps({"role": "user", "text": "x" * (LONGEST_LINE // 2)})
        database.execute("INSERT INTO message VALUES ('long', ?, 1, 1, ?)", (ROOT, data))
        database.commit()

    def looked_at() -> Row:
        with opened(str(kept.path)) as found:
            return found.message("long")

    for _ in range(2):
        with opened(str(kept.path)) as found:
            found.sessions()
        assert [looked_at().data for _ in range(5)] == [data.encode()] * 5
        with pytest.raises(OSError, match="it gives more than it can hold"):
            looked_at()


def test_where_a_file_system_compresses_a_database_gives_what_it_holds(
    kept: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(kept.open()) as database:
        data = json.dumps({"role": "user", "text": "x" * (LONGEST_LINE // 2)})
        rows = ((f"long{number}", ROOT, 1, 1, data) for number in range(5))
        database.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    usual = os.stat

    def compressed(path: str, *, follow_symlinks: bool = True) -> os.stat_result:
        found = usual(path, follow_symlinks=follow_symlinks)
        blocks = found.st_size // 512 // 20
        return os.stat_result(tuple(found)[:10], {"st_blocks": blocks}) if path == way else found

    way = str(kept.path)
    monkeypatch.setattr(os, "stat", compressed)
    with opened(way) as found:
        assert [found.message(f"long{number}").data for number in range(5)] == [data.encode()] * 5


def test_the_text_before_files_is_measured_once(kept: Sessions) -> None:
    took = []
    for number in (50, 200):
        shown = "".join(f"{line}: x\n" for line in range(number))
        files = [{"type": "file", "url": "file:///x"}] * number
        kept.message("user", {"type": "text", "text": f"\n<content>\n{shown}"}, *files)
        took.append(steps(kept.imported))
    assert took[1] < 8 * took[0]


def test_without_an_index_a_query_ends_and_with_one_it_does_not(kept: Sessions) -> None:
    with closing(kept.open()) as database:
        database.executemany(
            "INSERT INTO message VALUES (?, ?, ?, ?, '{}')",
            ((f"msg_{n:05}", ROOT, n, n) for n in range(9_000)),
        )
        database.commit()
    ((path, reason),) = kept.imported().unreadable
    assert path == f"{kept.path}/{ROOT}"
    assert reason.endswith("it has no index for what is asked")
    with closing(kept.open()) as database:
        database.execute("CREATE INDEX by_id ON message (id)")
        database.execute("CREATE INDEX by_message ON part (message_id)")
        database.commit()
    assert kept.imported().unreadable == []


_LONG = """
import signal, sys
from ctxuse.hosts.opencode import database
signal.signal(signal.SIGALRM, signal.default_int_handler)
database._STEPS = 10**15
with database.opened(sys.argv[1]) as opened:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        of = "session a, session b, session c, session d"
        opened._rows(f"SELECT 1 FROM {of} WHERE a.id + b.id + c.id + d.id < 0")
    except KeyboardInterrupt:
        print(*opened.latest("", 1))
"""


def test_a_signal_ends_a_query(kept: Sessions) -> None:
    with closing(kept.open()) as database:
        rows = ((f"ses_{n:05}", None, "/", n, n) for n in range(3_000))
        database.executemany("INSERT INTO session VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    done = subprocess.run(
        [sys.executable, "-c", _LONG, kept.path],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("ses_a\n", "")


def test_a_database_without_messages_is_an_error_of_its_sessions(kept: Sessions) -> None:
    with closing(kept.open()) as database:
        database.executescript("DROP TABLE part; DROP TABLE message;")
    result = kept.imported()
    assert [path for path, _ in result.unreadable] == [f"{kept.path}/{ROOT}"]


def test_pages_that_are_broken_end_no_import(kept: Sessions) -> None:
    for number in range(200):
        kept.message("assistant", read_alpha(kept, f"call_{number}x"))
    whole = kept.path.read_bytes()
    for page in range(2, len(whole) // 4096):
        broken = whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :]
        kept.path.write_bytes(broken)
        try:
            kept.imported()
        except OSError as error:  # the list of sessions itself
            assert "no database" in str(error)  # noqa: PT017 - either may be


_DEEP = "[" * 100_000

HOSTILE: list[str | bytes | dict[str, object] | list[object]] = [
    "", "{", "null", "7", '"x"', "[]", "{}", b"\xff\xfe", _DEEP,
    '{"type":"tool","callID":' + _DEEP, '{"type":"tool","tool":"\\ud800","callID":"c\\ud800"}',
    {"type": ["tool"]}, {"type": "tool"}, {"type": "tool", "callID": 7, "state": 7},
    {"type": "tool", "tool": "read", "callID": "call_h1", "state": "completed"},
    {"type": "tool", "tool": "read", "callID": "call_h2", "state": {"status": "completed"}},
    {"type": "tool", "tool": ["read"], "callID": "call_h3", "state": {"status": "completed"}},
    {"type": "tool", "tool": "read", "callID": "call_h4", "state": {
        "status": "completed", "output": 7, "input": {"filePath": ["x"]}, "time": {"end": 1},
    }},
    {"type": "tool", "tool": "read", "callID": "call_h5", "state": {
        "status": "completed", "input": {"filePath": "a\0b"}, "time": {"end": 1e300},
        "output": "\n<content>\n1: x", "metadata": {"loaded": [7, "", "\ud800", "/x"]},
    }},
    {"type": "tool", "tool": "read", "callID": "call_h6", "state": {
        "status": "completed", "input": {"filePath": "a\0b"}, "time": {"end": 7},
        "output": "\n<content>\n1: x\n\nInstructions from: a\0\nInstructions from: /x\n",
        "metadata": {"loaded": ["a\0", "/x", "/x", "../../../x"]},
    }},
    {"type": "tool", "tool": "bash", "callID": "call_h7", "state": {
        "status": "completed", "input": {"command": "cat \0", "workdir": 7},
        "time": {"end": -1}, "output": "x",
    }},
    {"type": "tool", "tool": "skill", "callID": "call_h8", "state": {
        "status": "completed", "input": {"name": "../../x"}, "time": {"end": 7}, "output": "x",
        "metadata": {"dir": "/\0"},
    }},
    {"type": "file", "url": "file://[::1"}, {"type": "file", "url": "file:///%00%ff"},
    {"type": "file", "url": {}}, {"type": "text", "text": {}},
    {"type": "step-finish", "tokens": {"input": 2**70, "output": -1, "cache": 7}},
    {"type": "step-finish", "tokens": {"input": True, "cache": {"read": "x"}}},
    {"type": "compaction", "auto": []}, {"type": "something new"},
]  # fmt: skip


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_no_part_however_odd_ends_an_import(kept: Sessions, role: str) -> None:
    kept.message(role, *HOSTILE)
    kept.message("assistant", read_alpha(kept))
    result = kept.imported()
    assert not result.unreadable
    assert names(kept.project)[-1] == ("use", "decision", "alpha")
    assert result.notes.not_understood["something new"] == 1


def test_no_message_however_odd_ends_an_import(kept: Sessions) -> None:
    for number, data in enumerate(["", "{", b"\xff", 7, None, 1.5, _DEEP, "[]", '{"role":[]}']):
        kept.insert("message", f"msg_{number}", ROOT, number or "x", 0, data)
    for name in ("", "a/b", "..", 7, None, b"\xff", "x" * 5000):
        kept.insert("message", name, ROOT, BEGAN, 0, "{}")
        kept.insert("session", name, ROOT, str(kept.project), BEGAN, 0)
    kept.session("ses_x", "ses_y")
    kept.session("ses_y", "ses_x")
    kept.message("assistant", read_alpha(kept))
    assert not kept.imported().unreadable
    assert len(log_of(kept.project)) == 1


def test_what_is_very_long_is_passed_over(kept: Sessions) -> None:
    long = kept.call("read", "call_x0", lines_of(kept.project / ALPHA_PATH) + " " * 9_000_000,
                     filePath=ALPHA_PATH)  # fmt: skip
    kept.message("assistant", long, read_alpha(kept))
    result = kept.imported()
    assert result.notes.not_understood == {"(no JSON)": 1}
    assert len(log_of(kept.project)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"tool_name": 7}, {"tool_name": "read", "tool_input": []}, {"at": "x"}, {"at": 2**80},
        {"tool_response": []}, {"tool_response": {"output": 7, "metadata": 7, "url": 7, "part": 7}},
        {"tool_response": "Instructions from: /\0\nx"},
        {"tool_response": "\n<available_skills>\n" + "  <skill>\n" * 10_000},
        {"tool_response": "\n<mcp_instructions>\n" + '  <server name="x">\n' * 10_000},
        {"tool_name": "bash", "tool_input": {"command": "\ud800"}, "tool_use_id": "\ud800"},
        {"command_name": "../x", "expansion_type": "slash_command"}, {"session_id": "../.."},
        {"agent_id": "\0"},
    ],
)  # fmt: skip
def test_no_payload_however_odd_is_a_failure(project: Path, fields: dict[str, object]) -> None:
    events = (
        "tool.execute.after", "experimental.chat.system.transform", "chat.message", "x",
        "command.execute.before", "session.idle", "session.created", "exit",
    )  # fmt: skip
    for event in events:
        hook(project, event, **fields)
    assert log_of(project) == []
    assert not (project / ".yoi/memory/_usage/trouble.jsonl").exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("AGENTS.md", "instructions/AGENTS.md"),
        ("CONTEXT.md", "instructions/CONTEXT.md"),
        ("docs/style.md", "instructions/docs/style.md"),
        ("~/.config/opencode/AGENTS.md", "instructions/~/.config/opencode/AGENTS.md"),
        (".opencode/skill/pdf/SKILL.md", "skill/pdf"),
        (".opencode/skills/one/SKILL.md", "skill/one"),
        ("~/.config/opencode/skill/two/SKILL.md", "skill/two"),
        ("~/.config/opencode/skills/two/SKILL.md", "skill/two"),
        ("~/.agents/skills/two/SKILL.md", "skill/two"),
        (".opencode/command/team/fix.md", "command/team:fix"),
        (".opencode/commands/fix.md", "command/fix"),
        ("~/.config/opencode/command/fix.md", "command/fix"),
        (".opencode/agent/reviewer.md", "agent/reviewer"),
        ("~/.config/opencode/agents/reviewer.md", "agent/reviewer"),
        (".opencode/plugin/x.js", None),
    ],
)
def test_where_opencode_keeps_records_is_known(project: Path, path: str, name: str | None) -> None:
    put(project / "opencode.json", '{"instructions": ["docs/*.md", 7, "https://x/y.md"]}')
    put(project / "docs/style.md", "x\n")
    found = Places(WorkspaceLayout(project)).record_at(
        path if path.startswith("~") else str(project / path)
    )
    assert (found and f"{found.kind}/{found.slug}") == name


def test_its_own_directory_may_be_elsewhere_and_a_link(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = put(project.parent / "dotfiles/opencode/AGENTS.md", "x\n")
    (project.parent / "own").mkdir()
    (project.parent / "own/opencode").symlink_to(real.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project.parent / "own"))
    places = Places(WorkspaceLayout(project))
    by_link = places.record_at(f"{project.parent}/own/opencode/AGENTS.md")
    by_file = places.record_at(str(real))
    assert by_link is not None
    assert by_file is not None
    assert by_link.slug == by_file.slug == "~/own/opencode/AGENTS.md"


def test_the_plugin_is_installed_brought_up_to_date_and_taken_away(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / ".opencode/plugin/ctxuse.js"
    assert command(["setup", "opencode", "--yes"]) == 0
    text = path.read_text()
    assert 'const WORDS = ["ctxuse-hook", "opencode", "--shared"];' in text
    facts = {host.host: host for host in examine(Workspace(project)).hosts}["opencode"]
    assert facts.missing == ()
    assert {hook.file for hook in facts.hooks} == {str(path)}
    assert any("only they record" in step.what for step in examine(Workspace(project)).next)
    assert command(["setup", "opencode", "--yes"]) == 0
    assert "installed already" in capsys.readouterr().err
    path.write_text(text.replace("const AT_ONCE = 4;", "const AT_ONCE = 2;"))
    assert command(["setup", "opencode", "--yes"]) == 0
    assert path.read_text() == text
    assert command(["setup", "opencode", "--remove", "--yes"]) == 0
    assert not path.exists()
    assert any(copy.read_text() == text for copy in path.parent.glob("*.bak"))
    assert command(["setup", "opencode", "--remove", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().err


def test_what_is_not_ours_is_left_alone(project: Path) -> None:
    path = put(project / ".opencode/plugin/ctxuse.js", "export const x = async () => ({})\n")
    assert command(["setup", "opencode", "--yes"]) != 0
    assert command(["setup", "opencode", "--remove", "--yes"]) == 0
    assert path.read_text() == "export const x = async () => ({})\n"


def test_where_the_user_has_the_plugin_too_that_one_records(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put(tmp_path / "bin/ctxuse-hook", "#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert command(["setup", "opencode", "--user", "--yes"]) == 0
    assert (project.parent / ".config/opencode/plugin/ctxuse.js").exists()
    payload = {
        "hook_event_name": "command.execute.before", "cwd": str(project), "session_id": ROOT,
        "expansion_type": "slash_command", "command_name": "fix",
    }  # fmt: skip
    data = json.dumps(payload).encode()
    run(["opencode", "--shared"], BytesIO(data), os.environ)
    assert log_of(project) == []
    run(["opencode"], BytesIO(data), os.environ)
    assert [event.event for event in log_of(project)] == [UsageEventKind.USE]


HOST_OF_PLUGIN = """
const { ctxuse } = await import(process.argv[2]);
const hooks = await ctxuse({ directory: "/app" });
const odd = [undefined, null, {}, [], 7, "x", { info: 7 }, { event: { properties: null } }];
for (const hook of Object.values(hooks))
  for (const one of odd) for (const two of odd) await hook(one, two);
const info = { id: "b", parentID: "a", agent: "general" };
await hooks.event({ event: { type: "session.created", properties: { info } } });
const system = ["x", "Instructions from: /app/AGENTS.md"];
for (const _ of [1, 2])
  await hooks["experimental.chat.system.transform"]({ sessionID: "a" }, { system });
await hooks["experimental.chat.system.transform"]({ sessionID: "a" }, { system: ["a title"] });
const output = { output: "shown", title: "t", metadata: { loaded: [], display: "more" } };
for (const tool of ["read", "edit"])
  await hooks["tool.execute.after"]({ tool, sessionID: "b", callID: "c", args: {} }, output);
for (let number = 0; number < 40; number += 1)
  await hooks["command.execute.before"]({ command: "fix", sessionID: "a" }, { parts: [] });
await hooks.event({ event: { type: "session.idle", properties: { sessionID: "a" } } });
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.parametrize("is_there", [True, False])
def test_the_plugin_hands_over_what_it_is_told_and_disturbs_nobody(
    tmp_path: Path, *, is_there: bool
) -> None:
    text = INSTALLATION.own_text("ctxuse-hook")
    assert text is not None
    plugin = put(tmp_path / "ctxuse.mjs", text)
    host = put(tmp_path / "host.mjs", HOST_OF_PLUGIN)
    handed = tmp_path / "handed"
    handed.mkdir()
    if is_there:
        # each says that it has ended by renaming what it was handed
        says = f'#!/bin/sh\ncat > "{handed}/$$" && mv "{handed}/$$" "{handed}/$$.json"\n'
        put(tmp_path / "bin/ctxuse-hook", says).chmod(0o755)
    node = str(shutil.which("node"))
    temporary = str(tmp_path / "tmp")
    os.mkdir(temporary)
    done = subprocess.run(
        [node, str(host), str(plugin)],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}/bin{':/usr/bin:/bin' * is_there}", "TMPDIR": temporary},
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert os.listdir(temporary) == []
    if not is_there:
        return
    while len(list(handed.glob("*.json"))) < 44:  # they outlive their agent
        time.sleep(0.01)
    found = [json.loads(file.read_text()) for file in handed.iterdir()]
    told = Counter(payload["hook_event_name"] for payload in found)
    assert told == {
        "experimental.chat.system.transform": 1, "tool.execute.after": 1,
        "command.execute.before": 40, "session.idle": 1, "exit": 1,
    }  # fmt: skip
    (called,) = [payload for payload in found if payload["hook_event_name"].startswith("tool")]
    assert (called["session_id"], called["agent_id"]) == ("a", "b")
    assert (called["agent_type"], called["cwd"], called["tool_use_id"]) == ("general", "/app", "c")
    assert called["tool_response"] == {"output": "shown", "metadata": {"loaded": []}}


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("docs/style.md", ["docs/style.md"]),
        ("docs/*.md", ["docs/more.md", "docs/style.md"]),
        ("docs/**/*.md", ["docs/deep/est/one.md", "docs/more.md", "docs/style.md"]),
        ("**/one.md", ["docs/deep/est/one.md"]),
        ("docs/[ms]?yle.md", ["docs/style.md"]),
        ("~/notes.md", ["../notes.md"]),
        ("../*.md", []),
        ("/*/*", []),
        ("**/**/**/*.md", []),
        ("*/" * 20 + "*", []),
        ("https://example.org/*.md", []),
        ("", []),
        ("a\0*", []),
    ],
)
def test_settings_name_files_below_the_project_and_single_ones_anywhere(
    project: Path, pattern: str, named: list[str]
) -> None:
    for path in ("docs/style.md", "docs/more.md", "docs/deep/est/one.md", "../notes.md"):
        put(project / path, "x\n")
    put(project / "docs/more.txt", "x\n")
    put(project.parent / ".config/opencode/opencode.json", json.dumps({"instructions": [pattern]}))
    own = str(project.parent / ".config/opencode")
    found = sorted(os.path.relpath(path, project) for path in named_instructions(str(project), own))
    assert found == named
