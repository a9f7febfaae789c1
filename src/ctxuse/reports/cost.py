"""What a standing context costs: tokens of each record times requests, and everything else. Pure.

The column of tokens adds up to what the host says that the requests took in: what no record is
known to account for is one row, and requests that are known to hold more than they took in are
another. Requests that are not known stand nowhere; how many times resident they are missing for is
said beside each figure.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ctxuse.counting.cost import FINE, Cost, RecordCost
from ctxuse.counting.entered import BASES, MEASURED
from ctxuse.reports.fields import (
    COUNT,
    COUNT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TIME_OR_NULL,
    Field,
    Schema,
    by_name,
    described,
    field_of_list,
    filled,
    or_null,
)
from ctxuse.reports.report import EVIDENCE_FIELDS, UsageReport, largest_first
from ctxuse.times import known_time

PER = 1_000_000
"""Prices are those of so many tokens."""

_SHARE: Schema = {"type": ["number", "null"], "minimum": 0}
_MONEY: Schema = {"type": ["number", "null"]}


class Prices(NamedTuple):
    """What a million tokens cost, in whatever money: the reader says it, nothing is built in.

    Attributes:
        input: Tokens that were taken in.
        cached: Those that came from a cache; like others when None.
        written: Those that were written to one, likewise.
        output: Tokens of responses; these are left out when None.
    """

    input: float
    cached: float | None = None
    written: float | None = None
    output: float | None = None

    def of(self, tokens: float, cached: float, written: float) -> float:
        """Return what tokens cost of which some came from a cache, and some were written to it."""
        price = self.input
        new = (tokens - cached - written) * price
        of_cache = cached * (price if self.cached is None else self.cached)
        return (new + of_cache + written * (price if self.written is None else self.written)) / PER

    @property
    def fields(self) -> dict[str, float]:
        """The prices as JSON holds them, by the words in which the reader says them."""
        named = dict(zip(PRICES, self, strict=True))
        return {name: price for name, price in named.items() if price is not None}


PRICES = ("in", "cached", "written", "out")
"""How prices are called by their reader, in the order of `Prices`."""


class CostRow(msgspec.Struct, frozen=True):
    """What a record came to, or what is of none.

    Attributes:
        kind: Its kind; empty for what is no record.
        slug: Its name.
        cost: The figures.
        prices: What a million tokens cost, where the reader said it.
        window: What a model's window takes, where the reader said it.
    """

    kind: str
    slug: str
    cost: RecordCost
    prices: Prices | None = None
    window: int | None = None

    @property
    def times(self) -> int:
        """Times that it was resident or read."""
        return self.cost.resident + self.cost.read

    @property
    def times_known(self) -> int:
        """Of these, those in segments of which requests are known."""
        return self.cost.resident_known + self.cost.read_known

    @property
    def requests(self) -> int | None:
        """Requests in which it stood; None where none are known."""
        if not self.kind:
            return self.cost.requests or None
        return self.cost.requests if self.times_known or not self.times else None

    @property
    def requests_known(self) -> int:
        """Of these, those of which it is known how much of it they held."""
        return self.cost.requests - self.cost.unknown

    @property
    def tokens(self) -> int | None:
        """Its tokens, summed over these; None where they are known of none."""
        found = sum(self.cost.tokens.values())
        is_known = self.cost.tokens or (self.requests is not None and not self.cost.requests)
        return found if is_known else None

    @property
    def bases(self) -> list[str]:
        """How they are known."""
        return [basis for basis in BASES if basis in self.cost.tokens]

    @property
    def each(self) -> int | None:
        """Tokens of the latest time that it was resident of which they are known."""
        return None if self.cost.last is None else self.cost.last[1]

    @property
    def each_basis(self) -> str | None:
        """How these are known."""
        return None if self.cost.last is None else self.cost.last[2]

    @property
    def share_of_input(self) -> float | None:
        """Its part of what the requests took in in which it stood."""
        return _part(self.tokens, self.cost.input)

    @property
    def share_of_window(self) -> float | None:
        """Its part of the model's window, over these requests; None where that is not known."""
        if self.window is not None:
            return _part(self.tokens, self.window * self.requests_known)
        return _part(self.cost.windowed, self.cost.window) if self.tokens else None

    @property
    def money(self) -> float | None:
        """What its tokens cost, each as much from a cache as all of its request were."""
        if self.prices is None or self.tokens is None:
            return None
        return self.prices.of(self.tokens, self.cost.cached / FINE, self.cost.written / FINE)


def _part(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else part / whole


ROW_FIELDS: Sequence[Field[CostRow]] = (
    Field("kind", TEXT, lambda r: r.kind),
    Field("slug", TEXT, lambda r: r.slug),
    Field("resident_exposure_count", COUNT, lambda r: r.cost.resident),
    Field("use_count", COUNT, lambda r: r.cost.read),
    Field("times_with_requests", COUNT, lambda r: r.times_known),
    Field("tokens_each", COUNT_OR_NULL, lambda r: r.each),
    Field("tokens_each_basis", TEXT_OR_NULL, lambda r: r.each_basis),
    Field("requests", COUNT_OR_NULL, lambda r: r.requests),
    Field("requests_known", COUNT, lambda r: r.requests_known),
    Field("tokens", COUNT_OR_NULL, lambda r: r.tokens),
    Field("tokens_by_basis", by_name(COUNT), lambda r: {b: r.cost.tokens[b] for b in r.bases}),
    Field("tokens_read", COUNT, lambda r: r.cost.tokens_read),
    Field("input", COUNT, lambda r: r.cost.input),
    Field("share_of_input", _SHARE, lambda r: _rounded(r.share_of_input)),
    Field("share_of_window", _SHARE, lambda r: _rounded(r.share_of_window)),
    Field("money", _MONEY, lambda r: _rounded(r.money)),
)
"""A record's cost as JSON holds it."""


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)


class CostReport(msgspec.Struct, frozen=True):
    """What the requests of a workspace took in, and how much of it is of which record.

    Attributes:
        rows: One for every record, the one with most tokens first unless otherwise chosen.
        cost: The sums.
        basic: The report of the same window, for what it rests on.
        others: The rows of records that are not asked for.
        prices: What a million tokens cost, where the reader said it.
        window: What a model's window takes, where the reader said it.
        top: How many rows are shown.
    """

    rows: tuple[CostRow, ...]
    cost: Cost
    basic: UsageReport
    others: tuple[CostRow, ...] = ()
    prices: Prices | None = None
    window: int | None = None
    top: int | None = None

    @property
    def shown(self) -> tuple[CostRow, ...]:
        """The rows of records that are shown."""
        return self.rows[: self.top]

    @property
    def left_out(self) -> CostRow | None:
        """What all other records came to; None without any. Their requests are partly the same."""
        rows = [*self.rows[len(self.shown) :], *self.others]
        together = RecordCost()
        for row in rows:
            together.merge(row.cost)
        together = replace(together, requests=0, input=0, unknown=0, last=None)
        return CostRow("", other_records(len(rows)), together, self.prices) if rows else None

    @property
    def rest(self) -> CostRow:
        """What is of no record: system prompt, tools, conversation, and what nothing tells of.

        It is a difference, and known as well as what was taken away.
        """
        cost, parts = self.cost, [row.cost for row in (*self.rows, *self.others)]
        tokens = cost.input - cost.unsplit_input - sum(sum(p.tokens.values()) for p in parts)
        bases = [basis for basis in BASES if any(part.tokens.get(basis) for part in parts)]
        bases = bases or [MEASURED]
        of_rest = RecordCost(
            requests=cost.requests - cost.unsplit,
            input=cost.input - cost.unsplit_input,
            tokens=dict.fromkeys(bases, 0) | {bases[0]: tokens} if cost.requests else {},
            cached=FINE * (cost.cached - cost.unsplit_cached) - sum(p.cached for p in parts),
            written=FINE * (cost.written - cost.unsplit_written) - sum(p.written for p in parts),
        )
        return CostRow("", "everything else", of_rest, self.prices, self.window)

    @property
    def unsplit(self) -> CostRow | None:
        """Requests that are known to hold more than they took in; None without any."""
        cost = self.cost
        if not cost.unsplit:
            return None
        of_them = RecordCost(
            requests=cost.unsplit,
            input=cost.unsplit_input,
            tokens={MEASURED: cost.unsplit_input},
            cached=FINE * cost.unsplit_cached,
            written=FINE * cost.unsplit_written,
        )
        return CostRow("", "not divided", of_them, self.prices, self.window)

    @property
    def output_money(self) -> float | None:
        """What the responses cost; None where no price was said."""
        if self.prices is None or self.prices.output is None:
            return None
        return self.cost.output * self.prices.output / PER

    @property
    def money(self) -> float | None:
        """What all of it costs, responses included where a price was said."""
        if self.prices is None:
            return None
        cost = self.cost
        return self.prices.of(cost.input, cost.cached, cost.written) + (self.output_money or 0)

    def chosen(self, sort: str, top: int | None, kinds: Collection[str] = ()) -> "CostReport":
        """Return the report with the rows that its reader chose.

        Raises:
            KeyError: There is no such column to sort by.
        """
        shown = [row for row in self.rows if not kinds or row.kind in kinds]
        left = tuple(row for row in self.rows if kinds and row.kind not in kinds)
        if sort == "record":
            shown.sort(key=lambda row: (row.kind, row.slug))
        else:
            shown = largest_first(shown, _NUMBERS[sort])
        return replace(self, rows=tuple(shown), others=left, top=top)

    def fields(self) -> dict[str, object]:
        """Return the report as JSON holds it."""
        return filled(COST_FIELDS, self)


_NUMBERS: Mapping[str, Callable[[CostRow], int | None]] = {
    "resident": lambda row: row.cost.resident,
    "uses": lambda row: row.cost.read,
    "tokens-each": lambda row: row.each,
    "requests": lambda row: row.requests,
    "tokens": lambda row: row.tokens,
}

SORTS = ("record", *_NUMBERS)
"""What a cost can be sorted by."""

_OTHER_FIELDS = [field for field in ROW_FIELDS if field.name in {"requests", "tokens", "money"}]
_OTHER = described(_OTHER_FIELDS)

_TOTAL: Sequence[Field[CostReport]] = (
    Field("requests", COUNT, lambda r: r.cost.requests),
    Field("input", COUNT, lambda r: r.cost.input),
    Field("cached", COUNT, lambda r: r.cost.cached),
    Field("written", COUNT, lambda r: r.cost.written),
    Field("output", COUNT, lambda r: r.cost.output),
    Field("money", _MONEY, lambda r: _rounded(r.money)),
    Field("segments", COUNT, lambda r: r.cost.segments),
    Field("segments_without_requests", COUNT, lambda r: r.cost.segments_without),
    Field("since", TIME_OR_NULL, lambda r: known_time(r.cost.since_ns)),
    Field("until", TIME_OR_NULL, lambda r: known_time(r.cost.until_ns)),
)

COST_FIELDS: Sequence[Field[CostReport]] = (
    Field("evidence", described(EVIDENCE_FIELDS), lambda r: r.basic.evidence.fields()),
    Field(
        "prices", or_null(by_name({"type": "number"})),
        lambda r: None if r.prices is None else r.prices.fields,
    ),
    Field("total", described(_TOTAL), lambda r: filled(_TOTAL, r)),
    field_of_list("records", ROW_FIELDS, lambda r: r.shown),
    Field("other_records", or_null(_OTHER), lambda r: _other(r.left_out)),
    Field("everything_else", _OTHER, lambda r: _other(r.rest)),
    Field("not_divided", or_null(_OTHER), lambda r: _other(r.unsplit)),
)  # fmt: skip
"""A report of costs as JSON holds it."""


def other_records(number: int) -> str:
    """Return what so many records are called that are shown as one."""
    return f"{number:,} other {'record' if number == 1 else 'records'}"


def _other(row: CostRow | None) -> dict[str, object] | None:
    return None if row is None else filled(_OTHER_FIELDS, row)


def build_cost_report(
    cost: Cost,
    basic: UsageReport,
    prices: Prices | None = None,
    window: int | None = None,
) -> CostReport:
    """Return the report over a cost, see `CostReport`, the record with most tokens first."""
    rows = [
        CostRow(kind, slug, record, prices, window)
        for (kind, slug), record in sorted(cost.records.items(), key=lambda item: item[0])
    ]
    report = CostReport(tuple(rows), cost, basic, prices=prices, window=window)
    return report.chosen("tokens", None)
