"""Worktrees of a project in which sessions began."""

import os
from collections.abc import Iterable

from ctxuse.hosts.host import Host
from ctxuse.hosts.paths import holds, parts_below
from ctxuse.worktrees import Worktree, worktree_of


def worktree_of_ours(directory: str, root: str, hosts: Iterable[Host]) -> Worktree | None:
    """Return the worktree that a directory is in, or was: one whose main checkout holds the root.

    Of one that is gone the agent's own folder of worktrees tells.
    """
    found = worktree_of(directory)
    if found is not None:
        return found if holds(found.main, root) else None
    return worktree_of_agent(os.path.normpath(directory), root, hosts)


def worktree_of_agent(path: str, root: str, hosts: Iterable[Host]) -> Worktree | None:
    """Return the worktree that an absolute path is in by its name alone, where agents make them."""
    for host in hosts:
        top = os.path.join(root, host.worktrees)
        below = parts_below(path, top) if host.worktrees else None
        if below:
            return Worktree(os.path.join(top, below[0]), root)
    return None
