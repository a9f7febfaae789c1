"""LangChain, LangGraph and deepagents: a callback, which is told of every request and every tool.

It sees system prompts as they are sent, behind whatever middleware has put into them, and the calls
of sub-agents, which run in graphs of their own below a call of their caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage

from ctxuse.integrations.tools import USUAL, Tools, text_of
from ctxuse.segment import Segment


class _Call(NamedTuple):
    segment: Segment
    tool: str
    arguments: object


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
        self._agents: dict[str, Segment] = {}
        self._calls: dict[UUID, _Call] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002 - the interface is the framework's
        messages: list[list[BaseMessage]],
        *,
        metadata: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Look at the system prompt of a request."""
        for request in messages:
            system = [text_of(message.content) for message in request if message.type == "system"]
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
        name = str((serialized or {}).get("name"))
        self._calls[run_id] = _Call(self._of(metadata), name, inputs)

    def on_tool_end(self, output: object, *, run_id: UUID, **_: object) -> None:
        """Record what a call has shown, if it worked."""
        call = self._calls.pop(run_id, None)
        call_id = getattr(output, "tool_call_id", None)
        if call is not None and getattr(output, "status", None) != "error":
            text = text_of(getattr(output, "content", output))
            self._tools.answered(call.segment, call.tool, call.arguments, text, call_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: object) -> None:  # noqa: ARG002 - likewise
        """Forget a call that failed."""
        self._calls.pop(run_id, None)

    def _of(self, metadata: Mapping[str, Any] | None) -> Segment:
        """The segment of the agent or sub-agent that a run is of: LangGraph names the way to it."""
        metadata = metadata or {}
        above: Sequence[str] = str(metadata.get("langgraph_checkpoint_ns") or "").split("|")[:-1]
        if not above:
            return self._segment
        agent = above[-1].rpartition(":")[2]
        if agent not in self._agents:
            kind = metadata.get("lc_agent_name")
            kind = kind if isinstance(kind, str) and kind else None
            self._agents[agent] = self._segment.subagent(agent, kind)
        return self._agents[agent]
