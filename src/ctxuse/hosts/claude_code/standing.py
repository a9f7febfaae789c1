"""What Claude Code puts into a context and no transcript holds, derived from the disk.

In a session that is the index of its own memory, beside the instructions of which a hook tells; in
a sub-agent these as well, its own text and memory, and the skills that it is given.
"""

import os
from collections.abc import Iterator

from ctxuse.events import UsageRecordSnapshot
from ctxuse.files import read_small
from ctxuse.hosts.claude_code import HOST, NAME, project_name
from ctxuse.hosts.claude_code.loaded import (
    body_bytes,
    index_bytes,
    instruction_bytes,
    text_bytes,
)
from ctxuse.hosts.listing import Fields, described_files
from ctxuse.hosts.lookup import at, name, stored
from ctxuse.hosts.paths import files_below, paths_in
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import AGENT, INSTRUCTIONS, OUTPUT_STYLE, SKILL, RecordFile

_INDEX = "MEMORY.md"

_WITH_INSTRUCTIONS = frozenset({"claude", "general-purpose"})
"""The host's own agents that are given the instructions; those of people are, too."""

_MEMORIES = {"project": ".claude/agent-memory", "local": ".claude/agent-memory-local"}
"""Where an agent keeps its memory, from the project on, by what it says of that."""


def resident(places: Places, transcript: str | None) -> list[UsageRecordSnapshot]:
    """Return what stands in the context of a session that starts now.

    The memory lies beside the session's transcript.
    """
    return [*_memory(places, transcript), *_output_style(places)]


def resident_in_agent(
    places: Places, kind: str, transcript: str | None
) -> list[UsageRecordSnapshot]:
    """Return what stands in the context of a sub-agent of some kind that starts now."""
    agent, fields = _agent(places, kind)
    if agent is None and kind not in _WITH_INSTRUCTIONS:
        return []
    found = [*_instructions(places), *_memory(places, transcript)]
    if agent is not None:
        found.insert(0, agent.snapshot(text_bytes(agent.file)))
        found += [*_own_memory(places, agent.slug, fields), *_skills(places, fields)]
    return [*{(snapshot.kind, snapshot.slug): snapshot for snapshot in found}.values()]


def _agent(places: Places, kind: str) -> tuple[RecordFile | None, Fields]:
    from ctxuse.hosts.skillnames import agent_otherwise_named  # noqa: PLC0415 - is rare

    found = places.prompt_named(AGENT, kind) or agent_otherwise_named(places, kind)
    return next(described_files([found] if found else []), (found, {}))


def _instructions(places: Places) -> Iterator[UsageRecordSnapshot]:
    """The instructions that are loaded when a session starts; none in which nothing stands."""
    names = {os.path.basename(path) for path in HOST.of_project.instructions}
    files = [r.file for r in places.instruction_files() if os.path.basename(r.file) in names]
    rules = [os.path.join(places.root, path) for path in HOST.of_project.rules]
    rules += [os.path.join(places.config_dirs[NAME], path) for path in HOST.of_user.rules]
    texts = [path for top in rules for path in files_below(top, (".md",))]
    always = described_files(RecordFile(INSTRUCTIONS, path, path, path) for path in texts)
    files += [rule.file for rule, fields in always if "paths" not in fields]
    for path in (*files, *places.imported_files(NAME)):
        record, told = places.instructions_at(path), instruction_bytes(path)
        if record is not None and told != 0:
            yield record.snapshot(told)


def _own_memory(places: Places, name: str, fields: Fields) -> Iterator[UsageRecordSnapshot]:
    where = fields.get("memory")
    if where == "user":
        directory = os.path.join(places.config_dirs[NAME], "agent-memory")
    elif where in _MEMORIES:
        directory = os.path.join(places.root, _MEMORIES[str(where)])
    else:
        return
    yield from _index(places, os.path.join(directory, name))


def _skills(places: Places, fields: Fields) -> Iterator[UsageRecordSnapshot]:
    """The skills that an agent is given when it starts: their bodies."""
    said = fields.get("skills")
    names = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    for one in names:
        found = places.skill_named(str(one).strip())
        if found is not None and found.kind == SKILL:
            yield found.snapshot(body_bytes(found.file, None, os.path.dirname(found.file)))


def _settings(places: Places) -> list[object]:
    """The settings that hold for the project, those that win last."""
    project = os.path.join(places.start, ".claude")
    paths = (
        os.path.join(places.config_dirs[NAME], "settings.json"),
        os.path.join(project, "settings.json"),
        os.path.join(project, "settings.local.json"),
    )
    return [stored(path) for path in paths]


def _output_style(places: Places) -> Iterator[UsageRecordSnapshot]:
    """The style of output that is set, where it is one of the project or of the user."""
    said = [name(settings, "outputStyle") for settings in _settings(places)]
    style = next((one for one in reversed(said) if one is not None), None)
    tops = (os.path.join(places.start, ".claude"), places.config_dirs[NAME])
    folders = (os.path.join(top, "output-styles") for top in tops)
    files = [path for folder in folders for path in paths_in(folder) if path.endswith(".md")]
    found = [RecordFile(OUTPUT_STYLE, _stem(path), path, path) for path in files]
    for file, fields in described_files(found if style is not None else []):
        if style == (name(fields, "name") or file.slug):
            yield file._replace(slug=style).snapshot(text_bytes(file.file))
            return


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".md")


def _memory(places: Places, transcript: str | None) -> Iterator[UsageRecordSnapshot]:
    if places.environ.get("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "0") not in {"", "0"}:
        return
    said = [at(settings, "autoMemoryEnabled") for settings in _settings(places)]
    if [value for value in said if isinstance(value, bool)][-1:] == [False]:
        return
    directories = [memory_dir(places, _repository_of(places.start))]
    if transcript is not None:
        beside = os.path.join(os.path.dirname(places.absolute(transcript)), "memory")
        directories.insert(0, beside)
    for directory in directories:
        if os.path.isfile(os.path.join(directory, _INDEX)):
            yield from _index(places, directory)
            return


def _index(places: Places, directory: str) -> Iterator[UsageRecordSnapshot]:
    """The index of a memory, if something stands in it."""
    path = os.path.join(directory, _INDEX)
    record = places.record_at(path)
    try:
        data = read_small(path)
    except OSError:
        return
    if record is not None and data.strip():
        yield record.snapshot(index_bytes(data))


def _repository_of(start: str) -> str:
    """The directory of the git repository that `start` is in; itself where it is in none."""
    found = start
    while not os.path.lexists(os.path.join(found, ".git")):
        above = os.path.dirname(found)
        if above == found:
            return start
        found = above
    return found


def memory_dir(places: Places, project: str) -> str:
    """Return where Claude Code keeps its own memory of `project`."""
    return os.path.join(places.config_dirs[NAME], "projects", project_name(project), "memory")
