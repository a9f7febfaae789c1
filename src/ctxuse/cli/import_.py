"""`ctxuse import`: bring in what agents left behind, and other logs."""

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import click

from ctxuse.adding import ImportResult
from ctxuse.cli import FAILED, common
from ctxuse.cli.progress import progress
from ctxuse.errors import CtxuseError
from ctxuse.hosts import HOSTS, host_named
from ctxuse.hosts.parts import hosts_with
from ctxuse.hosts.paths import parts_below
from ctxuse.hosts.places import Places
from ctxuse.importing import Session, began_in, import_transcripts, sessions, transcripts_in
from ctxuse.otherlogs import import_log
from ctxuse.render.words import plural
from ctxuse.telemetry import import_telemetry
from ctxuse.visible import quoted, visible
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctxuse.layout import WorkspaceLayout

_MOST_NAMED = 10
"""So many directories that are no workspace are named; the others are counted."""

_FROM_PATHS = {"log": "log", "otlp": "file of a collector"}
"""What lies nowhere of its own, and how a question names it."""


@click.command("import")
@click.argument("what", type=click.Choice([*hosts_with("transcript"), "log", "otlp"]))
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True))
@common.workspace_option
@click.option("--all", "everything", is_flag=True, help="Sessions of all workspaces, into each.")
@click.option("--init", "init", is_flag=True, help="Make the directory a workspace if it is none.")
@click.option("--dry-run", is_flag=True, help="Say what would be added; add nothing.")
@click.option("--no-cache", is_flag=True, help="Read also transcripts that have not changed since.")
@common.format_option("text", "json")
def command(  # noqa: PLR0913 - these are its options
    *,
    what: str,
    paths: tuple[str, ...],
    layout: "WorkspaceLayout",
    everything: bool,
    init: bool,
    dry_run: bool,
    no_cache: bool,
    form: str,
) -> None:
    """Add the events that agents' transcripts, or other logs, tell of.

    Without PATH: the sessions of this workspace where the agent keeps them. A PATH, a transcript
    or a directory of some, is imported into this workspace wherever it was written; the directory
    in which its session began then stands for the root. Doing it again adds nothing twice, also
    when a hook has seen the same. Sizes are those the transcript shows, never those of today. What
    cannot be read is listed with the reason, and the exit status is 3.

    It says where it looked and what it passed over. In a directory that is no workspace yet it
    offers to make one; --init does so without asking. Finding nothing is no error.

    With log: other event logs, or workspaces, as a union by id, the older schema too.

    With otlp: what agents' own telemetry says, as a collector's file exporter has written it (JSON,
    a request a line). It counts where the log knows the session, or where the session read a record
    of this workspace, and it counts once what hooks and transcripts tell of, too.

    \b
    Examples:
      ctxuse import claude-code                 the sessions of this workspace
      ctxuse import claude-code --init          and make the directory one
      ctxuse import claude-code --all           of all workspaces of this machine
      ctxuse import codex ~/old/sessions --dry-run
      ctxuse import log ../other-checkout
      ctxuse import otlp /var/log/otel/agents.jsonl
    """
    if everything and (paths or what in _FROM_PATHS or init):
        raise click.UsageError("--all takes no PATH and no --init, and goes with an agent's name")
    if what in _FROM_PATHS and not paths:
        raise click.UsageError(f"which {_FROM_PATHS[what]}? Give its path")
    if not dry_run:
        common.require_writing("import")
    places = Places(layout)
    looked = None if paths else _Looked.at(what, places)
    cache = False if no_cache else None  # None: as the environment says
    failed: list[CtxuseError] = []
    if everything and looked is not None:
        results = _import_all(looked, failed, dry_run=dry_run, cache=cache)
    else:
        if not (layout.has_marker or dry_run):
            if not _becomes_one(what, places, looked, init=init):
                return
            looked = looked and _Looked.at(what, places)
        found = _import(what, layout, paths, looked, dry_run=dry_run, cache=cache)
        results = {places.root: found}
    _show(results, form, looked, dry_run=dry_run)
    if form == "text":
        lines = looked.lines(everything=everything) if looked else _nothing(what, results, paths)
        common.note(*lines)
        common.note_not_read(looked.unreadable if looked else ())
    _leave(results, failed, looked)


class _Looked(NamedTuple):
    """What an agent keeps of sessions.

    Attributes:
        host: The agent.
        places: The places of the workspace that was named, or found.
        found: Its transcripts.
        here: Those of sessions that began in that workspace, or in what is to be one.
    """

    host: str
    places: Places
    found: tuple[Session, ...]
    here: tuple[str, ...]

    @classmethod
    def at(cls, host: str, places: Places) -> "_Looked":
        """Look where an agent keeps its transcripts."""
        found = tuple(sessions(host, places))
        return cls(host, places, found, tuple(began_in(places.layout, found)))

    @property
    def roots(self) -> dict[str, list[str]]:
        """The transcripts by the workspaces they belong to."""
        roots: dict[str, list[str]] = {}
        for session in self.found:
            if session.root is not None:
                roots.setdefault(session.root, []).append(session.path)
        return dict(sorted(roots.items()))

    @property
    def homeless(self) -> Counter[str]:
        """How many transcripts began in each other directory that is no workspace."""
        here = {*self.here}
        rest = (session for session in self.found if session.path not in here)
        return Counter(s.began for s in rest if s.began is not None and s.root is None)

    @property
    def silent(self) -> int:
        """How many transcripts do not say where they began."""
        return sum(1 for s in self.found if s.began is None and s.error is None)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """What could not be read, with the reason; it may be of any workspace."""
        return [(s.path, s.error) for s in self.found if s.error is not None]

    def where(self) -> "Iterator[tuple[str, bool, int]]":
        """Yield each directory that was looked in, whether it is there, and what is in it."""
        read = [s.path for s in self.found if s.error is None]
        failed = {path for path, _ in self.unreadable}
        for directory in self.places.transcript_dirs(self.host):
            inside = sum(1 for path in read if parts_below(path, directory) is not None)
            yield directory, directory in failed or os.path.exists(directory), inside

    def lines(self, *, everything: bool) -> "Iterator[str]":
        """Yield where it was looked and what was passed over, for people."""
        for directory, is_there, number in self.where():
            inside = plural(number, "transcript") if is_there else "it does not exist"
            yield f"looked in {visible(directory)}: {inside}"
        homeless = self.homeless
        known = len(self.found) - len(self.unreadable) - self.silent
        others = known - len(self.here) - homeless.total()
        passed = [
            (0 if everything else others, "of other workspaces (--all takes them)"),
            (homeless.total(), "of directories that are no workspace"),
            (self.silent, "without the name of a directory"),
        ]
        over = ", ".join(f"{number:,} {what}" for number, what in passed if number)
        if over:
            yield f"passed over: {over}"
        if everything or not self.here:
            yield from _homeless(homeless, self.host)

    def fields(self) -> dict[str, object]:
        """Return the same as JSON holds it."""
        return {
            "looked_in": [
                {"directory": directory, "exists": is_there, "transcripts": number}
                for directory, is_there, number in self.where()
            ],
            "no_workspace": [
                {"directory": directory, "transcripts": number}
                for directory, number in self.homeless.most_common()
            ],
            "without_directory": self.silent,
            "not_read": [{"path": path, "reason": reason} for path, reason in self.unreadable],
        }


def _homeless(counted: Counter[str], host: str) -> "Iterator[str]":
    """The directories that are no workspace, those with the most transcripts first."""
    for directory, number in counted.most_common(_MOST_NAMED):
        gone = "" if os.path.isdir(directory) else " (it does not exist now)"
        yield f"  {visible(directory)}: {plural(number, 'transcript')}{gone}"
    more = len(counted) - _MOST_NAMED
    if more > 0:
        left = counted.total() - sum(n for _, n in counted.most_common(_MOST_NAMED))
        directories = plural(more, "more directory", "more directories")
        yield f"  {directories}: {plural(left, 'transcript')}"
    if counted:
        yield f"  in one of them: ctxuse import {host} --init"


def _nothing(
    what: str, results: dict[str, ImportResult], paths: tuple[str, ...]
) -> "Iterator[str]":
    if not any(result.notes.files for result in results.values()):
        names = host_named(what).transcript_names if what in HOSTS else (".jsonl",)
        yield f"no transcript (*{names[0]}) in {', '.join(map(quoted, paths))}"


def _becomes_one(what: str, places: Places, looked: _Looked | None, *, init: bool) -> bool:
    """Make a workspace where there is none, when its user agrees; whether there is one then."""
    root = places.root
    common.require_project(places, "Go into a project, or import with --all")
    if not init:
        here = "" if looked is None else f"; {plural(len(looked.here), 'transcript')} began in it"
        if not common.can_ask():
            how = f"ctxuse import {what} --init makes it and imports"
            common.note(f"{common.no_workspace(places.layout)}, {how}{here}")
            common.note(*(looked.lines(everything=False) if looked is not None else ()))
            click.get_current_context().exit(FAILED)
        common.note(f"{quoted(root)} is no workspace yet{here}")
        if not click.confirm("Make it one (.yoi/memory/)?", default=True, err=True):
            common.note("nothing was imported")
            return False
    Workspace(places.layout).init()
    common.note(f"made the workspace {quoted(os.fspath(places.layout.memory_dir))}")
    return True


def _import(  # noqa: PLR0913 - what is imported, and how
    what: str,
    layout: "WorkspaceLayout",
    paths: tuple[str, ...],
    looked: _Looked | None,
    *,
    dry_run: bool,
    cache: bool | None,
) -> ImportResult:
    workspace = Workspace(layout)
    if what == "log":
        return import_log(workspace, paths, dry_run=dry_run)
    if what == "otlp":
        return import_telemetry(workspace, paths, dry_run=dry_run)
    unreadable: list[tuple[str, str]] = []
    files = transcripts_in(what, paths, unreadable) if looked is None else looked.here
    with progress("reading transcripts") as on_progress:
        found = import_transcripts(
            workspace, what, files, dry_run=dry_run, on_progress=on_progress, cache=cache
        )
    found.unreadable += unreadable
    return found


def _import_all(
    looked: _Looked, failed: list[CtxuseError], *, dry_run: bool, cache: bool | None
) -> dict[str, ImportResult]:
    results: dict[str, ImportResult] = {}
    for root, files in looked.roots.items():
        with progress(f"reading transcripts of {visible(root)}") as on_progress:
            try:
                results[root] = import_transcripts(
                    Workspace(root),
                    looked.host,
                    files,
                    dry_run=dry_run,
                    on_progress=on_progress,
                    cache=cache,
                )
            except CtxuseError as error:  # it names the workspace; the others can be done
                failed.append(error)
    return results


def _show(
    results: dict[str, ImportResult], form: str, looked: _Looked | None, *, dry_run: bool
) -> None:
    if form == "json":
        told = [{"workspace": root, **_as_json(found)} for root, found in results.items()]
        where = looked.fields() if looked is not None else {}
        document = {"imports": told, "dry_run": dry_run, **where}
        common.show_json(json.dumps(document, indent=2) + "\n")
        return
    for root, found in results.items():
        if len(results) > 1:
            common.show(f"{visible(root)}\n")
        common.show("".join(f"{line}\n" for line in _lines(found, dry_run=dry_run)))
        common.note_not_read(found.unreadable)


def _leave(
    results: dict[str, ImportResult], failed: list[CtxuseError], looked: _Looked | None
) -> None:
    """Say what failed, and exit with the status that says whether all was done."""
    common.note(*map(str, failed))
    unreadable = looked is not None and looked.unreadable
    if failed or unreadable or any(found.unreadable for found in results.values()):
        click.get_current_context().exit(FAILED)


def _lines(found: ImportResult, *, dry_run: bool) -> "Iterator[str]":
    notes = found.notes
    added = "would be added" if dry_run else "added"
    files, events = plural(notes.files, "file"), plural(found.added, "event")
    yield f"{files}: {events} {added}, {found.there:,} already there"
    if found.unchanged:
        unchanged = plural(found.unchanged, "file")
        yield f"{unchanged} passed over: imported before, and not changed since"
    calls = [
        (notes.no_record, "that touch no record"),
        (notes.failed, "that failed"),
        (notes.unfinished, "without a result"),
    ]
    told = ", ".join(f"{number:,} {what}" for number, what in calls if number)
    if told:
        yield f"tool calls {told}"
    if found.untold:
        untold = plural(found.untold, "call")
        yield f"{untold} of which it is not said what was called (names may be masked), or by whom"
    if found.elsewhere:
        elsewhere = plural(found.elsewhere, "session")
        yield f"passed over: {elsewhere} of which nothing shows that it was in this workspace"
    if notes.not_understood:
        kinds = sorted(notes.not_understood.items())
        listed = ", ".join(f"{visible(kind)} {number:,}" for kind, number in kinds)
        yield f"lines not understood, by type: {listed}"


def _as_json(found: ImportResult) -> dict[str, object]:
    notes = found.notes
    return {
        "files": notes.files,
        "added": found.added,
        "already_there": found.there,
        "files_unchanged": found.unchanged,
        "calls_without_record": notes.no_record,
        "calls_failed": notes.failed,
        "calls_without_result": notes.unfinished,
        "calls_untold": found.untold,
        "sessions_elsewhere": found.elsewhere,
        "lines_not_understood": dict(sorted(notes.not_understood.items())),
        "unreadable": [{"path": path, "reason": reason} for path, reason in found.unreadable],
    }
