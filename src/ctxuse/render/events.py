"""Events, and lines that are none, in the order of the log."""

from collections.abc import Callable, Iterable, Sequence

from ctxuse.events import SIZE_UNKNOWN, Requests, UsageEvent, UsageEventKind, UsageRecordSnapshot
from ctxuse.log.reader import SkippedLine
from ctxuse.render import words
from ctxuse.render.tables import Column, Name, Names, Said, Table, Value, as_csv, as_markdown
from ctxuse.visible import visible

MOST_NAMES = 3
"""So many records of one event a table of events names."""

_Snapshot = tuple[UsageEvent, UsageRecordSnapshot]


def _sized(size: Callable[[UsageRecordSnapshot], int]) -> Callable[[_Snapshot], int | None]:
    return lambda row: None if row[1].size_from == SIZE_UNKNOWN else size(row[1])


_SNAPSHOT: Sequence[Column[_Snapshot]] = (
    Column("", "id", lambda row: row[0].id),
    Column("", "occurred_at", lambda row: row[0].occurred_at_text),
    Column("", "segment_id", lambda row: row[0].segment_id),
    Column("", "host", lambda row: row[0].host),
    Column("", "actor", lambda row: row[0].actor),
    Column("", "call_id", lambda row: row[0].call_id),
    Column("", "agent_type", lambda row: row[0].agent_type),
    Column("", "event", lambda row: row[0].event.value),
    Column("", "source", lambda row: row[0].source.value),
    Column("", "kind", lambda row: row[1].kind),
    Column("", "slug", lambda row: row[1].slug),
    Column("", "file_bytes", _sized(lambda record: record.file_bytes)),
    Column("", "file_tokens_estimate", _sized(lambda record: record.file_tokens_estimate)),
    Column("", "context_bytes", lambda row: row[1].context_bytes),
    Column("", "context_tokens", lambda row: row[1].context_tokens),
    Column("", "tokens_from", lambda row: row[1].tokens_from),
    Column("", "size_from", lambda row: row[1].size_from),
)


def events_csv(events: Iterable[UsageEvent], *, heading: bool = True) -> str:
    """Return events as CSV, a row for each record of each event."""
    rows = [(event, record) for event in events for record in event.records]
    return as_csv(Table(_SNAPSHOT, rows), heading=heading)


def _records(event: UsageEvent) -> Value:
    if event.requests is not None:
        return Said(_requests(event.requests), None)
    return Names([Name(record.kind, record.slug) for record in event.records])


def _requests(block: Requests) -> str:
    return f"{words.plural(len(block.input), 'request')} of {sum(block.input):,} tokens"


_EVENT: Sequence[Column[UsageEvent]] = (
    Column("Time (UTC)", "", lambda event: Said(event.occurred_at_text, None), right=False),
    Column("Event", "", lambda event: Said(_kind(event), None), right=False),
    Column("Source", "", lambda event: event.source.value, right=False),
    Column("Segment", "", lambda event: event.segment_id, right=False),
    Column("Records", "", _records, right=False),
)


def events_markdown(events: Iterable[UsageEvent], *, heading: bool = True) -> str:
    """Return events as a Markdown table."""
    return as_markdown(Table(_EVENT, [*events]), heading=heading)


def events_table(
    events: Iterable[UsageEvent | SkippedLine], *, width: int, color: bool = False
) -> str:
    """Return events, and lines that are none, as a table for a terminal of `width` columns."""
    from rich.text import Text  # noqa: PLC0415 - only for this form

    from ctxuse.render.terminal import new_table, printed  # noqa: PLC0415 - likewise

    table = new_table()
    table.add_column("Time (UTC)", no_wrap=True)
    table.add_column("Event", no_wrap=True)
    table.add_column("Segment", overflow="ellipsis", no_wrap=True, max_width=12)
    table.add_column("Records", overflow="fold", ratio=1)
    for event in events:
        if isinstance(event, SkippedLine):
            where = f"line {event.line}, byte {event.offset}"
            table.add_row(words.UNKNOWN, "not counted", "", f"{event.reason.value}: {where}")
        else:
            table.add_row(
                event.occurred_at_text[:19].replace("T", " "),
                _what(event),
                Text(visible(event.segment_id)),
                Text(_names(event)),
            )
    return printed([table], width, color=color)


def _kind(event: UsageEvent) -> str:
    return "requests" if event.requests else event.event.value.replace("_", " ")


def _what(event: UsageEvent) -> str:
    if event.requests is not None:
        return "requests"
    if event.event is UsageEventKind.RESIDENT_EXPOSURE:
        return "exposure"
    return event.source.value


def _names(event: UsageEvent) -> str:
    if event.requests is not None:
        return _requests(event.requests)
    names = [visible(f"{record.kind}/{record.slug}") for record in event.records]
    if len(names) > MOST_NAMES + 1:
        names[MOST_NAMES:] = [f"and {len(names) - MOST_NAMES} more"]
    return "\n".join(names)
