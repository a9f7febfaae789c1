"""Files of settings: read, and replaced in one step, with a copy of what was there."""

import os
import time
from contextlib import suppress
from typing import IO, NamedTuple

from ctxuse.errors import SettingsError
from ctxuse.files import (
    closing_fd,
    directory_made,
    give_to_owner,
    read_small,
    real_path,
    replacing,
    what_happened,
)
from ctxuse.hosts.paths import holds
from ctxuse.times import file_time
from ctxuse.visible import quoted

_LEFT_ALONE = "; it was left alone (--user is for your own settings)"


class SettingsFile(NamedTuple):
    """A file of settings as it is.

    Attributes:
        path: The file, with links resolved: what is written is the file, never a link.
        text: What it holds; empty when it does not exist.
        exists: Whether it does.
    """

    path: str
    text: str
    exists: bool


def read(path: str, project: str | None = None) -> SettingsFile:
    """Return a file of settings.

    Args:
        path: The file. The user's own may be a link to anywhere, as some keep theirs elsewhere.
        project: The directory whose settings they are; None for the user's. It may be a clone of
            anybody's repository, so its links may not lead out of it.

    Raises:
        SettingsError: It exists but cannot be read, is no text, or lies outside of the project.
    """
    real = real_path(path)
    if project is not None and not holds(project, real):
        raise SettingsError(path, f"it leads out of the project, to {quoted(real)}{_LEFT_ALONE}")
    try:
        data = read_small(real)
    except FileNotFoundError:
        return SettingsFile(real, "", exists=False)
    except OSError as error:
        raise SettingsError(path, what_happened(error)) from error
    try:
        return SettingsFile(real, data.decode(), exists=True)
    except UnicodeDecodeError:
        raise SettingsError(path, "it is not UTF-8") from None


def replace(before: SettingsFile, text: str) -> str | None:
    """Put `text` in the place of what a file of settings held, and return where that is kept.

    The file is replaced in one step, keeps its mode, and is left alone when it changed meanwhile.

    Returns:
        The path of the copy; None when there was no file.

    Raises:
        SettingsError: It could not be written, or changed meanwhile; it is as it was.
    """
    path = before.path
    copy = f"{path}.{file_time(time.time_ns())}.bak" if before.exists else None
    try:
        with (
            closing_fd(directory_made(os.path.dirname(path))) as directory,
            replacing(path, mode=0o666, mode_of=path) as file,
        ):
            if not before.exists:
                give_to_owner(file.fileno(), directory)
            _write(file, text)
            _back_up(before, copy)
    except SettingsError:
        raise
    except OSError as error:
        raise SettingsError(path, what_happened(error)) from error
    return copy


def remove(before: SettingsFile) -> str:
    """Take away a file that is ours alone, and return where what it held is kept.

    Raises:
        SettingsError: It could not be taken away, or changed meanwhile; it is as it was.
    """
    copy = f"{before.path}.{file_time(time.time_ns())}.bak"
    try:
        _back_up(before, copy)
        os.unlink(before.path)
    except SettingsError:
        raise
    except OSError as error:
        raise SettingsError(before.path, what_happened(error)) from error
    return copy


def _back_up(before: SettingsFile, copy: str | None) -> None:
    """Keep what is there now under a second name, and refuse to go on if it is not as it was.

    The second name is one of the very file, so what another program still writes is in it, too.
    """
    if copy is not None:
        try:
            os.link(before.path, copy)
        except OSError:  # a file system without such names
            with replacing(copy, mode_of=before.path) as file:
                _write(file, before.text)
    if read(before.path) != before:
        if copy is not None:
            with suppress(OSError):
                os.unlink(copy)
        raise SettingsError(before.path, "it changed meanwhile; try again")


def _write(file: IO[bytes], text: str) -> None:
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())
