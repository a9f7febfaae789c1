"""The messages of a rollout, and those that a fork begins with: they stand in its parent's."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ctxuse.hosts.codex.lines import Line, Passed, Payload, payload_of
from ctxuse.hosts.jsonlines import COMPRESSED, Lines, held
from ctxuse.hosts.lookup import at, items, text
from ctxuse.hosts.paths import paths_in

_lines = Lines(Line)
_MOST_PARENTS = 9
"""Forks of forks of which the history is looked for."""


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
        role, key = text(payload.role), text(payload.id)
        kinds, turn = items(passed.content_item_kinds), text(passed.turn_id)
        return cls(role, held(payload.content), kinds, key, turn)


def replacing(payload: Payload, at_ns: int | None) -> list[Message]:
    """Return the messages that stand in the history that a compaction leaves."""
    found = []
    for message in items(held(payload.replacement_history)):
        key = text(message, "id")
        if key is not None and at(message, "type") == "message":
            said = text(message, "role"), at(message, "content")
            found.append(Message(*said, [], f"{key} {at_ns}"))
    return found


def inherited(path: str, fork: Payload, before_it: frozenset[str] = frozenset()) -> list[Message]:
    """Return the messages with which a fork begins.

    Args:
        path: Its rollout; that of the parent is looked for beside it.
        fork: What is said of it on its first line.
        before_it: The rollouts of its forks, and of forks of these; no rollout begins with itself.

    Raises:
        OSError: The parent's rollout cannot be read.
    """
    parent, before = text(fork.forked_from_id), fork.forked_from_ordinal_exclusive
    seen = before_it | {path}
    if parent is None or not isinstance(before, int) or len(seen) > _MOST_PARENTS:
        return []
    file = next((file for file in _rollouts_of(parent, path) if file not in seen), None)
    if file is None:
        return []
    found: list[Message] = []
    has_begun = False
    for line in _lines.read(file):
        payload = payload_of(line)
        if isinstance(line.ordinal, int) and line.ordinal >= before:
            break
        if line.type == "session_meta" and not has_begun:  # others are of a history it repeats
            has_begun = True
            found = inherited(file, payload, seen)
        elif line.type == "compacted":
            found = replacing(payload, None)
        elif payload.type == "message" and payload.role not in {None, "assistant"}:
            found.append(Message.of(payload))
    return found


def _rollouts_of(thread: str, beside: str) -> Iterator[str]:
    """The rollouts of a thread: they lie in folders of days, and its id says when it began."""
    digits = thread.replace("-", "")[:12]
    try:
        began = datetime.fromtimestamp(int(digits, 16) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return
    day = os.path.dirname(beside)
    sessions = os.path.dirname(os.path.dirname(os.path.dirname(day)))
    days = [began + timedelta(days=number) for number in (-1, 0, 1)]
    folders = [
        day,
        *(os.path.join(sessions, f"{one:%Y}", f"{one:%m}", f"{one:%d}") for one in days),
    ]
    ends = tuple(f"-{thread}.jsonl{end}" for end in ("", COMPRESSED))
    for folder in dict.fromkeys(folders):
        yield from (path for path in paths_in(folder) if path.endswith(ends))
