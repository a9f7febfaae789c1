"""Cursor."""

from ctxuse.hosts.host import Host

HOST = Host(name="cursor", title="Cursor", mcp_client="cursor-vscode")
