"""What is counted, and how counts merge."""

import copy
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from strategies import an_event, events

from ctxuse import UsageEvent, UsageEventKind, UsageSource
from ctxuse.counting.tally import MAX_SEGMENTS, Tally
from ctxuse.reports.report import build_report


def tally_of(items: Iterable[UsageEvent | str]) -> Tally:
    tally = Tally()
    for item in items:
        if isinstance(item, UsageEvent):
            tally.add(item)
        elif item == "blank":
            tally.blank += 1
        else:
            tally.add_skipped(item)
    return tally


def merged(*tallies: Tally) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.merge(tally)
    return whole


items = st.lists(events | st.sampled_from(["blank", "not_json", "bad_id"]), max_size=12)


@given(items, items)
def test_the_tallies_of_two_parts_merge_into_the_tally_of_the_whole(
    first: list[UsageEvent | str], second: list[UsageEvent | str]
) -> None:
    assert merged(tally_of(first), tally_of(second)) == tally_of([*first, *second])


@given(items, items, items)
def test_merging_is_associative(
    first: list[UsageEvent | str], second: list[UsageEvent | str], third: list[UsageEvent | str]
) -> None:
    one, two, three = tally_of(first), tally_of(second), tally_of(third)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(items)
def test_an_empty_tally_changes_nothing(parts: list[UsageEvent | str]) -> None:
    tally = tally_of(parts)
    assert merged(Tally(), tally) == merged(tally, Tally()) == tally


@given(items, items)
def test_merging_leaves_the_later_tally_as_it_was(
    first: list[UsageEvent | str], second: list[UsageEvent | str]
) -> None:
    later = tally_of(second)
    before = copy.deepcopy(later)
    whole = merged(tally_of(first), later)
    whole.add(an_event())
    assert later == before


@given(items)
def test_the_figures_do_not_depend_on_the_order_but_for_the_last_exposure(
    parts: list[UsageEvent | str],
) -> None:
    forth, back = (build_report(tally_of(p)) for p in (parts, [*reversed(parts)]))
    assert forth.evidence == back.evidence
    for one, other in zip(forth.records, back.records, strict=True):
        assert one.fields() | {"estimated_tokens_per_injection": 0} | {
            "estimated_total_resident_exposure_tokens": 0
        } == other.fields() | {"estimated_tokens_per_injection": 0} | {
            "estimated_total_resident_exposure_tokens": 0
        }


def test_segments_are_counted_exactly_up_to_a_bound_and_then_as_more() -> None:
    tally = Tally()
    for number in range(MAX_SEGMENTS):
        tally.add(an_event(segment_id=f"s{number}"))
    assert build_report(tally).evidence.segments == MAX_SEGMENTS
    tally.add(an_event(segment_id="s0"))
    assert build_report(tally).evidence.segments == MAX_SEGMENTS
    tally.add(an_event(segment_id="one more"))
    assert build_report(tally).evidence.segments is None


def test_merging_counts_segments_up_to_the_same_bound() -> None:
    half = MAX_SEGMENTS // 2
    one = tally_of(an_event(segment_id=f"s{n}") for n in range(half))
    two = tally_of(an_event(segment_id=f"s{n}") for n in range(half - 5, MAX_SEGMENTS))
    assert build_report(merged(one, two)).evidence.segments == MAX_SEGMENTS
    assert build_report(merged(one, two, tally_of([an_event()]))).evidence.segments is None


def test_long_segment_ids_are_told_apart_without_being_kept() -> None:
    tally = Tally()
    for number in range(3):
        tally.add(an_event(segment_id="x" * 100_000 + str(number)))
    assert tally.segments is not None
    assert len(tally.segments) == 3
    assert max(len(segment) for segment in tally.segments) < 100


def test_the_estimated_total_saturates_at_u64() -> None:
    big = an_event().records[0]._replace(file_tokens_estimate=2**63)
    event = an_event(
        records=(big, big, big),
        event=UsageEventKind.RESIDENT_EXPOSURE,
        source=UsageSource.RESIDENT_INJECTION,
    )
    (record,) = build_report(tally_of([event])).records
    assert record.resident_exposure_count == 3
    assert record.estimated_total_resident_exposure_tokens == 2**64 - 1
