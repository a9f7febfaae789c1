"""The rollouts of Codex → events (versions 0.104 to 0.147; the format is the host's own)."""

import re
from typing import TYPE_CHECKING

import msgspec

from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.codex.tools import command_of, printed, said, tool_call
from ctxuse.hosts.jsonlines import NOT_SAID, START, Else, Lines, OnRead, held
from ctxuse.hosts.lookup import at, items, parsed, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Head, Told, when

if TYPE_CHECKING:
    from ctxuse.events import UsageEvent

_KNOWN = frozenset({
    "compacted", "event_msg", "response_item", "session_meta", "turn_context", "world_state",
})  # fmt: skip
_MENTION = re.compile(r"\A\s*<skill>\s*<name>([^<]{1,256})</name>\s*<path>([^<]{1,4096})</path>")


class _Payload(msgspec.Struct):
    """What a line carries, with what is wanted of it."""

    type: object = None
    id: object = None
    session_id: object = None
    cwd: object = None
    role: object = None
    name: object = None
    call_id: object = None
    arguments: object = None
    input: object = None
    action: object = None
    output: object = None
    exit_code: object = None
    command: object = None
    aggregated_output: object = None
    formatted_output: object = None
    parsed_cmd: object = None
    result: msgspec.Raw = NOT_SAID
    content: msgspec.Raw = NOT_SAID


class _Line(msgspec.Struct):
    """A line, with what is wanted of it."""

    type: object = None
    timestamp: object = None
    payload: _Payload | Else = None


_lines = Lines(_Line)
_starts = Lines(_Line, START)
_NO_PAYLOAD = _Payload()


def head(path: str) -> Head:
    """Return what a rollout says of its session: on the first line that does.

    Raises:
        OSError: The file cannot be read.
    """
    for line in _starts.read(path):
        if line.type == "session_meta":
            payload = _payload(line)
            thread = _thread(payload)
            if thread is None:
                return Head(text(payload.cwd))
            nested = thread.actor == "subagent"
            return Head(text(payload.cwd), thread.segment_id, text(line.timestamp), nested)
    return Head()


def read(path: str, places: Places, told: Told, on_read: OnRead | None = None) -> None:
    """Tell what a rollout tells.

    Raises:
        OSError: The file cannot be read.
    """
    reader = _Reader(Origin.of_transcript(places, head(path).directory), told)
    for line in _lines.read(path, told.not_understood, on_read):
        reader.read(line)
    reader.finish()


def _payload(line: _Line) -> _Payload:
    return line.payload if isinstance(line.payload, _Payload) else _NO_PAYLOAD


class _Reader:
    def __init__(self, origin: Origin, told: Told) -> None:
        self._origin = origin
        self._told = told
        self._thread: Session | None = None
        self._directory: str | None = None
        self._calls: dict[str, Call | None] = {}
        """Calls without a result so far, by id; None for those of tools that show no record."""

    def read(self, line: _Line) -> None:
        kind = text(line.type)
        if kind not in _KNOWN:
            self._told.not_understood.saw(kind or "(no type)")
            return
        payload = _payload(line)
        if kind == "session_meta" and self._thread is None:
            self._thread = _thread(payload)
            if self._thread is not None and self._thread.actor == "agent":
                self._told.began(self._thread.segment_id, line.timestamp, answered=False)
        if kind in {"session_meta", "turn_context"}:
            self._directory = text(payload.cwd) or self._directory
        elif self._thread is not None:
            self._item(kind, line, payload, self._thread)

    def _item(self, kind: str, line: _Line, payload: _Payload, thread: Session) -> None:
        match kind, payload.type:
            case "response_item", "function_call" | "custom_tool_call" | "local_shell_call":
                if when(line.timestamp) is not None:
                    self._called(payload, thread)
            case "response_item", "function_call_output" | "custom_tool_call_output":
                self._returned(payload, thread, when(line.timestamp))
            case "event_msg", "exec_command_end":
                self._ended(payload, thread, when(line.timestamp))
            case "event_msg", "mcp_tool_call_end":
                if when(line.timestamp) is not None:
                    self._server_call(payload, thread)
            case "response_item", "message" if payload.role == "user":
                self._mentions(line, payload, thread)
            case "response_item", "message" | "reasoning" if thread.actor == "agent":
                if payload.role is None or payload.role == "assistant":
                    self._told.began(thread.segment_id, line.timestamp, answered=True)

    def finish(self) -> None:
        self._told.finish(self._calls)

    def _called(self, payload: _Payload, thread: Session) -> None:
        call_id = text(payload.call_id)
        if call_id is None:
            return
        kind = text(payload.type)
        name = kind if kind == "local_shell_call" else text(payload.name)
        arguments = _arguments(payload)
        call = tool_call(thread, name, arguments, call_id, self._directory)
        self._calls[thread.call_key(call_id)] = call

    def _ended(self, payload: _Payload, thread: Session, at_ns: int | None) -> None:
        """The host's own account of a command, which says what it took for a read."""
        call_id = text(payload.call_id)
        if call_id is None or at_ns is None:
            return
        key = thread.call_key(call_id)
        self._calls.pop(key, None)
        if not self._told.first_answer(key):
            return
        parts = items(payload.parsed_cmd)
        paths = [text(part, "path") for part in parts if at(part, "type") == "read"]
        files = tuple(path for path in paths if path)
        where = text(payload.cwd) or self._directory
        # what the model was given, where that is told; else all of it
        output = payload.formatted_output or payload.aggregated_output
        call = Call(
            thread,
            "shell",
            command_of(payload.command) or "",
            key,
            call_id,
            directory=where,
            files=files,
            output=printed(output) if isinstance(output, str) else None,
        )
        self._ran(key, call, at_ns, failed=payload.exit_code != 0)

    def _returned(self, payload: _Payload, thread: Session, at_ns: int | None) -> None:
        call_id = text(payload.call_id)
        key = None if call_id is None else thread.call_key(call_id)
        if key is None or at_ns is None or key not in self._calls:
            return
        output = said(payload.output)
        if _RUNNING.search(output[:1000]):
            return  # its end is told later
        call = self._calls.pop(key)
        if not self._told.first_answer(key):
            return
        failed = _failed(output) or _code_of(payload.output)
        call = None if call is None else call._replace(output=printed(output))
        self._ran(key, call, at_ns, failed=failed)

    def _ran(self, key: str, call: Call | None, at_ns: int, *, failed: bool) -> None:
        """Tell of a call that has ended; also one that failed may have shown something before."""
        found: list[UsageEvent] = []
        if call is not None and not (failed and call.output is None):
            found = uses(call._replace(at_ns=at_ns, failed=failed), self._origin)
        self._told.ended(key, found, failed=failed)

    def _server_call(self, payload: _Payload, thread: Session) -> None:
        """A tool of a server: such a server records its own."""
        call_id = text(payload.call_id)
        if call_id is None:
            return
        key = thread.call_key(call_id)
        self._calls.pop(key, None)
        if self._told.first_answer(key):
            worked = at(held(payload.result), "Ok") is not None
            self._told.answered(key, failed=not worked, no_record=worked)

    def _mentions(self, line: _Line, payload: _Payload, thread: Session) -> None:
        """A skill that the user named with ``$skill``: its body is a message of its own."""
        for block in items(held(payload.content)):
            said = at(block, "text")
            mention = _MENTION.match(said) if isinstance(said, str) else None
            name = skill_name(mention[1].strip()) if mention else None
            at_ns = None if name is None else when(line.timestamp)
            if mention is None or name is None or at_ns is None:
                continue
            call = Call(
                thread,
                "skill",
                name,
                f"mention:{text(line.timestamp)}",
                by_user=True,
                directory=self._directory,
                at_ns=at_ns,
                files=(mention[2].strip(),),
                context_bytes=size(said),
            )
            self._told.happened(uses(call, self._origin), key=call.key)


def _thread(payload: _Payload) -> Session | None:
    own = text(payload.id)
    session = text(payload.session_id) or own
    if session is None:
        return None
    nested = own is not None and own != session
    return Session.named(NAME, session, own if nested else None)


def _arguments(payload: _Payload) -> object:
    if payload.type == "local_shell_call":
        return payload.action
    said = payload.arguments or payload.input
    return parsed(said) if isinstance(said, str) else said


_RUNNING = re.compile(r"Process running with session ID")
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
