"""What the listings of agents are derived from: skills on the disk, and what these say."""

import os
from collections.abc import Mapping

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.records import MAX_RECORD
from ctxuse.smallfile import read_small


def described(path: str) -> Mapping[object, object] | None:
    """Return the frontmatter of a skill's file; None when it cannot be read.

    Frontmatter that cannot be understood is as good as none.
    """
    try:
        data = read_small(path, MAX_RECORD)
    except OSError:
        return None
    try:
        return take_apart("skill", path, data).fields
    except BrokenRecordError:
        return {}


def repository_dirs(start: str) -> list[str]:
    """Return `start` and the directories above it up to that of the git repository.

    Where there is none, `start` alone.
    """
    found = [start]
    while not os.path.lexists(os.path.join(found[-1], ".git")):
        above = os.path.dirname(found[-1])
        if above == found[-1]:
            return [start]
        found.append(above)
    return found
