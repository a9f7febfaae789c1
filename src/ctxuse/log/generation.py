"""The generation of a workspace's log: another one whenever bytes were changed in place.

A log only grows, but for a repair that overwrites on request. Whoever remembers something of a log
remembers it of a generation, read before anything of the log was: what was remembered before the
last change, or is still being counted while it happens, is then of another generation and is not
met again, whoever remembers it and wherever.
"""

import os

from ctxuse.files import closing_fd, replacing
from ctxuse.log.opening import open_for_reading, open_usage_dir

_NAME = "generation"
_LENGTH = 64


def generation(root: str) -> bytes:
    """Return the present generation of the log below `root`; empty before the first change.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with closing_fd(open_for_reading(root, _NAME)) as descriptor:
            return os.read(descriptor, _LENGTH)
    except FileNotFoundError:
        return b""


def begin_generation(root: str) -> None:
    """Begin another generation: before bytes are changed, and once more when they are.

    Raises:
        OSError: It could not be written.
    """
    with (
        closing_fd(open_usage_dir(root, create=False)) as directory,
        replacing(_NAME, dir_fd=directory, mode=0o644) as file,
    ):
        file.write(os.urandom(_LENGTH // 2).hex().encode())
