"""Skills that are not called by the name of their folder: deep in a project, or by what they say.

Only looked for when no other skill has the name, since it takes a walk through the project.
"""

import os
from collections.abc import Iterator

from ctxuse.hosts.listing import described_skills
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import SKILL, SKILL_FILE, RecordFile, skill_name

_DEEPEST = 5
_MOST_DIRECTORIES = 2_000
_PASSED_OVER = frozenset({"node_modules", "target", "dist", "build", "venv", "__pycache__"})


def skill_otherwise_named(places: Places, name: str) -> RecordFile | None:
    """Return the skill that an agent calls `name` though no folder where it looks first has it."""
    for file in _deep(places, name):
        found = places.record_at(file)
        if found is not None and found.kind == SKILL:
            return found
    for record, fields in described_skills(places, None):
        if fields.get("name") == name:
            return record
    return None


def _deep(places: Places, name: str) -> Iterator[str]:
    """The files of skills of a name in directories below the root."""
    if skill_name(name) != name or ":" in name:
        return
    left = _MOST_DIRECTORIES
    for folder, folders, _ in os.walk(places.root):
        depth = folder[len(places.root) :].count(os.sep)
        left -= 1
        if left < 0:
            return
        for skills in places.project_skills:
            file = os.path.join(folder, skills, name, SKILL_FILE)
            if os.path.isfile(file):
                yield file
        keeps = depth < _DEEPEST
        folders[:] = sorted(
            f for f in folders if keeps and not f.startswith(".") and f not in _PASSED_OVER
        )
