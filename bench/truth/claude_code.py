"""Claude Code: the sessions that it is put through, how it is run, and what its requests held."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from truth.client import InstalledClient
from truth.compare import Asked, Call, Thread, Truth
from truth.model import Messages, Request, Script, ScriptedModel, Tool, text_of
from truth.shop import RECORDS as _RECORDS
from truth.shop import Shop

HOST, TITLE, RECORDS = "claude-code", "Claude Code", _RECORDS
PACKAGE, VERSION, PROGRAM = "@anthropic-ai/claude-code", "2.1.197", "claude"
Model = Messages
LEAST_IMPORTED = 0.7
KEPT = ".claude/projects"
"""Where it keeps transcripts, from the home directory on."""


class Session(NamedTuple):
    """A session.

    Attributes:
        name: What it is called here; without a prompt of its own, the script that it plays.
        prompt: What the user types.
        typed: The records that the user loads by that, by kind and slug.
        words: More words for the client.
        servers: MCP servers that it has.
        lines: What the user types one after the other, in a terminal. What is resident is not held
            against it: it may be put there more than once.
    """

    name: str
    prompt: str = ""
    typed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


SESSIONS = (
    Session("reads"),
    Session("rate"),
    Session("skills"),
    Session("shell"),
    Session("shell-directories"),
    Session("nested"),
    Session("agents"),
    Session("worktree", words=("--worktree", "feat")),
    Session("compacted", lines=("[[play reads]]", "/compact", "[[play after]]", "/exit")),
    Session("typed-skill", "/pdf form.pdf", ("skill/pdf",)),
    Session("typed-command", "/fix 42", ("command/fix",)),
    Session("mcp", servers=("ctxuse",)),
    Session("mcp-at-rest", "[[play after]]", servers=("ctxuse",)),
    Session("mention", "What stands in @.yoi/memory/decisions/money.md ?", ("decision/money",)),
)

_RESOURCE = "ReadMcpResourceTool"
"""Reads a resource of an MCP server, which is not told by which call."""

_Y = ".yoi/memory/decisions"
_MONEY, _PG, _GLOSSARY = f"{_Y}/money.md", f"{_Y}/postgres.md", ".yoi/knowledge/glossary.md"

SHELL = (
    f"cat {_MONEY}",
    f"sed -n 1,2p {_GLOSSARY}",
    f"head -c 12 {_PG}",
    f"cat {_MONEY} {_PG}",
    f"test -f {_PG} && cat {_PG}",
    f"cat {_PG} 2>/dev/null || echo none",
    f"false || cat {_PG}",
    f"true || cat {_PG}; echo hi",
    f"if false; then cat {_PG}; fi; echo hi",
    f"cat {_Y}/*.md",
    f'for f in {_Y}/*.md; do cat "$f"; done',
    f"F={_PG}; cat $F",
    f"cat $(ls {_PG})",
    f"echo {_PG} | xargs cat",
    f"find {_Y} -name 'post*' -exec cat {{}} +",
    f"cat < {_PG}",
    f'while read -r l; do echo "$l"; done < {_PG}',
    f"cat {_MONEY} | head -1",
    f"cat {_MONEY} | wc -l",
    f"cat {_MONEY} | sort | uniq",
    f"awk '{{print}}' {_PG}",
    f"nl {_PG}",
    f"tac {_PG}",
    f"tail -n 1 {_MONEY}",
    f"python3 -c \"print(open('{_PG}').read())\"",
    f"git show HEAD:{_PG}",
    f"cat {_PG} > /dev/null; echo done",
    f"cp {_PG} copy.md; rm copy.md; echo ok",
    f'echo "cat {_PG}"',
    f"cat <<'X'\ncat {_PG}\nX",
    f"bash <<'X'\ncat {_PG}\nX",
    f"bash -lc 'cat {_PG}'",
    "cat ~/.claude/CLAUDE.md",
    f"timeout 5 cat {_PG}",
    f"paste {_PG}",
    f"diff {_PG} /dev/null",
    f"cat {_PG} nothing.md",
    f"cat {_PG}; false",
    "sed -n 900,910p .yoi/knowledge/long.md; echo end",
    "sed -n 100,140p .yoi/knowledge/long.md",
    "cat .claude/skills/pdf/SKILL.md",
    "cat .claude/skills/pdf/references/forms.md",
    "cat CLAUDE.md",
    "cat docs/style.md",
    "cat .claude/commands/fix.md",
    "cat .claude/agents/reviewer.md",
    "cat README.md",
    "ls -la .yoi/memory",
    f"wc -l {_PG}",
    "git log --oneline",
    "git log -p -1 -- CLAUDE.local.md",
)

SEARCHES = (
    "grep -rn Qmon .yoi",
    f"grep -n '' {_PG}",
    'grep -rn Qmon .yoi; echo "exit $?"',
    "find .yoi -name '*.md' | xargs grep -n Qglo",
    "git grep -n Qpg",
    f'for f in {_Y}/*.md; do grep -n Q "$f"; done',
)


def scripts(shop: Shop) -> dict[str, Script]:
    """Return what the model plays, by name."""
    root, home = shop.root, shop.home

    def reads(path: str, **more: int) -> Tool:
        return Tool("Read", {"file_path": str(shop.file(path)), **more})

    def calls(skill: str, **more: str) -> Tool:
        return Tool("Skill", {"skill": skill, **more})

    def runs(command: str, *, is_search: bool = False) -> Tool:
        return Tool("Bash", {"command": command, "description": "run"}, is_search)

    def agent(kind: str, prompt: str) -> Tool:
        said = {"description": "help", "prompt": prompt, "subagent_type": kind}
        return Tool("Agent", said)

    def asks(tool: str, *, is_search: bool = False, **arguments: object) -> Tool:
        return Tool(f"mcp__ctxuse__{tool}", arguments, is_search)

    def remembers(slug: str) -> Tool:
        return asks("memory_read", kind="decision", slug=slug)

    return {
        "reads": [
            [reads(f"{_Y}/money.md"), reads(".yoi/knowledge/glossary.md")],
            [reads(".yoi/workflow/release.md"), reads(".yoi/memory/summary.md")],
            [reads(".yoi/knowledge/long.md", offset=10, limit=5), reads(".yoi/knowledge/long.md")],
            [reads(f"{_Y}/money.md"), reads(f"{_Y}/nothing.md"), reads("README.md")],
            [reads(".claude/skills/pdf/SKILL.md"), reads(".claude/skills/pdf/references/forms.md")],
            [reads("CLAUDE.md"), reads("docs/style.md"), reads(".claude/rules/tests.md")],
            [reads("~/.claude/CLAUDE.md"), reads(".claude/commands/fix.md")],
            [reads(".claude/agents/reviewer.md"), reads(".yoi/memory/requests/hours.md")],
        ],
        "rate": [[runs("cat .yoi/knowledge/long.md")] for _ in range(8)],
        "skills": [
            [calls("pdf", args="form.pdf")],
            [calls("no-such-skill")],
            [calls("hidden")],
            [calls("deploy")],
            [calls("brief")],
            [calls("fix", args="42")],
            [calls("pdf")],
        ],
        "shell": [
            *([runs(command)] for command in SHELL),
            *([runs(command, is_search=True)] for command in SEARCHES),
        ],
        "shell-directories": [
            [runs(f"cd {_Y} && cat money.md")],
            [runs("cat postgres.md")],
            [runs(f"cd {root} && cat {_MONEY} && cd api")],
            [runs("cat CLAUDE.md")],
            [runs("cd .. && cat CLAUDE.md")],
            [runs(f"(cd {home} && cat .claude/CLAUDE.md); cat {_PG}")],
        ],
        "worktree": [
            [runs("cat CLAUDE.md"), runs(f"cat {_PG}")],
            [calls("pdf", args="in a worktree")],
            [runs("pwd; head -2 .claude/skills/pdf/references/forms.md")],
        ],
        "after": [[reads(f"{_Y}/postgres.md")], [runs(f"cat {_MONEY}")]],
        "nested": [[reads("api/app.py")], [calls("check")], [calls("api:check")]],
        "agents": [
            [agent("general-purpose", "[[play by-agent]]")],
            [agent("reviewer", "[[play by-agent]]"), agent("Explore", "[[play by-agent]]")],
            [agent("keeper", "[[play by-agent]]"), agent("Plan", "[[play by-agent]]")],
            [reads(f"{_Y}/postgres.md")],
        ],
        "mcp": [
            [remembers("money"), asks("memory_search", is_search=True, query="Qmon")],
            [asks("knowledge_reference", slug="glossary"), asks("workflow_invoke", slug="release")],
            [asks("memory_read", kind="knowledge", slug="long"), remembers("nothing")],
            [Tool(_RESOURCE, {"server": "ctxuse", "uri": "ctxuse://request/hours"})],
            [agent("general-purpose", "[[play by-mcp]]"), agent("Explore", "[[play by-mcp]]")],
        ],
        "by-mcp": [[remembers("postgres")], [asks("memory_read", kind="summary")]],
        "by-agent": [[reads(f"{_Y}/money.md")], [runs(f"cat {_PG}")]],
    }


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
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-not-a-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }
        super().__init__(program, shop, path, more)

    def tell(self, collector: str) -> None:
        """Have its own telemetry sent to a collector, with what tools were given."""
        self.environ = {
            **self.environ,
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_LOG_TOOL_DETAILS": "1",
        }

    def session(self, session: Session) -> None:
        """Run a session in print mode, or in a terminal where somebody types.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        if session.lines:
            self._answer_what_it_asks_first()
            self.type(["--dangerously-skip-permissions"], session.lines)
            return
        prompt = session.prompt or f"[[play {session.name}]]"
        words = [*session.words]
        if session.servers:
            servers = {name: {"command": name, "args": ["mcp"]} for name in session.servers}
            words += ["--mcp-config", json.dumps({"mcpServers": servers})]
        self.run(["-p", prompt, "--dangerously-skip-permissions", *words])

    def _answer_what_it_asks_first(self) -> None:
        key = self.environ["ANTHROPIC_API_KEY"][-20:]
        known = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        answered = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "bypassPermissionsModeAccepted": True,
            "customApiKeyResponses": {"approved": [key], "rejected": []},
            "projects": {str(self._shop.root): known},
        }
        (self._shop.home / ".claude.json").write_text(json.dumps(answered))


_BLOCK = re.compile(
    r"Contents of (\S+)(?: \([^)]*\))?:\n\n(.*?)"
    r"(?=\n\nContents of |\n\n\nThe following |\n# \w+\n|\n\n +IMPORTANT|\n</system-reminder>|\Z)",
    re.DOTALL,
)
_LISTED = re.compile(
    r"skills are available for use with the Skill tool:\n\n(.*?)(?=\n\n|\n</system-reminder>|\Z)",
    re.DOTALL,
)
_AGENTS = re.compile(
    r"Available agent types for the Agent tool:\n(.*?)(?=\n\n|\n</system-reminder>|\Z)", re.DOTALL
)
_DEFERRED = re.compile(r"deferred tools are now available[^\n]*\n((?:\w+\n)*\w+)")
_OF_SERVER = re.compile(r"^mcp__(\w+?)__\w+$", re.MULTILINE)
_INSTRUCTIONS = re.compile(r"\n## ctxuse\n((?:- .*\n)*)")
_OWN_MEMORY = re.compile(r"\n## MEMORY\.md\n\n(.*?)(?=\n\n|\Z)", re.DOTALL)
_COMPACT = "CRITICAL: Respond with TEXT ONLY."
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


def truth(shop: Shop, model: ScriptedModel, sessions: Sequence[Session]) -> Truth:
    """Return what the requests of some sessions, which ran in this order, held."""
    found = Truth({}, {}, [], [], {}, [])
    seen: set[str] = set()
    order = [*dict.fromkeys(request.session for request in model.requests if request.session)]
    by_id = dict(zip(order, sessions, strict=True))
    for session_id, session in by_id.items():
        found.typed.extend((session_id, name) for name in session.typed)
    for request in model.requests:
        if not request.body.get("tools"):
            continue
        key = (request.session, request.agent)
        new = Thread({}, Counter())
        is_held = not by_id[request.session].lines
        thread = found.threads.setdefault(key, new) if is_held else new
        said = _said_by_the_host(request)
        stands = {name: size for text in said for name, size in _resident(shop, text)}
        for name, size in stands.items():
            thread.resident.setdefault(name, size)
        if request.agent is not None:
            given = dict(_given_to_agent(shop, request))
            thread.resident.update(given)
            stands |= given
        if not text_of(request.body["messages"][-1]["content"]).startswith(_COMPACT):
            found.requests.append(Asked(key, request.taken, stands if is_held else {}))
        for call_id, text in _answers(request):
            tool = model.calls[call_id]
            if tool.name == _RESOURCE and call_id not in seen:
                seen.add(call_id)
                found.read.extend((request.session, name) for name in shop.in_text(text))
            if tool.name == _RESOURCE:
                continue
            entered = set() if tool.is_search else shop.in_text(text)
            found.calls.setdefault(call_id, Call(_kind(tool), str({**tool.input}), key, entered))
    return found


def slim(transcript: str) -> str:
    """Leave of a transcript out what is the client's own and tells of no record: nothing is."""
    return transcript


def _kind(tool: Tool) -> str:
    """The kind of a tool, by which calls are held against each other."""
    return "MCP" if tool.name.startswith("mcp__") else tool.name


def _given_to_agent(shop: Shop, request: Request) -> Iterator[tuple[str, int]]:
    """The records that a sub-agent has from the start: its own text, its memory, its skills."""
    system = text_of(request.body.get("system", ""))
    for record in shop.agents_in(system):
        yield record.name, len(record.body.encode())
    for memory in _OWN_MEMORY.finditer(system):
        for name in shop.in_text(memory[1]):
            yield name, len(memory[1].encode())
    first = request.body["messages"][0]["content"]
    for text in map(_block_text, first if isinstance(first, list) else ()):
        if text.startswith("Base directory for this skill: "):
            for name in shop.in_text(text):
                yield name, len(text.encode())


def _said_by_the_host(request: Request) -> Iterator[str]:
    """The texts of a request that neither the user nor a tool has given."""
    yield text_of(request.body.get("system", ""))
    yield "\n".join(tool.get("description", "") for tool in request.body["tools"])
    for message in request.body["messages"]:
        content = message["content"]
        blocks = [content] if isinstance(content, str) else map(_block_text, content)
        for text in blocks:
            if message["role"] == "system":
                yield text
            else:
                yield from _REMINDER.findall(text)


def _block_text(block: Mapping[str, object]) -> str:
    """The text of a block, also of the answer of a tool: the host adds reminders to those."""
    if block.get("type") == "tool_result":
        return text_of(block.get("content"))
    text = block.get("text")
    return text if isinstance(text, str) else ""


def _resident(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in a text of the host, with their bytes."""
    for block in _BLOCK.finditer(text):
        for name in shop.in_text(block[2]):
            yield name, len(block[2].encode())
    yield from _served(shop, text)
    for deferred in _DEFERRED.finditer(text):
        sizes: Counter[str] = Counter()
        for tool in _OF_SERVER.finditer(deferred[1]):
            sizes[tool[1]] += len(f"{tool[0]}\n".encode())
        yield from ((f"mcp/{server}/tools", size) for server, size in sizes.items())
    for kind, pattern in (("skill", _LISTED), ("agent", _AGENTS)):
        for listed in pattern.finditer(text):
            for line in re.split(r"\n(?=- )", listed[1]):
                brought_along = f"{kind}/{line.removeprefix('- ').partition(':')[0]}"
                for name in shop.in_text(line) or {brought_along}:
                    yield name, len(line.encode())


def _served(shop: Shop, text: str) -> Iterator[tuple[str, int]]:
    """The records that stand in the instructions of our MCP server, with their bytes."""
    for instructions in _INSTRUCTIONS.finditer(text):
        for line in instructions[1].splitlines():
            for name in shop.in_text(line):
                yield name, len(line.encode())
        for record in shop.records:
            if record.kind == "summary" and record.body in text[instructions.end() :]:
                yield record.name, len(record.body.encode())


def _answers(request: Request) -> Iterator[tuple[str, str]]:
    """The answers of tools, and what came with each."""
    for message in request.body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            continue
        results = [block for block in content if block.get("type") == "tool_result"]
        loaded = _REMINDER.sub("", text_of(content)) if len(results) == 1 else ""
        for block in results:
            text = _REMINDER.sub("", text_of(block.get("content")))
            yield block["tool_use_id"], text if block.get("is_error") else text + loaded
