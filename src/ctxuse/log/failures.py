"""Marks that failed recordings leave, for `ctxuse doctor` to show.

Where recording is a by-product, its failure stops nothing; so that it does not go unseen either, it
leaves a line in ``_usage/trouble.jsonl`` or, where that cannot be written, in the user's state
directory. A mark holds a time, what failed and where, never an event or its content.
"""

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from json import JSONEncoder
from typing import NamedTuple

from ctxuse.files import DIRECTORY, Descriptor, closing_fd, directory_made, open_descriptor
from ctxuse.layout import WorkspaceLayout, lacks_home, state_dir
from ctxuse.log.opening import open_for_reading, open_regular, open_usage_dir
from ctxuse.times import format_ns, parse_ns

NAME = "trouble.jsonl"
MOST_BYTES = 64 * 1024
"""A file of marks that has grown longer than this is begun anew."""


class Mark(NamedTuple):
    """One failed recording.

    Attributes:
        at_ns: When, in nanoseconds since the epoch.
        what: What failed.
        root: The workspace it was meant for.
    """

    at_ns: int
    what: str
    root: str


def leave_mark(layout: WorkspaceLayout, what: str, *, environ: Mapping[str, str]) -> bool:
    """Leave a mark that `what` failed, and say whether that worked. Never raises.

    Args:
        layout: The workspace that was to be written.
        what: What failed, without any content.
        environ: The environment, for where the user's state directory is.
    """
    root = os.fspath(layout)
    mark = {"at": format_ns(time.time_ns()), "what": what[:1000], "workspace": root}
    line = JSONEncoder().encode(mark).encode("ascii") + b"\n"
    with suppress(OSError):
        _append(open_usage_dir(root, create=False), line)
        return True
    with suppress(OSError):
        _append(_state_dir(environ), line)
        return True
    return False


def read_marks(layout: WorkspaceLayout, *, environ: Mapping[str, str]) -> Iterator[Mark]:
    """Yield the marks left for a workspace, oldest first in each place.

    Args:
        layout: The workspace.
        environ: The environment, for where the user's state directory is.
    """
    import msgspec  # noqa: PLC0415 - leaving a mark does not pay for reading them

    class Stored(msgspec.Struct):
        at: str
        what: str
        workspace: str

    root = os.fspath(layout)
    data = b""
    with suppress(OSError):
        data += _content(open_for_reading(root, NAME))
    with suppress(OSError), closing_fd(open_descriptor(state_dir(environ), DIRECTORY)) as directory:
        data += _content(open_regular(NAME, directory, os.O_RDONLY))
    for line in data.split(b"\n"):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            stored = msgspec.json.decode(line, type=Stored)
            at_ns = parse_ns(stored.at)
            if stored.workspace == root and at_ns is not None:
                yield Mark(at_ns, stored.what, root)


def _content(descriptor: Descriptor) -> bytes:
    with closing_fd(descriptor):
        return os.read(descriptor, 2 * MOST_BYTES)


def _append(directory: Descriptor, line: bytes) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    with closing_fd(directory), closing_fd(open_regular(NAME, directory, flags)) as descriptor:
        if os.fstat(descriptor).st_size > MOST_BYTES:
            os.ftruncate(descriptor, 0)
        os.write(descriptor, line)


def _state_dir(environ: Mapping[str, str]) -> Descriptor:
    path = state_dir(environ)
    if lacks_home(path, environ):
        raise FileNotFoundError(errno.ENOENT, "there is no home", path)
    return directory_made(path, 0o700)
