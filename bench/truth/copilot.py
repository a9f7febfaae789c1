"""GitHub Copilot CLI: its sessions, how it is run, and what its requests held.

Its requests name no session: the main thread's prompt names the folder of the session, and a
sub-agent is told by the call that began it, which stands in what it is asked for.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from truth.claude_code import SEARCHES, SHELL
from truth.client import InstalledClient
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Completions, Request, Script, ScriptedModel, Tool, text_of
from truth.shop import RECORDS as OF_CLAUDE
from truth.shop import Placed, Shop

HOST, TITLE, KEPT = "copilot", "GitHub Copilot CLI", ".copilot/session-state"
PACKAGE, VERSION, PROGRAM = "@github/copilot", "1.0.102", "copilot"
LEAST_IMPORTED = 0.95


def _skill(name: str, mark: str, about: str, where: str) -> Placed:
    text = f"---\nname: {name}\ndescription: {about}\n---\n# @ {name}\n@ Do it step by step.\n"
    return Placed("skill", name, f"{where}/{name}/SKILL.md", mark, text)


def _instructions(path: str, mark: str, text: str) -> Placed:
    return Placed("instructions", path, path, mark, text)


RECORDS = (
    *(record for record in OF_CLAUDE if record.path.startswith(".yoi")),
    _instructions("AGENTS.md", "Qroot", "# @ Shop\n@ Be brief.\nSee @docs/style.md for @ style.\n"),
    _instructions("docs/style.md", "Qsty", "# @\n@ Use snake_case.\n"),
    _instructions("CLAUDE.md", "Qcla", "# @ Claude\n@ Be kind.\n"),
    _instructions("GEMINI.md", "Qgem", "# @ Gemini\n@ Be quick.\n"),
    _instructions(".github/copilot-instructions.md", "Qcop", "# @ Copilot\n@ Ask \"first\".\n"),
    _instructions(".github/instructions/all.instructions.md", "Qall",
                  "---\napplyTo: '**'\n---\n@ Always run the tests.\n"),
    _instructions(".github/instructions/plain.instructions.md", "Qpla", "@ Without a head.\n"),
    _instructions(".github/instructions/deep/api.instructions.md", "Qfor",
                  "---\napplyTo: 'api/**'\ndescription: @ of the api\n---\n"
                  '@ Plural <names> & "quotes".\n'),
    _instructions(".claude/rules/tests.md", "Qrul", "@ Rules of tests.\n"),
    _instructions("api/AGENTS.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    _instructions("~/.copilot/copilot-instructions.md", "Qusr", "# @\n@ Short answers.\n"),
    _instructions("~/.copilot/instructions/mine.instructions.md", "Qmin",
                  "---\napplyTo: '**'\n---\n@ Mine.\n"),
    _skill("pdf", "Qpdf", "@ Fill forms. Use it for <anything> with PDF files & more.",
           ".github/skills")._replace(
        others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)
    ),
    _skill("rename", "Qren", "@ Names things.", ".github/skills"),
    _skill("deploy", "Qdep", "|\n  @ Brings it out.\n  @ Two lines.", ".agents/skills"),
    _skill("triage", "Qtri", "@ Sorts them.", ".claude/skills"),
    _skill("brief", "Qbri", "@ Summarise the morning.", "~/.copilot/skills"),
    _skill("notes", "Qnot", "@ Takes notes.", "~/.agents/skills"),
    _skill("weekly", "Qwee", "@ What was done.", "~/.copilot/skills"),
    Placed("skill", "hidden", ".github/skills/hidden/SKILL.md", "Qhid",
           "---\nname: hidden\ndescription: @ x\ndisable-model-invocation: true\n---\n@ body\n"),
    Placed("command", "fix", ".claude/commands/fix.md", "Qfix",
           "---\ndescription: @ Fix an issue\n---\n@ Fix it\n"),
    Placed("agent", "reviewer", ".github/agents/reviewer.agent.md", "Qrev",
           "---\nname: reviewer\ndescription: @ Reviews code.\n---\n@ You review code.\n"),
)  # fmt: skip

_Y = ".yoi/memory/decisions"


class Session(NamedTuple):
    """A session.

    Attributes:
        name: What it is called here, and the script that it plays.
        typed: The records that the user loads, by kind and slug.
        words: More words for the client.
        directory: Where it is started, from the project on.
        goes_on: The session that goes on; a new one where it is none.
        lines: What the user types one after the other, in a terminal.
    """

    name: str
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    directory: str = "."
    goes_on: str = ""
    lines: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its id."""
        return str(uuid5(NAMESPACE_URL, self.goes_on or self.name))


_SERVER = {"type": "local", "command": "ctxuse", "args": ["mcp"], "tools": ["*"]}
_MCP = ("--additional-mcp-config", json.dumps({"mcpServers": {"ctxuse": _SERVER}}))
_TYPED = (
    "/pdf form.pdf", "What stands in @AGENTS.md ?", "!cat AGENTS.md", "[[play by-agent]]",
    "/compact", "[[play after]]", "/deploy it", "/quit",
)  # fmt: skip

SESSIONS = (
    Session("reads"),
    Session("rate"),
    Session("skills"),
    Session("shell"),
    Session("going-on"),
    Session("below", directory="api"),
    Session("nested"),
    Session("agents"),
    Session("by-agent"),
    Session("after", goes_on="by-agent"),
    Session("mcp", words=_MCP),
    Session("mcp-let-in", words=(*_MCP, "--allow-all-mcp-server-instructions")),
    Session("typed", lines=_TYPED, typed=("skill/pdf", "instructions/AGENTS.md", "skill/deploy")),
)


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""

    def views(path: str, **more: object) -> Tool:
        return Tool("view", {"path": str(shop.file(path)), **more})

    def calls(skill: str) -> Tool:
        return Tool("skill", {"skill": skill})

    def runs(command: str, *, is_search: bool = False, **more: object) -> Tool:
        return Tool("bash", {"command": command, "description": "run", **more}, is_search)

    def asks(tool: str, *, is_search: bool = False, **arguments: object) -> Tool:
        return Tool(f"ctxuse-{tool}", arguments, is_search)

    def agent(kind: str, script: str) -> Tool:
        said = f"[[by @CALL@]] [[play {script}]]"
        return Tool(
            "task", {"description": "look", "prompt": said, "agent_type": kind, "name": "x"}
        )

    own = [command for command in SHELL if ".claude" not in command and ".local" not in command]
    served = [
        [asks("memory_read", kind="decision", slug="money")],
        [asks("memory_search", is_search=True, query="Qmon")],
        [asks("knowledge_reference", slug="glossary"), asks("workflow_invoke", slug="release")],
    ]
    return {
        "reads": [
            [views(f"{_Y}/money.md"), views(".yoi/knowledge/glossary.md")],
            [views(".yoi/workflow/release.md"), views(".yoi/memory/summary.md")],
            [views(".yoi/knowledge/long.md", view_range=[10, 14])],
            [views(".yoi/knowledge/long.md")],
            [views(".yoi/knowledge/long.md", view_range=[1, -1])],
            [views(f"{_Y}/money.md"), views(f"{_Y}/nothing.md"), views("README.md")],
            [views(".github/skills/pdf/SKILL.md"), views(".github/skills/pdf/references/forms.md")],
            [views("AGENTS.md"), views("docs/style.md"), views(".claude/rules/tests.md")],
            [views("~/.copilot/copilot-instructions.md"), views(".claude/commands/fix.md")],
            [views(".github/agents/reviewer.agent.md"), views(".yoi/memory/requests/hours.md")],
            [views(_Y), Tool("view", {"path": f"{_Y}/postgres.md"})],
            [Tool("grep", {"pattern": "Qmon", "output_mode": "content"}, is_search=True)],
        ],
        "rate": [[runs("sed -n 1,300p .yoi/knowledge/long.md")] for _ in range(8)],
        "skills": [
            [calls("pdf")], [calls("no-such-skill")], [calls("hidden")],
            [calls("deploy"), calls("triage")], [calls("brief")], [calls("notes")], [calls("fix")],
            [calls("pdf")],
        ],
        "shell": [
            *([runs(command)] for command in own),
            [runs("cat .github/skills/pdf/SKILL.md")],
            [runs("cat .github/skills/pdf/references/forms.md")],
            [runs("cat AGENTS.md; cat ~/.copilot/copilot-instructions.md")],
            [runs("cd api && cat AGENTS.md")],
            [runs("cat .yoi/knowledge/long.md")],
            *([runs(command, is_search=True)] for command in SEARCHES),
        ],
        "going-on": [
            [runs(f"cat {_Y}/money.md; sleep 2; cat {_Y}/postgres.md; sleep 60", mode="async")],
            [Tool("read_bash", {"shellId": "@SHELL@", "delay": 1})],
            [Tool("read_bash", {"shellId": "@SHELL@", "delay": 3})],
            [Tool("stop_bash", {"shellId": "@SHELL@"})],
        ],
        "below": [[runs("cat AGENTS.md")], [runs(f"cat ../{_Y}/postgres.md")]],
        "nested": [[views("api/app.py")], [views("api/AGENTS.md")], [runs(f"cat {_Y}/money.md")]],
        "agents": [
            [agent("general-purpose", "by-agent")],
            [agent("reviewer", "by-agent"), agent("explore", "after")],
            [agent("general-purpose", "of-agent")],
            [runs(f"cat {_Y}/postgres.md")],
        ],
        "of-agent": [[agent("general-purpose", "by-agent")], [views("api/app.py")]],
        "by-agent": [[runs(f"cat {_Y}/money.md")], [calls("pdf")], [views(f"{_Y}/postgres.md")]],
        "after": [[views(f"{_Y}/postgres.md")], [runs(f"cat {_Y}/money.md")]],
        "mcp": served,
        "mcp-let-in": served,
    }  # fmt: skip


_FOLDER = re.compile(r"Session folder: \S*/session-state/([0-9a-f-]{36})")
_BY = re.compile(r"\[\[by (\w+)\]\]")


class Model(Completions):
    """The Chat Completions API."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        super().__init__(scripts)
        self._sessions: dict[str, str] = {}
        """By call, the session that made it."""

    def thread(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the session, and the call that began the sub-agent."""
        del headers
        said = [text_of(m.get("content")) for m in body["messages"] if m["role"] == "user"]
        began = next((found[1] for text in said if (found := _BY.search(text))), None)
        if began in self._sessions:
            return self._sessions[began], began
        folder = _FOLDER.search(text_of(body["messages"][0].get("content")))
        return (folder[1] if folder else self.requests[-1].session), None

    def _call(self, index: int, tool: Tool) -> dict[str, Any]:
        call = super()._call(index, tool)
        self._sessions[call["id"]] = self.requests[-1].session
        shells = re.findall(r"with shellId: (\w+)", json.dumps(self.requests[-1].body))
        known = {"@CALL@": call["id"], "@SHELL@": shells[-1] if shells else ""}
        for sign, value in known.items():
            call["function"]["arguments"] = call["function"]["arguments"].replace(sign, value)
        return call


class Client(InstalledClient):
    """The client.

    Args:
        program: Its program.
        shop: Where it runs.
        model: What answers it.
        path: Where more programs are that it can call, such as our hook.
    """

    def __init__(self, program: Path, shop: Shop, model: ScriptedModel, path: str) -> None:
        more = {
            "COPILOT_CLI": "1",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_BASE_URL": f"{model.url}/v1",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_API_KEY": "not-a-key",
            "COPILOT_MODEL": "scripted",
        }
        super().__init__(program, shop, f"{path}:{program.parent}", more)
        config = {"trustedFolders": [str(shop.root)]}
        (shop.home / ".copilot/config.json").write_text(json.dumps(config))

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        which = f"--resume={session.id}" if session.goes_on else f"--session-id={session.id}"
        words = [which, "--allow-all-tools", "--allow-all-paths", *session.words]
        if session.lines:
            self.type(words, session.lines, session.directory)
        else:
            self.run([*words, "-p", f"[[play {session.name}]]"], session.directory)


def truth(shop: Shop, model: ScriptedModel, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    found = Truth({}, {}, [], [], {}, [])
    found.typed.extend((session.id, name) for session in sessions for name in session.typed)
    agents = _agents(shop)
    full: set[tuple[str, str | None]] = set()
    for request in model.requests:
        agent = None if request.agent is None else agents.get(request.agent, request.agent)
        key = (request.session, agent)
        thread = found.threads.setdefault(key, Thread({}, Counter()))
        begins = dict(_begins(shop, request, is_agent=agent is not None))
        found.requests.append(Asked(key, request.taken, begins))
        for name, size in begins.items():
            is_new = name not in thread.resident or thread.resident[name] != size
            thread.again[name] += key in full or (is_new and name in thread.resident)
            if agent is None or name not in thread.resident:  # more in a sub-agent is not told
                thread.resident[name] = size
        full = {*full} - {key} | ({key} if _is_full(request) else set())
        for message in request.body["messages"]:
            if message["role"] == "tool":
                _answered(shop, model, found, key, message)
        _delivered(shop, found, request, key)
    return found


def _is_full(request: Request) -> bool:
    """Whether a context that is full is to be told in short."""
    last = text_of(request.body["messages"][-1].get("content"))
    return last.startswith("Please create a detailed summary")


def _agents(shop: Shop) -> dict[str, str]:
    """The ids of sub-agents, by the calls that began them: requests do not name them."""
    found: dict[str, str] = {}
    for path in (shop.home / KEPT).glob("*/events.jsonl"):
        for fields in map(json.loads, path.read_text().splitlines()):
            if fields["type"] == "subagent.started":
                found[fields["data"]["toolCallId"]] = fields["agentId"]
    return found


_SKILL = re.compile(r"<skill>\n  <name>(.*?)</name>.*?</skill>", re.DOTALL)
_LET_IN = re.compile(r"<ctxuse-\*>\n(.*?)\n</ctxuse-\*>", re.DOTALL)


def _begins(shop: Shop, request: Request, *, is_agent: bool) -> Iterator[tuple[str, int]]:
    """The records that the host has put into a request, with their bytes."""
    prompt = text_of(request.body["messages"][0].get("content"))
    tools, _, behind = prompt.partition("\n</tools>\n")
    yield from _listed(shop, request, tools, behind)
    yield from _served(shop, tools)
    taken_in = "".join(_IMPORTED.findall(behind))
    for record in shop.records:
        marked = record.text.replace("@docs", "\0docs").replace("@", record.mark)
        text = marked.replace("\0", "@").strip()
        is_told = text in _IMPORTED.sub("", behind) or f">\n{text}\n<" in taken_in
        if record.kind == "instructions" and is_told:
            yield record.name, len(text.encode())
        elif record.kind == "agent" and is_agent and record.body in prompt:
            yield record.name, len(record.body.encode())
    for message in request.body["messages"]:
        for reminder in _REMINDER.finditer(text_of(message.get("content"))):
            for name in shop.in_text(reminder[1]):
                yield name, len(reminder[1].strip().encode())


def _listed(shop: Shop, request: Request, tools: str, behind: str) -> Iterator[tuple[str, int]]:
    """The skills, agents and instructions that are only named."""
    for listed in _SKILL.finditer(tools):
        for name in shop.in_text(listed[0]) or {f"skill/{listed[1]}"}:
            yield name, len(listed[0].encode())
    lines = [line for line in behind.splitlines() if line.startswith("| ")]
    for tool in request.body.get("tools") or []:
        if tool["function"]["name"] == "task":
            lines += tool["function"]["description"].splitlines()
    for line in lines:
        yield from ((name, len(line.encode())) for name in shop.in_text(line))


def _served(shop: Shop, tools: str) -> Iterator[tuple[str, int]]:
    """The records that stand in the instructions of our MCP server."""
    for served in _LET_IN.finditer(tools):
        for line in served[1].split("\n\n", maxsplit=1)[0].splitlines():
            yield from ((name, len(line.encode())) for name in shop.in_text(line))
        for record in shop.records:
            if record.kind == "summary" and record.body in served[1]:
                yield record.name, len(record.body.encode())


_REMINDER = re.compile(
    r"<system_reminder>\nCustom instructions from [^\n]*\n(.*?)</system_reminder>", re.DOTALL
)
_IMPORTED = re.compile(
    r"\n\n<imported_custom_instruction .*?</imported_custom_instruction>", re.DOTALL
)


def _answered(
    shop: Shop,
    model: ScriptedModel,
    found: Truth,
    key: tuple[str, str | None],
    message: Mapping[str, Any],
) -> None:
    call_id = message["tool_call_id"]
    tool = model.calls.get(call_id)
    if tool is None or call_id in found.calls:
        return
    said = text_of(message["content"])
    entered = set() if tool.is_search else shop.in_text(said)
    if tool.name.startswith("ctxuse-"):  # of which the server is told no id
        found.read.extend((key[0], name) for name in entered)
        entered = set()
    kind = _KINDS.get(tool.name, "other tools")
    found.calls[call_id] = Call(kind, str({**tool.input}), key, entered)


_KINDS = {
    "view": "view", "skill": "skill", "bash": "shell", "read_bash": "shell", "stop_bash": "shell",
}  # fmt: skip


def _delivered(shop: Shop, found: Truth, request: Request, key: tuple[str, str | None]) -> None:
    """Take note of the skills that calls have loaded: their text comes behind the answers."""
    open_calls: list[str] = []
    for message in request.body["messages"]:
        said = text_of(message.get("content"))
        if message["role"] == "tool" and message["tool_call_id"] in found.calls:
            call = found.calls[message["tool_call_id"]]
            if call.kind == "skill" and call.thread == key:
                open_calls.append(message["tool_call_id"])
        elif message["role"] == "user" and said.startswith("<skill-context "):
            for name in shop.in_text(said):
                named = said.split('"')[1]
                of = [one for one in open_calls if f"'{named}'" in found.calls[one].input]
                if of:
                    open_calls.remove(of[0])
                    found.calls[of[0]].entered.add(name)


_OWN = ("model.", "hook.", "assistant.turn")


def slim(transcript: str) -> str:
    """Leave of a session out what is the client's own and tells of no record."""
    lines = []
    if not transcript.startswith('{"type":'):  # something that lies beside it
        return ""
    for line in transcript.splitlines():
        fields = json.loads(line)
        if fields["type"].startswith(_OWN):
            continue
        data = fields["data"]
        for name in ("toolTelemetry", "accountingSnapshot", "modelMetrics", "metadata"):
            data.pop(name, None)
        (data.get("result") or {}).pop("detailedContent", None)
        if fields["type"] == "system.message":
            data["content"] = _slim_prompt(data["content"])
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return "".join(lines)


def _slim_prompt(prompt: str) -> str:
    """A system prompt without most of what the client says itself."""
    tools, end, behind = prompt.partition("\n</tools>\n")
    kept = [found[0] for found in (*_SKILL.finditer(tools), *_LET_IN.finditer(tools))]
    head = tools.partition("\n\n")[0]
    return "\n".join([head, *kept]) + end + behind.partition("<system_notifications>")[0]
