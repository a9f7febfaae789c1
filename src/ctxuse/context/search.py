"""Looking for records. Nothing is recorded: to be found is not to be read."""

from collections.abc import Collection

from ctxuse.context.frontmatter import take_apart
from ctxuse.context.given import Excerpt, SearchHit
from ctxuse.errors import BrokenRecordError, CtxuseError, InvalidSettingError
from ctxuse.layout import WorkspaceLayout
from ctxuse.records import read_record

MOST_EXCERPTS = 3
LONGEST_EXCERPT = 200


def search(
    layout: WorkspaceLayout, query: str, kinds: Collection[str] | None, limit: int
) -> tuple[SearchHit, ...]:
    """Return the records that hold every word of `query`; see `Segment.search`."""
    words = query.casefold().split()
    if not words:
        raise InvalidSettingError("query", query, "one word or more")
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
        text = data.decode("utf-8", "replace")
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
    found: list[Excerpt] = []
    for number, line in enumerate(text.split("\n"), start=1):
        folded = line.casefold()
        places = [place for word in words if (place := folded.find(word)) >= 0]
        if places:
            begin = max(0, min(places) - LONGEST_EXCERPT // 4)
            found.append(Excerpt(number, line[begin:][:LONGEST_EXCERPT].strip()))
            if len(found) == MOST_EXCERPTS:
                break
    return tuple(found)
