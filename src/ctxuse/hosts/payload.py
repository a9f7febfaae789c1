"""Looking into payloads that may hold anything: what is not as expected is not there."""

from collections.abc import Mapping

_LONGEST = 4096


def text(payload: object, *names: str) -> str | None:
    """Return the text at ``payload[name][name]…``; None for anything else, and for too long a one.

    Args:
        payload: What a host handed over.
        names: The way to the text.
    """
    value = at(payload, *names)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no event can hold
        return None
    return value


def at(payload: object, *names: str) -> object:
    """Return what is at ``payload[name][name]…``, or None."""
    for name in names:
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(name)
    return payload


def size(content: object) -> int | None:
    """Return the bytes of a text; None for anything else."""
    return len(content.encode("utf-8", "replace")) if isinstance(content, str) else None
