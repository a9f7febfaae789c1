"""Gemini CLI's settings, and what belongs into them."""

import os

from ctxuse.hosts.gemini_cli import NAME
from ctxuse.hosts.installation import Installation, for_shell
from ctxuse.hosts.lookup import at
from ctxuse.hosts.places import Places


def _other_files(_: Places) -> list[str]:
    return []


_BELOW = (
    "hooks of a project are not run for sessions that begin in a directory below it; those of the"
    " user are (ctxuse setup gemini-cli --user), and ctxuse import brings such sessions in"
)
"""What it does not tell hooks of."""

INSTALLATION = Installation(
    host=NAME,
    title="Gemini CLI",
    project_file=lambda places: os.path.join(places.root, ".gemini", "settings.json"),
    other_files=_other_files,
    matchers={"SessionStart": None, "AfterAgent": None, "SessionEnd": None},
    handler=lambda words, _: {"type": "command", "command": for_shell(words), "timeout": 10_000},
    is_off=lambda settings: at(settings, "hooksConfig", "enabled") is False,
    afterwards=(
        "Gemini CLI reads its settings when a session starts, and those of a project only once you"
        " have trusted the folder. Start a session, then see: ctxuse doctor"
    ),
    executable="gemini",
    limits=(_BELOW,),
)
