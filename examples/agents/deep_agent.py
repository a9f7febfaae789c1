"""A deep agent of LangChain whose context is recorded: ``python deep_agent.py "What to do"``.

It is to be run in a project; `pip install 'ctxuse[langchain]' deepagents langchain-openai`.
"""

import os
import sys
from uuid import uuid4

from deepagents import create_deep_agent
from deepagents.backends import LocalShellBackend
from langchain_openai import ChatOpenAI

from ctxuse import Workspace
from ctxuse.integrations.langchain import CtxuseCallback

root = os.getcwd()
agent = create_deep_agent(
    ChatOpenAI(model=os.environ.get("MODEL", "gpt-5.4"), use_responses_api=False),
    system_prompt="You repair bicycles.",
    memory=[f"{root}/AGENTS.md"],
    skills=[f"{root}/.agents/skills/"],
    backend=LocalShellBackend(root_dir=root, virtual_mode=False, inherit_env=True),
)

workspace = Workspace.find()
workspace.init()
segment = workspace.segment(f"run-{uuid4()}", host="deepagents", actor="agent")
answer = agent.invoke(
    {"messages": [{"role": "user", "content": sys.argv[1]}]},
    config={"callbacks": [CtxuseCallback(segment)]},
)
print(answer["messages"][-1].content)
