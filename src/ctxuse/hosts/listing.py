"""What the listings of agents are derived from: skills on the disk, and what these say."""

import os
from collections.abc import Iterable, Iterator, Mapping

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.files import read_small
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.records import MAX_RECORD

Fields = Mapping[object, object]


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


def repository_of(start: str) -> str:
    """Return the directory of the git repository that `start` is in; itself where it is in none."""
    found = start
    while not os.path.lexists(os.path.join(found, ".git")):
        above = os.path.dirname(found)
        if above == found:
            return start
        found = above
    return found
