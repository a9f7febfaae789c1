"""Claude Code."""

NAME = "claude-code"
"""The agent, as events name it."""
