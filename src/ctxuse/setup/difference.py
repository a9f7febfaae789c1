"""What differs between two texts, for people: the lines of a unified diff. Pure."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import takewhile

_AROUND = 3
"""So many lines that are the same stand around what differs."""

_MOST_COMPARED = 1_000
"""So many lines are compared with as many others at most: the steps grow with their product."""


def difference(before: str, after: str, name_before: str, name_after: str) -> Iterator[str]:
    """Yield the lines of a unified diff; none where nothing differs.

    Where very many lines lie between the first and the last that differ, all of them go and come.
    """
    if before == after:
        return
    yield from (f"--- {name_before}", f"+++ {name_after}")
    old, new = before.splitlines(), after.splitlines()
    begin = _alike(old, new)
    end = _alike(reversed(old[begin:]), reversed(new[begin:]))
    skipped = max(0, begin - _AROUND)
    old, new = (lines[skipped : len(lines) - max(0, end - _AROUND)] for lines in (old, new))
    begin, old_end, new_end = begin - skipped, *(len(x) - min(end, _AROUND) for x in (old, new))
    hunks: Iterable[list[tuple[str, int, int, int, int]]] = [
        [
            ("equal", 0, begin, 0, begin),
            ("replace", begin, old_end, begin, new_end),
            ("equal", old_end, len(old), new_end, len(new)),
        ]
    ]
    if max(len(old), len(new)) <= _MOST_COMPARED:
        hunks = SequenceMatcher(None, old, new).get_grouped_opcodes(_AROUND)
    for hunk in hunks:
        (_, i, _, j, _), (_, _, i_end, _, j_end) = hunk[0], hunk[-1]
        yield f"@@ -{_range(skipped + i, i_end - i)} +{_range(skipped + j, j_end - j)} @@"
        for what, i, i_end, j, j_end in hunk:
            if what == "equal":
                yield from (f" {line}" for line in old[i:i_end])
            else:
                yield from (f"-{line}" for line in old[i:i_end])
                yield from (f"+{line}" for line in new[j:j_end])


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """How many lines are the same from the beginning on."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _range(begin: int, number: int) -> str:
    return f"{begin + bool(number)},{number}"
