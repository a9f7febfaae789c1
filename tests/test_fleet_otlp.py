"""The logs of many workspaces sent by OTLP: all of them, once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from fleets import as_log, break_at_its_end, make_fleet, make_workspace, some_events
from receiver import Receiver

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.errors import FleetError, SendingElsewhereError
from ctxuse.fleet.collect import collect
from ctxuse.fleet.sending import send_events
from ctxuse.log.reader import open_logs
from ctxuse.otlp.export import Target, export_otlp
from ctxuse.otlp.marks import Marks

CTXUSE = str(Path(sys.executable).parent / "ctxuse")


def ids_in(root: Path) -> set[str]:
    """The ids of the events of a workspace, or of all below a folder."""
    logs = root.rglob("events*.jsonl")
    return {json.loads(line)["id"] for log in logs for line in log.read_bytes().splitlines()}


def append(root: Path, seed: int, number: int = 3) -> None:
    log = Workspace(root).layout.events_path
    log.write_bytes(log.read_bytes() + as_log(some_events(number, seed)))


def export(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([CTXUSE, *words], capture_output=True, text=True, check=False)


def assert_all_once(receiver: Receiver, roots: Iterable[Path]) -> None:
    counted = Counter(receiver.keys())
    assert counted.total() == len(counted)
    assert {event_id for event_id, _ in counted} == set().union(*map(ids_in, roots))


def test_both_commands_send_an_event_once(tmp_path: Path, receiver: Receiver) -> None:
    fleet = make_fleet(tmp_path / "fleet", 4, 20)
    words = ["fleet", "export", str(fleet), "--format", "otlp", "--to", receiver.url]
    one = ["export", "otlp", receiver.url, "-w", str(fleet / "w002")]
    (tmp_path / "link").symlink_to(fleet)
    assert export(*one).stdout.startswith("20 events as ")
    done = export(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("60 events of 4 workspaces as ")
    for number in range(4):
        append(fleet / f"w{number:03}", 100 + number)
    Workspace(fleet / "w001").archive()
    linked = ["export", "otlp", receiver.url, "-w", str(tmp_path / "link" / "w002")]
    assert export(*linked).stdout.startswith("3 events as ")
    assert export(*words).stdout.startswith("9 events of 4 workspaces as ")
    assert export(*words).stdout.startswith("0 events of 4 workspaces as 0 log records")
    assert export(*one).stdout.startswith("0 events as 0 log records")
    assert_all_once(receiver, [fleet])


def test_workspaces_of_one_name_are_told_apart(tmp_path: Path, receiver: Receiver) -> None:
    roots = [tmp_path / name / "agents" for name in "ab"]
    for number, root in enumerate(roots):
        make_workspace(root, as_log(some_events(10 + number, number)))
    send_events([str(tmp_path)], Target(receiver.url))
    first, second = receiver.resources
    assert first["ctxuse.workspace"] == second["ctxuse.workspace"] == "agents"
    ids = [first["service.instance.id"], second["service.instance.id"]]
    assert len({*ids}) == 2
    assert str(tmp_path) not in json.dumps(receiver.resources)
    for root, of in zip(roots, ids, strict=True):
        told = receiver.measured[of]
        figures = Workspace(root).report().records
        assert told["ctxuse.record.uses"] == {f"{r.kind}/{r.slug}": r.use_count for r in figures}
        append(root, 7)
        export_otlp(Workspace(root), Target(receiver.url))
        assert receiver.resources[-1]["service.instance.id"] == of
    assert {*receiver.measured} == {*ids}


def test_without_metrics_there_are_none_and_headers_are_sent(
    tmp_path: Path, receiver: Receiver
) -> None:
    fleet = str(make_fleet(tmp_path, 2, 5))
    words = ["fleet", "export", fleet, "--format", "otlp", "--no-metrics", "--header", "x-team=a"]
    assert run([*words, "--to", receiver.url]) == 0
    assert receiver.metrics == {}
    assert receiver.headers["x-team"] == "a"


def test_what_cannot_be_read_is_listed_and_the_rest_is_sent(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = make_fleet(tmp_path / "fleet", 4, 10)
    log = Workspace(fleet / "w001").layout.events_path
    kept = log.rename(tmp_path / "kept")
    log.mkdir()
    break_at_its_end(fleet / "w002")
    words = ["fleet", "export", str(fleet), str(tmp_path / "no"), "--format", "otlp"]
    assert run([*words, "--to", receiver.url]) == 3
    said = capsys.readouterr()
    assert said.out.startswith("30 events of 2 workspaces as ")
    lines = said.err.splitlines()
    assert len(lines) == 3
    assert all("not sent, or not all of it: " in line for line in lines)
    assert [name for name in ("w001", "w002", "/no") if name not in said.err] == []
    assert_all_once(receiver, [fleet / name for name in ("w000", "w002", "w003")])
    log.rmdir()
    kept.rename(log)
    (broken,) = (fleet / "w002").rglob("collected/*/*")
    broken.unlink()
    assert run([*words, "--to", receiver.url]) == 3  # one place still holds none
    assert_all_once(receiver, [fleet])


@pytest.mark.parametrize("status", [503, 400])
@pytest.mark.parametrize("taken", [4, 5])
def test_an_endpoint_that_takes_no_more_ends_it_and_nothing_is_lost(
    tmp_path: Path, receiver: Receiver, taken: int, status: int
) -> None:
    """The fifth request has the events of the third workspace, the sixth its figures."""
    fleet = make_fleet(tmp_path / "fleet", 6, 20)
    receiver.answers = [200] * taken + [status] * 99
    words = ["fleet", "export", str(fleet), "--format", "otlp", "--to", receiver.url]
    done = export(*words, "--timeout", "0.5")
    assert done.returncode == 3
    assert (done.stdout, done.stderr.count("/v1/")) == ("", 1)
    assert "2 of 6 workspaces were sent, the rest is left" in done.stderr
    assert "Traceback" not in done.stderr
    asked = 99 - len(receiver.answers)
    assert asked < 9  # it did not go on with the others
    receiver.answers = []
    assert export(*words).returncode == 0
    assert_all_once(receiver, [fleet])


def test_a_receiver_that_keeps_less_is_believed(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.refuses = 2
    words = ["fleet", "export", str(make_fleet(tmp_path, 3, 5)), "--format", "otlp"]
    assert run([*words, "--to", receiver.url]) == 3
    assert "does not keep 6 log records" in capsys.readouterr().err


def test_addresses_and_collected_logs_are_sent(tmp_path: Path, receiver: Receiver) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    fleet = make_fleet(tmp_path / "fleet", 3, 20)
    there = "memory://sent-by-otlp"
    fsspec.filesystem("memory").put(f"{fleet}/", "/sent-by-otlp/", recursive=True)
    collected = str(tmp_path / "collected")
    for place, places in ((there, [there]), (collected, [collected, there])):
        collect([str(fleet)], collected, executor="threads")
        sent = send_events(places, Target(receiver.url))
        assert (sent.workspaces, sent.unreadable) == (3 * len(places), []), place
        assert_all_once(receiver, [fleet])
        receiver.logs = []
    assert {of["ctxuse.workspace"] for of in receiver.resources} > {"w000", "w001", "w002"}
    append(fleet / "w000", 99)
    collect([str(fleet)], collected, executor="threads")
    assert send_events([collected], Target(receiver.url)).sent.events == 3
    assert len(receiver.measured) == 6


def test_one_that_is_being_sent_is_listed_and_goes_on_where_the_other_ended(
    tmp_path: Path, receiver: Receiver
) -> None:
    fleet = make_fleet(tmp_path / "fleet", 2, 10)
    target = Target(receiver.url, metrics=False)
    root = os.path.realpath(fleet / "w000")
    other = Marks(os.environ, root, receiver.url)
    with other.alone():
        sent = send_events([str(fleet)], target)
        with pytest.raises(SendingElsewhereError):
            export_otlp(Workspace(root), target)
    assert sent.workspaces == 1
    assert [place.address for place in sent.unreadable] == [root]
    assert "another process sends" in sent.unreadable[0].reason
    assert send_events([str(fleet)], target).sent.events == 10
    with other.alone():  # who has waited takes over what was put down meanwhile
        assert [other.of(log) == log.end for log in open_logs(Workspace(root).layout)] == [True]
    assert_all_once(receiver, [fleet])


def test_nothing_is_sent_where_no_mark_can_be_kept(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(FleetError, match="cannot be kept"):
        send_events([str(make_fleet(tmp_path / "fleet", 2))], Target(receiver.url))
    assert receiver.logs == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "otlp"], "where to?"),
        ([], "where to?"),
        (["--format", "otlp", "--to", "s3://x"], "http://"),
        (["--format", "otlp", "--to", "http://x", "--workers", "2"], "--workers goes with"),
        (["--format", "otlp", "--to", "http://x", "--executor", "threads"], "--executor goes"),
        (["--to", "x", "--header", "a=b"], "--header goes with --format otlp"),
        (["--to", "x", "--no-metrics"], "--no-metrics goes with"),
        (["--to", "x", "--timeout", "30"], "--timeout goes with"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(["fleet", "export", str(tmp_path), *words]) == 2
    assert said in capsys.readouterr().err


def test_the_endpoint_may_stand_in_the_environment_and_no_secret_is_shown(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = receiver.url.replace("://", "://kim:hunter2@")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    words = ["fleet", "export", str(make_fleet(tmp_path, 1)), "--format", "otlp"]
    done = export(*words)
    assert done.returncode == 0
    receiver.answers = [400] * 9
    append(tmp_path / "w000", 9)
    refused = export(*words)
    assert refused.returncode == 3
    assert "hunter2" not in done.stdout + done.stderr + refused.stdout + refused.stderr
    assert len({log["ctxuse.event.id"] for log in receiver.logs}) == 50


def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing_that_was_acknowledged(
    tmp_path: Path, receiver: Receiver
) -> None:
    fleet = make_fleet(tmp_path / "fleet", 60, 12)
    words = [CTXUSE, "fleet", "export", str(fleet), "--format", "otlp", "--to", receiver.url]
    kills = 0
    for number in range(8):
        before = len(receiver.batches)
        acknowledged = set().union(*receiver.batches)
        if receiver.batches:  # of the last one nobody may know
            acknowledged -= receiver.batches[-1]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(receiver.batches) < before + 2:
            time.sleep(0.002)
        time.sleep(number % 5 * 0.011)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        sent = receiver.batches[before:]
        assert acknowledged.isdisjoint(set().union(*sent))
        assert len(set().union(*sent)) == sum(map(len, sent))  # nor does one run repeat anything
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    assert set().union(*receiver.batches) == ids_in(fleet)
    assert kills >= 4
    assert sum(map(len, receiver.batches)) - len(ids_in(fleet)) <= kills * 12
