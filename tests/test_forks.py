"""Children of a process that forks while another thread records for the first time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from starting import PATIENCE

from ctxuse import UsageEvent, Workspace

_FORKING = """
import os, sys, time
from threading import Event, Thread
from ctxuse import Workspace

workspace, begun = Workspace(sys.argv[1]), Event()

def record(name):
    segment = workspace.segment(name)
    segment.resident({"prompt/system": "x" * 10})
    segment.%s

def first():
    begun.set()
    record("parent")

thread = Thread(target=first)
thread.start()
begun.wait()
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        record(f"child {number}")
        os._exit(0)
    children.append(child)
    time.sleep(0.002)
thread.join()
import logging
logging.getLogger("ctxuse").setLevel("INFO")  # takes its lock, which nobody holds any more
end, stuck = time.monotonic() + %d, 0
for child in children:
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            stuck += 1
            os.kill(child, 9)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)
print(stuck)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize("use", ["resident()", "expand('#alpha')", "search('x')"])
@pytest.mark.parametrize("time", range(3))
def test_a_child_that_is_forked_in_the_first_recording_records(
    tmp_path: Path, use: str, time: int
) -> None:
    root = tmp_path / str(time)
    (root / ".yoi/memory").mkdir(parents=True)
    program = _FORKING % (use, PATIENCE // 3)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(root)],
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n", "")
    events = [one for one in Workspace(root).events() if isinstance(one, UsageEvent)]
    found = sorted(one.segment_id for one in events)
    assert found == ["child 0", "child 1", "child 2", "parent"]


def test_a_fork_of_a_single_thread_imports_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from ctxuse import Workspace\n"
        "before = {*sys.modules}\n"
        "if (child := os.fork()) == 0: os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(*{*sys.modules} - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "\n"
