"""Imports take steps in proportion to what is imported, whatever its lines say of one another."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_codex import Rollout
from test_growth import instructions, steps

from ctxuse import UsageEventKind, UsageSource, Workspace
from ctxuse.codec.encode import encode, encode_any
from ctxuse.events import Requests, UsageEvent, UsageRecordSnapshot
from ctxuse.files import read_small
from ctxuse.hosts.bounded import BYTES_OF_ONE, MORE
from ctxuse.hosts.codex.history import History
from ctxuse.hosts.jsonlines import Lines
from ctxuse.hosts.opencode.tools import loaded
from ctxuse.hosts.paths import paths_in
from ctxuse.ids import following_id, new_id
from ctxuse.importing import import_transcripts
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.blocks import Known, add_missing
from ctxuse.log.naming import lines_with
from ctxuse.log.repair import repair_log
from ctxuse.otherlogs import import_log

FEW, TIMES = 150, 4
"""So many lines, and so many times as many."""

MOST_GROWTH = 1.5 * TIMES
SESSION = "d174302f-8899-4819-a0b8-8143beea9627"
SECOND = 1_000_000_000


def grows_in_proportion(work: Callable[[int], object]) -> bool:
    """Whether `work` takes steps in proportion to the lines that it gets."""
    work(FEW)  # what is imported is imported
    return steps(lambda: work(FEW * TIMES)) < MOST_GROWTH * steps(lambda: work(FEW))


def made(root: Path) -> Workspace:
    """A workspace of its own."""
    (root / ".yoi" / "memory" / "decisions").mkdir(parents=True)
    return Workspace(root)


def blocks(number: int) -> list[UsageEvent]:
    """Blocks of one id, each of another request."""
    event_id = new_id(SECOND)
    return [
        UsageEvent(
            event_id, SECOND, "s", UsageEventKind.RESIDENT_EXPOSURE,
            UsageSource.RESIDENT_INJECTION, (), host="pi",
            requests=Requests("r", (1_000 * one,), (7,), (1,)),
        )
        for one in range(number)
    ]  # fmt: skip


def parts(number: int) -> list[UsageEvent]:
    """Events, each with one behind it that is as a part of it would be."""
    record = UsageRecordSnapshot("decision", "alpha", 4, 1)
    ids = [f"{one:08x}-0000-7000-8000-000000000000" for one in range(number)]
    return [
        UsageEvent(
            one, SECOND, "s", UsageEventKind.USE, UsageSource.MEMORY_READ, (record,)
        )
        for first in ids
        for one in (first, following_id(first, 1))
    ]  # fmt: skip


def test_another_log_is_imported_in_proportion(tmp_path: Path) -> None:
    made_so_far = iter(range(9))

    def work(number: int) -> None:
        workspace, other = made(tmp_path / str(next(made_so_far))), tmp_path / "other.jsonl"
        other.write_bytes(b"".join(encode(one) + b"\n" for one in blocks(number)))
        assert import_log(workspace, [str(other)]).requests == number

    assert grows_in_proportion(work)


def test_a_block_of_which_every_second_request_is_known_is_added_in_proportion() -> None:
    def add(number: int) -> None:
        numbers, known = range(number), Known()
        requests = Requests("r", (*numbers,), (1,) * number, (1,) * number, (), (), (*numbers,))
        block = blocks(1)[0]._replace(requests=requests)
        known_ones = Requests("s", (*numbers[::2],), (1,) * (number // 2), ())
        known.add(block._replace(requests=known_ones))
        assert add_missing(block, known, lambda _: True) == (number // 2, True)

    for count in (steps, instructions):
        assert count(lambda: add(4 * 100)) < 6 * count(lambda: add(100))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ids were looked for in the log, each time that some were."""
    numbers: list[int] = []

    def looking(layout: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
        numbers.append(len(ids))
        return lines_with(layout, ids)

    monkeypatch.setattr("ctxuse.otherlogs.lines_with", looking)
    return numbers


def test_for_parts_of_events_the_log_is_looked_through_once(
    tmp_path: Path, looked: list[int]
) -> None:
    workspace, other = made(tmp_path / "here"), tmp_path / "other.jsonl"
    other.write_bytes(b"".join(encode(one) + b"\n" for one in parts(FEW)))
    assert import_log(workspace, [str(other)]).added == 2 * FEW
    assert looked == [FEW]
    bare = (re.sub(rb'"records":.*?]', b'"records":[]', encode(one)) for one in parts(FEW))
    other.write_bytes(b"".join(one.replace(b"-7000-", b"-7ABC-") + b"\n" for one in bare))
    assert import_log(workspace, [str(other)]).added == 2 * FEW
    assert import_log(workspace, [str(other)]).added == 0
    assert looked == [FEW] * 3
    whole = parts(1)[0]._replace(records=parts(1)[0].records * 2)
    other.write_bytes(b"".join(encode(one) + b"\n" for one in (*parts(2)[2:], whole, *parts(1))))
    assert import_log(made(tmp_path / "there"), [str(other)]).added == 3


def test_what_others_add_whole_meanwhile_is_not_added_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, other = made(tmp_path / "here"), tmp_path / "other.jsonl"
    others, (first, rest) = parts(2)[:2], parts(2)[2:]
    whole = first._replace(records=first.records + rest.records)
    looked: list[int] = []

    def looking(layout: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
        looked.append(len(ids))
        yield from lines_with(layout, ids)
        if len(looked) == 1:
            Workspace(layout.root).append(whole)

    monkeypatch.setattr("ctxuse.otherlogs.lines_with", looking)
    other.write_bytes(b"".join(encode(one) + b"\n" for one in (*others, first, rest)))
    assert import_log(workspace, [str(other)]).added == 2
    assert looked == [2, 2]


def test_a_part_that_is_not_found_is_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, other = made(tmp_path / "here"), tmp_path / "other.jsonl"
    looked: list[int] = []

    def looking(_: WorkspaceLayout, ids: Collection[str]) -> Iterator[tuple[str, bytes]]:
        looked.append(len(ids))
        yield from ()

    monkeypatch.setattr("ctxuse.otherlogs.lines_with", looking)
    first, rest = parts(1)
    workspace.append(first)
    other.write_bytes(b"".join(encode(one) + b"\n" for one in (first, rest, *[first] * FEW)))
    assert import_log(workspace, [str(other)]).added == 1
    assert looked == [1, 1]


def test_of_an_event_that_is_too_long_for_a_line_a_dry_run_knows_the_parts(
    tmp_path: Path, looked: list[int]
) -> None:
    first, rest = parts(1)
    long, other = first._replace(records=first.records * 1_000), tmp_path / "other.jsonl"
    lines = [encode_any(long), *(encode(one) for one in (first, rest, *[first] * FEW))]
    other.write_bytes(b"".join(line + b"\n" for line in lines))
    found = [
        import_log(made(tmp_path / f"{dry_run}"), [str(other)], dry_run=dry_run)
        for dry_run in (True, False)
    ]
    assert [(one.added, one.there) for one in found] == [(2, FEW + 2)] * 2
    assert looked == [1] * 2


def test_a_dry_run_over_several_logs_says_what_an_import_does(tmp_path: Path) -> None:
    (first, rest), found = parts(1), []
    whole = first._replace(records=first.records + rest.records)
    files = [tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"]
    files[0].write_bytes(encode(whole) + b"\n")
    files[1].write_bytes(encode(first) + b"\n" + encode(rest) + b"\n")
    for dry_run in (True, False):
        done = import_log(made(tmp_path / f"{dry_run}"), map(str, files), dry_run=dry_run)
        found.append((done.added, done.there))
    assert found == [(1, 2)] * 2


def line(number: int, when: int, **fields: object) -> str:
    """A line of a transcript of Claude Code."""
    fixed = {"sessionId": SESSION, "uuid": f"u{number}", "parentUuid": None, "isSidechain": False}
    told = f"2026-11-22T09:{when // 60_000:02}:{when // 1_000 % 60:02}.{when % 1_000:03}Z"
    return json.dumps({**fixed, "timestamp": told, **fields}) + "\n"


def answers(number: int, _: Path) -> str:
    """Two answers in each moment, of different models, that took in as much."""
    return "".join(
        line(2 * one + of, one, type="assistant", message={
            "id": f"m{one}-{of}", "role": "assistant", "model": "AB"[of], "content": [],
            "usage": {"input_tokens": 1_000, "output_tokens": 1},
        })
        for one in range(number)
        for of in range(2)
    )  # fmt: skip


def reads(number: int, root: Path) -> str:
    """Reads of different records."""
    found = []
    for one in range(number):
        path = str(root / f".yoi/memory/decisions/r{one}.md")
        said = {"id": f"toolu_{one:08}", "name": "Read", "input": {"file_path": path}}
        answer = {"type": "tool_result", "tool_use_id": f"toolu_{one:08}", "content": "x"}
        shown = {"filePath": path, "content": "x\n", "numLines": 1, "startLine": 1, "totalLines": 1}
        asking = {"id": f"m{one}", "role": "assistant", "content": [{"type": "tool_use", **said}]}
        told = {"role": "user", "content": [answer]}
        found += [
            line(2 * one, one, cwd=str(root), type="assistant", message=asking),
            line(
                2 * one + 1, one, cwd=str(root), type="user", message=told,
                toolUseResult={"type": "text", "file": shown},
            ),
        ]  # fmt: skip
    return "".join(found)


@pytest.mark.parametrize("told", [answers, reads])
def test_a_transcript_that_has_grown_is_imported_in_proportion(
    tmp_path: Path, told: Callable[[int, Path], str]
) -> None:
    made_so_far = iter(range(9))

    def work(number: int) -> None:
        place = tmp_path / str(next(made_so_far))
        workspace = made(place)
        transcript = place / f"{SESSION}.jsonl"
        for so_far in (number // 2, number):
            transcript.write_text(told(so_far, place))
            result = import_transcripts(
                workspace, "claude-code", [str(transcript)], cache=False, processes=1
            )
            assert result.added + result.requests == number // 2

    assert grows_in_proportion(work)


def with_hole(path: Path, before: bytes, after: bytes, size: int) -> None:
    """A file with a hole between lines: it is one more line, which is too long."""
    with path.open("wb") as file:
        file.write(before)
        file.seek(size, os.SEEK_CUR)
        file.write(b"\n" + after)


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="nobody says what was read")
def test_holes_of_what_is_imported_are_not_read(tmp_path: Path) -> None:
    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    workspace, transcript = made(tmp_path / "here"), tmp_path / "here" / f"{SESSION}.jsonl"
    other = tmp_path / "other.jsonl"
    told = reads(4, tmp_path / "here").encode().splitlines(keepends=True)
    one, two = (encode(event) + b"\n" for event in parts(1))
    before = bytes_read()
    for size in (10**8, 10**10):
        with_hole(transcript, b"".join(told[:4]), b"".join(told[4:]), size)
        with_hole(other, one, two, size)
        of_transcript = import_transcripts(
            workspace, "claude-code", [str(transcript)], cache=False, processes=1
        )
        of_log = import_log(workspace, [str(other)])
        assert (of_transcript.added + of_transcript.there, of_log.added + of_log.there) == (4, 2)
        assert of_transcript.notes.not_understood == {"(line too long)": 1}
        assert of_log.notes.not_understood == {"oversized": 1}
    assert bytes_read() - before < 10**8


def test_events_that_are_glued_on_one_line_are_appended_in_proportion(tmp_path: Path) -> None:
    made_so_far = iter(range(9))

    def work(number: int) -> None:
        workspace = made(tmp_path / str(next(made_so_far)))
        workspace.append(parts(1)[0]._replace(id=new_id(SECOND)))
        with workspace.layout.events_path.open("ab") as log:
            log.write(b"".join(map(encode, parts(number // 2))) + b"\n")
        assert repair_log(workspace.layout).recovered == number

    assert grows_in_proportion(work)


def test_what_opencode_loads_is_looked_for_in_proportion() -> None:
    def work(number: int) -> None:
        paths = [f"/r{one}/AGENTS.md" for one in range(number)]
        told = "".join(f"Instructions from: {path}\nBe kind.\n\n" for path in paths)
        found = [*loaded(f"{told}\n</system-reminder>\n", {"loaded": paths * 2})]
        assert found == [(path, len("Be kind.")) for path in paths]

    assert grows_in_proportion(work)


def prompt_of_pi(number: int, root: Path, *, of_one: bool) -> str:
    """A session of Pi whose prompt lists many files, or one many times, and stands many times."""
    placed = "\n\n".join(
        f'<project_instructions path="{"" if of_one else f"d{one}/"}AGENTS.md">\n{one % 2}\n'
        "</project_instructions>"
        for one in range(number)
    )
    section = f"<project_context>\n{placed}\n</project_context>"
    begun = {"type": "session", "id": SESSION, "cwd": str(root), "version": 3}
    system = {"role": "system", "sections": {"project_context": section}}
    lines: list[dict[str, object]] = [begun, {"type": "message", "message": system}]
    for _ in range(number):
        lines += [{"type": "compaction"}] * (not of_one)
        lines.append({"type": "message", "message": {"role": "assistant"}})
    when = {"timestamp": "2026-08-03T10:00:00.000Z"}
    return "".join(
        json.dumps({**one, "id": one.get("id", f"{at}"), **when}) + "\n"
        for at, one in enumerate(lines)
    )


@pytest.mark.parametrize("of_one", [True, False])
def test_a_prompt_that_stands_again_and_again_is_told_in_proportion(
    tmp_path: Path, *, of_one: bool
) -> None:
    made_so_far = iter(range(9))

    def work(number: int) -> None:
        place = tmp_path / str(next(made_so_far))
        workspace, transcript = made(place), place / "pi.jsonl"
        transcript.write_text(prompt_of_pi(number, place, of_one=of_one))
        result = import_transcripts(workspace, "pi", [str(transcript)], cache=False, processes=1)
        assert result.added + result.there <= transcript.stat().st_size / BYTES_OF_ONE
        assert (result.notes.not_understood[MORE] > 0) is not of_one
        assert (result.added + result.there == 1) is of_one

    assert grows_in_proportion(work)


@pytest.mark.parametrize("number", [1, 30])
def test_the_parents_of_forks_are_read_twice_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    project, read = made(tmp_path / "app").layout.root, Counter[str]()
    own = [f"019aaaaa-0000-7000-8000-{one:012}" for one in range(number + 2)]
    paths, begins = [], f"# AGENTS.md instructions for {project}\n\n<INSTRUCTIONS>\n"
    for at, thread in enumerate(own):
        said: dict[str, Any] = {"forked_from_id": own[min(at - 1, 1)]} if at else {}
        rollout = Rollout(project, thread, **said, forked_from_ordinal_exclusive=at + 2)
        for number_of, body in enumerate(("Go on.", f"{begins}Be brief.\n</INSTRUCTIONS>")):
            rollout.message("user", body, key=f"{thread} {number_of}")
        for _ in range(number + 9 if at < 2 else 0):
            rollout.line("world_state")
        for ordinal, said_so in enumerate(rollout.lines):
            said_so["ordinal"] = ordinal
        paths.append(str(rollout.write(Path(project), thread)))
    before = Lines.read

    def counting(self: Lines[object], path: str, *words: object) -> Iterator[object]:
        read[path] += 1
        return before(self, path, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(Lines, "read", counting)
    listed: list[str] = []

    def listing(folder: str) -> list[str]:
        listed.append(folder)
        return paths_in(folder)

    monkeypatch.setattr("ctxuse.hosts.codex.forks.paths_in", listing)
    done = import_transcripts(Workspace(project), "codex", paths[2:], cache=False)
    assert done.added == 3 * number
    assert [read[path] for path in paths[:2]] == [1, min(number, 2)]
    assert len(listed) == len({*listed})
    (context,) = [one for one in History.of(paths[0]).contexts if one.messages]
    assert len(context.messages) == 1


NOW = {"timestamp": "2099-08-03T10:00:00.000Z"}
"""Behind everything, so that files are as they were."""

RULES = ".github/instructions/r.instructions.md"


def of_copilot(number: int, root: Path) -> Iterator[dict[str, object]]:
    """Instructions that are told by their path, and prompts with rules, an agent and a block."""
    begun = {"sessionId": SESSION, "context": {"cwd": str(root)}}
    yield {"type": "session.start", "data": begun}
    yield {"type": "subagent.started", "agentId": "a", "data": {"agentName": "helper"}}
    block = "<custom_instruction>\nx\n</custom_instruction>"
    for _ in range(number):
        kind = {"type": "instruction_discovered", "sourcePath": "AGENTS.md"}
        yield {"type": "system.notification", "data": {"kind": kind}}
        prompt = {"content": f"\n</tools>\n{block}\nSay\nRule.\n"}
        yield {"type": "system.message", "agentId": "a", "data": prompt}


def of_codex(number: int, root: Path) -> Iterator[dict[str, object]]:
    """Messages with which a context begins."""
    yield {"type": "session_meta", "payload": {"id": SESSION, "cwd": str(root)}}
    said = f"# AGENTS.md instructions for {root}\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>"
    message = {"type": "message", "role": "user", "content": [{"text": said}]}
    for at in range(number):
        yield {"type": "response_item", "payload": {**message, "id": f"{at}"}}


def of_pi(number: int, root: Path) -> Iterator[dict[str, object]]:
    """Prompts of the user's own."""
    yield {"type": "session", "id": SESSION, "cwd": str(root), "version": 3}
    system = {"role": "system", "sections": {"preamble": "Say"}}
    for at in range(number):
        yield {"type": "message", "id": f"{at}", "message": system}


@pytest.mark.parametrize(
    ("host", "told"), [("copilot", of_copilot), ("codex", of_codex), ("pi", of_pi)]
)
def test_a_file_of_which_many_lines_tell_is_read_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    told: Callable[[int, Path], Iterator[dict[str, object]]],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    read: list[str] = []

    def reading(path: str) -> bytes:
        data = read_small(path)
        read.append(path)
        return data

    monkeypatch.setattr("ctxuse.hosts.lookup.read_small", reading)
    workspace, transcript = made(tmp_path / "here"), tmp_path / "told.jsonl"
    for file in ("AGENTS.md", ".github/agents/helper.agent.md", RULES, ".pi/SYSTEM.md"):
        path = tmp_path / "here" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Say\nRule." if file == RULES else "Say")
    for number in (3, 30):
        read.clear()
        lines = told(number, tmp_path / "here")
        transcript.write_text("".join(json.dumps({**NOW, **one}) + "\n" for one in lines))
        result = import_transcripts(workspace, host, [str(transcript)], cache=False, processes=1)
        assert result.notes.not_understood == {}
        # what an agent says is taken without its frontmatter, and a notification as XML
        assert 0 < max(map(read.count, read)) <= 2


def test_of_a_prompt_that_stands_for_many_files_the_first_are_told(tmp_path: Path) -> None:
    workspace, transcript = made(tmp_path), tmp_path / "told.jsonl"
    for at in range(FEW):
        path = tmp_path / RULES.replace("r.", f"r{at}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    begun = {"sessionId": SESSION, "context": {"cwd": str(tmp_path)}}
    prompt = {"type": "system.message", "data": {"content": "\n</tools>\n\nx\n"}}
    compacted = {"type": "session.compaction_complete", "data": {"success": True}}
    lines = [{"type": "session.start", "data": begun}, *[prompt, compacted] * FEW]
    told = [json.dumps({"id": f"{at}", **NOW, **line}) + "\n" for at, line in enumerate(lines)]
    transcript.write_text("".join(told))
    result = import_transcripts(workspace, "copilot", [str(transcript)], cache=False, processes=1)
    assert (result.added, result.notes.not_understood) == (FEW, {MORE: FEW})
