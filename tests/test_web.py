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
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import an_event
from web import Served, serving, start, until

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.render.full import full_json
from ctxuse.web import live as live_module
from ctxuse.web.asked import COUNTING, LONGEST, BadQueryError, read, record_name
from ctxuse.web.live import KEPT, Live, log_version
from ctxuse.web.token import token_for
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
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
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
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as opened:
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
        ("since=7d&since=8d", "stands there twice"), ("actor=a%00b", "holds a NUL"),
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
    from ctxuse.places import Places  # noqa: PLC0415 - beside its only use

    report = workspace.full_report().with_files(Places(workspace.layout).now)
    assert Answer(served, "api/report").json() == json.loads(full_json(report))
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
    workspace = Workspace(tmp_path)
    environ = {"HOME": str(tmp_path)}
    token = token_for(workspace.layout, environ=environ)
    assert token_for(workspace.layout, environ=environ) == token
    assert token_for(Workspace(tmp_path / "other").layout, environ=environ) != token
    (kept, _) = sorted(
        (tmp_path / ".local/state/ctxuse/serve").iterdir(), key=lambda p: p.read_text() != token
    )
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    renewed = token_for(workspace.layout, environ=environ, renew=True)
    assert renewed != token
    assert token_for(workspace.layout, environ=environ) == renewed
    kept.chmod(0o644)  # others may have read it
    assert token_for(workspace.layout, environ=environ) != renewed
    kept.chmod(0o600)
    kept.write_text("../../x")
    assert len(token_for(workspace.layout, environ=environ)) == 43
    kept.unlink()
    kept.symlink_to("/etc/passwd")
    assert len(token_for(workspace.layout, environ=environ)) == 43


def test_a_token_that_cannot_be_kept_is_still_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environ = {"XDG_STATE_HOME": str(tmp_path / "file")}
    layout = Workspace(tmp_path).layout
    assert token_for(layout, environ=environ) != token_for(layout, environ=environ)


def test_a_port_that_is_taken_is_said(served: Served, shop: Path) -> None:
    with pytest.raises(AssertionError, match="port 0 takes any free one"):
        start(shop, shop.parent, "--port", str(served.port))


def test_it_ends_quietly_with_ctrl_c_also_while_a_page_listens(shop: Path) -> None:
    with serving(shop, shop.parent, "--port", "0") as running:
        listening = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        listening.request("GET", f"/{running.token}/changes")
        stream = listening.getresponse()
        assert stream.status == 200
        out, err = running.stop()
        assert (out, err) == ("", "ctxuse: serving until Ctrl-C\n")
        assert running.process.returncode == 130
        stream.close()
        listening.close()


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


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_name_of_a_record_in_an_address_leads_back_to_it(kind: str, slug: str) -> None:
    name = record_name(kind, slug)
    assert name.isascii()
    if "\0" not in name and len(name) <= LONGEST:
        asked = read([("name", name)], allowed=("name",), zone=UTC)
        assert (asked.kind, asked.slug) == (kind, slug)


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

    def compute() -> str:
        time.sleep(0.05)
        computed.append(threading.current_thread().name)
        return f"answer {len(computed)}"

    async def asking() -> list[str]:
        live = Live(workspace.layout)
        first = await asyncio.gather(*(live.answer("key", compute) for _ in range(50)))
        return [*first, await live.answer("key", compute), await live.answer("other", compute)]

    answers = asyncio.run(asking())
    assert answers == ["answer 1"] * 51 + ["answer 2"]
    assert len(computed) == 2


def test_a_burst_makes_no_more_versions_than_there_is_time_to_compute(
    workspace: Workspace,
) -> None:
    clock = Clock()

    async def burst() -> tuple[int, int]:
        live = Live(workspace.layout, clock=clock)
        computed: list[int] = []

        def compute() -> None:
            computed.append(1)
            clock.now += 1  # it takes a second

        versions = {live.version}
        for _ in range(200):  # a hundred seconds
            workspace.append(an_event())
            clock.now += live_module.LOOK_EVERY
            await live.look()
            versions.add(live.version)
            await live.answer("page", compute)
        return len(versions), len(computed)

    versions, computed = asyncio.run(burst())
    assert versions == computed + 1  # the first one was there before the burst
    assert 15 <= computed <= 25  # a second in five


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


def test_answers_are_forgotten_and_moving_ones_renewed(workspace: Workspace) -> None:
    clock = Clock()
    computed: list[int] = []

    async def asking() -> None:
        live = Live(workspace.layout, clock=clock)
        for key in range(KEPT + 1):
            await live.answer(key, lambda: computed.append(1))
        await live.answer(0, lambda: computed.append(1))
        assert len(computed) == KEPT + 2
        await live.answer("7d", lambda: computed.append(1), moves=True)
        clock.now += live_module.MOVING + 1
        await live.answer("7d", lambda: computed.append(1), moves=True)
        assert len(computed) == KEPT + 4

    asyncio.run(asking())


def test_every_change_of_the_log_is_another_version(workspace: Workspace) -> None:
    seen = [log_version(workspace.layout)]
    for change in (
        lambda: workspace.append(an_event()),
        lambda: workspace.append(an_event()),
        workspace.archive,
        lambda: workspace.append(an_event()),
        lambda: os.truncate(workspace.layout.events_path, 0),
    ):
        change()
        seen.append(log_version(workspace.layout))
    assert len({*seen}) == len(seen)


def test_what_a_form_leaves_empty_is_not_asked_for_and_the_api_is_strict(served: Served) -> None:
    assert Answer(served, "?since=&until=&tz=&actor=").status == 200
    assert Answer(served, "api/report?since=").status == 400


def test_schemathesis_finds_nothing(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{served.address}api/openapi.json",
         "--url", f"{served.address}api", "--no-color", "--max-examples", "15",
         "--generation-deterministic"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "Tested: 4" in done.stdout
