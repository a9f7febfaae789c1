"""What reads foreign text takes steps in proportion to it, or looks at a bounded part of it.

Steps are the calls that are made, of Python and of C, not time.
"""

import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from cProfile import Profile
from hashlib import sha256
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING, Any, SupportsIndex

import pytest
from fleets import as_log, make_fleet, make_workspace, some_events
from patternsteps import Counted, counted
from test_codex import CHILD, ROOT, Rollout

from ctxuse import Workspace
from ctxuse.cli.typed import remember
from ctxuse.context.frontmatter import take_apart
from ctxuse.context.references import references
from ctxuse.context.search import search
from ctxuse.errors import BrokenRecordError, SettingsError
from ctxuse.files import read_beginning, read_small
from ctxuse.fleet.collect import collect
from ctxuse.fleet.compact import compact
from ctxuse.fleet.pieces import Piece, collected_in
from ctxuse.fleet.reporting import fleet_report
from ctxuse.hook import run
from ctxuse.hosts import prompted
from ctxuse.hosts.claude_code.loaded import body_bytes
from ctxuse.hosts.claude_code.standing import resident_in_agent
from ctxuse.hosts.codex import transcript
from ctxuse.hosts.copilot import tools as tools_of_copilot
from ctxuse.hosts.copilot import transcript as transcript_of_copilot
from ctxuse.hosts.copilot.skills import to_keep
from ctxuse.hosts.evidence import Command, KnownLines
from ctxuse.hosts.gemini_cli import code as code_of_gemini
from ctxuse.hosts.gemini_cli import context as context_of_gemini
from ctxuse.hosts.gemini_cli import tools as tools_of_gemini
from ctxuse.hosts.gemini_cli import transcript as transcript_of_gemini
from ctxuse.hosts.imports import imported_files, named_with_at
from ctxuse.hosts.jsonlines import Lines
from ctxuse.hosts.opencode import context as context_of_opencode
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.paths import texts_below
from ctxuse.hosts.pi import prompt as prompt_of_pi
from ctxuse.hosts.places import Places
from ctxuse.hosts.prompted import standing_in
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.hosts.refusals import not_refused
from ctxuse.hosts.searches import what_is_done
from ctxuse.hosts.session import Session
from ctxuse.hosts.shell import files_shown, started_in
from ctxuse.hosts.shellwords import LONGEST, tokens
from ctxuse.hosts.skillnames import agent_otherwise_named
from ctxuse.hosts.transcripts import Rest, Told
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.recover import recover
from ctxuse.redaction import without_secrets
from ctxuse.setup.change import without_hooks
from ctxuse.setup.difference import difference
from ctxuse.setup.settings import SettingsFile

if TYPE_CHECKING:
    from _typeshed import TraceFunction

SIZES = (10_000, 100_000, 1_000_000)
MOST_GROWTH = 15
"""Ten times the text may take so many times the steps."""

FEW = 1_000
"""Steps that are not looked at."""


def steps(work: Callable[[], object]) -> int:
    """How many calls `work` makes."""
    profile = Profile(subcalls=False)  # it counts in C, and a callback of ours would not
    profile.enable()
    try:
        work()
    finally:
        profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


def instructions(work: Callable[[], object]) -> int:
    """How many instructions of Python `work` takes: also those of loops that call nothing."""
    number = 0

    def count(frame: FrameType, what: str, argument: object) -> "TraceFunction":
        del argument
        nonlocal number
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        number += what == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return number


def assert_grows_in_proportion(
    scan: Callable[[str], object],
    make: Callable[[int], str],
    sizes: tuple[int, ...] = SIZES,
    count: Callable[[Callable[[], object]], int] = steps,
) -> None:
    """Assert that ten times the text takes about ten times the steps at most."""
    texts = [make(size) for size in sizes]
    scan(texts[0][:100])  # what is imported is imported
    before = FEW
    for text in texts:
        number = count(lambda text=text: scan(text))  # type: ignore[misc]
        if before > FEW:
            assert number < MOST_GROWTH * before, len(text)
        before = max(FEW, number)


def repeated(unit: str) -> Callable[[int], str]:
    """Make a text of a size by repeating `unit`."""
    return lambda size: unit * (size // len(unit))


COMMANDS = (
    "env ", "! ", "sudo -u ", "env -u ", "A=1 ", "(x)", "(", "((", "x() ", "x(){", "a=(x)", "a=( ",
    "$(", "${", '"$(', "`", '"', "'", "\\", '\\"', "<<a\n", "<<a <<b\n", "<<-a ", ";", "|", "||x ",
    "cat a;", "cat a|", "cat a>b;", "cd a;", "{a,", "#", "$", "bash -c 'x' ", "bash -c ", "sed -i ",
    "find -exec find ", "find -exec sh -c ", "-ok ", "xargs ", "xargs -n1 ", "parallel ", "grep|",
    "git -C a ", "timeout 1 ", "a\\;", "cat -- ", "awk -i inplace ", "1>",
    "2>&1 ", "\n", "*", "é", "done;", "{ ", "} ",
)  # fmt: skip


@pytest.mark.parametrize("before", ["", "cat ", "find "])
@pytest.mark.parametrize("unit", COMMANDS)
def test_a_shell_command_is_read_in_proportion(unit: str, before: str) -> None:
    def scan(command: str) -> object:
        files_shown(before + command, "/x", lambda path, _: path)
        return what_is_done(before + command).kinds

    assert_grows_in_proportion(scan, repeated(unit), (6_000, 60_000, 1_000_000))


@pytest.mark.parametrize("word", ["a", "a/b", "..", "/a", "x" * 1_000])
def test_where_a_command_began_is_looked_for_in_proportion(word: str) -> None:
    """What is joined and taken apart at each change of directory is counted in characters."""
    looked_at = 0

    def absolute(path: str, directory: str | None) -> str:
        nonlocal looked_at
        looked_at += len(directory or "") + len(path)
        return os.path.normpath(os.path.join(directory or "/", path))

    command = repeated(f"cd {word};")(LONGEST)
    assert started_in(command, "/x", ["/x", "/x/y"], absolute) == "/x"
    files_shown(command, "/x", absolute)
    assert looked_at < 100 * len(command)


@pytest.mark.parametrize("unit", ["-exec find ", "-ok ", "-exec xargs ", "-exec sh -c 'find "])
def test_what_a_command_does_takes_little_memory(unit: str) -> None:
    command = "find " + repeated(unit)(64_000)
    tracemalloc.start()
    try:
        what_is_done(command)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("word", ["$ARGUMENTS", "x$ARGUMENTS\n"])
def test_how_large_a_command_is_with_its_words_takes_little_memory(
    tmp_path: Path, word: str
) -> None:
    command, words = tmp_path / "fill.md", "é" * 3_000
    number = 4_000_000 // len(word)
    command.write_text(word * number)
    tracemalloc.start()
    try:
        size = body_bytes(os.fspath(command), words, None)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert size == number * (len(word) - len("$ARGUMENTS") + len(words.encode()))


def test_refusals_are_told_from_the_rest_in_proportion(tmp_path: Path) -> None:
    def scan(text: str) -> object:
        number = len(text) // 1_000
        files = [
            RecordFile("knowledge", f"k{n}", f"{tmp_path}/k{n}.md", f"{tmp_path}/k{n}.md")
            for n in range(number)
        ]
        words = " ".join(f"w{n}" for n in range(number))
        return not_refused(files, f"{words} Permission denied\nother\n", "cat")

    assert_grows_in_proportion(scan, repeated("x"), (10_000, 100_000, 1_000_000))


ADDRESSES = (
    "a", "a://", "://", "http://a?", "http://?@", "s3://a:b", "a:b@", "http://u:p/", " ",
    "s3://a:7/", "://:7/@", "@/",
)  # fmt: skip


@pytest.mark.parametrize("unit", ADDRESSES)
def test_of_what_is_said_of_addresses_a_bounded_part_is_looked_at(unit: str) -> None:
    text = repeated(unit)(1_000_000)
    assert len(without_secrets(text, f"s3://{text}@b")) <= 8192


@pytest.mark.parametrize("unit", [*ADDRESSES, "1", "a.b+", "1a:/", "é"])
def test_addresses_among_typed_words_are_looked_for_in_proportion(unit: str) -> None:
    """Of a word of this length, looking on from each of its letters would take half an hour."""
    remember([repeated(unit)(1_000_000)])
    remember([])


HEADS = (
    "[", "{", "a: [", "- ", "- - ", "? ", "a: ", "[a,", "{a: b, ", "[[],", "'", '"', '\\"', "&a ",
    "*a ", "!a ", "> ", "|\n", "#", "# a\n", "%a\n", "a\n", " a", "\t", "a: b\n", "a: |\n  b\n",
    "a: 'b'\n", "1", "1:", "[]\n", "- a\n", "? a\n: b\n", "'' ", "<<: ", "é", "]", ",",
)  # fmt: skip


@pytest.mark.parametrize("unit", HEADS)
def test_frontmatter_is_read_in_proportion(unit: str) -> None:
    def scan(head: str) -> None:
        try:
            take_apart("skill", "x", f"---\n{head}\n---\nbody\n".encode())
        except BrokenRecordError:
            return

    assert_grows_in_proportion(scan, repeated(unit), (6_000, 60_000, 1_000_000))


def test_frontmatter_has_so_many_values_and_levels_at_most() -> None:
    def head(text: str) -> bytes:
        return f"---\na: {text}\n---\nbody\n".encode()

    assert take_apart("skill", "x", head("[" + "b, " * 900 + "]")).body == "body"
    assert take_apart("skill", "x", head("[" * 10 + "]" * 10)).body == "body"
    for text, why in (("[" + "b, " * 1100 + "]", "1000 values"), ("[" * 99 + "]" * 99, "too deep")):
        with pytest.raises(BrokenRecordError, match=why):
            take_apart("skill", "x", head(text))


def test_the_rules_of_a_sub_agent_are_read_in_few_steps(
    tmp_path: Path, workspace: Workspace
) -> None:
    heads = (
        "x: [" + "a, " * 20_000 + "]",
        "x: {" + "a: b, " * 10_000 + "}",
        "x: [" + "[], " * 15_000 + "]",
        "x:\n" + "- a\n" * 15_000,
        "x:\n" + "- - a\n" * 10_000,
        "a: b\n" * 12_000,
        "a: |\n  b\n" * 6_000,
        "? a\n: b\n" * 8_000,
    )
    for number, head in enumerate(heads):
        rule = tmp_path / "home/.claude/rules" / f"s{number}.md"
        rule.parent.mkdir(parents=True, exist_ok=True)
        rule.write_text(f"---\n{head}\n---\nbody\n")
    places = Places(workspace.layout, {"HOME": str(tmp_path / "home")})
    assert len(resident_in_agent(places, "general-purpose", None)) == len(heads)
    assert steps(lambda: resident_in_agent(places, "general-purpose", None)) < 2_000_000


MESSAGES = (
    "[", "![", "](", "[a](", "[a]: b\n", "*", "*a", "_", "`", "`a", "<", "<a ", "&", "\\", "> ",
    "- ", "1. ", "#", "# a\n", "#a ", "/a ", "((#a", "  - a\n", "~~~\n", "#a.", "- - ",
)  # fmt: skip


@pytest.mark.parametrize("unit", MESSAGES)
def test_references_are_looked_for_in_proportion(unit: str) -> None:
    assert_grows_in_proportion(references, repeated(unit), (3_000, 30_000))


DAMAGED = (
    '{"id":', '{"id":"', '{"id":\\"', '{"id":{', '{"id":}', "{", '"', '\\"', '{"id":""', '{"id":1}',
    '{"id"  ',
)  # fmt: skip


@pytest.mark.parametrize("unit", DAMAGED)
def test_damaged_lines_are_looked_through_in_proportion(unit: str) -> None:
    assert_grows_in_proportion(lambda line: [*recover(line.encode())], repeated(unit))


@pytest.mark.parametrize("unit", [b'\\"', b'{"id":"\\"', b'"{\\"', b"\\", b'"'])
@pytest.mark.parametrize("command", ["check", "repair"])
def test_a_string_that_never_ends_does_not_hang(tmp_path: Path, unit: bytes, command: str) -> None:
    line = b'{"id":"' + unit * ((1024 * 1024 - 8) // len(unit))
    log = tmp_path / ".yoi/memory/_usage/events.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes(line + b"\n")
    words = [sys.executable, "-m", "ctxuse", command, "--workspace", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr


@pytest.mark.parametrize("words", ["a" * 1000 + "b", "b " * 32])
def test_a_record_is_searched_in_proportion(workspace: Workspace, words: str) -> None:
    path = workspace.layout.root / ".yoi" / "knowledge" / "k.md"
    path.parent.mkdir(parents=True)

    def scan(text: str) -> object:
        path.write_text(text)
        return search(workspace.layout, words, None, 3)

    for unit in ("a", "a\n", "ab \n", "é"):
        assert_grows_in_proportion(scan, lambda size, unit=unit: repeated(unit)(size) + words)  # type: ignore[misc]


class _Looked(list[int]):
    """The records that have a line; counts how many are looked at."""

    number = 0

    def __iter__(self) -> Iterator[int]:
        _Looked.number += len(self)
        return super().__iter__()


@pytest.mark.parametrize("line", ["---", "{}\t---", "own line of record 7"])
def test_an_output_is_looked_through_in_proportion(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    folder = workspace.layout.knowledge_dir
    folder.mkdir(parents=True)
    for number in range(200):
        (folder / f"r{number}.md").write_text(f"---\nown line of record {number}\n---\n")
    known = KnownLines.of(Places(workspace.layout), [], "make")
    held = vars(known)["_holders"]
    monkeypatch.setattr(known, "_holders", {text: _Looked(of) for text, of in held.items()})
    monkeypatch.setattr(_Looked, "number", 0)
    output = "".join(f"{line.format(number)}\n" for number in range(10_000))
    assert bool(known.shown(output, Command("make", ())).shown) == ("own" in line)
    assert _Looked.number < 2_000


class _Patterns:
    """Patterns as they are, with how many places they were tried at, times how long they are."""

    def __init__(self) -> None:
        self.tried = 0
        self.compile = re.compile

    def __call__(self, words: str, flags: int = 0) -> Any:  # noqa: ANN401 - in place of a pattern
        made = self.compile(words, flags)

        def tried(how: Callable[..., object]) -> Callable[..., object]:
            def counted(text: str, *places: int) -> object:
                self.tried += len(words) * len(text)
                return how(text, *places)

            return counted

        return SimpleNamespace(search=tried(made.search), finditer=tried(made.finditer))


@pytest.mark.parametrize("name", ["skill", "instructions"])
def test_what_stands_in_a_prompt_is_looked_for_in_proportion(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = workspace.layout.root
    skill = root / ".agents/skills/pdf/SKILL.md"
    skill.parent.mkdir(parents=True)
    tried: dict[int, int] = {}
    number: dict[int, int] = {}
    for size in (200, 2_000):
        text = "a " * size + "b"
        if name == "skill":
            skill.write_text(f"---\nname: pdf\ndescription: {text}\n---\nbody\n")
        else:
            (root / "AGENTS.md").write_text(text)
        prompt = "pdf: " + "a  " * (4 * size) + "b"
        places = Places(workspace.layout)
        standing_in(prompt, places)
        patterns = _Patterns()
        with monkeypatch.context() as patched:
            patched.setattr("re.compile", patterns)
            number[size] = steps(lambda: standing_in(prompt, places))  # noqa: B023 - called here
        tried[size] = patterns.tried
    assert tried[2_000] <= MOST_GROWTH * max(tried[200], FEW)
    assert number[2_000] <= MOST_GROWTH * number[200]


def read_rollout(path: Path, workspace: Path) -> None:
    with Told() as told:
        transcript.read(os.fspath(path), Places(WorkspaceLayout(workspace)), told)


def test_forks_that_name_one_another_are_each_read_once(tmp_path: Path) -> None:
    """Looked for at each line that names a parent, they would be read 20⁹ times."""
    project, read, path = tmp_path / "app", 0, tmp_path
    for own, parent in ((ROOT, CHILD), (CHILD, ROOT)):
        said: dict[str, Any] = {"forked_from_id": parent, "forked_from_ordinal_exclusive": 1000}
        rollout = Rollout(project, own, **said)
        for _ in range(20):
            rollout.line("session_meta", id=own, cwd=str(project), **said)
        path = rollout.write(project, own)
    before = Lines.read

    def counting(self: Lines[object], *words: object) -> Iterator[object]:
        nonlocal read
        read += 1
        assert read < MOST_GROWTH
        return before(self, *words)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "read", counting)
        read_rollout(path, project)


def waiting_for_a_cell(rollout: Rollout, number: int) -> None:
    """A cell is never asked for again, and nothing is printed of what later scripts run."""
    rollout.script("c0")
    rollout.returned("c0", "", "Script running with cell ID 1")
    for i in range(number):
        rollout.script(f"s{i}x")
        rollout.ended(f"exec-{i}x", "make", f"compiled {i}\nok\n" * 5)
        rollout.returned(f"s{i}x", f"done {i}\n" * 5)


def open_at_once(rollout: Rollout, number: int) -> None:
    """All scripts are open while the commands end."""
    for i in range(number):
        rollout.script(f"s{i}x")
    for i in range(number):
        rollout.ended(f"exec-{i}x", "make", f"compiled {i}\nok\n")
    for i in range(number):
        rollout.returned(f"s{i}x", f"done {i}\n")


def cells_that_are_left(rollout: Rollout, number: int) -> None:
    """Each script goes on, and none is asked for again."""
    for i in range(number):
        rollout.script(f"s{i}x")
        rollout.returned(f"s{i}x", "ok", f"Script running with cell ID {i}")
        rollout.ended(f"exec-{i}x", "make", f"compiled {i}\nok\n")


def answered_after_its_end(rollout: Rollout, number: int) -> None:
    """Many calls wait for one script, the first answer ends it, and a command goes on waiting."""
    rollout.script("c0")
    rollout.returned("c0", "", "Script running with cell ID 1")
    for i in range(number):
        arguments = json.dumps({"cell_id": "1"})
        rollout.item("function_call", name="wait", call_id=f"w{i}x", arguments=arguments)
    rollout.ended("exec-0", "make", "compiled\nok\n")
    for i in range(number):
        said = "".join(f"done {of}\n" for of in range(number)) if i == 0 else f"more {i}"
        rollout.item("function_call_output", call_id=f"w{i}x", output=said)


def running_beside_others(rollout: Rollout, number: int) -> None:
    """Commands go on, and others end."""
    for i in range(number):
        rollout.called(f"c{i}x", "x")
        rollout.printed(f"c{i}x", "", f"running with session ID {i}")
    for i in range(number):
        rollout.ended(f"d{i}x", "ls", "")


def running_beside_older_ones(rollout: Rollout, number: int) -> None:
    """Likewise, as older versions tell of those that end."""
    for i in range(number):
        rollout.called(f"c{i}x", "x")
        rollout.printed(f"c{i}x", "", f"running with session ID {i}")
    for i in range(number):
        rollout.line("event_msg", type="exec_command_end", call_id=f"d{i}x", command=["ls"])


def asked_again(rollout: Rollout, number: int) -> None:
    """Commands go on, and the last of them is asked for more."""
    for i in range(number):
        rollout.called(f"c{i}x", "x")
        rollout.printed(f"c{i}x", "", f"running with session ID {i}")
    for i in range(number // 2):
        rollout.typed(f"w{i}x", f"{number - 1}", "")
        rollout.printed(f"w{i}x", "more\n", f"running with session ID {number - 1}")


OF_SCRIPTS = [waiting_for_a_cell, open_at_once, cells_that_are_left, answered_after_its_end]
OF_COMMANDS = [running_beside_others, running_beside_older_ones, asked_again]


@pytest.mark.parametrize("fill", OF_SCRIPTS + OF_COMMANDS)
def test_what_stays_open_in_a_rollout_is_looked_at_in_proportion(
    tmp_path: Path, fill: Callable[[Rollout, int], None]
) -> None:
    def make(number: int) -> str:
        rollout = Rollout(tmp_path / "app")
        fill(rollout, number)
        return os.fspath(rollout.write(tmp_path / f"of{number}/app"))

    def scan(path: str) -> None:
        if os.path.isfile(path):  # what is tried first is only the beginning of a text
            read_rollout(Path(path), tmp_path / "app")

    assert_grows_in_proportion(scan, make, (10, 100, 1_000), instructions)


def known_records(workspace: Workspace, number: int, text: str) -> list[RecordFile]:
    """Write records that all have a text, and return their files."""
    folder = workspace.layout.knowledge_dir
    folder.mkdir(parents=True)
    files = [f"{folder}/r{n}.md" for n in range(number)]
    for file in files:
        Path(file).write_text(text)
    return [RecordFile("knowledge", f"r{n}", file, file) for n, file in enumerate(files)]


def test_a_line_of_many_records_that_stands_there_often_is_shared_once(
    workspace: Workspace,
) -> None:
    records = known_records(workspace, 100, "the same line in all of them\n")
    known = KnownLines(records, Places(workspace.layout).root)
    command = Command("cat .yoi/knowledge/*.md", records)
    output = "the same line in all of them\n" * 5_000
    found = known.shown(output, command).shown
    assert len(found) == 100
    assert steps(lambda: known.shown(output, command)) < 20 * 5_000


@pytest.mark.parametrize("name", ["make", "head knowledge/*"])
def test_records_that_share_many_lines_are_not_gone_through_for_each(
    workspace: Workspace, name: str
) -> None:
    def work(number: int) -> Callable[[], object]:
        shared = KnownLines(records[:number], Places(workspace.layout).root)
        return lambda: shared.shown(text, Command(name, ()))

    text = "".join(f"line {number}\n" for number in range(300))
    records = known_records(workspace, 400, text)
    work(1)()  # what is imported is imported
    more = instructions(work(400)) - instructions(work(100))
    assert more < 300 * 300


def test_what_is_kept_at_a_rest_is_not_put_together_behind_each_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[dict[str, str | int | None]] = []

    def resting(
        offset: int,
        *,
        samples: list[float],
        directory: str | None,
        noted: dict[str, str | int | None],
    ) -> Rest:
        rests.append(noted)
        return Rest(offset, samples=samples, directory=directory, noted=noted)

    monkeypatch.setattr(transcript_of_copilot, "Rest", resting)
    transcript, places = tmp_path / "a.jsonl", Places(Workspace(tmp_path).layout)
    skills = "".join(f"<skill>\n  <name>s{n}</name>\n  y\n</skill>\n" for n in range(9))
    prompt = {"type": "system.message", "data": {"content": skills}}
    lines = [{"type": "session.start", "data": {"sessionId": "s"}}, *[prompt] * 9]
    begun = ({**line, "timestamp": "2026-08-03T10:00:00.000Z"} for line in lines)
    transcript.write_text("".join(json.dumps(line) + "\n" for line in begun))
    with Told() as told:
        transcript_of_copilot.read_on(str(transcript), places, told, Rest(), 10**7)
    (kept,) = {id(one["standing s"]): one["standing s"] for one in rests[1:]}.values()
    assert len(str(kept).split()) == 9


def test_of_what_is_kept_at_a_rest_the_last_is_looked_at() -> None:
    named = {f"{number}": number for number in range(100_000)}
    tracemalloc.start()
    try:
        assert to_keep(named, "a ", 2) == {"a 99998": 99_998, "a 99999": 99_999}
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


def test_files_that_many_commands_name_are_read_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(path: str, most: int) -> bytes:
        read.append(path)
        return read_beginning(path, most)

    monkeypatch.setattr("ctxuse.hosts.lines.read_beginning", reading)
    monkeypatch.setattr("ctxuse.hosts.lines._MOST_HASHES", 8)
    said = "That one stands in a record.\nThis one stands elsewhere, too.\n"
    files = [os.fspath(workspace.layout.root / name) for name in ("a", "b", "large")]
    for file in files:
        Path(file).write_text("This one stands elsewhere, too.\n" + "x\n" * 9)
    Path(files[2]).write_text("\n".join(map(str, range(9))))
    known = KnownLines(known_records(workspace, 1, said), Places(workspace.layout).root)
    for number in range(1, 10):
        for output, shown in (said, 1), ("This one stands elsewhere, too.\n", 0):
            found = known.shown(output, Command("make a b large", (), files)).shown
            assert len(found) == shown
        assert (read.count(files[0]), read.count(files[1])) == (1, 1)
        assert read.count(files[2]) == 2 * number  # there is no room for what it holds


def test_no_line_of_an_output_is_searched_for_in_all_of_the_command(workspace: Workspace) -> None:
    class Counted(str):
        """A command; counts the searches through it."""

        __slots__ = ()
        searches = 0

        def __contains__(self, part: str, /) -> bool:  # type: ignore[override] # as that of str
            Counted.searches += 1
            return super().__contains__(part)

        def __getitem__(self, part: SupportsIndex | slice, /) -> "Counted":
            return Counted(super().__getitem__(part))

    text = "".join(f"line {number}\n" for number in range(5_000))
    known = KnownLines(known_records(workspace, 1, text), Places(workspace.layout).root)
    assert known.shown(text, Command(Counted("make; echo 'line x' " * 3_000), ())).shown
    assert Counted.searches < 10
    assert steps(lambda: known.shown(text, Command("make; " * 9_000, ()))) < 50 * 5_000


def test_names_of_skills_that_nobody_has_are_looked_for_by_one_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep/er/.claude/skills/there").mkdir(parents=True)
    (tmp_path / "deep/er/.claude/skills/there/SKILL.md").write_text("---\nname: said\n---\n")
    walks: list[str] = []
    walked = os.walk

    def walk(top: str) -> object:
        walks.append(top)
        return walked(top)

    monkeypatch.setattr("os.walk", walk)
    places = Places(Workspace(tmp_path).layout, {"HOME": "/nowhere"})
    origin = Origin.of_transcript(places, None)
    found = [origin.skill(f"none-{number}") for number in range(100)]
    assert not any(record.file for record in found)
    assert origin.skill("there").file.endswith("there/SKILL.md")
    assert len(walks) == 1


@pytest.mark.parametrize("head", ["name: {}", "# name\nname: {}", '"name": {}'])
def test_what_skills_say_their_name_is_takes_no_hook_all_its_time(
    tmp_path: Path, head: str
) -> None:
    skills = tmp_path / ".claude/skills"
    much = "".join(f"k{number}: [a, b, {{c: d}}]\n" for number in range(120))
    for number in range(200):
        (skills / f"s{number:03}").mkdir(parents=True)
        text = f"---\n{head.format(f'said-{number}')}\n{much}---\n"
        (skills / f"s{number:03}" / "SKILL.md").write_text(text)
    origin = Origin.of_transcript(Places(Workspace(tmp_path).layout, {"HOME": "/nowhere"}), None)
    found = []
    assert steps(lambda: found.append(origin.skill("said-7"))) < 3_000_000
    assert found[0].slug == "s007"


@pytest.mark.parametrize("names", [[], ["x.md"], ["x.txt", "y"] * 1_000])
@pytest.mark.parametrize(
    "look",
    [
        lambda places: resident_in_agent(places, "general-purpose", None),
        lambda places: list(places.files_of_agents()),
        lambda places: agent_otherwise_named(places, "none"),
        lambda places: list(texts_below(places.root)),
    ],
    ids=["of a sub-agent", "on the disk", "agents", "of a skill"],
)
def test_of_a_folder_that_leads_anywhere_a_bounded_part_is_looked_at(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[Places], object],
    names: list[str],
) -> None:
    walked: dict[str, int] = {}

    def without_end(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
        for number in range(20_000):
            walked[top] = walked.get(top, 0) + 1 + len(names)
            yield f"{top}/d{number}", [f"d{number}"], [*names]

    monkeypatch.setattr("os.walk", without_end)
    places = Places(Workspace(tmp_path).layout, {"HOME": "/nowhere"})
    monkeypatch.setattr(places, "record_at", lambda _: None)
    look(places)
    assert walked
    assert max(walked.values()) < 10_000


NAMED = [
    "".join(f"@x{number} " for number in range(20_000)),
    "@x " * 50_000,
    "".join(f"@f{number}.md " for number in range(1_000)),
    " @\\ " * 50_000,
]


@pytest.mark.parametrize("text", NAMED, ids=["others", "one", "files", "none"])
def test_of_what_instructions_take_in_a_bounded_part_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    first = "".join(f"@f{number}.md " for number in range(100))
    (tmp_path / "CLAUDE.md").write_text(first)
    for number in range(300):
        (tmp_path / f"f{number}.md").write_text(text)
    looked_at: list[str] = []
    said = 0
    is_file = os.path.isfile

    def looking(path: str) -> bool:
        looked_at.append(path)
        return is_file(path)

    def named(told: str) -> Iterator[str]:
        nonlocal said
        said += len(told)
        return named_with_at(told)

    def absolute(name: str, directory: str | None) -> str:
        looked_at.append(name)
        return os.path.join(directory or "", name)

    monkeypatch.setattr("os.path.isfile", looking)
    root = str(tmp_path)
    found = imported_files([str(tmp_path / "CLAUDE.md")], named, absolute, root, None)
    assert len(found) in {100, 200}
    assert len(looked_at) <= 10_000
    assert said <= 2_000_000


def test_each_name_that_instructions_take_in_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def looking(path: str) -> bool:
        looked_at.append(path)
        return False

    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("@gone.md and @gone.md\n")
    monkeypatch.setattr("os.path.isfile", looking)
    files, root = [str(tmp_path / name) for name in ("a.md", "b.md")], str(tmp_path)
    assert not imported_files(
        files, named_with_at, lambda name, _: str(tmp_path / name), root, None
    )
    assert looked_at == [str(tmp_path / "gone.md")]


def test_nothing_else_walks_where_a_link_may_lead() -> None:
    """The others: a project of which links are not followed, and where a user says to look."""
    sources = (Path(__file__).parent.parent / "src").rglob("*.py")
    found = {path.name for path in sources if "os.walk(" in path.read_text(encoding="utf-8")}
    assert found == {"paths.py", "skillnames.py", "importing.py"}


def test_records_that_are_gone_are_looked_for_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace.layout.knowledge_dir
    folder.mkdir(parents=True)
    (folder / "here.md").write_text("It is there.\n")
    opened: list[str] = []

    def counted(path: str, largest: int) -> bytes:
        opened.append(os.path.basename(path))
        return read_small(path, largest)

    monkeypatch.setattr("ctxuse.hosts.evidence.read_small", counted)
    places = Places(workspace.layout, lenient=True)
    origin = Origin.of_transcript(places, None)
    for _ in range(3):
        for name in ("gone", "lost", "here"):
            named = origin.records([f".yoi/knowledge/{name}.md"])
            assert len(named) == 1
            with origin.known_lines(named, f"cat .yoi/knowledge/{name}.md"):
                pass
    assert sorted(opened) == ["gone.md", "here.md", "lost.md"]


def test_a_long_path_is_looked_up_in_proportion(tmp_path: Path) -> None:
    """The project's path comes from the payload: 4,096 characters at most."""

    def scan(path: str) -> None:
        payload = tmp_path / "payload"
        fields = {
            "hook_event_name": "SessionStart", "session_id": "s", "cwd": path, "source": "startup",
        }  # fmt: skip
        payload.write_text(json.dumps(fields))
        with payload.open("rb") as file:
            run(["claude-code"], file, {"HOME": str(tmp_path)})

    for start in ("", os.fspath(tmp_path)):
        assert_grows_in_proportion(scan, lambda n, s=start: s + "/a" * (n // 2), (390, 3_900))  # type: ignore[misc]


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("events", [1, 1_000_000])
def test_hooks_of_ours_are_taken_out_of_settings_and_that_is_shown_in_proportion(
    events: int, others: int
) -> None:
    def make(number: int) -> str:
        hooks: dict[str, list[object]] = {}
        for i in range(number):
            other = [{"command": f"echo {i % 101}"}] * others
            hooks.setdefault(f"E{i % events}", []).append(
                {"hooks": [{"command": f"ctxuse-hook {i % 103}"}, *other]}
            )
        return json.dumps({"hooks": hooks}, indent=1)

    def scan(text: str) -> None:
        file = SettingsFile("settings.json", text, exists=True)
        try:
            left = without_hooks(file)
        except SettingsError:  # what is tried first is only the beginning of a text
            return
        assert "ctxuse-hook" not in left
        assert left.count("echo") == text.count("echo")
        assert [*difference(text, left, "before", "after")]

    assert_grows_in_proportion(scan, make, (10, 100, 1_000))


def gemini_context(text: str, origin: Origin) -> object:
    return [*context_of_gemini.placed(text, origin)]


def gemini_call(name: str) -> Callable[[str, Origin], object]:
    def call(text: str, _: Origin) -> object:
        output = {"functionResponse": {"response": {"output": text}}}
        said = {"id": "c", "name": name, "args": {"command": "x", "name": "x"}, "result": [output]}
        session = Session.named("gemini-cli", "s", None)
        return tools_of_gemini.tool_call(session, said | {"status": "success"})

    return call


def gemini_ran(text: str, _: Origin) -> object:
    return transcript_of_gemini.ran_by_user(text)


def gemini_code(text: str, _: Origin) -> object:
    return [*code_of_gemini.named_outside(text)]


def pi_section(name: str) -> Callable[[str, Origin], object]:
    return lambda text, origin: [*prompt_of_pi.placed(name, text, origin)]


def copilot_shell(text: str, _: Origin) -> object:
    return tools_of_copilot.shell_of(text)


FILE, END_OF_FILE = "--- Context from: a ---\n", "\n--- End of Context from: a ---\n"
IMPORTED, END_OF_IMPORT = (
    "<!-- Imported from: d/b.md -->\n",
    "\n<!-- End of import from: d/b.md -->",
)
SERVER = (
    "The following are instructions provided by the tool server 'a':\n"
    "---[start of server instructions]---\n"
)
RAN, RESULT = (
    "I ran the following shell command:\n```sh\n",
    "\n```\n\nThis produced the following result:\n```\n",
)
PLACED = [
    (gemini_context, "", FILE, ""),
    (gemini_context, "", FILE, "\n--- End of Context from: b ---"),
    (gemini_context, FILE, END_OF_FILE, ""),
    (gemini_context, "", FILE + "x" + END_OF_FILE, ""),
    (gemini_context, "", "--- Context from: ", ""),
    (gemini_context, FILE, IMPORTED, END_OF_FILE),
    (gemini_context, FILE, IMPORTED[:-5], END_OF_FILE),
    (gemini_context, FILE, "x" + END_OF_IMPORT, END_OF_FILE),
    (gemini_context, FILE + IMPORTED * 9, IMPORTED + "x" + END_OF_IMPORT, END_OF_FILE),
    (gemini_context, "", SERVER, ""),
    (gemini_context, "", SERVER, "\n---[end of server instructions]---x"),
    (gemini_context, SERVER, "\n---[end of server instructions]---x", ""),
    (gemini_call("run_shell_command"), "x", "\nError: x", "\nok"),
    (gemini_call("run_shell_command"), "x", "\nError: x", ""),
    (gemini_call("run_shell_command"), "", "<untrusted_context>\n", ""),
    (gemini_call("activate_skill"), "", "<instructions>\n    ", ""),
    (gemini_call("activate_skill"), "<instructions>\n    ", "\n  </instructions>", ""),
    (gemini_call("activate_skill"), "", "/a", ""),
    (gemini_call("read_many_files"), "", "--- ", ""),
    (gemini_ran, RAN + "x", RESULT, ""),
    (gemini_ran, RAN + "x", RESULT, "\n```x"),
    (gemini_code, "`x ", "``` ", ""),
    (gemini_code, "@a ", "`", ""),
    (gemini_code, "@a ", "`", "x"),
    (gemini_code, "", "` @a ", ""),
    (gemini_code, "", " @`", ""),
    (pi_section("project_context"), "", '<project_instructions path="a">\n', ""),
    (pi_section("project_context"), "", '<project_instructions path="', ""),
    (pi_section("project_context"), "", '<project_instructions path="a">\n', "\n</project_"),
    (pi_section("skills"), "", "  <skill>\n", ""),
    (pi_section("skills"), "", "  <skill>\n", "\n  </skill>x"),
    (pi_section("skills"), "  <skill>\n", "    <name>a", "\n  </skill>"),
    (pi_section("addendum"), "<addendum>\n", "\n</addendum>", "x"),
    (copilot_shell, "", "<command ", ""),
    (copilot_shell, "", "<shellId: a>", "x"),
    (copilot_shell, "", "\n<command >", "x"),
]


@pytest.mark.parametrize(("scan", "before", "unit", "behind"), PLACED)
def test_what_stands_in_a_transcript_is_looked_for_in_proportion(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    scan: Callable[[str, Origin], object],
    before: str,
    unit: str,
    behind: str,
) -> None:
    """The steps of the expressions count, too, which are one call of C each."""
    in_expressions = counted(
        monkeypatch,
        code_of_gemini,
        context_of_gemini,
        prompt_of_pi,
        tools_of_copilot,
        tools_of_gemini,
        transcript_of_gemini,
    )
    origin = Origin.of_transcript(Places(workspace.layout, {"HOME": "/nowhere"}), None)

    def taken(work: Callable[[], object]) -> int:
        known = in_expressions()
        work()
        return in_expressions() - known + steps(work)

    def looked_at(text: str) -> object:
        return scan(before + text + behind, origin)

    assert_grows_in_proportion(looked_at, repeated(unit), (2_000, 20_000), taken)


def test_runs_of_backticks_that_grow_shorter_are_looked_through_in_proportion() -> None:
    """Each is followed by none as long."""

    def runs(size: int) -> str:
        return "@a " + " ".join("`" * number for number in range(int((2 * size) ** 0.5), 0, -1))

    with pytest.MonkeyPatch.context() as patch:
        in_expressions = counted(patch, code_of_gemini)

        def taken(work: Callable[[], object]) -> int:
            known = in_expressions()
            work()
            return in_expressions() - known

        assert_grows_in_proportion(
            lambda text: [*code_of_gemini.named_outside(text)], runs, (2_000, 20_000), taken
        )


def test_files_that_take_in_one_another_without_end_take_little_memory(
    workspace: Workspace,
) -> None:
    origin = Origin.of_transcript(Places(workspace.layout, {"HOME": "/nowhere"}), None)
    comment = IMPORTED.replace("d/", "d" * 1_000 + "/")
    text = (
        f"--- Context from: GEMINI.md ---\n{comment * 500}\n--- End of Context from: GEMINI.md ---"
    )
    tracemalloc.start()
    try:
        assert len([*context_of_gemini.placed(text, origin)]) < 10
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_text_is_looked_for_in_a_prompt_in_proportion_whatever_white_space_it_has(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern of its words would be tried from each word of the prompt on."""
    body = "aa " * 200 + "b"
    known_records(workspace, 1, f"---\ndescription: {body}\n---\n{body}\n")
    places = Places(workspace.layout, {"HOME": "/nowhere"})
    known: list[Counted] = []

    def compiled(source: str) -> Counted:
        known.append(Counted(re.compile(source)))
        return known[-1]

    stand_in = SimpleNamespace(**{**vars(re), "compile": compiled})
    monkeypatch.setattr(prompted, "re", stand_in)

    def taken(work: Callable[[], object]) -> int:
        return steps(work) + sum(one.number for one in known)

    def scan(prompt: str) -> None:
        known.clear()
        prompt += body.replace(" ", "\n")
        found = prompted.standing_in(prompt, places)
        assert [one.context_bytes for one in found] == [len(body)]

    assert_grows_in_proportion(scan, repeated("aa  "), (2_000, 20_000), taken)
    assert sum(one.number for one in known) < 100_000


def test_of_files_that_a_prompt_of_opencode_names_so_many_are_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workspace.layout.root / "AGENTS.md"
    path.write_text(f"Instructions from: {path}\n" * 5_000)
    read: list[str] = []

    def reading(name: str) -> bytes:
        read.append(name)
        return read_small(name)

    monkeypatch.setattr("ctxuse.hosts.lookup.read_small", reading)
    text = f"Instructions from: {path}\n{path.read_text()}"
    origin = Origin.of_transcript(Places(workspace.layout, {"HOME": "/nowhere"}), None)
    assert [one.slug for one in context_of_opencode.standing(text, origin)] == ["AGENTS.md"]
    assert len(read) == 200


def test_folders_in_folders_beside_pieces_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes in one folder of what was collected makes them."""
    make_fleet(tmp_path / "fleet", 2, 5)
    collect([str(tmp_path / "fleet")], str(tmp_path / "to"), host="h", executor="threads")
    one = next(tmp_path.glob("to/*/.yoi/memory/_usage/collected"))
    looked: list[object] = []

    compact(str(tmp_path / "to"), executor="threads")

    def counted_in(module: object, name: str) -> None:
        real = getattr(module, name)

        def counting(path: object) -> object:
            looked.append(path)
            return real(path)

        monkeypatch.setattr(module, name, counting)

    counted_in(os, "scandir")
    counted_in(os.path, "islink")
    numbers = []
    for depth in (1, 10, 300):
        for top in (one, next(path for path in one.iterdir() if path.name.startswith("0"))):
            os.makedirs(os.path.join(top, *["d"] * depth), exist_ok=True)
        looked.clear()
        report = fleet_report([str(tmp_path / "to")], executor="threads")
        assert (report.evidence.events, report.unreadable) == (10, ())
        assert compact(str(tmp_path / "to"), executor="threads").done.unreadable == []
        numbers.append(len(looked))
    assert numbers[2] <= numbers[0]


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="nobody says what was read")
def test_a_hole_costs_the_same_however_long_it_is(tmp_path: Path) -> None:
    """In a piece, in a log, and behind its last line."""

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    zeros, to = b"\0" * (1024 * 1024), tmp_path / "to"
    first, last = (sha256(some).hexdigest()[:16] for some in (zeros, zeros[:4096]))
    for size in (10**9, 10**12):
        root = make_workspace(tmp_path / f"w{size}", as_log(some_events(5, 1)))
        os.truncate(root / ".yoi/memory/_usage/events.jsonl", size)
        piece = to / collected_in(f"w{size}") / Piece(0, first, 0, size, last).name
        piece.parent.mkdir(parents=True)
        piece.touch()
        os.truncate(piece, size)
        before = bytes_read()
        report = fleet_report([str(tmp_path)], executor="threads")
        assert report.evidence.events % 5 == 0 != report.evidence.events
        assert report.unreadable == ()
        done = collect([str(root)], str(to), host="h", executor="threads")
        assert done.failed == []
        compact(str(to), executor="threads")
        assert bytes_read() - before < 100_000_000


def test_a_command_that_is_answered_many_times_is_taken_apart_once() -> None:
    command = " ".join(f"cat f{number}.md;" for number in range(900))
    once = steps(lambda: tokens(command))
    assert once > 900
    assert steps(lambda: [tokens(command) for _ in range(99)]) < once
