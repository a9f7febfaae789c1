"""The MCP server: offers a workspace's records to any agent, and records what it gave.

The only importer of `mcp`; needs the extra ``ctxuse[mcp]``.
"""
