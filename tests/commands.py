"""The commands, computed from the command line itself, and how they are started."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from starting import PATIENCE

from ctxuse.cli.main import cli

SCRIPTS = Path(sysconfig.get_path("scripts"))
"""Where the installed commands are."""


def leaves(group: click.Group = cli, before: str = "") -> Iterator[str]:
    """Yield the words of every command that is no group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield before + name


def ctxuse(
    *words: object, cwd: Path, first: str = "", environ: dict[str, str] | None = None,
    stdout: int = subprocess.PIPE,
) -> "subprocess.CompletedProcess[str]":  # fmt: skip
    """Run the installed command; skip the test where it lacks an extra.

    Args:
        words: Its arguments.
        cwd: Where.
        first: Python that its process runs before it becomes the command.
        environ: What is added to the environment.
        stdout: As for `subprocess.run`.
    """
    program = f"{first}\nimport os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, SCRIPTS / "ctxuse", *map(str, words)], cwd=cwd,
        env={**os.environ, **(environ or {})}, stdin=subprocess.DEVNULL, stdout=stdout,
        stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if "needs libraries that are not installed" in done.stderr:
        pytest.skip(done.stderr)
    return done
