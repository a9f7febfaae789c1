"""The lines of Claude Code's transcripts, with what is wanted of them (versions 2.0 to 2.1)."""

import msgspec

from ctxuse.hosts.jsonlines import NOT_SAID, Else, Other


class Block(msgspec.Struct):
    """A part of a message; what is no object there, is none."""

    type: object = None
    text: object = None
    id: object = None
    name: object = None
    input: object = None
    tool_use_id: object = None
    is_error: object = None
    content: "Content" = None


Part = Block | Else
Content = list[Part] | Other | str | int | float | bool | None


class Usage(msgspec.Struct):
    """The model's own accounting of a response."""

    input_tokens: object = None
    cache_read_input_tokens: object = None
    cache_creation_input_tokens: object = None
    output_tokens: object = None


class Message(msgspec.Struct):
    """A message of either side."""

    id: object = None
    model: object = None
    content: "Content" = None
    usage: Usage | Else = None


class Line(msgspec.Struct):
    """A line, with what is wanted of it."""

    type: object = None
    subtype: object = None
    sessionId: object = None  # noqa: N815 - as the host calls it
    agentId: object = None  # noqa: N815
    isSidechain: object = None  # noqa: N815
    uuid: object = None
    timestamp: object = msgspec.UNSET
    cwd: object = msgspec.UNSET
    promptId: object = None  # noqa: N815
    isMeta: object = None  # noqa: N815
    isCompactSummary: object = None  # noqa: N815
    isApiErrorMessage: object = None  # noqa: N815
    sourceToolUseID: object = None  # noqa: N815
    toolDenialKind: object = None  # noqa: N815
    forkedFrom: object = None  # noqa: N815
    message: Message | Else = None
    toolUseResult: msgspec.Raw = NOT_SAID  # noqa: N815
    attachment: msgspec.Raw = NOT_SAID
    data: "Nested | Else" = None


class Nested(msgspec.Struct):
    """What repeats a line of a sub-agent in the transcript of its parent."""

    agentId: object = None  # noqa: N815
    message: Line | Else = None


class Outcome(msgspec.Struct):
    """What a tool answered, with what is wanted of it where no record can have been shown."""

    success: object = None


class Start(msgspec.Struct):
    """A line, with what is wanted of the first ones."""

    cwd: object = None
    sessionId: object = None  # noqa: N815
    timestamp: object = None
    isSidechain: object = None  # noqa: N815
