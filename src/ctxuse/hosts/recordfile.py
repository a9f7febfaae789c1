"""A record that has a file: what it is called, and how large it is now."""

import os

from ctxuse.events import UsageRecordSnapshot
from ctxuse.files import real_path
from ctxuse.patterns import pattern
from ctxuse.typed import NamedTuple

SKILL, INSTRUCTIONS, MEMORY = "skill", "instructions", "memory"
COMMAND, AGENT = "command", "agent"
MCP, OUTPUT_STYLE = "mcp", "output-style"
OTHER_KINDS = (SKILL, INSTRUCTIONS, MEMORY, COMMAND, AGENT, MCP, OUTPUT_STYLE)
"""The kinds of the records that are not in ``.yoi``."""

BROUGHT_ALONG = (SKILL, COMMAND, AGENT)
"""The kinds of which agents bring along some that have no file."""

SKILL_FILE = "SKILL.md"


class RecordFile(NamedTuple):
    """A record that has a file.

    Attributes:
        kind: One of the five kinds, or of `OTHER_KINDS`.
        slug: Its name within the kind, as in events.
        file: The file that is the record; for a skill its ``SKILL.md``.
        named: The file that was asked about: `file`, or another file of the skill.
    """

    kind: str
    slug: str
    file: str
    named: str

    def snapshot(self, context_bytes: int | None = None) -> UsageRecordSnapshot:
        """Return the snapshot of the record as its file is now; its size unknown if it is gone.

        How many bytes of it entered the context is said where it is known.
        """
        if context_bytes is None and self.named != self.file:
            context_bytes = file_size(self.named)
        size = file_size(self.file)
        if size is None:
            return UsageRecordSnapshot(
                self.kind, self.slug, 0, 0, context_bytes=context_bytes, size_from="unknown"
            )
        snapshot = UsageRecordSnapshot.from_size(self.kind, self.slug, size)
        return snapshot if context_bytes is None else snapshot._replace(context_bytes=context_bytes)


class Placed(NamedTuple):
    """What of a record stands in a text.

    Attributes:
        record: The record.
        context_bytes: Bytes of it; None where that is not known.
    """

    record: RecordFile
    context_bytes: int | None


def file_size(path: str) -> int | None:
    """Return the size of a file in bytes; None where there is none."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return None


_SKILL_NAME = pattern(r"(?:[\w@.-]+(?:/[\w@.-]+)*:){0,3}[\w-][\w.-]{0,127}")


def skill_name(said: str | None) -> str | None:
    """Return what a host says as the name of a skill, or None when it cannot be one.

    That is ``pdf``, ``plugin:pdf``, ``plugin:folder:pdf`` or ``apps/web:pdf``, with or without a
    slash before it.
    """
    if said is None:
        return None
    name = said.removeprefix("/")
    parts = name.rpartition(":")[0].split("/")
    if len(name) > _LONGEST_NAME or _SKILL_NAME.fullmatch(name) is None:
        return None
    return None if any(part in {".", ".."} for part in parts) else name


_LONGEST_NAME = 256


def plugin_name(parts: list[str]) -> str:
    """The name of a plugin that lies there below an agent's folder of plugins.

    That is ``cache/<market>/<plugin>/<version>``, whatever the version looks like; elsewhere only a
    number is taken for one.
    """
    if parts[0] == "cache" and len(parts) == len(("cache", "market", "plugin", "version")):
        return parts[2]
    is_versioned = len(parts) > 1 and parts[-1][:1].isdigit()
    return parts[-2] if is_versioned else parts[-1]


_DEEPEST_SKILL = 6
"""Folders in which a skill may lie in a directory of skills; Codex looks that deep."""


def skill_of(
    path: str, directory: str, below: list[str], prefix: str, *, lenient: bool
) -> RecordFile | None:
    """Return the skill that a file belongs to; None if it belongs to none.

    Args:
        path: The file.
        directory: A directory of skills.
        below: The parts of the path below that, two at least.
        prefix: What stands before the names of its skills.
        lenient: Whether it is one also where its ``SKILL.md`` is not there now.
    """
    for depth in range(1, min(len(below), _DEEPEST_SKILL + 1)):
        file = os.path.join(directory, *below[:depth], SKILL_FILE)
        if path == file or os.path.isfile(file):
            name = _own_name(os.path.dirname(file))
            return RecordFile(SKILL, f"{prefix}:{name}" if prefix else name, file, path)
    if not lenient:
        return None
    file = os.path.join(directory, below[0], SKILL_FILE)
    return RecordFile(SKILL, f"{prefix}:{below[0]}" if prefix else below[0], file, path)


def _own_name(folder: str) -> str:
    """The name of a skill by its folder; where that is a link to another folder of skills, of that.

    Agents share skills by links: what is one file is one record, whatever a link is called, unless
    another skill beside the link has the name.
    """
    name = os.path.basename(folder)
    if not os.path.islink(folder):
        return name
    target = real_path(folder)
    of_skills = os.path.basename(os.path.dirname(target)) == os.path.basename(
        os.path.dirname(folder)
    )
    own = os.path.basename(target)
    beside = os.path.join(os.path.dirname(folder), own)
    is_one = (
        of_skills
        and skill_name(own) == own
        and os.path.isfile(os.path.join(target, SKILL_FILE))
        and (not os.path.lexists(beside) or real_path(beside) == target)
    )
    return own if is_one else name
