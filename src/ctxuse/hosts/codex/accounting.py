"""The bytes of an item of a rollout's history."""

from ctxuse.hosts.codex.lines import Payload
from ctxuse.hosts.codex.tools import said
from ctxuse.hosts.lookup import at, items, size


def length_of(payload: Payload, content: object) -> int:
    """Return the bytes that the next response takes in of an item of the history.

    Args:
        payload: The item.
        content: The parts of it, if it is a message.
    """
    match payload.type:
        case "message":
            return sum(size(at(part, "text")) or 0 for part in items(content))
        case "function_call" | "custom_tool_call":
            return size(payload.arguments or payload.input) or 0
        case "function_call_output" | "custom_tool_call_output":
            return size(said(payload.output)) or 0
    return 0
