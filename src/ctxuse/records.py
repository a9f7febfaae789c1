"""Reading the files of records."""

import os
import stat

from ctxuse.errors import RecordNotFoundError, RecordUnreadableError
from ctxuse.layout import WorkspaceLayout


def read_record(layout: WorkspaceLayout, kind: str, slug: str) -> bytes:
    """Return the content of a record's file as it is now.

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
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RecordUnreadableError(path, "it is no regular file")
            return file.read()
    except FileNotFoundError:
        raise RecordNotFoundError(str(kind), slug, path) from None
    except RecordUnreadableError:
        raise
    except OSError as error:
        raise RecordUnreadableError(path, error.strerror or str(error)) from error
