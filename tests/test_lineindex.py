"""Which records hold a line of an output: as if all were read, though few are."""

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctxuse import UsageEvent, Workspace
from ctxuse.files import read_small
from ctxuse.hook import run
from ctxuse.hosts import lineindex
from ctxuse.hosts.evidence import Command, Found, KnownLines
from ctxuse.hosts.lineindex import files_near
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places

DECISIONS = ".yoi/memory/decisions"
MONEY = "# Money\nAmounts are integers of cents.\n"
POSTGRES = "# Postgres\nNot SQLite, for the locks.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "home" / "shop"
    (root / DECISIONS).mkdir(parents=True)
    (root / DECISIONS / "money.md").write_text(MONEY)
    (root / DECISIONS / "postgres.md").write_text(POSTGRES)
    (root / "CLAUDE.md").write_text("Be brief and say what you did.\n")
    return root


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all files pass for such as have been as they are for long."""
    monkeypatch.setattr(lineindex, "_SETTLED_NS", -(10**18))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the records that have been read."""
    names: list[str] = []

    def counted(path: str, largest: int) -> bytes:
        names.append(os.path.basename(path))
        return read_small(path, largest)

    monkeypatch.setattr("ctxuse.hosts.lineindex.read_small", counted)
    monkeypatch.setattr("ctxuse.hosts.evidence.read_small", counted)
    return names


def places_of(root: Path) -> Places:
    return Places(Workspace(root).layout, {"HOME": str(root.parent)}, start=str(root))


def near(root: Path, output: str) -> list[str] | None:
    found = files_near(places_of(root), output)
    return None if found is None else [record.slug for record in found]


def hooked(root: Path, command: str, output: str) -> list[str]:
    """The records that stand in the log once a hook was told of a command."""
    fields = {
        "session_id": "s", "cwd": str(root), "hook_event_name": "PostToolUse",
        "tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": os.urandom(8).hex(),
        "tool_response": {"stdout": output, "stderr": ""},
    }  # fmt: skip
    run(["claude-code"], io.BytesIO(json.dumps(fields).encode()), {"HOME": str(root.parent)})
    events = Workspace(root).events()
    return [event.records[0].slug for event in events if isinstance(event, UsageEvent)]


def indexes(root: Path) -> list[Path]:
    return [*root.parent.rglob("*.lines")]


_LINES = (
    "one of them that tells enough", "another one that does as well", "x", "12",
    "and a third, no shorter than they", "- none",
)  # fmt: skip
_PREFIXES = ("", "", "3: ", "a.md:", "a.md:7:", "> ", "+", '"')
_NAMES = ("CLAUDE.md", *(f"{DECISIONS}/{name}.md" for name in ("a", "b", "Not one")))


class Written(NamedTuple):
    """A file is written, or removed."""

    name: str
    lines: list[str] | None


class Printed(NamedTuple):
    """A command that names some files prints lines."""

    named: set[str]
    lines: list[str]


_WRITTEN = st.builds(
    Written, st.sampled_from(_NAMES), st.none() | st.lists(st.sampled_from(_LINES), max_size=5)
)
_PRINTED = st.builds(
    Printed,
    st.sets(st.sampled_from(_NAMES), max_size=2),
    st.lists(
        st.builds(str.__add__, st.sampled_from(_PREFIXES), st.sampled_from((*_LINES, "", "other"))),
        max_size=8,
    ),
)


def shown(root: Path, named: set[str], output: str, *, indexed: bool) -> Found:
    places = places_of(root)
    command = f"cat {' '.join(sorted(named))}"
    found = [places.record_at(str(root / name)) for name in sorted(named)]
    records = [record for record in found if record is not None]
    near = files_near(places, output) if indexed else None
    assert (near is None) != indexed
    known = KnownLines.of(places, records, command, near)
    return known.shown(output, Command(command, records))


@settings(deadline=None)
@given(
    st.lists(_WRITTEN | _PRINTED, min_size=4, max_size=16), st.sampled_from([2 * 10**9, -(10**18)])
)
def test_what_an_output_shows_is_the_same_with_an_index(
    steps: list[Written | Printed], settled: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as home:
        patch.setattr(lineindex, "_SETTLED_NS", settled)
        root = Path(home) / "shop"
        (root / DECISIONS).mkdir(parents=True)
        for number, step in enumerate(steps):
            if isinstance(step, Written):
                (root / step.name).unlink(missing_ok=True)
                if step.lines is None:
                    continue
                # of a size that it did not have before
                (root / step.name).write_text("\n".join([*step.lines, "\n" * number]))
            named = step.named if isinstance(step, Printed) else set()
            output = "\n".join(step.lines or ())
            expected = shown(root, named, output, indexed=False)
            for _ in ("cold", "warm"):
                assert shown(root, named, output, indexed=True) == expected


@pytest.mark.usefixtures("old")
def test_where_nothing_is_near_no_record_is_opened(project: Path, read: list[str]) -> None:
    assert hooked(project, "make", "all is done\n") == []
    assert sorted(read) == ["CLAUDE.md", "money.md", "postgres.md"]
    read.clear()
    assert hooked(project, "make && cat README.md", "all is done\n# Readme\n") == []
    assert not read


@pytest.mark.usefixtures("old")
def test_only_what_is_near_or_named_is_opened(project: Path, read: list[str]) -> None:
    hooked(project, "make", "all is done\n")
    read.clear()
    assert hooked(project, "make", POSTGRES) == ["postgres"]
    assert read == ["postgres.md"]
    read.clear()
    assert hooked(project, f"head -c 5 {DECISIONS}/money.md", "# Mon") == ["postgres", "money"]
    assert read == ["money.md"]


@pytest.mark.usefixtures("old")
def test_a_file_that_is_new_or_another_one_is_read_again_and_no_other(
    project: Path, read: list[str]
) -> None:
    assert near(project, "all is done") == []
    read.clear()
    (project / DECISIONS / "money.md").write_text("# Money\nAll is done.\n")
    (project / DECISIONS / "new.md").write_text("All is done.\n")
    assert near(project, "All is done.") == ["money", "new"]
    assert sorted(read) == ["money.md", "new.md"]
    read.clear()
    (project / DECISIONS / "new.md").unlink()
    assert near(project, "All is done.") == ["money"]
    other = project / "other"
    other.write_text("# Money\nNot so fast.\n")
    same = (project / DECISIONS / "money.md").stat()
    os.utime(other, ns=(same.st_atime_ns, same.st_mtime_ns))
    other.replace(project / DECISIONS / "money.md")
    assert near(project, "Not so fast.") == ["money"]
    assert read == ["money.md"]


def test_what_was_written_just_now_is_read_until_it_has_settled(
    project: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert near(project, "x") == near(project, "x") == []
    assert len(read) == 6
    now = max(path.stat().st_ctime_ns for path in project.rglob("*.md"))
    monkeypatch.setattr("time.time_ns", lambda: now + 2_000_000_001)
    assert near(project, "x") == []
    read.clear()
    assert near(project, "x") == []
    assert not read


@pytest.mark.usefixtures("old")
def test_no_text_is_in_an_index(project: Path) -> None:
    near(project, "x")
    (index,) = indexes(project)
    data = index.read_bytes()
    assert data.startswith(b"ctxuse lines ")
    for word in (*MONEY.split(), *POSTGRES.split()):
        assert len(word) < 4 or word.encode() not in data
    assert index.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("old")
def test_damage_to_an_index_costs_a_reading(project: Path, read: list[str]) -> None:
    near(project, "x")
    (index,) = indexes(project)
    whole = index.read_bytes()
    broken = [whole[:cut] for cut in range(0, len(whole), 11)]
    broken += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, 200, 7)]
    for data in broken:
        index.write_bytes(data)
        read.clear()
        assert near(project, POSTGRES) == ["postgres"]
        assert sorted(read) == ["CLAUDE.md", "money.md", "postgres.md"]
        assert index.read_bytes() == whole


@pytest.mark.usefixtures("old")
def test_an_index_of_files_that_are_as_they_were_is_used_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near(project, "x")
    assert len(indexes(project)) == 1
    monkeypatch.setattr(lineindex._Stamps, "by_path", lambda _: pytest.fail("it is taken apart"))  # noqa: SLF001
    assert near(project, "nothing of them") == []


def written(names: bytes, numbers: list[int], hashes: bytes = b"") -> bytes:
    """An index as it is written, of whatever is given."""
    parts = [names, b"".join(n.to_bytes(8, sys.byteorder) for n in numbers)]
    sizes = b"".join(len(part).to_bytes(8, sys.byteorder) for part in parts)
    return b"".join([sizes, *parts, hashes])


_WRONG = (
    written(b"", []), written(b"", [1]), written(b"", [1, 2, 3]), written(b"a", [1, 2, 3]),
    written(b"a\0b\0\0", []), written(b"a\0b\0\0", [1]), written(b"a\0b\0\0", [1, 2, 3], b"abc"),
    written(b"a\0b\0\0", [1, 2, 3], b"abcd\xff\xff\xff\xff"), written(b"\xff\0\xff", [1, 2, 3]),
    written(b"\0\0\0\0", [2**64 - 1] * 3), b"\xff" * 16, b"\0" * 15, b"\0" * 17,
    b"", b"\n", b"[]\n", b"{}\nabc", b"{}\nabcd", b'"x"\nabcd', b'{"a":1}\n', b'{"a":[1]}\n',
    b'{"a":[[1,2,3],1]}\n', b'{"a":[[1,2,3],"1"]}\nabcd', b'{"a":[[1,2,3],1.0]}\nabcd',
    b'{"a":[null,-1],"b":[null,2]}\nabcd', b'{"a":{"b":1}}\nabcd\xff\xff\xff\xff',
    b'{"a":{"b":1}}\nabcd\0\0\0\0', b'{"":{"b":1},"c":2}\n', b'{"a":[{},{}]}\n',
    b"[" * 100_000, b"\xff\xff\n",
)  # fmt: skip


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("data", _WRONG, ids=range(len(_WRONG)))
def test_an_index_that_says_something_else_costs_a_reading(
    project: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(lineindex._Index, "dumped", lambda _: data)  # noqa: SLF001 - as if it had
        near(project, "x")
    assert len(indexes(project)) == 1
    assert hooked(project, "make", POSTGRES) == ["postgres"]


@pytest.mark.usefixtures("old")
def test_an_index_that_somebody_else_may_have_put_there_is_not_read(
    project: Path, tmp_path: Path, read: list[str]
) -> None:
    near(project, "x")
    (index,) = indexes(project)
    kept = tmp_path / "kept"
    index.rename(kept)

    def link() -> None:
        index.symlink_to(kept)

    for plant in (index.mkdir, link, lambda: os.mkfifo(index)):
        plant()
        read.clear()
        assert near(project, POSTGRES) == ["postgres"]
        assert len(read) == 3
        if index.is_dir():
            index.rmdir()
        else:
            index.unlink()
    kept.rename(index)
    index.parent.chmod(0o770)
    read.clear()
    assert near(project, POSTGRES) == ["postgres"]
    assert len(read) == 3


@pytest.fixture(params=["no cache", "no home", "too many", "too much"])
def unindexed(
    request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """An environment in which there is no index."""
    environ = {"HOME": str(project.parent)}
    match request.param:
        case "no cache":
            environ["CTXUSE_NO_CACHE"] = "1"
        case "no home":
            environ["HOME"] = str(project.parent / "none")
        case "too many":
            monkeypatch.setattr(lineindex, "MOST_FILES", 2)
        case _:
            monkeypatch.setattr(lineindex, "MOST_BYTES", 10)
    yield environ
    assert not indexes(project)


def test_without_an_index_all_records_are_read(
    project: Path, unindexed: dict[str, str], read: list[str]
) -> None:
    places = Places(Workspace(project).layout, unindexed, start=str(project))
    assert files_near(places, POSTGRES) is None
    fields = {
        "session_id": "s", "cwd": str(project), "hook_event_name": "PostToolUse",
        "tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "t1",
        "tool_response": {"stdout": POSTGRES, "stderr": ""},
    }  # fmt: skip
    run(["claude-code"], io.BytesIO(json.dumps(fields).encode()), unindexed)
    (event,) = Workspace(project).events()
    assert isinstance(event, UsageEvent)
    assert event.records[0].slug == "postgres"
    assert sorted(read) == ["CLAUDE.md", "money.md", "postgres.md"]


@pytest.mark.usefixtures("old")
def test_what_cannot_be_read_holds_nothing(project: Path) -> None:
    shutil.rmtree(project / DECISIONS)
    (project / DECISIONS).mkdir()
    (project / DECISIONS / "large.md").write_text("line\n" * 100_000)
    (project / DECISIONS / "gone.md").symlink_to("nothing")
    (project / DECISIONS / "folder.md").mkdir()
    os.mkfifo(project / DECISIONS / "pipe.md")
    assert near(project, "line\n") == near(project, "line\n") == []


@pytest.mark.usefixtures("old")
def test_every_file_of_a_record_is_looked_at(project: Path) -> None:
    skill = project / ".claude/skills/pdf"
    (skill / "references").mkdir(parents=True)
    (project / ".yoi/workflow").mkdir()
    for path in (
        skill / "SKILL.md",
        skill / "references/forms.md",
        project / ".yoi/memory/summary.md",
        project / ".yoi/workflow/release.md",
    ):
        path.write_text("the same line\n")
    (project / DECISIONS / "Not one.md").write_text("the same line\n")
    found = files_near(places_of(project), "the same line")
    everything = [*record_files(places_of(project))]
    assert found == [r for r in everything if "same" in Path(r.named).read_text()]
    assert len(found) == 4
