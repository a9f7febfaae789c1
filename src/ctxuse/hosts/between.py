"""What stands between a beginning and an end in foreign text, in steps that grow with the text.

A pattern that goes on from each beginning up to an end looks through all that follows, again from
each, where no end comes: here beginnings and ends are each found once, and paired in one pass.
"""

import re
from collections.abc import Iterator


def between(
    begins: re.Pattern[str], ends: re.Pattern[str], text: str
) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Yield each beginning with the first end behind it; what begins in between is text."""
    found_ends = ends.finditer(text)
    end = next(found_ends, None)
    position = 0
    for begin in begins.finditer(text):
        if begin.start() < position:
            continue
        while end is not None and end.start() < begin.end():
            end = next(found_ends, None)
        if end is None:
            return
        yield begin, end
        position = end.end()


def inside(before: str, behind: str, text: str) -> str | None:
    """Return what stands between the first `before` and the last `behind`; None where none does."""
    begin = text.find(before)
    end = -1 if begin < 0 else text.rfind(behind, begin + len(before))
    return None if end < 0 else text[begin + len(before) : end]
