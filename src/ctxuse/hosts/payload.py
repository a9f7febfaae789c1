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
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST else None


def at(payload: object, *names: str) -> object:
    """Return what is at ``payload[name][name]…``, or None."""
    for name in names:
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(name)
    return payload
