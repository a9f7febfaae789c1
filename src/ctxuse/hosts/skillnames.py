"""Skills and agents that are called by what they say, not by the name of their file; deep skills.

Only looked for when no other skill has the name, since it takes a walk through the project: one for
all names, which a transcript may have thousands of.
"""

import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from ctxuse.context.frontmatter import frontmatter_of
from ctxuse.files import read_small
from ctxuse.hosts.listing import described_files
from ctxuse.hosts.paths import paths_in
from ctxuse.hosts.places import Places
from ctxuse.hosts.prompts import prompts
from ctxuse.hosts.recordfile import AGENT, SKILL, SKILL_FILE, RecordFile, skill_name
from ctxuse.records import MAX_RECORD

_DEEPEST = 5
_MOST_DIRECTORIES = 2_000
_PASSED_OVER = frozenset({"node_modules", "target", "dist", "build", "venv", "__pycache__"})


def skill_otherwise_named(places: Places, name: str) -> RecordFile | None:
    """Return the skill that an agent calls `name` though no folder where it looks first has it."""
    known = places.keep(_Names, places)
    if skill_name(name) == name and ":" not in name:
        for file in known.by_folder.get(name, ()):
            found = places.record_at(file)
            if found is not None and found.kind == SKILL:
                return found
    return known.by_themselves.get(name)


def agent_otherwise_named(places: Places, name: str) -> RecordFile | None:
    """Return the agent that says of itself that it is called `name`."""
    return places.keep(_agents, places).get(name)


def _agents(places: Places) -> dict[str, RecordFile]:
    """The agents that say their name, by that."""
    return _by_themselves(one for one in prompts(places.prompt_folders()) if one.kind == AGENT)


class _Names:
    """The names by which skills may be called that no folder has where an agent looks first.

    Attributes:
        by_folder: The files of skills in directories below the root, by the name of their folder.
        by_themselves: The skills that say their name, by that.
    """

    def __init__(self, places: Places) -> None:
        self.by_folder: dict[str, list[str]] = {}
        for file in _deep(places):
            name = os.path.basename(os.path.dirname(file))
            self.by_folder.setdefault(name, []).append(file)
        self.by_themselves = _by_themselves(places.skills())


_MOST_FILES = 5_000
"""So many files are asked for a name, the first."""

_MOST_YAML = 32 * 1024
"""Characters of frontmatter that are read as YAML, which takes seconds for a megabyte."""

_SAYS = re.compile(
    r"""^name:[ ]+(["']?)([a-z]\w*(?:[ .:-]\w+)*)\1[ \t]*(?:[ \t]\#.*)?\r?$(?!\n[ \t]+\S)""",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
"""A line that says a name which means itself in YAML, whatever stands around it."""

_MAY_SAY = re.compile(r"""\A\s*\{|^[ \t]*(?:\?[ \t]*)?["']?name\b""", re.MULTILINE)
"""A line that may say one, or a text of another form."""

_NO_TEXT = frozenset({"yes", "no", "true", "false", "on", "off", "null"})
"""Words that mean something else in YAML."""


def _by_themselves(records: Iterable[RecordFile]) -> dict[str, RecordFile]:
    """Records by the names that they say; of several of one name the first.

    A hook has no time to read the YAML of hundreds of files, and a project may have as many: most
    say their name so that it is seen without, and of the others the first are read.
    """
    found: dict[str, RecordFile] = {}
    left = _MOST_YAML
    for record in islice(records, _MOST_FILES):
        try:
            head = frontmatter_of(read_small(record.file, MAX_RECORD))
        except OSError:
            continue
        said: object = _plain_name(head)
        if said is None and len(head) <= left and _MAY_SAY.search(head):
            left -= len(head)
            said = next((fields.get("name") for _, fields in described_files([record])), None)
        if isinstance(said, str):
            found.setdefault(said, record)
    return found


def _plain_name(head: str) -> str | None:
    """The name that frontmatter says, where that is clear without reading it as YAML."""
    said = _SAYS.findall(head)
    if len(said) != 1 or len(_MAY_SAY.findall(head)) != 1:
        return None
    quote: str
    name: str
    quote, name = said[0]
    return name if quote or name.lower() not in _NO_TEXT else None


def _deep(places: Places) -> Iterator[str]:
    """The files of skills in directories below the root."""
    left = _MOST_DIRECTORIES
    for folder, folders, _ in os.walk(places.root):
        depth = folder[len(places.root) :].count(os.sep)
        left -= 1
        if left < 0:
            return
        for skills in places.project_skills:
            for skill in paths_in(os.path.join(folder, skills)):
                file = os.path.join(skill, SKILL_FILE)
                if os.path.isfile(file):
                    yield file
        keeps = depth < _DEEPEST
        folders[:] = sorted(
            f for f in folders if keeps and not f.startswith(".") and f not in _PASSED_OVER
        )
