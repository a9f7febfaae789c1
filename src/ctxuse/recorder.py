"""The writing half of a workspace: appending events, and giving records out while recording that.

Everything that runs inside somebody's agent is here; nothing of it counts a log.
"""

import os
import sys
from contextlib import suppress

from ctxuse.codec import MAX_WRITTEN_LINE
from ctxuse.codec.encode import encode, encode_any, split
from ctxuse.errors import AppendError, InvalidSettingError
from ctxuse.events import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.ids import is_derived
from ctxuse.layout import WorkspaceLayout, is_recording
from ctxuse.log.writer import PATIENT_LOCK_TIMEOUT, Durability, LogWriter
from ctxuse.typed import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ctxuse.events import Actor
    from ctxuse.log.once import Searched
    from ctxuse.segment import Segment


class Recorder:
    """Appends events to the log of a workspace, a root directory with ``.yoi/`` in it.

    Safe to share between threads. Making one touches nothing on disk; the log and its directories
    are made by the first append.

    Args:
        root: The root directory. It must exist before anything is appended.
        durability: When an append is acknowledged: ``os``, the event survives the death of the
            process; ``fsync``, it is on the disk and survives a power cut. None takes it from the
            environment variable ``CTXUSE_DURABILITY``, else ``os``.
        environ: The environment: ``CTXUSE_DURABILITY``, and ``CTXUSE_DISABLE``, which turns
            recording off when it is set to anything but ``0`` or nothing. That of the process when
            None.
        most_patience: Seconds that an append waits for the log's lock at most, where less than
            usual (250 ms; one second for `append_once`).

    Raises:
        InvalidSettingError: By the first append, when the durability is neither of the two.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        durability: Durability | None = None,
        environ: "Mapping[str, str] | None" = None,
        most_patience: float = PATIENT_LOCK_TIMEOUT,
    ) -> None:
        self.layout = root if isinstance(root, WorkspaceLayout) else WorkspaceLayout(root)
        self._environ = os.environ if environ is None else environ
        self.recording = is_recording(self._environ)
        self._durability = durability
        self._most_patience = most_patience
        self._open_writer: LogWriter | None = None

    def __enter__(self) -> Self:
        """Return the recorder; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({os.fspath(self.layout)!r})"

    @property
    def _writer(self) -> LogWriter:
        if self._open_writer is None:
            self.tell_git()
            durability = _durability(self._durability, self._environ)
            self._open_writer = LogWriter(
                self.layout, durability=durability, most_patience=self._most_patience
            )
        return self._open_writer

    def tell_git(self) -> None:
        """Have git leave the log alone, where nobody has told it anything; the log comes first."""
        if not self.layout.git_is_told and os.path.isdir(self.layout):
            with suppress(OSError):
                self.init()

    def append(self, event: UsageEvent) -> UsageEvent | None:
        """Append one event to the log and return it as stored.

        An event whose records make a line of over 64 KiB is stored as several; the one returned
        is the first, which keeps the id, and holds the records that fitted. If storing them fails
        half-way, appending the same event again stores what is missing.

        Returns:
            The stored event; None when it tells of nothing or recording is turned off, and nothing
            was written.

        Raises:
            InvalidEventError: A field holds what the format does not allow; nothing was stored.
            AppendError: The log could not be written.
        """
        if not (event.records or event.requests) or not self.recording:
            return None
        line = encode_any(event)
        if len(line) >= MAX_WRITTEN_LINE:
            return self._append_parts(event)
        self._writer.append(line)
        return event

    def _append_parts(self, event: UsageEvent) -> UsageEvent:
        parts = [*split(event)]
        for stored, (part, line) in enumerate(parts):
            try:
                self._writer.append_once(part.id, line)  # what an earlier try stored is kept
            except AppendError as error:
                reason = f"{error.reason}; {stored} of the event's {len(parts)} parts are stored"
                known = None if stored else error.stored
                raise AppendError(error.path, error.action, reason, known, error.errno) from error
        return parts[0][0]

    def append_use(  # noqa: PLR0913 - an event has these fields
        self,
        segment_id: str,
        source: UsageSource,
        records: "Iterable[UsageRecordSnapshot]",
        *,
        host: str | None = None,
        actor: "Actor | None" = None,
        call_id: str | None = None,
    ) -> UsageEvent | None:
        """Record that `records` were explicitly read into the context, now.

        Args:
            segment_id: One stretch of one agent session; any text.
            source: The way they entered.
            records: Their snapshots, in the order they entered.
            host: The agent whose doing it was, where known.
            actor: Whose doing within it, where known.
            call_id: The host's id of the tool call, where there was one.

        Returns:
            The stored event, or None, as `append`.

        Raises:
            InvalidEventError: As `append`.
            AppendError: As `append`.
        """
        return self.append(
            UsageEvent.new(
                segment_id,
                UsageEventKind.USE,
                source,
                records,
                host=host,
                actor=actor,
                call_id=call_id,
            )
        )

    def append_resident_exposure(
        self,
        segment_id: str,
        records: "Iterable[UsageRecordSnapshot]",
        *,
        host: str | None = None,
        actor: "Actor | None" = None,
    ) -> UsageEvent | None:
        """Record that `records` are in the context because they are resident, now.

        Args:
            segment_id: One stretch of one agent session; any text.
            records: Their snapshots, in the order they stand in the context.
            host: The agent whose context it is, where known.
            actor: Whose doing within it, where known.

        Returns:
            The stored event, or None, as `append`.

        Raises:
            InvalidEventError: As `append`.
            AppendError: As `append`.
        """
        return self.append(
            UsageEvent.new(
                segment_id,
                UsageEventKind.RESIDENT_EXPOSURE,
                UsageSource.RESIDENT_INJECTION,
                records,
                host=host,
                actor=actor,
            )
        )

    def snapshot(self, kind: str, slug: str) -> UsageRecordSnapshot:
        """Return the snapshot of a record as its file is now.

        Args:
            kind: One of the five kinds.
            slug: The record's slug; for the summary the literal ``summary``.

        Raises:
            UnknownKindError: No file is known for records of this kind.
            InvalidSlugError: `slug` is not a slug.
            RecordNotFoundError: The file does not exist.
            RecordUnreadableError: It exists but is no regular file, or cannot be read.
        """
        from ctxuse.records import record_size  # noqa: PLC0415 - a hook knows the size

        return UsageRecordSnapshot.from_size(kind, slug, record_size(self.layout, kind, slug))

    def try_append(
        self, event: UsageEvent, *, once: bool = False, quiet: bool = False
    ) -> UsageEvent | None:
        """Append one event where recording is a by-product. Never raises.

        What goes wrong goes to the logger ``ctxuse`` and leaves a mark that ``ctxuse doctor``
        shows; the caller's work goes on.

        Args:
            event: The event.
            once: Append it only if its id does not stand in the last 1 MiB of the log already,
                archived logs included.
            quiet: Only leave a mark; say nothing to the logger, which may be somebody's stderr.

        Returns:
            The event as stored; None when nothing was, for whatever reason.
        """
        append = self.append_once if once else self.append
        return self._try(lambda: append(event), quiet=quiet)[0]

    def try_quietly(self, event: UsageEvent, searched: "Searched | None" = None) -> bool:
        """Append one event as `try_append` does, once if others may record it as well.

        Args:
            event: The event.
            searched: How far the log was searched for it, if it was and it is not there.

        Returns:
            Whether nothing went wrong: it is in the log now, or recording is turned off.
        """
        if is_derived(event.id):
            return self._try(lambda: self._once(event, searched), quiet=True)[1]
        return self._try(lambda: self.append(event), quiet=True)[1]

    def try_while(self, event: UsageEvent, still: "Callable[[], bool]") -> bool | None:
        """Append one event, quietly, if that is still right where nobody else appends.

        Args:
            event: The event.
            still: Looks at what has come to the log, and says whether it is.

        Returns:
            Whether it was right; None when something went wrong, which leaves a mark.
        """
        if not self.recording:
            return True
        stored, is_well = self._try(
            lambda: event if self._writer.append_if(encode(event), still) else None, quiet=True
        )
        return stored is not None if is_well else None

    def _try(
        self, append: "Callable[[], UsageEvent | None]", *, quiet: bool
    ) -> tuple[UsageEvent | None, bool]:
        """Append one event, and return what was stored and whether nothing went wrong."""
        try:
            return append(), True
        except Exception as error:  # noqa: BLE001 - recording never breaks what it records
            self._failed(error, quiet=quiet)
            return None, False

    def _failed(self, error: Exception, *, quiet: bool) -> None:
        """Leave a mark of a failure, and tell the logger of it unless that is to be `quiet`."""
        with suppress(Exception):  # a handler of the logger may raise as well
            from ctxuse.log.failures import leave_mark  # noqa: PLC0415 - only in this case

            action = getattr(error, "action", "append")
            reason = getattr(error, "reason", "")
            what = f"{type(error).__name__}: {action}: {reason}"
            leave_mark(self.layout, what, environ=self._environ)
            if not quiet:
                import logging  # noqa: PLC0415 - likewise

                logging.getLogger("ctxuse").warning("an event was not recorded: %s", error)

    def segment(
        self,
        segment_id: str,
        *,
        host: str | None = None,
        actor: "Actor | None" = None,
        call_id: str | None = None,
        agent_type: str | None = None,
    ) -> "Segment":
        """Return the object through which records enter the context of one agent's segment.

        It gives records, and records what it gave as a by-product: it returns what was asked for
        also when the log cannot be written (see `try_append`). What else has entered it is told.

        Args:
            segment_id: One stretch of one agent session; any text.
            host: The agent whose session it is, where known.
            actor: Whose doing within it what is asked for is, where known.
            call_id: The host's id of the tool call, where there is one.
            agent_type: What the host calls the kind of sub-agent, where it is one's doing.
        """
        from ctxuse.segment import Segment  # noqa: PLC0415 - not for who only appends

        return Segment(
            self.layout,
            segment_id,
            lambda event: self.try_append(event, once=is_derived(event.id)),
            lambda error: self._failed(error, quiet=False),
            self._environ,
            host=host,
            actor=actor,
            call_id=call_id,
            agent_type=agent_type,
        )

    def append_once(self, event: UsageEvent) -> UsageEvent | None:
        """Append one event that others may have recorded under the same id.

        Looks through the last 1 MiB of the log, archived logs included. The event must fit on one
        line.

        Returns:
            The stored event; None when it stood in the log already, has no records, or recording
            is turned off.

        Raises:
            InvalidEventError: As `append`; also when it does not fit on a line.
            AppendError: As `append`.
        """
        return self._once(event, None)

    def _once(self, event: UsageEvent, searched: "Searched | None") -> UsageEvent | None:
        if not (event.records or event.requests) or not self.recording:
            return None
        line = encode(event)
        return event if self._writer.append_once(event.id, line, searched=searched) else None

    def init(self, *, track: bool = False) -> bool:
        """Make the marker ``.yoi/memory/``, and tell git what to do with the log.

        What git is told stands in ``.yoi/memory/_usage/.gitignore`` (and ``.gitattributes``); files
        of those names that are not ours are left alone. Doing it again changes only that.

        Args:
            track: Keep the log in git (and have its lines merged as a union); only the lock and
                what can be made anew are ignored. Otherwise git ignores all of it.

        Returns:
            Whether there was no workspace before.

        Raises:
            OSError: A directory or file could not be made.
        """
        from ctxuse.marker import make_workspace  # noqa: PLC0415 - mostly there is one

        return make_workspace(self.layout, track=track)

    def close(self) -> None:
        """Close what is held open. The workspace can be used again."""
        if self._open_writer is not None:
            self._open_writer.close()


_LATE = (
    "ctxuse.codec.decode", "ctxuse.context.catalog", "ctxuse.context.references",
    "ctxuse.context.search", "ctxuse.hosts.evidence", "ctxuse.log.failures", "ctxuse.marker",
    "ctxuse.records", "ctxuse.segment", "fcntl", "json", "logging",
)  # fmt: skip
"""What is imported on the way of recording, by functions that need it."""


def _import_late() -> None:
    """Import what recording imports late, before a process forks in which other threads run.

    Who imports a module holds a lock of the interpreter's. The child of a fork has that lock as it
    was, and not the thread that would let go of it: it would wait for ever for the same module.
    """
    if len(sys._current_frames()) > 1:  # noqa: SLF001 - documented; `threading` is dear
        from importlib import import_module  # noqa: PLC0415 - only in this case

        is_new = "logging" not in sys.modules
        for name in _LATE:
            with suppress(ImportError):
                import_module(name)
        lock = vars(sys.modules["logging"]).get("_lock") if is_new else None
        if lock is not None:  # after this fork `logging` releases it, and was not asked before
            lock.acquire()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_import_late)


def _durability(durability: str | None, environ: "Mapping[str, str]") -> Durability:
    chosen = durability or environ.get("CTXUSE_DURABILITY") or "os"
    if chosen == "os":
        return "os"
    if chosen == "fsync":
        return "fsync"
    name = "durability" if durability else "CTXUSE_DURABILITY"
    raise InvalidSettingError(name, chosen, "os or fsync")
