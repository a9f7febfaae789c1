"""`ctxuse serve` beside those who open connections and say nothing."""

import http.client
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from starting import PATIENCE, until
from web import FEW_DESCRIPTORS, Served, ask, silent_connections, start

from ctxuse.web.guard import HEADERS

ROOT = Path(__file__).parent.parent

_IMPATIENT = (
    "from ctxuse.web import server; from ctxuse.web.connections import Limits;"
    "from ctxuse.cli.main import main; serve = server.serve;"
    "server.serve = lambda *a, **k: serve(*a, limits=Limits(9, silent=0.5), **k); main()"
)
IMPATIENT = (sys.executable, "-c", _IMPATIENT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the example."""
    shutil.copytree(ROOT / "examples" / "bike-shop", tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def few(root: Path) -> Iterator[Served]:
    """A server that may have 256 descriptors."""
    served = start(root, root.parent, "--port", "0", program=FEW_DESCRIPTORS)
    yield served
    served.process.kill()
    served.process.communicate()


@pytest.fixture
def impatient(root: Path) -> Iterator[Served]:
    """A server that holds nine connections, half a second without a request."""
    served = start(root, root.parent, "--port", "0", program=IMPATIENT)
    yield served
    served.process.kill()
    served.process.communicate()


def opened(served: Served, said: bytes = b"") -> socket.socket:
    """A connection on which so much was said."""
    one = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    one.sendall(said)
    return one


def request(served: Served, path: str = "") -> bytes:
    """A request as bytes."""
    line = f"GET /{served.token}/{path} HTTP/1.1\r\n"
    return f"{line}Host: 127.0.0.1:{served.port}\r\n\r\n".encode()


def takes(one: socket.socket, said: bytes) -> bool:
    """Whether what is said now is not refused, and the other end has not closed."""
    one.settimeout(0.05)
    try:
        one.sendall(said)
        return one.recv(65536) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_who_asks_is_answered_beside_two_thousand_silent_connections(few: Served) -> None:
    with silent_connections(few, 2_000):
        listening = http.client.HTTPConnection("127.0.0.1", few.port, timeout=PATIENCE)
        listening.request("GET", f"/{few.token}/changes")
        stream = listening.getresponse()
        assert stream.status == 200
        for number in range(20):
            assert ask(few, "api/report" if number % 2 else "").status == 200
        assert stream.readline().startswith((b":", b"event", b"id", b"retry"))
        listening.close()
    assert ask(few).status == 200
    assert few.stop() == ("", "ctxuse: serving until Ctrl-C\n")


def test_who_says_nothing_or_not_all_is_closed_and_who_waits_for_changes_is_not(
    impatient: Served,
) -> None:
    whole = request(impatient)
    stranger = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for said in (b"", b"G", whole[:-2], whole, whole + b"GET /", stranger):
        with opened(impatient, said) as one:
            while one.recv(65536):  # whatever is answered, in the end it is closed
                pass
    with opened(impatient, b"GET / HTTP/1.1\r\n") as slow:  # it goes on saying a little, never all
        until(lambda: not takes(slow, b"x: y\r\n"))
    with opened(impatient, request(impatient, "changes")) as listening:
        for _ in range(3):
            with opened(impatient) as silent:
                assert silent.recv(1) == b""
        assert b"200 OK" in listening.recv(65536)
        assert takes(listening, b"")
    assert impatient.stop() == ("", "ctxuse: serving until Ctrl-C\n")


def test_the_longest_silent_one_makes_room(impatient: Served) -> None:
    with ExitStack() as silent:
        held = [silent.enter_context(opened(impatient)) for _ in range(30)]
        assert ask(impatient).status == 200
        assert held[0].recv(1) == b""


def test_who_is_refused_gets_one_answer_and_keeps_nobody_out(impatient: Served) -> None:
    stranger = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    with ExitStack() as greedy:
        for _ in range(12):
            one = greedy.enter_context(opened(impatient))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(1)
            with suppress(OSError):  # it is closed, or takes nothing more
                for _ in range(1000):
                    one.sendall(stranger)
        assert ask(impatient).status == 200
    assert ask(impatient).status == 200


def test_what_is_no_http_is_refused_with_our_headers_and_in_silence(few: Served) -> None:
    for raw in (b"rubbish\r\n\r\n", b"\0" * 100, b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
                b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000):  # fmt: skip
        with opened(few, raw) as one:
            answer = http.client.HTTPResponse(one)
            answer.begin()
            assert answer.status == 400
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            answer.read()
    with opened(few, request(few, "changes")) as listening:
        assert b"200 OK" in listening.recv(65536)
        listening.sendall(b"\0rubbish\r\n\r\n" * 9)  # in the middle of an answer
    with opened(few, request(few)) as gone:
        reset = b"\1\0\0\0\0\0\0\0"
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert ask(few).status == 200
    assert few.stop() == ("", "ctxuse: serving until Ctrl-C\n")
