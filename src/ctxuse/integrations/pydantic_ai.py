"""pydantic-ai: a capability of hooks."""

from collections.abc import Iterator
from typing import Any

from pydantic_ai import RunContext, ToolDefinition
from pydantic_ai.capabilities import Hooks
from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, ToolCallPart
from pydantic_ai.models import ModelRequestContext

from ctxuse.integrations.tools import USUAL, Tools, quietly
from ctxuse.segment import Segment


def ctxuse_hooks(segment: Segment, tools: Tools = USUAL) -> Hooks[Any]:
    """Return hooks that record what stands in the context of an agent, and what its tools show.

    To be given to the agent: ``Agent(…, capabilities=[ctxuse_hooks(segment)])``.

    Args:
        segment: The agent's segment.
        tools: What its tools do.
    """
    hooks: Hooks[Any] = Hooks()

    @hooks.on.after_model_request
    async def answered(
        ctx: RunContext[Any],  # noqa: ARG001 - the interface is the framework's
        /,
        *,
        request_context: ModelRequestContext,
        response: ModelResponse,
    ) -> ModelResponse:
        with quietly("a request"):
            segment.resident_in("\n\n".join(_system(request_context)))
        return response

    @hooks.on.after_tool_execute
    async def executed(
        ctx: RunContext[Any],  # noqa: ARG001 - likewise
        /,
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,  # noqa: ARG001 - likewise
        args: dict[str, Any],
        result: Any,  # noqa: ANN401 - likewise
    ) -> Any:  # noqa: ANN401 - likewise
        if isinstance(result, str):
            tools.answered(segment, call.tool_name, args, result, call.tool_call_id)
        return result

    return hooks


def _system(request: ModelRequestContext) -> Iterator[str]:
    """The texts that are sent as instructions and as system prompts."""
    for part in request.model_request_parameters.instruction_parts or []:
        yield part.content
    for message in request.messages:
        for one in message.parts if isinstance(message, ModelRequest) else ():
            if isinstance(one, SystemPromptPart):
                yield one.content
