"""What a command's exit status says: 0 only when all that was asked for was done."""

import errno
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import ctxuse, leaves
from disks import disk_of
from fleets import as_log, make_collected, make_fleet, make_workspace, some_events
from starting import PATIENCE, started

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.codec.encode import encode

FULL = Path("/dev/full")
USAGE = ".yoi/memory/_usage"


class Asked(NamedTuple):
    """A command, and whether what it was asked for is done; what it prints stands in ``out``."""

    words: list[str]
    done: Callable[[Path], object] | None = None


def events_of(root: Path) -> int:
    return Workspace(root).report().evidence.events


ASKED = {
    "init": Asked(["init", "-w", "new"], lambda r: (r / "new" / USAGE / ".gitignore").read_text()),
    "setup": Asked(
        ["setup", "claude-code", "--yes"],
        lambda r: "ctxuse-hook" in (r / ".claude" / "settings.json").read_text(),
    ),
    "doctor": Asked(["doctor"]),
    "import": Asked(["import", "log", "other.jsonl"], lambda r: events_of(r) == 14),
    "report": Asked(
        ["report", "--format", "csv", "-o", "report"], lambda r: (r / "report").read_text()
    ),
    "cost": Asked(
        ["cost", "--format", "csv", "-o", "report"], lambda r: (r / "report").read_text()
    ),
    "show": Asked(["show", "decision/r1", "-o", "report"], lambda r: (r / "report").read_text()),
    "diff": Asked(["diff", "7d", "30d"]),
    "demo": Asked(["demo"]),
    "fleet report": Asked(
        ["fleet", "report", "fleet", "--distinct-ids", "--format", "json", "-o", "report"],
        lambda r: len(json.loads((r / "report").read_text())["workspaces"]) == 3,
    ),
    "fleet collect": Asked(
        ["fleet", "collect", "fleet", "--to", "to"],
        lambda r: len([*(r / "to").rglob("*.jsonl")]) == 3,
    ),
    "fleet compact": Asked(
        ["fleet", "compact", "collected"],
        lambda r: len([*(r / "collected").rglob("*.index")]) == 1,
    ),
    "fleet export": Asked(
        ["fleet", "export", "fleet", "--to", "to"],
        lambda r: len([*(r / "to").glob("*.parquet")]) == 3,
    ),
    "record use": Asked(
        ["record", "use", "summary", "--segment", "s"], lambda r: events_of(r) == 11
    ),
    "record exposure": Asked(
        ["record", "exposure", "summary", "--segment", "s"], lambda r: events_of(r) == 11
    ),
    "events": Asked(["events"]),
    "check": Asked(["check"]),
    "repair": Asked(["repair"], lambda r: events_of(r) == 11),
    "archive": Asked(
        ["archive"], lambda r: [*(r / USAGE).glob("events.*.jsonl")] and events_of(r) == 10
    ),
    "completion": Asked(["completion", "bash"]),
}  # fmt: skip
"""What is asked of each command, but for those that serve."""


def test_every_command_is_asked_for_something() -> None:
    in_other_tests = "export"  # which needs a receiver: tests/test_otlp.py
    assert sorted([*ASKED, "serve", "mcp", in_other_tests]) == sorted(leaves())


def fill(root: Path) -> None:
    """Make a workspace with ten events and one that can be recovered, a log, and a small fleet."""
    other, glued = some_events(1, 9), next(some_events(1, 8))
    log = as_log(some_events(10, 1)) + b'{"id":' + encode(glued) + b"\n"
    make_workspace(root, log + as_log([])[:-1] + b"unfinished")
    (root / ".yoi" / "memory" / "summary.md").write_text("text")
    (root / "other.jsonl").write_bytes(as_log([*other, *some_events(3, 7)]))
    (root / "new").mkdir()
    make_fleet(root / "fleet", 3, 5)
    make_collected(root / "collected" / "w", as_log(some_events(5, 1)))


NO_SPACE = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"


def assert_true(
    asked: Asked, root: Path, done: "subprocess.CompletedProcess[str]", *, printed: bool = True
) -> None:
    """Assert that a command's status and messages say what it did."""
    said = f"{done.returncode}: {done.stderr}"
    assert "fault of ctxuse" not in done.stderr, said
    assert "Traceback" not in done.stderr, said
    assert done.returncode in {0, 1, 3}, said
    if done.returncode == 0:
        assert asked.done(root) if asked.done else printed, said
    elif done.returncode == 3:
        assert re.search(r"^ctxuse: \S", done.stderr, re.MULTILINE), said


@pytest.mark.parametrize("command", ASKED)
def test_with_nothing_in_the_way_it_is_done(tmp_path: Path, command: str) -> None:
    fill(tmp_path)
    done = ctxuse(*ASKED[command].words, cwd=tmp_path)
    assert done.returncode == (1 if command in {"check", "doctor"} else 0), done.stderr
    assert_true(ASKED[command], tmp_path, done)


@pytest.mark.parametrize("command", ASKED)
def test_where_no_file_can_grow_the_status_says_what_was_done(tmp_path: Path, command: str) -> None:
    fill(tmp_path)
    assert_true(
        ASKED[command], tmp_path, ctxuse(*ASKED[command].words, cwd=tmp_path, first=NO_SPACE)
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    with disk_of("1m", tmp_path / "disk") as disk:
        yield disk


@pytest.mark.parametrize("command", ASKED)
def test_on_a_full_disk_the_status_says_what_was_done(small_disk: Path, command: str) -> None:
    fill(small_disk)
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass
    done = ctxuse(*ASKED[command].words, cwd=small_disk, environ={"TMPDIR": str(small_disk)})
    assert_true(ASKED[command], small_disk, done)


@pytest.mark.parametrize("command", ASKED)
def test_where_the_target_is_something_else_the_status_says_so(
    tmp_path: Path, command: str
) -> None:
    """A file where a directory is to be, and the other way round: nobody can write there."""
    fill(tmp_path)
    for name in ("to", "new/.yoi", ".claude", "collected/.ctxuse-packs"):
        (tmp_path / name).write_text("")
    (tmp_path / "report").mkdir()
    log = tmp_path / USAGE / "events.jsonl"
    if command.startswith(("record", "import", "repair", "archive")):
        log.rename(tmp_path / "kept.jsonl")
        log.mkdir()
    done = ctxuse(*ASKED[command].words, cwd=tmp_path)
    if ASKED[command].done:
        assert done.returncode == 3, done.stderr
    assert "fault of ctxuse" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["report", "events", "check", "repair", "diff", "import"])
def test_a_log_that_the_disk_does_not_give_is_named(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    log, pread = (tmp_path / USAGE / "events.jsonl").stat(), os.pread

    def fails(descriptor: int, length: int, position: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), log):
            raise OSError(errno.EIO, "Input/output error")
        return pread(descriptor, length, position)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "pread", fails)
    assert run(ASKED[command].words) == 3
    said = f'cannot read the log "{tmp_path / USAGE}/events.jsonl": Input/output error'
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("words", [["check"], ["repair"], ["import", "log", "other.jsonl"], []])
def test_where_the_ids_of_a_log_find_no_room_it_is_said(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = full_of_ids(tmp_path, monkeypatch)
    (root / "other.jsonl").write_bytes(as_log(some_events(1, seed=2)))
    assert run(words) == 3
    said = capsys.readouterr().err
    assert "the ids of its events find no room in a temporary file (database or disk is" in said
    assert "fault of ctxuse" not in said


def test_doctor_shows_what_it_can_where_the_ids_of_a_log_find_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full_of_ids(tmp_path, monkeypatch)
    assert run(["doctor"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Log 1,000 events" in said
    assert "Has fired" in said
    assert "find no room in a temporary file" in said
    assert "whether ids stand twice was not looked at" in said


def full_of_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, now the current one, whose log has more ids than a temporary file may hold."""
    connect = sqlite3.connect

    def small(path: str, **_: object) -> sqlite3.Connection:
        connection = connect(path, isolation_level=None)
        connection.execute("PRAGMA max_page_count = 5")
        return connection

    root = make_workspace(tmp_path / "app", as_log(some_events(1_000, seed=1)))
    kept = Path(os.environ["HOME"]) / ".claude/projects/-app/s.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"cwd": str(root), "sessionId": "s", "type": "user"}) + "\n")
    monkeypatch.setattr(sqlite3, "connect", small)
    monkeypatch.chdir(root)
    return root


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", [*ASKED, "help", "version", "serve"])
def test_a_full_stdout_is_said(tmp_path: Path, command: str) -> None:
    fill(tmp_path)
    more = {"help": ["--help"], "version": ["--version"], "serve": ["serve", "--port", "0"]}
    asked = ASKED.get(command) or Asked(more[command])
    with FULL.open("wb") as full:
        done = ctxuse(*asked.words, cwd=tmp_path, stdout=full.fileno())
    assert_true(asked, tmp_path, done, printed=False)
    if asked.done is None or command == "setup":
        assert done.returncode == 3
        assert "stdout" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_a_full_output_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    done = ctxuse("report", "-o", FULL, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "ctxuse: /dev/full: No space left on device\n" in done.stderr


@pytest.mark.parametrize("closed", ["0", "1", "2", "0, 1, 2"])
@pytest.mark.parametrize("command", [*ASKED, "mcp", "help", "list"])
def test_streams_that_are_closed_are_no_fault_of_ours(
    tmp_path: Path, command: str, closed: str
) -> None:
    fill(tmp_path)
    more = {"mcp": ["mcp"], "help": ["--help"], "list": ["fleet", "report", "@-"]}
    asked = ASKED.get(command) or Asked(more[command])
    first = f"import os\nfor number in ({closed},): os.close(number)"
    done = ctxuse(*asked.words, cwd=tmp_path, first=first)
    assert "fault of ctxuse" not in done.stderr
    assert "Traceback" not in done.stderr
    if asked.done:
        assert done.returncode == 0
        assert asked.done(tmp_path)
    expected = {"mcp": 0 if closed == "2" else 2, "list": 3, "help": 0, "check": 1, "doctor": 1}
    assert done.returncode == expected.get(command, 0), done.stderr
    assert events_of(tmp_path) >= 10
    assert b"ctxuse" not in (tmp_path / USAGE / "events.jsonl").read_bytes()


PLACE = "s3://KEYID:S3CR3TKEY/x+y@bucket-of-tests/x?token=T0K3N9"
UNREACHABLE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(params=["refused", "broken off"])
def unreachable(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment for a server that refuses connections, or breaks them off."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    if request.param == "refused":
        yield UNREACHABLE
        return
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                pass

        threading.Thread(target=break_off, daemon=True).start()
        number = server.getsockname()[1]
        yield {**UNREACHABLE, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{number}"}
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "words",
    [
        ["report", "fleet", PLACE],
        ["report", "fleet", "--distinct-ids", "--scratch", PLACE],
        ["collect", "fleet", "--to", PLACE],
        ["compact", PLACE],
        ["collect", PLACE, "--to", "to"],
        ["export", "fleet", "--to", PLACE],
        ["export", PLACE, "--to", "to"],
        ["collect", "fleet", "--to", "s3://bucket-of-tests/x"],
        ["collect", "fleet", "--to", "s3://bucket-of-tests/x", "--scheduler", "threads"],
        ["export", "fleet", "--to", "s3://bucket-of-tests/x"],
        ["export", "fleet", "--to", "s3://bucket-of-tests/x", "--scheduler", "threads"],
    ],
    ids=lambda words: " ".join(words).replace(PLACE, "PLACE"),
)
def test_a_server_that_cannot_be_reached_is_said_by_status_and_without_secrets(
    tmp_path: Path, unreachable: dict[str, str], words: list[str]
) -> None:
    fill(tmp_path)
    done = ctxuse("fleet", *words, cwd=tmp_path, environ=unreachable)
    assert done.returncode == 3, done.stderr
    assert "fault of ctxuse" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3://bucket-of-tests/x" in done.stdout + done.stderr
    for secret in ("S3CR3TKEY", "T0K3N9", "KEYID"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [*leaves()])
def test_no_message_of_any_command_repeats_a_secret(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make_workspace(tmp_path, as_log(some_events(3, 1)))
    monkeypatch.chdir(tmp_path)
    for name, value in UNREACHABLE.items():
        monkeypatch.setenv(name, value)
    tries = [[PLACE], ["--nothing", PLACE], [f"--nothing={PLACE}"], ["-w", PLACE], ["--to", PLACE]]
    tries += [["fleet", "--scheduler", f"tcp://{at}"] for at in ("k:S3CR3TKEY@h:x", "S3CR3TKEY@")]
    for words in tries:
        assert run([*command.split(), *words]) in {2, 3}
        captured = capfd.readouterr()
        for secret in ("S3CR3TKEY", "T0K3N9", "KEYID"):
            assert secret not in captured.out + captured.err, words


ODD_ADDRESSES = [
    address.format(f"S3CR3T{sign}K3Y{sign}")
    for sign in ("", *"'\" )(>?<@:/#%&=;,\\\t|[]{}$é\n`~*\x1b\u202e\udcff")
    for address in ("s3://user:{}@host.invalid/x", "https://127.0.0.1:9/x?token={}")
]
"""Addresses with passwords and tokens in which any sign stands."""

_TAKING = {
    "": [],
    "report": [
        "-w", "-o", "--since", "--until", "--tz", "--kind", "--actor", "--without", "--by",
        "--format", "--sort", "--top", "--uses", "--no-use-since", "--nothing",
    ],
    "diff": ["--tz", "--kind"],
    "show": ["-w", "--since"],
    "events": ["-w", "--tail"],
    "serve": ["--port", "--tz"],
    "record use": ["--segment", "--source", "--host"],
    "record exposure": [],
    "import log": ["-w"],
    "import claude-code": ["-w"],
    "setup": ["-w"],
    "doctor": ["-w"],
    "completion": [],
    "demo": [],
    "fleet report": ["-o", "--workers", "--tz", "--kind", "--scheduler"],
}  # fmt: skip
"""Commands and options that take a text."""


@pytest.mark.parametrize("command", _TAKING)
def test_no_sign_in_what_was_typed_shows_a_secret(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make_workspace(tmp_path / "w", as_log(some_events(3, 1)))
    monkeypatch.chdir(tmp_path / "w")
    more = ["."] if command == "fleet report" else []
    for address in ODD_ADDRESSES:
        tries = [[address]] if not more else [["@" + address]]
        tries += [[*more, option, address] for option in _TAKING[command]]
        tries += [[*more, f"{option}={address}"] for option in _TAKING[command][-1:]]
        for words in tries:
            run([*command.split(), *words])
            said = "".join(capfd.readouterr())
            unwanted = ("S3CR3T", "K3Y", "Traceback", "fault of ctxuse")
            assert not [text for text in unwanted if text in said], ascii((words, said))


def test_all_of_several_imports_that_cannot_be_done_are_said(tmp_path: Path) -> None:
    fill(tmp_path)
    done = ctxuse("import", "log", "other.jsonl", "fleet/w000", "new", cwd=tmp_path)
    assert done.returncode == 3
    assert "new" in done.stderr
    assert events_of(tmp_path) == 10 + 4 + 5


_SLOW = """
import builtins
usual = builtins.__import__
def slow(name, *rest, **named):
    if name == {name!r}:
        print("here", flush=True)
        import time; time.sleep(60)
    return usual(name, *rest, **named)
builtins.__import__ = slow
"""


@pytest.mark.parametrize("name", ["ctxuse.processes", "ctxuse.cli.main", "click", "ctxuse.visible"])
def test_an_interrupt_while_it_starts_shows_no_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SLOW.format(name=name))
    with started(
        "-P", "-m", "ctxuse", "report", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd="/",
    ) as starting:  # fmt: skip
        assert starting.stdout.readline() == "here\n"
        starting.send_signal(signal.SIGINT)
        out, err = starting.communicate(timeout=PATIENCE)
    assert (out, err) == ("", "")
    assert starting.returncode == 130
