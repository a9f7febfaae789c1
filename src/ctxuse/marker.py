"""Making a workspace: the marker directory, and what git is told of the log.

What git is told lies inside ``_usage/``, which is opaque to other tools, rather than beside the
records, where every other file would be a misplaced record.
"""

import os
from contextlib import suppress

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.place import close, open_regular, open_usage_dir

_HEAD = b"# Written by `ctxuse init`.\n"

_IGNORE_ALL = _HEAD + b"*\n"
_IGNORE_TEMPORARY = _HEAD + b"*\n!.gitignore\n!.gitattributes\n!events.jsonl\n!events.*.jsonl\n"
_MERGE_AS_UNION = _HEAD + b"*.jsonl merge=union -text\n"


def make_workspace(layout: WorkspaceLayout, *, track: bool) -> bool:
    """Make the workspace and return whether there was none before; see `Workspace.init`."""
    made = not layout.has_marker
    directory = open_usage_dir(os.fspath(layout), create=True)
    try:
        _write(".gitignore", directory, _IGNORE_TEMPORARY if track else _IGNORE_ALL)
        _write(".gitattributes", directory, _MERGE_AS_UNION if track else None)
    finally:
        close(directory)
    return made


def _write(name: str, directory: int, content: bytes | None) -> None:
    """Make the file hold `content`, or not exist; leave it alone when it is not ours."""
    with suppress(FileNotFoundError):
        present = open_regular(name, directory, os.O_RDONLY)
        try:
            if not os.read(present, len(_HEAD)).startswith(_HEAD):
                return
        finally:
            close(present)
    if content is None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        return
    fresh = f"{name}.{os.getpid()}.tmp"
    with suppress(FileNotFoundError):  # left by a process of this number that was killed
        os.unlink(fresh, dir_fd=directory)
    descriptor = open_regular(fresh, directory, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(descriptor, content)
    finally:
        close(descriptor)
    os.rename(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)
