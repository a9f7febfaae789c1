"""A report on the workers of a Dask scheduler, also when they are killed."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fleets import lethal, make_fleet
from starting import PATIENCE, Process, modules_in, started, until

from ctxuse import __version__
from ctxuse.cli.main import run
from ctxuse.errors import FleetError
from ctxuse.fleet import cluster as clusters
from ctxuse.fleet import running
from ctxuse.fleet.reporting import fleet_report

distributed: Any = pytest.importorskip("distributed", reason="distributed is not installed")

LocalCluster = Any
"""Dask has no types."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler and two workers, processes of this machine."""
    made = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
    )  # fmt: skip
    with made:
        yield made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pids(cluster: LocalCluster) -> set[int]:
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2)
        return set(client.run(os.getpid).values())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"merge_records": True},
        {"by": "day"},
        {"merge_records": True, "distinct_ids": True},
    ],
    ids=str,
)
def test_a_cluster_gives_the_report_of_one_process(
    tmp_path: Path,
    cluster: LocalCluster,
    options: dict[str, Any],
) -> None:
    make_fleet(tmp_path, 20)
    expected = fleet_report([str(tmp_path)], executor="threads", **options)
    there = fleet_report([str(tmp_path)], executor=cluster.scheduler_address, **options)
    assert there == expected


@pytest.mark.parametrize("merge_records", [False, True])
def test_a_worker_killed_in_the_middle_costs_a_retry_and_nothing_else(
    *,
    tmp_path: Path,
    cluster: LocalCluster,
    merge_records: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "FAN_IN", 4)
    make_fleet(tmp_path, 70, 400)
    expected = fleet_report([str(tmp_path)], merge_records=merge_records, executor="threads")
    before = pids(cluster)
    killed: list[tuple[int, int]] = []

    def told(done: int, whole: int) -> None:
        if (not killed and done >= 5) or (len(killed) == 1 and done >= 40):
            victim = min(before - {pid for pid, _ in killed})
            os.kill(victim, signal.SIGKILL)
            killed.append((victim, whole - done))

    report = fleet_report(
        [str(tmp_path)],
        merge_records=merge_records,
        executor=cluster.scheduler_address,
        batch_size=1,
        on_progress=told,
    )
    assert report == expected
    assert report.evidence.events == 70 * 400
    assert len(killed) == 2
    assert all(remaining > 0 for _, remaining in killed)
    assert not pids(cluster) & {pid for pid, _ in killed}


def as_here() -> dict[str, str]:
    """An environment in which what tests define is found by name."""
    return {**os.environ, "PYTHONPATH": modules_in(Path(__file__).parent)}


@contextmanager
def scheduler_process() -> Iterator[tuple[str, Process]]:
    """A scheduler without workers, for which a job is bad when one worker is lost with it."""
    port = free_port()
    env = {**as_here(), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with started(
        "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1",
        "--port", port, stderr=subprocess.DEVNULL, env=env,
    ) as process:  # fmt: skip
        until(lambda: listens(port))
        yield f"tcp://127.0.0.1:{port}", process


@contextmanager
def scheduler() -> Iterator[str]:
    """The address of one."""
    with scheduler_process() as (address, _):
        yield address


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what has just been started as long as a busy machine needs to."""
    monkeypatch.setattr(clusters, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(clusters, "_PATIENCE_FOR_WORKERS", PATIENCE)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def worker_of(address: str) -> AbstractContextManager[Process]:
    return started(
        "-m", "distributed.cli.dask_worker", address, "--no-dashboard", "--no-nanny",
        "--nthreads", "1", "--host", "127.0.0.1", stderr=subprocess.DEVNULL, env=as_here(),
    )  # fmt: skip


@contextmanager
def workers(address: str, number: int) -> Iterator[None]:
    """So many workers; one that ends is replaced."""
    done = threading.Event()

    def keep() -> None:
        with ExitStack() as stack:
            kept = [stack.enter_context(worker_of(address)) for _ in range(number)]
            while not done.wait(0.05):
                for place, process in enumerate(kept):
                    if process.poll() is not None:
                        kept[place] = stack.enter_context(worker_of(address))

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


@pytest.mark.parametrize("merge_records", [False, True])
def test_a_workspace_that_kills_every_worker_is_listed_and_the_others_count(
    *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merge_records: bool
) -> None:
    monkeypatch.setattr(running, "work", lethal)
    be_patient(monkeypatch)
    make_fleet(tmp_path, 6)
    with scheduler() as address, workers(address, 2):
        report = fleet_report(
            [str(tmp_path)], merge_records=merge_records, executor=address, batch_size=3
        )
    assert [w.address[-4:] for w in report.workspaces] == ["w000", "w001", "w002", "w004", "w005"]
    assert report.evidence.events == 250
    (place,) = report.unreadable
    assert place.address.endswith("w003")
    assert "were lost" in place.reason


def clients() -> list[Any]:
    """All that there are."""
    return [found for found in gc.get_objects() if type(found) is distributed.Client]


def test_a_scheduler_that_does_not_answer_is_said_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 1)
    monkeypatch.setattr(clusters, "_PATIENCE", 1)
    for address in (f"tcp://127.0.0.1:{free_port()}", "nosuch://x"):
        assert run(["fleet", "report", str(tmp_path), "--executor", address]) == 3
        said = capsys.readouterr().err
        assert f"ctxuse: {address}: no Dask scheduler answers" in said
        assert "Traceback" not in said
    assert [c for c in clients() if c.status not in {"closed", "newly-created"}] == []


def test_a_cluster_that_loses_all_workers_for_good_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_LOOK", 0.2)
    make_fleet(tmp_path, 60, 300)
    be_patient(monkeypatch)
    with scheduler() as address, worker_of(address) as worker:

        def told(*_: int) -> None:
            monkeypatch.setattr(clusters, "_PATIENCE_FOR_WORKERS", 1)
            worker.kill()

        with pytest.raises(FleetError, match="all workers are lost"):
            fleet_report([str(tmp_path)], executor=address, batch_size=1, on_progress=told)


def test_workers_of_another_version_are_refused(
    tmp_path: Path,
    cluster: LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_fleet(tmp_path, 1)
    monkeypatch.setattr(clusters, "__version__", "99")
    words = ["fleet", "report", str(tmp_path), "--executor", cluster.scheduler_address]
    assert run(words) == 3
    assert f"the cluster has ctxuse {__version__}, this is 99" in capsys.readouterr().err


def test_a_scheduler_without_workers_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 1)
    monkeypatch.setattr(clusters, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(clusters, "_PATIENCE_FOR_WORKERS", 1)
    with scheduler() as address:
        assert run(["fleet", "report", str(tmp_path), "--executor", address]) == 3
    assert "the scheduler has no worker" in capsys.readouterr().err


def test_a_command_on_a_cluster_prints_the_report_and_nothing_else(
    tmp_path: Path,
    cluster: LocalCluster,
) -> None:
    make_fleet(tmp_path, 3)
    words = ["fleet", "report", str(tmp_path), "--executor", cluster.scheduler_address]
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", *words, "--merge-records"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "From 3 workspaces" in done.stdout


def test_a_scheduler_that_is_lost_in_the_middle_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path, 60, 300)
    be_patient(monkeypatch)
    monkeypatch.setattr(running, "_LOOK", 0.2)
    with scheduler_process() as (address, process), worker_of(address):

        def told(*_: int) -> None:
            for client in clients():
                monkeypatch.setattr(client, "_timeout", 1)  # to connect anew
            monkeypatch.setattr(clusters, "_PATIENCE", 1)
            process.kill()

        with pytest.raises(FleetError, match=r"the connection is lost|no Dask scheduler answers"):
            fleet_report([str(tmp_path)], executor=address, batch_size=1, on_progress=told)


def test_a_result_that_cannot_be_had_is_a_job_that_failed(
    tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path, 3)

    async def lost(*_: Any, **__: Any) -> None:  # noqa: ANN401 - as the one it stands for
        raise ValueError("it was lost with its worker")

    monkeypatch.setattr(distributed.Client, "_gather", lost)
    report = fleet_report([str(tmp_path)], executor=cluster.scheduler_address)
    assert report.workspaces == ()
    reason = "ValueError: it was lost with its worker"
    assert [place.reason for place in report.unreadable] == [reason] * 3
