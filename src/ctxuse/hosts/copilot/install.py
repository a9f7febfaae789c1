"""GitHub Copilot CLI's settings, and what belongs into them."""

import os

from ctxuse.hosts.copilot import NAME
from ctxuse.hosts.installation import Installation, for_shell
from ctxuse.hosts.lookup import at
from ctxuse.hosts.paths import paths_in
from ctxuse.hosts.places import Places


def _other_files(places: Places) -> list[str]:
    own, project = places.config_dirs[NAME], os.path.join(places.root, ".github")
    folders = [os.path.join(directory, "hooks") for directory in (own, project)]
    hooks = [path for folder in folders for path in paths_in(folder) if path.endswith(".json")]
    shared = os.path.join(project, "copilot")
    names = ("settings.json", "settings.local.json")
    settings = [os.path.join(where, name) for where in (own, shared) for name in names]
    return [*hooks, *settings, os.path.join(own, "config.json")]


_UNTOLD = (
    "which of your agents it lists to the model, and which instructions a sub-agent comes upon,"
    " neither hooks nor transcripts tell"
)

INSTALLATION = Installation(
    host=NAME,
    title="GitHub Copilot CLI",
    project_file=lambda places: os.path.join(places.root, ".github", "hooks", "ctxuse.json"),
    other_files=_other_files,
    matchers={"SessionStart": None, "SubagentStop": None, "Stop": None, "SessionEnd": None},
    in_groups=False,
    beside={"version": 1},
    handler=lambda words, _: {"type": "command", "bash": for_shell(words), "timeoutSec": 10},
    is_off=lambda settings: at(settings, "disableAllHooks") is True,
    afterwards=(
        "Copilot reads its hooks when a session starts, and runs those of a project once you have"
        " trusted the folder (with -p also by --trust-folder). Start a session, then see: ctxuse"
        " doctor"
    ),
    executable="copilot",
    limits=(_UNTOLD,),
    only_hooks_tell=lambda _: True,  # they tell what an import tells
)
