"""The transcripts of Claude Code → events (versions 2.0 to 2.1; the format is the host's own).

A transcript is read twice: once for the session's bytes per token, once for its events.
"""

import json
import re
from collections.abc import Callable, Iterator

from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.claude_code.tools import answered, bytes_shown, failed, tool_call
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile, skill_name
from ctxuse.hosts.session import Session, prompt_key
from ctxuse.hosts.transcripts import LEAST_BYTES, Hooked, Line, Notes, lines, measured, when

_QUIET = frozenset({
    "agent-name", "ai-title", "atis-latch", "bridge-session", "custom-title",
    "file-history-snapshot", "frame-link", "last-prompt", "mode", "permission-mode", "pr-link",
    "queue-operation", "relocated", "result", "started", "summary", "system", "worktree-state",
})  # fmt: skip
"""Types of lines that tell of no record."""

_SKILL_BODY = "Base directory for this skill: "
_AGAIN = "(Re-invocation of "
_TYPED = re.compile(r"<command-name>/([^<\s]{1,256})</command-name>")
_LISTED = re.compile(r"^- ([^\s:][^:\n]{0,255}(?::[^\s:][^:\n]*)?): (.*)$", re.MULTILINE)


def began_in(path: str) -> str | None:
    """Return the directory in which the session of a transcript began; None where it is not said.

    Raises:
        OSError: The file cannot be read.
    """
    for line in lines(path):
        directory = text(line, "cwd")
        if directory is not None:
            return directory
    return None


def events(
    path: str, places: Places, notes: Notes, hooked: Hooked, told: Callable[[int], object]
) -> Iterator[UsageEvent]:
    """Yield what a transcript tells of."""
    origin = Origin.of_transcript(places, began_in(path), _bytes_per_token(path))
    reader = _Reader(origin, notes, hooked)
    for line in lines(path, notes, told):
        yield from reader.read(line)
    yield from reader.finish()


class _Reader:
    def __init__(self, origin: Origin, notes: Notes, hooked: Hooked) -> None:
        self._origin = origin
        self._notes = notes
        self._hooked = hooked
        self._calls: dict[str, Call | None] = {}
        """Calls without a result so far, by id; None for those of tools that show no record."""
        self._skills: dict[str, Call] = {}
        """Skills that were called, by the id of the call, until their body enters."""
        self._typed: dict[str, Call] = {}
        """By segment what the user typed last, until a body shows that it is a skill."""
        self._compacted = False

    def read(self, line: Line) -> Iterator[UsageEvent]:
        line = _original(line)
        kind, session = text(line, "type"), text(line, "sessionId")
        if kind in {"assistant", "user"} and session is not None:
            yield from self._message(line, Session.named(NAME, session, _agent(line)))
        elif kind == "progress":
            yield from self._nested(line, session)
        elif kind == "attachment" and session is not None:
            yield from self._attachment(line, Session.named(NAME, session, _agent(line)))
        elif kind not in _QUIET:
            self._notes.strange(kind or "(no type)")
        if line.get("subtype") == "compact_boundary" or line.get("isCompactSummary") is True:
            self._compacted = True

    def finish(self) -> Iterator[UsageEvent]:
        self._notes.left_open(self._calls)
        for call in self._skills.values():
            yield from self._skill(call, None)

    def _nested(self, line: Line, session: str | None) -> Iterator[UsageEvent]:
        """A line that repeats one of a sub-agent in the transcript of its parent."""
        inner = at(line, "data", "message")
        agent = text(line, "data", "agentId")
        if session and agent and isinstance(inner, dict):
            inner = {"cwd": line.get("cwd"), "timestamp": line.get("timestamp"), **inner}
            yield from self._message(inner, Session.named(NAME, session, agent))

    def _message(self, line: Line, thread: Session) -> Iterator[UsageEvent]:
        content = at(line, "message", "content")
        if isinstance(content, str):
            yield from self._text(line, thread, content)
            return
        for block in items(content):
            match at(block, "type"):
                case "tool_use":
                    call_id, tool = text(block, "id"), text(block, "name")
                    if call_id and tool:
                        arguments, directory = at(block, "input"), text(line, "cwd")
                        call = tool_call(thread, tool, arguments, call_id, directory)
                        self._calls[call_id] = call
                case "tool_result":
                    yield from self._result(line, block)
                case "text":
                    said = at(block, "text")
                    if line.get("type") == "user" and isinstance(said, str):
                        yield from self._text(line, thread, said)

    def _result(self, line: Line, block: object) -> Iterator[UsageEvent]:
        call_id = text(block, "tool_use_id")
        if call_id is None or call_id not in self._calls:
            return
        call = self._calls.pop(call_id)
        if not self._notes.done(call_id):
            return
        response, at_ns = line.get("toolUseResult"), when(line)
        if _failed(line, block, response):
            self._notes.failed += 1
            return
        answer = None if call is None or at_ns is None else answered(call, response, at_ns)
        if answer is not None and answer.tool == "skill":
            self._skills[call_id] = answer
            return
        found = [] if answer is None else uses(answer, self._origin)
        self._notes.no_record += not found
        yield from found

    def _skill(self, call: Call, body: str | None) -> list[UsageEvent]:
        """The use of a skill, with the body that entered; None where it is not told."""
        return uses(call._replace(context_bytes=size(body)), self._origin)

    def _text(self, line: Line, thread: Session, said: str) -> Iterator[UsageEvent]:
        """A text of the user's side: a typed command, or the body of a skill."""
        if line.get("type") != "user":
            return
        if line.get("isMeta") is not True:
            typed = _TYPED.search(said) if said.lstrip().startswith("<command-") else None
            at_ns = when(line)
            self._typed.pop(thread.segment_id, None)
            self._compacted = self._compacted and line.get("isCompactSummary") is True
            name = skill_name(typed[1]) if typed else None
            if name is not None and at_ns is not None:
                key = self._prompt_key(line, thread)
                self._typed[thread.segment_id] = Call(
                    thread, "skill", name, key, by_user=True, at_ns=at_ns
                )
            return
        source = text(line, "sourceToolUseID")
        if source is not None:
            if source in self._skills:
                yield from self._skill(self._skills.pop(source), said)
        elif said.startswith((_SKILL_BODY, _AGAIN)):
            command = self._typed.pop(thread.segment_id, None)
            if command is not None and command.key is not None:
                yield from self._skill(command, said)

    def _prompt_key(self, line: Line, thread: Session) -> str | None:
        """What tells a prompt from others; None where a hook may have recorded it otherwise."""
        if self._hooked.typed(thread.segment_id):
            return None  # hooks of versions that gave prompts no id
        prompt = text(line, "promptId")
        if prompt is not None:
            return prompt_key(prompt)
        return None if self._hooked.exposed(thread.segment_id) else text(line, "uuid")

    def _attachment(self, line: Line, thread: Session) -> Iterator[UsageEvent]:
        attachment, key, at_ns = line.get("attachment"), text(line, "uuid"), when(line)
        if key is None or at_ns is None:
            return
        path = text(attachment, "filename")
        if at(attachment, "type") == "file" and path is not None and not self._compacted:
            file_bytes, context_bytes = bytes_shown(at(attachment, "content"))
            call = Call(thread, "mention", path, key, by_user=True, directory=text(line, "cwd"))
            yield from uses(
                call._replace(at_ns=at_ns, file_bytes=file_bytes, context_bytes=context_bytes),
                self._origin,
            )
        for record, file_bytes, context_bytes in self._resident(attachment, thread):
            snapshot = self._origin.snapshot(record, file_bytes, context_bytes)
            yield thread.exposure([snapshot], at_ns, key)

    def _resident(
        self, attachment: object, thread: Session
    ) -> Iterator[tuple[RecordFile, int | None, int | None]]:
        """The records that an attachment made resident: with the bytes of the file and those of it.

        Left out is what hooks have recorded under ids of their own.
        """
        kind = at(attachment, "type")
        if kind == "invoked_skills":
            for skill in items(attachment, "skills"):
                name = skill_name(text(skill, "name"))
                if name is not None:
                    yield self._origin.skill(name), None, size(at(skill, "content"))
        elif kind == "skill_listing" and not self._hooked.exposed(thread.segment_id):
            for name, length in _listing(attachment).items():
                yield self._origin.skill(name), None, length
        elif kind == "nested_memory" and not self._hooked.exposed(thread.segment_id):
            path = text(attachment, "path")
            where = None if path is None else self._origin.here(path)
            record = None if where is None else self._origin.places.instructions_at(where)
            if record is not None:
                loaded = size(at(attachment, "content", "content"))
                differs = at(attachment, "content", "contentDiffersFromDisk") is True
                yield record, None if differs else loaded, loaded


def _original(line: Line) -> Line:
    """A line as it stood in the session that a fork copied it from: what it tells of was there."""
    session, uuid = text(line, "forkedFrom", "sessionId"), text(line, "forkedFrom", "messageUuid")
    if session is None or uuid is None:
        return line
    return {**line, "sessionId": session, "uuid": uuid}


def _agent(line: Line) -> str | None:
    return text(line, "agentId") if line.get("isSidechain") is True else None


def _failed(line: Line, block: object, response: object) -> bool:
    """Whether a call failed or was refused, in the ways that versions have said it."""
    if at(block, "is_error") is True or text(line, "toolDenialKind") is not None:
        return True
    return failed(response) or (isinstance(response, str) and response.startswith("Error"))


def _listing(attachment: object) -> dict[str, int | None]:
    """The skills that a listing names, and the bytes of each in it."""
    content = at(attachment, "content")
    found: dict[str, int | None] = {}
    if isinstance(content, str):
        for name, description in _LISTED.findall(content):
            if skill_name(name) is not None:
                found[name] = size(f"{name}: {description}")
    names = items(attachment, "names")
    if not names:
        return found
    listed = [skill_name(name) for name in names if isinstance(name, str)]
    return {name: found.get(name) for name in listed if name is not None}


def _bytes_per_token(path: str) -> float | None:
    """Measure a session's bytes per token: responses into which only text entered.

    What entered since the response before is the difference of their inputs, by the model's own
    accounting; its bytes are those of that response and of what followed it.
    """
    samples: list[float] = []
    threads: dict[tuple[str | None, str | None], _Entered] = {}
    for line in lines(path):
        kind, agent = text(line, "type"), text(line, "agentId")
        if line.get("isSidechain") is True and agent is None:
            continue
        thread = threads.setdefault((text(line, "sessionId"), agent), _Entered())
        if kind == "attachment":
            thread.only_text = False
        elif kind == "user":
            thread.add(at(line, "message", "content"))
        elif kind == "assistant" and line.get("isApiErrorMessage") is not True:
            response, total = text(line, "message", "id"), _input_tokens(line)
            if response is not None and total:
                thread.answered(response, total, samples)
                thread.add(at(line, "message", "content"))
    return measured(samples)


class _Entered:
    """What has entered one thread since its last response."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        self._bytes = 0
        self.only_text = True

    def add(self, content: object) -> None:
        added = _bytes_of_text(content)
        self.only_text = self.only_text and added is not None
        self._bytes += added or 0

    def answered(self, response: str, total: int, samples: list[float]) -> None:
        """Take note of a response, whose lines are several; with a new one, of a sample."""
        if self._last is not None and response == self._last[0]:
            return
        grown = total - self._last[1] if self._last is not None else 0
        if self.only_text and grown > 0 and self._bytes >= LEAST_BYTES:
            samples.append(self._bytes / grown)
        self._last, self._bytes, self.only_text = (response, total), 0, True


def _input_tokens(line: Line) -> int | None:
    usage = at(line, "message", "usage")
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    counts = [at(usage, name) for name in names]
    known = [count for count in counts if isinstance(count, int)]
    return sum(known) if known else None


def _bytes_of_text(content: object) -> int | None:
    """The bytes of a message's content; None when something else than text is in it."""
    if isinstance(content, str):
        return size(content)
    total = 0
    for block in items(content):
        match at(block, "type"):
            case "text":
                added = size(at(block, "text"))
            case "tool_use":
                added = size(
                    json.dumps([at(block, "name"), at(block, "input")], ensure_ascii=False)
                )
            case "tool_result":
                added = _bytes_of_text(at(block, "content"))
            case _:
                added = None
        if added is None:
            return None
        total += added
    return total
