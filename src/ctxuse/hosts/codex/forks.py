"""Forks: what stands in one from its beginning stands in its parent's rollout.

A parent may be a fork itself. Its rollout lies beside that of the fork, or in the folder of the day
on which it began.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from tempfile import SpooledTemporaryFile
from weakref import finalize

import msgspec

from ctxuse.hosts.codex.history import MOST_TEXT, Fork, History, too_much
from ctxuse.hosts.codex.lines import Line, payload_of
from ctxuse.hosts.codex.messages import Message
from ctxuse.hosts.jsonlines import COMPRESSED, START, Lines
from ctxuse.hosts.kept import Stamp
from ctxuse.hosts.paths import paths_in
from ctxuse.remembered import digest

_MOST_PARENTS = 9
"""Forks of forks of which the history is looked for."""

_THREAD = 36
"""Characters of the id of a thread, with which the names of its rollouts end."""

_EACH = 1024
"""Characters as which each text that a fork is given counts besides."""

_HELD = 4 * 1024 * 1024
"""Bytes of what is passed on up to which that stays in memory."""

_starts = Lines(Line, START)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(History).decode


def first(path: str) -> Line:
    """Return the line on which a rollout says whose it is; one that says nothing where none does.

    Raises:
        OSError: The file cannot be read.
    """
    return next((line for line in _starts.read(path) if line.type == "session_meta"), Line())


class Rollouts:
    """Where the rollouts of threads are; each folder is looked through once."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, list[str]]] = {}

    def of(self, thread: str, beside: str) -> Iterator[str]:
        """Yield those of a thread: they lie in folders of days, and its id says when it began."""
        try:
            began = datetime.fromtimestamp(int(thread.replace("-", "")[:12], 16) / 1000, UTC)
            days = [began + timedelta(days=number) for number in (-1, 0, 1)]
        except (ValueError, OverflowError, OSError):
            return
        day = os.path.dirname(beside)
        sessions = os.path.dirname(os.path.dirname(os.path.dirname(day)))
        folders = [os.path.join(sessions, f"{one:%Y}", f"{one:%m}", f"{one:%d}") for one in days]
        for folder in dict.fromkeys([day, *folders]):
            yield from self._in(folder).get(thread, ())

    def _in(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._folders:
            found = self._folders[folder] = dict[str, list[str]]()
            for path in paths_in(folder):
                name = path.removesuffix(COMPRESSED)
                if name.endswith(".jsonl"):
                    thread = name.removesuffix(".jsonl")[-_THREAD:]
                    found.setdefault(thread, []).append(path)
        return self._folders[folder]

    def parent(self, fork: Fork, seen: list[str]) -> str | None:
        """Return the rollout that a fork began with; None where it is gone.

        Args:
            fork: The fork.
            seen: Its rollout, and before that those of its forks, and of forks of these: no rollout
                begins with itself.
        """
        if len(seen) > _MOST_PARENTS:
            return None
        return next((path for path in self.of(fork.thread, seen[-1]) if path not in seen), None)


class Stamps:
    """The stamps of rollouts: that of a fork tells, too, whether its parents are as they were."""

    def __init__(self) -> None:
        self._rollouts = Rollouts()
        self._known: dict[str, tuple[Stamp | None, Fork | None]] = {}

    def of(self, path: str) -> Stamp | None:
        """Return the stamp of one; None for what cannot be read."""
        own, fork = self._look(path)
        if own is None or fork is None:
            return own
        parents: list[Stamp | None] = []
        seen = [path]
        while fork is not None and (parent := self._rollouts.parent(fork, seen)) is not None:
            its, fork = self._look(parent)
            parents.append(its)
            seen.append(parent)
        last = digest(repr([own.last, parents]).encode())
        return Stamp(own.size, own.mtime_ns, last)

    def _look(self, path: str) -> tuple[Stamp | None, Fork | None]:
        """The stamp of a file alone, and of what it is a fork."""
        if path not in self._known:
            stamp, fork = Stamp.of(path), None
            with suppress(OSError):  # who reads it says so
                fork = None if stamp is None else Fork.of(payload_of(first(path)))
            self._known[path] = stamp, fork
        return self._known[path]


class Parents:
    """What the rollouts of parents pass on: each is read twice at most, and kept on the disk."""

    def __init__(self) -> None:
        self._rollouts = Rollouts()
        self._kept: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._file = SpooledTemporaryFile[bytes](max_size=_HELD)
        finalize(self, self._file.close)

    def passed_on(self, path: str, fork: Fork) -> list[Message]:
        """Return the messages with which a fork begins.

        Args:
            path: Its rollout.
            fork: What it is a fork of.

        Raises:
            OSError: The rollout of a parent is there and cannot be read, or it is too much.
        """
        found: list[Message] = []
        seen, room = [path], MOST_TEXT
        of: Fork | None = fork
        while of is not None and (parent := self._rollouts.parent(of, seen)) is not None:
            seen.append(parent)
            messages, of = self._history(parent, of.before).before(of.before)
            room -= sum(len(body) + _EACH for message in messages for body, _ in message.parts())
            if room < 0:
                raise too_much(f"{MOST_TEXT:,} characters")
            found[:0] = messages
        return found

    def _history(self, path: str, before: int) -> History:
        """What a rollout passes on: read as far as is asked first; if ever more is, to its end."""
        found = self._known(path)
        if found is None or not found.reaches(before):
            found = History.of(path, before if found is None else None)
            data = _encode(found)
            self._file.seek(self._end)
            self._file.write(data)
            self._kept[path] = self._end, len(data)
            self._end += len(data)
        return found

    def _known(self, path: str) -> History | None:
        if path not in self._kept:
            return None
        at, length = self._kept[path]
        self._file.seek(at)
        return _decode(self._file.read(length))
