"""Events as Parquet, and the report as a query over them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from fleets import as_log, break_at_its_end, make_fleet, make_workspace, some_events
from strategies import an_event

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.cli.main import run
from ctxuse.codec.encode import encode_any
from ctxuse.errors import FleetError
from ctxuse.events import U64_MAX
from ctxuse.fleet.export import export_events
from ctxuse.fleet.reporting import fleet_report
from ctxuse.times import MAX_NS, MIN_NS

duckdb: Any = pytest.importorskip("duckdb", reason="duckdb is not installed")
parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

PAGE = Path(__file__).parent.parent / "docs" / "export.md"
DATA = Path(__file__).parent / "data" / "workspaces"
QUERY, DISTINCT = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def asked(query: str, folder: Path) -> list[dict[str, object]]:
    result = duckdb.sql(query.replace("events/*.parquet", f"{folder}/*.parquet"))
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def told(places: list[Path], *, distinct_ids: bool = False) -> list[dict[str, object]]:
    report = fleet_report([*map(str, places)], executor="threads", distinct_ids=distinct_ids)
    return [
        {
            "workspace": one.workspace or report.workspaces[0].address,
            **one.basic.fields(),
            "last_used_at": one.basic.last_used_at_ns,
        }
        for one in report.records
    ]


def as_told(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    for row in rows:
        row["source_breakdown"] = dict(sorted(row["source_breakdown"].items()))  # type: ignore[attr-defined]
        row["last_used_at"] = row.pop("last_used_at_ns")
    order = ["workspace", "kind", "slug", "use_count", "last_used_at"]
    return [{name: row[name] for name in [*order, *(row.keys() - {*order})]} for row in rows]


def extreme() -> list[UsageEvent]:
    """Events at both ends of what the format knows."""
    big = UsageRecordSnapshot(
        "skill", "big", U64_MAX, U64_MAX, U64_MAX, U64_MAX, "usage", "unknown"
    )
    resident = {
        "event": UsageEventKind.RESIDENT_EXPOSURE,
        "source": UsageSource.RESIDENT_INJECTION,
    }
    return [
        an_event(occurred_at_ns=MAX_NS, host="codex", call_id="c"),
        an_event(occurred_at_ns=MIN_NS, records=(big,), actor="agent"),
        an_event(occurred_at_ns=MIN_NS + 1, records=(big, big), **resident),
        an_event(occurred_at_ns=-1, records=(big,), **resident),
    ]


def test_the_query_of_the_page_gives_the_report(tmp_path: Path) -> None:
    places = [
        make_fleet(tmp_path / "fleet", 3, 80),
        make_workspace(tmp_path / "extreme", as_log(extreme()) + b"no event\n"),
        *(path for path in DATA.iterdir() if path.is_dir()),
    ]
    done = export_events([*map(str, places)], str(tmp_path / "events"), executor="threads")
    assert sum(w.events for w in done.workspaces) > 240
    assert as_told(asked(QUERY, tmp_path / "events")) == told(places)


def test_the_second_query_counts_copies_once(tmp_path: Path) -> None:
    log = as_log(some_events(30, 1))
    make_workspace(tmp_path / "a", log)
    make_workspace(tmp_path / "b", log + as_log(some_events(20, 2)))
    make_workspace(tmp_path / "c", log[: log.index(b"\n") + 1])
    export_events([str(tmp_path)], str(tmp_path / "events"), executor="threads")
    query = QUERY.replace("FROM 'events/*.parquet'", DISTINCT)
    assert query != QUERY
    assert as_told(asked(query, tmp_path / "events")) == told([tmp_path], distinct_ids=True)


def test_rows_are_what_the_events_say(tmp_path: Path) -> None:
    make_workspace(tmp_path / "w", as_log(extreme()))
    export_events([str(tmp_path / "w")], str(tmp_path / "events"), executor="threads")
    table = parquet.read_table(tmp_path / "events")
    rows = [*zip(*(column.to_pylist() for column in table.columns[6:]), strict=True)]
    expected = [
        (
            event.segment_id, event.host, event.actor, event.call_id, event.event.value,
            event.source.value, *record, event.agent_type,
        )
        for event in extreme()
        for record in event.records
    ]  # fmt: skip
    assert rows == expected
    nanos = zip(
        table["occurred_at"].cast("int64").to_pylist(),
        table["occurred_at_nanos"].to_pylist(),
        strict=True,
    )
    assert [us * 1000 + ns for us, ns in nanos] == [
        event.occurred_at_ns for event in extreme() for _ in event.records
    ]
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in table.schema.names if f"`{name}`" not in page] == []


def test_rows_are_written_in_groups(tmp_path: Path) -> None:
    make_fleet(tmp_path / "fleet", 2, 300)
    export_events(
        [str(tmp_path / "fleet")],
        str(tmp_path / "events"),
        executor="threads",
        workers=1,
        group_rows=50,
    )
    files = [parquet.ParquetFile(path) for path in sorted((tmp_path / "events").iterdir())]
    assert all(file.num_row_groups > 5 for file in files)
    assert as_told(asked(QUERY, tmp_path / "events")) == told([tmp_path / "fleet"])


def test_of_an_event_with_long_texts_and_many_records_a_group_has_a_part(tmp_path: Path) -> None:
    records = [UsageRecordSnapshot("skill", f"r{number}", 1, 1) for number in range(400)]
    event = an_event(segment_id="s" * 400_000, records=tuple(records))
    make_workspace(tmp_path / "w", encode_any(event) + b"\n")
    export_events([str(tmp_path / "w")], str(tmp_path / "events"), executor="threads", workers=1)
    (path,) = (tmp_path / "events").iterdir()
    file = parquet.ParquetFile(path)
    assert (file.num_row_groups, file.metadata.num_rows) == (5, 400)


@pytest.mark.parametrize("group", [10, 10_000])
def test_a_workspace_is_exported_whole_or_not_at_all(tmp_path: Path, group: int) -> None:
    make_fleet(tmp_path / "fleet", 3)
    break_at_its_end(tmp_path / "fleet" / "w001")
    done = export_events(
        [str(tmp_path / "fleet")],
        str(tmp_path / "events"),
        executor="threads",
        workers=1,
        batch_size=3,
        group_rows=group,
    )
    assert [w.address[-4:] for w in done.workspaces] == ["w000", "w002"]
    assert "is missing" in done.unreadable[0].reason
    assert as_told(asked(QUERY, tmp_path / "events")) == told([tmp_path / "fleet"])


def test_an_export_by_command_says_what_it_did_and_refuses_a_full_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], copy_of: Callable[[str], Workspace]
) -> None:
    make_fleet(tmp_path / "fleet", 2)
    shutil.copytree(copy_of("reference").layout.root, tmp_path / "fleet" / "x")
    words = ["fleet", "export", str(tmp_path / "fleet"), "--to", str(tmp_path / "events")]
    assert run([*words, "--format", "parquet", "--workers", "2"]) == 0
    assert "of 3 workspaces in" in capsys.readouterr().out
    assert as_told(asked(QUERY, tmp_path / "events")) == told([tmp_path / "fleet"])
    assert run(words) == 3
    assert "holds Parquet files already" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["no directory", "no room"])
def test_a_temporary_file_that_cannot_be_written_is_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    make_fleet(tmp_path / "fleet", 2)
    if what == "no directory":
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    else:

        def full(**_: object) -> IO[bytes]:
            return Path("/dev/full").open("wb")

        monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    done = export_events(
        [str(tmp_path / "fleet")],
        str(tmp_path / "events"),
        executor="threads",
        workers=1,
        group_rows=10,
    )
    said = "No such file or directory" if what == "no directory" else "No space left on device"
    reasons = {place.reason for place in done.unreadable}
    assert reasons == {f"cannot write a temporary file: {said}"}
    assert (len(done.unreadable), len(done.workspaces)) == (2, 0)
    assert [*(tmp_path / "events").iterdir()] == []


def test_what_is_gone_with_its_process_is_nothing_to_write_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_fleet(tmp_path / "fleet", 1)
    for command in ("collect", "export"):
        for executor in ("processes", "threads"):
            words = [str(tmp_path / "fleet"), "--to", "memory://x", "--executor", executor]
            assert run(["fleet", command, *words]) == 3
            assert "gone with the process that writes it" in capsys.readouterr().err


def test_of_two_exports_into_one_folder_at_once_neither_takes_the_others_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fleet(tmp_path / "fleet", 1)
    words = [str(tmp_path / "fleet")], str(tmp_path / "events")
    with monkeypatch.context() as patch:
        patch.setattr(
            "ctxuse.fleet.export.names_in", lambda _: []
        )  # both look before either writes
        for _ in range(2):
            export_events(*words, executor="threads")
    assert len([*(tmp_path / "events").iterdir()]) == 2
    names = iter([[], ["part-other-00000000.parquet"]])
    monkeypatch.setattr("ctxuse.fleet.export.names_in", lambda _: next(names))
    with pytest.raises(FleetError, match="another export wrote into it"):
        export_events(*words, executor="threads")
