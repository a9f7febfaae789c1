"""Workspaces, collected logs and exports at addresses: an S3 server on this machine, and memory."""

import errno
import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fleets import as_log, make_fleet, make_workspace, some_events
from starting import PATIENCE, started

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.fleet import reporting
from ctxuse.fleet.collect import collect
from ctxuse.fleet.compact import compact
from ctxuse.fleet.discovery import find
from ctxuse.fleet.opening import TRIES
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import RemoteStore
from ctxuse.reports.fleet import Unreadable

if TYPE_CHECKING:
    from receiver import Receiver

fsspec: Any = pytest.importorskip("fsspec", reason="fsspec is not installed")
from fsspec import AbstractFileSystem  # type: ignore[import-untyped] # noqa: E402 - it may lack
from fsspec.asyn import sync_wrapper  # type: ignore[import-untyped] # noqa: E402 - likewise
from fsspec.implementations.memory import (  # type: ignore[import-untyped] # noqa: E402 - likewise
    MemoryFileSystem,
)

pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("flask", reason="flask is not installed, which moto's server needs")

USAGE = ".yoi/memory/_usage"


_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # it ends when the tests do
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server on loopback."""
    with started(
        "-c", _SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


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
        if file.is_file():
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
    local = fleet_report([str(tmp_path)], executor="threads")
    remote = fleet_report([f"{bucket}/team/"], executor=scheduler)
    assert without_workspaces(remote.fields()) == without_workspaces(local.fields())
    assert remote.evidence == local.evidence
    assert [w.address for w in remote.workspaces] == [f"{bucket}/team/a/w00{n}" for n in range(4)]
    assert remote.unreadable == ()
    one = fleet_report([f"{bucket}/team/a/w001"], executor="threads").fields()["records"]
    assert one == json.loads(Workspace(tmp_path / "w001").report().to_json())["records"]


def test_logs_in_a_bucket_are_sent_once(
    tmp_path: Path, bucket: str, receiver: "Receiver", capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 3, 8)
    upload(tmp_path, bucket)
    words = ["fleet", "export", bucket, "--format", "otlp", "--to", receiver.url]
    for log, said in (
        (as_log(some_events(8, 0)), "24 events of 3"),
        (as_log([*some_events(8, 0), *some_events(2, 9)]), "2 events of 3"),
        (b"", "0 events of 3"),
    ):
        fsspec.filesystem("s3").pipe_file(f"{bucket}/w000/{USAGE}/events.jsonl", log)
        assert run(words) == 0
        assert capsys.readouterr().out.startswith(said)
    assert len({log["ctxuse.event.id"] for log in receiver.logs}) == 26
    assert len(receiver.keys()) == len({*receiver.keys()})
    assert {of["ctxuse.workspace"] for of in receiver.resources} == {"w000", "w001", "w002"}


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
        executor="threads",
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
        done = collect([str(tmp_path)], f"{bucket}/to", host="h", executor="threads")
        assert done.failed == []
        pieces = [one.pieces for one in done.workspaces]
        assert pieces == [1, 1, 1] if expected is None else [0, int(number > 0), 0]
        report = fleet_report([str(tmp_path)], merge_records=True, executor="threads")
        expected = report.fields()["records"]
    again = collect([str(tmp_path)], f"{bucket}/to", host="h", executor="threads")
    assert sum(one.pieces for one in again.workspaces) == 0
    there = fleet_report([f"{bucket}/to"], merge_records=True, executor="threads")
    assert there.fields()["records"] == expected
    assert len(there.workspaces) == 3


def test_two_collectors_of_one_address_bring_the_same(tmp_path: Path, bucket: str) -> None:
    make_fleet(tmp_path, 6, 200)
    words = ["fleet", "collect", str(tmp_path), "--to", f"{bucket}/to", "--host", "h"]
    words = ["-m", "ctxuse", *words, "--scheduler", "threads"]
    with (
        started(*words, stdout=subprocess.DEVNULL) as one,
        started(*words, stdout=subprocess.DEVNULL) as other,
    ):
        assert [process.wait(PATIENCE) for process in (one, other)] == [0, 0]
    there = fleet_report([f"{bucket}/to"], merge_records=True, executor="threads")
    here = fleet_report([str(tmp_path)], merge_records=True, executor="threads")
    assert there.fields()["records"] == here.fields()["records"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each kind of request is made from now on."""
    made: Counter[str] = Counter()
    kind: Any = type(fsspec.filesystem("s3"))
    real = kind._call_s3  # noqa: SLF001 - where all requests go through

    async def counting(self: object, method: str, *words: object, **more: object) -> object:
        made[method] += 1
        return await real(self, method, *words, **more)

    monkeypatch.setattr(kind, "_call_s3", counting)
    monkeypatch.setattr(kind, "call_s3", sync_wrapper(counting))
    return made


def test_a_report_over_packs_makes_few_requests_however_many_workspaces_there_are(
    tmp_path: Path, bucket: str, asked: Counter[str]
) -> None:
    make_fleet(tmp_path / "fleet", 300, 5)
    target = tmp_path / "to"
    collect([str(tmp_path / "fleet")], str(target), executor="threads")
    for later in (0, 9000):
        compact(str(target), executor="threads", now=4_000_000_000 + later)
    fsspec.filesystem("s3").put(str(target), f"{bucket}/to", recursive=True)
    for merged, most in ((True, 20), (False, 20)):
        asked.clear()
        there = fleet_report([f"{bucket}/to"], merge_records=merged, executor="threads", workers=1)
        assert (len(there.workspaces), there.evidence.events) == (300, 1500)
        assert 3 <= asked.total() <= most, asked
    asked.clear()
    done = compact(f"{bucket}/to", executor="threads", now=4_000_020_000)
    assert (done.done.packs, done.done.unreadable) == (0, [])
    assert asked.total() <= 5, asked


@pytest.mark.parametrize("told", [False, True])
def test_what_cannot_be_removed_from_a_bucket_is_said_and_the_rest_goes_in_few_requests(
    tmp_path: Path, bucket: str, asked: Counter[str], monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    make_fleet(tmp_path, 9, 5)
    collect([str(tmp_path)], f"{bucket}/to", host="h", executor="threads")
    compact(f"{bucket}/to", executor="threads", now=4_000_000_000)
    kind: Any = type(fsspec.filesystem("s3"))
    real = kind._call_s3  # noqa: SLF001 - where all requests go through

    async def failing(self: object, method: str, *words: object, **more: Any) -> object:  # noqa: ANN401 - passed on
        if "w003" in str(more.get("Key", more.get("Delete", ""))) and method.startswith("delete"):
            if not told:
                raise PermissionError("Access Denied")
            keys = [one["Key"] for one in more["Delete"]["Objects"]]
            rest = [{"Key": key} for key in keys if "w003" not in key]
            await real(self, method, *words, **{**more, "Delete": {"Objects": rest}})
            refused = {"Code": "AccessDenied", "Message": "Access Denied"}
            return {"Errors": [{"Key": key, **refused} for key in keys if "w003" in key]}
        return await real(self, method, *words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "_call_s3", failing)
        patch.setattr(kind, "call_s3", sync_wrapper(failing))
        done = compact(f"{bucket}/to", executor="threads", workers=1, now=4_000_009_000)
    (said,) = done.done.unreadable
    assert "w003" in said.address
    assert "Access Denied" in said.reason or "Permission denied" in said.reason
    assert done.done.removed == 8
    asked.clear()
    done = compact(f"{bucket}/to", executor="threads", workers=1, now=4_000_009_000)
    assert (done.done.unreadable, done.done.removed) == ([], 1)
    assert (asked["delete_objects"], asked["delete_object"]) == (1, 0)
    assert not [name for name in RemoteStore(f"{bucket}/to").names() if name.endswith(".jsonl")]


def test_compactors_and_collectors_of_one_address_at_once_lose_and_double_nothing(
    tmp_path: Path, bucket: str
) -> None:
    make_fleet(tmp_path, 6, 40)
    target = f"{bucket}/to"
    for turn in range(2):
        with Workspace(tmp_path / "w001").layout.events_path.open("ab") as log:
            log.write(as_log(some_events(3, 900 + turn)))
        collect([str(tmp_path)], target, host="h", executor="threads", piece_size=3000)
    expected = fleet_report([str(tmp_path)], merge_records=True, executor="threads").fields()

    def agree() -> None:
        there = fleet_report([target], merge_records=True, executor="threads")
        assert there.fields()["records"] == expected["records"]
        assert there.unreadable == ()

    for turn in range(3):
        both = [
            threading.Thread(
                target=lambda turn=turn: compact(
                    target, executor="threads", now=4_000_000_000 + turn * 9000, pack_size=40_000
                )
            )
            for _ in range(2)
        ]
        for one in both:
            one.start()
        agree()
        again = collect([str(tmp_path)], target, host="h", executor="threads", piece_size=3000)
        assert again.failed == []
        for one in both:
            one.join()
        agree()
    names = RemoteStore(target).names()
    assert not [name for name in names if name.endswith(".jsonl")]
    again = collect([str(tmp_path)], target, host="h", executor="threads")
    assert [one.pieces for one in again.workspaces] == [0] * 6
    agree()


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
    assert run(["fleet", "report", bucket, "--format", "json"]) == 3
    (place,) = json.loads(capsys.readouterr().out)["unreadable"]
    assert "127.0.0.1:9" in place["reason"]
    fsspec.filesystem("s3").clear_instance_cache()


def test_memory_is_an_address_like_any_other(tmp_path: Path) -> None:
    make_fleet(tmp_path, 2)
    upload(tmp_path, "memory://fleet-of-tests")
    report = fleet_report(["memory://fleet-of-tests"], executor="threads")
    assert [w.address for w in report.workspaces] == [
        "memory://fleet-of-tests/w000",
        "memory://fleet-of-tests/w001",
    ]
    assert report.evidence.events == 100
    collect([str(tmp_path)], "memory://fleet-of-tests-to", executor="threads")
    there = fleet_report(["memory://fleet-of-tests-to"], merge_records=True, executor="threads")
    assert there.evidence.events == 100


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """The file system of ``memory://``, empty."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def put(fs: AbstractFileSystem, *roots: str) -> None:
    for number, root in enumerate(roots):
        fs.pipe_file(f"{root}/{USAGE}/events.jsonl", as_log(some_events(5, number)))


@pytest.mark.parametrize("again", [False, True])
def test_what_looks_like_a_secret_in_a_name_tells_workspaces_apart(
    bucket: str, memory: MemoryFileSystem, *, again: bool
) -> None:
    s3 = fsspec.filesystem("s3")
    put(s3, *(f"{bucket.removeprefix('s3://')}/odd/w{more}" for more in ("?a=1", "?a=2", "")))
    put(memory, "/a@x", "/b@x", "/x (1)")
    places = [f"{bucket}/odd", "memory://"]
    report = fleet_report(places * (1 + again), executor="threads")
    assert report.evidence.events == 30
    assert report.unreadable == ()
    assert [seen.address for seen in report.workspaces] == [
        "memory://x (1)", "memory://x (2)", "memory://x (3)",
        f"{bucket}/odd/w (1)", f"{bucket}/odd/w (2)", f"{bucket}/odd/w (3)",
    ]  # fmt: skip


def test_a_name_by_which_addresses_are_chained_is_listed_and_the_others_count(
    bucket: str, memory: MemoryFileSystem
) -> None:
    put(fsspec.filesystem("s3"), *(f"{bucket.removeprefix('s3://')}/c/{w}" for w in ("a::b", "c")))
    put(memory, "/x::y/z", "/z")
    report = fleet_report([f"{bucket}/c", "memory://"], executor="threads")
    assert [seen.address for seen in report.workspaces] == ["memory://z", f"{bucket}/c/c"]
    assert {one.address: one.reason for one in report.unreadable} == dict.fromkeys(
        [f"{bucket}/c/a::b", "memory://x::y/z"],
        "its name holds ::, which chains addresses, so that no address names it",
    )


def test_an_address_that_is_no_utf8_is_listed_and_the_others_count(
    memory: MemoryFileSystem,
) -> None:
    put(memory, "/x/y\udcff", "/x/z")
    report = fleet_report(["memory://x"], executor="threads")
    assert [seen.address for seen in report.workspaces] == ["memory://x/z"]
    assert report.unreadable == (
        Unreadable(r"memory://x/y\xff", "its name is no UTF-8, so that no address names it"),
    )


def test_of_an_address_that_looks_like_a_pattern_nothing_else_is_removed(
    memory: MemoryFileSystem,
) -> None:
    for place in ("/x[1]/a", "/x1/a"):
        memory.pipe_file(place, b"")
    assert RemoteStore("memory://x[1]").remove(["a", "gone"]) == {}
    assert memory.find("/") == ["/x1/a"]


def test_credentials_tell_no_workspaces_apart() -> None:
    for one, other in [
        ("sftp://kim@h/x", "sftp://lee:pw@h/x"),
        ("https://h/x?sig=1", "https://k@h/x?sig"),
    ]:
        assert Source("", url=one).name == Source("", url=other).name
    for one, other in [("github://a:b@c/x", "github://a:d@c/x"), ("s3://b/x?a=1", "s3://b/x?a=2")]:
        assert Source("", url=one).name != Source("", url=other).name


class Failing(AbstractFileSystem):  # type: ignore[misc] # it has no types
    """A file system that is listed folder by folder, some of which cannot be."""

    protocol = "failing"
    root_marker = "/"
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("failing://").strip("/")

    def ls(self, path: str, detail: bool = True, **_: object) -> object:  # noqa: FBT001, FBT002 - fsspec's
        if "denied" in path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return [
            {**about, "name": "/" + about["name"].strip("/")}
            for about in fsspec.filesystem("memory").ls(path.rstrip("/"), detail=detail)
        ]


@pytest.fixture
def failing(memory: MemoryFileSystem) -> MemoryFileSystem:
    """The file system below."""
    fsspec.register_implementation("failing", Failing, clobber=True)
    return memory


def test_folders_of_an_address_that_cannot_be_listed_are_said(failing: MemoryFileSystem) -> None:
    put(failing, "/t/w1", "/t/w2", "/t/denied/w", "/denied/w", "/t/.git/w")
    failing.pseudo_dirs.append("/t/w1/.yoi/memory/denied")
    for place in ("failing://t", "failing://t/", "failing://?"):
        found = find([place])
        assert [source.address for source in found.sources] == ["failing://t/w1", "failing://t/w2"]
        assert Unreadable("failing://t/denied", "Permission denied") in found.unreadable
        inner = "failing://t/w1/.yoi/memory/denied"
        assert Unreadable(inner, "Permission denied") in found.unreadable
    for place, reason in {
        "failing://denied": "Permission denied",
        "failing://none": "it does not exist",
        "failing://none/*": "it does not exist",
        "failing://t/x*": "no workspace is in it (.yoi/memory/)",
    }.items():
        assert find([place]).unreadable == [Unreadable(place, reason)]
    starred = find(["failing://t/**/w?"])
    assert [source.address for source in starred.sources] == ["failing://t/w1", "failing://t/w2"]
    assert len(starred.unreadable) == 2
    (unreachable,) = find(["http://127.0.0.1:9/x"]).unreadable
    assert "no workspace" not in unreachable.reason


def test_a_store_that_cannot_be_listed_raises_and_a_missing_one_is_empty(
    failing: MemoryFileSystem,
) -> None:
    put(failing, "/t/w1", "/t/denied/w")
    assert [*RemoteStore("failing://t/w1").names()] == [f"{USAGE}/events.jsonl"]
    assert RemoteStore("failing://none").names() == RemoteStore("failing://t").names("x") == {}
    for store in (RemoteStore("failing://t/denied"), RemoteStore("failing://t")):
        with pytest.raises(PermissionError):
            store.names()


def test_an_address_is_searched_like_a_folder(memory: MemoryFileSystem) -> None:
    put(memory, "/s/w", "/s/.git/w", "/s/.yoi/w", "/s/a/.git/b/w")
    memory.pipe_file("/s/x/my.yoi/memory/_usage/events.jsonl", b"")
    assert [source.url for source in find(["memory://s"]).sources] == ["memory://s/w"]
    assert [source.url for source in find(["memory://s/**"]).sources] == ["memory://s/w"]
    assert [source.url for source in find(["memory://s/.git"]).sources] == ["memory://s/.git/w"]


def test_places_that_overlap_read_no_log_twice(memory: MemoryFileSystem) -> None:
    put(memory, "/o/w")
    report = fleet_report(["memory://o/**", "memory://o*", "memory://"], executor="threads")
    assert report.evidence.events == 5


@pytest.mark.parametrize("when", ["before it is copied", "after that"])
@pytest.mark.parametrize("times", [1, 2, 9])
def test_a_log_that_is_archived_meanwhile_is_looked_for_again(
    memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, when: str, times: int
) -> None:
    put(memory, "/a/w")
    folder, copy, done = f"/a/w/{USAGE}", RemoteStore.copy, 0

    def archive() -> None:
        nonlocal done
        done += 1
        memory.mv(f"{folder}/events.jsonl", f"{folder}/events.2026010{done}T000000.000000Z.jsonl")
        memory.pipe_file(f"{folder}/events.jsonl", as_log(some_events(3, done)))

    def racing(self: RemoteStore, name: str, *words: Any) -> None:  # noqa: ANN401 - passed on
        is_meant = name == "events.jsonl" and done < times
        if is_meant and when == "before it is copied":
            archive()
        copy(self, name, *words)
        if is_meant and when == "after that":
            archive()

    monkeypatch.setattr(RemoteStore, "copy", racing)
    report = fleet_report(["memory://a"], executor="threads")
    if times < TRIES:
        assert (report.evidence.events, report.unreadable) == (5 + 3 * times, ())
    else:
        assert report.evidence.events == 0
        assert [found.address for found in report.unreadable] == ["memory://a/w"]
    done = times
    assert fleet_report(["memory://a"], executor="threads").unreadable == ()


def test_a_log_that_was_put_anew_since_it_was_listed_is_read(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, root = fsspec.filesystem("s3"), bucket.removeprefix("s3://") + "/w"
    put(fs, root)

    def found(places: list[str]) -> object:
        listed = find(places)
        other, log = type(fs)(skip_instance_cache=True), f"{root}/{USAGE}/events.jsonl"
        other.copy(log, log.replace(".jsonl", ".20260101T000000.000000Z.jsonl"))
        other.pipe_file(log, as_log(some_events(3, 9)))
        return listed

    monkeypatch.setattr(reporting, "find", found)
    report = fleet_report([bucket], executor="threads")
    assert (report.evidence.events, report.unreadable) == (8, ())


@pytest.mark.usefixtures("failing")
def test_the_root_of_a_file_system_is_a_place(memory: MemoryFileSystem) -> None:
    put(memory, "", "/w")
    report = fleet_report(["memory://", "memory:///"], executor="threads")
    assert [seen.address for seen in report.workspaces] == ["memory://", "memory://w"]
    assert report.unreadable == ()
    assert report.evidence.events == 10
    found = find(["failing://"])
    assert [source.url for source in found.sources] == ["failing://", "failing://w"]


def test_two_names_of_one_place_are_one(tmp_path: Path, bucket: str) -> None:
    upload(make_fleet(tmp_path, 3, 5), f"{bucket}/all")
    again = bucket.replace("s3://", "s3a://")
    places = [f"{again}/all", f"{bucket}/all", f"{bucket.replace('://', ':///')}/all/w001"]
    report = fleet_report(places, executor="threads")
    assert (report.evidence.events, len(report.workspaces)) == (15, 3)
    for _ in range(3):
        done = collect([again], f"{bucket}/all/to", host="h", executor="threads")
        assert (len(done.workspaces), done.failed) == (3, [])
    assert fleet_report([f"{again}/all/to/"], executor="threads").evidence.events == 15
    done = collect([f"{again}/all/w000"], f"{bucket}/all", executor="threads")
    assert [failed.address for failed in done.failed] == [f"{again}/all/w000"]


def test_what_tells_places_apart_is_what_reads_them() -> None:
    for one, other in [
        ("s3://b/x", "s3a://b/x/"), ("s3://b", "s3a:///b"), ("memory://x", "memory:///x"),
    ]:  # fmt: skip
        assert Source("", url=one).identity == Source("", url=other).identity
    for one, other in [
        ("s3://b/x", "gs://b/x"), ("http://h/x", "https://h/x"), ("s3://b/x", "memory://b/x"),
        ("hdfs://h/x", "hdfs://k/x"), ("nosuch://b", "nosuch://c"),
    ]:  # fmt: skip
        assert Source("", url=one).identity != Source("", url=other).identity


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("s3://", "it names no bucket: write s3://BUCKET"),
        ("gs:///", "it names no bucket: write gs://BUCKET"),
        ("simplecache::{}/x", "addresses that are chained with :: are neither read nor written"),
        ("{}/x[1]", "a *, ? or [ in an address makes it a pattern when it is read"),
        ("{}/*", "a *, ? or [ in an address makes it a pattern when it is read"),
    ],
)
def test_no_command_writes_where_none_reads(
    tmp_path: Path, bucket: str, target: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 1, 5)
    target = target.format(bucket)
    for words in (
        ["collect", str(tmp_path), "--to", target],
        ["export", str(tmp_path), "--to", target],
        ["compact", target],
        ["report", str(tmp_path), "--distinct-ids", "--scratch", target],
    ):
        assert run(["fleet", *words, "--executor", "threads"]) == 3
        assert reason in " ".join(capsys.readouterr().err.split())
    assert fsspec.filesystem("s3").find(bucket) == []


def test_what_is_removed_is_named_exactly(bucket: str) -> None:
    beside, store = RemoteStore(f"{bucket}/a1"), RemoteStore(f"{bucket}/a[1]")
    for name in ("b", "c", "d?"):
        beside.write(name, b"1")
        store.write(name, b"1")
    store.remove(["b", "d?", "gone"])
    assert [*store.names()] == ["c"]
    assert [*beside.names()] == ["b", "c", "d?"]
    beside.remove(["d?", "b", "gone"])
    assert [*beside.names()] == ["c"]
