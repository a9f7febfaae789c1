"""What an agent says of itself. Part of the way of a hook, so nothing expensive is imported."""

import os
from collections.abc import Callable, Iterable, Mapping

from ctxuse.typed import NamedTuple


class Records(NamedTuple):
    """Where an agent keeps records, as paths from some directory on.

    Attributes:
        skills: Directories of skills, each of which is a directory with a file ``SKILL.md``;
            ``~/`` is the home directory.
        instructions: Instruction files.
        rules: Directories in which every Markdown file, however deep, holds instructions.
        memories: Directories in which every Markdown file, however deep, is a memory. The component
            ``{project}`` is a project's name, as `Host.project_name` gives it.
        commands: Directories in which every Markdown file, however deep, is a command.
        agents: Directories in which every Markdown file, however deep, is an agent.
    """

    skills: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


Imports = Callable[[str], Iterable[str]]
"""Takes the text of an instruction file, and gives the paths of files that it takes in: absolute,
below ``~/`` or from its own directory on."""


Version = tuple[int, ...]
"""The numbers of a version."""


class Host(NamedTuple):
    """An agent.

    Attributes:
        name: As events name it.
        config_dir: Its own directory, below the home directory; empty when it has none with
            anything of interest.
        config_variable: The environment variable that names another one, with the path from there
            on where that is not it: ``XDG_CONFIG_HOME/acme``.
        of_user: What it keeps in its own directory.
        of_project: What it keeps in the directories of a project, and those above.
        bundled_skills: A folder among skills in which those are that it brings along.
        plugins: Where its plugins are, from its own directory on.
        installed_plugins: Takes its own directory, gives the names and directories of plugins.
        imports: How its instruction files name others; None where they cannot.
        named_instructions: Takes a project's directory and its own, gives the paths of instruction
            files that its settings there name, absolute; None where they cannot.
        worktrees: Where in a project it makes worktrees of git.
        transcripts: Directories of its transcripts, or files that hold several, from its own
            directory on; ``~/`` is the home directory, ``$NAME`` what an environment variable
            names, if it does.
        transcript_names: How the names of the files of transcripts end.
        user_hooks: The file in which the user's hooks stand, from its own directory on.
        project_name: Takes a project's directory, gives the name of what it keeps of that project.
        project_variable: The environment variable that names the project to what it starts.
        mcp_client: How the name begins that its MCP client gives itself, where that is not `name`.
        gets_prompts_unasked: Whether its MCP client gets the prompts of a server also when nobody
            has asked for one: then what it gets has not entered a context.
        instructions_delivered: Takes its version, the instructions of an MCP server and the id of
            a call of it, None where there is none; gives how many characters of the instructions
            reach the context that the call comes from, None for all. None where all always do.
    """

    name: str
    config_dir: str = ""
    config_variable: str = ""
    of_user: Records = Records()
    of_project: Records = Records()
    bundled_skills: str = ""
    plugins: str = ""
    installed_plugins: Callable[[str], Iterable[tuple[str, str]]] | None = None
    imports: Imports | None = None
    named_instructions: Callable[[str, str], Iterable[str]] | None = None
    worktrees: str = ""
    transcripts: tuple[str, ...] = ()
    transcript_names: tuple[str, ...] = (".jsonl", ".jsonl.zst")
    user_hooks: str = ""
    project_name: Callable[[str], str] = str
    project_variable: str = ""
    mcp_client: str = ""
    gets_prompts_unasked: bool = False
    instructions_delivered: Callable[[Version, str, str | None], int | None] | None = None

    def own_directory(self, environ: Mapping[str, str], home: str) -> str:
        """Return its own directory, absolute; an environment may name another one."""
        named, below = environ.get(self.variable), self.config_variable.partition("/")[2]
        own = os.path.join(named, below) if named else os.path.join(home, self.config_dir)
        return os.path.abspath(own)

    @property
    def variable(self) -> str:
        """The name of the environment variable in `config_variable`."""
        return self.config_variable.partition("/")[0]
