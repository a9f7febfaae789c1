"""Frameworks of others that agents are made with: each hands a segment what entered a context.

`langchain` (also for deepagents and LangGraph), `openai_agents` and `pydantic_ai` are imported by
who uses them, each with its extra. None of them names a record: what stood in a system prompt and
in the answer of a tool is looked at by the segment (`ctxuse.segment`).
"""
