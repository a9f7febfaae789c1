"""The page: what it shows, what it never does, and how it works in a real browser."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import browser
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event, events

from ctxuse import (
    RecordRef,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
    Workspace,
)
from ctxuse.cli.main import run
from ctxuse.counting.detail import DetailTally
from ctxuse.counting.tally import Tally
from ctxuse.events import U64_MAX
from ctxuse.render.page import page_html
from ctxuse.render.page.charts import NARROW, WIDE, over_time_chart
from ctxuse.render.page.columns import COLUMNS
from ctxuse.render.page.html import template
from ctxuse.render.page.series import (
    MOST_BINS,
    MOST_SERIES,
    MOST_WEEKS,
    Bins,
    Span,
    calendar,
    marks,
    over_time,
)
from ctxuse.render.page.view import MOST_LINES
from ctxuse.reports.full import FullReport, build_full_report
from ctxuse.reports.report import Rows, build_report
from ctxuse.zones import DAY

ROOT = Path(__file__).parent.parent
NOON = 1_790_000_000_000_000_000

HOSTILE = [
    "</script><script>document.title='hacked'</script>",
    '"><img src=x onerror="document.title=\'hacked\'">',
    "{{7*7}}{%x%}",
    "\x1b[31m\u202eevil\u2066",
    "javascript:alert(1)",
    "' onmouseover='document.title=1",
    "<svg><style>*{display:none}",
]


def report_of(some: list[UsageEvent]) -> FullReport:
    tally, full = Tally(), DetailTally()
    for event in some:
        tally.add(event)
        full.add(event)
    return build_full_report(build_report(tally), full)


def exposure(day: int, size: int | None, slug: str, kind: str = "knowledge") -> UsageEvent:
    record = UsageRecordSnapshot.from_size(kind, slug, size or 0)
    return an_event(
        occurred_at_ns=NOON + day * DAY,
        event=UsageEventKind.RESIDENT_EXPOSURE,
        source=UsageSource.RESIDENT_INJECTION,
        records=(record if size is not None else record._replace(size_from="unknown"),),
    )


def use(day: int, slug: str, kind: str = "knowledge") -> UsageEvent:
    record = UsageRecordSnapshot.from_size(kind, slug, 4)
    return an_event(occurred_at_ns=NOON + day * DAY, records=(record,))


class Tags(HTMLParser):
    """Collects the tags of a page, and the texts outside script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@given(st.lists(events, max_size=6))
@settings(max_examples=25, deadline=None)
def test_the_figures_of_the_charts_add_up_to_the_report(some: list[UsageEvent]) -> None:
    report = report_of(some)
    tokens = sum(record.total.entered for record in report.records)
    found = over_time(report)
    assert (sum(map(sum, found.numbers)) if found else 0) == tokens
    days, left_out = calendar(report)
    if not left_out:
        assert sum(day.uses for day in days) == sum(r.total.uses for r in report.records)
        assert sum(day.exposures for day in days) == sum(r.total.exposures for r in report.records)
    shown, unknown, beyond = marks(report)
    assert len(shown) + unknown + beyond == len(report.records)


@given(st.integers(-700_000, 2_000_000), st.integers(0, 3_000_000))
def test_every_day_of_a_span_has_its_bin(first: int, length: int) -> None:
    span = Span(first, first + length)
    bins = Bins.of(span)
    assert bins.number <= MOST_BINS
    assert bins.of_day(span.first) == 0
    assert bins.of_day(span.last) == bins.number - 1


def test_no_label_of_a_day_touches_the_next() -> None:
    for days in (1, 2, 20, 31, 48, 100, 365, 1000, 4000):
        found = over_time(report_of([exposure(day, 40, "a") for day in (0, days)]))
        assert found is not None
        for width in (WIDE, NARROW):
            axis = over_time_chart(found, width=width)["encoding"]["x"]["axis"]
            a_year = found.bins.names[0][:4] == found.bins.names[-1][:4]
            label = 8 * len("02-02" if a_year else "2026-02-02")
            between = width / len(found.bins.names) * found.bins.names.index(axis["values"][-1])
            assert between / max(1, len(axis["values"]) - 1) > label or len(axis["values"]) == 1


def test_a_page_has_a_row_of_totals_for_what_adds_up() -> None:
    report = report_of([use(0, "a"), exposure(0, 40, "a"), exposure(1, 80, "b")])
    foot = re.search("<tfoot>(.*?)</tfoot>", page_html(report, title="x"), re.DOTALL)
    assert foot is not None
    cells = re.findall("<t[hd][^>]*>(.*?)</t", foot[1])
    assert cells[0] == "all"
    sums = dict(zip([column.name for column in COLUMNS], cells[1:], strict=True))
    assert (sums["uses"], sums["resident"], sums["tokens"]) == ("1", "2", "30 w")
    assert sums["last-used"] == ""


def test_charts_tell_some_records_apart_and_sum_up_the_others() -> None:
    report = report_of([exposure(0, 40 + number, f"r{number}") for number in range(12)])
    found = over_time(report)
    assert found is not None
    assert len(found.names) == MOST_SERIES + 1
    assert found.names[-1] == "4 others"
    days, left_out = calendar(report_of([use(0, "a"), use(500, "a")]))
    assert left_out == 72 - MOST_WEEKS
    assert len({day.week for day in days}) == MOST_WEEKS
    assert over_time(report_of([use(0, "a"), exposure(0, None, "b")])) is None
    assert marks(report_of([use(0, "a"), exposure(0, None, "b")])).unknown == 1


def test_a_page_asks_for_nothing_and_runs_only_its_own_script() -> None:
    hostile = [use(0, text, text) for text in HOSTILE]
    hostile += [exposure(1, 4, text, text) for text in HOSTILE]
    page = page_html(report_of(hostile), title=HOSTILE[0])
    tags = Tags(page).tags
    assert [tag for tag, _ in tags if tag in {"script", "style"}] == ["style", "script"]
    for tag, attributes in tags:
        assert tag not in {"img", "iframe", "object", "embed", "base", "audio", "video"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "xlink:href", "action", "data"):
            value = attributes.get(name)
            assert value is None or value == "data:," or value.startswith("#"), (tag, value)
    assert not re.findall(r"https?://(?!www\.w3\.org/)[^\s\"'<]+", page)
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_page_of_five_hundred_records_is_below_two_megabytes() -> None:
    some = []
    for number in range(500):
        slug = f"a-really-rather-long-name-of-a-record-with-{number:04}-in-the-middle"
        for day in range(0, 420, 7):
            host = ("claude-code", "codex", None)[day % 3]
            both = [use(day + number % 7, slug), exposure(day + number % 5, 9_000_000, slug)]
            some += [event._replace(host=host, actor="subagent") for event in both]
    page = page_html(report_of(some), title="large")
    assert page.count('<th scope="row">') >= 500
    assert len(page.encode()) < 2_000_000


def test_the_largest_figures_can_be_drawn() -> None:
    big = an_event().records[0]._replace(file_bytes=U64_MAX, file_tokens_estimate=U64_MAX)
    event = an_event(event=UsageEventKind.RESIDENT_EXPOSURE, records=(big,) * 8)
    page = page_html(report_of([event]), title="big")
    assert f"{8 * U64_MAX:,}" in page


def test_a_page_is_bounded_whatever_the_log_holds() -> None:
    some = [use(number % 3, f"slug-{number}", f"kind-{number % 900}") for number in range(3000)]
    some = [event._replace(host=f"host-{number % 500}") for number, event in enumerate(some)]
    some[2000:] = [  # one of every kind
        event._replace(
            event=UsageEventKind.RESIDENT_EXPOSURE, source=UsageSource.RESIDENT_INJECTION
        )
        for event in some[2000:]
    ]
    some += [event._replace(records=(use(0, "busy").records[0],)) for event in some]
    page = page_html(report_of(some), title="many")
    assert page.count("<tr data-kind") == MOST_LINES
    assert "2,001 more records are not on this page" in page
    assert "other kinds" in page
    assert "and 488 more" in page
    assert len(page.encode()) < 2_000_000


def test_a_page_begins_with_the_order_of_the_report(filled_sorted: str) -> None:
    order = re.findall(r'<tr data-kind[^>]*><th scope="row">.*?</span>(.*?)</th>', filled_sorted)
    assert order == ["often", "seldom"]
    assert len(re.findall("<th[^>]*aria-sort", filled_sorted)) == 1
    assert 'data-sort="uses" aria-sort="descending"' in filled_sorted


def test_no_two_regions_of_a_page_have_one_name(filled_sorted: str) -> None:
    names = re.findall(r'<(?:section|div)[^>]*aria-label(?:ledby)?="([^"]+)"', filled_sorted)
    regions = [name.removesuffix("-title").capitalize() for name in names]
    assert len(regions) == 5
    assert len(regions) == len(set(regions))


@pytest.fixture
def filled_sorted() -> str:
    report = report_of([use(0, "seldom"), use(0, "often"), use(1, "often")])
    return page_html(report.chosen(Rows(sort="uses")), title="sorted")


def test_a_page_without_events_says_so() -> None:
    page = page_html(report_of([]), title="empty")
    assert "not evidence of disuse" in page
    report = report_of([]).with_disk([RecordRef("workflow", "release")])
    row = re.search(r"<tr data-kind.*?</tr>", page_html(report, title="x"), re.DOTALL)
    assert row is not None
    assert row[0].count("<td>\N{EN DASH}</td>") == len(COLUMNS)


def test_without_its_libraries_the_page_names_the_extra(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys  # noqa: PLC0415 - beside its only use

    workspace.append(use(0, "a"))
    for module in ("jinja2", "vl_convert"):
        template.cache_clear()
        monkeypatch.setitem(sys.modules, module, None)
        assert run(["report", "-w", str(workspace.layout.root), "--format", "html"]) == 3
        assert "pip install 'ctxuse[html]'" in capsys.readouterr().err
        monkeypatch.undo()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:  # noqa: ANN401 - untyped without playwright
    """A page of the example and some hostile records in a browser, and what it asked for."""
    workspace = Workspace(ROOT / "examples" / "bike-shop")
    some = [found for found in workspace.events() if isinstance(found, UsageEvent)]
    some += [use(-300, text, text) for text in HOSTILE] + [exposure(2, 4, HOSTILE[0])]
    some += [exposure(2, 10**6, "x" * 200)]
    target = tmp_path / "report.html"
    target.write_text(page_html(report_of(some), title="bike-shop"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    troubles: list[str] = []
    own = target.as_uri()
    page.on("request", lambda r: troubles.extend([r.url] if r.url != own else []))
    page.on("console", lambda message: troubles.append(f"said {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"failed with {error}"))
    page.goto(target.as_uri())
    yield page, troubles
    page.close()
    assert troubles == []


def column(page: Any, number: int) -> list[str]:  # noqa: ANN401 - untyped without playwright
    """The texts of the rows shown, in one column."""
    rows = page.locator("#table tbody tr:not([hidden])")
    found: list[str] = rows.evaluate_all(f"rows => rows.map(r => r.cells[{number}].textContent)")
    return found


def _number(shown: str) -> int:
    """A figure of tokens without the sign for how it is known."""
    return int(shown.split(maxsplit=1)[0].replace(",", ""))


def test_in_a_browser_hostile_names_stay_text(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    assert page.title() == "bike-shop \N{EN DASH} ctxuse"
    names = column(page, 0)
    assert f"{HOSTILE[0]}/{HOSTILE[0]}" in names
    assert "{{7*7}}{%x%}/{{7*7}}{%x%}" in names
    assert "\\x1b[31m\\u202eevil\\u2066/\\x1b[31m\\u202eevil\\u2066" in names


def test_in_a_browser_columns_sort_with_the_unknown_last(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.get_by_role("button", name="Tokens", exact=True).click()
    shown = column(page, 1 + [c.name for c in COLUMNS].index("tokens"))
    known = [_number(text) for text in shown if text != "\N{EN DASH}"]
    assert known == sorted(known, reverse=True)
    assert shown[len(known) :] == ["\N{EN DASH}"] * (len(shown) - len(known))
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")  # the button has the focus: the other way round
    shown = column(page, 1 + [c.name for c in COLUMNS].index("tokens"))
    assert [_number(text) for text in shown[: len(known)]] == sorted(known)
    page.go_back()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_in_a_browser_the_filter_narrows_table_and_chart_down(
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    page.get_by_label("Name contains").fill("mon int")
    assert column(page, 0) == ["decision/money-as-integers"]
    assert page.locator("#shown").text_content() == "1 of 22 records"
    marks = page.locator("#marks .wide [aria-roledescription='circle']")
    clear = marks.evaluate_all(
        "all => all.filter(m => !m.classList.contains('faint')).map(m => m.ariaLabel)"
    )
    assert clear == ["decision/money-as-integers: 47 uses, 0 tokens"]
    address = page.url
    page.get_by_label("Name contains").fill("")
    page.get_by_label("Kind").select_option("workflow")
    assert {name.split("/")[0] for name in column(page, 0)} == {"workflow"}
    page.goto(address)
    page.reload()
    assert column(page, 0) == ["decision/money-as-integers"]


def test_in_a_browser_a_mark_says_what_it_is_and_leads_to_its_row(
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    mark = page.locator("#marks .wide [aria-label^='workflow/release:']")
    mark.hover()
    assert page.locator("#tip").text_content() == "workflow/release: 12 uses, 13,580 w tokens"
    mark.click()
    told = page.locator("tr.told th")
    assert told.text_content() == "workflow/release"
    assert page.locator("tr.told").is_visible()


def test_in_a_browser_it_opens_in_the_order_of_the_report_and_bars_stand_on_their_days(
    chromium: Any,  # noqa: ANN401 - untyped without playwright
    tmp_path: Path,
    filled_sorted: str,
) -> None:
    target = tmp_path / "sorted.html"
    target.write_text(filled_sorted, encoding="utf-8")
    page = chromium.new_page()
    page.goto(target.as_uri())
    assert column(page, 0) == ["knowledge/often", "knowledge/seldom"]
    place = 1 + [c.name for c in COLUMNS].index("uses-over-time")
    cell = page.locator("#table tbody tr").nth(1).locator("th, td").nth(place)
    assert cell.inner_text() == "\N{FULL BLOCK} "  # the second day has none
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Record").click()
    assert column(page, 0) == ["knowledge/seldom", "knowledge/often"]
    page.goto(target.as_uri() + "#kind=nothing")
    page.reload()
    assert len(column(page, 0)) == 2
    page.close()


def test_in_a_browser_a_finger_is_told_what_a_mark_is(
    chromium: Any,  # noqa: ANN401 - untyped without playwright
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    context = chromium.new_context(has_touch=True, viewport={"width": 390, "height": 800})
    phone = context.new_page()
    phone.goto(page.url)
    phone.locator("#over-time .narrow [aria-label^='workflow/release:']").first.tap()
    assert phone.locator("#tip").text_content().startswith("workflow/release: ")
    assert phone.locator("#tip").is_visible()
    context.close()


def test_in_a_browser_it_reads_on_a_phone_and_without_script(
    chromium: Any,  # noqa: ANN401 - untyped without playwright
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    address = page.url
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("#over-time .narrow").is_visible()
    assert not page.locator("#over-time .wide").is_visible()
    for number, is_shown in ((0, True), (1, True), (2, False)):  # record, uses, last used
        assert page.locator("#table thead th").nth(number).is_visible() == is_shown
    tokens = 1 + [c.name for c in COLUMNS].index("tokens")
    for row in ("thead", "tfoot"):
        box = page.locator(f"#table {row} tr").locator("th, td").nth(tokens).bounding_box()
        assert box["x"] + box["width"] <= 360
    plain = chromium.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    assert plain.locator("#table tbody tr").count() == 22
    assert plain.locator("#over-time .wide").is_visible()
    plain.close()


def test_in_a_browser_the_keyboard_reaches_what_sorts_and_everything_has_a_name(
    opened: tuple[Any, list[str]],
) -> None:
    page, _ = opened
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the table of records"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Uses":
            break
    page.keyboard.press("Enter")
    shown = [int(text.replace(",", "")) for text in column(page, 1)]
    assert shown == sorted(shown, reverse=True)
    for figure in page.locator("figure").all():
        assert figure.get_attribute("aria-labelledby")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button,input,select,[role=region]')]"
        ".filter(e => !e.labels?.length && !e.textContent && !e.getAttribute('aria-label')"
        " && !e.getAttribute('aria-labelledby')).length"
    )
    assert nameless == 0
