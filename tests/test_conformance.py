"""Every case that the reference implementation labelled (tests/data/conformance)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxuse import InvalidPathError, InvalidSlugError, Slug, UsageEvent, Workspace, WorkspaceLayout
from ctxuse.codec.decode import decode
from ctxuse.codec.encode import encode

DATA = Path(__file__).parent / "data"
CONFORMANCE = DATA / "conformance"


def cases(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (CONFORMANCE / name).read_bytes().splitlines()]


LOGS = sorted(CONFORMANCE.glob("logs/*.events.jsonl"))


def test_the_cases_are_all_there() -> None:
    assert len(cases("lines.jsonl")) == 399
    assert len(cases("slugs.jsonl")) == 122
    assert len(cases("paths.jsonl")) == 30
    assert len(LOGS) == 30


@pytest.mark.parametrize("case", cases("lines.jsonl"))
def test_a_line_is_accepted_or_refused_as_by_the_reference(case: dict[str, object]) -> None:
    line = str(case["line"])
    found = decode(line.encode())
    assert isinstance(found, UsageEvent) == case["accepted"]
    if isinstance(found, UsageEvent) and found.records:
        assert json.loads(encode(found)) == json.loads(str(case["canonical"]))


def test_an_accepted_line_without_records_reads_as_its_canonical_form() -> None:
    empty = [case for case in cases("lines.jsonl") if '"records":[]' in str(case["canonical"])]
    assert empty
    for case in empty:
        assert decode(str(case["line"]).encode()) == decode(str(case["canonical"]).encode())


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name[:2])
def test_a_report_is_byte_for_byte_the_references(
    log: Path, workspace_of_log: Callable[[bytes], Workspace]
) -> None:
    report = workspace_of_log(log.read_bytes()).report()
    expected = log.with_name(log.name[:2] + ".report.json").read_bytes()
    assert report.to_json().encode() == expected


@pytest.mark.parametrize("name", ["reference", "reference-concurrent"])
def test_the_report_on_a_workspace_of_the_reference_is_the_references(name: str) -> None:
    report = Workspace(DATA / "workspaces" / name).report()
    expected = (DATA / "workspaces" / name / "expected-report.json").read_bytes()
    assert report.to_json().encode() == expected


def test_concurrent_reference_writers_left_1764_countable_uses() -> None:
    report = Workspace(DATA / "workspaces" / "reference-concurrent").report()
    assert sum(record.use_count for record in report.records) == 1764


@pytest.mark.parametrize("case", cases("slugs.jsonl"), ids=lambda case: ascii(case["slug"])[:20])
def test_a_slug_is_one_as_for_the_reference(case: dict[str, object]) -> None:
    text = str(case["slug"])
    if case["valid"]:
        assert Slug(text) == text
    else:
        with pytest.raises(InvalidSlugError):
            Slug(text)


@pytest.mark.parametrize("case", cases("paths.jsonl"), ids=lambda case: str(case["path"]))
def test_a_path_is_classified_as_by_the_reference(case: dict[str, object]) -> None:
    layout = WorkspaceLayout(str(case["root"]))
    path = str(case["path"])
    if case["error"] is not None:
        error = {"invalid_slug": InvalidSlugError, "invalid_path": InvalidPathError}
        with pytest.raises(error[str(case["error"])]):
            layout.classify(path)
    else:
        found = layout.classify(path)
        assert (tuple(found) if found else (None, None)) == (case["kind"], case["slug"])
