"""The names of archived logs, and their order; the names of checkpoints of earlier versions."""

import os
import stat
from contextlib import suppress

from ctxuse.files import closing_fd
from ctxuse.layout import LOG_NAME, USAGE_DIR
from ctxuse.log.opening import open_usage_dir
from ctxuse.patterns import pattern
from ctxuse.times import parse_ns

_ARCHIVE_NAME = r"events\.([0-9]{8}T[0-9]{6})(?:\.([0-9]{1,9}))?Z\.jsonl"
_ARCHIVE = pattern(_ARCHIVE_NAME)
_OLD_CHECKPOINT = pattern(rf"(?:events\.jsonl|{_ARCHIVE_NAME})(?:\.full)?\.checkpoint")


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


def remove_old_checkpoints(root: str) -> None:
    """Remove the checkpoints that earlier versions kept beside the logs, if that is possible."""
    with suppress(OSError), closing_fd(open_usage_dir(root, create=False)) as directory:
        for name in os.listdir(directory):
            if _OLD_CHECKPOINT.fullmatch(name) is None:
                continue
            with suppress(OSError):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    os.unlink(name, dir_fd=directory)


def is_archive(name: str) -> bool:
    """Whether `name` is that of an archived log: ``events.<UTC time>.jsonl``."""
    return name[7:8].isdigit() and _ARCHIVE.fullmatch(name) is not None


def is_log(name: str) -> bool:
    """Whether `name`, of a file in ``_usage``, is that of a log."""
    return name == LOG_NAME or is_archive(name)


def archive_time(name: str) -> int:
    """The time in the name of an archived log, in nanoseconds since the epoch; 0 if there is none.

    Args:
        name: A name for which `is_archive` holds.
    """
    match = _ARCHIVE.fullmatch(name)
    if match is None:
        return 0
    date, clock = match[1].split("T")
    fraction = f".{match[2]}" if match[2] else ""
    text = f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}{fraction}Z"
    return parse_ns(text) or 0
