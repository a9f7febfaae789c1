"""Gemini CLI's settings, and what belongs into them."""

import os

from ctxuse.files import real_path
from ctxuse.hosts.gemini_cli import NAME
from ctxuse.hosts.host import Version
from ctxuse.hosts.installation import Installation, Installed, for_shell
from ctxuse.hosts.lookup import at, stored
from ctxuse.hosts.paths import holds
from ctxuse.hosts.places import Places

_TIMEOUT_MS = 10_000


def _handler(words: list[str], _: Version | None) -> dict[str, object]:
    called = {"type": "command", "name": "ctxuse", "command": for_shell(words)}
    return {**called, "timeout": _TIMEOUT_MS}


def _untrusted(places: Places, hooks: list[Installed]) -> list[tuple[str, str]]:
    """The hooks of a project that the user has not said to trust, by the user's own settings."""
    own = places.config_dirs[NAME]
    settings = stored(os.path.join(own, "settings.json"))
    asks = at(settings, "security", "folderTrust", "enabled") is not False
    in_project = any(hook.file.startswith(places.root + os.sep) for hook in hooks)
    said = stored(os.path.join(own, "trustedFolders.json"))
    if not (asks and in_project) or _is_trusted(real_path(places.root), said):
        return []
    what = "Gemini CLI has not been told to trust this folder: it does not run the hooks in it"
    return [(what, "start Gemini CLI here, and say that it may")]


def _is_trusted(root: str, said: object) -> bool:
    """Whether the rule that is nearest to a folder says that it may be trusted."""
    nearest, is_trusted = "", False
    for path, level in said.items() if isinstance(said, dict) else ():
        is_parent = level == "TRUST_PARENT"
        folder = real_path(os.path.dirname(path) if is_parent else path)
        if holds(folder, root) and len(path) > len(nearest):
            nearest, is_trusted = path, is_parent or level == "TRUST_FOLDER"
    return is_trusted


_BELOW = (
    "hooks of a project are not run for sessions that begin in a directory below it; those of the"
    " user are (ctxuse setup gemini-cli --user), and ctxuse import brings such sessions in"
)
"""What it does not tell hooks of."""

INSTALLATION = Installation(
    host=NAME,
    title="Gemini CLI",
    project_file=lambda places: os.path.join(places.root, ".gemini", "settings.json"),
    other_files=lambda _: [],
    matchers={"SessionStart": None, "AfterAgent": None, "SessionEnd": None},
    handler=_handler,
    is_off=lambda settings: at(settings, "hooksConfig", "enabled") is False,
    afterwards=(
        "Gemini CLI reads its settings when a session starts, and those of a project only once you"
        " have trusted the folder. Start a session, then see: ctxuse doctor"
    ),
    executable="gemini",
    limits=(_BELOW,),
    untrusted=_untrusted,
)
