"""`ctxuse setup`: install the hooks of an agent."""

import os
import shutil
import sys
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.errors import SetupError
from ctxuse.files import real_path
from ctxuse.hosts.handlers import COMMAND
from ctxuse.hosts.installation import how_to_remove, installed
from ctxuse.hosts.parts import hosts_with, installation_of
from ctxuse.hosts.places import Places
from ctxuse.importing import began_in, sessions
from ctxuse.processes import outside, program_named
from ctxuse.render.words import plural
from ctxuse.setup import change, settings
from ctxuse.setup.difference import difference
from ctxuse.setup.version import version_of
from ctxuse.visible import quoted, visible
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.hosts.host import Version
    from ctxuse.hosts.installation import Installation, Installed
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.setup.settings import SettingsFile


@click.command("setup")
@click.argument("host", type=click.Choice(hosts_with("install")))
@common.workspace_option
@click.option("--user", is_flag=True, help="For all your projects, in your own settings.")
@click.option(
    "--everywhere",
    is_flag=True,
    help="With --user: write in projects without .yoi/memory/, too, and make it there.",
)
@click.option("--remove", is_flag=True, help="Take the hooks out again.")
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(  # noqa: PLR0913 - these are its options
    *,
    host: str,
    layout: "WorkspaceLayout",
    user: bool,
    everywhere: bool,
    remove: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Make an agent's hooks record what enters its context.

    Shows the change to the agent's settings, asks, keeps a copy of the file and replaces it in one
    step; everything else in it stays as it is (--remove also takes out lists and objects that are
    then empty). Without --user the hooks are the project's, and the
    project becomes a workspace.

    \b
    Examples:
      ctxuse setup claude-code              for this project
      ctxuse setup claude-code --user       for all your projects that are workspaces
      ctxuse setup codex --dry-run
      ctxuse setup claude-code --remove
    """
    if everywhere and not user:
        raise click.UsageError("--everywhere goes with --user: a project has one place to write")
    agent = installation_of(host)
    places = Places(layout)
    common.require_writing("setup")
    if not user:
        common.require_project(places, "Use --user for your own settings, or go into a project")
    path = agent.user_file(places) if user else agent.project_file(places)
    file = settings.read(path, project=None if user else places.root)
    if remove:
        text = change.without_hooks(file)
        if text == file.text:
            common.note(f"no hook of ctxuse in {quoted(path)}: nothing to remove")
            return
        text = change.without_left_over(text, agent)
    else:
        version = _version(agent, places)
        there = installed(agent, places)
        if there and not _is_outdated(agent, places, there, file.path, version):
            return
        program = _program(places, for_user=user)
        everywhere = everywhere or any(hook.everywhere for hook in there)
        text = change.with_hooks(file, agent, program, version, everywhere=everywhere)
    _show(file, text)
    makes_workspace = not user and not remove and not layout.has_marker
    if makes_workspace:
        common.note(f"makes the workspace {quoted(os.fspath(layout.memory_dir))}, too")
    if dry_run or not (yes or _agreed()):
        common.note("nothing was written")
        return
    if makes_workspace:
        Workspace(layout).init()
    _write(file, text)
    if not remove:
        common.note(agent.afterwards)
        _offer_import(agent, places, for_user=user)


def _write(file: "SettingsFile", text: str) -> None:
    copy = settings.replace(file, text) if text else settings.remove(file)
    common.note(f"{'wrote' if text else 'took away'} {quoted(file.path)}")
    if copy is not None:
        common.note(f"what was there before is in {quoted(copy)}")


def _version(agent: "Installation", places: Places) -> "Version | None":
    """The version of the agent that is here; what it does not know yet is left out, and said."""
    found = version_of(agent, os.environ, places.root)
    left_out = [event for event in agent.matchers if event not in agent.groups("", found)]
    if found is not None and left_out:
        number = ".".join(map(str, found))
        common.note(
            f"{agent.title} {number} does not know {', '.join(left_out)}: left out; after an update"
            f" run ctxuse setup {agent.host} again"
        )
    return found


def _is_outdated(
    agent: "Installation",
    places: Places,
    hooks: "list[Installed]",
    path: str,
    version: "Version | None",
) -> bool:
    """Whether the hooks that are there are to be brought up to date; that they are there is said.

    Raises:
        SetupError: They are, and some stand in other files.
    """
    files = sorted({found.file for found in hooks})
    where = ", ".join(quoted(file) for file in files)
    remove = how_to_remove(agent, places, files)
    there = {hook.event for hook in hooks}
    missing = [event for event in agent.groups("", version) if event not in there]
    outdated = any(hook.is_outdated and hook.file == path for hook in hooks)
    text = f"the hooks for {agent.title} are installed already, in {where}"
    if outdated and not missing:
        common.note(f"{text}, by an older version: they are brought up to date")
        return True
    if missing:
        if all(real_path(file) == path for file in files):
            common.note(f"{text}, but not for {', '.join(missing)}: they are brought up to date")
            return True
        raise SetupError(f"{text}, but not for {', '.join(missing)}. First take them out: {remove}")
    common.note(f"{text}. To take them out: {remove}")
    if not places.layout.has_marker:
        common.note("this is no workspace yet, so they record nothing here: ctxuse init")
    _offer_import(agent, places, for_user=False)
    return False


def _offer_import(agent: "Installation", places: Places, *, for_user: bool) -> None:
    """Say which command brings in the sessions of before, if there are any."""
    found = [*sessions(agent.host, places)] if agent.host in hosts_with("transcript") else []
    kept = [s.path for s in found if s.root] if for_user else began_in(places.layout, found)
    if kept:
        number = plural(len(kept), "transcript")
        every = " --all" if for_user else ""
        init = "" if for_user or places.layout.has_marker else " --init"
        common.note(
            f"{agent.title} keeps {number} of sessions before: ctxuse import"
            f" {agent.host}{every}{init} brings them in"
        )


def _program(places: Places, *, for_user: bool) -> str:
    """How the hook is called: by name in settings that a project shares, else by its path."""
    beside = os.path.join(os.path.dirname(sys.executable), COMMAND)
    on_path = program_named(COMMAND, outside(os.environ, places.root))
    found = on_path or (beside if os.path.isfile(beside) else None)
    if found is None:
        raise SetupError(f"{COMMAND} is not on the path; install ctxuse with pip or uv")
    if for_user:
        return os.path.abspath(found)
    if shutil.which(COMMAND) is None:
        common.note(f"{COMMAND} is not on this shell's path; the agent needs it on its own")
    return COMMAND


def _show(file: "SettingsFile", text: str) -> None:
    name = file.path if file.exists else os.devnull
    lines = difference(file.text, text, name, file.path)
    common.show("".join(visible(line.expandtabs(4)) + "\n" for line in lines))


def _agreed() -> bool:
    if not common.can_ask():
        raise click.UsageError("cannot ask here: --yes writes it, --dry-run only shows it")
    return click.confirm("Write this?", err=True)
