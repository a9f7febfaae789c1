"""Gemini CLI: the sessions that it is put through, how it is run, and what its requests held."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from truth.claude_code import SEARCHES, SHELL
from truth.client import InstalledClient
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Request, Script, ScriptedModel, Tool, tokens_of, turn_of
from truth.shop import RECORDS as OF_CLAUDE
from truth.shop import Placed, Shop

HOST, TITLE, KEPT = "gemini-cli", "Gemini CLI", ".gemini/tmp"
PACKAGE, VERSION, PROGRAM = "@google/gemini-cli", "0.61.0", "gemini"


def _skill(name: str, mark: str, where: str) -> Placed:
    text = f"---\nname: {name}\ndescription: @ About {name}.\n---\n# @ {name}\n@ Step by step.\n"
    return Placed("skill", name, f"{where}/skills/{name}/SKILL.md", mark, text)


def _instructions(path: str, mark: str, text: str) -> Placed:
    return Placed("instructions", path, path, mark, text)


_MEMORY = "~/.gemini/tmp/shop/memory/MEMORY.md"

RECORDS = (
    *(record for record in OF_CLAUDE if record.path.startswith(".yoi")),
    _instructions("GEMINI.md", "Qroot", "# @ Shop\n@ Be brief.\nSee @docs/style.md for @ style.\n"),
    _instructions("docs/style.md", "Qsty", "# @\n@ Use snake_case.\n"),
    _instructions("api/GEMINI.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    _instructions("~/.gemini/GEMINI.md", "Qusr", "# @\n@ Short answers.\n"),
    _skill("pdf", "Qpdf", ".gemini")._replace(
        others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)
    ),
    _skill("deploy", "Qdep", ".agents"),
    _skill("brief", "Qbri", "~/.gemini"),
    _skill("triage", "Qtri", "~/.agents"),
    Placed("agent", "reviewer", "~/.gemini/agents/reviewer.md", "Qrev",
           "---\nname: reviewer\ndescription: @ Reviews code.\n---\n@ You review code.\n"),
    Placed("memory", _MEMORY, _MEMORY, "Qmem", "@ The user likes short answers.\n"),
)  # fmt: skip

_SERVERS = "--allowed-mcp-server-names"


class Session(NamedTuple):
    """A session.

    Attributes:
        name: What it is called here; without a prompt of its own, the script that it plays.
        prompt: What the user types.
        typed: The records that the user loads by that, by kind and slug.
        words: More words for the client.
        goes_on: Whether it is the session before that goes on.
        lines: What the user types one after the other, in a terminal.
    """

    name: str
    prompt: str = ""
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = (_SERVERS, "none")
    goes_on: bool = False
    lines: tuple[str, ...] = ()


_RESUMED = ("--resume", "latest", _SERVERS, "none")

SESSIONS = (
    Session("reads"),
    Session("rate"),
    Session("shell"),
    Session("skills"),
    Session("nested"),
    Session("agents"),
    Session("before"),
    Session("after", words=_RESUMED, goes_on=True),
    Session(
        "mention",
        "Compare @.yoi/memory/decisions/money.md with @README.md",
        ("decision/money",),
    ),
    Session("mcp", words=(_SERVERS, "ctxuse")),
    Session("mcp-at-rest", "[[play after]]", words=(_SERVERS, "ctxuse")),
    Session(
        "typed",
        typed=("decision/postgres", "instructions/GEMINI.md"),
        lines=(
            "[[play rate]]", "/compress",
            "Look at @.yoi/memory/decisions/postgres.md [[play after]]",
            "!cat GEMINI.md", "!", "[[play before]]", "/quit",
        ),
    ),
)  # fmt: skip

_Y = ".yoi/memory/decisions"
_SEARCHING = frozenset({"grep_search", "search_file_content", "glob", "list_directory"})
_NO_RECORD = frozenset({"invoke_agent", "complete_task"})


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""
    root = shop.root

    def reads(path: str, **more: int) -> Tool:
        return Tool("read_file", {"file_path": path, **more})

    def runs(command: str, *, is_search: bool = False, **more: str) -> Tool:
        return Tool("run_shell_command", {"command": command, **more}, is_search)

    def loads(skill: str) -> Tool:
        return Tool("activate_skill", {"name": skill})

    def agent(name: str, prompt: str) -> Tool:
        return Tool("invoke_agent", {"agent_name": name, "prompt": prompt})

    def asks(tool: str, *, is_search: bool = False, **arguments: object) -> Tool:
        return Tool(f"mcp_ctxuse_{tool}", arguments, is_search)

    own = [command for command in SHELL if ".claude" not in command and "CLAUDE" not in command]
    return {
        "reads": [
            [reads(f"{_Y}/money.md"), reads(".yoi/knowledge/glossary.md")],
            [reads(str(root / ".yoi/workflow/release.md")), reads(".yoi/memory/summary.md")],
            [reads(".yoi/knowledge/long.md", start_line=10, end_line=15)],
            [reads(".yoi/knowledge/long.md")],
            [reads(f"{_Y}/money.md"), reads(f"{_Y}/nothing.md"), reads("README.md")],
            [reads(".gemini/skills/pdf/SKILL.md"), reads("GEMINI.md"), reads("docs/style.md")],
            [reads(str(shop.home / ".gemini/GEMINI.md")), reads(".yoi/memory/requests/hours.md")],
            [Tool("grep_search", {"pattern": "Qmon"}), Tool("glob", {"pattern": "**/*.md"})],
            [Tool("list_directory", {"dir_path": ".yoi/memory"})],
        ],
        "rate": [[runs(f"head -n {400 - n} .yoi/knowledge/long.md")] for n in range(8)],
        "shell": [
            *([runs(command)] for command in own),
            [runs("cat GEMINI.md"), runs("cat ~/.gemini/GEMINI.md")],
            [runs("cat .gemini/skills/pdf/references/forms.md .agents/skills/deploy/SKILL.md")],
            [runs("cat GEMINI.md", dir_path="api"), runs("cat ~/.agents/skills/triage/SKILL.md")],
            [runs(f"cat {_MEMORY}"), runs("cat ~/.gemini/agents/reviewer.md")],
            *([runs(command, is_search=True)] for command in SEARCHES),
        ],
        "skills": [
            [loads("pdf")],
            [loads("no-such-skill")],
            [loads("deploy")],
            [loads("brief"), loads("triage")],
            [reads(".gemini/skills/pdf/references/forms.md")],
            [loads("pdf")],
        ],
        "nested": [[reads("api/app.py")], [reads("api/GEMINI.md")], [reads(f"{_Y}/postgres.md")]],
        "agents": [
            [agent("reviewer", "[[play by-agent]]")],
            [agent("generalist", "Do this: [[play by-agent]]")],
            [reads(f"{_Y}/postgres.md")],
        ],
        "by-agent": [
            [reads(f"{_Y}/money.md")],
            [runs(f"cat {_Y}/postgres.md"), reads("api/app.py")],
            [Tool("complete_task", {"result": "done", "response": "done"})],
        ],
        "before": [[reads(f"{_Y}/money.md")]],
        "after": [[reads(f"{_Y}/postgres.md")], [runs(f"cat {_Y}/money.md")]],
        "mcp": [
            [asks("memory_read", kind="decision", slug="money")],
            [asks("memory_search", is_search=True, query="Qmon")],
            [asks("knowledge_reference", slug="glossary"), asks("workflow_invoke", slug="release")],
            [asks("memory_read", kind="decision", slug="nothing")],
        ],
    }  # fmt: skip


class Model(ScriptedModel):
    """The Gemini API.

    Attributes:
        running: The session that runs now; requests do not say whose they are.
        sessions: The ids of sessions, by name.
    """

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        super().__init__(scripts)
        self.running = ""
        self.sessions: dict[str, str] = {}

    def reply(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[str, str]:
        """Return the type and the text of the answer to a request."""
        del headers
        body = json.loads(data or b"{}")
        taken = tokens_of(body)
        if "countTokens" in path:
            return "application/json", json.dumps({"totalTokens": taken})
        parts: list[dict[str, Any]] = [{"text": "Done."}]
        tools = _offered(body)
        if tools:
            agent = _text(body["contents"][0]) if "complete_task" in tools else None
            self.requests.append(Request(self.running, agent, body, taken))
            parts = [
                {"functionCall": {"name": tool.name, "args": tool.input}}
                for tool in self._turn(body["contents"])
            ] or parts
        elif "responseMimeType" in (body.get("generationConfig") or {}):
            parts = [{"text": json.dumps(_ASIDE)}]
        elif "<state_snapshot>" in json.dumps(body):
            parts = [{"text": "<state_snapshot>left: [[play after]]</state_snapshot>"}]
        content = {"role": "model", "parts": parts}
        answer = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {
                "promptTokenCount": taken, "candidatesTokenCount": 20,
                "totalTokenCount": taken + 20,
            },
            "modelVersion": "scripted", "responseId": f"response-{next(self.ids)}",
        }  # fmt: skip
        if "streamGenerateContent" in path:
            return "text/event-stream", f"data: {json.dumps(answer)}\r\n\r\n"
        return "application/json", json.dumps(answer)

    def _turn(self, contents: Sequence[Mapping[str, Any]]) -> Sequence[Tool]:
        said = [(content["role"], _text(content)) for content in contents]
        calling = [any("functionCall" in part for part in one["parts"]) for one in contents]
        turns = [sum(calling[index + 1 :]) for index in range(len(said))]
        return turn_of(self.scripts, said, turns)


_ASIDE = {
    "reasoning": "none", "next_speaker": "user", "unproductive_state_analysis": "none",
    "unproductive_state_confidence": 0.0,
}  # fmt: skip
"""What is answered where the client asks for JSON, about who speaks next, or whether it loops."""


def _offered(body: Mapping[str, Any]) -> set[str]:
    """The names of the tools that are offered."""
    tools = body.get("tools") or []
    return {one["name"] for tool in tools for one in tool.get("functionDeclarations", [])}


def _text(content: Mapping[str, Any]) -> str:
    return "\n".join(part["text"] for part in content["parts"] if "text" in part)


class Client(InstalledClient):
    """The client.

    Args:
        program: Its program.
        shop: Where it runs.
        model: What answers it.
        path: Where more programs are that it can call, such as our hook.
    """

    def __init__(self, program: Path, shop: Shop, model: Model, path: str) -> None:
        self._model = model
        more = {
            "GEMINI_API_KEY": "not-a-key",
            "GOOGLE_GEMINI_BASE_URL": model.url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
            "NO_UPDATE_NOTIFIER": "1",
        }
        super().__init__(program, shop, f"{path}:{program.parent}", more)
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False},
            "privacy": {"usageStatisticsEnabled": False},
            "mcpServers": {"ctxuse": {"command": "ctxuse", "args": ["mcp"]}},
        }
        (shop.home / ".gemini/settings.json").write_text(json.dumps(settings))

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        words = ["--yolo", "-m", "gemini-2.5-pro", *session.words]
        if not session.goes_on:
            self._model.running = session.name
        if session.lines:
            self.type(words, session.lines)
        else:
            prompt = session.prompt or f"[[play {session.name}]]"
            self.run([*words, "-p", prompt])
        known = self._model.sessions
        new = {began["sessionId"] for began, _ in _chats(self._shop)} - {*known.values()}
        if new:
            known[session.name] = min(new)


def _chats(shop: Shop) -> Iterator[tuple[dict[str, Any], Path]]:
    """The first lines of the chats of sessions, and where they are."""
    for path in (shop.home / KEPT).glob("*/chats/session-*.jsonl"):
        yield json.loads(path.open().readline()), path


_FILE = re.compile(r"--- Context from: (\S+) ---\n(.*?)\n--- End of Context from:", re.DOTALL)
_TAKEN_IN = re.compile(
    r"<!-- Imported from: \S+ -->\n(.*?)\n<!-- End of import from: \S+ -->", re.DOTALL
)
_SERVER = re.compile(r"---\[start of server instructions\]---\n(.*?)\n---\[end", re.DOTALL)
_DISCOVERED = "--- Newly Discovered Project Context ---"
_LEFT = "Got it. Thanks for the additional context!"


def truth(shop: Shop, model: Model, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    untold: list[tuple[str, str]] = []
    found = Truth({}, {}, [], [], {}, [], untold)
    for session in sessions:
        if session.name in model.sessions:
            found.typed.extend((model.sessions[session.name], name) for name in session.typed)
    searches = {
        (tool.name, json.dumps(tool.input, sort_keys=True))
        for script in model.scripts.values() for turn in script for tool in turn if tool.is_search
    }  # fmt: skip
    agents = _agents(shop, model)
    left: dict[tuple[str, str | None], str] = {}
    seen: set[str] = set()
    for request in model.requests:
        session_id = model.sessions[request.session]
        agent = None if request.agent is None else agents[request.session, request.agent]
        key, contents = (session_id, agent), request.body["contents"]
        is_new = key not in found.threads
        thread = found.threads.setdefault(key, Thread({}, Counter()))
        if is_new:
            untold.extend((session_id, name) for name in sorted(_untold(shop, request)))
        begins = dict(_begins(shop, _text(contents[0])))
        behind = dict(_discovered(shop, contents))
        found.requests.append(Asked(key, request.taken, begins | behind))
        is_left = len(contents) > 1 and _text(contents[1]) == _LEFT
        summary = _text(contents[0]) if is_left else left.get(key, "")
        for name, size in (begins | behind).items():
            thread.again[name] += name in begins and summary != left.get(key, "")
            thread.resident.setdefault(name, size)
        left[key] = summary
        for call_id, called, result in _calls(contents, agent):
            name, arguments = called["name"], called.get("args") or {}
            if call_id in seen or name in _NO_RECORD:
                continue
            seen.add(call_id)
            written = json.dumps(arguments, sort_keys=True)
            is_search = name in _SEARCHING or (name, written) in searches
            shown = json.dumps(result, ensure_ascii=False).partition(_DISCOVERED)[0]
            entered = set() if is_search else shop.in_text(shown)
            if name.startswith("mcp_"):
                found.read.extend(("mcp", record) for record in entered)
                continue
            kind = "searches" if name in _SEARCHING else name
            found.calls[call_id] = Call(kind, written, key, entered)
    return found


def _agents(shop: Shop, model: Model) -> dict[tuple[str, str], str]:
    """The ids of sub-agents, by their session's name and what they were asked."""
    order: dict[str, list[str]] = {}
    for request in model.requests:
        asked = order.setdefault(request.session, [])
        if request.agent is not None and request.agent not in asked:
            asked.append(request.agent)
    found: dict[tuple[str, str], str] = {}
    for name, asked in order.items():
        paths = [*(shop.home / KEPT).glob(f"*/chats/{model.sessions[name]}/*.jsonl")]
        began = [json.loads(path.open().readline()) for path in paths]
        ids = [one["sessionId"] for one in sorted(began, key=lambda one: str(one["startTime"]))]
        found |= {(name, said): one for said, one in zip(asked, ids, strict=True)}
    return found


def _calls(
    contents: Sequence[Mapping[str, Any]], agent: str | None
) -> Iterator[tuple[str, Mapping[str, Any], object]]:
    """The calls of a history, with their results, and the ids by which chats know them."""
    waiting: list[tuple[str, Mapping[str, Any]]] = []
    turn = 0
    for content in contents:
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        for (call_id, call), result in zip(waiting, results, strict=False):
            yield call_id, call, result.get("response")
        if calls:
            ids = [f"{agent}#{turn}-{n}" if agent else f"{one['name']}__{one['id']}"
                   for n, one in enumerate(calls)]  # fmt: skip
            waiting = [*zip(ids, calls, strict=True)]
            turn += 1
        elif results:
            waiting = []


def _begins(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in the message with which a context begins, with their bytes."""
    for file in _FILE.finditer(text):
        own = _TAKEN_IN.sub("", file[2])
        for part in [own, *(taken_in[1] for taken_in in _TAKEN_IN.finditer(file[2]))]:
            for name in shop.in_text(part):
                yield name, len(part.encode())
    for server in _SERVER.finditer(text):
        lines, _, summary = server[1].partition("\n\n")
        for part in [*lines.splitlines(), summary]:
            for name in shop.in_text(part):
                yield name, len(part.encode())


def _discovered(shop: Shop, contents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """The instructions that stand behind what tools have shown."""
    for content in contents:
        for part in content["parts"]:
            said = part.get("functionResponse", {}).get("response", {}).get("output")
            if isinstance(said, str) and _DISCOVERED in said:
                yield from _begins(shop, said.partition(_DISCOVERED)[2])


def _untold(shop: Shop, request: Request) -> set[str]:
    """The records that stand in the instructions of the system, of which no chat tells."""
    return shop.in_text(json.dumps(request.body.get("systemInstruction"), ensure_ascii=False))


_OWN = frozenset({"displayName", "description", "renderOutputAsMarkdown", "resultDisplay"})


def slim(transcript: str) -> str:
    """Leave of a chat out what is the client's own and tells of no record."""
    lines = []
    for line in transcript.splitlines() if transcript.startswith('{"') else ():
        fields = json.loads(line)
        for call in fields.get("toolCalls") or []:
            for name in _OWN & call.keys():
                del call[name]
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return "".join(lines)
