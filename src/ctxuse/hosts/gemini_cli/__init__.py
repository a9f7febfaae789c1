"""Gemini CLI. Its MCP client's name is followed by the server's in some versions."""

from ctxuse.hosts.host import Host, Records

HOST = Host(
    name="gemini-cli",
    of_project=Records(instructions=("GEMINI.md",)),
    mcp_client="gemini-cli-mcp-client",
)
