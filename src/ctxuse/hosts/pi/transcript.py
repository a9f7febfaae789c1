"""The session files of Pi → events (version 3 of its format; what older ones hold is the same).

Entries form a tree, and each is told once, on however many branches it lies. A fork begins with
the entries of its parent, which happened there: of them only what stands in the system prompt is
told of the fork, too.
"""

import re
from collections.abc import Iterator
from itertools import chain

from ctxuse.hosts.bounded import BYTES_OF_ONE, paid
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.growth import Growth
from ctxuse.hosts.jsonlines import START, Lines, OnRead, Position, held
from ctxuse.hosts.lookup import at, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.pi import NAME
from ctxuse.hosts.pi.lines import Line, Message, parts, texts
from ctxuse.hosts.pi.prompt import SECTIONS, Placed, placed
from ctxuse.hosts.pi.tools import Result, answered, begins_at_start, tool_call
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Head, Told, measured, when

_QUIET = frozenset({
    "branch_summary", "context_edit", "custom", "custom_message", "label", "model_change",
    "session", "session_info", "thinking_level_change", "usage",
})  # fmt: skip
"""Types of lines that tell of no record."""

_FILE = re.compile(r'<file name="([^"\n]{1,4096})">(?:\n(.*?)\n|[^\n]*?)</file>\n', re.DOTALL)
"""A file that was named with ``@`` on the command line; an image has nothing in it, or a note."""

_SKILL = re.compile(
    r'<skill name="([^"\n]{1,256})" location="([^"\n]{1,4096})">\n.*?\n</skill>(?=\n\n|\Z)',
    re.DOTALL,
)
"""A skill that the user called with ``/skill:name``."""

_lines = Lines(Line)
_starts = Lines(Line, START)


def head(path: str) -> Head:
    """Return what a session file says of its session: on its first line.

    Raises:
        OSError: The file cannot be read.
    """
    line = _first(path)
    return Head(text(line.cwd), text(line.id), text(line.timestamp))


def read(path: str, places: Places, told: Told, on_read: OnRead | None = None) -> None:
    """Tell what a session file tells.

    Raises:
        OSError: The file cannot be read.
    """
    position = Position()
    reader = _Reader(_first(path), places, told, position)
    for line in _lines.read(path, told.not_understood, on_read, position):
        reader.read(line)
    reader.end()


def _first(path: str) -> Line:
    """The line that says whose the file is; one that says nothing where there is none."""
    return next((line for line in _starts.read(path) if line.type == "session"), Line())


class _Reader:
    """Tells what the lines of a session file tell."""

    def __init__(self, first: Line, places: Places, told: Told, position: Position) -> None:
        self._told = told
        self._position = position
        self._origin = Origin.of_transcript(places, text(first.cwd))
        session = text(first.id)
        self._session = None if session is None else Session.named(NAME, session, None)
        self._forked_ns = None if first.parentSession is None else when(first.timestamp)
        self._calls: dict[str, tuple[Call | None, bool]] = {}
        """Calls without a result so far, by key, and whether they ask for a file from its start."""
        self._prompt: dict[str, list[Placed]] = {}
        """What of records stands in the system prompt now, each once, by section."""
        self._due: set[str] = set()
        """The sections of it that are others, or in another context, since the last answer."""
        self._looked = 0
        """How many of the records in it were looked at in all."""
        self._stands: dict[tuple[str, str], str] = {}
        """What was told of that since the context began, by kind and slug."""
        self._growth = Growth()
        self._last: object = None

    def read(self, line: Line) -> None:
        """Take in a line."""
        kind, at_ns = text(line.type), when(line.timestamp)
        if line.parentId != self._last or kind in {"branch_summary", "compaction", "context_edit"}:
            self._growth.begins_anew()
        self._last = line.id
        if kind == "compaction" and isinstance(line.systemMessage, Message):
            self._patched(line.systemMessage)
        elif kind == "message" and isinstance(line.message, Message):
            if line.message.role == "system":
                self._patched(line.message)
        elif kind not in _QUIET:
            self._told.not_understood.saw(kind or "(no type)")
        is_own = at_ns is not None and (self._forked_ns is None or at_ns >= self._forked_ns)
        if self._session is None or at_ns is None or not is_own:
            return
        key = f"{self._session.segment_id} {text(line.id) or at_ns}"
        if kind == "compaction":
            self._stands.clear()
            self._due.update(self._prompt)
            self._told.of_compaction(self._session, at_ns)
        elif kind == "message" and isinstance(line.message, Message):
            self._message(line, line.message, self._session, at_ns, key)

    def end(self) -> None:
        """Take note that there are no more lines."""
        self._told.finish(self._calls, measured(self._growth.samples))

    def _message(
        self, line: Line, message: Message, session: Session, at_ns: int, key: str
    ) -> None:
        if message.role != "system":
            is_answer = message.role == "assistant"
            self._told.began(session, line.timestamp, answered=is_answer)
        match message.role:
            case "assistant":
                self._exposed(session, at_ns, key)
                self._responded(message, session, at_ns, key)
                self._called(message, session)
            case "toolResult":
                self._returned(message, session, at_ns)
            case "user":
                for said in texts(message):
                    self._growth.entered(size(said) or 0)
                    self._typed(said, session, at_ns, key)
            case "bashExecution" if message.excludeFromContext is not True:
                self._ran(message, session, at_ns, key)

    def _patched(self, message: Message) -> None:
        """Sections of the system prompt are others from now on; those that are null are gone."""
        sections = message.sections if isinstance(message.sections, dict) else {}
        for name, said in sections.items():
            if name not in SECTIONS:
                continue
            self._due.add(name)
            if isinstance(said, str):
                found: dict[tuple[str, str], Placed] = {}
                for one in placed(name, said, self._origin):
                    found.setdefault((one.record.kind, one.record.slug), one)
                self._prompt[name] = [*found.values()]
            else:
                self._prompt.pop(name, None)

    def _exposed(self, session: Session, at_ns: int, key: str) -> None:
        """Tell of what stood in the prompt of a request and was not told, or is another text now.

        That is known with the answer: what is only prepared may never be sent.
        """
        due = [some for section, some in self._prompt.items() if section in self._due]
        self._due.clear()
        most = self._position.offset // BYTES_OF_ONE - self._looked
        for record, said, is_whole in paid(chain(*due), most, self._told.not_understood):
            self._looked += 1
            name = record.kind, record.slug
            if self._stands.get(name) != said:
                self._stands[name] = said
                length = size(said)
                file_bytes = length if is_whole else None
                snapshot = self._origin.snapshot(record, at_ns, file_bytes, length)
                self._told.happened([session.exposure([snapshot], at_ns, key)], key=key)

    def _responded(self, message: Message, session: Session, at_ns: int, key: str) -> None:
        """A response, with the tokens of its request."""
        cached = tokens(at(message.usage, "cacheRead"))
        written = tokens(at(message.usage, "cacheWrite"))
        taken = tokens(at(message.usage, "input")) + cached + written
        if not taken:  # it failed before it was answered
            return
        self._growth.answered(taken)
        self._told.of_requests(
            Responded(
                session.segment_id,
                key,
                at_ns,
                taken,
                tokens(at(message.usage, "output")),
                cached,
                written,
                text(message.model),
            )
        )

    def _called(self, message: Message, session: Session) -> None:
        for part in parts(message):
            self._growth.entered(size(part.text) or 0)
            call_id = text(part.id)
            if part.type == "toolCall" and call_id is not None:
                self._growth.entered(len(bytes(part.arguments)))
                arguments = held(part.arguments)
                call = tool_call(session, text(part.name), arguments, call_id)
                self._calls[session.call_key(call_id)] = call, begins_at_start(arguments)

    def _returned(self, message: Message, session: Session, at_ns: int) -> None:
        call_id, said = text(message.toolCallId), "\n".join(texts(message))
        self._growth.entered(size(said) or 0)
        key = "" if call_id is None else session.call_key(call_id)
        if key not in self._calls:
            return
        call, from_start = self._calls.pop(key)
        if not self._told.first_answer(key):
            return
        failed = message.isError is True
        has_image = any(part.type == "image" for part in parts(message))
        result = Result(said, at_ns, failed, has_image, from_start)
        answer = None if call is None else answered(call, result)
        found = [] if answer is None else uses(answer, self._origin)
        self._told.ended(key, found, failed=failed)

    def _typed(self, said: str, session: Session, at_ns: int, key: str) -> None:
        """What the user handed over with a message, or called by it."""
        for call in (*_files(said, session, key), *_skills(said, session, key)):
            self._told.happened(uses(call._replace(at_ns=at_ns), self._origin), key=key)

    def _ran(self, message: Message, session: Session, at_ns: int, key: str) -> None:
        """What a command showed that the user ran with ``!``."""
        if isinstance(message.command, str) and isinstance(message.output, str):
            self._growth.entered(size(message.command + message.output) or 0)
            call = Call(session, "shell", message.command, key, by_user=True, at_ns=at_ns)
            failed = message.exitCode != 0
            call = call._replace(output=message.output, failed=failed)
            self._told.happened(uses(call, self._origin), key=key)


def _files(said: str, session: Session, key: str) -> Iterator[Call]:
    """The files with which a message begins."""
    found = _FILE.match(said)
    while found is not None:
        length = None if found[2] is None else size(found[2])
        call = Call(session, "mention", found[1], key, by_user=True)
        yield call._replace(file_bytes=length, context_bytes=length)
        found = _FILE.match(said, found.end())


def _skills(said: str, session: Session, key: str) -> Iterator[Call]:
    """The skill with which a message begins."""
    found = _SKILL.match(said)
    name = None if found is None else skill_name(found[1])
    if found is not None and name is not None:
        call = Call(session, "skill", name, key, by_user=True, files=(found[2],))
        yield call._replace(context_bytes=size(found[0]))
