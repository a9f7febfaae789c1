"""Windows of time, time zones, groups, and two windows side by side."""

import csv
import io
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC as UTC_
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starting import PATIENCE, started
from strategies import an_event, events

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.counting.detail import Counts
from ctxuse.query import BY, Window
from ctxuse.reports.groups import GroupedReport
from ctxuse.times import MAX_NS, MIN_NS, SECOND, format_ns, parse_ns
from ctxuse.windows import parse_moment, parse_window
from ctxuse.zones import DAY, UTC, Zone, day_text, monday, week_text

DASH = "\N{EN DASH}"
BERLIN = Zone("Europe/Berlin")
NOW = 1_795_000_000 * SECOND  # 2026-11-18T11:06:40Z


def ns(text: str) -> int:
    found = parse_ns(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-03", "2026-11-02T23:00:00Z", "2026-11-03T23:00:00Z"),
        ("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),  # 25 hours
        ("2026-11", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
        ("2026-12", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z"),
        ("2026-W45", "2026-11-01T23:00:00Z", "2026-11-08T23:00:00Z"),
        ("this-week", "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
        ("last-week", "2026-11-08T23:00:00Z", "2026-11-15T23:00:00Z"),
        ("7d", "2026-11-11T11:06:40Z", "2026-11-18T11:06:40Z"),
        ("14d..7d", "2026-11-04T11:06:40Z", "2026-11-11T11:06:40Z"),
        ("2026-11-01..", "2026-10-31T23:00:00Z", None),
        ("..2026-11-01T00:00:00Z", None, "2026-11-01T00:00:00Z"),
        ("..", None, None),
        ("9999-12", "9999-11-30T23:00:00Z", None),
        ("9999-12-31", "9999-12-30T23:00:00Z", None),
    ],
)
def test_windows_are_what_people_mean(text: str, begin: str | None, end: str | None) -> None:
    window = parse_window(text, BERLIN, NOW)
    assert window is not None
    assert [bound and format_ns(bound) for bound in window] == [begin, end]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "2026", "2026-13", "2026-W54", "2026-00", "2026-02-30", "7d..14d", "d", "7x",
        "2026-11-02..2026-11-01", "x..", "..x", "0000-01", "²d", "2026-11-03T", "...",
        "٢٠٢٦-11", "2026-11-03 ", "7d\n", "next-week", "last-week..",
    ],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    assert parse_window(text, BERLIN, NOW) is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_windows(text: str) -> None:
    found = parse_window(text, BERLIN, NOW)
    assert found is None or isinstance(found, Window)
    parse_moment(text, UTC, NOW)


@given(st.integers(MIN_NS, MAX_NS))
def test_every_moment_has_a_day_in_every_zone(at_ns: int) -> None:
    for zone in (UTC, BERLIN, Zone("Pacific/Kiritimati"), Zone("local")):
        assert abs(zone.day(at_ns) - at_ns // DAY) <= 1
        assert zone.clock(at_ns)
        assert week_text(zone.day(at_ns))
        assert monday(zone.day(at_ns)) <= zone.day(at_ns)


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("EST5EDT4,M3.2.0,M11.1.0", "local"),
        ("nonsense", "local"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_the_local_zone_is_named_where_it_has_a_name(setting: str, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from ctxuse.zones import *; print(zone_named('local').name)"],
        env={**os.environ, "TZ": setting},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == name


@example(datetime(2008, 11, 2, 2, 31))  # noqa: DTZ001 - of St. John's clocks, put back at 0:01
@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - the zone follows
def test_days_are_those_of_the_calendar(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC_)
    at_ns = (aware - datetime(1970, 1, 1, tzinfo=UTC_)) // timedelta(microseconds=1) * 1000
    for name in ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"):
        local = aware.astimezone(ZoneInfo(name))
        zone = Zone(name)
        assert day_text(zone.day(at_ns)) == local.date().isoformat()
        assert zone.clock(at_ns) == local.strftime("%Y-%m-%d %H:%M")
        begins = zone.midnight(local.date())
        assert zone.day(begins) == zone.day(at_ns)
        assert zone.day(begins - 1) == zone.day(at_ns) - 1


def test_where_midnight_comes_twice_a_day_begins_with_the_first() -> None:
    zone = Zone("Asia/Amman")  # on 29 October 2021 its clocks went from 1:00 back to 0:00
    begins = zone.midnight(date(2021, 10, 29))
    assert begins == parse_ns("2021-10-28T21:00:00Z")
    assert zone.clock(begins - SECOND) == "2021-10-28 23:59"


def test_a_day_begins_with_its_first_second() -> None:
    zone = Zone("Africa/Monrovia")  # on 7 January 1972 its clocks went from 0:00:00 to 0:44:30
    begins = zone.midnight(date(1972, 1, 7))
    assert zone.clock(begins) == "1972-01-07 00:44"
    assert zone.clock(begins - SECOND) == "1972-01-06 23:59"


@pytest.mark.parametrize("day", [date(2026, 4, 5), date(2026, 10, 4)])
@pytest.mark.parametrize("name", ["Australia/Sydney", "Australia/Lord_Howe", "Europe/Berlin"])
def test_midnight_is_where_it_was_before_the_clocks_changed(name: str, day: date) -> None:
    zone = Zone(name)
    assert zone.clock(zone.midnight(day)) == f"{day.isoformat()} 00:00"
    assert zone.clock(zone.midnight(day) - 1)[11:] == "23:59"


def test_a_day_whose_midnight_does_not_exist_begins_later() -> None:
    havana = Zone("America/Havana")  # clocks go from 0:00 to 1:00
    begins = havana.midnight(date(2026, 3, 8))
    assert havana.clock(begins) == "2026-03-08 01:00"
    assert havana.clock(begins - 1) == "2026-03-07 23:59"


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "a\0b", "."])
def test_what_is_no_zone_is_refused(
    workspace: Workspace, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LookupError):
        Zone(name)
    assert run(["report", "-w", str(workspace.layout.root), "--tz", name]) == 2
    assert "is no time zone" in capsys.readouterr().err


def exposure(at_ns: int, size: int | None, segment: str, slug: str = "alpha") -> UsageEvent:
    record = UsageRecordSnapshot.from_size("knowledge", slug, size or 0)
    return an_event(
        occurred_at_ns=at_ns,
        segment_id=segment,
        event=UsageEventKind.RESIDENT_EXPOSURE,
        source=UsageSource.RESIDENT_INJECTION,
        records=(record if size is not None else record._replace(size_from="unknown"),),
        host="codex",
    )


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """Two uses and three exposures, about a midnight of Berlin."""
    base = ns("2026-11-03T22:30:00Z")
    workspace.append(an_event(occurred_at_ns=base, actor="agent", segment_id="s1"))
    workspace.append(exposure(base + 1, 40, "s1"))
    workspace.append(exposure(base + 3600 * SECOND, 80, "s2"))
    workspace.append(exposure(base + 3 * 3600 * SECOND, None, "s2", "beta"))
    workspace.append(an_event(occurred_at_ns=base + 8 * DAY, segment_id="\x1b[1m"))
    return workspace


def by_name(report: GroupedReport) -> dict[str, tuple[int, int, int | None]]:
    return {g.name: (g.total.uses, g.total.exposures, g.total.tokens) for g in report.groups}


def test_groups_hold_what_happened_in_them(filled: Workspace) -> None:
    assert by_name(filled.grouped_report("day")) == {
        "2026-11-03": (1, 2, 30),
        "2026-11-04": (0, 1, None),
        "2026-11-11": (1, 0, 0),
    }
    assert by_name(filled.grouped_report("day", zone=BERLIN)) == {
        "2026-11-03": (1, 1, 10),
        "2026-11-04": (0, 2, 20),
        "2026-11-11": (1, 0, 0),
    }
    assert by_name(filled.grouped_report("week")) == {
        "2026-W45": (1, 3, 30),
        "2026-W46": (1, 0, 0),
    }
    assert by_name(filled.grouped_report("host")) == {
        "codex": (0, 3, 30),
        "unknown": (2, 0, 0),
    }
    assert by_name(filled.grouped_report("source")) == {
        "MemoryRead": (2, 0, 0),
        "ResidentInjection": (0, 3, 30),
    }
    assert by_name(filled.grouped_report("kind")) == {
        "decision": (2, 0, 0),
        "knowledge": (0, 3, 30),
    }
    assert by_name(filled.grouped_report("actor"))["agent"] == (1, 0, 0)
    segments = filled.grouped_report("segment")
    assert [g.name for g in segments.groups] == ["s1", "s2", "\x1b[1m"]
    assert (segments.groups[1].host, segments.groups[1].exposed) == ("codex", 2)
    only = filled.grouped_report("segment", kinds=["decision"])
    assert [g.name for g in only.groups] == ["s1", "\x1b[1m"]
    assert by_name(filled.grouped_report("day", without_actors=["agent"]))["2026-11-03"][0] == 0


@given(st.lists(events, max_size=8))
def test_every_grouping_adds_up_to_the_report(some: list[UsageEvent]) -> None:
    from ctxuse.codec.decode import Valid, check  # noqa: PLC0415 - beside their only use
    from ctxuse.codec.encode import encode  # noqa: PLC0415 - likewise
    from ctxuse.counting.detail import DetailTally  # noqa: PLC0415 - likewise
    from ctxuse.counting.segments import Segments  # noqa: PLC0415 - likewise
    from ctxuse.counting.tally import Tally  # noqa: PLC0415 - likewise
    from ctxuse.reports.full import build_full_report  # noqa: PLC0415 - likewise
    from ctxuse.reports.groups import group_report, segment_groups  # noqa: PLC0415 - likewise
    from ctxuse.reports.report import build_report  # noqa: PLC0415 - likewise

    tally, full, segments = Tally(), DetailTally(), Segments()
    for event in some:
        tally.add(event)
        full.add(event)
        line = check(encode(event))
        assert isinstance(line, Valid)
        segments.add_line(line)
    report = build_full_report(build_report(tally), full)
    for by in BY:
        total = Counts()
        of_segments = segment_groups(segments, segments) if by in {"segment", "model"} else None
        for group in group_report(report, by, of_segments).groups:
            total.merge(group.total)
        assert total.uses == sum(r.basic.use_count for r in report.records)
        assert total.exposures == sum(r.basic.resident_exposure_count for r in report.records)
        assert total.recorded_tokens == sum(r.total.recorded_tokens for r in report.records)


def test_cached_and_cold_groups_are_equal(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference-concurrent")
    for by in BY:
        assert workspace.grouped_report(by) == workspace.grouped_report(by, cache=False)
        reading = workspace.grouped_report(by, without_actors=["nobody"])
        assert workspace.grouped_report(by, zone=UTC).groups == reading.groups


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("form", ["table", "csv", "markdown", "json-full"])
def test_groups_are_printed_and_nothing_raw(
    filled: Workspace, by: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "-w", str(filled.layout.root), "--by", by, "--format", form]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said.replace("\\x1b", "").replace("\\u001b", "")
    if form == "csv":
        rows = [*csv.DictReader(io.StringIO(said))]
        assert sum(int(row["use_count"]) for row in rows) == 2
    elif form == "json-full":
        told = json.loads(said)
        assert told["by"] == by
        assert sum(group["use_count"] for group in told["groups"]) == 2
    else:
        assert "Evidence since 2026-11-03 22:30 UTC" in said
        assert "From MemoryRead 2, resident 3" in said


def test_by_goes_with_windows_and_zones(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "-w", str(filled.layout.root), "--by", "day", "--tz", "Europe/Berlin"]
    assert run([*words, "--since", "2026-11-04"]) == 0
    said = capsys.readouterr().out
    assert "2026-11-03 " not in said.split("Evidence")[0]
    assert "here from 2026-11-04 00:00" in said
    for more in (["--all"], ["--sort", "uses"], ["--format", "json"]):
        assert run([*words, *more]) == 2


def test_two_windows_stand_side_by_side(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["diff", "2026-W45", "2026-W46", "-w", str(filled.layout.root)]
    assert run([*words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(r["slug"], r["a"]["use_count"], r["b"]["use_count"]) for r in told["records"]] == [
        ("alpha", 1, 1),
        ("alpha", 0, 0),
        ("beta", 0, 0),
    ]
    assert told["a"]["evidence"]["events"] == 4
    assert run([*words, "--format", "csv", "--kind", "knowledge"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert rows[0]["resident_exposure_count_a"] == "2"
    assert rows[0]["exposed_tokens_recorded_a"] == "30"
    assert rows[0]["exposed_tokens_recorded_b"] == "0"
    assert rows[0]["tokens_change"] == "-30"
    assert [*rows[0]][12:] == [
        "use_count_change", "resident_exposure_count_change", "tokens_change",
        "first_seen_in_b", "file_bytes_a", "file_bytes_b", "gone", "differs",
    ]  # fmt: skip
    for form in ("table", "markdown"):
        assert run([*words, "--format", form, "--without", "agent"]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert 'A is "2026-W45". It begins before there is evidence.' in said
        assert "Uses counted: only those not by agent." in said


def test_a_window_before_there_is_evidence_is_unknown_not_zero(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["diff", "2026-10", "2026-11", "-w", str(filled.layout.root)]
    assert run(words) == 0
    said = capsys.readouterr().out
    (row,) = (line for line in said.splitlines() if line.startswith("decision/alpha"))
    assert row.split() == ["decision/alpha", "2", DASH, "0", DASH, "0", DASH]
    assert "It ends before there is evidence" in said
    assert run([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"][0]["a"] is None
    for wrong in (["x", "7d"], ["7d", "\x1b[1m"]):
        assert run(["diff", *wrong, "-w", str(filled.layout.root)]) == 2
        assert "\x1b" not in capsys.readouterr().err


def compared(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[list[str]], str]:
    """The rows of a table of two windows, and what stands below it."""
    assert run(["diff", *words]) == 0
    table, _, below = capsys.readouterr().out.partition("\n\n")
    return [line.split() for line in table.splitlines()[2:]], " ".join(below.split())


def sized(slug: str, size: int, at_ns: int) -> UsageEvent:
    record = UsageRecordSnapshot.from_size("knowledge", slug, size)
    return an_event(occurred_at_ns=at_ns, records=(record,), segment_id="s")


def test_only_what_differs_is_shown_with_the_difference(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    old, first, second = (ns(f"2026-11-{day:02}T12:00:00Z") for day in (1, 3, 10))
    for slug in ("same", "new", "changed"):
        path = workspace.layout.knowledge_path(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    for event in (
        sized("seen-before", 4, old),
        sized("same", 4, first), sized("same", 4, second),
        sized("changed", 12_138, first), sized("changed", 9_020, second),
        sized("seen-before", 4, second), sized("new", 4, second), sized("new", 4, second),
    ):  # fmt: skip
        workspace.append(event)
    for number in range(3):
        workspace.append(exposure(first + number, 40, "s", "new"))
    workspace.append(exposure(second, 40, "s", "new"))
    words = ["2026-W45", "2026-W46", "-w", str(workspace.layout.root)]
    rows, below = compared(*words, "--kind", "knowledge", capsys=capsys)
    assert rows == [
        ["knowledge/changed", "1", "0", "0", "0", "0", "0"],
        ["knowledge/new", "2", "+2", "1", "-2", "10", "w", "-20"],
        ["knowledge/seen-before", "1", "+1", "0", "0", "0", "0"],
    ]
    assert "First seen in B" not in below  # the exposures were in A
    assert "No file now: knowledge/seen-before " in below
    assert "Size of the file in A → in B: knowledge/changed 12,138 → 9,020 bytes" in below
    assert "1 record is the same in both: --all shows them" in below
    assert "Its days are 2026-11-02 to 2026-11-08 (UTC)." in below
    rows, _ = compared(*words, "--all", "--sort", "resident-change", capsys=capsys)
    assert [row[0] for row in rows] == [
        "knowledge/changed", "knowledge/same", "knowledge/seen-before", "knowledge/new",
    ]  # fmt: skip
    rows, _ = compared(*words, "--sort", "uses-change", capsys=capsys)
    assert [row[0] for row in rows][:2] == ["knowledge/new", "knowledge/seen-before"]
    _, below = compared("2026-10", "2026-W45", *words[2:], capsys=capsys)
    assert "First seen in B: knowledge/changed, knowledge/new, knowledge/same" in below
    _, below = compared("2026-W44", "2026-W45", *words[2:], capsys=capsys)
    assert "First seen in B: knowledge/changed, knowledge/new, knowledge/same" in below


def test_a_difference_of_sums_that_are_not_whole_is_unknown(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.append(exposure(ns("2026-11-03T20:00:00Z"), 40, "s3", "beta"))
    words = ["2026-W45", "2026-W46", "-w", str(filled.layout.root), "--kind", "knowledge"]
    rows, _ = compared(*words, capsys=capsys)
    assert [row[1:] for row in rows] == [
        ["0", "0", "0", "-2", "0", "-30"],
        ["0", "0", "0", "-2", "0", DASH],
    ]


def test_a_table_of_very_many_differences_says_how_many_more_there_are(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(0, 2_003, 100):
        slugs = [f"r{n:04}" for n in range(number, min(number + 100, 2_003))]
        records = tuple(UsageRecordSnapshot.from_size("decision", slug, 4) for slug in slugs)
        workspace.append(
            an_event(occurred_at_ns=ns("2026-11-03T12:00:00Z") + number, records=records)
        )
    words = ["2026-W45", "2026-W46", "-w", str(workspace.layout.root)]
    rows, below = compared(*words, capsys=capsys)
    assert len(rows) == 2_000
    assert "And 3 more rows: --format csv and json have all" in below
    assert "and 1,983 more (--format csv has all)" in below
    assert run(["diff", *words, "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2_004


def test_last_week_stands_beside_this_week(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time_ns()
    for age in (0, 7, 7, 70):
        workspace.append(an_event(occurred_at_ns=now - age * DAY))
    words = ["-w", str(workspace.layout.root)]
    rows, below = compared("last-week", *words, capsys=capsys)
    assert rows == [["decision/alpha", "1", "-1", "0", "0", "0", "0"]]
    first = monday(now // DAY)
    assert f"Its days are {day_text(first - 7)} to {day_text(first - 1)} (UTC)." in below
    assert f"Its days are {day_text(first)} to {day_text(first + 6)} (UTC)." in below
    assert "It is not over: this is what there is by now." in below
    assert run(["diff", "7d", *words]) == 2
    assert "which two windows?" in capsys.readouterr().err


def written(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != ".yoi")


def test_a_report_is_written_to_a_file_in_one_step(filled: Workspace, tmp_path: Path) -> None:
    root, target = Path(filled.layout.root), tmp_path / "out.csv"
    words = ["report", "-w", str(root), "--format", "csv", "-o"]
    assert run([*words, str(target)]) == 0
    assert target.read_text(encoding="utf-8").startswith("kind,slug")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    assert run([*words, str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    before = written(tmp_path)
    for wrong in ("no/such/out.csv", ".", "", "x" * 300, "out.csv/x"):
        assert run([*words, str(tmp_path / wrong) if wrong else ""]) == 3
    assert written(tmp_path) == before == ["link", "out.csv"]


def test_what_is_no_regular_file_is_written_to_and_never_replaced(
    filled: Workspace, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = ["report", "-w", str(filled.layout.root), "--format", "csv", "-o", str(pipe)]
    with started("-m", "ctxuse", *words) as writing:
        assert pipe.read_text(encoding="utf-8").startswith("kind,slug")
        assert writing.wait(PATIENCE) == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_window_that_is_to_come_is_unknown(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-w", str(filled.layout.root)]
    assert run(["diff", "2026-11", "9998-01", *words]) == 0
    said = capsys.readouterr().out
    (row,) = (line for line in said.splitlines() if line.startswith("decision/alpha"))
    assert row.split()[2] == DASH
    assert 'B is "9998-01". It is to come: nothing is known of it.' in " ".join(said.split())
    for command in (["report"], ["report", "--wide"], ["show", "decision/alpha"]):
        assert run([*command, *words, "--since", "2026-12-01", "--until", "2026-11-01"]) == 2


def test_what_is_not_counted_is_said_in_every_form(
    filled: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with filled.layout.events_path.open("ab") as log:
        log.write(b"rubbish\n")
    for words in (
        ["diff", "2026-W45", "2026-W46"],
        ["report", "--by", "day"],
        ["report", "--wide"],
    ):
        for form in ("table", "csv", "markdown"):
            more = ["--format", form, "--actor", "kim", "-w", str(filled.layout.root)]
            assert run([*words, *more]) == 0
            said = " ".join("".join(capsys.readouterr()).split())
            assert "1 line could not be counted" in said, (words, form)
            assert "Uses counted: only those by kim." in said, (words, form)
            assert 'no use by "kim" is counted' in said, (words, form)


def test_a_host_that_is_called_unknown_is_counted_with_those_that_are_not_named(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    record = UsageRecordSnapshot.from_size("skill", "pdf", 4)
    for host in (None, "unknown", "unknown", "codex"):
        workspace.append_use("s", UsageSource.MEMORY_READ, [record], host=host)
    words = ["-w", str(workspace.layout.root)]
    assert run(["report", "--format", "json-full", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["records"][0]["hosts"] == {"codex": 1, "unknown": 3}
    assert told["evidence"]["hosts"] == ["codex", "unknown"]
    assert by_name(workspace.grouped_report("host"))["unknown"][0] == 3
    assert run(["show", "skill/pdf", *words]) == 0
    assert "Events by agent: codex 1, unknown 3" in capsys.readouterr().out


@pytest.mark.parametrize("width", ["40", "60"])
def test_a_narrow_terminal_cuts_no_figure(
    copy_of: Callable[[str], Workspace],
    width: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    workspace = copy_of("reference-concurrent")
    largest = max(r.estimated_total_resident_exposure_tokens for r in workspace.report().records)
    for words in (
        ["report"],
        ["report", "--wide"],
        ["report", "--by", "kind"],
        ["diff", "..", "7d"],
    ):
        assert run([*words, "-w", str(workspace.layout.root)]) == 0
        rows = capsys.readouterr().out.split("Evidence")[0].splitlines()
        assert "decision/w" in "".join(rows) or "--by" in words
        if words == ["report"]:
            assert any(f"{largest:,}" in row for row in rows)


def test_the_command_offers_every_grouping() -> None:
    from ctxuse.cli.report import command  # noqa: PLC0415 - beside its only use

    by = next(option.type for option in command.params if option.name == "by")
    _BY = tuple(getattr(by, "choices", ()))  # noqa: N806 - as the other one
    assert _BY == BY
