"""A folder, of this machine or at an `fsspec` address: names, bytes, and files written in one step.

Nothing here knows what the files hold.
"""

import errno
import io
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from glob import has_magic
from itertools import groupby
from typing import IO, Any

from ctxuse.errors import CtxuseError, FleetError
from ctxuse.files import UNFINISHED, Descriptor, RefusedError, closing_fd, open_regular, replacing
from ctxuse.fleet.filesystems import files_below, filesystem, is_tree
from ctxuse.fleet.folder import Folder, opened
from ctxuse.fleet.source import is_address, reason_of, shown_address
from ctxuse.log.reader import data_in, in_holes, pread_all

BLOCK = 4 * 1024 * 1024
"""Bytes copied at a time."""

_GONE = (FileNotFoundError, NotADirectoryError)

NONE = re.compile(r"(?!)")
"""Names of no folder."""

MOST_IN_HOLES = 64 * 1024 * 1024
"""Bytes of holes in what one workspace holds that become zeros in a copy, at most: holes take no
room, zeros do."""

IN_HOLES = f"it has over {MOST_IN_HOLES:,} bytes of holes, which would take that room in a copy"
"""Why a workspace with more is not copied."""

FOREIGN = "somebody else may have written it"
"""Why what lies on this machine is not believed."""

Owners = AbstractSet[int | None]
"""Who own workspaces of this machine; None of those of which nobody is known to."""

NOBODY: Owners = frozenset({None})
"""The owners, where it does not matter whose a workspace is."""


def append(target: IO[bytes], block: bytes) -> None:
    """Write to a file, whose holes stay such; `truncate` it at the end."""
    if block.count(0) == len(block):
        target.seek(len(block), os.SEEK_CUR)
    else:
        target.write(block)


class LocalStore:
    """A folder of this machine; names in it are relative and have slashes.

    The path to it may contain links. Those in it are no files of it; one on the way to a name, or
    where a name is looked for, is a `RefusedError`.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)
        self._looked_in: set[str] = set()

    def names(self, below: str = "", into: re.Pattern[str] = NONE) -> dict[str, int]:
        """Return the files in it, or in its folder `below`, with their sizes; none if missing.

        Args:
            below: See above.
            into: The names of folders in that whose files are listed, too.

        Raises:
            RefusedError: A link is in the place of one of those, or is in one; or what is no empty
                file is listed under two names. A name elsewhere, as a copy of hard links has, is
                none of those.
            OSError: It cannot be listed.
        """
        found: dict[str, int] = {}
        several: dict[tuple[int, int], str] = {}
        below = below.strip("/")
        with suppress(*_GONE), self._in(below) as folder:
            for name in _list(folder, below, found, several):
                if into.fullmatch(name):
                    with suppress(*_GONE), closing(folder.inner(name)) as inner:
                        its = f"{below}/{name}".strip("/")
                        for other in _list(inner, its, found, several):
                            inner.status(other)
        return found

    def folders(self) -> list[str]:
        """Return the names of the folders in it."""
        with os.scandir(self._root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def read(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes of a file from `start` up to but without `end`."""
        with self._open(name) as file:
            file.seek(start)
            return file.read(end - start)

    def copy(self, name: str, target: IO[bytes], start: int = 0) -> int:
        """Append the bytes of a file from `start` on to an open one; say how many are in holes.

        Holes are not read.
        """
        with self._open(name) as file:
            descriptor, at = file.fileno(), target.tell() - start
            end = max(start, os.fstat(descriptor).st_size)
            for first, last in data_in(descriptor, start, end):
                for begin in range(first, last, BLOCK):
                    asked = min(BLOCK, last - begin)
                    block = pread_all(descriptor, asked, begin)
                    if len(block) < asked:
                        raise OSError(f"{name} was cut while it was read")
                    target.seek(at + begin)
                    append(target, block)
            target.seek(at + end)
            target.truncate()
            return in_holes(descriptor, start, end)

    def in_holes(self, name: str) -> int:
        """Return how many bytes of a file are in holes."""
        with self._open(name) as file:
            return in_holes(file.fileno(), 0, os.fstat(file.fileno()).st_size)

    def data_in(self, name: str, start: int, end: int) -> list[tuple[int, int]]:
        """Return the stretches of a file between two of its bytes that are no holes."""
        with self._open(name) as file:
            if os.fstat(file.fileno()).st_size < end:
                raise OSError(f"{name} is shorter than it was")
            return [*data_in(file.fileno(), start, end)]

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write a file in one step: it is there whole, or not at all; with `sync` on the disk."""
        above, _, last = name.rpartition("/")
        with self._in(above, make=True, sync=sync) as folder:
            with _replacing(folder, last) as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            if sync:
                folder.sync()

    def put(self, name: str, path: str) -> None:
        """Write a file that holds what the file `path` of this machine does, likewise."""
        above, _, last = name.rpartition("/")
        with (
            closing_fd(open_regular(path)) as descriptor,
            open(descriptor, "rb", closefd=False) as source,
            self._in(above, make=True) as folder,
            _replacing(folder, last) as file,
        ):
            shutil.copyfileobj(source, file, BLOCK)

    def remove(self, names: Iterable[str]) -> dict[str, str]:
        """Remove files, and return those that cannot be, each with the reason.

        What is gone already is no error.
        """
        left: dict[str, str] = {}
        for above, some in groupby(names, lambda name: name.rpartition("/")[0]):
            together = [*some]
            try:
                with suppress(FileNotFoundError), self._in(above) as folder:
                    for name in together:
                        left |= _unlinked(folder, name)
            except OSError as error:
                left |= dict.fromkeys(together, reason_of(error))
        return left

    def believed_by(self, name: str, owners: Owners, mode: int = 0) -> Owners:
        """Return those of the owners of workspaces who believe a file or folder.

        What is the user's own, root's, or that of who owns the folder, all of them believe; what is
        another one's, that one alone.

        Args:
            name: Its name.
            owners: The owners.
            mode: Who may write what has this mode may write it, too.

        Raises:
            PermissionError: It is none of theirs, or its group or others may write it.
            OSError: It cannot be looked at.
        """
        above, _, last = name.rpartition("/")
        with self._in(above) as folder:
            status = folder.status(last)
        if not hasattr(os, "geteuid"):
            return owners
        if status.st_uid not in {0, os.geteuid(), os.stat(self._root).st_uid}:
            owners = owners & {status.st_uid}
        if not owners or status.st_mode & ~mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, FOREIGN, name)
        return owners

    def _open(self, name: str) -> IO[bytes]:
        above, _, last = name.rpartition("/")
        with self._in(above) as folder:
            return io.BufferedReader(_OwnFile(folder.file(last)))

    @contextmanager
    def _in(self, below: str, *, make: bool = False, sync: bool = False) -> Iterator[Folder]:
        """Give a folder in it; with `make` it is made when it is missing, and so are all above.

        With `sync` the names of those that are made in it are on the disk. What was left in one
        that is written to is removed, once.
        """
        if make:
            os.makedirs(self._root, mode=0o700, exist_ok=True)
        folder = opened(self._root)
        for name in filter(None, below.split("/")):
            with closing(folder) as above:
                folder = above.inner(name, make=make, sync=sync)
        with closing(folder):
            if make and below not in self._looked_in:
                self._looked_in.add(below)
                folder.remove_left()
            yield folder


def _list(
    folder: Folder, below: str, found: dict[str, int], several: dict[tuple[int, int], str]
) -> list[str]:
    """Add the files in a folder, whose names begin with `below`; return its folders and links.

    Those with several names are remembered, by what tells files apart.

    Raises:
        RefusedError: One of them was added under another name.
    """
    folders = []
    with folder.readable() as way, os.scandir(way) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                folders.append(entry.name)
            elif not entry.name.endswith(UNFINISHED) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):  # gone since
                    status = entry.stat(follow_symlinks=False)
                    name = f"{below}/{entry.name}" if below else entry.name
                    found[name] = status.st_size
                    if status.st_nlink > 1 and status.st_size:
                        _be_first(name, status, several)
    return folders


def _be_first(name: str, status: os.stat_result, several: dict[tuple[int, int], str]) -> None:
    """Remember a file. Raises: RefusedError: It was remembered under another name."""
    first = several.setdefault((status.st_dev, status.st_ino), name)
    if first != name:
        other, own = "/".join(first.split("/")[-2:]), name.rpartition("/")[2]
        raise RefusedError(errno.EMLINK, f"it is {other} under another name (a hard link)", own)


def _unlinked(folder: Folder, name: str) -> dict[str, str]:
    """Remove a file in a folder; return it with the reason if it cannot be."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(folder.way(name.rpartition("/")[2]), dir_fd=folder.dir_fd)
    except OSError as error:
        return {name: reason_of(error)}
    return {}


def _replacing(folder: Folder, name: str) -> AbstractContextManager[IO[bytes]]:
    return replacing(folder.way(name), dir_fd=folder.dir_fd, gives=False)


class _OwnFile(io.FileIO):
    """A file that reads from a descriptor which has its own owner."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__(descriptor, closefd=False)
        self._descriptor = descriptor

    def close(self) -> None:
        super().close()
        self._descriptor.close()


class RemoteStore:
    """A folder at an `fsspec` address.

    Whatever a library raises about it is an `OSError` or a `FleetError`, without secrets.

    Raises:
        MissingExtraError: `fsspec` is not installed.
        FleetError: What this kind of address needs is not installed, or there is no such kind.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        with self._told():
            self._fs, root = filesystem(url)
        self._root = root.rstrip("/")

    def names(self, below: str = "", into: re.Pattern[str] = NONE) -> dict[str, int]:  # noqa: ARG002
        """See `LocalStore`; all that lies below is listed at once."""
        folder = f"{self._root}/{below.strip('/')}".rstrip("/")
        self._fs.invalidate_cache()
        try:
            with self._told():
                found = files_below(self._fs, folder)
        except FileNotFoundError:
            return {}
        start = len(self._root) + 1
        return {path[start:]: size for path, size in found.items()}

    def folders(self) -> list[str] | None:
        """See `LocalStore`; None where all files are listed at once."""
        if not is_tree(self._fs):
            return None
        self._fs.invalidate_cache()
        try:
            with self._told():
                entries = self._fs.ls(self._root or self._fs.root_marker, detail=True)
        except FileNotFoundError:
            return []
        names = (one["name"].rstrip("/") for one in entries if one["type"] == "directory")
        return sorted(name.rpartition("/")[2] for name in names)

    def read(self, name: str, start: int, end: int) -> bytes:
        """See `LocalStore`."""
        with self._told():
            data: bytes = self._fs.cat_file(f"{self._root}/{name}", start=start, end=end)
        return data

    def copy(self, name: str, target: IO[bytes], start: int = 0) -> int:
        """See `LocalStore`."""
        path = f"{self._root}/{name}"
        with self._told():
            try:
                with self._fs.open(path, "rb", block_size=BLOCK) as file:
                    file.seek(start)
                    while block := file.read(BLOCK):
                        append(target, block)
                    target.truncate()
            except OSError:  # what is known of it may be of before: who tries again looks anew
                self._fs.invalidate_cache()
                raise
        return 0

    def in_holes(self, name: str) -> int:  # noqa: ARG002
        """See `LocalStore`. Nobody tells of holes at an address."""
        return 0

    def data_in(self, name: str, start: int, end: int) -> list[tuple[int, int]]:  # noqa: ARG002
        """See `in_holes`."""
        return [(start, end)]

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:  # noqa: ARG002
        """See `LocalStore`. Object stores show an object when all of it is there, and kept."""
        with self._told():
            self._fs.pipe_file(self._made(name), data)

    def put(self, name: str, path: str) -> None:
        """See `LocalStore`."""
        with self._told():
            self._fs.put_file(path, self._made(name))

    def remove(self, names: Iterable[str]) -> dict[str, str]:
        """See `LocalStore`. Where a request can remove many, it does."""
        paths = {name: f"{self._root}/{name}" for name in names}
        with suppress(Exception):  # it is about one of them, which is looked for
            if hasattr(self._fs, "call_s3"):
                return _removed_from_s3(self._fs, paths)
            if paths and not any(map(has_magic, paths.values())):  # else it removes what matches
                self._fs.rm([*paths.values()])
                return {}
        left: dict[str, str] = {}
        for name, path in paths.items():
            try:
                with suppress(FileNotFoundError), self._told():
                    self._fs.rm_file(path)
            except (CtxuseError, OSError) as error:
                left[name] = reason_of(error, self._url)
        return left

    def believed_by(self, name: str, owners: Owners, mode: int = 0) -> Owners:  # noqa: ARG002
        """See `LocalStore`. Who may write at an address is settled there."""
        return owners

    def _made(self, name: str) -> str:
        """The path of a file whose folder there is."""
        path = f"{self._root}/{name}"
        with suppress(FileExistsError):
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        return path

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Make errors of whatever library it is ours, or the system's."""
        try:
            yield
        except CtxuseError:
            raise
        except OSError as error:
            number = error.errno or next(n for kind, n in _NUMBERS if issubclass(type(error), kind))
            raise OSError(number, reason_of(error, self._url)) from error
        except Exception as error:
            raise FleetError(shown_address(self._url), reason_of(error, self._url)) from error


_REMOVED = 1000
"""Objects that one request of S3 removes, at most."""

_NUMBERS = (
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (TimeoutError, errno.ETIMEDOUT),
    (OSError, errno.EIO),
)
"""The numbers of errors that libraries raise without one."""


Store = LocalStore | RemoteStore
"""A folder."""


def open_store(place: str) -> Store:
    """Return the folder at `place`, a path or an address. It need not exist."""
    return RemoteStore(place) if is_address(place) else LocalStore(place)


def _removed_from_s3(fs: Any, paths: dict[str, str]) -> dict[str, str]:  # noqa: ANN401 - it has no types
    """Remove files by name, and return those that are refused; `fs` itself is silent about them."""
    left: dict[str, str] = {}
    named = {fs.split_path(path)[1]: name for name, path in paths.items()}
    keys = [*named]
    for at in range(0, len(keys), _REMOVED):
        bucket = fs.split_path(paths[named[keys[at]]])[0]
        asked = {"Objects": [{"Key": key} for key in keys[at : at + _REMOVED]], "Quiet": True}
        said = fs.call_s3("delete_objects", Bucket=bucket, Delete=asked)
        for one in said.get("Errors", ()):
            left[named[one["Key"]]] = reason_of(OSError(one.get("Message") or one["Code"]))
    fs.invalidate_cache()
    return left
