"""What objects of our JSON hold: a field is said once, and written and described from that. Pure.

The shapes of values are JSON Schema, as OpenAPI 3.1 has it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

Schema = dict[str, Any]
"""A JSON Schema."""

Of = TypeVar("Of")
Part = TypeVar("Part")

_TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3,9})?Z$"

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
BOOLEAN_OR_NULL: Schema = {"type": ["boolean", "null"]}
TIME: Schema = {"type": "string", "pattern": _TIME_PATTERN}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": _TIME_PATTERN}
DAY: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


class Field(NamedTuple, Generic[Of]):
    """A field of a JSON object.

    Attributes:
        name: Its name.
        schema: What its value may be.
        value: Takes the value from what the object stands for; `msgspec.UNSET` leaves it out.
        optional: Whether there may be objects without it.
    """

    name: str
    schema: Schema
    value: Callable[[Of], object]
    optional: bool = False


def filled(fields: Sequence[Field[Of]], of: Of) -> dict[str, object]:
    """Return the object that stands for `of`."""
    return {
        field.name: value for field in fields if (value := field.value(of)) is not msgspec.UNSET
    }


def fields_of_part(attribute: str, fields: Sequence[Field[Any]]) -> list[Field[Any]]:
    """Return the fields of an `attribute`, or of an attribute's, as those of what has it."""
    part = attrgetter(attribute)

    def of_whole(field: Field[Any]) -> Field[Any]:
        return field._replace(value=lambda of: field.value(part(of)))

    return [*map(of_whole, fields)]


def field_of_list(
    name: str, fields: Sequence[Field[Part]], parts: Callable[[Of], Iterable[Part]]
) -> Field[Of]:
    """Return the field that holds an object with such fields for each of what `parts` takes."""
    items = list_of(described(fields))
    return Field(name, items, lambda of: [filled(fields, part) for part in parts(of)])


def described(fields: Sequence[Field[Any]]) -> Schema:
    """Return the schema of an object with these fields and no other."""
    optional = {field.name for field in fields if field.optional}
    return plain(properties(fields), optional)


def properties(fields: Sequence[Field[Any]]) -> dict[str, Schema]:
    """Return the schema of each of these fields, by name."""
    return {field.name: field.schema for field in fields}


def plain(holds: Mapping[str, Schema], optional: Collection[str] = ()) -> Schema:
    """Return the schema of an object that holds these by name, and nothing else."""
    return {
        "type": "object",
        "properties": dict(holds),
        "required": [name for name in holds if name not in optional],
        "additionalProperties": False,
    }


def by_name(values: Schema) -> Schema:
    """Return the schema of an object with whatever names and such values."""
    return {"type": "object", "additionalProperties": values}


def list_of(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Return what stands for a named schema of the API's description."""
    return {"$ref": f"#/components/schemas/{name}"}
