"""Which projects there are: where agents had sessions, and what a directory is in.

A project is a workspace, else a repository of git, else the directory in which a session began.
"""

import os
from collections.abc import Collection, Iterable

from ctxuse.files import real_path
from ctxuse.hosts.parts import hosts_with
from ctxuse.hosts.places import Places
from ctxuse.importing import Session, sessions
from ctxuse.layout import WorkspaceLayout
from ctxuse.worktrees import worktree_of


def all_sessions(places: Places, unreadable: list[tuple[str, str]]) -> list[Session]:
    """Return the transcripts of all agents that say where their sessions began.

    Args:
        places: Where agents keep them.
        unreadable: Transcripts, and directories of them, that cannot be read are added to it, each
            with the reason.
    """
    found = [one for host in hosts_with("transcript") for one in sessions(host, places)]
    unreadable += [(one.path, one.error) for one in found if one.error is not None]
    return [one for one in found if one.began is not None]


def project_of(directory: str, places: Places) -> str | None:
    """Return the root of the project that a directory is in: a workspace, else a repository.

    The home directory and those above it are none.
    """
    layout = WorkspaceLayout.find(directory)
    if layout.has_marker and not places.is_above_projects(os.fspath(layout)):
        return os.fspath(layout)
    worktree = worktree_of(directory)
    found = directory if worktree is None else worktree.main
    while not places.is_above_projects(found):
        if os.path.lexists(os.path.join(found, ".git")):
            return found
        found = os.path.dirname(found)
    return None


def roots(found: Collection[Session], places: Places) -> list[str]:
    """Return the project of each session: the directory itself where there is nothing above."""
    known: dict[str, str] = {}
    for session in found:
        began = session.began or ""
        if began not in known:
            known[began] = project_of(began, places) or began
    return [known[session.began or ""] for session in found]


def project_here(directory: str, known: Iterable[str], places: Places) -> str | None:
    """Return the root of the project that a directory is in; None where it is in none.

    Args:
        directory: The directory.
        known: The roots of projects in which there were sessions.
        places: For what is no project: the home directory.
    """
    found = project_of(directory, places)
    real = {real_path(root) for root in set(known)}
    while found is None and not places.is_above_projects(directory):
        found = directory if real_path(directory) in real else None
        directory = os.path.dirname(directory)
    return found
