"""Cline, of which only the MCP server tells: it drops that server's instructions (3.0)."""

from ctxuse.hosts.host import Host, Records

HOST = Host(
    name="cline",
    config_dir=".cline",
    of_user=Records(skills=("skills",)),
    of_project=Records(skills=(".cline/skills",), rules=(".clinerules",)),
    mcp_client="@cline/core",
    instructions_delivered=lambda *_: 0,
)
