"""Codex: the sessions that it is put through, how it is run, and what its requests held."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from truth.claude_code import SEARCHES, SHELL
from truth.client import InstalledClient
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Request, Script, ScriptedModel, Tool, tokens_of, turn_of
from truth.shop import RECORDS as OF_CLAUDE
from truth.shop import Placed, Shop

HOST, TITLE, KEPT = "codex", "Codex", ".codex/sessions"
PACKAGE, VERSION, PROGRAM = "@openai/codex", "0.169.0", "codex"
LEAST_IMPORTED = 0.95

DIRECT, CODE_MODE = "gpt-5.4", "gpt-6.1-sol"
"""Models that call the shell, and those that call a script which does."""


def _skill(name: str, mark: str, about: str, where: str = ".agents/skills") -> Placed:
    text = f"---\nname: {name}\ndescription: {about}\n---\n# @ {name}\n@ Do it step by step.\n"
    return Placed("skill", name, f"{where}/{name}/SKILL.md", mark, text)


_PLUGIN = "~/.codex/plugins/cache/market/acme/1.0.0"

RECORDS = (
    *(record for record in OF_CLAUDE if record.path.startswith(".yoi")),
    Placed("instructions", "AGENTS.md", "AGENTS.md", "Qroot", "# @ Shop\n@ Be brief.\n"),
    Placed("instructions", "api/AGENTS.md", "api/AGENTS.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    Placed("instructions", "~/.codex/AGENTS.md", "~/.codex/AGENTS.md", "Qusr",
           "# @\n@ Short answers.\n"),
    _skill("pdf", "Qpdf", "@ Fill forms. Use it for anything with PDF files.")._replace(
        others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)
    ),
    _skill("triage", "Qtri", "@ Sorts them.", f"{_PLUGIN}/skills")._replace(slug="acme:triage"),
    _skill("deploy", "Qdep", "@ Brings it out."),
    _skill("brief", "Qbri", "@ Summarise the morning.", "~/.codex/skills"),
    Placed("memory", "~/.codex/memories/memory_summary.md", "~/.codex/memories/memory_summary.md",
           "Qmem", "@ The user likes short answers.\n"),
)  # fmt: skip


class Session(NamedTuple):
    """A session.

    Attributes:
        name: What it is called here; without a prompt of its own, the script that it plays.
        model: The model that is asked for.
        prompt: What the user types.
        typed: The records that the user loads by that, by kind and slug.
        words: More words for the client.
        directory: Where it is started, from the project on.
        command: What the client is told to do.
        goes_on: Whether it is the session before that goes on.
        lines: What the user types one after the other, in a terminal.
    """

    name: str
    model: str = DIRECT
    prompt: str = ""
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    directory: str = "."
    command: tuple[str, ...] = ("exec",)
    goes_on: bool = False
    lines: tuple[str, ...] = ()


_TYPED = (
    "[[play by-agent]]", "!cat AGENTS.md", "/compact", "Go on with $deploy [[play after]]", "/quit",
)  # fmt: skip
_MCP = ("-c", 'mcp_servers.ctxuse={command="ctxuse",args=["mcp"]}')

SESSIONS = (
    Session("shell"),
    Session("rate"),
    Session("shell-in-scripts", CODE_MODE),
    Session("scripts", CODE_MODE),
    Session("cells", CODE_MODE),
    Session("long"),
    Session("terminal"),
    Session("below", directory="api"),
    Session("agents"),
    Session("agents-of-scripts", CODE_MODE),
    Session("by-agent"),
    Session("after", command=("exec", "resume", "--last"), goes_on=True),
    Session("forked", command=("exec", "fork", "@SESSION@")),
    Session("worktree", words=("--worktree",)),
    Session("review", command=("exec", "review"), prompt="Look at it"),
    Session(
        "mentions",
        prompt="Do it with $pdf and $acme:triage",
        typed=("skill/pdf", "skill/acme:triage"),
    ),
    Session("mcp", words=_MCP),
    Session("mcp-in-scripts", CODE_MODE, words=_MCP),
    Session("memories", words=("-c", "features.memories=true")),
    Session("compacted", words=("-c", "model_auto_compact_token_limit=25000")),
    Session("typed", lines=_TYPED, typed=("instructions/AGENTS.md", "skill/deploy")),
)

_SOON = '// @exec: {"yield_time_ms": 500}\n'
"""What makes a script go on by itself that takes longer."""

_COMPACT = "You are performing a CONTEXT CHECKPOINT COMPACTION"

_Y = ".yoi/memory/decisions"
_SHELL = "exec_command"


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""
    root = shop.root

    def runs(command: str, *, is_search: bool = False, **more: object) -> Tool:
        return Tool(_SHELL, {"cmd": command, **more}, is_search)

    def script(text: str) -> Tool:
        return Tool("exec", {"script": text})

    def asks(tool: str, *, is_search: bool = False, **arguments: object) -> Tool:
        return Tool(f"mcp__ctxuse__{tool}", arguments, is_search)

    def types(chars: str) -> Tool:
        said = {"session_id": "@PROCESS@", "chars": chars, "yield_time_ms": 800}
        return Tool("write_stdin", said)

    own = [command for command in SHELL if ".claude" not in command and "CLAUDE" not in command]
    commands = [
        *([runs(command)] for command in own),
        [runs("cat AGENTS.md")],
        [runs("sed -n 1,20p .agents/skills/pdf/SKILL.md")],
        [runs("cat .agents/skills/pdf/references/forms.md")],
        [runs("cat ~/.codex/AGENTS.md")],
        [runs(f"cat {_PLUGIN}/skills/triage/SKILL.md")],
        [runs("cat AGENTS.md", workdir=str(root / "api"))],
        *([runs(command, is_search=True)] for command in SEARCHES),
    ]
    money = json.dumps({"cmd": f"cat {_Y}/money.md"})
    slow = json.dumps({"cmd": f"sleep 2; cat {_Y}/money.md"})
    parts = f"cat {_Y}/money.md; sleep 2; cat {_Y}/postgres.md"
    late = json.dumps({"cmd": parts, "yield_time_ms": 500})
    served = [
        [asks("memory_read", kind="decision", slug="money")],
        [asks("memory_search", is_search=True, query="Qmon")],
        [asks("knowledge_reference", slug="glossary")],
        [asks("workflow_invoke", slug="release")],
        [Tool("read_mcp_resource", {"server": "ctxuse", "uri": "ctxuse://request/hours"})],
    ]
    agents = "multi_agent_v1"
    spawn = {"message": "[[play by-agent]]", "fork_context": False}
    wait = {"targets": "@AGENT@", "timeout_ms": 15000}
    return {
        "shell": commands,
        "shell-in-scripts": commands,
        "scripts": [
            [script(f"const r = await tools.exec_command({money}); text(r.output.length);")],
            [script(f"const r = await tools.exec_command({money}); text(JSON.stringify(r));")],
            [script(
                "const [a, b] = await Promise.all(["
                f"tools.exec_command({money}), "
                f"tools.exec_command({json.dumps({'cmd': f'cat {_Y}/postgres.md'})})]);"
                " text(b.output);"
            )],
        ],
        "cells": [
            [script(f"{_SOON}const r = await tools.exec_command({slow}); text(r.output);")],
            [Tool("wait", {"cell_id": "@CELL@", "yield_time_ms": 5000})],
            [script(f"{_SOON}const r = await tools.exec_command({slow}); text(r.output.length);")],
            [Tool("wait", {"cell_id": "@CELL@", "yield_time_ms": 5000})],
            [script(f"const r = await tools.exec_command({late}); text(JSON.stringify(r));")],
            [script("await new Promise((done) => setTimeout(done, 3000)); text(62);")],
        ],
        "long": [
            [runs(f"cat {_Y}/money.md; sleep 3; echo end", yield_time_ms=1000)],
            [Tool("write_stdin", {"session_id": "@PROCESS@", "chars": "", "yield_time_ms": 5000})],
        ],
        "terminal": [
            [runs("bash --norc -i", yield_time_ms=800, tty=True)],
            [types(f"cat {_Y}/money.md\n")],
            [types("exit\n")],
        ],
        "compacted": [
            [runs(f"cat {_Y}/money.md")],
            *([runs(f"yes {number} | head -c 40000")] for number in range(1, 6)),
            [runs(f"cat {_Y}/postgres.md")],
        ],
        "forked": [[runs(f"cat {_Y}/money.md")]],
        "below": [[runs("cat AGENTS.md")], [runs(f"cat ../{_Y}/postgres.md")]],
        "agents": [
            [Tool(f"{agents}.spawn_agent", spawn)],
            [Tool(f"{agents}.wait_agent", wait)],
            [runs(f"cat {_Y}/postgres.md")],
        ],
        "agents-of-scripts": [
            [Tool("collaboration.spawn_agent", {
                "task_name": "look", "message": "[[play by-agent]]", "fork_turns": "none",
            })],
            [Tool("collaboration.wait_agent", {"timeout_ms": 10000})],
            [runs(f"cat {_Y}/postgres.md")],
        ],
        "after": [[runs(f"cat {_Y}/postgres.md")]],
        "worktree": [[runs("cat AGENTS.md")], [runs(f"cat {_Y}/money.md")]],
        "by-agent": [[runs(f"cat {_Y}/money.md")], [runs("cat .agents/skills/pdf/SKILL.md")]],
        "rate": [[runs("cat .yoi/knowledge/long.md")] for _ in range(8)],
        "mcp": served,
        "mcp-in-scripts": served,
    }  # fmt: skip


class Model(ScriptedModel):
    """The Responses API."""

    def reply(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[str, str]:
        """Return the type and the text of the answer to a request."""
        if headers.get("content-encoding") == "zstd":
            from backports import zstd  # noqa: PLC0415 - of this client only

            data = zstd.decompress(data)
        body = json.loads(data)
        if not path.split("?", maxsplit=1)[0].endswith("/responses"):
            return "application/json", "{}"
        turn = json.loads(headers.get("x-codex-turn-metadata") or "{}")
        session, thread = turn.get("session_id", ""), turn.get("thread_id")
        agent = None if thread in {None, session} else thread
        self.requests.append(Request(session, agent, body, tokens_of(body)))
        return "text/event-stream", "".join(self._events(body))

    def _events(self, body: dict[str, Any]) -> Iterator[str]:
        number = next(self.ids)
        is_full = _is_full(self.requests[-1])
        turn = () if is_full else self._turn(body)
        items = [self._item(tool, body, number) for tool in turn]
        said = "Left is [[play after]]" if is_full else "Done."
        say = {"type": "output_text", "text": said, "annotations": []}
        items = items or [
            {
                "type": "message", "role": "assistant", "id": f"msg_{number}",
                "status": "completed", "content": [say],
            }
        ]  # fmt: skip
        response = {"id": f"resp_{number}", "object": "response", "output": items}
        total = tokens_of(body)
        usage = {
            "input_tokens": total, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": total + 20,
        }  # fmt: skip
        begun = {**response, "status": "in_progress", "output": []}
        yield _event("response.created", response=begun)
        for index, item in enumerate(items):
            yield _event("response.output_item.done", output_index=index, item=item)
        done = {**response, "status": "completed", "usage": usage}
        yield _event("response.completed", response=done)

    def _turn(self, body: dict[str, Any]) -> Sequence[Tool]:
        said: list[tuple[str, str]] = []
        turns: list[int] = []
        for item in body.get("input", []):
            if item.get("type") in {"function_call", "custom_tool_call"}:
                turns = [number + 1 for number in turns]
            elif item.get("type") in {"message", "agent_message"}:
                said.append((item.get("role", "user"), _text(item["content"])))
                turns.append(0)
        return turn_of(self.scripts, said, turns)

    def _item(self, tool: Tool, body: dict[str, Any], number: int) -> dict[str, Any]:
        """A call, in the way that the client offers it."""
        call_id = f"call_{number:05d}_x"
        self.calls[call_id] = tool
        arguments = _filled(tool.input, json.dumps(body.get("input", [])))
        namespace, _, name = tool.name.rpartition(".")
        script = arguments.get("script")
        is_direct = namespace or name == "wait"
        if "exec" in {offered.get("name") for offered in _offered(body)} and not is_direct:
            called = f"const r = await tools.{name}({json.dumps(arguments)});"
            said = "r.output" if name == _SHELL else "r"
            return {
                "type": "custom_tool_call", "id": f"ctc_{number}", "call_id": call_id,
                "name": "exec", "input": script or f"{called} text({said});",
                "status": "completed",
            }  # fmt: skip
        if name.startswith("mcp__"):
            server, _, name = name.rpartition("__")
            namespace = server
        return {
            "type": "function_call", "id": f"fc_{number}", "call_id": call_id, "name": name,
            "arguments": json.dumps(arguments), **({"namespace": namespace} if namespace else {}),
        }  # fmt: skip


def _event(kind: str, **fields: object) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def _offered(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The tools that are offered, those of namespaces, too."""
    items = [item for item in body.get("input", []) if item.get("type") == "additional_tools"]
    for tools in (body.get("tools") or [], *(item.get("tools") or [] for item in items)):
        for tool in tools:
            yield tool
            yield from tool.get("tools") or []


def _filled(arguments: Mapping[str, object], before: str) -> dict[str, Any]:
    """Arguments with what only the client knows: the last process, and the last sub-agent."""
    processes = re.findall(r"session ID (\d+)", before)
    agents = re.findall(r'agent_id\\+": ?\\+"([0-9a-f-]{36})', before)
    cells = re.findall(r"running with cell ID (\S+?)\\", before)
    known = {
        "@CELL@": cells[-1] if cells else "",
        "@PROCESS@": int(processes[-1]) if processes else 0, "@AGENT@": agents[-1:],
    }  # fmt: skip
    return {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") or part.get("encrypted_content") for part in parts)
    return "\n".join(text for text in texts if text)


class Client(InstalledClient):
    """The client.

    Args:
        program: Its program.
        shop: Where it runs.
        model: What answers it.
        path: Where more programs are that it can call, such as our hook.
    """

    def __init__(self, program: Path, shop: Shop, model: ScriptedModel, path: str) -> None:
        self._model = model
        more = {
            "CODEX_HOME": str(shop.home / ".codex"),
            "FAKE_KEY": "not-a-key",
        }
        super().__init__(program, shop, f"{path}:{program.parent}", more)
        (shop.home / ".codex/config.toml").write_text(
            f'model = "{DIRECT}"\nmodel_provider = "scripted"\napproval_policy = "never"\n'
            'sandbox_mode = "danger-full-access"\ncheck_for_update_on_startup = false\n'
            "[model_providers.scripted]\n"
            f'name = "scripted"\nbase_url = "{model.url}/v1"\nenv_key = "FAKE_KEY"\n'
            'wire_api = "responses"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
            "supports_websockets = false\n[analytics]\nenabled = false\n"
            f'[projects."{shop.root}"]\ntrust_level = "trusted"\n'
            '[plugins."acme@market"]\nenabled = true\n'
        )
        manifest = shop.home / _PLUGIN.removeprefix("~/") / ".codex-plugin/plugin.json"
        manifest.parent.mkdir(parents=True)
        about = {"name": "acme", "version": "1.0.0", "description": "x", "skills": "./skills/"}
        manifest.write_text(json.dumps(about))

    def tell(self, collector: str) -> None:
        """Have its own telemetry sent to a collector."""
        where = f'{{ endpoint = "{collector}/v1/logs", protocol = "json" }}'
        with (self._shop.home / ".codex/config.toml").open("a", encoding="utf-8") as config:
            config.write(f"[otel]\nlog_user_prompt = false\nexporter = {{ otlp-http = {where} }}\n")

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        words = ["--dangerously-bypass-hook-trust", "-m", session.model, *session.words]
        if session.lines:
            self.type(words, session.lines, session.directory)
            return
        prompt = session.prompt or f"[[play {session.name}]]"
        before = self._model.requests[-1].session if self._model.requests else ""
        command = [before if word == "@SESSION@" else word for word in session.command]
        self.run([*command, *words, prompt], session.directory)


_LISTED = re.compile(r"### Available skills\n(.*?)(?=\n### |</skills_instructions>)", re.DOTALL)
_SERVER = re.compile(r"^- mcp__ctxuse: (.*)$", re.MULTILINE)


def truth(shop: Shop, model: ScriptedModel, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    found = Truth({}, {}, [], [], _inner(shop), [])
    order = [*dict.fromkeys(one.session for one in model.requests if not _is_of_client(one))]
    begun = [session for session in sessions if not session.goes_on]
    for session_id, session in zip(order, begun, strict=True):
        found.typed.extend((session_id, name) for name in session.typed)
    full: set[tuple[str, str | None]] = set()
    for request in model.requests:
        if request.session not in order:
            continue
        key = (request.session, request.agent)
        thread = found.threads.setdefault(key, Thread({}, Counter()))
        begins = dict(_begins(shop, request))
        found.requests.append(Asked(key, request.taken, begins))
        for name, size in begins.items():
            thread.again[name] += key in full
            thread.resident.setdefault(name, size)
        full = {*full} - {key} | ({key} if _is_full(request) else set())
        for item in request.body.get("input", []):
            if item.get("type") in {"function_call_output", "custom_tool_call_output"}:
                _answered(shop, model, found, key, item)
    return found


def _begins(shop: Shop, request: Request) -> Iterator[tuple[str, int]]:
    """The records with which a context begins, with their bytes."""
    for tool in request.body.get("tools") or []:
        if tool.get("name") == "mcp__ctxuse":
            yield from _served(shop, tool.get("description") or "")
    for item in request.body.get("input", []):
        if item.get("type") == "message" and item["role"] in {"developer", "user"}:
            yield from _resident(shop, item["role"], _text(item["content"]))


def _is_full(request: Request) -> bool:
    """Whether a context that is full is to be told in short."""
    asked = (request.body.get("input") or [{}])[-1].get("content")
    return _text(asked).startswith(_COMPACT)


_OWN = frozenset({"base_instructions", "tools", "state"})
_OF_RECORDS = ("<skills_instructions>", "## Memory\n", "# AGENTS.md", "<tools>", "<skill>")


def slim(transcript: str) -> str:
    """Leave of a rollout out what is the client's own and tells of no record."""
    lines = []
    for line in transcript.splitlines():
        fields = json.loads(line)
        payload = {key: fields["payload"][key] for key in fields["payload"].keys() - _OWN}
        for part in payload.get("content") or [] if payload.get("role") == "developer" else []:
            if not part.get("text", "").startswith(_OF_RECORDS):
                part["text"] = ""
        lines.append(json.dumps({**fields, "payload": payload}, ensure_ascii=False) + "\n")
    return "".join(lines)


def _is_of_client(request: Request) -> bool:
    """Whether it is of what writes the agent's memory or a title: nothing of it is kept."""
    said = json.dumps(request.body.get("input", []))[:200_000]
    return any(asked in said for asked in ("## Memory Writing Agent", "single-line task title"))


def _answered(
    shop: Shop,
    model: ScriptedModel,
    found: Truth,
    key: tuple[str, str | None],
    item: Mapping[str, Any],
) -> None:
    call_id, text = item["call_id"], _text(item["output"])
    tool = model.calls.get(call_id)
    if tool is None or call_id in found.calls:
        return
    if tool.name == "wait":  # more of a script
        before = [one for one in found.calls.values() if one.thread == key and one.input != "wait"]
        before[-1].entered.update(shop.in_text(text))
        found.calls[call_id] = Call("shell", "wait", key, set())
        return
    entered = set() if tool.is_search else shop.in_text(text)
    if tool.name == "read_mcp_resource":
        found.read.extend((key[0], name) for name in entered)
        entered = set()
    kind = "MCP" if tool.name.startswith(("mcp__", "read_mcp")) else "shell"
    found.calls[call_id] = Call(kind, str({**tool.input}), key, entered)


def _inner(shop: Shop) -> dict[str, str]:
    """The scripts that have made calls, as the rollouts tell of them: when which began."""
    found: dict[str, str] = {}
    for path in (shop.home / ".codex/sessions").rglob("rollout-*.jsonl"):
        scripts, calls = {}, {}
        for fields in map(json.loads, path.read_text().splitlines()):
            payload = fields["payload"]
            if payload.get("type") == "custom_tool_call" and payload.get("name") == "exec":
                began = datetime.fromisoformat(fields["timestamp"]).timestamp() * 1000
                scripts[round(began)] = payload["call_id"]
            elif payload.get("type") == "item_completed":
                calls[payload["item"]["id"]] = payload["started_at_ms"]
        for call_id, began_ms in calls.items():
            before = [began for began in scripts if began <= began_ms]
            if before:
                found[call_id] = scripts[max(before)]
    return found


def _served(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in the whole instructions of our MCP server, with their bytes."""
    for line in text.split("\n\n", maxsplit=1)[0].splitlines():
        for name in shop.in_text(line) if line.startswith("- ") else ():
            yield name, len(line.encode())
    for record in shop.records:
        if record.kind == "summary" and record.body in text:
            yield record.name, len(record.body.encode())


def _resident(shop: Shop, role: str, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in a message with which a context begins, with their bytes."""
    for listed in _LISTED.finditer(text) if role == "developer" else ():
        for line in listed[1].strip("\n").split("\n"):
            brought_along = f"skill/{line.removeprefix('- ').partition(':')[0]}"
            for name in shop.in_text(line) or {brought_along}:
                yield name, len(line.encode())
    for server in _SERVER.finditer(text) if role == "developer" else ():
        for name in shop.in_text(server[1]):
            yield name, len(server[1].encode())
    is_told = text.startswith("# AGENTS.md") or "MEMORY_SUMMARY BEGINS" in text
    for record in shop.records if is_told else ():
        body = record.text.replace("@", record.mark).strip()
        if record.kind in {"instructions", "memory"} and body in text:
            yield record.name, len(body.encode())
