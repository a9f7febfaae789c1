"""The live page in a real browser: it follows the log, its address says what it shows."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser
from starting import started, until
from web import Served, serving, start

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "bike-shop", root)
    return Workspace(root)


@pytest.fixture
def served(workspace: Workspace, tmp_path: Path) -> Iterator[Served]:
    with serving(Path(workspace.layout.root), tmp_path, "--port", "0") as running:
        yield running


@pytest.fixture
def page(chromium: Any, served: Served) -> Iterator[Any]:  # noqa: ANN401 - untyped without playwright
    """The overview, once it is connected; nothing may be asked for elsewhere or go wrong in it."""
    opened = chromium.new_page(viewport={"width": 1200, "height": 900})
    troubles: list[str] = []
    own = f"http://127.0.0.1:{served.port}/{served.token}/"
    opened.on("request", lambda r: troubles.extend([] if r.url.startswith(own) else [r.url]))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "console",
        lambda m: troubles.extend([m.text] if not m.text.startswith("Failed to load") else []),
    )
    opened.goto(served.address)
    connected(opened)
    yield opened
    opened.close()
    assert troubles == []


def connected(page: Any) -> None:  # noqa: ANN401 - untyped without playwright
    page.get_by_text("Live: updates as events arrive.").wait_for()


def uses(page: Any, name: str) -> str:  # noqa: ANN401 - untyped without playwright
    """What the column of uses says of a record."""
    row = page.locator("#table tbody tr", has=page.get_by_text(name, exact=True))
    return str(row.locator("td").first.text_content()) if row.count() else "no row"


def record_use(workspace: Workspace, slug: str, number: int = 1) -> None:
    record = UsageRecordSnapshot.from_size("skill", slug, 40)
    for _ in range(number):
        workspace.append_use("live", UsageSource.MEMORY_READ, [record], host="claude-code")


def test_it_shows_what_arrives_and_keeps_what_its_reader_did(
    page: Any,  # noqa: ANN401 - untyped without playwright
    workspace: Workspace,
) -> None:
    page.get_by_label("Name contains").fill("pd")
    page.locator("#over-time summary").click()
    page.locator("#records").scroll_into_view_if_needed()
    page.get_by_label("Name contains").focus()
    page.evaluate("window.mark = 1")
    record_use(workspace, "pdf")
    page.locator("#table tbody tr:not([hidden])", has_text="skill/pdf").wait_for()
    assert uses(page, "skill/pdf") == "1"
    record_use(workspace, "pdf", 3)
    until(lambda: uses(page, "skill/pdf") == "4")
    assert page.locator("#shown").text_content() == "1 of 15 records"
    assert page.locator("#over-time details").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "q"
    assert page.evaluate("window.mark") == 1  # it was never loaded anew
    assert page.locator("p.since").first.text_content().startswith("Evidence since 2026-11-02")


def test_a_record_has_a_page_of_its_own_and_back_and_forward_work(page: Any) -> None:  # noqa: ANN401 - untyped without playwright
    page.get_by_label("Kind").select_option("workflow")
    page.get_by_role("link", name="workflow/release").click()
    page.get_by_role("heading", name="workflow/release").wait_for()
    connected(page)
    assert page.locator("#uses-over-time .wide svg").is_visible()
    assert page.get_by_role("heading", name="Last uses").is_visible()
    page.go_back()
    page.get_by_role("heading", name="shop").wait_for()
    assert page.locator("#kind").input_value() == "workflow"
    assert page.locator("#table tbody tr:not([hidden])").count() == 3
    page.go_forward()
    page.get_by_role("heading", name="workflow/release").wait_for()
    page.get_by_role("link", name="All records").click()
    page.get_by_role("heading", name="shop").wait_for()
    assert page.locator("#table tbody tr:not([hidden])").count() == 14


def test_windows_stand_in_the_address_and_lead_back(
    page: Any,  # noqa: ANN401 - untyped without playwright
    served: Served,
) -> None:
    page.get_by_label("Since").fill("2026-11-16")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.locator("select[name=actor]").select_option("agent")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("here from 2026-11-16 00:00").wait_for()
    assert "since=2026-11-16" in page.url
    assert "Uses counted: only those by agent." in page.locator("main").text_content()
    assert uses(page, "decision/money-as-integers") == "13"
    page.get_by_role("link", name="decision/money-as-integers").click()
    page.get_by_text("here from 2026-11-16 00:00").wait_for()
    assert page.get_by_label("Since").input_value() == "2026-11-16"
    page.go_back()
    page.get_by_role("heading", name="shop").wait_for()
    page.go_back()
    page.get_by_text("Evidence since 2026-11-02 07:44 UTC").wait_for()
    assert uses(page, "decision/money-as-integers") == "47"
    page.goto(f"{served.address}?since=nonsense")
    assert '"nonsense" is no time' in page.locator("main").text_content()


def test_it_finds_the_server_again_after_a_restart(
    page: Any,  # noqa: ANN401 - untyped without playwright
    served: Served,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    served.stop()
    page.get_by_text("Not connected to ctxuse serve; trying again.").wait_for()
    record_use(workspace, "written-meanwhile")
    again = start(Path(workspace.layout.root), tmp_path, "--port", str(served.port))
    try:
        assert again.address == served.address
        page.locator("#table tbody tr", has_text="skill/written-meanwhile").wait_for()
        connected(page)
    finally:
        again.process.kill()
        again.process.communicate()


_WRITER = """
import sys, time
from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
workspace = Workspace(sys.argv[1])
record = UsageRecordSnapshot.from_size("skill", "burst", 40)
begin = time.monotonic()
for number in range(4000):
    workspace.append_use(f"s{number}", UsageSource.MEMORY_READ, [record])
    time.sleep(max(0, begin + number / 1000 - time.monotonic()))
"""


def test_a_burst_of_a_thousand_events_a_second_does_not_pile_up(
    page: Any,  # noqa: ANN401 - untyped without playwright
    workspace: Workspace,
) -> None:
    asked: list[str] = []
    under_way: list[int] = [0, 0]
    lock = threading.Lock()

    def begun(request: Any) -> None:  # noqa: ANN401 - untyped without playwright
        if request.resource_type == "fetch":
            with lock:
                asked.append(request.url)
                under_way[0] += 1
                under_way[1] = max(under_way)

    def ended(request: Any) -> None:  # noqa: ANN401 - untyped without playwright
        if request.resource_type == "fetch":
            with lock:
                under_way[0] -= 1

    page.on("request", begun)
    page.on("requestfinished", ended)
    begin = time.monotonic()
    with started("-c", _WRITER, workspace.layout.root):
        until(lambda: uses(page, "skill/burst") == "4,000")
    assert under_way[1] == 1  # one request at a time
    assert 1 <= len(asked) <= 2 + 2 * (time.monotonic() - begin)  # two looks a second at most
    until(lambda: page.evaluate("live.version === live.newest && !live.busy"))


def test_eight_tabs_are_all_answered_and_the_one_that_is_looked_at_follows(
    chromium: Any,  # noqa: ANN401 - untyped without playwright
    served: Served,
    workspace: Workspace,
) -> None:
    context = chromium.new_context()
    tabs = [context.new_page() for _ in range(8)]
    for number, tab in enumerate(tabs):
        tab.add_init_script(
            "let away = false; Object.defineProperty(document, 'hidden', {get: () => away});"
            "window.look = (here) => { away = !here;"
            " document.dispatchEvent(new Event('visibilitychange')); };"
        )
        tab.goto(served.address)
        connected(tab)
        if number < 7:
            tab.evaluate("look(false)")  # headless pages are never hidden by themselves
    record_use(workspace, "many-tabs")
    tabs[7].locator("#table tbody tr", has_text="skill/many-tabs").wait_for()
    assert uses(tabs[0], "skill/many-tabs") == "no row"
    tabs[7].evaluate("look(false)")
    tabs[0].evaluate("look(true)")
    tabs[0].locator("#table tbody tr", has_text="skill/many-tabs").wait_for()
    context.close()


def test_an_answer_that_is_none_is_said_and_asked_for_again(
    page: Any,  # noqa: ANN401 - untyped without playwright
    workspace: Workspace,
) -> None:
    own = page.url
    page.route(own, lambda route: route.fulfill(status=503, body="<p class=since>not now</p>"))
    record_use(workspace, "in-the-end")
    page.get_by_text("What is shown is of before: not now. Trying again.").wait_for()
    page.unroute(own)
    page.locator("#table tbody tr", has_text="skill/in-the-end").wait_for()
    connected(page)


@pytest.mark.parametrize(
    "selector",
    [
        "#table tbody tr:nth-child(5) a",
        "#table thead th:nth-child(2) button",
        "#meanings summary",
        "#over-time summary",
        "#records .scroll",
    ],
)
def test_what_had_the_focus_has_it_after_an_update(
    page: Any,  # noqa: ANN401 - untyped without playwright
    workspace: Workspace,
    selector: str,
) -> None:
    page.locator(selector).focus()
    before = page.evaluate("document.activeElement.textContent.slice(0, 40)")
    page.evaluate("document.getElementById('shown').textContent = 'unchanged'")
    record_use(workspace, "another")
    page.locator("#table tbody tr", has_text="skill/another").wait_for()
    assert page.evaluate("document.activeElement.textContent.slice(0, 40)") == before
    assert page.evaluate("document.activeElement !== document.body")


def test_nothing_is_moved_under_a_finger_or_a_selection(
    page: Any,  # noqa: ANN401 - untyped without playwright
    workspace: Workspace,
) -> None:
    page.locator("#marks .wide [aria-label^='workflow/release:']").click()
    link = page.get_by_role("link", name="decision/money-as-integers")
    link.scroll_into_view_if_needed()
    box = link.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    record_use(workspace, "held-back")
    page.wait_for_timeout(2500)
    assert uses(page, "skill/held-back") == "no row"
    page.mouse.up()
    page.get_by_role("heading", name="decision/money-as-integers").wait_for()  # the click counted
    page.go_back()
    page.locator("#table tbody tr", has_text="skill/held-back").wait_for()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('p.since'))")
    record_use(workspace, "later")
    page.wait_for_timeout(2500)
    assert page.evaluate("getSelection().toString().length") > 20
    page.evaluate("getSelection().removeAllRanges()")
    page.locator("#table tbody tr", has_text="skill/later").wait_for()


def test_it_tries_again_after_it_was_refused(page: Any, workspace: Workspace) -> None:  # noqa: ANN401 - untyped without playwright
    refused: list[str] = []

    def refuse(route: Any) -> None:  # noqa: ANN401 - untyped without playwright
        refused.append(route.request.url)
        route.fulfill(status=503, body="too many pages are open")

    page.route("**/changes", refuse)
    page.reload()
    page.get_by_text("Not connected to ctxuse serve; trying again.").wait_for()
    until(lambda: (page.wait_for_timeout(50), len(refused) > 1)[1])
    page.unroute("**/changes")
    connected(page)
    record_use(workspace, "later")
    page.locator("#table tbody tr", has_text="skill/later").wait_for()


def test_however_often_it_is_told_it_asks_once_at_a_time(page: Any) -> None:  # noqa: ANN401 - untyped without playwright
    counted = page.evaluate(
        """async () => {
          let now = 0, most = 0, all = 0;
          const original = window.fetch;
          window.fetch = async (...words) => {
            all += 1; now += 1; most = Math.max(most, now);
            try { return await original(...words); } finally { now -= 1; }
          };
          for (let n = 0; n < 50; n += 1) { live.newest = `${n}`; live.follow(); }
          while (live.busy) await new Promise((done) => setTimeout(done, 20));
          return [most, all];
        }"""
    )
    assert counted == [1, 2]  # the one that was begun, and one for all that came meanwhile


def test_the_pages_read_on_a_phone(page: Any, served: Served) -> None:  # noqa: ANN401 - untyped without playwright
    page.set_viewport_size({"width": 360, "height": 700})
    for address in (served.address, f"{served.address}record?name=workflow/release"):
        page.goto(address)
        connected(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.locator("#over-time .narrow svg").is_visible()
        assert not page.locator("#over-time .wide svg").is_visible()
