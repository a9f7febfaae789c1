"""The lines of a chat, with what is wanted of them."""

import msgspec

from ctxuse.hosts.jsonlines import NOT_SAID, Else


class Changed(msgspec.Struct):
    """What of a chat is set anew."""

    messages: msgspec.Raw = NOT_SAID


class Line(msgspec.Struct, rename="camel"):
    """A line: what is said of the session, a message as it is now, or what is set anew."""

    session_id: object = None
    start_time: object = None
    kind: object = None
    directories: object = None
    id: object = None
    timestamp: object = None
    type: object = None
    model: object = None
    tokens: object = None
    content: msgspec.Raw = NOT_SAID
    tool_calls: msgspec.Raw = NOT_SAID
    changed: Changed | Else = msgspec.field(default=None, name="$set")
    rewind_to: object = msgspec.field(default=None, name="$rewindTo")
