"""Editing JSON as text: what is not meant stays as it is, to the character. Pure.

A value is added or taken out where it stands; everything around it, blank lines and odd formatting
included, is left alone. Only strict JSON is edited: where there are comments or repeated keys it
cannot be told what the agent would read.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from json.decoder import JSONDecodeError, JSONDecoder


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


def take_out(text: str, path: Sequence[str | int], unwanted: Callable[[object], bool]) -> str:
    """Return `text` without those elements of the array at `path` that are unwanted.

    An array, or an object around it, that holds nothing then goes as well, but never the outermost.

    Args:
        text: A JSON object.
        path: Keys, and numbers of elements, from the outside inwards.
        unwanted: Says of an element whether it goes.

    Raises:
        NotEditableError: As `add`.
    """
    while True:
        nodes = _along(_parse(text), path)
        if nodes is None or not isinstance(nodes[-1].value, list):
            return text
        index = next((i for i, n in enumerate(nodes[-1].children) if unwanted(n.value)), None)
        if index is None:
            return text
        depth = len(nodes) - 1
        while depth > 0 and len(nodes[depth].children) == 1:
            depth -= 1
            index = _place(nodes[depth], path[depth]) or 0
        text = _without(text, nodes[depth], index)


def _along(node: _Node, path: Sequence[str | int]) -> list[_Node] | None:
    nodes = [node]
    for key in path:
        place = _place(nodes[-1], key)
        if place is None:
            return None
        nodes.append(nodes[-1].children[place])
    return nodes


def _place(node: _Node, key: str | int) -> int | None:
    """Which child of `node` is meant by a key, or by the number of an element."""
    if isinstance(key, str):
        return node.keys.get(key)
    return key if isinstance(node.value, list) and key < len(node.children) else None


def _without(text: str, node: _Node, index: int) -> str:
    """`text` without one child of `node`, its key and its comma."""
    if len(node.children) == 1:
        return text[: node.start + 1] + text[node.end - 1 :]
    if index:
        begin, end = node.children[index - 1].end, node.children[index].end
    else:
        begin, end = node.starts[0], node.starts[1]
    return text[:begin] + text[end:]


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


def _unit(text: str) -> str:
    """By what one level is indented: as the first indented line is, else two spaces."""
    match = re.search(r"\n([ \t]+)[\"\[{]", text)
    return match[1] if match else "  "


def _indent_of_line(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


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
