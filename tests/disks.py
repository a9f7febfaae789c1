"""Small file systems to fill."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk_of(size: str, path: Path) -> Iterator[Path]:
    """Give a file system of `size`, as mount takes it, at a new `path`; skip where none may be."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)  # noqa: S607 - wherever it is
