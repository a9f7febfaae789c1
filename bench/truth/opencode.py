"""OpenCode: the sessions that it is put through, how it is run, and what its requests held."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from truth.captured import OF_SERVER
from truth.claude_code import SEARCHES, SHELL
from truth.client import InstalledClient, installed
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Completions, Request, Script, ScriptedModel, Tool, text_of
from truth.shop import RECORDS as OF_CLAUDE
from truth.shop import Placed, Shop

HOST, TITLE, KEPT = "opencode", "OpenCode", ".local/share/opencode"
PACKAGE, VERSION, PROGRAM = "opencode-ai", "1.18.33", "opencode"


def _skill(name: str, mark: str, about: str, where: str) -> Placed:
    text = f"---\nname: {name}\ndescription: {about}\n---\n# @ {name}\n@ Do it step by step.\n"
    return Placed("skill", name, f"{where}/{name}/SKILL.md", mark, text)


def _prompt(kind: str, path: str, mark: str, text: str) -> Placed:
    return Placed(kind, Path(path).stem, path, mark, text)


_OWN = "~/.config/opencode"
_CLIENTS = Path(__file__).parents[2] / ".truth"

RECORDS = (
    *(record for record in OF_CLAUDE if record.path.startswith(".yoi")),
    Placed("instructions", "AGENTS.md", "AGENTS.md", "Qroot", "# @ Shop\n@ Be brief.\n"),
    Placed("instructions", "CLAUDE.md", "CLAUDE.md", "Qclr", "# @ Shop\n@ For another agent.\n"),
    Placed("instructions", "api/AGENTS.md", "api/AGENTS.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    Placed("instructions", "api/v2/CLAUDE.md", "api/v2/CLAUDE.md", "Qv2", "# @ V2\n@ Newer.\n"),
    Placed("instructions", "docs/style.md", "docs/style.md", "Qsty", "# @\n@ Use snake_case.\n",
           (("../opencode.json", '{"instructions": ["docs/*.md"]}'),)),
    Placed("instructions", f"{_OWN}/AGENTS.md", f"{_OWN}/AGENTS.md", "Qusr",
           "# @\n@ Short answers.\n"),
    Placed("instructions", "~/.claude/CLAUDE.md", "~/.claude/CLAUDE.md", "Qclu",
           "# @\n@ Long answers.\n"),
    _skill("pdf", "Qpdf", "@ Fill forms & tables. Use it for anything with PDF files.",
           ".opencode/skill")._replace(
        others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)
    ),
    _skill("deploy", "Qdep", "|\n  @ Brings it out.\n  @ Two lines of description.",
           ".opencode/skills"),
    _skill("triage", "Qtri", "@ Sorts them.", ".claude/skills"),
    _skill("check", "Qchk", "@ Check the api.", ".agents/skills"),
    _skill("brief", "Qbri", "@ Summarise the morning.", f"{_OWN}/skills"),
    _skill("note", "Qnot", "@ Writes notes.", "~/.agents/skills"),
    _skill("mail", "Qmai", "@ Writes letters.", "~/.claude/skills"),
    _prompt("command", ".opencode/command/fix.md", "Qfix",
            "---\ndescription: @ Fix an issue\n---\n@ Fix issue $ARGUMENTS [[play after]]\n"),
    _prompt("command", f"{_OWN}/commands/tidy.md", "Qtid", "@ Tidy up [[play after]]\n"),
    _prompt("agent", ".opencode/agent/reviewer.md", "Qrev",
            "---\ndescription: @ Reviews code.\nmode: subagent\n---\n@ You review code.\n"),
)  # fmt: skip


class Session(NamedTuple):
    """A session.

    Attributes:
        name: What it is called here; without a prompt of its own, the script that it plays.
        prompt: What the user types.
        typed: The records that the user loads by that, by kind and slug.
        words: More words for the client.
        directory: Where it is started, from the project on.
        goes_on: Whether it is the session before that goes on.
        config: More of its settings.
        lines: What the user types one after the other, in a terminal.
    """

    name: str
    prompt: str = ""
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    directory: str = "."
    goes_on: bool = False
    config: Mapping[str, object] = {}
    lines: tuple[str, ...] = ()


_TYPED = (
    "", "", "!cat AGENTS.md", "[[play by-agent]] with @glossary", "", "/tidy", "", "/compact", "",
    "/exit",
)  # fmt: skip
"""Of what is chosen from a list the first key at the end takes it, and the second one sends it."""

_BY_USER = ("instructions/AGENTS.md", "knowledge/glossary", "command/tidy")
_MCP = {"mcp": {"ctxuse": {"type": "local", "command": ["ctxuse", "mcp"], "enabled": True}}}

SESSIONS = (
    Session("reads"),
    Session("shell"),
    Session("skills"),
    Session("rate"),
    Session("nested"),
    Session("below", directory="api"),
    Session("agents"),
    Session("by-agent"),
    Session("after", words=("--continue",), goes_on=True),
    Session("forked", words=("--continue", "--fork")),
    Session("command", prompt="42", words=("--command", "fix"), typed=("command/fix",)),
    Session("mcp", config=_MCP),
    Session("typed", lines=_TYPED, typed=_BY_USER),
    Session("compacted", config={"compaction": {"auto": True}}),
)

_Y = ".yoi/memory/decisions"


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""
    root = shop.root

    def reads(path: str, **more: int) -> Tool:
        return Tool("read", {"filePath": str(shop.file(path)), **more})

    def calls(skill: str) -> Tool:
        return Tool("skill", {"name": skill})

    def runs(command: str, *, is_search: bool = False, **more: str) -> Tool:
        return Tool("bash", {"command": command, "description": "run", **more}, is_search)

    def finds(tool: str, **arguments: str) -> Tool:
        return Tool(tool, arguments, is_search=True)

    def agent(kind: str) -> Tool:
        said = {"description": "help", "prompt": "[[play by-agent]]", "subagent_type": kind}
        return Tool("task", said)

    def asks(tool: str, *, is_search: bool = False, **arguments: object) -> Tool:
        return Tool(f"ctxuse_{tool}", arguments, is_search)

    own = [command for command in SHELL if ".claude" not in command and "CLAUDE" not in command]
    return {
        "reads": [
            [reads(f"{_Y}/money.md"), reads(".yoi/knowledge/glossary.md")],
            [reads(".yoi/workflow/release.md"), reads(".yoi/memory/summary.md")],
            [reads(".yoi/knowledge/long.md", offset=10, limit=5), reads(".yoi/knowledge/long.md")],
            [reads(f"{_Y}/money.md"), reads(f"{_Y}/nothing.md"), reads("README.md")],
            [reads(".opencode/skill/pdf/SKILL.md"),
             reads(".opencode/skill/pdf/references/forms.md")],
            [reads("AGENTS.md"), reads("docs/style.md"), reads("CLAUDE.md")],
            [reads("~/.config/opencode/AGENTS.md"), reads(".opencode/command/fix.md")],
            [reads(".opencode/agent/reviewer.md"), reads(".yoi/memory/requests/hours.md")],
            [Tool("read", {"filePath": ".yoi/memory/decisions/postgres.md"}), reads(_Y)],
            [finds("grep", pattern="Qmon"), finds("glob", pattern="**/*.md")],
        ],
        "shell": [
            *([runs(command)] for command in own),
            [runs("cat AGENTS.md")],
            [runs("cat ~/.config/opencode/AGENTS.md")],
            [runs("cat .opencode/skill/pdf/references/forms.md")],
            [runs("cat AGENTS.md", workdir=str(root / "api"))],
            [runs("cat .yoi/knowledge/long.md .yoi/knowledge/long.md .yoi/knowledge/long.md")],
            *([runs(command, is_search=True)] for command in SEARCHES),
        ],
        "skills": [
            [calls("pdf")], [calls("no-such-skill")], [calls("deploy"), calls("triage")],
            [calls("brief")], [calls("customize-opencode")], [calls("note")], [calls("pdf")],
        ],
        "rate": [[runs("cat .yoi/knowledge/long.md")] for _ in range(8)],
        "nested": [
            [reads("api/app.py")], [reads("api/app.py")], [reads("api/v2/new.py")],
            [runs(f"cat {_Y}/money.md")],
        ],
        "below": [[runs("cat AGENTS.md")], [reads(f"{_Y}/postgres.md")]],
        "agents": [
            [agent("general")],
            [agent("reviewer"), agent("explore")],
            [reads(f"{_Y}/postgres.md")],
        ],
        "by-agent": [[reads(f"{_Y}/money.md")], [reads("api/app.py")], [calls("pdf")]],
        "after": [[reads(f"{_Y}/postgres.md")], [runs(f"cat {_Y}/money.md")]],
        "forked": [[runs(f"cat {_Y}/postgres.md")]],
        "mcp": [
            [asks("memory_read", kind="decision", slug="money")],
            [asks("memory_search", is_search=True, query="Qmon")],
            [asks("knowledge_reference", slug="glossary")],
            [asks("workflow_invoke", slug="release")],
        ],
        "compacted": [
            [reads(f"{_Y}/money.md")],
            *([runs(f"seq -f '{number}%099g' 400")] for number in range(1, 6)),
            [reads(f"{_Y}/postgres.md")],
        ],
    }  # fmt: skip


class Model(Completions):
    """The Chat Completions API, as OpenCode asks it."""

    def thread(self, headers: Mapping[str, str], _: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the session that a request is of, and the sub-agent; None for the main thread."""
        own, parent = headers.get("x-session-id", ""), headers.get("x-parent-session-id")
        return (own, None) if parent is None else (parent, own)


class Client(InstalledClient):
    """The client.

    Args:
        program: Its program.
        shop: Where it runs.
        model: What answers it.
        path: Where more programs are that it can call, such as our hook.
    """

    def __init__(self, program: Path, shop: Shop, model: ScriptedModel, path: str) -> None:
        self._config = _config(f"{model.url}/v1")
        searches = installed(_CLIENTS, "@vscode/ripgrep", "1.18.0", "rg").parents[1]
        rg = ":".join(str(path.parent) for path in searches.glob("@vscode/ripgrep-*/bin/rg"))
        more = {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        }
        super().__init__(program, shop, f"{path}:{rg}", more)

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        own = self._shop.home / ".config/opencode/opencode.json"
        own.write_text(json.dumps({**self._config, **session.config}))
        if session.lines:
            self.type([], session.lines, session.directory)
            return
        prompt = session.prompt or f"[[play {session.name}]]"
        self.run(["run", *session.words, prompt], session.directory)


def _config(url: str) -> dict[str, object]:
    """Settings that name the scripted model, allow everything and fetch nothing."""
    model = {"name": "Scripted", "limit": {"context": 40000, "output": 4000}}
    provider = {
        "npm": "@ai-sdk/openai-compatible", "name": "Scripted",
        "options": {"baseURL": url, "apiKey": "not-a-key"}, "models": {"m": model},
    }  # fmt: skip
    return {
        "$schema": "https://opencode.ai/config.json", "model": "scripted/m",
        "small_model": "scripted/m", "provider": {"scripted": provider}, "autoupdate": False,
        "share": "disabled", "permission": {"*": "allow"}, "compaction": {"auto": False},
    }  # fmt: skip


LEAST_IMPORTED, LEAST_RESIDENT = 0.0, 0.75
"""The database does not hold what a context begins with, and no plugin is handed the agents that
stand in the description of a tool."""

_SKILL = re.compile(r"  <skill>\n    <name>(.*?)</name>\n.*?\n  </skill>", re.DOTALL)
_AGENT = re.compile(r"^- ([\w-]+): .*$", re.MULTILINE)
_LOADED = re.compile(r'\A<skill_content name="(.*?)">')
_TITLE, _SUMMARY = "You are a title generator", "You are a context summarization agent"


def truth(shop: Shop, model: ScriptedModel, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    found = Truth({}, {}, [], [], {}, [])
    order = [*dict.fromkeys(request.session for request in model.requests if request.session)]
    begun = [session for session in sessions if not session.goes_on]
    for session_id, session in zip(order, begun, strict=True):
        found.typed.extend((session_id, name) for name in session.typed)
    full: set[tuple[str, str | None]] = set()
    for request in model.requests:
        begin = text_of(request.body["messages"][0].get("content"))
        if begin.startswith(_TITLE):
            continue  # nothing of it is kept
        key = (request.session, request.agent)
        thread = found.threads.setdefault(key, Thread({}, Counter()))
        stands = dict(_resident(shop, request))
        for name, size in stands.items():
            thread.again[name] += key in full
            thread.resident.setdefault(name, size)
        full = {*full} - {key} | ({key} if begin.startswith(_SUMMARY) else set())
        found.requests.append(Asked(key, request.taken, stands))
        for name, size in _served(shop, begin):
            server = found.threads.setdefault(
                (_segment_of_server(shop), None), Thread({}, Counter())
            )
            server.resident.setdefault(name, size)
        for message in request.body["messages"]:
            if message["role"] == "tool":
                _answered(shop, model, found, key, message)
    return found


_DROPPED = {"preview", "display", "snapshot", "diffs", "output", "truncated"}


def slim(data: str) -> str:
    """Leave of a message, or a part of one, out what tells of no record."""
    fields = json.loads(data)
    metadata = fields.get("state", {}).get("metadata") or {}
    for place in (fields, metadata, fields.get("summary")):
        for name in _DROPPED & {*place} if isinstance(place, dict) else ():
            del place[name]
    if fields.get("type") == "tool" and fields["tool"] not in {"bash", "read", "skill"}:
        fields["state"] = {"status": fields["state"]["status"]}
    return json.dumps(fields, ensure_ascii=False)


def transcripts(
    shop: Shop, kept: str, sessions: Sequence[str], slim: Callable[[str], str]
) -> dict[str, str]:
    """Return the database as the statements that make it, of some sessions and their sub-agents."""
    path = shop.home / kept / "opencode.db"
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.create_function("slim", 1, slim)
        copy.create_function("is_held", 1, lambda name: name in sessions)
        copy.execute("ATTACH ? AS own", [str(path)])
        copy.executescript(
            "CREATE TABLE session AS SELECT id, parent_id, directory, time_created, time_updated"
            " FROM own.session WHERE is_held(id) OR is_held(parent_id);"
            "CREATE TABLE message AS SELECT id, session_id, time_created, time_updated,"
            " slim(data) AS data FROM own.message WHERE session_id IN (SELECT id FROM session);"
            "CREATE TABLE part AS SELECT id, message_id, session_id, time_created, time_updated,"
            " slim(data) AS data FROM own.part WHERE session_id IN (SELECT id FROM session);"
        )
        copy.execute("DETACH own")
        return {f"{kept}/opencode.sql": "\n".join(copy.iterdump())}


def _answered(
    shop: Shop,
    model: ScriptedModel,
    found: Truth,
    key: tuple[str, str | None],
    message: Mapping[str, Any],
) -> None:
    call_id, text = message["tool_call_id"], text_of(message["content"])
    tool = model.calls.get(call_id)
    if tool is None or call_id in found.calls:
        return
    said, _, loaded = text.partition("\n</content>\n\n<system-reminder>\n")
    for name, size in _files(shop, loaded):
        found.threads[key].resident.setdefault(name, size)
    entered = set() if tool.is_search else shop.in_text(said)
    if tool.name == "skill":  # also one that the host brings along
        entered |= {f"skill/{name}" for name in _LOADED.findall(said)}
    if tool.name.startswith("ctxuse_"):
        found.read.extend((OF_SERVER.rstrip("-"), name) for name in entered)
        entered = set()
    found.calls[call_id] = Call(tool.name, str({**tool.input}), key, entered)


def _served(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in the instructions of our MCP server, with their bytes."""
    _, _, told = text.partition('\n  <server name="ctxuse">\n')
    lines = [line.removeprefix("    ") for line in told.partition("\n  </server>")[0].split("\n")]
    for line in lines:
        for name in shop.in_text(line) if line.startswith("- ") else ():
            yield name, len(line.encode())
    for record in shop.records:
        if record.kind == "summary" and record.body in "\n".join(lines):
            yield record.name, len(record.body.encode())


def _segment_of_server(shop: Shop) -> str:
    """The segment of what our MCP server has served: OpenCode does not tell it who calls."""
    log = shop.root / ".yoi/memory/_usage/events.jsonl"
    segments = (json.loads(line)["segment_id"] for line in log.read_text().splitlines())
    return next((segment for segment in segments if segment.startswith(OF_SERVER)), "")


def _resident(shop: Shop, request: Request) -> Iterator[tuple[str, int]]:
    """The records with which a context begins, with their bytes."""
    for message in request.body["messages"]:
        text = text_of(message.get("content"))
        if message["role"] == "system":
            yield from _files(shop, text.partition("<available_skills>")[0])
            for entry in _SKILL.finditer(text):
                yield f"skill/{entry[1]}", len(entry[0].encode())
        elif message["role"] == "tool":
            yield from _files(shop, text.partition("\n</content>\n\n<system-reminder>\n")[2])
    for tool in request.body.get("tools") or []:
        if tool["function"]["name"] == "task":
            _, _, listed = tool["function"]["description"].partition("\nAvailable agent types")
            for line in _AGENT.finditer(listed):
                yield f"agent/{line[1]}", len(line[0].encode())


def _files(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The instructions that stand in a text, with their bytes."""
    for record in shop.records:
        body = record.text.replace("@", record.mark).strip()
        if record.kind == "instructions" and body in text:
            yield record.name, len(body.encode())
