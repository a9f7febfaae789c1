"""A server of the live page in a process of its own, as people start it."""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from starting import PATIENCE, started

FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -n 256; exec "$0" -m ctxuse "$@"', sys.executable)
"""Starts a program that may have 256 descriptors."""

SILENT = """
import select, socket, sys
number, port = map(int, sys.argv[1:])
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
waiting, held = select.poll(), {}

def open_one():
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", port))
    held[one.fileno()] = one
    waiting.register(one, select.POLLIN | select.POLLHUP | select.POLLERR)

for _ in range(number):
    open_one()
print("open", flush=True)
while True:
    for descriptor, _ in waiting.poll():
        waiting.unregister(descriptor)
        held.pop(descriptor).close()
        open_one()
"""
"""Holds so many connections open, opens those anew that are closed, and never says a word."""


class Served(NamedTuple):
    """A running server."""

    process: "subprocess.Popen[str]"
    address: str

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    @property
    def token(self) -> str:
        return self.address.rstrip("/").rpartition("/")[2]

    def stop(self) -> tuple[str, str]:
        """Interrupt it as Ctrl-C does, and return what it still said."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=PATIENCE)


def start(
    root: Path,
    home: Path,
    *words: str,
    environ: Mapping[str, str] = os.environ,
    program: Sequence[str] = (sys.executable, "-m", "ctxuse"),
) -> Served:
    """Start `ctxuse serve` for a workspace and return it once its address can be opened."""
    process = subprocess.Popen(
        [*program, "serve", "-w", str(root), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
    except BaseException:
        process.kill()
        raise
    if not re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/[A-Za-z0-9_-]{43}/", address):
        process.kill()
        raise AssertionError(address + str(process.communicate()))
    return Served(process, address)


@contextmanager
def serving(root: Path, home: Path, *words: str) -> Iterator[Served]:
    """Start a server, and stop it at the end, whatever happens."""
    served = start(root, home, *words)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
        served.process.communicate()


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes


def ask(served: Served, path: str = "") -> Answer:
    """Ask for a page, and read it."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    connection.request("GET", f"/{served.token}/{path}")
    with connection.getresponse() as answer:
        found = Answer(answer.status, answer.read())
    connection.close()
    return found


@contextmanager
def silent_connections(served: Served, number: int) -> Iterator[None]:
    """Hold so many connections to a server, on which nothing is ever said."""
    with ExitStack() as holders:
        for part in [number // 4] * 4:
            words = ["-c", SILENT, str(part), str(served.port)]
            holder = holders.enter_context(started(*words, stdout=-1, text=True))
            assert holder.stdout.readline() == "open\n"
        yield
