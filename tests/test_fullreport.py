"""The fuller report: its tally, its cache, its forms."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import an_event, events

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cache import cache_of
from ctxuse.cli.main import run
from ctxuse.counting import kinds
from ctxuse.counting.detail import DetailTally
from ctxuse.counting.kinds import LogTally
from ctxuse.counting.proving import check_cache
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.layout import LOG_NAME
from ctxuse.query import EVERYTHING
from ctxuse.reports.full import FullReport
from ctxuse.reports.making import make_full_report, make_report

HOUR = 3_600_000_000_000


def tally_of(some: list[UsageEvent]) -> DetailTally:
    tally = DetailTally()
    for event in some:
        tally.add(event)
    return tally


@given(st.lists(events, max_size=8), st.lists(events, max_size=8), st.lists(events, max_size=8))
def test_merging_is_lawful(a: list[UsageEvent], b: list[UsageEvent], c: list[UsageEvent]) -> None:
    whole = tally_of([*a, *b, *c])
    left = tally_of(a)
    left.merge(tally_of(b))
    left.merge(tally_of(c))
    right = tally_of(b)
    right.merge(tally_of(c))
    first = tally_of(a)
    first.merge(right)
    neutral = DetailTally()
    neutral.merge(whole)
    neutral.merge(DetailTally())
    assert left == first == whole == neutral
    assert kinds.load(kinds.dump(LogTally(detail=whole))).detail == whole


def record(size: int | None, **more: object) -> UsageRecordSnapshot:
    if size is None:
        return UsageRecordSnapshot("decision", "alpha", 0, 0, size_from="unknown")
    return UsageRecordSnapshot.from_size("decision", "alpha", size)._replace(**more)  # type: ignore[arg-type] # fields of it


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """A log in which events arrive in another order than they happened."""
    base = 1_790_000_000_000_000_000
    use, exposure = UsageEventKind.USE, UsageEventKind.RESIDENT_EXPOSURE
    made = [
        (5, use, "s1", "agent", record(400, context_bytes=100)),
        (
            1,
            use,
            "s1",
            "user",
            record(300, context_bytes=50, context_tokens=20, tokens_from="calibrated"),
        ),
        (3, use, "s2", "maintenance", record(None)),
        (2, exposure, "s1", None, record(80)),
        (4, exposure, "s3", None, record(120, context_bytes=12)),
        (6, exposure, "s3", None, record(None)),
    ]
    for number, (hours, event, segment, actor, snapshot) in enumerate(made):
        workspace.append(
            an_event(
                id=f"0000000{number}-0000-7000-8000-000000000000",
                occurred_at_ns=base + hours * HOUR,
                segment_id=segment,
                event=event,
                source=UsageSource.MEMORY_READ if event is use else UsageSource.RESIDENT_INJECTION,
                records=(snapshot,),
                actor=actor,
                host="codex" if number == 0 else None,
            )
        )
    return workspace


def test_the_figures(filled: Workspace) -> None:
    (found,) = filled.full_report().records
    fields = found.fields()
    assert fields["use_count"] == 3
    assert fields["first_seen_at"] == "2026-09-21T15:13:20Z"
    assert fields["last_exposed_at"] == "2026-09-21T20:13:20Z"
    assert (found.used_in, found.exposed_in) == (2, 2)
    assert (found.recorded_tokens, found.total.unsized) == (20 + 30, 1)
    assert found.used.fields() == {
        "times": 3,
        "times_known": 2,
        "bytes": 150,
        "tokens": {
            "calibrated": {"times_known": 1, "tokens": 20},
            "estimated": {"times_known": 1, "tokens": 25},
        },
    }
    assert (found.exposed.times_known, found.exposed.bytes) == (1, 12)
    assert fields["hosts"] == {"unknown": 5, "codex": 1}
    assert fields["actors"] == {"agent": 1, "maintenance": 1, "user": 1}
    assert filled.full_report().basic == filled.report()


def test_actors_and_windows_narrow_it_down(filled: Workspace) -> None:
    from whenever import Instant  # noqa: PLC0415 - beside its only use

    def uses(**how: object) -> tuple[int, int]:
        (found,) = filled.full_report(**how).records  # type: ignore[arg-type] # as the caller says
        return found.basic.use_count, found.basic.resident_exposure_count

    assert uses(actors=["agent"]) == (1, 3)
    assert uses(without_actors=["maintenance"]) == (2, 3)
    assert uses(actors=["unknown"]) == (0, 3)
    since = Instant.from_timestamp(1_790_000_000 + 3 * 3600)
    assert uses(since=since) == (2, 2)
    assert uses(until=since) == (1, 1)
    assert filled.full_report(since=since).basic.evidence.outside == 2


def test_cached_and_cold_are_equal_whatever_is_appended(
    copy_of: Callable[[str], Workspace],
) -> None:
    tuning = Tuning(checkpoint=1)
    workspace = copy_of("reference")

    def full_report(*, cache: bool = True) -> FullReport:
        return make_full_report(
            workspace.layout, EVERYTHING, Reading(cache_of(os.environ, wanted=cache), tuning=tuning)
        )

    for number in range(4):
        assert full_report() == full_report(cache=False)
        workspace.append(an_event(segment_id=f"s{number}"))
        with workspace.layout.events_path.open("ab") as log:
            log.write(b"rubbish\n" if number % 2 else b"{")
    (stored,) = Path(os.environ["HOME"], ".cache/ctxuse").rglob("*.detail")
    good = stored.read_bytes()
    expected = full_report(cache=False)
    for at in range(0, len(good), 17):
        stored.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert full_report() == expected
    assert all(found.equal for found in check_cache(workspace.layout, cache_of(os.environ), tuning))
    workspace.archive()
    assert full_report().records == expected.records


def test_a_full_report_leaves_the_basic_checkpoint_too(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("reference")
    expected = workspace.report(cache=False)
    reading = Reading(cache_of(os.environ), tuning=Tuning(checkpoint=1))
    make_full_report(workspace.layout, EVERYTHING, reading)
    size = workspace.layout.events_path.stat().st_size
    (proved,) = check_cache(workspace.layout, reading.cache, reading.tuning)
    assert proved == (LOG_NAME, size, True)
    assert make_report(workspace.layout, EVERYTHING, reading) == expected


def test_segments_without_number_are_many(workspace: Workspace) -> None:
    tally = DetailTally()
    for number in range(5000):
        tally.add(an_event(segment_id=f"s{number}"))
    (found,) = tally.records.values()
    assert found.used_in is None
    assert workspace.layout.has_marker


def test_long_segment_ids_are_told_apart_without_being_kept() -> None:
    tally = tally_of([an_event(segment_id="x" * 100_000 + str(number)) for number in range(3)])
    (found,) = tally.records.values()
    segments = found.used_in or found.exposed_in
    assert segments is not None
    assert len(segments) == 3
    assert max(map(len, segments)) < 100


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "json-full"])
def test_every_form_shows_it_and_nothing_raw(
    filled: Workspace,
    form: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    hostile = UsageRecordSnapshot.from_size("decision", "\x1b[31m=cmd|</script>", 4)
    filled.append_use("s", UsageSource.MEMORY_READ, [hostile], host="\x1b]0;x")
    words = ["report", "--wide", "--format", form, "-w", str(filled.layout.root)]
    assert run([*words, "--without", "maintenance"]) == 0
    said = capsys.readouterr().out
    assert "alpha" in said
    assert "\x1b" not in said
    if form == "json-full":
        assert json.loads(said)["records"][1]["exposed_tokens_recorded"] == 50
    if form in {"table", "markdown"}:
        assert "Uses counted: only those not by maintenance." in said
        assert "Evidence since" in said


def test_sizes_are_those_of_today_or_gone(filled: Workspace) -> None:
    from ctxuse.hosts.ondisk import size_now  # noqa: PLC0415 - likewise
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - beside its only use

    places = Places(filled.layout)
    report = filled.full_report()
    (found,) = report.with_files(partial(size_now, places)).records
    assert (found.size_now, found.gone) == (None, True)
    path = filled.layout.decision_path("alpha")
    path.parent.mkdir()
    path.write_text("12345")
    (found,) = report.with_files(partial(size_now, places)).records
    assert (found.size_now, found.gone) == (5, False)


def test_the_format_names_every_field(filled: Workspace) -> None:
    text = (Path(__file__).parent.parent / "docs" / "format.md").read_text(encoding="utf-8")
    (found,) = filled.full_report().records
    assert [name for name in found.fields() if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    "words", [["--since", "7x"], ["--since", "-7d"], ["--since", "²d"], ["--since", "d"]]
)
def test_what_is_no_time_is_refused(filled: Workspace, words: list[str]) -> None:
    assert run(["report", "-w", str(filled.layout.root), *words]) == 2
    assert run(["report", "-w", str(filled.layout.root), "--since", "7d"]) == 0
    assert run(["report", "-w", str(filled.layout.root), "--wide", "--format", "json"]) == 2
