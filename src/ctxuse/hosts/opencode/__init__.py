"""OpenCode."""

from ctxuse.hosts.host import Host

NAME = "opencode"
"""The agent, as events name it."""


HOST = Host(name=NAME)
