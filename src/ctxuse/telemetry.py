"""Agents' own telemetry, as a collector of OpenTelemetry has written it, as one more witness.

It tells of calls by the ids that hooks and transcripts have, so what several tell of counts once.
Where a session was it does not tell: a session counts here if the log knows it, or if it read a
file of a record below the root. What is masked, or may be a sub-agent's as well, is not claimed.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from ctxuse.adding import Adding, ImportResult
from ctxuse.codec.encode import can_be_stored, encode
from ctxuse.errors import CtxuseError
from ctxuse.events import UsageEvent
from ctxuse.files import what_happened
from ctxuse.hosts import module_of
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.jsonlines import Else, Lines, Strange
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.parts import Telemetry, Telling, hosts_with
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.paths import parts_below
from ctxuse.workspace import Workspace

_MOST_NS = 2**63

T = TypeVar("T")
Many = list[T | Else] | dict[str, object] | str | int | float | bool | None
"""A list of things, or what else may stand in its place."""


class _Value(msgspec.Struct):
    stringValue: object = None  # noqa: N815 - the names are OTLP's
    boolValue: object = None  # noqa: N815 - likewise
    intValue: object = None  # noqa: N815 - likewise


class _Attribute(msgspec.Struct):
    key: object = None
    value: _Value | Else = None


class _Record(msgspec.Struct):
    timeUnixNano: object = None  # noqa: N815 - likewise
    observedTimeUnixNano: object = None  # noqa: N815 - likewise
    body: _Value | Else = None
    attributes: Many[_Attribute] = None


class _Scope(msgspec.Struct):
    logRecords: Many[_Record] = None  # noqa: N815


class _Resource(msgspec.Struct):
    attributes: Many[_Attribute] = None


class _Logs(msgspec.Struct):
    resource: _Resource | Else = None
    scopeLogs: Many[_Scope] = None  # noqa: N815


class _Line(msgspec.Struct):
    resourceLogs: Many[_Logs] = None  # noqa: N815


_lines = Lines(_Line)


class _Event(NamedTuple):
    """An event that is one of an agent's.

    Attributes:
        host: The agent.
        telling: What it tells.
    """

    host: str
    telling: Telling


def import_telemetry(
    workspace: Workspace,
    files: Iterable[str],
    *,
    dry_run: bool = False,
    environ: Mapping[str, str] | None = None,
) -> ImportResult:
    """Add what agents' own telemetry tells of sessions in a workspace.

    Args:
        workspace: The workspace.
        files: What the file exporter of a collector has written: JSON, a request a line.
        dry_run: Add nothing; say what would be added.
        environ: The environment, for where the agents' own places are; that of the process when
            None.

    Raises:
        AppendError: An event could not be appended; what was before is stored.
        LogUnreadableError: The log of the workspace exists but cannot be read.
    """
    result = ImportResult()
    origin = Origin.of_transcript(PastPlaces(workspace.layout, environ), None)
    paths = [*files]
    here = _in_log(workspace)
    for path in paths:
        result.notes.files += 1
        try:
            here |= {
                (event.host, event.telling.segment_id)
                for event in _events(path, result.notes.not_understood)
                if event.telling.call is not None and _is_below(event.telling.call, origin)
            }
        except OSError as error:
            result.unreadable.append((path, what_happened(error)))
    unreadable = {path for path, _ in result.unreadable}
    elsewhere: set[tuple[str, str]] = set()
    with Adding(workspace, result, dry_run=dry_run) as adding:
        for path in paths:
            if path in unreadable:
                continue
            try:
                for host, telling in _events(path, Strange()):
                    session = host, telling.segment_id
                    if session not in here:
                        elsewhere.add(session)
                        continue
                    result.untold += telling.is_untold
                    for event in _uses(telling, origin):
                        adding.add(event.id, encode(event))
            except CtxuseError:
                raise
            except OSError as error:  # it was there before
                result.unreadable.append((path, what_happened(error)))
    result.elsewhere = len(elsewhere)
    return result


def _in_log(workspace: Workspace) -> set[tuple[str, str]]:
    """The sessions that the log knows, with their agents."""
    events = workspace.events(of_requests=True)
    found = (event for event in events if isinstance(event, UsageEvent))
    return {(event.host or "", event.segment_id.partition("/")[0]) for event in found}


def _is_below(call: Call, origin: Origin) -> bool:
    """Whether a call read a record below the root, which it named by its whole path."""
    path = call.subject
    if call.tool != "read" or not os.path.isabs(path):
        return False
    below = parts_below(os.path.normpath(path), origin.places.root)
    return bool(below) and origin.places.record_at(path) is not None


def _uses(telling: Telling, origin: Origin) -> list[UsageEvent]:
    call = telling.call
    if call is None or (telling.needs_file and not origin.skill(call.subject).file):
        return []
    return [event for event in uses(call, origin) if can_be_stored(event)]


def _events(path: str, strange: Strange) -> Iterator[_Event]:
    """Yield the events of agents in a file, in its order.

    Raises:
        OSError: It cannot be read.
    """
    parts = {host: module_of(host, "telemetry") for host in hosts_with("telemetry")}
    readers: dict[str, Telemetry] = {host: part.Telemetry() for host, part in parts.items()}
    for line in _lines.read(path, strange):
        for logs in _of(line.resourceLogs, _Logs):
            named = logs.resource if isinstance(logs.resource, _Resource) else _Resource()
            service = str(_attributes(named.attributes).get("service.name", ""))
            records = (r for s in _of(logs.scopeLogs, _Scope) for r in _of(s.logRecords, _Record))
            for record in records:
                said, at_ns = _attributes(record.attributes), _at_ns(record)
                body = _plain(record.body)
                event = body if isinstance(body, str) and body else said.get("event.name")
                for host, part in parts.items():
                    name = part.tells(event, service) if isinstance(event, str) else None
                    if name is not None and at_ns:
                        for telling in readers[host].read(name, said, at_ns):
                            yield _Event(host, telling)


def _of(values: object, kind: type[T]) -> Iterator[T]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, kind):
            yield value


def _attributes(values: object) -> dict[str, object]:
    each = _of(values, _Attribute)
    return {one.key: _plain(one.value) for one in each if isinstance(one.key, str)}


def _plain(value: object) -> object:
    """A value as OTLP has it: a text; what is true or not is one, too, as some write it so."""
    if not isinstance(value, _Value):
        return None
    if isinstance(value.boolValue, bool):
        return "true" if value.boolValue else "false"
    return value.stringValue if value.intValue is None else str(value.intValue)


def _at_ns(record: _Record) -> int:
    """When a record was made, in nanoseconds since the epoch; 0 where it does not say."""
    for said in (record.timeUnixNano, record.observedTimeUnixNano):
        text = str(said) if isinstance(said, str | int) else ""
        if text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_NS)) and int(text):
            return int(text)
    return 0
