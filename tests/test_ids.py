"""UUIDs."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse.ids import canonical_id, new_id


@given(st.integers(0, 2**48 * 1_000_000 - 1))
def test_a_new_id_is_a_uuid_of_version_7_that_tells_its_millisecond(now_ns: int) -> None:
    made = uuid.UUID(new_id(now_ns))
    assert str(made) == new_id(now_ns)[:13] + str(made)[13:]
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == now_ns // 1_000_000


def test_new_ids_differ() -> None:
    assert len({new_id(0) for _ in range(10_000)}) == 10_000


@given(st.uuids())
def test_every_spelling_of_a_uuid_has_one_canonical_form(value: uuid.UUID) -> None:
    for text in (str(value), value.hex, str(value).upper(), value.hex.upper()):
        assert canonical_id(text) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01a2058a-acb2-73bc-8f43-32ac6750f8a",
        "01a2058a-acb2-73bc-8f43-32ac6750f8a6a",
        "01a2058aacb2-73bc-8f43-32ac6750f8a6",
        "01a2058a-acb2-73bc-8f43-32ac6750f8ag",
        "01a2058a-acb2-73bc-8f43-32ac6750f8a6\n",
        "urn:uuid:01a2058a-acb2-73bc-8f43-32ac6750f8a6",
        "{01a2058a-acb2-73bc-8f43-32ac6750f8a6}",
    ],
)
def test_what_is_no_uuid_is_refused(text: str) -> None:
    assert canonical_id(text) is None
