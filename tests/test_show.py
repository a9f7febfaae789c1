"""`ctxuse show`: one record over time."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import an_event

from ctxuse import UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.counting.detail import LAST_USES, DetailTally
from ctxuse.render.record import sparkline
from ctxuse.zones import DAY

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


def test_it_goes_by_time_whatever_the_order_in_the_file(workspace: Workspace) -> None:
    record = filled(workspace).full_report().record("skill", "pdf")
    assert record is not None
    first = NOON // DAY
    assert {day: (c.uses, c.exposures) for day, c in record.days.items()} == {
        first: (1, 0),
        first + 1: (1, 0),
        first + 3: (0, 1),
        first + 5: (1, 0),
        first + 9: (1, 0),
    }
    assert record.sizes == ((first, 100), (first + 3, 200), (first + 5, 300))
    assert [use.segment for use in record.last_uses] == ["s4", "s0", "s2", "s1"]
    assert record.total.uses == 4


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
        "Events by agent: codex 5",
        "Used      4 times in 4 sessions and sub-agents, the last 2026-09-30 14:13 (MemoryRead 4)",
        "Resident  1 time in 1 session or sub-agent",
        "tokens ",
        "Its file  is gone",
        "From 2026-09-21 to 2026-09-30, a day a column",
        "|██   █   █|",
        "|▃▃▃▆▆█████| 100 to 300 bytes",
        "300 bytes",
        "MemoryRead by codex, session s4",
    ):
        assert expected in said, expected
    assert run([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["days"]["2026-09-30"]["use_count"] == 1
    assert told["evidence"]["hosts"] == ["codex", "unknown"]
    assert told["record"]["use_count"] == 4
    assert [size["bytes"] for size in told["sizes"]] == [100, 200, 300]


def test_the_files_of_a_name_are_listed_for_what_they_are(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace)
    root = workspace.layout.root
    words = ["show", "skill/pdf", "-w", str(root)]
    for path, text in ((".agents/skills/pdf", "one"), (".codex/skills/pdf", "other")):
        (root / path).mkdir(parents=True)
        (root / path / "SKILL.md").write_text(text)
    (root / ".claude/skills").mkdir(parents=True)
    (root / ".claude/skills/pdf").symlink_to(root / ".agents/skills/pdf")
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "Events say its name, not which of these.\n" in said
    assert "\n  .agents/skills/pdf/SKILL.md\n" in said
    assert "\n  .claude/skills/pdf/SKILL.md  a link to the first\n" in said
    assert "\n  .codex/skills/pdf/SKILL.md  another text\n" in said
    assert run([*words, "--format", "json"]) == 0
    assert [file["is_as_first"] for file in json.loads(capsys.readouterr().out)["files"]] == [
        None, "other", "link",
    ]  # fmt: skip
    (root / ".codex/skills/pdf/SKILL.md").unlink()
    (root / ".claude/skills/pdf").unlink()
    assert run(words) == 0
    assert "Files of this name" not in capsys.readouterr().out


def test_a_window_and_a_zone_narrow_it_down(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace)
    words = ["show", "skill/pdf", "-w", str(workspace.layout.root), "--tz", "Asia/Kolkata"]
    assert run([*words, "--since", "2026-09-26"]) == 0
    said = capsys.readouterr().out
    assert "Used      2 times in 2 sessions and sub-agents, the last 2026-09-30 19:43" in said
    assert "Last uses (Asia/Kolkata)" in said
    assert run([*words, "--since", "2027-01-01"]) == 0
    assert "In no event of what is asked for; there are others." in capsys.readouterr().out


def test_a_record_in_no_event_is_unknown_not_zero(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace)
    words = ["show", "summary", "-w", str(workspace.layout.root)]
    workspace.layout.summary_path.write_text("text")
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "In no event: nothing is known of it, which is not evidence of disuse." in said
    assert run([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["record"] is None
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


def test_only_the_last_uses_and_a_size_a_day_are_kept() -> None:
    tally = DetailTally()
    for number in range(1000):
        tally.add(an_event(occurred_at_ns=NOON + number, records=(snapshot(number),)))
    (record,) = tally.records.values()
    assert [use.at_ns - NOON for use in record.last_uses] == [*range(999, 999 - LAST_USES, -1)]
    assert [size.bytes for size in record.sizes.values()] == [999]


def test_of_sizes_of_one_moment_that_which_stands_later_counts() -> None:
    tally, later = DetailTally(), DetailTally()
    tally.add(an_event(occurred_at_ns=NOON, records=(snapshot(1),)))
    tally.add(an_event(occurred_at_ns=NOON, records=(snapshot(2),)))
    later.add(an_event(occurred_at_ns=NOON, records=(snapshot(3),)))
    later.add(an_event(occurred_at_ns=NOON - 1, records=(snapshot(4),)))
    (record,) = tally.records.values()
    assert [size.bytes for size in record.sizes.values()] == [2]
    tally.merge(later)
    assert [size.bytes for size in record.sizes.values()] == [3]


@given(st.integers(1, 100_000))
def test_a_sparkline_is_never_too_wide_and_counts_every_day(days: int) -> None:
    line, each = sparkline({0: 1, days - 1: 1}, 0, days - 1)
    assert len(line) <= 60
    assert len(line) * each >= days
    assert line[0] == line[-1] == "█"
