"""The sessions in OpenCode's database → events (version 1.18; the format is the host's own)."""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.growth import Growth
from ctxuse.hosts.jsonlines import Else, OnRead
from ctxuse.hosts.kept import Kept, Stamp, Stamping
from ctxuse.hosts.lookup import at, size, text
from ctxuse.hosts.opencode import NAME
from ctxuse.hosts.opencode.database import Row, opened
from ctxuse.hosts.opencode.entered import exposures, mention
from ctxuse.hosts.opencode.tools import answered, bytes_shown, ns_of, tool_call
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import MOST_SAMPLES, Head, Rest, Told, measured
from ctxuse.remembered import digest
from ctxuse.times import format_ns


class Message(msgspec.Struct):
    """What is asked for of a message; takes whatever stands there."""

    role: object = None
    agent: object = None
    model: object = msgspec.field(default=None, name="modelID")
    time: object = None


class Part(msgspec.Struct):
    """What is asked for of a part of a message, likewise."""

    type: object = None
    tool: object = None
    call: object = msgspec.field(default=None, name="callID")
    state: object = None
    text: object = None
    url: object = None
    tokens: object = None


_message = msgspec.json.Decoder(Message | Else).decode
_part = msgspec.json.Decoder(Part | Else).decode

_OF_PARTS = frozenset({
    "agent", "compaction", "file", "patch", "reasoning", "retry", "snapshot", "step-finish",
    "step-start", "subtask", "text", "tool",
})  # fmt: skip
_BY_USER = "The following tool was executed by the user"
"""What the host says for the user before a command that the user typed (``!cat``)."""

_DONE = frozenset({"completed", "error"})


class _Kept(Kept):
    """One database holds the sessions of all projects: the path of one is its id below the file.

    What `Rest.offset` counts are messages.
    """

    def inside(self, path: str) -> list[str]:
        """As of `Kept`."""
        with opened(path) as database:
            return [os.path.join(path, session) for session in database.sessions()]

    def stamping(self) -> Stamping:
        """As of `Kept`."""
        return _stamp

    def size(self, path: str) -> int:
        """As of `Kept`: as if the sessions shared the file equally."""
        file = os.path.dirname(path)
        try:
            status = os.stat(file)
            return status.st_size // (_sessions_in(file, status.st_size, status.st_mtime_ns) or 1)
        except OSError:
            return 0

    def length(self, path: str) -> int:
        """As of `Kept`."""
        with opened(os.path.dirname(path)) as database:
            return len(database.messages(os.path.basename(path)))

    def mark(self, path: str, offset: int) -> str:
        """As of `Kept`: a hash of the ids of the messages."""
        with opened(os.path.dirname(path)) as database:
            names = database.messages(os.path.basename(path))[:offset]
        return digest("\n".join(names).encode())


KEPT = _Kept()


def _stamp(path: str) -> Stamp | None:
    try:
        with opened(os.path.dirname(path)) as database:
            return database.stamp(os.path.basename(path))
    except OSError:
        return None


@lru_cache(maxsize=4)
def _sessions_in(file: str, *_as_it_is: int) -> int:
    """How many sessions there are in a database; asked once while it is as it is."""
    with opened(file) as database:
        return database.number()


def head(path: str) -> Head:
    """Return what is said of a session.

    Raises:
        OSError: It cannot be read.
    """
    thread, began_in, began_ns = _begun(path)
    at_time = None if began_ns is None else format_ns(began_ns)
    return Head(began_in, thread.segment_id, at_time, thread.actor == "subagent")


def read(path: str, places: Places, told: Told, on_read: OnRead | None = None) -> None:
    """Tell what a session tells.

    Raises:
        OSError: It cannot be read.
    """
    _Reader(path, places, told, Rest()).read_on(None)
    if on_read is not None:
        on_read(KEPT.size(path))


def read_on(path: str, places: Places, told: Told, rest: Rest, most: int) -> Rest:
    """Tell what a session tells from a rest on, about `most` bytes, and return the next one.

    Raises:
        OSError: It cannot be read.
    """
    return _Reader(path, places, told, rest).read_on(most)


def _begun(path: str) -> tuple[Session, str | None, int | None]:
    """The session, the directory in which it began, and when."""
    session = os.path.basename(path)
    with opened(os.path.dirname(path)) as database:
        row = database.session(session)
    thread = Session.named(NAME, row.root, None if row.root == session else session)
    return thread, text(row.directory), ns_of(row.began_ms)


class _Reader:
    def __init__(self, path: str, places: Places, told: Told, rest: Rest) -> None:
        self._path = path
        self._told = told
        self._rest = rest
        self._thread, self._began_in, self._began_ns = _begun(path)
        self._origin = Origin.of_transcript(places, self._began_in)
        self._entered = Growth(rest.samples)
        self._read = 0
        self._open: dict[str, None] = {}
        self._begun_ns: int | None = None
        self._inherited_ns: int | None = None
        self._said: object = None
        self._shown: int | None = None
        self._is_typed = False

    def read_on(self, most: int | None) -> Rest:
        """Read on, to the end where `most` is None; and return the next rest."""
        number, rest = self._rest.offset, self._rest
        with opened(os.path.dirname(self._path)) as database:
            for name in database.messages(os.path.basename(self._path))[number:]:
                number += 1
                row = database.message(name)
                message = self._decoded(row, _message)
                parts = map(database.part, database.parts(name))
                if isinstance(message, Message) and self._message(message, row, parts):
                    rest = Rest(number, samples=self._entered.samples[-MOST_SAMPLES:])
                    self._told.rested()
                if most is not None and self._read > most:
                    break
        self._told.finish(self._open, measured(self._entered.samples))
        return rest

    def _decoded(self, row: Row, decode: Callable[[bytes], object]) -> object:
        """What a row holds; None for what is not understood, which is counted."""
        self._read += len(row.data or b"")
        try:
            found = None if row.data is None else decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, Message | Part):
            self._told.not_understood.saw("(no JSON)")
        return found

    def _message(self, message: Message, row: Row, parts: Iterator[Row]) -> bool:
        """Take in a message, and say whether it is done and no call of it is open."""
        is_answer, at_ns = message.role == "assistant", ns_of(row.created_ms)
        if self._thread.actor == "subagent" and (kind := text(message.agent, longest=256)):
            self._thread = self._thread._replace(agent_type=kind)
        is_before = at_ns is not None and at_ns < (self._began_ns or 0)
        self._inherited_ns = self._began_ns if is_before else None
        if at_ns is not None and not is_before:
            self._told.began(self._thread, format_ns(at_ns), answered=is_answer)
        self._begun_ns, self._said, self._shown = None, None, None
        open_before = len(self._open)
        for part_row in parts:
            part = self._decoded(part_row, _part)
            if isinstance(part, Part):
                self._part(part, part_row, message, is_answer=is_answer)
        if not is_answer:
            self._is_typed = self._said == _BY_USER
        is_done = not is_answer or at(message.time, "completed") is not None
        return is_done and len(self._open) == open_before

    def _part(self, part: Part, row: Row, message: Message, *, is_answer: bool) -> None:
        """Take in a part of a message.

        A fork begins with the messages of the session before it, which tells of them: what was put
        into that context stands in this one, too, from its beginning on.
        """
        at_ns = ns_of(row.created_ms)
        self._begun_ns = at_ns if self._begun_ns is None else self._begun_ns
        match part.type:
            case "tool" if self._inherited_ns is not None:
                self._inherited(part, self._inherited_ns)
            case "tool":
                self._called(part)
            case "compaction" if self._inherited_ns is None:
                # what sums the history up has a prompt of its own: nothing stands any more
                self._told.of_compaction(self._thread, at_ns)
                self._entered.begins_anew()
            case "step-finish" if self._inherited_ns is None:
                self._requested(message, part, row.id, at_ns)
                self._begun_ns = None
            case "text":
                self._said, self._shown = part.text, bytes_shown(part.text)
                self._entered.entered(size(part.text) or 0)
            case "file" if not is_answer and at_ns is not None and self._inherited_ns is None:
                self._mentioned(part, row.id, at_ns)
            case _ if (kind := text(part.type)) not in _OF_PARTS:
                self._told.not_understood.saw(kind or "(no type)")

    def _called(self, part: Part) -> None:
        """A call of a tool, with its answer where there is one."""
        call_id = text(part.call, longest=256)
        if call_id is None:
            return
        key = self._thread.call_key(call_id)
        status = text(part.state, "status")
        if status not in _DONE:
            self._open[key] = None
            return
        output = at(part.state, "output") if status == "completed" else at(part.state, "error")
        self._entered.entered(size(output) or 0)
        if not self._told.first_answer(key):
            return
        arguments, metadata = at(part.state, "input"), at(part.state, "metadata")
        call = tool_call(self._thread, text(part.tool), arguments, call_id, self._began_in)
        call = call and call._replace(by_user=self._is_typed)
        at_ns = ns_of(at(part.state, "time", "end"))
        if status == "error" or call is None or at_ns is None:
            self._told.answered(key, failed=status == "error", no_record=status != "error")
            return
        answer = answered(call, output, metadata, at_ns)
        self._told.ended(key, [] if answer is None else uses(answer, self._origin))
        stood = exposures(call._replace(at_ns=at_ns), output, metadata, self._origin)
        self._told.happened(stood, of=key, key=key)

    def _inherited(self, part: Part, at_ns: int) -> None:
        """A call that was made before this session forked."""
        call_id, metadata = text(part.call, longest=256), at(part.state, "metadata")
        if call_id is not None and at(metadata, "loaded"):
            key = f"{self._thread.call_key(call_id)} {self._thread.segment_id}"
            call = Call(self._thread, "read", "", key, at_ns=at_ns)
            stood = exposures(call, at(part.state, "output"), metadata, self._origin)
            self._told.happened(stood, key=key)

    def _mentioned(self, part: Part, name: str, at_ns: int) -> None:
        """A file that the user named: its text stands before it."""
        call = mention(self._thread, part.url, self._shown, name, at_ns)
        if call is not None:
            self._told.happened(uses(call, self._origin), key=call.key)

    def _requested(self, message: Message, part: Part, name: str, at_ns: int | None) -> None:
        """A request that was answered, and what it took in."""
        cached, written = (tokens(at(part.tokens, "cache", one)) for one in ("read", "write"))
        total = tokens(at(part.tokens, "input")) + cached + written
        at_ns = self._begun_ns or at_ns
        if not total or at_ns is None:
            return
        response = Responded(
            self._thread.segment_id,
            name,
            at_ns,
            total,
            tokens(at(part.tokens, "output")) + tokens(at(part.tokens, "reasoning")),
            cached,
            written,
            text(message.model, longest=256),
            agent_type=self._thread.agent_type,
        )
        self._told.of_requests(response)
        self._entered.answered(total)
