"""Which record a path is: the only place that knows where agents keep theirs.

Beside the workspace's own records in ``.yoi`` these are skills, instruction files and the agents'
own memories, of the project, of the user and of plugins (docs/format.md §5). What other agents keep
in the same way needs one more line in a table here. Part of the way of a hook, so nothing
expensive is imported.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ctxuse.errors import CtxuseError
from ctxuse.events import UsageRecordSnapshot
from ctxuse.files import read_small
from ctxuse.layout import RecordKind, RecordRef, Slug, WorkspaceLayout

SKILL, INSTRUCTIONS, MEMORY = "skill", "instructions", "memory"
OTHER_KINDS = (SKILL, INSTRUCTIONS, MEMORY)
"""The kinds of the records that are not in ``.yoi``."""

SKILL_FILE = "SKILL.md"

_AGENT_DIRS = (".claude", ".agents", ".codex")
"""Directories of a project, and of the home directory, with ``skills`` in them."""

_INSTRUCTION_FILES = frozenset(
    {"CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "AGENTS.override.md", "GEMINI.md"}
)
_RULES = (".claude", "rules")
_AGENT_MEMORIES = ("agent-memory", "agent-memory-local")
_MARKDOWN = ".md"


class RecordFile(NamedTuple):
    """A record that has a file.

    Attributes:
        kind: One of the five kinds, ``skill``, ``instructions`` or ``memory``.
        slug: Its name within the kind, as in events.
        file: The file that is the record; for a skill its ``SKILL.md``.
        named: The file that was asked about: `file`, or another file of the skill.
    """

    kind: str
    slug: str
    file: str
    named: str

    def snapshot(self, context_bytes: int | None = None) -> UsageRecordSnapshot:
        """Return the snapshot of the record as its file is now; its size unknown if it is gone.

        Args:
            context_bytes: Bytes of it that entered the context, where known.
        """
        if context_bytes is None and self.named != self.file:
            context_bytes = _size(self.named)
        size = _size(self.file)
        if size is None:
            return UsageRecordSnapshot(
                self.kind, self.slug, 0, 0, context_bytes=context_bytes, size_from="unknown"
            )
        snapshot = UsageRecordSnapshot.from_size(self.kind, self.slug, size)
        return snapshot if context_bytes is None else snapshot._replace(context_bytes=context_bytes)


class Places:
    """Where the records are that can enter a context in a workspace.

    Args:
        layout: The workspace.
        environ: The environment, for ``HOME``, ``CLAUDE_CONFIG_DIR`` and ``CODEX_HOME``;
            that of the process when None.
        start: The directory in which a session began, from which the agents look upwards for
            skills; the root when None.
        lenient: Whether a file below a directory of skills belongs to a skill also when that has
            no ``SKILL.md`` now, as in transcripts, which are of the past.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        environ: Mapping[str, str] | None = None,
        *,
        start: str | None = None,
        lenient: bool = False,
    ) -> None:
        if environ is None:
            environ = os.environ
        self.layout = layout
        self._environ = environ
        self._lenient = lenient
        self.root = os.fspath(layout)
        self.start = self.root if start is None else os.path.normpath(start)
        self.home = os.path.abspath(environ.get("HOME") or os.path.expanduser("~"))
        real_home = os.path.realpath(self.home)
        if _below_parts(self.root, self.home) is None and _below_parts(self.root, real_home):
            self.home = real_home  # the root is named by way of it
        self.claude_dir = _directory(environ, "CLAUDE_CONFIG_DIR", self.home, ".claude")
        self.codex_dir = _directory(environ, "CODEX_HOME", self.home, ".codex")
        self._shown = {
            directory: ["~", *(_below_parts(directory, self.home) or [])]
            for directory in (self.claude_dir, self.codex_dir)
            if _below_parts(directory, self.home) is not None
        }
        self._plugins: dict[str, str] | None = None
        self._resolved: Places | None = None

    def record_at(self, path: str) -> RecordFile | None:
        """Return which record the file at `path` is, or None if it is none of this workspace's.

        A file below a skill's directory belongs to the skill. A path that is none by its name is
        tried again with its links resolved. Whether the file exists is not asked.

        Args:
            path: An absolute path, or one that begins with ``~/``.
        """
        path = self.absolute(path)
        if "\0" in path:
            return None
        try:
            path.encode()
            found = self._record_at(path, self.root)
            if found is None and self._resolved is not self:
                found = self._without_links().record_at(os.path.realpath(path))
        except (UnicodeEncodeError, OSError):  # no text, a loop of links
            return None
        return found

    def _without_links(self) -> "Places":
        """The same places under the names that they have without links."""
        if self._resolved is None:
            names = {
                "HOME": os.path.realpath(self.home),
                "CLAUDE_CONFIG_DIR": os.path.realpath(self.claude_dir),
                "CODEX_HOME": os.path.realpath(self.codex_dir),
            }
            root = WorkspaceLayout(os.path.realpath(self.root))
            twin = self._resolved = Places(root, names, lenient=self._lenient)
            real = {self.claude_dir: twin.claude_dir, self.codex_dir: twin.codex_dir}
            shown = {real[directory]: parts for directory, parts in self._shown.items()}
            twin._resolved = twin
            twin._shown |= shown
        return self._resolved

    def starting_in(self, directory: str) -> "Places":
        """Return the same places for a session that began in `directory`."""
        return Places(self.layout, self._environ, start=directory, lenient=self._lenient)

    def is_above_projects(self, directory: str) -> bool:
        """Whether a directory is the home directory or above it: nothing is recorded there."""
        return holds(directory, self.home)

    def absolute(self, path: str, directory: str | None = None) -> str:
        """Return `path` without ``~`` and ``..``, from `directory` (else the root) on."""
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        return os.path.normpath(os.path.join(directory or self.root, path))

    def instructions_at(self, path: str) -> RecordFile | None:
        """Return the record that a file is of which the host says that it holds instructions."""
        found = self.record_at(path)
        if found is not None:
            return found
        path = self.absolute(path)
        try:
            path.encode()
        except UnicodeEncodeError:
            return None
        return None if "\0" in path else self._by_path(INSTRUCTIONS, path, self.root)

    def skill_named(self, name: str) -> RecordFile | None:
        """Return the skill or workflow that a host calls `name`, if its file is there.

        Args:
            name: ``pdf``, ``plugin:pdf`` for one of a plugin, ``apps/web:pdf`` for one of a
                directory below the root.
        """
        if skill_name(name) != name:
            return None
        prefix, _, last = name.rpartition(":")
        if not prefix:
            try:
                workflow = self.layout.record_file(RecordKind.WORKFLOW, last)
            except CtxuseError:
                pass
            else:
                if os.path.isfile(workflow):
                    return RecordFile(RecordKind.WORKFLOW.value, last, workflow, workflow)
        for directory in self._skill_dirs(prefix):
            file = os.path.join(directory, last, SKILL_FILE)
            if os.path.isfile(file):
                return RecordFile(SKILL, self._slug(file, name), file, file)
        return None

    def _slug(self, file: str, name: str) -> str:
        """The slug of a skill: as its file says, whatever a host calls it."""
        found = self._record_at(file, self.root)
        return found.slug if found is not None and found.kind == SKILL else name

    def skills(self, directories: Iterable[tuple[str, str]] | None = None) -> Iterator[RecordFile]:
        """Yield the skills on the disk: the project's, the user's, and those of plugins.

        Of several with one name the first counts, as with the agents. Skills in directories deep
        in the project are found when they are used, not here.

        Args:
            directories: Pairs of a prefix and a directory of skills to look into; all that are
                known when None.
        """
        if directories is None:
            prefixes = ["", *self.plugins()]
            directories = [(p, directory) for p in prefixes for directory in self._skill_dirs(p)]
        seen: set[str] = set()
        for prefix, directory in directories:
            for name in _names(directory):
                called = f"{prefix}:{name}" if prefix else name
                file = os.path.join(directory, name, SKILL_FILE)
                if called not in seen and not name.startswith(".") and os.path.isfile(file):
                    seen.add(called)
                    yield RecordFile(SKILL, self._slug(file, called), file, file)

    def repository_dirs(self, start: str) -> list[str]:
        """Return `start` and the directories above it up to that of the git repository.

        Where there is none, `start` alone.
        """
        found = [start]
        while not os.path.lexists(os.path.join(found[-1], ".git")):
            above = os.path.dirname(found[-1])
            if above == found[-1]:
                return [start]
            found.append(above)
        return found

    def instructions(self) -> Iterator[RecordFile]:
        """Yield the instruction files of the project, of the directories above it and the user's.

        Those in directories deep in the project are found when they are loaded, not here.
        """
        directories = [self.root, *self._above(self.root)]
        for directory in directories:
            for name in sorted(_INSTRUCTION_FILES):
                yield from self._if_there(os.path.join(directory, name))
            yield from self._if_there(os.path.join(directory, ".claude", "CLAUDE.md"))
            yield from self._below(os.path.join(directory, *_RULES))
        for directory in (self.claude_dir, self.codex_dir):
            for name in sorted(_INSTRUCTION_FILES):
                yield from self._if_there(os.path.join(directory, name))
        yield from self._below(os.path.join(self.claude_dir, _RULES[-1]))

    def memories(self) -> Iterator[RecordFile]:
        """Yield the memory files that agents keep of this project, and Codex's."""
        yield from self._below(self.claude_memory_dir(self.root))
        for directory in (os.path.join(self.root, ".claude"), self.claude_dir):
            for name in _AGENT_MEMORIES:
                yield from self._below(os.path.join(directory, name))
        yield from self._below(os.path.join(self.codex_dir, "memories"))

    def claude_memory_dir(self, project: str) -> str:
        """Return where Claude Code keeps its own memory of `project`."""
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in project)
        return os.path.join(self.claude_dir, "projects", name, "memory")

    def now(self, kind: str, slug: str) -> tuple[int | None, bool | None]:
        """Return the size of a record's file now, and whether it is gone; None where unknown.

        Args:
            kind: The record's kind, as in events.
            slug: Its slug, likewise.
        """
        if kind == SKILL:
            skill = self.skill_named(slug)
            file = None if skill is None else skill.file
        elif kind in {INSTRUCTIONS, MEMORY}:
            file = self.absolute(slug)
            if (
                slug.startswith("external:")
                or "\0" in file
                or self._by_path(kind, file, self.root).slug != slug
            ):
                return None, None  # none of the names that we give: it may lead anywhere
        else:
            try:
                file = self.layout.record_file(kind, slug)
            except CtxuseError:
                return None, None
        size = _size(file) if file is not None and os.path.isfile(file) else None
        return size, size is None

    def on_disk(self, *, outside: bool) -> list[RecordRef]:
        """Return every record that has a file now, sorted by kind and slug.

        Args:
            outside: Whether to include records that lie outside the workspace: the user's, those of
                plugins, and of directories above.
        """
        found = set(self.layout.records_on_disk())
        for file in (*self.skills(), *self.instructions(), *self.memories()):
            if outside or _below_parts(file.file, self.root) is not None:
                found.add(RecordRef(file.kind, file.slug))
        return sorted(found, key=lambda ref: (ref.kind, ref.slug or ""))

    def plugins(self) -> dict[str, str]:
        """Return where Claude Code's installed plugins are, by name."""
        if self._plugins is None:
            self._plugins = dict(self._installed_plugins())
        return self._plugins

    def _installed_plugins(self) -> Iterator[tuple[str, str]]:
        import json  # noqa: PLC0415 - only where there are plugins

        path = os.path.join(self.claude_dir, "plugins", "installed_plugins.json")
        try:
            items = list(json.loads(read_small(path))["plugins"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return
        for name, installs in items:
            for install in installs if isinstance(installs, list) else [installs]:
                where = install.get("installPath") if isinstance(install, dict) else None
                if isinstance(where, str) and os.path.isabs(where) and "\0" not in where:
                    yield name.split("@")[0], os.path.normpath(where)

    def plugins_among_skills(self) -> list[str]:
        """Return the plugins that lie in a directory of skills, where Claude Code finds them."""
        directories = [os.path.join(d, ".claude", "skills") for d in (self.start, self.root)]
        directories.append(os.path.join(self.claude_dir, "skills"))
        found = [os.path.join(d, name) for d in dict.fromkeys(directories) for name in _names(d)]
        manifest = os.path.join(".claude-plugin", "plugin.json")
        return [where for where in found if os.path.isfile(os.path.join(where, manifest))]

    def _record_at(self, path: str, root: str) -> RecordFile | None:
        below = _below_parts(path, root)
        if below is not None and below[:1] == [".yoi"]:
            return self._workspace_record(path, below)
        return (
            self._plugin_skill(path)
            or self._skill(path, root)
            or self._memory(path, root)
            or self._instructions(path, root)
            or self._skill_of_plugin_elsewhere(path)
        )

    def _workspace_record(self, path: str, below: list[str]) -> RecordFile | None:
        try:
            match below:
                case [".yoi", "workflow", name] if name.endswith(_MARKDOWN):
                    kind, slug = RecordKind.WORKFLOW.value, Slug(name.removesuffix(_MARKDOWN))
                case _:
                    ref = self.layout.classify(os.path.join(self.root, *below))
                    if ref is None:
                        return None
                    kind, slug = ref.kind, Slug(ref.slug or RecordKind.SUMMARY.value)
        except CtxuseError:
            return None
        return RecordFile(kind, slug, path, path)

    def _plugin_skill(self, path: str) -> RecordFile | None:
        below = _below_parts(path, os.path.join(self.claude_dir, "plugins"))
        if below is None or "skills" not in below[1:]:
            return None
        index = below.index("skills", 1)
        base = os.path.join(self.claude_dir, "plugins", *below[:index])
        return self._of_skill(
            path, os.path.join(base, "skills"), self._plugin_name(base, below[:index])
        )

    def _skill_of_plugin_elsewhere(self, path: str) -> RecordFile | None:
        for name, where in self.plugins().items() if "skills" in path else ():
            found = self._of_skill(path, os.path.join(where, "skills"), name)
            if found is not None:
                return found
        return None

    def _plugin_name(self, base: str, parts: list[str]) -> str:
        for name, where in self.plugins().items():
            if where == base:
                return name
        versioned = len(parts) > 1 and parts[-1][:1].isdigit()
        return parts[-2] if versioned else parts[-1]

    def _skill(self, path: str, root: str) -> RecordFile | None:
        for directory in self._user_skill_dirs():
            found = self._of_skill(path, directory, "")
            if found is not None:
                return found
        below = _below_parts(path, root)
        if below is None:
            for above in self._above(root):
                for name in _AGENT_DIRS:
                    found = self._of_skill(path, os.path.join(above, name, "skills"), "")
                    if found is not None:
                        return found
            return None
        for index, part in enumerate(below[:-2]):
            if part in _AGENT_DIRS and below[index + 1] == "skills":
                directory = os.path.join(root, *below[: index + 2])
                return self._of_skill(path, directory, "/".join(below[:index]))
        return None

    def _of_skill(self, path: str, directory: str, prefix: str) -> RecordFile | None:
        """The skill that `path` belongs to, if that is one of `directory`."""
        below = _below_parts(path, directory)
        if below is not None and below[:1] == [".system"]:  # Codex's own
            directory, below = os.path.join(directory, ".system"), below[1:]
        if below is None or len(below) < 2:  # noqa: PLR2004 - a skill and a file
            return None
        file = os.path.join(directory, below[0], SKILL_FILE)
        if path != file and not self._lenient and not os.path.isfile(file):
            return None
        return RecordFile(SKILL, f"{prefix}:{below[0]}" if prefix else below[0], file, path)

    def _memory(self, path: str, root: str) -> RecordFile | None:
        if not path.endswith(_MARKDOWN):
            return None
        match _below_parts(path, self.claude_dir):
            case ["projects", _, "memory", _, *_]:
                return self._by_path(MEMORY, path, root)
            case [area, _, *_] if area in _AGENT_MEMORIES:
                return self._by_path(MEMORY, path, root)
        match _below_parts(path, self.codex_dir):
            case ["memories", _, *_]:
                return self._by_path(MEMORY, path, root)
        match _below_parts(path, os.path.join(root, ".claude")):
            case [area, _, *_] if area in _AGENT_MEMORIES:
                return self._by_path(MEMORY, path, root)
        return None

    def _instructions(self, path: str, root: str) -> RecordFile | None:
        directory, name = os.path.split(path)
        is_rule = False
        if name.endswith(_MARKDOWN):
            if _below_parts(path, os.path.join(self.claude_dir, _RULES[-1])) is not None:
                return self._by_path(INSTRUCTIONS, path, root)
            holder, found, _ = directory.rpartition(os.sep + os.sep.join(_RULES))
            after = directory[len(holder) + len(found) :]
            if found and (not after or after.startswith(os.sep)):
                is_rule, directory = True, holder
        if not is_rule and name not in _INSTRUCTION_FILES:
            return None
        if os.path.basename(directory) == ".claude" and directory != self.claude_dir:
            directory = os.path.dirname(directory)
        known = (
            directory in {self.claude_dir, self.codex_dir}
            or _below_parts(path, root) is not None
            or directory in self._above(root)
        )
        return self._by_path(INSTRUCTIONS, path, root) if known else None

    def _by_path(self, kind: str, path: str, root: str) -> RecordFile:
        """A record whose slug is its path, in a form that says nothing of the machine."""
        below = _below_parts(path, root)
        for directory, parts in self._shown.items() if below is None else ():
            within = _below_parts(path, directory)
            if within is not None:
                below = [*parts, *within]
        if below is None:
            at_home = _below_parts(path, self.home)
            if at_home is not None:
                below = ["~", *at_home]
            elif _holder(path) in self._above(root):
                below = os.path.relpath(path, root).split(os.sep)
        slug = f"external:{os.path.basename(path)}" if below is None else "/".join(below)
        return RecordFile(kind, slug, path, path)

    def _above(self, root: str) -> list[str]:
        """The directories above the root, nearest first; of those above home, none."""
        found: list[str] = []
        directory = os.path.dirname(root)
        at_home = _below_parts(root, self.home) is not None
        while directory != os.path.dirname(directory):
            found.append(directory)
            if at_home and directory == self.home:
                break
            directory = os.path.dirname(directory)
        return found

    def _up_to_root(self) -> list[str]:
        """The directory in which the session began, and those above it up to the root."""
        found = [self.start]
        while found[-1] != self.root and _below_parts(found[-1], self.root) is not None:
            found.append(os.path.dirname(found[-1]))
        return found if found[-1] == self.root else [self.root]

    def _user_skill_dirs(self) -> list[str]:
        return [
            os.path.join(self.claude_dir, "skills"),
            os.path.join(self.home, ".agents", "skills"),
            os.path.join(self.codex_dir, "skills"),
            os.path.join(self.codex_dir, "skills", ".system"),
            os.path.join(self.codex_dir, "memories", "skills"),
        ]

    def _skill_dirs(self, prefix: str) -> list[str]:
        """Where the skills are whose names have the given prefix."""
        if not prefix:
            directories = [*self._up_to_root(), *self._above(self.root)]
            own = [os.path.join(d, name, "skills") for d in directories for name in _AGENT_DIRS]
            return list(dict.fromkeys([*own, *self._user_skill_dirs()]))
        if prefix in self.plugins():
            return [os.path.join(self.plugins()[prefix], "skills")]
        nested = self.absolute(prefix)
        if _below_parts(nested, self.root):
            return [os.path.join(nested, name, "skills") for name in _AGENT_DIRS]
        return []

    def _if_there(self, path: str) -> Iterator[RecordFile]:
        if os.path.isfile(path):
            yield self._by_path(INSTRUCTIONS, path, self.root)

    def _below(self, directory: str) -> Iterator[RecordFile]:
        """The records among the Markdown files below a directory; links to others are not gone."""
        for folder, _, names in os.walk(directory):
            for name in sorted(names):
                found = self.record_at(os.path.join(folder, name))
                if found is not None and found.kind in {INSTRUCTIONS, MEMORY}:
                    yield found


def holds(directory: str, other: str) -> bool:
    """Return whether a directory is another one or above it, whatever links lead there."""
    real, other = os.path.realpath(directory), os.path.realpath(other)
    return other == real or other.startswith(os.path.join(real, ""))


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return None


def _directory(environ: Mapping[str, str], name: str, home: str, default: str) -> str:
    value = environ.get(name)
    return os.path.abspath(value) if value else os.path.join(home, default)


def _holder(path: str) -> str:
    """The directory whose instructions a file holds: that with ``CLAUDE.md`` or ``.claude``."""
    parts = os.path.dirname(path).split(os.sep)
    if ".claude" in parts:
        parts = parts[: parts.index(".claude")]
    return os.sep.join(parts) or os.sep


def _below_parts(path: str, directory: str) -> list[str] | None:
    """The components of `path` below `directory`; None when it is not below it."""
    prefix = directory if directory.endswith(os.sep) else directory + os.sep
    if not path.startswith(prefix):
        return None
    return path[len(prefix) :].split(os.sep)


def _names(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except (OSError, ValueError):  # a NUL in its name
        return []
    return sorted(name for name in names if _is_text(name))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


_SKILL_NAME = re.compile(r"(?:[\w@.-]+(?:/[\w@.-]+)*:)?[\w-][\w.-]{0,127}")


def skill_name(said: str | None) -> str | None:
    """Return what a host says as the name of a skill, or None when it cannot be one.

    That is ``pdf``, ``plugin:pdf`` or ``apps/web:pdf``, with or without a slash before it.
    """
    if said is None:
        return None
    name = said.removeprefix("/")
    parts = name.rpartition(":")[0].split("/")
    if _SKILL_NAME.fullmatch(name) is None or len(name) > _LONGEST_NAME:
        return None
    return None if any(part in {".", ".."} for part in parts) else name


_LONGEST_NAME = 256
