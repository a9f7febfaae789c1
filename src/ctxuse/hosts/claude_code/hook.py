"""The payloads of Claude Code's hooks → events (its documentation of hooks, version 2.1)."""

import os
from collections.abc import Iterator, Mapping

from ctxuse.events import UsageEvent, UsageRecordSnapshot
from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.claude_code import NAME
from ctxuse.hosts.claude_code.tools import answered, answered_in_failure, tool_call
from ctxuse.hosts.lookup import text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.parts import MOST_UNHEARD, Followed
from ctxuse.hosts.paths import directories_above, latest_beside, paths_in
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import COMMAND, SKILL, skill_name
from ctxuse.hosts.session import Session, prompt_key

_NESTED = "nested_traversal"
"""Why instructions deep in a project are loaded. Of these the transcript tells, and whose they are:
the hook is told of those of a sub-agent as if they were the session's."""

_MOST_ABOVE = 16
"""So many directories above the one in which a command ended may be the one where it began."""


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:
    """Return a payload. The project is where the session began: ``cwd`` follows ``cd``.

    Other agents run hooks of Claude Code, too, with payloads like its own: these say nothing.
    """
    is_other = environ.get("COPILOT_CLI") or "cursor_version" in fields
    return Payload.of(NAME, {} if is_other else fields, environ.get("CLAUDE_PROJECT_DIR"))


def events(payload: Payload, places: Places) -> Iterator[UsageEvent]:
    """Yield what a payload tells of; nothing for what it is not known to tell."""
    session = payload.session
    if session is None:
        return
    match payload.event:
        case "PostToolUse" | "PostToolUseFailure":
            yield from _called(payload, session, places)
        case "UserPromptExpansion":
            yield from _typed(payload, session, places)
        case "InstructionsLoaded" if payload.path is not None and payload.reason != _NESTED:
            record = places.instructions_at(payload.path)
            if record is not None:
                from ctxuse.hosts.claude_code.loaded import (  # noqa: PLC0415 - seldom wanted
                    instruction_bytes,
                )

                loaded = instruction_bytes(record.file)
                yield session.exposure([record.snapshot(loaded)], payload.at_ns)
        case "SessionStart" | "SubagentStart":
            snapshots = _standing(payload, session, places)
            if snapshots:
                yield session.exposure(snapshots, payload.at_ns)
        case _:
            return


def followed(payload: Payload) -> Followed:
    """Return the transcripts that may tell more now than has been read."""
    own, of_agent = payload.transcript, payload.agent_transcript
    match payload.event:
        case "Stop" if own is not None:
            return Followed([own], goes_on=True)
        case "SubagentStop" if of_agent is not None:
            return Followed([of_agent])
        case "SessionEnd" if own is not None:
            return Followed([own, *_of_agents(own)])
        case "SessionStart" if own is not None:
            return Followed(latest_beside(own, MOST_UNHEARD), of_others=True)
        case _:
            return Followed([])


def _of_agents(transcript: str) -> list[str]:
    """The transcripts of a session's sub-agents."""
    directory = os.path.join(transcript.removesuffix(".jsonl"), "subagents")
    return [path for path in paths_in(directory) if path.endswith(".jsonl")]


def _standing(payload: Payload, session: Session, places: Places) -> list[UsageRecordSnapshot]:
    """What stands in the context that begins now and no transcript tells of."""
    from ctxuse.hosts.claude_code.standing import (  # noqa: PLC0415 - reads YAML
        resident,
        resident_in_agent,
    )

    if payload.event == "SessionStart":
        return resident(places, payload.transcript)
    if session.actor != "subagent" or session.agent_type is None:
        return []
    return resident_in_agent(places, session.agent_type, payload.transcript)


def _begun_in(command: str, payload: Payload, places: Places) -> str:
    """Where a command began: the payload says where it ended."""
    from ctxuse.hosts.shellprograms import may_go  # noqa: PLC0415 - only for a shell

    end = os.path.normpath(payload.directory or places.start)
    if not may_go(command):
        return end
    from ctxuse.hosts.shell import started_in  # noqa: PLC0415 - few go elsewhere

    above = directories_above(end, places.home)[:_MOST_ABOVE]
    starts = [os.path.normpath(payload.project or end), *above, end]
    return started_in(command, end, starts, Origin(places).there)


def _called(payload: Payload, session: Session, places: Places) -> list[UsageEvent]:
    """The uses that a tool call was; a command that failed may have shown something before."""
    call = tool_call(session, payload.tool, payload.arguments, payload.call_id, payload.directory)
    if call is None:
        return []
    if call.tool == "shell" and payload.directory is not None:
        call = call._replace(directory=_begun_in(call.subject, payload, places))
    answer = (
        answered(call, payload.response, payload.at_ns)
        if payload.event == "PostToolUse"
        else answered_in_failure(call, payload.error, payload.at_ns)
    )
    if answer is not None and answer.tool == "skill":
        answer = _with_body(answer, text(payload.arguments, "args"), places)
    return [] if answer is None else uses(answer, Origin(places))


def _with_body(call: Call, words: str | None, places: Places) -> Call:
    """The call of a skill or a command, with the bytes of its body."""
    record = Origin(places).skill(call.subject)
    if not record.file or record.kind not in {SKILL, COMMAND}:
        return call
    from ctxuse.hosts.claude_code.loaded import body_bytes  # noqa: PLC0415 - seldom wanted

    where = os.path.dirname(record.file) if record.kind == SKILL else None
    return call._replace(context_bytes=body_bytes(record.file, words, where))


def _typed(payload: Payload, session: Session, places: Places) -> list[UsageEvent]:
    """The use of a skill or command that the user typed, if it is none of the host's own."""
    name = skill_name(payload.command)
    if name is None or places.skill_named(name) is None:
        return []
    key = None if payload.prompt_id is None else prompt_key(payload.prompt_id)
    call = Call(session, "skill", name, key, by_user=True, at_ns=payload.at_ns)
    return uses(_with_body(call, payload.command_words, places), Origin(places))
