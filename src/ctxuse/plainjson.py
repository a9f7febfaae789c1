"""JSON without what `json` imports, which is a twentieth of a hook.

It is the same scanner, with the settings that `json.loads` has. Where this Python keeps it
elsewhere, and for what is no object or list in UTF-8, it is `json` itself.
"""

from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from json.encoder import encode_basestring_ascii as quoted

    _Scanner = Callable[[str, int], tuple[object, int]]
    _scanner_of: Callable[[object], _Scanner] | None
else:
    try:
        from _json import encode_basestring_ascii as quoted
        from _json import make_scanner as _scanner_of
    except ImportError:
        from json.encoder import encode_basestring_ascii as quoted

        _scanner_of = None

__all__ = ["loads", "quoted"]

_SPACE = " \t\n\r"
"""What may stand around a value."""


class _Settings:
    """What the scanner is told."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": -float("inf"), "Infinity": float("inf"), "NaN": float("nan")}.get


def loads(data: str | bytes) -> object:
    """Return what JSON says, as `json.loads` does.

    Raises:
        ValueError: It is none.
        RecursionError: It is too deep.
    """
    if _scanner_of is not None and (isinstance(data, str) or data[:1] in {b"{", b"["}):
        text = data if isinstance(data, str) else _text(data)
        if text is not None:
            text = text.strip(_SPACE)
            try:
                value, end = _scanner_of(_Settings)(text, 0)
            except (AttributeError, StopIteration, TypeError):
                value, end = None, -1
            if end == len(text):
                return value
    import json  # noqa: PLC0415 - for what is unusual, and to say what is wrong

    found: object = json.loads(data)
    return found


def _text(data: bytes) -> str | None:
    """What bytes are in UTF-8, surrogates included; None where they may be in something else."""
    return None if b"\0" in data[:4] else data.decode("utf-8", "surrogatepass")
