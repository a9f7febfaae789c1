"""The lines of a rollout, with what is wanted of them."""

import msgspec

from ctxuse.hosts.jsonlines import NOT_SAID, Else


class Item(msgspec.Struct):
    """Something that has been completed, by the host's own account."""

    type: object = None
    id: object = None
    command: object = None
    cwd: object = None
    parsed_cmd: object = None
    source: object = None
    exit_code: object = None
    aggregated_output: object = None
    stdout: object = None
    status: object = None


class Passed(msgspec.Struct):
    """What the host notes of a message."""

    turn_id: object = None
    content_item_kinds: object = None


class Payload(msgspec.Struct):
    """What a line carries."""

    type: object = None
    id: object = None
    session_id: object = None
    cwd: object = None
    role: object = None
    name: object = None
    call_id: object = None
    arguments: object = None
    input: object = None
    action: object = None
    output: object = None
    exit_code: object = None
    command: object = None
    aggregated_output: object = None
    formatted_output: object = None
    parsed_cmd: object = None
    source: object = None
    forked_from_id: object = None
    forked_from_ordinal_exclusive: object = None
    item: Item | Else = None
    started_at_ms: object = None
    completed_at_ms: object = None
    usage: object = None
    info: object = None
    response_id: object = None
    model: object = None
    result: msgspec.Raw = NOT_SAID
    content: msgspec.Raw = NOT_SAID
    replacement_history: msgspec.Raw = NOT_SAID
    passed: Passed | Else = msgspec.field(
        default=None, name="internal_chat_message_metadata_passthrough"
    )


class Line(msgspec.Struct):
    """A line."""

    type: object = None
    timestamp: object = None
    ordinal: object = None
    payload: Payload | Else = None


_NO_PAYLOAD = Payload()


def payload_of(line: Line) -> Payload:
    """Return what a line carries; what says nothing where that is no object."""
    return line.payload if isinstance(line.payload, Payload) else _NO_PAYLOAD
