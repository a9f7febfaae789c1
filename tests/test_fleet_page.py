"""Each workspace on the page of a fleet, and how it is looked at by itself."""

import html
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser
from fleets import as_log, make_fleet, make_workspace, some_events

from ctxuse.cli.main import run
from ctxuse.fleet.collect import collect
from ctxuse.fleet.reporting import fleet_report
from ctxuse.render.fleet import own_report
from ctxuse.render.page import fleet_page
from ctxuse.render.page.view import MOST_LINES
from ctxuse.reports.fleet import SeenWorkspace

pytest.importorskip("jinja2", reason="the extra ctxuse[html] is not installed")

ODD = ["it's here", "-w $(touch x)", "<b>&amp;", "a" * 120]


def page_of(*places: Path) -> str:
    return fleet_page(fleet_report([*map(str, places)], merge_records=True, full=True))


def rows_of(page: str) -> list[list[str]]:
    """The texts of the rows of workspaces."""
    (section,) = re.findall(r'<section id="workspaces".*?</section>', page, re.DOTALL)
    rows = re.findall("<tr>(.*?)</tr>", section, re.DOTALL)[1:]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[html.unescape(re.sub("</?code>", "", cell)) for cell in row] for row in cells]


def test_each_workspace_has_a_row_whose_command_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = tmp_path / "fleet"
    for number, name in enumerate(ODD):
        make_workspace(fleet / name, as_log(some_events(11 + number, number)))
    collect([str(fleet / ODD[0])], str(fleet / "collected"), executor="threads")
    rows = rows_of(page_of(fleet))
    assert len(rows) == 5
    for where, events, first, last, command in rows:
        assert Path(where).is_dir()
        assert first < last
        program, *words = shlex.split(command)
        assert program == "ctxuse"
        assert words[-1] == where
        assert ("fleet" in words) == ("collected" in where)
        assert run(words) == 0
        assert f"{events} events" in " ".join(capsys.readouterr().out.split())


def test_a_place_that_no_text_names_has_no_command() -> None:
    commands = {
        "s3://team/collected/w": "ctxuse fleet report s3://team/collected/w",
        "s3://team/w (2)": "",
        "/work/w (2)": "ctxuse report -w '/work/w (2)'",
        "/work/\\xff": "",
        "/work/\x1b[31m": "",
    }
    assert {place: own_report(SeenWorkspace(place, 1)) for place in commands} == commands


def test_by_workspace_the_table_says_what_shows_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    words = ["fleet", "report", str(tmp_path), "--by"]
    assert run([*words, "workspace"]) == 0
    said = "".join(capsys.readouterr().out.split())
    assert f"Onebyitself:ctxusereport-w{tmp_path}/w000" in said
    assert run([*words, "host"]) == 0
    assert "by itself" not in capsys.readouterr().out


def test_very_many_workspaces_are_not_all_on_the_page(tmp_path: Path) -> None:
    log = as_log(some_events(1, 1))
    for number in range(MOST_LINES + 2):
        make_workspace(tmp_path / f"w{number:05}", log)
    page = page_of(tmp_path)
    assert len(rows_of(page)) == MOST_LINES
    assert "2 more workspaces are not on this page" in page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("width", [1200, 390])
def test_in_a_browser_a_click_selects_the_command(
    tmp_path: Path,
    chromium: Any,  # noqa: ANN401 - untyped without playwright
    width: int,
) -> None:
    make_workspace(tmp_path / "fleet" / ODD[0], as_log(some_events(5, 1)))
    make_workspace(tmp_path / "fleet" / ODD[3], as_log(some_events(5, 2)))
    target = tmp_path / "page.html"
    target.write_text(page_of(tmp_path / "fleet"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(target.as_uri())
    commands = page.locator("#workspaces code")
    for number in range(commands.count()):
        commands.nth(number).click()
        assert page.evaluate("String(getSelection())") == commands.nth(number).text_content()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
