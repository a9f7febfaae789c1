"""Making a workspace: the marker directory, and what git is told of the log.

What git is told lies inside ``_usage/``, which is opaque to other tools, rather than beside the
records, where every other file would be a misplaced record.
"""

import os
from contextlib import suppress

from ctxuse.files import closing_fd, replacing
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.opening import open_regular, open_usage_dir

_HEAD = b"# Written by `ctxuse init`.\n"

_IGNORE_ALL = _HEAD + b"*\n"
_IGNORE_TEMPORARY = _HEAD + b"*\n!.gitignore\n!.gitattributes\n!events.jsonl\n!events.*.jsonl\n"
_MERGE_AS_UNION = _HEAD + b"*.jsonl merge=union -text\n"


def make_workspace(layout: WorkspaceLayout, *, track: bool) -> bool:
    """Make the workspace and return whether there was none before; see `Workspace.init`."""
    made = not layout.has_marker
    with closing_fd(open_usage_dir(os.fspath(layout), create=True)) as directory:
        _write(".gitignore", directory, _IGNORE_TEMPORARY if track else _IGNORE_ALL)
        _write(".gitattributes", directory, _MERGE_AS_UNION if track else None)
    return made


def _write(name: str, directory: int, content: bytes | None) -> None:
    """Make the file hold `content`, or not exist; leave it alone when it is not ours."""
    with (
        suppress(FileNotFoundError),
        closing_fd(open_regular(name, directory, os.O_RDONLY)) as present,
    ):
        if not os.read(present, len(_HEAD)).startswith(_HEAD):
            return
    if content is None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        return
    with replacing(name, dir_fd=directory) as file:
        file.write(content)
