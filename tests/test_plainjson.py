"""JSON without `json` is as that has it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse.plainjson import loads, quoted

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans(), st.text(" \t\n\r", max_size=3), st.booleans())
def test_what_is_json_is_read(value: object, ascii_only: bool, around: str, as_bytes: bool) -> None:  # noqa: FBT001 - drawn
    text = around + json.dumps(value, ensure_ascii=ascii_only) + around
    data = text.encode("utf-8", "surrogatepass") if as_bytes else text
    assert repr(loads(data)) == repr(json.loads(data))


SAID: list[str | bytes] = [
    "", "{", "{}x", "[1,]", '{"a":1,}', "{'a':1}", "nul", "[NaN,-Infinity,1e999]", "\ufeff{}",
    '["\n"]', "{}\x0b", "{}\xa0", "[" * 100_000, '{"a":1,"a":2}', '["\\ud800"]', "1" * 5000,
    b"", b"\xff", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'["\xed\xa0\x80"]', b"{\0}\0",
    b"[\0\0\0]\0\0\0",
    '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32-le"), " []".encode("utf-16-be"),
]  # fmt: skip


def outcome(read: Any, data: str | bytes) -> object:  # noqa: ANN401 - either one
    try:
        return repr(read(data))
    except (ValueError, RecursionError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("data", SAID, ids=range(len(SAID)))
def test_whatever_else_is_as_json_has_it(data: str | bytes) -> None:
    assert outcome(loads, data) == outcome(json.loads, data)


@given(st.text())
def test_a_text_is_quoted_in_ascii(text: str) -> None:
    assert quoted(text) == json.dumps(text)
