"""`ctxuse serve`: who is let in, what is answered, and how little a burst costs."""

import asyncio
import html
import http.client
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starting import PATIENCE, until
from strategies import an_event
from web import Served, serving, start

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.counting.tuning import Reading
from ctxuse.layout import WorkspaceLayout
from ctxuse.render.forms import shown
from ctxuse.render.page import charts
from ctxuse.web import app
from ctxuse.web import live as live_module
from ctxuse.web.address import AddressFile, SavedAddress
from ctxuse.web.app import Site
from ctxuse.web.live import KEPT_ANSWERS, KEPT_PARTS, BusyError, GoneError, Live, Parts, log_version
from ctxuse.web.parameters import COUNTING, BadQueryError, read, record_name
from ctxuse.zones import UTC, Zone

ROOT = Path(__file__).parent.parent

HOSTILE = "</script><script>document.title='hacked'</script>\x1b[31m\u202e{{7*7}}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with a record of a hostile name."""
    root = tmp_path_factory.mktemp("web") / "shop"
    shutil.copytree(ROOT / "examples" / "bike-shop", root)
    record = UsageRecordSnapshot.from_size("skill", HOSTILE, 40)
    Workspace(root).append_use(HOSTILE, UsageSource.MEMORY_READ, [record], host=HOSTILE)
    return root


@pytest.fixture(scope="module")
def served(shop: Path) -> Iterator[Served]:
    with serving(shop, shop.parent, "--port", "0") as running:
        yield running


class Answer:
    """What a plain HTTP client gets, without any help of a library that mends addresses."""

    def __init__(
        self,
        served: Served,
        path: str = "",
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        raw: bool = False,
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        connection.putrequest(
            method,
            path if raw else f"/{served.token}/{path}",
            skip_host="Host" in (headers or {}),
        )
        for name, value in (headers or {}).items():
            if value:
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.text = answer.read().decode()
        connection.close()

    def json(self) -> Any:  # noqa: ANN401 - whatever was answered
        return json.loads(self.text)


def test_who_knows_the_address_is_answered_and_told_to_keep_nothing(served: Served) -> None:
    for path in ("", "record?name=summary/summary", "api/report", "assets/page.js"):
        answer = Answer(served, path)
        assert answer.status == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in answer.headers
    assert "<script>" not in Answer(served).text
    assert "style=" not in Answer(served).text


def test_the_first_page_of_a_server_does_not_wait_for_its_charts(
    shop: Path, tmp_path: Path
) -> None:
    with serving(shop, tmp_path, "--port", "0") as fresh:
        first, second, third = (Answer(fresh) for _ in range(3))
        version = Answer(fresh, "api/version").json()["version"]
    assert "mark-symbol" not in first.text
    assert first.text.count("The chart is being drawn.") == 4
    assert 'data-version=""' in first.text  # so it asks again
    assert "mark-symbol" in second.text
    assert "being drawn" not in second.text
    assert f'data-version="{version}"' in second.text
    assert third.text == second.text
    without = re.sub(r'<div class="chart.*?</div>\n', "", second.text, flags=re.DOTALL)
    there = re.sub(r'<p class="undrawn".*?</p>\n', "", first.text)
    there = there.replace('data-version=""', f'data-version="{version}"')
    assert there.replace("The charts are being drawn.", "Waiting for events.") == without


def test_a_first_page_is_whole_where_the_engine_runs_already(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []

    def svg(spec: charts.Spec) -> str:
        drawn.append(spec)
        return "<svg/>"

    monkeypatch.setattr(charts, "svg", svg)

    def pages(*, runs: bool) -> list[int]:
        monkeypatch.setattr(app, "engine_runs", lambda: runs)
        site = Site(WorkspaceLayout(shop), Reading(), title="shop")
        counts = []
        for _ in range(2):
            drawn.clear()
            asyncio.run(site.overview(Request({**SCOPE, "query_string": b"tz=UTC"}, received)))
            site.live = Live(WorkspaceLayout(shop))
            counts.append(len(drawn))
        return counts

    assert pages(runs=False) == [0, 6]
    assert pages(runs=True) == [6, 6]


SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def received() -> dict[str, object]:
    return {"type": "http.request", "body": b"", "more_body": True}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "localhost", "", "[::1]:PORT",
     "127.0.0.1:PORT.evil.example", "localhost:PORT@evil.example", "LOCALHOST:PORT",
     "0.0.0.0:PORT"],
)  # fmt: skip
def test_a_wrong_host_is_refused(served: Served, host: str) -> None:
    answer = Answer(served, headers={"Host": host.replace("PORT", str(served.port))})
    assert answer.status in {400, 421}
    assert "bike" not in answer.text


def test_the_name_localhost_is_one_of_ours(served: Served) -> None:
    assert Answer(served, headers={"Host": f"localhost:{served.port}"}).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:PORT", "http://127.0.0.1:1", "x"]
)
@pytest.mark.parametrize("path", ["", "api/report", "changes", "assets/page.css"])
def test_a_foreign_origin_is_refused(served: Served, origin: str, path: str) -> None:
    headers = {"Origin": origin.replace("PORT", str(served.port))}
    assert Answer(served, path, headers=headers).status == 403


def test_our_own_origin_and_a_link_from_elsewhere_are_let_in(served: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{served.port}"}
    assert Answer(served, "api/version", headers=own).status == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert Answer(served, headers=link | {"Sec-Fetch-Dest": "document"}).status == 200
    assert Answer(served, headers=link | {"Sec-Fetch-Dest": "iframe"}).status == 403
    script = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert Answer(served, "assets/page.js", headers=script).status == 403
    assert Answer(served, headers={"Sec-Fetch-Site": "same-site"}).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["", "api/report", "changes", "nothing"])
def test_only_get_is_answered(served: Served, method: str, path: str) -> None:
    answer = Answer(served, path, method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    "path",
    [
        "/", "/x/", "/api/report", "//TOKEN/", "/TOKEN", "/TOKE", "/TOKENx/", "/TOKEN/../TOKEN/",
        "/TOKEN/../../etc/passwd", "/TOKEN/%2e%2e/%2e%2e/etc/passwd", "/TOKEN/assets/../app.py",
        "/TOKEN/assets/%2e%2e/html.py", "/TOKEN/assets/page.js%00", "/TOKEN/assets//page.js",
        "/TOKEN/assets\\page.js", "/TOKEN//", "/TOKEN/./", "/TOKEN/record/", "/TOKEN/api/",
        "/%54OKEN/", "http://evil.example/TOKEN/", "/TOKEN/assets/page.html", "/TOKEN/;x",
        "/TOKEN/assets/%70age.js", "/TOKEN/%61pi/report",
    ],
)  # fmt: skip
def test_path_tricks_lead_nowhere(served: Served, path: str) -> None:
    answer = Answer(served, path.replace("TOKEN", served.token), raw=True)
    assert answer.status in {400, 403, 404, 421}
    for secret in ("root:", "import ", "money-as-integers", served.token):
        assert secret not in answer.text


@pytest.mark.parametrize("path", ["/", "/x/", "/api/report", "/TOKEN0/api/report", "//TOKEN/"])
def test_without_the_token_it_says_that_it_is_lacking(served: Served, path: str) -> None:
    answer = Answer(served, path.replace("TOKEN", served.token), raw=True)
    assert answer.status == 403
    assert "lacks its token" in answer.text


def test_long_and_broken_addresses_are_refused(served: Served) -> None:
    assert Answer(served, "?since=" + "x" * 9000).status == 414
    for raw in (b"GET / HTTP/9\r\n\r\n", b"\0" * 100, b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE) as opened:
            opened.sendall(raw)
            opened.shutdown(socket.SHUT_WR)
            assert b"200" not in opened.recv(100)[:15]
    assert Answer(served).status == 200


def test_nothing_but_loopback_is_listened_on(served: Served) -> None:
    hexadecimal = f"{served.port:04X}"
    listening = [
        line.split()[1]
        for file in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(file).read_text(encoding="ascii").splitlines()[1:]
        if line.split()[1].endswith(f":{hexadecimal}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{hexadecimal}"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=x", "is no time"), ("since=2026-02-30", "is no time"),
        ("tz=Mars", "is no time zone"), ("since=7d&since=x", "stands there twice"),
        ("tz=../../etc/passwd", "is no time zone"), ("nothing=1", "is not known here"),
        ("since=7d&since=8d", "stands there twice"), ("actor=a%00b", "NUL"),
        ("since=" + "1" * 1001, "too long"),
        ("&".join("actor=a" for _ in range(11)), "more than 10 actors"),
        ("%1b%5b31m=1", "is not known here"), ("until=0000-01-01", "is no time"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_clearly(served: Served, query: str, said: str) -> None:
    for path in ("", "api/report"):
        answer = Answer(served, f"{path}?{query}")
        assert answer.status == 400
        assert said in answer.text
        assert "\x1b" not in answer.text
    for path in ("record", "record?name=summary", "record?name=%1b/x", "api/record?kind=summary"):
        answer = Answer(served, path)
        assert answer.status == 400
        assert "\x1b" not in answer.text
    assert Answer(served, "api/groups?by=month").status == 400


def test_the_api_says_what_the_report_says(served: Served, shop: Path) -> None:
    workspace = Workspace(shop)
    from ctxuse.hosts.ondisk import size_now  # noqa: PLC0415 - likewise
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - beside its only use

    report = workspace.full_report().with_files(partial(size_now, Places(workspace.layout)))
    assert Answer(served, "api/report").json() == json.loads(shown(report, "json-full"))
    groups = Answer(served, "api/groups?by=host").json()
    assert groups == json.loads(json.dumps(workspace.grouped_report("host").fields()))
    narrowed = Answer(served, "api/report?since=2026-11-16&until=2026-11-18&actor=user").json()
    assert narrowed["evidence"]["window"]["since"] == "2026-11-16T00:00:00Z"
    assert {r["slug"] for r in narrowed["records"] if r["use_count"]} <= {
        "payment-provider", "test-data", "release", "review-a-change", "import-supplier-prices"
    }  # fmt: skip
    one = Answer(served, "api/record?kind=workflow&slug=release").json()
    assert one["record"]["use_count"] == 12
    assert Answer(served, "api/record?kind=workflow&slug=nothing").json()["record"] is None


def test_nothing_from_the_log_is_raw_on_a_page(served: Served) -> None:
    page = Answer(served).text
    (about,) = re.findall(r'href="(record\?name=skill/[^"]*)"', page)
    for text in (page, Answer(served, html.unescape(about)).text):
        assert "&lt;/script&gt;" in text
        assert "<script>" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_the_address_stays_the_same_until_a_new_one_is_asked_for(tmp_path: Path) -> None:
    file = AddressFile(Workspace(tmp_path).layout, {"HOME": str(tmp_path)})
    first = file.door()
    file.keep(SavedAddress(first.token, 8427))
    assert file.door() == SavedAddress(first.token, 8427)
    kept = tmp_path / ".local/state/ctxuse/serve"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, *kept.iterdir())] == [0o700, 0o600]
    other = AddressFile(Workspace(tmp_path / "other").layout, {"HOME": str(tmp_path)})
    assert other.door().token != first.token
    renewed = file.door(renew=True)
    assert renewed.token != first.token
    assert file.door().token not in {first.token, renewed.token}  # nothing was kept


@pytest.mark.parametrize("damage", ["readable", "nonsense", "link", "directory", "long"])
def test_what_others_could_have_touched_is_no_address(tmp_path: Path, damage: str) -> None:
    file = AddressFile(Workspace(tmp_path).layout, {"HOME": str(tmp_path)})
    door = file.door()
    file.keep(door)
    kept = Path(file.path)
    match damage:
        case "readable":
            kept.chmod(0o644)
        case "nonsense":
            kept.write_text("../../x 8427")
        case "long":
            kept.write_text(f"{door.token} 8427" + " " * 100)
        case _:
            kept.unlink()
            kept.mkdir() if damage == "directory" else kept.symlink_to("/etc/passwd")
    found = file.door()
    assert found.token != door.token
    assert len(found.token) == 43


def test_an_address_that_cannot_be_kept_is_still_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = AddressFile(Workspace(tmp_path).layout, {"XDG_STATE_HOME": str(tmp_path / "file")})
    file.keep(file.door())
    assert file.door().token != file.door().token
    relative = AddressFile(
        Workspace(tmp_path).layout, {"XDG_STATE_HOME": "x", "HOME": str(tmp_path)}
    )
    assert relative.path.startswith(str(tmp_path))


def test_an_address_that_cannot_be_forgotten_is_said(tmp_path: Path) -> None:
    file = AddressFile(Workspace(tmp_path).layout, {"HOME": str(tmp_path)})
    Path(file.path).mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        file.door(renew=True)


def test_a_browser_is_started_with_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    file = AddressFile(Workspace(tmp_path).layout, {"HOME": str(tmp_path)})
    path = Path(file.redirection("http://127.0.0.1:8427/secret/"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in str(path)
    assert 'content="0;url=http://127.0.0.1:8427/secret/"' in path.read_text()


def test_two_workspaces_keep_their_ports_in_whatever_order_they_are_started(tmp_path: Path) -> None:
    ports: list[tuple[int, int]] = []
    for names in (("a", "b"), ("b", "a")):
        found: dict[str, int] = {}
        with ExitStack() as stack:
            for name in names:
                (tmp_path / name / ".yoi" / "memory").mkdir(parents=True, exist_ok=True)
                served = stack.enter_context(serving(tmp_path / name, tmp_path))
                found[name] = served.port
        ports.append((found["a"], found["b"]))
    assert ports[0] == ports[1]


def test_a_port_that_is_taken_is_said(served: Served, shop: Path) -> None:
    with pytest.raises(AssertionError, match="port 0 takes any free one"):
        start(shop, shop.parent, "--port", str(served.port))


def test_it_ends_quietly_with_ctrl_c_also_while_a_page_listens(shop: Path) -> None:
    with serving(shop, shop.parent, "--port", "0") as running:
        listening = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
        listening.request("GET", f"/{running.token}/changes")
        stream = listening.getresponse()
        assert stream.status == 200
        out, err = running.stop()
        assert (out, err) == ("", "ctxuse: serving until Ctrl-C\n")
        assert running.process.returncode == 130
        stream.close()
        listening.close()


def test_ctrl_c_does_not_wait_for_what_is_computed(shop: Path, tmp_path: Path) -> None:
    slow = tmp_path / "sitecustomize.py"  # reading takes a minute
    slow.write_text(
        "import ctxuse.workspace, time\n"
        "ctxuse.workspace.Workspace.full_report = lambda *_, **__: time.sleep(60)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    running = start(shop, tmp_path, "--port", "0", environ=environ)
    asking = threading.Thread(target=lambda: _asked_in_vain(running))
    asking.start()
    time.sleep(1)
    begin = time.monotonic()
    running.stop()
    asking.join()
    assert time.monotonic() - begin < 15


def _asked_in_vain(running: Served) -> None:
    with suppress(OSError, http.client.HTTPException):
        Answer(running)


def test_a_workspace_without_events_has_a_page(tmp_path: Path) -> None:
    (tmp_path / ".yoi" / "memory").mkdir(parents=True)
    with serving(tmp_path, tmp_path, "--port", "0") as running:
        assert "not evidence of disuse" in Answer(running).text
        (tmp_path / ".yoi" / "memory" / "_usage").mkdir()
        (tmp_path / ".yoi" / "memory" / "_usage" / "events.jsonl").mkdir()  # no log
        until(lambda: Answer(running).status == 503)
        assert "events.jsonl" in Answer(running, "api/report").json()["error"]


def test_without_its_libraries_it_names_the_extra(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("starlette", "uvicorn", "sse_starlette"):
        for name in [n for n in sys.modules if n.startswith("ctxuse.web") and n != "ctxuse.web"]:
            monkeypatch.delitem(sys.modules, name)
        for name in [n for n in sys.modules if n.split(".")[0] == module]:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, module, None)
        assert run(["serve", "-w", str(workspace.layout.root), "--port", "0"]) == 3
        assert "pip install 'ctxuse[web]'" in capsys.readouterr().err
        monkeypatch.undo()


@given(st.lists(st.tuples(st.sampled_from([*COUNTING, "by", "name", "kind", "x"]), st.text())))
def test_no_address_breaks_the_reading_of_it(query: list[tuple[str, str]]) -> None:
    said = "read"
    try:
        read(query, allowed=(*COUNTING, "by", "kind", "slug", "name"), zone=UTC)
    except BadQueryError as error:
        said = str(error)
    assert said.isprintable()


@given(st.text(max_size=300), st.text(max_size=300))
def test_the_name_of_a_record_in_an_address_leads_back_to_it(kind: str, slug: str) -> None:
    name = record_name(kind, slug)
    assert name.isascii()
    if "\0" not in kind + slug:
        asked = read([("name", name)], allowed=("name",), zone=UTC, form=True)
        assert asked.record == (kind, slug)


def test_an_address_keeps_what_it_asks_for() -> None:
    query = [("since", "7d"), ("tz", "Europe/Berlin"), ("actor", "a&b"), ("without", "x")]
    asked = read(query, allowed=COUNTING, zone=UTC)
    assert asked.counting == "since=7d&tz=Europe%2FBerlin&actor=a%26b&without=x"
    assert (asked.moves, asked.zone) == (True, Zone("Europe/Berlin"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_answer_is_computed_once_however_many_ask(workspace: Workspace) -> None:
    workspace.append(an_event())
    computed: list[str] = []

    def compute(_: Parts) -> str:
        time.sleep(0.05)
        computed.append(threading.current_thread().name)
        return f"answer {len(computed)}"

    async def asking() -> list[str]:
        live = Live(workspace.layout)
        first = await asyncio.gather(*(live.answer("key", compute) for _ in range(10)))
        return [*first, await live.answer("key", compute), await live.answer("other", compute)]

    answers = asyncio.run(asking())
    assert answers == ["answer 1"] * 11 + ["answer 2"]
    assert len(computed) == 2


def test_too_many_who_wait_are_refused_and_who_has_gone_costs_nothing(
    workspace: Workspace,
) -> None:
    computed: list[int] = []

    def slow(_: Parts) -> None:
        time.sleep(0.2)
        computed.append(1)

    async def gone() -> bool:
        return True

    async def asking() -> list[object]:
        live = Live(workspace.layout)
        asked = [live.answer(f"key {n}", slow, gone=gone if n else None) for n in range(40)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = [type(result) for result in asyncio.run(asking())]
    assert found.count(BusyError) == 40 - live_module.MOST_WAITING
    assert found.count(GoneError) == live_module.MOST_WAITING - 1
    assert len(computed) == 1


@pytest.mark.parametrize("windows", [1, 3])
def test_a_burst_costs_a_fifth_of_a_processor_at_most(workspace: Workspace, windows: int) -> None:
    clock = Clock()

    async def burst() -> tuple[int, float]:
        live = Live(workspace.layout, clock=clock)
        spent, versions, seen = 0.0, 0, ""

        def compute(_: Parts) -> None:
            nonlocal spent
            clock.now += 0.7
            spent += 0.7

        while clock.now < 300:
            workspace.append(an_event())
            clock.now += live_module.LOOK_EVERY
            await live.look()
            if live.version != seen:
                seen, versions = live.version, versions + 1
                for window in range(windows):
                    await live.answer(("page", window), compute)
                    await live.answer(("api", window), compute)
        return versions, spent / clock.now

    versions, share = asyncio.run(burst())
    assert versions > 5
    assert 0.1 < share <= 0.21


def test_who_goes_on_asking_for_other_windows_does_not_keep_the_news_from_others(
    workspace: Workspace,
) -> None:
    clock = Clock()

    def compute(_: Parts) -> None:
        clock.now += 1

    async def asking() -> float:
        live = Live(workspace.layout, clock=clock)
        before = live.version
        workspace.append(an_event())
        for number in range(1000):
            await live.answer(number, compute)
            clock.now += 1.5
            await live.look()
            if live.version != before:
                return clock.now
        return clock.now

    assert asyncio.run(asking()) <= live_module.LONGEST_REST + 5


def test_an_answer_that_was_begun_before_a_change_is_not_given_after_it(
    workspace: Workspace,
) -> None:
    async def asking() -> list[str]:
        live = Live(workspace.layout)
        begun = threading.Event()
        go_on = threading.Event()

        def slow(parts: Parts) -> str:
            begun.set()
            assert go_on.wait(10)
            return parts.part("report", lambda: parts.version)

        first = asyncio.create_task(live.answer("page", slow))
        assert await asyncio.to_thread(begun.wait, 10)
        before = live.version
        workspace.append(an_event())
        await live.look()
        go_on.set()
        found = [await first, await live.answer("page", slow), live.version]
        assert found[0] == before
        return found

    found = asyncio.run(asking())
    assert found[1] == found[2] != found[0]


def test_who_waits_is_told_of_a_change_and_only_of_changes(workspace: Workspace) -> None:
    async def waiting() -> None:
        live = Live(workspace.layout)
        before = live.version
        watching = asyncio.create_task(live.watch())
        told = asyncio.create_task(live.wait(before))
        await asyncio.sleep(1.2)
        assert not told.done()
        workspace.append(an_event())
        assert await asyncio.wait_for(told, 10) == live.version != before
        watching.cancel()

    asyncio.run(waiting())


def test_a_look_that_fails_does_not_end_the_watch(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begin, failed = threading.Thread.start, 0

    def fails_twice(thread: threading.Thread) -> None:
        nonlocal failed
        if failed < 2 and thread.name == "ctxuse computing":
            failed += 1
            message = "can't start new thread"
            raise RuntimeError(message)
        begin(thread)

    async def waiting() -> None:
        live = Live(workspace.layout)
        monkeypatch.setattr(live_module, "LOOK_EVERY", 0.01)
        monkeypatch.setattr(threading.Thread, "start", fails_twice)
        watching = asyncio.create_task(live.watch())
        workspace.append(an_event())
        await asyncio.wait_for(live.wait(live.version), 10)
        watching.cancel()

    asyncio.run(waiting())
    assert failed == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # it is said once


def test_answers_are_forgotten_when_they_are_many_old_or_of_before(workspace: Workspace) -> None:
    clock = Clock()
    computed: list[str] = []
    parts_made: list[str] = []

    def compute(parts: Parts) -> None:
        computed.append("answer")
        parts.part(len(parts_made), lambda: parts_made.append("part"))

    async def asking() -> None:
        live = Live(workspace.layout, clock=clock)
        for key in range(KEPT_ANSWERS + 1):
            await live.answer(key, compute)
        assert len(computed) == len(parts_made) == KEPT_ANSWERS + 1
        await live.answer(KEPT_ANSWERS, compute)
        assert len(computed) == KEPT_ANSWERS + 1
        await live.answer(0, compute)
        assert len(computed) == KEPT_ANSWERS + 2
        clock.now += live_module.LASTING + 1
        await live.answer(0, compute)
        assert len(computed) == KEPT_ANSWERS + 3
        assert len(live._parts._found) == KEPT_PARTS  # noqa: SLF001 - what is held
        workspace.append(an_event())
        await live.look()
        assert not live._parts._found  # noqa: SLF001 - likewise
        assert not live._answers._found  # noqa: SLF001 - likewise

    asyncio.run(asking())


def test_every_change_of_the_log_is_another_version(workspace: Workspace) -> None:
    seen = [log_version(workspace.layout)]
    for change in (
        lambda: workspace.append(an_event()),
        lambda: workspace.append(an_event()),
        workspace.archive,
        lambda: workspace.append(an_event()),
        lambda: os.truncate(workspace.layout.events_path, 0),
        lambda: workspace.layout.events_path.chmod(0o644),
    ):
        change()
        seen.append(log_version(workspace.layout))
    assert len({*seen}) == len(seen)


def test_what_a_form_leaves_empty_is_not_asked_for_and_the_api_is_strict(served: Served) -> None:
    assert Answer(served, "?since=&until=&tz=&actor=").status == 200
    assert Answer(served, "api/report?since=").status == 400
    backwards = "since=2026-11-18&until=2026-11-16"
    assert "since is not before until" in Answer(served, f"?{backwards}").text
    assert Answer(served, f"?{backwards}").status == 400
    assert Answer(served, "?since=1h&until=2026-11-16").status == 200  # it moves past its end
    assert Answer(served, f"api/report?{backwards}").json()["evidence"]["events"] == 0
    for path in ("changes?x=1", "api/openapi.json?x=1", "?actor=%1b"):
        assert Answer(served, path).status == 400


def test_the_form_shows_what_the_address_asks_for(served: Served) -> None:
    page = Answer(served, "?actor=bob&actor=agent&without=user&without=maintenance&since=30w").text
    assert '<option value="bob" selected>bob</option>' in page
    assert '<input type="hidden" name="actor" value="agent">' in page
    assert '<input type="hidden" name="without" value="user">' in page
    assert re.search('name="without" value="maintenance" checked', page)
    assert 'name="since" value="30w"' in page


def test_a_long_name_leads_to_its_page_and_one_too_long_for_an_address_has_no_link(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path)
    for slug in ("\u3042" * 120, "", "x" * 1001, "x" * 7000, "/" * 1200, "x" * 9000):
        record = UsageRecordSnapshot.from_size("skill", slug, 4)
        (tmp_path / ".yoi" / "memory").mkdir(parents=True, exist_ok=True)
        workspace.append_use("s", UsageSource.MEMORY_READ, [record])
    with serving(tmp_path, tmp_path, "--port", "0") as running:
        page = Answer(running).text
        links = re.findall(r'href="(record[^"]*)"', page)
        assert len(links) == 5
        for link in links:
            assert Answer(running, html.unescape(link)).status == 200


def test_schemathesis_finds_nothing(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{served.address}api/openapi.json",
         "--url", f"{served.address}api", "--no-color", "--max-examples", "15",
         "--generation-deterministic"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Tested: 6" in done.stdout
