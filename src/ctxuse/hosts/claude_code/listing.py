"""What Claude Code puts into every context, derived from the disk when a session starts.

No hook tells of it: the skills, listed by name and description, and the index of its own memory.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageRecordSnapshot
from ctxuse.files import read_small
from ctxuse.hosts.payload import size
from ctxuse.hosts.skills import described
from ctxuse.places import Places, RecordFile

LISTING_BUDGET = 8_000
"""Characters of descriptions that the host lists: 1 % of a context window of 200,000 tokens. Over
that it leaves descriptions out, and which ones is not known."""

LONGEST_DESCRIPTION = 1_536
"""Characters of a description that are listed."""

MEMORY_LINES, MEMORY_BYTES = 200, 25 * 1024
"""How much of the index of its memory the host puts into a context."""


def resident(
    places: Places, transcript: str | None, environ: Mapping[str, str]
) -> list[UsageRecordSnapshot]:
    """Return the records that stand in the context of a session that starts now.

    Args:
        places: The places of the workspace.
        transcript: The path of the session's transcript, which lies beside the memory.
        environ: The environment, which can turn the memory off.
    """
    listed = [*_listed(places)]
    over = sum(len(text) for _, text in listed) > LISTING_BUDGET
    found = [record.snapshot(None if over else size(text)) for record, text in listed]
    return [*found, *_memory(places, transcript, environ)]


def _listed(places: Places) -> Iterator[tuple[RecordFile, str]]:
    directories = [
        ("", os.path.join(directory, ".claude", "skills"))
        for directory in places.repository_dirs(places.start)
    ]
    directories.append(("", os.path.join(places.claude_dir, "skills")))
    enabled = _enabled_plugins(places)
    directories += [
        (name, os.path.join(where, "skills"))
        for name, where in places.plugins().items()
        if name in enabled
    ]
    for record in places.skills(directories):
        fields = described(record.file)
        if fields is None or fields.get("disable-model-invocation") is True:
            continue
        texts = [fields.get("description"), fields.get("when_to_use")]
        text = " ".join(" ".join(part.split()) for part in texts if isinstance(part, str))
        yield record, f"{record.slug}: {text[:LONGEST_DESCRIPTION]}" if text else record.slug


def _enabled_plugins(places: Places) -> set[str]:
    found: dict[str, object] = {}
    for settings in _settings(places):
        enabled = settings.get("enabledPlugins")
        found |= enabled if isinstance(enabled, dict) else {}
    return {str(name).split("@", maxsplit=1)[0] for name, on in found.items() if on is True}


def _settings(places: Places) -> list[dict[str, object]]:
    """The settings that hold for the project, those that win last."""
    project = os.path.join(places.start, ".claude")
    paths = (
        os.path.join(places.claude_dir, "settings.json"),
        os.path.join(project, "settings.json"),
        os.path.join(project, "settings.local.json"),
    )
    return [_json(path) for path in paths]


def _json(path: str) -> dict[str, object]:
    try:
        found = json.loads(read_small(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_FRONTMATTER = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*\n", re.DOTALL | re.MULTILINE)


def _memory(
    places: Places, transcript: str | None, environ: Mapping[str, str]
) -> Iterator[UsageRecordSnapshot]:
    if environ.get("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "0") not in {"", "0"}:
        return
    said = [settings.get("autoMemoryEnabled") for settings in _settings(places)]
    if [value for value in said if isinstance(value, bool)][-1:] == [False]:
        return
    directories = [places.claude_memory_dir(d) for d in places.repository_dirs(places.start)[-1:]]
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
            yield record.snapshot(_in_context(data))
        return


def _in_context(data: bytes) -> int:
    """How many bytes of the index the host puts into a context."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _without_comments(_FRONTMATTER.sub("", text, count=1))
    lines = text.splitlines(keepends=True)[:MEMORY_LINES]
    return min(len("".join(lines).encode()), MEMORY_BYTES)


def _without_comments(text: str) -> str:
    """`text` without the comments that stand at the beginning of a line."""
    parts: list[str] = []
    position = 0
    while True:
        begin = 0 if text.startswith("<!--", position) and not position else -1
        begin = begin if begin == 0 else text.find("\n<!--", max(position - 1, 0)) + 1
        end = text.find("-->", begin) if begin or text.startswith("<!--") else -1
        if end < 0 or (not begin and position):
            return "".join([*parts, text[position:]])
        parts.append(text[position:begin])
        position = end + len("-->")
        if text.startswith("\n", position):
            position += 1
