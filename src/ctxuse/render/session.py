"""One session, request by request, as text: a picture of what stood in it, and a table."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from ctxuse.render import words
from ctxuse.render.record import BARS
from ctxuse.render.tables import AnyTable, Column, Name, Partial, Said, Table
from ctxuse.reports.session import SessionRecord, SessionReport
from ctxuse.visible import visible
from ctxuse.zones import UTC, Zone

if TYPE_CHECKING:
    from rich.text import Text

_SIGNS = "ABCDEFGH+"
"""What stands for each layer, the last of them for all other records together."""

_COLORS = ("blue", "dark_orange", "green", "magenta", "cyan", "red", "yellow", "purple", "white")
_HEIGHT, _WIDEST = 10, 8
"""Lines of the picture, and columns of a request at most."""


def columns_of(numbers: Sequence[int], columns: int) -> tuple[list[float], int]:
    """Return numbers drawn together to so many columns at most: means, and of how many each is."""
    each = max(1, -(-len(numbers) // columns))
    parts = [numbers[begin : begin + each] for begin in range(0, len(numbers), each)]
    return [sum(part) / len(part) for part in parts], each


def session_text(report: SessionReport, *, width: int, color: bool, zone: Zone = UTC) -> str:
    """Return one session as text, safe to show, for `width` columns, its times in `zone`."""
    from ctxuse.render.terminal import as_text, printed  # noqa: PLC0415 - rendering comes last

    parts = [*map(_line, said(report, zone)), *_picture(report, width)]
    above = printed(parts, width, color=color)
    return above + as_text(of_session(report), width=width, color=color)


def said(report: SessionReport, zone: Zone) -> list[str]:
    """Return what is said of a session above its picture, a paragraph each, safe to show."""
    who = f" of {visible(report.host)}" if report.host else ""
    kind = f", {visible(report.agent_type)}" if report.agent_type else ""
    lines = [f"{visible(report.segment)}{who}{kind}"]
    number = len(report.requests)
    if not number:
        return [*lines, "No request of it is known: transcripts tell of them."]
    taken = sum(request.input for request in report.requests)
    cached = sum(request.cached for request in report.requests)
    given = sum(request.output for request in report.requests)
    models = words.listed(report.models, visible)
    begin, end = report.requests[0].at_ns, report.requests[-1].at_ns
    lines.append(
        f"{words.plural(number, 'request')} to {models}, from {words.minute(begin, zone)} to"
        f" {words.minute(end, zone)} {visible(zone.name)}: took in {taken:,} tokens, {cached:,} of"
        f" them from a cache, and gave {given:,}."
    )
    if report.compactions:
        places = words.listed((f"{place + 1:,}" for place in report.compactions), str)
        lines.append(f"Its context was compacted before request {places}.")
    return lines


def _line(text: str) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - as above

    return Text(text)


def _picture(report: SessionReport, width: int) -> "Iterator[Text]":
    """The lines of the picture: layers of records, and below all that was taken in."""
    from rich.text import Text  # noqa: PLC0415 - as above

    *layers, _ = report.layers
    if not layers:
        return
    margin = 12
    drawn = [columns_of(layer.tokens, max(10, width - margin)) for layer in layers]
    every, each = columns_of([request.input for request in report.requests], width - margin)
    heights = [sum(numbers) for numbers in zip(*(column for column, _ in drawn), strict=True)]
    most = max(heights) or 1
    marks = {place // each for place in report.compactions}
    wide = max(1, min(_WIDEST, (width - margin) // len(every)))
    what = "request" if each == 1 else f"{each:,} requests"
    yield Text()
    yield Text(f"Tokens of records; a column is {'a ' if each == 1 else ''}{what}")
    for row in range(_HEIGHT, 0, -1):
        line = Text(f"{round(most):>10,} |" if row == _HEIGHT else " " * 11 + "|")
        for place in range(len(every)):
            level = (row - 0.5) * most / _HEIGHT
            layer = _layer_at([column[place] for column, _ in drawn], level)
            if layer is None:
                line.append((":" if place in marks else " ") + " " * (wide - 1))
            else:
                line.append(_SIGNS[layer] * wide, style=_COLORS[layer])
        yield line
    largest = max(every) or 1
    each_bar = (BARS[ceil(number / largest * (len(BARS) - 1))] for number in every)
    bars = "".join(bar * wide for bar in each_bar)
    yield Text(f"{'all':>10} |{bars}")
    if marks:
        signs = (("^" if place in marks else " ").ljust(wide) for place in range(len(every)))
        yield Text(f"{'compacted':>10} |{''.join(signs)}")
    yield Text(f"{'':>11} all: what was taken in, at most {round(largest):,} tokens")
    yield Text()


def _layer_at(numbers: Sequence[float], level: float) -> int | None:
    """Which of some layers, one upon the other, is at a height; None above all."""
    for layer, number in enumerate(numbers):
        if level <= number:
            return layer
        level -= number
    return None


def of_session(report: SessionReport) -> AnyTable:
    """Return a row for each record, for people."""
    signs = {
        (record.kind, record.slug): _SIGNS[min(place, len(_SIGNS) - 1)]
        for place, record in enumerate(report.records)
        if record.tokens
    }
    columns: list[Column[SessionRecord]] = [
        Column(" ", "", lambda r: Said(signs.get((r.kind, r.slug), ""), None), right=False),
        Column("Record", "", lambda r: Name(r.kind, r.slug), right=False, whole=False),
        Column("Resident", "", lambda r: r.resident),
        Column("Uses", "", lambda r: r.read),
        Column("From\nrequest", "", lambda r: r.first, full="From request"),
        Column("Requests", "", lambda r: r.requests if report.requests else None),
        Column(
            "Tokens \N{MULTIPLICATION SIGN}\nrequests", "", _tokens,
            full="Tokens \N{MULTIPLICATION SIGN} requests",
        ),
    ]  # fmt: skip
    bases = {basis for record in report.records for basis in record.bases}
    explained = (
        "Requests: those in which it stood, until the context was compacted or the session ended."
        f" {words.marks_explained(bases)}"
    )
    return Table(columns, report.records, notes=[explained.strip()], dims=True)


def _tokens(record: SessionRecord) -> Partial:
    """The tokens of a record, summed over requests; a part where some are not known."""
    known = sum(1 for piece in record.pieces if piece.tokens is not None)
    return Partial(record.tokens, known, len(record.pieces), record.bases)
