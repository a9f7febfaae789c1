"""The scripts of code mode, and how much of what their commands printed has entered.

The model calls a script, and the script runs commands: of these as much has entered as stands in
what the script prints. One that takes longer goes on as a cell: it is answered in pieces, the first
to its own call, the others to calls that wait for it. Which script has run a command, or shown it,
is not told, and a command may end long after: it is one that was open while the command ran.
"""

from dataclasses import dataclass

from ctxuse.hosts.calls import Call
from ctxuse.hosts.codex.tools import shared
from ctxuse.patterns import pattern

OF_SCRIPT = "exec-"
"""How the ids of commands begin that a script has run."""

_GOES_ON = pattern(r"Script running with cell ID (\S{1,64})")
_MOST_HELD = 1024 * 1024
"""Characters of what a script has printed that are kept."""

_MOST_ENDED = 16
"""Scripts that have ended that are kept for commands that end later."""

_NEVER = 2**63


@dataclass
class _Script:
    began_ns: int
    printed: str = ""
    ended_ns: int | None = None


class Scripts:
    """What is open of the scripts of a rollout."""

    def __init__(self) -> None:
        self._open: dict[str, _Script] = {}
        """By the key of their call, and of each call that waits for more."""
        self._cells: dict[str, _Script] = {}
        """Those that go on, by the id of their cell."""
        self._ended: list[_Script] = []
        self._commands: list[tuple[Call, int]] = []
        """Commands that have ended, with all that they printed, and when they began."""

    @property
    def are_open(self) -> bool:
        """Whether one of them, or of their commands, has not ended."""
        return bool(self._going_on or self._commands)

    @property
    def _going_on(self) -> list[_Script]:
        return [*self._open.values(), *self._cells.values()]

    def began(self, key: str, at_ns: int) -> None:
        """Take note of the call of one."""
        self._open[key] = _Script(at_ns)

    def waits(self, key: str, cell: str | None) -> None:
        """Take note of a call that waits for more of one."""
        if cell in self._cells:
            self._open[key] = self._cells[cell]

    def has_run(self, call: Call, began_ns: int | None, ended_ns: int) -> list[Call]:
        """Take note of a command that has ended; return those of which all is known now.

        Args:
            call: The command, with all that it printed.
            began_ns: When it began, in nanoseconds since the epoch; None when that is not known.
            ended_ns: When it ended.
        """
        if began_ns is None:
            is_late = self._ended and not self._going_on
            began_ns = self._ended[-1].began_ns if is_late else ended_ns
        return self._settled([(call._replace(at_ns=ended_ns), began_ns)])

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
        script = self._open.pop(key, None)
        if script is None:
            return None
        script.printed = f"{script.printed}\n{output}"[-_MOST_HELD:]
        self._cells = {cell: one for cell, one in self._cells.items() if one is not script}
        goes_on = _GOES_ON.match(output)
        if goes_on is not None:
            self._cells[goes_on[1]] = script
            return []
        script.ended_ns = at_ns
        self._ended = [*self._ended, script][-_MOST_ENDED:]
        return self._wait_on()

    def end(self) -> list[Call]:
        """Wait no longer; return the commands, each with what has entered of it."""
        for script in self._going_on:
            if script.ended_ns is None:  # one may be met twice: a call waits for more of it
                script.ended_ns = _NEVER
                self._ended.append(script)
        self._open, self._cells = {}, {}
        return self._wait_on()

    def _wait_on(self) -> list[Call]:
        commands, self._commands = self._commands, []
        return self._settled(commands)

    def _settled(self, commands: list[tuple[Call, int]]) -> list[Call]:
        """Return those of which all is known, with what has entered; keep the others."""
        found = []
        going_on = self._going_on
        for call, began_ns in commands:
            ended_ns = call.at_ns or 0
            printed = [
                one.printed
                for one in self._ended
                if one.began_ns <= ended_ns and (one.ended_ns or 0) >= began_ns
            ]
            entered = shared(call.output or "", "\n".join(printed))
            if entered or all(one.began_ns > ended_ns for one in going_on):
                found.append(call._replace(output=entered))
            else:
                self._commands.append((call, began_ns))
        return found
