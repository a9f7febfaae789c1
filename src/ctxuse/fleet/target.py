"""Where a run writes to: looked at once, before any worker is asked to."""

import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress

from ctxuse.errors import CtxuseError, FleetError
from ctxuse.files import real_path
from ctxuse.fleet.source import (
    Source,
    is_address,
    reason_of,
    shown_place,
    without_local_scheme,
)
from ctxuse.fleet.store import filesystem, open_store
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
            if target.startswith("memory://") and executor != "threads":
                raise ValueError("it would be gone with the process that writes it")
            open_store(target)
    except CtxuseError:
        raise
    except Exception as error:  # a library for some kind of address may raise anything
        reason = getattr(error, "strerror", None) or str(error)
        raise FleetError(shown_place(target), without_secrets(reason, target)) from error
    return target


def names_in(target: str) -> dict[str, int]:
    """Return the files in a folder or address that is written to, with their sizes.

    Raises:
        FleetError: It cannot be listed.
    """
    try:
        return open_store(target).names()
    except OSError as error:
        raise FleetError(shown_place(target), reason_of(error, target)) from error


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


def lies_in(source: Source, target: str) -> bool:
    """Return whether a workspace lies in a folder or address, or is it."""
    if is_address(target) != bool(source.url):
        return False
    if source.url:
        return f"{source.url.rstrip('/')}/".startswith(f"{target.rstrip('/')}/")
    root, folder = real_path(source.place), real_path(target)
    return root == folder or root.startswith(os.path.join(folder, ""))


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
