"""Names that people type: wrong ones, and what a shell completes."""

import os
import re
import select
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import pytest
from commands import SCRIPTS, leaves
from starting import PATIENCE, started, until
from strategies import an_event

from ctxuse import UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import COMMANDS, cli, run
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


HOSTILE = [
    *(f"{before}{text}" for before in ("", "release") for text in (
        "$(id>pwned)", "`id>pwned`", "${IFS}", ";id>pwned", "|id>pwned", "&id>pwned", ">pwned",
        "<x", "(id>pwned)", "{a,b}", "*", "?", "[a]", "!x", "^x", "#x", "\\x", "'x", '"x', " x",
        "\tx", "\nx", "\x1b[31m", "\u202ex", "\xa0x", "\N{FULLWIDTH DOLLAR SIGN}(id>pwned)",
    )),
    "~", "~root", "=ls", "%1", "-o", "--output=pwned", "a=~", "a:~root",
]  # fmt: skip
"""Names that a shell would not leave alone, or a command take for an option."""


@pytest.fixture
def clone(workspace: Workspace) -> Path:
    """A workspace in whose log and folders hostile names stand, beside others."""
    for name in ("release-notes", *HOSTILE):
        records = [UsageRecordSnapshot.from_size(kind, name, 1) for kind in ("skill", "decision")]
        records.append(UsageRecordSnapshot.from_size(name, "x", 1))
        workspace.append_use("s", UsageSource.MEMORY_READ, records, host=name, actor=name)  # type: ignore[arg-type] # as others write it
        skill = workspace.layout.root / ".claude" / "skills" / name.replace("/", "-")
        if name != "~":
            skill.mkdir(parents=True)
            (skill / "SKILL.md").write_text("---\nname: x\n---\n")
    return workspace.layout.root


def takes_names() -> list[str]:
    """Every command with an argument or option that is completed by names."""
    found = []
    for words in leaves():
        command: click.Command = cli
        context = click.Context(cli)
        for word in words.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, word) or command
        for parameter in command.params:
            if parameter._custom_shell_complete is not None:  # noqa: SLF001 - click tells nobody
                is_option = isinstance(parameter, click.Option)
                found.append(f"{words} {parameter.opts[0] if is_option else ''}".strip())
    return found


@pytest.mark.parametrize("words", takes_names())
def test_only_names_that_a_shell_leaves_alone_are_offered(clone: Path, words: str) -> None:
    for typed in ("", "r", "skill/", "skill/r", "decision/", "$", "release$", "~", "a"):
        for name in completed(clone, *words.split(), typed):
            assert re.fullmatch(r"\w[\w./:@%+,~-]*", name, re.ASCII), name
            assert "~" not in name.replace("/~", ""), name


def test_names_of_every_usual_kind_are_offered(workspace: Workspace) -> None:
    usual = [
        "skill/pdf-forms", "skill/plugin:pdf", "instructions/~/.claude/CLAUDE.md",
        "instructions/docs/@scope/a+b_c.md", "skill/a@1.2%3,4",
    ]  # fmt: skip
    keys = [name.partition("/") for name in usual]
    records = [UsageRecordSnapshot.from_size(kind, slug, 1) for kind, _, slug in keys]
    workspace.append_use("s", UsageSource.MEMORY_READ, records)
    for name in usual:
        assert completed(workspace.layout.root, "show", name[:8])
        assert name in completed(workspace.layout.root, "show", name)


def pressed_in_bash(root: Path, home: Path, keys: list[tuple[str, str]]) -> None:
    """Press keys in a bash with our completion, and wait each time until something is seen.

    Args:
        root: Where it runs.
        home: The home directory of its user.
        keys: What is pressed, and what is seen then.
    """
    (home / ".bashrc").write_text('PS1="$ "\neval "$(ctxuse completion bash)"\necho begun\n')
    terminal, inner = os.openpty()
    shown = ""

    def sees(text: str) -> bool:
        nonlocal shown
        if select.select([terminal], [], [], 0.05)[0]:
            shown += os.read(terminal, 65536).decode()
        return text in shown

    with started(
        "-c", "import os; os.execvp('bash', ['bash', '--rcfile', '.bashrc', '-i'])", cwd=home,
        env={"HOME": str(home), "PATH": f"{SCRIPTS}:{os.defpath}", "TERM": "dumb"},
        stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
    ):  # fmt: skip
        os.close(inner)
        for press, awaited in [("", "begun"), (f"cd '{root}'; echo mo\"\"ved\n", "moved"), *keys]:
            shown = ""
            os.write(terminal, press.encode())
            until(partial(sees, awaited))
    os.close(terminal)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_a_shell_runs_nothing_of_what_is_offered(
    clone: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("bash")
    before = sorted(clone.iterdir())
    keys = [
        ("ctxuse show skill/rel\t", "skill/release-notes "),
        ("\n", "s, "),
        ("ctxuse report --kind rel\t", "--kind release-notes "),
        ("\n", "Evidence since"),
        ("ctxuse show '$\t\t'; echo e\"\"nd\n", "end"),
    ]
    pressed_in_bash(clone, home, keys)
    assert sorted(clone.iterdir()) == before
    assert not (home / "pwned").exists()


def test_the_help_says_what_each_command_is_for_uncut(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["fleet", "--help"]):
        assert run(words) == 0
        said = capsys.readouterr().out
        assert "..." not in said.partition("Commands:")[2]
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in COMMANDS)
