"""Claude Code's settings, and what belongs into them."""

import os
from collections.abc import Mapping

from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.installation import Group, Installation
from ctxuse.hosts.lookup import at
from ctxuse.hosts.places import Places, paths_in

_MATCHERS = {
    "PostToolUse": "Read|Skill|Bash",
    "UserPromptExpansion": None,
    "InstructionsLoaded": None,
    "SessionStart": None,
}


def _groups(command: str, *, everywhere: bool) -> Mapping[str, Group]:
    handler = {
        "type": "command",
        "command": command,
        "args": [NAME, "--everywhere"] if everywhere else [NAME],
        "timeout": 10,
    }
    return {
        event: {"matcher": matcher, "hooks": [handler]} if matcher else {"hooks": [handler]}
        for event, matcher in _MATCHERS.items()
    }


def _other_files(places: Places) -> list[str]:
    local = os.path.join(places.root, ".claude", "settings.local.json")
    plugins = [*places.plugins().values(), *_plugins_among_skills(places)]
    return [local, *(os.path.join(where, "hooks", "hooks.json") for where in plugins)]


def _plugins_among_skills(places: Places) -> list[str]:
    """The plugins that lie in a directory of skills."""
    own = os.path.join(places.config_dirs[NAME], "skills")
    directories = [os.path.join(d, ".claude", "skills") for d in (places.start, places.root)]
    found = [where for d in dict.fromkeys([*directories, own]) for where in paths_in(d)]
    manifest = os.path.join(".claude-plugin", "plugin.json")
    return [where for where in found if os.path.isfile(os.path.join(where, manifest))]


INSTALLATION = Installation(
    host=NAME,
    title="Claude Code",
    user_file=lambda places: os.path.join(places.config_dirs[NAME], "settings.json"),
    project_file=lambda places: os.path.join(places.root, ".claude", "settings.json"),
    other_files=_other_files,
    groups=_groups,
    is_off=lambda settings: at(settings, "disableAllHooks") is True,
    afterwards=(
        "Claude Code reads its settings when a session starts, and runs hooks of a project once you"
        " have trusted the folder. Start a session, then see: ctxuse doctor"
    ),
    executable="claude",
)
