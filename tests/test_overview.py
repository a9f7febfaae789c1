"""`ctxuse` alone: a project at once, without a set-up, and nothing is written into it."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_import import HOSTILE, Line, Talk

from ctxuse.cli.main import run
from ctxuse.hosts.transcripts import Told

LISTED = "- pdf: Reads portable documents\n- deploy: Brings it out\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a repository, in which one stands; no agent has been there."""
    home = tmp_path / "home"
    (home / "app" / ".git").mkdir(parents=True)
    (home / "app" / "CLAUDE.md").write_text("Be brief.\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "app")
    return home


def claude(home: Path, talk: Talk, name: str = "one") -> Path:
    """Keep a transcript where Claude Code keeps them."""
    return kept(home / f".claude/projects/-app/{name}.jsonl", talk.lines)


def kept(path: Path, lines: list[Line]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def session(root: Path, name: str, *call_ids: str) -> Talk:
    """A session that lists skills, is answered, and reads CLAUDE.md."""
    talk = Talk(root)
    talk.common["sessionId"] = name
    talk.line("user", message={"content": "go"})
    talk.attachment(type="skill_listing", content=LISTED)
    for line in talk.lines:
        line["uuid"] = f"{name}{line['uuid']}"
    for call_id in call_ids:
        talk.read(root / "CLAUDE.md", call_id)
    return talk


def codex(home: Path, root: Path, name: str = "c1") -> Path:
    """Keep a rollout with a read of CLAUDE.md where Codex keeps them."""

    def line(kind: str, **payload: object) -> Line:
        return {"timestamp": "2026-08-03T10:48:56.000Z", "type": kind, "payload": payload}

    read = {"type": "read", "cmd": "cat", "path": "CLAUDE.md"}
    lines = [
        line("session_meta", id=name, cwd=str(root)),
        line("event_msg", type="exec_command_end", call_id=name, exit_code=0, parsed_cmd=[read]),
    ]
    return kept(home / f".codex/sessions/2026/08/03/rollout-{name}.jsonl", lines)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """What `ctxuse` alone prints."""
    capsys.readouterr()
    assert run([]) == 0
    printed = capsys.readouterr()
    assert not printed.err
    return printed.out


def below(root: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))


Out = pytest.CaptureFixture[str]


class TestProject:
    def test_it_is_shown_without_a_set_up_and_nothing_is_written(
        self, home: Path, capsys: Out
    ) -> None:
        app = home / "app"
        claude(home, session(app, "s1", "t1", "t2"))
        nested = Talk(app, isSidechain=True, agentId="a1", sessionId="s1")
        nested.read(app / "CLAUDE.md", "t3")
        claude(home, nested, "s1/subagents/agent-a1")
        codex(home, app)
        before = below(app)
        first = shown(capsys)
        assert below(app) == before
        table, _, words = first.partition("\n\n")
        rows = {line.split()[0]: line.split()[1] for line in table.splitlines() if "/" in line}
        assert rows == {"instructions/CLAUDE.md": "4", "skill/pdf": "0", "skill/deploy": "0"}
        assert "Claude Code, 1 session since 2026-02-02; at the start of the last one" in words
        assert "Codex, 1 session since 2026-08-03; what stood resident" in words
        assert "All 6 events are from transcripts: the log holds none" in words
        assert "ctxuse setup claude-code" in words
        assert "ctxuse import codex" in words
        assert "ctxuse serve" not in words
        assert shown(capsys) == first  # of what is remembered
        assert below(app) == before

    def test_the_figures_are_those_that_an_import_gives(self, home: Path, capsys: Out) -> None:
        app = home / "app"
        claude(home, session(app, "s1", "t1", "t2"))
        claude(home, session(app, "s2", "t1", "t9"), "two")  # a copy of a call counts once
        codex(home, app)
        seen = shown(capsys)
        assert run(["init"]) == 0
        for host in ("claude-code", "codex"):
            assert run(["import", host]) == 0
            assert shown(capsys).split("\n\n")[:2] == seen.split("\n\n")[:2]
        words = shown(capsys)
        assert "from transcripts" not in words
        assert "the transcripts tell of" not in words
        assert "ctxuse import" not in words
        assert "ctxuse serve" in words
        assert run(["report"]) == 0
        report = capsys.readouterr().out
        assert words.startswith(report)

    def test_what_is_in_the_log_counts_once(self, home: Path, capsys: Out) -> None:
        app = home / "app"
        claude(home, session(app, "s1", "t1"))
        codex(home, app)
        assert run(["init"]) == 0
        assert run(["import", "codex"]) == 0
        assert "The log holds 1 event; the transcripts tell of 3 more" in shown(capsys)
        (app / ".yoi/memory/_usage/events.jsonl").unlink()
        assert "All 4 events are from transcripts" in shown(capsys)

    def test_what_is_remembered_is_of_these_files_this_log_and_these_places(
        self, home: Path, capsys: Out
    ) -> None:
        app = home / "app"
        path = claude(home, session(app, "s1", "t1"))
        assert "All 3 events" in shown(capsys)
        claude(home, session(app, "s1", "t1", "t2"))
        assert "All 4 events" in shown(capsys)
        claude(home, session(app, "s2", "t5"), "two")
        assert "Claude Code, 2 sessions" in shown(capsys)
        path.unlink()
        assert "All 3 events" in shown(capsys)
        workflow = app / ".yoi/workflow/pdf.md"
        workflow.parent.mkdir(parents=True)
        workflow.write_text("flow")
        assert "workflow/pdf" in shown(capsys)
        talk = Talk(app, sessionId="s3")
        talk.call("Bash", "b1", {"command": "./show"})
        talk.result("b1", {"stdout": "Steel frames are brazed, never welded.\n"})
        claude(home, talk, "three")
        assert "decision/frames" not in shown(capsys)
        decision = app / ".yoi/memory/decisions/frames.md"
        decision.parent.mkdir(parents=True)
        decision.write_text("Steel frames are brazed, never welded.\n")
        assert "decision/frames" in shown(capsys)
        for file in home.rglob("*.overview*"):
            file.write_bytes(file.read_bytes()[:-1])
        assert "workflow/pdf" in shown(capsys)

    @pytest.mark.parametrize(
        ("attachment", "said"),
        [
            ({"content": LISTED}, "2 records stood resident, 14 tokens, estimated"),
            ({"names": ["pdf", "deploy"]}, "2 records stood resident, of unknown size"),
            (
                {"content": "- pdf: Reads portable documents\n", "names": ["pdf", "deploy"]},
                "2 records stood resident, 1 of them 8 tokens, estimated; the size of 1 is unknown",
            ),
        ],
    )
    def test_what_stood_resident_when_the_last_session_began(
        self, home: Path, capsys: Out, attachment: Line, said: str
    ) -> None:
        talk = Talk(home / "app")
        talk.attachment(type="skill_listing", **attachment)
        talk.read(home / "app" / "CLAUDE.md", "t1")
        talk.attachment(type="skill_listing", content="- late: Is met on the way\n")
        claude(home, talk)
        earlier = Talk(home / "app", sessionId="before")
        for kind in ("skill_listing", "x"):
            earlier.attachment(type=kind, content="- other: Is of another session\n")
        for line in earlier.lines:
            line["timestamp"] = "2026-01-01T00:00:00Z"
        claude(home, earlier, "zz")
        words = " ".join(shown(capsys).split())
        assert f"at the start of the last one {said}" in words

    def test_a_directory_deep_in_it_and_a_project_without_git(
        self, home: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deep, plain = home / "app" / "src" / "deep", home / "plain"
        for directory in (deep, plain / "sub"):
            directory.mkdir(parents=True)
        claude(home, session(home / "app" / "src", "s1", "t1"))
        claude(home, session(plain, "s2", "t2"), "two")
        for where in (deep, plain, plain / "sub"):
            monkeypatch.chdir(where)
            assert "Claude Code, 1 session since" in shown(capsys)

    def test_before_any_session(self, home: Path, capsys: Out) -> None:
        words = shown(capsys)
        assert home.exists()
        said = " ".join(words.split())
        assert re.search("No session of Claude Code, Codex.* began here, or none is kept", said)
        assert "ctxuse setup claude-code" in words
        assert run(["setup", "claude-code", "--yes"]) == 0
        assert "ctxuse setup claude-code" not in shown(capsys)


class TestElsewhere:
    def test_the_projects_that_there_are(
        self, home: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        odd = home / "odd\x1b[31m"
        odd.mkdir()
        claude(home, session(home / "app", "s1"))
        claude(home, session(home / "app", "s2"), "two")
        claude(home, Talk(home / "app", isSidechain=True, agentId="a"), "agent-a")
        claude(home, session(odd, "s3"), "three")
        codex(home, home / "gone")
        monkeypatch.chdir(home)
        words = shown(capsys)
        assert "\x1b" not in words
        rows = [line.split()[-3:] for line in words.splitlines()[2:5]]
        assert rows[0] == ["~/app", "2", "2026-02-02"]
        assert [row[-2:] for row in rows[1:]] == [["1", "2026-08-03"], ["1", "2026-02-02"]]
        assert "No project here" in words

    @pytest.mark.parametrize("where", ["/nonexistent", "/dev/null", ""])
    def test_without_a_home(
        self, home: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        for name in ("HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
            monkeypatch.setenv(name, where or str(home / "nothing"))
        monkeypatch.chdir("/")
        words = shown(capsys)
        assert re.search("No project here, and no session of Claude Code, Codex.* in ", words)

    @pytest.mark.usefixtures("home")
    def test_a_home_that_is_not_there_is_not_made(
        self, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "CTXUSE_CACHE_DIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path / "gone"))
        assert "instructions/CLAUDE.md" not in shown(capsys)
        assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null"])
def test_a_cache_that_cannot_be_written_costs_only_time(
    home: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    monkeypatch.setenv("CTXUSE_CACHE_DIR", cache)
    claude(home, session(home / "app", "s1", "t1"))
    assert shown(capsys) == shown(capsys)


def test_no_more_is_held_of_what_a_transcript_tells_than_is_remembered(
    home: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude(home, session(home / "app", "s1", *map(str, range(100))))
    seen = shown(capsys)
    monkeypatch.setenv("CTXUSE_CACHE_DIR", str(tmp_path / "other"))
    monkeypatch.setattr("ctxuse.hosts.transcripts._PIECE", 100)
    monkeypatch.setattr("ctxuse.overview._MOST_TOLD", 2_000)
    taken: list[int] = []
    parts = Told.parts

    def counted(told: Told) -> Iterator[bytes]:
        for part in parts(told):
            taken.append(len(part))
            yield part

    monkeypatch.setattr(Told, "parts", counted)
    assert shown(capsys) == seen
    assert len(taken) > 1
    assert sum(taken[:-1]) <= 2_000


def test_a_hostile_home(home: Path, capsys: Out) -> None:
    where = json.dumps(str(home / "app")).encode()
    for number, data in enumerate(HOSTILE):
        for folder in (".claude/projects/x", ".codex/sessions"):
            path = home / folder / f"{number}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            head = b'{"type":"session_meta","payload":{"id":"\\u001b[1m","cwd":%s},"cwd":%s}\n'
            path.write_bytes(head % (where, where) + data)
    os.mkfifo(home / ".claude/projects/pipe.jsonl")
    (home / ".codex/sessions/link.jsonl").symlink_to("link.jsonl")
    claude(home, session(home / "app", "\x1b[31m" * 50, "\x1b[32m", "\x07" * 4000))
    capsys.readouterr()
    assert run([]) == 3
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out
    assert "instructions/CLAUDE.md" in printed.out
    assert [line.rpartition("/")[2] for line in printed.err.splitlines()] == [
        'pipe.jsonl": it is no regular file',
        'link.jsonl": Too many levels of symbolic links',
    ]
    assert run([]) == 3
    assert capsys.readouterr() == printed


def test_a_transcript_that_cannot_be_read_is_named_until_it_can(
    home: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    claude(home, session(home / "app", "s1", "t1"))
    (link := home / ".claude/projects/-other").symlink_to(home)
    capsys.readouterr()
    assert run([]) == 3
    printed = capsys.readouterr()
    assert printed.err == f'ctxuse: not read: "{link}": it is a link to a directory\n'
    assert "instructions/CLAUDE.md" in printed.out
    link.unlink()

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "the disk does not give it")

    with monkeypatch.context() as patch:
        patch.setattr("ctxuse.hosts.claude_code.transcript.read", broken)
        claude(home, session(home / "app", "s2", "t2"), "two")
        assert run([]) == 3
        assert 'two.jsonl": the disk does not give it' in capsys.readouterr().err
    assert "2 sessions" in shown(capsys)


def test_help_stays_and_a_pipe_gets_plain_text(home: Path) -> None:
    claude(home, session(home / "app", "s1", "t1"))
    environ = {**os.environ, "HOME": str(home)}

    def printed(*words: str) -> str:
        command = [sys.executable, "-m", "ctxuse", *words]
        done = subprocess.run(command, check=True, capture_output=True, env=environ, text=True)
        assert not done.stderr
        return done.stdout

    assert "Usage: ctxuse" in printed("--help")
    plain = printed()
    assert "Claude Code, 1 session" in plain
    assert "\x1b" not in plain
