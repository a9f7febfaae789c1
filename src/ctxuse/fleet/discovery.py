"""Places as people name them → the workspaces found there, sorted by address.

A place is a folder, which is searched, a pattern, ``@FILE`` (a list of places) or an `fsspec`
address. Links inside a folder are not followed, not by ``**`` either; a folder that is named may be
one. What is found twice, by whichever names, is one workspace. A place without a workspace is said,
with the reason.
"""

import errno
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from glob import has_magic
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ctxuse.errors import CtxuseError
from ctxuse.files import is_directory, read_small, real_path, what_happened
from ctxuse.fleet.filesystems import Failed, files_below, filesystem, matches
from ctxuse.fleet.packs import PACKS, packs_beside
from ctxuse.fleet.pieces import Part
from ctxuse.fleet.source import (
    Source,
    as_text,
    holds_buckets,
    is_address,
    reason_of,
    shown_address,
    shown_path,
    shown_place,
    why_refused,
    without_local_scheme,
)
from ctxuse.fleet.store import NOBODY
from ctxuse.layout import COLLECTED, MARKER, USAGE_DIR
from ctxuse.log.names import is_log
from ctxuse.redaction import without_secrets
from ctxuse.reports.fleet import Unreadable

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped] # it has no types

NOT_SEARCHED = frozenset({".git", ".yoi", PACKS})
"""Folders in which no workspace is looked for."""

_NONE = "no workspace is in it (.yoi/memory/)"

_LARGEST_LIST = 256 * 1024 * 1024

_REMOTE = re.compile(r"(?:(?P<root>.*?)/)?\.yoi/memory/(?P<name>.*)", re.DOTALL)
_SEPARATOR = re.compile(r"[/\\]" if os.sep == "\\" else "/")


class Discovered(NamedTuple):
    """What is at some places.

    Attributes:
        sources: The workspaces, sorted by address.
        unreadable: Places that could not be searched, or hold no workspace.
    """

    sources: list[Source]
    unreadable: list[Unreadable]


def find(places: Iterable[str]) -> Discovered:
    """Return the workspaces at `places`.

    Raises:
        MissingExtraError: A place is an address, and `fsspec` is not installed.
    """
    sources: dict[str, Source] = {}
    unreadable: list[Unreadable] = []
    for found in _with_packs(_find_all(places, unreadable), unreadable):
        sources.setdefault(found.identity, found)
    in_order = sorted(sources.values(), key=lambda source: source.name)
    return Discovered(_told_apart(in_order), [*dict.fromkeys(unreadable)])


def _with_packs(
    found: Iterable["Source | _Packed"], unreadable: list[Unreadable]
) -> Iterator[Source]:
    """Say of each workspace what packs beside it hold of its logs.

    Those of which only packs hold something follow.
    """
    searched: set[str] = set()
    seen: dict[str, set[str]] = {}
    beside: dict[str, list[tuple[Source, int | None]]] = {}
    for source in found:
        if isinstance(source, _Packed):
            searched.add(source.place)
            beside.setdefault(source.place, [])
            continue
        place = source.parent
        seen.setdefault(place, set()).add(source.folder)
        if not source.has_collected or holds_buckets(place):
            yield source
        else:
            beside.setdefault(place, []).append((source, _owner(source)))
    for place, workspaces in beside.items():
        owners = {owner for _, owner in workspaces}
        packs = packs_beside(place, owners | NOBODY if place in searched else owners)
        for name, reason in packs.troubles.items():
            unreadable.append(Unreadable(f"{shown_place(place)}/{name}", reason))
        for source, owner in workspaces:
            parts = packs.of(source.folder, owner)
            size = source.size + sum(part.size for part in parts)
            yield replace(source, packed=(*parts,), size=size)
        if place in searched:
            here = seen.get(place, set())
            bare = here.difference(source.folder for source, _ in workspaces)
            for folder in sorted(one for one in bare if packs.of(one, None)):
                root = shown_place(f"{place.rstrip('/')}/{folder}")
                unreadable.append(Unreadable(root, _BARE))
            held = {one: packs.of(one, None) for one in packs.parts if one not in here}
            alone = {one: its for one, its in held.items() if its or not packs.parts[one]}
            yield from _in_packs_alone(place, alone, unreadable)
            if not here and not alone and not packs.troubles:
                unreadable.append(Unreadable(shown_place(place), _NONE))


def _in_packs_alone(
    place: str, held: dict[str, list[Part]], unreadable: list[Unreadable]
) -> Iterator[Source]:
    """Workspaces of which only packs hold something; of those of nothing it is said."""
    for folder, parts in held.items():
        root = f"{place.rstrip('/')}/{folder}"
        if parts:
            there = {"url": root} if is_address(place) else {"root": os.fsencode(root)}
            size = sum(part.size for part in parts)
            yield Source(shown_place(root), packed=(*parts,), size=size, **there)
        else:
            unreadable.append(Unreadable(shown_place(root), "what packs held of it is missing"))


_BARE = (
    f"packs hold logs of it, and its folder {COLLECTED} is gone: make it anew, and they count again"
)


class _Packed(NamedTuple):
    """A place that was searched, and in which packs lie."""

    place: str


def _owner(source: Source) -> int | None:
    """Who owns the folder of a workspace of this machine."""
    if not source.url:
        with suppress(OSError):
            return os.stat(source.root).st_uid
    return None


def _told_apart(sources: list[Source]) -> list[Source]:
    """Return workspaces sorted by address, with numbers where several would share one."""
    number = Counter(source.address for source in sources)
    taken = set(number)
    last: Counter[str] = Counter()
    apart = []
    for source in sources:
        address = source.address
        while number[source.address] > 1 and address in taken:
            last[source.address] += 1
            address = f"{source.address} ({last[source.address]})"
        taken.add(address)
        apart.append(replace(source, address=address))
    return sorted(apart, key=lambda s: s.address)


def _find_all(places: Iterable[str], unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    for named in places:
        for place in _listed(named[1:], unreadable) if named.startswith("@") else [named]:
            yield from _find_at(place, unreadable)


def _find_at(place: str, unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    path, before = without_local_scheme(place), len(unreadable)
    try:
        yield from (_remote if is_address(path) else _local)(path, unreadable)
    except ValueError as error:  # what can be no name, such as one with a NUL
        unreadable.append(Unreadable(shown_place(place), reason_of(error, place)))
    if path != place:  # what follows may be no path, but a user, a password and a host
        unreadable[before:] = [
            Unreadable(without_secrets(found.address, place), found.reason)
            for found in unreadable[before:]
        ]


def _listed(path: str, unreadable: list[Unreadable]) -> list[str]:
    """The places that a file names, one a line; from stdin when it is ``-``."""
    shown = f"@{shown_place(path)}"
    try:
        if path == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, "stdin is closed")
            text = sys.stdin.read()
        else:
            text = read_small(path, _LARGEST_LIST).decode("utf-8", "surrogateescape")
    except OSError as error:
        unreadable.append(Unreadable(shown, what_happened(error)))
        return []
    except ValueError as error:  # stdin is no text
        unreadable.append(Unreadable(shown, reason_of(error)))
        return []
    lines = [line.strip() for line in text.removeprefix("\ufeff").replace("\r", "\n").split("\n")]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        unreadable.append(Unreadable(shown, "the list names no place"))
    nested = [line for line in named if line.startswith("@")]
    unreadable += [Unreadable(shown_place(line), "lists do not nest") for line in nested]
    return [line for line in named if not line.startswith("@")]


def _local(place: str, unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    folders = [os.path.expanduser(place)]
    number, before = 0, len(unreadable)
    if has_magic(place) and not os.path.lexists(folders[0]):

        def failed(path: str, error: Exception) -> None:
            unreadable.append(Unreadable(shown_path(real_path(path)), reason_of(error)))

        folders = _not_within({real_path(one) for one in _expanded(folders[0], failed)}, os.sep)
    for folder in folders:
        for source in _search(real_path(folder), unreadable):
            number += 1
            yield source
    if not number and len(unreadable) == before:
        reason = _NONE if folders else "no folder matches"
        unreadable.append(Unreadable(shown_path(place), reason))


def _expanded(pattern: str, failed: Failed) -> Iterator[str]:
    """The folders that match a pattern; ``**`` stands for any that are reached without links."""
    drive, path = os.path.splitdrive(pattern)
    first, *parts = _SEPARATOR.split(path)
    folders = iter([drive or os.curdir] if first else [drive + os.sep])
    for part in filter(None, (first, *parts)):
        folders = _inside(folders, part, failed)
    return folders


def _inside(folders: Iterable[str], part: str, failed: Failed) -> Iterator[str]:
    """The folders in some that match a part of a pattern."""
    for folder in folders:
        if part == "**":
            yield from _folders(folder, failed)
        elif has_magic(part):
            yield from _inner(folder, failed, lambda entry: fnmatch(entry.name, part))
        else:
            path = os.path.join(folder, part)
            try:
                if is_directory(path):
                    yield path
            except OSError as error:
                failed(path, error)


def _folders(top: str, failed: Failed) -> Iterator[str]:
    """A folder and those in it that are searched."""
    waiting = [top]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += _inner(here, failed, _is_gone_into)


def _is_gone_into(entry: os.DirEntry[str]) -> bool:
    return entry.name not in NOT_SEARCHED and not entry.is_symlink()


def _inner(
    folder: str, failed: Failed, is_meant: Callable[[os.DirEntry[str]], bool]
) -> Iterator[str]:
    """Those of the folders in a folder, or links to some, that are meant."""
    try:
        with os.scandir(folder) as entries:
            meant = [entry for entry in entries if is_meant(entry)]
    except (FileNotFoundError, NotADirectoryError):  # gone since
        return
    except OSError as error:
        failed(folder, error)
        return
    for entry in meant:
        try:
            if entry.is_dir():
                yield entry.path
        except OSError as error:
            failed(entry.path, error)


def _not_within(paths: Iterable[str], separator: str) -> list[str]:
    """Return paths without those that are searched with another one."""
    kept: list[str] = []
    for path in sorted(paths, key=lambda path: path.split(separator)):
        if not kept or not _is_searched_with(path, kept[-1], separator):
            kept.append(path)
    return kept


def _is_searched_with(path: str, top: str, separator: str) -> bool:
    """Whether a search of `top` comes to `path`."""
    inner = path.removeprefix(top.rstrip(separator) + separator)
    return inner != path and NOT_SEARCHED.isdisjoint(inner.split(separator))


def _search(folder: str, unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name == MARKER[0]:
                        yield from _marked(here, unreadable)
                    elif entry.name == PACKS:
                        yield _Packed(here)
                    elif entry.name not in NOT_SEARCHED and entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            unreadable.append(Unreadable(shown_path(here), what_happened(error)))


def _marked(root: str, unreadable: list[Unreadable]) -> Iterator[Source]:
    """A folder that is a workspace, if it is one."""
    try:
        if is_directory(os.path.join(root, *MARKER)):
            yield _at(root)
    except OSError as error:
        unreadable.append(
            Unreadable(shown_path(os.path.join(root, MARKER[0])), what_happened(error))
        )


def _at(root: str) -> Source:
    size = 0
    try:
        with os.scandir(os.path.join(root, *USAGE_DIR)) as entries:
            for entry in entries:
                if is_log(entry.name):
                    with suppress(FileNotFoundError):  # gone since
                        size += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass  # what stands there is said when it is read
    return Source(shown_path(root), root=os.fsencode(root), size=size)


def _remote(place: str, unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    address = shown_address(place)
    scheme, _, rest = place.partition("://")
    bare = f"{scheme}://{rest.rstrip('/')}"
    before = len(unreadable)
    if refused := why_refused(place):
        unreadable.append(Unreadable(address, refused))
        return
    try:
        found = [*_remote_sources(bare, unreadable)]
    except CtxuseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library for some kind of address raises
        unreadable.append(Unreadable(address, reason_of(error, place)))
        return
    if not found and len(unreadable) == before:
        unreadable.append(Unreadable(address, _NONE))
    yield from found


_CHAINED = "its name holds ::, which chains addresses, so that no address names it"
_NO_TEXT = "its name is no UTF-8, so that no address names it"


def _remote_sources(place: str, unreadable: list[Unreadable]) -> Iterator[Source | _Packed]:
    fs, path = filesystem(place)
    fs.invalidate_cache()
    prefix, cut = _prefix(place, path)

    def url_of(name: str) -> str:
        return prefix + (name.lstrip("/") if cut else name)

    def failed(name: str, error: Exception) -> None:
        unreadable.append(Unreadable(shown_address(url_of(name)), reason_of(error, place)))

    tops = _tops(fs, path or fs.root_marker, failed)
    roots: dict[str, dict[str, int]] = {}
    packed: dict[str, None] = {}
    for top in tops:
        for name, size in files_below(fs, top, ".git", failed).items():
            above, is_of_packs, _ = name.rpartition(f"/{PACKS}/")
            if is_of_packs and _is_searched(above, top):
                packed[url_of(above)] = None
            match = _REMOTE.fullmatch(name)
            if match is not None and _is_searched(match["root"] or "", top):
                logs = roots.setdefault(match["root"] or "", {})
                inside = match["name"].removeprefix("_usage/")
                if inside != match["name"] and (is_log(inside) or _is_collected(inside)):
                    logs[inside] = size
    yield from (_Packed(place) for place in packed if "::" not in place)
    for root, logs in roots.items():
        url = url_of(root)
        if "::" in url or url != as_text(url):
            reason = _CHAINED if "::" in url else _NO_TEXT
            unreadable.append(Unreadable(shown_address(url), reason))
        else:
            its = (*sorted(logs.items()),)
            yield Source(shown_address(url), url=url, logs=its, size=sum(logs.values()))


def _tops(fs: "AbstractFileSystem", path: str, failed: Failed) -> list[str]:
    """The paths of `fs` that are searched for a path or pattern."""
    if has_magic(path) and not path.startswith("http"):
        return _apart(matches(fs, path, failed), path)
    return [path]


def _is_searched(root: str, top: str) -> bool:
    return NOT_SEARCHED.isdisjoint(root.removeprefix(top).split("/"))


def _apart(matching: list[str], pattern: str) -> list[str]:
    """What matches a pattern, without what is not searched or is searched with something else."""
    if "**" in pattern:
        not_meant = NOT_SEARCHED.difference(pattern.split("/"))
        matching = [path for path in matching if not_meant.isdisjoint(path.split("/"))]
    return _not_within(matching, "/")


def _prefix(url: str, path: str) -> tuple[str, bool]:
    """What stands before a path of a file system to make an address of it, and if a slash goes."""
    bare = path.lstrip("/")
    if not bare:
        return (url if url.endswith("/") else f"{url}/"), True
    if url.endswith(path):
        return url[: len(url) - len(path)], False
    return (url[: len(url) - len(bare)] if url.endswith(bare) else url + "/"), True


def _is_collected(name: str) -> bool:
    return name.startswith(f"{COLLECTED}/")
