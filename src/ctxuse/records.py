"""The files of records: their sizes and their bytes."""

import os

from ctxuse.errors import RecordNotFoundError, RecordUnreadableError
from ctxuse.files import (
    DIRECTORY,
    NO_LINK,
    Descriptor,
    closing_fd,
    open_descriptor,
    open_regular,
    real_path,
    what_happened,
)
from ctxuse.layout import WorkspaceLayout

MAX_RECORD = 16 * 1024 * 1024
"""Bytes up to which a record's file is read; nobody puts more into a context."""


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
        with closing_fd(open_regular(path)) as descriptor:
            return os.fstat(descriptor).st_size
    except FileNotFoundError:
        raise RecordNotFoundError(str(kind), slug, path) from None
    except OSError as error:
        raise RecordUnreadableError(path, what_happened(error)) from error


def read_record(layout: WorkspaceLayout, kind: str, slug: str) -> bytes:
    """Return all bytes of a record's file; arguments and errors are those of `record_size`.

    Links are followed as long as they stay in the workspace.

    Raises:
        RecordUnreadableError: Also when the file lies outside the workspace, or has more than
            `MAX_RECORD` bytes.
    """
    path = layout.record_file(kind, slug)
    try:
        with (
            closing_fd(_open_inside(path, os.fspath(layout))) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            data = file.read(MAX_RECORD + 1)
    except FileNotFoundError:
        raise RecordNotFoundError(str(kind), slug, path) from None
    except RecordUnreadableError:
        raise
    except OSError as error:
        raise RecordUnreadableError(path, what_happened(error)) from error
    if len(data) > MAX_RECORD:
        raise RecordUnreadableError(path, f"it has more than {MAX_RECORD:,} bytes")
    return data


def _open_inside(path: str, root: str) -> Descriptor:
    """Open a file that lies below `root` once all links are resolved.

    The resolved path is then walked without following any link, so that one that is put there
    meanwhile leads nowhere.
    """
    real, real_root = real_path(path), real_path(root)
    prefix = os.path.join(real_root, "")
    if not real.startswith(prefix):
        raise RecordUnreadableError(path, "a link leads out of the workspace")
    if os.open not in os.supports_dir_fd:
        return open_regular(real)
    *directories, name = real.removeprefix(prefix).split(os.sep)
    directory = open_descriptor(real_root, DIRECTORY)
    try:
        for part in directories:
            deeper = open_descriptor(part, DIRECTORY | NO_LINK, dir_fd=directory)
            directory.close()
            directory = deeper
        return open_regular(name, os.O_RDONLY | NO_LINK, dir_fd=directory)
    finally:
        directory.close()
