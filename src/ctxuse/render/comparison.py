"""What two windows side by side show: their figures, what differs, and what is known of files."""

from collections.abc import Callable, Sequence

from ctxuse.counting.detail import Counts
from ctxuse.render import words
from ctxuse.render.reports import WIDE, tokens_explained, tokens_together
from ctxuse.render.tables import AnyTable, Column, Name, Said, Table, Value
from ctxuse.reports.comparison import Comparison, Row, Side
from ctxuse.visible import Safe, quoted, visible
from ctxuse.zones import day_text

MOST_ROWS = 2_000
"""So many rows people are shown: more take minutes, and nobody reads them."""


def of_comparison(
    comparison: Comparison, safe: Safe, *, for_people: bool = True, narrow: bool = False
) -> AnyTable:
    """Return two windows side by side.

    Args:
        comparison: The two.
        safe: Makes foreign text safe.
        for_people: Whether records that do not differ are left out, unless asked for.
        narrow: Whether a terminal is too narrow for the figures of the first.
    """
    rows = comparison.rows()
    shown = [row for row in rows if row.differs or comparison.everything or not for_people]
    columns: list[Column[Row]] = [
        Column("Record", "", lambda r: Name(r.kind, r.slug), right=False, whole=False),
        Column("", "kind", lambda r: r.kind),
        Column("", "slug", lambda r: r.slug),
        *_figures("Uses", "use_count", lambda c: c.uses),
        *_figures("Resident", "resident_exposure_count", lambda c: c.exposures),
        *_figures("Tokens", "tokens", lambda c: tokens_together([c])),
        *_figures("", "exposed_tokens_recorded", lambda c: c.tokens),
        *_figures("", "exposures_of_unknown_size", lambda c: c.unsized),
        *(Column("", f"{name}_change", change) for name, change in _CHANGES.items()),
        Column("", "first_seen_in_b", lambda r: r.is_new),
        Column("", "file_bytes_a", lambda r: r.sizes[0]),
        Column("", "file_bytes_b", lambda r: r.sizes[1]),
        Column("", "gone", lambda r: r.gone),
        Column("", "differs", lambda r: r.differs),
    ]  # fmt: skip
    more = len(shown) - MOST_ROWS if for_people else 0
    notes = [
        f"And {words.plural(more, 'more row')}: --format csv and json have all" if more > 0 else "",
        *_files(shown, safe),
        *_same(len(rows), len(shown)),
        _side("A", comparison.first),
        _side("B", comparison.second),
        *words.gaps(comparison.first.report.basic, safe, outside=False),
        _explained(shown) if shown else "",
        f"From {WIDE} columns on, also the figures of A." if shown and narrow else "",
    ]
    rows = shown[:MOST_ROWS] if for_people else shown
    return Table(columns, rows, notes=[note for note in notes if note], csv_order=_CSV_ORDER)


_CSV_ORDER = (
    "kind", "slug", "use_count_a", "use_count_b", "resident_exposure_count_a",
    "resident_exposure_count_b", "exposed_tokens_recorded_a", "exposed_tokens_recorded_b",
    "exposures_of_unknown_size_a", "exposures_of_unknown_size_b", "tokens_a", "tokens_b",
)  # fmt: skip
"""What stood in CSV first stays where it is."""


_EXPLAINED = (
    "Uses, Resident and Tokens are of B; \N{PLUS-MINUS SIGN} is B less A. Resident: times resident"
    " in a context. Tokens: of all these"
)


def _explained(rows: Sequence[Row]) -> str:
    tokens = tokens_together([c for row in rows for c in (row.first, row.second) if c is not None])
    return _EXPLAINED + tokens_explained(tokens.bases, partly=tokens.is_part)


_CHANGES: dict[str, Callable[[Row], int | None]] = {
    "use_count": lambda r: r.uses,
    "resident_exposure_count": lambda r: r.exposures,
    "tokens": lambda r: r.tokens,
}
"""What the second window has more than the first, by the name of the figure."""


def _figures(heading: str, name: str, figure: Callable[[Counts], Value]) -> list[Column[Row]]:
    """A figure of both windows and, for people, what the second has more than the first."""

    def of(counts: Counts | None) -> Value:
        return None if counts is None else figure(counts)

    columns: list[Column[Row]] = [
        Column(heading and f"{heading} A", f"{name}_a", lambda r: of(r.first), least=WIDE),
        Column(heading, f"{name}_b", lambda r: of(r.second), full=f"{heading} B"),
    ]
    change = _CHANGES.get(name)
    if change is not None:
        columns.append(Column("\N{PLUS-MINUS SIGN}", "", lambda r: _signed(change(r))))
    return columns


def _signed(number: int | None) -> Said:
    return Said(words.UNKNOWN if number is None else f"{number:+,}" if number else "0", number)


_MOST = 20
"""So many records are named in one note below a table."""


def _files(rows: Sequence[Row], safe: Safe) -> list[str]:
    """What is known beyond counts: records met for the first time, gone, or of another size."""
    said = {
        "First seen in B": [_name(row, safe) for row in rows if row.is_new],
        "No file now": [_name(row, safe) for row in rows if row.gone],
        "Size of the file in A \N{RIGHTWARDS ARROW} in B": [
            f"{_name(row, safe)} {words.count(row.sizes[0])} \N{RIGHTWARDS ARROW}"
            f" {words.count(row.sizes[1])} bytes"
            for row in rows
            if row.is_resized
        ],
    }
    return [f"{what}: {_listed(which)}" for what, which in said.items() if which]


def _listed(names: Sequence[str]) -> str:
    every = " (--format csv has all)" if len(names) > _MOST else ""
    return words.some(names, _MOST) + every


def _name(row: Row, safe: Safe) -> str:
    return safe(f"{row.kind}/{row.slug}")


def _same(number: int, shown: int) -> list[str]:
    if number == shown:
        return []
    same = words.plural(number - shown, "record is", "records are")
    return [f"{same} the same in both: --all shows them"]


def _side(letter: str, side: Side) -> str:
    report = side.report.basic
    since = ". ".join(filter(None, [words.since(report.evidence), words.origins(report)]))
    said = f"{letter} is {quoted(side.name)}."
    if not side.known:
        when = "ends before there is evidence" if side.begun else "is to come"
        return f"{said} It {when}: nothing is known of it.{_days(side)} {since}"
    said += " It begins before there is evidence." if side.partly else ""
    said += "" if side.over else " It is not over: this is what there is by now."
    return f"{said}{_days(side)} {since}"


def _days(side: Side) -> str:
    """The days of a window that begins and ends with a day."""
    evidence = side.report.basic.evidence
    begin, end = evidence.window
    if begin is None or end is None or any(_is_no_midnight(side, ns) for ns in (begin, end)):
        return ""
    first, last = (day_text(evidence.zone.day(ns)) for ns in (begin, end - 1))
    zone = visible(evidence.zone.name)
    return f" Its days are {first} to {last} ({zone})." if first != last else ""


def _is_no_midnight(side: Side, ns: int) -> bool:
    zone = side.report.basic.evidence.zone
    return zone.day(ns) == zone.day(ns - 1)
