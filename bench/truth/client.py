"""A client that is installed, in a home of its own."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from truth.shop import Shop
from truth.terminal import Terminal

_LONGEST_SESSION = 300.0


def installed(
    directory: Path, package: str, version: str, program: str, needs: Sequence[str] = ()
) -> Path:
    """Install a version of a client, if it is not there, and return its program.

    Args:
        directory: Where clients are kept.
        package: What npm calls it.
        version: The version.
        program: What it calls its program.
        needs: Packages that it needs beside it, such as another version of node.
    """
    own = directory / f"{program}-{version}"
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "--prefix"]
    with suppress(OSError):  # no npm: that it is not there is said by who wants it
        subprocess.run([*words, own, f"{package}@{version}", *needs], check=False)
    return own / "node_modules/.bin" / program


class InstalledClient:
    """A client, as a user has it.

    Args:
        program: Its program.
        shop: Where it runs.
        path: Where programs are that it can call, such as our hook, before those of the system.
        more: What else its environment holds.

    Attributes:
        environ: All of its environment, but for the directory in which it is started.
    """

    def __init__(self, program: Path, shop: Shop, path: str, more: Mapping[str, str]) -> None:
        self._program = program
        self._shop = shop
        self.environ: Mapping[str, str] = {
            "HOME": str(shop.home),
            "PATH": f"{path}:/usr/local/bin:/usr/bin:/bin",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            **more,
        }

    def version(self) -> str:
        """Return what it says of its version."""
        said = re.search(r"\d+(?:\.\d+)+\S*", self.run(["--version"]))
        return "unknown" if said is None else said[0]

    def run(self, words: Sequence[str], directory: str = ".") -> str:
        """Run it without a terminal, from a directory of the project; return what it prints.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        where = self._shop.root / directory
        done = subprocess.run(
            [self._program, *words],
            cwd=where,
            env={**self.environ, "PWD": str(where)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_LONGEST_SESSION,
        )
        return done.stdout

    def type(self, words: Sequence[str], lines: Sequence[str], directory: str = ".") -> None:
        """Run it in a terminal, and type lines there, each when nothing moves any more."""
        with Terminal(self._shop.home / "terminal") as terminal:
            environ = [f"{name}={value}" for name, value in self.environ.items()]
            run = ["env", "-i", *environ, str(self._program), *words]
            terminal.start(run, self._shop.root / directory)
            for line in lines:
                terminal.settle()
                terminal.type(line)
            terminal.settle()
