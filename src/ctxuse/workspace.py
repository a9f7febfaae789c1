"""The one object that users of the library hold: a workspace, its records and its log.

Ties the parts together and adds no rule of its own.
"""

import os
from typing import TYPE_CHECKING

from ctxuse.events import UsageEvent
from ctxuse.layout import WorkspaceLayout
from ctxuse.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from whenever import Instant

    from ctxuse.counting.proving import CacheCheck
    from ctxuse.counting.tuning import Reading
    from ctxuse.log.check import CheckResult
    from ctxuse.log.reader import SkippedLine
    from ctxuse.log.repair import RepairResult
    from ctxuse.progress import OnProgress
    from ctxuse.query import By
    from ctxuse.reports.cost import CostReport, Prices
    from ctxuse.reports.full import FullReport
    from ctxuse.reports.groups import GroupedReport
    from ctxuse.reports.report import UsageReport
    from ctxuse.zones import Zone


class Workspace(Recorder):
    """A workspace: a `Recorder`, made as one is, whose log can be read and looked after, too."""

    @classmethod
    def find(cls, start: str | os.PathLike[str] | None = None) -> "Workspace":
        """Return the workspace that `start` lies in; see `WorkspaceLayout.find`.

        Args:
            start: Where to begin; the current directory when None.
        """
        return cls(WorkspaceLayout.find(start))

    def events(self, *, of_requests: bool = False) -> "Iterator[UsageEvent | SkippedLine]":
        """Yield every line of the log, in file order: an event, or a line that is not counted.

        Archived logs come first. Blank lines are left out, and so is a last line that is not
        finished yet. Lines that are appended meanwhile are not read.

        Args:
            of_requests: Also lines that tell of requests, events with `requests` and no records.

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
                is_listed = of_requests or getattr(found, "requests", None) is None
                if is_listed and isinstance(found, UsageEvent | SkippedLine):
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
            cache: Whether to use a checkpoint in the user's cache directory (and write it), so that
                only what was appended since is read; None leaves it to the environment variable
                ``CTXUSE_NO_CACHE``.
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
            cache: As `report`.
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
        """Return what the log says by day, week, segment, host, source, model and the like.

        Args:
            by: Which of these.
            since: As `full_report`.
            until: As `full_report`.
            actors: As `full_report`.
            without_actors: As `full_report`.
            kinds: Count only records of these kinds; of all when empty.
            zone: As `full_report`.
            cache: As `full_report`; to group by segment or model everything is read.
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

    def cost(  # noqa: PLR0913 - a report has these options
        self,
        *,
        since: "Instant | None" = None,
        until: "Instant | None" = None,
        kinds: "Collection[str]" = (),
        prices: "Prices | None" = None,
        window_tokens: int | None = None,
        zone: "Zone | None" = None,
        cache: bool | None = None,
        on_progress: "OnProgress | None" = None,
    ) -> "CostReport":
        """Return what requests took in, and how much of that is of which record.

        Args:
            since: Only requests answered from this time on; what entered before stands in them.
            until: Only requests answered before this time.
            kinds: Show records of these kinds by themselves, all others together; all when empty.
            prices: What a million tokens cost, which adds money; see `ctxuse.reports.cost`.
            window_tokens: What the model's window takes, where no transcript tells it.
            zone: The time zone that times are shown in; UTC when None.
            cache: As `report`.
            on_progress: As `report`.

        Raises:
            LogUnreadableError: The log exists but cannot be read.
        """
        from ctxuse.query import Query  # noqa: PLC0415 - writing costs no reading
        from ctxuse.reports.making import make_cost_report  # noqa: PLC0415 - as `report`

        query = Query.of(since, until, kinds=kinds, zone=zone)
        reading = self._reading(on_progress, cache=cache)
        report = make_cost_report(self.layout, query, reading, prices=prices, window=window_tokens)
        return report.chosen("tokens", None, kinds)

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
        from ctxuse.cache import cache_of  # noqa: PLC0415 - seldom wanted
        from ctxuse.counting.proving import check_cache  # noqa: PLC0415 - likewise

        return check_cache(self.layout, cache_of(self._environ, wanted=True))

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
            MaintenanceError: It could not be done; the log is where it was, unless the error's
                `archive` says what name it has now.
        """
        from ctxuse.log.archive import archive_log  # noqa: PLC0415 - seldom wanted

        return archive_log(self.layout)

    def _reading(
        self,
        on_progress: "OnProgress | None",
        *,
        cache: bool | None = None,
        processes: int | None = None,
    ) -> "Reading":
        from ctxuse.cache import cache_of  # noqa: PLC0415 - as `report`
        from ctxuse.counting.tuning import Reading  # noqa: PLC0415 - likewise
        from ctxuse.progress import silent  # noqa: PLC0415 - likewise

        return Reading(cache_of(self._environ, wanted=cache), processes, on_progress or silent)
