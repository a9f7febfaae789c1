"""openai-agents: hooks of a run."""

import json
from typing import Any

from agents import Agent, RunContextWrapper, RunHooks, Tool, TResponseInputItem

from ctxuse.integrations.tools import USUAL, Tools, quietly
from ctxuse.segment import Segment


class CtxuseHooks(RunHooks[Any]):
    """Records what stands in the context of an agent, and what its tools show.

    To be given with a run: ``Runner.run(agent, …, hooks=CtxuseHooks(segment))``. Agents that the
    conversation is handed over to are in the same segment.

    Args:
        segment: The agent's segment.
        tools: What its tools do.
    """

    def __init__(self, segment: Segment, tools: Tools = USUAL) -> None:
        self._segment = segment
        self._tools = tools

    async def on_llm_start(
        self,
        context: RunContextWrapper[Any],  # noqa: ARG002 - the interface is the framework's
        agent: Agent[Any],  # noqa: ARG002 - likewise
        system_prompt: str | None,
        input_items: list[TResponseInputItem],  # noqa: ARG002 - likewise
    ) -> None:
        """Look at the system prompt of a request."""
        self._segment.resident_in(system_prompt)

    async def on_tool_end(
        self,
        context: RunContextWrapper[Any],
        agent: Any,  # noqa: ANN401, ARG002 - likewise
        tool: Tool,
        result: object,
    ) -> None:
        """Record what a call has shown; of one that failed the answer shows nothing of a file."""
        with quietly("what a tool has shown"):
            arguments = json.loads(getattr(context, "tool_arguments", "") or "{}")
            call_id = getattr(context, "tool_call_id", None)
            self._tools.answered(self._segment, tool.name, arguments, str(result), call_id)
