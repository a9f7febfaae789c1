"""Codex's settings, and what belongs into them."""

import os
import re

from ctxuse.hosts.codex import NAME
from ctxuse.hosts.installation import Installation, Installed, for_shell
from ctxuse.hosts.lookup import at, stored, text
from ctxuse.hosts.places import Places


def _other_files(places: Places) -> list[str]:
    directories = places.config_dirs[NAME], os.path.join(places.root, ".codex")
    return [os.path.join(directory, "config.toml") for directory in directories]


def _untrusted(places: Places, hooks: list[Installed]) -> list[tuple[str, str]]:
    """The hooks that the user has not trusted, by the user's own settings."""
    settings = stored(os.path.join(places.config_dirs[NAME], "config.toml"))
    state = at(settings, "hooks", "state")
    trusted = state.items() if isinstance(state, dict) else ()
    known = [key for key, value in trusted if text(value, "trusted_hash")]
    found = []
    for file in dict.fromkeys(hook.file for hook in hooks):
        events = [hook.event for hook in hooks if hook.file == file]
        missing = [
            event for event in events
            if not any(key.startswith(f"{file}:{_snake(event)}:") for key in known)
        ]  # fmt: skip
        if missing:
            what = f"Codex has not been told to trust the hooks for {', '.join(missing)} in {file}"
            found.append((f"{what}: it does not run them", _TRUST))
    in_project = any(hook.file.startswith(places.root + os.sep) for hook in hooks)
    level = text(settings, "projects", places.root, "trust_level")
    if in_project and level != "trusted":
        what = "Codex has not been told to trust this project: it does not read the hooks in it"
        found.append((what, "start Codex here, and say that it may"))
    return found


_TRUST = "start Codex, type /hooks, and trust those of ctxuse-hook"


def _snake(event: str) -> str:
    """The name of an event as the settings have it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()


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
    untrusted=_untrusted,
)
