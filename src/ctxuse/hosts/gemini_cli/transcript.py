"""The chats of Gemini CLI → events (version 0.61; the format is the host's own).

A line is a message as it is now: one of the model is told with the tokens of its request, and once
more with the results of its calls. Messages are set anew when a session is resumed, and when a
compaction leaves a summary of them.
"""

import os
import re
from itertools import pairwise
from typing import NamedTuple

from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.gemini_cli import NAME
from ctxuse.hosts.gemini_cli.context import BEGIN, BEGIN_OF_AGENT, discovered, placed
from ctxuse.hosts.gemini_cli.lines import Changed, Line
from ctxuse.hosts.gemini_cli.tools import ENDED, output, texts, tool_call
from ctxuse.hosts.growth import Growth
from ctxuse.hosts.jsonlines import START, Lines, held
from ctxuse.hosts.lookup import at, file_text, items, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.responses import Responded, tokens
from ctxuse.hosts.rests import Reader, reading
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Head, Rest, Told, when
from ctxuse.remembered import digest

_OF_HOST = frozenset({"error", "info", "warning"})
_ROOT = ".project_root"
_COMPACTED = "Got it. Thanks for the additional context!"
"""What the model is made to say behind the summary that a compaction leaves."""

_REFERENCED = "\n--- Content from referenced files ---"
_CONTENT = re.compile(r"\nContent from @([^\n]{1,4096}):\n\Z")

_RAN = (
    "I ran the following shell command:\n```sh\n",
    "\n```\n\nThis produced the following result:\n```\n",
    "\n```",
)
"""What the model is told of a command that the user ran with ``!``: before it, behind, at last."""

_lines = Lines(Line)
_starts = Lines(Line, START)


def head(path: str) -> Head:
    """Return what a chat says of its session: on its first line, and by where it lies.

    Raises:
        OSError: The file cannot be read.
    """
    began = _began(path)
    if began.thread is None:
        return Head(began.directory)
    nested = began.thread.actor == "subagent"
    return Head(began.directory, began.thread.segment_id, began.at, nested)


def ran_by_user(said: str) -> tuple[str, str] | None:
    """Return the command that a message says the user ran, and what it printed; None for none."""
    before, behind, end = _RAN
    if not said.startswith(before) or not said.endswith(end):
        return None
    command, sign, printed = said[len(before) : -len(end)].partition(behind)
    return (command, printed) if sign else None


class _Began(NamedTuple):
    """What is known of a chat from its beginning: whose it is, where it began, and when."""

    thread: Session | None
    directory: str | None
    at: str | None


def _began(path: str) -> _Began:
    line = next((one for one in _starts.read(path) if text(one.session_id) is not None), Line())
    session, at_start = text(line.session_id), text(line.start_time)
    folder = os.path.dirname(os.path.abspath(path))
    if session is None:
        return _Began(None, None, None)
    if line.kind != "subagent":
        thread = Session.named(NAME, session, None)
    else:
        parent = os.path.basename(folder)
        folder = os.path.dirname(folder)
        thread = Session.named(NAME, parent, session)
    named = [text(one) for one in items(line.directories)]
    directory = _project(os.path.dirname(folder)) or next(filter(None, named), None)
    return _Began(thread, directory, at_start)


def _project(folder: str) -> str | None:
    """The directory of the project whose chats lie in a folder."""
    return text((file_text(os.path.join(folder, _ROOT)) or "").strip())


class _Reader(Reader[Line]):
    rests = True  # a call is told with its result

    def __init__(self, path: str, places: Places, told: Told, rest: Rest) -> None:
        self._entered = Growth(rest.samples)
        super().__init__(_lines, path, told, self._entered.samples)
        began = _began(path)
        self._thread = began.thread
        self._origin = Origin.of_transcript(places, began.directory)
        self._stood: set[tuple[str, str, str]] = set()
        self._last = text(rest.noted.get("last"))
        self._summary = text(rest.noted.get("summary"))
        if not rest.offset and self._thread is not None:
            self._told.began(self._thread, began.at, answered=False)

    def rest(self, offset: int) -> Rest:
        return Rest(
            offset, samples=self.samples, noted={"last": self._last, "summary": self._summary}
        )

    def read(self, line: Line) -> None:
        kind = text(line.type)
        if self._thread is None:
            self._told.not_understood.saw(kind or "(no session)")
        elif isinstance(line.changed, Changed):
            self._set_anew(items(held(line.changed.messages)), self._thread)
        elif kind == "gemini":
            self._answered(line, self._thread, when(line.timestamp))
        elif kind == "user":
            self._asked(line, self._thread, when(line.timestamp))
        elif kind not in _OF_HOST and line.session_id is None and line.rewind_to is None:
            self._told.not_understood.saw(kind or "(no type)")

    def _set_anew(self, messages: list[object], thread: Session) -> None:
        """Take note of all messages that stand in a context from now on."""
        summary, at_ns = _summary(messages)
        if summary is not None and summary != self._summary:
            self._told.of_compaction(thread, at_ns)
            self._entered.begins_anew()
            self._summary = summary
        for message in messages[:1]:
            key, began_ns = text(message, "id"), when(at(message, "timestamp"))
            if key is None or began_ns is None:
                continue
            key = " ".join(filter(None, (thread.segment_id, key, summary)))
            for said in texts(at(message, "content")):
                if said.startswith(BEGIN):
                    self._stands(said, key, thread, max(began_ns, at_ns or 0))

    def _stands(
        self, said: str, key: str, thread: Session, at_ns: int, of: str | None = None
    ) -> None:
        """Tell of what the host has put into a context, once however often it is set anew."""
        for record, length in placed(said, self._origin):
            occurrence = key, record.kind, record.slug
            if occurrence in self._stood:
                continue
            self._stood.add(occurrence)
            snapshot = self._origin.snapshot(record, at_ns, None, length)
            self._told.happened([thread.exposure([snapshot], at_ns, key)], of=of, key=key)

    def _asked(self, line: Line, thread: Session, at_ns: int | None) -> None:
        """A message of the user, or the results of calls."""
        parts, key = texts(held(line.content)), text(line.id)
        self._entered.entered(sum(size(part) or 0 for part in parts))
        if key is None or at_ns is None:
            return
        key = f"{thread.segment_id} {key}"
        if thread.actor == "subagent" and parts and parts[0].startswith(BEGIN_OF_AGENT):
            self._stands(parts[0], key, thread, at_ns)
        if _REFERENCED in parts:
            self._mentions(parts, f"mention:{key}", thread, at_ns)
        ran = ran_by_user(parts[0]) if parts else None
        if ran is not None:
            call = Call(thread, "shell", ran[0], f"shell:{key}", output=ran[1])
            self._by_user(call, at_ns)

    def _mentions(self, parts: list[str], key: str, thread: Session, at_ns: int) -> None:
        """Files that the user named with ``@``: the text of each is a part of its own."""
        referenced = parts[parts.index(_REFERENCED) :]
        for named, shown in pairwise(referenced):
            found = _CONTENT.match(named)
            if found is not None:
                call = Call(thread, "mention", found[1], key, context_bytes=size(shown))
                self._by_user(call, at_ns)

    def _by_user(self, call: Call, at_ns: int) -> None:
        found = uses(call._replace(by_user=True, at_ns=at_ns), self._origin)
        self._told.happened(found, key=call.key)

    def _answered(self, line: Line, thread: Session, at_ns: int | None) -> None:
        """A message of the model: the tokens of its request, and the calls that have ended."""
        self._told.began(thread, line.timestamp, answered=True)
        if at_ns is None:
            return
        self._responded(line, thread, at_ns)
        for said in items(held(line.tool_calls)):
            self._called(said, thread, at_ns)

    def _responded(self, line: Line, thread: Session, at_ns: int) -> None:
        key, taken = text(line.id), tokens(at(line.tokens, "input"))
        if key is None or not taken or key == self._last:
            return
        self._last = key
        self._entered.answered(taken)
        self._told.of_requests(
            Responded(
                thread.segment_id,
                key,
                at_ns,
                taken,
                tokens(at(line.tokens, "output")) + tokens(at(line.tokens, "thoughts")),
                min(tokens(at(line.tokens, "cached")), taken),
                model=text(line.model),
            )
        )

    def _called(self, said: object, thread: Session, at_ns: int) -> None:
        call_id, status = text(said, "id"), text(said, "status")
        if call_id is None or status not in ENDED:
            return
        key = thread.call_key(call_id)
        if not self._told.first_answer(key):
            return
        at_ns = when(at(said, "timestamp")) or at_ns
        call = tool_call(thread, said)
        found = [] if call is None else uses(call._replace(at_ns=at_ns), self._origin)
        failed = status != "success" if call is None else call.failed
        self._told.ended(key, found, failed=failed)
        _, behind = discovered(output(said))
        self._stands(behind, f"{key} context", thread, at_ns, of=key)


read, read_on = reading(_Reader)


def _summary(messages: list[object]) -> tuple[str | None, int | None]:
    """A hash of the last summary that a compaction has left, and when that was made."""
    for summary, message in reversed([*pairwise(messages)]):
        if texts(at(message, "content")) == [_COMPACTED] and at(message, "type") == "gemini":
            left = "\n".join(texts(at(summary, "content")))
            return digest(left.encode("utf-8", "replace")), when(at(message, "timestamp"))
    return None, None
