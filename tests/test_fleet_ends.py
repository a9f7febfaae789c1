"""How runs over many workspaces end: what is left behind, and what others see of it."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest
from fleets import as_log, make_fleet, make_workspace, some_events
from starting import PATIENCE, modules_in, started, until

from ctxuse.fleet import running
from ctxuse.fleet.export import export_events
from ctxuse.fleet.reporting import fleet_report
from ctxuse.processes import send

_LETHAL = """
import json
import os
from ctxuse.fleet import work
usual = work.work
def lethal(job):
    if b"w003" in job:
        os._exit(9)
    return usual(job)
work.work = lethal
"""


_ENDLESS = """
import time
from ctxuse.fleet import work
def endless(job):
    time.sleep(600)
work.work = endless
"""


def children(pid: int) -> list[int]:
    found = subprocess.run(
        ["/usr/bin/pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in found.stdout.split()]


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/usr/bin/pgrep").exists(), reason="there is no pgrep")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_worker_and_no_file(
    tmp_path: Path, how: signal.Signals
) -> None:
    make_fleet(tmp_path / "fleet", 4)
    (tmp_path / "sitecustomize.py").write_text(_ENDLESS)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    words = ["fleet", "report", str(tmp_path / "fleet"), "--distinct-ids", "--workers", "2"]
    with started(
        "-m", "ctxuse", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": modules_in(tmp_path)},
    ) as run:  # fmt: skip
        until(lambda: len(children(run.pid)) == 2)
        workers = children(run.pid)
        time.sleep(0.5)
        run.send_signal(how)
        _, said = run.communicate(timeout=PATIENCE)
    until(lambda: not any(alive(pid) for pid in workers))
    assert b"Traceback" not in said
    if how is not signal.SIGKILL:
        assert [*scratch.iterdir()] == []
        assert run.returncode == 128 + how


def test_a_worker_whose_run_was_gone_before_it_began_ends() -> None:
    with started("-c", "") as run:
        run.wait(PATIENCE)
    program = f"{_ENDLESS}\nfrom ctxuse.fleet.interpreters import serve\nserve({run.pid})"
    with started("-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        send(worker.stdin, msgspec.msgpack.encode(("ctxuse.fleet.work", "work", (b"a job",))))
        assert worker.wait(PATIENCE) == 1


def test_runs_that_share_a_scratch_folder_do_not_meet_and_leave_nothing(tmp_path: Path) -> None:
    fleets = []
    for name, seed in (("one", 1), ("two", 50)):
        for number in range(6):
            log = as_log(some_events(40, seed + number // 2))  # each twice
            make_workspace(tmp_path / name / f"w{number}", log)
        fleets.append([str(tmp_path / name)])
    alone = [fleet_report(f, distinct_ids=True, executor="threads").fields() for f in fleets]
    shared = str(tmp_path / "scratch")
    found: dict[int, object] = {}

    def report(which: int) -> None:
        found[which] = fleet_report(
            fleets[which], distinct_ids=True, scratch=shared, executor="threads", workers=2
        ).fields()

    for _ in range(3):
        both = [threading.Thread(target=report, args=(which,)) for which in (0, 1)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert [found[0], found[1]] == alone
    assert [*Path(shared).iterdir()] == []


def test_one_workspace_that_kills_its_worker_costs_an_export_that_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = make_fleet(tmp_path / "fleet", 40, 5)
    (tmp_path / "sitecustomize.py").write_text(_LETHAL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(running, "LOSSES", 2)
    done = export_events([str(fleet)], str(tmp_path / "to"), workers=2, batch_size=20)
    assert len(done.workspaces) == 39
    assert [Path(place.address).name for place in done.unreadable] == ["w003"]
    assert done.files == len([*(tmp_path / "to").glob("*.parquet")])


def test_lines_that_do_not_count_are_said_with_their_workspaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ctxuse.cli.main import run  # noqa: PLC0415 - beside its only use

    fleet = make_fleet(tmp_path / "fleet", 3, 5)
    make_workspace(fleet / "w001", b"rubbish\n")
    for form in ("table", "csv", "markdown", "json"):
        assert run(["fleet", "report", str(fleet), "--format", form]) == 0
        said = " ".join("".join(capsys.readouterr()).split())
        assert "1 line could not be counted, in " in said.replace("&#47;", "/")
        assert "ctxuse check" not in said


def test_the_fuller_figures_are_those_of_all_workspaces_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ctxuse.cli.main import run  # noqa: PLC0415 - beside its only use

    fleet = make_fleet(tmp_path / "fleet", 5, 40)
    whole = b"".join(as_log(some_events(40, number)) for number in range(5))
    alone = make_workspace(tmp_path / "alone", whole)
    make_workspace(fleet / "broken" / "w", b"rubbish\n")
    words = ["fleet", "report", str(fleet), str(tmp_path / "no\x1bwhere"), "--merge-records"]
    for workers in ("1", "2"):
        assert run([*words, "--format", "json-full", "--workers", workers]) == 3
        told = json.loads(capsys.readouterr().out)
        assert run(["report", "-w", str(alone), "--format", "json-full"]) == 0
        expected = json.loads(capsys.readouterr().out)
        by_order = {"estimated_tokens_per_injection", "estimated_total_resident_exposure_tokens"}
        by_place = {"size_now_bytes", "gone"}
        for mine, others in zip(told["records"], expected["records"], strict=True):
            for name in mine.keys() - by_order - by_place:
                assert mine[name] == others[name], name
        assert len(told["workspaces"]) == 6
        assert len(told["unreadable"]) == 1
    target = tmp_path / "fleet.html"
    assert run([*words, "--format", "html", "-o", str(target)]) == 3
    page = target.read_text(encoding="utf-8")
    assert "From 6 workspaces; records of one kind and slug are one" in page
    assert "1 line could not be counted, in " in page
    assert "1 place could not be read" in page
    assert "\x1b" not in page
    for wrong in ([*words[:3], "--format", "html"], [*words, "--by", "day", "--format", "html"]):
        assert run(wrong) == 2
