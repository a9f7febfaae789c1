"""Interpreters of our own that work for this process.

They are fresh ones, neither forks nor of `multiprocessing`: nothing of the caller's (its main
module, its threads) is started a second time (docs/decisions/0005).
"""

import os
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


def processors() -> int:
    """Return how many processors this process may use."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1


def start_interpreter(
    program: str, *words: str, stdin: int | None = None, pass_fds: Collection[int] = ()
) -> "subprocess.Popen[bytes]":
    """Start an interpreter that finds the same `ctxuse`, and whose stdout can be read.

    Args:
        program: What it runs.
        words: What that finds in `sys.argv` from 1 on.
        stdin: As for `subprocess.Popen`; it has none when None.
        pass_fds: The open descriptors that it inherits.

    Raises:
        OSError: It could not be started.
    """
    import subprocess  # noqa: PLC0415 - only who starts one pays for it

    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, *words],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
        env={**os.environ, "PYTHONPATH": path},
    )
