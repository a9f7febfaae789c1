"""What of records stands in the system prompt of GitHub Copilot CLI (1.0.102).

Skills are named there, and the text of instructions stands without the name of its file: which file
it is of is told by what these hold, and where only one of them is left, by that.
"""

import html
import os
import re
from collections.abc import Iterator
from functools import cached_property
from xml.sax.saxutils import escape

from ctxuse.context.residenttext import standing as standing_in
from ctxuse.files import is_as_it_was
from ctxuse.hosts.caller import is_ours
from ctxuse.hosts.copilot import HOST, NAME
from ctxuse.hosts.lookup import file_text, size
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.paths import files_below
from ctxuse.hosts.recordfile import MCP, Placed, RecordFile, skill_name
from ctxuse.hosts.texts import Texts

_TOOLS = "\n</tools>\n"
"""Behind this stand the instructions."""

_SKILL = re.compile(
    r"<skill>\n  <name>([^<\n]{1,256})</name>\n(?:(?!</?skill>).)*?</skill>", re.DOTALL
)
_SERVER = re.compile(
    r"^<([\w.-]{1,128})-\*>\n((?:(?!^<[\w.-]{1,128}-\*>$).)*?)\n</\1-\*>$",
    re.DOTALL | re.MULTILINE,
)
_BLOCK = re.compile(
    r"<custom_instruction>\n((?:(?!<custom_instruction>).)*?)\n</custom_instruction>\n", re.DOTALL
)
_IMPORTED = re.compile(
    r'\n\n<imported_custom_instruction source="([^"\n]{1,4096})">\n'
    r"((?:(?!<imported_custom_instruction ).)*?)\n</imported_custom_instruction>",
    re.DOTALL,
)
_DEEPEST = 8
"""Texts that are taken in by one another."""

_QUOTES = {'"': "&quot;", "'": "&apos;"}
_ENDING = ".md"
_HEAD = re.compile(r"\A---\r?\n.*?\n---[ \t]*(?:\n|\r\n|\Z)", re.DOTALL)
_ROW = re.compile(r"^\| [^|\n]* \| '([^'\n]{1,4096})' \| [^|\n]*\|$", re.MULTILINE)


class There:
    """The files that may stand in the prompts of a session, as far as they are there.

    They are looked up once, when they are first asked for.
    """

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    @cached_property
    def files(self) -> list[str]:
        """Those of which each is a block of its own."""
        return _files(self._origin)

    @cached_property
    def _rules(self) -> dict[int, list[tuple[int, str]]]:
        """The files of rules, in order, by a hash of the line with which each begins."""
        found: dict[int, list[tuple[int, str]]] = {}
        for number, file in enumerate(_rules(self._origin)):
            content = self._origin.places.keep(Texts).of(_content, file)
            if content:
                first = hash(content.partition("\n")[0])
                found.setdefault(first, []).append((number, file))
        return found

    def rules_like(self, text: str) -> list[str]:
        """Return the files of rules that begin with a line of a text."""
        firsts = {*map(hash, text.split("\n"))}
        found = (one for first in firsts for one in self._rules.get(first, ()))
        return [file for _, file in sorted(found)]


def placed(prompt: str, repository: str | None, origin: Origin, there: There) -> Iterator[Placed]:
    """Yield what of records a system prompt holds, which names files from `repository` on."""
    tools, _, behind = prompt.partition(_TOOLS)
    yield from _skills(tools, origin)
    yield from _servers(tools, origin)
    yield from _instructions(behind, origin, there)
    for row in _ROW.finditer(_BLOCK.sub("", behind)):
        yield from _at(origin.here(row[1], repository), size(row[0]), origin)


def agent_in(prompt: str, kind: str, origin: Origin) -> list[Placed]:
    """Return the agent whose own text stands in the system prompt of a sub-agent of its kind."""
    record = origin.agent(kind)
    body = origin.places.keep(Texts).of(_body, record.file) if record.file else None
    if body is None:
        return []
    return [Placed(record, size(body) if body and body in prompt else None)]


def discovered(path: str, repository: str | None, at_ns: int, origin: Origin) -> Iterator[Placed]:
    """Yield the instructions that are handed over behind the answer of a tool, as XML has them.

    Only the path is told, from `repository` on: what has entered is what stands there, if that is
    as it was.
    """
    file = origin.here(path, repository)
    is_known = is_as_it_was(file, at_ns)
    yield from _at(file, origin.places.keep(Texts).of(_as_xml, file) if is_known else None, origin)


def _skills(text: str, origin: Origin) -> Iterator[Placed]:
    """The skills that are listed: of each the bytes of its entry."""
    for entry in _SKILL.finditer(text):
        name = html.unescape(entry[1])
        if skill_name(name) == name:
            yield Placed(origin.skill(name), size(entry[0]))


def _servers(text: str, origin: Origin) -> Iterator[Placed]:
    """The instructions of MCP servers, which are there only if the user lets them in."""
    for server in _SERVER.finditer(text):
        parts = [*standing_in(server[2])] if is_ours(server[1]) else []
        for part in parts:
            yield Placed(origin.own(part.kind, part.slug), size(part.text))
        if not parts:
            yield Placed(RecordFile(MCP, server[1], "", ""), size(server[2]))


def _instructions(text: str, origin: Origin, there: There) -> Iterator[Placed]:
    """The instructions of the user, of the project, and of its parts."""
    text, taken_in = _without_imported(text)
    blocks = [block[1].strip() for block in _BLOCK.finditer(text)]
    texts, files = origin.places.keep(Texts), there.files
    longest = max(map(len, blocks), default=0)
    contents = {file: texts.of(_content, file, longest) for file in files}
    known = {file: content for file, content in contents.items() if content and content in blocks}
    left = [block for block in blocks if block and block not in known.values()]
    unknown = [file for file in files if file not in known]
    told = dict(zip(known.values(), known, strict=True)) | (
        {left[0]: unknown[0]} if len(left) == len(unknown) == 1 else {}
    )
    for content, file in told.items():
        yield from _at(file, size(content), origin)
    for path, content in taken_in.items():
        yield from _at(origin.here(path), size(content), origin)
    others = _BLOCK.sub("", text)
    for file in there.rules_like(others):
        content = texts.of(_content, file, len(others))
        if content and f"\n{content}\n" in others:
            yield from _at(file, size(content), origin)


def _without_imported(text: str) -> tuple[str, dict[str, str]]:
    """A text without what stands in it of files that are taken in, and that, by their paths."""
    found: dict[str, str] = {}
    for _ in range(_DEEPEST):
        inner = _IMPORTED.findall(text)
        if not inner:
            break
        found |= {path: content.strip() for path, content in inner}
        text = _IMPORTED.sub("", text)
    return text, found


def _at(file: str, length: int | None, origin: Origin) -> Iterator[Placed]:
    record = origin.places.instructions_at(file)
    if record is not None:
        yield Placed(record, length)


def _files(origin: Origin) -> list[str]:
    """The files of which each is a block of its own, as far as they are there now."""
    own = origin.places.config_dirs[NAME]
    names = HOST.of_project.instructions
    found = [os.path.join(own, os.path.basename(names[0]))]
    found += [os.path.join(where, name) for where in _directories(origin) for name in names]
    return [file for file in found if os.path.isfile(file)]


def _rules(origin: Origin) -> Iterator[str]:
    """The files of rules that are there now."""
    own = origin.places.config_dirs[NAME]
    tops = [os.path.join(own, path) for path in HOST.of_user.rules]
    tops += [os.path.join(d, path) for d in _directories(origin) for path in HOST.of_project.rules]
    for top in tops:
        yield from files_below(top, (_ENDING,))


def _directories(origin: Origin) -> list[str]:
    """The directories from the root of the workspace down to where the session began."""
    start, root = origin.places.start, origin.places.root
    found = [start]
    while found[-1] != root and found[-1].startswith(root + os.sep):
        found.append(os.path.dirname(found[-1]))
    return found[::-1]


def _content(file: str) -> str | None:
    """What a file holds now; None where it cannot be read."""
    content = file_text(file)
    return None if content is None else content.strip()


def _body(file: str) -> str | None:
    """What an agent's file says beside its frontmatter."""
    content = _content(file)
    return None if content is None else _HEAD.sub("", content, count=1).strip()


def _as_xml(file: str) -> int | None:
    """The bytes of what a file holds, as XML has it."""
    content = _content(file)
    return None if content is None else size(escape(content, _QUOTES))
