"""GitHub Copilot CLI."""

from ctxuse.hosts.host import Host, Records
from ctxuse.hosts.imports import named_with_at

NAME = "copilot"
"""The agent, as events name it."""


def instructions_delivered(*_: object) -> int:
    """Return how many characters of an MCP server's instructions reach a context without a trace.

    Only what ``--allow-all-mcp-server-instructions`` lets in does, and of that transcripts tell.
    """
    return 0


HOST = Host(
    name=NAME,
    config_dir=".copilot",
    config_variable="COPILOT_HOME",
    of_user=Records(
        skills=("skills", "~/.agents/skills"), rules=("instructions",), agents=("agents",)
    ),
    of_project=Records(
        skills=(".github/skills", ".agents/skills", ".claude/skills"),
        instructions=(".github/copilot-instructions.md", "AGENTS.md", "CLAUDE.md", "GEMINI.md"),
        rules=(".github/instructions", ".claude/rules"),
        commands=(".claude/commands",),
        agents=(".github/agents", ".claude/agents"),
    ),
    imports=named_with_at,
    transcripts=("session-state",),
    user_hooks="hooks/ctxuse.json",
    mcp_client="copilot-cli",
    instructions_delivered=instructions_delivered,
)
