"""Names that people type: wrong ones, and what a shell completes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from starting import PATIENCE
from strategies import an_event

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import COMMANDS, run
from ctxuse.cli.names import nearest
from ctxuse.codec.encode import encode


@pytest.fixture
def named(workspace: Workspace) -> Workspace:
    """A workspace with records on the disk, in the log, and in both."""
    for slug in ("alpha", "money-as-integers"):
        path = workspace.layout.decision_path(slug)
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    record = [UsageRecordSnapshot.from_size("skill", "pdf-forms", 9)]
    workspace.append_use("s", UsageSource.WORKFLOW_INVOKE, record, host="my-agent", actor="user")
    record = [UsageRecordSnapshot.from_size("prompt", "system", 9)]
    workspace.append_use("s", UsageSource.MEMORY_READ, record)
    return workspace


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["show", "decision/alhpa"], 2, "no record decision/alhpa: it is in no event and has no"),
        (["show", "decision/alhpa"], 2, "did you mean decision/alpha?"),
        (["show", "skill/pdf-form"], 2, "did you mean skill/pdf-forms?"),
        (["show", "decision/money"], 2, "did you mean decision/money-as-integers?"),
        (["show", "decisions/alpha"], 2, "did you mean decision/alpha?"),
        (["show", "decison/alhpa"], 2, "did you mean decision/alpha?"),
        (["show", "summary"], 2, "no record summary: "),
        (["show", "skill/\x1b[31m"], 2, "\\x1b"),
        (["report", "--kind", "decisions"], 2, "did you mean decision?"),
        (["report", "--kind", "prompts", "--by", "day"], 2, "did you mean prompt?"),
        (["report", "--kind", "rule"], 0, 'no record is of the kind "rule"; there are decision'),
        (["report", "--kind", "prompt"], 0, ""),
        (["report", "--actor", "agnet"], 2, "did you mean agent?"),
        (["report", "--without", "maintenence", "--since", "1d"], 2, "did you mean maintenance?"),
        (["report", "--actor", "zoe"], 0, 'no use by "zoe" is counted; usual are agent'),
        (["diff", "14d..7d", "7d", "--kind", "skils"], 2, "did you mean skill?"),
        (["record", "use", "decision/alhpa", "--segment", "s"], 3, "did you mean decision/alpha?"),
        (["repotr"], 2, "did you mean report?"),
        (["fleet", "exprot"], 2, "did you mean export?"),
        (["fleet", "--", "--exprot"], 2, "No such option '--exprot'"),
    ],
)
def test_a_wrong_name_is_said_with_the_nearest_known_one(
    named: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    words: list[str], status: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(named.layout.root)
    assert run(words) == status
    said = capsys.readouterr()
    assert says in said.err
    assert "is gone" not in said.out
    assert "\x1b" not in said.err


def test_a_record_is_known_from_events_outside_the_window(named: Workspace) -> None:
    words = ["-w", str(named.layout.root), "--until", "2020-01-01"]
    assert run(["show", "skill/pdf-forms", *words]) == 0


def test_of_very_many_names_only_some_are_compared() -> None:
    names = [f"record-{number:06}" for number in range(100_000)]
    assert nearest("recrod-099998", names) == "record-099998"
    assert nearest("x" * 100_000, names) is None


def completed(root: Path, *words: str) -> list[str]:
    """What a shell is offered for the last of `words`."""
    done = subprocess.run(
        [sys.executable, "-c", "from ctxuse.cli.main import main; main()"],
        env=os.environ | {
            "_CTXUSE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["ctxuse", *words]),
            "COMP_CWORD": str(len(words)),
        },
        cwd=root, capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_a_shell_completes_names(named: Workspace) -> None:
    root = named.layout.root
    assert completed(root, "show", "decision/a") == ["decision/alpha"]
    assert completed(root, "show", "skill/") == ["skill/pdf-forms"]
    assert completed(root, "record", "use", "skill/") == []
    assert completed(root, "report", "--kind", "p") == ["prompt"]
    assert completed(root, "diff", "--without", "sub") == ["subagent"]
    assert completed(root, "record", "use", "--host", "my") == ["my-agent"]
    assert completed(root, "report", "--tz", "Europe/Berl") == ["Europe/Berlin"]


def test_completions_are_of_the_end_of_a_long_log(workspace: Workspace) -> None:
    workspace.append(an_event())
    record = an_event().records[0]
    last = encode(an_event(records=(record._replace(slug="the-last"),)))
    with workspace.layout.events_path.open("ab") as log:
        log.truncate(20 * 1024**3)
        log.write(b"\n" + last + b"\n")
    assert completed(workspace.layout.root, "show", "decision/") == ["decision/the-last"]


def test_completion_is_silent_on_any_trouble(workspace: Workspace) -> None:
    workspace.layout.usage_dir.mkdir()
    os.mkfifo(workspace.layout.events_path)
    assert completed(workspace.layout.root, "show", "d") == []
    assert completed(workspace.layout.root, "report", "--kind", "d") == []


def test_a_name_that_would_not_print_is_not_offered(workspace: Workspace) -> None:
    hostile = UsageRecordSnapshot.from_size("skill", "\x1b[31m", 1)
    workspace.append_use("s", UsageSource.MEMORY_READ, [hostile])
    assert completed(workspace.layout.root, "show", "sk") == []


def test_the_help_says_what_each_command_is_for_uncut(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["fleet", "--help"]):
        assert run(words) == 0
        said = capsys.readouterr().out
        assert "..." not in said.partition("Commands:")[2]
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in COMMANDS)
