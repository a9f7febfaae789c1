"""What of records stands in the messages with which Codex begins a context (version 0.169).

Each part of such a message is of a kind that the host notes; older versions are told by how they
begin. What stands there is what entered: nothing is looked up but which file a text is of.
"""

import os
import re
from collections.abc import Callable, Iterator

from ctxuse.context.residenttext import standing as standing_in
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.lookup import file_text, size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import INSTRUCTIONS, MCP, SKILL_FILE, Placed, RecordFile, skill_name
from ctxuse.hosts.texts import Texts

OWN_DIRECTORY = "~/.codex"
_NAMES = ("AGENTS.override.md", "AGENTS.md")
"""Of each directory the first that is there counts."""

_INSTRUCTIONS = re.compile(
    r"# AGENTS\.md instructions for ([^\n]{1,4096})\n\n<INSTRUCTIONS>\n(?=.*?</INSTRUCTIONS>)",
    re.DOTALL,
)
_PROJECT = re.compile(r"(?:\A|\n\n)--- project-doc ---\n\n")
_ROOT = re.compile(r"^- `(r[0-9]{1,4})` = `([^`\n]{1,4096})`$", re.MULTILINE)
_ENTRY = re.compile(r"- ([^\s:]{1,256}(?::[^\s:]{1,256})*)(?=: | \(|$)")
_FILE = re.compile(r"\(file: ([^()\n]{1,4096})\)\s*$")
_SUMMARY = ("= MEMORY_SUMMARY BEGINS =", "= MEMORY_SUMMARY ENDS =")
_SERVER = re.compile(r"^- mcp__([\w-]{1,128}): (.*)$", re.MULTILINE)


def placed(text: str, kind: str | None, role: str | None, origin: Origin) -> Iterator[Placed]:
    """Yield what of records a part of a message holds; the host may have noted its `kind`."""
    read = _reader(text, kind, role)
    if read is not None:
        yield from read(text, origin)


def may_hold_records(text: str, kind: str | None, role: str | None) -> bool:
    """Whether a part of a message is of a kind that holds something of records."""
    return _reader(text, kind, role) is not None


def _reader(text: str, kind: str | None, role: str | None) -> "_Read | None":
    kind = _kind_of(text, role) if kind is None else kind
    return None if kind is None else _READ.get(kind)


def _kind_of(text: str, role: str | None) -> str | None:
    """The kind of a part of which the host notes none."""
    if role == "user" and _INSTRUCTIONS.match(text):
        return "agents_md.instructions"
    if role == "developer" and text.startswith("<skills_instructions>"):
        return "host_skills.instructions"
    if role == "developer" and text.startswith("## Memory\n"):
        return "memories.instructions"
    return None


def _skills(text: str, origin: Origin) -> Iterator[Placed]:
    """The skills that are listed: of each the bytes of its entry."""
    roots = {root[1]: root[2] for root in _ROOT.finditer(text)}
    _, _, listed = text.partition("\n### Available skills\n")
    entries: list[list[str]] = []
    for line in re.split(r"\n(?=### )|</skills_instructions>", listed)[0].split("\n"):
        if line.startswith("- ") or not entries:
            entries.append([])
        entries[-1].append(line)
    for entry in map("\n".join, entries):
        begins, file = _ENTRY.match(entry), _FILE.search(entry)
        if begins is None or skill_name(begins[1]) != begins[1]:
            continue
        path = "" if file is None else file[1]
        root, _, below = path.partition("/")
        where = os.path.join(roots[root], below) if root in roots else path
        found = origin.records([where]) if where.endswith(f"/{SKILL_FILE}") else []
        record = found[0] if found else origin.skill(begins[1])
        yield Placed(record, size(entry.rstrip("\n")))


def _instructions(text: str, origin: Origin) -> Iterator[Placed]:
    """The instructions of the user and of the directories down to that of the session."""
    found = _INSTRUCTIONS.match(text)
    if found is None:
        return
    directory = found[1]
    body = text[found.end() : text.index("</INSTRUCTIONS>", found.end())].rstrip("\n")
    own, *rest = _PROJECT.split(body, maxsplit=1)
    if not rest and not _is_of_user(own, origin):
        own, rest = "", [body]
    if own:
        yield from _of_files(own, [_first(origin.here(OWN_DIRECTORY))], origin)
    if rest and rest[0]:
        directories = _down_to(origin.here(directory), origin)
        files = [file for each in directories if os.path.isfile(file := _first(each))]
        files = files or [_first(origin.here(directory))]
        yield from _of_files(rest[0], files, origin)


def _is_of_user(text: str, origin: Origin) -> bool:
    """Whether a text is that of the user's own file, where nothing stands between two."""
    own = _first(origin.here(OWN_DIRECTORY))
    return origin.places.keep(Texts).of(_content, own, len(text)) == text.strip()


def _first(directory: str) -> str:
    """The file of instructions that counts in a directory, whether or not one is there."""
    paths = [os.path.join(directory, name) for name in _NAMES]
    return next(filter(os.path.isfile, paths), paths[-1])


def _down_to(directory: str, origin: Origin) -> list[str]:
    """The directories from the root of the workspace or of its repository down to one."""
    found = [directory]
    root = origin.places.root
    while (
        found[-1] != root
        and not os.path.lexists(os.path.join(found[-1], ".git"))
        and (above := os.path.dirname(found[-1])) != found[-1]
    ):
        found.append(above)
    ends = found[-1] == root or os.path.lexists(os.path.join(found[-1], ".git"))
    return found[::-1] if ends else [directory]


def _of_files(text: str, files: list[str], origin: Origin) -> Iterator[Placed]:
    """The files that a text is made of; what is of none of them as it is now is of the one left."""
    texts = origin.places.keep(Texts)
    contents = {file: texts.of(_content, file, len(text)) for file in files}
    known = {file: content for file, content in contents.items() if content and content in text}
    unknown = [file for file in files if file not in known]
    left = (size(text.strip()) or 0) - sum(size(content) or 0 for content in known.values())
    for file in files:
        record = origin.places.instructions_at(file)
        if record is None:
            continue
        if file in known:
            yield Placed(record, size(known[file]))
        elif len(unknown) == 1 and left > 0:
            yield Placed(record, left)
        elif len(unknown) > 1:
            yield Placed(record, None)


def _content(file: str) -> str:
    """What a file holds now; nothing where it cannot be read."""
    return (file_text(file) or "").strip()


def _memory(text: str, origin: Origin) -> Iterator[Placed]:
    """The summary of its memory."""
    begin, end = _SUMMARY
    summary, is_ended, _ = text.partition(begin)[2].partition(end)
    path = origin.here(f"{OWN_DIRECTORY}/memories/memory_summary.md")
    record = origin.places.record_at(path)
    if is_ended and record is not None and record.kind != INSTRUCTIONS:
        yield Placed(record, size(summary.strip("=").removeprefix("\n").removesuffix("\n")))


def _servers(text: str, origin: Origin) -> Iterator[Placed]:
    """The MCP servers of which the tools are only named."""
    for server in _SERVER.finditer(text):
        parts = [*standing_in(server[2])] if is_ours(server[1]) else []
        for part in parts:
            yield Placed(origin.own(part.kind, part.slug), size(part.text))
        if not parts:
            yield Placed(RecordFile(MCP, server[1], "", ""), size(server[0]))


_Read = Callable[[str, Origin], Iterator[Placed]]

_READ: dict[str, _Read] = {
    "agents_md.instructions": _instructions,
    "host_skills.instructions": _skills,
    "memories.instructions": _memory,
    "tools.deferred_namespaces": _servers,
}
"""What reads the parts of each kind."""
