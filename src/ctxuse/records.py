"""Reading the files of records."""

import os
import stat

from ctxuse.errors import RecordNotFoundError, RecordUnreadableError
from ctxuse.layout import WorkspaceLayout


def record_size(layout: WorkspaceLayout, kind: str, slug: str) -> int:
    """Return the size of a record's file as it is now, in bytes.

    Args:
        layout: The workspace.
        kind: One of the five kinds.
        slug: The record's slug; for the summary the literal ``summary``.

    Raises:
        UnknownKindError: No file is known for records of this kind.
        InvalidSlugError: `slug` is not a slug.
        RecordNotFoundError: The file does not exist.
        RecordUnreadableError: It exists but is no regular file, or cannot be read.
    """
    path = layout.record_file(kind, slug)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise RecordNotFoundError(str(kind), slug, path) from None
    except OSError as error:
        raise RecordUnreadableError(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise RecordUnreadableError(path, "it is no regular file")
    return status.st_size
