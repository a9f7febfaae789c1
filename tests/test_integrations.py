"""Agents of other frameworks: what is recorded of them is what their requests held.

The examples are run as a user would run them, against a scripted model on this machine; which of
the records entered is read off the requests alone.
"""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from truth.model import Completions, Messages, Script, Tool, text_of
from truth.shop import Placed, Shop

from ctxuse import Segment, UsageEvent, Workspace
from ctxuse.integrations.tools import USUAL, Latest, Tools
from ctxuse.integrations.tools import text_of as blocks_text

EXAMPLES = Path(__file__).parents[1] / "examples/agents"

RECORDS = (
    Placed("instructions", "AGENTS.md", "AGENTS.md", "Qroot", "# @ Shop\n@ Be brief, always.\n"),
    Placed("instructions", "api/AGENTS.md", "api/AGENTS.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    Placed("knowledge", "glossary", ".yoi/knowledge/glossary.md", "Qglo", "# @\n@ A hub turns.\n"),
    Placed("decision", "money", ".yoi/memory/decisions/money.md", "Qmon", "# @ Money\n@ Cents.\n"),
    Placed("skill", "pdf", ".agents/skills/pdf/SKILL.md", "Qpdf",
           "---\nname: pdf\ndescription: @ Fill forms of PDF files.\n---\n# @ pdf\n@ One step.\n"),
)  # fmt: skip


def script(shop: Shop) -> Script:
    """What the model does: files whole and in part, what is not there, shells, a search."""
    root = shop.root
    return [
        [Tool("read_file", {"file_path": str(root / ".yoi/knowledge/glossary.md")})],
        [
            Tool("read_file", {"file_path": str(root / ".agents/skills/pdf/SKILL.md")}),
            Tool("read_file", {"file_path": str(root / "README.md")}),
        ],
        [Tool("read_file", {"file_path": str(root / ".yoi/knowledge/gone.md")})],
        [Tool("execute", {"command": "cat .yoi/memory/decisions/*.md README.md"})],
        [Tool("execute", {"command": "cat .yoi/knowledge/gone.md; ls .yoi/knowledge"})],
        [Tool("execute", {"command": "cd api && cat AGENTS.md"})],
    ]


class Model(Completions):
    """Sub-agents are told by what deepagents says to them."""

    def thread(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> tuple[str, str | None]:
        assert headers
        is_nested = "The calling agent only sees" in str(body["messages"][:1])
        return "run", "sub" if is_nested else None


Found = set[tuple[bool, str]]
"""Records, each with whether it is of a sub-agent."""


def truth(shop: Shop, model: Completions) -> tuple[Found, dict[str, Found]]:
    """What stood in system prompts; and by the id of a call what its answer held."""
    resident: Found = set()
    uses: dict[str, Found] = {}
    for request in model.requests:
        nested = request.agent is not None
        for message in request.body["messages"]:
            held = {(nested, name) for name in shop.in_text(text_of(message["content"]))}
            if message["role"] in {"system", "developer"}:
                resident |= held
            elif message["role"] == "tool" and held:
                uses.setdefault(message["tool_call_id"], set()).update(held)
    return resident, uses


def recorded(shop: Shop) -> tuple[Found, dict[str, Found], list[UsageEvent]]:
    resident: Found = set()
    uses: dict[str, Found] = {}
    events = [one for one in Workspace(shop.root).events() if isinstance(one, UsageEvent)]
    for event in events:
        names = {("/" in event.segment_id, f"{r.kind}/{r.slug}") for r in event.records}
        if event.event == "use":
            uses.setdefault(str(event.call_id), set()).update(names)
        else:
            resident |= names
    return resident, uses, events


def run(shop: Shop, example: str, environ: Mapping[str, str], prompt: str) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / example, prompt],
        cwd=shop.root,
        env={
            "HOME": str(shop.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **environ,
        },
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("example", "needs"),
    [
        ("deep_agent.py", ("deepagents", "langchain_openai")),
        ("openai_agent.py", ("agents",)),
        ("pydantic_agent.py", ("pydantic_ai", "openai")),
    ],
)
def test_what_an_example_records_is_what_entered(
    tmp_path: Path, example: str, needs: tuple[str, ...]
) -> None:
    for module in needs:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    shop = Shop(tmp_path, RECORDS)
    scripts: dict[str, Script] = {"all": script(shop)}
    if example == "deep_agent.py":
        look = {"description": "[[play sub]]", "subagent_type": "general-purpose"}
        path = {"file_path": str(shop.root / "AGENTS.md")}
        scripts |= {"sub": [[Tool("read_file", path)]]}
        scripts["all"] = [*scripts["all"], [Tool("task", look)]]
    with Model(scripts) as model:
        environ = {
            "OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": "not-a-key",
            "LANGSMITH_TRACING": "false",
        }  # fmt: skip
        assert run(shop, example, environ, "[[play all]]") == "Done.\n"
    resident, uses, events = recorded(shop)
    assert (resident, uses) == truth(shop, model)
    assert len(resident) >= 1
    assert len(uses) >= 4
    names = [(e.segment_id, e.event, e.call_id, r.kind, r.slug) for e in events for r in e.records]
    assert len(names) == len({*names})
    if example == "deep_agent.py":
        assert {(nested, name) for nested, name in resident} == {
            (False, "instructions/AGENTS.md"), (False, "skill/pdf"), (True, "skill/pdf"),
        }  # fmt: skip
        assert (True, "instructions/AGENTS.md") in set.union(*uses.values())


def test_what_claude_s_agent_sdk_runs_is_recorded_by_hooks(tmp_path: Path) -> None:
    spec = find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        pytest.skip("claude_agent_sdk is not installed")
    if not (Path(spec.origin).parent / "_bundled/claude").exists():
        pytest.skip("the SDK brings no Claude Code along")
    shop = Shop(tmp_path, RECORDS)
    (shop.root / "CLAUDE.md").write_text("# Shop\nCall it a hub.\n", encoding="utf-8")
    root = shop.root
    scripts: dict[str, Script] = {
        "all": [
            [Tool("Read", {"file_path": str(root / ".yoi/knowledge/glossary.md")})],
            [Tool("Bash", {"command": "cat .yoi/memory/decisions/money.md", "description": "x"})],
        ]
    }
    ctxuse = Path(sys.executable).parent / "ctxuse"
    home = {"HOME": str(shop.home), "PATH": f"{ctxuse.parent}:{os.environ['PATH']}"}
    subprocess.run(
        [ctxuse, "setup", "claude-code", "--yes"], cwd=root, env=home, check=True,
        capture_output=True,
    )  # fmt: skip
    with Messages(scripts) as model:
        environ = {
            "ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "not-a-key", "IS_SANDBOX": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        }  # fmt: skip
        assert run(shop, "claude_agent.py", environ, "[[play all]]") == "Done.\n"
    resident, uses, _ = recorded(shop)
    assert (False, "instructions/CLAUDE.md") in resident
    assert sorted(name for found in uses.values() for _, name in found) == [
        "decision/money", "knowledge/glossary",
    ]  # fmt: skip
    assert {*uses} <= {*model.calls}


class UnsayableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class Unreadable(dict[str, object]):
    def get(self, *_: object) -> Any:  # noqa: ANN401 - it returns nothing
        raise ValueError("no")


class TestTools:
    """What no framework hands over as expected."""

    @pytest.fixture
    def shop(self, tmp_path: Path) -> Shop:
        return Shop(tmp_path, RECORDS)

    @pytest.fixture
    def segment(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Segment:
        monkeypatch.setenv("HOME", str(shop.home))
        monkeypatch.chdir(shop.root)
        return Workspace(shop.root).segment("s", host="h")

    def test_tools_may_have_other_names_and_see_another_tree(
        self, shop: Shop, segment: Segment
    ) -> None:
        tools = Tools({"open": "path"}, {"bash": "cmd"}, lambda path: f"{shop.root}{path}")
        tools.answered(segment, "open", {"path": "/AGENTS.md"}, "Qroot Be brief, always.", "c1")
        tools.answered(segment, "bash", {"cmd": "cat api/AGENTS.md"}, "Qapi v2 only.\n", "c2")
        tools.answered(
            segment, "read_file", {"file_path": "AGENTS.md"}, "Qroot Be brief, always.", "c3"
        )
        assert {call: {name for _, name in found} for call, found in recorded(shop)[1].items()} == {
            "c1": {"instructions/AGENTS.md"}, "c2": {"instructions/api/AGENTS.md"},
        }  # fmt: skip

    @pytest.mark.parametrize("arguments", [None, [], "x", {}, {"file_path": 7}, {"other": "x"}])
    def test_arguments_of_any_shape_do_no_harm(
        self, shop: Shop, segment: Segment, arguments: object
    ) -> None:
        USUAL.answered(segment, "read_file", arguments, "Qroot Be brief, always.", None)
        assert recorded(shop)[2] == []

    def test_a_fault_in_saying_where_a_file_is_does_no_harm(
        self, shop: Shop, segment: Segment, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(path: str) -> str:
            raise RuntimeError(path)

        tools = USUAL._replace(where=broken)
        tools.answered(segment, "read_file", {"file_path": "AGENTS.md"}, "Be brief", "c")
        assert recorded(shop)[2] == []
        assert "AGENTS.md" in caplog.text

    @pytest.mark.parametrize("name", ["Makefile", "README", "summary", "knowledge", "AGENTS.md"])
    def test_a_call_without_an_id_is_the_read_of_a_file(
        self, shop: Shop, segment: Segment, name: str
    ) -> None:
        USUAL.answered(segment, "read_file", {"file_path": name}, "Qroot Be brief, always.", None)
        assert len(recorded(shop)[2]) == (name == "AGENTS.md")

    @pytest.mark.parametrize(
        "one", [None, 7, b"AGENTS.md", "\0", "\ud800", [], {}, ["a"], object()]
    )
    def test_nothing_that_is_handed_over_raises(
        self, shop: Shop, segment: Segment, one: str
    ) -> None:
        def broken(path: str) -> str:
            raise UnsayableError(path)

        for tools in (USUAL, Tools(where=lambda _: one, directory=one), Tools(where=broken)):
            for name, argument in (("read_file", "file_path"), ("execute", "command")):
                tools.answered(segment, name, {argument: one}, "x", None)
                tools.answered(segment, name, {argument: "x"}, one, one)
                tools.answered(segment, name, Unreadable({argument: "x"}), "x", "c")
            tools.answered(segment, one, one, one, one)
        assert recorded(shop)[2] == []

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            ("a", "a"), (None, ""), (7, ""), ({"text": "a"}, "a"), ([], ""),
            (["a", {"type": "text", "text": "b"}, {"type": "image"}, 7, None], "a\nb"),
        ],
    )  # fmt: skip
    def test_the_text_of_a_message_is_that_of_its_blocks(self, content: object, text: str) -> None:
        assert blocks_text(content) == text


def test_a_tool_that_fails_in_openai_agents_reads_nothing(tmp_path: Path) -> None:
    pytest.importorskip("agents")
    shop = Shop(tmp_path, RECORDS)
    gone = str(shop.root / ".yoi/memory/decisions/none.md")
    with Model({"all": [[Tool("read_file", {"file_path": gone})]]}) as model:
        environ = {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": "not-a-key"}
        run(shop, "openai_agent.py", environ, "[[play all]]")
    assert recorded(shop)[1] == {}


class TestWhatIsKept:
    """An agent may run for weeks: what is kept of it is bounded."""

    def test_what_is_left_alone_longest_goes(self) -> None:
        kept = Latest[str, int](2)
        kept.put("a", 1)
        kept.put("b", 2)
        assert kept.get("a", lambda: 7) == 1
        kept.put("c", 3)
        assert (len(kept), kept.pop("b"), kept.pop("a"), kept.pop("a")) == (2, None, 1, None)
        assert kept.get("d", lambda: 4) == 4

    def test_sub_agents_prompts_and_calls_without_an_end(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("langchain_core")
        from langchain_core.messages import SystemMessage  # noqa: PLC0415 - an extra

        from ctxuse.integrations import langchain  # noqa: PLC0415 - likewise

        monkeypatch.setattr(langchain, "_MOST_AGENTS", 20)
        monkeypatch.setattr(langchain, "_MOST_CALLS", 20)
        callback = langchain.CtxuseCallback(workspace.segment("s"))

        def work(number: int) -> int:
            for _ in range(number):
                metadata = {"langgraph_checkpoint_ns": f"tools:{uuid4()}|model:{uuid4()}"}
                message = SystemMessage(f"{uuid4()}" + "x" * 40_000)
                callback.on_chat_model_start({}, [[message]], metadata=metadata)
                for name in ("read_file", "other"):
                    inputs = {"file_path": f"{uuid4()}", "content": "y" * 40_000 + name}
                    callback.on_tool_start({"name": name}, "", run_id=uuid4(), inputs=inputs)
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            few = work(25)
            assert work(100) < few + 500_000
        finally:
            tracemalloc.stop()

    def test_a_call_that_ends_is_recorded_and_forgotten(self, tmp_path: Path) -> None:
        pytest.importorskip("langchain_core")
        from ctxuse.integrations.langchain import CtxuseCallback  # noqa: PLC0415 - an extra

        shop = Shop(tmp_path, RECORDS)
        callback = CtxuseCallback(Workspace(shop.root).segment("s", host="h"))
        call, path = uuid4(), str(shop.root / "AGENTS.md")
        callback.on_tool_start(
            {"name": "read_file"}, "", run_id=call, inputs={"file_path": path, "limit": 7}
        )
        for _ in range(2):
            callback.on_tool_end("Qroot Be brief, always.", run_id=call)
        assert [r.slug for event in recorded(shop)[2] for r in event.records] == ["AGENTS.md"]
