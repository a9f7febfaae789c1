"""A part of a log, told from what is remembered of its days, is what reading all of it gives."""

import os
import random
import tracemalloc
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import compress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loglines import UNUSUAL, usual
from strategies import an_event

from ctxuse import UsageEventKind, UsageRecordSnapshot, Workspace, zones
from ctxuse.cache import Cache
from ctxuse.codec.encode import encode
from ctxuse.counting import checkpoint, days, daystore, workers
from ctxuse.counting.asked import Counted, DaysTask, count_asked
from ctxuse.counting.blocks import read_usual
from ctxuse.counting.dayform import dump_days
from ctxuse.counting.daystore import DayStore
from ctxuse.counting.kinds import BASIC, DETAIL, TallyKind
from ctxuse.counting.proving import check_cache
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.log.reader import OpenLog
from ctxuse.processes import start_interpreter
from ctxuse.query import Query, Window
from ctxuse.reports.making import make_full_report, make_report
from ctxuse.times import SECOND, format_ns
from ctxuse.zones import DAY, UTC, Zone

if TYPE_CHECKING:
    from subprocess import Popen

SMALL = Tuning(checkpoint=1, block=3000, dealt=40, each=1, judged=20, full_read_every=2**62)
"""Makes small logs be worth it, and be read in many blocks."""

BEGIN = 20_600 * DAY
"""A midnight."""

NEVER = Window(end_ns=0)
ZONES = [UTC, Zone("Europe/Berlin"), Zone("Asia/Kathmandu")]
KINDS = [BASIC, DETAIL]


def some_lines(seed: int, number: int, *, hours: int, shuffled: bool) -> list[bytes]:
    """Lines of events so many hours apart at most; some stand where they do not belong by time."""
    chance = random.Random(seed)  # noqa: S311 - a seed
    at = BEGIN
    lines = []
    for line in usual(chance, number, sizes=chance.choice([3, 10**6])):
        at += chance.randrange(1, hours * 3600) * SECOND * chance.choice([0, 1, 1])
        if chance.random() < 0.02:
            at -= (at + chance.choice([0, 1, 2]) * 3600 * SECOND) % DAY  # a midnight somewhere
        head, mid, tail = line.partition(b'"occurred_at":"')
        stamp = format_ns(at).encode()
        lines.append(head + mid + stamp + tail[tail.index(b'"') :])
    if shuffled:
        sessions = [lines[n : n + 5] for n in range(0, len(lines), 5)]
        chance.shuffle(sessions)
        lines = [line for session in sessions for line in session]
    return lines


def told(counted: Counted) -> tuple[object, ...]:
    """What counts of it."""
    outside = counted.outside
    others = {key: (one.use_count, one.exposure_count) for key, one in outside.records.items()}
    return counted.tally, outside.events, others


def read(
    workspace: Workspace, kind: TallyKind, queries: Sequence[Query], reading: Reading
) -> list[tuple[object, ...]]:
    """What the log says."""
    return [told(one) for one in count_asked(workspace.layout, kind, queries, reading)]


windows = st.builds(
    lambda begin, hours, unit: Window(BEGIN + begin * unit, BEGIN + (begin + hours) * unit),
    st.integers(-2, 30), st.integers(1, 40), st.sampled_from([DAY, DAY // 24, 977 * SECOND]),
)  # fmt: skip
windows |= st.builds(
    lambda begin, length: Window(BEGIN + begin * 37 * DAY, BEGIN + (begin + length) * 37 * DAY + 1),
    st.integers(0, 90), st.integers(1, 90),
)  # fmt: skip
windows |= st.sampled_from([Window(), Window(BEGIN + 2 * DAY), Window(end_ns=BEGIN + DAY), NEVER])

queries = st.builds(
    Query, windows,
    st.sampled_from([None, None, ("user",), ("unknown", "nobody"), ()]),
    st.sampled_from([(), (), ("user",)]), st.just(()), st.sampled_from(ZONES),
)  # fmt: skip


@given(
    seed=st.integers(0, 2**32),
    hours=st.sampled_from([1, 5, 60, 2000]),
    shuffled=st.booleans(),
    steps=st.lists(st.integers(1, 90), min_size=1, max_size=4),
    unusual=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(UNUSUAL)), max_size=3),
    asked=st.lists(queries, min_size=1, max_size=3),
    kind=st.sampled_from(KINDS),
    ended=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_days_that_are_remembered_are_those_that_are_read(
    seed: int, hours: int, shuffled: bool, steps: list[int],  # noqa: FBT001 - drawn
    unusual: list[tuple[int, bytes]], asked: list[Query], kind: TallyKind, ended: bool,  # noqa: FBT001 - drawn
) -> None:  # fmt: skip
    lines = some_lines(seed, sum(steps), hours=hours, shuffled=shuffled)
    for place, line in unusual:
        lines.insert(place, line)
    with TemporaryDirectory() as root:
        workspace = Workspace(root)
        path = workspace.layout.events_path
        path.parent.mkdir(parents=True)
        cached = Reading(Cache(f"{root}/cache"), processes=1, tuning=SMALL)
        for step in steps:
            some, lines = lines[:step], lines[step:]
            with path.open("ab") as log:
                log.write(b"\n".join(some) + b"\n" * (ended or bool(lines)))
            expected = read(workspace, kind, asked, Reading(tuning=SMALL))
            assert read(workspace, kind, asked, cached) == expected
            assert read(workspace, kind, asked, cached) == expected
            if not ended and not lines:
                break


@pytest.fixture
def mixed(workspace: Workspace) -> Workspace:
    """A workspace with a log of many days in no order."""
    lines = some_lines(1, 900, hours=5, shuffled=True)
    workspace.layout.events_path.parent.mkdir(parents=True, exist_ok=True)
    workspace.layout.events_path.write_bytes(b"".join(line + b"\n" for line in lines))
    return workspace


def cached(workspace: Workspace, tuning: Tuning = SMALL, processes: int = 1) -> Reading:
    """Reading with a cache of its own."""
    return Reading(Cache(os.fspath(Path(workspace.layout, "cache"))), processes, tuning=tuning)


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are counted by day, each time."""
    found: list[int] = []
    original = read_usual

    def noted(log: OpenLog, start: int = 0, **options: object) -> object:
        found.append(log.end - start)
        return original(log, start, **options)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr(days, "read_usual", noted)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_window_of_whole_days_is_told_without_the_log(
    mixed: Workspace, bytes_read: list[int], kind: TallyKind
) -> None:
    """However mixed its days are."""
    reading = cached(mixed)
    size = mixed.layout.events_path.stat().st_size
    for zone in ZONES:
        bytes_read.clear()
        first = zone.midnight(date(2026, 6, 1))
        for begin, end in ((0, 9), (9, None), (3, 4)):
            window = Window(first + begin * DAY, None if end is None else first + end * DAY)
            query = Query(window, zone=zone)
            assert read(mixed, kind, [query], reading) == read(mixed, kind, [query], Reading())
        for query in (Query(zone=zone), Query(actors=("user",), zone=zone)):
            assert read(mixed, kind, [query], reading) == read(mixed, kind, [query], Reading())
        assert [number for number in bytes_read if number] == [size, size]  # for user's, once more


def test_of_days_that_lie_partly_in_a_window_the_bytes_are_read_where_they_stand(
    workspace: Workspace, bytes_read: list[int]
) -> None:
    lines = some_lines(1, 2000, hours=2, shuffled=False)
    workspace.layout.events_path.parent.mkdir(parents=True, exist_ok=True)
    workspace.layout.events_path.write_bytes(b"".join(line + b"\n" for line in lines))
    reading = cached(workspace)
    size = workspace.layout.events_path.stat().st_size
    window = Window(BEGIN + 7 * DAY + 3 * 3600 * SECOND, BEGIN + 29 * DAY + 1)
    (first,) = read(workspace, DETAIL, [Query(window)], reading)
    assert sum(bytes_read) < size * 1.3
    bytes_read.clear()
    assert read(workspace, DETAIL, [Query(window)], reading) == [first]
    assert 0 < sum(bytes_read) < size * 0.3


def test_the_last_exposure_holds_that_stands_last_whatever_day_it_was(workspace: Workspace) -> None:
    """Its size is a figure of the order of the file, also where that is not the order of time."""

    def exposure(day: int, size: int) -> bytes:
        snapshot = UsageRecordSnapshot("decision", "alpha", size, size)
        at_ns = BEGIN + day * DAY
        event = an_event(
            occurred_at_ns=at_ns, event=UsageEventKind.RESIDENT_EXPOSURE, records=(snapshot,)
        )
        return encode(event) + b"\n"

    days_of = [5, 1, 9, 3, 2, 8, 4]
    path = workspace.layout.events_path
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, len(days_of) + 1):
        path.write_bytes(b"".join(exposure(day, size) for size, day in enumerate(days_of[:number])))
        for until in range(10):
            query = Query(Window(end_ns=BEGIN + until * DAY + 1))
            inside = [size for size, day in enumerate(days_of[:number]) if day <= until]
            report = make_report(workspace.layout, query, cached(workspace))
            sizes = [record.estimated_tokens_per_injection for record in report.records]
            assert sizes == inside[-1:]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_several_processes_count_days_as_one_does(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch, kind: TallyKind
) -> None:
    results: list[object] = []
    original = workers._result  # noqa: SLF001 - what the workers gave

    def result(worker: object, task: DaysTask) -> object:
        results.append(original(worker, task))  # type: ignore[arg-type] # passed on
        return results[-1]

    monkeypatch.setattr(workers, "_result", result)
    tuning = SMALL._replace(second_process=2000, ahead=1000)
    asked = [Query(Window(BEGIN + 3 * DAY), ("user",), zone=ZONES[1])]
    found = read(mixed, kind, asked, cached(mixed, tuning, processes=3))
    assert found == read(mixed, kind, asked, Reading())
    assert len(results) == 2
    assert all(isinstance(one, days.Stretch) for one in results)


def test_what_is_damaged_costs_time_and_nothing_else(mixed: Workspace) -> None:
    chance = random.Random(1)  # noqa: S311 - a seed
    query = Query(Window(BEGIN + 3 * DAY, BEGIN + 30 * DAY))
    expected = make_full_report(mixed.layout, query, Reading())
    reading = cached(mixed)
    assert make_full_report(mixed.layout, query, reading) == expected
    (kept,) = (path for path in Path(mixed.layout, "cache").rglob("*.days.*"))
    good = kept.read_bytes()
    for number in range(40):
        data = bytearray(good)
        if number % 3:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            del data[chance.randrange(len(data)) :]
        kept.write_bytes(data)
        assert make_full_report(mixed.layout, query, reading) == expected
        assert make_full_report(mixed.layout, query, reading) == expected


def test_a_log_that_was_replaced_is_read_anew(mixed: Workspace) -> None:
    query = Query(Window(BEGIN + 3 * DAY))
    reading = cached(mixed)
    path = mixed.layout.events_path
    before = path.read_bytes()
    assert make_report(mixed.layout, query, reading).evidence.events > 0
    for changed in (before.replace(b'"use"', b'"xse"'), before[: len(before) // 2], before[5:]):
        path.write_bytes(changed)
        expected = make_report(mixed.layout, query, Reading())
        assert make_report(mixed.layout, query, reading) == expected


def test_too_many_days_and_zones_without_a_name_are_read(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch, bytes_read: list[int]
) -> None:
    query = Query(Window(BEGIN + 3 * DAY))
    expected = make_full_report(mixed.layout, query, Reading())
    nameless = Query(Window(BEGIN + 3 * DAY), zone=Zone("local"))
    no_text = Query(actors=("\udcff",))
    for one in (nameless, no_text):
        plain = make_full_report(mixed.layout, one, Reading())
        assert make_full_report(mixed.layout, one, cached(mixed)) == plain
    assert not bytes_read
    with monkeypatch.context() as patch:
        patch.setattr(days, "MOST_DAYS", 3)
        assert make_full_report(mixed.layout, query, cached(mixed)) == expected
        assert len(bytes_read) == 1
    assert make_full_report(mixed.layout, query, cached(mixed)) == expected
    assert len(bytes_read) == 1  # that it is too many is remembered


def test_days_are_too_many_however_they_came(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch, bytes_read: list[int]
) -> None:
    """In one stretch, in several, or with what was appended."""
    monkeypatch.setattr(daystore, "MOST_DAYS", 35)
    path = mixed.layout.events_path
    query = Query(Window(BEGIN + 3 * DAY))
    lines = sorted(path.read_bytes().splitlines(keepends=True), key=lambda line: line[60:90])
    path.write_bytes(b"".join(lines[:300]))
    read(mixed, BASIC, [query], cached(mixed))
    path.write_bytes(b"".join(lines))
    for _ in range(2):
        found = read(mixed, BASIC, [query], cached(mixed))
        assert found == read(mixed, BASIC, [query], Reading())
    assert len(bytes_read) == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_days_of_too_many_records_are_not_counted_again(
    mixed: Workspace, bytes_read: list[int], kind: TallyKind
) -> None:
    query = Query(Window(BEGIN + 3 * DAY))
    tuning = SMALL._replace(records=150, lines=100)
    for _ in range(3):
        found = read(mixed, kind, [query], cached(mixed, tuning))
        assert found == read(mixed, kind, [query], Reading())
    assert len(bytes_read) == 1


def test_days_that_are_too_large_to_be_kept_are_not_counted_again(
    mixed: Workspace, bytes_read: list[int]
) -> None:
    query = Query(Window(BEGIN + 3 * DAY))
    path = os.fspath(Path(mixed.layout, "cache"))
    reading = Reading(Cache(path, largest=1000), 1, tuning=SMALL)
    for _ in range(3):
        assert read(mixed, DETAIL, [query], reading) == read(mixed, DETAIL, [query], Reading())
    assert len([number for number in bytes_read if number]) == 1


def test_other_rules_of_counting_are_other_days(mixed: Workspace, bytes_read: list[int]) -> None:
    query = Query(Window(BEGIN + 3 * DAY))
    size = mixed.layout.events_path.stat().st_size
    for kind in (BASIC, BASIC, BASIC._replace(version=b"later")):
        read(mixed, kind, [query], cached(mixed))
    assert bytes_read.count(size) == 2


def test_what_days_hold_while_they_are_counted_grows_with_days_and_not_with_the_log(
    tmp_path: Path,
) -> None:
    """Of a day that is over nothing is held but its counts, however many tails there are."""
    tuning = SMALL._replace(tails=20_000, lines=500, judged=10**9, worth=1)

    def most(number: int) -> int:
        path = tmp_path / "log"
        lines = some_lines(1, number, hours=24 * 1000 // number, shuffled=False)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        with path.open("rb") as file:
            log = OpenLog("events.jsonl", file.fileno(), path.stat().st_size)
            tracemalloc.start()
            found = days.count_by_day(log, days.Dealing(DETAIL, Query(), tuning=tuning))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert sum(its.tally.basic.events for its in found.days.values()) == number
        return peak

    most(400)
    assert most(4000) < 2.5 * most(1000)


def test_a_stretch_that_cannot_be_counted_leaves_no_process_behind(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Popen[bytes]] = []
    original = start_interpreter

    def start(*words: str, **options: object) -> "Popen[bytes]":
        started.append(original(*words, **options))  # type: ignore[arg-type] # passed on
        return started[-1]

    monkeypatch.setattr(workers, "start_interpreter", start)
    monkeypatch.setattr(days, "MOST_DAYS", 3)
    tuning = SMALL._replace(second_process=2000, ahead=1000)
    read(mixed, BASIC, [Query(Window(BEGIN + DAY))], cached(mixed, tuning, processes=3))
    assert len(started) == 2
    assert all(one.returncode is not None for one in started)


def test_rules_of_a_zone_that_changed_are_another_zones(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query(zone=ZONES[1])
    make_full_report(mixed.layout, query, cached(mixed))
    rules = zones._rules("Europe/Paris")  # noqa: SLF001 - of another zone
    monkeypatch.setattr(zones, "_rules", lambda _: rules)
    assert Zone("Europe/Berlin").version != ZONES[1].version
    make_full_report(mixed.layout, query._replace(zone=Zone("Europe/Berlin")), cached(mixed))
    assert len([*Path(mixed.layout, "cache").rglob("*.days.*")]) == 2


def test_a_tally_of_days_that_is_none_is_not_believed(mixed: Workspace) -> None:
    """The cache is the user's own, and still what stands in it is looked at."""
    query = Query(Window(BEGIN + 3 * DAY))
    expected = make_full_report(mixed.layout, query, Reading())
    reading = cached(mixed)
    make_full_report(mixed.layout, query, reading)
    (kept,) = (path for path in Path(mixed.layout, "cache").rglob("*.days.*"))
    store = DayStore.loaded(kept.read_bytes(), DETAIL, query)
    assert store is not None
    (name, *_), _ = store.covering(query.window)
    record = next(iter(store.of(name).tally.basic.records.values()))
    record.use_count += 1
    kept.write_bytes(store.dump())
    assert make_full_report(mixed.layout, query, reading) == expected


def test_what_is_remembered_of_days_is_proved_against_a_full_read(
    mixed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part of it, of each question; what gives something else is removed."""

    def refuse(root: str) -> None:
        raise OSError(root)

    reading = cached(mixed)
    asked = [Query(), Query(actors=("user",)), Query(zone=ZONES[1])]
    for one in asked:
        make_full_report(mixed.layout, one._replace(window=Window(BEGIN + DAY)), reading)
    (proved,) = check_cache(mixed.layout, reading.cache, SMALL)
    assert proved.equal
    (kept, *_) = (path for path in Path(mixed.layout, "cache").rglob("*.days.*"))
    query = DayStore.asked_of(kept.read_bytes())
    assert query is not None
    assert query in asked
    store = DayStore.loaded(kept.read_bytes(), DETAIL, query)
    assert store is not None
    (name, *_), _ = store.covering(Window(BEGIN + 3 * DAY, BEGIN + 5 * DAY))
    wrong = store.of(name)
    record = next(iter(wrong.tally.detail.records.values()))
    record.first_ns -= 1
    blob = compress(dump_days(wrong), 1)
    part = store._parts[name]  # noqa: SLF001 - one of many, spoilt
    store._data = memoryview(bytes(store._data) + blob)  # noqa: SLF001 - likewise
    part.at, part.length = len(store._data) - len(blob), len(blob)  # noqa: SLF001 - likewise
    kept.write_bytes(store.dump())
    monkeypatch.setattr(checkpoint, "begin_generation", refuse)
    (proved,) = check_cache(mixed.layout, reading.cache, SMALL)
    assert not proved.equal
    assert not [*Path(mixed.layout, "cache").rglob("*.days.*")]
    window = query._replace(window=Window(BEGIN + DAY))
    expected = make_full_report(mixed.layout, window, Reading())
    assert make_full_report(mixed.layout, window, reading) == expected
