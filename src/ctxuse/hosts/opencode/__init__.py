"""OpenCode."""

import os
from collections.abc import Iterable

from ctxuse.hosts.host import Host, Records

NAME = "opencode"
"""The agent, as events name it."""


def named_instructions(root: str, own: str) -> Iterable[str]:
    """Return the files that settings name as instructions; see `ctxuse.hosts.opencode.named`."""
    folders = root, os.path.join(root, ".opencode"), own
    files = [os.path.join(folder, name) for folder in folders for name in _SETTINGS]
    settings = [*filter(os.path.exists, files)]
    if not settings:
        return ()
    from ctxuse.hosts.opencode.named import (  # noqa: PLC0415 - not on the way of every hook
        named_instructions as named,
    )

    return named(root, settings)


_SETTINGS = ("opencode.json", "opencode.jsonc")


HOST = Host(
    name=NAME,
    config_dir=".config/opencode",
    config_variable="XDG_CONFIG_HOME/opencode",
    of_user=Records(
        skills=("skill", "skills", "~/.opencode/skill", "~/.opencode/skills", "~/.agents/skills",
                "~/.claude/skills"),
        commands=("command", "commands"),
        agents=("agent", "agents", "mode", "modes"),
    ),
    of_project=Records(
        skills=(".opencode/skill", ".opencode/skills", ".claude/skills", ".agents/skills"),
        instructions=("AGENTS.md", "CLAUDE.md", "CONTEXT.md"),
        commands=(".opencode/command", ".opencode/commands"),
        agents=(".opencode/agent", ".opencode/agents", ".opencode/mode", ".opencode/modes"),
    ),
    named_instructions=named_instructions,
    transcripts=(
        "~/.local/share/opencode/opencode.db", "$XDG_DATA_HOME/opencode/opencode.db",
        "$OPENCODE_DB",
    ),
    transcript_names=(".db",),
    user_hooks="plugin/ctxuse.js",
    gets_prompts_unasked=True,
)  # fmt: skip
