"""The lines of a session's events, with what is wanted of them (by the schema that 1.0.102 ships).

A session and all of its sub-agents stand in one file.
"""

import msgspec

from ctxuse.hosts.jsonlines import NOT_SAID, Else


class Result(msgspec.Struct):
    """What a tool gave back."""

    content: object = None


class Ended(msgspec.Struct):
    """How a command of a shell ended."""

    exitCode: object = None  # noqa: N815 - as the host calls it


class Usage(msgspec.Struct):
    """The model's own accounting of a response."""

    model: object = None
    inputTokens: object = None  # noqa: N815
    outputTokens: object = None  # noqa: N815
    cacheReadTokens: object = None  # noqa: N815
    cacheWriteTokens: object = None  # noqa: N815
    maxPromptTokens: object = None  # noqa: N815
    apiCallId: object = None  # noqa: N815


class Data(msgspec.Struct):
    """What a line tells.

    Attributes:
        sessionId: The session's id.
        context: Where it began, or goes on.
        cwd: Where it is now.
        gitRoot: The directory of the repository that this is in.
        toolCallId: The id of a call.
        toolName: The tool that is called.
        mcpServerName: The server that the tool is of.
        arguments: What the tool is given.
        success: Whether it worked.
        result: What it gave back.
        shellExecution: How a command ended.
        name: The skill that is loaded.
        path: Its file.
        trigger: Who asked for it: ``user-invoked``, ``agent-invoked`` or another word.
        source: Whose words a message is; of a skill ``skill-`` and its name.
        content: A text: of a message, of a skill, of what was delivered of one.
        contentId: What tells the body of a skill that stood on a line before.
        prefix: What is delivered before that body.
        suffix: What is delivered behind it.
        transformedContent: What the model is given of a message.
        kind: What a notification is of.
        usage: The accounting of a response.
        agentName: The kind of sub-agent.
        toolRequests: The calls of a response.
        compactionAttemptId: The id of a compaction.
        compactionTokensUsed: The accounting of the request that it took.
    """

    sessionId: object = None  # noqa: N815
    context: msgspec.Raw = NOT_SAID
    cwd: object = None
    gitRoot: object = None  # noqa: N815
    toolCallId: object = None  # noqa: N815
    toolName: object = None  # noqa: N815
    mcpServerName: object = None  # noqa: N815
    arguments: msgspec.Raw = NOT_SAID
    success: object = None
    result: Result | Else = None
    shellExecution: Ended | Else = None  # noqa: N815
    name: object = None
    path: object = None
    trigger: object = None
    source: object = None
    content: object = None
    contentId: object = None  # noqa: N815
    prefix: object = None
    suffix: object = None
    transformedContent: object = None  # noqa: N815
    kind: msgspec.Raw = NOT_SAID
    usage: Usage | Else = None
    agentName: object = None  # noqa: N815
    toolRequests: msgspec.Raw = NOT_SAID  # noqa: N815
    compactionAttemptId: object = None  # noqa: N815
    compactionTokensUsed: msgspec.Raw = NOT_SAID  # noqa: N815


class Line(msgspec.Struct):
    """A line."""

    type: object = None
    id: object = None
    timestamp: object = None
    agentId: object = None  # noqa: N815
    data: Data | Else = None


_NO_DATA = Data()


def data_of(line: Line) -> Data:
    """Return what a line tells; what says nothing where that is no object."""
    return line.data if isinstance(line.data, Data) else _NO_DATA
