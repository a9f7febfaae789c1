"""What every test may use."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from ctxuse import Workspace

if TYPE_CHECKING:
    from receiver import Receiver

settings.register_profile("here", deadline=None)  # no test depends on time
settings.load_profile("here")

DATA = Path(__file__).parent / "data"

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Tests start many processes: none compiles what another one has compiled."""


@pytest.fixture(autouse=True)
def plain_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in (
        "CTXUSE_DISABLE", "CTXUSE_DURABILITY", "CTXUSE_NO_CACHE", "CTXUSE_DEBUG", "XDG_STATE_HOME",
        "XDG_CACHE_HOME", "CTXUSE_CACHE_DIR",
        "CLAUDE_CONFIG_DIR", "CLAUDE_PROJECT_DIR", "CLAUDE_CODE_SESSION_ID", "CODEX_HOME",
        "PI_CODING_AGENT_DIR",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    (tmp_path / ".yoi" / "memory").mkdir(parents=True)
    return Workspace(tmp_path)


@pytest.fixture
def receiver() -> "Iterator[Receiver]":
    """Who is sent to by OTLP."""
    from receiver import Receiver  # noqa: PLC0415 - skips where OpenTelemetry is not installed

    with Receiver() as one:
        yield one


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Workspace]:
    """Copies one of the reference's workspaces to where a test may change it."""

    def copy(name: str) -> Workspace:
        root = tmp_path / name
        shutil.copytree(DATA / "workspaces" / name, root)
        return Workspace(root)

    return copy


@pytest.fixture
def workspace_of_log(tmp_path: Path) -> Callable[[bytes], Workspace]:
    """Makes a workspace whose log holds the bytes given."""

    def make(log: bytes) -> Workspace:
        workspace = Workspace(tmp_path)
        workspace.layout.usage_dir.mkdir(parents=True, exist_ok=True)
        workspace.layout.events_path.write_bytes(log)
        return workspace

    return make
