"""Two windows side by side, and what differs. Pure; it says what each holds and not which is more.

A window that ends before there is any evidence says nothing: its figures are unknown, not zero, and
so is every difference from them.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import NamedTuple

from ctxuse.counting.detail import Counts
from ctxuse.reports.fields import filled
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.groups import COUNT_FIELDS
from ctxuse.reports.report import TEXT_COLUMNS, ordered

Key = tuple[str, str]
"""A record's kind and slug."""


class Side(NamedTuple):
    """One of the windows.

    Attributes:
        name: As its reader named it.
        report: The report of it, with what is known of the records' files now.
        begun: Whether it has begun by now.
        over: Whether it has ended by now.
    """

    name: str
    report: FullReport
    begun: bool = True
    over: bool = True

    @property
    def known(self) -> bool:
        """Whether there is evidence by the end of the window, and the window is not to come."""
        evidence = self.report.basic.evidence
        end = evidence.window[1]
        since = evidence.log_since_ns
        return self.begun and since is not None and (end is None or since < end)

    @property
    def partly(self) -> bool:
        """Whether the window begins before there is evidence."""
        evidence = self.report.basic.evidence
        begin, since = evidence.window[0], evidence.log_since_ns
        return self.known and begin is not None and since is not None and begin < since

    def records(self) -> dict[Key, FullReportRecord]:
        """Its records by their keys."""
        return {record.key: record for record in self.report.records}

    def fields(self) -> dict[str, object]:
        """Return the window as JSON holds it."""
        return {"name": self.name, "evidence": self.report.evidence()}


class Row(NamedTuple):
    """One record in both windows.

    Attributes:
        kind: Its kind.
        slug: Its slug.
        first: Its counts in the first window; None where nothing is known of that.
        second: The same of the second.
        is_new: Whether its first event of all lies in the second window; None where that is not
            known.
        sizes: The last size of its file that the events of each window tell, in bytes; None where
            they tell none.
        gone: Whether it has no file now; None when that is not known.
    """

    kind: str
    slug: str
    first: Counts | None
    second: Counts | None
    is_new: bool | None
    sizes: tuple[int | None, int | None]
    gone: bool | None

    @property
    def uses(self) -> int | None:
        """Uses in the second window less those in the first; None where one is not known."""
        return self._less(lambda counts: counts.uses)

    @property
    def exposures(self) -> int | None:
        """The same of exposures."""
        return self._less(lambda counts: counts.exposures)

    @property
    def tokens(self) -> int | None:
        """The same of the tokens of all times resident; None also where some are not known."""
        return self._less(
            lambda counts: counts.entered if counts.entered_times == counts.exposures else None
        )

    @property
    def is_resized(self) -> bool:
        """Whether the two windows tell of different sizes of its file."""
        first, second = self.sizes
        return first is not None and second is not None and first != second

    @property
    def differs(self) -> bool:
        """Whether the windows are not known to tell the same of it, or it has no file now."""
        same = self.first is not None and self.first == self.second
        return not same or bool(self.is_new) or self.is_resized or bool(self.gone)

    def fields(self) -> dict[str, object]:
        """Return the record as JSON holds it."""
        return {
            "kind": self.kind,
            "slug": self.slug,
            "a": None if self.first is None else filled(COUNT_FIELDS, self.first),
            "b": None if self.second is None else filled(COUNT_FIELDS, self.second),
            "differs": self.differs,
            "b_less_a": {
                "use_count": self.uses,
                "resident_exposure_count": self.exposures,
                "tokens": self.tokens,
            },
            "first_seen_in_b": self.is_new,
            "file_bytes": {"a": self.sizes[0], "b": self.sizes[1]},
            "gone": self.gone,
        }

    def _less(self, figure: Callable[[Counts], int | None]) -> int | None:
        if self.first is None or self.second is None:
            return None
        first, second = figure(self.first), figure(self.second)
        return None if first is None or second is None else second - first


def _of(side: str, figure: str) -> Callable[[Row], int | None]:
    """What takes a figure of one window, which is not known where the window's are not."""
    counts, take = attrgetter(side), attrgetter(figure)
    return lambda row: None if counts(row) is None else take(counts(row))


_NUMBERS: dict[str, Callable[[Row], int | None]] = {
    name + ending: take
    for name, figure, change in (
        ("uses", "uses", "uses"),
        ("resident", "exposures", "exposures"),
        ("tokens", "entered_tokens", "tokens"),
    )
    for ending, take in (
        ("", _of("second", figure)),
        ("-a", _of("first", figure)),
        ("-change", attrgetter(change)),
    )
}

COLUMNS = (*TEXT_COLUMNS, *_NUMBERS)
"""What a comparison can be sorted by: figures of the second window, of the first, differences."""


class Comparison(NamedTuple):
    """Two windows.

    Attributes:
        first: The one.
        second: The other.
        before: The records that are in an event before the second window; None when that is not
            known.
        everything: Whether people see the records that do not differ, too.
        sort: What the records are sorted by, of `COLUMNS`.
    """

    first: Side
    second: Side
    before: frozenset[Key] | None = None
    everything: bool = False
    sort: str = "record"

    def rows(self) -> list[Row]:
        """Return the records that are in an event of either, sorted.

        Texts run from A to Z and numbers from the largest to the smallest; what is not known comes
        last, and equal ones stand by kind and slug.
        """
        first, second = self.first.records(), self.second.records()
        rows = [self._row(key, first, second) for key in sorted({*first, *second})]
        return ordered(rows, self.sort, _NUMBERS)

    def fields(self) -> dict[str, object]:
        """Return the comparison as JSON holds it."""
        return {
            "a": self.first.fields(),
            "b": self.second.fields(),
            "records": [row.fields() for row in self.rows()],
        }

    def _row(
        self,
        key: Key,
        first: Mapping[Key, FullReportRecord],
        second: Mapping[Key, FullReportRecord],
    ) -> Row:
        one, other = first.get(key), second.get(key)
        there = other or one
        return Row(
            *key,
            _counts(one) if self.first.known else None,
            _counts(other) if self.second.known else None,
            is_new=None if self.before is None else other is not None and key not in self.before,
            sizes=(_last_size(one), _last_size(other)),
            gone=there.gone if there else None,
        )


def _counts(record: FullReportRecord | None) -> Counts:
    return Counts() if record is None else record.total


def _last_size(record: FullReportRecord | None) -> int | None:
    return record.sizes[-1][1] if record is not None and record.sizes else None
