"""What of the records that a log names, and of others, is on the disk now."""

import os
from collections.abc import Iterator

from ctxuse.errors import CtxuseError
from ctxuse.files import read_small, real_path
from ctxuse.hosts.paths import holds, is_name, is_same, parts_below, texts_below
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import (
    AGENT,
    COMMAND,
    INSTRUCTIONS,
    MEMORY,
    SKILL,
    RecordFile,
    file_size,
)
from ctxuse.layout import RecordRef
from ctxuse.typed import NamedTuple


def size_now(places: Places, kind: str, slug: str) -> tuple[int | None, bool | None]:
    """Return the size of a record's file now, and whether it is gone; None where unknown."""
    if kind == SKILL:
        skill = places.skill_named(slug)
        file = None if skill is None or skill.kind != SKILL else skill.file
    elif kind in {COMMAND, AGENT}:
        prompt = places.prompt_named(kind, slug)
        file = None if prompt is None else prompt.file
    elif kind in {INSTRUCTIONS, MEMORY}:
        file = _file_called(places, kind, slug)
        if file is None:
            return None, None  # none of the names that we give: it may lead anywhere
    else:
        try:
            file = places.layout.record_file(kind, slug)
        except CtxuseError:
            return None, None
    size = file_size(file) if file is not None and os.path.isfile(file) else None
    return size, size is None


class Lying(NamedTuple):
    """A file of a name that several may have.

    Attributes:
        path: Where it lies, as slugs say paths.
        is_as: What it is to the first: ``link`` to the same file, ``copy`` with the same bytes, or
            ``other``; None for the first itself.
    """

    path: str
    is_as: str | None


def files_called(places: Places, kind: str, slug: str) -> list[Lying]:
    """Return the files that agents keep under the name of a skill, each in its own folder.

    Events name skills by their names: of which of several files they are, these do not say. Of
    another kind of record none are returned.
    """
    prefix = slug.rpartition(":")[0]
    directories = places.skill_dirs(prefix) if kind == SKILL else ()
    files = [
        skill.file
        for directory in directories
        for skill in places.skills([(prefix, directory)])
        if skill.slug == slug
    ]
    files.sort(key=lambda file: real_path(file) != file)  # links behind what they lead to
    return [
        Lying(places.by_path(SKILL, file).slug, _relation(file, files[0]) if index else None)
        for index, file in enumerate(files)
    ]


def _relation(file: str, first: str) -> str:
    if is_same(file, first):
        return "link"
    try:
        return "copy" if read_small(file) == read_small(first) else "other"
    except OSError:
        return "other"


def _file_called(places: Places, kind: str, slug: str) -> str | None:
    """Where the instructions or the memory of a slug are; None where there can be none.

    Outside the workspace, wherever links lead, only files are looked at that are records by where
    they lie; inside, an agent may have been told that any file holds instructions.
    """
    path = places.absolute(slug)
    if slug.startswith("external:") or not is_name(path):
        return None
    found = places.record_at(path)
    if found is None and kind == INSTRUCTIONS and holds(places.root, path):
        found = places.instructions_at(path)
    is_it = found is not None and (found.kind, found.slug) == (kind, slug)
    return path if is_it else None


def record_files(places: Places) -> Iterator[RecordFile]:
    """Yield every file of a record that has one now; of skills their other texts, too."""
    for kind, slug in places.layout.records_on_disk():
        file = places.layout.record_file(kind, str(slug))
        yield RecordFile(kind, str(slug), file, file)
    yield from files_of_agents(places)


def files_of_agents(places: Places) -> Iterator[RecordFile]:
    """Yield those of `record_files` that are not in ``.yoi``."""
    for record in places.files_of_agents():
        yield record
        if record.kind == SKILL:
            for path in texts_below(os.path.dirname(record.file)):
                if path != record.file:
                    yield record._replace(named=path)


def on_disk(places: Places, *, outside: bool) -> list[RecordRef]:
    """Return every record that has a file now, sorted by kind and slug.

    Args:
        places: Where records lie.
        outside: Whether to include records that lie outside the workspace: the user's, those of
            plugins, and of directories above.
    """
    found = set(places.layout.records_on_disk())
    for file in places.files_of_agents():
        if outside or parts_below(file.file, places.root) is not None:
            found.add(RecordRef(file.kind, file.slug))
    return sorted(found, key=lambda ref: (ref.kind, ref.slug or ""))
