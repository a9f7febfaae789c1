"""Where a run writes to: looked at once, before any worker is asked to."""

import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from glob import has_magic

from ctxuse.errors import CtxuseError, FleetError
from ctxuse.files import real_path
from ctxuse.fleet.filesystems import filesystem
from ctxuse.fleet.source import (
    Source,
    identity_of,
    is_address,
    reason_of,
    shown_place,
    why_refused,
    without_local_scheme,
)
from ctxuse.fleet.store import open_store
from ctxuse.hosts.paths import is_same
from ctxuse.redaction import hidden, without_secrets

HERE = frozenset({"processes", "threads"})
"""Who reads and writes on this machine."""

AnyExecutor = str | Executor
"""Who reads and writes, as people write it, or an executor of theirs."""


def shown_executor(executor: AnyExecutor) -> str:
    """Return what an executor is called in messages."""
    if not isinstance(executor, str):
        return type(executor).__qualname__
    return hidden(executor) if "://" in executor else hidden(f"://{executor}")[len("://") :]


def prepared(target: str, executor: AnyExecutor) -> str:
    """Return a folder or address that can be written to, in a form that means the same everywhere.

    A folder is made; where workers may see other folders it is not looked at here.

    Args:
        target: As people write it.
        executor: Who is to write there.

    Raises:
        FleetError: It cannot be used.
        MissingExtraError: It needs libraries that are not installed.
    """
    try:
        target.encode()
        target = without_local_scheme(target)
        if "\0" in target or not target:
            raise ValueError("it is empty or holds a NUL")
        if not is_address(target):
            target = os.path.abspath(target)
            if executor in HERE:
                os.makedirs(target, mode=0o700, exist_ok=True)
                if not os.access(target, os.W_OK | os.X_OK):
                    raise PermissionError("it cannot be written to")
        else:
            if executor != "threads":
                refuse_memory(target)
            if refused := why_refused(target):
                raise ValueError(refused)
            open_store(target)
            if has_magic(filesystem(target)[1]):
                raise ValueError("a *, ? or [ in an address makes it a pattern when it is read")
    except CtxuseError:
        raise
    except Exception as error:  # a library for some kind of address may raise anything
        reason = getattr(error, "strerror", None) or str(error)
        raise FleetError(shown_place(target), without_secrets(reason, target)) from error
    return target


def refuse_memory(target: str) -> None:
    """Refuse to write to what ends with the process that writes it.

    Raises:
        FleetError: By that.
    """
    if target.startswith("memory://"):
        raise FleetError(shown_place(target), "it would be gone with the process that writes it")


def names_in(target: str) -> Collection[str]:
    """Return the names of the files in a folder or address that is written to, and below it.

    Raises:
        FleetError: It cannot be listed.
    """
    names: list[str] = []
    folders = [target]
    try:
        if is_address(target):
            return open_store(target).names()
        while folders:
            with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
                for entry in entries:
                    inner = folders if entry.is_dir(follow_symlinks=False) else names
                    inner.append(entry.path)
    except OSError as error:
        raise FleetError(shown_place(target), reason_of(error, target)) from error
    return names


@contextmanager
def writing_to(target: str) -> Iterator[None]:
    """Say of an error in the block that it is about what is written to, a folder or address.

    Raises:
        FleetError: With what happened, without secrets.
    """
    try:
        yield
    except (CtxuseError, OSError) as error:
        reason = f"cannot write to {shown_place(target)}: {reason_of(error, target)}"
        raise FleetError(shown_place(target), reason) from error


def ways_in(target: str) -> Callable[[Source], list[str] | None]:
    """Return what gives the names that lead from a folder or address to a workspace in it, or it.

    That is None for one that lies elsewhere.
    """
    sign, identity = ("/", identity_of) if is_address(target) else (os.sep, real_path)
    top = f"{identity(target).rstrip(sign)}{sign}"

    def way_to(source: Source) -> list[str] | None:
        if is_address(target) != bool(source.url):
            return None
        if not source.url and is_same(os.path.dirname(source.place), target):
            return [os.path.basename(source.place)]  # by whatever name: it may be mounted twice
        whole = f"{identity(source.place).rstrip(sign)}{sign}"
        inner = whole.removeprefix(top)
        return None if inner == whole else inner.split(sign)[:-1]

    return way_to


@contextmanager
def scratch_in(place: str, executor: AnyExecutor) -> Iterator[str]:
    """Give a folder of one run's own below a folder or address; it is gone at the end.

    Raises:
        FleetError: As `prepared`.
    """
    own = f"{prepared(place, executor).rstrip('/')}/ctxuse-{uuid.uuid4().hex}"
    try:
        yield own
    finally:
        if is_address(own):
            with suppress(Exception):  # there may be nothing of it
                fs, path = filesystem(own)
                fs.rm(path, recursive=True)
        else:
            shutil.rmtree(own, ignore_errors=True)
