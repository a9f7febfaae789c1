"""The command line, from outside: words in, stdout, stderr and exit status out."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from starting import PATIENCE, started
from strategies import an_event

from ctxuse import UsageEvent, UsageRecordSnapshot, Workspace, __version__
from ctxuse.cli.main import COMMANDS, run
from ctxuse.codec.encode import encode

DATA = Path(__file__).parent / "data"
OTHER_ID = "00000000-0000-7000-8000-000000000000"
REFERENCE = DATA / "workspaces" / "reference"


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def ctxuse(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command line in this process."""

    def call(*words: object) -> Done:
        capfd.readouterr()
        status = run([*map(str, words)])
        return Done(status, *capfd.readouterr())

    return call


Call = Callable[..., Done]


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """A workspace with two decisions, a summary and a policy."""
    layout = workspace.layout
    for kind, slug, text in (
        ("decision", "alpha", "abcd"),
        ("decision", "beta", "abcdefghi"),
        ("knowledge", "policy", "x" * 400),
        ("summary", "summary", "sum"),
    ):
        path = layout.record_path(kind, slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return workspace


def test_init_makes_the_marker_and_keeps_the_log_out_of_git(tmp_path: Path, ctxuse: Call) -> None:
    done = ctxuse("init", "-w", tmp_path)
    assert (done.status, done.out) == (0, "")
    assert "made the workspace" in done.err
    assert (tmp_path / ".yoi" / "memory").is_dir()
    assert git_sees(tmp_path, ".yoi/memory/_usage/events.jsonl") == []


def test_init_with_track_lets_git_see_the_log_but_not_lock_and_cache(
    tmp_path: Path, ctxuse: Call
) -> None:
    assert ctxuse("init", "--track", "-w", tmp_path).status == 0
    seen = git_sees(tmp_path, *(f".yoi/memory/_usage/{name}" for name in (
        "events.jsonl", "events.20261101T000000Z.jsonl", "events.lock", "checkpoint", "x.tmp"
    )))  # fmt: skip
    assert sorted(Path(name).name for name in seen) == [
        ".gitattributes", ".gitignore", "events.20261101T000000Z.jsonl", "events.jsonl",
    ]  # fmt: skip


def git_sees(root: Path, *names: str) -> list[str]:
    """Make `names` and return what git would add."""
    for name in names:
        (root / name).write_text("text\n")
    git = ["git", "-c", "init.defaultBranch=main", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return listed.stdout.split()


def test_init_can_be_repeated_and_changed_and_touches_nothing_else(
    filled: Workspace, ctxuse: Call
) -> None:
    root = filled.layout.root
    filled.append(an_event())
    ignore = filled.layout.usage_dir / ".gitignore"
    for track in (False, True, True, False):
        done = ctxuse("init", "-w", root, *(["--track"] if track else []))
        assert done.status == 0
        assert "kept the workspace" in done.err
        assert ("!events.jsonl" in ignore.read_text()) == track
        assert (filled.layout.usage_dir / ".gitattributes").exists() == track
    assert [*filled.events()] == [an_event()]
    ignore.write_text("mine\n")
    ctxuse("init", "-w", root, "--track")
    assert ignore.read_text() == "mine\n"


def test_a_recorded_use_is_printed_as_it_was_stored(filled: Workspace, ctxuse: Call) -> None:
    done = ctxuse(
        "record", "use", "decision/alpha", "summary", "knowledge/policy", "--segment", "s1",
        "--source", "knowledgeref", "--host", "codex", "--actor", "user", "--call-id", "c1",
        "-w", filled.layout.root,
    )  # fmt: skip
    assert (done.status, done.err) == (0, "")
    (event,) = filled.events()
    assert isinstance(event, UsageEvent)
    assert encode(event).decode() == done.out.rstrip("\n")
    assert event.records == (
        UsageRecordSnapshot("decision", "alpha", 4, 1),
        UsageRecordSnapshot("summary", "summary", 3, 1),
        UsageRecordSnapshot("knowledge", "policy", 400, 100),
    )
    assert (event.source, event.host, event.actor, event.call_id) == (
        "KnowledgeRef", "codex", "user", "c1",
    )  # fmt: skip


def test_a_recorded_exposure_is_no_use(filled: Workspace, ctxuse: Call) -> None:
    root = filled.layout.root
    assert ctxuse("record", "exposure", "decision/beta", "--segment", "s", "-w", root).status == 0
    (record,) = filled.report().records
    assert (record.use_count, record.resident_exposure_count) == (0, 1)
    assert record.estimated_tokens_per_injection == 3


@pytest.mark.parametrize("command", ["use", "exposure"])
def test_recording_without_a_marker_hints_at_init(
    tmp_path: Path, ctxuse: Call, command: str
) -> None:
    done = ctxuse("record", command, "summary", "--segment", "s", "-w", tmp_path)
    assert (done.status, done.out) == (3, "")
    assert "ctxuse init" in done.err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["record", "use", "decision/gamma", "--segment", "s"], 3, "does not exist"),
        (["record", "use", "decision/A", "--segment", "s"], 2, "is not a slug"),
        (["record", "use", "decision/../x", "--segment", "s"], 2, "is not a slug"),
        (["record", "use", "skill/pdf", "--segment", "s"], 2, "names no record"),
        (["record", "use", "decision", "--segment", "s"], 2, "names no record"),
        (["record", "use", "summary/x", "--segment", "s"], 2, "names no record"),
        (["record", "use", "decision/alpha"], 2, "--segment"),
        (["record", "use", "--segment", "s"], 2, "REC"),
        (["record", "use", "summary", "--segment", "s", "--source", "ResidentInjection"], 2, "one"),
        (["record", "use", "summary", "--segment", "s", "--actor", "robot"], 2, "robot"),
        (["record", "use", "decision/\x1b[31m", "--segment", "s"], 2, r"\x1b[31m"),
        (["report", "--since", "yesterday"], 2, "is no time"),
        (["report", "--sort", "worth"], 2, "worth"),
        (["report", "--format", "pdf"], 2, "pdf"),
        (["events", "--tail", "-1"], 2, "-1"),
        (["nothing"], 2, "nothing"),
        (["report", "-w", "/not/there"], 2, "/not/there"),
    ],
)
def test_what_goes_wrong_is_said_on_stderr_with_its_status(
    filled: Workspace, ctxuse: Call, monkeypatch: pytest.MonkeyPatch, words: list[str],
    status: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(filled.layout.root)
    done = ctxuse(*words)
    assert (done.status, done.out) == (status, "")
    assert says in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert not filled.layout.usage_dir.exists()


def test_the_json_report_is_the_references_to_the_byte(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    for name in ("reference", "reference-concurrent"):
        root = DATA / "workspaces" / name
        assert run(["report", "--format", "json", "-w", str(root)]) == 0
        assert capfdbinary.readouterr().out == (root / "expected-report.json").read_bytes()


def test_skipped_lines_are_noted_on_stderr_beside_json_and_csv(ctxuse: Call) -> None:
    root = DATA / "workspaces" / "reference-concurrent"
    for form in ("json", "csv"):
        done = ctxuse("report", "--format", form, "-w", root)
        assert done.err == "ctxuse: 118 lines could not be counted: ctxuse check lists them\n"
    done = ctxuse("report", "-w", root)
    assert "118 lines could not be counted: ctxuse check lists them" in done.out


def test_the_workspace_is_found_from_a_directory_below(
    filled: Workspace, ctxuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = filled.layout.root / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    filled.append(an_event())
    assert "decision/alpha" in ctxuse("report").out


def test_a_report_without_a_workspace_is_empty_and_says_so(tmp_path: Path, ctxuse: Call) -> None:
    done = ctxuse("report", "-w", tmp_path, "--format", "json")
    assert (done.status, done.out) == (0, '{\n  "records": []\n}\n')
    assert "ctxuse init" in done.err


def test_the_report_can_be_filtered_by_kind_and_time(filled: Workspace, ctxuse: Call) -> None:
    root = filled.layout.root
    day = 86_400 * 1_000_000_000
    for number, kind in enumerate(["decision", "knowledge", "knowledge"]):
        records = (UsageRecordSnapshot(kind, f"r{number}", 4, 1),)
        filled.append(an_event(records=records, occurred_at_ns=number * day))

    def slugs(*words: str) -> list[str]:
        done = ctxuse("report", "--format", "json", "-w", root, *words)
        return [record["slug"] for record in json.loads(done.out)["records"]]

    assert slugs() == ["r0", "r1", "r2"]
    assert slugs("--kind", "knowledge") == ["r1", "r2"]
    assert slugs("--kind", "knowledge", "--kind", "decision") == ["r0", "r1", "r2"]
    assert slugs("--since", "1970-01-02") == ["r1", "r2"]
    assert slugs("--until", "1970-01-03") == ["r0", "r1"]
    assert slugs("--since", "1970-01-02T00:00:00Z", "--until", "1970-01-02T00:00:00.1Z") == ["r1"]
    assert slugs("--since", "1970-01-02T02:00:00+02:00", "--kind", "decision") == []


def test_the_report_can_be_sorted_by_any_column(filled: Workspace, ctxuse: Call) -> None:
    root = filled.layout.root
    ctxuse("record", "use", "knowledge/policy", "decision/beta", "--segment", "s", "-w", root)
    ctxuse("record", "use", "knowledge/policy", "--segment", "s", "-w", root)
    ctxuse("record", "exposure", "decision/beta", "decision/alpha", "--segment", "s", "-w", root)
    ctxuse("record", "exposure", "decision/alpha", "--segment", "s", "-w", root)

    def slugs(column: str) -> list[str]:
        done = ctxuse("report", "--format", "json", "--sort", column, "-w", root)
        return [record["slug"] for record in json.loads(done.out)["records"]]

    assert slugs("record") == slugs("slug") == slugs("kind") == ["alpha", "beta", "policy"]
    assert slugs("uses") == slugs("last-used") == ["policy", "beta", "alpha"]
    assert slugs("resident") == ["alpha", "beta", "policy"]
    assert slugs("tokens-each") == ["beta", "alpha", "policy"]
    assert slugs("tokens") == ["beta", "alpha", "policy"]
    assert slugs("tokens-read") == ["policy", "beta", "alpha"]


def test_records_in_no_event_show_dashes_with_all(filled: Workspace, ctxuse: Call) -> None:
    root = filled.layout.root
    ctxuse("record", "use", "decision/alpha", "--segment", "s", "-w", root)
    assert "beta" not in ctxuse("report", "-w", root).out
    done = ctxuse("report", "--all", "-w", root)
    (row,) = (line for line in done.out.splitlines() if line.startswith("decision/beta"))
    assert row.split()[1:] == ["\N{EN DASH}"] * 5
    done = ctxuse("report", "--all", "--kind", "decision", "--format", "json", "-w", root)
    assert [record["use_count"] for record in json.loads(done.out)["records"]] == [1, None]


def test_events_come_in_file_order_in_every_form(ctxuse: Call) -> None:
    stored = [*Workspace(REFERENCE).events()]
    done = ctxuse("events", "--format", "json", "-w", REFERENCE)
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == [
        event.id for event in stored if isinstance(event, UsageEvent)
    ]
    for form, heading in (("table", 2), ("markdown", 2)):
        done = ctxuse("events", "--tail", "3", "--format", form, "-w", REFERENCE)
        assert len(done.out.splitlines()) >= 3 + heading
    done = ctxuse("events", "--tail", "1", "--format", "csv", "-w", REFERENCE)
    assert done.out.splitlines()[1].startswith(str(stored[-1][0]))


@pytest.mark.parametrize("words", [(), ("--follow",)], ids=["", "following"])
def test_a_list_that_is_interrupted_is_none(filled: Workspace, words: tuple[str, ...]) -> None:
    filled.append(an_event())
    line = filled.layout.events_path.read_bytes().splitlines(keepends=True)[0]
    filled.layout.events_path.write_bytes(line * 20_000)  # more than a pipe takes
    with started(
        "-m", "ctxuse", "events", *words, "--format", "json", "-w", filled.layout.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as listing:  # fmt: skip
        assert json.loads(listing.stdout.readline())
        listing.send_signal(signal.SIGINT)
        rest, errors = listing.communicate(timeout=PATIENCE)
    assert rest.count("\n") < 19_999
    assert (listing.returncode, errors) == (130, "")


def test_following_prints_each_event_once_as_it_arrives(filled: Workspace) -> None:
    filled.append(an_event(segment_id="before"))
    with started(
        "-m", "ctxuse", "events", "--follow", "--format", "json", "-w", filled.layout.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as following:  # fmt: skip
        assert json.loads(following.stdout.readline())["segment_id"] == "before"
        path = filled.layout.events_path
        line = encode(an_event(segment_id="in two pieces"))
        with path.open("ab") as log:
            log.write(line[:40])
            log.flush()
            os.fsync(log.fileno())
            log.write(line[40:] + b"\n")
        assert json.loads(following.stdout.readline())["segment_id"] == "in two pieces"
        path.rename(path.with_name("moved"))
        filled.append(an_event(segment_id="in a new file"))
        assert json.loads(following.stdout.readline())["segment_id"] == "in a new file"
        following.send_signal(signal.SIGINT)
        rest, errors = following.communicate(timeout=PATIENCE)
    assert (following.returncode, rest, errors) == (0, "", "")


def test_check_of_a_clean_log_exits_with_0(ctxuse: Call) -> None:
    done = ctxuse("check", "-w", REFERENCE)
    assert done.status == 0
    assert "123 events" in done.out
    document = json.loads(ctxuse("check", "--format", "json", "-w", REFERENCE).out)
    assert document["events"] == 123
    assert document["blank"] == 0
    assert document["skipped"] == []
    assert document["clean"] is True


def test_check_names_the_damaged_lines_that_the_reference_left(ctxuse: Call) -> None:
    root = DATA / "workspaces" / "reference-concurrent"
    log = (root / ".yoi/memory/_usage/events.jsonl").read_bytes()
    done = ctxuse("check", "--format", "json", "-w", root)
    assert done.status == 1
    document = json.loads(done.out)
    assert document["events"] == 1764
    assert document["clean"] is False
    assert len(document["skipped"]) == 118
    lines = log.split(b"\n")
    for skipped in document["skipped"]:
        line = lines[skipped["line"] - 1]
        assert log[skipped["offset"] :].startswith(line + b"\n")
        assert line.count(b'"occurred_at"') >= 2
        assert skipped["reason"] == "not_json"
    assert document["blank"] == lines[:-1].count(b"")
    done = ctxuse("check", "-w", root)
    assert done.status == 1
    assert "118 lines not one JSON value (not_json)" in done.out


def test_check_says_that_six_lines_have_the_older_schema(
    workspace: Workspace, ctxuse: Call
) -> None:
    legacy = DATA / "workspaces/legacy-insomnia/.insomnia/memory/_usage/events.jsonl"
    workspace.layout.usage_dir.mkdir()
    workspace.layout.events_path.write_bytes(legacy.read_bytes())
    done = ctxuse("check", "-w", workspace.layout.root)
    assert done.status == 1
    assert "6 lines of the older schema" in done.out
    assert done.out.count(" legacy_schema ") == 6


def test_the_log_is_never_changed_by_reading_it(
    copy_of: Callable[[str], Workspace], ctxuse: Call
) -> None:
    layout = copy_of("reference-concurrent").layout
    before = layout.events_path.read_bytes(), layout.events_path.stat().st_mtime_ns
    for words in (["report"], ["report", "--all"], ["events"], ["check"]):
        ctxuse(*words, "-w", layout.root)
    assert (layout.events_path.read_bytes(), layout.events_path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example(ctxuse: Call, command: str) -> None:
    done = ctxuse(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"  ctxuse {command}" in done.out or f"(ctxuse {command}" in done.out
    assert "Example" in done.out


def test_the_version_is_that_of_the_package(ctxuse: Call) -> None:
    assert ctxuse("--version").out == f"ctxuse {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(ctxuse: Call, shell: str) -> None:
    done = ctxuse("completion", shell)
    assert done.status == 0
    assert "_CTXUSE_COMPLETE" in done.out


def test_completion_offers_the_records_on_disk(filled: Workspace) -> None:
    offered = subprocess.run(
        [sys.executable, "-c", "from ctxuse.cli.main import main; main()"],
        env={**os.environ, "_CTXUSE_COMPLETE": "bash_complete", "COMP_CWORD": "3",
             "COMP_WORDS": "ctxuse record use dec"},
        cwd=filled.layout.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert offered.stdout.split() == ["plain,decision/alpha", "plain,decision/beta"]


def test_a_reader_that_stops_early_is_no_failure(workspace: Workspace) -> None:
    for _ in range(2000):  # more than a pipe holds
        workspace.append(an_event())
    with started(
        "-m", "ctxuse", "events", "--format", "json", "-w", workspace.layout.root,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as printing:  # fmt: skip
        assert json.loads(printing.stdout.readline())["id"] == an_event().id
        printing.stdout.close()
        assert printing.stderr.read() == ""
        assert printing.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["report"], 0),
        (["report", "--format", "json"], 0),
        (["events"], 0),
        (["check"], 1),
        (["check", "--format", "json"], 1),
        (["completion", "bash"], 0),
        (["--help"], 0),
    ],
)
@pytest.mark.parametrize("where", ["closed pipe", "closed"])
def test_a_stdout_that_is_closed_is_no_failure(words: list[str], status: int, where: str) -> None:
    root = DATA / "workspaces" / "reference-concurrent"
    reads, writes = os.pipe()
    os.close(reads)
    program = f"import os; {'os.close(1)' if where == 'closed' else 'pass'};"
    program += f"os.execv({sys.executable!r}, [{sys.executable!r}, '-m', 'ctxuse', *{words!r}])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root, stdout=writes, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writes)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert "fault of ctxuse" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_stdout_does_not_hide_that_an_event_is_stored(filled: Workspace) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ctxuse", "record", "use", "decision/alpha", "--segment", "s",
             "-w", filled.layout.root],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    (event,) = filled.events()
    assert done.returncode == 0
    assert f"the event is stored, as {event[0]}" in done.stderr


def test_recording_that_is_turned_off_says_so(
    filled: Workspace, ctxuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTXUSE_DISABLE", "1")
    done = ctxuse("record", "use", "summary", "--segment", "s", "-w", filled.layout.root)
    assert (done.status, done.out) == (0, "")
    assert "nothing was stored" in done.err


def test_the_tail_counts_what_is_printed(filled: Workspace, ctxuse: Call) -> None:
    filled.append(an_event())
    with filled.layout.events_path.open("ab") as log:
        log.write(b"{}\n{}\n")
    done = ctxuse("events", "--tail", "1", "--format", "json", "-w", filled.layout.root)
    assert json.loads(done.out)["id"] == an_event().id
    assert "2 lines could not be counted" in done.err
    done = ctxuse("events", "--tail", "1", "-w", filled.layout.root)
    assert "missing_field: line 3" in done.out


def test_init_follows_no_link_and_waits_for_nothing(tmp_path: Path, ctxuse: Call) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    usage = tmp_path / ".yoi" / "memory" / "_usage"
    usage.parent.mkdir(parents=True)
    usage.symlink_to(victim)
    assert ctxuse("init", "-w", tmp_path).status == 3
    assert [*victim.iterdir()] == []
    usage.unlink()
    usage.mkdir()
    os.mkfifo(usage / ".gitignore")
    assert ctxuse("init", "-w", tmp_path).status == 3
    (usage / ".gitignore").unlink()
    (usage / f".gitignore.{os.getpid()}.tmp").symlink_to(victim / "file")
    assert ctxuse("init", "-w", tmp_path).status == 0
    assert [*victim.iterdir()] == []


def test_a_window_says_what_lies_outside(filled: Workspace, ctxuse: Call) -> None:
    filled.append(an_event(occurred_at_ns=0))
    done = ctxuse("report", "--since", "2026-01-01", "--all", "-w", filled.layout.root)
    said = " ".join(done.out.split())
    assert "No evidence yet" not in said
    assert "Evidence since 1970-01-01 00:00 UTC, here from 2026-01-01 00:00 on" in said
    assert "0 events in 0 sessions and sub-agents; 1 event outside" in said
    assert "1 record has events only outside the window: not shown" in said
    assert "decision/alpha" not in said
    assert "decision/beta" in said


def test_repair_and_archive_say_what_they_did(
    copy_of: Callable[[str], Workspace], ctxuse: Call
) -> None:
    root = copy_of("reference-concurrent").layout.root
    assert "236 events would be appended anew, out of 118 damaged lines" in ctxuse(
        "repair", "--dry-run", "-w", root
    ).out  # fmt: skip
    done = ctxuse("repair", "-w", root)
    assert done.out == "236 events appended anew, out of 118 damaged lines\n"
    assert "copied to .yoi/memory/_usage/damaged." in done.err
    done = ctxuse("repair", "-w", root)
    assert done.out == "no event to append anew; 236 events in damaged lines counted already\n"
    done = ctxuse("archive", "-w", root)
    assert (done.status, done.err) == (0, "")
    assert (root / ".yoi/memory/_usage" / done.out.strip()).exists()
    done = ctxuse("archive", "-w", root)
    assert (done.status, done.out) == (0, "")
    assert "nothing to archive" in done.err
    document = json.loads(ctxuse("report", "--format", "json", "-w", root).out)
    assert sum(record["use_count"] for record in document["records"]) == 2000


def test_check_says_what_a_table_can_say(filled: Workspace, ctxuse: Call) -> None:
    line = encode(an_event())
    filled.layout.usage_dir.mkdir()
    log = b"\n".join([line, line, b"x", b"x" + line[:50] + encode(an_event(id=OTHER_ID)), line[:9]])
    filled.layout.events_path.write_bytes(log + b"\xff")
    done = ctxuse("check", "-w", filled.layout.root)
    assert done.status == 1
    assert "1 whole event in damaged lines: ctxuse repair appends them anew" in done.out
    assert (
        f"1 id on more than one line, each line counted:\n  {an_event().id} on 2 lines" in done.out
    )
    assert "the last line has no newline yet, which is no damage" in done.out
    document = json.loads(ctxuse("check", "--format", "json", "-w", filled.layout.root).out)
    assert document["recoverable"] == 1
    assert document["repeated"] == [{"id": an_event().id, "lines": 2}]
    assert document["pending"]["length"] == 10
    assert [skipped["line"] for skipped in document["skipped"]] == [3, 4]


def test_a_terminal_of_another_encoding_is_sent_nothing_it_takes_for_a_control(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second byte of this letter in UTF-8 is a control to a terminal of eight bits."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    record = an_event().records[0]
    workspace.append(an_event(records=(record._replace(slug="\u011b2J"),)))
    for form in ("table", "json"):
        sent = on_a_terminal("report", "--format", form, "-w", workspace.layout.root)
        assert "\\u011b2J" in sent


def test_an_unreadable_log_is_said_without_a_traceback(filled: Workspace, ctxuse: Call) -> None:
    filled.layout.usage_dir.mkdir()
    filled.layout.events_path.symlink_to("/etc/hostname")
    for words in (["report"], ["events"], ["check"]):
        done = ctxuse(*words, "-w", filled.layout.root)
        assert (done.status, done.out) == (3, "")
        assert "cannot read the log" in done.err
        assert "it is a link" in done.err


def test_a_fault_of_ours_is_a_message_and_a_traceback_only_on_request(
    ctxuse: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Workspace) -> None:
        raise RuntimeError("broken\x1b")

    monkeypatch.setattr(Workspace, "check", fails)
    done = ctxuse("check", "-w", REFERENCE)
    assert done.status == 3
    assert "a fault of ctxuse itself: RuntimeError: broken\\x1b" in done.err
    monkeypatch.setenv("CTXUSE_DEBUG", "1")
    with pytest.raises(RuntimeError):
        ctxuse("check", "-w", REFERENCE)


def on_a_terminal(*words: object) -> str:
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    with started("-m", "ctxuse", *words, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        sent = b""
        with suppress(OSError):  # the other end is closed
            while piece := os.read(ours, 65536):
                sent += piece
        os.close(ours)
        process.wait(PATIENCE)
    return sent.decode()


def test_json_on_a_terminal_has_its_controls_escaped(workspace: Workspace) -> None:
    record = an_event().records[0]
    workspace.append(an_event(records=(record._replace(slug="a\x9b31m\u202e\x1b\x7f"),)))
    sent = on_a_terminal("report", "--format", "json", "-w", workspace.layout.root)
    assert "\\u009b" in sent
    assert all(char.isprintable() for char in sent.replace("\r\n", ""))
    assert json.loads(sent)["records"][0]["slug"] == "a\x9b31m\u202e\x1b\x7f"


def test_a_table_on_a_terminal_has_no_controls_but_colors(workspace: Workspace) -> None:
    record = an_event().records[0]
    workspace.append(an_event(records=(record._replace(slug="a\x1b[2J\x9b31m\u202e"),)))
    sent = on_a_terminal("report", "-w", workspace.layout.root)
    assert "\x1b[2J" not in sent
    assert "\x9b" not in sent
    assert "\u202e" not in sent


@pytest.mark.parametrize("command", ["report", "cost"])
def test_what_is_written_to_a_file_has_no_colors_on_a_terminal(
    tmp_path: Path, command: str
) -> None:
    assert "\x1b" in on_a_terminal(command, "-w", REFERENCE)
    written = tmp_path / "table"
    on_a_terminal(command, "-w", REFERENCE, "-o", written)
    assert "\x1b" not in written.read_text()


@pytest.mark.parametrize("which", ["--wide", "--all"])
def test_a_table_in_markdown_has_its_headings_on_one_line(ctxuse: Call, which: str) -> None:
    said = ctxuse("report", "-w", REFERENCE, "--format", "markdown", which).out
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1


WITHOUT = """
import os, sys
os.supports_dir_fd.clear()
for name in (
    "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC", "pread", "getuid", "geteuid", "fchmod",
):
    delattr(os, name)
sys.modules["fcntl"] = None
from ctxuse.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
"""A system without what safe writing needs, as Windows is."""


def test_a_system_that_cannot_write_reads_and_says_what_it_does_not_do(
    copy_of: Callable[[str], Workspace], ctxuse: Call, tmp_path: Path
) -> None:
    root = copy_of("reference").layout.root
    (tmp_path / "plain").mkdir()

    def there(*words: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, *map(str, words)],
            capture_output=True, text=True, cwd=tmp_path / "plain", timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def files() -> list[Path]:
        return sorted(path for path in root.rglob("*") if "checkpoint" not in path.name)

    before = files()
    for words in (
        ["report"], ["report", "--wide"], ["report", "--format", "json"], ["events"],
        ["report", "--by", "day"], ["diff", "7d", "1d"], ["check", "--format", "json"],
    ):  # fmt: skip
        assert there(*words, "-w", root) == ctxuse(*words, "-w", root), words
    assert there("doctor", "-w", root).status == 1
    assert there("show", "decision/d1", "-w", root).status in {0, 2}
    assert there("demo").status == 0
    for words in (
        ["init"], ["setup", "claude-code", "-y"], ["import", "claude-code", "--init"],
        ["record", "use", "summary", "--segment", "s"], ["archive"], ["repair"], ["serve"],
    ):  # fmt: skip
        done = there(*words, *([] if words == ["init"] else ["-w", root]))
        assert (done.status, done.out) == (3, ""), words
        assert f"ctxuse {words[0]} does not work on this system" in done.err
    assert files() == before
    assert [*(tmp_path / "plain").iterdir()] == []


@pytest.mark.parametrize("words", [["setup"], ["completion"]])
def test_a_missing_word_is_said_with_the_choices(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert "Choose from:\n    " in said
    assert "\\t" not in said
