"""*Interrupt*: a Ctrl-C, or any signal whose handler raises, at every step of the work.

The steps are the bytecodes of our modules: finer than where the interpreter lets a signal in.
"""

import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest
from faults.commands import interrupts
from faults.processes import event, is_locked, log_of
from strategies import an_event

import ctxuse
from ctxuse import UsageEvent, Workspace
from ctxuse.codec.encode import encode
from ctxuse.ids import new_id

if TYPE_CHECKING:
    from _typeshed import TraceFunction

OURS = os.path.dirname(ctxuse.__file__)


class Interrupt(KeyboardInterrupt):
    """The one that a test raises."""


class Stepper:
    """Counts the bytecodes of our modules that `work` takes and interrupts it before one of them.

    Args:
        at: The number of the step, from 1; 0 for none.
    """

    def __init__(self, at: int) -> None:
        self.steps = 0
        self._at = at

    def run(self, work: Callable[[], object]) -> bool:
        """Do `work` and say whether it was interrupted."""
        sys.settrace(self._entered)
        try:
            work()
        except Interrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    def _entered(self, frame: FrameType, what: str, argument: object) -> "TraceFunction | None":
        del what, argument
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._step

    def _step(self, frame: FrameType, what: str, argument: object) -> "TraceFunction | None":
        del argument
        # Without a line are the instructions by which Python leaves a block that raised. No signal
        # is heard there, and what raises there stays the error that is being handled.
        if what == "opcode" and frame.f_lineno is not None:
            self.steps += 1
            if self.steps == self._at:
                sys.settrace(None)
                raise Interrupt
        return self._step


def open_files() -> list[str]:
    """What is open in this process, as the names of the files."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue  # the one that the directory was listed with
    return sorted(found)


def others_can_append(workspace: Workspace) -> bool:
    """Whether another thread gets through with an append."""
    thread = threading.Thread(target=workspace.append, args=[event("thread")], daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


def ids(workspace: Workspace) -> list[str]:
    found = [*workspace.events()]
    assert all(isinstance(one, UsageEvent) for one in found), found
    return [one.id for one in found if isinstance(one, UsageEvent)]


needs_proc = pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="there is no /proc here to tell what is open"
)

APPENDS: dict[str, Callable[[Workspace, UsageEvent], object]] = {
    "append": Workspace.append,
    "append_once": Workspace.append_once,
    "try_append": lambda workspace, fresh: workspace.try_append(fresh, once=True),
}


@needs_proc
@pytest.mark.parametrize(
    ("way", "durability"),
    [("append", "os"), ("append", "fsync"), ("append_once", "os"), ("try_append", "os")],
)
@pytest.mark.parametrize("opened", [False, True], ids=["first", "next"])
def test_interrupt_at_any_step_of_an_append_leaves_nothing_held(
    tmp_path: Path, way: str, durability: str, *, opened: bool
) -> None:
    appending = APPENDS[way]
    settings = {"CTXUSE_DURABILITY": durability, "XDG_STATE_HOME": str(tmp_path / "state")}
    warm = Workspace(tmp_path, environ=settings)
    appending(warm, event("warm"))  # what is imported is imported
    warm.close()
    stored, at = 0, 0
    gc.disable()
    try:
        while True:
            at += 1
            log_of(tmp_path).write_bytes(encode(an_event()) + b"\n")
            workspace = Workspace(tmp_path, environ=settings)
            if opened:
                workspace.append(event("before"))
            fresh, before, known = event("fresh"), open_files(), ids(workspace)
            stepper = Stepper(at)
            interrupted = stepper.run(lambda w=workspace, f=fresh: appending(w, f))  # type: ignore[misc]
            assert not is_locked(tmp_path), at
            assert interrupted == (stepper.steps >= at), at
            found = ids(workspace)
            assert found in (known, [*known, fresh.id]), at
            stored += found != known
            assert others_can_append(workspace), at
            after = event("after")
            appending(workspace, after)
            assert ids(workspace)[-1] == after.id
            workspace.close()
            left = [name for name in open_files() if name not in before]
            assert left == [], at
            if not interrupted:
                break
    finally:
        gc.enable()
    assert at > 300
    assert 1 < stored < at


def interrupted_everywhere(
    root: Path,
    prepare: Callable[[], None],
    work: Callable[[], object],
    sound: Callable[[], None],
    stride: int = 1,
) -> int:
    """Interrupt `work` before each of its steps, or one of `stride`, anew each time.

    Returns:
        How many steps there are.
    """
    at, steps = 0, 0
    prepare()
    work()  # what is imported is imported
    gc.disable()
    try:
        while not at or steps >= at:
            at += stride
            prepare()
            before = open_files()
            stepper = Stepper(at)
            interrupted = stepper.run(work)
            steps = stepper.steps
            assert interrupted == (steps >= at), at
            assert not is_locked(root), at
            assert [name for name in open_files() if name not in before] == [], at
            sound()
    finally:
        gc.enable()
    return at


@needs_proc
def test_interrupt_at_any_step_of_archiving_hides_and_doubles_nothing(tmp_path: Path) -> None:
    lines = [encode(an_event(id=new_id(n))) for n in range(3)]
    usage = log_of(tmp_path).parent
    fresh = event("after")

    def prepare() -> None:
        for path in usage.glob("events.*jsonl"):
            path.unlink()
        Workspace(tmp_path).append(event("x"))
        log_of(tmp_path).write_bytes(b"\n".join(lines))

    def sound() -> None:
        assert len(ids(Workspace(tmp_path))) == len(lines)
        assert all(path.stat().st_size for path in usage.glob("events.*.jsonl"))
        Workspace(tmp_path).append(fresh)
        found = ids(Workspace(tmp_path))
        assert len(found) == len(set(found)) == len(lines) + 1

    def work() -> None:
        Workspace(tmp_path).archive()

    usage.mkdir(parents=True)
    assert interrupted_everywhere(tmp_path, prepare, work, sound) > 300


@needs_proc
def test_interrupt_at_any_step_of_a_repair_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    glued = encode(an_event(id=new_id(1))) + encode(an_event(id=new_id(2))) + b"\n"
    usage = log_of(tmp_path).parent
    usage.mkdir(parents=True)

    def prepare() -> None:
        for path in usage.glob("damaged.*"):
            path.unlink()
        log_of(tmp_path).write_bytes(glued)

    def sound() -> None:
        content = log_of(tmp_path).read_bytes()
        assert content.startswith(glued)
        Workspace(tmp_path).repair()
        found = [one.id for one in Workspace(tmp_path).events() if isinstance(one, UsageEvent)]
        assert len(found) == len(set(found)) == 2

    def work() -> None:
        Workspace(tmp_path).repair()

    assert interrupted_everywhere(tmp_path, prepare, work, sound, stride=11) > 1000


def test_interrupt_by_ctrl_c_again_and_again_stops_no_later_append(tmp_path: Path) -> None:
    found = interrupts(tmp_path, 40)
    found.assert_sound()
    assert found.acknowledged >= 40
