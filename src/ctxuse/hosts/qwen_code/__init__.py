"""Qwen Code, of which only the MCP server tells: it drops that server's instructions (0.15)."""

from ctxuse.hosts.host import Host, Records

HOST = Host(
    name="qwen-code",
    config_dir=".qwen",
    of_user=Records(skills=("skills",), instructions=("QWEN.md",), agents=("agents",)),
    of_project=Records(
        skills=(".qwen/skills",), instructions=("QWEN.md",), agents=(".qwen/agents",)
    ),
    mcp_client="qwen-cli-mcp-client",
    instructions_delivered=lambda *_: 0,
)
