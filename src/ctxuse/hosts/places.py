"""Which record a path is: the only place that knows.

Beside the workspace's own records in ``.yoi`` these are skills, commands, agents, instruction files
and the agents' own memories, of the project, of the user and of plugins (docs/format.md §5). Where
agents keep theirs, they say themselves (`ctxuse.hosts.host.Records`); here that is read in three
ways: which record is a path, which records are there, and where is the one of a name. Part of the
way of a hook, so nothing expensive is imported.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import takewhile

from ctxuse.errors import CtxuseError
from ctxuse.files import real_path
from ctxuse.hosts import host_named, known_hosts
from ctxuse.hosts.checkouts import worktree_of_agent, worktree_of_ours
from ctxuse.hosts.imports import imports_of
from ctxuse.hosts.paths import directories_above, files_below, holds, is_name, parts_below, paths_in
from ctxuse.hosts.prompts import Folder, prompt_at, prompt_folders, prompt_named, prompts
from ctxuse.hosts.recordfile import (
    COMMAND,
    INSTRUCTIONS,
    MEMORY,
    SKILL,
    SKILL_FILE,
    RecordFile,
    plugin_name,
    skill_name,
    skill_of,
)
from ctxuse.layout import RecordKind, Slug, WorkspaceLayout
from ctxuse.typed import TYPE_CHECKING
from ctxuse.worktrees import Worktree

if TYPE_CHECKING:
    from typing import Any, TypeVar

    V = TypeVar("V")

_MARKDOWN, _TEXTS, _PLUGIN_SKILLS = ".md", (".md", ".mdc"), "skills"


class Places:
    """Where the records are that can enter a context in a workspace.

    Args:
        layout: The workspace.
        environ: The environment, for ``HOME`` and the agents' own directories; that of the
            process when None.
        start: The directory in which a session began, from which the agents look upwards for
            skills; the root when None.
        lenient: Whether a file below a directory of skills belongs to a skill also when that has
            no ``SKILL.md`` now, as in transcripts, which are of the past.
        config_dirs: The agents' own directories, by agent; as the environment says when None.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        environ: Mapping[str, str] | None = None,
        *,
        start: str | None = None,
        lenient: bool = False,
        config_dirs: Mapping[str, str] | None = None,
    ) -> None:
        self.layout = layout
        self.environ = environ = os.environ if environ is None else environ
        self._lenient = lenient
        self.recent = False
        self.root = os.fspath(layout)
        self.home = os.path.abspath(environ.get("HOME") or os.path.expanduser("~"))
        real_home = real_path(self.home)
        if parts_below(self.root, self.home) is None and parts_below(self.root, real_home):
            self.home = real_home  # the root is named by way of it
        self._hosts = known_hosts()
        self.worktree = None if start is None else self.worktree_of(start)
        self.start = self.root if start is None else self.in_main(os.path.normpath(start))
        self.config_dirs = config_dirs or {
            host.name: host.own_directory(environ, self.home)
            for host in self._hosts
            if host.config_dir
        }
        """The agents' own directories, by agent."""
        at_home = {host: parts_below(path, self.home) for host, path in self.config_dirs.items()}
        self._shown = {host: ["~", *parts] for host, parts in at_home.items() if parts is not None}
        """By agent, how its own directory in the home directory is written in slugs."""
        self.kept: dict[object, Any] = {}
        """What is kept with these places by whoever reads much of the past; see `keep`."""
        self._plugins: dict[str, str] | None = None
        self._imports: dict[str, None] | None = None
        self._resolved: Places | None = None
        with_own = [(self.config_dirs[h.name], h.of_user) for h in self._hosts if h.config_dir]
        self._user_skills = [self.absolute(path, own) for own, of in with_own for path in of.skills]
        of_project = [host.of_project for host in self._hosts]
        self.project_skills = [*dict.fromkeys(p for r in of_project for p in r.skills)]
        self._rules = [*dict.fromkeys(p for r in of_project for p in r.rules)]
        self._instructions = [*dict.fromkeys(p for r in of_project for p in r.instructions)]
        self._instruction_names = {os.path.basename(path) for path in self._instructions}
        nested = [path for path in (*self._instructions, *self._rules) if "/" in path]
        self._folders = {path.partition("/")[0] for path in nested}
        """Folders in which instructions stand for the directory around them."""
        self._nested = tuple([f"/{path}" for path in self._instructions if "/" in path])

    def _folders_of_records(self) -> Iterator[tuple[str, str, str, str]]:
        """Where every Markdown file is a record.

        Its kind, a directory, a path from there on, and what stands in it for this project.
        """
        for host in self._hosts:
            yield from ((MEMORY, self.root, path, "") for path in host.of_project.memories)
            if host.config_dir:
                own, project = self.config_dirs[host.name], host.project_name(self.root)
                yield from ((MEMORY, own, path, project) for path in host.of_user.memories)
                yield from ((INSTRUCTIONS, own, path, project) for path in host.of_user.rules)
        for directory in [self.root, *self._above()]:
            yield from ((INSTRUCTIONS, directory, path, "") for path in self._rules)

    def keep(self, make: "Callable[..., V]", *of: object) -> "V":
        """Return what is made of some things, made once and kept with these places."""
        if make not in self.kept:
            self.kept[make] = make(*of)
        found: V = self.kept[make]
        return found

    def record_at(self, path: str) -> RecordFile | None:
        """Return which record the file at `path` is, or None if it is none of this workspace's.

        The path is absolute, or begins with ``~/``. A file below a skill's directory belongs to
        the skill. A path that is none by its name is tried again with its links resolved. Whether
        the file exists is not asked.
        """
        path = self.absolute(path)
        if not is_name(path):
            return None
        worktree = self._worktree_with(path)
        if worktree is not None:  # it is called as in the main checkout
            found = self.record_at(worktree.in_main(path))
            return found and found._replace(file=worktree.in_it(found.file), named=path)
        found = self._record_at(path)
        if found is None and self._resolved is not self:
            return self._without_links().record_at(real_path(path))
        return found

    def worktree_of(self, directory: str) -> Worktree | None:
        """Return the worktree that a directory is in, or was: one whose main checkout is ours."""
        return worktree_of_ours(directory, self.root, self._hosts)

    def in_main(self, path: str) -> str:
        """Return where in the main checkout a path is, if it is of a worktree of the project."""
        worktree = self._worktree_with(path)
        return path if worktree is None else worktree.in_main(path)

    def _worktree_with(self, path: str) -> Worktree | None:
        if self.worktree is not None and self.worktree.in_main(path) != path:
            return self.worktree
        return worktree_of_agent(path, self.root, self._hosts)

    def _without_links(self) -> "Places":
        """The same places, named without links."""
        if self._resolved is None:
            own = {host: real_path(directory) for host, directory in self.config_dirs.items()}
            root, home = WorkspaceLayout(real_path(self.root)), {"HOME": real_path(self.home)}
            twin = self._resolved = Places(root, home, lenient=self._lenient, config_dirs=own)
            twin._shown |= self._shown
            twin._resolved = twin
        return self._resolved

    def transcript_dirs(self, host: str) -> list[str]:
        """Return where an agent keeps its transcripts, whether or not that is there."""
        found: dict[str, None] = {}
        for path in host_named(host).transcripts:
            name, _, below = path.partition("/") if path.startswith("$") else ("", "", path)
            begin = self.environ.get(name[1:]) if name else self.config_dirs[host]
            if begin:
                found[self.absolute(below, begin) if below else begin] = None
        return [*found]

    def starting_in(self, directory: str) -> "Places":
        """Return the same places for a session that began in `directory`."""
        return Places(self.layout, self.environ, start=directory, lenient=self._lenient)

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
        path = self.absolute(path)
        if found is None and is_name(path):
            slug = self.by_path(INSTRUCTIONS, self.in_main(path)).slug
            return RecordFile(INSTRUCTIONS, slug, path, path)
        return found

    def skill_named(self, name: str) -> RecordFile | None:
        """Return the skill, command or workflow that a host calls `name`, if its file is there.

        Args:
            name: ``pdf``, ``plugin:pdf`` for one of a plugin, ``apps/web:pdf`` for one of a
                directory below the root.
        """
        if skill_name(name) != name:
            return None
        prefix, _, last = name.rpartition(":")
        for directory in self.skill_dirs(prefix):
            file = os.path.join(directory, last, SKILL_FILE)
            if os.path.isfile(file):
                return RecordFile(SKILL, self._slug(file, name), file, file)
        command = self.prompt_named(COMMAND, name)
        if command is not None:
            return command
        if not prefix:
            with suppress(CtxuseError):
                workflow = self.layout.record_file(RecordKind.WORKFLOW, last)
                if os.path.isfile(workflow):
                    return RecordFile(RecordKind.WORKFLOW.value, last, workflow, workflow)
        return None

    def _slug(self, file: str, name: str) -> str:
        """The slug of a skill: as its file says, whatever a host calls it."""
        found = self._record_at(file)
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
            directories = [(p, d) for p in ("", *self.plugins()) for d in self.skill_dirs(p)]
        seen: set[str] = set()
        for prefix, directory in directories:
            for path in paths_in(directory):
                name = os.path.basename(path)
                called = f"{prefix}:{name}" if prefix else name
                file = os.path.join(path, SKILL_FILE)
                if called not in seen and not name.startswith(".") and os.path.isfile(file):
                    seen.add(called)
                    yield RecordFile(SKILL, self._slug(file, called), file, file)

    def files_of_agents(self) -> Iterator[RecordFile]:
        """Yield the records on the disk that are not in ``.yoi``; see `skills`."""
        yield from (*self.skills(), *self.instruction_files(), *self._files_in_folders())
        yield from (self.by_path(INSTRUCTIONS, path) for path in self._imported())
        yield from prompts(self.prompt_folders())

    def instruction_files(self) -> Iterator[RecordFile]:
        """Yield the instruction files of the project, above it and of the user; none deep in it."""
        directories = [self.root, *self._above()]
        files = [os.path.join(d, path) for d in directories for path in self._instructions]
        own = self.config_dirs.values()
        files += [os.path.join(d, name) for d in own for name in self._instruction_names]
        yield from (self.by_path(INSTRUCTIONS, file) for file in files if os.path.isfile(file))

    def _files_in_folders(self) -> Iterator[RecordFile]:
        """The Markdown files that are records by their folder; links to others are not gone."""
        for _, directory, path, project in self._folders_of_records():
            top = os.path.join(directory, path.format(project=project))
            for found in map(self.record_at, files_below(top, _TEXTS)):
                if found is not None and found.kind in {INSTRUCTIONS, MEMORY}:
                    yield found

    def plugins(self) -> dict[str, str]:
        """Return where the agents' installed plugins are, by name."""
        if self._plugins is None:
            self._plugins = {
                name: where
                for host in self._hosts
                if host.installed_plugins is not None
                for name, where in host.installed_plugins(self.config_dirs[host.name])
            }
        return self._plugins

    def _record_at(self, path: str) -> RecordFile | None:
        below = parts_below(path, self.root)
        if below is not None and below[:1] == [".yoi"]:
            return self._workspace_record(path, below)
        return (
            self._plugin_skill(path)
            or self._skill(path, below)
            or self._in_folder_of_records(path)
            or self._instruction_file(path)
            or self._of_skills(path, self._plugin_skills(path))
            or prompt_at(self.prompt_folders(), path)
            or (self.by_path(INSTRUCTIONS, path) if path in self._imported() else None)
        )

    def _imported(self) -> dict[str, None]:
        """The files that instructions take in, as they were when they were first asked for."""
        if self._imports is None:
            self._imports = {}  # while they are looked for, none is known
            self._imports = dict.fromkeys(self.imported_files())
        return self._imports

    def imported_files(self, only: str | None = None) -> list[str]:
        """Return the files that instructions take in, of one agent or of any; see `imports`."""
        hosts = [host for host in self._hosts if only in {None, host.name}]
        files = [record.file for record in self.instruction_files()]
        return imports_of(hosts, files, self.config_dirs, self.absolute, self.root)

    def prompt_named(self, kind: str, name: str) -> RecordFile | None:
        """See `ctxuse.hosts.prompts`."""
        return prompt_named(self.prompt_folders(), kind, name)

    def prompt_folders(self) -> Iterator[Folder]:
        """See `prompt_named`."""
        return prompt_folders(self._hosts, self.root, self.config_dirs, self.plugins())

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
        """The skill of a plugin that lies where its agent keeps plugins."""
        for host in self._hosts:
            directory = os.path.join(self.config_dirs.get(host.name, ""), host.plugins)
            below = parts_below(path, directory) if host.plugins else None
            if below is not None and _PLUGIN_SKILLS in below[1:]:
                parts = below[: below.index(_PLUGIN_SKILLS, 1)]
                plugin = os.path.join(directory, *parts)
                installed = [name for name, where in self.plugins().items() if where == plugin]
                name = [*installed, plugin_name(parts)][0]
                return self._of_skill(path, os.path.join(plugin, _PLUGIN_SKILLS), name)
        return None

    def _plugin_skills(self, path: str) -> Iterator[tuple[str, str]]:
        """The directories of skills of plugins that lie anywhere, with the plugins' names."""
        for name, where in self.plugins().items() if _PLUGIN_SKILLS in path else ():
            yield os.path.join(where, _PLUGIN_SKILLS), name

    def _skill(self, path: str, below: list[str] | None) -> RecordFile | None:
        """The skill of the user or of a project; `below` is the path below the root."""
        directories = [(directory, "") for directory in self._user_skills]
        if below is None:
            directories += [
                (os.path.join(d, s), "") for d in self._above() for s in self.project_skills
            ]
        else:
            directories += self._nested_skill_dir(below)
        return self._of_skills(path, directories)

    def _nested_skill_dir(self, below: list[str]) -> list[tuple[str, str]]:
        """The first directory of skills on a way below the root, with what stands before it."""
        for index in range(len(below)):
            for skills in self.project_skills:
                end = index + 1 + skills.count("/")
                if end < len(below) and "/".join(below[index:end]) == skills:
                    return [(os.path.join(self.root, *below[:end]), "/".join(below[:index]))]
        return []

    def _of_skills(self, path: str, directories: Iterable[tuple[str, str]]) -> RecordFile | None:
        """The skill that `path` belongs to, in the first directory that has it, with its prefix."""
        found = (self._of_skill(path, directory, prefix) for directory, prefix in directories)
        return next(filter(None, found), None)

    def _of_skill(self, path: str, directory: str, prefix: str) -> RecordFile | None:
        """The skill that `path` belongs to, if that is one of `directory`."""
        below = parts_below(path, directory)
        if below is not None and any(host.bundled_skills == below[0] for host in self._hosts):
            directory, below = os.path.join(directory, below[0]), below[1:]
        if below is None or len(below) < 2:  # noqa: PLR2004 - a skill and a file
            return None
        return skill_of(path, directory, below, prefix, lenient=self._lenient)

    def _in_folder_of_records(self, path: str) -> RecordFile | None:
        if not path.endswith(_TEXTS):
            return None
        for kind, directory, pattern, _ in self._folders_of_records():
            names, below = pattern.split("/"), parts_below(path, directory) or []
            same = all(n in {part, "{project}"} for n, part in zip(names, below, strict=False))
            if same and len(below) > len(names):
                return self.by_path(kind, path)
        return None

    def _instruction_file(self, path: str) -> RecordFile | None:
        """Instructions of any directory that is known, and rules of one deep in the project."""
        directory, name = os.path.split(path)
        own_dirs = self.config_dirs.values()
        is_one = name in self._instructions or path.endswith(self._nested)
        is_one = is_one or (directory in own_dirs and name in self._instruction_names)
        for rules in self._rules if name.endswith(_TEXTS) else ():
            holder, found, _ = f"{directory}/".rpartition(f"/{rules}/")
            directory, is_one = (holder, True) if found else (directory, is_one)
        if os.path.basename(directory) in self._folders and directory not in own_dirs:
            directory = os.path.dirname(directory)
        known = directory in {*own_dirs, *self._above()} or parts_below(path, self.root) is not None
        return self.by_path(INSTRUCTIONS, path) if is_one and known else None

    def by_path(self, kind: str, path: str) -> RecordFile:
        """A record whose slug is its path, in a form that says nothing of the machine."""
        below = parts_below(path, self.root)
        for host, shown in self._shown.items() if below is None else ():
            within = parts_below(path, self.config_dirs[host])
            if within is not None:
                below = [*shown, *within]
        if below is None:
            at_home = parts_below(path, self.home)
            if at_home is not None:
                below = ["~", *at_home]
            elif self._holder(path) in self._above():
                below = os.path.relpath(path, self.root).split(os.sep)
        slug = f"external:{os.path.basename(path)}" if below is None else "/".join(below)
        return RecordFile(kind, slug, path, path)

    def _holder(self, path: str) -> str:
        """The directory whose instructions a file holds."""
        parts = os.path.dirname(path).split(os.sep)
        return os.sep.join(takewhile(lambda part: part not in self._folders, parts)) or os.sep

    def _above(self) -> list[str]:
        return directories_above(self.root, self.home)

    def _up_to_root(self) -> list[str]:
        """The directory in which the session began, and those above it up to the root."""
        found = [self.start]
        while found[-1] != self.root and parts_below(found[-1], self.root) is not None:
            found.append(os.path.dirname(found[-1]))
        return found if found[-1] == self.root else [self.root]

    def skill_dirs(self, prefix: str) -> list[str]:
        """Where the skills are whose names have the given prefix."""
        if prefix in self.plugins():
            return [os.path.join(self.plugins()[prefix], _PLUGIN_SKILLS)]
        nested = self.absolute(prefix)
        if not prefix:
            holders = [*self._up_to_root(), *self._above()]
        else:
            holders = [nested] if parts_below(nested, self.root) else []
        found = [os.path.join(d, skills) for d in holders for skills in self.project_skills]
        return found if prefix else list(dict.fromkeys([*found, *self._user_skills]))
