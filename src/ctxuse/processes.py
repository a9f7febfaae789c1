"""Interpreters of our own that work for this process, and what they and it say to one another.

They are fresh ones, neither forks nor of `multiprocessing`: nothing of the caller's (its main
module, its threads) is started a second time (docs/decisions/0005). They find modules where this
process does, and never in the current directory, which may be of anybody's making.
"""

import os
import sys
from collections.abc import Collection, Iterable

from ctxuse.typed import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

MOST = 1024 * 1024 * 1024
"""Bytes of a message, at most."""

_HEAD = b"\0ctxuse\0"
"""What a message begins with, so that nothing else that is printed is taken for one."""

_LENGTH = 8

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where `ctxuse` is."""


def open_standard_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed, on nothing.

    Else the next file that is opened takes the number of one, and what a library prints goes there:
    into a log. `sys.stdin`, `sys.stdout` and `sys.stderr` are None as before.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free


def processors() -> int:
    """Return how many processors this process may use."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1


def start_interpreter(
    program: str, *words: str, stdin: int | None = None, pass_fds: Collection[int] = ()
) -> "subprocess.Popen[bytes]":
    """Start an interpreter that finds the same modules, and whose stdout can be read.

    Args:
        program: What it runs.
        words: What that finds in `sys.argv` from 1 on.
        stdin: As for `subprocess.Popen`; it has none when None.
        pass_fds: The open descriptors that it inherits.

    Raises:
        OSError: It could not be started.
    """
    import subprocess  # noqa: PLC0415 - only who starts one pays for it

    flags = ["-P", *(["-s"] if sys.flags.no_user_site else [])]
    path = os.pathsep.join(p for p in module_path(sys.path) if os.pathsep not in p)
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, *flags, "-c", program, *words],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=pass_fds,
        env={**_environment(), "PYTHONPATH": path},
    )


def module_path(path: Iterable[str]) -> list[str]:
    """Return where modules are looked for, without the current directory.

    What is named from there (the empty entry, too) is left out. Where `ctxuse` itself is stays in,
    also when that is the current directory: it is what is run.

    Args:
        path: Directories and archives, as in `sys.path`.
    """
    found = elsewhere(path)
    return found if _HERE in found else [*found, _HERE]


def elsewhere(path: Iterable[str]) -> list[str]:
    """Return the entries of a search path that are not, nor lead from, the current directory."""
    return [entry for entry in path if os.path.isabs(entry) and not _is_current(entry)]


def _is_current(path: str) -> bool:
    try:
        return os.path.samefile(path, os.curdir)
    except (OSError, ValueError):  # one of them does not exist, or can be no name
        return False


def _environment() -> dict[str, str]:
    """The environment, without what Python was told not to heed there."""
    ignored = sys.flags.ignore_environment
    return {k: v for k, v in os.environ.items() if not (ignored and k.startswith("PYTHON"))}


class NotAMessageError(ValueError):
    """What was read is none of our messages: something else was printed, or it is too long."""


def send(stream: IO[bytes], data: bytes) -> None:
    """Write `data` so that `receive` finds its end.

    Raises:
        NotAMessageError: It is longer than `MOST`; nothing is written.
        OSError: Nobody reads it any more.
    """
    if len(data) > MOST:
        raise NotAMessageError(f"a message of {len(data):,} bytes is too long to be sent")
    stream.write(_HEAD + len(data).to_bytes(_LENGTH, "big"))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Return what `send` wrote; None when nothing more comes, or not all of it.

    Raises:
        NotAMessageError: Something else was written.
        OSError: It cannot be read.
    """
    head = stream.read(len(_HEAD) + _LENGTH)
    length = int.from_bytes(head[len(_HEAD) :], "big")
    if not head.startswith(_HEAD[: len(head)]) or length > MOST:
        raise NotAMessageError("something else was printed where a worker's answer was to come")
    if len(head) < len(_HEAD) + _LENGTH:
        return None
    data = stream.read(length)
    return data if len(data) == length else None
