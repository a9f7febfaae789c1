"""A server of the live page in a process of its own, as people start it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from starting import PATIENCE


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
