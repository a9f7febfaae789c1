"""Regular expressions that wait until they are used."""

import re

import pytest

from ctxuse.patterns import pattern


def test_an_expression_is_compiled_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_it = re.compile

    def counted(source: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(source)
        return compile_it(source, flags)

    monkeypatch.setattr("re.compile", counted)
    words = pattern(r"[a-z]+")
    assert not compiled
    assert words.findall("one two") == ["one", "two"]
    assert words.findall("three") == ["three"]
    assert compiled == [r"[a-z]+"]


def test_it_is_the_expression_that_it_stands_for() -> None:
    first = pattern("^a.", re.MULTILINE | re.DOTALL)
    assert (first.pattern, first.flags & re.DOTALL) == ("^a.", re.DOTALL)
    assert first.search("b\na\n") is not None
    assert pattern(b"[0-9]").sub(b"x", b"1 2") == b"x x"
    with pytest.raises(re.error):
        pattern("(").match("a")
