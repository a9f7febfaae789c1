"""What is made of files is kept as long as these are as they were."""

import os
from pathlib import Path

import pytest

from ctxuse.hosts import texts
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.texts import Texts
from ctxuse.layout import WorkspaceLayout


class Making:
    """Reads files, and notes how often."""

    def __init__(self) -> None:
        self.times = 0

    def text(self, path: str) -> str | None:
        self.times += 1
        return Path(path).read_text() if os.path.exists(path) else None


def test_a_file_is_read_again_when_it_is_another(tmp_path: Path) -> None:
    kept, making, path = Texts(), Making(), tmp_path / "a"
    make = making.text
    assert kept.of(make, str(path)) is None
    for number, said in enumerate(("one", "two"), 2):
        fresh = tmp_path / f"fresh{number}"
        fresh.write_text(said)
        fresh.replace(path)
        assert [kept.of(make, str(path)) for _ in range(9)] == [said] * 9
        assert making.times == number
    path.unlink()
    assert kept.of(make, str(path)) is None
    assert kept.of(make, "a\0") is None


def test_what_has_no_room_is_read_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "ROOM", 5)
    kept, making = Texts(), Making()
    make = making.text
    for name in "abc":
        (tmp_path / name).write_text(name * 3)
    found = [kept.of(make, str(tmp_path / name), 3) for name in "abab"]
    assert (found, making.times) == (["aaa", "bbb", "aaa", "bbb"], 3)
    assert [kept.of(make, str(tmp_path / "b"), 2) for _ in range(9)] == [None] * 9
    assert making.times == 3


def test_of_many_files_the_last_ones_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_FILES", 3)
    kept, making = Texts(), Making()
    make = making.text
    for name in "abcd":
        (tmp_path / name).write_text(name)
    for name in "abcdd":
        assert kept.of(make, str(tmp_path / name)) == name
    assert making.times == 4


def test_sessions_of_several_directories_know_the_same_files(tmp_path: Path) -> None:
    places = PastPlaces(WorkspaceLayout(tmp_path))
    assert places.starting_in(str(tmp_path / "a")).keep(Texts) is places.keep(Texts)
