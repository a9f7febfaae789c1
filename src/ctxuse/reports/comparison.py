"""Two windows side by side. Pure; it says what each holds and not which is more.

A window that ends before there is any evidence says nothing: its figures are unknown, not zero.
"""

from typing import NamedTuple

from ctxuse.counting.detail import Counts
from ctxuse.reports.fields import filled
from ctxuse.reports.full import FullReport
from ctxuse.reports.groups import COUNT_FIELDS


class Side(NamedTuple):
    """One of the windows.

    Attributes:
        name: As its reader named it.
        report: The report of it.
        begun: Whether it has begun by now.
    """

    name: str
    report: FullReport
    begun: bool = True

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

    def counts(self) -> dict[tuple[str, str], Counts]:
        """The counts of each record in it."""
        return {record.key: record.total for record in self.report.records}

    def fields(self) -> dict[str, object]:
        """Return the window as JSON holds it."""
        return {"name": self.name, "evidence": self.report.evidence()}


class Row(NamedTuple):
    """One record in both windows; None where nothing is known."""

    kind: str
    slug: str
    first: Counts | None
    second: Counts | None


class Comparison(NamedTuple):
    """Two windows."""

    first: Side
    second: Side

    def rows(self) -> list[Row]:
        """Return the records that are in an event of either, by kind and slug."""
        sides = [(side.counts(), side.known) for side in self]
        keys = sorted({key for counts, _ in sides for key in counts})
        return [
            Row(*key, *(counts.get(key, Counts()) if known else None for counts, known in sides))
            for key in keys
        ]

    def fields(self) -> dict[str, object]:
        """Return the comparison as JSON holds it."""
        return {
            "a": self.first.fields(),
            "b": self.second.fields(),
            "records": [
                {
                    "kind": row.kind,
                    "slug": row.slug,
                    "a": None if row.first is None else filled(COUNT_FIELDS, row.first),
                    "b": None if row.second is None else filled(COUNT_FIELDS, row.second),
                }
                for row in self.rows()
            ],
        }
