"""The requests of a session, by the model's own accounting in its rollout."""

from collections.abc import Mapping

from ctxuse.hosts.codex.lines import Payload
from ctxuse.hosts.lookup import at, text
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Told

_OF_MODEL = frozenset({
    "custom_tool_call", "function_call", "local_shell_call", "reasoning", "tool_search_call",
    "web_search_call",
})  # fmt: skip
"""Items of the history that a response brings, beside messages of the assistant."""


class Requested:
    """Tells of requests: a record of each, or in older rollouts what all up to it have taken in.

    Attributes:
        model: The model that is asked.
    """

    def __init__(self, told: Told, noted: Mapping[str, str | int | None]) -> None:
        self._told = told
        self.model = text(noted.get("model"))
        window = noted.get("window")
        self._window = window if isinstance(window, int) else None
        self._last = text(noted.get("last"))
        self._has_records = noted.get("records") == 1
        began_ns = noted.get("began")
        self._began_ns = began_ns if isinstance(began_ns, int) else None

    @property
    def noted(self) -> dict[str, str | int | None]:
        """What is kept at a rest."""
        return {
            "model": self.model,
            "window": self._window,
            "last": self._last,
            "records": int(self._has_records),
            "began": self._began_ns,
        }

    def item(self, payload: Payload, at_ns: int | None) -> None:
        """Take note of an item of the history: the first of the model's is when it answered."""
        is_of_model = text(payload.type) in _OF_MODEL or payload.role == "assistant"
        if self._began_ns is None and is_of_model:
            self._began_ns = at_ns

    def recorded(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """Tell of a response of which there is a record."""
        self._has_records = True
        key = text(payload.response_id) or f"{thread.segment_id} {at_ns}"
        self._responded(key, payload.usage, thread, at_ns)

    def counted(self, payload: Payload, thread: Session, at_ns: int | None) -> bool:
        """Take note of the sums after a response, and say whether they are all that tells of it.

        They come late, behind what tools have answered, and more than once.
        """
        window = tokens(at(payload.info, "model_context_window"))
        self._window = window or self._window
        whole = tokens(at(payload.info, "total_token_usage", "total_tokens"))
        key = f"{thread.segment_id} {whole}"
        if self._has_records or not whole or key == self._last:
            return False
        self._responded(key, at(payload.info, "last_token_usage"), thread, at_ns)
        return True

    def _responded(self, key: str, usage: object, thread: Session, at_ns: int | None) -> None:
        began_ns, self._began_ns = self._began_ns, None
        taken = tokens(at(usage, "input_tokens"))
        if at_ns is None or not taken or key == self._last:
            return
        self._last = key
        self._told.of_requests(
            Responded(
                thread.segment_id,
                key,
                at_ns if began_ns is None else min(began_ns, at_ns),
                taken,
                tokens(at(usage, "output_tokens")),
                min(tokens(at(usage, "cached_input_tokens")), taken),
                min(tokens(at(usage, "cache_write_input_tokens")), taken),
                self.model,
                self._window,
                thread.agent_type,
            )
        )
