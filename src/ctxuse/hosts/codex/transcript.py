"""The rollouts of Codex → events (versions 0.104 to 0.147; the format is the host's own)."""

import re
from collections.abc import Callable, Iterator

from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.codex.tools import tool_call
from ctxuse.hosts.lookup import at, items, parsed, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Hooked, Line, Notes, lines, when

_KNOWN = frozenset({
    "compacted", "event_msg", "response_item", "session_meta", "turn_context", "world_state",
})  # fmt: skip
_MENTION = re.compile(r"\A\s*<skill>\s*<name>([^<]{1,256})</name>\s*<path>([^<]{1,4096})</path>")


def began_in(path: str) -> str | None:
    """Return the directory in which the session of a rollout began; None where it is not said.

    Raises:
        OSError: The file cannot be read.
    """
    for line in lines(path):
        if line.get("type") == "session_meta":
            return text(line, "payload", "cwd")
    return None


def events(
    path: str,
    places: Places,
    notes: Notes,
    hooked: Hooked,  # noqa: ARG001 - as for every host
    told: Callable[[int], object],
) -> Iterator[UsageEvent]:
    """Yield what a rollout tells of."""
    reader = _Reader(Origin.of_transcript(places, began_in(path), None), notes)
    for line in lines(path, notes, told):
        yield from reader.read(line)
    reader.finish()


class _Reader:
    def __init__(self, origin: Origin, notes: Notes) -> None:
        self._origin = origin
        self._notes = notes
        self._thread: Session | None = None
        self._directory: str | None = None
        self._calls: dict[str, Call | None] = {}
        """Calls without a result so far, by id; None for those of tools that show no record."""

    def read(self, line: Line) -> Iterator[UsageEvent]:
        kind = text(line, "type")
        if kind not in _KNOWN:
            self._notes.strange(kind or "(no type)")
            return
        if kind == "session_meta" and self._thread is None:
            self._thread = _thread(line)
        if kind in {"session_meta", "turn_context"}:
            self._directory = text(line, "payload", "cwd") or self._directory
        at_ns = when(line)
        if self._thread is None or at_ns is None:
            return
        inner = at(line, "payload", "type")
        match kind, inner:
            case "response_item", "function_call" | "custom_tool_call" | "local_shell_call":
                self._called(at(line, "payload"), self._thread)
            case "response_item", "function_call_output" | "custom_tool_call_output":
                yield from self._returned(at(line, "payload"), at_ns)
            case "event_msg", "exec_command_end":
                yield from self._ended(at(line, "payload"), self._thread, at_ns)
            case "event_msg", "mcp_tool_call_end":
                self._server_call(at(line, "payload"))
            case "response_item", "message" if at(line, "payload", "role") == "user":
                yield from self._mentions(line, self._thread, at_ns)

    def finish(self) -> None:
        self._notes.left_open(self._calls)

    def _called(self, payload: object, thread: Session) -> None:
        call_id = text(payload, "call_id")
        if call_id is None:
            return
        kind = text(payload, "type")
        name = kind if kind == "local_shell_call" else text(payload, "name")
        arguments = _arguments(payload)
        self._calls[call_id] = tool_call(thread, name, arguments, call_id, self._directory)

    def _ended(self, payload: object, thread: Session, at_ns: int) -> Iterator[UsageEvent]:
        """The host's own account of a command, which says what it took for a read."""
        call_id = text(payload, "call_id")
        if call_id is None:
            return
        self._calls.pop(call_id, None)
        if not self._notes.done(call_id):
            return
        if at(payload, "exit_code") != 0:
            self._notes.failed += 1
            return
        parts = items(payload, "parsed_cmd")
        paths = [text(part, "path") for part in parts if at(part, "type") == "read"]
        files = tuple(path for path in paths if path)
        where = text(payload, "cwd") or self._directory
        call = Call(thread, "shell", "", call_id, call_id, directory=where, files=files)
        yield from self._uses(call, at_ns)

    def _returned(self, payload: object, at_ns: int) -> Iterator[UsageEvent]:
        call_id = text(payload, "call_id")
        if call_id is None or call_id not in self._calls:
            return
        said = _said(at(payload, "output"))
        if _RUNNING.search(said[:1000]):
            return  # its end is told later
        call = self._calls.pop(call_id)
        if not self._notes.done(call_id):
            return
        if _failed(said) or _code_of(at(payload, "output")):
            self._notes.failed += 1
        else:
            yield from self._uses(call, at_ns)

    def _uses(self, call: Call | None, at_ns: int) -> list[UsageEvent]:
        found = [] if call is None else uses(call._replace(at_ns=at_ns), self._origin)
        self._notes.no_record += not found
        return found

    def _server_call(self, payload: object) -> None:
        """A tool of a server: such a server records its own."""
        call_id = text(payload, "call_id")
        if call_id is None:
            return
        self._calls.pop(call_id, None)
        if self._notes.done(call_id):
            worked = at(payload, "result", "Ok") is not None
            self._notes.no_record += worked
            self._notes.failed += not worked

    def _mentions(self, line: Line, thread: Session, at_ns: int) -> Iterator[UsageEvent]:
        """A skill that the user named with ``$skill``: its body is a message of its own."""
        for block in items(line, "payload", "content"):
            said = at(block, "text")
            mention = _MENTION.match(said) if isinstance(said, str) else None
            name = skill_name(mention[1].strip()) if mention else None
            if mention is None or name is None:
                continue
            call = Call(
                thread,
                "skill",
                name,
                f"mention:{text(line, 'timestamp')}",
                by_user=True,
                directory=self._directory,
                at_ns=at_ns,
                files=(mention[2].strip(),),
                context_bytes=size(said),
            )
            yield from uses(call, self._origin)


def _thread(line: Line) -> Session | None:
    own = text(line, "payload", "id")
    session = text(line, "payload", "session_id") or own
    if session is None:
        return None
    nested = own is not None and own != session
    return Session.named(NAME, session, own if nested else None)


def _arguments(payload: object) -> object:
    if at(payload, "type") == "local_shell_call":
        return at(payload, "action")
    said = at(payload, "arguments") or at(payload, "input")
    return parsed(said) if isinstance(said, str) else said


_RUNNING = re.compile(r"Process running with session ID")
_EXIT_CODE = re.compile(r"(?:Exit code:|exited with code) (-?[0-9]{1,6})")
_REFUSED = re.compile(r"rejected by user|aborted by user|failed in sandbox|execution error")


def _said(output: object) -> str:
    """What an output says, in the forms that versions have given it."""
    parts = output if isinstance(output, list) else [output]
    texts = [part if isinstance(part, str) else at(part, "text") for part in parts]
    return "\n".join(part for part in texts if isinstance(part, str))


def _failed(said: str) -> bool:
    """Whether an output says that the command failed or was refused."""
    begin = said[:1000]
    code = _EXIT_CODE.search(begin)
    return (code is not None and int(code[1]) != 0) or _REFUSED.search(begin) is not None


def _code_of(output: object) -> bool:
    """Whether an output carries the status of a command that failed."""
    if isinstance(output, str) and output.startswith("{"):
        output = parsed(output)
    code = at(output, "metadata", "exit_code")
    return at(output, "success") is False or (isinstance(code, int) and code != 0)
