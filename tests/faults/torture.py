"""`make torture`: the long versions of the faults, with what became of every event.

What must hold in every row: nothing acknowledged is lost, nothing is counted twice, nobody is
stuck, and everything ends. What this system does not permit (mounting, strace) is left out, and
said.
"""

import argparse
import errno
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from faults import commands, scenarios
from faults.processes import Child, Figures, Told, event, figures

from ctxuse import AppendError, Workspace

EXT4_SHUTDOWN = 0x8004587D
WITHOUT_FLUSHING_THE_JOURNAL = 2


class NotPermittedError(Exception):
    """This system does not let us make the fault."""


def run(words: list[str]) -> None:
    """Run a program of the system."""
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"{words[0]} does not work here"
        raise NotPermittedError(message) from error


@contextmanager
def mounted(directory: Path, *words: str) -> Iterator[Path]:
    """Mount something for the time of a block."""
    directory.mkdir(exist_ok=True)
    run(["mount", *words, str(directory)])
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def full_disk(root: Path, rounds: int) -> Figures:
    """A full small file system, freed and filled again and again."""
    with mounted(root / "disk", "-t", "tmpfs", "-o", "size=256k", "none") as disk:
        (disk / "filler").write_bytes(b"x" * 60_000)

        def work(tell: Callable[[str], None]) -> None:
            workspace = Workspace(disk)
            for number in range(rounds):
                for size in (300, 1_500, 5_000, 40_000) * 3:
                    fresh = event(f"round-{number}", size)
                    tell(f"try {fresh.id}")
                    try:
                        workspace.append(fresh)
                        tell(f"ok {fresh.id}")
                    except AppendError as error:
                        if error.errno not in {errno.ENOSPC, None}:
                            raise
                (disk / "filler").write_bytes(b"x" * max(0, 60_000 - 2_000 * number))

        child = Child(work)
        return figures(disk, [child.told()])


APPENDING = """
import sys
from ctxuse import AppendError, Workspace
from faults.processes import event
workspace = Workspace(sys.argv[1])
for number in range(5):
    fresh = event("traced")
    print("try", fresh.id, flush=True)
    try:
        workspace.append(fresh)
        print("ok", fresh.id, flush=True)
    except AppendError:
        pass
"""


def strace(root: Path, code: str) -> Figures:
    """The k-th write to the log fails as the system would let it fail."""
    if shutil.which("strace") is None:
        message = "there is no strace here"
        raise NotPermittedError(message)
    told: list[Told] = []
    workspace = Workspace(root)
    workspace.append(event("before"))
    for number in range(1, 6):
        done = subprocess.run(
            [
                "strace", "-f", "-qq", "-o", os.devnull, "-P", str(workspace.layout.events_path),
                "-e", "trace=write", "-e", f"inject=write:error={code}:when={number}",
                sys.executable, "-c", APPENDING, str(root),
            ],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        )  # fmt: skip
        if done.returncode:
            message = f"strace does not work here: {done.stderr[-200:]}"
            raise NotPermittedError(message)
        lines = done.stdout.splitlines()
        attempted = [line[4:] for line in lines if line.startswith("try ")]
        acknowledged = [line[3:] for line in lines if line.startswith("ok ")]
        assert len(attempted) == 5
        assert len(acknowledged) == (5 if code == "EINTR" else 4)
        told.append(Told(attempted, acknowledged))
    return figures(root, told)


def failing_commands(root: Path, code: str, scale: float) -> Figures:
    """Calls of whole commands fail as the system would let them fail."""
    if shutil.which("strace") is None:
        message = "there is no strace here"
        raise NotPermittedError(message)
    whens = ["1", "2", "3"] if scale >= 1 else ["1"]
    if (
        scale >= 1 and code != "EINTR"
    ):  # Python tries again what was interrupted, and would for ever
        whens.append("1+")
    return commands.failing_commands(root, (code,), tuple(whens))


def power_cut(root: Path, cuts: int, durability: str) -> Figures:
    """The file system is shut down under the writer, as by a power cut, and mounted again."""
    image = root / "image"
    told: list[Told] = []
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    run(["mkfs.ext4", "-q", "-F", str(image)])
    disk = root / "disk"
    for cut in range(cuts):
        with mounted(disk, "-o", "loop", str(image)):

            def work(tell: Callable[[str], None], cut: int = cut) -> None:
                workspace = Workspace(disk, environ={"CTXUSE_DURABILITY": durability})
                for _ in range(1_000_000):
                    fresh = event(f"cut-{cut}", 700)
                    tell(f"try {fresh.id}")
                    try:
                        workspace.append(fresh)
                    except AppendError:
                        return
                    tell(f"ok {fresh.id}")

            child = Child(work)
            child.wait_for(40 + 30 * cut)
            # A machine without power acknowledges nothing more. This one goes on running, and a
            # sync that is under way when its file system is shut down was seen to report success:
            # so the writer stands still, outside of any call, while the power is cut.
            child.kill(signal.SIGSTOP)
            os.waitpid(child.pid, os.WUNTRACED)
            shut_down(disk)
            child.kill(signal.SIGCONT)
            told.append(child.told())
        with mounted(disk, "-o", "loop", str(image)):
            told.append(one_more(disk))
    with mounted(disk, "-o", "loop", str(image)):
        return figures(disk, told)


def shut_down(disk: Path) -> None:
    """Cut the power of a file system."""
    directory = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(directory, EXT4_SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_JOURNAL))
    except OSError as error:
        message = "shutting a file system down does not work here"
        raise NotPermittedError(message) from error
    finally:
        os.close(directory)


def one_more(disk: Path) -> Told:
    """Append one event, durably, to what was found after a power cut."""
    fresh = event("after")
    workspace = Workspace(disk, durability="fsync")
    workspace.append(fresh)
    workspace.close()
    return Told([fresh.id], [fresh.id])


def rows(scale: float) -> Iterator[tuple[str, Callable[[Path], Figures], bool]]:
    """Yield each fault: its name, what makes it, and whether acknowledged means kept."""

    def many(number: int) -> int:
        return max(1, int(number * scale))

    yield "many-writers", lambda root: scenarios.many_writers(root, many(1_500)), True
    yield "beside-reference", lambda root: scenarios.beside_reference(root, many(20_000)), True
    yield "kill", lambda root: scenarios.kill(root, many(500)), True
    yield "reading-along", lambda root: scenarios.reading_along(root, many(2_000))[0], True
    yield "archive", lambda root: scenarios.archive(root, many(10_000))[0], True
    yield "once, archive", lambda root: scenarios.once(root, many(2_000), pause=0.3), True
    yield "interrupts", lambda root: commands.interrupts(root, many(2_000)), True
    for by in commands.DISTURBED:
        name = f"commands {by.name}"
        yield name, partial(commands.stopped_commands, times=many(180), by=by), True
    yield "hostile hooks", lambda root: commands.hostile_hooks(root, 100), True
    yield "hostile directory", commands.hostile_directory, True
    yield "silent connections", lambda root: commands.silent_server(root, many(200), 2_000), True
    yield "full-disk", lambda root: full_disk(root, many(30)), True
    for code in ("ENOSPC", "EIO", "EINTR"):
        yield f"strace {code}", partial(strace, code=code), True
        yield f"commands {code}", partial(failing_commands, code=code, scale=scale), True
    yield "power-cut, fsync", lambda root: power_cut(root, many(12), "fsync"), True
    yield "power-cut, os", lambda root: power_cut(root, many(12), "os"), False


def main() -> int:
    """Run every fault and print the table; return 1 when one of them was not withstood."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how long, 1 by default")
    scale: float = parser.parse_args().scale
    print(
        f"{'fault':19}{'attempted':>11}{'acknowledged':>14}{'counted':>9}{'lost':>6}{'doubled':>9}"
        f"{'stuck':>7}{'unbounded':>11}"
    )
    failed = False
    for name, make, kept in rows(scale):
        with tempfile.TemporaryDirectory() as directory:
            try:
                found = make(Path(directory))
            except NotPermittedError as error:
                print(f"{name:19} left out: {error}", flush=True)
                continue
        lost = str(found.lost) if kept else "-"
        print(
            f"{name:19}{found.attempted:>11,}{found.acknowledged:>14,}{found.counted:>9,}"
            f"{lost:>6}{found.doubled:>9}{found.stuck:>7}{found.unbounded:>11}",
            flush=True,
        )
        failed = failed or bool(found.doubled or found.stuck or found.unbounded)
        failed = failed or (kept and bool(found.lost))
    with tempfile.TemporaryDirectory() as directory:
        tried = max(10, int(2_000 * scale))
        found = scenarios.once_without_the_lock(Path(directory), tried)
        print(
            f"not promised: without the lock, of {tried} events by three at once doubled:", end=" "
        )
        print(found.doubled)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
