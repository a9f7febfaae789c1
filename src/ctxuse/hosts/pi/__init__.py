"""Pi."""

from ctxuse.hosts.host import Host, Records

NAME = "pi"
"""The agent, as events name it."""

SYSTEM, APPEND_SYSTEM = "SYSTEM.md", "APPEND_SYSTEM.md"
"""Files of which the first stands in place of its own system prompt, the second behind that; in the
project's folder and in its own directory."""

FOLDER = ".pi"
"""Its folder in a project."""

HOST = Host(
    name=NAME,
    config_dir=".pi/agent",
    config_variable="PI_CODING_AGENT_DIR",
    of_user=Records(skills=("skills", "~/.agents/skills"), commands=("prompts",)),
    of_project=Records(
        skills=(f"{FOLDER}/skills", ".agents/skills"),
        instructions=(
            "AGENTS.md", "AGENTS.override.md", "AGENTS.MD", "CLAUDE.md", "CLAUDE.MD",
            f"{FOLDER}/{SYSTEM}", f"{FOLDER}/{APPEND_SYSTEM}",
        ),
        commands=(f"{FOLDER}/prompts",),
    ),
    transcripts=("sessions",),
)  # fmt: skip
