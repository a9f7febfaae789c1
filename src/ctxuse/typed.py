"""What `typing` has that stands in classes and signatures on the way of a hook, without `typing`.

Importing that takes a sixth of the time of a hook, and to make a `NamedTuple` by it as long as to
load a module. Type checkers, and Pythons that evaluate annotations late, are given the real ones.
"""

import sys
from collections import namedtuple
from types import GenericAlias

__all__ = ["IO", "TYPE_CHECKING", "BinaryIO", "Literal", "NamedTuple", "Protocol", "Self"]

TYPE_CHECKING = False

if TYPE_CHECKING or sys.version_info >= (3, 14):
    from typing import IO, BinaryIO, Literal, NamedTuple, Protocol, Self
else:

    class _Form:
        """Stands in an annotation."""

        __class_getitem__ = classmethod(GenericAlias)

    class IO(_Form):
        """See `typing.IO`."""

    class BinaryIO(IO):
        """See `typing.BinaryIO`."""

    class Literal(_Form):
        """See `typing.Literal`."""

    class Self(_Form):
        """See `typing.Self`."""

    class Protocol:
        """See `typing.Protocol`; nothing is made of one, and nothing asked whether it is one."""

    class _Made(type):
        """Makes of a class that says what a tuple has such a tuple."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, object]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = space.pop("__annotations__", {})
            defaults = [space.pop(field) for field in fields if field in space]
            module = space.pop("__module__")
            made = namedtuple(name, fields, defaults=defaults, module=module)  # noqa: PYI024 - its maker
            made.__annotations__ = made.__new__.__annotations__ = fields
            for key, value in space.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Made):
        """See `typing.NamedTuple`."""
