"""Codex's settings, and what belongs into them."""

import os

from ctxuse.hosts.codex import NAME
from ctxuse.hosts.installation import Installation, for_shell
from ctxuse.hosts.lookup import at
from ctxuse.hosts.places import Places


def _other_files(places: Places) -> list[str]:
    directories = places.config_dirs[NAME], os.path.join(places.root, ".codex")
    return [os.path.join(directory, "config.toml") for directory in directories]


INSTALLATION = Installation(
    host=NAME,
    title="Codex",
    project_file=lambda places: os.path.join(places.root, ".codex", "hooks.json"),
    other_files=_other_files,
    matchers={
        "PostToolUse": "Bash",
        "SessionStart": None,
        "SubagentStop": None,
        "Stop": None,
        "SessionEnd": None,
    },
    since={"SessionEnd": (0, 169, 0)},
    handler=lambda words, _: {"type": "command", "command": for_shell(words), "timeout": 10},
    is_off=lambda settings: at(settings, "features", "hooks") is False,
    afterwards=(
        "Codex runs a hook only after you have reviewed and trusted it: start it, type /hooks and"
        " trust those of ctxuse-hook, again after each change. Then see: ctxuse doctor"
    ),
    executable="codex",
)
