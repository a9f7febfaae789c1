"""What the files of records say of themselves, from which agents derive their listings."""

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
