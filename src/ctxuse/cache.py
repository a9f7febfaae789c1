"""The user's cache directory: bytes by key, believed only where nobody else can have put them.

The directory and everything in it must be the user's own, and nobody else may write it: what a
repository, another user or an archive brings along is never read. Anything else than that, and
whatever the system refuses, is as good as an empty cache.

Keys are divided over shards by their first sign. Now and then a shard is looked through, and what
was not used for the longest time goes until the rest keeps within its part of the whole.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress

from ctxuse.files import (
    DIRECTORY,
    NO_LINK,
    Descriptor,
    closing_fd,
    open_descriptor,
    open_regular,
    replacing,
    upwards,
)
from ctxuse.layout import cache_dir, lacks_home
from ctxuse.log.opening import CAN_WRITE

_SHARDS = 16
_EACH = 4096
"""Bytes that a file takes beside its content, about."""


class Cache:
    """A cache in a directory. Safe to share between threads and processes.

    Args:
        path: The directory; it is made when something is saved.
        largest: Bytes that one entry may have.
        most: Bytes that all of them may take, about.
        prune_every: Of so many savings one, by chance, looks through its shard.
    """

    def __init__(
        self,
        path: str,
        *,
        largest: int = 64 * 1024 * 1024,
        most: int = 2 * 1024 * 1024 * 1024,
        prune_every: int = 32,
    ) -> None:
        self.path = path
        self._largest = largest
        self._most = most
        self._prune_every = prune_every

    def load(self, key: str) -> bytes | None:
        """Return what was saved; None when there is nothing that can be believed.

        Args:
            key: Begins with a hexadecimal digit, and is good for a file name.
        """
        try:
            with (
                self._shard(key) as shard,
                closing_fd(open_regular(key, NO_LINK, dir_fd=shard)) as descriptor,
                open(descriptor, "rb", buffering=0, closefd=False) as file,
            ):
                status = os.fstat(file.fileno())
                if status.st_size > self._largest:
                    return None
                _refuse_foreign(status)
                data = file.read(status.st_size)  # it is replaced, never written on
                with suppress(OSError):  # it was used now
                    os.utime(file.fileno())
        except OSError:
            return None
        return data

    def save(self, key: str, data: bytes, *, sync: bool = False) -> bool:
        """Keep `data` in place of what was saved before, and say whether that was possible.

        Args:
            key: As for `load`.
            data: What is kept.
            sync: Whether it is to be on the disk before that is so.
        """
        if len(data) > self._largest:
            return False
        saved = False
        with suppress(OSError), self._shard(key, create=True) as shard:
            with replacing(key, dir_fd=shard) as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            saved = True
            if time.time_ns() // 1000 % self._prune_every == 0:
                _prune(shard, self._most // _SHARDS)
        return saved

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, a sign at least, of what was saved."""
        with suppress(OSError), self._shard(prefix) as shard:
            return sorted(name for name in os.listdir(shard) if name.startswith(prefix))
        return []

    def remove(self, key: str) -> None:
        """Remove what was saved, if that is possible."""
        with suppress(OSError), self._shard(key) as shard:
            os.unlink(key, dir_fd=shard)

    @contextmanager
    def alone(self, key: str, patience: float) -> Iterator[bool]:
        """Give whether nobody else is in here with the same key, as far as can be known.

        It is False only where somebody has been for all of `patience`, in seconds.
        """
        from ctxuse.log.lock import SideLock  # noqa: PLC0415 - only where something is stored

        lock = None
        with suppress(OSError), self._shard(key, create=True) as shard:
            lock = SideLock(shard, key)
        if lock is None:
            yield True
            return
        with closing(lock):
            yield lock.acquire(patience) or lock.error is not None

    @contextmanager
    def _shard(self, key: str, *, create: bool = False) -> Iterator[int]:
        """Give the open directory that holds `key`."""
        if not CAN_WRITE:
            raise OSError(errno.ENOTSUP, "this system has no directories that can be held open")
        if create:
            _make_above(self.path)
        with (
            closing_fd(_open_own(self.path, None, create=create)) as directory,
            closing_fd(_open_own(key[0], directory, create=create)) as shard,
        ):
            yield shard


def cache_allowed(environ: Mapping[str, str]) -> bool:
    """Whether the environment allows a cache: it does unless ``CTXUSE_NO_CACHE`` is set."""
    return environ.get("CTXUSE_NO_CACHE", "0") in {"", "0"}


def cache_of(environ: Mapping[str, str], *, wanted: bool | None = None) -> Cache | None:
    """Return the cache that the environment names, or None; without a home there is none.

    Args:
        environ: The environment.
        wanted: Whether there is to be one; None leaves that to the environment, too.
    """
    wanted = cache_allowed(environ) if wanted is None else wanted
    path = cache_dir(environ)
    usable = os.path.isabs(path) and not lacks_home(path, environ)
    return Cache(path) if wanted and usable else None


def _make_above(path: str) -> None:
    """Make the directories above `path`, but for root in those of another user.

    Who is root for a moment would otherwise leave what that user can neither use nor remove.
    """
    directory = os.path.dirname(path)
    above = next(one for one in upwards(directory) if os.path.lexists(one))
    if os.geteuid() == 0 and os.stat(above).st_uid != 0:
        raise PermissionError(errno.EPERM, "it is another user's")
    os.makedirs(directory, mode=0o700, exist_ok=True)


def _open_own(path: str, parent: int | None, *, create: bool) -> Descriptor:
    """Return a descriptor of a directory that is the user's own."""
    if create:
        with suppress(FileExistsError):
            os.mkdir(path, 0o700, dir_fd=parent)
    directory = open_descriptor(path, DIRECTORY | NO_LINK, dir_fd=parent)
    try:
        _refuse_foreign(os.fstat(directory))
    except BaseException:
        directory.close()
        raise
    return directory


def _refuse_foreign(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "somebody else may have written it")


def _prune(shard: int, most: int) -> None:
    """Remove what was not used for the longest time, until the rest takes `most` bytes."""
    found: list[tuple[int, int, str]] = []
    for name in os.listdir(shard):
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=shard, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, status.st_size + _EACH, name))
    size = sum(its for _, its, _ in found)
    for _, its, name in sorted(found):
        if size <= most:
            return
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=shard)
        size -= its
