"""What `fsspec` gives: what reads an address, and what lies there. Imported when asked for."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ctxuse.errors import MissingExtraError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped] # it has no types


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
    if not is_tree(fs):
        found = fs.find(top, detail=True)
    else:
        walk = _walk(fs, top, None, passed_over, failed)
        found = {name: about for name, about in walk if about["type"] != "directory"}
    return {name: int(about.get("size") or 0) for name, about in found.items()}


def matches(fs: "AbstractFileSystem", pattern: str, failed: Failed) -> list[str]:
    """Return what matches a pattern of `fs`. Arguments and errors are those of `files_below`."""
    if not is_tree(fs):
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


def is_tree(fs: "AbstractFileSystem") -> bool:
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
