"""Pi: the sessions that it is put through, how it is run, and what its requests held."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from truth.claude_code import SEARCHES, SHELL
from truth.client import InstalledClient
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Completions, Request, Script, ScriptedModel, Tool, text_of
from truth.shop import RECORDS as OF_CLAUDE
from truth.shop import Placed, Shop

HOST, TITLE, KEPT = "pi", "Pi", ".pi/agent/sessions"
PACKAGE, VERSION, PROGRAM = "@earendil-works/pi-coding-agent", "0.87.1", "pi"
NEEDS = ("node@22",)
LEAST_IMPORTED = 1.0

_SMALL = "small"
"""A model whose window is soon full."""


def _skill(name: str, mark: str, about: str, where: str) -> Placed:
    text = f"---\nname: {name}\ndescription: {about}\n---\n# @ {name}\n@ Do it step by step.\n"
    return Placed("skill", name, f"{where}/{name}/SKILL.md", mark, text)


def _instructions(path: str, mark: str, text: str) -> Placed:
    return Placed("instructions", path, path, mark, text)


_TEAM = ".agents/skills/team/deploy/SKILL.md"

RECORDS = (
    *(record for record in OF_CLAUDE if record.path.startswith(".yoi")),
    _instructions("AGENTS.md", "Qroot", "# @ Shop\n@ Be brief.\n"),
    _instructions("api/AGENTS.override.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    _instructions("web/CLAUDE.md", "Qweb", "# @ Web\n@ no frameworks\n"),
    _instructions("~/.pi/agent/AGENTS.md", "Qusr", "# @\n@ Short <answers> & no more.\n"),
    _instructions(".pi/APPEND_SYSTEM.md", "Qapp", "# @\n@ Ask before you delete.\n"),
    _instructions("~/.pi/agent/SYSTEM.md", "Qsys", "@ You help with a shop.\n\n@ And more.\n"),
    _skill("pdf", "Qpdf", "@ Fill forms. Use it for any PDF's & <more>.", ".pi/skills")
    ._replace(others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)),
    _skill("deploy", "Qdep", "|\n  @ Brings it out.\n  @ Two lines.", ".agents/skills")
    ._replace(path=_TEAM),
    _skill("brief", "Qbri", "@ Summarise the morning.", "~/.pi/agent/skills"),
    _skill("mail", "Qmai", "@ Answers mail.", "~/.agents/skills"),
    Placed("skill", "hidden", ".pi/skills/hidden/SKILL.md", "Qhid",
           "---\nname: hidden\ndescription: @ x\ndisable-model-invocation: true\n---\n@ body\n"),
    Placed("command", "fix", ".pi/prompts/fix.md", "Qfix",
           "---\ndescription: @ Fix an issue\n---\n@ Fix issue $1\n"),
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
        lines: What the user types one after the other, in a terminal.
        begins: So many sessions begin in it.
    """

    name: str
    prompt: str = ""
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    directory: str = "."
    goes_on: bool = False
    lines: tuple[str, ...] = ()
    begins: int = 1


_UP = "\x1b[A"

_TYPED = (
    "[[play by-agent]]", "!cat AGENTS.md", "!!cat .yoi/memory/decisions/money.md", "/compact",
    "/skill:deploy now [[play after]]", "/tree", f"{_UP}{_UP}{_UP}", "", "[[play reads-again]]",
    "/clone", "[[play after]]", "/quit",
)  # fmt: skip

_MONEY_FILE = ".yoi/memory/decisions/money.md"

SESSIONS = (
    Session("reads"),
    Session("rate"),
    Session("shell"),
    Session("searches", words=("--tools", "read,bash,grep,find,ls")),
    Session("below", directory="api"),
    Session("web", directory="web"),
    Session("untrusted", "[[play by-agent]]", words=("--no-approve",)),
    Session("mention", "What is in it?", ("decision/money", "instructions/AGENTS.md"),
            words=(f"@{_MONEY_FILE}", "@AGENTS.md", "@README.md")),
    Session("named", "What is in @.yoi/memory/decisions/money.md ?"),
    Session("skill", "/skill:pdf form.pdf", ("skill/pdf",)),
    Session("hidden", "/skill:hidden", ("skill/hidden",)),
    Session("by-agent"),
    Session("after", words=("--continue",), goes_on=True),
    Session("forked", words=("--fork", "@SESSION@")),
    Session("compacted", words=("--model", f"scripted/{_SMALL}")),
    Session("compacted-after", "[[play after]]", words=("--continue",), goes_on=True),
    Session("typed", lines=_TYPED, typed=("instructions/AGENTS.md", "skill/deploy"), begins=2),
    Session("changing", directory="api"),
    Session("changed", "[[play after]]", words=("--continue",), directory="api", goes_on=True),
)  # fmt: skip

_Y = ".yoi/memory/decisions"


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""

    def reads(path: str, **more: object) -> list[Tool]:
        return [Tool("read", {"path": path, **more})]

    def runs(command: str, *, is_search: bool = False) -> Tool:
        return Tool("bash", {"command": command}, is_search)

    def looks(tool: str, **arguments: object) -> list[Tool]:
        return [Tool(tool, arguments, is_search=True)]

    own = [command for command in SHELL if ".claude" not in command and "CLAUDE" not in command]
    return {
        "reads": [
            reads(_MONEY_FILE),
            reads(str(shop.root / _Y / "postgres.md")),
            reads(_MONEY_FILE, offset=2, limit=1),
            reads(".yoi/knowledge/long.md", limit=20),
            reads(".yoi/knowledge/glossary.md", offset=1),
            reads(f"@{_MONEY_FILE}"),
            reads(f"{_Y}/nothing.md"),
            reads(_MONEY_FILE, offset=900),
            reads("~/.pi/agent/AGENTS.md"),
            reads(".pi/skills/pdf/SKILL.md"),
            reads(".pi/skills/pdf/references/forms.md"),
            reads(_TEAM),
            reads(".pi/prompts/fix.md"),
            reads("README.md"),
            [*reads(_MONEY_FILE), *reads(".yoi/memory/summary.md"), runs(f"cat {_Y}/postgres.md")],
        ],
        "shell": [
            *([runs(command)] for command in own),
            [runs("cat AGENTS.md")],
            [runs("sed -n 1,20p .pi/skills/pdf/SKILL.md")],
            [runs("cd api && cat AGENTS.override.md")],
            [runs("cat ~/.pi/agent/AGENTS.md; exit 3")],
            [runs("yes x | head -c 90000; cat AGENTS.md")],
            [runs("cat AGENTS.md; yes x | head -c 90000")],
            *([runs(command, is_search=True)] for command in SEARCHES),
        ],
        "searches": [
            looks("grep", pattern="Qmon"),
            looks("find", pattern="*.md", path=".yoi"),
            looks("ls", path=_Y),
            reads(_MONEY_FILE),
        ],
        "below": [reads("AGENTS.override.md"), reads(f"../{_Y}/postgres.md")],
        "web": [reads("CLAUDE.md")],
        "by-agent": [reads(_MONEY_FILE), reads(".pi/skills/pdf/SKILL.md")],
        "after": [reads(f"{_Y}/postgres.md")],
        "reads-again": [reads(_MONEY_FILE)],
        "forked": [reads(_MONEY_FILE)],
        "compacted": [
            reads(_MONEY_FILE),
            *(
                [runs(f"yes 'line {number} of many lines' | head -c 40000")]
                for number in range(1, 6)
            ),
            reads(f"{_Y}/postgres.md"),
        ],
        "rate": [reads(".yoi/knowledge/long.md") for _ in range(8)],
        "changing": [[runs("printf 'Qapi and v3\\n' >> AGENTS.override.md")]],
    }


class Model(Completions):
    """The Chat Completions API."""

    def thread(self, headers: Mapping[str, str], _: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the session that a request is of."""
        return headers.get("x-session-affinity") or "", None


class Client(InstalledClient):
    """The client, in a home of its own.

    Args:
        program: Its program.
        shop: Where it runs.
        model: Who answers.
        path: What is looked in first for programs.
    """

    def __init__(self, program: Path, shop: Shop, model: ScriptedModel, path: str) -> None:
        self._model = model
        more = {
            "PI_OFFLINE": "1",
            "PI_TELEMETRY": "0",
        }
        super().__init__(program, shop, f"{path}:{program.parent}", more)
        models = [{"id": "large", "contextWindow": 400000}, {"id": _SMALL, "contextWindow": 40000}]
        provider = {
            "baseUrl": f"{model.url}/v1", "api": "openai-completions", "apiKey": "not-a-key",
            "compat": {"sendSessionAffinityHeaders": True}, "models": models,
        }  # fmt: skip
        own = shop.home / ".pi/agent"
        (own / "models.json").write_text(json.dumps({"providers": {"scripted": provider}}))
        settings: dict[str, object] = {"defaultProvider": "scripted", "defaultModel": "large"}
        settings |= {"compaction": {"keepRecentTokens": 500}}
        (own / "settings.json").write_text(json.dumps(settings))

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        before = self._model.requests[-1].session if self._model.requests else ""
        words = [before if word == "@SESSION@" else word for word in session.words]
        words = words if "--no-approve" in words else ["--approve", *words]
        if session.lines:
            self.type(words, session.lines, session.directory)
            return
        prompt = session.prompt or f"[[play {session.name}]]"
        self.run(["--print", *words, prompt], session.directory)


def truth(shop: Shop, model: ScriptedModel, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    found = Truth({}, {}, [], [], {}, [])
    asked = [one for one in model.requests if one.body.get("tools")]  # others sum it up
    order = iter(dict.fromkeys(one.session for one in asked))
    for session in sessions:
        ids = [next(order) for _ in range(0 if session.goes_on else session.begins)]
        found.typed.extend((ids[0], name) for name in session.typed)
    last: dict[tuple[str, str | None], dict[str, str]] = {}
    full: set[str] = set()
    session_id = ""
    for request in model.requests:
        if not request.body.get("tools"):
            full.add(session_id)
            continue
        session_id = request.session
        key = (request.session, request.agent)
        thread = found.threads.setdefault(key, Thread({}, Counter()))
        begins = dict(_begins(shop, request))
        found.requests.append(
            Asked(key, request.taken, {name: len(said.encode()) for name, said in begins.items()})
        )
        before = last.setdefault(key, {})
        for name, said in begins.items():
            is_again = name in before and (session_id in full or before[name] != said)
            thread.again[name] += is_again
            thread.resident[name] = len(said.encode())
        full.discard(session_id)
        before.update(begins)
        for message in request.body["messages"]:
            if message["role"] == "tool":
                _answered(shop, model, found, key, message)
    return found


_SKILL = re.compile(r"^  <skill>.*?</skill>$", re.DOTALL | re.MULTILINE)


def _begins(shop: Shop, request: Request) -> Iterator[tuple[str, str]]:
    """The records that stand in the system prompt of a request, with their texts."""
    prompt = text_of(request.body["messages"][0]["content"])
    for entry in _SKILL.findall(prompt):
        for name in shop.in_text(entry):
            yield name, entry
    for record in shop.records:
        if record.kind != "instructions":
            continue
        tag = f'<project_instructions path="{shop.file(record.path)}">\n'
        _, is_there, said = prompt.partition(tag)
        if is_there:
            yield record.name, said.partition("\n</project_instructions>")[0]
        elif "SYSTEM" in record.path and record.mark in prompt:
            yield record.name, record.text.replace("@", record.mark)


def _answered(
    shop: Shop,
    model: ScriptedModel,
    found: Truth,
    key: tuple[str, str | None],
    message: Mapping[str, Any],
) -> None:
    call_id = message["tool_call_id"]
    tool = model.calls.get(call_id)
    if tool is not None and call_id not in found.calls:
        entered = set() if tool.is_search else shop.in_text(text_of(message["content"]))
        found.calls[call_id] = Call(tool.name, str({**tool.input}), key, entered)


_OWN = frozenset({"tools", "rules", "docs", "cwd"})


def slim(transcript: str) -> str:
    """Leave of a session file out what is the client's own and tells of no record."""
    lines = []
    for line in transcript.splitlines():
        fields = json.loads(line)
        for message in (fields.get("message"), fields.get("systemMessage")):
            if message and message["role"] == "system":
                message.pop("toolsAdded", None)
                for name in _OWN & message.get("sections", {}).keys():
                    del message["sections"][name]
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return "".join(lines)
