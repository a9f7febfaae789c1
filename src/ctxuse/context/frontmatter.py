"""A record's file, taken apart: what its frontmatter says, and its body."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from frontmatter.default_handlers import YAMLHandler

from ctxuse.errors import BrokenRecordError

MAX_FRONTMATTER = 64 * 1024
"""Characters of frontmatter that are looked at; more is nobody's description."""

MAX_VALUES = 1_000
MAX_DEPTH = 16
"""Values in frontmatter, keys included, and how deep they may nest; with more it is broken."""


@dataclass(frozen=True, slots=True)
class RecordText:
    """A record, taken apart.

    Attributes:
        kind: Its kind.
        slug: Its slug; ``summary`` for the summary.
        file_bytes: The size of its whole file, in bytes.
        body: Its text behind the frontmatter, without white space at either end.
        fields: What the frontmatter says; empty without one.
    """

    kind: str
    slug: str
    file_bytes: int
    body: str
    fields: Mapping[object, object]

    @property
    def description(self) -> str:
        """Its ``description`` on one line; empty when it has none."""
        value = self.fields.get("description")
        return " ".join(_text(value).split()) if isinstance(value, str) else ""

    @property
    def for_model(self) -> bool:
        """Whether it asks to be made known to the model (``model_invokation: true``)."""
        return any(self.fields.get(name) is True for name in _FOR_MODEL)

    @property
    def for_user(self) -> bool:
        """Whether users may ask for it: always, but for ``user_invocable: false``."""
        return self.fields.get("user_invocable") is not False

    @property
    def requires(self) -> tuple[str, ...]:
        """The knowledge it ``requires:``, as text, in the order given.

        Raises:
            BrokenRecordError: That is no list of names.
        """
        value = self.fields.get("requires")
        if value is None:
            return ()
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BrokenRecordError(self.kind, self.slug, "requires is no list of slugs")
        return tuple(dict.fromkeys(map(_text, names)))


_FOR_MODEL = ("model_invokation", "model_invocation")
"""The first is how the records on disk spell it."""


def take_apart(kind: str, slug: str, data: bytes) -> RecordText:
    """Return the record whose file holds `data`.

    Bytes that are no UTF-8 are replaced.

    Raises:
        BrokenRecordError: There is frontmatter, but it is no YAML, or too long.
    """
    text = _text_of(data)
    head, body = _split(text)
    if len(head) > MAX_FRONTMATTER:  # nobody's description: a text between two rulers
        return RecordText(kind, slug, len(data), text.strip(), {})
    try:
        fields = _handler.load(head, Loader=_Loader) if head else {}
    except _YAML_ERRORS as error:
        raise BrokenRecordError(kind, slug, f"its frontmatter is no YAML: {_why(error)}") from error
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        body, fields = text, {}  # two rulers with text between them, not frontmatter
    return RecordText(kind, slug, len(data), body.strip(), fields)


def frontmatter_of(data: bytes) -> str:
    """Return the frontmatter of a record's file as it is written; empty without one.

    So it is where there is more than is looked at.
    """
    head, _ = _split(_text_of(data))
    return head if len(head) <= MAX_FRONTMATTER else ""


def _text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _text(value: str) -> str:
    """`value` with a sign in place of lone surrogates, which YAML can name and nobody can store."""
    return value.encode("utf-8", "replace").decode()


def _why(error: Exception) -> str:
    """What is wrong, without the text around it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        mark = error.problem_mark
        return error.problem + (f" (line {mark.line + 1})" if mark else "")
    if isinstance(error, yaml.reader.ReaderError):
        return str(error.reason)
    return "it nests too deep" if isinstance(error, RecursionError) else str(error)


_YAML_ERRORS = (
    yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError,
    RecursionError,
)  # fmt: skip
"""What the library raises for text that is no YAML, or only half."""


class _Loader(yaml.SafeLoader):
    """YAML of plain values: without tags, and without references, which can stand for gigabytes.

    It stops at `MAX_VALUES` values and `MAX_DEPTH` levels: reading some thousands takes seconds.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise yaml.composer.ComposerError(problem=f"it holds over {MAX_VALUES} values")
        if self._depth >= MAX_DEPTH:
            raise yaml.composer.ComposerError(problem="it nests too deep")
        self._depth += 1
        node = self._composed(parent, index)
        self._depth -= 1
        return node

    def _composed(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(problem="it holds a reference (*name)")
        event: object = self.peek_event()  # type: ignore[no-untyped-call] # the stubs say nothing
        if getattr(event, "tag", None) is not None:
            raise yaml.composer.ComposerError(problem="it holds a tag (!name)")
        return super().compose_node(parent, index)


_handler = YAMLHandler()


def _split(text: str) -> tuple[str, str]:
    """The frontmatter of `text` and the rest; the first is empty when there is none."""
    if not _handler.detect(text):
        return "", text
    try:
        head, body = _handler.split(text)
    except ValueError:  # it never ends
        return "", text
    return head, body
