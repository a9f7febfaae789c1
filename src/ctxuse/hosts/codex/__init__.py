"""Codex."""

from ctxuse.hosts.host import Host, Records

NAME = "codex"
"""The agent, as events name it."""

OF_SCRIPT = "exec-"
"""How the ids of calls begin that a script makes."""


def instructions_delivered(_: object, instructions: str, call_id: str | None) -> int | None:
    """Return how many characters of an MCP server's instructions reach a context; None for all.

    The description of its tools holds them all, where the model is handed the tools, at once or
    because it looks for them; who calls one itself has seen it. Scripts call tools that only a list
    names, with the first line (0.169).
    """
    is_handed = call_id is not None and not call_id.startswith(OF_SCRIPT)
    return None if is_handed else len(instructions.partition("\n")[0])


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
    instructions_delivered=instructions_delivered,
)
