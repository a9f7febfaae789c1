"""Finding whole events in damaged lines.

A writer that puts down a line and its newline in two steps leaves lines glued together; a writer
that was killed leaves a fragment, and the next event may stand right behind it. What is looked for
is an object that begins like an event and is, by itself, a valid line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ctxuse.codec.decode import Refusal, SkipReason, decode
from ctxuse.events import UsageEvent

SEARCHED = frozenset({SkipReason.NOT_JSON, SkipReason.NOT_UTF8})
"""Lines refused for these reasons may hold whole events; the others are whole by themselves."""

_MOST_WORK = 16
"""How many times its own length of a line is looked through at most, against hostile lines."""

_BEGINNING = re.compile(
    rb'\{[ \t\r]*"(?:id|occurred_at|segment_id|host|actor|call_id|event|source|records)"[ \t\r]*:'
)
# A string that never ends is one up to the end, where no object ends either: were it none, each of
# its quotes would be tried as the beginning of another one.
_STRING_OR_BRACE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}]', re.DOTALL)


class Recovered(NamedTuple):
    """A whole event found in a damaged line.

    Attributes:
        event: The event.
        line: Its bytes, as they stand in the damaged line.
    """

    event: UsageEvent
    line: bytes


def recover(line: bytes) -> Iterator[Recovered]:
    """Yield the whole events in a damaged `line`, in order.

    A fragment may end where a value is to come, and with the event behind it be one object: then it
    is a whole event, and so is what stands in it.
    """
    position = 0
    work = _MOST_WORK * len(line)
    while work > 0 and (beginning := _BEGINNING.search(line, position)):
        begin = beginning.start()
        end = _end_of_object(line, begin)
        work -= (end or len(line)) - begin
        found = Refusal(SkipReason.NOT_JSON) if end is None else decode(line[begin:end])
        position = begin + 1
        if not isinstance(found, Refusal):
            yield Recovered(found, line[begin:end])


def _end_of_object(line: bytes, begin: int) -> int | None:
    """Where the object that begins at `begin` ends, or None when it does not."""
    depth = 0
    for token in _STRING_OR_BRACE.finditer(line, begin):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None
