"""Bytes → lines → events and skipped lines."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event, events

from ctxuse import LogUnreadableError, SkippedLine, SkipReason, UsageEvent, Workspace
from ctxuse.codec import MAX_READ_LINE
from ctxuse.codec.encode import encode
from ctxuse.layout import LOG_NAME
from ctxuse.log.reader import (
    BlankLine,
    Lines,
    OpenLog,
    Oversized,
    PendingLine,
    data_in,
    last_line_end,
    read_blocks,
    read_events,
)

LINE = encode(an_event())


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Callable[[bytes], OpenLog]]:
    opened: list[OpenLog] = []

    def make(data: bytes) -> OpenLog:
        path = tmp_path / f"{len(opened)}.jsonl"
        path.write_bytes(data)
        opened.append(OpenLog(LOG_NAME, os.open(path, os.O_RDONLY), len(data)))
        return opened[-1]

    yield make
    for one in opened:
        os.close(one.descriptor)


def simply(data: bytes, longest: int) -> list[tuple[int, int, bytes | int, bool]]:
    """What reading means, said as simply as can be."""
    found: list[tuple[int, int, bytes | int, bool]] = []
    offset = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        ended = offset + len(line) < len(data)
        if ended or line:
            found.append((number, offset, line if len(line) <= longest else len(line), ended))
        offset += len(line) + 1
    return found


def flat(blocks: Iterator[Lines | Oversized]) -> list[tuple[int, int, bytes | int, bool]]:
    found: list[tuple[int, int, bytes | int, bool]] = []
    for block in blocks:
        if isinstance(block, Oversized):
            found.append((len(found) + 1, block.offset, block.length, block.ended))
            continue
        offset = block.offset
        for line in block.lines:
            last = offset + len(line) >= block.end
            found.append((len(found) + 1, offset, line, block.ended or not last))
            offset += len(line) + 1
    return found


@given(
    data=st.lists(
        st.sampled_from([b"a", b"bc", b"\n", b"x" * 7, b"z" * 10, b"z" * 11, b"y" * 30]),
        max_size=30,
    ).map(b"".join),
    block=st.integers(1, 9),
)
@settings(max_examples=400)
def test_lines_are_the_same_whatever_the_block_size(data: bytes, block: int) -> None:
    longest = 10  # as in the program, a block is shorter than the longest line
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        blocks = read_blocks(file.fileno(), size=block, longest=longest)
        assert flat(blocks) == simply(data, longest)


@pytest.mark.parametrize("block", range(1, 10))
def test_a_line_that_is_a_little_too_long_is_so_behind_any_other(block: int) -> None:
    """How far was read for the one before says nothing of it."""
    data = b"y" * 30 + b"\na\n" + b"z" * 11 + b"\nbc\n" + b"z" * 10 + b"\n" + b"z" * 11 + b"\na\n"
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        assert flat(read_blocks(file.fileno(), size=block, longest=10)) == simply(data, 10)


def test_reading_stops_at_the_size_taken_at_the_start(log: Callable[[bytes], OpenLog]) -> None:
    opened = log(LINE + b"\n" + LINE + b"\n")
    assert len([*read_events(opened._replace(end=len(LINE) + 1))]) == 1


def test_a_last_line_without_newline_counts_when_it_is_whole(
    log: Callable[[bytes], OpenLog],
) -> None:
    assert [*read_events(log(LINE + b"\n" + LINE))] == [an_event(), an_event()]


def test_a_last_line_that_is_not_finished_is_pending_and_not_damaged(
    log: Callable[[bytes], OpenLog],
) -> None:
    data = LINE + b"\n" + LINE[:-1]
    assert [*read_events(log(data))] == [an_event(), PendingLine(2, len(LINE) + 1)]
    archived = log(data)._replace(name="events.20261101T000000Z.jsonl")
    assert [type(found) for found in read_events(archived)] == [UsageEvent, SkippedLine]


def test_carriage_returns_and_blank_lines_are_as_for_the_reference(
    log: Callable[[bytes], OpenLog],
) -> None:
    data = LINE + b"\r\n\r\n \t\n\n" + "\u2003\n".encode() + LINE
    assert [type(found) for found in read_events(log(data))] == [
        UsageEvent,
        BlankLine,
        BlankLine,
        BlankLine,
        BlankLine,
        UsageEvent,
    ]


def test_every_skipped_line_has_its_number_its_offset_and_its_reason(
    log: Callable[[bytes], OpenLog],
) -> None:
    data = b"\n".join([b"", LINE, b"{}", b"\xff", LINE, b"[]", b""])
    skipped = [found for found in read_events(log(data)) if isinstance(found, SkippedLine)]
    after = 1 + len(LINE) + 1
    assert skipped == [
        SkippedLine(3, after, SkipReason.MISSING_FIELD, "id"),
        SkippedLine(4, after + 3, SkipReason.NOT_UTF8),
        SkippedLine(6, after + 3 + 2 + len(LINE) + 1, SkipReason.NOT_OBJECT),
    ]


def test_an_oversized_line_is_passed_over_and_the_next_one_counts(
    log: Callable[[bytes], OpenLog],
) -> None:
    fits = LINE + b" " * (MAX_READ_LINE - len(LINE))
    data = fits + b"\n" + fits + b" \n" + LINE + b"\n"
    assert [*read_events(log(data))] == [
        an_event(),
        SkippedLine(2, len(fits) + 1, SkipReason.OVERSIZED),
        an_event(),
    ]


@given(st.lists(events, max_size=5), st.data())
def test_a_prefix_of_the_log_gives_a_prefix_of_the_events(
    written: list[UsageEvent], data: st.DataObject
) -> None:
    whole = b"".join(encode(event) + b"\n" for event in written)
    cut = data.draw(st.integers(0, len(whole)))
    with TemporaryFile(buffering=0) as file:
        file.write(whole[:cut])
        opened = OpenLog(LOG_NAME, file.fileno(), cut)
        found = [e for e in read_events(opened) if isinstance(e, UsageEvent)]
    assert found == written[: len(found)]
    assert len(found) >= whole[:cut].count(b"\n")


@pytest.mark.parametrize("what", ["directory", "link", "fifo", "hard link"])
def test_what_is_no_log_is_refused_and_not_read(workspace: Workspace, what: str) -> None:
    path = workspace.layout.events_path
    path.parent.mkdir()
    other = path.parent.parent / "other"
    other.write_bytes(LINE + b"\n")
    match what:
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to(other)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.hardlink_to(other)
    with pytest.raises(LogUnreadableError, match=r"it (is a|has another)") as caught:
        workspace.report()
    assert caught.value.path == str(path)


def test_a_link_in_place_of_a_directory_below_the_root_is_refused(workspace: Workspace) -> None:
    elsewhere = workspace.layout.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "events.jsonl").write_bytes(LINE + b"\n")
    workspace.layout.usage_dir.symlink_to(elsewhere)
    with pytest.raises(LogUnreadableError, match="_usage: it is a link"):
        workspace.report()


@given(
    st.lists(
        st.tuples(st.sampled_from([b"\n", b"x\n", b"x", b""]), st.integers(0, 400_000)), max_size=6
    ),
    st.integers(0, 500_000),
)
@settings(max_examples=40, deadline=None)
def test_holes_are_zeros_to_who_looks_for_the_last_line(
    some: list[tuple[bytes, int]], start: int
) -> None:
    with TemporaryFile() as file:
        for data, hole in some:
            file.write(data)
            file.truncate(file.seek(hole, os.SEEK_CUR))
        end = file.seek(0, os.SEEK_END)
        start = min(start, end)
        file.seek(start)
        rest = bytearray(file.read())
        log = OpenLog(LOG_NAME, file.fileno(), end)
        assert last_line_end(log, start) == start + rest.rfind(b"\n") + 1
        for first, last in data_in(file.fileno(), start, end):
            assert start <= first < last <= end
            rest[first - start : last - start] = bytes(last - first)
        assert rest.count(0) == len(rest)
