"""What a cost shows: a row for each record, and what makes the column add up. Pure."""

from collections.abc import Sequence

from ctxuse.render import words
from ctxuse.render.reports import tokens_explained
from ctxuse.render.tables import AnyTable, Bar, Column, Name, Partial, Said, Table, Value
from ctxuse.reports.cost import CostReport, CostRow
from ctxuse.visible import Safe

_CENT = 0.01
_WIDE = 100
"""From so many columns on, a terminal is shown everything."""

_MORE = 16
"""So many more where there is a window."""

_NARROW = 90
"""Below that uses are left out, too."""


def of_cost(report: CostReport, safe: Safe) -> AnyTable:
    """Return what a cost shows."""
    others = [row for row in (report.left_out, report.rest, report.unsplit) if row is not None]
    rows = [*report.shown, *(row for row in others if row.tokens is not None)]
    most = max([row.tokens or 0 for row in report.shown], default=0) or 1
    has_window = any(row.share_of_window is not None for row in report.rows)
    wide = _WIDE + (_MORE if has_window else 0)
    times_from, uses_from = (0, _NARROW) if report.prices is None else (wide, wide)
    columns: list[Column[CostRow]] = [
        Column("Record", "", _name, right=False, whole=False),
        Column("", "kind", lambda r: r.kind),
        Column("", "slug", lambda r: r.slug),
        Column(
            "Resident", "resident_exposure_count", lambda r: _of_record(r, r.cost.resident),
            least=times_from,
        ),
        Column("Uses", "use_count", lambda r: _of_record(r, r.cost.read), least=uses_from),
        Column("Tokens\neach", "tokens_each", _each, full="Tokens each"),
        Column("", "tokens_each_basis", lambda r: r.each_basis),
        Column("Requests", "requests", _requests, most=14, total=lambda _: report.cost.requests),
        Column("", "requests_known", lambda r: r.requests_known),
        Column(
            "Tokens \N{MULTIPLICATION SIGN}\nrequests", "tokens", _tokens, whole=False, most=14,
            full="Tokens \N{MULTIPLICATION SIGN} requests",
            total=_together,
        ),
        Column("of\ninput", "share_of_input", _of_input, full="of input"),
    ]  # fmt: skip
    if has_window:
        column = Column[CostRow](
            "of\nwindow", "share_of_window", _of_window, full="of window", least=_WIDE
        )
        columns.append(column)
    if report.prices is not None:
        total = Said(_money(report.prices.of(*_taken(report))), None)
        columns.append(Column("Money", "money", _cost, total=lambda _: total))
    columns.append(Column(" ", "", lambda r: Bar(_bar(r, most)), right=False, least=wide))
    said = [words.since(report.basic.evidence), _summary(report)]
    said += filter(None, [_without(report), _not_divided(report), _priced(report, safe)])
    said += words.gaps(report.basic, safe)
    return Table(
        columns,
        rows,
        notes=said,
        explained=_explained(report, rows),
        zone=report.basic.evidence.zone,
        dims=True,
        sums=True,
    )


def _taken(report: CostReport) -> tuple[int, int, int]:
    return report.cost.input, report.cost.cached, report.cost.written


def _name(row: CostRow) -> Value:
    return Name(row.kind, row.slug) if row.kind else Said(row.slug, None)


def _of_record(row: CostRow, number: int) -> Value:
    return number if row.kind else Said("", None)


def _each(row: CostRow) -> Value:
    return Partial(row.each, 1, 1, (row.each_basis or "",)) if row.kind else Said("", None)


def _requests(row: CostRow) -> Value:
    if not row.kind:
        return Said(f"{row.cost.requests:,}" if row.cost.requests else "", row.cost.requests)
    return Partial(row.requests, row.times_known, row.times)


def _tokens(row: CostRow) -> Value:
    if not row.kind:
        return Partial(row.tokens, 1, 1, row.bases)
    return Partial(row.tokens, row.requests_known, row.requests or 0, row.bases)


def _together(rows: Sequence[CostRow]) -> Value:
    return sum(row.tokens or 0 for row in rows) if rows else None


def _share(share: float | None) -> Said | None:
    """A share as people see it, and in CSV with six digits."""
    if share is None:
        return None
    return Said(percent(share), f"{share:.6f}")


def percent(share: float) -> str:
    """Return a share, from 0 on, as people read it: one that is not 0 never looks like it."""
    hundred = 100 * share
    return f"{hundred:.1f} %" if hundred >= 0.05 or not share else "< 0.1 %"  # noqa: PLR2004 - rounds


def _of_input(row: CostRow) -> Value:
    """A record's is of the requests in which it stood; others together have no such base."""
    is_of_none = row.share_of_input is None and not row.kind
    return Said("", None) if is_of_none else _share(row.share_of_input)


def _of_window(row: CostRow) -> Value:
    return _share(row.share_of_window) if row.kind else Said("", None)


def _cost(row: CostRow) -> Value:
    return None if row.money is None else Said(_money(row.money), f"{row.money:.6f}")


def _money(money: float) -> str:
    return f"{money:,.2f}" if abs(money) >= _CENT or not money else f"{money:.4f}"


def _bar(row: CostRow, most: int) -> float:
    return (row.tokens or 0) / most if row.kind else 0.0


def _summary(report: CostReport) -> str:
    cost = report.cost
    if not cost.requests:
        return (
            "No request is known here: transcripts tell of them, which ctxuse import reads, and"
            " hooks at the end of a session. So all that depends on them is a dash."
        )
    zone = report.basic.evidence.zone
    where = words.plural(cost.segments, words.SEGMENT, words.SEGMENTS)
    said = (
        f"{words.plural(cost.requests, 'request')} in {where}, from"
        f" {words.minute(cost.since_ns, zone)} to {words.minute(cost.until_ns, zone)}: by the"
        f" agents' own account they took in {cost.input:,} tokens"
    )
    said += f", {cost.cached:,} of them from a cache," if cost.cached else ""
    return f"{said} and gave {cost.output:,}"


def _without(report: CostReport) -> str | None:
    number = report.cost.segments_without
    if not number or not report.cost.requests:
        return None
    where = words.plural(number, words.SEGMENT, words.SEGMENTS)
    return f"Of {where} with evidence no request is known: what stood there is not in these sums"


def _not_divided(report: CostReport) -> str | None:
    number = report.cost.unsplit
    if not number:
        return None
    return (
        f"Not divided: {words.plural(number, 'request')} of which more is known to have entered"
        " than the agent says they took in, as when it has dropped something"
    )


def _priced(report: CostReport, safe: Safe) -> str | None:
    if report.prices is None:
        return None
    prices = ", ".join(f"{name} {price:g}" for name, price in report.prices.fields.items())
    said = (
        f"Money: by the prices given, of a million tokens: {safe(prices)}. Of a record's tokens as"
        " many count as cached as of all that their request took in"
    )
    if report.output_money is not None and report.money is not None:
        said += (
            f". The responses come to {_money(report.output_money)} beside that, all of it to"
            f" {_money(report.money)}"
        )
    return said


def _explained(report: CostReport, rows: Sequence[CostRow]) -> str:
    if not rows:
        return ""
    said = (
        "Requests: those in which it stood, from when it entered until the context was compacted"
        " or the session ended. Tokens \N{MULTIPLICATION SIGN} requests: its tokens in each of"
        " them, summed; the column adds up to all that was taken in. Everything else: system"
        " prompt, tools, conversation, and records that nothing tells of. of input: its part of"
        " what these requests took in"
    )
    bases = {basis for row in rows for basis in (*row.bases, row.each_basis or "")}
    partly = any(
        value.is_part for row in rows for value in (_requests(row), _tokens(row))
        if isinstance(value, Partial)
    )  # fmt: skip
    if report.window is not None:
        said += f". of window: of the {report.window:,} tokens given"
    return said + tokens_explained(bases, partly=partly, of="y times, or requests")
