"""The scripts of code mode, and how much of what their commands printed has entered.

The model calls a script, and the script runs commands: of these as much has entered as stands in
what the script prints. One that takes longer goes on as a cell: it is answered in pieces, the first
to its own call, the others to calls that wait for it. Which script has run a command, or shown it,
is not told, and a command may end long after: it is one that was open while the command ran.

Strategy: a command of which nothing is shown yet waits for as long as a script is open that may
show it, and that may be for ever. So the lines of those that wait are looked up by what a script
has printed, never the other way round, and what waits is only looked at when it is met. A script
that has ended may be answered again, by each call that waited for it: then only what is new is
looked up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from ctxuse.hosts.calls import Call
from ctxuse.hosts.codex.tools import MOST_HELD, Pieces, lines_shown
from ctxuse.patterns import pattern

_GOES_ON = pattern(r"Script running with cell ID (\S{1,64})")

_MOST_ENDED = 16
"""Scripts that have ended that are kept for commands that end later."""

_MOST_ALIKE = 64
"""Commands that wait of which the same line is looked up, the last ones."""

_NEVER = 2**80
"""Later than any time that a rollout can tell of."""


@dataclass(eq=False)
class _Script:
    """A script; `open_by` so many calls and cells, as one may be met twice."""

    began_ns: int
    ended_ns: int | None = None
    cell: str | None = None
    open_by: int = 0
    shown: list[set[str]] = field(default_factory=lambda: [set(), set()])
    """The lines that were looked up: earlier ones, and the last ones."""

    _new: Pieces = field(default_factory=Pieces)
    _length: int = 0

    def prints(self, output: str) -> None:
        """Take note of what is printed and not looked up yet."""
        self._new.add(output)

    def looked_up(self) -> set[str]:
        """Return the lines that were not looked up; they are now."""
        printed, self._new = self._new.text, Pieces()
        if self._length > MOST_HELD:
            self.shown, self._length = [self.shown[1], set()], 0
        found = lines_shown(printed)
        self.shown[1].update(found)
        self._length += len(printed)
        return found

    def was_open(self, command: "_Command") -> bool:
        """Whether a command ran while it was open; it has ended."""
        return self.began_ns <= command.ended_ns and (self.ended_ns or 0) >= command.began_ns


@dataclass(eq=False)
class _Command:
    """A command that has ended, with all that it printed."""

    call: Call
    began_ns: int
    number: int

    @property
    def ended_ns(self) -> int:
        return self.call.at_ns

    @property
    def lines(self) -> list[str]:
        return (self.call.output or "").splitlines()

    def entered(self, shown: "list[set[str]]") -> str:
        """What of it is among the lines that were shown."""
        there = ((line, line.strip()) for line in self.lines)
        return "\n".join(line for line, bare in there if any(bare in one for one in shown))


class _Waiting:
    """Commands of which nothing has been shown so far."""

    def __init__(self) -> None:
        self._there: dict[_Command, None] = {}
        self._by_line: dict[str, dict[_Command, None]] = {}
        self._by_end: list[tuple[int, int, _Command]] = []

    def __bool__(self) -> bool:
        return bool(self._there)

    def add(self, command: _Command) -> None:
        """Take one up."""
        self._there[command] = None
        heappush(self._by_end, (command.ended_ns, command.number, command))
        for line in command.lines:
            if bare := line.strip():
                alike = self._by_line.setdefault(bare, {})
                alike[command] = None
                if len(alike) > _MOST_ALIKE:
                    del alike[next(iter(alike))]

    def shown_by(self, script: _Script) -> list[_Command]:
        """Return those that a script that has ended shows now; they wait no longer."""
        new = script.looked_up()
        found = {
            command: None
            for line in (new if self._there else ())
            for command in self._by_line.get(line, ())
            if script.was_open(command)
        }
        return self._without(found)

    def ended_before(self, at_ns: int) -> list[_Command]:
        """Return those that ended before a moment; they wait no longer."""
        found = []
        while self._by_end and self._by_end[0][0] < at_ns:
            command = heappop(self._by_end)[2]
            if command in self._there:
                found.append(command)
        return self._without(found)

    def _without(self, commands: Iterable[_Command]) -> list[_Command]:
        for command in commands:
            del self._there[command]
            for line in command.lines:
                alike = self._by_line.get(bare := line.strip(), {})
                alike.pop(command, None)
                if not alike:
                    self._by_line.pop(bare, None)
        return [*commands]


class Scripts:
    """What is open of the scripts of a rollout."""

    def __init__(self) -> None:
        self._open: dict[str, _Script] = {}
        """By the key of their call, and of each call that waits for more."""
        self._cells: dict[str, _Script] = {}
        """Those that go on, by the id of their cell."""
        self._by_begin: list[tuple[int, int, _Script]] = []
        """Those that are open, and some that were."""
        self._ended: list[_Script] = []
        self._waiting = _Waiting()
        self._number = 0

    @property
    def are_open(self) -> bool:
        """Whether one of them, or of their commands, has not ended."""
        return bool(self._open or self._cells or self._waiting)

    def began(self, key: str, at_ns: int) -> None:
        """Take note of the call of one."""
        script = _Script(at_ns)
        self._put(self._open, key, script)
        heappush(self._by_begin, (at_ns, self._next(), script))

    def waits(self, key: str, cell: str | None) -> None:
        """Take note of a call that waits for more of one."""
        if cell in self._cells:
            self._put(self._open, key, self._cells[cell])

    def has_run(self, call: Call, began_ns: int | None, ended_ns: int) -> list[Call]:
        """Take note of a command that has ended; return those of which all is known now.

        Args:
            call: The command, with all that it printed.
            began_ns: When it began, in nanoseconds since the epoch; None when that is not known.
            ended_ns: When it ended.
        """
        if began_ns is None:
            is_late = self._ended and not (self._open or self._cells)
            began_ns = self._ended[-1].began_ns if is_late else ended_ns
        command = _Command(call._replace(at_ns=ended_ns), began_ns, self._next())
        entered = self._entered(command)
        if entered.strip() or ended_ns < self._first_begin():
            return [command.call._replace(output=entered)]
        self._waiting.add(command)
        return []

    def returned(self, key: str, output: str, at_ns: int) -> list[Call] | None:
        """Take note of what one has printed.

        Args:
            key: That of the call that was answered.
            output: The answer.
            at_ns: When it was answered, in nanoseconds since the epoch.

        Returns:
            The commands of which all is known now, each with what has entered of it; None where
            the call is none of a script.
        """
        script = self._taken(self._open, key)
        if script is None:
            return None
        script.prints(output)
        if script.cell is not None and self._cells.get(script.cell) is script:
            self._taken(self._cells, script.cell)
        goes_on = _GOES_ON.match(output)
        if goes_on is not None:
            script.cell = goes_on[1]
            self._put(self._cells, script.cell, script)
            if script.ended_ns is None:
                return []
        else:
            script.ended_ns = at_ns
            self._ended = [*self._ended, script][-_MOST_ENDED:]
        found = self._waiting.shown_by(script) + self._waiting.ended_before(self._first_begin())
        found.sort(key=lambda command: command.number)
        return [one.call._replace(output=self._entered(one)) for one in found]

    def end(self) -> list[Call]:
        """Wait no longer; return the commands, each with what has entered of it."""
        either = dict.fromkeys([*self._open.values(), *self._cells.values()])
        open_still = [script for script in either if script.ended_ns is None]
        later = sorted(open_still, key=lambda script: script.began_ns, reverse=True)
        found, shown = [], set[str]()
        for command in self._waiting.ended_before(_NEVER):  # the first that ended comes first
            while later and later[-1].began_ns <= command.ended_ns:
                shown |= later.pop().looked_up()
            entered = command.entered([shown, *self._shown_to(command)])
            found.append((command.number, command.call._replace(output=entered)))
        for script in later:
            script.looked_up()
        for script in open_still:
            script.ended_ns = _NEVER
        self._open, self._cells, self._by_begin = {}, {}, []
        self._ended = [*self._ended, *open_still][-_MOST_ENDED:]
        return [call for _, call in sorted(found)]

    def _entered(self, command: _Command) -> str:
        return command.entered(self._shown_to(command))

    def _shown_to(self, command: _Command) -> list[set[str]]:
        """What the scripts have shown that were open while a command ran, and have ended."""
        there = (script for script in self._ended if script.was_open(command))
        return [lines for script in there for lines in script.shown]

    def _first_begin(self) -> int:
        """When the first of those began that are open."""
        while self._by_begin and not self._by_begin[0][2].open_by:
            heappop(self._by_begin)
        return self._by_begin[0][0] if self._by_begin else _NEVER

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _put(self, there: dict[str, _Script], key: str, script: _Script) -> None:
        self._taken(there, key)
        there[key] = script
        script.open_by += 1

    def _taken(self, there: dict[str, _Script], key: str) -> _Script | None:
        script = there.pop(key, None)
        if script is not None:
            script.open_by -= 1
        return script
