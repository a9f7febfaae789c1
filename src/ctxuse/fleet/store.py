"""A folder, of this machine or at an `fsspec` address: names, bytes, and files written in one step.

Nothing here knows what the files hold.
"""

import errno
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from ctxuse.errors import CtxuseError, FleetError, MissingExtraError
from ctxuse.files import (
    DIRECTORY,
    NO_LINK,
    UNFINISHED,
    Descriptor,
    RefusedError,
    closing_fd,
    open_descriptor,
    open_regular,
    replacing,
)
from ctxuse.fleet.source import is_address, reason_of, shown_address

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped] # it has no types

BLOCK = 4 * 1024 * 1024
"""Bytes copied at a time."""


def append(target: IO[bytes], block: bytes) -> None:
    """Write to a file, whose holes stay such; `truncate` it at the end."""
    if block.count(0) == len(block):
        target.seek(len(block), os.SEEK_CUR)
    else:
        target.write(block)


class LocalStore:
    """A folder of this machine; names in it are relative and have slashes.

    The path to it may contain links. Those in it are no files of it; one on the way to a name is a
    `RefusedError`.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)

    def names(self, below: str = "") -> dict[str, int]:
        """Return the files in it, or in its folder `below`, with their sizes; none if missing."""
        found: dict[str, int] = {}
        waiting = [below.strip("/")]
        while waiting:
            folder = waiting.pop()
            try:
                entries = [*os.scandir(self._path(folder))]
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif not name.endswith(UNFINISHED) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # gone since
                        found[name] = entry.stat(follow_symlinks=False).st_size
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

    def copy(self, name: str, target: IO[bytes], start: int = 0) -> None:
        """Append the bytes of a file from `start` on to an open one."""
        with self._open(name) as file:
            file.seek(start)
            while block := file.read(BLOCK):
                append(target, block)
            target.truncate()

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Write a file in one step: it is there whole, or not at all; with `sync` on the disk."""
        with self._replacing(name) as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if sync and os.name == "posix":
            folder = self._path(name.rpartition("/")[0])
            with closing_fd(open_descriptor(folder, DIRECTORY)) as directory:
                os.fsync(directory)

    def put(self, name: str, path: str) -> None:
        """Write a file that holds what the file `path` of this machine does, likewise."""
        with (
            closing_fd(open_regular(path)) as descriptor,
            open(descriptor, "rb", closefd=False) as source,
            self._replacing(name) as file,
        ):
            shutil.copyfileobj(source, file, BLOCK)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; what is gone already is no error."""
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(self._path(name))

    def refuse_foreign(self, name: str, owner: int | None = None, mode: int = 0) -> None:
        """Refuse a file or folder that others on this machine may have written.

        It may be the user's own, root's, that of who owns the folder, or `owner`'s.

        Args:
            name: Its name.
            owner: See above.
            mode: Who may write what has this mode may write it, too.

        Raises:
            PermissionError: It is another one's, or its group or others may write it.
            OSError: It cannot be looked at.
        """
        status = os.lstat(self._path(name))
        if not hasattr(os, "geteuid"):
            return
        known = {0, os.geteuid(), os.stat(self._root).st_uid, owner}
        if status.st_uid not in known or status.st_mode & ~mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EPERM, "somebody else may have written it", name)

    def _replacing(self, name: str) -> AbstractContextManager[IO[bytes]]:
        folder, _, last = name.rpartition("/")
        path = self._path(folder)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return replacing(os.path.join(path, last))

    def _open(self, name: str) -> IO[bytes]:
        flags = os.O_RDONLY | NO_LINK
        return io.BufferedReader(_OwnFile(open_regular(self._path(name), flags)))

    def _path(self, name: str) -> str:
        """The path of a file or folder, which no link leads to, and which is none itself."""
        path = self._root
        for part in filter(None, name.split("/")):
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise RefusedError(errno.ELOOP, "it is a link, and links are not followed", name)
        return path


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

    def names(self, below: str = "") -> dict[str, int]:
        """See `LocalStore`."""
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
        if not _is_tree(self._fs):
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

    def copy(self, name: str, target: IO[bytes], start: int = 0) -> None:
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

    def write(self, name: str, data: bytes, *, sync: bool = False) -> None:  # noqa: ARG002
        """See `LocalStore`. Object stores show an object when all of it is there, and kept."""
        with self._told():
            self._fs.pipe_file(self._made(name), data)

    def put(self, name: str, path: str) -> None:
        """See `LocalStore`."""
        with self._told():
            self._fs.put_file(path, self._made(name))

    def remove(self, names: Sequence[str]) -> None:
        """See `LocalStore`. Where a request can remove many, it does."""
        paths = [f"{self._root}/{name}" for name in names]
        with self._told():
            try:
                if paths:
                    self._fs.rm(paths)
            except FileNotFoundError:
                for path in paths:
                    with suppress(FileNotFoundError):
                        self._fs.rm_file(path)

    def refuse_foreign(self, name: str, owner: int | None = None, mode: int = 0) -> None:
        """See `LocalStore`. Who may write at an address is settled there."""

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


def filesystem(url: str) -> "tuple[AbstractFileSystem, str]":
    """Return what reads `url`, and the path in it.

    Raises:
        MissingExtraError: `fsspec` is not installed.
        ImportError: What this kind of address needs is not installed.
        ValueError: There is no such kind of address.
    """
    try:
        from fsspec.core import (  # type: ignore[import-untyped] # noqa: PLC0415 - only for addresses
            url_to_fs,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("an address such as s3://", "fleet") from error
    found: tuple[AbstractFileSystem, str] = url_to_fs(url)
    return found


Failed = Callable[[str, Exception], None]


def files_below(
    fs: "AbstractFileSystem", top: str, passed_over: str = "", failed: Failed | None = None
) -> dict[str, int]:
    """Return the files at `top`, a path of `fs`, and below it, with their sizes.

    Args:
        fs: What reads it.
        top: The path.
        passed_over: The name of folders that need not be listed.
        failed: Told of each folder below `top` that cannot be listed; without it they raise.

    Raises:
        OSError: It cannot be listed, or does not exist; libraries raise other errors, too.
    """
    if not _is_tree(fs):
        found = fs.find(top, detail=True)
    else:
        walk = _walk(fs, top, None, passed_over, failed)
        found = {name: about for name, about in walk if about["type"] != "directory"}
    return {name: int(about.get("size") or 0) for name, about in found.items()}


def matches(fs: "AbstractFileSystem", pattern: str, failed: Failed) -> list[str]:
    """Return what matches a pattern of `fs`. Arguments and errors are those of `files_below`."""
    if not _is_tree(fs):
        return [*fs.glob(pattern)]
    from fsspec.utils import (  # type: ignore[import-untyped] # noqa: PLC0415 - likewise
        glob_translate,
    )

    first = min(pattern.find(sign) for sign in "*?[" if sign in pattern)
    top, slash, rest = pattern[:first].rpartition("/")
    rest += pattern[first:]
    depth = None if "**" in rest else rest.count("/")
    matching = re.compile(glob_translate(pattern))
    walk = _walk(fs, top or slash, depth, "", failed)
    return [name for name, _ in walk if matching.match(name)]


def _is_tree(fs: "AbstractFileSystem") -> bool:
    """Whether `fs` is listed folder by folder; then its own search is silent about errors."""
    from fsspec import AbstractFileSystem  # noqa: PLC0415 - likewise
    from fsspec.asyn import AsyncFileSystem  # type: ignore[import-untyped] # noqa: PLC0415

    kind = type(fs)
    base = AsyncFileSystem._find  # noqa: SLF001 - what it stands for is public
    return kind.find is AbstractFileSystem.find and getattr(kind, "_find", base) is base


def _walk(
    fs: "AbstractFileSystem", top: str, depth: int | None, passed_over: str, failed: Failed | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    waiting = [(top, 0)]
    seen = {top.rstrip("/")}
    while waiting:
        here, level = waiting.pop()
        try:
            entries = fs.ls(here, detail=True)
        except Exception as error:
            if level == 0:
                raise
            if isinstance(error, FileNotFoundError):  # gone since
                continue
            if failed is None:
                raise
            failed(here, error)
            continue
        for about in entries:
            name = about["name"].rstrip("/")
            if about["type"] != "directory":
                yield about["name"], about
            elif name not in seen and name.rpartition("/")[2] != passed_over:
                seen.add(name)
                yield name, about
                if depth is None or level < depth:
                    waiting.append((name, level + 1))
