"""What of records stands in the system prompt that OpenCode sends (version 1.18).

Our plugin is handed it as it is sent. Behind the host's own words stand instruction files, each
under its path, then what MCP servers say, then the skills.
"""

import os
import re
from collections.abc import Iterator
from html import unescape
from itertools import islice

from ctxuse.events import UsageRecordSnapshot
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.lookup import file_text, size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import MCP, RecordFile, skill_name

_FILE = re.compile(r"^Instructions from: (/[^\n]{1,4096})\n", re.MULTILINE)
_SKILLS, _BEHIND_SKILLS = "\n<available_skills>\n", "\n</available_skills>"
_ENTRY, _BEHIND_ENTRY = "  <skill>\n", "\n  </skill>"
_NAME = re.compile(r"    <name>([^\n]{1,256})</name>\n")
_WHERE = re.compile(r"\n    <location>([^\n]{1,4096})</location>\Z")
_SERVERS, _BEHIND_SERVERS = "\n<mcp_instructions>\n", "\n</mcp_instructions>"
_SERVER, _BEHIND_SERVER = '  <server name="', "\n  </server>"
_LONGEST_NAME, _LONGEST_PATH = 256, 5000
_MOST_FILES = 200
"""So many lines that name a file are looked up, the first: a file may hold as many as it likes."""


def standing(text: str, origin: Origin) -> Iterator[UsageRecordSnapshot]:
    """Yield what stands in a system prompt, each record once."""
    seen: set[tuple[str, str]] = set()
    for record, length in (*_instructions(text, origin), *_servers(text), *_skills(text, origin)):
        if (record.kind, record.slug) not in seen:
            seen.add((record.kind, record.slug))
            yield record.snapshot(length)


def _instructions(text: str, origin: Origin) -> Iterator[tuple[RecordFile, int | None]]:
    """The instruction files: what follows a path must be what its file holds."""
    for found in islice(_FILE.finditer(text), _MOST_FILES):
        content = file_text(found[1], "utf-8-sig")
        record = origin.places.instructions_at(found[1])
        if record is not None and content and text.startswith(content, found.end()):
            yield record, size(content.rstrip("\n"))


def _skills(text: str, origin: Origin) -> Iterator[tuple[RecordFile, int | None]]:
    """The skills that are listed: of each the bytes of its entry."""
    listed = _last(text, _SKILLS, _BEHIND_SKILLS)
    for entry in _entries(listed, _ENTRY, _BEHIND_ENTRY):
        said, where = _NAME.match(entry), _WHERE.search(entry[-_LONGEST_PATH:])
        if said is None or where is None:
            continue
        path, name = unescape(where[1]), skill_name(said[1])
        records = origin.records([path]) if os.path.isabs(path) else []
        if records or name is not None:
            length = size(f"{_ENTRY}{entry}{_BEHIND_ENTRY}")
            yield records[0] if records else origin.skill(name or ""), length


def _servers(text: str) -> Iterator[tuple[RecordFile, int | None]]:
    """The MCP servers that say something; ours tells of itself."""
    told = _last(text, _SERVERS, _BEHIND_SERVERS)
    for entry in _entries(told, _SERVER, _BEHIND_SERVER):
        name = entry.partition('">\n')[0]
        if 0 < len(name) <= _LONGEST_NAME and "\n" not in name and not is_ours(name):
            yield RecordFile(MCP, name, "", ""), size(f"{_SERVER}{entry}{_BEHIND_SERVER}")


def _entries(text: str, begin: str, end: str) -> Iterator[str]:
    """What stands between each `begin` of a line and the end behind it."""
    for part in f"\n{text}".split(f"\n{begin}")[1:]:
        entry, is_whole, _ = part.partition(end)
        if is_whole:
            yield entry


def _last(text: str, begin: str, end: str) -> str:
    """What stands between the last `begin` and the end behind it; files may hold such, too."""
    at = text.rfind(begin)
    return text[at + len(begin) - 1 : text.find(end, at)] if at >= 0 else ""
