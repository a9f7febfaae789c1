"""An agent of the Claude Agent SDK: ``python claude_agent.py "What to do"``.

It is to be run in a project in which `ctxuse setup claude-code` has installed the hooks: the SDK
runs Claude Code, and that its hooks, where `setting_sources` has it read the project's settings.
"""

import asyncio
import os
import sys

from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query


async def main() -> None:
    """Ask, and print what is answered in the end."""
    options = ClaudeAgentOptions(
        cwd=os.getcwd(),
        model=os.environ.get("MODEL"),
        setting_sources=["user", "project", "local"],
        allowed_tools=["Read", "Bash", "Skill"],
        permission_mode="dontAsk",
    )
    async for message in query(prompt=sys.argv[1], options=options):
        if isinstance(message, ResultMessage):
            print(message.result)


asyncio.run(main())
