"""The one object that users of the library hold: a workspace, its records and its log.

Ties the parts together and adds no rule of its own.
"""

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ctxuse.codec import MAX_WRITTEN_LINE
from ctxuse.codec.encode import encode, encode_any, split
from ctxuse.errors import AppendError, InvalidSettingError
from ctxuse.events import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.writer import Durability, LogWriter
from ctxuse.records import record_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from whenever import Instant

    from ctxuse.context.segment import Segment
    from ctxuse.counting.checkpoint import CacheCheck
    from ctxuse.counting.tuning import Reading
    from ctxuse.events import Actor
    from ctxuse.log.check import CheckResult
    from ctxuse.log.reader import SkippedLine
    from ctxuse.log.repair import RepairResult
    from ctxuse.progress import OnProgress
    from ctxuse.reports.full import FullReport
    from ctxuse.reports.groups import By, GroupedReport
    from ctxuse.reports.report import UsageReport
    from ctxuse.zones import Zone


class Workspace:
    """A workspace: a root directory with ``.yoi/`` in it.

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

    Raises:
        InvalidSettingError: By the first append, when the durability is neither of the two.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        durability: Durability | None = None,
        environ: "Mapping[str, str] | None" = None,
    ) -> None:
        self.layout = root if isinstance(root, WorkspaceLayout) else WorkspaceLayout(root)
        self._environ = os.environ if environ is None else environ
        self.recording = self._environ.get("CTXUSE_DISABLE", "0") in {"", "0"}
        self._durability = durability
        self._open_writer: LogWriter | None = None

    @classmethod
    def find(cls, start: str | os.PathLike[str] | None = None) -> "Workspace":
        """Return the workspace that `start` lies in; see `WorkspaceLayout.find`.

        Args:
            start: Where to begin; the current directory when None.
        """
        return cls(WorkspaceLayout.find(start))

    def __enter__(self) -> Self:
        """Return the workspace; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Workspace({os.fspath(self.layout)!r})"

    @property
    def _writer(self) -> LogWriter:
        if self._open_writer is None:
            durability = _durability(self._durability, self._environ)
            self._open_writer = LogWriter(self.layout, durability=durability)
        return self._open_writer

    def append(self, event: UsageEvent) -> UsageEvent | None:
        """Append one event to the log and return it as stored.

        An event whose records make a line of over 64 KiB is stored as several; the one returned
        is the first, which keeps the id, and holds the records that fitted. If storing them fails
        half-way, appending the same event again stores what is missing.

        Returns:
            The stored event; None when it has no records or recording is turned off, and nothing
            was written.

        Raises:
            InvalidEventError: A field holds what the format does not allow; nothing was stored.
            AppendError: The log could not be written.
        """
        if not event.records or not self.recording:
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
        return UsageRecordSnapshot.from_size(kind, slug, record_size(self.layout, kind, slug))

    def try_append(
        self, event: UsageEvent, *, once: bool = False, quiet: bool = False
    ) -> UsageEvent | None:
        """Append one event where recording is a by-product. Never raises.

        What goes wrong goes to the logger ``ctxuse`` and leaves a mark that ``ctxuse doctor``
        shows; the caller's work goes on.

        Args:
            event: The event.
            once: Append it only if its id does not stand in the last 1 MiB of the log already.
            quiet: Only leave a mark; say nothing to the logger, which may be somebody's stderr.

        Returns:
            The event as stored; None when nothing was, for whatever reason.
        """
        try:
            return self.append_once(event) if once else self.append(event)
        except Exception as error:  # noqa: BLE001 - recording never breaks what it records
            with suppress(Exception):  # a handler of the logger may raise as well
                self._note_failure(error, quiet=quiet)
            return None

    def segment(
        self,
        segment_id: str,
        *,
        host: str | None = None,
        actor: "Actor | None" = None,
        call_id: str | None = None,
    ) -> "Segment":
        """Return the object through which records enter the context of one agent's segment.

        It gives records, and records what it gave as a by-product: it returns what was asked for
        also when the log cannot be written (see `try_append`).

        Args:
            segment_id: One stretch of one agent session; any text.
            host: The agent whose session it is, where known.
            actor: Whose doing within it what is asked for is, where known.
            call_id: The host's id of the tool call, where there is one.
        """
        from ctxuse.context.segment import Segment  # noqa: PLC0415 - not for who only appends

        return Segment(
            self.layout, segment_id, self.try_append, host=host, actor=actor, call_id=call_id
        )

    def append_once(self, event: UsageEvent) -> UsageEvent | None:
        """Append one event that others may have recorded under the same id.

        Looks through the last 1 MiB of the log. The event must fit on one line.

        Returns:
            The stored event; None when it stood in the log already, has no records, or recording
            is turned off.

        Raises:
            InvalidEventError: As `append`; also when it does not fit on a line.
            AppendError: As `append`.
        """
        if not event.records or not self.recording:
            return None
        return event if self._writer.append_once(event.id, encode(event)) else None

    def events(self) -> "Iterator[UsageEvent | SkippedLine]":
        """Yield every line of the log, in file order: an event, or a line that is not counted.

        Archived logs come first. Blank lines are left out, and so is a last line that is not
        finished yet. Lines that are appended meanwhile are not read.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.log.reader import (  # noqa: PLC0415 - a writer does not pay for reading
            SkippedLine,
            open_logs,
            read_events,
        )

        for log in open_logs(self.layout):
            for found in read_events(log):
                if isinstance(found, UsageEvent | SkippedLine):
                    yield found

    def report(
        self,
        *,
        since: "Instant | None" = None,
        until: "Instant | None" = None,
        cache: bool | None = None,
        processes: int | None = None,
        on_progress: "OnProgress | None" = None,
    ) -> "UsageReport":
        """Return what the log says of each record, archived logs included.

        Args:
            since: Count only events from this time on; all from the first when None.
            until: Count only events before this time; all up to the last when None.
            cache: Whether to use the checkpoint in ``_usage`` (and write it), so that only what was
                appended since is read; None leaves it to the environment variable
                ``CTXUSE_NO_CACHE``. A report of a window reads everything.
            processes: How many processes to read a long log with at most; None takes one for each
                processor, up to four.
            on_progress: Told how many bytes have been read, and how many there are.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.query import Query  # noqa: PLC0415 - writing costs no reading
        from ctxuse.reports.making import make_report  # noqa: PLC0415 - writing costs no reading

        reading = self._reading(on_progress, cache=cache, processes=processes)
        return make_report(self.layout, Query.of(since, until), reading)

    def full_report(  # noqa: PLR0913 - a report has these options
        self,
        *,
        since: "Instant | None" = None,
        until: "Instant | None" = None,
        actors: "Collection[str] | None" = None,
        without_actors: "Collection[str]" = (),
        zone: "Zone | None" = None,
        cache: bool | None = None,
        processes: int | None = None,
        on_progress: "OnProgress | None" = None,
    ) -> "FullReport":
        """Return what the log says of each record beyond the reference's figures, too.

        Args:
            since: As `report`.
            until: As `report`.
            actors: Count only uses by these, ``unknown`` for those that do not say, and all
                exposures; by all when None.
            without_actors: Leave out uses by these.
            zone: The time zone that days are counted in, and times are shown in; UTC when None.
            cache: As `report`; what narrows the report down, and days of another zone than UTC,
                make it read everything.
            processes: As `report`.
            on_progress: As `report`.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.query import Query  # noqa: PLC0415 - writing costs no reading
        from ctxuse.reports.making import make_full_report  # noqa: PLC0415 - as `report`

        query = Query.of(since, until, actors, without_actors, zone=zone)
        reading = self._reading(on_progress, cache=cache, processes=processes)
        return make_full_report(self.layout, query, reading)

    def compare(  # noqa: PLR0913 - a report has these options
        self,
        first: "tuple[int | None, int | None]",
        second: "tuple[int | None, int | None]",
        *,
        actors: "Collection[str] | None" = None,
        without_actors: "Collection[str]" = (),
        zone: "Zone | None" = None,
        on_progress: "OnProgress | None" = None,
    ) -> "tuple[FullReport, FullReport]":
        """Return the fuller reports of two windows, of one reading of the log.

        Args:
            first: One window, from when on and up to but without when, in nanoseconds since the
                epoch; None has no bound. See `ctxuse.windows`.
            second: The other; they may overlap.
            actors: As `full_report`.
            without_actors: As `full_report`.
            zone: As `full_report`.
            on_progress: As `report`.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.query import Query, Window  # noqa: PLC0415 - as `report`
        from ctxuse.reports.making import make_full_reports  # noqa: PLC0415 - likewise

        query = Query.of(None, None, actors, without_actors, zone=zone)
        queries = [query._replace(window=Window(*window)) for window in (first, second)]
        reading = self._reading(on_progress)
        one, other = make_full_reports(self.layout, queries, reading)
        return one, other

    def grouped_report(  # noqa: PLR0913 - a report has these options
        self,
        by: "By",
        *,
        since: "Instant | None" = None,
        until: "Instant | None" = None,
        actors: "Collection[str] | None" = None,
        without_actors: "Collection[str]" = (),
        kinds: "Collection[str]" = (),
        zone: "Zone | None" = None,
        cache: bool | None = None,
        processes: int | None = None,
        on_progress: "OnProgress | None" = None,
    ) -> "GroupedReport":
        """Return what the log says by day, week, segment, host, source, actor or kind.

        Args:
            by: Which of these.
            since: As `full_report`.
            until: As `full_report`.
            actors: As `full_report`.
            without_actors: As `full_report`.
            kinds: Count only records of these kinds; of all when empty.
            zone: As `full_report`.
            cache: As `full_report`; to group by segment everything is read.
            processes: As `report`.
            on_progress: As `report`.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.query import Query  # noqa: PLC0415 - writing costs no reading
        from ctxuse.reports.making import make_grouped_report  # noqa: PLC0415 - as `report`

        query = Query.of(since, until, actors, without_actors, kinds, zone)
        reading = self._reading(on_progress, cache=cache, processes=processes)
        return make_grouped_report(self.layout, query, by, reading)

    def check(self, *, listed: "Callable[[SkippedLine], object] | None" = None) -> "CheckResult":
        """Read the whole log, archived files included, and return what is there.

        Args:
            listed: Called for every line that is not counted, in file order. The result itself
                lists only the first thousand.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.log.check import check_log  # noqa: PLC0415 - a writer does not pay for reading

        return check_log(self.layout, listed=listed)

    def check_cache(self) -> "list[CacheCheck]":
        """Read every file of the log in full and compare with what its checkpoint gives.

        A checkpoint that gives something else is removed.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.counting.checkpoint import check_cache  # noqa: PLC0415 - seldom wanted

        return check_cache(self.layout)

    def repair(
        self, *, dry_run: bool = False, overwrite_invalid_utf8: bool = False
    ) -> "RepairResult":
        """Append anew the events that damaged lines hold, under their own ids.

        What is touched is copied aside first. Doing it again changes nothing.

        Args:
            dry_run: Change nothing; say what would be done.
            overwrite_invalid_utf8: Also overwrite bytes of invalid UTF-8 in finished lines with
                ``?``, in place: a single one blinds the reference to the whole file.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
            AppendError: A recovered event could not be appended.
            MaintenanceError: What is to be touched could not be copied aside or overwritten.
        """
        from ctxuse.log.repair import repair_log  # noqa: PLC0415 - seldom wanted

        return repair_log(
            self.layout, dry_run=dry_run, overwrite_invalid_utf8=overwrite_invalid_utf8
        )

    def archive(self) -> str | None:
        """Give the present log a name of its own and begin a new one.

        Reports go on counting archived logs; the reference does not read them.

        Returns:
            The archive's name in ``_usage``; None when the log is empty.

        Raises:
            MaintenanceError: It could not be done; the log is where it was.
        """
        from ctxuse.log.archive import archive_log  # noqa: PLC0415 - seldom wanted

        return archive_log(self.layout)

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
        from ctxuse.marker import make_workspace  # noqa: PLC0415 - once in a workspace's life

        return make_workspace(self.layout, track=track)

    def close(self) -> None:
        """Close what is held open. The workspace can be used again."""
        if self._open_writer is not None:
            self._open_writer.close()

    def _reading(
        self,
        on_progress: "OnProgress | None",
        *,
        cache: bool | None = None,
        processes: int | None = None,
    ) -> "Reading":
        from ctxuse.counting.tuning import Reading, cache_allowed  # noqa: PLC0415 - as `report`
        from ctxuse.progress import silent  # noqa: PLC0415 - likewise

        cache = cache_allowed(self._environ) if cache is None else cache
        return Reading(cache, processes, on_progress or silent)

    def _note_failure(self, error: Exception, *, quiet: bool) -> None:
        from ctxuse.log.failures import leave_mark  # noqa: PLC0415 - only in this case

        action = getattr(error, "action", "append")
        reason = getattr(error, "reason", "")
        what = f"{type(error).__name__}: {action}: {reason}"
        leave_mark(self.layout, what, environ=self._environ)
        if not quiet:
            import logging  # noqa: PLC0415 - only in this case

            logging.getLogger("ctxuse").warning("an event was not recorded: %s", error)


def _durability(durability: str | None, environ: "Mapping[str, str]") -> Durability:
    chosen = durability or environ.get("CTXUSE_DURABILITY") or "os"
    if chosen == "os":
        return "os"
    if chosen == "fsync":
        return "fsync"
    name = "durability" if durability else "CTXUSE_DURABILITY"
    raise InvalidSettingError(name, chosen, "os or fsync")
