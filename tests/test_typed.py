"""What stands for `typing` on the way of a hook is as that is."""

import copy
import pickle
import sys
import typing
from collections.abc import Mapping

import pytest

from ctxuse import typed


class Theirs(typing.NamedTuple):
    """A tuple.

    Attributes:
        name: Its name.
    """

    name: str
    size: int = 3
    parts: Mapping[str, "Theirs"] | None = None

    @property
    def twice(self) -> int:
        """Twice its size."""
        return 2 * self.size

    @classmethod
    def of(cls, name: str) -> "Theirs":
        return cls(name)


class Ours(typed.NamedTuple):
    """A tuple.

    Attributes:
        name: Its name.
    """

    name: str
    size: int = 3
    parts: Mapping[str, "Theirs"] | None = None

    @property
    def twice(self) -> int:
        """Twice its size."""
        return 2 * self.size

    @classmethod
    def of(cls, name: str) -> "Ours":
        return cls(name)


Form = typed.Literal["a", "b"]


def test_a_named_tuple_is_one_as_typing_makes_them() -> None:
    ours, theirs = Ours("a", size=2), Theirs("a", size=2)
    assert (*ours,) == (*theirs,) == ("a", 2, None)
    assert (ours.name, ours.twice, Ours.of("x").size) == ("a", 4, 3)
    assert ours._replace(name="b") == ("b", 2, None)
    assert repr(ours).replace("Ours", "Theirs") == repr(theirs)
    assert copy.copy(ours) == ours
    assert b"test_typed" in pickle.dumps(ours)
    for name in ("__doc__", "__annotations__", "__module__", "_fields", "_field_defaults"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert typing.get_type_hints(Ours) == typing.get_type_hints(Theirs)
    assert Ours.__mro__[1:] == (tuple, object)
    with pytest.raises(TypeError):
        Ours()  # type: ignore[call-arg] # as a caller may err


def test_a_form_can_be_asked_for_what_it_holds() -> None:
    assert typing.get_args(Form) == ("a", "b")
    assert len(typing.get_args(Form | None)) == 2


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there it is typing's own")
def test_neither_is_typing() -> None:
    assert typed.NamedTuple is not typing.NamedTuple
