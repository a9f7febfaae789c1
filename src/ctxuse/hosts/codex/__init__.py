"""Codex."""

NAME = "codex"
"""The agent, as events name it."""
