"""What attachments of Claude Code's transcripts announce: skills, agents, MCP servers, tools."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ctxuse.context.residenttext import Standing
from ctxuse.context.residenttext import standing as standing_in
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.claude_code import CUT
from ctxuse.hosts.lookup import at, items, size, text
from ctxuse.hosts.recordfile import skill_name

_LISTED = re.compile(r"^- ([^\s:][^:\n]{0,255}(?::[^\s:][^:\n]*)?)(?=: |$)", re.MULTILINE)


def standing(server: str, block: str) -> Iterable[Standing]:
    """What of our records stands in the instructions of an MCP server, below its name."""
    instructions = block.partition("\n")[2].removesuffix(CUT)
    return standing_in(instructions) if is_ours(server) else ()


def added(attachment: object, names: str, texts: str) -> Iterator[tuple[str, str]]:
    """Yield what an attachment adds to what was told before: names, and the text of each."""
    for added, said in zip(items(attachment, names), items(attachment, texts), strict=False):
        name = text(added)
        if name is not None and isinstance(said, str):
            yield name, said


def deferred(attachment: object) -> Counter[str]:
    """The bytes of the names of tools that are to be looked for, by MCP server."""
    found: Counter[str] = Counter()
    for tool, listed in added(attachment, "addedNames", "addedLines"):
        server, _, _ = tool.removeprefix("mcp__").rpartition("__")
        if tool.startswith("mcp__") and skill_name(server) == server:
            found[server] += (size(listed) or 0) + 1
    return found


def listing(attachment: object) -> dict[str, int | None]:
    """The skills that a listing names, and the bytes of each in it: its dash, name, description.

    A description may have several lines, some of which may look like an entry: where the listing
    says which names are in it, only these begin one.
    """
    content, names = at(attachment, "content"), items(attachment, "names")
    listed = [name for name in names if isinstance(name, str) and skill_name(name) is not None]
    found = _entries(content, listed) if isinstance(content, str) else {}
    return {name: found.get(name) for name in listed} if listed else {**found}


def _entries(content: str, names: list[str]) -> dict[str, int | None]:
    known = set(names)
    begins: dict[str, int] = {}
    for entry in _LISTED.finditer(content):
        if entry[1] in known or (not known and skill_name(entry[1]) is not None):
            begins.setdefault(entry[1], entry.start())
    places = sorted([*begins.values(), len(content)])
    ends = dict(pairwise(places))
    return {name: size(content[begin : ends[begin]].rstrip("\n")) for name, begin in begins.items()}
