"""Looking for records. Nothing is recorded: to be found is not to be read."""

from collections.abc import Collection

from ctxuse.context.frontmatter import take_apart
from ctxuse.context.given import Excerpt, SearchHit
from ctxuse.errors import BrokenRecordError, CtxuseError, InvalidSettingError
from ctxuse.layout import WorkspaceLayout
from ctxuse.records import read_record

MOST_WORDS = 32
MOST_EXCERPTS = 3
LONGEST_EXCERPT = 200

SEARCHED = 1024 * 1024
"""Bytes of a record that are looked through, from its beginning."""


def search(
    layout: WorkspaceLayout, query: str, kinds: Collection[str] | None, limit: int
) -> tuple[SearchHit, ...]:
    """Return the records that hold every word of `query`; see `Segment.search`."""
    words = [*dict.fromkeys(query.casefold().split())]
    if not words or len(words) > MOST_WORDS:
        raise InvalidSettingError("query", query[:LONGEST_EXCERPT], f"1 to {MOST_WORDS} words")
    kinds = {kinds} if isinstance(kinds, str) else kinds
    if limit < 1:
        raise InvalidSettingError("limit", str(limit), "1 or more")
    named: list[SearchHit] = []
    others: list[SearchHit] = []
    for kind, slug in layout.records_on_disk():
        if slug is None or (kinds is not None and kind not in kinds):
            continue
        try:
            data = read_record(layout, kind, slug)
        except CtxuseError:
            continue  # it went, or cannot be read: then it cannot be found either
        text = data[:SEARCHED].decode("utf-8", "replace")
        name = f"{kind}/{slug}".casefold()
        folded = f"{name}\n{text.casefold()}"
        if all(word in folded for word in words):
            hit = SearchHit(kind, slug, _description(kind, slug, data), _excerpts(text, words))
            (named if any(word in name for word in words) else others).append(hit)
    return tuple([*named, *others][:limit])


def _description(kind: str, slug: str, data: bytes) -> str:
    try:
        return take_apart(kind, slug, data).description
    except BrokenRecordError:
        return ""


def _excerpts(text: str, words: list[str]) -> tuple[Excerpt, ...]:
    """The first lines that hold a word."""
    found: list[Excerpt] = []
    for number, line in enumerate(text.split("\n"), 1):
        folded = line.casefold()
        places = [at for at in map(folded.find, words) if at >= 0]
        if places:
            begin = max(0, _unfolded(line, min(places)) - LONGEST_EXCERPT // 4)
            found.append(Excerpt(number, line[begin:][:LONGEST_EXCERPT].strip()))
            if len(found) == MOST_EXCERPTS:
                break
    return tuple(found)


def _unfolded(line: str, place: int) -> int:
    """Where in `line` that stands which is at `place` of the line without case."""
    for index, sign in enumerate(line):
        place -= len(sign.casefold())
        if place < 0:
            return index
    return len(line)
