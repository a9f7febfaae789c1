"""Tables, CSV, Markdown, JSON: what they say, and that nothing foreign reaches them raw."""

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from strategies import an_event, events, texts

from ctxuse import RecordRef, SkippedLine, SkipReason, UsageEvent, UsageEventKind, UsageReport
from ctxuse.counting.tally import Tally
from ctxuse.render import terminal
from ctxuse.render.events import events_csv, events_markdown, events_table
from ctxuse.render.forms import shown
from ctxuse.render.jsontext import events_json, for_terminal
from ctxuse.render.tables import AnyTable, Bar, Column, Name, Said, Table, Value, markdown_cell
from ctxuse.render.tables import csv_cell as sheet_cell
from ctxuse.reports.report import build_report
from ctxuse.visible import quoted, visible

DATA = Path(__file__).parent / "data"

HOSTILE = [
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b31m\x85",
    "\u202eevil\u2066",
    "=cmd|'/c calc'!A0",
    "+1+1",
    "@SUM(A1)",
    "\uff1dcmd",
    "</script><script>alert(1)</script>",
    "[link](javascript:x) ![i](u) `code` | cell |",
    "../../etc/passwd",
    "line\nbreak\r\ttab\u2028\u2029",
    "\x00\x7f\ufeff\u200b\u00ad",
    "[bold red]rich[/]",
]


def hostile_events() -> list[UsageEvent]:
    record = an_event().records[0]
    return [
        an_event(
            segment_id=text,
            host=text,
            actor=text,
            call_id=text,
            event=kind,
            records=(record._replace(kind=text, slug=text, tokens_from=text, size_from=text),),
        )
        for text in HOSTILE
        for kind in UsageEventKind
    ]


def report_of(counted: Iterable[UsageEvent]) -> UsageReport:
    tally = Tally()
    for event in counted:
        tally.add(event)
    return build_report(tally)


HOSTILE_REPORT = report_of(hostile_events()).with_disk([RecordRef(t, t + "!") for t in HOSTILE])


def assert_safe_to_show(text: str) -> None:
    assert all(char.isprintable() for char in text.replace("\n", ""))


@given(texts)
def test_what_is_shown_prints_and_prints_as_it_is_where_it_can(text: str) -> None:
    assert visible(text).isprintable()
    assert quoted(text).isprintable()
    assert (visible(text) == text) == text.isprintable()


def test_escapes_say_which_character_stood_there() -> None:
    assert visible("a\x1b\x9b\u202e\U000e0001\n\ud800") == r"a\x1b\x9b\u202e\U000e0001\n\ud800"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_hostile_reaches_a_terminal_raw(width: int) -> None:
    assert_safe_to_show(shown(HOSTILE_REPORT, "table", width=width))
    assert_safe_to_show(events_table(hostile_events(), width=width))
    for text in (shown(HOSTILE_REPORT, "markdown"), events_markdown(hostile_events())):
        assert_safe_to_show(text)
    for text in (shown(HOSTILE_REPORT, "csv"), events_csv(hostile_events())):
        assert_safe_to_show(text)


def test_a_table_takes_markup_for_text() -> None:
    assert "[bold red]rich[/]" in shown(HOSTILE_REPORT, "table", width=200)


def test_json_for_a_terminal_is_safe_and_the_same_json() -> None:
    for text in (HOSTILE_REPORT.to_json(), events_json(hostile_events())):
        assert_safe_to_show(for_terminal(text))
        for raw, said in zip(text.split("\n"), for_terminal(text).split("\n"), strict=True):
            if raw.startswith("{") and raw.endswith("}"):
                assert json.loads(raw) == json.loads(said)
    text = HOSTILE_REPORT.to_json()
    assert json.loads(for_terminal(text)) == json.loads(text)


@given(st.lists(events, max_size=4))
def test_json_reports_of_any_events_are_the_same_json_on_a_terminal(some: list[UsageEvent]) -> None:
    text = report_of(some).to_json()
    assert json.loads(for_terminal(text)) == json.loads(text)


def test_no_cell_of_a_sheet_is_a_formula() -> None:
    for text in (shown(HOSTILE_REPORT, "csv"), events_csv(hostile_events())):
        for row in csv.reader(io.StringIO(text)):
            for value in row:
                assert not value.startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))
    assert sheet_cell("=1") == "'=1"
    assert sheet_cell("a=1") == "a=1"


@given(texts)
def test_no_text_is_markup_in_markdown(text: str) -> None:
    shown = markdown_cell(text)
    assert not set("<>`*_[]()!|\\~#\n") & set(re.sub("&#[0-9]+;", "", shown))


def test_markdown_rows_have_as_many_cells_as_headings() -> None:
    for text in (shown(HOSTILE_REPORT, "markdown"), events_markdown(hostile_events())):
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1


def test_the_csv_holds_the_figures_of_the_report() -> None:
    report = report_of([an_event(), an_event(event=UsageEventKind.RESIDENT_EXPOSURE)]).with_disk(
        [RecordRef("workflow", "new")]
    )
    rows = [*csv.DictReader(io.StringIO(shown(report, "csv")))]
    assert rows[0] == {
        "kind": "decision",
        "slug": "alpha",
        "use_count": "1",
        "last_used_at": "2026-11-22T23:15:03.986118970Z",
        "KnowledgeRef": "0",
        "MemoryRead": "1",
        "ResidentInjection": "0",
        "WorkflowInvoke": "0",
        "resident_exposure_count": "1",
        "estimated_tokens_per_injection": "114",
        "estimated_total_resident_exposure_tokens": "114",
        "tokens_each": "114",
        "tokens_each_basis": "whole_file",
        "tokens": "114",
        "tokens_times_known": "1",
    }
    assert rows[1].pop("kind") == "workflow"
    assert rows[1].pop("slug") == "new"
    assert set(rows[1].values()) == {""}


def test_a_table_of_80_columns_reads_like_this() -> None:
    record = an_event().records[0]
    exposure = UsageEventKind.RESIDENT_EXPOSURE
    report = report_of(
        [
            an_event(),
            an_event(
                event=exposure,
                segment_id="other",
                records=(
                    record._replace(slug="a-rather-long-name-of-a-decision", kind="knowledge"),
                ),
            ),
        ]
    ).with_disk([RecordRef("workflow", "release")])
    assert shown(report, "table", width=80) == (DATA / "golden" / "report-80.txt").read_text(
        encoding="utf-8"
    )


def test_unknown_is_a_dash_and_never_zero() -> None:
    report = report_of([an_event()]).with_disk([RecordRef("workflow", "release")])
    table = shown(report, "table", width=80)
    (row,) = (line for line in table.splitlines() if line.startswith("workflow/release"))
    assert row.split()[1:] == ["\N{EN DASH}"] * 5
    (row,) = (line for line in shown(report, "markdown").splitlines() if "workflow/release" in line)
    assert row.count("\N{EN DASH}") == 6
    assert "1 record on disk and in no event" in table


def test_every_view_says_since_when_there_is_evidence() -> None:
    report = report_of([an_event()])
    for text in (shown(report, "table", width=80), shown(report, "markdown")):
        assert "Evidence since 2026-11-22 23:15 UTC: 1 event in 1 session or sub-agent" in text


def test_an_empty_log_is_no_evidence_of_disuse() -> None:
    for text in (shown(report_of([]), "table", width=80), shown(report_of([]), "markdown")):
        assert "No evidence yet" in text
        assert "not evidence of disuse" in " ".join(text.split())


def test_skipped_lines_are_named_with_the_command_that_lists_them() -> None:
    tally = Tally()
    tally.add(an_event())
    tally.add_skipped("not_json")
    tally.add_skipped("bad_id")
    for text in (
        shown(build_report(tally), "table", width=80),
        shown(build_report(tally), "markdown"),
    ):
        assert "2 lines could not be counted: ctxuse check lists them" in text


def test_a_table_of_events_names_some_records_and_counts_the_rest() -> None:
    record = an_event().records[0]
    event = an_event(records=tuple(record._replace(slug=f"r{n}") for n in range(12)))
    table = events_table([event, SkippedLine(2, 99, SkipReason.BAD_ID, "id")], width=100)
    assert "decision/r2" in table
    assert "decision/r3" not in table
    assert "and 9 more" in table
    assert "bad_id: line 2, byte 99" in table


def test_color_is_only_used_where_it_is_asked_for() -> None:
    report = report_of([an_event()])
    assert "\x1b[" in shown(report, "table", width=80, color=True)
    assert "\x1b[" not in shown(report, "table", width=80)


class CellByRich(terminal._Cell):  # noqa: SLF001 - what tables are made of
    def __init__(self, content: str | Text, gap: int) -> None:
        super().__init__(content, gap)
        self.width, self._is_line = None, False


SPECIAL = [
    "知識",
    "e\u0301x",
    "nb\u00a0sp",
    "two words",
    "  first",
    "last  ",
    "a\tb",
    "a\nb",
    "[b]x[/b]",
]
CELLS: "st.SearchStrategy[Value]" = st.one_of(
    st.integers(0, 10**9),
    st.none(),
    st.sampled_from(SPECIAL),
    st.text(max_size=12),
    st.builds(lambda name: Name("kind", name), st.sampled_from([*SPECIAL, "a-name-" * 6])),
    st.builds(Bar, st.floats(0, 1)),
    st.builds(lambda text: Said(text, None), st.sampled_from(SPECIAL)),
)


@given(st.data())
def test_a_table_is_to_the_byte_as_rich_alone_draws_it(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 6))
    columns: list[Column[list[Value]]] = [
        Column(
            data.draw(st.sampled_from(["Uses", "Tokens\neach", "知識", "A longer one"])),
            "", lambda row, index=index: row[index],  # type: ignore[misc] # of this column
            right=data.draw(st.booleans()),
            whole=data.draw(st.booleans()),
            most=data.draw(st.sampled_from([0, 0, 5, 14])),
            total=data.draw(st.sampled_from([None, len])),
        )
        for index in range(number)
    ]  # fmt: skip
    rows = data.draw(st.lists(st.lists(CELLS, min_size=number, max_size=number), max_size=4))
    table: AnyTable = Table(columns, rows, dims=data.draw(st.booleans()), sums=True)
    width, color = data.draw(st.sampled_from([40, 60, 80, 200])), data.draw(st.booleans())
    ours = terminal.as_text(table, width=width, color=color)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(terminal, "_Cell", CellByRich)
        assert ours == terminal.as_text(table, width=width, color=color)


def test_what_fits_is_not_looked_through_for_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    wrap = Text.wrap

    def wrapped(text: Text, *words: Any, **others: Any) -> Any:  # noqa: ANN401 - as rich's
        looked.append(text.plain)
        return wrap(text, *words, **others)

    monkeypatch.setattr(Text, "wrap", wrapped)
    columns: list[Column[int]] = [
        Column("Record", "", lambda n: Name("skill", f"record-{n}"), right=False, whole=False),
        Column("Tokens\neach", "", lambda n: n),
        Column("", "left-out", lambda n: n),
    ]
    text = terminal.as_text(Table(columns, range(100), notes=["A note."], dims=True), width=80)
    assert text.count("skill/record-") == 100
    assert looked == ["Tokens\neach", "", "A note."]
