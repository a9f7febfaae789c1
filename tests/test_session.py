"""One session by itself: request by request, as text, as JSON, as a page, from a server."""

import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from test_cost import Taken, Whole, block, event, held, log_of, record, wholes
from test_growth import MOST_GROWTH, instructions
from test_web import Answer
from web import serving

from ctxuse import Workspace
from ctxuse.cli.main import cli
from ctxuse.codec.decode import Valid, check
from ctxuse.codec.encode import encode
from ctxuse.counting.cost import Piece, Request
from ctxuse.counting.entered import MEASURED, Tokens
from ctxuse.counting.segments import Segments
from ctxuse.render.page.charts import requests_chart
from ctxuse.render.page.html import session_html
from ctxuse.render.page.series import MOST_PARTS, requests_of
from ctxuse.render.page.sessionview import MOST_ROWS, session_view
from ctxuse.render.record import BARS
from ctxuse.render.session import said, session_text
from ctxuse.reports.making import make_session_report
from ctxuse.reports.session import MOST_LAYERS, SessionRecord, SessionReport, build_session
from ctxuse.zones import UTC

SESSION = "3f2a9c01-1111-4222-8333-000000000001"
AGENT = f"{SESSION}/a1b2"


def session(root: Path, number: int = 3, *, slug: str = "pdf") -> Workspace:
    """A session of so many requests, compacted before the second, and a sub-agent of it."""
    taken = [Taken(10 * place, 1000 + place, 500) for place in range(1, number + 1)]
    return log_of(
        root,
        [
            event(SESSION, 0, [record(slug, 100), record("dark", None)], resident=True),
            event(SESSION, 0, [record("small", 10)], resident=True),
            event(SESSION, 16, [record(slug, 80)], resident=True),
            event(SESSION, 17, [record(slug, 300)], resident=False),
            block(SESSION, taken, [15]),
            event(AGENT, 5, [record(slug, 7)], resident=True),
            block(AGENT, [Taken(6, 99, 0)]),
        ],
    )


def report(workspace: Workspace, name: str = SESSION) -> SessionReport:
    found = make_session_report(workspace.layout, name)
    assert isinstance(found, SessionReport)
    return found


def run(workspace: Workspace, *words: str) -> str:
    root = str(workspace.layout.root)
    found = CliRunner().invoke(cli, ["show", *words, "-w", root], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


class TestReport:
    def test_what_stood_in_each_request(self, tmp_path: Path) -> None:
        found = report(session(tmp_path))
        assert (found.segment, found.host, found.models) == (SESSION, "claude-code", ["opus"])
        assert found.compactions == (1,)
        assert {layer.name: layer.tokens for layer in found.layers} == {
            "skill/pdf": [100, 380, 380], "skill/small": [10, 0, 0],
            "everything else": [891, 622, 623],
        }  # fmt: skip
        pdf, small, dark = found.records
        assert (pdf.resident, pdf.read, pdf.first, pdf.requests, pdf.tokens) == (2, 1, 1, 3, 860)
        assert (small.requests, small.tokens) == (1, 10)
        assert (dark.requests, dark.tokens, dark.is_partly) == (1, None, True)

    @given(wholes())
    def test_each_request_holds_what_it_holds_by_itself(self, whole: Whole) -> None:
        segments = Segments()
        for one in whole.events:
            line = check(encode(one))
            assert isinstance(line, Valid)
            segments.add_line(line)
        for key, those in whole.requests.items():
            if key not in segments.by_key:
                continue
            found = build_session(segments, key)
            each = {f"{r.kind}/{r.slug}": r.per_request(len(those)) for r in found.records}
            for place, taken in enumerate(those):
                standing = held(whole, key, taken).standing
                known = {f"{k}/{s}": sum(n or 0 for n in ns) for (k, s), ns in standing.items()}
                assert {name: tokens[place] for name, tokens in each.items() if tokens[place]} == {
                    name: number for name, number in known.items() if number
                }
                stack = sum(layer.tokens[place] for layer in found.layers)
                assert stack == max(taken.input, sum(known.values()))

    def test_a_name_means_a_session_by_how_it_begins_and_never_two(self, tmp_path: Path) -> None:
        workspace = session(tmp_path)
        log_of(tmp_path, [event("3f2a9c02", 0, [record("pdf", 1)], resident=True)], "ab")
        assert report(workspace, "3f2a9c01").segment == SESSION
        assert report(workspace, AGENT).segment == AGENT
        assert report(workspace, f"{SESSION}/a").segment == AGENT
        assert make_session_report(workspace.layout, "3f2a9c0") == [SESSION, AGENT, "3f2a9c02"]
        assert make_session_report(workspace.layout, "none") == []

    def test_a_session_without_requests_says_so(self, tmp_path: Path) -> None:
        workspace = log_of(tmp_path, [event(SESSION, 0, [record("pdf", 100)], resident=True)])
        assert "No request of it is known" in run(workspace, SESSION)
        page = session_html(report(workspace), UTC)
        assert "No request of it is known" in page
        assert "<figure" not in page


def made(requests: int, records: int, *, reads: int = 0, compactions: int = 0) -> SessionReport:
    """A session of records that stand in all requests, the first of them read more often."""
    found = []
    for number in range(records):
        key, uses = ("skill", f"r{number}"), reads if number == 0 else 0
        those = [Piece(key, 0, requests, 0, Tokens(MEASURED, 5), is_use=False)]
        those += [
            Piece(key, read % requests, requests, 0, Tokens(MEASURED, 1), is_use=True)
            for read in range(uses)
        ]
        found.append(SessionRecord(*key, 1, uses, tuple(those)))
    asked = Request(0, 10**6, 0, 0, 1, 0, "opus")
    places = tuple(range(compactions))
    return SessionReport(
        SESSION, "claude-code", None, (asked,) * requests, places, tuple(found), 0, 0
    )


def assert_in_proportion(
    make: Callable[[int], SessionReport],
    work: Callable[[SessionReport], object],
    count: Callable[[Callable[[], object]], int],
) -> None:
    """Assert that a session ten times as large takes about ten times the steps at most."""
    numbers = []
    for size in (10, 100, 1_000):
        report = make(size)
        numbers.append(count(lambda report=report: work(report)))  # type: ignore[misc]
    assert numbers[1] < MOST_GROWTH * numbers[0]
    assert numbers[2] < MOST_GROWTH * numbers[1]


class TestGrowth:
    def test_layers_take_no_steps_of_each_record_in_each_request(self) -> None:
        assert_in_proportion(
            lambda size: made(size, size), lambda report: report.layers, instructions
        )

    def test_layers_take_no_memory_of_each_record_in_each_request(self) -> None:
        most = []
        for records in (30, 3_000):
            found = made(2_000, records)
            tracemalloc.start()
            try:
                assert len(found.layers) == MOST_LAYERS + 2
                most.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
        assert most[1] < 3 * most[0]

    def test_layers_are_added_up_once_for_all_pictures(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[int] = []
        real = SessionRecord.per_request

        def counting(self: SessionRecord, number: int) -> list[int]:
            calls.append(number)
            return real(self, number)

        monkeypatch.setattr(SessionRecord, "per_request", counting)
        session_html(made(100, 20), UTC)
        assert calls == [100] * MOST_LAYERS

    def test_a_record_that_is_read_again_and_again_takes_steps_in_proportion(self) -> None:
        for work in (lambda report: report.records[0].requests, SessionReport.fields):
            assert_in_proportion(lambda size: made(size, 1, reads=size), work, instructions)

    @given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20))))
    def test_requests_in_which_a_record_stood_count_once_each(
        self, bounds: list[tuple[int, int]]
    ) -> None:
        ranges = [(min(two), max(two)) for two in bounds]
        pieces = tuple(Piece(("k", "s"), *one, 0, None, is_use=True) for one in ranges)
        found = SessionRecord("k", "s", 0, len(pieces), pieces)
        assert found.requests == len({n for one in ranges for n in range(*one)})


class TestBounds:
    def test_however_often_a_context_is_compacted_a_page_has_a_mark_for_a_column(self) -> None:
        found = made(200_000, 1, compactions=200_000)
        for rest in (True, False):
            parts = requests_of(found, rest=rest)
            assert len(parts.compacted) <= MOST_PARTS
            assert sum(mark.number for mark in parts.compacted) == 200_000
            assert all(len(drawn) <= MOST_PARTS for _, drawn, _ in parts.layers)
            chart = requests_chart(parts, width=900)
            assert sum(len(layer["data"]["values"]) for layer in chart["layer"]) < 4 * MOST_PARTS
        page = session_html(found, UTC)
        assert len(page) < 2_000_000
        assert "compacted before 834 of requests 1 to 834" in page
        assert "A broken line is where the context was compacted, once or more often." in page

    def test_a_mark_of_one_compaction_stands_at_its_request(self) -> None:
        found = requests_of(made(100, 1, compactions=3), rest=True).compacted
        assert [mark.first for mark in found] == [1, 2, 3]
        assert found[1].label == "compacted before request 2"

    def test_a_chart_has_a_long_name_a_few_times_and_not_in_each_column(
        self, tmp_path: Path
    ) -> None:
        slug = "x" * 10_000
        found = requests_of(report(session(tmp_path, 300, slug=slug)), rest=True)
        assert json.dumps(requests_chart(found, width=900)).count(slug) <= 3

    def test_what_is_said_of_compactions_names_some(self) -> None:
        found = made(20_000, 1, compactions=20_000)
        assert len("".join(said(found, UTC))) < 1_000
        text = session_text(found, width=100, color=False)
        assert "before request 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 19,988 more." in " ".join(
            text.split()
        )

    def test_a_table_on_the_page_has_so_many_rows_and_says_how_many_it_has_not(self) -> None:
        found = made(MOST_ROWS + 1, MOST_ROWS + 1_000)
        records, requests = session_view(found, UTC).listings
        assert len(records.rows) == len(requests.rows) == MOST_ROWS
        assert records.note.startswith("1,000 more records are not in this table")
        assert requests.note.startswith("1 more request is not in this table")
        assert all(listing.note in session_html(found, UTC) for listing in (records, requests))
        few = session_view(made(3, 3), UTC).listings
        assert [listing.note for listing in few] == ["", ""]


class TestForms:
    def test_the_picture_has_a_column_for_each_request_and_marks_compactions(
        self, tmp_path: Path
    ) -> None:
        text = session_text(report(session(tmp_path, 40)), width=100, color=False)
        lines = text.splitlines()
        first = next(line for line in lines if line.startswith("       380 |"))
        picture = first.partition("|")[2]
        assert picture == "  " + "AA" * 39
        marks = next(line for line in lines if line.startswith(" compacted |"))
        assert marks.partition("|")[2] == "  ^"
        assert "Its context was compacted before request 2." in lines

    def test_columns_of_less_than_a_token_are_drawn(self, tmp_path: Path) -> None:
        taken = [Taken(place, int(place == 1999), 0) for place in range(2000)]
        blocks = [block(SESSION, taken[at : at + 500]) for at in range(0, 2000, 500)]
        entered = event(SESSION, 0, [record("pdf", 100)], resident=True)
        found = report(log_of(tmp_path, [entered, *blocks]))
        lines = session_text(found, width=80, color=False).splitlines()
        bars = next(line for line in lines if line.startswith("       all |")).partition("|")[2]
        assert bars.strip() == BARS[-1]
        assert bars.endswith(BARS[-1])

    def test_many_requests_share_columns(self, tmp_path: Path) -> None:
        workspace = log_of(
            tmp_path,
            [
                event(SESSION, 0, [record("pdf", 100)], resident=True),
                *(
                    block(SESSION, [Taken(n, 1000, 0) for n in range(b + 1, b + 501)])
                    for b in range(0, 3000, 500)
                ),
            ],
        )
        found = report(workspace)
        text = session_text(found, width=80, color=False)
        assert max(map(len, text.splitlines())) <= 80
        assert "a column is 45 requests" in text
        parts = requests_of(found, rest=True)
        assert len(parts.begins) - 1 <= MOST_PARTS
        page = session_html(found, UTC)
        assert len(page) < 1_000_000
        assert "A step is the average of 13 requests." in page

    def test_json_names_requests_from_one_on(self, tmp_path: Path) -> None:
        fields = json.loads(run(session(tmp_path), SESSION[:8], "--format", "json"))
        assert fields["segment"] == SESSION
        assert fields["compacted_before"] == [2]
        assert [one["input"] for one in fields["requests"]] == [1001, 1002, 1003]
        pdf = fields["records"][0]
        assert pdf["stood"][0] == {
            "from": 1, "to": 1, "tokens": 100, "basis": "measured", "read": False,
        }  # fmt: skip

    @pytest.mark.parametrize("slug", ["\x1b[31mred", "<script>x</script>", "a\nb"])
    def test_nothing_is_raw(self, tmp_path: Path, slug: str) -> None:
        workspace = session(tmp_path, slug=slug)
        text = run(workspace, SESSION)
        assert "\x1b" not in text
        assert "a\nb" not in text
        page = session_html(report(workspace), UTC)
        assert "<script>x" not in page
        assert "\x1b" not in page

    def test_a_name_of_nothing_is_wrong_usage(self, tmp_path: Path) -> None:
        workspace = session(tmp_path)
        root = str(workspace.layout.root)
        for words in (["nothing"], ["3f2a"], ["skill/none"], [" "]):
            log_of(tmp_path, [event("3f2a9c02", 0, [record("pdf", 1)], resident=True)], "ab")
            found = CliRunner().invoke(cli, ["show", *words, "-w", root])
            assert found.exit_code == 2, words
        page = CliRunner().invoke(cli, ["show", "skill/pdf", "--format", "html", "-w", root])
        assert page.exit_code == 2


@pytest.mark.parametrize("columns", [80, 90, 100, 110, 160])
def test_tables_of_sessions_are_as_wide_as_a_terminal_at_most(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    example = ["-w", str(Path(__file__).parent.parent / "examples/claude-code")]
    words = ["report", "--by", "segment", "--no-cache", *example]
    found = CliRunner().invoke(cli, words, catch_exceptions=False).stdout
    (name,) = {line.split()[0] for line in found.splitlines() if line.startswith("01a17751")}
    assert "Took in" in found
    shown = CliRunner().invoke(cli, ["show", name, *example], catch_exceptions=False).stdout
    assert "Requests" in shown
    assert max(map(len, [*found.splitlines(), *shown.splitlines()])) <= columns


def test_a_server_gives_sessions_and_costs(tmp_path: Path) -> None:
    workspace = session(tmp_path / "shop")
    with serving(tmp_path / "shop", tmp_path, "--port", "0") as served:
        page = Answer(served).text
        (address,) = re.findall(r'href="(session\?segment=[^"]*)"', page)
        assert "What it costs" in page
        assert SESSION in Answer(served, address).text
        found = report(workspace)
        assert Answer(served, f"api/session?segment={SESSION}").json() == json.loads(
            json.dumps(found.fields())
        )
        cost = Answer(served, "api/cost").json()
        assert cost == json.loads(json.dumps(workspace.cost().fields()))
        for path, status in (
            ("api/session", 400), ("session", 400), ("api/session?segment=none", 404),
            ("session?segment=none", 404), ("session?segment=%1b", 400),
        ):  # fmt: skip
            answer = Answer(served, path)
            assert answer.status == status, path
            assert "\x1b" not in answer.text
