"""Codex."""

from ctxuse.hosts.host import Host, Records

NAME = "codex"
"""The agent, as events name it."""


HOST = Host(
    name=NAME,
    config_dir=".codex",
    config_variable="CODEX_HOME",
    of_user=Records(
        skills=("~/.agents/skills", "skills", "skills/.system", "memories/skills"),
        memories=("memories",),
    ),
    of_project=Records(
        skills=(".agents/skills", ".codex/skills"),
        instructions=("AGENTS.md", "AGENTS.override.md"),
    ),
    bundled_skills=".system",
    plugins="plugins",
    transcripts=("sessions", "archived_sessions"),
    user_hooks="hooks.json",
    mcp_client="codex-mcp-client",
    instructions_delivered=lambda _, text: len(text.partition("\n")[0]),  # seen with 0.169
)
