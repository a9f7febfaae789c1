"""`ctxuse show`: one record over time."""

import json
from collections import Counter

import pytest
from strategies import an_event

from ctxuse import UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.history import DAY, MOST_CHANGES, History
from ctxuse.render.history import sparkline

NOON = 1_790_000_000_000_000_000


def snapshot(size: int) -> UsageRecordSnapshot:
    return UsageRecordSnapshot.from_size("skill", "pdf", size)


def filled(workspace: Workspace) -> Workspace:
    for number, (day, size) in enumerate([(5, 300), (0, 100), (1, 100), (3, 200), (9, 300)]):
        event = UsageEventKind.RESIDENT_EXPOSURE if day == 3 else UsageEventKind.USE
        workspace.append(
            an_event(
                id=f"0000000{number}-0000-7000-8000-000000000000",
                occurred_at_ns=NOON + day * DAY,
                segment_id=f"s{number}",
                event=event,
                source=UsageSource.RESIDENT_INJECTION if day == 3 else UsageSource.MEMORY_READ,
                records=(snapshot(size),),
                host="codex",
            )
        )
    workspace.append(an_event())
    return workspace


def test_the_history_goes_by_time_whatever_the_order_in_the_file(workspace: Workspace) -> None:
    history = filled(workspace).history("skill", "pdf")
    first = NOON // DAY
    assert history.uses == {first: 1, first + 1: 1, first + 5: 1, first + 9: 1}
    assert history.exposures == {first + 3: 1}
    assert history.sizes == [(NOON, 100), (NOON + 3 * DAY, 200), (NOON + 5 * DAY, 300)]
    assert [use.segment_id for use in history.last_uses] == ["s4", "s0", "s2", "s1"]
    assert history.figures is not None
    assert history.figures.used.times == 4


def test_it_shows_as_text_and_as_json(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace)
    words = ["show", "skill/pdf", "-w", str(workspace.layout.root)]
    assert run(words) == 0
    said = capsys.readouterr().out
    for expected in (
        "skill/pdf",
        "Evidence since",
        "Used      4 times in 4 segments, the last 2026-09-30 14:13 (MemoryRead 4)",
        "Resident  1 time in 1 segment",
        "50 tokens, estimated when it happened",
        "Its file  is gone",
        "From 2026-09-21 to 2026-09-30, a day a column",
        "|██   █   █|",
        "300 bytes",
        "MemoryRead by codex, segment s4",
    ):
        assert expected in said, expected
    assert run([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["uses_by_day"]["2026-09-30"] == 1
    assert [size["bytes"] for size in told["sizes"]] == [100, 200, 300]


def test_a_record_in_no_event_is_unknown_not_zero(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace)
    assert run(["show", "summary", "-w", str(workspace.layout.root)]) == 0
    said = capsys.readouterr().out
    assert "In no event: nothing is known of it, which is not evidence of disuse." in said
    for name in ("", "/", "skill/", "/pdf", "skill"):
        assert run(["show", name, "-w", str(workspace.layout.root)]) == 2


def test_nothing_reaches_the_terminal_raw(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = UsageRecordSnapshot.from_size("skill", "\x1b[31m", 1)
    workspace.append_use("\x1b]0;x", UsageSource.MEMORY_READ, [hostile], host="\u202e")
    assert run(["show", "skill/\x1b[31m", "-w", str(workspace.layout.root)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_many_changes_of_size_are_bounded() -> None:
    history = History("skill", "pdf")
    for number in range(5 * MOST_CHANGES):
        at = NOON + number
        history.add(an_event(occurred_at_ns=at, records=(snapshot(number),)))
    assert MOST_CHANGES <= len(history.sizes) <= 2 * MOST_CHANGES
    assert history.sizes[-1] == (NOON + 5 * MOST_CHANGES - 1, 5 * MOST_CHANGES - 1)


@pytest.mark.parametrize("days", [1, 59, 60, 61, 400, 100_000])
def test_a_sparkline_is_never_too_wide_and_counts_every_day(days: int) -> None:
    line, each = sparkline(Counter({0: 1, days - 1: 1}), 0, days - 1)
    assert len(line) <= 60
    assert len(line) * each >= days
    assert line[0] == line[-1] == "█"
