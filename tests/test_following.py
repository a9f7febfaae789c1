"""What hooks bring in from the transcripts of running sessions: once, and what an import adds."""

import json
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Never

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_import import SESSION, Line, Talk

from ctxuse import UsageEvent, Workspace, WorkspaceLayout
from ctxuse.following import Following, bring_in
from ctxuse.hook import Clock, _OutOfTimeError, run
from ctxuse.hosts.claude_code import lines, transcript
from ctxuse.hosts.jsonlines import Lines
from ctxuse.hosts.parts import Followed
from ctxuse.hosts.places import Places
from ctxuse.hosts.session import prompt_key
from ctxuse.hosts.transcripts import Rest, Told
from ctxuse.ids import derived_id
from ctxuse.importing import import_transcripts
from ctxuse.log.archive import archive_log
from ctxuse.log.blocks import Known
from ctxuse.log.failures import read_marks
from ctxuse.times import parse_ns


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a home of its own."""
    return made(tmp_path, monkeypatch)


def made(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = directory / "home" / "app"
    (root / ".yoi/memory").mkdir(parents=True)
    (root / "CLAUDE.md").write_text("Be brief.\nAmounts are integers of cents.\n")
    (root / ".claude/skills/pdf").mkdir(parents=True)
    (root / ".claude/skills/pdf/SKILL.md").write_text("---\nname: pdf\n---\nUse the tool.\n")
    monkeypatch.setenv("HOME", str(root.parent))
    return root


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def reads(project: Path, number: int) -> Talk:
    """Keep the transcript of a session that has read a record so many times."""
    talk = Talk(project)
    for call in range(number):
        talk.read(project / "CLAUDE.md", f"toolu_{call}x")
    kept(project).write_text(as_text(talk.lines))
    return talk


def kept(project: Path, name: str = SESSION) -> Path:
    """Where Claude Code keeps the transcript of a session."""
    path = project.parent / ".claude/projects/-app" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def as_text(of: Iterable[Line]) -> str:
    return "".join(json.dumps(line) + "\n" for line in of)


def session(project: Path) -> Talk:
    """A session that lists skills, reads, calls a skill, runs a command and is told of a file."""
    talk = Talk(project)
    talk.line("user", message={"content": "go"})
    talk.attachment(type="skill_listing", content="- pdf: Reads\n- simplify: y\n")
    talk.read(project / "CLAUDE.md", "toolu_1x")
    talk.call("Skill", "toolu_2x", {"skill": "pdf"})
    talk.result("toolu_2x", {"success": True, "commandName": "pdf"})
    talk.line(
        "user", isMeta=True, sourceToolUseID="toolu_2x",
        message={"content": f"Base directory for this skill: {project}/.claude/skills/pdf\n\nx"},
    )  # fmt: skip
    talk.call("Bash", "toolu_3x", {"command": "cat CLAUDE.md"})
    talk.result("toolu_3x", {"stdout": "Be brief.", "stderr": "", "interrupted": False})
    talk.line("user", promptId="p9", message={"content": "<command-name>/pdf</command-name>"})
    body = "Base directory for this skill: /x\n\nUse the tool."
    talk.line("user", isMeta=True, promptId="p9", message={"content": body})
    talk.attachment(type="nested_memory", path=str(project / "sub/CLAUDE.md"), content={})
    return talk


def ended(project: Path, event: str = "Stop", **more: object) -> list[UsageEvent]:
    """Hand a payload to the hook, and return what it has added."""
    before = len(log(project))
    payload = {
        "session_id": SESSION, "cwd": str(project), "hook_event_name": event,
        "transcript_path": str(kept(project)), **more,
    }  # fmt: skip
    environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
    run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)
    return log(project)[before:]


def log(project: Path) -> list[UsageEvent]:
    return [event for event in Workspace(project).events() if isinstance(event, UsageEvent)]


def ids(events: Iterable[UsageEvent]) -> list[str]:
    return sorted(event.id for event in events)


def imported(project: Path, text: str) -> list[str]:
    """The ids that an import of a transcript gives, in a log of its own."""
    events = Workspace(project).layout.events_path
    aside = events.with_name("aside")
    events.rename(aside)
    (path := project / "whole.jsonl").write_text(text)
    import_transcripts(Workspace(project), "claude-code", [str(path)], cache=False)
    found = ids(log(project))
    path.unlink()
    aside.replace(events)
    return found


def lines_read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The lines that are read from now on, those of a look at the beginning left out."""
    read: list[object] = []
    before = Lines.read

    def counting(self: Lines[object], *words: object) -> Iterator[object]:
        for line in before(self, *words):  # type: ignore[arg-type]
            if isinstance(line, lines.Line):
                read.append(line)
            yield line

    monkeypatch.setattr(Lines, "read", counting)
    return read


def test_the_end_of_a_turn_brings_in_what_an_import_would(project: Path) -> None:
    lines = session(project).lines
    for number, line in enumerate(lines):
        line["timestamp"] = f"2199-02-02T06:00:{number:02}Z"
    kept(project).write_text(text := as_text(lines))
    found = ended(project)
    assert len(found) == 7
    assert ids(found) == imported(project, text)
    listed = next(e.records[0] for e in found if e.records[0].slug == "pdf")
    assert listed.context_bytes == len("- pdf: Reads")
    assert listed.file_bytes == (project / ".claude/skills/pdf/SKILL.md").stat().st_size
    assert listed.size_from is None
    assert ended(project) == ended(project, "SessionEnd") == []


def test_the_size_of_a_file_that_was_written_since_is_unknown(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))  # of February
    listed = next(e.records[0] for e in ended(project) if e.records[0].slug == "pdf")
    assert (listed.file_bytes, listed.size_from) == (0, "unknown")
    assert listed.context_bytes == len("- pdf: Reads")


def test_only_what_is_new_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = session(project)
    kept(project).write_text(as_text(talk.lines))
    ended(project)
    before = len(talk.lines)
    talk.read(project / "CLAUDE.md", "toolu_8x")
    kept(project).write_text(as_text(talk.lines))
    read = lines_read(monkeypatch)
    (event,) = ended(project)
    assert event.call_id == "toolu_8x"
    assert len(read) == len(talk.lines) - before == 2
    assert ended(project) == []
    assert len(read) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(parts=st.lists(st.integers(0, 1000), max_size=5), forget=st.booleans())
def test_wherever_turns_end_the_log_is_that_of_an_import(
    parts: list[int], tmp_path_factory: pytest.TempPathFactory, *, forget: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        project = made(tmp_path_factory.mktemp("split"), patch)
        text = as_text(session(project).lines)
        for part in (*sorted(parts), 1000):
            kept(project).write_text(text[: len(text) * part // 1000])
            ended(project)
            if forget:
                for file in (project.parent / ".cache").rglob("*.followed"):
                    file.unlink()
        assert ids(log(project)) == imported(project, text)


@pytest.mark.parametrize("what", ["forgotten", "damaged", "a newer reader", "replaced", "cut"])
def test_where_it_is_not_known_where_reading_stopped_nothing_is_doubled(
    project: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    text = as_text(session(project).lines)
    kept(project).write_text(text)
    assert len(ended(project)) == 7
    (stopped,) = (project.parent / ".cache").rglob("*.followed")
    if what == "forgotten":
        stopped.unlink()
    elif what == "damaged":
        stopped.write_bytes(stopped.read_bytes()[:-9])
    elif what == "a newer reader":
        monkeypatch.setattr("ctxuse.following.READING", "9.9.9 9")
    elif what == "replaced":
        kept(project).write_text(as_text([{"type": "summary"}]) + text)
    else:
        kept(project).write_text(text[:900])
        assert ended(project) == []
        kept(project).write_text(text)
    read = lines_read(monkeypatch)
    assert ended(project) == []
    assert read


def test_in_a_log_that_was_taken_away_everything_is_told_again(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))
    assert len(ended(project)) == 7
    Workspace(project).layout.events_path.unlink()
    assert len(ended(project)) == 7


def test_what_lies_further_back_than_the_end_of_the_log_is_not_doubled(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))
    assert len(ended(project)) == 7
    events = Workspace(project).layout.events_path
    with events.open("ab") as file:
        file.write((b"x" * 1000 + b"\n") * 2100)
    (stopped,) = (project.parent / ".cache").rglob("*.followed")
    stopped.unlink()
    assert ended(project) == []


@pytest.mark.parametrize("left_open", [[], ["toolu_7x"]])
def test_what_others_append_between_two_turns_doubles_nothing(
    project: Path, left_open: list[str]
) -> None:
    talk = session(project)
    for call_id in left_open:
        talk.call("Bash", call_id, {"command": "sleep 9"})
    kept(project).write_text(as_text(talk.lines))
    ended(project)
    for number in range(3):
        talk.read(project / "CLAUDE.md", f"toolu_{number}y")
        kept(project).write_text(as_text(talk.lines))
        response = {"type": "text", "file": {"content": "a\n", "numLines": 1, "totalLines": 1}}
        told = ended(
            project, "PostToolUse", tool_name="Read", tool_use_id=f"toolu_{number}y",
            tool_input={"file_path": str(project / "CLAUDE.md")}, tool_response=response,
        )  # fmt: skip
        assert len(told) == 1
        with Workspace(project).layout.events_path.open("ab") as file:
            file.write((b"x" * 1000 + b"\n") * 1100)
        if number:
            assert archive_log(Workspace(project).layout)
        assert ended(project) == []
    found = ids(log(project))
    assert len(found) == len(set(found)) == 10


COPY = "22222222-2222-4333-8444-555555555555"


def copied(project: Path, talk: Talk) -> Path:
    """The transcript of a session that begins with the lines of another one, as its own."""
    path = kept(project, COPY)
    path.write_text(as_text({**line, "sessionId": COPY} for line in talk.lines))
    return path


def padded(project: Path) -> None:
    """Let another session's events stand in the log, more than a hook looks through."""
    events = Workspace(project).layout.events_path
    line = json.loads(events.read_text().splitlines()[-1])
    with events.open("a") as file:
        for number in range(600):
            line |= {"id": derived_id("x", str(number), "skill", "x"), "segment_id": "other"}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def doubled(project: Path) -> list[str]:
    found = ids(log(project))
    return [one for one, next_one in pairwise(found) if one == next_one]


@pytest.mark.parametrize("left_open", ["Bash", "Skill"])
def test_a_copy_of_a_session_doubles_nothing_while_something_is_open_in_it(
    project: Path, left_open: str
) -> None:
    talk = Talk(project)
    talk.read(project / "CLAUDE.md", "toolu_1x")
    talk.call(left_open, "toolu_2x", {"command": "make", "skill": "pdf"})
    if left_open == "Skill":  # it ran in a session of its own, and has no body here
        talk.result("toolu_2x", {"success": True, "commandName": "pdf"})
    for number in range(5):
        talk.read(project / "CLAUDE.md", f"toolu_{number}y")
    kept(project).write_text(as_text(talk.lines))
    assert len(ended(project)) == 6
    padded(project)
    for turn in range(3):
        talk.line("user", message={"content": f"turn {turn}"})
        ended(project, session_id=COPY, transcript_path=str(copied(project, talk)))
        assert doubled(project) == []


def test_of_a_long_copy_nothing_is_doubled(project: Path) -> None:
    talk = reads(project, 40)
    assert len(ended(project)) == 40
    padded(project)
    assert ended(project, session_id=COPY, transcript_path=str(copied(project, talk))) == []


@pytest.mark.parametrize("number", [3, 40])
def test_of_a_log_that_another_program_wrote_anew_a_copy_doubles_nothing(
    project: Path, number: int
) -> None:
    talk = reads(project, number)
    assert len(ended(project)) == number
    padded(project)
    events = Workspace(project).layout.events_path
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert ended(project, session_id=COPY, transcript_path=str(copied(project, talk))) == []


def test_an_id_that_a_line_repeals_is_not_in_the_log(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))
    told = ended(project)
    path = Workspace(project).layout.events_path
    other = derived_id("", "", "", "")
    path.write_text(path.read_text().replace('"occurred_at"', f'"id":"{other}","occurred_at"', 1))
    (stopped,) = (project.parent / ".cache").rglob("*.followed")
    stopped.unlink()
    assert ids(ended(project)) == ids(told[:1])


def test_a_copy_that_is_read_before_what_it_copies_doubles_nothing(project: Path) -> None:
    talk = session(project)
    kept(project).write_text(as_text(talk.lines))
    assert len(ended(project)) == 7
    talk.read(project / "CLAUDE.md", "toolu_8x")
    kept(project).write_text(as_text(talk.lines))
    (event,) = ended(project, session_id=COPY, transcript_path=str(copied(project, talk)))
    assert event.call_id == "toolu_8x"
    padded(project)
    assert ended(project) == []


@pytest.mark.parametrize("names", [SESSION, COPY])
def test_a_damaged_line_before_the_one_that_counts_lets_nothing_be_doubled(
    project: Path, names: str
) -> None:
    talk = session(project)
    kept(project).write_text(as_text(talk.lines))
    assert len(ended(project)) == 7
    events = Workspace(project).layout.events_path
    first, *others = events.read_text().splitlines(keepends=True)
    glued = '{"id":"01' + first.replace(SESSION, names)
    events.write_text("".join([glued, first, *others]))
    padded(project)
    assert ended(project, session_id=COPY, transcript_path=str(copied(project, talk))) == []


def test_what_hooks_recorded_before_an_archiving_is_not_told_again(project: Path) -> None:
    rule = project / "sub/CLAUDE.md"
    rule.parent.mkdir()
    rule.write_text("Deep.")
    told = ended(project, "InstructionsLoaded", file_path=str(rule), load_reason="path_glob_match")
    assert len(told) == 1
    assert archive_log(Workspace(project).layout)
    kept(project).write_text(as_text(session(project).lines))
    assert "sub/CLAUDE.md" not in [event.records[0].slug for event in ended(project)]


@pytest.mark.parametrize("between", ["", " "])
def test_what_an_earlier_version_called_otherwise_is_not_told_again(
    project: Path, between: str
) -> None:
    command = project / ".claude/commands/ship.md"
    command.parent.mkdir()
    command.write_text("Ship it.")
    talk = session(project)
    kept(project).write_text(as_text(talk.lines))
    assert len(ended(project)) == 7
    talk.line("user", promptId="p8", message={"content": "<command-name>/ship</command-name>"})
    talk.line("user", isMeta=True, promptId="p8", message={"content": "Ship it."})
    whole = as_text(talk.lines)
    kept(project).write_text(whole)
    (told,) = ended(project)
    former = derived_id("claude-code", prompt_key("p8"), "skill", "ship")
    path = Workspace(project).layout.events_path
    lines = path.read_text().replace(told.id, former).replace('"command"', '"skill"')
    path.write_text(lines.replace('":', f'":{between}').replace(',"', f',{between}"'))
    (stopped,) = (project.parent / ".cache").rglob("*.followed")
    stopped.unlink()
    assert ended(project) == []


def test_a_call_that_never_ended_holds_up_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctxuse.following._MOST_BYTES", 4_000)
    talk = Talk(project)
    talk.call("Bash", "toolu_ax", {"command": "sleep 9"})
    talk.call("Skill", "toolu_bx", {"skill": "pdf"})
    talk.result("toolu_bx", {"success": True, "commandName": "pdf"})
    talk.line("user", promptId="p7", message={"content": "<command-name>/pdf</command-name>"})
    for number in range(20):
        talk.read(project / "CLAUDE.md", f"toolu_{number}y")
    text = as_text(talk.lines) + "rubbish\n" * 3_000 + as_text(session(project).lines)
    kept(project).write_text(text)
    for _ in range(20):
        ended(project)
    assert ids(log(project)) == imported(project, text)
    read = lines_read(monkeypatch)
    assert ended(project) == []
    assert read == []


def test_a_session_of_another_project_in_the_same_folder_is_not_brought_in(project: Path) -> None:
    other = project.parent / "my.app"
    (other / ".yoi/memory").mkdir(parents=True)
    for number, root in enumerate((other, project.parent / "gone", project / "deep")):
        talk = Talk(root)
        talk.common["sessionId"] = f"s{number}"
        talk.read(root / "CLAUDE.md", f"toolu_{number}x")
        kept(project, f"s{number}").write_text(as_text(talk.lines))
    kept(project, "dangling").symlink_to("nowhere")
    (project / "deep").mkdir()
    (project / "deep/CLAUDE.md").write_text("Deep.")
    assert [event.segment_id for event in ended(project, "SessionStart")] == ["s2"]


def test_a_turn_while_recording_is_off_is_brought_in_later(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))
    run_ended(project, CTXUSE_DISABLE="1")
    assert log(project) == []
    assert len(ended(project)) == 7


def test_without_time_or_with_a_fault_a_mark_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(project).write_text(as_text(session(project).lines))
    environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)}
    monkeypatch.setattr(Clock, "left", 0.0)
    assert ended(project) == []
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(project.parent))
    broken = PermissionError(13, "no")

    def fail(*_: object) -> Never:
        raise broken

    monkeypatch.setattr("ctxuse.following._stopped", fail)
    assert ended(project) == []
    marks = [mark.what for mark in read_marks(WorkspaceLayout(project), environ=environ)]
    assert any("Stop: its time was over" in what for what in marks)
    assert any("Stop: PermissionError" in what for what in marks)


def test_what_could_not_be_appended_is_told_the_next_time(project: Path) -> None:
    kept(project).write_text(as_text(session(project).lines))
    usage = project / ".yoi/memory/_usage"
    usage.write_text("in the way")
    assert not [*(project.parent / ".cache").rglob("*.followed")]
    run_ended(project)
    usage.unlink()
    assert len(ended(project)) == 7


def run_ended(project: Path, **more: str) -> None:
    payload = {
        "session_id": SESSION, "cwd": str(project), "hook_event_name": "Stop",
        "transcript_path": str(kept(project)),
    }  # fmt: skip
    environ = {"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project), **more}
    run(["claude-code"], BytesIO(json.dumps(payload).encode()), environ)


def test_a_call_that_ends_in_a_later_turn_counts_then(project: Path) -> None:
    talk = Talk(project)
    talk.line("user", message={"content": "go"})
    talk.call("Bash", "toolu_1x", {"command": "cat CLAUDE.md"})
    kept(project).write_text(as_text(talk.lines))
    assert ended(project) == []
    talk.result("toolu_1x", {"stdout": "Be brief.", "stderr": "", "interrupted": False})
    kept(project).write_text(as_text(talk.lines))
    assert [event.call_id for event in ended(project)] == ["toolu_1x"]


def test_a_sub_agent_and_the_end_of_a_session_bring_in_their_transcripts(project: Path) -> None:
    paths = [kept(project).with_suffix("") / "subagents" / f"agent-{n}.jsonl" for n in "ab"]
    for path in paths:
        talk = Talk(project, isSidechain=True, agentId=path.stem[-1])
        talk.read(project / "CLAUDE.md", f"toolu_{path.stem}x")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(talk.lines))
    kept(project).write_text(as_text(session(project).lines))
    (event,) = ended(project, "SubagentStop", agent_transcript_path=str(paths[0]))
    assert (event.segment_id, event.actor) == (f"{SESSION}/a", "subagent")
    assert len(ended(project, "SessionEnd")) == 8


def test_the_next_session_brings_in_what_ended_unheard(project: Path) -> None:
    for number in range(5):
        talk = Talk(project)
        talk.common["sessionId"] = f"s{number}"
        talk.read(project / "CLAUDE.md", f"toolu_{number}x")
        path = kept(project, f"s{number}")
        path.write_text(as_text(talk.lines))
        os.utime(path, (number + 1, number + 1))
    assert [event.segment_id for event in ended(project, "SessionStart")] == ["s2", "s3", "s4"]
    assert [event.segment_id for event in ended(project, "SessionStart")] == ["s0", "s1"]
    assert ended(project, "SessionStart") == []


@pytest.mark.parametrize("path", ["gone", "fifo", "directory", "\0", "x" * 300, "rubbish"])
def test_what_is_no_transcript_disturbs_nobody(project: Path, path: str) -> None:
    os.mkfifo(project / "fifo")
    (project / "directory").mkdir()
    (project / "rubbish").write_bytes(b"\xff{[" * 1000 + b"\n{}\n[]\n" + b"9" * 5000)
    assert ended(project, "Stop", transcript_path=str(project / path)) == []
    assert ended(project, "SessionEnd", transcript_path=str(project / path)) == []
    assert ended(project, "SubagentStop", agent_transcript_path=str(project / path)) == []


def test_of_a_long_transcript_a_part_is_read_at_a_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctxuse.following._MOST_BYTES", 4_000)
    reads(project, 40)
    parts = [len(ended(project)) for _ in range(12)]
    assert sum(parts) == 40
    assert max(parts) < 20


def test_where_the_time_does_not_suffice_less_is_read_the_next_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = reads(project, 800)
    monkeypatch.setattr("ctxuse.following._MOST_BYTES", 1024 * 1024)
    monkeypatch.setattr("ctxuse.following._LEAST_BYTES", 16 * 1024)
    read_on, asked = transcript.read_on, []

    def slow(path: str, places: Places, told: Told, rest: Rest, most: int) -> Rest:
        asked.append(most)
        after = read_on(path, places, told, rest, most)
        if after.offset - rest.offset > 100_000:
            raise _OutOfTimeError
        return after

    monkeypatch.setattr(transcript, "read_on", slow)
    first = [len(ended(project)) for _ in range(3)]
    assert first[:2] == [0, 0]
    assert first[2] > 0
    for _ in range(40):
        ended(project)
    assert ids(log(project)) == imported(project, kept(project).read_text())
    assert asked[:3] == [1024 * 1024, 256 * 1024, 64 * 1024]
    monkeypatch.setattr(transcript, "read_on", read_on)
    for _ in range(6):  # there is time again
        talk.read(project / "CLAUDE.md", f"toolu_{len(talk.lines)}y")
        kept(project).write_text(as_text(talk.lines))
        assert len(ended(project)) == 1


def test_one_event_that_cannot_be_stored_ends_nothing(project: Path) -> None:
    talk = Talk(project)
    talk.common["sessionId"] = "\x01" * 4096
    talk.call(
        "Read", "\x02" * 4096, {"file_path": str(project / "CLAUDE.md")},
        isSidechain=True, agentId="\x03" * 4096,
    )  # fmt: skip
    talk.result("\x02" * 4096, {})
    talk.common["sessionId"] = SESSION
    talk.read(project / "CLAUDE.md", "toolu_2x")
    kept(project).write_text(as_text(talk.lines))
    assert [event.call_id for event in ended(project)] == ["toolu_2x"]
    assert ended(project) == []


class ByRecorder:
    """Appends without a clock."""

    def __init__(self, recorder: Workspace) -> None:
        self.append = recorder.try_quietly
        self.append_while = recorder.try_while


def test_without_a_cache_everything_is_read_each_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(project).write_text(as_text(session(project).lines))
    environ = {"HOME": str(project.parent), "CTXUSE_NO_CACHE": "1"}
    following = Following("claude-code", WorkspaceLayout(project), environ)
    recorder = Workspace(project)
    read = lines_read(monkeypatch)
    for _ in range(2):
        bring_in(following, Followed([str(kept(project))]), ByRecorder(recorder))
    assert len(log(project)) == 7
    assert len(read) == 2 * len(session(project).lines)


@pytest.mark.parametrize("why", ["a file in its place", "unwanted"])
def test_where_nothing_is_remembered_a_long_transcript_is_read_to_its_end(
    project: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr("ctxuse.following._MOST_BYTES", 4_000)
    if why == "unwanted":
        more = {"CTXUSE_NO_CACHE": "1"}
    else:
        more = {}
        (project.parent / ".cache").write_text("in the way")
    reads(project, 40)
    run_ended(project, **more)
    assert len(log(project)) == 40
    run_ended(project, **more)
    assert len(log(project)) == 40


def test_where_nothing_is_remembered_and_the_time_is_over_a_mark_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctxuse.following._MOST_BYTES", 4_000)
    reads(project, 40)
    read_on, parts = transcript.read_on, []

    def slow(path: str, places: Places, told: Told, rest: Rest, most: int) -> Rest:
        parts.append(rest.offset)
        if len(parts) == 3:
            raise _OutOfTimeError
        return read_on(path, places, told, rest, most)

    monkeypatch.setattr(transcript, "read_on", slow)
    run_ended(project, CTXUSE_NO_CACHE="1")
    assert 0 < len(log(project)) < 40
    assert len(set(parts)) == 3
    environ = {"HOME": str(project.parent)}
    marks = [mark.what for mark in read_marks(WorkspaceLayout(project), environ=environ)]
    assert any("Stop: its time was over" in what for what in marks)


def answers(project: Path, numbers: range, *, parts: int = 1) -> Talk:
    """The lines of so many responses, of which each has some, and a result of a tool behind it."""
    talk = Talk(project)
    for number in numbers:
        minute = f"2026-02-02T{number // 3600:02}:{number // 60 % 60:02}"
        stamp = {"timestamp": f"{minute}:{number % 60:02}.907Z"}
        for part in range(parts):
            stamp = {"timestamp": f"{minute}:{number % 60:02}.{907 + part}Z"}
            usage = {"input_tokens": 10, "cache_read_input_tokens": 900 + number,
                     "output_tokens": part + 1}  # fmt: skip
            text = [{"type": "text", "text": "x"}]
            said = {"id": f"msg_{number}", "model": "opus", "usage": usage, "content": text}
            talk.line("assistant", message=said, **stamp)
        talk.line("user", message={"content": "go on"}, **stamp)
    for number, line in enumerate(talk.lines):
        line["uuid"] = f"u{numbers.start}-{number}"
    return talk


def requests(project: Path) -> list[UsageEvent]:
    """What the log tells of requests."""
    every = Workspace(project).events(of_requests=True)
    return [one for one in every if isinstance(one, UsageEvent) and one.requests is not None]


def taken(project: Path) -> list[int]:
    """What each request took in, as the log tells it, in its order."""
    blocks = sorted(requests(project), key=lambda one: one.occurred_at_ns)
    return [size for one in blocks if one.requests for size in one.requests.input]


def test_a_session_of_three_thousand_requests_is_stored_in_bounded_lines(project: Path) -> None:
    path, written = kept(project), []
    for begin in range(0, 3000, 150):
        with path.open("a") as file:
            file.write(as_text(answers(project, range(begin, begin + 150), parts=2).lines))
        assert ended(project) == []
        written.append(len(requests(project)))
    assert written == [begin // 500 for begin in range(149, 3000, 150)]
    ended(project, "SessionEnd")
    assert taken(project) == [910 + number for number in range(3000)]
    blocks = [one.requests for one in requests(project) if one.requests is not None]
    assert [len(block.at_ms) for block in blocks] == [500] * 6
    assert {block.output for block in blocks} == {(2,) * 500}
    text = Workspace(project).layout.events_path.read_text()
    assert max(map(len, text.splitlines())) < 16 * 1024
    ended(project, "SessionEnd")
    import_transcripts(Workspace(project), "claude-code", [str(path)], cache=False)
    assert Workspace(project).layout.events_path.read_text() == text


def compacted(project: Path) -> list[int]:
    """When the context was compacted, in nanoseconds since the epoch, as the log tells it."""
    found = [(one.occurred_at_ns, one.requests) for one in requests(project)]
    return sorted(base + at * 10**6 for base, of in found if of for at in of.compactions)


_DOINGS = ["Stop", "SessionEnd", "SubagentStop", "other", "import", "forget"]


@given(
    st.integers(1, 700),
    st.lists(st.tuples(st.integers(1, 1200), st.sampled_from(_DOINGS)), max_size=6),
    st.sets(st.integers(1, 700), max_size=4),
)
@example(3, [(1, "other")], {1})
@example(3, [(1, "SessionEnd"), (1, "SubagentStop")], set())
@example(41, [(4, "SessionEnd")], {1, 2})
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whoever_tells_of_requests_when_each_is_told_once(
    number: int, turns: list[tuple[int, str]], compactions: set[int]
) -> None:
    with (
        TemporaryDirectory() as directory,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        project = made(Path(directory), monkeypatch)
        lines = answers(project, range(number), parts=2).lines
        moments = []
        for place in sorted({at for at in compactions if at < number}, reverse=True):
            boundary = {**lines[3 * place - 1], "type": "system", "subtype": "compact_boundary"}
            lines.insert(3 * place, boundary | {"uuid": f"c{place}"})
            moments.append(parse_ns(str(boundary["timestamp"])))
        path, other = kept(project), kept(project, "other")
        put(other, "")
        for more, what in (*turns, (len(lines), "SessionEnd")):
            with path.open("a") as file:
                file.write(as_text(lines[:more]))
            del lines[:more]
            match what:
                case "import":
                    import_transcripts(Workspace(project), "claude-code", [str(path)], cache=False)
                case "forget":
                    shutil.rmtree(project.parent / ".cache", ignore_errors=True)
                case "other":
                    said = {"session_id": "other", "transcript_path": str(other)}
                    ended(project, "SessionStart", source="startup", **said)
                case _:
                    ended(project, what)
        assert taken(project) == [910 + each for each in range(number)]
        assert compacted(project) == sorted(filter(None, moments))


@pytest.mark.parametrize("name", ["session", "a copy of it"])
def test_requests_of_a_log_that_another_program_wrote_anew_are_told_once(
    project: Path, name: str
) -> None:
    path = kept(project)
    path.write_text(as_text(answers(project, range(30)).lines))
    ended(project, "SessionEnd")
    log = Workspace(project).layout.events_path
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    longer = path if name == "session" else kept(project, "copied")
    longer.write_text(as_text(answers(project, range(40)).lines))
    import_transcripts(Workspace(project), "claude-code", [str(longer)], cache=False)
    assert taken(project) == [910 + number for number in range(40)]
    assert Workspace(project).cost().cost.requests == 40


def test_the_requests_of_a_session_that_ended_unheard_come_with_the_next_one(project: Path) -> None:
    path = kept(project)
    path.write_text(as_text(answers(project, range(30)).lines))
    ended(project)
    assert requests(project) == []
    other = kept(project, "other")
    other.write_text("")
    ended(project, "SessionStart", session_id="other", source="startup", transcript_path=str(other))
    assert taken(project) == [910 + number for number in range(30)]


@pytest.mark.parametrize("caches", ["one", "two", "none"])
def test_copies_that_end_at_the_same_moment_are_stored_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, caches: str
) -> None:
    paths = [kept(project, name) for name in ("one", "two")]
    for path in paths:
        of_one = answers(project, range(30 if path.stem == "one" else 50)).lines
        put(path, as_text([{**line, "sessionId": path.stem} for line in of_one]))
    both_have_looked = threading.Barrier(2)
    of_log = Known.of_log

    def looked(layout: WorkspaceLayout, span: tuple[int, int] | None) -> Known:
        found = of_log(layout, span)
        with suppress(threading.BrokenBarrierError):  # as it is where one waits for the other
            both_have_looked.wait(0.2)
        return found

    monkeypatch.setattr(Known, "of_log", looked)
    environ = {"HOME": str(project.parent)}
    with ThreadPoolExecutor() as pool:
        for path in paths:
            own = {
                "one": {}, "two": {"CTXUSE_CACHE_DIR": str(project / path.stem)},
                "none": {"CTXUSE_NO_CACHE": "1"},
            }[caches]  # fmt: skip
            following = Following("claude-code", WorkspaceLayout(project), environ | own)
            pool.submit(bring_in, following, Followed([str(path)]), ByRecorder(Workspace(project)))
    assert sorted(taken(project)) == [910 + number for number in range(50)]
