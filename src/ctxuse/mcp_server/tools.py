"""A function as a tool: what a client is told of it, and its arguments, come from its signature."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, Self, get_type_hints

import msgspec

from ctxuse.mcp_server.protocol import Asked, Tool, ToolAnnotations
from ctxuse.mcp_server.rpc import Params

_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class Work(NamedTuple):
    """A tool, and how it is called.

    Attributes:
        tool: What a client is told of it.
        arguments: What its arguments must be.
        function: What it does. Its first argument is who asks, the others are those of the tool; it
            returns a struct.
    """

    tool: Tool
    arguments: type[msgspec.Struct]
    function: Callable[..., msgspec.Struct]

    @classmethod
    def of(cls, title: str, function: Callable[..., msgspec.Struct]) -> Self:
        """Return the tool that a function is: named as it is, described by its docstring."""
        hints = get_type_hints(function, include_extras=True)
        _, *parameters = inspect.signature(function).parameters.values()
        name = function.__name__
        fields = [
            (p.name, hints[p.name]) if p.default is p.empty else (p.name, hints[p.name], p.default)
            for p in parameters
        ]
        arguments = msgspec.defstruct(name, fields, kw_only=True)
        tool = Tool(
            name=name,
            title=title,
            description=inspect.cleandoc(function.__doc__ or ""),
            input_schema=_lean(_schema(arguments)),
            output_schema=_schema(hints["return"]),
            annotations=_READ_ONLY,
        )
        return cls(tool, arguments, function)

    def __call__(self, asked: Asked, arguments: Params) -> msgspec.Struct:
        """Call it.

        Raises:
            msgspec.ValidationError: The arguments are not its.
        """
        known = msgspec.convert(arguments, self.arguments, strict=False)
        return self.function(asked, **msgspec.structs.asdict(known))


def _schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a struct; those of the structs in it stand under ``$defs``.

    Titles are left out: they repeat the names, and a model pays for them.
    """
    _, parts = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    for part in parts.values():
        part.pop("title", None)
    whole = parts.pop(struct.__name__)
    whole.pop("description", None)
    return {**whole, "$defs": parts} if parts else whole


_BOUNDS = {"default", "minimum", "maximum", "minLength", "maxLength"}


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of arguments without what is checked anyway: a model pays for it in each request.

    What may be null may be left out, and is only said to be what else it is.
    """
    lean = {name: value for name, value in schema.items() if name not in _BOUNDS}
    others = [one for one in lean.pop("anyOf", ()) if one != {"type": "null"}]
    for one in others:
        lean |= _lean(one)
    if "properties" in lean:
        lean["properties"] = {name: _lean(of) for name, of in lean["properties"].items()}
    return {name: value for name, value in lean.items() if (name, value) != ("required", [])}
