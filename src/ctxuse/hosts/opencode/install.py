"""Our plugin of OpenCode: a file of its own."""

import json
import os

from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.hosts.installation import Installation
from ctxuse.hosts.opencode import HOST, NAME
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import SKILL

_EVENTS = (
    "tool.execute.after", "experimental.chat.system.transform", "chat.message",
    "command.execute.before", "session.created", "session.idle", "exit",
)  # fmt: skip


def _plugin(words: list[str]) -> str:
    """The text of the plugin that calls our hook with some words."""
    with open(os.path.join(os.path.dirname(__file__), "plugin.js"), encoding="utf-8") as file:
        return f"const WORDS = {json.dumps(words)};\n{file.read()}"


def _only_hooks_tell(event: UsageEvent) -> bool:
    """Whether no import makes such an event: what stands in the prompt of the system."""
    is_exposure = event.event is UsageEventKind.RESIDENT_EXPOSURE
    return is_exposure and any(record.kind == SKILL for record in event.records)


def _other_files(places: Places) -> list[str]:
    directories = places.config_dirs[NAME], os.path.join(places.root, ".opencode")
    return [os.path.join(directory, "plugins", "ctxuse.js") for directory in directories]


INSTALLATION = Installation(
    host=NAME,
    title="OpenCode",
    project_file=lambda places: os.path.join(places.root, ".opencode", *HOST.user_hooks.split("/")),
    other_files=_other_files,
    matchers=dict.fromkeys(_EVENTS),
    handler=lambda words, _: {"command": words[0], "args": words[1:]},
    own_file=_plugin,
    only_hooks_tell=_only_hooks_tell,
    is_off=lambda _: False,
    afterwards=(
        "OpenCode loads plugins when it is started: start it anew, then see: ctxuse doctor"
    ),
    executable="opencode",
    limits=(
        "OpenCode tells no plugin which agents the model is offered (ctxuse does not record them)",
    ),
)
