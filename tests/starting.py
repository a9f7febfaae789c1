"""Processes that tests start: none outlives its test, and none is waited for without end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

PATIENCE = 120
"""Seconds within which anything happens, also on a busy machine. Only a failing test waits them."""


def modules_in(directory: Path) -> str:
    """A `PYTHONPATH` by which the modules in a directory are found, too."""
    known = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(directory), *([known] if known else [])])


class Process(subprocess.Popen[Any]):
    """A process, and the ends of those pipes that were asked for."""

    stdin: IO[Any]
    stdout: IO[Any]
    stderr: IO[Any]


@contextmanager
def started(*words: object, **options: Any) -> Iterator[Process]:  # noqa: ANN401 - as Popen's
    """Start Python with `words`; in the end it is killed, if it still runs, whatever happened.

    A bare `with Popen(…)` waits for the process instead, without end if the test has failed.
    """
    process = Process([sys.executable, *map(str, words)], **options)
    try:
        yield process
    finally:
        process.kill()
        with suppress(OSError):  # what it did not take any more
            process.__exit__(None, None, None)


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until `holds()` is true; fail after a generous time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
