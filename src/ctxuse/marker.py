"""Making a workspace: the marker directory, and what git is told of the log.

What git is told lies inside ``_usage/``, which is opaque to other tools, rather than beside the
records, where every other file would be a misplaced record.
"""

import os
from contextlib import suppress
from pathlib import Path

from ctxuse.layout import WorkspaceLayout

_HEAD = "# Written by `ctxuse init`.\n"

_IGNORE_ALL = _HEAD + "*\n"
_IGNORE_TEMPORARY = _HEAD + "*\n!.gitignore\n!.gitattributes\n!events.jsonl\n!events.*.jsonl\n"
_MERGE_AS_UNION = _HEAD + "*.jsonl merge=union -text\n"


def make_workspace(layout: WorkspaceLayout, *, track: bool) -> bool:
    """Make the workspace and return whether there was none before; see `Workspace.init`."""
    made = not layout.has_marker
    layout.memory_dir.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        layout.usage_dir.mkdir(mode=0o700)
    _write(layout.usage_dir / ".gitignore", _IGNORE_TEMPORARY if track else _IGNORE_ALL)
    _write(layout.usage_dir / ".gitattributes", _MERGE_AS_UNION if track else None)
    return made


def _write(path: Path, text: str | None) -> None:
    """Make `path` hold `text`, or not exist; leave it alone when it is not ours."""
    try:
        ours = path.read_text(encoding="utf-8", errors="replace").startswith(_HEAD)
    except FileNotFoundError:
        ours = True
    if not ours or path.is_symlink():
        return
    if text is None:
        path.unlink(missing_ok=True)
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
