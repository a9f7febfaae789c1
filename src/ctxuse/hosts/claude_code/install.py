"""Claude Code's settings, and what belongs into them."""

import os

from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.handlers import COMMAND
from ctxuse.hosts.host import Version
from ctxuse.hosts.installation import Installation, for_shell
from ctxuse.hosts.lookup import at
from ctxuse.hosts.paths import paths_in
from ctxuse.hosts.places import Places


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


_WITH_WORDS = (2, 1, 139)
"""Since this version it can start a hook by its words; before, it takes one text for a shell."""


def _handler(words: list[str], version: Version | None) -> dict[str, object]:
    if words[0] == COMMAND or (version is not None and version < _WITH_WORDS):
        return {"type": "command", "command": for_shell(words), "timeout": 10}
    return {"type": "command", "command": words[0], "args": words[1:], "timeout": 10}


_BELOW = (
    "hooks of a project are not run for sessions that begin in a directory below it; those of the"
    " user are (ctxuse setup claude-code --user), and ctxuse import brings such sessions in"
)
_CONTINUED = (
    "with -c, or --fork-session, it says what is loaded at the start under another session's name"
)
"""What it does not tell hooks of."""

INSTALLATION = Installation(
    host=NAME,
    title="Claude Code",
    project_file=lambda places: os.path.join(places.root, ".claude", "settings.json"),
    other_files=_other_files,
    matchers={
        "PostToolUse": "Read|Skill|Bash",
        "PostToolUseFailure": "Bash",
        "UserPromptExpansion": None,
        "InstructionsLoaded": None,
        "SessionStart": None,
        "SubagentStart": None,
        "SubagentStop": None,
        "Stop": None,
        "SessionEnd": None,
    },
    handler=_handler,
    since={
        "PostToolUseFailure": (2, 0, 61),
        "UserPromptExpansion": (2, 1, 116),
        "InstructionsLoaded": (2, 1, 69),
        "SessionStart": (1, 0, 62),
        "SubagentStart": (2, 0, 43),
        "SessionEnd": (1, 0, 85),
    },
    is_off=lambda settings: at(settings, "disableAllHooks") is True,
    afterwards=(
        "Claude Code reads its settings when a session starts, and runs hooks of a project once you"
        " have trusted the folder. Start a session, then see: ctxuse doctor"
    ),
    executable="claude",
    limits=(_BELOW, _CONTINUED),
)
