"""Nothing of the current directory is run: it may be a clone of anybody's repository."""

import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.request import urlopen

import commands
import pytest
from commands import SCRIPTS, leaves
from fleets import as_log, make_workspace, some_events
from hostile import NAMES, Hostile
from starting import PATIENCE, until

import ctxuse
from ctxuse.fleet.collect import collect
from ctxuse.processes import (
    MOST,
    NotAMessageError,
    open_page,
    outside,
    receive,
    send,
    start_interpreter,
)

LONG = b"x" * 65_535 + b"\n"
BASE = getattr(sys, "_base_executable", sys.executable)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """A clone with such modules, and a log long enough for several processes."""
    hostile = Hostile(tmp_path_factory.mktemp("hostile"))
    make_workspace(hostile.root / "long", as_log(some_events(9, 2)) + LONG * 800)
    (hostile.root / ".yoi/memory/summary.md").write_text("text")
    (hostile.root / "other.jsonl").write_bytes(as_log(some_events(3, 3)))
    collect([str(hostile.root / "long")], str(hostile.root / "gathered"), executor="threads")
    return hostile


COMMANDS = {
    "init": [["init"]],
    "setup": [["setup", "claude-code", "--dry-run"]],
    "doctor": [["doctor"]],
    "import": [["import", "log", "other.jsonl"], ["import", "claude-code"]],
    "report": [
        ["report", "-w", "long", "--no-cache"],
        *(["report", "--format", form] for form in ("table", "json-full", "csv", "html")),
    ],
    "cost": [["cost", "--no-cache"], ["cost", "--format", "csv"]],
    "show": [["show", "decision/r1"]],
    "diff": [["diff", "7d", "30d"]],
    "demo": [["demo"], ["demo", "shop"]],
    "serve": [],
    "fleet report": [["fleet", "report", ".", "--workers", "2", "--distinct-ids"]],
    "fleet collect": [["fleet", "collect", ".", "--to", "collected", "--workers", "2"]],
    "fleet compact": [["fleet", "compact", "gathered", "--workers", "2"]],
    "export": [["export", "otlp", "http://127.0.0.1:9", "--timeout", "0.5"]],
    "fleet export": [
        ["fleet", "export", ".", "--to", "events", "--workers", "2"],
        [
            "fleet",
            "export",
            ".",
            "--format",
            "otlp",
            "--to",
            "http://127.0.0.1:9",
            "--timeout",
            "0.5",
        ],
    ],
    "record use": [["record", "use", "summary", "--segment", "s"]],
    "record exposure": [["record", "exposure", "summary", "--segment", "s"]],
    "events": [["events", "--tail", "1"]],
    "mcp": [["mcp"]],
    "check": [["check"], ["check", "--cache"]],
    "repair": [["repair"]],
    "archive": [["archive"]],
    "completion": [["completion", "bash"]],
}
"""What is run of each command."""


def test_every_command_is_tried() -> None:
    assert sorted(COMMANDS) == sorted(leaves())


@pytest.mark.parametrize(
    "words", [words for some in COMMANDS.values() for words in some], ids=" ".join
)
def test_no_command_runs_what_is_in_the_current_directory(clone: Hostile, words: list[str]) -> None:
    done = commands.ctxuse(*words, cwd=clone.root)
    assert clone.ran() == []
    assert "fault of ctxuse" not in done.stderr
    assert done.returncode in {0, 1} | ({3} if "otlp" in words else set()), done.stderr


def test_the_live_page_runs_nothing_of_the_current_directory(clone: Hostile) -> None:
    pytest.importorskip("uvicorn", reason="the extra ctxuse[web] is not installed")
    with subprocess.Popen(
        [SCRIPTS / "ctxuse", "serve", "--port", "0", "-w", "long"],
        cwd=clone.root, stdout=subprocess.PIPE, text=True,
    ) as serving:  # fmt: skip
        try:
            assert serving.stdout is not None
            address = serving.stdout.readline().strip()
            with urlopen(address, timeout=PATIENCE) as page:  # noqa: S310 - our own server
                assert page.status == 200
        finally:
            serving.kill()
    assert clone.ran() == []


@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "PostToolUse"])
def test_a_hook_runs_nothing_of_the_current_directory(clone: Hostile, event: str) -> None:
    payload = {
        "session_id": "s", "cwd": str(clone.root), "hook_event_name": event, "source": "startup",
        "prompt": "x", "tool_name": "Read", "tool_use_id": "t", "transcript_path": "/none",
        "tool_input": {"file_path": str(clone.root / ".yoi/memory/summary.md")},
        "tool_response": {"type": "text", "file": {"content": "text"}},
    }  # fmt: skip
    done = subprocess.run(
        [SCRIPTS / "ctxuse-hook", "claude-code"], cwd=clone.root,
        input=json.dumps(payload).encode(), capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert clone.ran() == []
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_as_a_module_of_python_it_runs_no_library_of_the_current_directory(tmp_path: Path) -> None:
    """What Python itself imports before is not ours to keep out: `python -P -m ctxuse` does."""
    hostile = Hostile(tmp_path, NAMES - {*sys.stdlib_module_names, "ctxuse"})
    for words in (["report", "--format", "html"], ["fleet", "report", "."]):
        subprocess.run(
            [sys.executable, "-m", "ctxuse", *words],
            cwd=hostile.root, capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
    assert hostile.ran() == []
    hostile = Hostile(tmp_path / "all")
    subprocess.run(
        [sys.executable, "-P", "-m", "ctxuse", "fleet", "report", "."],
        cwd=hostile.root, capture_output=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert hostile.ran() == []


@pytest.fixture(scope="module")
def for_libraries(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """A clone with all modules but those that Python and the script import before we run."""
    program = "import re, sys, ctxuse.__main__, ctxuse.hook, ctxuse.processes; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-P", "-c", program], text=True)
    before = {name.partition(".")[0] for name in loaded.split()}
    return Hostile(tmp_path_factory.mktemp("path"), NAMES - before - {"usercustomize"})


@pytest.mark.parametrize("path", [":", ".", "{cwd}", "/nowhere:"])
@pytest.mark.parametrize("words", [["ctxuse", "report"], ["ctxuse-hook", "claude-code"]])
def test_what_python_is_told_of_the_current_directory_holds_only_until_we_run(
    for_libraries: Hostile, words: list[str], path: str
) -> None:
    payload = {
        "session_id": "s", "cwd": str(for_libraries.root), "hook_event_name": "PostToolUse",
        "tool_name": "Read", "tool_use_id": "t", "transcript_path": "/none",
        "tool_input": {"file_path": str(for_libraries.root / ".yoi/memory/summary.md")},
    }  # fmt: skip
    done = subprocess.run(
        [SCRIPTS / words[0], *words[1:]], cwd=for_libraries.root,
        env={**os.environ, "PYTHONPATH": path.format(cwd=for_libraries.root)},
        input=json.dumps(payload).encode(), capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert for_libraries.ran() in ([], ["sitecustomize"])  # that Python imports itself
    assert done.returncode == 0


@pytest.mark.parametrize("path", ["", ".", "{cwd}"])
def test_no_program_of_the_current_directory_becomes_a_hook(tmp_path: Path, path: str) -> None:
    program = tmp_path / "ctxuse-hook"
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    done = subprocess.run(
        [SCRIPTS / "ctxuse", "setup", "claude-code", "--user", "--dry-run"], cwd=tmp_path,
        env={**os.environ, "PATH": f"{path.format(cwd=tmp_path)}:/usr/bin"},
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert str(SCRIPTS / "ctxuse-hook") in done.stdout
    assert str(program) not in done.stdout


class Programs:
    """A clone that brings programs along, and one of the user's that needs some of these."""

    def __init__(self, root: Path) -> None:
        self.root, self.marks = root / "home" / "clone", root / "marks"
        self.own, self.home = root / "own", root / "home"
        inner = self.root / "node_modules" / ".bin"
        for directory in (inner, self.own, self.marks, self.root / ".git", self.root / "inner"):
            directory.mkdir(parents=True)
        for name in ("node", "claude", "codex", "ctxuse-hook", "xdg-open", "open"):
            program = inner / name
            program.write_text(f"#!/bin/sh\n/bin/echo ran > {self.marks}/{name}\necho 1.0.0\n")
            program.chmod(0o755)
        (root / "link").symlink_to(inner)
        (self.root / "out").symlink_to(self.own)
        for name in ("claude", "codex"):
            (self.own / name).write_text("#!/usr/bin/env node\n")
            (self.own / name).chmod(0o755)
        hooks = {"hooks": {"Stop": [{"hooks": [{"command": "ctxuse-hook claude-code"}]}]}}
        (self.root / ".claude").mkdir()
        (self.root / ".claude/settings.json").write_text(json.dumps(hooks))

    def path(self, first: str) -> str:
        """A PATH in which a place in the clone comes first."""
        return os.pathsep.join([first.format(cwd=self.root), str(self.own), os.defpath])

    def environ(self, first: str) -> dict[str, str]:
        """An environment with that PATH."""
        return {**os.environ, "HOME": str(self.home), "PATH": self.path(first)}


IN_A_CLONE = (
    "./node_modules/.bin", "node_modules/.bin", "../clone/node_modules/.bin",
    "{cwd}/node_modules/.bin", "{cwd}/inner/../node_modules/.bin", "{cwd}/../../link",
)  # fmt: skip


@pytest.mark.parametrize("path", IN_A_CLONE)
@pytest.mark.parametrize("here", ["", "inner"])
@pytest.mark.parametrize(
    "words",
    [["setup", "claude-code"], ["setup", "claude-code", "--user"], ["setup", "codex"], ["doctor"]],
    ids=" ".join,
)
def test_no_program_of_a_clone_is_run_nor_found_by_one_of_the_users(
    tmp_path: Path, path: str, here: str, words: list[str]
) -> None:
    clone = Programs(tmp_path)
    more = ["--dry-run"] if words[0] == "setup" else []
    done = commands.ctxuse(*words, *more, cwd=clone.root / here, environ=clone.environ(path))
    assert [*clone.marks.iterdir()] == []
    assert done.returncode in {0, 1, 3}, done.stderr
    assert f'"{clone.root}/node_modules' not in done.stdout


@pytest.mark.parametrize("path", [*IN_A_CLONE, "{cwd}/out"])
def test_a_program_of_the_users_begins_in_the_root_and_without_a_clone_in_its_path(
    tmp_path: Path, path: str
) -> None:
    clone = Programs(tmp_path)
    said = clone.marks / "said"
    (clone.own / "claude").write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$PATH" > {said}\n')
    words = ["setup", "claude-code", "--dry-run", "-w", str(clone.root)]
    for where in (clone.root, clone.home, tmp_path):
        commands.ctxuse(*words, cwd=where, environ=clone.environ(path))
        assert said.read_text().splitlines() == ["/", os.pathsep.join([str(clone.own), os.defpath])]
        said.unlink()


def test_what_opens_a_page_and_our_interpreters_are_not_of_a_clone_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Programs(tmp_path)
    monkeypatch.chdir(clone.root)
    said = clone.marks / "said"
    for name in ("xdg-open", "open"):
        (clone.own / name).write_text(
            f"#!/bin/sh\necho $1 $PWD > {said}.new; mv {said}.new {said}\n"
        )
        (clone.own / name).chmod(0o755)
    for first in IN_A_CLONE:
        for name, value in clone.environ(first).items():
            monkeypatch.setenv(name, value)
        environ = outside(os.environ)
        assert open_page("page", environ)
        until(said.exists)
        assert said.read_text() == "page /\n"
        said.unlink()
        assert not open_page("page", {**environ, "PATH": str(tmp_path)})
        with start_interpreter("import os; print(os.environ['PATH'])") as made:
            assert made.stdout is not None
            assert made.stdout.read().decode() == environ["PATH"] + "\n"
        assert environ["PATH"] == os.pathsep.join([str(clone.own), os.defpath])


def test_programs_in_the_home_directory_are_found_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "home" / ".local" / "bin"
    own.mkdir(parents=True)
    (tmp_path / "home" / ".git").mkdir()
    environ = {"HOME": str(tmp_path / "home"), "PATH": str(own)}
    for where in (tmp_path, tmp_path / "home", tmp_path / "home" / ".local" / "other"):
        where.mkdir(exist_ok=True)
        monkeypatch.chdir(where)
        assert outside(environ)["PATH"] == str(own)
    monkeypatch.chdir(own.parent)
    assert outside(environ)["PATH"] == ""


_STARTS = """
import sys
from ctxuse.processes import start_interpreter
with start_interpreter("import sys, msgspec, ctxuse; print(ctxuse.__file__, *sys.path)") as made:
    print(made.stdout.read().decode())
"""


@pytest.mark.parametrize("path", ["", ".", "{cwd}", "{cwd}/../clone", "inner/.."])
def test_what_python_is_told_of_the_current_directory_is_not_handed_on(
    tmp_path: Path, path: str
) -> None:
    hostile = Hostile(tmp_path, {"msgspec"})
    (hostile.root / "inner").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _STARTS], cwd=hostile.root, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path.format(cwd=hostile.root) + os.pathsep},
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert hostile.ran() == []
    assert done.stdout.split()[0] == ctxuse.__file__


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs an interpreter without libraries")
@pytest.mark.parametrize("how", ["pip install --user", "editable", "PYTHONPATH", "here"])
def test_interpreters_find_what_this_one_finds_however_it_was_installed(
    tmp_path: Path, how: str
) -> None:
    environ = {**os.environ, "PYTHONUSERBASE": str(tmp_path / "user")}
    told = [BASE, "-m", "site", "--user-site"]
    user = Path(subprocess.check_output(told, env=environ, text=True).strip())
    user.mkdir(parents=True)
    lib = user if how == "pip install --user" else tmp_path / "lib"
    shutil.copytree(Path(ctxuse.__file__).parent, lib / "ctxuse")
    libraries = sysconfig.get_path("purelib")
    if how in {"PYTHONPATH", "here"}:
        environ["PYTHONPATH"] = os.pathsep.join([*([str(lib)] if how != "here" else []), libraries])
    else:
        (user / "more.pth").write_text(f"{libraries}\n{lib if how == 'editable' else ''}\n")
    done = subprocess.run(
        [BASE, "-c", _STARTS], env=environ, cwd=lib if how == "here" else tmp_path,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.stdout.split()[:1] == [str(lib / "ctxuse" / "__init__.py")], done.stderr


@pytest.mark.parametrize("text", ["hello, this is print\n", "", "x" * 100_000])
def test_what_a_library_prints_is_not_taken_for_an_answer(tmp_path: Path, text: str) -> None:
    make_workspace(tmp_path / "w", as_log(some_events(5, 1)))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "sitecustomize.py").write_text(f"print({text!r}, end='', flush=True)\n")
    done = subprocess.run(
        [SCRIPTS / "ctxuse", "fleet", "report", str(tmp_path / "w"), "--format", "json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "lib")},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout.removeprefix(text))
    reasons = [place["reason"] for place in found["unreadable"]]
    assert reasons == (
        ["something else was printed where a worker's answer was to come"] if text else []
    )


def test_a_log_is_counted_whatever_a_library_prints(tmp_path: Path) -> None:
    make_workspace(tmp_path / "w", as_log(some_events(90, 1)) + LONG * 800)
    (tmp_path / "sitecustomize.py").write_text("print('[' * 1_000_000, flush=True)\n")
    words = ["report", "--format", "csv", "--no-cache", "-w", str(tmp_path / "w")]
    quiet, loud = (
        subprocess.run(
            [SCRIPTS / "ctxuse", *words], env={**os.environ, **more},
            capture_output=True, text=True, timeout=PATIENCE, check=True,
        ).stdout
        for more in ({}, {"PYTHONPATH": str(tmp_path)})
    )  # fmt: skip
    assert loud.removeprefix("[" * 1_000_000 + "\n") == quiet


@pytest.mark.parametrize("data", [b"", b"x", b"\0ctxuse\0" * 3])
def test_a_message_is_read_as_it_was_sent(data: bytes) -> None:
    stream = io.BytesIO()
    send(stream, data)
    sent = stream.getvalue()
    assert receive(io.BytesIO(sent)) == data
    for end in range(len(sent)):
        assert receive(io.BytesIO(sent[:end])) is None
    with pytest.raises(NotAMessageError):
        receive(io.BytesIO(b"x" + sent))
    with pytest.raises(NotAMessageError):
        receive(io.BytesIO(sent[:8] + (MOST + 1).to_bytes(8, "big") + data))
