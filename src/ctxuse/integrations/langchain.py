"""LangChain, LangGraph and deepagents: a callback, which is told of every request and every tool.

It sees system prompts as they are sent, behind whatever middleware has put into them, and the calls
of sub-agents, which run in graphs of their own below a call of their caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage

from ctxuse.integrations.tools import USUAL, Latest, Tools, quietly, text_of
from ctxuse.segment import Segment

_MOST_AGENTS = 500
"""Sub-agents that are told apart from one another; one that is met again later begins anew."""

_MOST_CALLS = 1_000
"""Calls that may be under way: of some an end is never told."""


class _Call(NamedTuple):
    segment: Segment
    tool: str
    arguments: Mapping[str, str]


class CtxuseCallback(BaseCallbackHandler):
    """Records what stands in the context of an agent, and what its tools show.

    To be given with the agent's runs: ``agent.invoke(…, config={"callbacks": [callback]})``.

    Args:
        segment: The agent's segment; sub-agents have segments within it.
        tools: What its tools do.
    """

    def __init__(self, segment: Segment, tools: Tools = USUAL) -> None:
        self._segment = segment
        self._tools = tools
        self._agents = Latest[str, Segment](_MOST_AGENTS)
        self._calls = Latest[UUID, _Call](_MOST_CALLS)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002 - the interface is the framework's
        messages: list[list[BaseMessage]],
        *,
        metadata: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Look at the system prompt of a request."""
        with quietly("a request"):
            for request in messages:
                system = [text_of(one.content) for one in request if one.type == "system"]
                self._of(metadata).resident_in("\n".join(system))

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,  # noqa: ARG002 - likewise
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Take note of a call."""
        with quietly("a call"):
            name = str((serialized or {}).get("name"))
            arguments = self._tools.looked_at(name, inputs)
            if arguments:
                self._calls.put(run_id, _Call(self._of(metadata), name, arguments))

    def on_tool_end(self, output: object, *, run_id: UUID, **_: object) -> None:
        """Record what a call has shown, if it worked."""
        call = self._calls.pop(run_id)
        call_id = getattr(output, "tool_call_id", None)
        if call is not None and getattr(output, "status", None) != "error":
            text = text_of(getattr(output, "content", output))
            self._tools.answered(call.segment, call.tool, call.arguments, text, call_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: object) -> None:  # noqa: ARG002 - likewise
        """Forget a call that failed."""
        self._calls.pop(run_id)

    def _of(self, metadata: Mapping[str, Any] | None) -> Segment:
        """The segment of the agent or sub-agent that a run is of: LangGraph names the way to it."""
        metadata = metadata or {}
        above: Sequence[str] = str(metadata.get("langgraph_checkpoint_ns") or "").split("|")[:-1]
        if not above:
            return self._segment
        agent = above[-1].rpartition(":")[2]
        kind = metadata.get("lc_agent_name")
        kind = kind if isinstance(kind, str) and kind else None
        return self._agents.get(agent, lambda: self._segment.subagent(agent, kind))
