"""The log sent by OTLP: all of it, once, whatever happens on the way."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from receiver import Receiver

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import cli
from ctxuse.codec.encode import encode
from ctxuse.errors import FleetError
from ctxuse.events import Requests
from ctxuse.log.reader import open_logs
from ctxuse.otlp.attributes import log_records
from ctxuse.otlp.export import Target, export_otlp
from ctxuse.otlp.marks import Marks


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return home


def use(workspace: Workspace, number: int) -> None:
    record = UsageRecordSnapshot.from_size("skill", f"s{number % 7}", 100)
    workspace.append_use(f"session-{number % 3}", UsageSource.MEMORY_READ, [record], host="h")


def all_keys(workspace: Workspace) -> list[tuple[str, int]]:
    events = [event for event in workspace.events() if isinstance(event, UsageEvent)]
    return [(e.id, index) for e in events for index, _ in enumerate(log_records(e))]


def test_every_record_and_request_has_a_log_record(
    workspace: Workspace, receiver: Receiver
) -> None:
    skill = UsageRecordSnapshot("skill", "pdf", 400, 100, 40, 12, "calibrated")
    memory = UsageRecordSnapshot("decision", "money", 2**64 - 1, 2**62, 40)
    unknown = UsageRecordSnapshot("instructions", "CLAUDE.md", 0, 0, size_from="unknown")
    told = UsageEvent.new(
        "s/7", UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION,
        [skill, memory, unknown], host="claude-code", actor="subagent", call_id="c1",
        agent_type="Explore", clock=lambda: 1_700_000_000_000_000_000,
    )  # fmt: skip
    asked = UsageEvent.new(
        "s", UsageEventKind.USE, UsageSource.MEMORY_READ, [], clock=lambda: 1_000_000_000
    )._replace(requests=Requests("r1", (0, 5), (100, 200), (7, 8), (1, 2), model="m", window=9))
    early = UsageEvent.new(
        "s", UsageEventKind.USE, UsageSource.MEMORY_READ, [skill], clock=lambda: -5
    )
    log = workspace.layout.events_path
    log.parent.mkdir(parents=True)
    log.write_bytes(b"".join(encode(e) + b"\n" for e in (told, asked, early)))
    sent = export_otlp(workspace, Target(receiver.url + "/"))
    assert (sent.events, sent.records, sent.skipped, sent.is_anew) == (3, 6, 0, True)
    first, second, third, *requests, last = receiver.logs
    common = {
        "name": "ctxuse.resident", "at": 1_700_000_000_000_000_000, "ctxuse.event.id": told.id,
        "gen_ai.conversation.id": "s", "gen_ai.agent.id": "7", "gen_ai.agent.name": "Explore",
        "gen_ai.tool.call.id": "c1", "ctxuse.host": "claude-code", "ctxuse.actor": "subagent",
        "ctxuse.source": "ResidentInjection",
    }  # fmt: skip
    assert first == {
        **common, "ctxuse.event.index": 0, "gen_ai.skill.name": "pdf",
        "ctxuse.record.kind": "skill", "ctxuse.record.slug": "pdf", "ctxuse.record.file_bytes": 400,
        "ctxuse.record.context_bytes": 40, "ctxuse.record.tokens": 12,
        "ctxuse.record.tokens_from": "calibrated",
    }  # fmt: skip
    assert second == {
        **common, "ctxuse.event.index": 1, "gen_ai.memory.record.id": "decision/money",
        "ctxuse.record.kind": "decision", "ctxuse.record.slug": "money",
        "ctxuse.record.file_bytes": str(2**64 - 1), "ctxuse.record.context_bytes": 40,
        "ctxuse.record.tokens": 10, "ctxuse.record.tokens_from": "estimated",
    }  # fmt: skip
    assert third == {
        **common, "ctxuse.event.index": 2, "ctxuse.record.kind": "instructions",
        "ctxuse.record.slug": "CLAUDE.md",
    }  # fmt: skip
    assert [request["at"] for request in requests] == [1_000_000_000, 1_005_000_000]
    assert requests[0] == {
        "name": "ctxuse.request", "at": 1_000_000_000, "ctxuse.event.id": asked.id,
        "ctxuse.event.index": 0, "gen_ai.conversation.id": "s", "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 1, "ctxuse.window_tokens": 9,
    }  # fmt: skip
    assert (last["at"], last["ctxuse.occurred_at"]) == (0, "1969-12-31T23:59:59.999999995Z")
    assert receiver.resources[0]["service.name"] == "ctxuse"
    assert (receiver.bodies[0], receiver.bodies[3]) == (
        "ctxuse.resident skill/pdf", "ctxuse.request 100 tokens",
    )  # fmt: skip
    assert receiver.metrics["ctxuse.record.resident_tokens"] == {
        "skill/pdf/calibrated": 12, "decision/money/estimated": 10,
    }  # fmt: skip
    assert receiver.metrics["ctxuse.record.uses"]["skill/pdf"] == 1


def test_what_was_acknowledged_is_not_sent_again(workspace: Workspace, receiver: Receiver) -> None:
    for number in range(300):
        use(workspace, number)
    assert export_otlp(workspace, Target(receiver.url, batch=4096)).records == 300
    again = export_otlp(workspace, Target(receiver.url))
    assert (again.records, again.is_anew) == (0, False)
    use(workspace, 1)
    workspace.archive()
    for number in range(5):
        use(workspace, number)
    assert export_otlp(workspace, Target(receiver.url)).records == 6
    workspace.archive()
    assert export_otlp(workspace, Target(receiver.url)).records == 0
    assert receiver.keys() == all_keys(workspace)
    with Receiver() as other:
        assert export_otlp(workspace, Target(other.url)).records == 306


def test_a_log_that_is_another_is_sent_from_its_beginning(
    workspace: Workspace, receiver: Receiver
) -> None:
    for number in range(20):
        use(workspace, number)
    export_otlp(workspace, Target(receiver.url))
    log = workspace.layout.events_path
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[1:]))
    assert export_otlp(workspace, Target(receiver.url)).records == 19
    assert len({*receiver.keys()}) == 20


def test_a_line_that_is_not_finished_waits(workspace: Workspace, receiver: Receiver) -> None:
    use(workspace, 1)
    use(workspace, 2)
    log = workspace.layout.events_path
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    assert export_otlp(workspace, Target(receiver.url)).records == 1
    log.write_bytes(whole + b"{broken}\n\n" + b"x" * 3_000_000 + b"\n")
    sent = export_otlp(workspace, Target(receiver.url))
    assert (sent.records, sent.skipped) == (1, 2)
    assert receiver.keys() == all_keys(workspace)


@pytest.mark.parametrize("status", [503, 429, 500, 400])
def test_what_is_not_taken_is_sent_the_next_time(
    workspace: Workspace, receiver: Receiver, status: int
) -> None:
    for number in range(200):
        use(workspace, number)
    receiver.answers = [200, 200] + [status] * 50
    with pytest.raises(FleetError, match="v1/logs"):
        export_otlp(workspace, Target(receiver.url, batch=4096, seconds=0.5))
    assert 0 < len(receiver.logs) < 200
    receiver.answers = []
    export_otlp(workspace, Target(receiver.url))
    assert receiver.keys() == all_keys(workspace)


def test_what_is_tried_again_comes_once(workspace: Workspace, receiver: Receiver) -> None:
    use(workspace, 1)
    receiver.answers = [503]
    assert export_otlp(workspace, Target(receiver.url)).records == 1
    assert len(receiver.logs) == 1


def test_a_receiver_that_refuses_some_is_believed(
    workspace: Workspace, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    use(workspace, 1)
    receiver.refuses = 1
    words = ["export", "otlp", receiver.url, "-w", str(workspace.layout.root)]
    assert cli(words, standalone_mode=False) == 3
    assert "does not keep 1 log records" in capsys.readouterr().err


def test_nothing_is_sent_where_no_mark_can_be_kept(
    workspace: Workspace, receiver: Receiver, home: Path
) -> None:
    use(workspace, 1)
    (home / ".local").write_text("in the way")
    with pytest.raises(FleetError, match="cannot be kept"):
        export_otlp(workspace, Target(receiver.url))
    assert receiver.logs == []


def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing_that_was_marked(
    workspace: Workspace, receiver: Receiver
) -> None:
    for number in range(1500):
        use(workspace, number)
    program = (
        "import sys; from ctxuse import Workspace; from ctxuse.otlp.export import *;"
        " target = Target(sys.argv[2], batch=2048, metrics=False);"
        " export_otlp(Workspace(sys.argv[1]), target)"
    )
    root = str(workspace.layout.root)
    words = [sys.executable, "-c", program, root, receiver.url]
    kills = 0
    for number in range(12):
        logs = open_logs(workspace.layout)
        marked = Marks(os.environ, root, receiver.url).of(next(logs))
        del logs
        done = {event_id_on(line) for line in log_bytes(workspace)[:marked].splitlines()}
        before = len(receiver.logs)
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(receiver.logs) == before:
            time.sleep(0.002)
        time.sleep(number % 7 * 0.007)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        assert not done & {event_id for event_id, _ in receiver.keys()[before:]}
    subprocess.run(words, check=True)
    counted = Counter(receiver.keys())
    assert {*counted} == {*all_keys(workspace)}
    assert kills >= 4
    assert counted.total() - len(counted) <= kills * 12  # of each kill a batch, at most


def log_bytes(workspace: Workspace) -> bytes:
    return workspace.layout.events_path.read_bytes()


def event_id_on(line: bytes) -> str:
    found: str = json.loads(line)["id"]
    return found


@pytest.mark.parametrize(
    "words",
    [[], ["ftp://x"], ["localhost:4318"], ["http://x", "--header", "x"]],
)
def test_what_cannot_be_meant_is_said(
    workspace: Workspace, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    root = str(workspace.layout.root)
    done = subprocess.run(
        [Path(sys.executable).parent / "ctxuse", "export", "otlp", *words, "-w", root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_stdout_and_a_state_that_cannot_be_written_are_said(
    workspace: Workspace, receiver: Receiver, home: Path
) -> None:
    use(workspace, 1)
    words = [str(Path(sys.executable).parent / "ctxuse"), "export", "otlp", receiver.url]
    for in_the_way in (False, True):
        if in_the_way:
            (home / ".local").rename(home / "kept")
            (home / ".local").write_text("")
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*words, "-w", str(workspace.layout.root)],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 3
        assert ("cannot be kept" if in_the_way else "stdout") in done.stderr
        assert "Traceback" not in done.stderr
    assert len(receiver.logs) == 1


def test_no_secret_is_shown(workspace: Workspace) -> None:
    use(workspace, 1)
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ctxuse", "export", "otlp",
            "http://kim:hunter2@127.0.0.1:9/x?key=hunter3", "--header", "authorization=hunter4",
            "-w", str(workspace.layout.root),
        ],
        capture_output=True, text=True, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode not in {0, 2}
    assert "hunter" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert json.dumps(done.stderr).count("127.0.0.1") >= 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_another_address_is_no_acknowledgement(
    workspace: Workspace, receiver: Receiver, status: int
) -> None:
    use(workspace, 1)
    receiver.answers = [status]
    with pytest.raises(FleetError, match=f"with another address .*{status}"):
        export_otlp(workspace, Target(receiver.url))
    assert export_otlp(workspace, Target(receiver.url)).records == 1
    assert receiver.keys() == all_keys(workspace)


def test_a_page_is_no_acknowledgement(workspace: Workspace, receiver: Receiver) -> None:
    use(workspace, 1)
    receiver.page = b"\n<!doctype html><title>Welcome</title>"
    with pytest.raises(FleetError, match="it answered with a page"):
        export_otlp(workspace, Target(receiver.url))
    receiver.page = None
    assert export_otlp(workspace, Target(receiver.url)).records == 1


def test_an_answer_is_read_no_further_than_one_may_be(
    workspace: Workspace, receiver: Receiver
) -> None:
    use(workspace, 1)
    receiver.page = bytes(256 * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(FleetError):
        export_otlp(workspace, Target(receiver.url, metrics=False))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024


def test_numbers_beyond_those_of_otlp_are_sent_as_near_as_can_be(
    workspace: Workspace, receiver: Receiver
) -> None:
    large = UsageRecordSnapshot("skill", "pdf", 9, 2**63, 9, 2**63, "calibrated")
    event = UsageEvent.new(
        "s", UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION, [large],
        clock=lambda: 253_402_300_799 * 10**9,
    )  # fmt: skip
    workspace.append(event)
    export_otlp(workspace, Target(receiver.url))
    assert receiver.metrics["ctxuse.record.resident_tokens"] == {"skill/pdf/calibrated": 2.0**63}


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_HEADERS": "Bearer Geheim77"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "authorization:Geheim77"},
        {"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "authorization:Geheim77,b"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "a=Geheim77%0a1"},
        {"OTEL_EXPORTER_OTLP_METRICS_HEADERS": "a=Geheim77%0a1"},
        {"ARGUMENT": "authorization=Geheim77\n7"},
        {"ARGUMENT": "authorization=Geheim77\N{EURO SIGN}"},
    ],
)
def test_no_value_of_a_header_is_shown(
    workspace: Workspace, receiver: Receiver, environ: dict[str, str]
) -> None:
    use(workspace, 1)
    argument = environ.pop("ARGUMENT", None)
    words = [] if argument is None else ["--header", argument]
    done = subprocess.run(
        [sys.executable, "-m", "ctxuse", "export", "otlp", receiver.url, *words],
        check=False, cwd=workspace.layout.root, env={**os.environ, **environ},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Geheim" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
