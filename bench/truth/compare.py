"""A log held against the truth: what is right, missed, wrong and doubled, by kind of thing."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from truth.model import BYTES_PER_TOKEN

from ctxuse.codec.decode import Valid, check
from ctxuse.counting.cost import cost_of, requests_of
from ctxuse.counting.segments import Segments
from ctxuse.ids import is_derived

OF_RESIDENT = "requests of what is resident"
"""What each record that is resident stands in."""

UNTOLD = "told by nobody"
"""What is resident and no witness tells."""

_OWN_SEGMENT = "mcp"
"""How the segment begins of an MCP server that is told no session."""


class Thread(NamedTuple):
    """What stood in the context of a session or a sub-agent.

    Attributes:
        resident: Bytes of what the host had put there of each record, by kind and slug.
        again: How many times more it has put it there, after compactions.
    """

    resident: dict[str, int]
    again: Counter[str]


class Call(NamedTuple):
    """A call of a tool.

    Attributes:
        kind: The kind of tool, by which calls are held against each other.
        input: What it was given, for people.
        thread: The session, and within it the sub-agent.
        entered: The records of which something entered.
    """

    kind: str
    input: str
    thread: tuple[str, str | None]
    entered: set[str]


class Asked(NamedTuple):
    """A request.

    Attributes:
        thread: The session, and within it the sub-agent.
        taken: The tokens that it is said to have taken in.
        resident: Bytes of what the host had put there of each record.
    """

    thread: tuple[str, str | None]
    taken: int
    resident: dict[str, int]


class Truth(NamedTuple):
    """What really entered.

    Attributes:
        threads: The contexts, by session and sub-agent.
        calls: The calls of tools, by id.
        typed: The records that users loaded: session and record.
        read: The records that were read as resources, likewise.
        inner: By the id of a call that a script has made, that of the script.
        requests: The requests, in order.
        untold: What was resident and no witness tells: session and record.
    """

    threads: dict[tuple[str, str | None], Thread]
    calls: dict[str, Call]
    typed: list[tuple[str, str]]
    read: list[tuple[str, str]]
    inner: dict[str, str]
    requests: list[Asked]
    untold: Sequence[tuple[str, str]] = ()


class Row(NamedTuple):
    """How a log stands to the truth in one kind of thing.

    Attributes:
        truth: So many records entered.
        right: Of these the log has so many.
        wrong: So many does it have that did not enter.
        doubled: So many times does it have one once more than it entered.
        sizes: Of the right ones so many have bytes that are within one in a hundred.
        sized: So many are held against bytes.
        differences: What is not right, for people.
    """

    truth: int
    right: int
    wrong: int
    doubled: int
    sizes: int
    sized: int
    differences: tuple[str, ...]

    @property
    def missed(self) -> int:
        """So many does it not have."""
        return self.truth - self.right


_Event = Mapping[str, Any]
_CLOSE, _NEAR, _FEW = 0.01, 0.05, 3


def compared(truth: Truth, events: Iterable[_Event]) -> dict[str, Row]:
    """Return how the events of a log stand to the truth, by kind of thing."""
    events = [
        {**event, "call_id": truth.inner.get(str(event.get("call_id")), event.get("call_id"))}
        for event in events
    ]
    uses = [event for event in events if event["event"] == "use"]
    found: dict[str, Row] = {}
    for tool in dict.fromkeys(call.kind for call in truth.calls.values()):
        ids = [call_id for call_id, call in truth.calls.items() if call.kind == tool]
        found[tool] = _uses(truth, [event for event in uses if event.get("call_id") in ids], ids)
    by_whoever = Counter(
        (_OWN_SEGMENT if is_own else event["segment_id"], name)
        for event in uses
        if (is_own := event["segment_id"].startswith(f"{_OWN_SEGMENT}-"))
        or (event.get("actor") != "user" and event.get("call_id") is None)
        for name in _names(event)
    )
    found["by MCP, without id"] = _row(Counter(truth.read), by_whoever, {}, {})
    by_user = Counter(
        (event["segment_id"], name)
        for event in uses
        if event.get("actor") == "user"
        for name in _names(event)
    )
    found["typed by the user"] = _row(Counter(truth.typed), by_user, {}, {})
    for kind, is_agent in (("resident", False), ("resident in sub-agents", True)):
        found[kind] = _resident(truth, events, is_agent=is_agent)
    if truth.untold:
        found[UNTOLD] = _row(Counter(truth.untold), Counter(), {}, {})
    if truth.requests:
        found["requests"], found[OF_RESIDENT] = _requests(truth, events)
    return found


def _requests(truth: Truth, events: Iterable[_Event]) -> tuple[Row, Row]:
    """Return how requests stand to the truth: which there were, and what was resident in each.

    The sizes of the second are tokens: those of a record in all of its requests, within a twentieth
    where they are calibrated.
    """
    there: Counter[tuple[str, str]] = Counter()
    stood: Counter[tuple[str, str]] = Counter()
    tokens: dict[tuple[str, str], float] = defaultdict(float)
    for thread, taken, resident in truth.requests:
        segment = _segment(*thread)
        there[segment, f"{taken:,} tokens"] += 1
        stood.update((segment, name) for name in resident)
        for name, size in resident.items():
            tokens[segment, name] += size / BYTES_PER_TOKEN
    segments = Segments()
    for event in events:
        found = check(json.dumps(event).encode())
        if isinstance(found, Valid):
            segments.add_line(found)
    told: Counter[tuple[str, str]] = Counter()
    claimed: Counter[tuple[str, str]] = Counter()
    calibrated: dict[tuple[str, str], int | None] = {}
    for key, its in segments.by_key.items():
        told.update((key, f"{one.input:,} tokens") for one in requests_of(its))
        for (kind, slug), cost in cost_of(segments, [key]).records.items():
            where = key, f"{kind}/{slug}"
            if where in stood:
                claimed[where] += cost.requests
                if cost.tokens.keys() == {"calibrated"} and not cost.tokens_read:
                    calibrated[where] = cost.tokens["calibrated"]
    sized = {where: round(size) for where, size in tokens.items() if where in calibrated}
    by = {where: _NEAR * size + stood[where] / 2 for where, size in sized.items()}
    requests = _row(there, told, {}, {})
    return requests, _row(stood, claimed, sized, calibrated, by)  # tokens are whole numbers


def is_of_server(event: _Event) -> bool:
    """Whether an MCP server has recorded an event: its uses, and what its instructions held."""
    kinds = {record["kind"] for record in event["records"]}
    if not kinds:
        return False
    is_exposure = event["event"] == "resident_exposure"
    return kinds <= _SERVED and (is_exposure or not is_derived(event["id"]))


_SERVED = {"summary", "decision", "request", "knowledge", "workflow"}


def _uses(truth: Truth, events: Iterable[_Event], ids: Iterable[str]) -> Row:
    calls = truth.calls
    there = Counter(
        (f"{_segment(*calls[call_id].thread)}: {calls[call_id].input}", name)
        for call_id in ids
        for name in calls[call_id].entered
    )
    claimed = Counter(
        (f"{event['segment_id']}: {calls[event['call_id']].input}", name)
        for event in events
        for name in _names(event)
    )
    return _row(there, claimed, {}, {})


def _resident(truth: Truth, events: Iterable[_Event], *, is_agent: bool) -> Row:
    there: dict[tuple[str, str], int] = {}
    times: Counter[tuple[str, str]] = Counter()
    for (session, agent), thread in truth.threads.items():
        if (agent is not None) is is_agent:
            segment = _segment(session, agent)
            there |= {(segment, name): size for name, size in thread.resident.items()}
            times.update({(segment, name): 1 + thread.again[name] for name in thread.resident})
    held = {session for session, _ in truth.threads}
    claimed: Counter[tuple[str, str]] = Counter()
    sizes: dict[tuple[str, str], int | None] = {}
    for event in events:
        session, _, agent_id = event["segment_id"].partition("/")
        if event["event"] != "resident_exposure" or session not in held:
            continue
        if bool(agent_id) is is_agent:
            for record in event["records"]:
                key = event["segment_id"], f"{record['kind']}/{record['slug']}"
                claimed[key] += 1
                sizes[key] = record.get("context_bytes")
    return _row(times, claimed, there, sizes)


def _segment(session: str, agent: str | None) -> str:
    return session if agent is None else f"{session}/{agent}"


def _row(
    there: Counter[tuple[str, str]],
    claimed: Counter[tuple[str, str]],
    bytes_there: Mapping[tuple[str, str], int],
    bytes_claimed: Mapping[tuple[str, str], int | None],
    by: Mapping[tuple[str, str], float] | None = None,
) -> Row:
    """Hold what is claimed against what is there, each by where it is and the record.

    Args:
        there: How often what is there.
        claimed: How often it is claimed.
        bytes_there: Its bytes.
        bytes_claimed: The bytes that are claimed.
        by: How much these may be off; by default one in a hundred.
    """
    right = sum(min(times, claimed[key]) for key, times in there.items())
    wrong = [key for key in claimed if key not in there]
    missed = [key for key, times in there.items() if claimed[key] < times]
    doubled = [key for key, times in claimed.items() if times > there[key] > 0]
    sized = [key for key in bytes_there if claimed[key]]
    by = by or {key: max(_FEW, _CLOSE * size) for key, size in bytes_there.items()}
    off = [key for key in sized if not _is_close(bytes_claimed.get(key), bytes_there[key], by[key])]
    said = [
        f"{what} {name}: {where[:100]!r}"
        for what, keys in (("missed", missed), ("wrong", wrong), ("doubled", doubled))
        for where, name in keys
    ]
    said += [f"bytes of {key[1]}: {bytes_claimed.get(key)} for {bytes_there[key]}" for key in off]
    return Row(
        there.total(),
        right,
        sum(claimed[key] for key in wrong),
        sum(claimed[key] - there[key] for key in doubled),
        len(sized) - len(off),
        len(sized),
        tuple(said),
    )


def _is_close(claimed: int | None, there: int, by: float) -> bool:
    return claimed is not None and abs(claimed - there) <= by


def _names(event: _Event) -> list[str]:
    return [f"{record['kind']}/{record['slug']}" for record in event["records"]]
