"""What Claude Code puts into every context, derived from the disk when a session starts.

No hook tells of it: the skills, listed by name and description, and the index of its own memory.
"""

import os
from collections.abc import Iterator

from ctxuse.events import UsageRecordSnapshot
from ctxuse.files import read_small
from ctxuse.hosts.claude_code import NAME, project_name
from ctxuse.hosts.claude_code.loaded import index_bytes
from ctxuse.hosts.listing import described, described_skills, repository_dirs
from ctxuse.hosts.lookup import at, size, stored
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile

LISTING_BUDGET = 8_000
"""Characters of descriptions that the host lists: 1 % of a context window of 200,000 tokens. Over
that it leaves descriptions out, and which ones is not known."""

LONGEST_DESCRIPTION = 1_536
"""Characters of a description that are listed."""


def resident(places: Places, transcript: str | None) -> list[UsageRecordSnapshot]:
    """Return the records that stand in the context of a session that starts now.

    Args:
        places: The places of the workspace.
        transcript: The path of the session's transcript, which lies beside the memory.
    """
    listed = [*_listed(places)]
    over = sum(len(text) for _, text in listed) > LISTING_BUDGET
    found = [record.snapshot(None if over else size(text)) for record, text in listed]
    return [*found, *_memory(places, transcript)]


def _listed(places: Places) -> Iterator[tuple[RecordFile, str]]:
    directories = [
        ("", os.path.join(directory, ".claude", "skills"))
        for directory in repository_dirs(places.start)
    ]
    directories.append(("", os.path.join(places.config_dirs[NAME], "skills")))
    enabled = _enabled_plugins(places)
    directories += [
        (name, os.path.join(where, "skills"))
        for name, where in places.plugins().items()
        if name in enabled
    ]
    for record, fields in described_skills(places, directories):
        if fields.get("disable-model-invocation") is not True:
            text = described(fields, "description", "when_to_use", between=" - ")
            if len(text) > LONGEST_DESCRIPTION:
                text = text[: LONGEST_DESCRIPTION - 1] + "\N{HORIZONTAL ELLIPSIS}"
            yield record, f"- {record.slug}: {text}" if text else f"- {record.slug}"


def _enabled_plugins(places: Places) -> set[str]:
    found: dict[str, object] = {}
    for settings in _settings(places):
        enabled = at(settings, "enabledPlugins")
        found |= enabled if isinstance(enabled, dict) else {}
    return {str(name).split("@", maxsplit=1)[0] for name, on in found.items() if on is True}


def _settings(places: Places) -> list[object]:
    """The settings that hold for the project, those that win last."""
    project = os.path.join(places.start, ".claude")
    paths = (
        os.path.join(places.config_dirs[NAME], "settings.json"),
        os.path.join(project, "settings.json"),
        os.path.join(project, "settings.local.json"),
    )
    return [stored(path) for path in paths]


def _memory(places: Places, transcript: str | None) -> Iterator[UsageRecordSnapshot]:
    if places.environ.get("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "0") not in {"", "0"}:
        return
    said = [at(settings, "autoMemoryEnabled") for settings in _settings(places)]
    if [value for value in said if isinstance(value, bool)][-1:] == [False]:
        return
    directories = [memory_dir(places, d) for d in repository_dirs(places.start)[-1:]]
    if transcript is not None:
        beside = os.path.join(os.path.dirname(places.absolute(transcript)), "memory")
        directories.insert(0, beside)
    for directory in directories:
        path = os.path.join(directory, "MEMORY.md")
        record = places.record_at(path)
        try:
            data = read_small(path)
        except OSError:
            continue
        if record is not None and data.strip():
            yield record.snapshot(index_bytes(data))
        return


def memory_dir(places: Places, project: str) -> str:
    """Return where Claude Code keeps its own memory of `project`."""
    return os.path.join(places.config_dirs[NAME], "projects", project_name(project), "memory")
