"""The commands of a rollout → events.

A command is told of three times: the model calls it, the host says how it ended, and its output is
handed to the model. Only the output has entered. In code mode the model calls a script, which runs
commands: of these as much has entered as stands in the output of the script. A command that takes
longer is answered in pieces.
"""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.codex import OF_SCRIPT
from ctxuse.hosts.codex.lines import Item, Payload
from ctxuse.hosts.codex.scripts import Scripts
from ctxuse.hosts.codex.tools import Pieces, command_of, printed, said, tool_call
from ctxuse.hosts.lookup import at, items, parsed, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Told

if TYPE_CHECKING:
    from ctxuse.events import UsageEvent

_LONGEST_TYPED = 64 * 1024
_MOST_MS = 2**53


@dataclass(slots=True)
class _Running:
    """A command that goes on, and the output of it that has entered."""

    call: Call
    printed: Pieces


class Commands:
    """What is open of the commands of a rollout, and what is told of them when they end.

    Args:
        origin: Where the session was.
        told: What is told.
        calls: Calls without a result so far, by key; None for those of tools that show no record.
        directory: Where the agent is; None where that is not known.

    Attributes:
        directory: Likewise.
    """

    def __init__(
        self, origin: Origin, told: Told, calls: dict[str, Call | None], directory: str | None
    ) -> None:
        self.directory = directory
        self._calls = calls
        self._origin = origin
        self._told = told
        self._scripts = Scripts()
        self._running: dict[str, _Running] = {}
        """Commands that go on, by the id of their process."""
        self._processes: dict[str | None, deque[str]] = {}
        """The ids of their processes, by the key of their call."""

    @property
    def none_open(self) -> bool:
        """Whether what follows can be understood without what came before."""
        return not (self._calls or self._scripts.are_open or self._running)

    def called(self, payload: Payload, thread: Session, at_ns: int) -> None:
        """Take note of a call."""
        call_id = text(payload.call_id)
        if call_id is None:
            return
        key, kind = thread.call_key(call_id), text(payload.type)
        name = kind if kind == "local_shell_call" else text(payload.name)
        arguments = _arguments(payload)
        if name == "exec" and kind == "custom_tool_call":
            self._scripts.began(key, at_ns)
            self._calls[key] = None
        elif name == "wait":
            self._scripts.waits(key, text(arguments, "cell_id"))
            self._calls[key] = None
        elif name == "write_stdin":
            self._calls[key] = self._typed(arguments, thread, key, call_id)
        else:
            self._calls[key] = tool_call(thread, name, arguments, call_id, self.directory)

    def _typed(self, arguments: object, thread: Session, key: str, call_id: str) -> Call | None:
        """What is typed into a command that goes on; where that is nothing, the command itself."""
        running = self._running.get(str(at(arguments, "session_id")))
        typed = text(arguments, "chars", longest=_LONGEST_TYPED)
        if typed is None or not typed.strip():
            return None if running is None else running.call
        where = self.directory if running is None else running.call.directory
        return Call(thread, "shell", typed.strip(), key, call_id, directory=where)

    def completed(self, payload: Payload, item: Item, thread: Session, at_ns: int | None) -> None:
        """The host's own account of something."""
        if item.type == "McpToolCall":
            self.of_server(item.id, thread, worked=item.status == "completed")
        call_id = text(item.id)
        if item.type != "CommandExecution" or call_id is None or at_ns is None:
            return
        key = thread.call_key(call_id)
        output = item.aggregated_output or item.stdout
        call = Call(
            thread,
            "shell",
            _command(item.command),
            key,
            call_id,
            by_user=item.source == "user_shell",
            directory=_path(item.cwd) or self.directory,
            at_ns=at_ns,
            files=_files(item.parsed_cmd),
            output=printed(output) if isinstance(output, str) else None,
            failed=item.exit_code != 0,
        )
        if key in self._processes:
            self._end(self._processes[key][0])
        elif key in self._calls:  # its output is handed over next
            self._calls[key] = call._replace(output=None)
        elif call_id.startswith(OF_SCRIPT):
            ended_ns = _ns(payload.completed_at_ms) or at_ns
            self._shown(self._scripts.has_run(call, _ns(payload.started_at_ms), ended_ns))
        else:
            self._tell(key, call, at_ns, failed=call.failed)

    def ended(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """The account of a command that older versions give; it says what the model was given."""
        call_id = text(payload.call_id)
        if call_id is None or at_ns is None:
            return
        key = thread.call_key(call_id)
        self._calls.pop(key, None)
        for process in self._processes.pop(key, ()):
            del self._running[process]
        if not self._told.first_answer(key):
            return
        output = payload.formatted_output or payload.aggregated_output
        call = Call(
            thread,
            "shell",
            command_of(payload.command) or "",
            key,
            call_id,
            directory=text(payload.cwd) or self.directory,
            files=_files(payload.parsed_cmd),
            output=printed(output) if isinstance(output, str) else None,
        )
        self._ran(key, call, at_ns, failed=payload.exit_code != 0)

    def returned(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """Take note of an output that was handed to the model."""
        call_id = text(payload.call_id)
        key = None if call_id is None else thread.call_key(call_id)
        if key is None or at_ns is None or key not in self._calls:
            return
        output, call = said(payload.output), self._calls.pop(key)
        of_script = self._scripts.returned(key, output, at_ns)
        if of_script is not None:
            if self._told.first_answer(key):
                self._told.answered(key, no_record=True)
            self._shown([call._replace(at_ns=at_ns) for call in of_script])
            return
        if call is not None:
            call = call._replace(output=printed(output), at_ns=at_ns)
        running = _RUNNING.search(output[:1000])
        if call is not None and call.key != key:  # more of a command that goes on
            self._goes_on(call, ends=running is None)
        elif running is not None and call is not None and call.call_id is not None:
            self._runs(running[1], call)
            if call.subject and self._running[running[1]].call.key != key:  # typed into another one
                self._tell(key, call, at_ns, failed=False)
        else:
            failed = _failed(output) or _code_of(payload.output)
            self._tell(key, call, at_ns, failed=failed)

    def _tell(self, key: str, call: Call | None, at_ns: int, *, failed: bool) -> None:
        if self._told.first_answer(key):
            self._ran(key, call, at_ns, failed=failed)

    def _runs(self, process: str, call: Call) -> None:
        """Take note of the process of a command that goes on."""
        if process not in self._running:
            self._running[process] = _Running(call, Pieces(call.output or ""))
            self._processes.setdefault(call.key, deque()).append(process)

    def _goes_on(self, call: Call, *, ends: bool) -> None:
        """Take note of more output of a command that goes on, or went on until now."""
        if call.key in self._processes:
            process = self._processes[call.key][0]
            running = self._running[process]
            running.printed.add(call.output or "")
            running.call = running.call._replace(at_ns=call.at_ns)
            if ends:
                self._end(process)
        elif call.key is not None:  # its end was told before its last output
            found = uses(call, self._origin)
            self._told.happened(found, of=call.key, key=call.key)

    def _end(self, process: str) -> None:
        """Tell of what has entered of a command that has ended, the first of its key."""
        running = self._running.pop(process)
        call = running.call._replace(output=running.printed.text)
        processes = self._processes[call.key]
        processes.popleft()
        if not processes:
            del self._processes[call.key]
        if call.key is not None:
            self._tell(call.key, call, call.at_ns, failed=False)

    def end_all(self) -> None:
        """Wait no longer for the end of what runs."""
        for process in [*self._running]:
            self._end(process)
        self._shown(self._scripts.end())

    def _shown(self, commands: Iterable[Call]) -> None:
        """Tell of commands of scripts with what has entered of them."""
        for call in commands:
            if call.key is not None and call.at_ns is not None:
                self._tell(call.key, call, call.at_ns, failed=call.failed)

    def _ran(self, key: str, call: Call | None, at_ns: int, *, failed: bool) -> None:
        """Tell of a call that has ended; also one that failed may have shown something before."""
        found: list[UsageEvent] = []
        if call is not None and not (failed and call.output is None):
            found = uses(call._replace(at_ns=at_ns, failed=failed), self._origin)
        self._told.ended(key, found, failed=failed)

    def of_server(self, said_id: object, thread: Session, *, worked: bool) -> None:
        """A tool of a server: such a server records its own."""
        call_id = text(said_id)
        if call_id is None:
            return
        key = thread.call_key(call_id)
        self._calls.pop(key, None)
        if self._told.first_answer(key):
            self._told.answered(key, failed=not worked, no_record=worked)


def _ns(said_ms: object) -> int | None:
    return said_ms * 1_000_000 if isinstance(said_ms, int) and 0 < said_ms < _MOST_MS else None


def _command(words: object) -> str:
    """A command without the shell that it was handed to."""
    is_wrapped = isinstance(words, list) and len(words) == len(("bash", "-lc", "command"))
    return command_of(items(words)[-1] if is_wrapped else words) or ""


def _path(said_path: object) -> str | None:
    """A directory, which newer versions give as an address."""
    path = text(said_path)
    if path is not None and path.startswith("file://"):
        from urllib.parse import unquote  # noqa: PLC0415 - newer versions only

        return unquote(path.removeprefix("file://"))
    return path


def _files(parsed_cmd: object) -> tuple[str, ...]:
    """The files that the host takes a command to read."""
    parts = items(parsed_cmd)
    paths = [text(part, "path") for part in parts if at(part, "type") == "read"]
    return tuple(path for path in paths if path)


def _arguments(payload: Payload) -> object:
    if payload.type == "local_shell_call":
        return payload.action
    said_arguments = payload.arguments or payload.input
    return parsed(said_arguments) if isinstance(said_arguments, str) else said_arguments


_RUNNING = re.compile(r"Process running with session ID ([0-9]{1,20})")
_EXIT_CODE = re.compile(r"(?:Exit code:|exited with code) (-?[0-9]{1,6})")
_REFUSED = re.compile(r"rejected by user|aborted by user|failed in sandbox|execution error")


def _failed(output: str) -> bool:
    """Whether an output says that the command failed or was refused."""
    begin = output[:1000]
    code = _EXIT_CODE.search(begin)
    return (code is not None and int(code[1]) != 0) or _REFUSED.search(begin) is not None


def _code_of(output: object) -> bool:
    """Whether an output carries the status of a command that failed."""
    if isinstance(output, str) and output.startswith("{"):
        output = parsed(output)
    code = at(output, "metadata", "exit_code")
    return at(output, "success") is False or (isinstance(code, int) and code != 0)
