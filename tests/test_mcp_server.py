"""The MCP server, a real process, spoken to by the SDK's own client, by others, and by hand."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, cast

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation, RequestParamsMeta, TextContent, TextResourceContents
from starting import PATIENCE, started

from ctxuse import (
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
    Workspace,
    __version__,
)
from ctxuse.hosts.caller import Caller, caller
from ctxuse.mcp_server.protocol import Asked
from ctxuse.mcp_server.protocol import Client as ProtocolClient
from ctxuse.mcp_server.recording import Recording
from ctxuse.mcp_server.server import Server

Talk = Callable[[Client], Awaitable[None]]


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """A workspace with a record of every kind."""
    for name, text in {
        "memory/summary.md": "We build ships.\n",
        "memory/decisions/alpha.md": "one\ntwo\nthree\n",
        "memory/requests/wish.md": "Please.\n",
        "knowledge/policy.md": "---\ndescription: Rules\nmodel_invokation: true\n---\nBe kind.\n",
        "workflow/deploy.md": "---\ndescription: How to\nrequires: [policy, gone]\n---\nDo it.\n",
        "workflow/inner.md": "---\nuser_invocable: false\n---\nInner.\n",
        "workflow/broken.md": "---\n: [\n---\nBroken.\n",
    }.items():
        path = workspace.layout.root / ".yoi" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return workspace


def process(
    workspace: Workspace, environ: Mapping[str, str] | None = None
) -> StdioServerParameters:
    """How a server is started, in an environment of nothing else."""
    root = os.fspath(workspace.layout)
    environ = {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(Path(root) / "no-home"),
        **(environ or {}),
    }
    words = ["-m", "ctxuse", "mcp", "-w", root]
    return StdioServerParameters(command=sys.executable, args=words, env=environ)


def talk(
    server: StdioServerParameters,
    conversation: Talk,
    client: str = "test",
    version: str = "1",
    mode: str = "auto",
) -> None:
    """Connect a client to a server and have a conversation."""

    async def main() -> None:
        info = Implementation(name=client, version=version)
        async with Client(server, client_info=info, mode=mode) as connected:
            await conversation(connected)

    anyio.run(main)


def answers(
    workspace: Workspace, *messages: object, words: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """What the server answers to messages that are written by hand."""
    lines = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", "mcp", "-w", os.fspath(workspace.layout), *words],
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def request(request_id: object, method: str, params: object = None) -> dict[str, object]:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return message if params is None else {**message, "params": params}


def hello(version: str) -> dict[str, object]:
    info = {"name": "t", "version": "1"}
    about = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
    return request(0, "initialize", about)


def events(workspace: Workspace) -> list[UsageEvent]:
    return [event for event in workspace.events() if isinstance(event, UsageEvent)]


def of_call(call_id: str) -> RequestParamsMeta:
    return cast("RequestParamsMeta", {"claudecode/toolUseId": call_id})


def uses(workspace: Workspace) -> list[tuple[str, str | None, list[str]]]:
    """Source, actor and slugs of every use."""
    return [
        (event.source.value, event.actor, [record.slug for record in event.records])
        for event in events(workspace)
        if event.event.value == "use"
    ]


def answer(result: object) -> Mapping[str, object]:
    assert not getattr(result, "is_error", True), result
    structured: Mapping[str, object] = getattr(result, "structured_content", {})
    return structured


def test_the_tools_are_typed_and_read_only(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert [*tools] == [
            "memory_read",
            "memory_search",
            "knowledge_reference",
            "workflow_invoke",
            "usage_report",
            "usage_record",
        ]
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.output_schema
            assert tool.description
            assert "\n  " not in tool.description
            assert "ctx" not in tool.input_schema["properties"]
        kind = tools["memory_read"].input_schema["properties"]["kind"]
        names = ["decision", "knowledge", "request", "summary", "workflow"]
        assert kind == {"type": "string", "enum": names}

    talk(process(filled), conversation)


def test_tools_give_records_and_every_read_is_recorded(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        part = {"kind": "decision", "slug": "alpha", "offset": 1, "limit": 1}
        read = answer(await client.call_tool("memory_read", part))
        assert (read["text"], read["total_lines"]) == ("two\n", 3)
        assert answer(await client.call_tool("memory_read", {"kind": "summary"}))["text"]
        found = answer(await client.call_tool("knowledge_reference", {"slug": "policy"}))
        assert found["text"] == "Be kind."
        flow = answer(await client.call_tool("workflow_invoke", {"slug": "deploy"}))
        assert flow["text"] == "Do it."
        assert flow["required"] == [{"kind": "knowledge", "slug": "policy", "text": "Be kind."}]
        assert "gone" in str(flow["left_out"])

    talk(process(filled), conversation)
    assert uses(filled) == [
        ("MemoryRead", "agent", ["alpha"]),
        ("MemoryRead", "agent", ["summary"]),
        ("KnowledgeRef", "agent", ["policy"]),
        ("WorkflowInvoke", "agent", ["deploy", "policy"]),
    ]
    assert events(filled)[1].records[0].context_bytes == 4


def test_no_answer_of_a_tool_is_too_large_for_a_host(filled: Workspace) -> None:
    layout = filled.layout
    whole = "".join(f'line {number} says "{"x" * 40}"\n' for number in range(2500))
    (layout.decisions_dir / "long.md").write_text(whole)
    (layout.knowledge_dir / "big.md").write_text("y" * 20_000)
    (layout.knowledge_dir / "huge.md").write_text("z" * 40_000)
    for slug, knowledge in (("fits", "[big]"), ("partly", "[big, policy, huge]")):
        text = f"---\nrequires: {knowledge}\n---\n" + "w" * 12_000
        (layout.workflow_dir / f"{slug}.md").write_text(text)

    async def conversation(client: Client) -> None:
        lines = 0
        parts: list[Mapping[str, object]] = []
        while not parts or lines < int(str(parts[-1]["total_lines"])):
            asked = {"kind": "decision", "slug": "long", "offset": lines}
            result = await client.call_tool("memory_read", asked)
            content = result.content[0]
            assert isinstance(content, TextContent)
            assert len(content.text) < 50_000
            parts.append(answer(result))
            lines += int(str(parts[-1]["lines"]))
        assert "".join(str(part["text"]) for part in parts) == whole
        assert len(parts) == 5
        asked = {"kind": "knowledge", "slug": "huge"}
        cut = answer(await client.call_tool("memory_read", asked))
        assert (cut["lines"], cut["cut_bytes"]) == (1, 40_000 - 32 * 1024)
        result = await client.call_tool("knowledge_reference", {"slug": "huge"})
        assert result.is_error
        assert "40,000 bytes" in str(result.content)
        assert not answer(await client.call_tool("workflow_invoke", {"slug": "fits"}))["left_out"]
        flow = answer(await client.call_tool("workflow_invoke", {"slug": "partly"}))
        assert "huge" in str(flow["left_out"])

    talk(process(filled), conversation)
    sizes = [event.records[0].context_bytes for event in events(filled)[1:]]
    assert sum(size or 0 for size in sizes[:5]) == len(whole)
    assert sizes[5] == 32 * 1024
    assert [slugs for *_, slugs in uses(filled)[6:]] == [
        ["fits", "big"],
        ["partly", "big", "policy"],
    ]


def test_searches_and_reports_and_failed_reads_are_no_uses(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        hits = answer(await client.call_tool("memory_search", {"query": "kind"}))["hits"]
        assert [hit["slug"] for hit in hits] == ["policy"]  # type: ignore[attr-defined] # a list
        await client.call_tool("memory_search", {"query": "x", "kinds": ["decision"]})
        await client.call_tool("usage_report", {})
        await client.call_tool("usage_record", {"kind": "decision", "slug": "alpha"})
        for name, arguments in (
            ("memory_read", {"kind": "decision"}),
            ("memory_read", {"kind": "decision", "slug": "gone"}),
            ("memory_read", {"kind": "decision", "slug": "../../summary"}),
            ("memory_read", {"kind": "skill", "slug": "alpha"}),
            ("memory_read", {"kind": "decision", "slug": "alpha", "offset": 99}),
            ("memory_read", {"kind": "decision", "slug": "alpha", "limit": 0}),
            ("memory_search", {"query": " "}),
            ("knowledge_reference", {"slug": "/etc/passwd"}),
            ("workflow_invoke", {"slug": "gone"}),
            ("workflow_invoke", {"slug": "broken"}),
            ("no_such_tool", {}),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error
            text = result.content[0]
            assert isinstance(text, TextContent)
            assert "Traceback" not in text.text
        for uri in ("ctxuse://decision/gone", "ctxuse://decision/..%2f..%2fsummary", "file:///etc"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        for name in ("gone", "inner", "../x"):
            with pytest.raises(MCPError):
                await client.get_prompt(name)

    talk(process(filled), conversation)
    assert uses(filled) == []


def test_records_are_resources_and_a_read_of_one_is_a_memory_read(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        listed = (await client.list_resources()).resources
        assert [resource.uri for resource in listed] == [
            "ctxuse://decision/alpha",
            "ctxuse://knowledge/policy",
            "ctxuse://request/wish",
            "ctxuse://summary/summary",
            "ctxuse://workflow/broken",
            "ctxuse://workflow/deploy",
            "ctxuse://workflow/inner",
        ]
        assert listed[1].description == "Rules"
        (filled.layout.knowledge_dir / "later.md").write_text("Later.")
        assert len((await client.list_resources()).resources) == 8
        for uri, text in (
            ("ctxuse://knowledge/later", "Later."),
            ("ctxuse://summary/summary", "We build ships.\n"),
        ):
            (content,) = (await client.read_resource(uri)).contents
            assert isinstance(content, TextResourceContents)
            assert content.text == text
            assert content.mime_type == "text/markdown"

    talk(process(filled), conversation)
    assert uses(filled) == [("MemoryRead", None, ["later"]), ("MemoryRead", None, ["summary"])]


def test_workflows_are_prompts_that_the_user_asks_for(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        prompts = (await client.list_prompts()).prompts
        assert [(p.name, p.description) for p in prompts] == [("deploy", "How to")]
        (message,) = (await client.get_prompt("deploy")).messages
        assert message.role == "user"
        assert isinstance(message.content, TextContent)
        assert message.content.text == "Do it.\n\nBe kind."

    talk(process(filled), conversation)
    assert uses(filled) == [("WorkflowInvoke", "user", ["deploy", "policy"])]


def test_prompts_that_a_client_gets_unasked_are_no_use_and_no_sign_of_work(
    filled: Workspace,
) -> None:
    async def conversation(client: Client) -> None:
        (message,) = (await client.get_prompt("deploy")).messages
        assert isinstance(message.content, TextContent)
        assert message.content.text == "Do it.\n\nBe kind."

    talk(process(filled), conversation, client="opencode")
    assert events(filled) == []


def test_the_resident_text_is_the_instructions_and_exposed_with_the_first_call(
    filled: Workspace,
) -> None:
    async def conversation(client: Client) -> None:
        assert client.instructions == "- #policy: Rules\n\nWe build ships."
        await client.list_tools()
        await client.list_resources()
        await client.read_resource("ctxuse://decision/alpha")
        assert [event.event.value for event in events(filled)] == ["use"]
        await client.call_tool("memory_search", {"query": "x"})
        await client.call_tool("memory_search", {"query": "x"})
        await client.get_prompt("deploy")

    talk(process(filled), conversation, client="some-agent")
    (exposure,) = (e for e in events(filled) if e.event.value == "resident_exposure")
    assert [(r.slug, r.context_bytes) for r in exposure.records] == [
        ("policy", 16),
        ("summary", 15),
    ]
    assert (exposure.host, exposure.actor) == ("some-agent", None)


@pytest.mark.parametrize(
    ("client", "version", "most"),
    [
        ("claude-code", "2.1.197", 2048), ("claude-code", "2.1.332", 4096),
        ("claude-code", "2.2.0-beta.1", 4096), ("claude-code", "9" * 9999, 2048),
        ("claude-code", "", 2048), ("some-agent", "2.1.197", None),
    ],
)  # fmt: skip
def test_of_the_instructions_what_the_host_delivers_is_exposed(
    workspace: Workspace, client: str, version: str, most: int | None
) -> None:
    for number in range(120):
        path = workspace.layout.record_file("knowledge", f"k{number:03}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        head = f"description: öffnet {number:03}\nmodel_invokation: true"
        Path(path).write_text(f"---\n{head}\n---\nx\n", encoding="utf-8")
    summary = "Ships. " * 1000
    Path(workspace.layout.record_file("summary", "summary")).write_text(summary)
    told: list[str] = []

    async def conversation(client: Client) -> None:
        told.append(client.instructions or "")
        await client.call_tool("memory_search", {"query": "x"})

    talk(process(workspace), conversation, client=client, version=version)
    (exposure,) = (e for e in events(workspace) if e.event.value == "resident_exposure")
    entered = told[0][:most]
    claimed = sum(record.context_bytes or 0 for record in exposure.records)
    assert len(entered.encode()) - 2 * len(exposure.records) <= claimed <= len(entered.encode())
    has_summary = "summary" in {record.slug for record in exposure.records}
    assert has_summary is ("Ships" in entered)


def test_reports_say_since_when_and_unknown_is_null(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        read = {"kind": "decision", "slug": "alpha"}
        await client.call_tool("memory_read", read)
        report = answer(await client.call_tool("usage_report", {}))
        assert report["evidence"]["since"] == events(filled)[0].occurred_at_text  # type: ignore[index] # an object
        found = answer(await client.call_tool("usage_record", read))
        assert found["record"]["use_count"] == 1  # type: ignore[index] # likewise
        assert found["record"]["tokens_each"] is None  # type: ignore[index] # likewise
        gone = answer(await client.call_tool("usage_record", {"kind": "skill", "slug": "pdf"}))
        assert gone["record"]["use_count"] is None  # type: ignore[index] # likewise

    talk(process(filled), conversation)


def test_a_directory_without_the_marker_is_served_and_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / ".yoi" / "knowledge").mkdir(parents=True)
    (tmp_path / ".yoi" / "knowledge" / "k.md").write_text("K")

    async def conversation(client: Client) -> None:
        assert answer(await client.call_tool("knowledge_reference", {"slug": "k"}))["text"] == "K"

    talk(process(Workspace(tmp_path), {}), conversation)
    assert not (tmp_path / ".yoi" / "memory").exists()


def test_nothing_outside_the_workspace_can_be_reached(filled: Workspace, tmp_path: Path) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}-secret.md"
    secret.write_text("secret")
    (filled.layout.decisions_dir / "out.md").symlink_to(secret)

    async def conversation(client: Client) -> None:
        read = await client.call_tool("memory_read", {"kind": "decision", "slug": "out"})
        assert read.is_error
        with pytest.raises(MCPError):
            await client.read_resource("ctxuse://decision/out")
        assert not answer(await client.call_tool("memory_search", {"query": "secret"}))["hits"]

    talk(process(filled), conversation)


ENV = {"CLAUDE_CODE_SESSION_ID": "from-env", "COPILOT_AGENT_SESSION_ID": "of-copilot"}
CODEX_TURN = "x-codex-turn-metadata"


@pytest.mark.parametrize(
    ("meta", "client", "expected"),
    [
        ({"claudecode/toolUseId": "t"}, "claude-code", Caller("from-env", "claude-code", "t")),
        ({}, "claude-code", Caller("from-env", "claude-code")),
        ({CODEX_TURN: {"session_id": "s"}}, "codex-mcp-client", Caller("s", "codex")),
        ({"threadId": "t"}, "codex-mcp-client", Caller("t", "codex")),
        ({"threadId": "t", "callId": "c"}, "codex-mcp-client", Caller("t", "codex", "c")),
        (
            {CODEX_TURN: {"session_id": "s", "thread_id": "c", "parent_thread_id": "s"}},
            "codex-mcp-client",
            Caller("s/c", "codex", in_subagent=True),
        ),
        ({CODEX_TURN: {"session_id": "s", "thread_id": "s"}}, None, Caller("s", "codex")),
        ({CODEX_TURN: {"session_id": "s", "thread_id": "c"}}, None, Caller("s", "codex")),
        ({"progressToken": 4}, "opencode", Caller(None, "opencode")),
        ({}, "gemini-cli-mcp-client", Caller(None, "gemini-cli")),
        ({}, "gemini-cli-mcp-client-ctxuse", Caller(None, "gemini-cli")),
        ({}, "copilot-cli", Caller("of-copilot", "copilot")),
        ({}, "cursor-vscode", Caller(None, "cursor")),
        ({}, "@cline/core", Caller(None, "cline")),
        ({}, "qwen-cli-mcp-client-ctxuse", Caller(None, "qwen-code")),
        ({}, "some-agent", Caller(None, "some-agent")),
        ({}, None, Caller(None, None)),
        ({"claudecode/toolUseId": 7, CODEX_TURN: "x"}, "", Caller(None, None)),
        ({CODEX_TURN: {"session_id": ["s"]}, "threadId": {}}, None, Caller(None, "codex")),
        ({}, "c" * 300, Caller(None, None)),
    ],
)
def test_who_is_calling_the_request_says_before_the_environment(
    meta: Mapping[str, object], client: str | None, expected: Caller
) -> None:
    assert caller(meta, client, ENV) == expected


def test_which_sub_agent_of_claude_code_is_calling_its_transcripts_say(tmp_path: Path) -> None:
    folder = tmp_path / "home/.claude/projects/-app/s1/subagents"
    folder.mkdir(parents=True)
    (main := folder.parent.with_suffix(".jsonl")).write_text('{"id":"toolu_m"}\n')
    for agent in ("a1", "a2", "old"):
        line = f'{{"id":"toolu_{agent}"}}\n'
        (folder / f"agent-{agent}.jsonl").write_text("x" * 300_000 + "\n" + line)
    os.utime(folder / "agent-old.jsonl", (1, 1))
    (folder / "agent-gone.jsonl").symlink_to("nowhere")
    os.mkfifo(folder / "agent-pipe.jsonl")
    environ = {"HOME": str(tmp_path / "home"), "CLAUDE_CODE_SESSION_ID": "s1"}

    def who(call_id: str, session: str = "s1") -> Caller:
        said = {**environ, "CLAUDE_CODE_SESSION_ID": session}
        return caller(of_call(call_id), "claude-code", said)

    assert who("toolu_a1") == Caller("s1/a1", "claude-code", "toolu_a1", in_subagent=True)
    assert who("toolu_a2").segment_id == "s1/a2"
    for call_id in ("toolu_m", "toolu_a", "toolu_old", "toolu_nowhere"):
        assert who(call_id) == Caller("s1", "claude-code", call_id)
    for session in ("../s1", "..", "s2"):
        assert not who("toolu_a1", session).in_subagent

    main.unlink()
    assert not who("toolu_a1").in_subagent  # there is no such session


@pytest.mark.parametrize("beginning", ["there", "not there yet"])
def test_a_call_that_is_written_down_a_moment_later_is_the_sub_agents(
    filled: Workspace, tmp_path: Path, beginning: str
) -> None:
    environ = {"HOME": str(tmp_path / "home"), "CLAUDE_CODE_SESSION_ID": "s1"}
    folder = tmp_path / "home/.claude/projects/-app/s1/subagents"
    folder.parent.mkdir(parents=True)
    folder.parent.with_suffix(".jsonl").write_text("{}\n")
    if beginning == "there":
        folder.mkdir()
        (folder / "agent-a2.jsonl").write_text("{}\n")

    def write_later() -> None:
        time.sleep(0.2)
        folder.mkdir(exist_ok=True)
        (folder / "agent-a2.jsonl").write_text('"t9"')

    async def conversation(client: Client) -> None:
        with ThreadPoolExecutor() as pool:
            pool.submit(write_later)
            await client.call_tool("memory_read", {"kind": "summary"}, meta=of_call("t9"))
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of_call("t9"))

    talk(process(filled, environ), conversation, client="claude-code")
    found = events(filled)
    assert sorted((e.segment_id, e.event.value, e.actor or "", e.call_id or "") for e in found) == [
        ("s1", "resident_exposure", "", ""),
        ("s1/a2", "resident_exposure", "", ""),
        ("s1/a2", "use", "subagent", "t9"),
        ("s1/a2", "use", "subagent", "t9"),
    ]


def test_what_stands_in_a_sub_agent_stands_there_since_its_call(
    filled: Workspace, tmp_path: Path
) -> None:
    environ = {"HOME": str(tmp_path / "home"), "CLAUDE_CODE_SESSION_ID": "s1"}
    folder = tmp_path / "home/.claude/projects/-app/s1/subagents"
    folder.mkdir(parents=True)
    folder.parent.with_suffix(".jsonl").write_text("{}\n")

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of_call("t9"))
        await anyio.sleep(0.1)  # who called it is found out only now
        (folder / "agent-a2.jsonl").write_text('"t9"')

    talk(process(filled, environ), conversation, client="claude-code")
    found = {(e.segment_id, e.event.value): e.occurred_at_ns for e in events(filled)}
    assert [*sorted(found, key=found.__getitem__)] == [
        ("s1", "resident_exposure"),
        ("s1/a2", "resident_exposure"),
        ("s1/a2", "use"),
    ]


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("gemini-cli-mcp-client-ctxuse", "gemini-cli"), ("@cline/core", "cline"),
        ("qwen-cli-mcp-client-ctxuse", "qwen-code"), ("copilot-cli", "copilot"),
    ],
)  # fmt: skip
def test_of_instructions_that_a_client_drops_nothing_is_claimed(
    filled: Workspace, client: str, host: str
) -> None:
    async def conversation(client: Client) -> None:
        await client.call_tool("memory_search", {"query": "x"})
        await client.call_tool("memory_read", {"kind": "summary"})

    talk(process(filled), conversation, client=client)
    (event,) = events(filled)
    assert (event.event.value, event.host) == ("use", host)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_what_was_given_is_recorded_when_the_server_is_ended(
    filled: Workspace, tmp_path: Path, ending: signal.Signals
) -> None:
    environ = {"HOME": str(tmp_path / "home"), "CLAUDE_CODE_SESSION_ID": "s1"}
    folder = tmp_path / "home/.claude/projects/-app"
    folder.mkdir(parents=True)
    (folder / "s1.jsonl").write_text("{}\n")  # in it the call is looked for
    params = process(filled, environ)
    read = {"name": "memory_read", "arguments": {"kind": "summary"}, "_meta": of_call("t1")}
    with started(
        *params.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=params.env
    ) as serving:
        for message in (hello("2025-06-18"), request(1, "tools/call", read)):
            serving.stdin.write(json.dumps(message).encode() + b"\n")
            serving.stdin.flush()
            assert "result" in json.loads(serving.stdout.readline())
        serving.send_signal(ending)
        assert serving.wait(timeout=PATIENCE) == 128 + ending
    assert [event.event.value for event in events(filled)] == ["resident_exposure", "use"]
    assert events(filled)[1].call_id == "t1"


def test_what_is_given_as_the_server_is_told_to_end_is_recorded_before_it_is_answered(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_for(*asked: object) -> Caller:
        assert cast("Event", asked[-1]).wait(PATIENCE)  # until it is in a hurry
        return Caller("s1", "claude-code", "t1")

    monkeypatch.setattr("ctxuse.mcp_server.recording.caller", looked_for)
    recording = Recording(filled, {})
    submit, answered = ThreadPoolExecutor.submit, Event()

    def ended_before(
        pool: ThreadPoolExecutor, work: Callable[..., object], *words: object, **more: object
    ) -> Future[object]:
        if work.__name__ != "_append":
            return submit(pool, work, *words, **more)
        recording.finish(hurry=True)
        return submit(pool, lambda: (answered.wait(0.5), work(*words, **more)))

    monkeypatch.setattr(ThreadPoolExecutor, "submit", ended_before)
    recording.segment(Asked(ProtocolClient(), {})).give("decision", "alpha")
    recorded = uses(filled)
    answered.set()
    assert recorded == [("MemoryRead", "agent", ["alpha"])]


def test_what_names_no_session_is_of_the_one_that_was_named_last(filled: Workspace) -> None:
    turn = cast("RequestParamsMeta", {CODEX_TURN: {"session_id": "s", "thread_id": "s"}})
    child = {"session_id": "s", "thread_id": "c", "parent_thread_id": "s"}
    of_child = cast("RequestParamsMeta", {CODEX_TURN: child})

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"}, meta=turn)
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of_child)
        await client.read_resource("ctxuse://decision/alpha")

    talk(process(filled), conversation, client="codex-mcp-client")
    told = [(e.segment_id, e.event.value, e.records[0].slug) for e in events(filled)]
    assert told == [
        ("s", "resident_exposure", "policy"), ("s", "use", "summary"),
        ("s/c", "resident_exposure", "policy"), ("s/c", "use", "summary"), ("s", "use", "alpha"),
    ]  # fmt: skip
    assert len(events(filled)[0].records) == 1  # Codex gives the first line of the instructions


def test_where_a_host_drops_the_instructions_no_exposure_is_told(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"})

    talk(process(filled), conversation, client="copilot-cli")
    told = [(e.host, e.event.value, e.records[0].slug) for e in events(filled)]
    assert told == [("copilot", "use", "summary")]


@pytest.mark.parametrize(
    ("call_id", "stood"),
    [("call_1", ["policy", "summary"]), ("exec-1", ["policy"]), (None, ["policy"])],
)
def test_instructions_stand_with_the_tools_that_codex_hands_a_model_and_not_those_of_scripts(
    filled: Workspace, call_id: str | None, stood: list[str]
) -> None:
    turn = {"session_id": "s", "thread_id": "s"}
    child = {"session_id": "s", "thread_id": "c", "parent_thread_id": "s"}

    def of(thread: dict[str, str]) -> "RequestParamsMeta":
        named = {} if call_id is None else {"callId": call_id}
        return cast("RequestParamsMeta", {CODEX_TURN: thread, **named})

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of(turn))
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of(child))

    talk(process(filled), conversation, client="codex-mcp-client")
    told = [(e.segment_id, [r.slug for r in e.records]) for e in events(filled)]
    assert [one for one in told if one[1] != ["summary"]] == [("s", stood), ("s/c", stood)]


def test_instructions_stand_in_a_session_since_the_server_was_started(filled: Workspace) -> None:
    recording = Recording(filled, {})
    started = time.time_ns()
    asked = Asked(ProtocolClient(), {CODEX_TURN: {"session_id": "s", "thread_id": "s"}})
    recording.segment(asked).give("decision", "alpha")
    recording.finish()
    exposure, use = events(filled)
    assert exposure.segment_id == use.segment_id == "s"
    assert exposure.occurred_at_ns < started < use.occurred_at_ns


def test_what_a_sub_agent_is_handed_says_nothing_of_the_session_above_it(
    filled: Workspace,
) -> None:
    child = {"session_id": "s", "thread_id": "c", "parent_thread_id": "s"}
    meta = cast("RequestParamsMeta", {CODEX_TURN: child, "callId": "call_1"})

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_search", {"query": "x"}, meta=meta)

    talk(process(filled), conversation, client="codex-mcp-client")
    told = [(e.segment_id, [r.slug for r in e.records]) for e in events(filled)]
    assert told == [("s", ["policy"]), ("s/c", ["policy", "summary"])]


def test_what_a_transcript_has_told_of_the_instructions_is_not_told_again(
    filled: Workspace,
) -> None:
    told = UsageEvent.new(
        "s1",
        UsageEventKind.RESIDENT_EXPOSURE,
        UsageSource.RESIDENT_INJECTION,
        [UsageRecordSnapshot("knowledge", "policy", 9, 3)],
        host="claude-code",
    )
    filled.append(told)

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of_call("t1"))

    talk(process(filled, {"CLAUDE_CODE_SESSION_ID": "s1"}), conversation, client="claude-code")
    talk(process(filled, {"CLAUDE_CODE_SESSION_ID": "s2"}), conversation, client="claude-code")
    exposed = [e.segment_id for e in events(filled) if e.event.value == "resident_exposure"]
    assert exposed == ["s1", "s2"]


def test_who_is_calling_is_recorded(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        await client.call_tool("memory_read", {"kind": "summary"}, meta=of_call("toolu_1"))

    talk(process(filled, ENV), conversation, client="claude-code")
    exposure, read = events(filled)
    assert (read.segment_id, read.host, read.call_id) == ("from-env", "claude-code", "toolu_1")
    assert (exposure.segment_id, exposure.host, exposure.call_id) == (
        "from-env",
        "claude-code",
        None,
    )


def test_a_real_process_serves_over_stdio(filled: Workspace) -> None:
    async def conversation(client: Client) -> None:
        assert client.instructions == "- #policy: Rules\n\nWe build ships."
        read = await client.call_tool("memory_read", {"kind": "summary"})
        assert answer(read)["text"] == "We build ships.\n"

    talk(process(filled), conversation, client="codex-mcp-client")
    assert [event.host for event in events(filled)] == ["codex", "codex"]


def test_eight_servers_and_the_library_record_every_read_once(filled: Workspace) -> None:
    async def conversation() -> None:
        async def one(number: int) -> None:
            async with Client(process(filled)) as client:
                for index in range(20):
                    meta = of_call(f"{number}-{index}")
                    arguments = {"kind": "decision", "slug": "alpha"}
                    answer(await client.call_tool("memory_read", arguments, meta=meta))

        def library() -> None:
            for index in range(100):
                filled.segment("lib", call_id=f"lib-{index}").read("decision", "alpha")

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(one, number)
            group.start_soon(anyio.to_thread.run_sync, library)

    anyio.run(conversation)
    reads = [e.call_id for e in events(filled) if e.event.value == "use"]
    expected = {f"{n}-{i}" for n in range(8) for i in range(20)}
    assert sorted(filter(None, reads)) == sorted(expected | {f"lib-{i}" for i in range(100)})
    exposures = [e for e in events(filled) if e.event.value == "resident_exposure"]
    assert len(exposures) == 8
    assert filled.check().clean


def test_the_server_ends_quietly_when_it_is_interrupted(filled: Workspace) -> None:
    with started(
        "-m", "ctxuse", "mcp", "-w", filled.layout.root,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as serving:  # fmt: skip
        serving.stdin.write(
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":'
            b'"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
        )
        serving.stdin.flush()
        hello = json.loads(serving.stdout.readline())
        assert hello["result"]["instructions"].endswith("We build ships.")
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=PATIENCE) == 130  # while its stdin is still open
        assert b"Traceback" not in serving.stderr.read()


def test_a_broken_record_stops_nothing(filled: Workspace) -> None:
    bad = (
        '---\ndescription: "a\\ud800b"\nrequires: ["\\ud800"]\nmodel_invokation: true\n---\nx kind'
    )
    (filled.layout.workflow_dir / "odd.md").write_text(bad)
    (filled.layout.knowledge_dir / "tag.md").write_text("---\na: !!bool maybe\n---\nx kind")

    async def conversation(client: Client) -> None:
        assert len((await client.list_resources()).resources) == 9
        assert len((await client.list_prompts()).prompts) == 2
        assert len(answer(await client.call_tool("memory_search", {"query": "kind"}))["hits"]) == 3  # type: ignore[arg-type] # a list
        flow = answer(await client.call_tool("workflow_invoke", {"slug": "odd"}))
        assert "is not a slug" in str(flow["left_out"])
        long = await client.call_tool("memory_read", {"kind": "decision", "slug": "x" * 10**6})
        assert long.is_error
        assert len(str(long.content)) < 2000

    talk(process(filled, {"CLAUDE_CODE_SESSION_ID": "\udcff"}), conversation, "claude-code")
    assert events(filled)[0].segment_id.startswith("mcp-")


def test_an_exposure_that_could_not_be_recorded_is_recorded_later(filled: Workspace) -> None:
    blocked = filled.layout.usage_dir
    blocked.write_text("in the way")

    async def conversation(client: Client) -> None:
        await client.call_tool("memory_search", {"query": "x"})
        blocked.unlink()
        await client.call_tool("memory_search", {"query": "x"})
        await client.call_tool("memory_search", {"query": "x"})

    talk(process(filled), conversation)
    assert [event.event.value for event in events(filled)] == ["resident_exposure"]


def test_an_agent_that_has_gone_is_no_fault(filled: Workspace) -> None:
    with started(
        "-m", "ctxuse", "mcp", "-w", filled.layout.root,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as serving:  # fmt: skip
        serving.stdout.close()
        serving.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n' * 9)
        serving.stdin.close()
        said = serving.stderr.read()
        serving.wait(timeout=PATIENCE)
    assert b"fault" not in said
    assert b"Traceback" not in said


def test_what_was_accepted_is_answered_also_when_stdin_is_closed(filled: Workspace) -> None:
    reads = 200
    client = {"name": "test", "version": "1"}
    begin = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    messages: list[dict[str, object]] = [
        {"id": 0, "method": "initialize", "params": begin},
        {"method": "notifications/initialized"},
    ]
    rubbish: list[object] = [[1], {"a": 1}, None]
    messages += [
        {"method": "notifications/cancelled", "params": {"requestId": one}} for one in rubbish
    ]
    arguments = {"kind": "decision", "slug": "alpha"}
    messages += [
        {"id": n, "method": "tools/call", "params": {"name": "memory_read", "arguments": arguments}}
        for n in range(1, reads + 1)
    ]
    lines = [json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages]
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", "mcp", "-w", filled.layout.root],
        input="".join(lines), capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(answer["id"] for answer in answers if "id" in answer) == [*range(reads + 1)]
    assert not any("error" in answer for answer in answers)
    used = [event for event in events(filled) if event.event.value == "use"]
    assert len(used) == reads


def test_rubbish_on_stdin_is_no_traceback(filled: Workspace) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", "mcp", "-w", os.fspath(filled.layout)],
        input=b"rubbish\n\xff\xfe\n{}\n[]\n" + b"[" * 100_000 + b"\n",
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stdout


def test_the_server_needs_no_library_that_takes_long_to_import() -> None:
    heavy = {"mcp", "mcp_types", "pydantic", "anyio", "asyncio", "httpx", "starlette", "rich"}
    code = (
        "import sys, ctxuse.cli.mcp, ctxuse.mcp_server.server;"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"), ("2026-07-28", "2025-11-25"), ("zzz", "2025-11-25"),
    ],
)  # fmt: skip
def test_a_version_is_agreed_on(filled: Workspace, asked: str, agreed: str) -> None:
    (said,) = answers(filled, hello(asked))
    assert said["result"] == {
        "protocolVersion": agreed,
        "serverInfo": {
            "name": "ctxuse",
            "title": "ctxuse: memory, knowledge and workflows",
            "version": __version__,
        },
        "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
        "instructions": "- #policy: Rules\n\nWe build ships.",
    }


def test_what_a_model_pays_for_is_lean(filled: Workspace) -> None:
    (said,) = answers(filled, hello("2025-06-18"), words=["--no-resources"])
    assert said["result"]["capabilities"] == {"tools": {}, "prompts": {}}
    told = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in Server(filled).tools
    ]
    text = json.dumps(told, separators=(",", ":"))
    assert len(text) < 2_000
    assert "anyOf" not in text
    assert "default" not in text


def enveloped(**meta: object) -> dict[str, object]:
    own = {"protocolVersion": "2026-07-28", "clientCapabilities": {}, **meta}
    return {f"io.modelcontextprotocol/{key}": value for key, value in own.items()}


def test_a_request_that_says_its_version_is_answered_in_it(filled: Workspace) -> None:
    client = {"name": "codex-mcp-client", "version": "1"}
    read = {"name": "memory_read", "arguments": {"kind": "summary"}}
    gone = {"uri": "ctxuse://decision/gone"}
    said = answers(
        filled,
        request(1, "server/discover", {"_meta": enveloped()}),
        request(2, "tools/call", {**read, "_meta": enveloped(clientInfo=client)}),
        request(3, "resources/read", {**gone, "_meta": enveloped()}),
        request(4, "ping", {"_meta": enveloped()}),
        request(5, "server/discover", {"_meta": enveloped(protocolVersion="2031-01-01")}),
        request(6, "initialize", {"_meta": enveloped()}),
        request(7, "prompts/list", {"_meta": enveloped(clientCapabilities=None)}),
        request(8, "prompts/list", {"_meta": enveloped(clientInfo=[])}),
        request(9, "prompts/list", {"_meta": enveloped()}),
    )
    by_id = {answer["id"]: answer for answer in said}
    assert by_id[1]["result"]["supportedVersions"] == ["2026-07-28"]
    for number in (1, 2, 9):
        assert by_id[number]["result"]["resultType"] == "complete"
        assert "io.modelcontextprotocol/serverInfo" in by_id[number]["result"]["_meta"]
    assert ["ttlMs" in by_id[number]["result"] for number in (1, 2, 9)] == [True, False, True]
    assert [event.host for event in events(filled)] == ["codex", "codex"]
    codes = {number: by_id[number]["error"]["code"] for number in (3, 4, 5, 6, 7, 8)}
    assert codes == {3: -32602, 4: -32601, 5: -32022, 6: -32022, 7: -32602, 8: -32602}


def test_what_is_no_request_is_answered_with_its_error(filled: Workspace) -> None:
    said = answers(
        filled,
        b"rubbish",
        b"",
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * 2**22 + b'"}}',
        [],
        {"id": 3, "method": "ping"},
        request(4, "no/such"),
        request(5, "tools/call", {"name": 7}),
        request(6, "tools/call", [1]),
        request(7, "resources/read", {"uri": "ctxuse://decision/gone"}),
        request("8", "ping", {"_meta": []}),
        {"jsonrpc": "2.0", "id": 9, "result": {}},
        {"jsonrpc": "2.0", "method": "no/such"},
        request(10, "resources/read", {"uri": "x" * 10**5}),
        request(11, "prompts/get", {"name": "x" * 10**5}),
        request(12, "tools/call", {"name": "x" * 10**5}),
    )
    codes = [(answer["id"], answer["error"]["code"]) for answer in said if "error" in answer]
    assert sorted(codes, key=str) == [
        (10, -32002), (11, -32602), (3, -32600), (4, -32601), (5, -32602), (6, -32600),
        (7, -32002), (None, -32600), (None, -32600), (None, -32700), (None, -32700),
    ]  # fmt: skip
    results = {answer["id"]: answer["result"] for answer in said if "result" in answer}
    assert [*results] == ["8", 12]
    assert results[12]["isError"]
    assert max(len(json.dumps(answer)) for answer in said) < 2000


@pytest.mark.parametrize("half", [r"\ud83d", r"\uDE00", r"\ud83d\ud83d", r"\\\ud83d"])
def test_a_text_that_was_cut_within_a_character_is_answered(filled: Workspace, half: str) -> None:
    search = request(7, "tools/call", {"name": "memory_search", "arguments": {"query": "HERE"}})
    read = request(8, "HERE", {"uri": "HERE"})
    lines = [json.dumps(one).replace("HERE", half).encode() for one in (search, read, [read])]
    said = answers(filled, *lines)
    assert sorted(answer["id"] for answer in said) == [7, 8, 8]
    assert [answer["result"]["isError"] for answer in said if "result" in answer] == [False]


def test_a_batch_is_answered_message_by_message(filled: Workspace) -> None:
    read = {"name": "memory_read", "arguments": {"kind": "decision", "slug": "alpha"}}
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    calls = [request(1, "ping"), note, request(2, "tools/call", read)]
    batch = [*calls, 7, [], {"id": 3}]
    many = [request(number, "ping") for number in range(100, 165)]
    said = answers(filled, hello("2025-03-26"), batch, many, many[:64])
    results = [answer["id"] for answer in said if "result" in answer]
    assert sorted(results) == [0, 1, 2, *range(100, 164)]
    refused = [(answer["id"], answer["error"]["code"]) for answer in said if "error" in answer]
    assert refused == [(None, -32600), (None, -32600), (3, -32600), (None, -32600)]
    assert uses(filled) == [("MemoryRead", "agent", ["alpha"])]


def test_a_request_that_is_taken_back_before_it_is_begun_is_not_recorded(
    filled: Workspace,
) -> None:
    environ = {"CLAUDE_CODE_SESSION_ID": "s1", "HOME": os.fspath(filled.layout.root / "home")}
    agents = filled.layout.root / "home/.claude/projects/p/s1/subagents"
    agents.mkdir(parents=True)
    (agents / "agent-a.jsonl").write_text("\n")  # in it the calls are looked for, for 0.3 s each
    read = {"name": "memory_read", "arguments": {"kind": "decision", "slug": "alpha"}}
    calls = [request(n, "tools/call", {**read, "_meta": of_call(f"t{n}")}) for n in range(1, 61)]
    back = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 60}}
    words = process(filled, environ)
    done = subprocess.run(
        [words.command, *words.args],
        input="".join(json.dumps(m) + "\n" for m in (hello("2025-06-18"), *calls, back)),
        capture_output=True, text=True, check=True, timeout=PATIENCE, env=words.env,
    )  # fmt: skip
    answered = {json.loads(line)["id"] for line in done.stdout.splitlines()}
    recorded = {event.call_id for event in events(filled) if event.event.value == "use"}
    assert answered == {*range(60)}
    assert recorded == {f"t{n}" for n in range(1, 60)}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_client_of_the_sdk_gets_everything_in_either_way(filled: Workspace, mode: str) -> None:
    async def conversation(client: Client) -> None:
        assert client.instructions == "- #policy: Rules\n\nWe build ships."
        assert len((await client.list_tools()).tools) == 6
        assert len((await client.list_resources()).resources) == 7
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "ctxuse://{kind}/{slug}"
        assert (await client.list_prompts()).prompts[0].name == "deploy"
        assert (await client.read_resource("ctxuse://decision/alpha")).contents
        assert (await client.get_prompt("deploy")).messages
        assert answer(await client.call_tool("memory_read", {"kind": "summary"}))["text"]

    talk(process(filled), conversation, client="some-agent", mode=mode)
    assert {event.host for event in events(filled)} == {"some-agent"}
    assert len(uses(filled)) == 3


HOME = os.environ.get("HOME", "")
"""The home of who runs the tests: there npm keeps what it has fetched."""

INSPECTOR = "@modelcontextprotocol/inspector@0.15.0"


def inspector() -> list[str] | None:
    """How the MCP inspector is started, or None where it cannot be had."""
    npx = shutil.which("npx")
    if npx is None:
        return None
    words = [npx, "--yes", INSPECTOR, "--cli"]
    try:
        probe = subprocess.run(
            [npx, "--yes", "--package", INSPECTOR, "--", "node", "--version"],
            capture_output=True,
            check=False,
            timeout=240,
            env={**os.environ, "HOME": HOME},
        )
    except subprocess.TimeoutExpired:
        return None
    return words if probe.returncode == 0 else None


def test_a_client_that_nobody_here_wrote_gets_a_record(filled: Workspace) -> None:
    words = inspector()
    if words is None:
        pytest.skip("the MCP inspector needs npx and a package registry")
    server = [sys.executable, "-m", "ctxuse", "mcp", "-w", os.fspath(filled.layout)]
    call = ["--method", "tools/call", "--tool-name", "memory_read"]
    arguments = ["--tool-arg", "kind=decision", "--tool-arg", "slug=alpha"]
    done = subprocess.run(
        [*words, *server, *call, *arguments],
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "HOME": HOME},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structuredContent"]["text"] == "one\ntwo\nthree\n"
    assert uses(filled) == [("MemoryRead", "agent", ["alpha"])]
