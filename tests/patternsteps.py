"""How many steps a regular expression takes, counted as the engine takes them: by backtracking."""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest

MOST_STEPS = 3_000_000
"""More are no longer counted: it has failed."""

_ENDLESS = 2**31
_parser: Any = importlib.import_module("re._parser")

Test = Callable[[str], bool]
Part = Sequence[Any]
"""What the parser makes of a part of an expression: its name, and what that has."""


class _Run:
    """One attempt to match, with what is left to try."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.number = 0
        self.saved: dict[int, int] = {}
        self._left: list[tuple[int, int, int, dict[int, int]]] = []

    def later(self, at: int, position: int, last: int | None = None) -> None:
        """Keep a way that is tried where others fail; with `last` all positions down to that."""
        self._left.append((at, position, position if last is None else last, self.saved))

    def ends(self, steps: "list[Step]", position: int) -> int | None:
        """Return where a match ends that begins at a position; None for none."""
        self.later(0, position)
        while self._left:
            at, position, last, self.saved = self._left.pop()
            if position != last:
                self.later(at, position - 1, last)
            following: tuple[int, int] | None = (at, position)
            while following is not None:
                self.number += 1
                assert self.number < MOST_STEPS
                at, position = following
                if at == len(steps):
                    return position
                following = steps[at](self, at, position)
        return None


Step = Callable[[_Run, int, int], tuple[int, int] | None]
"""Takes a step at a place and a position; returns the next ones, None where it fails."""


def _one(test: Test) -> Step:
    def step(run: _Run, at: int, position: int) -> tuple[int, int] | None:
        is_met = position < len(run.text) and test(run.text[position])
        return (at + 1, position + 1) if is_met else None

    return step


def _many(test: Test, least: int, most: int) -> Step:
    """One sign again and again, as often as it goes, then ever less often."""

    def step(run: _Run, at: int, position: int) -> tuple[int, int] | None:
        end, stop = position, min(len(run.text), position + most)
        while end < stop and test(run.text[end]):
            end += 1
        run.number += end - position
        if end < position + least:
            return None
        if end > position + least:
            run.later(at + 1, end - 1, position + least)
        return at + 1, end

    return step


def _either(first: int, second: int) -> Step:
    def step(run: _Run, at: int, position: int) -> tuple[int, int]:
        run.later(at + second, position)
        return at + first, position

    return step


def _jump(far: int) -> Step:
    return lambda _, at, position: (at + far, position)


def _save(number: int) -> Step:
    def step(run: _Run, at: int, position: int) -> tuple[int, int]:
        run.saved = {**run.saved, number: position}
        return at + 1, position

    return step


def _again(group: int) -> Step:
    def step(run: _Run, at: int, position: int) -> tuple[int, int] | None:
        said = run.text[run.saved[2 * group] : run.saved[2 * group + 1]]
        run.number += len(said)
        is_met = run.text.startswith(said, position)
        return (at + 1, position + len(said)) if is_met else None

    return step


def _looks(steps: list[Step], back: int, *, wanted: bool) -> Step:
    def step(run: _Run, at: int, position: int) -> tuple[int, int] | None:
        inner = _Run(run.text)
        found = position >= back and inner.ends(steps, position - back) is not None
        run.number += inner.number
        return (at + 1, position) if found == wanted else None

    return step


def _at(what: str, flags: int) -> Step:
    is_line = bool(flags & re.MULTILINE)

    def is_met(text: str, position: int) -> bool:
        if what == "AT_BOUNDARY":
            around = [text[at : at + 1] for at in (position - 1, position) if at >= 0]
            return sum(re.match(r"\w", sign) is not None for sign in around) == 1
        if what == "AT_BEGINNING":
            return position == 0 or (is_line and text[position - 1] == "\n")
        if what == "AT_END":
            behind = text[position : position + 1] if is_line else text[position:]
            return behind in {"", "\n"}
        return position == (0 if what == "AT_BEGINNING_STRING" else len(text))

    return lambda run, at, position: (at + 1, position) if is_met(run.text, position) else None


class _Steps:
    """An expression as steps, that are counted.

    Args:
        pattern: The expression.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.number = 0
        self._flags = pattern.flags
        self._steps = self._of(_parser.parse(pattern.pattern, pattern.flags))

    def run(self, text: str, begin: int) -> int | None:
        """Return where a match ends that begins there; None for none."""
        run = _Run(text)
        end = run.ends(self._steps, begin)
        self.number += run.number
        assert self.number < MOST_STEPS
        return end

    def _of(self, parts: Sequence[Part]) -> list[Step]:
        return [step for part in parts for step in self._of_part(part)]

    def _of_part(self, part: Part) -> list[Step]:
        name, what = str(part[0]), part[1]
        match name:
            case "AT":
                return [_at(str(what), self._flags)]
            case "GROUPREF":
                return [_again(what)]
            case "SUBPATTERN" if what[0] is None:
                return self._of(what[3])
            case "SUBPATTERN":
                return [_save(2 * what[0]), *self._of(what[3]), _save(2 * what[0] + 1)]
            case "ASSERT" | "ASSERT_NOT":
                back = what[1].getwidth()[1] if what[0] < 0 else 0
                return [_looks(self._of(what[1]), back, wanted=name == "ASSERT")]
            case "BRANCH":
                return self._branches([self._of(one) for one in what[1]])
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeated(what, greedy=name == "MAX_REPEAT")
        return [_one(self._test(part))]

    def _branches(self, branches: list[list[Step]]) -> list[Step]:
        first, *others = branches
        if not others:
            return first
        rest = self._branches(others)
        return [_either(1, len(first) + 2), *first, _jump(len(rest) + 1), *rest]

    def _repeated(self, what: Part, *, greedy: bool) -> list[Step]:
        least, most = int(what[0]), min(int(what[1]), _ENDLESS)
        if greedy and len(what[2]) == 1 and str(what[2][0][0]) in _OF_ONE:
            return [_many(self._test(what[2][0]), least, most)]
        inner = self._of(what[2])

        def once_more(way_out: int) -> Step:
            return _either(1, way_out) if greedy else _either(way_out, 1)

        if most == _ENDLESS:
            loop = [once_more(len(inner) + 2), *inner, _jump(-len(inner) - 1)]
            return inner * least + loop
        steps = inner * least
        for left in range(most - least, 0, -1):
            steps += [once_more(left * (len(inner) + 1)), *inner]
        return steps

    def _test(self, part: Part) -> Test:
        """Whether a sign is one that a part stands for."""
        name, what = str(part[0]), part[1]
        match name:
            case "LITERAL":
                return lambda sign: sign == chr(what)
            case "NOT_LITERAL":
                return lambda sign: sign != chr(what)
            case "ANY":
                return lambda sign: bool(self._flags & re.DOTALL) or sign != "\n"
            case "IN":
                negated = str(what[0][0]) == "NEGATE"
                tests = [_in_class(one) for one in what[negated:]]
                return lambda sign: any(test(sign) for test in tests) != negated
        raise NotImplementedError(name)


_OF_ONE = frozenset({"ANY", "IN", "LITERAL", "NOT_LITERAL"})


def _in_class(part: Part) -> Test:
    kind, value = str(part[0]), part[1]
    if kind == "LITERAL":
        return lambda sign: ord(sign) == value
    if kind == "RANGE":
        return lambda sign: bool(value[0] <= ord(sign) <= value[1])
    letter = {"SPACE": "s", "DIGIT": "d", "WORD": "w"}[str(value).rpartition("_")[2]]
    named = re.compile(f"\\{letter.upper() if '_NOT_' in str(value) else letter}")
    return lambda sign: named.match(sign) is not None


class Counted:
    """Stands for an expression, and counts its steps.

    Args:
        pattern: The expression.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._steps = _Steps(pattern)

    @property
    def number(self) -> int:
        """How many steps were taken."""
        return self._steps.number

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield each match, as the expression does."""
        position = 0
        while (found := self.search(text, position)) is not None:
            yield found
            position = max(found.end(), found.start() + 1)

    def findall(self, text: str) -> list[str]:
        """Return each match, as the expression does that has no group."""
        return [found[0] for found in self.finditer(text)]

    def search(self, text: str, position: int = 0) -> re.Match[str] | None:
        """Return the first match from a position on."""
        found = self._pattern.search(text, position)
        begin = len(text) if found is None else found.start()
        ends = [self._steps.run(text, at) for at in range(position, begin + 1)]
        assert not any(end is not None for end in ends[:-1])
        assert not ends or ends[-1] == (None if found is None else found.end())
        return found

    def match(self, text: str, position: int = 0) -> re.Match[str] | None:
        """Return the match at a position."""
        found, end = self._pattern.match(text, position), self._steps.run(text, position)
        assert end == (None if found is None else found.end())
        return found


def counted(patch: pytest.MonkeyPatch, *modules: ModuleType) -> Callable[[], int]:
    """Count the steps of all expressions of some modules; returns what says how many."""
    known: list[Counted] = []
    for module in modules:
        for name, value in [*vars(module).items()]:
            if isinstance(value, re.Pattern) or type(value).__name__ == "_Pattern":
                pattern = value if isinstance(value, re.Pattern) else value.match.__self__
                known.append(Counted(pattern))
                patch.setattr(module, name, known[-1])
    return lambda: sum(one.number for one in known)
