"""The payloads of Codex's hooks → events (its documentation of hooks, and version 0.147)."""

import os
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageEvent, UsageRecordSnapshot
from ctxuse.hosts.calls import uses
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.codex.tools import printed, said, tool_call
from ctxuse.hosts.lookup import size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.parts import Followed
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:  # noqa: ARG001 - as for every host
    """Return a payload. The project is where the session works."""
    return Payload.of(NAME, fields)


def events(payload: Payload, places: Places) -> Iterator[UsageEvent]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session = payload.session
    if session is None:
        return
    if payload.event == "PostToolUse":
        call = tool_call(
            session, payload.tool, payload.arguments, payload.call_id, payload.directory
        )
        if call is not None:
            output = None if payload.response is None else printed(said(payload.response))
            yield from uses(call._replace(at_ns=payload.at_ns, output=output), Origin(places))
    elif payload.event == "SessionStart":
        snapshots = _resident(places, payload.directory or places.root)
        if snapshots:
            yield session.exposure(snapshots, payload.at_ns)


def followed(payload: Payload) -> Followed:  # noqa: ARG001 - as for every host
    """Return the transcripts that may tell more now: none is followed."""
    return Followed([])


def _resident(places: Places, directory: str) -> list[UsageRecordSnapshot]:
    """The records that stand in the context of a session that starts now, as the disk has them."""
    from ctxuse.hosts.listing import (  # noqa: PLC0415 - reads YAML
        described,
        described_skills,
        repository_dirs,
    )

    directories = repository_dirs(directory)
    skill_dirs = [os.path.join(d, ".agents", "skills") for d in directories]
    skill_dirs += [
        os.path.join(places.home, ".agents", "skills"),
        os.path.join(places.config_dirs[NAME], "skills"),
        os.path.join(places.config_dirs[NAME], "skills", ".system"),
    ]
    found = [
        record.snapshot(size(f"{record.slug}: {described(fields, 'description')}"))
        for record, fields in described_skills(places, [("", path) for path in skill_dirs])
    ]
    for holder in [places.config_dirs[NAME], *reversed(directories)]:
        for name in ("AGENTS.override.md", "AGENTS.md"):
            path = os.path.join(holder, name)
            if os.path.isfile(path):
                instructions = places.instructions_at(path)
                if instructions is not None:
                    found.append(instructions.snapshot())
                break
    summary = os.path.join(places.config_dirs[NAME], "memories", "memory_summary.md")
    memory = places.record_at(summary) if os.path.isfile(summary) else None
    return [*found, memory.snapshot()] if memory is not None else found
