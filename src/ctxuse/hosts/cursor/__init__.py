"""Cursor."""

from ctxuse.hosts.host import Host

HOST = Host(name="cursor", mcp_client="cursor-vscode")
