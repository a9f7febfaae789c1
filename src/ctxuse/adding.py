"""Adding events to a log once, for who reads the past: what is found, and what is added of it."""

from dataclasses import dataclass, field
from functools import partial
from typing import Self

from ctxuse.codec.encode import encode
from ctxuse.events import UsageEvent
from ctxuse.hosts.transcripts import Notes
from ctxuse.log.blocks import Known
from ctxuse.log.idindex import IdIndex
from ctxuse.log.writer import LogWriter
from ctxuse.workspace import Workspace


@dataclass(slots=True)
class ImportResult:
    """What an import found and did.

    Attributes:
        added: Events added, or that would be with `dry_run`.
        there: Events that the log had already.
        requests: Requests of which was stored what is known, or would be.
        unchanged: Transcripts passed over: imported before, and not changed since. Their events
            are among those that are there; of what else they tell nothing is in the notes.
        notes: What told of no event.
        unreadable: Files that could not be read, with the reason.
        untold: Calls of which telemetry does not say what was called, or by whom.
        elsewhere: Sessions in telemetry that nothing shows to be of the workspace.
    """

    added: int = 0
    there: int = 0
    requests: int = 0
    unchanged: int = 0
    notes: Notes = field(default_factory=Notes)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    untold: int = 0
    elsewhere: int = 0


class Adding:
    """Adds events once, looking through each byte of the log once."""

    def __init__(self, workspace: Workspace, result: ImportResult, *, dry_run: bool) -> None:
        if not dry_run:
            workspace.tell_git()
        self._index = IdIndex(workspace.layout)
        self._writer = LogWriter(workspace.layout)
        self._result = result
        self._dry_run = dry_run
        self._seen: set[str] = set()
        self._looked = False

    def lost(self) -> bool:
        """Return whether something that had been added, or was there, is gone from the log."""
        if self._looked:
            self._index.catch_up()
        return self._index.lost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._index.close()

    def has(self, event_id: str) -> bool:
        """Whether an event is in the log."""
        if not self._looked:
            self._index.catch_up()
            self._looked = True
        return event_id in self._index

    def found(self) -> None:
        """Take note that an event is there."""
        self._result.there += 1

    def add(self, event_id: str, line: bytes) -> bool:
        """Add one event, and return whether it was not there; nothing is added with `dry_run`.

        Args:
            event_id: Its id.
            line: Its line.
        """
        if self.has(event_id):
            fresh = False
        elif self._dry_run:
            fresh = event_id not in self._seen
            self._seen.add(event_id)
        else:
            fresh = self._writer.append_once(event_id, line, index=self._index)
        self._result.added += fresh
        self._result.there += not fresh
        return fresh

    def add_block(self, block: UsageEvent, known: Known, line: bytes | None = None) -> bool:
        """Add a block of requests that have none, and say whether that was so where it is added.

        Args:
            block: The block, which can be stored.
            known: Which requests have one; if it was not so it knows more then.
            line: Its line, if there is one.
        """
        if not self._dry_run:
            written = encode(block) if line is None else line
            if not self._writer.append_if(written, partial(known.lacks, block)):
                return False
        known.add(block)
        self._result.requests += 0 if block.requests is None else len(block.requests.at_ms)
        return True
