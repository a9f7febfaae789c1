"""References to records in a message: ``#slug`` and ``/slug``. Pure.

A reference is a whole word: it stands at the beginning or behind white space, opening brackets may
stand before it, and only punctuation may follow. Code, links and paths hold none. What is code and
what is text, the message says in Markdown.
"""

import re
import unicodedata
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ctxuse.context.residenttext import KINDS, SIGNS
from ctxuse.errors import InvalidSlugError
from ctxuse.layout import Slug


class Reference(NamedTuple):
    """A word in a message that has the shape of a reference.

    Attributes:
        kind: ``knowledge`` for ``#slug``, ``workflow`` for ``/slug``.
        slug: The slug.
    """

    kind: str
    slug: Slug

    def __str__(self) -> str:
        """Return it as it stands in the message."""
        return f"{SIGNS[self.kind]}{self.slug}"


_WORD = re.compile(r"([#/])([a-z0-9-]{1,64})(\S*)")
_NO_TEXT = "\ufffc"
"""Stands where something else than text stands, so that what follows does not begin a word."""


def references(message: str) -> list[Reference]:
    """Return every reference in `message` once, in the order they first stand there."""
    found: dict[Reference, None] = {}
    markdown = MarkdownIt("commonmark", {"html": False}).disable("text_join")
    for token in markdown.parse(message):
        if token.type == "inline":
            text = _plain(token.children or [])
            for match in _WORD.finditer(text):
                reference = _reference(text, match)
                if reference is not None:
                    found[reference] = None
    return [*found]


def _plain(tokens: list[Token]) -> str:
    """The text of a paragraph, with a sign in place of code, links, images and escapes."""
    parts: list[str] = []
    in_link = 0
    for token in tokens:
        in_link += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "text" and not in_link:
            parts.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append("\n")
        else:
            parts.append(_NO_TEXT)
    return "".join(parts)


def _reference(text: str, match: re.Match[str]) -> Reference | None:
    begin = match.start()
    while begin and unicodedata.category(text[begin - 1]) == "Ps":
        begin -= 1
    begins = not begin or text[begin - 1].isspace()
    sign, name, rest = match.groups()
    if not begins or not all(_is_punctuation(char) for char in rest):
        return None
    try:
        return Reference(KINDS[sign], Slug(name))
    except InvalidSlugError:
        return None


def _is_punctuation(char: str) -> bool:
    """Whether `char` may follow a word without being a part of it, as in ``(see #policy).``."""
    return unicodedata.category(char)[0] == "P" and char not in "/\\#@&%_-"
