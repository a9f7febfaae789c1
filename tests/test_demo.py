"""`ctxuse demo`: the example workspace, from whatever the package is installed as."""

import stat
import tomllib
from pathlib import Path

import pytest

from ctxuse import Workspace
from ctxuse.cli.main import run
from ctxuse.example import NAME

ROOT = Path(__file__).parent.parent


def test_it_prints_the_report_of_the_example_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(["demo"]) == 0
    said = capsys.readouterr()
    assert "ctxuse demo DIR" in said.err
    assert [*tmp_path.iterdir()] == []
    assert run(["report", "--all", "--no-cache", "-w", str(ROOT / "examples" / NAME)]) == 0
    assert said.out == capsys.readouterr().out


def test_it_puts_a_whole_workspace_into_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "shop"
    assert run(["demo", str(target)]) == 0
    workspace = Workspace(target)
    assert workspace.check().clean
    assert workspace.check().permissions == ()
    assert stat.S_IMODE(workspace.layout.events_path.stat().st_mode) == 0o600
    assert run(["show", "workflow/release", "-w", str(target)]) == 0
    assert run(["record", "use", "summary", "--segment", "s", "-w", str(target)]) == 0
    before = workspace.layout.events_path.read_bytes()
    assert run(["demo", str(target)]) == 3
    assert "not empty" in capsys.readouterr().err
    assert workspace.layout.events_path.read_bytes() == before


def test_the_wheel_holds_the_example() -> None:
    if not (ROOT / "src").is_dir():
        pytest.skip("the wheel is what is tested")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included[f"examples/{NAME}"] == f"ctxuse/examples/{NAME}"
