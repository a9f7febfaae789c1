"""The payloads of Claude Code's hooks → events (its documentation of hooks, version 2.1)."""

from collections.abc import Iterator, Mapping

from ctxuse.events import UsageSource
from ctxuse.hosts import Seen
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.payload import at, size, text
from ctxuse.hosts.session import Session
from ctxuse.places import SKILL, Places, RecordFile, skill_name


def project(payload: Mapping[str, object], environ: Mapping[str, str]) -> str | None:
    """Return the project's directory: where the session began. ``cwd`` follows ``cd``."""
    return environ.get("CLAUDE_PROJECT_DIR") or text(payload, "cwd")


def events(
    payload: Mapping[str, object], places: Places, environ: Mapping[str, str]
) -> Iterator[Seen]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session = Session.of(NAME, payload)
    if session is None:
        return
    match payload.get("hook_event_name"):
        case "PostToolUse":
            yield from _tool(payload, session, places)
        case "UserPromptExpansion":
            yield from _expansion(payload, session, places)
        case "InstructionsLoaded":
            path = text(payload, "file_path")
            record = None if path is None else places.instructions_at(path)
            if record is not None:
                yield session.exposure([record.snapshot()])
        case "SessionStart":
            from ctxuse.hosts.claude_code.listing import resident  # noqa: PLC0415 - reads YAML

            snapshots = resident(places, text(payload, "transcript_path"), environ)
            if snapshots:
                yield session.exposure(snapshots)
        case _:
            return


def _tool(payload: Mapping[str, object], session: Session, places: Places) -> Iterator[Seen]:
    call_id = text(payload, "tool_use_id")
    match payload.get("tool_name"):
        case "Read":
            path = text(payload, "tool_input", "file_path")
            record = None if path is None else places.record_at(_from(payload, places, path))
            if record is not None:
                read = _bytes_read(payload)
                yield session.use(
                    record, UsageSource.MEMORY_READ, call_id=call_id, context_bytes=read
                )
        case "Skill":
            name = skill_name(text(payload, "tool_input", "skill"))
            failed = at(payload, "tool_response", "success") is False
            if name is not None and not failed:
                record = places.skill_named(name) or RecordFile(SKILL, name, "", "")
                yield session.use(record, UsageSource.WORKFLOW_INVOKE, call_id=call_id)
        case "Bash":
            command = at(payload, "tool_input", "command")
            if isinstance(command, str) and _showed(payload):
                directory = text(payload, "cwd") or places.root
                from ctxuse.hosts.shell import records_shown  # noqa: PLC0415 - only for a shell

                yield from records_shown(command, directory, session, places, call_id)
        case _:
            return


def _showed(payload: Mapping[str, object]) -> bool:
    """Whether a shell showed anything, as far as the payload says."""
    in_background = at(payload, "tool_input", "run_in_background") is True
    return not in_background and at(payload, "tool_response", "stdout") != ""


def _expansion(payload: Mapping[str, object], session: Session, places: Places) -> Iterator[Seen]:
    name = skill_name(text(payload, "command_name"))
    if payload.get("expansion_type") != "slash_command" or name is None:
        return
    record = places.skill_named(name)
    if record is not None:  # else a command of the host's own, such as /clear
        yield session.use(
            record,
            UsageSource.WORKFLOW_INVOKE,
            prompt_id=text(payload, "prompt_id"),
            by_user=True,
        )


def _from(payload: Mapping[str, object], places: Places, path: str) -> str:
    return places.absolute(path, text(payload, "cwd"))


def _bytes_read(payload: Mapping[str, object]) -> int | None:
    """How many bytes the tool gave, where it gave text."""
    if at(payload, "tool_response", "type") != "text":
        return None
    return size(at(payload, "tool_response", "file", "content"))
