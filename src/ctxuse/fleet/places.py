"""Places as people name them → the workspaces found there, sorted by address.

A place is a folder, which is searched, a pattern, ``@FILE`` (a list of places) or an `fsspec`
address. Links inside a folder are not followed; a folder that is named may be one. What is found
twice, by whichever names, is one workspace. A place without a workspace is said, with the reason.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from glob import has_magic, iglob
from typing import NamedTuple

from ctxuse.errors import CtxuseError
from ctxuse.fleet.source import Source, is_address, shown_path, without_secrets
from ctxuse.fleet.store import filesystem
from ctxuse.fleetreport import Unreadable
from ctxuse.layout import LOG_NAME, MARKER, USAGE_DIR
from ctxuse.log.archives import is_archive
from ctxuse.log.place import what_happened

COLLECTED = "collected"
"""The folder in ``_usage`` that holds what `ctxuse.fleet.collect` brought."""

NOT_SEARCHED = frozenset({".git", ".yoi"})
"""Folders in which no workspace is looked for."""

_REMOTE = re.compile(r"(?P<root>.*?)/?\.yoi/memory/(?P<name>.*)", re.DOTALL)
_LOCAL_SCHEMES = ("file://", "local://")


class Found(NamedTuple):
    """What is at some places.

    Attributes:
        sources: The workspaces, sorted by address.
        unreadable: Places that could not be searched, or hold no workspace.
    """

    sources: list[Source]
    unreadable: list[Unreadable]


def find(places: Iterable[str]) -> Found:
    """Return the workspaces at `places`.

    Raises:
        MissingExtraError: A place is an address, and `fsspec` is not installed.
    """
    sources: dict[str | bytes, Source] = {}
    unreadable: list[Unreadable] = []
    for found in _find_all(places, unreadable):
        sources.setdefault(without_secrets(found.url) or found.root, found)
    return Found(sorted(sources.values(), key=lambda s: (s.address, s.url, s.root)), unreadable)


def _find_all(places: Iterable[str], unreadable: list[Unreadable]) -> Iterator[Source]:
    for place in places:
        for scheme in _LOCAL_SCHEMES:
            place = place.removeprefix(scheme)  # noqa: PLW2901 - the same place
        if place.startswith("@"):
            yield from _find_all(_listed(place[1:], unreadable), unreadable)
        elif is_address(place):
            yield from _remote(place, unreadable)
        else:
            yield from _local(place, unreadable)


def _listed(path: str, unreadable: list[Unreadable]) -> list[str]:
    """The places that a file names, one a line; from stdin when it is ``-``."""
    try:
        if path == "-":
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
    except OSError as error:
        unreadable.append(Unreadable(f"@{shown_path(path)}", what_happened(error)))
        return []
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith(("#", "@"))]


def _local(place: str, unreadable: list[Unreadable]) -> Iterator[Source]:
    folders = [os.path.expanduser(place)]
    if has_magic(place) and not os.path.lexists(folders[0]):
        matches = iglob(folders[0], recursive=True, include_hidden=True)
        folders = sorted(match for match in matches if os.path.isdir(match))
    number = trouble = 0
    for folder in folders:
        before = len(unreadable)
        for source in _search(os.path.realpath(folder), unreadable):
            number += 1
            yield source
        trouble += len(unreadable) - before
    if not number and not trouble:
        reason = "no workspace is in it (.yoi/memory/)" if folders else "no folder matches"
        unreadable.append(Unreadable(shown_path(place), reason))


def _search(folder: str, unreadable: list[Unreadable]) -> Iterator[Source]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name == ".yoi" and os.path.isdir(os.path.join(here, *MARKER)):
                        yield _at(here)
                    elif entry.name not in NOT_SEARCHED and entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            unreadable.append(Unreadable(shown_path(here), what_happened(error)))


def _at(root: str) -> Source:
    size = 0
    try:
        with os.scandir(os.path.join(root, *USAGE_DIR)) as entries:
            for entry in entries:
                if is_log(entry.name):
                    size += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass  # what stands there is said when it is read
    return Source(shown_path(root), root=os.fsencode(root), size=size)


def _remote(place: str, unreadable: list[Unreadable]) -> Iterator[Source]:
    address = without_secrets(place)
    try:
        found = [*_remote_sources(place)]
    except CtxuseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library for some kind of address raises
        unreadable.append(Unreadable(address, reason_of(error, place)))
        return
    if not found:
        unreadable.append(Unreadable(address, "no workspace is in it (.yoi/memory/)"))
    yield from found


def _remote_sources(place: str) -> Iterator[Source]:
    fs, path = filesystem(place.rstrip("/"))
    fs.invalidate_cache()
    prefix, cut = _prefix(place.rstrip("/"), path)
    tops = fs.glob(path) if has_magic(path) and not path.startswith("http") else [path]
    roots: dict[str, list[tuple[str, int]]] = {}
    for top in tops:
        for name, about in fs.find(top, detail=True).items():
            match = _REMOTE.fullmatch(name)
            if match is not None:
                logs = roots.setdefault(match["root"], [])
                inside = match["name"].removeprefix("_usage/")
                if inside != match["name"] and (is_log(inside) or _is_collected(inside)):
                    logs.append((inside, int(about["size"] or 0)))
    for root, logs in roots.items():
        url = prefix + (root.lstrip("/") if cut else root)
        size = sum(size for _, size in logs)
        yield Source(without_secrets(url), url=url, logs=tuple(sorted(logs)), size=size)


def _prefix(url: str, path: str) -> tuple[str, bool]:
    """What stands before a path of a file system to make an address of it, and if a slash goes."""
    if url.endswith(path):
        return url[: len(url) - len(path)], False
    bare = path.lstrip("/")
    return (url[: len(url) - len(bare)] if url.endswith(bare) else url + "/"), True


def is_log(name: str) -> bool:
    """Whether `name`, of a file in ``_usage``, is that of a log."""
    return name == LOG_NAME or is_archive(name)


def _is_collected(name: str) -> bool:
    return name.startswith(f"{COLLECTED}/")


_MOST_SAID = 300


def reason_of(error: BaseException, url: str = "") -> str:
    """Return what `error` says of what is at `url`, in one line, without secrets."""
    if isinstance(error, CtxuseError):
        said = str(getattr(error, "reason", "") or error)
    elif isinstance(error, FileNotFoundError):
        said = "it does not exist"
    elif isinstance(error, OSError):
        said = what_happened(error) or type(error).__name__
    else:
        said = f"{type(error).__name__}: {error}"
    return without_secrets(" ".join(said.split()), url)[:_MOST_SAID]
