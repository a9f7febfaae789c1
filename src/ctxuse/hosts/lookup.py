"""Looking into what may hold anything: payloads, transcripts, settings.

What is not as expected is not there.
"""

from collections.abc import Mapping

from ctxuse.files import read_small
from ctxuse.plainjson import loads


def parsed(data: str | bytes) -> object:
    """Return what JSON says; None for what is none."""
    try:
        return loads(data)
    except (ValueError, RecursionError):
        return None


def stored(path: str) -> object:
    """Return what a file of JSON or TOML says; None when it cannot be read."""
    try:
        data = read_small(path)
        if path.endswith(".toml"):
            import tomllib  # noqa: PLC0415 - few settings are

            return tomllib.loads(data.decode())
    except (OSError, ValueError, RecursionError):
        return None
    return parsed(data)


def file_text(path: str, encoding: str = "utf-8") -> str | None:
    """Return the text of a small file, with signs for what is none; None when it cannot be read."""
    try:
        return read_small(path).decode(encoding, "replace")
    except OSError:
        return None


def text(value: object, *names: str, longest: int = 4096) -> str | None:
    """Return the text at ``value[name][name]…``; None for anything else.

    One of more than `longest` characters is as good as none.
    """
    if names:
        value = at(value, *names)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        return None
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no event can hold
        return None
    return value


def name(value: object, *names: str) -> str | None:
    """Return the name or id at ``value[name][name]…``: a text of 256 characters at most."""
    return text(value, *names, longest=256)


def at(value: object, *names: str) -> object:
    """Return what is at ``value[name][name]…``, or None."""
    for key in names:
        if not isinstance(value, (dict, Mapping)):  # a dict is soonest known as one
            return None
        value = value.get(key)
    return value


def items(value: object, *names: str) -> list[object]:
    """Return the elements of the list at ``value[name][name]…``; none where there is no list."""
    found = at(value, *names)
    return found if isinstance(found, list) else []


def size(content: object) -> int | None:
    """Return the bytes of a text; None for anything else."""
    if not isinstance(content, str):
        return None
    return len(content) if content.isascii() else len(content.encode("utf-8", "replace"))
