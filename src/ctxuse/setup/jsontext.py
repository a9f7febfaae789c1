"""Editing JSON as text: what is not meant stays as it is, to the character. Pure.

A value is added or taken out where it stands; everything around it, blank lines and odd formatting
included, is left alone. Only strict JSON is edited: where there are comments or repeated keys it
cannot be told what the agent would read.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError, JSONDecoder
from typing import TypeAlias


class NotEditableError(ValueError):
    """The text is not what can be edited; the message says why and where."""


@dataclass(slots=True)
class _Node:
    """A value and where it stands in the text."""

    start: int
    end: int
    value: object
    keys: dict[str, int] = field(default_factory=dict)
    children: list["_Node"] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)


def add(text: str, path: Sequence[str], value: object) -> str:
    """Return `text` with `value` added at the end of the array at `path`.

    Objects and the array on the way are made where they are missing.

    Args:
        text: A JSON object.
        path: Keys, from the outside inwards.
        value: What is added.

    Raises:
        NotEditableError: The text is no strict JSON, or something else stands at the path.
    """
    node = _parse(text)
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise NotEditableError(f"{'.'.join(path[:depth])} is no object")
        if key not in node.keys:
            made: object = [value]
            for missing in reversed(path[depth + 1 :]):
                made = {missing: made}
            return _inserted(text, node, made, key)
        node = node.children[node.keys[key]]
    if not isinstance(node.value, list):
        raise NotEditableError(f"{'.'.join(path)} is no list")
    return _inserted(text, node, value, None)


Path: TypeAlias = Sequence[str | type[dict[object, object]] | type[list[object]]]
"""A way from the outside inwards: keys, ``dict`` for each key of an object, ``list`` for each
element of an array."""


def take_out(text: str, path: Path, unwanted: Callable[[object], bool]) -> str:
    """Return `text` without those elements of the arrays at `path` that are unwanted.

    An array, or an object around it, that holds nothing then goes as well, but never the outermost.

    Args:
        text: A JSON object.
        path: Where the arrays are.
        unwanted: Says of an element whether it goes.

    Raises:
        NotEditableError: As `add`.
    """
    root = _parse(text)
    cuts = _cuts(root, [*path, list], unwanted)
    if cuts is None:
        cuts = [(root.start + 1, root.end - 1)]
    begins = [*(begin for begin, _ in cuts), len(text)]
    ends = [0, *(end for _, end in cuts)]
    return "".join(text[end:begin] for end, begin in zip(ends, begins, strict=True))


def _cuts(
    node: _Node, path: Path, unwanted: Callable[[object], bool]
) -> list[tuple[int, int]] | None:
    """From where to where a value is cut, in order; None when nothing is left of it."""
    if not path:
        return None if unwanted(node.value) else []
    inner = {
        place: _cuts(node.children[place], path[1:], unwanted) for place in _meant(node, path[0])
    }
    places = range(len(node.children))
    first = next((place for place in places if inner.get(place, []) is not None), None)
    if first is None:
        return None if inner else []
    cuts = []
    for place, found in inner.items():
        cuts += [_with_comma(node, place, first)] if found is None else found
    return cuts


def _meant(node: _Node, key: str | type) -> Iterable[int]:
    """Which children of `node` are meant by one step of a path."""
    if isinstance(key, str):
        return [node.keys[key]] if key in node.keys else []
    return range(len(node.children)) if isinstance(node.value, key) else []


def _with_comma(node: _Node, place: int, first: int) -> tuple[int, int]:
    """From where to where a child stands with its key and its comma; the `first` one stays."""
    if place < first:
        return node.starts[place], node.starts[place + 1]
    return node.children[place - 1].end, node.children[place].end


def _inserted(text: str, node: _Node, value: object, key: str | None) -> str:
    """`text` with one more child at the end of `node`, written as its neighbours are."""
    newline = "\r\n" if "\r\n" in text else "\n"
    before = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    if node.children:
        gap = text[node.start + 1 : node.starts[0]]
        last = node.children[-1].end
        if "\n" not in gap:
            made = json.dumps(value, ensure_ascii=False)
            return f"{text[:last]}, {before}{made}{text[last:]}"
        indent = gap.rpartition("\n")[2]
        if len(indent) > _LONGEST_INDENT:
            indent = _indent_of_line(text, node.start) + _unit(text)
        made = _dumped(value, indent, _unit(text), newline)
        return f"{text[:last]},{newline}{indent}{before}{made}{text[last:]}"
    outer = _indent_of_line(text, node.start)
    indent = outer + _unit(text)
    made = _dumped(value, indent, _unit(text), newline)
    inner = f"{newline}{indent}{before}{made}{newline}{outer}"
    return text[: node.start + 1] + inner + text[node.end - 1 :]


def _dumped(value: object, indent: str, unit: str, newline: str) -> str:
    lines = json.dumps(value, indent=unit, ensure_ascii=False).split("\n")
    return f"{newline}{indent}".join(lines)


_LONGEST_INDENT = 64
"""Characters: who indents by more is not followed, as each line that is written would have them."""


def _unit(text: str) -> str:
    """By what one level is indented: as the first indented line is, else two spaces."""
    match = re.search(r"\n([ \t]+)[\"\[{]", text)
    return match[1] if match and len(match[1]) <= _LONGEST_INDENT else "  "


def _indent_of_line(text: str, position: int) -> str:
    before = text[text.rfind("\n", 0, position) + 1 : position]
    indent = before[: len(before) - len(before.lstrip(" \t"))]
    return indent if len(indent) <= _LONGEST_INDENT else ""


_SPACE = re.compile(r"[ \t\r\n]*")


def _refused(constant: str) -> object:
    raise NotEditableError(f"it is no plain JSON: {constant}")


_decode = JSONDecoder(parse_constant=_refused).raw_decode


def _parse(text: str) -> _Node:
    if text.startswith("\ufeff"):
        raise NotEditableError("it begins with a byte order mark, which JSON does not allow")
    try:
        node = _value(text, _skip(text, 0))
        if _skip(text, node.end) != len(text):
            raise JSONDecodeError("something follows the end", text, node.end)
        if not isinstance(node.value, dict):
            raise NotEditableError("it is no object")
    except NotEditableError:
        raise
    except JSONDecodeError as error:
        raise NotEditableError(f"it is no plain JSON: {error.msg} (line {error.lineno})") from error
    except RecursionError as error:
        raise NotEditableError("it nests too deep") from error
    except ValueError as error:  # a number of thousands of digits
        raise NotEditableError(f"it is no plain JSON: {error}") from error
    return node


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _value(text: str, start: int) -> _Node:
    opening = text[start : start + 1]
    if opening not in {"{", "["}:
        value, end = _decode(text, start)
        return _Node(start, end, value)
    is_object = opening == "{"
    node = _Node(start, start, {} if is_object else [])
    position = _skip(text, start + 1)
    closing = "}" if is_object else "]"
    while text[position : position + 1] != closing or node.children:
        node.starts.append(position)
        if is_object:
            position = _key(text, position, node)
        child = _value(text, position)
        node.children.append(child)
        position = _skip(text, child.end)
        sign = text[position : position + 1]
        if sign == closing:
            break
        if sign != ",":
            raise JSONDecodeError("a comma or the end is missing", text, position)
        position = _skip(text, position + 1)
    node.end = position + 1
    values = [child.value for child in node.children]
    node.value = dict(zip(node.keys, values, strict=True)) if is_object else values
    return node


def _key(text: str, position: int, node: _Node) -> int:
    """Read a key into `node` and return where its value begins."""
    if text[position : position + 1] != '"':
        raise JSONDecodeError("a key is missing", text, position)
    key, end = _decode(text, position)
    if key in node.keys:
        raise JSONDecodeError(f"the key {json.dumps(key)} stands twice", text, position)
    node.keys[key] = len(node.children)
    position = _skip(text, end)
    if text[position : position + 1] != ":":
        raise JSONDecodeError("a colon is missing", text, position)
    return _skip(text, position + 1)
