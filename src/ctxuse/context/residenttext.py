"""The text of what is resident: how a record stands in it, and which records one holds."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ctxuse.layout import RecordKind, is_slug
from ctxuse.visible import visible

SIGNS = {RecordKind.KNOWLEDGE.value: "#", RecordKind.WORKFLOW.value: "/"}
"""The sign with which a record of a kind is named."""

KINDS = {sign: kind for kind, sign in SIGNS.items()}
_LINE = re.compile(r"- ([#/])([a-z0-9-]{1,64}): ")


class Standing(NamedTuple):
    """What stands of a record in such a text."""

    kind: str
    slug: str
    text: str


def line(kind: str, slug: str, description: str) -> str:
    """Return the line of a knowledge or workflow record: how it is named, and what it is."""
    return f"- {SIGNS[kind]}{slug}: {visible(description)}"


def standing(text: str) -> Iterator[Standing]:
    """Yield what of each record stands in a text in which lines come before the summary.

    Args:
        text: The text, which may be cut at its end.
    """
    lines, _, summary = text.partition("\n\n")
    if not lines.startswith("- ") or _LINE.match(lines) is None:
        lines, summary = "", text
    for listed in lines.split("\n"):
        found = _LINE.match(listed)
        if found is not None and is_slug(found[2]):
            yield Standing(KINDS[found[1]], found[2], listed)
    if summary:
        yield Standing(RecordKind.SUMMARY.value, RecordKind.SUMMARY.value, summary)
