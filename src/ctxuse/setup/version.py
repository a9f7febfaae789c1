"""Which version of an agent is installed: settings hold only what it knows."""

import re
import subprocess
from collections.abc import Mapping

from ctxuse.hosts.host import Version
from ctxuse.hosts.installation import Installation
from ctxuse.processes import START, outside, program_named

_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9}){1,3}")
_SECONDS = 10
_MOST = 1000


def program_of(installation: Installation, environ: Mapping[str, str], project: str) -> str | None:
    """Return the program of an agent, looked for by PATH but not in a project."""
    return program_named(installation.executable, outside(environ, project))


def version_of(
    installation: Installation, environ: Mapping[str, str], project: str
) -> Version | None:
    """Return the version that an agent says it has; None where there is none, or it says none.

    Args:
        installation: The agent.
        environ: The environment in which it is asked.
        project: A directory of which nothing is run.
    """
    program = program_of(installation, environ, project)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the agent that the hooks are for
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            cwd=START,
            env=outside(environ, project),
            timeout=_SECONDS,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    found = _NUMBERS.search(done.stdout[:_MOST].decode("ascii", "replace"))
    return tuple(map(int, found[0].split("."))) if found else None
