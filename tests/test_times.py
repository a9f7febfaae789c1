"""RFC 3339 text ⇄ nanoseconds."""

import pytest
from hypothesis import given
from strategies import times
from whenever import Instant

from ctxuse.times import MAX_NS, MIN_NS, format_ns, instant, parse_ns


@given(times)
def test_what_is_written_is_read_back(ns: int) -> None:
    assert parse_ns(format_ns(ns)) == ns


@given(times)
def test_a_library_for_times_reads_the_same(ns: int) -> None:
    assert Instant.parse_iso(format_ns(ns)).timestamp(unit="nanosecond") == ns
    assert instant(ns).timestamp(unit="nanosecond") == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_000_000, "1970-01-01T00:00:00.001Z"),
        (1_000, "1970-01-01T00:00:00.000001Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (MIN_NS, "0001-01-01T00:00:00Z"),
        (MAX_NS, "9999-12-31T23:59:59.999999999Z"),
        (1_795_389_303_986_118_970, "2026-11-22T23:15:03.986118970Z"),
    ],
)
def test_a_time_has_the_fewest_fraction_digits_that_are_exact(ns: int, text: str) -> None:
    assert format_ns(ns) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.100Z"),
        ("2026-01-01T09:00:00+09:00", "2026-01-01T00:00:00Z"),
        ("2025-12-31T18:30:00-05:30", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T23:59:00+23:59", "2026-01-01T00:00:00Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_an_offset_and_any_number_of_digits_are_read(text: str, same: str) -> None:
    assert parse_ns(text) == parse_ns(same)
    assert format_ns(parse_ns(text) or 0) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+02",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Z ",
        "２０２６-01-01T00:00:00Z",  # noqa: RUF001 - digits of another script are no digits here
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    assert parse_ns(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.1234567891Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2026-1-1T00:00:00Z",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+0200",
    ],
)
def test_forms_that_no_writer_produces_are_refused_too(text: str) -> None:
    assert parse_ns(text) is None
