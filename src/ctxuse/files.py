"""Opening files that may be anything, and replacing files in one step.

What is opened is a regular file or refused at once: opening a FIFO or a device never waits. What is
replaced is there whole or as it was. What is open has an owner from its first moment to its last,
so an interrupt (Ctrl-C), wherever it comes, leaves nothing open. Every append comes this way: what
is imported here is cheap.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from operator import call

from ctxuse.typed import IO

LARGEST = 4 * 1024 * 1024
"""Bytes up to which a small file is read."""

UNFINISHED = ".tmp"
"""How the name of a file ends that is to take the place of another one."""

DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
"""How a directory is opened."""

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Added where the last part of a path may be no link."""

_FILE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class _Closing(map):  # type: ignore[type-arg] # it has none at run time
    """Closes the descriptors of a list, each once, when it is run through or no longer referred to.

    An interrupt can come between any two steps of Python, also in a finalizer, where it would be
    lost. To close and to take note of it, and to finalize, are therefore single calls into C: `any`
    runs through what it closes, and all of it only once. `os.closerange` says nothing of errors.
    """

    __del__ = property(partial(partial, any))


class Descriptor(int):
    """An open file descriptor, closed at the latest when it is no longer referred to.

    It is the descriptor's number, and used as that. Who hands it on to what closes it by itself has
    it closed twice: `io` is told ``closefd=False``.
    """

    _closing: Iterator[None] = iter(())

    def close(self) -> None:
        """Close it; it is gone afterwards, whatever the system says. Again, this does nothing."""
        any(self._closing)


CLOSED = Descriptor(-1)
"""Stands where no descriptor is open."""


def open_descriptor(
    path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
) -> Descriptor:
    """Open anything, as `os.open` does. Raises: OSError."""
    return _owned(partial(os.open, path, flags, mode, dir_fd=dir_fd))


def duplicate(descriptor: int) -> Descriptor:
    """Return another descriptor of the same open file. Raises: OSError."""
    return _owned(partial(os.dup, descriptor))


def _owned(opening: Callable[[], int]) -> Descriptor:
    """What `opening` opens. It is owned from the call in which it is opened: see `_Closing`."""
    opened: list[int] = []
    closing = _Closing(os.closerange, opened, map((1).__add__, opened))
    opened.extend(map(call, (opening,)))
    descriptor = Descriptor(opened[0])
    descriptor._closing = closing  # noqa: SLF001 - it is made here
    return descriptor


class RefusedError(OSError):
    """Something stands in the way that is not followed: a link, or no directory."""


class NotRegularError(OSError):
    """Something else than a regular file stands there.

    Attributes:
        mode: What it is, as in `os.stat_result.st_mode`.
    """

    def __init__(self, mode: int, path: str) -> None:
        super().__init__(errno.EINVAL, "it is no regular file", path)
        self.mode = mode


def open_regular(
    path: str, flags: int = os.O_RDONLY, *, dir_fd: int | None = None, mode: int = 0o600
) -> Descriptor:
    """Return a descriptor of a regular file, opened without waiting for anything.

    Args:
        path: The file. Links are followed unless `flags` has `NO_LINK`.
        flags: As for `os.open`.
        dir_fd: An open directory that `path` begins at; the current one when None.
        mode: The mode of a file that is made.

    Raises:
        NotRegularError: Something else stands there.
        OSError: What the system said.
    """
    try:
        descriptor = open_descriptor(path, flags | _FILE, mode, dir_fd=dir_fd)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, "no such name", path) from error
    try:
        found = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(found):
            raise NotRegularError(found, path)
    except BaseException:
        descriptor.close()
        raise
    return descriptor


def read_small(path: str, largest: int = LARGEST) -> bytes:
    """Return what a regular file holds.

    Args:
        path: The file; links are followed.
        largest: Bytes that it may have at most.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    data = read_beginning(path, largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes", path)
    return data


def read_beginning(path: str, most: int) -> bytes:
    """Return the first bytes of a regular file, `most` of them at most; links are followed.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with (
        naming(path),
        closing_fd(open_regular(path)) as descriptor,
        open(descriptor, "rb", closefd=False) as file,
    ):
        return file.read(most) or b""  # some files of the system have nothing to say now


@contextmanager
def replacing(
    path: str,
    *,
    dir_fd: int | None = None,
    gives: bool = True,
    mode: int = 0o600,
    mode_of: str | None = None,
) -> Iterator[IO[bytes]]:
    """Give a new file to write, which takes the place of `path` when the block ends.

    When the block raises, what stands at `path` is as it was, and nothing is left of the new file.
    It is not synced: who needs that does it in the block.

    Args:
        path: What is replaced; a link is replaced itself.
        dir_fd: An open directory that `path` begins at; the current one when None.
        gives: Whether it is given to the owner of that (`give_to_owner`).
        mode: The mode of the new file.
        mode_of: A file whose mode it gets instead, if that exists, and whose owner and group as far
            as this process may give them.

    Raises:
        OSError: What the system said.
    """
    name = f".ctxuse-{os.getpid()}-{os.urandom(4).hex()}{UNFINISHED}"
    fresh = os.path.join(os.path.dirname(path), name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
    try:
        with (
            naming(path),
            closing_fd(open_regular(fresh, flags, dir_fd=dir_fd, mode=mode)) as descriptor,
            open(descriptor, "wb", closefd=False) as file,
        ):
            if gives and dir_fd is not None:
                give_to_owner(descriptor, dir_fd)
            if mode_of is not None and hasattr(os, "fchmod"):
                with suppress(FileNotFoundError):
                    _make_like(file.fileno(), os.stat(mode_of))
            yield file
        os.replace(fresh, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh, dir_fd=dir_fd)
        raise


def _make_like(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the mode of another one, and its owner and group where that is allowed."""
    _give(descriptor, like)
    os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def _give(descriptor: int, like: os.stat_result) -> None:
    """Give an open file the owner and group of another one where that is allowed."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        for owner in (like.st_uid, -1):  # the group alone, if not both
            with suppress(OSError):  # not even root may, or there is no such user in this container
                os.fchown(descriptor, owner, like.st_gid)
                break


def makes_for_others(directory: int) -> bool:
    """Return whether this is root, working in an open directory of another user.

    What root makes there and keeps, that user could neither write nor remove.
    """
    return os.fstat(directory).st_uid != 0 and os.geteuid() == 0  # without owners it is 0


def give_to_owner(made: int, directory: int) -> None:
    """Give what was just made in an open directory to its owner, where root made it for others."""
    if makes_for_others(directory):
        _give(made, os.fstat(directory))


def make_directory(name: str, mode: int, *, dir_fd: int) -> None:
    """Make a directory in an open one, for the owner of that (`give_to_owner`). Raises: OSError."""
    os.mkdir(name, mode, dir_fd=dir_fd)
    if makes_for_others(dir_fd):
        with closing_fd(open_descriptor(name, DIRECTORY | NO_LINK, dir_fd=dir_fd)) as made:
            if not os.listdir(made):  # the owner may have put another one in its place
                give_to_owner(made, dir_fd)


def directory_made(path: str, mode: int = 0o777) -> Descriptor:
    """Return an open directory, made if it is missing, with those above it, by `make_directory`.

    Raises:
        OSError: What the system said.
    """
    with suppress(FileNotFoundError):
        return open_descriptor(path, DIRECTORY)
    above, name = os.path.split(os.path.abspath(path))
    with closing_fd(directory_made(above, mode)) as directory:
        with suppress(FileExistsError):
            make_directory(name, mode, dir_fd=directory)
        return open_descriptor(name, DIRECTORY, dir_fd=directory)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Say in the block's errors of the system which file they are about, where they do not.

    Raises:
        OSError: With a `filename`.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, path) from error


def what_happened(error: OSError) -> str:
    """Return the system's words for `error`, with the name of what was refused where it helps."""
    words = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {words}" if isinstance(error, RefusedError) else words


def path_of(descriptor: int) -> str:
    """Return the path of an open file where the system tells it, else ``descriptor N``."""
    with suppress(OSError):
        if sys.platform == "darwin":
            import fcntl  # noqa: PLC0415 - only to say what went wrong

            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{descriptor}")
    return f"descriptor {descriptor}"


def real_path(path: str | os.PathLike[str]) -> str:
    """Return where a path leads, absolute and without links; where it stands if that is unknown.

    A path with a link that the system does not read (``/proc/1/cwd``) stays as it is named, and so
    does what can be no name. Nothing has to be there.

    Raises:
        OSError: The path is relative, and the current directory is gone.
    """
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return os.path.abspath(path)


def is_directory(path: str) -> bool:
    """Return whether a directory is at a path; links are followed.

    Raises:
        OSError: The system does not say: what is there may not be looked at.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def upwards(path: str) -> Iterator[str]:
    """Yield a path, and all directories it is in, the nearest first. As text: nothing is asked."""
    yield path
    while path != (above := os.path.dirname(path)):
        yield above
        path = above


def is_as_it_was(file: str | os.PathLike[str], at_ns: int) -> bool:
    """Return whether a file has not been written, replaced, renamed or made since a moment.

    Args:
        file: Where it is; of one that cannot be looked at this is not so.
        at_ns: The moment, in nanoseconds since the epoch.
    """
    try:
        now = os.stat(file)
    except (OSError, ValueError):
        return False
    return max(now.st_mtime_ns, now.st_ctime_ns) <= at_ns


@contextmanager
def closing_fd(descriptor: Descriptor) -> Iterator[Descriptor]:
    """Give an open descriptor back; it is closed when the block ends."""
    try:
        yield descriptor
    finally:
        descriptor.close()
