"""A tool call → events: what reading a file, calling a skill and running a command mean.

A hook sees a call as it happens, a transcript holds it later. Both make it a `Call`, and the one
rule here makes the events, so that what is the same occurrence has the same id. A call of a tool of
an MCP server is none: such a server records its own.
"""

import os
from collections.abc import Iterable

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import RecordFile, skill_name
from ctxuse.hosts.session import Session
from ctxuse.typed import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from ctxuse.hosts.evidence import Shown

Tool = Literal["read", "mention", "skill", "shell"]
"""What a call does: show a file, show one that the user named, load a skill, run a command."""

_SOURCES: dict[Tool, UsageSource] = {
    "read": UsageSource.MEMORY_READ,
    "mention": UsageSource.KNOWLEDGE_REF,
    "skill": UsageSource.WORKFLOW_INVOKE,
    "shell": UsageSource.MEMORY_READ,
}


_MOST_FILES = 256
"""So many files of which a host says that a command showed them are looked at."""


class Call(NamedTuple):
    """A call of a tool, by the model or by the user; what its response says is filled in later.

    Attributes:
        session: Whose doing it was.
        tool: What it does.
        subject: The path of the file, the name of the skill or the command, as the host says it.
        key: What tells the occurrence from others to everyone who sees it; None where nobody else
            does.
        call_id: The host's id of the call, of which the key is made then (`Session.call_key`).
        by_user: Whether the user asked for it.
        directory: Where it ran; None for where the session began.
        at_ns: When it was answered, in nanoseconds since the epoch.
        files: The files that it showed, where the host says so.
        file_bytes: The size of the whole file, where the response shows it whole.
        context_bytes: Bytes that entered the context, where known.
        output: What a command printed; None where that is not known.
        failed: Whether a command failed; it may have shown something before.
    """

    session: Session
    tool: Tool
    subject: str
    key: str | None
    call_id: str | None = None
    by_user: bool = False
    directory: str | None = None
    at_ns: int = 0
    files: tuple[str, ...] | None = None
    file_bytes: int | None = None
    context_bytes: int | None = None
    output: str | None = None
    failed: bool = False


def uses(call: Call, origin: Origin) -> list[UsageEvent]:
    """Return the events of a call that worked: one for each record that it read."""
    if call.tool == "shell":
        return [_use(call._replace(context_bytes=n), r, origin) for r, n in _shown(call, origin)]
    return [_use(call, record, origin) for record in _records(call, origin)]


def _records(call: Call, origin: Origin) -> list[RecordFile]:
    if call.tool != "skill":
        return origin.records([call.subject] if call.files is None else call.files, call.directory)
    found = origin.records(call.files or (), call.directory)
    if found:
        return found
    named = origin.skill(call.subject)
    # one whose file is not here goes by its name, if it can be one
    return [named] if named.file or skill_name(call.subject) == call.subject else []


def _shown(call: Call, origin: Origin) -> Iterable[tuple[RecordFile, int | None]]:
    """The records that a command showed, and the bytes of each where they are known.

    Where its output is known that decides. Only of a file that cannot be read now its words do, if
    something stands in the output that neither those nor any file explain.
    """
    if call.output is None:
        named = origin.records(_paths_shown(call, origin), call.directory)
        return [(record, None) for record in named if origin.may_have_shown(record)]
    if not call.output.strip():
        return []
    near = origin.near(call.output)
    if near == [] and not _names_a_record(call, origin):
        return []
    return _evident(call, call.output, origin, near)


def _paths_shown(call: Call, origin: Origin) -> list[str]:
    """The paths of the files that a command showed, as its host and its words say."""
    from ctxuse.hosts.shell import files_shown  # noqa: PLC0415 - only for a shell

    directory = origin.there(call.directory or ".")
    shown = files_shown(call.subject, directory, origin.there)
    return [*(call.files or ())[:_MOST_FILES], *shown]


def _names_a_record(call: Call, origin: Origin) -> bool:
    """Whether a record is among the files that a command showed by what is said of it."""
    from ctxuse.hosts.shellprograms import may_show  # noqa: PLC0415 - only for a shell

    if not (call.files or may_show(call.subject)):
        return False
    return bool(origin.records(_paths_shown(call, origin), call.directory))


def _evident(
    call: Call, output: str, origin: Origin, near: list[RecordFile] | None
) -> Iterable[tuple[RecordFile, int | None]]:
    """The records that stand in what a command printed; see `_shown`, and `Origin.near`."""
    from ctxuse.hosts.evidence import Command  # noqa: PLC0415 - only for a shell
    from ctxuse.hosts.searches import what_is_done  # noqa: PLC0415 - only for a shell
    from ctxuse.hosts.shell import files_named  # noqa: PLC0415 - only for a shell

    done = what_is_done(call.subject)
    if "searches" in done.kinds and "may show" not in done.kinds:
        return []
    paths = _paths_shown(call, origin)
    named = origin.records(paths, call.directory)
    directory = origin.there(call.directory or ".")
    words = origin.others(files_named(call.subject, directory, origin.there), call.directory)
    others = [*origin.others(paths, call.directory), *filter(os.path.isfile, words)]
    about = Command(call.subject, named, others, done.said, done.sought)
    with origin.known_lines(named, call.subject, near) as known:
        found, is_all = known.shown(output, about, origin.past(call.at_ns))
        unknown = [record for record in named if not known.knows(record)]
    if is_all or call.failed:
        return _together(found)
    unknown = [record for record in unknown if origin.may_have_shown(record)]
    if not unknown:
        return _together(found)
    from ctxuse.hosts.refusals import not_refused  # noqa: PLC0415 - of what is gone only

    given = not_refused(unknown, output, call.subject)
    return [*_together(found), *((record, None) for record in given)]


def _together(found: "list[Shown]") -> list[tuple[RecordFile, int | None]]:
    """Each record once: of several files of a skill the bytes of all of them."""
    sizes: dict[tuple[str, str], tuple[RecordFile, int]] = {}
    for record, size in found:
        first, before = sizes.get((record.kind, record.slug), (record, 0))
        sizes[record.kind, record.slug] = first, before + size
    return [*sizes.values()]


def _use(call: Call, record: RecordFile, origin: Origin) -> UsageEvent:
    is_whole = record.named == record.file  # else it is another file of a skill
    file_bytes = call.file_bytes if is_whole else None
    snapshot = origin.snapshot(record, call.at_ns, file_bytes, call.context_bytes)
    return UsageEvent(
        id=call.session.event_id(snapshot, call.at_ns, call.key),
        occurred_at_ns=call.at_ns,
        segment_id=call.session.segment_id,
        event=UsageEventKind.USE,
        source=_SOURCES[call.tool],
        records=(snapshot,),
        host=call.session.host,
        actor="user" if call.by_user else call.session.actor,
        call_id=call.call_id,
        agent_type=call.session.agent_type,
    )
