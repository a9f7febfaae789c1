"""What the transcripts of a running session tell beyond its hooks, brought in by these.

Strategy: a hook at the end of a turn reads on where the one before stopped, at a *rest*: behind a
line at which nothing is open, so that what follows can be read without what came before
(`Rest`). Where that is stands in the user's cache, with how much is to be read at once: less, where
the time did not suffice. Where nothing can be kept there, one hook reads to the end, as far as its
time goes. Forgotten, or where the transcript or the log is not what it was, a
transcript is read from its beginning; its events have the ids that an import gives them, so that
whoever comes second adds nothing. What is in the log already is looked up in all of it: what is of
its sessions by the bytes of their names, and then by its id what was not found, since a transcript
may be a copy of another one.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import NamedTuple, Protocol

import msgspec

from ctxuse.codec.decode import Refusal, decode
from ctxuse.codec.encode import can_be_stored
from ctxuse.events import UsageEvent, UsageEventKind, is_text
from ctxuse.hosts.kept import kept_of
from ctxuse.hosts.parts import Followed, transcripts_of
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.paths import is_name, is_same
from ctxuse.hosts.recorded import Recorded, ids_of
from ctxuse.hosts.responses import Said, ends, is_to_be_stored, span_of, stored
from ctxuse.hosts.transcripts import Happened, Notes, Rest, Told
from ctxuse.ids import canonical_id, is_derived
from ctxuse.imported import READING, LogMark
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.blocks import Known
from ctxuse.log.naming import lines_naming, lines_with
from ctxuse.log.once import Searched
from ctxuse.plainjson import quoted
from ctxuse.remembered import Memory

_VERSION = 2
_MOST_BYTES = 8 * 1024 * 1024
"""So much of a transcript is read at once; the next hook goes on."""

_LEAST_BYTES = 128 * 1024
"""So much at least, where a hook had no time for more: each time a quarter of what was too much."""

_MOST_OF_OTHERS = 3
"""So many transcripts of other sessions are read on in by one hook; the next goes on."""


class Appending(Protocol):
    """What appends events."""

    def append(self, event: UsageEvent, searched: Searched | None = None) -> bool:
        """Append an event once, given how far it was looked for; whether it is in the log now."""
        ...

    def append_while(self, event: UsageEvent, still: Callable[[], bool]) -> bool | None:
        """Append an event if that is still right, and say whether it was; None if it failed."""
        ...


class _Stopped(msgspec.Struct):
    """Where reading stopped, and what tells that the files are the same.

    Attributes:
        reader: The version of the reader.
        mark: That of the transcript up to there; see `Kept.mark`.
        log: The log, which held all events up to there.
        rest: Where reading goes on.
        most: So much is read then.
    """

    reader: str
    mark: str
    log: LogMark
    rest: Rest
    most: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stopped).decode
_decode_text = msgspec.json.Decoder(str).decode


class Following(NamedTuple):
    """What is followed.

    Attributes:
        host: The agent.
        layout: The workspace.
        environ: The environment, for where the agents' own places and the user's cache are.
        goes_on: See `Followed`.
    """

    host: str
    layout: WorkspaceLayout
    environ: Mapping[str, str]
    goes_on: bool = True


def bring_in(following: Following, found: Followed, appending: Appending) -> None:
    """Append what transcripts tell that was not read before.

    Args:
        following: What is followed.
        found: The transcripts; those that are not there any more are passed over, and so are those
            of other sessions that did not begin in this workspace.
        appending: Appends events. When it fails, what follows is left to the next time.

    Raises:
        OSError: A transcript cannot be read; the others have been.
        CtxuseError: The log exists but cannot be read.
    """
    following = following._replace(goes_on=found.goes_on)
    memory = Memory(following.environ, "followed", _VERSION)
    places = PastPlaces(following.layout, following.environ, recent=True)
    failed: OSError | None = None
    paths = [path for path in found.paths if is_name(path) and is_text(os.fspath(following.layout))]
    for path in _unheard(following, memory, paths) if found.of_others else paths:
        try:
            _bring_in(following, memory, places, path, appending)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed


def _unheard(following: Following, memory: Memory, paths: Sequence[str]) -> list[str]:
    """Return the last transcripts that tell more than was read, of sessions that began here."""
    found: list[str] = []
    for path in reversed(paths):
        with suppress(OSError):
            stopped = _stopped(memory.load(_name(following, path)), following, path)
            if stopped is None or _has_more(following, path, stopped):
                found += [path] if _began_here(following, path) else []
        if len(found) == _MOST_OF_OTHERS:
            break
    return found[::-1]


def _has_more(following: Following, path: str, stopped: "_Stopped") -> bool:
    return kept_of(following.host).length(path) > stopped.rest.offset or (
        not following.goes_on and is_to_be_stored(stopped.rest.requests)
    )


def _name(following: Following, path: str) -> str:
    """Under which name is remembered where reading of a transcript stopped."""
    return f"{following.host} {os.fspath(following.layout)}\0{os.path.abspath(path)}"


def _began_here(following: Following, path: str) -> bool:
    """Whether a session began in the workspace: hosts keep those of several in one folder."""
    began = transcripts_of(following.host).head(path).directory
    if began is None or not os.path.isabs(began) or not is_name(began):
        return False
    return is_same(os.fspath(WorkspaceLayout.find(began)), os.fspath(following.layout))


def _bring_in(
    following: Following, memory: Memory, places: PastPlaces, path: str, appending: Appending
) -> None:
    name = _name(following, path)
    stopped = _stopped(memory.load(name), following, path)
    if stopped is None:
        stopped = _stopping(following, path, Rest(), _MOST_BYTES)
    while _has_more(following, path, stopped):
        try:
            after = _read_on(following, places, path, stopped, appending)
        except Exception:
            raise
        except BaseException:  # the time is over, and as much again would take as long again
            stopped.most = max(stopped.most // 4, _LEAST_BYTES)
            memory.save(name, _encode(stopped))
            raise
        if after == stopped.rest:
            return
        stopped = _stopping(following, path, after, min(stopped.most * 2, _MOST_BYTES))
        memory.save(name, now := _encode(stopped))
        if memory.load(name) == now:
            return  # the next hook goes on


def _read_on(
    following: Following, places: PastPlaces, path: str, stopped: _Stopped, appending: Appending
) -> Rest:
    """Append what a transcript tells from where reading stopped, and return where it stops now.

    That is where it stopped before, when not all could be read and appended.
    """
    rest, host, layout = stopped.rest, following.host, following.layout
    to_end = kept_of(following.host).length(path) - rest.offset <= stopped.most
    with Told() as told:
        after = transcripts_of(host).read_on(path, places, told, rest, stopped.most)
        told.settle()
        there = _InLog(layout, host, told)
        recorded = Recorded(host, there.of_hooks, there.names)
        done = all(
            appending.append(event, there.searched)
            for occurrence in told.occurrences(Notes(), recorded.by_hook)
            for event, is_there in recorded.known(occurrence, there.has)
            if not is_there and can_be_stored(event)
        )
        whole = to_end and not following.goes_on
        said = rest.requests + told.requests[: None if whole else told.before_rest]
        kept, is_stored = _store(following, said, told.summary.bytes_per_token, appending, whole)
        done = done and is_stored
        if whole:
            kept = ends(rest.requests + told.requests[: told.before_rest])
    if not done or told.summary.error is not None:
        return rest
    return msgspec.structs.replace(after, requests=kept)


def _store(
    following: Following,
    said: Sequence[Said],
    ratio: float | None,
    appending: Appending,
    whole: bool,  # noqa: FBT001 - of a function of this module's own
) -> tuple[list[Said], bool]:
    """Store what is told of requests; return what is kept for later, and whether nothing failed.

    Where others have stored some of it meanwhile, what is left is put together again.
    """
    looked: list[Known] = []

    def known() -> Known:
        looked[:] = looked or [Known.of_log(following.layout, span_of(said))]
        return looked[0]

    while True:
        blocks, kept = stored(following.host, said, known, ratio, whole=whole)
        for block in filter(can_be_stored, blocks):
            is_in = appending.append_while(block, partial(known().lacks, block))
            if is_in is None:
                return kept, False
            if not is_in:
                break  # what has come is known now
            known().add(block)
        else:
            return kept, True


def _stopping(following: Following, path: str, rest: Rest, most: int) -> _Stopped:
    """What is stored of a place where reading stops now, and of how much is read from there."""
    mark = kept_of(following.host).mark(path, rest.offset)
    return _Stopped(READING, mark, _mark(following.layout), rest, most)


def _stopped(data: bytes | None, following: Following, path: str) -> _Stopped | None:
    """Where reading stopped the last time; None where it begins anew."""
    try:
        stopped = None if data is None else _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if stopped is None or stopped.reader != READING:
        return None
    same = stopped.mark == kept_of(following.host).mark(path, stopped.rest.offset)
    return stopped if same and stopped.log.stands(following.layout) else None


def _mark(layout: WorkspaceLayout) -> LogMark:
    return LogMark.of(layout) or LogMark(0, "", "")


class _InLog:
    """What is in the log of the sessions that a transcript tells of, and of their sub-agents.

    Of these a session's name is the beginning. Events that are not there are looked for in other
    sessions, too: any of them may be a copy.

    Args:
        layout: The workspace.
        host: The agent.
        told: What the transcript tells.

    Attributes:
        searched: So far at least it was searched.
    """

    def __init__(self, layout: WorkspaceLayout, host: str, told: Told) -> None:
        items = [item for item in told.items() if isinstance(item, Happened)]
        sessions = {item.event.segment_id.partition("/")[0] for item in items}
        self.searched = Searched.now(layout)
        self._lines: dict[str, bytes] = {}
        self._counting: set[str] = set()
        for line in lines_naming(layout, sessions):
            self._take(_id_on(line), line)
        ids = (ids_of(host, item) for item in items)
        missing = {
            event_id for of_one in ids if not any(map(self.has, of_one)) for event_id in of_one
        }
        for event_id, line in lines_with(layout, missing):
            self._take(event_id, line)

    def _take(self, event_id: str | None, line: bytes) -> None:
        """Take the line of an event, unless there is one: of several some may not count."""
        if event_id is not None and not self.has(event_id):
            self._lines[event_id] = line

    def has(self, event_id: str) -> bool:
        """Whether an event is in the log."""
        line = None if event_id in self._counting else self._lines.get(event_id)
        event = None if line is None else _event_on(line)
        if event is not None and event.id == event_id:
            self._counting.add(event_id)
        return event_id in self._counting

    def of_hooks(self) -> Iterator[UsageEvent]:
        """Yield the events that have new ids."""
        for event_id, line in self._lines.items():
            event = None if is_derived(event_id) else _event_on(line)
            if event is not None:
                yield event

    def names(self, event: UsageEvent) -> set[tuple[str, str]]:
        """The names of events of the same call in the log; of one without a call of all without."""
        call = None if event.call_id is None else quoted(event.call_id).encode()
        kinds = {event.event is UsageEventKind.USE} if call else {True, False}
        found = {name for kind in kinds for name in self._by_call.get((kind, call), ())}
        return {(_decode_text(kind), _decode_text(slug)) for kind, slug in found}

    @cached_property
    def _by_call(self) -> dict[tuple[bool, bytes | None], set[tuple[bytes, bytes]]]:
        """The names of records as they stand in the lines, by what is a use, and by its call."""
        found: dict[tuple[bool, bytes | None], set[tuple[bytes, bytes]]] = defaultdict(set)
        for line in self._lines.values():
            call = _CALL.search(line)
            names = ((name[1], name[2]) for name in _NAME.finditer(line))
            found[_USE.search(line) is not None, call and call[1]].update(names)
        return found


_CALL = re.compile(rb'"call_id"\s*:\s*("(?:[^"\\]|\\.)*")')
_USE = re.compile(rb'"event"\s*:\s*"use"')
_NAME = re.compile(rb'"kind"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"slug"\s*:\s*("(?:[^"\\]|\\.)*")')

_OURS, _ID = b'{"id":"', 36
"""How the lines that we write begin, and the bytes of an id."""


def _id_on(line: bytes) -> str | None:
    """The id on a line, if it has one; only what does not begin as ours do is read for it."""
    end = len(_OURS) + _ID
    if line.startswith(_OURS) and line[end : end + 1] == b'"':
        return canonical_id(line[len(_OURS) : end].decode("ascii", "replace"))
    event = _event_on(line)
    return None if event is None else event.id


def _event_on(line: bytes) -> UsageEvent | None:
    found = decode(line)
    return None if isinstance(found, Refusal) else found
