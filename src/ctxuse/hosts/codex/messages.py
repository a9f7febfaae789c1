"""The messages of a rollout."""

from collections.abc import Iterator
from typing import NamedTuple

from ctxuse.hosts.codex.lines import Passed, Payload
from ctxuse.hosts.jsonlines import held
from ctxuse.hosts.lookup import at, items, text


class Message(NamedTuple):
    """A message that is no answer of the model.

    Attributes:
        role: Whose it is.
        content: Its parts.
        kinds: What the host notes of them.
        key: What tells it from others; None where it has no id.
        turn: The turn in which it was said; None where the host notes none.
    """

    role: str | None
    content: object
    kinds: list[object]
    key: str | None
    turn: str | None = None

    @classmethod
    def of(cls, payload: Payload) -> "Message":
        """Return the message that a line carries."""
        passed = payload.passed if isinstance(payload.passed, Passed) else Passed()
        role, key = text(payload.role, longest=256), text(payload.id, longest=256)
        kinds, turn = items(passed.content_item_kinds), text(passed.turn_id, longest=256)
        return cls(role, held(payload.content), kinds, key, turn)

    def parts(self) -> Iterator[tuple[str, str | None]]:
        """Yield each text in it, with its kind where the host notes one."""
        for number, block in enumerate(items(self.content)):
            body = at(block, "text")
            if isinstance(body, str):
                kind = self.kinds[number] if number < len(self.kinds) else None
                yield body, text(kind)


def replacing(payload: Payload, at_ns: int | None) -> list[Message]:
    """Return the messages that stand in the history that a compaction leaves."""
    found = []
    for message in items(held(payload.replacement_history)):
        key = text(message, "id", longest=256)
        if key is not None and at(message, "type") == "message":
            said = text(message, "role", longest=256), at(message, "content")
            found.append(Message(*said, [], f"{key} {at_ns}"))
    return found
