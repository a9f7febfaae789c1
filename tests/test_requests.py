"""What is told of requests: on a line, to those who do not ask for it, and in blocks."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, BrokenBarrierError

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import an_event, facts

from ctxuse import InvalidEventError, UsageEvent, UsageEventKind, UsageSource, Workspace
from ctxuse.cli.main import cli
from ctxuse.codec.decode import Refusal, decode
from ctxuse.codec.encode import encode
from ctxuse.events import MOST_REQUESTS, Requests
from ctxuse.hosts.responses import (
    Compacted,
    Responded,
    Said,
    ends,
    is_to_be_stored,
    span_of,
    stored,
)
from ctxuse.hosts.transcripts import Told
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.blocks import Known, add_missing, named, without_known
from ctxuse.log.naming import RequestLines
from ctxuse.otherlogs import import_log
from ctxuse.query import BY

BLOCK = Requests(
    first="msg_1", at_ms=(0, 1500), input=(10, 20), output=(3, 4), cached=(0, 9),
    compactions=(700,), model="opus", window=200_000, bytes_per_token=3.25,
)  # fmt: skip
FACT = an_event(
    event=UsageEventKind.RESIDENT_EXPOSURE, source=UsageSource.RESIDENT_INJECTION, records=(),
    host="claude-code", requests=BLOCK,
)  # fmt: skip


def line_of(**changes: object) -> bytes:
    """The line of a block, with other values in its `segment`; None leaves one out."""
    fields = json.loads(encode(FACT))
    segment = fields["segment"] | changes
    fields["segment"] = {name: value for name, value in segment.items() if value is not None}
    return json.dumps(fields, separators=(",", ":")).encode()


class TestLines:
    def test_a_line_holds_what_the_format_says(self) -> None:
        assert encode(FACT).decode() == (
            '{"id":"01a2058a-acb2-73bc-8f43-32ac6750f8a6",'
            '"occurred_at":"2026-11-22T23:15:03.986118970Z","segment_id":"segment-1",'
            '"host":"claude-code","event":"resident_exposure","source":"ResidentInjection",'
            '"records":[],"segment":{"first":"msg_1","model":"opus","window":200000,'
            '"bytes_per_token":3.25,"at":[0,1500],"input":[10,20],"cached":[0,9],"output":[3,4],'
            '"compactions":[700]}}'
        )

    def test_the_reference_takes_such_a_line_by_each_of_its_rules(self) -> None:
        fields = json.loads(encode(FACT))
        required = {"id": str, "occurred_at": str, "segment_id": str, "event": str, "source": str}
        assert all(type(fields[name]) is cls for name, cls in required.items())
        assert fields["event"] in {"use", "resident_exposure"}
        assert fields["source"] in {
            "MemoryRead", "KnowledgeRef", "WorkflowInvoke", "ResidentInjection",
        }  # fmt: skip
        assert fields["records"] == []  # a list; of each record in it four fields are required
        assert encode(FACT).isascii()

    @pytest.mark.parametrize(
        "changes",
        [
            {"first": None}, {"first": 1}, {"at": None}, {"at": []}, {"at": [0]}, {"input": [1]},
            {"input": [1, -1]}, {"input": [1, 2.5]}, {"input": [1, 2**53]}, {"output": "12"},
            {"cached": [1]}, {"written": [1, 2, 3]}, {"at": [0, "1"]}, {"window": -1},
            {"bytes_per_token": 0}, {"model": 4}, {"compactions": 3},
            {"at": [0] * 501, "input": [0] * 501, "output": [0] * 501, "cached": None},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_is_not_so_tells_nothing_and_the_line_counts_as_ever(
        self, changes: dict[str, object]
    ) -> None:
        found = decode(line_of(**changes))
        assert isinstance(found, UsageEvent)
        assert found.requests is None
        assert found.records == ()

    @pytest.mark.parametrize(
        "changes",
        [
            {"at_ms": ()}, {"input": (1,)}, {"input": (1, 2**53)}, {"output": (1, True)},
            {"window": -1}, {"first": 1}, {"first": "\ud800"}, {"model": "\ud800"},
            {"cached": (1,)}, {"bytes_per_token": 0.0}, {"bytes_per_token": float("nan")},
            {"compactions": (0,) * 501},
        ],
        ids=str,
    )  # fmt: skip
    def test_nothing_else_is_written(self, changes: dict[str, object]) -> None:
        with pytest.raises(InvalidEventError):
            encode(FACT._replace(requests=BLOCK._replace(**changes)))  # type: ignore[arg-type]

    def test_an_event_has_records_or_requests(self) -> None:
        with pytest.raises(InvalidEventError):
            encode(FACT._replace(requests=None))
        with pytest.raises(InvalidEventError):
            encode(an_event(requests=BLOCK))

    @given(facts)
    def test_a_block_of_any_numbers_has_room_on_a_line(self, fact: UsageEvent) -> None:
        assert len(encode(fact)) < 64 * 1024


def write(root: Path, lines: list[bytes]) -> Workspace:
    """A workspace whose log has these lines."""
    (root / ".yoi/memory/_usage").mkdir(parents=True)
    (root / ".yoi/memory/_usage/events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return Workspace(root)


EVENTS = [
    encode(an_event(id=f"01a2058a-acb2-73bc-8f43-{n:012x}", segment_id=f"s{n % 3}"))
    for n in range(200)
]
SPACED = json.dumps(json.loads(encode(FACT))).encode()


def spelled(line: bytes) -> list[bytes]:
    """The line of an event as it may be written as well."""
    fields = json.loads(line)
    key, letter = b'"segment":{', b'"\\u0073egmen\\u0074" :{'
    return [
        line,
        json.dumps(fields).encode(),
        json.dumps(fields, sort_keys=True).encode(),
        json.dumps(dict(reversed(fields.items())), separators=(" ,", "\t:")).encode(),
        line.replace(key, letter),
        line.replace(b'"records":[]', b'"records":[ ]'),
    ]


@pytest.mark.parametrize("line", spelled(encode(FACT)), ids=range(6))
def test_what_has_a_block_is_found_however_the_line_is_written(tmp_path: Path, line: bytes) -> None:
    slug = EVENTS[1].replace(b'"alpha"', b'"segment"')
    workspace = write(tmp_path, [*EVENTS[:3], slug, line, EVENTS[3]])
    assert workspace.cost().cost.requests == 2
    assert [*RequestLines(workspace.layout).read()] == [line]
    known = Known.of_log(workspace.layout)
    base = FACT.occurred_at_ns
    for at, taken, is_known in [(0, 10, True), (1500, 20, True), (1500, 21, False)]:
        assert known.has_at("claude-code", base // _MS + at, taken) is is_known


class TestViews:
    """Nothing but what asks for them sees such lines."""

    @pytest.mark.parametrize("fact", [encode(FACT), SPACED], ids=["ours", "another's"])
    @pytest.mark.parametrize("varied", [False, True])
    def test_reports_are_those_of_the_log_without_them(
        self, tmp_path: Path, fact: bytes, *, varied: bool
    ) -> None:
        events = EVENTS
        if varied:  # so that blocks are read line by line, at once
            events = [line.replace(b'"alpha"', b'"a%d"' % n) for n, line in enumerate(events)]
        early = fact.replace(b"2026-11-22T23:15:03.986118970Z", b"1999-01-01T00:00:00Z")
        among = [line for event in events for line in (event, early, fact)]
        with_them = write(tmp_path / "with", among)
        without = write(tmp_path / "without", events)
        assert with_them.report().to_json() == without.report().to_json()
        assert with_them.report().evidence == without.report().evidence
        assert with_them.full_report().fields() == without.full_report().fields()
        for by in BY:
            assert with_them.grouped_report(by).fields() == without.grouped_report(by).fields()

    def test_they_are_listed_where_that_is_asked_for(self, tmp_path: Path) -> None:
        workspace = write(tmp_path, [EVENTS[0], encode(FACT), EVENTS[1]])
        assert len([*workspace.events()]) == 2
        found = [*workspace.events(of_requests=True)]
        assert [getattr(one, "requests", None) for one in found] == [None, BLOCK, None]

    def test_a_check_counts_them_by_themselves(self, tmp_path: Path) -> None:
        check = write(tmp_path, [EVENTS[0], encode(FACT), EVENTS[1]]).check()
        assert (check.events, check.of_requests, check.clean) == (2, 1, True)

    @pytest.mark.parametrize(
        ("number", "said"),
        [(1, "1 line that tells of requests:"), (2, "2 lines that tell of requests:")],
    )
    def test_a_check_says_how_many_there_are(self, tmp_path: Path, number: int, said: str) -> None:
        facts_of = [encode(FACT._replace(id=f"{FACT.id[:-1]}{n}")) for n in range(number)]
        write(tmp_path, [EVENTS[0], *facts_of])
        found = CliRunner().invoke(cli, ["check", "-w", str(tmp_path)], catch_exceptions=False)
        assert found.stdout.startswith(f"1 event, 0 blank lines, {said} every line is in order.")

    def test_groups_by_model_take_that_of_the_request_they_entered_with(
        self, tmp_path: Path
    ) -> None:
        later = FACT._replace(
            id="01a2058a-acb2-73bc-8f43-32ac6750f8a7",
            occurred_at_ns=FACT.occurred_at_ns + 10_000_000_000,
            requests=BLOCK._replace(first="msg_2", model="haiku"),
        )
        events = [
            an_event(id=f"01a2058a-acb2-73bc-8f43-{n:012x}", occurred_at_ns=at, segment_id=segment)
            for n, (at, segment) in enumerate(
                [
                    (FACT.occurred_at_ns - 1, "segment-1"),
                    (FACT.occurred_at_ns + 2_000_000_000, "segment-1"),
                    (FACT.occurred_at_ns + 99_000_000_000, "segment-1"),
                    (FACT.occurred_at_ns, "other"),
                ]
            )
        ]
        workspace = write(tmp_path, [*map(encode, events), encode(later), encode(FACT)])
        groups = workspace.grouped_report("model").groups
        assert {group.name: group.total.uses for group in groups} == {
            "opus": 1, "haiku": 2, "unknown": 1,
        }  # fmt: skip


_MS = 1_000_000


def responses(
    numbers: range, segment: str = "s", model: str = "opus", fork: int = 0
) -> list[Responded]:
    """Responses of a session; of a fork those from a number on are others."""
    return [
        Responded(
            segment, f"msg_{n}" + ("f" if fork and n >= fork else ""),
            (n * 1000 + (7 if fork and n >= fork else 0)) * _MS, 100 + n, n, model=model,
        )
        for n in numbers
    ]  # fmt: skip


def told(events: list[UsageEvent]) -> Counter[tuple[str, int, int]]:
    """How often each request is told of: the time, and what it took in."""
    return Counter(
        (event.segment_id, event.occurred_at_ns // _MS + at, taken)
        for event in events
        if event.requests is not None
        for at, taken in zip(event.requests.at_ms, event.requests.input, strict=True)
    )


def known_of(events: list[UsageEvent]) -> Known:
    """What a log knows that holds these."""
    known = Known()
    for event in events:
        known.add(event)
    return known


def at(block: UsageEvent, place: int) -> UsageEvent:
    """A block of one request of another."""
    requests = block.requests or BLOCK
    one = Requests(f"k{place}", (requests.at_ms[place],), (requests.input[place],), (1,))
    return block._replace(id=an_event().id, requests=one)


def make(said: list[Said], log: list[UsageEvent], *, whole: bool) -> list[Said]:
    """Store what is told, and return what is kept for later."""
    found = stored("h", said, lambda: known_of(log), 3.0, whole=whole)
    log += found.blocks
    return found.rest


def put(root: Path, *bounds: int) -> Workspace:
    """Store requests in a workspace, in blocks with these bounds; return it."""
    root.mkdir(exist_ok=True)
    workspace = Workspace(root)
    workspace.init()
    for begin, end in pairwise(bounds):
        log: list[UsageEvent] = []
        make([*responses(range(begin, end))], log, whole=True)
        for event in log:
            workspace.append(event)
    return workspace


@st.composite
def transcripts(draw: st.DrawFn) -> list[Said]:
    """What some transcript tells: responses of one line or more, of two segments, compactions."""
    lines: list[Said] = []
    kinds = draw(st.lists(st.sampled_from(("new", "more", "old", "compacted")), max_size=25))
    for at, kind in enumerate(kinds):
        segment = draw(st.sampled_from(("s", "s/a")))
        before = [one for one in lines if isinstance(one, Responded) and one.segment == segment]
        match kind:
            case "compacted":
                lines.append(Compacted(segment, at * _MS))
            case "new":
                lines.append(Responded(segment, f"msg_{at}", at * _MS, 100 + at, 1))
            case _ if before:
                lately = [*{one.key: one for one in before}.values()][-8:]
                one = before[-1] if kind == "more" else draw(st.sampled_from(lately))
                lines.append(Responded(segment, one.key, at * _MS, one.input, at))
    return lines


def compactions_of(events: list[UsageEvent]) -> Counter[tuple[str, int]]:
    """How often each compaction is told of."""
    return Counter(
        (event.segment_id, event.occurred_at_ns // _MS + at)
        for event in events
        if event.requests is not None
        for at in event.requests.compactions
    )


class TestBlocks:
    @given(transcripts(), st.data())
    @example([Responded("s", "m", 0, 9, 1), Responded("s", "m", _MS, 9, 2)], None)
    def test_a_request_has_one_block_wherever_reading_rests_and_whoever_ends_it(
        self, lines: list[Said], data: st.DataObject | None
    ) -> None:
        imported: list[UsageEvent] = []
        make(lines, imported, whole=True)
        log: list[UsageEvent] = []
        kept: list[Said] = []
        rest = 0
        steps = range(len(lines)) if data is None else range(data.draw(st.integers(0, 8)))
        for _ in steps:
            end = rest + 1 if data is None else data.draw(st.integers(rest, len(lines)))
            whole = data is None or data.draw(st.booleans())
            after = end if data is None or not whole else data.draw(st.integers(rest, end))
            again = make([*kept, *lines[rest:end]], log, whole=whole)
            kept = ends([*kept, *lines[rest:after]]) if whole else again
            rest = after
        make([*kept, *lines[rest:]], log, whole=True)
        assert told(log) == told(imported) == Counter({*told(imported)})
        assert compactions_of(log) == compactions_of(imported)

    def test_a_hook_stores_what_is_full_and_the_end_of_a_session_the_rest(self) -> None:
        log: list[UsageEvent] = []
        rest: list[Said] = []
        for begin in range(0, 1200, 100):
            rest = make([*rest, *responses(range(begin, begin + 100))], log, whole=False)
        assert [len(event.requests.at_ms) for event in log if event.requests] == [500, 500]
        assert len([one for one in rest if is_to_be_stored([one])]) == 200
        assert make(rest, log, whole=True) == []
        assert told(log) == Counter(dict.fromkeys(told(log), 1))
        assert sum(told(log).values()) == 1200

    @given(
        st.lists(st.integers(1, 40), min_size=1, max_size=6),
        st.lists(st.tuples(st.integers(0, 100), st.integers(1, 60)), max_size=4),
        st.sets(st.integers(1, 99), max_size=5),
    )
    @example([10, 30], [(0, 5), (8, 20)], {5, 8, 9, 28})
    def test_the_union_of_logs_has_each_request_once(
        self, sizes: list[int], there: list[tuple[int, int]], compactions: set[int]
    ) -> None:
        def said(numbers: range) -> list[Said]:
            return [
                one
                for number, response in zip(numbers, responses(numbers), strict=True)
                for one in (
                    [Compacted("s", (number * 1000 - 5) * _MS)] if number in compactions else []
                )
                + [response]
            ]

        log: list[UsageEvent] = []
        for begin, size in there:
            make(said(range(begin, begin + size)), log, whole=True)
        other: list[UsageEvent] = []
        done = 0
        for size in sizes:
            make(said(range(done, done + size)), other, whole=True)
            done += size
        known = known_of(log)
        added: list[UsageEvent] = []
        for event in other:
            for part in without_known(event, known):
                known.add(part)
                added.append(part)
        assert len({one.id for one in [*log, *added]}) == len(log) + len(added)
        assert all(encode(part) for part in added)
        union, both = told([*log, *added]), told(log) | told(other)
        assert union == Counter({*both})
        expected = compactions_of(log) | compactions_of(other)
        assert compactions_of([*log, *added]) == Counter({*expected})
        assert [part for event in other for part in without_known(event, known)] == []

    @given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 5)), max_size=6), st.data())
    def test_what_is_known_of_some_requests_is_what_is_known_of_them_in_all(
        self, sizes: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        log: list[UsageEvent] = []
        for begin, size in sizes:
            make([*responses(range(begin, begin + size))], log, whole=True)
        asked = responses(range(begin := data.draw(st.integers(0, 10**6)), begin + 3))
        asked += data.draw(st.lists(st.sampled_from(asked + responses(range(3)))))
        asked += [one for begin, _ in sizes[:2] for one in responses(range(begin, begin + 1))]
        with TemporaryDirectory() as directory:
            workspace = Workspace(directory)
            workspace.init()
            for event in log:
                workspace.append(event)
            some = Known.of_log(workspace.layout, span_of(asked))
            every = Known.of_log(workspace.layout)
        keys = [("h", one.at_ns // _MS, one.input) for one in asked]
        assert [some.has_at(*key) for key in keys] == [every.has_at(*key) for key in keys]

    def test_blocks_of_other_days_are_not_decoded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace, log = Workspace(tmp_path), list[UsageEvent]()
        workspace.init()
        for begin in range(0, 10**6, 10**5):
            make([*responses(range(begin, begin + 400))], log, whole=True)
        for event in log:
            workspace.append(event)
        decoded: list[bytes] = []

        def noted(line: bytes) -> UsageEvent | Refusal:
            decoded.append(line)
            return decode(line)

        monkeypatch.setattr("ctxuse.log.blocks.decode", noted)
        Known.of_log(workspace.layout, span_of(responses(range(500_100, 500_200))))
        assert len(decoded) == 1

    @pytest.mark.parametrize(
        ("key", "decoy"),
        [
            ('"occurred_at":', '"meta":{"occurred_at":"2001-01-01T00:00:00Z"},"occurred_at": '),
            ('"occurred_at":', '"occurred_at":"2001-01-01T00:00:00Z","occurred_\\u0061t":'),
            ('"at":', '"at":[0],"a\\u0074":'),
            ('"at":', '"meta":{"at":[0]},"at" :'),
        ],
    )
    def test_blocks_are_of_their_day_however_they_are_written(
        self, tmp_path: Path, key: str, decoy: str
    ) -> None:
        said, log, workspace = (
            responses(range(0, 10**6 + 1, 10**6)),
            list[UsageEvent](),
            Workspace(tmp_path),
        )
        make([*said], log, whole=True)
        workspace.init()
        workspace.append(log[0])
        events = workspace.layout.events_path
        events.write_text(events.read_text().replace(key, decoy, 1))
        known, last = Known.of_log(workspace.layout, span_of(said[1:])), said[1]
        assert known.has_at("h", last.at_ns // _MS, last.input)

    def test_logs_are_joined_whose_blocks_end_elsewhere(self, tmp_path: Path) -> None:
        put(tmp_path / "one", 0, 300, 800, 900)
        two = put(tmp_path / "two", 0, 500, 900)
        assert import_log(two, [str(tmp_path / "one")]).requests == 0
        put(tmp_path / "one", 900, 1000)
        assert import_log(two, [str(tmp_path / "one")]).requests == 100
        every = [event for event in two.events(of_requests=True) if isinstance(event, UsageEvent)]
        assert [*told(every).values()] == [1] * 1000

    @pytest.mark.parametrize("there", [range(200), range(100, 300), range(300, 500)])
    def test_of_a_block_of_which_a_part_is_there_the_rest_is_added(
        self, tmp_path: Path, there: range
    ) -> None:
        put(tmp_path / "other", 0, 500)
        into = put(tmp_path / "into", there.start, there.stop)
        assert import_log(into, [str(tmp_path / "other")]).requests == 500 - len(there)
        every = [event for event in into.events(of_requests=True) if isinstance(event, UsageEvent)]
        assert [*told(every).values()] == [1] * 500

    def test_two_that_join_logs_at_once_add_each_request_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = [tmp_path / name for name in ("one", "two", "into")]
        for place, bounds in zip(places, ((0, 300, 800), (0, 200, 900), ()), strict=True):
            put(place, *bounds)
        of_log, both_have_looked = Known.of_log, Barrier(2)

        def looked(layout: WorkspaceLayout) -> Known:
            found = of_log(layout)
            with suppress(BrokenBarrierError):
                both_have_looked.wait(5)
            return found

        monkeypatch.setattr(Known, "of_log", looked)
        with ThreadPoolExecutor() as pool:
            for place in places[:2]:
                pool.submit(import_log, Workspace(places[2]), [str(place)])
        every = Workspace(places[2]).events(of_requests=True)
        known = told([event for event in every if isinstance(event, UsageEvent)])
        assert [*known.values()] == [1] * 900

    @pytest.mark.parametrize("key", ["always the same", "chatcmpl-{}"])
    def test_ids_of_responses_that_come_again_lose_none(self, key: str) -> None:
        log: list[UsageEvent] = []
        said: list[Said] = []
        for hour in range(3):
            said = [
                Responded(
                    "s", key.format(n), (hour * 3600 + n) * 1000 * _MS, 100 + hour * 50 + n, 1
                )
                for n in range(40)
            ]
            make(said, log, whole=True)
            make(said, log, whole=True)
        assert sum(told(log).values()) == len(told(log)) == 120
        assert len({event.id for event in log}) == len(log) == 3
        other: list[UsageEvent] = []
        make(said, other, whole=True)
        assert [*without_known(other[0], known_of(log))] == []
        joined = [*without_known(other[0], known_of(log[:1]))]
        assert [event.requests and len(event.requests.at_ms) for event in joined] == [40]
        assert joined[0].id not in {log[0].id, other[0].id}

    def test_an_id_that_comes_again_at_once_is_another_each_time(self) -> None:
        log: list[UsageEvent] = []
        for numbers in (range(1, 4), range(1, 7)):
            said: list[Said] = [
                Responded("s", "m", 0, 100 * number, 1, model=f"x{number}") for number in numbers
            ]
            make(said, log, whole=True)
        assert sorted(told(log).values()) == [1] * 6
        assert len({event.id for event in log}) == len(log) == 6
        other = [event._replace(id=log[0].id) for event in log[3:]]
        known = known_of(log[:3])
        for event in other:  # as a log that was put together holds them
            (new,) = without_known(event, known)
            assert known.lacks(new)
            known.add(new)

    def test_a_compaction_is_of_one_part_whatever_the_order_of_times(self) -> None:
        times, numbers = (0, 9, 3, 12, 3, 9), (1,) * 6
        block = Requests("r", times, (1, 2, 3, 4, 5, 6), numbers, compactions=(10, 5, 5, 99))
        whole = FACT._replace(requests=block)
        known = known_of([at(whole, place) for place in (0, 2, 4)])
        parts = [part.requests for part in without_known(whole, known) if part.requests]
        assert [part.first for part in parts] == ["r+1", "r+3", "r+5"]
        assert [part.compactions for part in parts] == [(-4, -4), (-2,), ()]

    def test_what_others_add_meanwhile_is_not_added_again(self) -> None:
        block = Requests("r", (0, 1, 2, 3, 4), (1, 2, 3, 4, 5), (1,) * 5)
        whole, known, added = FACT._replace(requests=block), Known(), list[UsageEvent]()
        middle = [*without_known(whole, known_of([at(whole, place) for place in (0, 1, 3, 4)]))]

        def append(part: UsageEvent) -> bool:
            if middle:
                known.add(middle.pop())
                return False
            added.append(part)
            return True

        assert add_missing(whole, known, append) == (2, True)
        assert [part.requests and part.requests.input for part in added] == [(1, 2), (4, 5)]

    def test_names_that_are_taken_are_passed_over(self) -> None:
        log: list[UsageEvent] = []
        make([*responses(range(1))], log, whole=True)
        taken: set[str] = set()
        for _ in range(5):
            taken.add(named(log[0], taken.__contains__).id)
        assert len(taken) == 5

    def test_a_request_with_numbers_that_no_event_holds_is_left_out_alone(self) -> None:
        with Told() as said:
            for one in [*responses(range(3)), Responded("s", "x", 0, 2**53, 1)]:
                said.of_requests(one)
            said.settle()
            assert len([*said.items()]) == 3
            assert dict(said.not_understood) == {"(no request)": 1}

    def test_a_part_that_no_event_can_hold_ends_no_import(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "into").mkdir()
        other, into = Workspace(tmp_path / "other"), Workspace(tmp_path / "into")
        for workspace in (other, into):
            workspace.init()
        late = json.loads(encode(FACT)) | {"occurred_at": "9999-12-31T23:59:59Z"}
        late["segment"] |= {"at": [0, 5000]}
        log = other.layout.events_path
        log.write_bytes(json.dumps(late).encode() + b"\n" + EVENTS[0] + b"\n")
        first = json.loads(json.dumps(late))
        first["segment"] |= {"at": [0], "input": [10], "cached": [0], "output": [3]}
        into.layout.events_path.write_bytes(json.dumps(first).encode() + b"\n")
        result = import_log(into, [str(log)])
        assert (result.added, dict(result.notes.not_understood)) == (1, {"wrong_type": 1})

    def test_a_block_has_one_model_and_the_window_that_was_told_last(self) -> None:
        both = [*responses(range(3)), *responses(range(3, 5), model="haiku")]
        both[1].window = 200
        log: list[UsageEvent] = []
        rest = make([*both], log, whole=False)
        (block,) = log
        assert block.requests is not None
        assert (block.requests.model, block.requests.window) == ("opus", 200)
        assert [one for one in rest if is_to_be_stored([one])] == both[3:]

    def test_a_response_of_several_lines_is_one_request(self) -> None:
        first, second = responses(range(2))
        longer = Responded("s", first.key, 5, first.input, 90)
        log: list[UsageEvent] = []
        make([first, longer, second], log, whole=True)
        assert log[0].requests is not None
        assert log[0].requests.output == (90, 1)
        assert log[0].requests.at_ms == (0, 1000)

    def test_compactions_stand_before_the_request_behind_them_in_whichever_block(self) -> None:
        log: list[UsageEvent] = []
        said: list[Said] = [*responses(range(500)), Compacted("s", 499_500 * _MS)]
        rest = make(said, log, whole=False)
        rest = make([*rest, *responses(range(500, 501))], log, whole=False)
        make(rest, log, whole=True)
        blocks = [event.requests for event in log if event.requests is not None]
        assert [len(block.at_ms) for block in blocks] == [500, 1]
        assert [block.compactions for block in blocks] == [(), (-500,)]

    def test_the_ids_are_those_of_the_format(self) -> None:
        log: list[UsageEvent] = []
        make([*responses(range(1))], log, whole=True)
        assert log[0].id == "ad1dd074-ffa5-528c-baeb-799e9d8df9b9"

    @given(
        st.integers(1, 1300),
        st.integers(1, 1300),
        st.lists(st.tuples(st.integers(1, 700), st.booleans(), st.booleans()), max_size=12),
    )
    @example(604, 504, [(number, False, False) for number in (2, 601, 1, 503)])
    def test_no_request_is_told_twice_or_lost_whoever_stores_when(
        self, length: int, forks_at: int, turns: list[tuple[int, bool, bool]]
    ) -> None:
        """Hooks and imports take turns, over a session, and over a fork of it."""
        each = iter(turns)
        log: list[UsageEvent] = []
        for fork in (0, forks_at):
            whole = responses(range(length), fork=fork)
            done, rest = 0, list[Said]()
            while done < length:
                more, imports, ends = next(each, (length, False, False))
                upto = min(length, done + more)
                if imports:  # it reads from the beginning
                    make([*whole[:upto]], log, whole=True)
                rest = make([*rest, *whole[done:upto]], log, whole=ends)
                done = upto
            make([*rest], log, whole=True)
        wanted = told_of(length, 0) | told_of(length, forks_at)
        assert told(log) == Counter(dict.fromkeys(wanted, 1))
        assert all(len(e.requests.at_ms) <= MOST_REQUESTS for e in log if e.requests)


def told_of(length: int, fork: int) -> set[tuple[str, int, int]]:
    """The requests of a session or a fork."""
    found = responses(range(length), fork=fork)
    return {(one.segment, one.at_ns // _MS, one.input) for one in found}
