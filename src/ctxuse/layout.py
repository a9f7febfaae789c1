"""Where things are: a workspace's paths, kinds of record, slugs, what a path is, a user's state.

The rules are those of docs/format.md §1. Nothing here reads a file's content but those that make a
directory a worktree of git; what else the disk is asked is whether a directory exists, and whose
it is.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import StrEnum

from ctxuse.errors import InvalidPathError, InvalidSlugError, UnknownKindError
from ctxuse.files import upwards
from ctxuse.typed import TYPE_CHECKING, NamedTuple, Self
from ctxuse.worktrees import worktree_of

if TYPE_CHECKING:
    from pathlib import Path

MARKER = (".yoi", "memory")
"""The directory, below the root, that makes a directory a workspace."""

USAGE_DIR = (*MARKER, "_usage")
"""Where everything of ours lives, below the root."""

LOG_NAME = "events.jsonl"
LOCK_NAME = "events.lock"
COLLECTED = "collected"
"""The folder beside the log that holds logs which were collected."""

_SLUG_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789-"
_LONGEST_SLUG = 64


def is_slug(text: str) -> bool:
    """Whether a text is a slug: up to 64 of a-z, 0-9 and single hyphens between them."""
    if not 0 < len(text) <= _LONGEST_SLUG or text.strip(_SLUG_SIGNS):
        return False
    return "--" not in text and "-" not in {text[0], text[-1]}


_SUFFIX = ".md"


def slug_of(name: str) -> str | None:
    """Return the slug of the record that a file of a name is; None for none."""
    stem = name.removesuffix(_SUFFIX)
    return stem if stem != name and is_slug(stem) else None


_SUMMARY = (*MARKER, "summary.md")
_OPAQUE = frozenset({"_staging", "_logs", "_usage"})


class RecordKind(StrEnum):
    """The five kinds of record a workspace holds. Events may name other kinds, as plain text."""

    SUMMARY = "summary"
    DECISION = "decision"
    REQUEST = "request"
    WORKFLOW = "workflow"
    KNOWLEDGE = "knowledge"


_FOLDERS: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.DECISION: (*MARKER, "decisions"),
    RecordKind.REQUEST: (*MARKER, "requests"),
    RecordKind.WORKFLOW: (".yoi", "workflow"),
    RecordKind.KNOWLEDGE: (".yoi", "knowledge"),
}


class Slug(str):
    """A record's name within its kind, checked: the Agent Skills rule.

    1 to 64 characters of ``a-z``, ``0-9`` and ``-``, with no ``-`` at either end and no ``--``.

    Raises:
        InvalidSlugError: The text is not a slug.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check `text` and return it as a slug."""
        if not is_slug(text):
            raise InvalidSlugError(text)
        return super().__new__(cls, text)


class RecordRef(NamedTuple):
    """Which record is meant.

    `slug` is None only in an answer of `WorkspaceLayout.classify` for the summary, which has no
    slug of its own; in events the summary's slug is the literal ``summary``.
    """

    kind: str
    slug: str | None


SUMMARY = (RecordKind.SUMMARY.value, RecordKind.SUMMARY.value)
"""The kind and the slug of the summary in events."""


class WorkspaceLayout:
    """Every path of a workspace. Immutable; two layouts of one root are equal.

    Args:
        root: The workspace's root directory. It is made absolute; links in it are left alone.
    """

    __slots__ = ("_root",)

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(os.fspath(root))

    @classmethod
    def find(cls, start: str | os.PathLike[str] | None = None) -> "WorkspaceLayout":
        """Return the workspace that `start` lies in.

        That is the nearest directory from `start` upwards that contains ``.yoi/memory/``. With
        none anywhere it is `start` itself (and `has_marker` is False). A ``.yoi/`` without
        ``memory/`` does not count, nor does one of somebody else (`is_anothers`). A linked worktree
        of git stands for its main checkout, where that is a workspace.

        Args:
            start: Where to begin; the current directory when None.
        """
        here = os.path.abspath(os.fspath(start) if start is not None else os.getcwd())
        return cls(next(workspaces_from(here), here))

    def __fspath__(self) -> str:
        return self._root

    def __repr__(self) -> str:
        return f"WorkspaceLayout({self._root!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkspaceLayout) and other._root == self._root

    def __hash__(self) -> int:
        return hash(self._root)

    @property
    def has_marker(self) -> bool:
        """Whether the root contains ``.yoi/memory/``."""
        return os.path.isdir(os.path.join(self._root, *MARKER))

    @property
    def git_is_told(self) -> bool:
        """Whether git has been told what to do with the log; a clone does not bring that along."""
        return os.path.lexists(os.path.join(self._root, *USAGE_DIR, ".gitignore"))

    @property
    def root(self) -> "Path":
        """The workspace's root directory."""
        return self._path(())

    @property
    def memory_dir(self) -> "Path":
        """``.yoi/memory``, the marker."""
        return self._path(MARKER)

    @property
    def summary_path(self) -> "Path":
        """``.yoi/memory/summary.md``."""
        return self._path(_SUMMARY)

    @property
    def summary_file(self) -> str:
        """`summary_path` as text."""
        return os.path.join(self._root, *_SUMMARY)

    @property
    def decisions_dir(self) -> "Path":
        """``.yoi/memory/decisions``."""
        return self._path(_FOLDERS[RecordKind.DECISION])

    @property
    def requests_dir(self) -> "Path":
        """``.yoi/memory/requests``."""
        return self._path(_FOLDERS[RecordKind.REQUEST])

    @property
    def workflow_dir(self) -> "Path":
        """``.yoi/workflow``."""
        return self._path(_FOLDERS[RecordKind.WORKFLOW])

    @property
    def knowledge_dir(self) -> "Path":
        """``.yoi/knowledge``."""
        return self._path(_FOLDERS[RecordKind.KNOWLEDGE])

    @property
    def usage_dir(self) -> "Path":
        """``.yoi/memory/_usage``, where everything of ours lives."""
        return self._path(USAGE_DIR)

    @property
    def events_path(self) -> "Path":
        """``.yoi/memory/_usage/events.jsonl``, the log."""
        return self._path((*USAGE_DIR, LOG_NAME))

    def decision_path(self, slug: str) -> "Path":
        """``.yoi/memory/decisions/<slug>.md``. Raises: InvalidSlugError."""
        return self.record_path(RecordKind.DECISION, slug)

    def request_path(self, slug: str) -> "Path":
        """``.yoi/memory/requests/<slug>.md``. Raises: InvalidSlugError."""
        return self.record_path(RecordKind.REQUEST, slug)

    def workflow_path(self, slug: str) -> "Path":
        """``.yoi/workflow/<slug>.md``. Raises: InvalidSlugError."""
        return self.record_path(RecordKind.WORKFLOW, slug)

    def knowledge_path(self, slug: str) -> "Path":
        """``.yoi/knowledge/<slug>.md``. Raises: InvalidSlugError."""
        return self.record_path(RecordKind.KNOWLEDGE, slug)

    def record_path(self, kind: str, slug: str) -> "Path":
        """Return where the file of a record is, whether or not it exists.

        Args:
            kind: One of the five kinds.
            slug: The record's slug; for the summary the literal ``summary``.

        Raises:
            UnknownKindError: `kind` is not one of the five.
            InvalidSlugError: `slug` is not a slug, or not ``summary`` for the summary.
        """
        return self._path(_record_parts(kind, slug))

    def record_file(self, kind: str, slug: str) -> str:
        """Return `record_path` as text, without the cost of a `Path`; raises the same."""
        return os.path.join(self._root, *_record_parts(kind, slug))

    def records_on_disk(self) -> list[RecordRef]:
        """Return every record that has a file now, sorted by kind and slug.

        The summary is given with its slug in events, ``summary``. Files that are not records, and
        folders that are missing or unreadable, are passed over.
        """
        found = [RecordRef(*SUMMARY)] if os.path.isfile(self.summary_file) else []
        for kind, folder in self.record_folders():
            with suppress(OSError), os.scandir(folder) as entries:
                found += (
                    RecordRef(kind, slug)
                    for entry in entries
                    if (slug := slug_of(entry.name)) is not None
                    and (entry.is_file(follow_symlinks=False) or os.path.isfile(entry.path))
                )
        return sorted(found)

    def record_folders(self) -> list[tuple[str, str]]:
        """Return where the records of each kind lie, but for the summary: the kind, the folder."""
        return [(kind.value, os.path.join(self._root, *at)) for kind, at in _FOLDERS.items()]

    def classify(self, path: str | os.PathLike[str]) -> RecordRef | None:
        """Return which record `path` is, or None if it is none, as the reference answers.

        The path is taken as text: nothing is looked up, ``..`` is not resolved. Workflows are
        *not a record* to this question. The summary is answered with the slug None.

        Raises:
            InvalidSlugError: A file where a record should be, whose name is not a slug.
            InvalidPathError: Something else that lies where records live.
        """
        text = os.fspath(path)
        parts = _below(self._root, text)
        match parts:
            case [".yoi", "memory", area, *_] if area in _OPAQUE:
                return None
            case [".yoi", "memory", "summary.md"]:
                return RecordRef(RecordKind.SUMMARY.value, None)
            case [".yoi", "memory", "decisions", name] if name.endswith(_SUFFIX):
                kind = RecordKind.DECISION
            case [".yoi", "memory", "requests", name] if name.endswith(_SUFFIX):
                kind = RecordKind.REQUEST
            case [".yoi", "knowledge", name] if name.endswith(_SUFFIX):
                kind = RecordKind.KNOWLEDGE
            case [".yoi", "memory" | "knowledge", *_]:
                raise InvalidPathError(text)
            case _:
                return None
        try:
            name.encode()
        except UnicodeEncodeError:  # not UTF-8 on disk
            raise InvalidPathError(text) from None
        return RecordRef(kind.value, Slug(name.removesuffix(_SUFFIX)))

    def _path(self, parts: tuple[str, ...]) -> "Path":
        from pathlib import Path  # noqa: PLC0415 - not on the way of an agent that only writes

        return Path(self._root, *parts)


def state_dir(environ: Mapping[str, str]) -> str:
    """Return our directory below the user's state directory; it may not exist.

    Args:
        environ: The environment: ``XDG_STATE_HOME`` where it is absolute, else ``HOME``.
    """
    return _of_user(environ, "XDG_STATE_HOME", ".local", "state")


def is_recording(environ: Mapping[str, str]) -> bool:
    """Return whether events are recorded: ``CTXUSE_DISABLE`` turns that off."""
    return environ.get("CTXUSE_DISABLE", "0") in {"", "0"}


def cache_dir(environ: Mapping[str, str]) -> str:
    """Return our directory below the user's cache directory; it may not exist.

    Args:
        environ: The environment: ``CTXUSE_CACHE_DIR``, which names the directory itself, or
            ``XDG_CACHE_HOME``, where they are absolute, else ``HOME``.
    """
    chosen = environ.get("CTXUSE_CACHE_DIR", "")
    return chosen if os.path.isabs(chosen) else _of_user(environ, "XDG_CACHE_HOME", ".cache")


def workspaces_from(start: str) -> Iterator[str]:
    """Yield the workspaces that a search from an absolute path upwards finds, nearest first.

    Those of somebody else are passed over. From within a linked worktree those of its main checkout
    come first.
    """
    return (root for root in _marked_from(start) if not is_anothers(root, start))


def passed_over(start: str) -> str | None:
    """Return the nearest directory from an absolute path upwards that is somebody else's workspace.

    None where there is none, or a workspace is nearer.
    """
    root = next(_marked_from(start), None)
    return root if root is not None and is_anothers(root, start) else None


def is_anothers(root: str, start: str) -> bool:
    """Return whether a directory's marker is of somebody who has no business in `start`.

    What is recorded there he can read, and what he says there agents are given. The marker may be
    the user's own, root's, or that of the owner of `start`: containers, CI and ``sudo`` work in
    directories of others.
    """
    for depth in range(1, len(MARKER) + 1):
        try:
            owner = os.lstat(os.path.join(root, *MARKER[:depth])).st_uid
        except OSError:  # it is not there
            return False
        if owner and owner not in {os.geteuid(), _owner_of(start)}:  # without owners it is 0
            return True
    return False


def _owner_of(path: str) -> int:
    """Whose a directory is, or was: that is whose the nearest one above it is that is there."""
    for place in upwards(path):
        with suppress(OSError, ValueError):  # it is gone, or has a NUL in its name
            return os.stat(place).st_uid
    return 0


def _marked_from(start: str) -> Iterator[str]:
    """The directories with the marker from one upwards, those of the main checkout first."""
    worktree = worktree_of(start)
    if worktree is not None:
        yield from _marked(worktree.in_main(start))
    yield from _marked(start)


def _marked(directory: str) -> Iterator[str]:
    """The directories with the marker from one upwards."""
    return (one for one in upwards(directory) if os.path.isdir(os.path.join(one, *MARKER)))


def lacks_home(path: str, environ: Mapping[str, str]) -> bool:
    """Return whether a directory would lie in a home that is not there: it is nobody's to make."""
    home = environ.get("HOME") or os.path.expanduser("~")
    return path.startswith(os.path.join(home, "")) and not os.path.isdir(home)


def _of_user(environ: Mapping[str, str], name: str, *usual: str) -> str:
    base = environ.get(name, "")
    if not os.path.isabs(base):  # a relative one is to be ignored, says its specification
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), *usual)
    return os.path.join(base, "ctxuse")


def _record_parts(kind: str, slug: str) -> tuple[str, ...]:
    """The components of a record's path below the root."""
    try:
        known = RecordKind(kind)
    except ValueError:
        raise UnknownKindError(str(kind)) from None
    checked = Slug(slug)
    if known is not RecordKind.SUMMARY:
        return (*_FOLDERS[known], checked + _SUFFIX)
    if checked != known.value:
        raise InvalidSlugError(slug, "the one summary has the slug summary")
    return _SUMMARY


def _below(root: str, path: str) -> list[str] | None:
    """The components of `path` below `root`, as text; None when it is not below it."""
    if not path.startswith("/"):
        return None
    parts = [part for part in path.split("/") if part not in {"", "."}]
    above = [part for part in root.split("/") if part]
    if parts[: len(above)] != above:
        return None
    return parts[len(above) :]
