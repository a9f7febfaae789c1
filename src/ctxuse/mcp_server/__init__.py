"""The MCP server: offers a workspace's records to any agent, and records what it gave.

The protocol is spoken here, without the SDK: that takes over half a second to import, and hosts do
not wait that long for the prompts of a server (docs/decisions/0014-mcp-without-its-sdk.md).
"""
