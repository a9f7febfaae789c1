"""`ctxuse import`: bring in what agents left behind, and other logs."""

import json
import os
from typing import TYPE_CHECKING

import click

from ctxuse.cli import FAILED, common
from ctxuse.errors import CtxuseError, NoWorkspaceError
from ctxuse.hosts.parts import hosts_with
from ctxuse.hosts.places import Places
from ctxuse.importing import (
    ImportResult,
    import_log,
    import_transcripts,
    sessions,
    sessions_of,
    transcripts_in,
)
from ctxuse.render.words import plural
from ctxuse.visible import quoted, visible
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ctxuse.layout import WorkspaceLayout


@click.command("import")
@click.argument("what", type=click.Choice([*hosts_with("transcript"), "log"]))
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True))
@common.workspace_option
@click.option("--all", "everything", is_flag=True, help="Sessions of all workspaces, into each.")
@click.option("--dry-run", is_flag=True, help="Say what would be added; add nothing.")
@click.option("--no-cache", is_flag=True, help="Read also transcripts that have not changed since.")
@common.format_option("text", "json")
def command(  # noqa: PLR0913 - these are its options
    *,
    what: str,
    paths: tuple[str, ...],
    layout: "WorkspaceLayout",
    everything: bool,
    dry_run: bool,
    no_cache: bool,
    form: str,
) -> None:
    """Add the events that an agent's transcripts, or other logs, tell of.

    Without PATH: the sessions of this workspace where the agent keeps them. A PATH, a transcript
    or a directory of some, is imported into this workspace wherever it was written; the directory
    in which its session began then stands for the root. Doing it again adds nothing twice, also
    when a hook has seen the same. Sizes are those the transcript shows, never those of today. What
    cannot be read is listed with the reason, and the exit status is 3.

    With log: other event logs, or workspaces, as a union by id, the older schema too.

    \b
    Examples:
      ctxuse import claude-code                 the sessions of this workspace
      ctxuse import claude-code --all           of all workspaces of this machine
      ctxuse import codex ~/old/sessions --dry-run
      ctxuse import log ../other-checkout
    """
    if everything and (paths or what == "log"):
        raise click.UsageError("--all takes no PATH, and goes with an agent's name")
    if what == "log" and not paths:
        raise click.UsageError("which log? Give its path")
    if everything:
        _import_all(what, layout, dry_run=dry_run, cache=not no_cache, form=form)
        return
    if not layout.has_marker:
        raise NoWorkspaceError(os.fspath(layout))
    workspace = Workspace(layout)
    if what == "log":
        result = import_log(workspace, paths, dry_run=dry_run)
    else:
        files = transcripts_in(paths) if paths else sessions_of(what, layout)
        with common.progress("reading transcripts") as on_progress:
            result = import_transcripts(
                workspace,
                what,
                files,
                dry_run=dry_run,
                on_progress=on_progress,
                cache=not no_cache,
            )
    _show({os.fspath(layout): result}, form, dry_run=dry_run)


def _import_all(
    host: str, layout: "WorkspaceLayout", *, dry_run: bool, cache: bool, form: str
) -> None:
    roots: dict[str, list[str]] = {}
    for path, root in sessions(host, Places(layout)):
        roots.setdefault(root, []).append(path)
    results: dict[str, ImportResult] = {}
    failed: list[CtxuseError] = []
    for root, files in sorted(roots.items()):
        with common.progress(f"reading transcripts of {visible(root)}") as on_progress:
            try:
                results[root] = import_transcripts(
                    Workspace(root),
                    host,
                    files,
                    dry_run=dry_run,
                    on_progress=on_progress,
                    cache=cache,
                )
            except CtxuseError as error:  # it names the workspace; the others can be done
                failed.append(error)
    if not roots:
        common.note("no session of a directory that is a workspace: see ctxuse init")
    _show(results, form, failed, dry_run=dry_run)


def _show(
    results: dict[str, ImportResult],
    form: str,
    failed: "Sequence[CtxuseError]" = (),
    *,
    dry_run: bool,
) -> None:
    """Print what was imported and what not, and exit with the status that says whether all was."""
    if form == "json":
        told = [{"workspace": root, **_as_json(found)} for root, found in results.items()]
        common.show_json(json.dumps({"imports": told, "dry_run": dry_run}, indent=2) + "\n")
    for root, found in results.items() if form == "text" else ():
        if len(results) > 1:
            common.show(f"{visible(root)}\n")
        common.show("".join(f"{line}\n" for line in _lines(found, dry_run=dry_run)))
    not_read = [place for found in results.values() for place in found.unreadable]
    for path, reason in not_read if form == "text" else ():
        common.note(f"not read: {quoted(path)}: {visible(reason)}")
    for error in failed:
        common.note(str(error))
    if not_read or failed:
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
        "lines_not_understood": dict(sorted(notes.not_understood.items())),
        "unreadable": [{"path": path, "reason": reason} for path, reason in found.unreadable],
    }
