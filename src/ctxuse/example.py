"""The example workspace that comes with the package."""

import errno
import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

NAME = "bike-shop"
"""What it is called."""


def copy_example(target: str) -> None:
    """Copy the example workspace to a directory, which is made if it does not exist.

    Raises:
        OSError: Something stands there, or it could not be written.
    """
    os.makedirs(target, exist_ok=True)
    if os.listdir(target):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), target)
    _copy(_example(), target)


def _example() -> Traversable:
    """Where it is: in the package, or beside the source that this runs from."""
    installed = files("ctxuse") / "examples" / NAME
    return installed if installed.is_dir() else Path(__file__).parents[2] / "examples" / NAME


def _copy(source: Traversable, target: str) -> None:
    for entry in source.iterdir():
        path = os.path.join(target, entry.name)
        if entry.is_dir():
            os.mkdir(path)
            _copy(entry, path)
        elif not entry.name.endswith((".checkpoint", ".lock")):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(entry.read_bytes())
