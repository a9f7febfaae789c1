"""Linked worktrees of git: what lies in one stands for what lies in its main checkout.

A worktree's ``.git`` is a file that names a directory of the main checkout's ``.git``, and a file
there names the worktree back. Both must agree: what a repository brings along must not lead
anywhere else. Part of the way of a hook: git itself is not asked.
"""

import os

from ctxuse.files import read_small, upwards
from ctxuse.typed import NamedTuple

_LONGEST = 4096
_NAMES = "gitdir:"


class Worktree(NamedTuple):
    """A linked worktree.

    Attributes:
        root: Its directory.
        main: That of the main checkout.
    """

    root: str
    main: str

    def in_main(self, path: str) -> str:
        """Return where in the main checkout a path of the worktree is; others as they are."""
        return _moved(path, self.root, self.main)

    def in_it(self, path: str) -> str:
        """Return where in the worktree a path of the main checkout is; others as they are."""
        return _moved(path, self.main, self.root)


def _moved(path: str, there: str, here: str) -> str:
    if path == there:
        return here
    below = path.removeprefix(os.path.join(there, ""))
    return path if below == path else os.path.join(here, below)


def worktree_of(directory: str) -> Worktree | None:
    """Return the linked worktree that an absolute path lies in; None where it lies in none."""
    for above in upwards(os.path.normpath(directory)):
        if os.path.lexists(os.path.join(above, ".git")):
            return _linked(above)
    return None


def _linked(directory: str) -> Worktree | None:
    """The worktree that a directory with ``.git`` is, if that and the main checkout say so."""
    own = os.path.join(directory, ".git")
    if not os.path.isfile(own):
        return None
    said = _line(own)
    if said is None or not said.startswith(_NAMES):
        return None
    there = os.path.normpath(os.path.join(directory, said.removeprefix(_NAMES).strip()))
    back, common = _line(os.path.join(there, "gitdir")), _line(os.path.join(there, "commondir"))
    if back is None or common is None:
        return None
    git = os.path.normpath(os.path.join(there, common))
    is_main = os.path.basename(git) == ".git" and os.path.dirname(there) == os.path.join(
        git, "worktrees"
    )
    try:
        agree = os.path.samefile(os.path.join(there, back), own)
    except (OSError, ValueError):
        return None
    return Worktree(directory, os.path.dirname(git)) if agree and is_main else None


def _line(path: str) -> str | None:
    """The line that a small file holds; None for anything else."""
    try:
        text = read_small(path, _LONGEST).decode()
    except (OSError, UnicodeDecodeError):
        return None
    line = text.removesuffix("\n")
    return None if "\n" in line or "\0" in line else line
