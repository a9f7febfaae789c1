"""What Claude Code puts into every context, derived from the disk when a session starts.

No hook tells of it: the skills, listed by name and description, and the index of its own memory.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageRecordSnapshot
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
    found = [
        record.snapshot(None if over else len(text.encode("utf-8", "replace")))
        for record, text in listed
    ]
    return [*found, *_memory(places, transcript, environ)]


def _listed(places: Places) -> Iterator[tuple[RecordFile, str]]:
    directories = [
        ("", os.path.join(directory, ".claude", "skills"))
        for directory in places.repository_dirs(places.root)
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
    project = os.path.join(places.root, ".claude")
    for path in (
        os.path.join(places.claude_dir, "settings.json"),
        os.path.join(project, "settings.json"),
        os.path.join(project, "settings.local.json"),
    ):
        settings = _json(path)
        enabled = settings.get("enabledPlugins")
        found |= enabled if isinstance(enabled, dict) else {}
    return {str(name).split("@", maxsplit=1)[0] for name, on in found.items() if on is True}


def _json(path: str) -> dict[str, object]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_COMMENT = re.compile(r"^<!--.*?-->[ \t]*\n?", re.DOTALL | re.MULTILINE)
_FRONTMATTER = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*\n", re.DOTALL | re.MULTILINE)


def _memory(
    places: Places, transcript: str | None, environ: Mapping[str, str]
) -> Iterator[UsageRecordSnapshot]:
    if environ.get("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "0") not in {"", "0"}:
        return
    settings = _json(os.path.join(places.claude_dir, "settings.json"))
    if settings.get("autoMemoryEnabled") is False:
        return
    directories = [places.claude_memory_dir(d) for d in places.repository_dirs(places.root)[-1:]]
    if transcript is not None:
        beside = os.path.join(os.path.dirname(places.absolute(transcript)), "memory")
        directories.insert(0, beside)
    for directory in directories:
        path = os.path.join(directory, "MEMORY.md")
        record = places.record_at(path)
        try:
            with open(path, "rb") as file:
                data = file.read(1024 * 1024)
        except OSError:
            continue
        if record is not None and data.strip():
            yield record.snapshot(_in_context(data))
        return


def _in_context(data: bytes) -> int:
    """How many bytes of the index the host puts into a context."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _COMMENT.sub("", _FRONTMATTER.sub("", text, count=1))
    lines = text.splitlines(keepends=True)[:MEMORY_LINES]
    return min(len("".join(lines).encode()), MEMORY_BYTES)
