"""Where something happened, in terms of where the workspace is now, and what its records measured.

A hook tells of what happens now and here. A transcript tells of the past, maybe of another machine,
and holds what a file was then.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ctxuse.events import UsageRecordSnapshot, estimate_tokens
from ctxuse.files import is_as_it_was
from ctxuse.hosts import known_hosts
from ctxuse.hosts.paths import is_name
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import AGENT, SKILL, RecordFile
from ctxuse.patterns import pattern
from ctxuse.typed import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ctxuse.hosts.evidence import KnownLines


class Origin:
    """Where and when something happened.

    The directory in which a session began (None is the root) stands for the root, unless it lies in
    the workspace; the home directory it was in stands for the present one, unless it began in the
    workspace as it lies now: then that may be another's home, in which who works there has nothing
    of their own.
    """

    def __init__(self, places: Places, began_in: str | None = None) -> None:
        self.places = places
        self._is_past = False
        pairs: list[tuple[str, str]] = []
        self._on_windows = bool(began_in and _DRIVE.match(began_in))
        root = began_in and self._normal(began_in)
        self._worktree = places.worktree_of(root) if root else None
        is_here = not root or f"{root}{os.sep}".startswith(places.root + os.sep)
        if self._worktree is None and root and not is_here:
            pairs.append((root, places.root))
        home = _HOME.match(root) if root and not is_here else None
        if home and home[0] != places.home:
            pairs += [
                (os.path.join(home[0], host.config_dir), places.config_dirs[host.name])
                for host in known_hosts()
                if host.config_dir
            ]
            pairs.append((home[0], places.home))
        self._pairs = sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)
        self._is_elsewhere = bool(pairs) and home is None
        self._home = home[0] if home else places.home
        self._began_in = root or places.root

    @classmethod
    def of_transcript(cls, places: Places, began_in: str | None) -> Self:
        """Return the origin of what a transcript tells; it says of sizes what it can."""
        start = cls(places, began_in).here(".")
        past = cls(places.starting_in(start), began_in)
        past._is_past = True
        return past

    def here(self, path: str, directory: str | None = None) -> str:
        """Return what a path of there is here and now, absolute, taken from `directory`."""
        path = self.there(path, directory)
        if self._worktree is not None:
            path = self._worktree.in_main(path)
        if path == self.places.root or path.startswith(self.places.root + os.sep):
            return path
        for there, here in self._pairs:
            if path == there or path.startswith(there + os.sep):
                return here + path[len(there) :]
        return self._of_a_home(path) or path if self._is_elsewhere else path

    def _of_a_home(self, path: str) -> str | None:
        """What a path of another machine is here that is in an agent's own directory.

        Where a session began says there nothing of the home directory; of such a path its beginning
        does.
        """
        home = _HOME.match(path)
        below = path[home.end() :].lstrip(os.sep) if home else ""
        for host in known_hosts():
            if host.config_dir and below.startswith(host.config_dir + os.sep):
                return self.places.config_dirs[host.name] + below[len(host.config_dir) :]
        return None

    def _normal(self, path: str) -> str:
        r"""A path in its shortest form; one of Windows as ``/C:/Users/kim``.

        Its shells write ``/c/Users/kim`` for that.
        """
        if self._on_windows:
            path = path.replace("\\", "/")
            drive = _DRIVE.match(path) or _SHELL_DRIVE.match(path)
            if drive is not None:
                path = f"/{drive[1].upper()}:{path[drive.end() :]}"
        return os.path.normpath(path)

    def there(self, path: str, directory: str | None = None) -> str:
        """Return a path, absolute, as it was there; see `here`."""
        if path == "~" or path.startswith("~/"):
            path = self._home + path[1:]
        parts = [part for part in (directory, path) if part]
        if self._on_windows:
            parts = [*map(self._normal, parts)]
        return os.path.normpath(os.path.join(self._began_in, *parts))

    def may_have_shown(self, record: RecordFile) -> bool:
        """Whether a command could show a file: only now that can be looked up."""
        return self._is_past or os.path.isfile(record.named)

    def past(self, at_ns: int) -> int | None:
        """Return when something was, if it was in the past; None for now."""
        return at_ns if self._is_past else None

    def near(self, output: str) -> list[RecordFile] | None:
        """Return the files of records that hold a line of an output; None where any may.

        Of the past all records are known, once for many outputs.
        """
        from ctxuse.hosts.lineindex import files_near  # noqa: PLC0415 - only for what was printed

        return None if self._is_past else files_near(self.places, output)

    @contextmanager
    def known_lines(
        self,
        named: Sequence[RecordFile],
        command: str,
        near: Sequence[RecordFile] | None = None,
    ) -> "Iterator[KnownLines]":
        """Give the lines of the records here and now, and of what a command names.

        Those records are what `near` has found; all where that is None.
        """
        from ctxuse.hosts.evidence import KnownLines  # noqa: PLC0415 - only for what was printed

        if not self._is_past:
            yield KnownLines.of(self.places, named, command, near)
            return
        from ctxuse.hosts.recordlines import LinesOfRecords  # noqa: PLC0415 - likewise

        kept = self.places.keep(LinesOfRecords).of(self.places)
        with kept.also(named):
            yield kept

    def records(self, paths: Iterable[str], directory: str | None = None) -> list[RecordFile]:
        """Return the records that paths are, each once; see `here`."""
        found: dict[tuple[str, str], RecordFile] = {}
        for path in paths:
            record = self.places.record_at(self.here(path, directory))
            if record is not None:
                found.setdefault((record.kind, record.slug), record)
        return [*found.values()]

    def others(self, paths: Iterable[str], directory: str | None = None) -> list[str]:
        """Return what the paths are here that are no records; see `here`."""
        found = dict.fromkeys(self.here(path, directory) for path in paths)
        return [p for p in found if is_name(p) and self.places.record_at(p) is None]

    def own(self, kind: str, slug: str) -> RecordFile:
        """Return a record of the workspace, which may have no file any more."""
        file = self.places.layout.record_file(kind, slug)
        return RecordFile(kind, slug, file, file)

    def skill(self, name: str) -> RecordFile:
        """Return the skill or workflow of a name; one without a file here goes by its name."""
        found = self.places.skill_named(name)
        if found is None:
            from ctxuse.hosts import skillnames  # noqa: PLC0415 - reads YAML, and is rare

            found = skillnames.skill_otherwise_named(self.places, name)
        return found or RecordFile(SKILL, name, "", "")

    def agent(self, name: str) -> RecordFile:
        """Return the agent of a name; one without a file here goes by its name."""
        found = self.places.prompt_named(AGENT, name)
        if found is None:
            from ctxuse.hosts import skillnames  # noqa: PLC0415 - reads YAML, and is rare

            found = skillnames.agent_otherwise_named(self.places, name)
        return found or RecordFile(AGENT, name, "", "")

    def snapshot(
        self, record: RecordFile, at_ns: int, file_bytes: int | None, context_bytes: int | None
    ) -> UsageRecordSnapshot:
        """Return the snapshot of a record as it was when something happened.

        Args:
            record: The record.
            at_ns: When that was, in nanoseconds since the epoch.
            file_bytes: The size of its whole file, where a transcript shows it whole.
            context_bytes: Bytes of it that entered the context, where known.
        """
        if not self._is_past or (
            file_bytes is None and self.places.recent and is_as_it_was(record.file, at_ns)
        ):
            return record.snapshot(context_bytes)
        return UsageRecordSnapshot(
            record.kind,
            record.slug,
            file_bytes or 0,
            estimate_tokens(file_bytes or 0),
            context_bytes=context_bytes,
            size_from="unknown" if file_bytes is None else "transcript",
        )


_HOME = pattern(r"(?:/[A-Z]:)?/(?:Users|home)/[^/]+|/root(?=/|$)")
_DRIVE = pattern(r"([A-Za-z]):(?=[\\/])")
_SHELL_DRIVE = pattern(r"/([A-Za-z])(?=/)")
