"""`ctxuse record`: append events by hand or from a script."""

from typing import TYPE_CHECKING, get_args

import click

from ctxuse.cli import FAILED, names
from ctxuse.cli.common import no_workspace, note, require_writing, show_json, workspace_option
from ctxuse.errors import InvalidSlugError, RecordNotFoundError
from ctxuse.events import Actor, UsageEvent, UsageEventKind, UsageSource
from ctxuse.layout import RecordKind, RecordRef, Slug
from ctxuse.recorder import Recorder
from ctxuse.visible import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctxuse.layout import WorkspaceLayout

_USE_SOURCES = [
    source.value for source in UsageSource if source is not UsageSource.RESIDENT_INJECTION
]


@click.group("record")
def command() -> None:
    """Append an event to the log.

    \b
    Examples:
      ctxuse record use decision/alpha knowledge/policy --segment session-1
      ctxuse record use workflow/deploy --segment session-1 --source WorkflowInvoke
      ctxuse record exposure summary knowledge/policy --segment session-1

    REC is KIND/SLUG with decision, request, workflow or knowledge, or summary; its file must
    exist, for its size is part of the event. The stored event is printed as JSON.
    """


def _event_options(function: "Callable[..., None]") -> "Callable[..., None]":
    for option in (
        workspace_option,
        click.option(
            "--host",
            shell_complete=names.completer(names.hosts),
            help="The agent whose doing it was, such as claude-code.",
        ),
        click.option("--actor", type=click.Choice(get_args(Actor)), help="Whose doing within it."),
        click.option(
            "--segment", required=True, metavar="ID", help="The stretch of a session it is part of."
        ),
        click.argument(
            "records",
            metavar="REC...",
            nargs=-1,
            required=True,
            callback=lambda _, __, words: tuple(map(_record, words)),
            shell_complete=names.completer(names.own_records),
        ),
    ):
        function = option(function)
    return function


def _record(name: str) -> RecordRef:
    """Return which record `name` means: ``decision/alpha``, ``knowledge/policy``, ``summary``."""
    kind, slash, slug = name.partition("/")
    if kind == RecordKind.SUMMARY and (not slash or slug == kind):
        return RecordRef(kind, kind)
    if kind not in set(RecordKind) or kind == RecordKind.SUMMARY or not slash:
        raise click.BadParameter(
            f"{quoted(name)} names no record: write KIND/SLUG with decision, request, workflow"
            " or knowledge, or summary"
        )
    try:
        return RecordRef(kind, Slug(slug))
    except InvalidSlugError as error:
        raise click.BadParameter(str(error)) from None


@command.command("use")
@_event_options
@click.option(
    "--source",
    type=click.Choice(_USE_SOURCES, case_sensitive=False),
    default=UsageSource.MEMORY_READ.value,
    show_default=True,
    help="The way the records entered the context.",
)
@click.option("--call-id", metavar="ID", help="The host's id of the tool call.")
def use(  # noqa: PLR0913 - an event has these fields
    *,
    records: tuple[RecordRef, ...],
    segment: str,
    source: str,
    host: str | None,
    actor: Actor | None,
    call_id: str | None,
    layout: "WorkspaceLayout",
) -> None:
    """Record that REC was explicitly read into the context.

    \b
    Examples:
      ctxuse record use decision/alpha --segment session-1
      ctxuse record use knowledge/policy --segment session-1 --source KnowledgeRef
    """
    kind, used_source = UsageEventKind.USE, UsageSource(source)
    _append(layout, records, segment, kind, used_source, host=host, actor=actor, call_id=call_id)


@command.command("exposure")
@_event_options
def exposure(
    *,
    records: tuple[RecordRef, ...],
    segment: str,
    host: str | None,
    actor: Actor | None,
    layout: "WorkspaceLayout",
) -> None:
    """Record that REC is in the context because it is resident.

    \b
    Example:
      ctxuse record exposure summary knowledge/policy --segment session-1
    """
    kind, source = UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION
    _append(layout, records, segment, kind, source, host=host, actor=actor, call_id=None)


def _append(  # noqa: PLR0913 - an event has these fields
    layout: "WorkspaceLayout",
    records: tuple[RecordRef, ...],
    segment: str,
    kind: UsageEventKind,
    source: UsageSource,
    *,
    host: str | None,
    actor: Actor | None,
    call_id: str | None,
) -> None:
    require_writing("record")
    if not layout.has_marker:
        raise no_workspace(layout)
    recorder = Recorder(layout)
    try:
        snapshots = [recorder.snapshot(ref.kind, str(ref.slug)) for ref in records]
    except RecordNotFoundError as error:
        there = [(ref.kind, str(ref.slug)) for ref in layout.records_on_disk()]
        near = names.which_record(error.kind, error.slug, there)
        note(f"{error}{near}")
        click.get_current_context().exit(FAILED)
    event = UsageEvent.new(
        segment, kind, source, snapshots, host=host, actor=actor, call_id=call_id
    )
    stored = recorder.append(event)
    if stored is None:
        note("recording is turned off (CTXUSE_DISABLE): nothing was stored")
        return
    from ctxuse.render.jsontext import events_json  # noqa: PLC0415 - only on success

    try:
        show_json(events_json([stored]))
    except OSError as error:
        note(f"the event is stored, as {stored.id}, but could not be printed: {error.strerror}")
