"""The transcripts of Claude Code → events (versions 2.0 to 2.1; the format is the host's own)."""

import os
import re
from collections.abc import Iterator

import msgspec

from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.claude_code.accounting import Accounting
from ctxuse.hosts.claude_code.announced import added, deferred, listing, standing
from ctxuse.hosts.claude_code.lines import Block, Line, Message, Nested, Outcome, Start, Usage
from ctxuse.hosts.claude_code.tools import (
    answered,
    answered_in_failure,
    bytes_shown,
    failed,
    tool_call,
)
from ctxuse.hosts.jsonlines import START, Else, Lines, held
from ctxuse.hosts.lookup import at, items, name, size, stored, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import COMMAND, MCP, SKILL_FILE, RecordFile, skill_name
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.rests import Reader, reading
from ctxuse.hosts.session import Session, prompt_key
from ctxuse.hosts.transcripts import Head, Rest, Told, when

_QUIET = frozenset({
    "agent-name", "ai-title", "atis-latch", "bridge-session", "custom-title",
    "file-history-snapshot", "frame-link", "last-prompt", "mode", "permission-mode", "pr-link",
    "queue-operation", "relocated", "result", "started", "summary", "system", "worktree-state",
})  # fmt: skip
"""Types of lines that tell of no record."""

_SKILL_BODY = "Base directory for this skill: "
_AGAIN = "(Re-invocation of "
_TYPED = re.compile(r"<command-name>/([^<\s]{1,256})</command-name>")

_AGENT_FILE = re.compile(r"^(?:agent-([\w-]+)\.jsonl|.*)$", re.DOTALL)
_SIDECHAIN = "sidechain"
"""Stands for the sub-agent in transcripts that do not say which it is."""

_lines = Lines(Line)
_starts = Lines(Start, START)
_brief = msgspec.json.Decoder(Outcome | Else).decode


def head(path: str) -> Head:
    """Return what the first lines of a transcript say: those up to the first with a directory.

    Raises:
        OSError: The file cannot be read.
    """
    for line in _starts.read(path):
        directory = text(line.cwd)
        if directory is not None:
            nested = line.isSidechain is True
            return Head(directory, text(line.sessionId), text(line.timestamp), nested)
    return Head()


def _agent_type(path: str) -> str | None:
    """The kind of the sub-agent that a transcript is of: a file beside it says it."""
    stem = path.removesuffix(".jsonl")
    return name(stored(f"{stem}.meta.json"), "agentType") if stem != path else None


class _Reader(Reader[Line]):
    def __init__(self, path: str, places: Places, told: Told, rest: Rest) -> None:
        self._entered = Accounting(rest.samples)
        super().__init__(_lines, path, told, self._entered.samples)
        self._origin = Origin.of_transcript(places, head(path).directory)
        self._agent_type = _agent_type(path)
        self._agent = _AGENT_FILE.sub(r"\1", os.path.basename(path)) or _SIDECHAIN
        self._skills: dict[str, Call] = {}
        """Skills that were called, by the id of the call, until their body enters."""
        self._typed: dict[str, tuple[Call, bool]] = {}
        """By segment what the user typed last, until a body shows that it is a skill; and whether
        a hook would have told of it by the id of the prompt."""
        self._compacted = rest.compacted
        self._names: tuple[object, object, bool] = (None, None, False)
        self._thread: Session | None = None

    @property
    def rests(self) -> bool:
        return not (self._calls or self._skills or self._typed)

    def rest(self, offset: int) -> Rest:
        return Rest(offset, self._compacted, self.samples)

    def read(self, line: Line) -> None:
        self._entered.add(line)
        if line.forkedFrom is not None:
            _as_original(line)
        kind, thread = text(line.type), self._thread_of(line)
        if kind in {"assistant", "user"} and thread is not None:
            self._told.began(thread, line.timestamp, answered=kind == "assistant")
            self._message(line, thread)
            if kind == "assistant":
                self._responded(line, thread)
        elif kind == "progress":
            self._nested(line, text(line.sessionId))
        elif kind == "attachment" and thread is not None:
            self._attachment(line, thread)
        elif kind not in _QUIET:
            self._told.not_understood.saw(kind or "(no type)")
        if line.subtype == "compact_boundary" or line.isCompactSummary is True:
            self._compacted = True
        if line.subtype == "compact_boundary" and thread is not None:
            self._told.of_compaction(thread, when(line.timestamp))

    def end_open(self) -> None:
        for key, call in self._skills.items():
            self._skill(call, None, key)

    def give_up(self) -> None:
        super().give_up()
        self._skills.clear()
        self._typed.clear()

    def _thread_of(self, line: Line) -> Session | None:
        """Whose doing a line is; mostly the same as on the line before."""
        names = line.sessionId, line.agentId, line.isSidechain is True
        if names != self._names:
            self._names, session = names, text(line.sessionId)
            agent = text(line.agentId) or self._agent if line.isSidechain is True else None
            kind = self._agent_type
            self._thread = None if session is None else Session.named(NAME, session, agent, kind)
        return self._thread

    def _responded(self, line: Line, thread: Session) -> None:
        """A part of a response: each has the tokens of the request, and of the response so far."""
        message = line.message if isinstance(line.message, Message) else None
        usage, at_ns = message and message.usage, when(line.timestamp)
        if message is None or not isinstance(usage, Usage) or at_ns is None:
            return
        cached = tokens(usage.cache_read_input_tokens)
        written = tokens(usage.cache_creation_input_tokens)
        whole = tokens(usage.input_tokens) + cached + written
        key = text(message.id) or text(line.uuid)
        if whole and key is not None and line.isApiErrorMessage is not True:
            self._told.of_requests(
                Responded(
                    thread.segment_id,
                    key,
                    at_ns,
                    whole,
                    tokens(usage.output_tokens),
                    cached,
                    written,
                    text(message.model),
                    agent_type=thread.agent_type,
                )
            )

    def _nested(self, line: Line, session: str | None) -> None:
        """A line that repeats one of a sub-agent in the transcript of its parent."""
        data = line.data
        if not isinstance(data, Nested) or not isinstance(data.message, Line):
            return
        inner, agent = data.message, text(data.agentId)
        if session and agent:
            inner.cwd = line.cwd if inner.cwd is msgspec.UNSET else inner.cwd
            if inner.timestamp is msgspec.UNSET:
                inner.timestamp = line.timestamp
            self._message(inner, Session.named(NAME, session, agent))

    def _message(self, line: Line, thread: Session) -> None:
        content = line.message.content if isinstance(line.message, Message) else None
        if isinstance(content, str):
            self._text(line, thread, content)
            return
        for block in content if isinstance(content, list) else ():
            if not isinstance(block, Block):
                continue
            match block.type:
                case "tool_use":
                    call_id, tool = text(block.id), text(block.name)
                    if call_id and tool:
                        directory = text(line.cwd)
                        call = tool_call(thread, tool, block.input, call_id, directory)
                        self._calls[thread.call_key(call_id)] = call
                case "tool_result":
                    self._result(line, block, thread)
                case "text":
                    if line.type == "user" and isinstance(block.text, str):
                        self._text(line, thread, block.text)

    def _result(self, line: Line, block: Block, thread: Session) -> None:
        call_id = text(block.tool_use_id)
        key = None if call_id is None else thread.call_key(call_id)
        if key is None or key not in self._calls:
            return
        call = self._calls.pop(key)
        if not self._told.first_answer(key):
            return
        response = _outcome(line.toolUseResult) if call is None else held(line.toolUseResult)
        at_ns = when(line.timestamp)
        if _failed(line, block, response):
            self._told.ended(key, self._failed(call, block, at_ns), failed=True)
            return
        answer = None if call is None or at_ns is None else answered(call, response, at_ns)
        if answer is not None and answer.tool == "skill":
            self._skills[key] = answer
            self._told.answered(key)
            return
        self._told.ended(key, [] if answer is None else uses(answer, self._origin))

    def _failed(self, call: Call | None, block: Block, at_ns: int | None) -> list[UsageEvent]:
        """What a call that failed had shown before."""
        if call is None or at_ns is None:
            return []
        answer = answered_in_failure(call, _said(block.content), at_ns)
        return [] if answer is None else uses(answer, self._origin)

    def _skill(
        self, call: Call, body: str | None, of: str | None = None, **conditions: bool
    ) -> None:
        """The use of a skill, with the body that entered; None where it is not told.

        A body begins with the directory of the skill, whatever it was called by. It counts under
        conditions, which are as for `Told.happened`, like `of`.
        """
        if body is not None and body.startswith(_SKILL_BODY):
            directory = body[len(_SKILL_BODY) :].partition("\n")[0].strip()
            call = call._replace(files=(f"{directory}/{SKILL_FILE}",))
        found = uses(call._replace(context_bytes=size(body)), self._origin)
        self._told.happened(found, of=of, key=call.key, **conditions)

    def _text(self, line: Line, thread: Session, said: str) -> None:
        """A text of the user's side: a typed command, or the body of a skill."""
        if line.type != "user":
            return
        if line.isMeta is not True:
            typed = _TYPED.search(said) if said.lstrip().startswith("<command-") else None
            self._typed.pop(thread.segment_id, None)
            self._compacted = self._compacted and (
                line.isCompactSummary is True or _is_of_compaction(said)
            )
            name = skill_name(typed[1]) if typed else None
            at_ns = None if name is None else when(line.timestamp)
            if name is not None and at_ns is not None:
                prompt = text(line.promptId)
                key = text(line.uuid) if prompt is None else prompt_key(prompt)
                self._typed[thread.segment_id] = (
                    Call(thread, "skill", name, key, by_user=True, at_ns=at_ns),
                    prompt is not None,
                )
            return
        source = text(line.sourceToolUseID)
        if source is not None:
            key = thread.call_key(source)
            if key in self._skills:
                self._skill(self._skills.pop(key), said, key)
        elif said.startswith((_SKILL_BODY, _AGAIN)) or self._is_of_command(thread, said):
            command, has_prompt = self._typed.pop(thread.segment_id, (None, False))
            if command is not None and command.key is not None:
                # hooks of versions that gave prompts no id gave these uses ids of their own
                self._skill(command, said, unless_typed=True, unless_exposed=not has_prompt)

    def _is_of_command(self, thread: Session, said: str) -> bool:
        """Whether a text may be the body of the command that was typed before it."""
        typed, _ = self._typed.get(thread.segment_id, (None, False))
        is_one = typed is not None and self._origin.skill(typed.subject).kind == COMMAND
        return is_one and not said.startswith("<")

    def _attachment(self, line: Line, thread: Session) -> None:
        key, at_ns = text(line.uuid), when(line.timestamp)
        if key is None or at_ns is None:
            return
        attachment = held(line.attachment)
        path = text(attachment, "filename")
        if at(attachment, "type") == "file" and path is not None and not self._compacted:
            file_bytes, context_bytes = bytes_shown(at(attachment, "content"))
            call = Call(thread, "mention", path, key, by_user=True, directory=text(line.cwd))
            call = call._replace(at_ns=at_ns, file_bytes=file_bytes, context_bytes=context_bytes)
            self._told.happened(uses(call, self._origin), key=key)
        # what is attached again after compaction neither hooks nor our MCP server tell of
        again = self._compacted and at(attachment, "type") == "mcp_instructions_delta"
        unless_exposed = not again and at(attachment, "type") != "invoked_skills"
        for record, file_bytes, context_bytes in self._resident(attachment):
            snapshot = self._origin.snapshot(record, at_ns, file_bytes, context_bytes)
            event = thread.exposure([snapshot], at_ns, key)
            self._told.happened([event], key=key, unless_exposed=unless_exposed)

    def _resident(self, attachment: object) -> Iterator[tuple[RecordFile, int | None, int | None]]:
        """Yield the records that an attachment made resident, the bytes of the file and of it."""
        match at(attachment, "type"):
            case "invoked_skills":
                for skill in items(attachment, "skills"):
                    name = skill_name(text(skill, "name"))
                    if name is not None:
                        yield self._origin.skill(name), None, size(at(skill, "content"))
            case "skill_listing":
                for name, length in listing(attachment).items():
                    yield self._origin.skill(name), None, length
            case "nested_memory":
                yield from self._loaded_below(attachment)
            case kind:
                yield from self._announced(kind, attachment)

    def _announced(
        self, kind: object, attachment: object
    ) -> Iterator[tuple[RecordFile, int | None, int | None]]:
        """Yield the agents, or what of ours in an MCP server's instructions, an attachment adds."""
        if kind == "agent_listing_delta":
            for agent, listed in added(attachment, "addedTypes", "addedLines"):
                if skill_name(agent) == agent:
                    yield self._origin.agent(agent), None, size(listed)
        elif kind == "mcp_instructions_delta":
            for server, block in added(attachment, "addedNames", "addedBlocks"):
                parts = [*standing(server, block)]
                for part in parts:
                    yield self._origin.own(part.kind, part.slug), None, size(part.text)
                if not parts and skill_name(server) == server:
                    yield RecordFile(MCP, server, "", ""), None, size(block)
        elif kind == "deferred_tools_delta":
            for server, length in deferred(attachment).items():
                yield RecordFile(MCP, f"{server}/tools", "", ""), None, length

    def _loaded_below(
        self, attachment: object
    ) -> Iterator[tuple[RecordFile, int | None, int | None]]:
        """Yield the instructions that were loaded with a file below them."""
        path = text(attachment, "path")
        where = None if path is None else self._origin.here(path)
        record = None if where is None else self._origin.places.instructions_at(where)
        if record is not None:
            loaded = size(at(attachment, "content", "content"))
            differs = at(attachment, "content", "contentDiffersFromDisk") is True
            yield record, None if differs else loaded, loaded


read, read_on = reading(_Reader)


def _is_of_compaction(said: str) -> bool:
    """Whether a text stands for a compaction that the user asked for, before what comes again."""
    begins = said[:1024].lstrip()
    is_command = begins.startswith("<command-") and "<command-name>/compact<" in begins
    return is_command or begins.startswith("<local-command-")


def _said(content: object) -> str | None:
    """The text of a result."""
    if isinstance(content, list):
        texts = [part.text for part in content if isinstance(part, Block)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def _as_original(line: Line) -> None:
    """Make a line as it stood in the session that a fork copied it from: there it happened."""
    session, uuid = text(line.forkedFrom, "sessionId"), text(line.forkedFrom, "messageUuid")
    if session is not None and uuid is not None:
        line.sessionId, line.uuid = session, uuid


def _outcome(result: msgspec.Raw) -> object:
    """Of a result that shows no record as much as says whether the call failed."""
    found = held(result, _brief)
    return {"success": found.success} if isinstance(found, Outcome) else found


def _failed(line: Line, block: Block, response: object) -> bool:
    """Whether a call failed or was refused, in the ways that versions have said it."""
    if block.is_error is True or text(line.toolDenialKind) is not None:
        return True
    return failed(response) or (isinstance(response, str) and response.startswith("Error"))
