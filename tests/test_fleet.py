"""One report over many workspaces."""

import copy
import csv
import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle, pairwise
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, Self

import pytest
from fleets import BEGIN, as_log, break_at_its_end, make_fleet, make_workspace, some_events
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import an_event, events, times

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.codec.decode import Valid, check
from ctxuse.codec.encode import encode
from ctxuse.counting.count import Accumulator
from ctxuse.counting.kinds import DETAIL
from ctxuse.errors import FleetError
from ctxuse.fleet import counting, opening, repeats, reporting, running, wire
from ctxuse.fleet.discovery import find
from ctxuse.fleet.jobs import MOST_BYTES, MOST_FILES, MOST_IN_BATCH, Job, batches
from ctxuse.fleet.opening import Opened
from ctxuse.fleet.packs import Packs
from ctxuse.fleet.pieces import Part
from ctxuse.fleet.repeats import Slice
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.source import Source
from ctxuse.fleet.store import LocalStore, Store
from ctxuse.query import Query, Window
from ctxuse.redaction import hidden, redacted, without_secrets
from ctxuse.reports.fleet import (
    FLEET_BY,
    FleetBy,
    FleetQuery,
    FleetTally,
    Unreadable,
    build_fleet_report,
)
from ctxuse.times import SECOND, instant
from ctxuse.zones import UTC, Zone

DATA = Path(__file__).parent / "data" / "workspaces"
FEWER = settings(max_examples=40, deadline=None)
CLEAN = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")

asked_for = st.builds(
    FleetQuery,
    query=st.tuples(st.none() | times, st.none() | times).map(lambda its: Query(Window(*its))),
    merge_records=st.booleans(),
    by=st.none() | st.sampled_from(FLEET_BY),
)
logs = st.lists(st.lists(events, max_size=6), max_size=6)


def fleet_of(
    addresses: Sequence[str], some: Sequence[Sequence[UsageEvent]], asked: FleetQuery
) -> FleetTally:
    fleet = FleetTally()
    for address, log in zip(addresses, some, strict=True):
        part = Accumulator(DETAIL, asked.query)
        for event in log:
            line = check(encode(event))
            assert isinstance(line, Valid)
            part.add_line(line)
        if len(log) == 1:
            fleet.unreadable.append(Unreadable(address, "it is a link"))
        else:
            fleet.add(address, part.tally, asked, outside=part.outside)
    return fleet


def folded(parts: Sequence[FleetTally]) -> FleetTally:
    whole = FleetTally()
    for part in parts:
        whole.merge(part)
    return whole


@FEWER
@given(logs, asked_for, st.lists(st.integers(0, 6), max_size=4))
def test_a_report_does_not_depend_on_how_workspaces_are_divided(
    some: list[list[UsageEvent]], asked: FleetQuery, cuts: list[int]
) -> None:
    names = [f"/w{number}" for number in range(len(some))]
    bounds = [0, *sorted(min(cut, len(some)) for cut in cuts), len(some)]
    parts = [fleet_of(names[begin:end], some[begin:end], asked) for begin, end in pairwise(bounds)]
    travelled = [wire.load(wire.dump(part)) for part in parts]
    whole = fleet_of(names, some, asked)
    assert folded(travelled) == folded([whole]) == whole


@FEWER
@given(logs, logs, logs, asked_for)
def test_merging_fleets_is_associative(
    first: list[list[UsageEvent]],
    second: list[list[UsageEvent]],
    third: list[list[UsageEvent]],
    asked: FleetQuery,
) -> None:
    one, two, three = (
        fleet_of([f"/{letter}{n}" for n in range(len(some))], some, asked)
        for letter, some in (("a", first), ("b", second), ("c", third))
    )
    before = copy.deepcopy(two)
    assert folded([folded([one, two]), three]) == folded([one, folded([two, three])])
    assert two == before


@FEWER
@given(logs)
def test_merged_records_are_what_a_plain_sum_over_all_events_gives(
    some: list[list[UsageEvent]],
) -> None:
    asked = FleetQuery(merge_records=True)
    names = [f"/w{number}" for number in range(len(some))]
    whole = build_fleet_report(fleet_of(names, some, asked), asked)
    uses: dict[tuple[str, str], int] = {}
    exposures: dict[tuple[str, str], int] = {}
    last: dict[tuple[str, str], tuple[int, int, int]] = {}
    for place, log in enumerate(some):
        if len(log) == 1:
            continue
        for event in log:
            for record in event.records:
                key = record.kind, record.slug
                is_use = event.event is UsageEventKind.USE
                counts = uses if is_use else exposures
                counts[key] = counts.get(key, 0) + 1
                if is_use:
                    continue
                times = [
                    e.occurred_at_ns
                    for e in log
                    if e.event is not UsageEventKind.USE
                    for r in e.records
                    if (r.kind, r.slug) == key
                ]
                mine = max(times), place, record.file_tokens_estimate
                if key not in last or mine[:2] >= last[key][:2]:
                    last[key] = mine
    assert {(r.basic.kind, r.basic.slug) for r in whole.records} == {*uses, *exposures}
    for basic in whole.basic.records:
        key = basic.kind, basic.slug
        assert basic.use_count == uses.get(key, 0)
        assert basic.resident_exposure_count == exposures.get(key, 0)
        assert basic.estimated_tokens_per_injection == last.get(key, (0, 0, 0))[2]


def exposure(at_ns: int, size: int) -> UsageEvent:
    record = an_event().records[0]._replace(file_bytes=size * 4, file_tokens_estimate=size)
    return an_event(
        occurred_at_ns=at_ns,
        event=UsageEventKind.RESIDENT_EXPOSURE,
        source=UsageSource.RESIDENT_INJECTION,
        records=(record,),
    )


def test_the_last_size_is_that_of_the_latest_exposure_not_of_the_last_address(
    tmp_path: Path,
) -> None:
    make_workspace(tmp_path / "a", as_log([exposure(3000, 1), exposure(2000, 2)]))
    make_workspace(tmp_path / "b", as_log([exposure(2500, 3)]))
    (record,) = fleet_report([str(tmp_path)], merge_records=True, executor="threads").records
    assert record.basic.estimated_tokens_per_injection == 2  # a has the latest; its last in order
    (alone,) = fleet_report([str(tmp_path / "a")], executor="threads").records
    assert alone.basic.estimated_tokens_per_injection == 2


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir() if path.is_dir()))
@pytest.mark.parametrize("merge_records", [False, True])
def test_over_one_workspace_the_records_are_those_of_its_report(
    *,
    name: str,
    merge_records: bool,
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of(name)
    report = fleet_report(
        [str(workspace.layout.root)], merge_records=merge_records, executor="threads"
    )
    expected = json.loads(workspace.report().to_json())["records"]
    assert report.fields()["records"] == expected
    assert json.dumps(report.fields()["records"]) == json.dumps(expected)  # also in their order


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("at_once", [3, 100_000])
def test_copies_count_once_with_distinct_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, at_once: int
) -> None:
    first = make_workspace(tmp_path / "a", as_log(some_events(40, 1)))
    twice = next(iter(some_events(1, 1)))
    with Workspace(first).layout.events_path.open("ab") as log:
        log.write(as_log([twice, an_event()]) + b"no event\n")
    for name in ("b", "c"):
        shutil.copytree(first, tmp_path / name)
    monkeypatch.setattr(reporting, "parts_for", lambda _: parts)
    monkeypatch.setattr("ctxuse.fleet.repeats.IdWriter.__init__.__defaults__", (at_once,))
    report = fleet_report(
        [str(tmp_path)], merge_records=True, distinct_ids=True, executor="threads"
    )
    expected = json.loads(Workspace(first).report().to_json())["records"]
    assert report.fields()["records"] == expected
    assert [w.events for w in report.workspaces] == [42, 0, 0]
    assert [w.repeated for w in report.workspaces] == [0, 42, 42]
    assert [dict(w.not_counted) for w in report.workspaces] == [{"not_json": 1}] * 3


DAY = 86_400 * SECOND
BERLIN = Zone("Europe/Berlin")
PARTS: list[dict[str, Any]] = [
    {"since": instant(BEGIN + 2 * DAY), "until": instant(BEGIN + 5 * DAY)},
    {"since": instant(BEGIN + 99 * DAY)},
    {"actors": ["user"]},
    {"until": instant(BEGIN + 4 * DAY), "without_actors": ["user", "maintenance"]},
]


def test_ids_are_divided_by_how_many_there_are_whatever_size_logs_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = as_log(some_events(40, 1))
    roots = [make_workspace(tmp_path / name, log) for name in ("a", "b")]
    os.truncate(Workspace(roots[1]).layout.events_path, 10**12)
    divided: list[int] = []
    real = repeats.write_repeats

    def dividing(scratch: Store, part: int, parts: int, *more: Any) -> dict[int, Slice]:  # noqa: ANN401 - passed on
        divided.append(parts)
        return real(scratch, part, parts, *more)

    monkeypatch.setattr("ctxuse.fleet.work.write_repeats", dividing)
    for in_part, parts in ((repeats.IN_PART, 1), (16, 5)):
        monkeypatch.setattr(repeats, "IN_PART", in_part)
        report = fleet_report([str(tmp_path)], distinct_ids=True, executor="threads")
        assert [(one.events, one.repeated) for one in report.workspaces] == [(40, 0), (0, 40)]
        assert divided == [parts] * parts
        divided.clear()
    assert repeats.parts_for(10**15) == repeats.BUCKETS


@pytest.mark.parametrize("is_named", [False, True])
def test_scratch_goes_when_nobody_works_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_named: bool
) -> None:
    fleet, scratch = make_fleet(tmp_path / "fleet", 2, 5), tmp_path / "scratch"
    scratch.mkdir()
    there: list[int] = []

    @contextmanager
    def open_engine(*words: Any) -> Iterator[running.Engine]:  # noqa: ANN401 - passed on
        try:
            with running.open_engine(*words) as engine:
                yield engine
        finally:
            there.append(len(os.listdir(scratch)))

    def interrupted(*words: object, **more: object) -> None:
        del words, more
        raise KeyboardInterrupt

    monkeypatch.setattr(reporting, "open_engine", open_engine)
    monkeypatch.setattr(reporting, "FindRepeats", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with pytest.raises(KeyboardInterrupt):
        fleet_report(
            [str(fleet)],
            distinct_ids=True,
            executor="threads",
            scratch=str(scratch) if is_named else None,
        )
    assert there == [1]
    assert os.listdir(scratch) == []


def some_by_actors() -> list[UsageEvent]:
    actors = cycle(["user", None, "maintenance"])
    return [e._replace(actor=actor) for e, actor in zip(some_events(90, 1), actors, strict=False)]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_of_one_workspace_is_that_of_its_report(tmp_path: Path, part: Any) -> None:  # noqa: ANN401 - arguments
    root = make_workspace(tmp_path, as_log(some_by_actors()))
    expected = Workspace(root).full_report(**part)
    report = fleet_report([str(root)], merge_records=True, full=True, executor="threads", **part)
    assert report.full == expected
    assert report.evidence == expected.basic.evidence
    assert report.evidence.outside == 90 - report.evidence.events > 0
    for by in ("host", "kind", "day"):
        grouped = fleet_report([str(root)], by=by, zone=BERLIN, executor="threads", **part)
        alone = Workspace(root).grouped_report(by, zone=BERLIN, **part)
        assert grouped.grouped is not None
        assert grouped.grouped.groups == alone.groups


def test_days_in_another_zone_are_counted_from_all_events(tmp_path: Path) -> None:
    make_fleet(tmp_path, 3)
    berlin, utc = (
        fleet_report([str(tmp_path)], by="day", zone=zone, executor="threads").grouped
        for zone in (BERLIN, UTC)
    )
    assert berlin is not None
    assert utc is not None
    assert berlin.groups != utc.groups
    assert sum(g.total.uses for g in berlin.groups) == sum(g.total.uses for g in utc.groups)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_is_counted_once_with_distinct_ids(tmp_path: Path, part: Any) -> None:  # noqa: ANN401 - arguments
    for name in ("a", "b"):
        make_workspace(tmp_path / name, as_log(some_by_actors()))
    report = fleet_report(
        [str(tmp_path)], merge_records=True, distinct_ids=True, executor="threads", **part
    )
    expected = Workspace(tmp_path / "a").report()
    assert report.evidence.events + report.evidence.outside == expected.evidence.events
    alone = fleet_report([str(tmp_path / "a")], executor="threads", **part)
    assert report.repeated == alone.evidence.events
    assert report.records == alone.records


def test_kinds_and_order_over_many_workspaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 3)

    def printed(*words: str) -> Any:  # noqa: ANN401 - JSON
        assert run(["fleet", "report", str(tmp_path), "--format", "json", *words]) == 0
        return json.loads(capsys.readouterr().out)

    whole = printed()["records"]
    skills = printed("--kind", "skill")["records"]
    assert skills == [record for record in whole if record["kind"] == "skill"]
    assert 0 < len(skills) < len(whole)
    merged = printed("--sort", "tokens", "--merge-records", "--format", "json-full")["records"]
    known = [one["tokens"] for one in merged if one["tokens"] is not None]
    assert known == sorted(known, reverse=True)
    assert all(one["tokens"] is None for one in merged[len(known) :])
    assert (
        printed("--top", "2", "--sort", "uses")["records"]
        == printed("--sort", "uses")["records"][:2]
    )
    grouped = printed("--by", "host", "--kind", "skill")["groups"]
    assert grouped
    assert {one["kind"] for group in grouped for one in group["records"]} == {"skill"}
    assert printed("--kind", "no-such", "--by", "host")["groups"] == []
    assert run(["fleet", "report", str(tmp_path), "--by", "day", "--sort", "uses"]) == 2
    assert run(["fleet", "report", str(tmp_path), "--since", "1d", "--until", "2d"]) == 2


def test_a_part_without_events_is_no_empty_table_and_an_unusual_actor_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    assert run(["fleet", "report", str(tmp_path), "--since", "2030-01-01", "--actor", "kim"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Evidence since 2026-11-18")
    assert said.err.startswith('ctxuse: no use by "kim" is counted; usual are agent,')


@pytest.mark.parametrize("merge_records", [False, True])
def test_records_that_are_only_outside_are_said_to_be_there(
    *, tmp_path: Path, merge_records: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    late = an_event(occurred_at_ns=BEGIN + 20 * DAY, records=an_event().records[:1])
    for name in ("a", "b"):
        make_workspace(tmp_path / name, as_log([*some_events(50, 1), late]))
    words = ["fleet", "report", str(tmp_path), "--since", "2026-12-01"]
    words += ["--merge-records"] * merge_records
    number = 12 if merge_records else 24
    for more in ([], ["--format", "csv"]):
        assert run([*words, *more]) == 0
        said = " ".join("".join(capsys.readouterr()).split())
        assert f"{number} records have events only outside the window: not shown" in said
    assert run([*words, "--kind", "skill"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{number // 2} records have events only outside the window: not shown" in said


def test_json_of_a_part_says_which_and_columns_do_not_depend_on_what_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    words = ["fleet", "report", str(tmp_path), "--since", "2026-11-20", "--tz", "Europe/Berlin"]
    for more in ([], ["--by", "day"]):
        assert run([*words, *more, "--format", "json"]) == 0
        evidence = json.loads(capsys.readouterr().out)["evidence"]
        assert evidence["window"] == {"since": "2026-11-19T23:00:00Z", "until": None}
        assert evidence["time_zone"] == "Europe/Berlin"
        headings = []
        for kind in ("skill", "no-such"):
            assert run([*words, *more, "--format", "csv", "--kind", kind]) == 0
            headings.append(capsys.readouterr().out.splitlines()[0])
        assert headings[0] == headings[1]
        assert "workspace" in headings[0]
    assert run(["fleet", "report", str(tmp_path), "--format", "json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["records", "workspaces", "unreadable"]


def test_the_page_says_what_it_is_sorted_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    words = ["fleet", "report", str(tmp_path), "--merge-records", "--format", "html"]
    assert run([*words, "--sort", "uses"]) == 0
    (heading,) = re.findall(r"<th[^>]*aria-sort[^>]*>.*?</th>", capsys.readouterr().out, re.DOTALL)
    assert "descending" in heading
    assert "Uses" in heading


def test_the_page_says_in_how_many_workspaces_a_record_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 3)
    record = UsageRecordSnapshot("knowledge", "only-here", 8, 2)
    event = an_event(occurred_at_ns=BEGIN, event=UsageEventKind.USE, records=(record,))
    make_workspace(tmp_path / "other", as_log([event]))
    words = ["fleet", "report", str(tmp_path), "--merge-records"]
    assert run([*words, "--format", "csv"]) == 0
    rows = {
        (row["kind"], row["slug"]): row
        for row in csv.DictReader(capsys.readouterr().out.splitlines())
    }
    assert run([*words, "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert 'data-sort="in-workspaces"' in page
    for (_, slug), row in rows.items():
        name = rf"<span[^>]*>{row['kind']}/</span>{slug}</th>"
        (line,) = re.findall(rf"<tr[^>]*><th[^>]*>{name}.*?</tr>", page, re.DOTALL)
        number = row["in_workspaces"]
        assert re.search(rf'</th>\s*<td data-v="{number}">{number} of 4</td>', line)
    assert rows["knowledge", "only-here"]["in_workspaces"] == "1"


@pytest.mark.parametrize("places", [["w000"], ["w000", "none"]])
def test_the_page_of_one_workspace_does_not_say_in_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], places: list[str]
) -> None:
    make_fleet(tmp_path, 1)
    words = [str(tmp_path / place) for place in places]
    status = run(["fleet", "report", *words, "--merge-records", "--format", "html"])
    assert status == (0 if len(places) == 1 else 3)
    page = capsys.readouterr().out
    assert "decision" in page
    assert "in-workspaces" not in page


def test_a_zone_without_a_name_is_not_sent_to_other_machines(tmp_path: Path) -> None:
    make_fleet(tmp_path, 1)
    with pytest.raises(FleetError, match="no name that workers know"):
        fleet_report([str(tmp_path)], zone=Zone("local"), executor="tcp://127.0.0.1:9")


def test_fuller_figures_are_of_merged_records_only(tmp_path: Path) -> None:
    make_fleet(tmp_path, 2)
    apart = fleet_report([str(tmp_path)], full=True, executor="threads")
    grouped = fleet_report(
        [str(tmp_path)], full=True, merge_records=True, by="host", executor="threads"
    )
    assert (apart.full, grouped.full) == (None, None)
    assert apart.records


def test_a_table_begins_with_what_took_most_and_sums_up_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        (tmp_path / f"w{number}").mkdir()
        made = Workspace(tmp_path / f"w{number}")
        records = [
            UsageRecordSnapshot.from_size("knowledge", f"k{size}", 4 * size)
            for size in range(1, 31)
        ]
        made.append_resident_exposure("s", records[: 30 - number])
    words = ["fleet", "report", str(tmp_path)]
    assert run(words) == 0
    table = capsys.readouterr().out
    rows = [line.split() for line in table.splitlines()]
    assert rows[3][:2] == ["w0", "knowledge/k30"]
    assert sum(row[:1] in (["w0"], ["w1"], ["w2"]) for row in rows) == 50
    assert ["37", "more"] in [row[:2] for row in rows]
    assert "The first 50 rows: --top, --sort and --kind choose others" in " ".join(table.split())
    assert f"Workspaces are below {tmp_path}/" in " ".join(table.split())
    assert run([*words, "--top", "3"]) == 0
    assert ["84", "more"] in [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert run([*words, "--merge-records", "--top", "2"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[-3:] for row in rows if row[:1] == ["knowledge/k28"]] == [["3", "of", "3"]]
    assert run([*words, "--merge-records", "--format", "csv"]) == 0
    found = {one["slug"]: one for one in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert [found[name]["in_workspaces"] for name in ("k28", "k29", "k30")] == ["3", "2", "1"]


def test_a_part_over_a_fleet_says_from_when_to_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 3)
    words = ["--since", "2026-11-20", "--tz", "Europe/Berlin", "--without", "maintenance"]
    assert run(["fleet", "report", str(tmp_path), *words]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Europe/Berlin, here from 2026-11-20 00:00 on" in said
    assert "outside" in said
    assert "Uses counted: only those not by maintenance." in said
    assert "Times are Europe/Berlin." in said


def test_a_grown_copy_adds_what_only_it_holds(tmp_path: Path) -> None:
    log = as_log(some_events(30, 1))
    make_workspace(tmp_path / "b", log + as_log(some_events(7, 2)))
    make_workspace(tmp_path / "a", log)
    make_workspace(tmp_path / "c", as_log(some_events(5, 3)))
    whole = fleet_report([str(tmp_path)], merge_records=True, distinct_ids=True, executor="threads")
    assert [w.events for w in whole.workspaces] == [30, 7, 5]
    for by in FLEET_BY:
        grouped = fleet_report([str(tmp_path)], by=by, distinct_ids=True, executor="threads")
        assert grouped.grouped is not None
        uses = sum(group.total.uses for group in grouped.grouped.groups)
        assert uses == sum(r.basic.use_count for r in whole.records)


def test_what_cannot_be_read_holds_no_id(tmp_path: Path) -> None:
    log = as_log(some_events(10, 1))
    break_at_its_end(make_workspace(tmp_path / "a", log))
    make_workspace(tmp_path / "b", log)
    report = fleet_report([str(tmp_path)], distinct_ids=True, executor="threads")
    assert [(w.address[-2:], w.events) for w in report.workspaces] == [("/b", 10)]
    assert [place.address[-2:] for place in report.unreadable] == ["/a"]


def test_a_workspace_that_fails_later_gives_its_events_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_workspace(tmp_path / "a", as_log(some_events(10, 1)))
    make_workspace(tmp_path / "b", as_log(some_events(12, 1)))
    real = running.Engine.results

    def results(self: running.Engine, jobs: Iterable[Job]) -> Iterator[tuple[Job, bytes]]:
        yield from real(self, jobs)
        path = tmp_path / "a/.yoi/memory/_usage/events.jsonl"
        if not path.is_symlink():
            path.unlink()
            path.symlink_to("/etc/hostname")

    monkeypatch.setattr(running.Engine, "results", results)
    report = fleet_report([str(tmp_path)], distinct_ids=True, executor="threads")
    assert [(w.address[-2:], w.events) for w in report.workspaces] == [("/b", 12)]
    assert [place.address[-2:] for place in report.unreadable] == ["/a"]


@pytest.mark.parametrize("by", [None, *FLEET_BY])
@pytest.mark.parametrize("merge_records", [False, True])
def test_the_number_of_workers_and_their_kind_do_not_show(
    *, tmp_path: Path, by: FleetBy | None, merge_records: bool
) -> None:
    make_fleet(tmp_path, 9)
    one, *others = (
        fleet_report(
            [str(tmp_path)], by=by, merge_records=merge_records, executor=kind, workers=number
        )
        for kind, number in (("threads", 1), ("threads", 3), ("processes", 2))
    )
    assert [other == one for other in others] == [True, True]
    assert one.evidence.events == 450
    alone = [Workspace(path).report() for path in tmp_path.iterdir()]
    assert sum(r.basic.use_count for r in one.records) == sum(
        r.use_count for report in alone for r in report.records
    )
    groups = one.grouped.groups if one.grouped else ()
    if by is not None:
        assert sum(g.total.uses for g in groups) == sum(r.basic.use_count for r in one.records)
    if by == "workspace":
        assert [g.name for g in groups] == [w.address for w in one.workspaces]


def workers_of_this_process() -> list[int]:
    """The processes that read for us."""
    found = subprocess.run(
        [shutil.which("ps") or "ps", "--ppid", str(os.getpid()), "-o", "pid=,args="],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = (line.split(None, 1) for line in found.stdout.splitlines())
    return [int(pid) for pid, words in lines if "ctxuse.fleet.interpreters" in words]


@pytest.mark.skipif(not shutil.which("ps"), reason="ps is not installed")
def test_processes_killed_in_the_middle_cost_a_retry_and_nothing_else(tmp_path: Path) -> None:
    make_fleet(tmp_path, 40, 400)
    expected = fleet_report([str(tmp_path)], executor="threads")
    killed: list[int] = []

    def told(done: int, whole: int) -> None:
        assert 0 < done <= whole == 40
        if len(killed) < 4:
            for pid in workers_of_this_process():
                with suppress(ProcessLookupError):  # the one it replaces may have just been reaped
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    assert fleet_report([str(tmp_path)], workers=2, on_progress=told) == expected
    assert len(killed) >= 2
    assert workers_of_this_process() == []


def test_a_workspace_that_loses_every_worker_is_listed_and_the_others_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path / "fleet", 6)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if any('ctxuse.fleet' in word for word in sys.orig_argv):\n"
        "    import ctxuse.fleet.counting as c\n"
        "    real = c.logs_of\n"
        "    c.logs_of = lambda s, p: os._exit(9) if s.address.endswith('w003') else real(s, p)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    report = fleet_report([str(tmp_path / "fleet")], workers=1)
    assert [w.address[-4:] for w in report.workspaces] == ["w000", "w001", "w002", "w004", "w005"]
    (lost,) = report.unreadable
    assert lost.address.endswith("w003")
    assert "ended with status 9" in lost.reason


def test_trouble_that_passes_costs_a_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_fleet(tmp_path, 2)
    tries: list[str] = []
    real = opening.logs_of

    def failing(source: Source, packs: Packs) -> Iterator[Opened]:
        tries.append(source.address[-1])
        if tries.count("1") < 3:
            yield from (one for one in real(source, packs) if source.address[-1] == "0")
            if source.address[-1] == "1":
                raise OSError(5, "Input/output error")
        else:
            yield from real(source, packs)

    monkeypatch.setattr(counting, "logs_of", failing)
    report = fleet_report([str(tmp_path)], executor="threads", workers=1)
    assert [w.events for w in report.workspaces] == [50, 50]
    assert tries == ["0", "1", "1", "1"]


@CLEAN
def test_places_that_cannot_be_read_are_listed_with_their_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_workspace(tmp_path / "good", as_log(some_events(5, 1)) + b"{}\n")
    make_workspace(tmp_path / "linked", b"")
    (tmp_path / "linked/.yoi/memory/_usage/events.jsonl").unlink()
    (tmp_path / "linked/.yoi/memory/_usage/events.jsonl").symlink_to("/etc/hostname")
    (tmp_path / "fifo/.yoi/memory/_usage").mkdir(parents=True)
    os.mkfifo(tmp_path / "fifo/.yoi/memory/_usage/events.jsonl")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list").write_text(f"# ours\n\n{tmp_path}/good\n{tmp_path}/gone\n")
    words = [
        str(tmp_path), str(tmp_path / "empty"), str(tmp_path / "list"), f"@{tmp_path}/list",
        f"{tmp_path}/no-*", "@nothing", "nosuch://x/y",
    ]  # fmt: skip
    assert run(["fleet", "report", *words, "--format", "json", "--scheduler", "threads"]) == 3
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert [*told] == ["records", "workspaces", "unreadable"]
    (seen,) = told["workspaces"]
    assert (seen["events"], seen["lines_not_counted"]) == (5, {"missing_field": 1})
    assert [*seen] == ["address", "events", "lines_not_counted", "since", "until"]
    reasons = {os.path.basename(p["address"]): p["reason"] for p in told["unreadable"]}
    assert "links are not followed" in reasons["linked"]
    assert "FIFO" in reasons["fifo"]
    assert reasons["gone"] == reasons["@nothing"] == "No such file or directory"
    assert "no workspace" in reasons["empty"]
    assert "no folder matches" in reasons["no-*"]
    assert "Not a directory" in reasons["list"]
    assert "nosuch" in reasons["y"]
    assert "8 places could not be read" in captured.err
    assert "1 line could not be counted" in captured.err


def test_places_that_do_not_exist_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path / "fleet", 2)
    gone = str(tmp_path / "gone")
    for more in ([], ["--format", "csv"], ["--by", "kind"]):
        assert run(["fleet", "report", gone, *more]) == 3
        said = " ".join("".join(capsys.readouterr()).split())
        assert f"{gone}: No such file or directory" in said
        assert run(["fleet", "report", str(tmp_path / "fleet"), gone, *more]) == 3
        captured = capsys.readouterr()
        assert captured.out
        assert f"{gone}: No such file or directory" in " ".join("".join(captured).split())
    assert run(["fleet", "collect", gone, "--to", str(tmp_path / "to")]) == 3
    assert f"{gone}: No such file or directory" in capsys.readouterr().err


def test_a_wrong_kind_over_many_workspaces_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    for more in ([], ["--merge-records"], ["--by", "kind"]):
        assert run(["fleet", "report", str(tmp_path), "--kind", "decisions", *more]) == 2
        assert "did you mean decision?" in capsys.readouterr().err


def test_a_workspace_that_is_not_there_where_it_is_read_is_listed(tmp_path: Path) -> None:
    gone = Source("/gone", root=os.fsencode(tmp_path / "gone"))
    there = Source("/there", root=os.fsencode(make_workspace(tmp_path / "w", b"")))
    tally = counting.count([gone, there], FleetQuery(), cache=False)
    assert [w.address for w in tally.seen] == ["/there"]
    (place,) = tally.unreadable
    assert "no workspace (.yoi/memory/) where it is read" in place.reason


def test_a_workspace_found_twice_counts_once(tmp_path: Path) -> None:
    make_fleet(tmp_path / "all", 3)
    (tmp_path / "link").symlink_to(tmp_path / "all" / "w001")
    (tmp_path / "all" / "inner").symlink_to(tmp_path / "all" / "w002")
    make_workspace(tmp_path / "all" / "w000" / "nested" / "deep", as_log(some_events(3, 9)))
    places = [
        str(tmp_path / "all"), f"{tmp_path}/all/w*", str(tmp_path / "link"),
        f"file://{tmp_path}/all/w002", f"{tmp_path}/./all/../all",
    ]  # fmt: skip
    found = find(places)
    assert [source.address.removeprefix(f"{tmp_path}/all/") for source in found.sources] == [
        "w000", "w000/nested/deep", "w001", "w002",
    ]  # fmt: skip
    assert found.unreadable == []


@CLEAN
@pytest.mark.parametrize("form", ["table", "csv", "markdown", "json"])
@pytest.mark.parametrize("more", [[], ["--by", "workspace"], ["--merge-records", "--by", "host"]])
def test_hostile_names_reach_no_terminal_sheet_or_page(
    tmp_path: Path,
    form: str,
    more: list[str],
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "900")
    for index, name in enumerate(
        ["\x1b[31mred\x07", "new\nline", "<script>alert(1)<", "=cmd|'x'", "a\u202eb", "`|x`"]
    ):
        make_workspace(tmp_path / name, as_log(some_events(4, index)))
    raw = os.fsencode(tmp_path) + b"/not-\xff-utf8"
    make_workspace(Path(os.fsdecode(raw)), as_log(some_events(4, 8)))
    os.makedirs(tmp_path / "\x1b]0;bad\x07" / ".yoi" / "memory" / "_usage" / "events.jsonl")
    words = ["fleet", "report", str(tmp_path), "--format", form, "--scheduler", "threads", *more]
    assert run(words) == 3
    captured = capsysbinary.readouterr()
    assert b"\x1b" not in captured.err
    said = captured.err + captured.out
    assert re.search(rb"(\\x1b|&#92;x1b|\\u001b)(\]|&#93;)0(;|&#59;)bad", said)
    if form == "json":
        told = json.loads(captured.out)
        assert len(told["workspaces"]) == 7
        return
    for sign in (b"\x1b", b"\x07", "\u202e".encode()):
        assert sign not in captured.out
    if form == "csv":
        rows = [*csv.reader(io.StringIO(captured.out.decode()))]
        assert not [cell for row in rows for cell in row if cell.startswith("=")]
    if form == "markdown":
        assert b"<script>" not in captured.out


def test_without_and_with_merged_records_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 2)
    base = ["fleet", "report", str(tmp_path), "--scheduler", "threads"]
    assert run([*base, "--format", "json"]) == 0
    apart = json.loads(capsys.readouterr().out)["records"]
    assert [*apart[0]][:3] == ["workspace", "kind", "slug"]
    assert run([*base, "--format", "json", "--merge-records"]) == 0
    merged = json.loads(capsys.readouterr().out)["records"]
    assert "workspace" not in merged[0]
    for figure in ("use_count", "resident_exposure_count"):
        assert sum(r[figure] for r in apart) == sum(r[figure] for r in merged)
    assert run([*base, "--format", "csv"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [(r["workspace"], r["slug"], int(r["use_count"])) for r in rows] == [
        (r["workspace"], r["slug"], r["use_count"]) for r in apart
    ]
    assert run([*base, "--by", "host", "--format", "csv"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert sum(int(r["use_count"]) for r in rows) == sum(r["use_count"] for r in apart)
    assert {r["host"] for r in rows} == {"codex", "unknown"}
    assert run([*base, "--by", "day", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [*told] == ["by", "groups", "workspaces", "unreadable"]
    assert sum(g["use_count"] for g in told["groups"]) == sum(r["use_count"] for r in apart)
    assert told["groups"][0]["records"][0]["workspace"] == f"{tmp_path}/w000"
    for form in ("table", "markdown"):
        assert run([*base, "--format", form]) == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "From 2 workspaces" in said
        assert "Evidence since 2026-11-18" in said
    target = tmp_path / "out.json"
    assert run([*base, "--format", "json", "-o", str(target)]) == 0
    assert json.loads(target.read_text())["records"] == apart


def test_nothing_found_is_said_also_by_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fleet", "report", str(tmp_path)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "No evidence yet" in said
    assert "1 place could not be read" in said


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("sftp://kim@host/x", "sftp://host/x"),
        ("https://host/x?sig=abc&x=1", "https://host/x"),
        ("cannot read sftp://k:s@h/x: denied", "cannot read sftp://h/x: denied"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("s3://bucket/team-?/x", "s3://bucket/team-?/x"),
        ("s3://KEY:SEC/RE/T@bucket/x", "s3://bucket/x"),
        ("http://host:8080/a/b", "http://host:8080/a/b"),
        ("s3://KEY:7/SECRET@bucket/x", "s3://bucket/x"),
        ("abfs://KEY:7/SEC/RET@bucket/a@b", "abfs://bucket/a@b"),
        ("s3://KEY:7/SEC@RET@bucket/x", "s3://bucket/x"),
        ("s3://KEY:7/SEC?RET@bucket/x", "s3://bucket/x"),
        ("http://joe:80/SECRET@host:80/", "http://host:80/"),
        ("redis://:7/SECRET@host/0", "redis://host/0"),
        ("no http://host:80/x, ask a@b", "no http://host:80/x, ask a@b"),
        ("s3://key:sec?ret@bucket/x", "s3://bucket/x"),
        ("https://key:sec?ret@host/x", "https://…"),
        ("https://host?to=a@b", "https://…"),
        ("https://host:80/x?to=a@b", "https://host:80/x"),
        ("https://key:sec/r?et@host/x", "https://host/x"),
        ("http:///key:secret@host/x", "http://host/x"),
        ("tcp://host:8786?secret", "tcp://host:8786"),
        ("tls://host:8786/?token", "tls://host:8786/"),
        ("simplecache::s3://k:s@b/x", "simplecache::s3://b/x"),
    ],
)
def test_no_secret_of_an_address_is_shown(address: str, shown: str) -> None:
    assert without_secrets(address) == shown
    assert redacted(f"what? a=b, '{address}'.") == f"what? a=b, '{shown}'."


@given(
    scheme=st.sampled_from(["s3", "abfs", "foo", "http", "simplecache::s3"]),
    port=st.sampled_from(["", "7/", "8080/", "7//"]),
    password=st.text(f"{ascii_letters}{digits}+/=", min_size=8, max_size=40),
    rest=st.sampled_from(["", "/", ":80/x", "/x y", "/x'", "/a@b"]),
)
def test_no_password_of_an_address_is_shown(
    scheme: str, port: str, password: str, rest: str
) -> None:
    address = f"{scheme}://AKIA123:{port}{password}@bucket{rest}"
    shown = f"{scheme}://bucket{rest}"
    assert without_secrets(address) == hidden(address) == shown
    assert redacted(f"no '{address}") == f"no '{shown}"
    assert password not in without_secrets(f"{port}{password} is wrong", address)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://user:SEC WORD@host:1/x", "http://host:1/x"),
        ("s3://KEY:SEC\tWORD@bucket/x", "s3://bucket/x"),
        ("https://host:1/x?sig=SEC'WORD", "https://host:1/x"),
        ('https://host:1/x?sig=SEC"WORD y', "https://host:1/x"),
        ("https://host/x#token=SEC", "https://host/x"),
        ("https://host/x;tok=SEC", "https://host/x"),
        ("tcp://u:SEC WORD@host:1", "tcp://host:1"),
        ("s3://bucket/team-?/x y", "s3://bucket/team-?/x y"),
        ("s3://bucket/a b@c", "s3://bucket/a b@c"),
        ("ftp://u:SEC#WORD@host:1/x", "ftp://host:1/x"),
    ],
)
def test_no_sign_in_an_address_shows_a_secret(address: str, shown: str) -> None:
    assert hidden(address) == shown
    user = re.search(r"SEC.WORD(?=@)", address)
    for said in ("not integer value as 'SEC'", f"cannot open {address}", "WORD") if user else ():
        assert not {"SEC", "WORD"} & set(re.split(r"\W+", without_secrets(said, address))), said


def test_secrets_do_not_stand_in_reasons_either() -> None:
    url = "s3://key:pass@host/x?token=t0k3n"
    for said in ("Invalid name key:pass@host", "pass is wrong", "GET /x?token=t0k3n", "t0k3n"):
        assert not {"pass", "t0k3n"} & set(re.split(r"\W+", without_secrets(said, url)))


def test_secrets_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fleet", "report", "nosuch://key:secret@host/x?token=secret", "--format", "json"]
    assert run(words) == 3
    captured = capsys.readouterr()
    assert "secret" not in captured.out + captured.err


@pytest.mark.parametrize("scheduler", ["prozesse", ""])
def test_a_scheduler_that_is_none_is_refused(
    tmp_path: Path, scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path, 1)
    with pytest.raises(FleetError, match="write processes, threads"):
        fleet_report([str(tmp_path)], executor=scheduler)
    assert run(["fleet", "report", str(tmp_path), "--scheduler", scheduler]) == 3
    assert "Traceback" not in capsys.readouterr().err


@given(
    st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(0, 9)), max_size=60),
    st.integers(1, 9),
)
def test_batches_are_all_workspaces_once_in_order_and_bounded(
    sizes: list[tuple[int, int]], workers: int
) -> None:
    many = tuple((f"f{n}", 1) for n in range(MOST_FILES // 4))
    sources = [
        Source(f"/{n}", root=b"/", size=size, logs=many if files < 3 else ())
        for n, (size, files) in enumerate(sizes)
    ]
    found = [*batches(sources, workers)]
    assert [source for _, batch in found for source in batch] == sources
    assert [first for first, _ in found] == [
        sum(len(batch) for _, batch in found[:n]) for n in range(len(found))
    ]
    for _, batch in found:
        assert len(batch) <= MOST_IN_BATCH
        assert len(batch) == 1 or sum(s.size for s in batch) <= MOST_BYTES
        assert sum(bool(s.logs) for s in batch) <= 4


def test_a_report_over_folders_loads_no_library_of_the_extra(tmp_path: Path) -> None:
    make_fleet(tmp_path, 2)
    code = (
        "import sys; from ctxuse.cli.main import run\n"
        f"assert run(['fleet', 'report', {str(tmp_path)!r}]) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"distributed", "dask", "fsspec", "pyarrow", "multiprocessing", "asyncio"}


@pytest.mark.parametrize(
    ("library", "words"),
    [
        ("fsspec", ["report", "s3://bucket/x"]),
        ("distributed", ["report", ".", "--scheduler", "tcp://127.0.0.1:1"]),
        ("pyarrow", ["export", ".", "--to", "out"]),
    ],
)
def test_what_an_extra_would_bring_is_said(tmp_path: Path, library: str, words: list[str]) -> None:
    make_fleet(tmp_path, 1)
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from ctxuse.cli.main import main; main({['fleet', *words]!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 3
    assert "pip install 'ctxuse[fleet]'" in done.stderr


def reasons_of(*places: str) -> dict[str, str]:
    found = find(places)
    assert found.sources == []
    return {place.address: place.reason for place in found.unreadable}


@CLEAN
def test_a_list_is_a_regular_file_that_names_places(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").write_text("# none yet\n\n")
    (tmp_path / "nested").write_text(f"@{tmp_path}/other\n")
    (tmp_path / "itself").write_text(f"file://@{tmp_path}/itself\n")
    assert reasons_of(*(f"@{tmp_path}/{name}" for name in ("fifo", "empty", "nested"))) == {
        f"@{tmp_path}/fifo": "it is no regular file",
        f"@{tmp_path}/empty": "the list names no place",
        f"@{tmp_path}/other": "lists do not nest",
    }
    assert reasons_of("@/dev/zero") == {"@/dev/zero": "it is no regular file"}
    (reason,) = reasons_of(f"@{tmp_path}/itself").values()
    assert reason == "No such file or directory"


def test_a_list_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(1, 1)))
    (tmp_path / "list").write_bytes(f"\ufeff{root}\r\n".encode())
    found = find([f"@{tmp_path}/list"])
    assert [source.address for source in found.sources] == [str(root)]
    assert found.unreadable == []


def test_a_name_that_cannot_be_one_costs_its_line_only(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", as_log(some_events(1, 1)))
    (tmp_path / "list").write_text(f"/a\0b\n{root}\n/\0*\n")
    found = find([f"@{tmp_path}/list", "/\ud800", "@\0"])
    assert [source.address for source in found.sources] == [str(root)]
    assert [place.address for place in found.unreadable] == ["/a\0b", "/\0*", r"/\ud800", "@\0"]


@CLEAN
def test_two_stars_follow_no_link(tmp_path: Path) -> None:
    make_fleet(tmp_path / "all", 2)
    make_workspace(tmp_path / "all" / "deep" / "er" / "w", as_log(some_events(1, 1)))
    make_workspace(tmp_path / "all" / ".git" / "w", as_log(some_events(1, 1)))
    make_workspace(tmp_path / "other" / "w", as_log(some_events(1, 1)))
    for name in ("loop", "deep/loop", "deep/er/loop"):
        for number in range(12):
            (tmp_path / "all" / f"{name}{number}").symlink_to(tmp_path / "all")
    (tmp_path / "all" / "deep" / "out").symlink_to(tmp_path / "other")
    for pattern, names in {
        "all/**": ["deep/er/w", "w000", "w001"],
        "all/**/w": ["deep/er/w"],
        "all/**/er/**": ["deep/er/w"],
        "a*/**/w00?": ["w000", "w001"],
    }.items():
        found = find([f"{tmp_path}/{pattern}"])
        assert [s.address.removeprefix(f"{tmp_path}/all/") for s in found.sources] == names
        assert found.unreadable == []
    (reason,) = reasons_of(f"{tmp_path}/all/**/none").values()
    assert reason == "no folder matches"
    linked = find([f"{tmp_path}/all/**/out"]).sources  # this one is named
    assert [source.address for source in linked] == [f"{tmp_path}/other/w"]
    git = find([f"{tmp_path}/all/**", f"{tmp_path}/all/.*", f"{tmp_path}/all"]).sources
    assert len(git) == 4


@CLEAN
def test_a_folder_that_may_not_be_looked_into_is_no_folder_without_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path / "all", 2)
    for name in ("deep/private/agents", "linked"):
        make_workspace(tmp_path / "all" / name, as_log(some_events(1, 1)))
    (tmp_path / "all/linked/.yoi").rename(tmp_path / "yoi")
    (tmp_path / "all/linked/.yoi").symlink_to(".yoi")  # nobody may say what is there
    private, asked, listed = str(tmp_path / "all/deep/private"), os.stat, os.scandir

    def refusing(usual: Callable[..., Any], at: str) -> Callable[..., Any]:
        def refused(path: Any = ".", *where: Any, **how: Any) -> Any:  # noqa: ANN401 - passed on
            if str(path).startswith(at):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return usual(path, *where, **how)

        return refused

    for place, refused in {
        "all": ["deep/private", "linked/.yoi"],
        "all/w*/../linked": ["linked/.yoi"],
        "all/deep/*/agents": ["deep/private/agents"],
        "all/**/agents": ["deep/private", "deep/private/agents"],
        "all/**": ["deep/private", "linked/.yoi"],
        "all/deep/private/*": ["deep/private"],
    }.items():
        monkeypatch.setattr(os, "stat", refusing(asked, f"{private}/"))
        monkeypatch.setattr(os, "scandir", refusing(listed, private))
        found = find([f"{tmp_path}/{place}"])
        monkeypatch.undo()
        said = [one.address.removeprefix(f"{tmp_path}/all/") for one in found.unreadable]
        assert sorted(said) == refused, place
        assert len(found.sources) == (2 if place in {"all", "all/**"} else 0)
    (tmp_path / "all/linked/.yoi").unlink()
    (tmp_path / "all/linked/.yoi").symlink_to("nothing")
    assert find([f"{tmp_path}/all"]).unreadable == []


def test_a_folder_of_collected_logs_that_may_not_be_looked_into_is_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    below = make_workspace(tmp_path / "to/below/w", b"")
    (below / ".yoi/memory/_usage/events.jsonl").unlink()
    (below / ".yoi/memory/_usage/collected").symlink_to("collected")
    make_fleet(tmp_path / "all", 1)
    words = ["fleet", "collect", str(tmp_path), "--to", str(tmp_path / "to")]
    assert run([*words, "--scheduler", "threads"]) == 3
    assert "it lies in what is copied to" in capsys.readouterr().err
    packed = Source("w", root=os.fsencode(tmp_path / "w"), packed=(Part("a", 0, "b"),))
    assert packed.is_in_packs_alone
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.yoi").symlink_to(".yoi")
    assert not packed.is_in_packs_alone


@CLEAN
def test_names_that_are_no_text_are_shown_like_no_other(tmp_path: Path) -> None:
    names = [b"a\xff", rb"a\xff", rb"a\\xff", b"a\\\xff", rb"a\b"]
    for name in names:
        make_workspace(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)), b"")
    found = find([str(tmp_path)])
    shown = [source.address.removeprefix(f"{tmp_path}/") for source in found.sources]
    assert set(shown) == {r"a\xff", r"a\\xff", r"a\\\\xff", r"a\\\xff", r"a\b"}


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        ("github://SECRETPW:x@y/z", "no org SECRETPW", "no org …"),
        ("sftp://kim@host/x", "kim was refused", "… was refused"),
        ("sftp://k@host/x", "asked k: back", "asked …: back"),
        ("s3://a:p%40ss@b/x", "p@ss is wrong", "… is wrong"),
        ("s3://a:pa+s/s@b/x", "pa%2Bs%2Fs, pa%2Bs/s are wrong", "…, … are wrong"),
        ("https://h/x?a=1234567&b=7654321", "got 7654321, 1234567", "got …, …"),
        ("https://h/x?TOKEN", "https://h/x?TOKEN: TOKEN", "https://h/x …"),
        ("", "s3://k:p@q@b/x", "s3://b/x"),
    ],
)
def test_no_part_of_what_lets_in_is_said(url: str, said: str, shown: str) -> None:
    assert without_secrets(said, url) == shown


NAMED = [
    "{}user:SEC{}WORD@host.invalid/x", "{}SECWORD{}@host.invalid/x",
    "{}host.invalid/x?token=SEC{}WORD", "{}user:SEC{}WORD@host.invalid/*",
]  # fmt: skip


@pytest.mark.parametrize(
    "scheme", ["nosuch://", "@s3://", "@https://", "@@s3://", "file://", "@file://", "local://"]
)
@pytest.mark.parametrize("sign", ["", "'", '"', ")", ">", " ", "`", "|"])
def test_no_place_shows_a_secret_in_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    scheme: str, sign: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    places = [named.format(scheme, sign) for named in NAMED]
    Path("list").write_text("\n".join(places))
    for words in (["report", "--format", "json"], ["report"], ["collect", "--to", "to"]):
        for some in (places, ["@list"]):
            assert run(["fleet", *words, *some]) == 3
            captured = capsys.readouterr()
            for secret in ("SEC", "WORD"):
                assert secret not in captured.out + captured.err


def test_a_user_is_no_part_of_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fleet", "report", "github://SECRETPW:x@y/z", "nosuch://SECRETPW:x@y/z"]
    assert run([*words, "--format", "json"]) == 3
    captured = capsys.readouterr()
    assert "SECRETPW" not in captured.out + captured.err


def test_addresses_that_cannot_be_read_are_refused_by_name() -> None:
    assert reasons_of("zip://w1::z.zip", "s3://", "gs:///") == {
        "zip://w1::z.zip": "addresses that are chained with :: are neither read nor written",
        "s3://": "it names no bucket: write s3://BUCKET",
        "gs:///": "it names no bucket: write gs://BUCKET",
    }


class Going:
    """An entry of a folder whose file is renamed before it is looked at."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry
        self.name, self.path = entry.name, entry.path

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def is_symlink(self) -> bool:
        return self._entry.is_symlink()

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        assert not self.name.endswith(".tmp")
        if "gone" in self.name:
            raise FileNotFoundError(self.path)
        return self._entry.stat(follow_symlinks=follow_symlinks)


def test_files_that_go_while_a_folder_is_listed_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "gone", "x.1.abcd.tmp", "z"):
        (tmp_path / name).write_bytes(b"12")
    root = make_workspace(tmp_path / "w", b"12345")
    scandir = os.scandir

    class Listing(list[Going]):
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def going(path: str) -> Listing:
        with scandir(path) as entries:
            return Listing(Going(entry) for entry in entries)

    monkeypatch.setattr(os, "scandir", going)
    names = LocalStore(str(tmp_path)).names()
    assert {name: size for name, size in names.items() if "/" not in name} == {"a": 2, "z": 2}
    usage = root / ".yoi/memory/_usage"
    (usage / "events.20990101T000000.000000000Z.jsonl").write_bytes(b"1")
    monkeypatch.setattr(Going, "stat", stat_of_one)
    (source,) = find([str(root)]).sources
    assert source.size == 5


def stat_of_one(self: Going, *, follow_symlinks: bool) -> os.stat_result:
    if self.name != "events.jsonl":
        raise FileNotFoundError(self.path)
    return os.stat(self.path, follow_symlinks=follow_symlinks)
