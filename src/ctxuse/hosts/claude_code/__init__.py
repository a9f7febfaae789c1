"""Claude Code."""

import os
from collections.abc import Iterator

from ctxuse.hosts.host import Host, Records, Version
from ctxuse.hosts.imports import named_with_at
from ctxuse.hosts.lookup import at, stored

NAME = "claude-code"
"""The agent, as events name it."""


def installed_plugins(directory: str) -> Iterator[tuple[str, str]]:
    """Yield the names and directories of the plugins that are installed."""
    listed = at(stored(os.path.join(directory, "plugins", "installed_plugins.json")), "plugins")
    for plugin, installs in listed.items() if isinstance(listed, dict) else ():
        for install in installs if isinstance(installs, list) else [installs]:
            where = at(install, "installPath")
            if isinstance(where, str) and os.path.isabs(where) and "\0" not in where:
                yield plugin.split("@")[0], os.path.normpath(where)


def project_name(project: str) -> str:
    """Return the name of the folder in which it keeps what it knows of a project."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in project)


def instructions_delivered(version: Version, _: str, __: str | None) -> int:
    """Return how many characters of an MCP server's instructions it puts into a context.

    As seen in its requests: 4,096 by 2.1.332, 2,048 by 2.1.197; in between, where it is not known
    since when, no more is claimed than the older ones give.
    """
    return 4096 if version >= (2, 1, 332) else 2048


CUT = "… [truncated]"
"""What it puts behind instructions that are longer."""


HOST = Host(
    name=NAME,
    config_dir=".claude",
    config_variable="CLAUDE_CONFIG_DIR",
    of_user=Records(
        skills=("skills",),
        rules=("rules",),
        memories=("projects/{project}/memory", "agent-memory", "agent-memory-local"),
        commands=("commands",),
        agents=("agents",),
    ),
    of_project=Records(
        skills=(".claude/skills",),
        instructions=("CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md"),
        rules=(".claude/rules",),
        memories=(".claude/agent-memory", ".claude/agent-memory-local"),
        commands=(".claude/commands",),
        agents=(".claude/agents",),
    ),
    plugins="plugins",
    installed_plugins=installed_plugins,
    imports=named_with_at,
    worktrees=".claude/worktrees",
    transcripts=("projects",),
    user_hooks="settings.json",
    project_name=project_name,
    project_variable="CLAUDE_PROJECT_DIR",
    instructions_delivered=instructions_delivered,
)
