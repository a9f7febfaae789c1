"""What requests come to: as if each was looked at by itself, whatever is remembered of it."""

import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cache import Cache
from ctxuse.cli.main import cli
from ctxuse.codec.encode import encode
from ctxuse.counting import costs
from ctxuse.counting.cost import Cost
from ctxuse.counting.costs import cost_of_log
from ctxuse.counting.count import Counting, count
from ctxuse.counting.entered import CALIBRATED, ESTIMATED, tokens_of
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.events import Requests
from ctxuse.log.reader import OpenLog
from ctxuse.query import ALWAYS, Window
from ctxuse.render import words
from ctxuse.reports.cost import Prices

_SECOND = 1_000_000_000
_MS = 1_000_000
LOG = ".yoi/memory/_usage/events.jsonl"
START = 1_795_000_000 * _SECOND

Key = tuple[str, str]


class Taken(NamedTuple):
    """A request as the tests have it."""

    at_ms: int
    input: int
    cached: int


def block(
    segment: str,
    taken: Sequence[Taken],
    compactions: Sequence[int] = (),
    ratio: float | None = None,
) -> UsageEvent:
    """The event of some requests, at milliseconds after `START`."""
    first = taken[0].at_ms
    requests = Requests(
        f"msg_{first}",
        tuple(one.at_ms - first for one in taken),
        tuple(one.input for one in taken),
        tuple(1 for _ in taken),
        tuple(one.cached for one in taken),
        compactions=tuple(at - first for at in compactions),
        model="opus",
        bytes_per_token=ratio,
    )
    return event(segment, first, (), resident=True)._replace(requests=requests)


_numbers = iter(range(10**9))


def event(
    segment: str, at_ms: int, records: Sequence[UsageRecordSnapshot], *, resident: bool
) -> UsageEvent:
    """An event at milliseconds after `START`."""
    return UsageEvent(
        f"01a2058a-acb2-73bc-8f43-{next(_numbers):012x}",
        START + at_ms * _MS,
        segment,
        UsageEventKind.RESIDENT_EXPOSURE if resident else UsageEventKind.USE,
        UsageSource.RESIDENT_INJECTION if resident else UsageSource.MEMORY_READ,
        tuple(records),
        host="claude-code",
    )


def record(slug: str, tokens: int | None, kind: str = "skill") -> UsageRecordSnapshot:
    """A record of which so many tokens entered."""
    unknown = UsageRecordSnapshot(kind, slug, 0, 0, size_from="unknown")
    if tokens is None:
        return unknown
    if slug == "bytes":
        return unknown._replace(context_bytes=3 * tokens)
    return unknown._replace(context_bytes=3 * tokens, context_tokens=tokens, tokens_from="usage")


def log_of(root: Path, events: Sequence[UsageEvent], mode: str = "wb") -> Workspace:
    """A workspace whose log holds some events."""
    (root / LOG).parent.mkdir(parents=True, exist_ok=True)
    with (root / LOG).open(mode) as log:
        log.write(b"".join(encode(one) + b"\n" for one in events))
    return Workspace(root)


class Whole(NamedTuple):
    """A log: the events of sessions, and all requests of each and when they were compacted."""

    events: list[UsageEvent]
    requests: dict[str, list[Taken]]
    compactions: dict[str, list[int]]
    ratios: dict[str, float | None]


@st.composite
def wholes(draw: st.DrawFn) -> Whole:
    """Whatever may happen in a few sessions, in whatever order it is told."""
    whole = Whole([], {}, {}, {})
    for segment in draw(st.lists(st.sampled_from(["s", "s/agent", "t", "u"]), unique=True)):
        moments = draw(st.lists(st.integers(0, 60), unique=True, max_size=10))
        taken = [
            Taken(at, size := draw(st.integers(0, 400)), draw(st.integers(0, size)))
            for at in sorted(moments)
        ]
        compactions = sorted(draw(st.lists(st.integers(0, 60), max_size=2)) if taken else [])
        whole.requests[segment], whole.compactions[segment] = taken, compactions
        cut = draw(st.integers(0, len(taken)))
        whole.ratios[segment] = None
        for part in (taken[:cut], taken[cut:]):
            if part:
                is_last, ratio = part[-1] is taken[-1], draw(st.none() | st.floats(1, 8))
                those = compactions if is_last else ()
                whole.events.append(block(segment, part, those, ratio))
                whole.ratios[segment] = ratio or whole.ratios[segment]
        for _ in range(draw(st.integers(0, 6))):
            records = draw(
                st.lists(
                    st.builds(
                        record,
                        st.sampled_from(["a", "b", "bytes"]),
                        st.none() | st.integers(0, 100),
                    ),
                    min_size=1,
                    max_size=3,
                    unique_by=lambda one: one.slug,
                )
            )
            at = draw(st.integers(-5, 65))
            whole.events.append(event(segment, at, records, resident=draw(st.booleans())))
    return whole._replace(events=draw(st.permutations(whole.events)))


class Found(NamedTuple):
    """What a request held, by looking at it alone."""

    standing: dict[Key, list[int | None]]
    reads: dict[Key, int]


def held(whole: Whole, segment: str, taken: Taken) -> Found:
    """Return what a request held: of what is resident the latest known of its stretch."""
    begin = max((at for at in whole.compactions[segment] if at <= taken.at_ms), default=-(10**9))
    entered = sorted(
        (one for one in whole.events if one.segment_id == segment and not one.requests),
        key=lambda one: one.occurred_at_ns,
    )
    resident: dict[Key, int | None] = {}
    found = Found(defaultdict(list), Counter())
    for one in entered:
        at_ms = (one.occurred_at_ns - START) // _MS
        if not begin <= at_ms <= taken.at_ms:
            continue
        for snapshot in one.records:
            key = (snapshot.kind, snapshot.slug)
            is_use = one.event is UsageEventKind.USE
            tokens, ratio = tokens_of(snapshot, is_use=is_use), whole.ratios[segment]
            number = None if tokens is None else tokens.number
            if number is not None and snapshot.slug == "bytes" and ratio:
                number = round((snapshot.context_bytes or 0) / ratio)
            if is_use:
                found.standing[key].append(number)
                found.reads[key] += number or 0
            else:
                resident[key] = resident.get(key) if number is None else number
    for key, number in resident.items():
        found.standing[key].append(number)
    return found


def counted(whole: Whole, window: Window = ALWAYS) -> dict[str, object]:
    """What a cost must be, request by request."""
    tokens: Counter[Key] = Counter()
    requests: Counter[Key] = Counter()
    taken_in: Counter[Key] = Counter()
    unknown: Counter[Key] = Counter()
    read: Counter[Key] = Counter()
    every = unsplit = 0
    for segment, those in whole.requests.items():
        for taken in those:
            if not window.covers(START + taken.at_ms * _MS, START + taken.at_ms * _MS):
                continue
            every += taken.input
            found = held(whole, segment, taken)
            known = sum(number or 0 for numbers in found.standing.values() for number in numbers)
            unsplit += taken.input if known > taken.input else 0
            for key, numbers in found.standing.items():
                requests[key] += 1
                taken_in[key] += taken.input
                if known > taken.input or None in numbers:
                    unknown[key] += 1
                if known <= taken.input:
                    tokens[key] += sum(number or 0 for number in numbers)
                    read[key] += found.reads.get(key, 0)
    return {
        "input": every, "unsplit": unsplit, "tokens": +tokens, "requests": requests,
        "taken_in": taken_in, "unknown": +unknown, "read": +read,
    }  # fmt: skip


def as_counted(cost: Cost) -> dict[str, object]:
    """A cost in the same words."""
    each = cost.records.items()
    return {
        "input": cost.input,
        "unsplit": cost.unsplit_input,
        "tokens": +Counter({key: sum(one.tokens.values()) for key, one in each}),
        "requests": Counter({key: one.requests for key, one in each if one.requests}),
        "taken_in": Counter({key: one.input for key, one in each if one.requests}),
        "unknown": +Counter({key: one.unknown for key, one in each}),
        "read": +Counter({key: one.tokens_read for key, one in each}),
    }


class TestLaws:
    @given(wholes())
    def test_the_cost_is_that_of_each_request_looked_at_by_itself(self, whole: Whole) -> None:
        with tempfile.TemporaryDirectory() as root:
            workspace = log_of(Path(root), whole.events)
            assert as_counted(cost_of_log(workspace.layout, ALWAYS, Reading())) == counted(whole)

    @given(wholes(), st.integers(-10, 70), st.integers(-10, 70))
    def test_a_window_chooses_requests_and_leaves_what_stands_in_them(
        self, whole: Whole, begin: int, end: int
    ) -> None:
        window = Window(START + begin * _MS, START + end * _MS)
        with tempfile.TemporaryDirectory() as root:
            workspace = log_of(Path(root), whole.events)
            cost = cost_of_log(workspace.layout, window, Reading())
        assert as_counted(cost) == counted(whole, window)

    @given(wholes())
    def test_the_column_adds_up_to_what_was_taken_in(self, whole: Whole) -> None:
        with tempfile.TemporaryDirectory() as root:
            report = log_of(Path(root), whole.events).cost(prices=Prices(3, 0.3, output=15))
        for shown in (report, report.chosen("tokens", 1), report.chosen("record", 0, ["other"])):
            others = (shown.left_out, shown.rest, shown.unsplit)
            rows = [*shown.shown, *(row for row in others if row is not None)]
            taken = [one for those in whole.requests.values() for one in those]
            assert sum(row.tokens or 0 for row in rows) == sum(one.input for one in taken)
            assert shown.rest.tokens is None or shown.rest.tokens >= 0
            price = sum(3 * (one.input - one.cached) + 0.3 * one.cached for one in taken) / 1e6
            money = sum(row.money or 0 for row in rows)
            assert money == pytest.approx(price, abs=1e-9)

    @settings(deadline=None)
    @given(wholes(), st.lists(st.integers(0, 40), max_size=4), st.integers(1, 3))
    def test_what_is_remembered_is_what_a_full_reading_gives(
        self, whole: Whole, cuts: list[int], kept: int
    ) -> None:
        with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
            patch.setattr(costs, "KEPT", kept)
            root, cache = Path(made) / "ws", Cache(str(Path(made) / "cache"))
            reading = Reading(cache, tuning=Tuning(checkpoint=1))
            log_of(root, [])
            done = 0
            for cut in (*sorted(cuts), len(whole.events)):
                workspace = log_of(root, whole.events[done:cut], "ab")
                done = max(done, cut)
                remembered = cost_of_log(workspace.layout, ALWAYS, reading)
                full = cost_of_log(workspace.layout, ALWAYS, Reading())
                assert as_counted(remembered) == as_counted(full)
                assert remembered == full


@pytest.fixture
def priced(tmp_path: Path) -> Workspace:
    """A workspace with a session of three requests, one without any, and one that holds less."""
    taken = [Taken(10, 1000, 0), Taken(20, 1100, 900), Taken(30, 1200, 1000)]
    return log_of(
        tmp_path,
        [
            event("s", 0, [record("pdf", 100), record("dark", None)], resident=True),
            event("s", 15, [record("pdf", 300)], resident=False),
            block("s", taken),
            event("hooked", 0, [record("pdf", 90)], resident=True),
            event("hooked", 0, [record("unheard", 40)], resident=True),
            event("less", 0, [record("pdf", 500)], resident=True),
            block("less", [Taken(5, 400, 0)]),
        ],
    )


class TestReport:
    def test_the_figures_of_a_record(self, priced: Workspace) -> None:
        rows = {row.slug: row for row in priced.cost().rows}
        pdf = rows["pdf"]
        assert (pdf.cost.resident, pdf.cost.read, pdf.times_known) == (3, 1, 3)
        assert (pdf.requests, pdf.requests_known) == (4, 3)
        assert pdf.tokens == 3 * 100 + 2 * 300
        assert pdf.cost.tokens_read == 600
        assert (rows["dark"].requests, rows["dark"].tokens) == (3, None)
        assert (rows["unheard"].requests, rows["unheard"].tokens) == (None, None)

    def test_shares_are_of_the_requests_in_which_it_stood(self, priced: Workspace) -> None:
        rows = {row.slug: row for row in priced.cost(window_tokens=10_000).rows}
        assert rows["pdf"].share_of_input == 900 / 3700
        assert rows["pdf"].share_of_window == 900 / (3 * 10_000)
        assert {row.slug: row for row in priced.cost().rows}["pdf"].share_of_window is None

    def test_money_is_that_of_the_prices_given(self, priced: Workspace) -> None:
        report = priced.cost(prices=Prices(3.0, cached=0.3, output=15.0))
        taken, cached = 3700, 1900
        assert report.money == pytest.approx(
            ((taken - cached) * 3 + cached * 0.3 + report.cost.output * 15) / 1e6
        )

    def test_a_table_says_what_is_not_known(self, priced: Workspace) -> None:
        text = run(priced, "cost")
        assert "4 of 3 of 4" in text
        assert "Of 1 session or sub-agent with evidence no request is known" in text
        assert "Not divided: 1 request" in text
        assert "everything else" in text
        row = next(line for line in text.splitlines() if line.startswith("skill/unheard"))
        assert row.split() == ["skill/unheard", "1", "40", "m", *[words.UNKNOWN] * 3]

    @pytest.mark.parametrize("columns", [80, 90, 100, 116, 160])
    @pytest.mark.parametrize("has_window", [False, True])
    @pytest.mark.parametrize("has_prices", [False, True])
    def test_a_table_is_as_wide_as_a_terminal_at_most(
        self, monkeypatch: pytest.MonkeyPatch, columns: int, *, has_window: bool, has_prices: bool
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        chosen = ["--window-tokens", "200000"] if has_window else []
        chosen += ["--price", "in=3,cached=0.3,out=15"] if has_prices else []
        example = Workspace(Path(__file__).parent.parent / "examples/claude-code")
        lines = run(example, "cost", "--no-cache", "--top", "5", *chosen).splitlines()
        assert max(map(len, lines)) <= columns
        assert ("Uses" in lines[1]) is (columns >= (90, 100, 90, 116)[has_prices + 2 * has_window])
        others = next(line.split() for line in lines if line.startswith("8 other records"))
        assert words.UNKNOWN not in others  # their share has no base, which is not unknown

    def test_hooks_alone_give_dashes(self, tmp_path: Path) -> None:
        workspace = log_of(tmp_path, [event("s", 0, [record("pdf", 100)], resident=True)])
        text = run(workspace, "cost")
        row = next(line for line in text.splitlines() if line.startswith("skill/pdf"))
        assert row.split() == ["skill/pdf", "1", "100", "m", *[words.UNKNOWN] * 3]
        assert "No request is known here" in text
        fields = json.loads(run(workspace, "cost", "--format", "json"))
        assert fields["records"][0]["requests"] is None
        assert fields["records"][0]["tokens"] is None
        assert fields["everything_else"]["tokens"] is None

    @pytest.mark.parametrize(
        "price", ["3", "in", "in=", "in=x", "in=-1", "in=nan", "in=inf", "in=1e308", "in=1,in=2",
                  "out=3",                  "in=1,of=2", ""],
    )  # fmt: skip
    def test_what_is_no_price_is_wrong_usage(self, priced: Workspace, price: str) -> None:
        found = CliRunner().invoke(cli, ["cost", "-w", os.fspath(priced.layout), "--price", price])
        assert found.exit_code == 2

    def test_forms_say_the_same(self, priced: Workspace) -> None:
        fields = json.loads(run(priced, "cost", "--format", "json", "--price", "in=3"))
        whole = fields["total"]["input"]
        others = [fields["everything_else"], fields["not_divided"]]
        assert sum(r["tokens"] or 0 for r in [*fields["records"], *others]) == whole
        rows = run(priced, "cost", "--format", "csv").splitlines()
        heading = rows[0].split(",")
        column = heading.index("tokens")
        assert sum(int(row.split(",")[column] or 0) for row in rows[1:]) == whole
        assert f"{whole:,}" in run(priced, "cost", "--format", "markdown")


@pytest.mark.parametrize(
    ("cached", "written", "counted"),
    [
        (30, 60, (30, 60)), (100, 0, (100, 0)), (30, 80, (30, 70)), (10**15, 10**15, (100, 0)),
        (0, 2**53 - 1, (0, 100)),
    ],
)  # fmt: skip
def test_no_more_is_from_a_cache_or_written_to_one_than_was_taken_in(
    tmp_path: Path, cached: int, written: int, counted: tuple[int, int]
) -> None:
    one = block("s", [Taken(5, 100, cached)])
    assert one.requests is not None
    one = one._replace(requests=one.requests._replace(written=(written,)))
    entered = event("s", 0, [record("pdf", 40)], resident=True)
    report = log_of(tmp_path, [entered, one]).cost(prices=Prices(3, 0.3, written=4))
    assert (report.cost.cached, report.cost.written) == counted
    price = (3 * (100 - sum(counted)) + 0.3 * counted[0] + 4 * counted[1]) / 1e6
    assert report.money == pytest.approx(price)
    rows = (*report.shown, report.rest)
    assert [row.money for row in rows] == [pytest.approx(part * price) for part in (0.4, 0.6)]
    shown = json.loads(run(Workspace(tmp_path), "show", "s", "--format", "json"))
    assert (shown["requests"][0]["cached"], shown["requests"][0]["written"]) == counted


class TestRates:
    """Bytes are calibrated by what may be a rate, and by nothing else."""

    @pytest.mark.parametrize(
        ("ratio", "tokens"),
        [
            (None, 75), (5e-324, 75), (1e-280, 75), (0.0999, 75), (0.1, 3000), (4.0, 75), (5.0, 60),
            (100.0, 3), (100.5, 75), (2.0**52, 75),
        ],
    )  # fmt: skip
    def test_what_is_no_rate_is_as_if_none_was_measured(
        self, tmp_path: Path, ratio: float | None, tokens: int
    ) -> None:
        entered = event("s", 0, [record("bytes", 100)], resident=True)
        workspace = log_of(tmp_path, [entered, block("s", [Taken(5, 10_000, 0)], (), ratio)])
        (row,) = workspace.cost().rows
        is_one = ratio is not None and 0.1 <= ratio <= 100
        assert row.cost.tokens == {CALIBRATED if is_one else ESTIMATED: tokens}
        shown = json.loads(run(workspace, "show", "s", "--format", "json"))
        assert shown["records"][0]["tokens"] == tokens

    def test_an_earlier_rate_holds_where_a_later_number_is_none(self, tmp_path: Path) -> None:
        blocks = [
            block("s", [Taken(5, 1000, 0)], (), 5.0),
            block("s", [Taken(9, 1000, 0)], (), 5e-324),
        ]
        entered = event("s", 0, [record("bytes", 100)], resident=True)
        (row,) = log_of(tmp_path, [entered, *blocks]).cost().rows
        assert row.cost.tokens == {CALIBRATED: 2 * 60}


def run(workspace: Workspace, *words: str) -> str:
    """What a command prints."""
    found = CliRunner().invoke(
        cli, [*words, "-w", os.fspath(workspace.layout)], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    return found.stdout


def test_only_what_came_since_is_read_unless_it_is_of_a_settled_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []

    def noted(log: OpenLog, accumulators: Sequence[Counting], start: int, **how: Any) -> None:  # noqa: ANN401
        starts.append(start)
        count(log, accumulators, start, **how)

    monkeypatch.setattr(costs, "KEPT", 1)
    monkeypatch.setattr(costs, "count", noted)
    reading = Reading(Cache(str(tmp_path / "cache")), tuning=Tuning(checkpoint=1))
    root = tmp_path / "ws"
    old = [event("old", 0, [record("pdf", 5)], resident=True), block("old", [Taken(9, 70, 0)])]
    workspace = log_of(root, [*old, event("new", 0, [record("pdf", 7)], resident=True)])
    length = (root / LOG).stat().st_size

    def read(more: Sequence[UsageEvent]) -> tuple[list[int], int, int]:
        log_of(root, more, "ab")
        starts.clear()
        cost = cost_of_log(workspace.layout, ALWAYS, reading)
        return [*starts], cost.requests, cost.input

    assert read([]) == ([0], 1, 70)
    assert read([]) == ([length], 1, 70)
    assert read([block("new", [Taken(5, 20, 0)])]) == ([length], 2, 90)
    after = (root / LOG).stat().st_size
    assert read([block("old", [Taken(19, 90, 0)])]) == ([after, 0], 3, 180)


@pytest.mark.parametrize("damage", ["cut", "changed", "archived", "version"])
def test_what_is_remembered_of_another_log_is_not_used(
    tmp_path: Path, priced: Workspace, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(Cache(str(tmp_path / "cache")), tuning=Tuning(checkpoint=1))
    before = as_counted(cost_of_log(priced.layout, ALWAYS, reading))
    log = tmp_path / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    match damage:
        case "cut":
            log.write_bytes(b"".join(lines[:2]))
        case "changed":
            log.write_bytes(b"".join(lines).replace(b'tokens":100', b'tokens":101'))
        case "archived":
            priced.archive()
            log_of(tmp_path, [event("s", 16, [record("more", 3)], resident=False)], "ab")
        case _:
            monkeypatch.setattr(costs, "_VERSION", b"another\n")
    found = as_counted(cost_of_log(priced.layout, ALWAYS, reading))
    assert found == as_counted(cost_of_log(priced.layout, ALWAYS, Reading()))
    assert (found == before) is (damage == "version")
