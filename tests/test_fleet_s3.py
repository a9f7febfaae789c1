"""Workspaces, collected logs and exports at addresses: an S3 server on this machine, and memory."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from fleets import as_log, make_fleet, make_workspace, some_events

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.fleet.collect import collect
from ctxuse.fleet.places import find
from ctxuse.fleet.reporting import fleet_report

fsspec: Any = pytest.importorskip("fsspec", reason="fsspec is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("flask", reason="flask is not installed, which moto's server needs")

USAGE = ".yoi/memory/_usage"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urlopen(f"{url}/moto-api/", timeout=5).close()  # noqa: S310 - our own server
                break
            except OSError:
                time.sleep(0.1)
        yield url
        process.kill()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of its own."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    name = f"b{os.urandom(6).hex()}"
    fs.mkdir(name)
    yield f"s3://{name}"
    fs.rm(name, recursive=True)


def upload(root: Path, target: str) -> None:
    fs, path = fsspec.core.url_to_fs(target)
    for file in root.rglob("*"):
        if file.is_file() and "checkpoint" not in file.name:
            fs.pipe_file(f"{path}/{file.relative_to(root)}", file.read_bytes())


def without_workspaces(report: dict[str, Any]) -> object:
    return [{k: v for k, v in one.items() if k != "workspace"} for one in report["records"]]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_a_report_over_a_bucket_is_that_over_the_folders(
    tmp_path: Path, bucket: str, scheduler: str
) -> None:
    make_fleet(tmp_path, 4)
    Workspace(tmp_path / "w001").archive()
    with Workspace(tmp_path / "w001").layout.events_path.open("ab") as log:
        log.write(as_log(some_events(5, 77)) + b"{}\nunfinished")
    upload(tmp_path, f"{bucket}/team/a")
    local = fleet_report([str(tmp_path)], scheduler="threads")
    remote = fleet_report([f"{bucket}/team/"], scheduler=scheduler)
    assert without_workspaces(remote.fields()) == without_workspaces(local.fields())
    assert remote.evidence == local.evidence
    assert [w.address for w in remote.workspaces] == [f"{bucket}/team/a/w00{n}" for n in range(4)]
    assert remote.unreadable == ()
    one = fleet_report([f"{bucket}/team/a/w001"], scheduler="threads").fields()["records"]
    assert one == json.loads(Workspace(tmp_path / "w001").report().to_json())["records"]


def test_patterns_and_repeated_addresses_find_each_workspace_once(
    tmp_path: Path, bucket: str
) -> None:
    make_fleet(tmp_path, 3, 4)
    upload(tmp_path, f"{bucket}/x")
    key = bucket.replace("s3://", "s3://key:secret@")
    found = find([f"{bucket}/x/w*", bucket, f"{bucket}/x/w001/", f"{bucket}/y", f"{bucket}/z*"])
    assert [s.address for s in found.sources] == [f"{bucket}/x/w00{n}" for n in range(3)]
    assert [u.address for u in found.unreadable] == [f"{bucket}/y", f"{bucket}/z*"]
    (missing,) = find(["s3://no-such-bucket-here/x"]).unreadable
    assert missing.reason
    assert "secret" not in repr(find([f"{key}/y"]).unreadable)


@pytest.mark.parametrize("distinct", [False, True])
def test_copies_in_a_bucket_and_in_a_folder_count_once_if_that_is_asked(
    tmp_path: Path, bucket: str, *, distinct: bool
) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(30, 1)))
    upload(root, f"{bucket}/copy")
    report = fleet_report(
        [str(root), f"{bucket}/copy"],
        merge_records=True,
        distinct_ids=distinct,
        scheduler="threads",
        scratch=f"{bucket}/scratch",
    )
    assert report.evidence.events == (30 if distinct else 60)
    if distinct:
        expected = json.loads(Workspace(root).report().to_json())["records"]
        assert report.fields()["records"] == expected


def test_collecting_into_a_bucket_takes_what_is_new_and_outlives_the_source(
    tmp_path: Path, bucket: str
) -> None:
    make_fleet(tmp_path, 3)
    expected: object = None
    for number in (0, 7, 0, 2):
        path = Workspace(tmp_path / "w001").layout.events_path
        with path.open("ab") as log:
            log.write(as_log(some_events(number, 100 + number)))
        done = collect([str(tmp_path)], f"{bucket}/to", host="h", scheduler="threads")
        assert done.failed == []
        pieces = [one.pieces for one in done.workspaces]
        assert pieces == [1, 1, 1] if expected is None else [0, int(number > 0), 0]
        report = fleet_report([str(tmp_path)], merge_records=True, scheduler="threads")
        expected = report.fields()["records"]
    again = collect([str(tmp_path)], f"{bucket}/to", host="h", scheduler="threads")
    assert sum(one.pieces for one in again.workspaces) == 0
    there = fleet_report([f"{bucket}/to"], merge_records=True, scheduler="threads")
    assert there.fields()["records"] == expected
    assert len(there.workspaces) == 3


def test_two_collectors_of_one_address_bring_the_same(tmp_path: Path, bucket: str) -> None:
    make_fleet(tmp_path, 6, 200)
    words = ["fleet", "collect", str(tmp_path), "--to", f"{bucket}/to", "--host", "h"]
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "ctxuse", *words, "--scheduler", "threads"],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [process.wait() for process in both] == [0, 0]
    there = fleet_report([f"{bucket}/to"], merge_records=True, scheduler="threads")
    here = fleet_report([str(tmp_path)], merge_records=True, scheduler="threads")
    assert there.fields()["records"] == here.fields()["records"]


def test_an_export_into_a_bucket_can_be_read_back(
    tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    make_fleet(tmp_path, 2)
    words = ["fleet", "export", str(tmp_path), "--to", f"{bucket}/events"]
    assert run([*words, "--scheduler", "threads"]) == 0
    assert capsys.readouterr().out.startswith("100 events of 2 workspaces")
    fs, path = fsspec.core.url_to_fs(f"{bucket}/events")
    tables = [parquet.read_table(fs.open(name)) for name in sorted(fs.find(path))]
    assert {w for table in tables for w in table["workspace"].to_pylist()} == {
        f"{tmp_path}/w000",
        f"{tmp_path}/w001",
    }
    assert run([*words, "--scheduler", "threads"]) == 3


def test_a_server_that_does_not_answer_is_listed_with_its_reason(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    assert run(["fleet", "report", bucket, "--format", "json"]) == 0
    (place,) = json.loads(capsys.readouterr().out)["unreadable"]
    assert "127.0.0.1:9" in place["reason"]
    fsspec.filesystem("s3").clear_instance_cache()


def test_memory_is_an_address_like_any_other(tmp_path: Path) -> None:
    make_fleet(tmp_path, 2)
    upload(tmp_path, "memory://fleet-of-tests")
    report = fleet_report(["memory://fleet-of-tests"], scheduler="threads")
    assert [w.address for w in report.workspaces] == [
        "memory://fleet-of-tests/w000",
        "memory://fleet-of-tests/w001",
    ]
    assert report.evidence.events == 100
    collect([str(tmp_path)], "memory://fleet-of-tests-to", scheduler="threads")
    there = fleet_report(["memory://fleet-of-tests-to"], merge_records=True, scheduler="threads")
    assert there.evidence.events == 100
