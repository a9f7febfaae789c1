"""A terminal in which a client runs, and somebody types."""

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_STILL = 2.0
_MOST = 60.0


class Terminal:
    """A terminal of its own, by tmux.

    Args:
        socket: Where tmux listens.
    """

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server", check=False)

    def start(self, words: Sequence[str], directory: Path) -> None:
        """Run a program in it."""
        self._run(
            "new-session", "-d", "-s", "x", "-x", "150", "-y", "50", "-c", str(directory),
            shlex.join(words),
        )  # fmt: skip

    def type(self, line: str) -> None:
        """Type a line, and the key at its end."""
        self._run("send-keys", "-t", "x", "-l", line)
        time.sleep(0.5)
        self._run("send-keys", "-t", "x", "Enter")

    def settle(self) -> None:
        """Wait until nothing on the screen has moved for some seconds, or the program has ended."""
        end, since, before = time.monotonic() + _MOST, time.monotonic(), ""
        while time.monotonic() < min(end, since + _STILL) or not before.strip():
            seen = self._run("capture-pane", "-p", "-t", "x", check=False)
            if seen is None or time.monotonic() > end:
                return
            if seen != before:
                since, before = time.monotonic(), seen
            time.sleep(0.2)

    def _run(self, *words: str, check: bool = True) -> str | None:
        done = subprocess.run([*self._tmux, *words], check=check, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None
