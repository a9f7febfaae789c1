"""Counting whole logs: in batches, by several processes, from checkpoints.

All give the tally of a plain loop.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import pytest
from faults.processes import Child
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from loglines import UNUSUAL, usual
from strategies import an_event, events

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageReport, Workspace
from ctxuse.cache import Cache, cache_of
from ctxuse.codec import batch
from ctxuse.codec.batch import decode_heads, split
from ctxuse.codec.decode import decode
from ctxuse.codec.encode import encode
from ctxuse.counting import blocks, checkpoint, count, detail, fold, workers
from ctxuse.counting.blocks import BlockReader, ByTails, InFull
from ctxuse.counting.checkpoint import Checkpoint, Place, load, place_of
from ctxuse.counting.count import Accumulator, tally_of
from ctxuse.counting.detail import DetailTally
from ctxuse.counting.kinds import BASIC, DETAIL, LogTally, TallyKind
from ctxuse.counting.proving import check_cache
from ctxuse.counting.tally import Tally
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.counting.workers import TallyTask, count_in_parallel
from ctxuse.layout import LOG_NAME
from ctxuse.log.reader import (
    BlankLine,
    OpenLog,
    PendingLine,
    SkippedLine,
    open_logs,
    read_events,
    read_lines,
)
from ctxuse.query import EVERYTHING, Query, Window
from ctxuse.reports.making import make_report
from ctxuse.times import SECOND, parse_ns
from ctxuse.zones import UTC, Zone

DATA = Path(__file__).parent / "data"
LOGS = sorted(DATA.glob("conformance/logs/*.events.jsonl"))
BERLIN = Zone("Europe/Berlin")


IN_BLOCKS = Tuning(worth=1)
"""In blocks wherever that can be."""

SMALL = Tuning(checkpoint=1)
"""Makes small logs be worth a checkpoint."""

SHARED = SMALL._replace(second_process=2000, ahead=1000)
"""Makes small logs be shared out among processes, too."""


def report_of(
    workspace: Workspace,
    tuning: Tuning = SMALL,
    *,
    cache: bool = True,
    processes: int | None = None,
    query: Query = EVERYTHING,
) -> UsageReport:
    reading = Reading(cache_of(os.environ, wanted=cache), processes, tuning=tuning)
    return make_report(workspace.layout, query, reading)


def the_cache() -> Cache:
    """The cache of this test."""
    found = cache_of(os.environ)
    assert found is not None
    return found


def place(workspace: Workspace, name: str = LOG_NAME) -> Place:
    """Where the checkpoints of a log are kept."""
    for log in open_logs(workspace.layout):
        if log.name == name:
            found = place_of(workspace.layout, log, Reading(the_cache(), tuning=SMALL))
            assert found is not None
            return found
    raise LookupError(name)


def checkpoint_file(workspace: Workspace, kind: TallyKind = BASIC) -> Path:
    """The file of a checkpoint of the present log."""
    key = place(workspace).key(kind)
    return Path(the_cache().path, key[0], key)


def basic(log: OpenLog, tuning: Tuning = IN_BLOCKS) -> Tally:
    return tally_of(log, tuning=tuning).basic


def plainly(log: OpenLog) -> Tally:
    """The straightforward loop: decode each line, add it."""
    tally = Tally()
    for found in read_events(log):
        match found:
            case UsageEvent():
                tally.add(found)
            case SkippedLine():
                tally.add_skipped(found.reason.value)
            case BlankLine():
                tally.blank += 1
            case PendingLine():
                tally.pending += 1
    return tally


def in_blocks(log: OpenLog, zone: Zone = UTC, tuning: Tuning = IN_BLOCKS) -> DetailTally:
    """The same in blocks, which only read what they must event by event."""
    accumulator = Accumulator(DETAIL, Query(zone=zone), tuning=tuning)
    count.count(log, [accumulator], tuning=tuning)
    return accumulator.tally.detail


def fully(log: OpenLog, zone: Zone = UTC) -> DetailTally:
    """The fuller tally of a log, line by line."""
    tally = DetailTally()
    for found in read_events(log):
        if isinstance(found, UsageEvent):
            tally.add(found, zone.day(found.occurred_at_ns))
    return tally


@given(
    seed=st.integers(0, 2**32),
    unusual=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UNUSUAL)), max_size=4),
    block=st.sampled_from([100, 700, 5000, 10**6]),
    tails=st.sampled_from([0, 500, 10**6]),
    variety=st.sampled_from([(2, 1), (3, 4), (10**6, 4)]),
    ended=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_batch_is_counted_as_its_lines_one_by_one(
    seed: int,
    unusual: list[tuple[int, bytes]],
    block: int,
    tails: int,
    variety: tuple[int, int],
    ended: bool,  # noqa: FBT001 - drawn
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed that Hypothesis can shrink
    lines = usual(chance, 60, sizes=variety[0], slugs=variety[1])
    for place, line in unusual:
        lines.insert(place, line)
    data = b"\n".join(lines) + b"\n" * ended
    tuning = IN_BLOCKS._replace(block=block, tails=tails, pause=1, judged=1)
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        for name in (LOG_NAME, "events.20260101T000000Z.jsonl"):
            log = OpenLog(name, file.fileno(), len(data))
            assert basic(log, tuning) == plainly(log)
            assert in_blocks(log, tuning=tuning) == fully(log)
            assert tally_of(log, DETAIL, tuning=tuning) == LogTally(plainly(log), fully(log))


@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(["02", "02.000", "02.5", "02.50"]),
            st.sampled_from([(1,), (2,), (1, 2)]),
            st.sampled_from([*UsageEventKind]),
            st.sampled_from(["a", "b"]),
        ),
        max_size=40,
    ),
    block=st.sampled_from([900, 3000, 10**6]),
    most=st.sampled_from([3, 10**6]),
    zone=st.sampled_from([UTC, BERLIN]),
)
@example(
    drawn=[("02", (size,), UsageEventKind.USE, "a") for size in [1] * 2 + [2] * 30 + [1] * 30],
    block=3000,
    most=10**6,
    zone=UTC,
)
@settings(max_examples=300, deadline=None)
def test_moments_that_are_equal_are_counted_fully_as_one_by_one(
    drawn: list[tuple[str, tuple[int, ...], UsageEventKind, str]], block: int, most: int, zone: Zone
) -> None:
    """Whichever is first in the file, however times are written, and wherever a block ends."""
    alpha = an_event().records[0]
    lines = [
        encode(
            an_event(
                occurred_at_ns=parse_ns("2026-11-22T22:59:00Z"),
                segment_id=segment,
                event=event,
                records=tuple(alpha._replace(file_bytes=size, context_bytes=size) for size in some),
            )
        ).replace(b":00Z", f":{second}Z".encode())
        for second, some, event, segment in drawn
    ]
    data = b"".join(line + b"\n" for line in lines)
    with TemporaryFile(buffering=0) as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        for module in (fold, detail):
            patch.setattr(module, "LAST_USES", 2)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        tuning = IN_BLOCKS._replace(block=block, uses=most, lines=most)
        assert in_blocks(log, zone, tuning) == fully(log, zone)


@given(
    seed=st.integers(0, 2**32),
    unusual=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(UNUSUAL)), max_size=2),
    block=st.sampled_from([700, 3000, 10**6]),
    variety=st.sampled_from([(2, 1), (3, 4), (10**6, 4)]),
    bounds=st.lists(st.tuples(*[st.none() | st.integers(0, 60)] * 2), min_size=1, max_size=2),
    actors=st.sampled_from([None, ["user"], ["unknown"]]),
    without=st.sampled_from([(), ["user"]]),
    full=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_parts_are_counted_in_blocks_as_event_by_event(
    seed: int,
    unusual: list[tuple[int, bytes]],
    block: int,
    variety: tuple[int, int],
    bounds: list[tuple[int | None, int | None]],
    actors: list[str] | None,
    without: Sequence[str],
    *,
    full: bool,
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed that Hypothesis can shrink
    lines = usual(chance, 60, sizes=variety[0], slugs=variety[1])
    moments = sorted(e.occurred_at_ns for e in map(decode, lines) if isinstance(e, UsageEvent))
    for place, line in unusual:
        lines.insert(place, line)
    data = b"\n".join(lines) + b"\n"
    queries = [
        Query(
            Window(*(None if at is None else [*moments, 2**63][at] for at in its)),
            None if who is None else tuple(who),
            tuple(without),
            zone=BERLIN,
        )
        for its, who in zip(bounds, [None, actors], strict=False)
    ]
    kind = DETAIL if full else BASIC
    tuning = IN_BLOCKS._replace(block=block)
    parts, one_by_one = (
        [Accumulator(kind, query, tuning=tuning) for query in queries] for _ in "ab"
    )
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        count.count(log, parts, tuning=tuning)
        for _, found in read_lines(log):
            for part in one_by_one:
                part.add_line(found)
    for part, other in zip(parts, one_by_one, strict=True):
        assert (part.tally, part.outside) == (other.tally, other.outside)


def test_parts_are_really_counted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test before would prove nothing."""
    lines = usual(random.Random(1), 500, later=4)  # noqa: S311 - a seed
    data = b"".join(line + b"\n" for line in lines)
    monkeypatch.setattr(count, "lines_of", None)
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        late = Window(1_790_000_500_000_000_000)
        parts = [
            Accumulator(DETAIL, Query(Window(2**62), ("user",)), tuning=IN_BLOCKS),
            Accumulator(DETAIL, Query(late, ("user",)), tuning=IN_BLOCKS),
            Accumulator(DETAIL, tuning=IN_BLOCKS),
            Accumulator(),
        ]
        count.count(log, parts)
    none, some, *every = (part.tally.basic.events for part in parts)
    assert none == 0 < some < 500
    assert every == [500, 500]
    assert [part.outside.events + part.tally.basic.events for part in parts] == [500] * 4


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Monrovia", "Asia/Kathmandu", "local"])
def test_days_of_a_zone_are_those_of_each_event(zone: str) -> None:
    """Clocks are changed, and offsets once had seconds: a day began within a minute."""
    moments = [
        *range(-60_000_000, -59_900_000, 7), *range(1_795_000_000, 1_795_200_000, 11),
        *range(63_500_000, 63_700_000, 13), *range(1_774_600_000, 1_774_900_000, 17),
    ]  # fmt: skip
    data = b"".join(encode(an_event(occurred_at_ns=at * SECOND)) + b"\n" for at in moments)
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        assert in_blocks(log, Zone(zone)) == fully(log, Zone(zone))


def test_long_names_are_counted_in_blocks_as_one_by_one() -> None:
    long = [an_event(segment_id=n * 300, host=n * 301, actor=n * 302) for n in ("x", "y", "z")]
    data = b"".join(encode(event) + b"\n" for event in long * 9)
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        assert in_blocks(log) == fully(log)
        (record,) = in_blocks(log).records.values()
    names = {*(record.used_in or ()), *record.hosts, *record.actors}
    assert len(names) == 9
    assert max(map(len, names)) < 80


def test_batches_are_really_used() -> None:
    """Otherwise the test before would prove nothing."""
    data = b"".join(line + b"\n" for line in usual(random.Random(1), 500, later=4))  # noqa: S311 - a seed
    assert isinstance(BlockReader().read(data), ByTails)
    assert batch.decode_lines(data) is not None
    for line in (UNUSUAL[0], UNUSUAL[2], UNUSUAL[3], UNUSUAL[9], UNUSUAL[12]):
        assert BlockReader().read(data + line + b"\n") is None, line
        assert batch.decode_lines(data + line + b"\n") is None


class InFullAtFirst(BlockReader):
    """Decodes its first block line by line."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type] # passed on
        self._pause = 1


ID = an_event().id.encode()
A, B = encode(an_event()), encode(an_event(segment_id="other"))


@pytest.mark.parametrize(
    "lines",
    [
        A + A + b"\n\n",
        b"\n" + A + A + b"\n",
        A + b"\n \n" + B + A + b"\n",
        A[:9] + b"\n" + A[9:] + B + b"\n",
        A.replace(b'"records":[{', b'"records":[\n{') + B + b"\n",
        A.replace(b"}]", b"}\n]") + B + b"\n",
        A[:-1] + b',"x":{}\n}' + B + b"\n",
        A[:-1] + b',"x":[{}\n,{}]}' + B + b"\n",
        A[:-1] + b',"x":"\xff"}\n' + B + b"\n",
        A.replace(b"456", b"18446744073709551616") + b"\n",
        A[:-1] + b',"x":' + b"[" * 64 + b"]" * 64 + b"}\n" + B + b"\n",
        b'{"x":' + b"[" * 64 + b"]" * 64 + b"," + A[1:] + b"\n" + B + b"\n",
        A.replace(b"Z", b"z") + b"\n" + B + b"\n",
        A.replace(b"2026-11", b"2026-13") + b"\n" + B + b"\n",
        A + b"\n" + B,
        A.replace(b"Z", b"Z\\n") + b"\n" + B + b"\n",
        A.replace(b"Z", b"Z\\n2026-11-22T23:15:03Z") + b"\n" + B + b"\n",
        A.replace(b"Z", b"Z2026-11-22T23:15:03Z") + b"\n" + B + b"\n",
        A.replace(b"01a2058a", b"1a2058a") + b"\n" + B.replace(b"01a2058a", b"001a2058a") + b"\n",
        A.replace(ID, b"") + b"\n" + B.replace(ID, ID + ID) + b"\n",
        A.replace(ID, ID + b"\\n" + ID) + b"\n" + B + b"\n",
        A.replace(b'"event"', b'"x\\"event"') + b"\n" + B + b"\n",
        A.replace(b'"event"', b'"source":"Nope","event"') + b"\n" + B + b"\n",
        A.replace(b'"event"', b'"records":5,"event"') + b"\n" + B + b"\n",
        A.replace(b'"event"', b'"records":[{"kind":1}],"event"') + b"\n" + B + b"\n",
        b'{"event":"bogus",' + A[1:] + b"\n" + B + b"\n",
        A.replace(b'"host"', b"host").replace(b'"event"', b'"host":7,"event"') + b"\n" + B + b"\n",
        A + A + b"\n" + b'{"xxx":{' + A[A.index(b'"event"') :] + b"\n" + b',"id":"x"}\n',
        A.replace(b"segment-1", b"a\tb") + b"\n" + B + b"\n",
        A.replace(b"occurred", b"oc2urred") + b"\n" + B + b"\n",
        A.replace(b'"id"', b'"i0"') + b"\n" + B + b"\n",
        A.replace(b"segment-1", b"a\x7fb") + b"\n" + B + b"\n",
        A.replace(b"segment-1", "日".encode()) + b"\n" + B + b"\n",
        A.replace(b"segment-1", b'","actor":"x') + b"\n" + B + b"\n",
        A.replace(b"segment-1", b"a\\u000ab") + b"\n" + B + b"\n",
    ],
)
def test_a_batch_is_never_taken_for_what_its_lines_are_not(
    lines: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is taken whole by somebody who only looks whether there are as many values as lines."""
    with TemporaryFile(buffering=0) as file:
        file.write(lines)
        log = OpenLog(LOG_NAME, file.fileno(), len(lines))
        for first in (BlockReader, InFullAtFirst):
            monkeypatch.setattr(blocks, "BlockReader", first)
            assert basic(log) == plainly(log)
        assert in_blocks(log) == fully(log)


PIECES = [
    *(bytes([sign]) for sign in b'"\\{}[],:\n\r\t 0Z\x7f\xff'), b'"event":', b'"records":',
    b'"id":',
    b'"source":', b'"host":', b'"occurred_at":', b'"segment_id":', b'"use"', b'"x":1,', b"null",
    b'"call_id":"', b"\\u0032", b"\\n", b'"},{"', b"}{", b'"]}', "é".encode(),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_a_batch_with_anything_changed_is_counted_as_its_lines_one_by_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes that Hypothesis would not come upon: pieces of lines put elsewhere, single bytes."""
    chance = random.Random(seed)  # noqa: S311 - a seed
    with TemporaryFile(buffering=0) as file:
        for _ in range(400):
            many = chance.choice([(3, 3), (3, 1), (10**6, 3)])
            lines = usual(chance, 6, sizes=many[0], slugs=many[1])
            data = bytearray(b"\n".join(lines) + b"\n")
            for _ in range(chance.randint(1, 3)):
                place = chance.randrange(len(data))
                other = chance.randrange(len(data))
                match chance.randrange(4):
                    case 0:
                        data[place : place + chance.choice([0, 0, 1, 3])] = chance.choice(PIECES)
                    case 1:
                        del data[place : place + chance.choice([1, 2, 10, 60])]
                    case 2:
                        data[place:place] = data[other : other + chance.choice([5, 30, 90, 200])]
                    case _:
                        data[place] = chance.randrange(256)
                data += b"\n" * (not data)
            file.seek(0)
            file.truncate()
            file.write(data)
            log = OpenLog(LOG_NAME, file.fileno(), len(data))
            for first in (BlockReader, InFullAtFirst):
                monkeypatch.setattr(blocks, "BlockReader", first)
                assert basic(log) == plainly(log), bytes(data)
            assert in_blocks(log) == fully(log), bytes(data)


def test_the_last_exposure_in_file_order_wins_whichever_way_its_line_goes(
    workspace_of_log: Callable[[bytes], Workspace],
) -> None:
    def exposure(size: int) -> bytes:
        snapshot = UsageRecordSnapshot("decision", "alpha", size, size)
        return encode(an_event(event=UsageEventKind.RESIDENT_EXPOSURE, records=(snapshot,)))

    usual_lines = [exposure(1), exposure(2)] * 9
    for lines, last in (
        ([*usual_lines, exposure(7) + b"\r", b"rubbish", exposure(8)], 8),
        ([exposure(7) + b" ", b"rubbish", *usual_lines], 2),
        ([exposure(size) for size in range(99)], 98),
    ):
        for block in (700, 5000, 10**6):
            workspace = workspace_of_log(b"\n".join(lines))
            (record,) = report_of(workspace, Tuning(block=block), cache=False).records
            assert record.estimated_tokens_per_injection == last


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"T0", b"t0"), (b"T0", b" 0"), (b"T0", b"T\\u0030"), (b"00Z", b"60Z"),
        (b"00Z", b"00+00:00"), (b"00Z", b"00-01:00Z"), (b"00Z", b"00.Z"), (b"00Z", b"00,5Z"),
        (b"00Z", b"00.1234567891Z"),
        (b"00Z", b'00Z","2026-11-22T09:30:00Z'), (b"2026", b"0000"), (b"11-22", b"02-30"),
        (b"09:30", b"24:00"), (b"occurred_at", b"o0curred_at"), (b'"id"', b'"i5"'),
        (b'"occurred_at":"', b'"o0curred_at":"","occurred_at":"'), (b'"id":"', b'"i0":"","id":"'),
        (b'"call_id":"c', b'"call_id":"\\u0063'), (b'"call_id":"c', b'"call_id":"c","x":"'),
        (b'"call_id":"c', b'"call_id":"c","call_id":"'), (b'"actor":"', b'"actor":"\xc3\xa9'),
        (b'"actor":"', b'"actor":"\t'), (b'"segment_id":"s', b'"segment_id":"s","occurred_at":"'),
    ],
)  # fmt: skip
def test_heads_are_taken_only_as_writers_leave_them(old: bytes, new: bytes) -> None:
    at = 1_795_339_800 * SECOND  # 2026-11-22T09:30:00Z
    event = an_event(occurred_at_ns=at, segment_id="s", host="h", actor="a", call_id="c")
    line = encode(event)
    assert old in line
    for places in ((0,), (1,), (0, 1, 2)):
        lines = [line.replace(old, new, 1) if n in places else line for n in range(3)]
        assert decode_heads(split(b"\n".join(lines) + b"\n")) is None
    heads = decode_heads(split((line + b"\n") * 3))
    assert heads is not None
    assert heads.times == [b"2026-11-22T09:30:00"] * 3
    assert (heads.segments, heads.names()) == (["s"] * 3, [("h", "a")] * 3)


def test_a_log_of_different_lines_is_decoded_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    data = [b"".join(line + b"\n" for line in usual(random.Random(seed), 50, sizes=10**6, later=4))  # noqa: S311
            for seed in range(3)]  # fmt: skip
    reading = BlockReader(tuning=Tuning(judged=50))
    monkeypatch.setattr(blocks, "decode_tail", lambda _: None)
    assert reading.read(data[0]) is None
    monkeypatch.undo()
    assert isinstance(reading.read(data[0]), ByTails)
    monkeypatch.setattr(blocks, "decode_tail", lambda _: None)
    assert isinstance(reading.read(data[1]), InFull)
    assert isinstance(reading.read(data[2]), InFull)


@given(st.lists(events, max_size=12))
@settings(deadline=None)
def test_any_events_are_counted_as_one_by_one(some: list[UsageEvent]) -> None:
    data = b"".join(encode(event) + b"\n" for event in some)
    with TemporaryFile(buffering=0) as file:
        file.write(data)
        log = OpenLog(LOG_NAME, file.fileno(), len(data))
        assert basic(log) == plainly(log)
        assert in_blocks(log) == fully(log)


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name[:2])
def test_cold_cached_and_parallel_reports_are_equal_to_the_references(
    log: Path, workspace_of_log: Callable[[bytes], Workspace]
) -> None:
    data = log.read_bytes()
    expected = log.with_name(log.name[:2] + ".report.json").read_text(encoding="utf-8")
    workspace = workspace_of_log(data[: len(data) // 3])
    report_of(workspace)
    workspace.layout.events_path.write_bytes(data)
    for cache, processes in ((False, 1), (False, 3), (True, 1), (True, 1)):
        assert report_of(workspace, SHARED, cache=cache, processes=processes).to_json() == expected


def test_several_processes_are_really_used(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = copy_of("reference-concurrent")
    results: list[LogTally | None] = []
    original = workers._result  # noqa: SLF001 - what the workers gave

    def result(worker: object, task: TallyTask) -> LogTally | None:
        results.append(original(worker, task))  # type: ignore[arg-type] # passed on
        return results[-1]

    monkeypatch.setattr(workers, "_result", result)
    for log in open_logs(workspace.layout):
        reading = Reading(processes=3, tuning=SHARED)
        parts = count_in_parallel(log, TallyTask(BASIC), reading)
        assert LogTally.merged(parts).basic == plainly(log)
    assert len(results) == 2
    assert all(tally is not None and tally.basic.events > 100 for tally in results)


def test_a_worker_ends_with_who_started_it(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes((encode(an_event()) + b"\r\n") * 100_000)  # no line is of the usual shape
    with path.open("rb") as file:
        words = [str(os.getpid() + 1), str(file.fileno()), LOG_NAME, "0", str(path.stat().st_size)]
        orphan = subprocess.run(
            [sys.executable, "-c", TallyTask(BASIC).program, *words, "basic"],
            capture_output=True, check=False, pass_fds=[file.fileno()],
        )  # fmt: skip
    assert (orphan.returncode, orphan.stdout) == (1, b"")


@pytest.mark.parametrize("broken", ["cannot be started", "fails", "says nonsense"])
def test_a_worker_that_fails_costs_time_and_nothing_else(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    workspace = copy_of("reference-concurrent")
    expected = workspace.report().to_json()
    false = {"cannot be started": "/not/there", "fails": "/bin/false", "says nonsense": "/bin/echo"}
    monkeypatch.setattr(sys, "executable", false[broken])
    assert report_of(workspace, SHARED, cache=False, processes=3).to_json() == expected


def test_progress_is_told_and_ends_at_the_end(copy_of: Callable[[str], Workspace]) -> None:
    told: list[tuple[int, int]] = []
    workspace = copy_of("reference")
    workspace.report(cache=False, on_progress=lambda read, whole: told.append((read, whole)))
    size = workspace.layout.events_path.stat().st_size
    assert told[-1] == (size, size)


def test_a_checkpoint_saves_reading(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = copy_of("reference")
    expected = report_of(workspace).to_json()
    (log,) = open_logs(workspace.layout)
    read: list[int] = []

    def counted(log: OpenLog, kind: TallyKind, start: int = 0, **_: object) -> LogTally:
        read.append(log.end - start)
        return tally_of(log, kind, start)

    monkeypatch.setattr(workers, "tally_of", counted)
    assert report_of(workspace).to_json() == expected
    assert sum(read) == 0
    workspace.append(an_event())
    report_of(workspace)
    assert sum(read) == len(encode(an_event())) + 1
    report_of(workspace, cache=False)
    monkeypatch.setenv("CTXUSE_NO_CACHE", "1")
    assert workspace.report().evidence.events == 124
    whole = workspace.layout.events_path.stat().st_size
    assert read[2:] == [whole, whole]
    del log


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_change_at_either_end_of_a_long_log_is_always_seen(
    workspace: Workspace, place: str
) -> None:
    tuning = SMALL._replace(hashed=0, edge=200, samples=0, full_read_every=2**62)
    for _ in range(9):
        workspace.append(an_event())
    report_of(workspace, tuning)
    log = workspace.layout.events_path.read_bytes()
    index = log.find(b'"use"') if place == "first" else log.rfind(b'"use"')
    workspace.layout.events_path.write_bytes(log[:index] + b'"xse"' + log[index + 5 :])
    assert report_of(workspace, tuning).evidence.events == 8


def test_where_the_samples_are_as_long_as_the_log_no_byte_is_left_out(tmp_path: Path) -> None:
    tuning = Tuning(hashed=0, edge=20, samples=7, sample=10)

    def digest_of(data: bytes) -> bytes:
        (tmp_path / "log").write_bytes(data)
        with (tmp_path / "log").open("rb") as file:
            log = OpenLog(LOG_NAME, file.fileno(), len(data))
            return checkpoint.digest(log, len(data), tuning)

    log = bytes(110)
    changed = (log[:at] + b"x" + log[at + 1 :] for at in range(len(log)))
    assert len({digest_of(log), *map(digest_of, changed)}) == len(log) + 1


def test_small_logs_leave_no_checkpoint(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference")
    workspace.report()
    assert not Path(the_cache().path).exists()


def test_an_archive_takes_its_checkpoint_along(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference")
    expected = report_of(workspace).to_json()
    name = workspace.archive()
    assert name is not None
    assert load(place(workspace, name), BASIC) is not None
    workspace.append(an_event())
    assert load(place(workspace), BASIC) is None
    expected = report_of(workspace, cache=False).to_json()
    assert report_of(workspace).to_json() == expected
    assert [found.equal for found in check_cache(workspace.layout, the_cache(), SMALL)] == [
        True,
        True,
    ]


def test_a_window_leaves_the_checkpoint_of_everything_alone(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("reference")
    window = Window(0)
    report_of(workspace, query=Query(window))
    assert load(place(workspace), BASIC) is None
    assert [*Path(the_cache().path).rglob("*.days.*")]


def test_a_directory_that_cannot_be_written_costs_nothing_but_the_checkpoint(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = copy_of("reference")
    expected = report_of(workspace, cache=False).to_json()

    home = Path(os.environ["HOME"])
    for name, value in {
        "CTXUSE_CACHE_DIR": "/proc/ctxuse",  # nothing can be made there
        "XDG_CACHE_HOME": os.devnull,
        "HOME": "/proc/nobody",
        "HOME ": "nowhere",
    }.items():
        with monkeypatch.context() as patch:
            patch.setenv(name.strip(), value)
            assert report_of(workspace).to_json() == expected
            assert report_of(workspace).to_json() == expected
    assert [*home.iterdir()] == []
    assert sorted(p.name for p in workspace.layout.usage_dir.iterdir()) == ["events.jsonl"]


def test_cache_damage_of_any_kind_only_costs_time(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference")
    expected = report_of(workspace).to_json()
    path = checkpoint_file(workspace)
    good = path.read_bytes()

    def still_right() -> None:
        assert report_of(workspace).to_json() == expected

    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        still_right()
        path.unlink()
    for cut in range(0, len(good), 7):
        path.write_bytes(good[:cut])
        still_right()
        path.unlink()
    path.write_bytes(good + b"more")
    still_right()
    path.unlink()
    victim = workspace.layout.root / "victim"
    victim.write_bytes(good)
    path.symlink_to(victim)
    still_right()
    assert victim.read_bytes() == good
    path.unlink(missing_ok=True)
    path.mkdir()
    still_right()
    path.rmdir()
    os.mkfifo(path)
    still_right()


def test_cache_kill_at_any_step_of_saving_leaves_the_old_one_or_the_new_one(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("reference")
    path = checkpoint_file(workspace)
    report_of(workspace)
    old = path.read_bytes()
    log = workspace.layout.events_path.read_bytes()
    steps = 0
    for step in range(200):
        path.write_bytes(old)
        workspace.layout.events_path.write_bytes(log + encode(an_event()) + b"\n")

        def work(tell: Callable[[str], None], step: int = step) -> None:
            calls = 0

            def watched(call: Callable[..., object]) -> Callable[..., object]:
                def made(*arguments: object, **options: object) -> object:
                    nonlocal calls
                    if calls == step:
                        os.kill(os.getpid(), signal.SIGKILL)
                    calls += 1
                    return call(*arguments, **options)

                return made

            for name in ("mkdir", "open", "replace", "utime", "close", "unlink"):
                setattr(os, name, watched(getattr(os, name)))
            report_of(workspace)
            tell("done")

        child = Child(work)
        child.lines()
        if child.status == 0:
            break
        steps += 1
        stored = load(place(workspace), BASIC)
        assert stored is not None
        assert stored.offset in {len(log), len(log) + len(encode(an_event())) + 1}
        assert report_of(workspace).evidence.events == 124
    assert steps >= 4


def test_a_checkpoint_that_lies_is_found_and_removed(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference")
    report_of(workspace)
    assert [found.equal for found in check_cache(workspace.layout, the_cache(), SMALL)] == [True]
    stored = load(place(workspace), BASIC)
    assert stored is not None
    stored.tally.basic.events += 1
    checkpoint.save(place(workspace), stored, BASIC)
    assert report_of(workspace).evidence.events == 124
    assert [found.equal for found in check_cache(workspace.layout, the_cache(), SMALL)] == [False]
    assert report_of(workspace).evidence.events == 123


class CacheLaw(RuleBasedStateMachine):
    """*cache-law*: whatever is done to the log, a cached report is the cold report."""

    hashed = 10**9

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.tuning = SMALL._replace(
            hashed=self.hashed, edge=600, samples=50, sample=8000, full_read_every=5
        )
        self.workspace = Workspace(self.directory.name)
        self.path = self.workspace.layout.events_path
        self.copies: list[bytes] = []

    @initialize()
    def begin(self) -> None:
        self.workspace.append(an_event())

    @property
    def log(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    @rule(event=events)
    def append(self, event: UsageEvent) -> None:
        self.workspace.append(event)

    @rule(data=st.sampled_from([*UNUSUAL, b"\n", b"{", encode(an_event()) + b"\n"]))
    def append_foreign(self, data: bytes) -> None:
        with self.path.open("ab") as log:
            log.write(data)

    @rule(part=st.floats(0, 1))
    def truncate(self, part: float) -> None:
        self.path.write_bytes(self.log[: int(len(self.log) * part)])

    @precondition(lambda self: len(self.log) > 10)
    @rule(part=st.floats(0, 0.99), byte=st.sampled_from(b'0a"\n}'))
    def edit(self, part: float, byte: int) -> None:
        log = bytearray(self.log)
        log[int(len(log) * part)] = byte
        with self.path.open("r+b") as file:
            file.write(log)

    @rule(event=events)
    def shrink_and_regrow(self, event: UsageEvent) -> None:
        size = len(self.log)
        self.path.write_bytes(b"")
        while len(self.log) <= size:
            self.workspace.append(event)

    @rule(some=st.lists(events, min_size=1, max_size=3))
    def replace(self, some: list[UsageEvent]) -> None:
        fresh = self.path.with_name("fresh")
        fresh.write_bytes(b"".join(encode(event) + b"\n" for event in some))
        fresh.replace(self.path)

    @rule()
    def keep_a_copy(self) -> None:
        self.copies.append(self.log)

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def restore_a_copy(self, data: st.DataObject) -> None:
        self.path.write_bytes(data.draw(st.sampled_from(self.copies)))

    @rule()
    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    @invariant()
    def a_cached_report_is_the_cold_report(self) -> None:
        cached, cold = (
            report_of(self.workspace, self.tuning, cache=cache) for cache in (True, False)
        )
        assert cached == cold
        again = report_of(self.workspace, self.tuning, cache=True)
        assert again == cold

    def teardown(self) -> None:
        self.workspace.close()
        self.directory.cleanup()


class CacheLawOfLargeLogs(CacheLaw):
    """The same with samples in place of a full hash: here they cover the whole of a small log."""

    hashed = 1200


TestCacheLaw = CacheLaw.TestCase
TestCacheLaw.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestCacheLawOfLargeLogs = CacheLawOfLargeLogs.TestCase
TestCacheLawOfLargeLogs.settings = TestCacheLaw.settings


def test_an_edit_between_samples_is_seen_at_the_next_full_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = SMALL._replace(hashed=1000, edge=300, samples=1, sample=10, full_read_every=4)
    for number in range(20):
        workspace.append(an_event(id=f"00000000-0000-7000-8000-0000000000{number:02}"))
    monkeypatch.setattr(checkpoint, "_chance", lambda _: False)
    report_of(workspace, tuning)
    path = workspace.layout.events_path
    log = path.read_bytes()
    path.write_bytes(log[:1000] + log[1000:2000].replace(b"alpha", b"gamma") + log[2000:])
    cold = report_of(workspace, tuning, cache=False)
    assert report_of(workspace, tuning) != cold
    asked: list[int] = []

    def its_turn(one_in: int) -> bool:
        asked.append(one_in)
        return True

    monkeypatch.setattr(checkpoint, "_chance", its_turn)
    assert report_of(workspace, tuning) == cold
    assert asked == [4]
    monkeypatch.setattr(checkpoint, "_chance", lambda _: False)
    assert report_of(workspace, tuning) == cold


def holders() -> Iterator[Checkpoint]:
    yield Checkpoint(5, b"d", LogTally())
    tally = Tally()
    tally.add(an_event())
    tally.add_skipped("not_json")
    yield Checkpoint(2**40, b"\x00" * 32, LogTally(tally))


@pytest.mark.parametrize("stored", [*holders()], ids=["empty", "full"])
def test_a_checkpoint_is_loaded_as_it_was_saved(workspace: Workspace, stored: Checkpoint) -> None:
    workspace.append(an_event())
    checkpoint.save(place(workspace), stored, BASIC)
    assert load(place(workspace), BASIC) == stored
    checkpoint.forget(workspace.layout, place(workspace))
    assert load(place(workspace), BASIC) is None
