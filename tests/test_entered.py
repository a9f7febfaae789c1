"""What tokens a record took: the rule, its sums, and that nothing unknown is zero."""

import csv
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event

from ctxuse import UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.counting.detail import DetailTally
from ctxuse.counting.entered import Entered, Tokens, tokens_of
from ctxuse.counting.tally import Tally
from ctxuse.events import UsageEvent
from ctxuse.importing import import_transcripts
from ctxuse.render.forms import shown
from ctxuse.reports.full import FullReport, build_full_report
from ctxuse.reports.groups import group_report
from ctxuse.reports.report import Rows, UsageReport, build_report

SKILL = UsageRecordSnapshot.from_size("skill", "pdf", 20_000)
FILE = UsageRecordSnapshot.from_size("instructions", "CLAUDE.md", 400)
GONE = FILE._replace(file_bytes=0, file_tokens_estimate=0, size_from="unknown")


@pytest.mark.parametrize(
    ("record", "is_use", "expected"),
    [
        (SKILL._replace(context_tokens=28, tokens_from="usage"), False, ("measured", 28)),
        (SKILL._replace(context_tokens=28, tokens_from="calibrated"), False, ("calibrated", 28)),
        (SKILL._replace(context_tokens=28), False, ("estimated", 28)),
        (SKILL._replace(context_bytes=109), False, ("estimated", 28)),
        (SKILL._replace(context_bytes=0), False, ("estimated", 0)),
        (SKILL, False, None),
        (SKILL, True, ("whole_file", 5000)),
        (FILE, False, ("whole_file", 100)),
        (GONE, False, None),
        (GONE, True, None),
        (GONE._replace(context_bytes=4), False, ("estimated", 1)),
        (SKILL._replace(kind="command"), False, None),
        (SKILL._replace(kind="agent"), False, None),
        (SKILL._replace(kind="mcp"), False, None),
    ],
)
def test_the_tokens_that_entered_are_the_best_known(
    record: UsageRecordSnapshot,
    is_use: bool,  # noqa: FBT001 - pytest gives it by name
    expected: tuple[str, int] | None,
) -> None:
    assert tokens_of(record, is_use=is_use) == expected


tokens = st.builds(
    Tokens, st.sampled_from(["measured", "calibrated", "estimated", "whole_file"]), st.integers(0)
)
entered = st.lists(st.tuples(tokens, st.integers(0, 5), st.integers(1, 3)))


@given(entered, entered)
def test_sums_do_not_depend_on_the_order(one: list[Any], other: list[Any]) -> None:
    def summed(parts: list[Any]) -> Entered:
        whole = Entered()
        for part in parts:
            whole.add(*part)
        return whole

    merged = summed(one)
    merged.merge(summed(other))
    assert merged == summed([*other, *one]) == summed([*one, *other])


def exposed(*records: UsageRecordSnapshot, hour: int = 0) -> UsageEvent:
    return an_event(
        event=UsageEventKind.RESIDENT_EXPOSURE,
        source=UsageSource.RESIDENT_INJECTION,
        records=records,
        occurred_at_ns=1_790_000_000_000_000_000 + hour * 3_600_000_000_000,
    )


def reports(*events: UsageEvent) -> tuple[UsageReport, FullReport]:
    tally, detail = Tally(), DetailTally()
    for event in events:
        tally.add(event)
        detail.add(event)
    report = build_report(tally)
    return report, build_full_report(report, detail)


def test_every_view_says_what_a_listed_skill_of_20_kb_took() -> None:
    listed = SKILL._replace(context_bytes=109)
    basic, full = reports(exposed(listed), exposed(listed, hour=1))
    for report in (basic, full):
        for width in (80, 160):
            (row,) = [
                line
                for line in shown(report, "table", width=width).splitlines()
                if line.startswith("skill/pdf")
            ]
            assert "28 e" in row
            assert "56 e" in row
            assert "5,000" not in row
            assert "10,000" not in row
        assert "| 28 e | 56 e |" in shown(report, "markdown")
        (line,) = csv.DictReader(io.StringIO(shown(report, "csv")))
        assert (line["tokens_each"], line["tokens_each_basis"]) == ("28", "estimated")
        assert (line["tokens"], line["tokens_times_known"]) == ("56", "2")
    assert '"estimated_total_resident_exposure_tokens": 10000' in basic.to_json()


def test_a_sum_over_some_of_the_times_says_so_in_every_view() -> None:
    known = SKILL._replace(context_bytes=400)
    _, full = reports(exposed(known), exposed(SKILL, hour=1), exposed(SKILL, hour=2))
    (record,) = full.basic.records
    resident = record.resident
    assert (resident.total, resident.times_known, resident.times) == (100, 1, 3)
    by_day, by_host = group_report(full, "day"), group_report(full, "host")
    for report in (full.basic, by_day, by_host):
        assert "100 e of 1 of 3" in shown(report, "table", width=160)
        assert "100 e of 1 of 3" in shown(report, "markdown")
    assert "100 e of 1 of 3" in shown(full, "markdown")


def test_a_later_event_of_unknown_size_leaves_each_as_it_was_known() -> None:
    known = SKILL._replace(context_bytes=400)
    basic, _ = reports(exposed(SKILL, hour=2), exposed(known), exposed(SKILL, hour=3))
    assert basic.records[0].resident.each == 100
    earlier = known._replace(context_bytes=4_000)
    basic, _ = reports(exposed(known, hour=5), exposed(earlier, hour=1))  # an import after hooks
    assert basic.records[0].resident.each == 100


def test_what_the_evidence_cannot_show_is_unknown_and_not_zero() -> None:
    used = an_event(records=(FILE,))
    basic, _ = reports(used, exposed(SKILL._replace(context_bytes=40)))
    figures = {record.kind: record.resident for record in basic.records}
    assert (figures["instructions"].times, figures["instructions"].total) == (None, None)
    (row,) = [
        line for line in shown(basic, "table").splitlines() if line.startswith("instructions/")
    ]
    assert row.split()[3:6] == ["\N{EN DASH}"] * 3
    (line, _) = csv.DictReader(io.StringIO(shown(basic, "csv")))
    assert (line["resident_exposure_count"], line["tokens"]) == ("", "")
    other = FILE._replace(slug="api/CLAUDE.md")
    basic, _ = reports(used, exposed(other))
    assert [record.resident.times for record in basic.records] == [0, 1]


def test_the_reader_chooses_rows_by_their_figures() -> None:
    skills = [SKILL._replace(slug=f"s{number}", context_bytes=4 * number) for number in range(5)]
    events = [exposed(*skills), an_event(records=(skills[1],)), an_event(records=(FILE,))]
    basic, full = reports(*events)

    def slugs(rows: Rows) -> list[str]:
        assert [r.basic.slug for r in full.chosen(rows).records] == [
            r.slug for r in basic.chosen(rows).records
        ]
        return [record.slug for record in basic.chosen(rows).records]

    assert slugs(Rows("tokens")) == ["s4", "s3", "s2", "s1", "s0", "CLAUDE.md"]
    assert slugs(Rows("uses", uses=0)) == ["s0", "s2", "s3", "s4"]
    assert slugs(Rows(resident=True, uses=1)) == ["s1"]
    used_at = events[1].occurred_at_ns
    assert slugs(Rows(no_use_since_ns=used_at)) == ["s0", "s2", "s3", "s4"]
    assert len(slugs(Rows(no_use_since_ns=used_at + 1))) == 6
    said = " ".join(shown(basic.chosen(Rows(uses=0, resident=True)), "table").split())
    assert "4 of 6 records: those that were resident and with 0 uses" in said
    table = shown(basic.chosen(Rows("tokens", top=2)), "table")
    assert "s3" in table
    assert "s2" not in table
    rows = [line.split() for line in table.splitlines()]
    assert ["4", "more", "2", "3", "3", "e"] in [row[:6] for row in rows]
    assert ["all", "2", "5", "10", "e"] in rows


@given(st.lists(st.integers(0, 40), max_size=6))
@settings(max_examples=30, deadline=None)
def test_totals_are_the_sums_of_the_rows(sizes: list[int]) -> None:
    records = [SKILL._replace(slug=f"s{n}", context_bytes=size) for n, size in enumerate(sizes)]
    _, full = reports(*[exposed(record) for record in records])
    expected = sum(-(-size // 4) for size in sizes)
    assert sum(record.resident.total or 0 for record in full.basic.records) == expected
    assert sum(group.total.entered for group in group_report(full, "day").groups) == expected


SESSIONS = Path(__file__).parents[2] / "shared" / "truth" / "claude-code" / "sessions"
needs_sessions = pytest.mark.skipif(
    not SESSIONS.is_dir(), reason="the captured sessions are not here"
)


def listed_in(path: Path) -> dict[str, list[int]]:
    """The bytes of each skill in the listings of a transcript, counted independently."""
    found: dict[str, list[int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        attachment = json.loads(line).get("attachment") or {}
        if attachment.get("type") != "skill_listing":
            continue
        rest = attachment["content"] + "\n- "
        for name, following in pairwise([*attachment["names"], ""]):
            begin = rest.index(f"- {name}")
            end = rest.index(f"\n- {following}", begin)
            found.setdefault(name, []).append(len(rest[begin:end].encode()))
            rest = rest[end + 1 :]
    return found


@needs_sessions
def test_no_listed_skill_of_captured_sessions_is_a_dash_and_sums_are_right(tmp_path: Path) -> None:
    root = tmp_path / "home" / "kim" / "shop"
    (root / ".yoi" / "memory").mkdir(parents=True)
    transcripts = sorted(SESSIONS.glob("*/transcript.jsonl"))
    transcripts += sorted(SESSIONS.glob("*/subagents/*.jsonl"))
    expected: dict[str, list[int]] = {}
    for path in transcripts:
        for name, sizes in listed_in(path).items():
            expected.setdefault(name, []).extend(sizes)
    workspace = Workspace(root)
    environ = {"HOME": str(root.parent)}
    import_transcripts(workspace, "claude-code", map(str, transcripts), environ=environ)
    records = {r.slug: r.resident for r in workspace.report().records if r.kind == "skill"}
    assert expected
    for name, sizes in expected.items():
        found = records[name]
        assert found.each is not None
        assert found.times == found.times_known == len(sizes)
        if [*found.by_basis] == ["estimated"]:
            assert found.total == sum(-(-size // 4) for size in sizes)
    report = workspace.full_report()
    bytes_of = {r.basic.slug: r.exposed.bytes for r in report.records if r.basic.kind == "skill"}
    assert {name: bytes_of[name] for name in expected} == {n: sum(s) for n, s in expected.items()}
