"""What an instruction file of Gemini CLI takes in, outside of code.

Code begins with a run of backticks and ends with as many. A pattern that looks for as many, for
fewer where there are not, and from each, takes the cube of their number: here the runs are found
once, and of each is known which next one is longer.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

_RUN = re.compile("`+")
_NEXT = re.compile(r"`|(?:^|(?<=\s))@([./A-Za-z]\S{0,1023})")


def named_outside(text: str) -> Iterator[str]:
    """Yield the paths that stand behind an ``@``, but for those in code."""
    runs = _Runs(text)
    found = _NEXT.search(text)
    while found is not None:
        end = found.end()
        if found[1] is None:
            end = runs.end_of_code(found.start())
        else:
            yield found[1]
        found = _NEXT.search(text, end)


class _Runs:
    """The runs of backticks in a text."""

    def __init__(self, text: str) -> None:
        found = [*_RUN.finditer(text)]
        self._starts = [run.start() for run in found]
        self._lengths = [len(run[0]) for run in found]
        self._longer = [len(found)] * len(found)
        """Of each run the next one that is longer."""

        self._longest = [0] * (len(found) + 1)
        """How long the longest is from each run on."""

        for number in reversed(range(len(found))):
            length, other = self._lengths[number], number + 1
            while other < len(found) and self._lengths[other] <= length:
                other = self._longer[other]
            self._longer[number] = other
            self._longest[number] = max(length, self._longest[number + 1])

    def end_of_code(self, begin: int) -> int:
        """Return where the code ends that a backtick begins; behind that where it begins none.

        What is left of a run may be its own end. The runs that are passed on the way are each
        longer than the one before, so that there are no more of them than backticks.
        """
        number = bisect_right(self._starts, begin) - 1
        left = self._starts[number] + self._lengths[number] - begin
        marks = left if self._longest[number + 1] >= left else max(
            self._longest[number + 1], left // 2
        )  # fmt: skip
        if not marks:
            return begin + 1
        if 2 * marks <= left:
            return begin + 2 * marks
        number += 1
        while self._lengths[number] < marks:
            number = self._longer[number]
        return self._starts[number] + marks
