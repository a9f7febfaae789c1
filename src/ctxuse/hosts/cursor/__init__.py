"""Cursor."""

from ctxuse.hosts.host import Host, Records

HOST = Host(
    name="cursor",
    config_dir=".cursor",
    of_user=Records(skills=("skills",)),
    of_project=Records(
        skills=(".cursor/skills",), instructions=(".cursorrules",), rules=(".cursor/rules",)
    ),
    mcp_client="cursor-vscode",
)
