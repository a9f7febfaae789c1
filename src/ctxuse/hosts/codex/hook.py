"""The payloads of Codex's hooks → events (its documentation of hooks, and version 0.147).

Codex has no tool to read a file and none for skills: both go through a shell.
"""

import os
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageRecordSnapshot
from ctxuse.hosts import Seen
from ctxuse.hosts.codex import NAME
from ctxuse.hosts.payload import size, text
from ctxuse.hosts.session import Session
from ctxuse.places import Places

_SHELLS = frozenset({"Bash", "shell", "shell_command", "exec_command"})


def project(payload: Mapping[str, object], environ: Mapping[str, str]) -> str | None:  # noqa: ARG001 - as for every host
    """Return the directory that the session works in."""
    return text(payload, "cwd")


def events(
    payload: Mapping[str, object],
    places: Places,
    environ: Mapping[str, str],  # noqa: ARG001 - as for every host
) -> Iterator[Seen]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session = Session.of(NAME, payload)
    if session is None:
        return
    match payload.get("hook_event_name"):
        case "PostToolUse" if text(payload, "tool_name") in _SHELLS:
            from ctxuse.hosts.shell import command_in, records_shown  # noqa: PLC0415 - only here

            command = command_in(payload.get("tool_input"))
            if command is not None:
                began = text(payload, "cwd") or places.root
                directory = places.absolute(text(payload, "tool_input", "workdir") or ".", began)
                call_id = text(payload, "tool_use_id")
                yield from records_shown(command, directory, session, places, call_id)
        case "SessionStart":
            snapshots = _resident(places, text(payload, "cwd") or places.root)
            if snapshots:
                yield session.exposure(snapshots)
        case _:
            return


def _resident(places: Places, directory: str) -> list[UsageRecordSnapshot]:
    """The records that stand in the context of a session that starts now, as the disk has them."""
    from ctxuse.hosts.skills import described  # noqa: PLC0415 - reads YAML

    directories = places.repository_dirs(directory)
    skill_dirs = [os.path.join(d, ".agents", "skills") for d in directories]
    skill_dirs += [
        os.path.join(places.home, ".agents", "skills"),
        os.path.join(places.codex_dir, "skills"),
        os.path.join(places.codex_dir, "skills", ".system"),
    ]
    found: list[UsageRecordSnapshot] = []
    for record in places.skills(("", d) for d in skill_dirs):
        fields = described(record.file)
        if fields is None:
            continue
        description = fields.get("description")
        text = " ".join(description.split()) if isinstance(description, str) else ""
        found.append(record.snapshot(size(f"{record.slug}: {text}")))
    for holder in [places.codex_dir, *reversed(directories)]:
        for name in ("AGENTS.override.md", "AGENTS.md"):
            path = os.path.join(holder, name)
            if os.path.isfile(path):
                instructions = places.instructions_at(path)
                if instructions is not None:
                    found.append(instructions.snapshot())
                break
    summary = os.path.join(places.codex_dir, "memories", "memory_summary.md")
    memory = places.record_at(summary) if os.path.isfile(summary) else None
    return [*found, memory.snapshot()] if memory is not None else found
