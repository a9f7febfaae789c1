"""What a hook is handed, read once."""

import time
from collections.abc import Mapping

from ctxuse.hosts.lookup import name, text
from ctxuse.hosts.session import Session
from ctxuse.typed import NamedTuple, Self


class Payload(NamedTuple):
    """A payload in the shape that Claude Code gave it and other agents took over.

    What is not as expected is None.

    Attributes:
        event: The agent's name of what happened.
        at_ns: When it was read, in nanoseconds since the epoch.
        session: Whose doing it was; None when the payload names no session.
        project: The directory from which the workspace is looked for.
        directory: The directory in which the agent is now.
        transcript: The path of the session's transcript.
        agent_transcript: The transcript of the sub-agent that has ended.
        tool: The name of the tool that was called.
        arguments: What it was given.
        response: What it gave back.
        error: What was said of its failure.
        call_id: The agent's id of the call.
        command: The command that the user typed, without its slash.
        command_words: What stood behind it.
        prompt_id: The agent's id of the user's prompt.
        path: The file that was loaded.
        reason: Why it was.
    """

    event: str | None
    at_ns: int
    session: Session | None
    project: str | None
    directory: str | None
    transcript: str | None
    agent_transcript: str | None
    tool: str | None
    arguments: object
    response: object
    error: object
    call_id: str | None
    command: str | None
    command_words: str | None
    prompt_id: str | None
    path: str | None
    reason: str | None

    @classmethod
    def of(cls, host: str, fields: Mapping[str, object], project: str | None = None) -> Self:
        """Return the payload that `fields` are; some agents say elsewhere of which project."""
        session, agent = text(fields, "session_id"), text(fields, "agent_id")
        kind = name(fields, "agent_type")
        directory = text(fields, "cwd")
        is_command = fields.get("expansion_type") == "slash_command"
        return cls(
            event=text(fields, "hook_event_name"),
            at_ns=time.time_ns(),
            # `agent_type` is set on some main threads, too: alone it says nothing of a sub-agent
            session=None if session is None else Session.named(host, session, agent, kind),
            project=project or directory,
            directory=directory,
            transcript=text(fields, "transcript_path"),
            agent_transcript=text(fields, "agent_transcript_path"),
            tool=text(fields, "tool_name"),
            arguments=fields.get("tool_input"),
            response=fields.get("tool_response"),
            error=fields.get("error"),
            call_id=text(fields, "tool_use_id"),
            command=text(fields, "command_name") if is_command else None,
            command_words=text(fields, "command_args", longest=64 * 1024),
            prompt_id=text(fields, "prompt_id"),
            path=text(fields, "file_path"),
            reason=text(fields, "load_reason"),
        )
