"""The lines of Pi's session files, with what is wanted of them (versions 1 to 3 of the format)."""

import msgspec

from ctxuse.hosts.jsonlines import NOT_SAID, Else, Other


class Part(msgspec.Struct):
    """A part of a message."""

    type: object = None
    text: object = None
    id: object = None
    name: object = None
    arguments: msgspec.Raw = NOT_SAID


Content = list[Part | Else] | Other | str | int | float | bool | None


class Message(msgspec.Struct):
    """What a line carries."""

    role: object = None
    content: Content = None
    sections: object = None
    model: object = None
    usage: object = None
    toolCallId: object = None  # noqa: N815 - as the host calls it
    isError: object = None  # noqa: N815
    command: object = None
    output: object = None
    exitCode: object = None  # noqa: N815
    excludeFromContext: object = None  # noqa: N815


class Line(msgspec.Struct):
    """A line; the first one is of the session, others are entries that form a tree."""

    type: object = None
    id: object = None
    parentId: object = None  # noqa: N815
    timestamp: object = None
    cwd: object = None
    parentSession: object = None  # noqa: N815
    message: Message | Else = None
    systemMessage: Message | Else = None  # noqa: N815


def texts(message: Message) -> list[str]:
    """Return the texts of a message."""
    if isinstance(message.content, str):
        return [message.content]
    return [part.text for part in parts(message) if isinstance(part.text, str)]


def parts(message: Message) -> list[Part]:
    """Return the parts of a message."""
    content = message.content if isinstance(message.content, list) else []
    return [part for part in content if isinstance(part, Part)]
