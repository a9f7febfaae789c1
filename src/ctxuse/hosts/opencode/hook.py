"""What our plugin of OpenCode hands over → events (version 1.18).

The plugin is told of tools, of what the user names and types, and of the system prompt of each
request. Of requests, and of what was read on its way, the database tells, where that is read on.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ctxuse.errors import CtxuseError
from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.lookup import at, text
from ctxuse.hosts.opencode import NAME
from ctxuse.hosts.opencode.tools import answered, bytes_shown, ns_of, tool_call
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.parts import MOST_UNHEARD, Followed
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.layout import RecordKind


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:
    """Return a payload, with the place of the session in the database, and when it was handed."""
    payload = Payload.of(NAME, fields)
    handed_ns = ns_of(fields.get("at"))
    own = "" if payload.session is None else payload.session.segment_id.rpartition("/")[2]
    return payload._replace(
        at_ns=payload.at_ns if handed_ns is None else handed_ns,
        transcript=os.path.join(_database(environ), own) if own else None,
    )


def _database(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    return os.path.join(data, "opencode", environ.get("OPENCODE_DB") or "opencode.db")


def events(payload: Payload, places: Places) -> Iterator[UsageEvent]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session, said = payload.session, payload.response
    if session is None:
        return
    match payload.event:
        case "tool.execute.after":
            yield from _called(payload, session, places)
        case "experimental.chat.system.transform" if isinstance(said, str):
            from ctxuse.hosts.opencode.context import standing  # noqa: PLC0415 - seldom wanted

            key = f"system {session.segment_id} {payload.prompt_id or ''}".rstrip()
            for snapshot in standing(said, Origin(places)):
                yield session.exposure([snapshot], payload.at_ns, key)
        case "chat.message":
            from ctxuse.hosts.opencode.entered import mention  # noqa: PLC0415 - likewise

            part = text(said, "part", longest=256) or ""
            shown = bytes_shown(at(said, "said"))
            call = mention(session, at(said, "url"), shown, part, payload.at_ns)
            if call is not None and part:
                yield from uses(call, Origin(places))
        case "command.execute.before":
            yield from _typed(payload, session, places)


def _called(payload: Payload, session: Session, places: Places) -> Iterator[UsageEvent]:
    """The uses that a call was, and what came along with it."""
    call = tool_call(session, payload.tool, payload.arguments, payload.call_id, payload.directory)
    if call is None:
        return
    output, metadata = at(payload.response, "output"), at(payload.response, "metadata")
    origin = Origin(places)
    answer = answered(call, output, metadata, payload.at_ns)
    yield from uses(answer, origin) if answer is not None else ()
    if at(metadata, "loaded"):
        from ctxuse.hosts.opencode.entered import exposures  # noqa: PLC0415 - seldom wanted

        yield from exposures(call._replace(at_ns=payload.at_ns), output, metadata, origin)


def _typed(payload: Payload, session: Session, places: Places) -> list[UsageEvent]:
    """The use of a command or skill that the user typed, if it is none of the host's own.

    Workflows are commands, too, where our MCP server offers them.
    """
    from ctxuse.hosts.caller import is_ours  # noqa: PLC0415 - only for what was typed

    name = skill_name((payload.command or "").replace("/", ":"))
    server, _, slug = (name or "").rpartition(":")
    files: tuple[str, ...] | None = None
    if server and is_ours(server):
        with suppress(CtxuseError):
            files = (os.fspath(places.layout.record_file(RecordKind.WORKFLOW, slug)),)
    if name is None or (files is None and places.skill_named(name) is None):
        return []
    entered = at(payload.response, "bytes")
    call = Call(session, "skill", name, None, by_user=True, at_ns=payload.at_ns, files=files)
    length = entered if type(entered) is int and entered >= 0 else None
    return uses(call._replace(context_bytes=length), Origin(places))


def followed(payload: Payload) -> Followed:
    """Return the sessions that may tell more now than has been read."""
    own, session = payload.transcript, payload.session
    match payload.event:
        case "session.idle" if own is not None and session is not None:
            return Followed([own], goes_on=session.actor == "agent")
        case "exit" if own is not None:
            return Followed([own])
        case "session.created" if own is not None:
            from ctxuse.hosts.opencode.database import latest  # noqa: PLC0415 - once a session

            return Followed(latest(own, MOST_UNHEARD), of_others=True)
        case _:
            return Followed([])
