"""The rollouts of Codex → events (versions 0.104 to 0.169; the format is the host's own)."""

import os
import re
from collections.abc import Iterator

from ctxuse.events import UsageEvent
from ctxuse.files import what_happened
from ctxuse.hosts.bounded import most_in, paid
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.codex.commands import Commands
from ctxuse.hosts.codex.context import placed
from ctxuse.hosts.codex.forks import Parents, Stamps, first
from ctxuse.hosts.codex.history import Fork, too_much
from ctxuse.hosts.codex.lines import Item, Line, Payload, payload_of
from ctxuse.hosts.codex.messages import Message, replacing
from ctxuse.hosts.codex.requested import Requested
from ctxuse.hosts.codex.tools import said
from ctxuse.hosts.growth import Growth
from ctxuse.hosts.jsonlines import Lines, held
from ctxuse.hosts.kept import Kept, Stamping
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.rests import Reader, reading
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Head, Rest, Told, when

_KNOWN = frozenset({
    "compacted", "event_msg", "response_item", "session_meta", "token_usage_record",
    "turn_context", "world_state",
})  # fmt: skip
_MENTION = re.compile(r"\A\s*<skill>\s*<name>([^<]{1,256})</name>\s*<path>([^<]{1,4096})</path>")
_MOST_INHERITED = 1_000
"""Records that stand in a fork from its beginning; a rollout of a few bytes may be one."""

_REPLAYED_NS = 100_000_000
"""So long after the parent's first line a fork or child of older versions repeats its history."""

_lines = Lines(Line)


class _Kept(Kept):
    def stamping(self) -> Stamping:
        """As of `Kept`."""
        return Stamps().of


KEPT = _Kept()


def head(path: str) -> Head:
    """Return what a rollout says of its session: on the first line that does.

    Raises:
        OSError: The file cannot be read.
    """
    line = first(path)
    payload = payload_of(line)
    thread = _thread(payload)
    if thread is None:
        return Head(text(payload.cwd))
    nested = thread.actor == "subagent"
    return Head(text(payload.cwd), thread.segment_id, text(line.timestamp), nested)


class _Reader(Reader[Line]):
    def __init__(self, path: str, places: Places, told: Told, rest: Rest) -> None:
        self._entered = Growth(rest.samples)
        super().__init__(_lines, path, told, self._entered.samples)
        began = payload_of(first(path))
        self._origin = Origin.of_transcript(places, text(began.cwd))
        self._places = places
        has_begun, replay_ns = rest.noted.get("begun") == 1, rest.noted.get("replay")
        self._thread: Session | None = _thread(began) if has_begun else None
        self._commands = Commands(self._origin, told, self._calls, rest.directory)
        self._replay_ns = replay_ns if isinstance(replay_ns, int) else None
        self._requested = Requested(told, rest.noted)

    @property
    def rests(self) -> bool:
        return self._commands.none_open

    def rest(self, offset: int) -> Rest:
        noted = {
            **self._requested.noted,
            "begun": int(self._thread is not None),
            "replay": self._replay_ns,
        }
        directory = self._commands.directory
        return Rest(offset, samples=self.samples, directory=directory, noted=noted)

    def end_open(self) -> None:
        self._commands.end_all()

    def read(self, line: Line) -> None:
        kind = text(line.type)
        if kind not in _KNOWN:
            self._told.not_understood.saw(kind or "(no type)")
            return
        payload = payload_of(line)
        if kind == "session_meta":
            self._begins(line, payload)
        if kind in {"session_meta", "turn_context"}:
            self._commands.directory = text(payload.cwd) or self._commands.directory
            self._requested.model = text(payload.model) or self._requested.model
        elif self._thread is not None and not self._is_replayed(line):
            self._item(kind, line, payload, self._thread)

    def _begins(self, line: Line, payload: Payload) -> None:
        """The first such line is of the rollout; another one stands before a parent's history."""
        if self._thread is not None:
            self._replay_ns = when(line.timestamp)
            return
        self._thread = _thread(payload)
        if self._thread is not None and self._thread.actor == "agent":
            self._told.began(self._thread, line.timestamp, answered=False)
            self._inherit(payload, self._thread, when(line.timestamp))

    def _inherit(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """Tell of what stands in a fork from its beginning."""
        fork = Fork.of(payload)
        if fork is None or at_ns is None:
            return
        number = 0
        try:
            parents = self._places.keep(Parents)
            for message in parents.passed_on(os.path.abspath(self._path), fork):
                key = f"{message.key} {thread.segment_id}"
                for event in self._standing(message, key, thread, at_ns):
                    number += 1
                    if number > _MOST_INHERITED:
                        raise too_much(f"{_MOST_INHERITED:,} records")
                    self._told.happened([event], key=key, unless_exposed=True)
        except OSError as error:
            self._told.summary.lacks = f"what it begins with: {what_happened(error)}"

    def _is_replayed(self, line: Line) -> bool:
        """Whether a line repeats the history of the parent, whose own rollout tells of that."""
        if self._replay_ns is None:
            return False
        at_ns = when(line.timestamp)
        if at_ns is None or at_ns - self._replay_ns <= _REPLAYED_NS:
            return True
        self._replay_ns = None
        return False

    def _item(self, kind: str, line: Line, payload: Payload, thread: Session) -> None:
        match kind:
            case "response_item":
                self._requested.item(payload, when(line.timestamp))
                self._of_history(line, payload, thread)
            case "event_msg":
                self._event(payload, thread, when(line.timestamp))
            case "token_usage_record":
                self._entered.answered(at(payload.usage, "input_tokens"))
                self._requested.recorded(payload, thread, when(line.timestamp))
            case "compacted":
                self._told.of_compaction(thread, when(line.timestamp))
                self._replaced(payload, thread, when(line.timestamp))

    def _of_history(self, line: Line, payload: Payload, thread: Session) -> None:
        """What the model is handed, and what it answers."""
        match payload.type:
            case "message":
                self._message(line, payload, thread)
                return
            case "function_call" | "custom_tool_call" | "local_shell_call":
                if (at_ns := when(line.timestamp)) is not None:
                    self._commands.called(payload, thread, at_ns)
            case "function_call_output" | "custom_tool_call_output":
                self._commands.returned(payload, thread, when(line.timestamp))
            case "reasoning":
                self._answered(line, thread)
        self._entered.entered(_length_of(payload, None))

    def _event(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """What the host tells of what has happened."""
        match payload.type:
            case "exec_command_end":
                self._commands.ended(payload, thread, at_ns)
            case "item_completed" if isinstance(payload.item, Item):
                self._commands.completed(payload, payload.item, thread, at_ns)
            case "mcp_tool_call_end":
                if at_ns is not None:
                    worked = at(held(payload.result), "Ok") is not None
                    self._commands.of_server(payload.call_id, thread, worked=worked)
            case "token_count":
                if self._requested.counted(payload, thread, at_ns):
                    usage = at(payload.info, "last_token_usage")
                    self._entered.answered(at(usage, "input_tokens"))

    def _answered(self, line: Line, thread: Session) -> None:
        self._told.began(thread, line.timestamp, answered=True)

    def _message(self, line: Line, payload: Payload, thread: Session) -> None:
        message, at_ns = Message.of(payload), when(line.timestamp)
        self._entered.entered(_length_of(payload, message.content))
        if message.role in {None, "assistant"}:
            self._answered(line, thread)
        elif at_ns is not None:
            key = message.key or f"{thread.segment_id} {text(line.timestamp)}"
            self._stands(message, key, thread, at_ns)
            if message.role == "user":
                self._mentions(message, line, thread, at_ns)

    def _stands(self, message: Message, key: str, thread: Session, at_ns: int) -> None:
        """Tell of what stands in a context from the beginning of it."""
        events = self._standing(message, key, thread, at_ns)
        self._told.happened(events, key=key, unless_exposed=True)

    def _standing(
        self, message: Message, key: str, thread: Session, at_ns: int
    ) -> Iterator[UsageEvent]:
        for body, kind in message.parts():
            stands = placed(body, kind, message.role, self._origin)
            for record, length in paid(stands, most_in(len(body)), self._told.not_understood):
                snapshot = self._origin.snapshot(record, at_ns, None, length)
                yield thread.exposure([snapshot], at_ns, key)

    def _replaced(self, payload: Payload, thread: Session, at_ns: int | None) -> None:
        """The history that a compaction leaves holds anew what stands at its beginning."""
        self._entered.begins_anew()
        if at_ns is not None:
            for message in replacing(payload, at_ns):
                self._stands(message, str(message.key), thread, at_ns)

    def _mentions(self, message: Message, line: Line, thread: Session, at_ns: int) -> None:
        """Skills that the user named with ``$skill``: the body of each is a message of its own."""
        for block in items(message.content):
            body = at(block, "text")
            mention = _MENTION.match(body) if isinstance(body, str) else None
            name = skill_name(mention[1].strip()) if mention else None
            if mention is None or name is None:
                continue
            formerly = f"mention:{text(line.timestamp)}"
            call = Call(
                thread,
                "skill",
                name,
                formerly if message.turn is None else f"mention:{message.turn}",
                by_user=True,
                directory=self._commands.directory,
                at_ns=at_ns,
                files=(mention[2].strip(),),
                context_bytes=size(body),
            )
            self._told.mentioned(uses(call, self._origin), call.key, formerly)


read, read_on = reading(_Reader)


def _length_of(payload: Payload, content: object) -> int:
    """The bytes that the next response takes in of an item: of a message those of its parts."""
    match payload.type:
        case "message":
            return sum(size(at(part, "text")) or 0 for part in items(content))
        case "function_call" | "custom_tool_call":
            return size(payload.arguments or payload.input) or 0
        case "function_call_output" | "custom_tool_call_output":
            return size(said(payload.output)) or 0
    return 0


def _thread(payload: Payload) -> Session | None:
    own = text(payload.id)
    session = text(payload.session_id) or own
    if session is None:
        return None
    nested = own is not None and own != session
    return Session.named(NAME, session, own if nested else None)
