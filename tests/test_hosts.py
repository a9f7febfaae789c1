"""An agent is one folder and one line in a table: shown with two that are made up."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from ctxuse import UsageEvent, Workspace
from ctxuse.ids import derived_id

WHOLE = {
    "__init__.py": """
        from ctxuse.hosts.host import Host, Records

        NAME = "acme"
        HOST = Host(
            name=NAME,
            config_dir=".acme",
            user_hooks="hooks.json",
            config_variable="ACME_HOME",
            of_user=Records(skills=("skills",), memories=("{project}/memory",)),
            of_project=Records(skills=(".acme/skills",), instructions=("ACME.md",)),
            transcripts=("talks",),
            project_name=lambda project: project.rpartition("/")[2],
            mcp_client="acme-mcp",
        )
    """,
    "hook.py": """
        from ctxuse.hosts.acme_agent import NAME
        from ctxuse.hosts.calls import Call, uses
        from ctxuse.hosts.origin import Origin
        from ctxuse.hosts.payload import Payload

        def read(fields, environ):
            return Payload.of(NAME, fields, environ.get("ACME_PROJECT"))

        def events(payload, places):
            if payload.session is not None and payload.path is not None:
                call_id = payload.call_id
                call = Call(payload.session, "read", payload.path, call_id, call_id)
                yield from uses(call._replace(at_ns=payload.at_ns), Origin(places))
    """,
    "transcript.py": """
        import msgspec

        from ctxuse.hosts.acme_agent import NAME
        from ctxuse.hosts.calls import Call, uses
        from ctxuse.hosts.lookup import text
        from ctxuse.hosts.origin import Origin
        from ctxuse.hosts.session import Session
        from ctxuse.hosts.jsonlines import Lines
        from ctxuse.hosts.transcripts import Head, when

        class Line(msgspec.Struct):
            began_in: object = None
            session: object = None
            timestamp: object = None
            id: object = None
            path: object = None

        LINES = Lines(Line)

        def head(path):
            return next((Head(text(line.began_in)) for line in LINES.read(path)), Head())

        def read(path, places, told, on_read=None):
            origin = Origin.of_transcript(places, head(path).directory)
            for line in LINES.read(path, told.not_understood, on_read):
                call_id = text(line.id)
                session = Session.named(NAME, text(line.session), None)
                call = Call(session, "read", text(line.path), call_id, call_id)
                told.ended(call_id, uses(call._replace(at_ns=when(line.timestamp)), origin))
            told.finish([])
    """,
    "install.py": """
        import os

        from ctxuse.hosts.acme_agent import NAME
        from ctxuse.hosts.installation import Installation

        INSTALLATION = Installation(
            host=NAME,
            title="Acme",
            project_file=lambda places: os.path.join(places.root, ".acme", "hooks.json"),
            other_files=lambda places: [],
            matchers={"Read": None},
            handler=lambda words, _: {"type": "command", "command": " ".join(words)},
            is_off=lambda settings: settings == {"off": True},
            afterwards="Start a talk.",
            executable="acme",
        )
    """,
    "mcp.py": """
        from ctxuse.hosts.acme_agent import NAME
        from ctxuse.hosts.caller import Caller
        from ctxuse.hosts.lookup import name

        def caller(request):
            return Caller(name(request.meta, "acme/talk"), NAME) if request.host == NAME else None
    """,
}
"""Acme has every part."""

BARE = {
    "__init__.py": """
        from ctxuse.hosts.host import Host, Records

        HOST = Host(name="bare", of_project=Records(instructions=("BARE.md",)))
    """,
}
"""Bare has no hooks, no settings, no transcripts, and no name for an MCP server."""

STARTED = """
import ctxuse.hosts
ctxuse.hosts.__path__.append({folder!r})
ctxuse.hosts.HOSTS.update({{"acme": "acme_agent", "bare": "bare_agent"}})
{then}
"""


class Ground:
    """A workspace in a home directory, and processes that know the two agents."""

    def __init__(self, directory: Path) -> None:
        self.folder = directory / "hosts"
        for name, parts in (("acme_agent", WHOLE), ("bare_agent", BARE)):
            for part, text in parts.items():
                file = self.folder / name / part
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(dedent(text), encoding="utf-8")
        self.home = directory / "home"
        self.root = self.home / "app"
        self.write(".yoi/memory/decisions/alpha.md", "one\n")
        self.write(".acme/skills/pdf/SKILL.md", "body\n")
        self.write("ACME.md", "Be brief.\n")
        self.write("BARE.md", "Be brief.\n")
        self.write("../.acme/app/memory/notes.md", "x\n")
        for name in ("acme", "ctxuse-hook"):
            program = self.write(f"../bin/{name}", "#!/bin/sh\n")
            program.chmod(0o755)
        self.environ = {"HOME": str(self.home), "PATH": f"{self.home}/bin"}

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def python(self, then: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python in the workspace, with the two agents in the table."""
        program = STARTED.format(folder=str(self.folder), then=then)
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            check=False,
            capture_output=True,
            cwd=self.root,
            env={**self.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            input=stdin,
            text=True,
        )

    def ctxuse(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.python("from ctxuse.cli.main import main\nmain()", *words)

    def hook(self, host: str, **payload: object) -> list[UsageEvent]:
        """Hand a payload to the hook, which says nothing, and return the whole log."""
        whole = json.dumps({"session_id": "s", "cwd": str(self.root), **payload})
        done = self.python("from ctxuse.hook import main\nmain()", host, stdin=whole)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return self.log()

    def log(self) -> list[UsageEvent]:
        return [e for e in Workspace(self.root).events() if isinstance(e, UsageEvent)]

    def talk(self, *ids: str) -> None:
        """Write a transcript of Acme in which the decision was read by calls of these ids."""
        path = str(self.root / ".yoi/memory/decisions/alpha.md")
        began = {"began_in": str(self.root), "session": "s", "path": path}
        said = [{**began, "id": i, "timestamp": "2026-01-01T00:00:00Z"} for i in ids]
        self.write("../.acme/talks/t.jsonl", "".join(json.dumps(line) + "\n" for line in said))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_a_hook_and_a_transcript_of_a_new_agent_tell_of_one_call_once(ground: Ground) -> None:
    (event,) = ground.hook("acme", file_path=".yoi/memory/decisions/alpha.md", tool_use_id="c1")
    assert event.id == derived_id("acme", "c1", "decision", "alpha")
    assert (event.host, event.segment_id, event.records[0].file_bytes) == ("acme", "s", 4)
    ground.talk("c1", "c2")
    done = ground.ctxuse("import", "acme")
    assert done.stdout == "1 file: 1 event added, 1 already there\n"
    assert [event.call_id for event in ground.log()] == ["c1", "c2"]
    again = ground.ctxuse("import", "acme", "--all").stdout
    assert again.startswith("1 file: 0 events added, 2 already there\n1 file passed over")


def test_the_records_of_a_new_agent_are_records(ground: Ground) -> None:
    for call_id, (path, record) in enumerate({
        "ACME.md": ("instructions", "ACME.md"),
        "BARE.md": ("instructions", "BARE.md"),
        ".acme/skills/pdf/SKILL.md": ("skill", "pdf"),
        "web/.acme/skills/mail/SKILL.md": ("skill", "web:mail"),
        "~/.acme/skills/mail/SKILL.md": ("skill", "mail"),
        "~/.acme/other/memory/notes.md": ("memory", "~/.acme/other/memory/notes.md"),
    }.items()):  # fmt: skip
        log = ground.hook("acme", file_path=path, tool_use_id=str(call_id))
        assert log[-1].records[0][:2] == record
    listed = json.loads(ground.ctxuse("report", "--all", "--format", "json").stdout)
    names = {(row["kind"], row["slug"]) for row in listed["records"]}
    assert {("instructions", "ACME.md"), ("instructions", "BARE.md"), ("skill", "pdf")} <= names
    assert ("memory", "~/.acme/app/memory/notes.md") in names


def test_the_hooks_of_a_new_agent_are_installed_and_examined(ground: Ground) -> None:
    said = ground.ctxuse("doctor")
    assert "Acme        no hooks installed\n            its program acme is" in said.stdout
    assert ground.ctxuse("setup", "acme", "--yes").stderr.endswith("Start a talk.\n")
    said = ground.ctxuse("doctor")
    assert said.returncode == 0
    assert "Acme        hooks for Read in" in said.stdout
    ground.write(".acme/hooks.json", '{"off": true}')
    said = ground.ctxuse("doctor", "--format", "json")
    assert [host["host"] for host in json.loads(said.stdout)["hosts"]][-1] == "acme"
    ground.ctxuse("setup", "acme", "--user", "--yes")
    assert "turns all hooks of Acme off" in ground.ctxuse("doctor").stdout


def test_an_agent_may_lack_hooks_settings_and_transcripts(ground: Ground) -> None:
    assert ground.hook("bare", file_path="BARE.md") == []
    for command in ("setup", "import"):
        done = ground.ctxuse(command, "bare")
        assert done.returncode == 2
        assert "'bare' is not one of" in done.stderr
    done = ground.ctxuse("doctor")
    assert done.returncode == 0
    assert "Bare" not in done.stdout


@pytest.mark.parametrize(
    ("client", "expected"),
    [("acme-mcp-1", ("t", "acme")), ("bare", (None, "bare")), ("other", (None, "other"))],
)
def test_a_new_agent_says_who_calls_a_server(
    ground: Ground, client: str, expected: tuple[str | None, str]
) -> None:
    then = (
        "from ctxuse.hosts.caller import caller\n"
        f"print(caller({{'acme/talk': 't'}}, {client!r}, {{}})[:2] == {expected!r})"
    )
    assert ground.python(then).stdout == "True\n"
