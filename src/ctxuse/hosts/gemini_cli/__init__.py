"""Gemini CLI. Its MCP client's name is followed by the server's in some versions."""

from collections.abc import Iterator

from ctxuse.hosts.host import Host, Records

NAME = "gemini-cli"
"""The agent, as events name it."""


def project_name(project: str) -> str:
    """Return the name of the folder in which it keeps what it knows of a project.

    Of several projects whose directories have one name all but the first have a number behind it.
    """
    name = project.rpartition("/")[2].lower()
    signs = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name)
    return "-".join(filter(None, signs.split("-"))) or "project"


def imports(text: str) -> Iterator[str]:
    """Yield the paths of the files that an instruction file takes in (``@docs/style.md``).

    What stands in code is none.
    """
    if "@" not in text:
        return
    # What it compiles costs a hook half a millisecond.
    from ctxuse.hosts.gemini_cli.code import named_outside  # noqa: PLC0415

    yield from named_outside(text)


def instructions_delivered(*_: object) -> int:
    """Return how many characters of an MCP server's instructions are known to reach a context.

    They stand in the message with which a session begins, if the server has started by then: in a
    terminal it mostly has not. The transcript holds that message; nothing that a server is told
    says which it is.
    """
    return 0


HOST = Host(
    name=NAME,
    config_dir=".gemini",
    of_user=Records(
        skills=("~/.agents/skills", "skills"),
        instructions=("GEMINI.md",),
        memories=("tmp/{project}/memory",),
        agents=("agents",),
    ),
    of_project=Records(
        skills=(".agents/skills", ".gemini/skills"),
        instructions=("GEMINI.md",),
        agents=(".gemini/agents",),
    ),
    imports=imports,
    worktrees=".gemini/worktrees",
    transcripts=("tmp",),
    user_hooks="settings.json",
    project_name=project_name,
    project_variable="GEMINI_PROJECT_DIR",
    mcp_client="gemini-cli-mcp-client",
    instructions_delivered=instructions_delivered,
)
