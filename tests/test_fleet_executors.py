"""Work on many workspaces by executors of any kind: the result is the same to the byte."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from fleets import lethal, make_fleet
from starting import modules_in

from ctxuse.cli.main import run
from ctxuse.errors import FleetError
from ctxuse.fleet import running
from ctxuse.fleet.collect import collect
from ctxuse.fleet.reporting import fleet_report
from ctxuse.zones import Zone

FACTORIES = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

class Nested:
    @staticmethod
    def threads(workers):
        return ThreadPoolExecutor(workers)

def spawned(workers=2):
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))

def alone():
    return ThreadPoolExecutor(1)

def failing():
    raise OSError(5, "out of order")

def something_else():
    return "an executor"

no_factory = 3
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module of factories that Python finds."""
    directory = tmp_path / "modules"
    directory.mkdir()
    (directory / "brought_by_tests.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(directory)
    yield "brought_by_tests"
    sys.modules.pop("brought_by_tests", None)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a Dask scheduler that has two workers."""
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
    ) as made:  # fmt: skip
        yield made.scheduler_address


def spawned() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


OPTIONS = [
    ["--format", "json"],
    ["--format", "csv", "--merge-records"],
    ["--format", "json-full", "--merge-records", "--distinct-ids"],
    ["--by", "day", "--tz", "Europe/Berlin"],
]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_a_command_prints_the_same_bytes_whoever_reads(
    tmp_path: Path, scheduler: str, factories: str, options: list[str]
) -> None:
    root = make_fleet(tmp_path / "fleet", 45)
    make_fleet(tmp_path / "fleet/again", 2)
    (tmp_path / "fleet/w007/.yoi/memory/_usage/events.jsonl").unlink()
    (tmp_path / "fleet/w007/.yoi/memory/_usage/events.jsonl").symlink_to("/etc/hostname")
    env = {**os.environ, "PYTHONPATH": modules_in(tmp_path / "modules")}

    def printed(*words: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "ctxuse", "fleet", "report", str(root), *options, *words],
            capture_output=True, check=False, env=env,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    expected = printed("--executor", "threads", "--workers", "1")
    assert expected[0] == 3
    assert expected[1]
    for executor in ("processes", "threads", f"{factories}:spawned", f"{factories}:Nested.threads"):
        assert printed("--executor", executor, "--workers", "5") == expected, executor
    assert printed("--executor", scheduler) == expected
    assert printed("--scheduler", "concurrent.futures:ThreadPoolExecutor") == expected


@pytest.mark.parametrize("fan_in", [2, 5])
def test_where_results_are_merged_does_not_show(
    tmp_path: Path, scheduler: str, factories: str, monkeypatch: pytest.MonkeyPatch, fan_in: int
) -> None:
    monkeypatch.setattr(running, "FAN_IN", fan_in)
    make_fleet(tmp_path / "fleet", 23)

    def text(executor: str | Executor, size: int) -> str:
        report = fleet_report(
            [str(tmp_path / "fleet")],
            merge_records=True, full=True, executor=executor, workers=2, batch_size=size,
        )  # fmt: skip
        return repr(report)

    expected = text("threads", 100)
    assert "w022" in expected
    for executor in ("processes", "threads", scheduler, f"{factories}:spawned"):
        assert text(executor, 1) == expected, executor
    with spawned() as own:
        assert text(own, 1) == expected


def cannot_merge(*_: bytes) -> bytes:
    raise MemoryError


def test_what_workers_cannot_merge_is_merged_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path, 20)
    expected = fleet_report([str(tmp_path)], merge_records=True, executor="threads")
    monkeypatch.setattr(running, "FAN_IN", 3)
    monkeypatch.setattr(running, "merge", cannot_merge)
    report = fleet_report([str(tmp_path)], merge_records=True, executor="threads", batch_size=1)
    assert report == expected


class Backwards(Executor):
    """Does last what was asked first, and knows how much was asked and not done."""

    def __init__(self) -> None:
        self.most = 0
        self._asked: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._unfinished = 0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as `Executor`
        future: Future[Any] = Future()
        with self._lock:
            self._asked.append((future, lambda: fn(*args, **kwargs)))
            self._unfinished += 1
            self.most = max(self.most, self._unfinished)
        self._pool.submit(self._do)
        return future

    def _do(self) -> None:
        with self._lock:
            future, call = self._asked.pop()
        result = call()
        with self._lock:
            self._unfinished -= 1
        future.set_result(result)


def test_the_order_in_which_jobs_end_does_not_show_and_few_are_under_way(tmp_path: Path) -> None:
    make_fleet(tmp_path, 60, 5)
    for merge_records in (False, True):
        expected = fleet_report([str(tmp_path)], merge_records=merge_records, executor="threads")
        own = Backwards()
        report = fleet_report(
            [str(tmp_path)],
            merge_records=merge_records, executor=own, workers=2, batch_size=1,
        )  # fmt: skip
        assert report == expected
        assert 2 < own.most <= 4 * 2 + 2  # and one that merges


class Failing(ThreadPoolExecutor):
    """Fails twice what one workspace is among, and knows what else was under way each time."""

    def __init__(self) -> None:
        super().__init__(1)
        self.beside: list[int] = []
        self._futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as `Executor`
        if b"w003" in args[0]:
            self.beside.append(sum(not future.done() for future in self._futures))
            if len(self.beside) < 3:
                failed: Future[Any] = Future()
                failed.set_exception(OSError(5, "Input/output error"))
                return failed
        future = super().submit(fn, *args, **kwargs)
        self._futures.append(future)
        return future


def test_what_failed_is_tried_again_when_nothing_else_is_under_way(tmp_path: Path) -> None:
    make_fleet(tmp_path, 20, 200)
    expected = fleet_report([str(tmp_path)], executor="threads")
    with Failing() as own:
        report = fleet_report([str(tmp_path)], executor=own, workers=2, batch_size=1)
    assert report == expected
    _, *again = own.beside
    assert again == [0, 0]


@pytest.mark.parametrize("merge_records", [False, True])
def test_a_pool_that_a_killed_process_breaks_costs_a_retry_and_nothing_else(
    *, tmp_path: Path, factories: str, merge_records: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "FAN_IN", 4)
    make_fleet(tmp_path / "fleet", 40, 100)
    places = [str(tmp_path / "fleet")]
    expected = fleet_report(places, merge_records=merge_records, executor="threads")
    killed: list[int] = []

    def told(done: int, _: int) -> None:
        if len(killed) < 2 and done >= (5, 20)[len(killed)]:
            process = active_children()[0]
            process.kill()
            process.join()
            killed.append(done)

    report = fleet_report(
        places, merge_records=merge_records, executor=f"{factories}:spawned", batch_size=1,
        on_progress=told,
    )  # fmt: skip
    assert report == expected
    assert len(killed) == 2


def test_a_workspace_that_breaks_every_pool_is_listed_and_the_others_count(
    tmp_path: Path, factories: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "work", lethal)
    make_fleet(tmp_path / "fleet", 6)
    report = fleet_report(
        [str(tmp_path / "fleet")], executor=f"{factories}:spawned", workers=2, batch_size=3
    )
    assert [w.address[-4:] for w in report.workspaces] == ["w000", "w001", "w002", "w004", "w005"]
    (place,) = report.unreadable
    assert place.address.endswith("w003")
    assert "BrokenProcessPool" in place.reason


def test_an_executor_that_is_given_is_left_open_and_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path / "fleet", 4)
    places = [str(tmp_path / "fleet")]
    with spawned() as own:
        for _ in range(2):
            assert fleet_report(places, executor=own, workers=2).evidence.events == 200
        done = collect(places, str(tmp_path / "to"), host="h", executor=own)
        assert len(done.workspaces) == 4
        assert done.failed == []
        assert own.submit(len, b"abc").result() == 3
        monkeypatch.setattr(running, "work", lethal)
        with pytest.raises(
            FleetError, match="ProcessPoolExecutor: it takes no jobs: BrokenProcess"
        ):
            fleet_report(places, executor=own, workers=2)


class Endless(Executor):
    """Does the first thing it is asked and no other."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - as `Executor`
        future: Future[Any] = Future()
        if not self.futures:
            future.set_result(fn(*args, **kwargs))
        self.futures.append(future)
        return future


def test_what_is_under_way_is_cancelled_when_a_run_ends_early(tmp_path: Path) -> None:
    make_fleet(tmp_path, 30, 5)
    own = Endless()

    def told(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet_report([str(tmp_path)], executor=own, workers=2, batch_size=1, on_progress=told)
    first, *others = own.futures
    assert not first.cancelled()
    assert len(others) == 8
    assert all(future.cancelled() for future in others)


@pytest.mark.parametrize(
    ("executor", "more", "said"),
    [
        ("no_such_module_:make", [], "it makes no executor: ModuleNotFoundError"),
        ("brought_by_tests:nothing", [], "it makes no executor: AttributeError"),
        ("brought_by_tests:failing", [], "it makes no executor: OSError: [Errno 5] out of order"),
        ("brought_by_tests:no_factory", [], "it makes no executor: TypeError"),
        ("brought_by_tests:alone", ["--workers", "3"], "it makes no executor: TypeError"),
        ("brought_by_tests:something_else", [], "no concurrent.futures.Executor, but str"),
        ("localhost:8786", [], "write processes, threads"),
        ("brought_by_tests:", [], "write processes, threads"),
    ],
)
@pytest.mark.usefixtures("factories")
def test_a_factory_that_makes_no_executor_is_said_without_a_traceback(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    executor: str,
    more: list[str],
    said: str,
) -> None:
    make_fleet(tmp_path / "fleet", 1)
    words = ["fleet", "report", str(tmp_path / "fleet"), "--executor", executor, *more]
    assert run(words) == 3
    captured = capsys.readouterr()
    assert captured.err.startswith(f"ctxuse: {executor}: ")
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_factory_in_the_current_directory_is_not_run(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet", 1)
    (tmp_path / "lurking.py").write_text(f"{FACTORIES}\nopen('run', 'w')\n")
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", "fleet", "report", "fleet", "--executor", "lurking:alone"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    assert "No module named 'lurking'" in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_zone_of_this_machine_has_no_name_for_workers_that_may_be_elsewhere(
    tmp_path: Path,
) -> None:
    make_fleet(tmp_path, 1)
    with (
        ThreadPoolExecutor(1) as own,
        pytest.raises(FleetError, match=r"ThreadPoolExecutor: .*--tz Europe/Berlin"),
    ):
        fleet_report([str(tmp_path)], executor=own, zone=Zone("local"))
