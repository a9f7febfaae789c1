"""An agent of pydantic-ai whose context is recorded: ``python pydantic_agent.py "What to do"``.

It is to be run in a project; `pip install 'ctxuse[pydantic-ai]' 'pydantic-ai-slim[openai]'`.
"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from pydantic_ai import Agent, ModelRetry
from pydantic_ai.models.openai import OpenAIChatModel

from ctxuse import Workspace
from ctxuse.integrations.pydantic_ai import ctxuse_hooks

workspace = Workspace.find()
workspace.init()
segment = workspace.segment(f"run-{uuid4()}", host="pydantic-ai", actor="agent")
agent = Agent(
    OpenAIChatModel(os.environ.get("MODEL", "gpt-5.4")),
    system_prompt="You repair bicycles.",
    instructions=Path("AGENTS.md").read_text(encoding="utf-8"),
    capabilities=[ctxuse_hooks(segment)],
    retries=3,
)


@agent.tool_plain
def read_file(file_path: str) -> str:
    """Read a file."""
    try:
        return Path(file_path).read_text(encoding="utf-8")
    except OSError as error:
        raise ModelRetry(str(error)) from error


@agent.tool_plain
def execute(command: str) -> str:
    """Run a command."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


print(agent.run_sync(sys.argv[1]).output)
