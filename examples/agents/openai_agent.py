"""An agent of openai-agents whose context is recorded: ``python openai_agent.py "What to do"``.

It is to be run in a project; `pip install 'ctxuse[openai-agents]'`.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

from ctxuse import Workspace
from ctxuse.integrations.openai_agents import CtxuseHooks


@function_tool
def read_file(file_path: str) -> str:
    """Read a file."""
    return Path(file_path).read_text(encoding="utf-8")


@function_tool
def execute(command: str) -> str:
    """Run a command."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


set_tracing_disabled(disabled=True)
agent = Agent(
    name="mechanic",
    instructions="You repair bicycles.\n\n" + Path("AGENTS.md").read_text(encoding="utf-8"),
    model=OpenAIChatCompletionsModel(os.environ.get("MODEL", "gpt-5.4"), AsyncOpenAI()),
    tools=[read_file, execute],
)

workspace = Workspace.find()
workspace.init()
segment = workspace.segment(f"run-{uuid4()}", host="openai-agents", actor="agent")
print(asyncio.run(Runner.run(agent, sys.argv[1], hooks=CtxuseHooks(segment))).final_output)
