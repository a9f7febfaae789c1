"""The records that are on the disk, taken apart. Nothing is recorded."""

from collections.abc import Collection, Iterator

from ctxuse.context.frontmatter import RecordText, take_apart
from ctxuse.context.given import LeftOut
from ctxuse.errors import CtxuseError, RecordNotFoundError
from ctxuse.layout import WorkspaceLayout
from ctxuse.records import read_record


def open_record(layout: WorkspaceLayout, kind: str, slug: str) -> RecordText:
    """Return a record, taken apart.

    Raises:
        CtxuseError: As `read_record` and `take_apart`.
    """
    return take_apart(str(kind), slug, read_record(layout, kind, slug))


def catalog(
    layout: WorkspaceLayout, kinds: Collection[str] | None = None
) -> Iterator[RecordText | LeftOut]:
    """Yield every record on the disk, sorted by kind and slug; what cannot be opened, with why.

    Args:
        layout: The workspace.
        kinds: Only records of these kinds; of all five when None.
    """
    for kind, slug in layout.records_on_disk():
        if slug is None or (kinds is not None and kind not in kinds):
            continue
        try:
            yield open_record(layout, kind, slug)
        except RecordNotFoundError:
            continue  # it went just now
        except CtxuseError as error:
            yield LeftOut(kind, slug, str(error))
