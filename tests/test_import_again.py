"""Imports of many files and of the same ones again: what is passed over, and what reads them."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from test_import import Talk, log

from ctxuse import Workspace
from ctxuse.adding import ImportResult
from ctxuse.cli.main import run
from ctxuse.events import UsageEvent
from ctxuse.hosts.kept import Stamp
from ctxuse.imported import Imported
from ctxuse.importing import import_transcripts
from ctxuse.remembered import Memory


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a home of its own."""
    root = tmp_path / "home" / "app"
    (root / ".yoi/memory").mkdir(parents=True)
    (root / "CLAUDE.md").write_text("Be brief.\n")
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.chdir(root)
    return root


def written(path: Path, *call_ids: str, root: Path) -> Path:
    """A transcript with a read of CLAUDE.md for each of some calls."""
    talk = Talk(root)
    for call_id in call_ids:
        talk.read(root / "CLAUDE.md", call_id)
    path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
    return path


def imported(project: Path, *paths: Path, **options: int | bool) -> ImportResult:
    files = [str(path) for path in paths]
    return import_transcripts(Workspace(project), "claude-code", files, **options)  # type: ignore[arg-type]


def told(result: ImportResult) -> tuple[int, int, int]:
    return result.added, result.there, result.unchanged


def remembered(home: Path) -> list[Path]:
    """The files in the cache that say what was imported."""
    return [*home.rglob("*.imported")]


class TestPassedOver:
    def test_a_file_that_has_not_changed_and_none_that_has(self, project: Path) -> None:
        one = written(project / "one.jsonl", "t1", "t2", root=project)
        other = written(project / "other.jsonl", "t3", root=project)
        assert told(imported(project, one, other)) == (3, 0, 0)
        assert told(imported(project, one, other)) == (0, 3, 2)
        written(other, "t3", "t4", root=project)  # it grew
        assert told(imported(project, one, other)) == (1, 3, 1)
        assert told(imported(project, one, other)) == (0, 4, 2)
        assert told(imported(project, one, other, cache=False)) == (0, 4, 0)
        assert len(log(project)) == 4

    def test_neither_size_nor_time_nor_last_line_alone_decides(self, project: Path) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        imported(project, path)
        before = path.stat()
        written(path, "t2", root=project)  # of the same size
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert told(imported(project, path)) == (1, 0, 0)
        os.utime(path, ns=(1, 1))
        assert told(imported(project, path)) == (0, 1, 0)

    def test_another_log_is_another_matter(self, project: Path) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        other = project.parent / "other"
        (other / ".yoi/memory").mkdir(parents=True)
        assert told(imported(project, path)) == (1, 0, 0)
        assert told(imported(other, path))[2] == 0
        events = Workspace(project).layout.events_path
        held = events.read_bytes()
        events.unlink()
        assert told(imported(project, path)) == (1, 0, 0)
        events.write_bytes(held[:20] + b"x" + held[21:])  # something else was put there
        assert told(imported(project, path)) == (1, 0, 0)
        events.write_bytes(held[:-2])  # and something that is shorter
        assert imported(project, path).unchanged == 0

    def test_an_archived_log_is_the_same_log(self, project: Path) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        imported(project, path)
        Workspace(project).archive()
        assert told(imported(project, path)) == (0, 1, 1)
        written(path, "t1", "t2", root=project)
        assert told(imported(project, path)) == (1, 1, 0)
        (archived,) = Workspace(project).layout.usage_dir.glob("events.2*.jsonl")
        archived.unlink()
        assert told(imported(project, path)) == (1, 1, 0)

    def test_a_log_that_was_cut_and_grew_again_while_it_was_imported(self, project: Path) -> None:
        one = written(project / "one.jsonl", "t1", root=project)
        two = written(project / "two.jsonl", "t2", "t3", root=project)
        events = Workspace(project).layout.events_path

        def cut(done: int, whole: int) -> None:
            if done == whole and events.exists():  # the first one's event is there
                os.truncate(events, 0)

        files = [str(one), str(two)]
        import_transcripts(Workspace(project), "claude-code", files, on_progress=cut, processes=1)
        assert {event.call_id for event in log(project)} == {"t2", "t3"}
        assert told(imported(project, one, two)) == (1, 2, 0)

    def test_a_log_that_was_overwritten_in_its_middle_is_another_one(self, project: Path) -> None:
        path = written(project / "one.jsonl", *(f"t{n}" for n in range(60)), root=project)
        assert told(imported(project, path)) == (60, 0, 0)
        events = Workspace(project).layout.events_path
        data = events.read_bytes()
        middle = data.index(b"\n", len(data) // 2) + 20
        events.write_bytes(data[:middle] + b"\xff" * 20 + data[middle + 20 :])
        Workspace(project).repair(overwrite_invalid_utf8=True)
        assert told(imported(project, path)) == (1, 59, 0)

    def test_with_another_record_on_the_disk_it_is_read_anew(self, project: Path) -> None:
        talk = Talk(project)
        talk.call("Bash", "t1", {"command": "for f in .yoi/knowledge/*; do cat $f; done"})
        text = "# Words\nA hub is what turns in the middle.\n"
        talk.result("t1", {"stdout": text, "stderr": "", "interrupted": False})
        path = project / "one.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines))
        assert told(imported(project, path)) == (0, 0, 0)
        assert told(imported(project, path)) == (0, 0, 1)
        record = project / ".yoi/knowledge/hub.md"
        record.parent.mkdir()
        record.write_text(text)
        os.utime(record, (1, 1))
        assert told(imported(project, path)) == (1, 0, 0)
        record.write_text(text + "more\n")
        assert told(imported(project, path)) == (0, 1, 1)

    def test_another_version_of_the_reader_reads_anew(self, project: Path) -> None:
        path = str(written(project / "one.jsonl", "t1", root=project))
        imported(project, Path(path))
        layout = Workspace(project).layout
        assert Imported(layout, "claude-code").events(path) == 1
        assert Imported(layout, "codex").events(path) is None
        with Imported(layout, "claude-code", reader="newer") as newer:
            assert newer.events(path) is None
            newer.keep(path, 1)
        assert Imported(layout, "claude-code", reader="newer").events(path) == 1
        assert Imported(layout, "claude-code").events(path) is None

    @pytest.mark.parametrize("then", ["", "t1 t2 t3", "t4"])
    def test_a_log_that_is_cut_meanwhile_is_another_one(self, project: Path, then: str) -> None:
        first = written(project / "first.jsonl", "t0", root=project)
        imported(project, first)
        events = Workspace(project).layout.events_path
        before = events.read_bytes()
        path = str(written(project / "one.jsonl", "t1", "t2", root=project))
        with Imported(Workspace(project).layout, "claude-code") as known:
            known.events(path)
            imported(project, Path(path), cache=False)
            known.keep(path, 2)
            events.write_bytes(before)
            for name in then.split():
                later = str(written(project / f"{name}.jsonl", name, root=project))
                known.events(later)
                imported(project, Path(later), cache=False)
                known.keep(later, 1)
        assert told(imported(project, Path(path)))[2] == 0
        assert {event.call_id for event in log(project)} >= {"t0", "t1", "t2"}

    def test_trying_remembers_nothing(self, project: Path) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        assert told(imported(project, path, dry_run=True)) == (1, 0, 0)
        assert not remembered(project.parent)
        assert told(imported(project, path)) == (1, 0, 0)
        assert told(imported(project, path, dry_run=True)) == (0, 1, 1)

    def test_what_was_imported_before_it_was_broken_off_is_remembered(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = written(project / "one.jsonl", "t1", root=project)
        other = written(project / "other.jsonl", "t2", root=project)
        opened = os.open

        def interrupts(
            path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
        ) -> int:
            opens.append(path)
            if path == str(other) and opens.count(path) > 1:  # the first time it is only looked at
                raise KeyboardInterrupt
            return opened(path, flags, mode, dir_fd=dir_fd)

        opens: list[str] = []
        with monkeypatch.context() as patch:
            patch.setattr("os.open", interrupts)
            with pytest.raises(KeyboardInterrupt):
                imported(project, one, other)
        assert told(imported(project, one, other)) == (1, 1, 1)

    @pytest.mark.skipif(sys.platform == "darwin", reason="all names are UTF-8 there")
    def test_of_a_workspace_whose_name_is_no_text_nothing_is_remembered(
        self, project: Path
    ) -> None:
        other = project.parent / os.fsdecode(b"app-\xff")
        (other / ".yoi/memory").mkdir(parents=True)
        path = written(project / "one.jsonl", "t1", root=project)
        assert [imported(other, path).unchanged for _ in range(2)] == [0, 0]

    def test_it_is_said(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        assert run(["import", "claude-code", str(path)]) == 0
        assert "passed over" not in capsys.readouterr().out
        assert run(["import", "claude-code", str(path)]) == 0
        assert "1 file passed over: imported before" in capsys.readouterr().out
        assert run(["import", "claude-code", str(path), "--format", "json", "--no-cache"]) == 0
        assert json.loads(capsys.readouterr().out)["imports"][0]["files_unchanged"] == 0


class TestMemory:
    """The files in the cache: absent, foreign, damaged, they cost time and nothing else."""

    def test_it_says_nothing_by_its_name_and_lies_where_the_user_wants_it(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CTXUSE_CACHE_DIR", str(tmp_path / "elsewhere"))
        path = written(project / "one.jsonl", "t1", root=project)
        imported(project, path)
        (file,) = remembered(tmp_path / "elsewhere")
        assert project.name not in file.name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        monkeypatch.setenv("CTXUSE_NO_CACHE", "1")
        assert imported(project, path).unchanged == 0
        assert imported(project, path, cache=True).unchanged == 1

    def test_damage_costs_a_reading(self, project: Path) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        imported(project, path)
        (file,) = remembered(project.parent)
        whole = file.read_bytes()
        assert imported(project, path).unchanged == 1
        broken = [whole[:cut] for cut in range(0, len(whole), 7)]
        broken += [
            whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 5)
        ]
        for data in broken:
            file.write_bytes(data)
            assert told(imported(project, path)) == (0, 1, 0)
            assert file.read_bytes() == whole

    def test_what_is_none_of_ours_is_neither_read_nor_waited_for(
        self, project: Path, tmp_path: Path
    ) -> None:
        path = written(project / "one.jsonl", "t1", root=project)
        imported(project, path)
        (file,) = remembered(project.parent)
        kept = tmp_path / "kept"
        file.rename(kept)

        def link() -> None:
            file.symlink_to(kept)

        for plant in (file.mkdir, link, lambda: os.mkfifo(file)):
            plant()
            assert told(imported(project, path)) == (0, 1, 0)
            assert kept.read_bytes()
            if file.is_dir():
                file.rmdir()
            else:
                file.unlink()
        kept.rename(file)
        assert imported(project, path).unchanged == 1
        file.parent.chmod(0o770)
        assert imported(project, path).unchanged == 0

    @pytest.mark.parametrize("home", ["/dev/null", "/proc/nowhere", "\0", "x" * 5000])
    def test_without_a_home_to_write_to(self, project: Path, home: str, tmp_path: Path) -> None:
        path = str(written(project / "one.jsonl", "t1", root=project))
        environ = {
            "HOME": str(tmp_path),
            "CTXUSE_CACHE_DIR": f"/{home}" if home[0] != "/" else home,
        }
        for expected in ((1, 0, 0), (0, 1, 0)):
            result = import_transcripts(Workspace(project), "claude-code", [path], environ=environ)
            assert told(result) == expected

    def test_another_kind_or_version_is_something_else(self, tmp_path: Path) -> None:
        environ = {"CTXUSE_CACHE_DIR": str(tmp_path)}
        Memory(environ, "things", 1).save("name", b"x")
        assert Memory(environ, "things", 1).load("name") == b"x"
        assert Memory(environ, "things", 1).load("other") is None
        assert Memory(environ, "things", 2).load("name") is None
        assert Memory(environ, "others", 1).load("name") is None

    def test_a_stamp_is_that_of_a_regular_file(self, tmp_path: Path) -> None:
        assert Stamp.of(str(tmp_path)) is None
        assert Stamp.of(str(tmp_path / "none")) is None
        assert Stamp.of("\0") is None
        (tmp_path / "empty").touch()
        found = Stamp.of(str(tmp_path / "empty"))
        assert found is not None
        assert found.size == 0


@pytest.fixture
def many(project: Path) -> list[Path]:
    """Transcripts that tell of calls once, again, never to the end, and of strange things."""
    paths = []
    for number in range(12):
        talk = Talk(project)
        talk.common["sessionId"] = f"s{number // 2}"
        for call in range(30):
            talk.read(project / "CLAUDE.md", f"t{number % 9}-{call}")
        talk.call("Bash", f"open{number % 5}", {"command": "cat CLAUDE.md"})
        talk.line(f"strange{number % 3}")
        if number == 7:  # the end of what another one leaves open
            talk.call("Bash", "open2", {"command": "cat CLAUDE.md"})
            talk.result("open2", {"stdout": "x"})
        path = project / f"{number}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in talk.lines) + "rubbish\n")
        paths.append(path)
    paths.insert(3, project / "gone.jsonl")
    return paths


def everything(project: Path, result: ImportResult) -> object:
    notes = result.notes
    return (
        told(result), notes.files, notes.no_record, notes.failed, notes.unfinished,
        dict(notes.not_understood), result.unreadable,
        [e for e in Workspace(project).events() if isinstance(e, UsageEvent)],
    )  # fmt: skip


def anew(project: Path) -> None:
    Workspace(project).layout.events_path.unlink()


class TestSeveralProcesses:
    def test_their_number_does_not_show(self, project: Path, many: list[Path]) -> None:
        alone = everything(project, imported(project, *many, processes=1, cache=False))
        written_alone = Workspace(project).layout.events_path.read_bytes()
        for processes in (2, 3, 40):
            anew(project)
            result = imported(project, *many, processes=processes, cache=False)
            assert everything(project, result) == alone
            assert Workspace(project).layout.events_path.read_bytes() == written_alone

    @pytest.mark.parametrize("broken", ["missing", "fails", "prints", "hangs up"])
    def test_one_that_fails_costs_only_time(
        self,
        project: Path,
        many: list[Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        broken: str,
    ) -> None:
        alone = everything(project, imported(project, *many, processes=1, cache=False))
        anew(project)
        programs = {
            "fails": "exit 1",
            "prints": "echo what a library prints where an answer was to come; exec sleep 60",
            "hangs up": r"printf '\0ctxuse\0\0\0\0\0\0\0\0\377{}'",
        }
        program = tmp_path / "python"
        if broken != "missing":
            program.write_text(f"#!/bin/sh\n{programs[broken]}\n")
            program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        result = imported(project, *many, processes=2, cache=False)
        assert everything(project, result) == alone

    def test_where_no_thread_can_be_started_it_is_read_here(
        self, project: Path, many: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alone = everything(project, imported(project, *many, processes=1, cache=False))
        anew(project)

        def start(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        assert everything(project, imported(project, *many, processes=2, cache=False)) == alone

    def test_much_that_is_told_goes_over_the_disk(self, project: Path) -> None:
        path = written(
            project / "one.jsonl", *[f"t{n}-{'x' * 600}" for n in range(6000)], root=project
        )
        other = written(project / "other.jsonl", "t1", root=project)
        assert told(imported(project, path, other, processes=2)) == (6001, 0, 0)

    @pytest.mark.parametrize("bytes_on_disk", [0, 40_000, 65_536])
    @pytest.mark.parametrize("processes", [1, 2])
    def test_where_what_is_told_finds_no_room_the_transcript_is_named(
        self, project: Path, bytes_on_disk: int, processes: int
    ) -> None:
        paths = [
            written(
                project / f"{n}.jsonl", *[f"t{n}-{call}-{'x' * 200}" for call in range(400)],
                root=project,
            )
            for n in range(3)
        ]  # fmt: skip
        paths.append(written(project / "short.jsonl", "s", root=project))
        program = f"""
import resource, sys
from ctxuse import Workspace
from ctxuse.hosts import transcripts
from ctxuse.importing import import_transcripts
transcripts._HELD = 10_000
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_on_disk},) * 2)
found = import_transcripts(
    Workspace({str(project)!r}), "claude-code", sys.argv[1:], processes={processes}, dry_run=True
)
print(found.added, *(reason[:20] for _, reason in found.unreadable), sep=", ")
"""
        words = [sys.executable, "-c", program, *map(str, paths)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
        reason = "File too large" if bytes_on_disk else "No usable temporary "
        assert (done.stdout, done.stderr) == (f"1, {', '.join([reason] * 3)}\n", "")
