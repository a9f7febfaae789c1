"""The transcripts of Claude Code → events (versions 2.0 to 2.1; the format is the host's own).

A transcript is read twice: once for the session's bytes per token, once for its events.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ctxuse.events import UsageEvent, UsageSource
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.payload import at, size, text
from ctxuse.hosts.session import Session, prompt_key
from ctxuse.hosts.shell import files_shown
from ctxuse.hosts.transcripts import (
    LEAST_BYTES,
    Hooked,
    Line,
    Notes,
    Origin,
    Sizes,
    lines,
    measured,
    when,
)
from ctxuse.places import SKILL, Places, RecordFile, skill_name

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
    path: str,
    places: Places,
    notes: Notes,
    hooked: Hooked,
    told: Callable[[int], object],
) -> Iterator[UsageEvent]:
    """Yield what a transcript tells of.

    Args:
        path: The transcript.
        places: The places of the workspace.
        notes: Where it is counted what tells of nothing.
        hooked: What hooks have recorded of a segment.
        told: Told after each line how many bytes it has.

    Raises:
        OSError: The file cannot be read.
    """
    reader = _Reader(Origin.of(places, began_in(path)), _sizes(path), notes, hooked)
    for line in lines(path, notes, told):
        yield from reader.read(line)
    yield from reader.finish()


class _Call(NamedTuple):
    """A tool call whose result has not been met yet."""

    thread: Session
    tool: str
    tool_input: object
    directory: str | None


class _Typed(NamedTuple):
    """A command that the user typed, until its body shows that it is a skill."""

    thread: Session
    name: str
    key: str | None
    at_ns: int


class _Reader:
    def __init__(self, origin: Origin, sizes: Sizes, notes: Notes, hooked: Hooked) -> None:
        self._origin = origin
        self._sizes = sizes
        self._notes = notes
        self._hooked = hooked
        self._calls: dict[str, _Call] = {}
        self._skills: dict[str, tuple[Session, RecordFile, int]] = {}
        self._typed: dict[str, _Typed] = {}
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
        for call_id in [*self._skills]:
            yield self._skill(call_id, None)

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
        for block in content if isinstance(content, list) else ():
            match at(block, "type"):
                case "tool_use":
                    call_id, tool = text(block, "id"), text(block, "name")
                    if call_id and tool:
                        where = text(line, "cwd")
                        call = _Call(thread, tool, _kept(tool, at(block, "input")), where)
                        self._calls[call_id] = call
                case "tool_result":
                    yield from self._result(line, block)
                case "text":
                    said = at(block, "text")
                    if line.get("type") == "user" and isinstance(said, str):
                        yield from self._text(line, thread, said)

    def _result(self, line: Line, block: object) -> Iterator[UsageEvent]:
        call_id = text(block, "tool_use_id")
        call = self._calls.pop(call_id, None) if call_id else None
        if call is None or call_id is None or not self._notes.done(call_id):
            return
        result = line.get("toolUseResult")
        if _failed(line, block, result):
            self._notes.failed += 1
            return
        at_ns = when(line)
        found = [] if at_ns is None else [*self._used(call, call_id, at_ns, result)]
        waits = call_id in self._skills
        self._notes.no_record += not found and not waits
        yield from found

    def _used(self, call: _Call, call_id: str, at_ns: int, result: object) -> Iterator[UsageEvent]:
        """What a call that worked read; a skill waits for its body."""
        thread = call.thread
        if call.tool == "Skill" and isinstance(call.tool_input, str):
            name = skill_name(call.tool_input)
            if name is not None:
                self._skills[call_id] = (thread, self._named(name), at_ns)
        elif call.tool == "Read" and isinstance(call.tool_input, str):
            record = self._origin.record(call.tool_input, call.directory)
            if record is not None:
                whole, read = _read(result)
                known = whole if record.named == record.file else None
                snapshot = self._sizes.snapshot(record, known, read)
                yield thread.used(
                    at_ns, snapshot, UsageSource.MEMORY_READ, call_id, call_id=call_id
                )
        elif call.tool == "Bash" and isinstance(call.tool_input, str) and _showed(result):
            directory = self._origin.there(".", call.directory)
            paths = files_shown(call.tool_input, directory, self._origin.there)
            for record in self._origin.records(paths):
                snapshot = self._sizes.snapshot(record, None, None)
                yield thread.used(
                    at_ns, snapshot, UsageSource.MEMORY_READ, call_id, call_id=call_id
                )

    def _named(self, name: str) -> RecordFile:
        found = self._origin.places.skill_named(name)
        return RecordFile(SKILL, name, "", "") if found is None else found

    def _skill(self, call_id: str, body: str | None) -> UsageEvent:
        thread, record, at_ns = self._skills.pop(call_id)
        snapshot = self._sizes.snapshot(record, None, size(body))
        return thread.used(at_ns, snapshot, UsageSource.WORKFLOW_INVOKE, call_id, call_id=call_id)

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
                self._typed[thread.segment_id] = _Typed(
                    thread, name, self._prompt_key(line, thread), at_ns
                )
            return
        source = text(line, "sourceToolUseID")
        if source is not None:
            if source in self._skills:
                yield self._skill(source, said)
        elif said.startswith((_SKILL_BODY, _AGAIN)):
            command = self._typed.pop(thread.segment_id, None)
            if command is not None and command.key is not None:
                record = self._named(command.name)
                yield command.thread.used(
                    command.at_ns,
                    self._sizes.snapshot(record, None, size(said)),
                    UsageSource.WORKFLOW_INVOKE,
                    command.key,
                    by_user=True,
                )

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
        match at(attachment, "type"):
            case "file" if not self._compacted:
                yield from self._mentioned(attachment, thread, key, at_ns, line)
            case "nested_memory" if not self._hooked.exposed(thread.segment_id):
                yield from self._loaded(attachment, thread, key, at_ns)
            case "skill_listing" if not self._hooked.exposed(thread.segment_id):
                for name, length in _listing(attachment).items():
                    snapshot = self._sizes.snapshot(self._named(name), None, length)
                    yield thread.exposed(at_ns, snapshot, key)
            case "invoked_skills":
                skills = at(attachment, "skills")
                for skill in skills if isinstance(skills, list) else ():
                    called = skill_name(text(skill, "name"))
                    if called is not None:
                        length = size(at(skill, "content"))
                        snapshot = self._sizes.snapshot(self._named(called), None, length)
                        yield thread.exposed(at_ns, snapshot, key)

    def _loaded(
        self, attachment: object, thread: Session, key: str, at_ns: int
    ) -> Iterator[UsageEvent]:
        path = text(attachment, "path")
        if path is None:
            return
        record = self._origin.places.instructions_at(self._origin.here(path))
        if record is not None:
            loaded = size(at(attachment, "content", "content"))
            differs = at(attachment, "content", "contentDiffersFromDisk") is True
            snapshot = self._sizes.snapshot(record, None if differs else loaded, loaded)
            yield thread.exposed(at_ns, snapshot, key)

    def _mentioned(
        self, attachment: object, thread: Session, key: str, at_ns: int, line: Line
    ) -> Iterator[UsageEvent]:
        path = text(attachment, "filename")
        record = None if path is None else self._origin.record(path, text(line, "cwd"))
        if record is not None:
            whole, read = _read(at(attachment, "content"))
            known = whole if record.named == record.file else None
            snapshot = self._sizes.snapshot(record, known, read)
            yield thread.used(at_ns, snapshot, UsageSource.KNOWLEDGE_REF, key, by_user=True)


def _original(line: Line) -> Line:
    """A line as it stood in the session that a fork copied it from: what it tells of was there."""
    session, uuid = text(line, "forkedFrom", "sessionId"), text(line, "forkedFrom", "messageUuid")
    if session is None or uuid is None:
        return line
    return {**line, "sessionId": session, "uuid": uuid}


def _agent(line: Line) -> str | None:
    return text(line, "agentId") if line.get("isSidechain") is True else None


def _failed(line: Line, block: object, result: object) -> bool:
    """Whether a call failed or was refused, in the ways that versions have said it."""
    if at(block, "is_error") is True or text(line, "toolDenialKind") is not None:
        return True
    return at(result, "success") is False or (
        isinstance(result, str) and result.startswith("Error")
    )


def _showed(result: object) -> bool:
    """Whether a shell showed anything, as far as the transcript says."""
    return at(result, "stdout") != "" and at(result, "backgroundTaskId") is None


def _kept(tool: str, tool_input: object) -> str | None:
    """Of a call's input what is needed when its result comes."""
    match tool:
        case "Read":
            return text(tool_input, "file_path")
        case "Skill":
            return text(tool_input, "skill")
        case "Bash":
            command = at(tool_input, "command")
            if at(tool_input, "run_in_background") is True or not isinstance(command, str):
                return None
            return command[: 64 * 1024]
        case _:
            return None


def _read(result: object) -> tuple[int | None, int | None]:
    """The size of the whole file, where it was shown whole, and the bytes shown."""
    shown = size(at(result, "file", "content"))
    if at(result, "type") != "text" or shown is None:
        return None, None
    number, total = at(result, "file", "numLines"), at(result, "file", "totalLines")
    cut = at(result, "file", "truncatedByTokenCap")
    whole = isinstance(number, int) and number == total and not cut
    return (shown if whole else None), shown


def _listing(attachment: object) -> dict[str, int | None]:
    """The skills that a listing names, and the bytes of each in it."""
    content = at(attachment, "content")
    found: dict[str, int | None] = {}
    if isinstance(content, str):
        for name, description in _LISTED.findall(content):
            if skill_name(name) is not None:
                found[name] = size(f"{name}: {description}")
    names = at(attachment, "names")
    if not isinstance(names, list) or not names:
        return found
    listed = [skill_name(name) for name in names if isinstance(name, str)]
    return {name: found.get(name) for name in listed if name is not None}


def _sizes(path: str) -> Sizes:
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
    for block in content if isinstance(content, list) else ():
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
