"""Bytes per token of a session, by the model's own accounting in its rollout."""

from collections.abc import Iterable

from ctxuse.hosts.codex.lines import Payload
from ctxuse.hosts.codex.tools import said
from ctxuse.hosts.lookup import at, items, size
from ctxuse.hosts.transcripts import LEAST_BYTES


class Accounting:
    """Measures a session's bytes per token: what entered between two responses.

    Its tokens are the difference of what the two took in, by the model's own accounting.

    Attributes:
        samples: The bytes per token of each.

    Args:
        samples: Those that are known already.
    """

    def __init__(self, samples: Iterable[float] = ()) -> None:
        self.samples = [*samples]
        self._bytes = 0
        self._total: int | None = None

    def entered(self, payload: Payload, content: object) -> None:
        """Take note of an item of the history, which the next response takes in."""
        match payload.type:
            case "message":
                texts = (size(at(part, "text")) for part in items(content))
                self._bytes += sum(length or 0 for length in texts)
            case "function_call" | "custom_tool_call":
                self._bytes += size(payload.arguments or payload.input) or 0
            case "function_call_output" | "custom_tool_call_output":
                self._bytes += size(said(payload.output)) or 0

    def answered(self, usage: object) -> None:
        """Take note of what a response took in."""
        total = at(usage, "input_tokens")
        if not isinstance(total, int) or isinstance(total, bool):
            return
        grown = 0 if self._total is None else total - self._total
        if grown > 0 and self._bytes >= LEAST_BYTES:
            self.samples.append(self._bytes / grown)
        self._total, self._bytes = total, 0

    def begins_anew(self) -> None:
        """Take note that the history was replaced: what enters now is not known."""
        self._total, self._bytes = None, 0
