"""What the listings of agents are derived from: skills on the disk, and what these say."""

import os
from collections.abc import Iterable, Iterator, Mapping

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.files import read_small
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.records import MAX_RECORD

Fields = Mapping[object, object]


def described_skills(
    places: Places, directories: Iterable[tuple[str, str]]
) -> Iterator[tuple[RecordFile, Fields]]:
    """Yield the skills whose files can be read, with their frontmatter; see `described_files`.

    Args:
        places: The places of the workspace.
        directories: Pairs of a prefix and a directory of skills.
    """
    yield from described_files(places.skills(directories))


def described_files(records: Iterable[RecordFile]) -> Iterator[tuple[RecordFile, Fields]]:
    """Yield those of some records whose files can be read, with their frontmatter.

    Frontmatter that cannot be understood is as good as none.
    """
    for record in records:
        try:
            data = read_small(record.file, MAX_RECORD)
        except OSError:
            continue
        try:
            yield record, take_apart(record.kind, record.file, data).fields
        except BrokenRecordError:
            yield record, {}


def described(fields: Fields, *names: str, between: str = " ") -> str:
    """Return what stands in `fields` under these names, as one line."""
    texts = (fields.get(name) for name in names)
    return between.join(" ".join(text.split()) for text in texts if isinstance(text, str))


def repository_dirs(start: str) -> list[str]:
    """Return `start` and the directories above it up to that of the git repository.

    Where there is none, `start` alone.
    """
    found = [start]
    while not os.path.lexists(os.path.join(found[-1], ".git")):
        above = os.path.dirname(found[-1])
        if above == found[-1]:
            return [start]
        found.append(above)
    return found
