"""The archived logs: their names and their order."""

import calendar
import os
import re
import time

from ctxuse.layout import USAGE_DIR

_ARCHIVE = re.compile(r"events\.([0-9]{8}T[0-9]{6})(?:\.([0-9]{1,9}))?Z\.jsonl")


def archive_names(root: str) -> list[str]:
    """Return the names of the archived logs below `root`, oldest first.

    Raises:
        OSError: The directory exists but cannot be listed.
    """
    try:
        names = os.listdir(os.path.join(root, *USAGE_DIR))
    except FileNotFoundError:
        return []
    return sorted(name for name in names if is_archive(name))


def checkpoint_name(name: str) -> str:
    """Return the name of the checkpoint of the log file `name`."""
    return f"{name}.checkpoint"


def is_archive(name: str) -> bool:
    """Whether `name` is that of an archived log: ``events.<UTC time>.jsonl``."""
    return _ARCHIVE.fullmatch(name) is not None


def archive_time(name: str) -> int:
    """The time in the name of an archived log, in nanoseconds since the epoch; 0 if there is none.

    Args:
        name: A name for which `is_archive` holds.
    """
    match = _ARCHIVE.fullmatch(name)
    if match is None:
        return 0
    try:
        seconds = calendar.timegm(time.strptime(match[1], "%Y%m%dT%H%M%S"))
    except ValueError:
        return 0
    return seconds * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))
