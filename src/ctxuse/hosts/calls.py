"""A tool call → events: what reading a file, calling a skill and running a command mean.

A hook sees a call as it happens, a transcript holds it later. Both make it a `Call`, and the one
rule here makes the events, so that what is the same occurrence has the same id. A call of a tool of
an MCP server is none: such a server records its own.
"""

from typing import Literal, NamedTuple

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import SKILL, RecordFile
from ctxuse.hosts.session import Session

Tool = Literal["read", "mention", "skill", "shell"]
"""What a call does: show a file, show one that the user named, load a skill, run a command."""

_SOURCES: dict[Tool, UsageSource] = {
    "read": UsageSource.MEMORY_READ,
    "mention": UsageSource.KNOWLEDGE_REF,
    "skill": UsageSource.WORKFLOW_INVOKE,
    "shell": UsageSource.MEMORY_READ,
}


class Call(NamedTuple):
    """A call of a tool, by the model or by the user; what its response says is filled in later.

    Attributes:
        session: Whose doing it was.
        tool: What it does.
        subject: The path of the file, the name of the skill or the command, as the host says it.
        key: What tells the occurrence from others to everyone who sees it; None where nobody else
            does.
        call_id: The host's id of the call, which is the key then, too.
        by_user: Whether the user asked for it.
        directory: Where it ran; None for where the session began.
        at_ns: When it was answered, in nanoseconds since the epoch.
        files: The files that it showed, where the host says so.
        file_bytes: The size of the whole file, where the response shows it whole.
        context_bytes: Bytes that entered the context, where known.
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


def uses(call: Call, origin: Origin) -> list[UsageEvent]:
    """Return the events of a call that worked: one for each record that it read.

    Args:
        call: The call, with what its response says.
        origin: Where and when it happened.
    """
    return [_use(call, record, origin) for record in _records(call, origin)]


def _records(call: Call, origin: Origin) -> list[RecordFile]:
    if call.files is not None:
        found = origin.records(call.files, call.directory)
    elif call.tool == "skill":
        found = [origin.skill(call.subject)]
    elif call.tool == "shell":
        from ctxuse.hosts.shell import files_shown  # noqa: PLC0415 - only for a shell

        paths = files_shown(call.subject, origin.there(call.directory or "."), origin.there)
        found = origin.records(filter(origin.may_have_shown, paths))
    else:
        found = origin.records([call.subject], call.directory)
    if not found and call.tool == "skill":
        return [RecordFile(SKILL, call.subject, "", "")]
    return found


def _use(call: Call, record: RecordFile, origin: Origin) -> UsageEvent:
    is_whole = record.named == record.file  # else it is another file of a skill
    file_bytes = call.file_bytes if is_whole else None
    snapshot = origin.snapshot(record, file_bytes, call.context_bytes)
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
    )
