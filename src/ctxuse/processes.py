"""What other programs are started with, and interpreters of our own that work for this process.

No program, and nothing that one starts, is looked for in a project, which may be a clone of
anybody's repository: none is in `PATH`, and programs of others begin in the root directory.

Our interpreters are fresh ones, neither forks nor of `multiprocessing`: nothing of the caller's
(its main module, its threads) is started a second time (docs/decisions/0005). They find modules
and files where this process does, but no module in the current directory.
"""

import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress

from ctxuse.files import real_path, upwards
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
        env={**_environment(), "PATH": search_path(os.environ), "PYTHONPATH": path},
    )


def module_path(path: Iterable[str]) -> list[str]:
    """Return where modules are looked for, without the current directory.

    What is named from there (the empty entry, too) is left out. Where `ctxuse` itself is stays in,
    also when that is the current directory: it is what is run.

    Args:
        path: Directories and archives, as in `sys.path`.
    """
    found = [entry for entry in path if os.path.isabs(entry) and not _is_current(entry)]
    return found if _HERE in found else [*found, _HERE]


def _is_current(path: str) -> bool:
    try:
        return os.path.samefile(path, os.curdir)
    except (OSError, ValueError):  # one of them does not exist, or can be no name
        return False


def _environment() -> dict[str, str]:
    """The environment, without what Python was told not to heed there."""
    ignored = sys.flags.ignore_environment
    return {k: v for k, v in os.environ.items() if not (ignored and k.startswith("PYTHON"))}


START = os.path.abspath(os.sep)
"""The directory in which programs of others begin."""


def outside(environ: Mapping[str, str], *projects: str) -> dict[str, str]:
    """Return the environment for a program of others, which begins at `START`.

    Args:
        environ: That of this process.
        projects: As for `search_path`.
    """
    return {**environ, "PATH": search_path(environ, *projects), "PWD": START}


def search_path(environ: Mapping[str, str], *projects: str) -> str:
    """Return a `PATH` by which nothing of a project is found.

    Entries that lead from the current directory on are left out, and those in it, in `projects`,
    and in the checkouts that these are in. The home directory and those above it are no projects.
    """
    home = real_path(environ.get("HOME") or os.path.expanduser("~"))
    tops: set[str] = set()
    for directory in (os.curdir, *projects):
        with suppress(OSError):  # it is gone
            tops |= {*_project(real_path(directory))}.difference(upwards(home))
    entries = environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(e for e in entries if os.path.isabs(e) and not _is_in(e, tops))


def program_named(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program that the `PATH` of an environment leads to.

    Args:
        name: Its name.
        environ: What `outside` returned.
    """
    import shutil  # noqa: PLC0415 - only who starts one pays for it

    found = shutil.which(name, path=environ["PATH"])
    return found if found and os.path.isabs(found) else None  # Windows looks here first


def open_page(path: str, environ: Mapping[str, str]) -> bool:
    """Have the user's browser begin to show a file, and return whether there is a program for that.

    Args:
        path: The file.
        environ: What `outside` returned.
    """
    import subprocess  # noqa: PLC0415 - only who starts one pays for it
    import threading  # noqa: PLC0415 - likewise

    program = program_named("open" if sys.platform == "darwin" else "xdg-open", environ)
    if program is None:
        return False
    started = subprocess.Popen([program, path], cwd=START, env=environ)  # noqa: S603 - the system's
    threading.Thread(target=started.wait, daemon=True).start()
    return True


def _project(directory: str) -> Iterator[str]:
    """A directory, and the checkout it is in."""
    yield directory
    yield from (top for top in upwards(directory) if os.path.lexists(os.path.join(top, ".git")))


def _is_in(path: str, tops: Collection[str]) -> bool:
    """Whether a path leads through one of some directories, by its name or by links."""
    try:
        named = map(real_path, upwards(path))
        return any(place in tops for place in (*named, *upwards(real_path(path))))
    except (OSError, ValueError):  # nobody knows where it leads
        return True


def end_with(parent: int) -> None:
    """Have this process end as soon as the one that started it is gone, whatever it does.

    Args:
        parent: That process, which may be gone by now; then so are we.
    """
    from threading import Thread  # noqa: PLC0415 - only what was started pays for it

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY)
        os._exit(1)

    Thread(target=look, daemon=True).start()


_LOOK_EVERY = 0.5


class LostWorkerError(Exception):
    """A process of ours was gone before its answer came, or could not do what it was asked."""


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
