"""What of records stands in Pi's system prompt (since 0.86, of which the prompt is in the file).

The prompt is made of sections, of which a session file holds the first ones and, later on, those
that are others.
"""

import os
import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from ctxuse.hosts.between import between
from ctxuse.hosts.lookup import file_text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.pi import APPEND_SYSTEM, FOLDER, NAME, SYSTEM
from ctxuse.hosts.recordfile import SKILL, SKILL_FILE, RecordFile, skill_name
from ctxuse.hosts.texts import Texts

SECTIONS = frozenset({"addendum", "preamble", "project_context", "skills"})
"""The sections that hold something of records."""

_INSTRUCTIONS = re.compile(r'<project_instructions path="([^"\n]{1,4096})">\n')
_END_OF_INSTRUCTIONS = re.compile(
    r'\n</project_instructions>(?=\n\n<project_instructions path="|\n</project_context>\Z)'
)
_SKILL = re.compile(r"^  <skill>\n", re.MULTILINE)
_END_OF_SKILL = re.compile(r"\n  </skill>$", re.MULTILINE)
_NAME = re.compile(r"^    <name>([^<\n]{1,1024})</name>$", re.MULTILINE)
_LOCATION = re.compile(r"^    <location>([^<\n]{1,4096})</location>$", re.MULTILINE)
_ADDED = re.compile(r"\A<addendum>\n(.*)\n</addendum>\Z", re.DOTALL)


class Placed(NamedTuple):
    """What of a record stands in a prompt.

    Attributes:
        record: The record.
        text: That.
        is_whole: Whether it is all of the record's file.
    """

    record: RecordFile
    text: str
    is_whole: bool


def placed(section: str, said: str, origin: Origin) -> Iterator[Placed]:
    """Yield what of records a section of the prompt holds, by its name."""
    match section:
        case "project_context":
            for begin, end in between(_INSTRUCTIONS, _END_OF_INSTRUCTIONS, said):
                record = origin.places.instructions_at(origin.here(begin[1]))
                if record is not None:
                    yield Placed(record, said[begin.end() : end.start()], is_whole=True)
        case "skills":
            yield from _skills(said, origin)
        case "preamble":
            yield from _of_file(SYSTEM, said, origin)
        case "addendum":
            added = _ADDED.match(said)
            yield from _of_file(APPEND_SYSTEM, added[1], origin) if added else ()


def _skills(said: str, origin: Origin) -> Iterator[Placed]:
    """The skills that are listed: of each its entry."""
    for begin, end in between(_SKILL, _END_OF_SKILL, said):
        entry = said[begin.start() : end.end()]
        named, location = _NAME.search(entry), _LOCATION.search(entry)
        name = None if named is None else unescape(named[1])
        where = "" if location is None else unescape(location[1])
        found = origin.records([where]) if where.endswith(f"/{SKILL_FILE}") else []
        if found and found[0].kind == SKILL:
            yield Placed(found[0], entry, is_whole=False)
        elif name is not None and skill_name(name) == name:
            yield Placed(origin.skill(name), entry, is_whole=False)


def _of_file(name: str, said: str, origin: Origin) -> Iterator[Placed]:
    """The file that a section is made of; which one that was, its text alone tells."""
    own = origin.places.config_dirs[NAME]
    for file in (origin.here(f"{FOLDER}/{name}"), os.path.join(own, name)):
        record = origin.places.instructions_at(file)
        if record is not None and said == origin.places.keep(Texts).of(_text, file, len(said)):
            yield Placed(record, said, is_whole=True)
            return


def _text(file: str) -> str | None:
    """What a file holds now; None where it cannot be read."""
    return file_text(file, "utf-8-sig")
