"""`make bench`: what reading, appending and starting cost, as ratios within one run.

Machines are noisy: every figure is the median of several rounds that take turns, and what counts is
its ratio to another figure of the same run. Writes a table to stdout and figures to a JSON file.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.codec.encode import encode
from ctxuse.log import parallel
from ctxuse.log.writer import LogWriter

Case = Callable[[], object]


def lines(number: int, *, different: bool = False, seed: int = 1) -> Iterator[bytes]:
    """Lines of a made-up log: some hundred records, few of them read often, a dozen resident."""
    chance = random.Random(seed)  # noqa: S311 - inputs, not secrets
    kinds = ("decision", "knowledge", "workflow", "request", "skill")
    names = [(kinds[i % 5], f"record-{i}") for i in range(300)]
    sizes = [chance.randint(400, 20_000) for _ in names]
    at, segment = 1_780_000_000_000_000_000, ""
    for index in range(number):
        at += chance.randrange(1, 20_000_000_000)
        if index % 20 == 0:
            segment = str(UUID(int=chance.getrandbits(128)))
        if index % 500 == 0:
            sizes[chance.randrange(300)] = chance.randint(400, 20_000)
        exposed = index % 25 == 0
        chosen = range(0, 300, 25) if exposed else [min(int(chance.expovariate(1 / 30)), 299)]
        host = chance.choice([None, None, "claude-code", "codex"])
        yield encode(
            UsageEvent(
                id=str(
                    UUID(int=at // 1_000_000 << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62))
                ),
                occurred_at_ns=at,
                segment_id=segment,
                event=UsageEventKind.RESIDENT_EXPOSURE if exposed else UsageEventKind.USE,
                source=UsageSource.RESIDENT_INJECTION if exposed else UsageSource.MEMORY_READ,
                records=tuple(
                    UsageRecordSnapshot.from_size(
                        *names[i], chance.randint(1, 10**7) if different else sizes[i]
                    )
                    for i in chosen
                ),
                host=host,
                actor="agent" if host else None,
            )
        )


def make_log(root: Path, number: int, *, different: bool = False) -> Path:
    """Write a log of `number` events below `root` and return its path."""
    path = Workspace(root).layout.events_path
    path.parent.mkdir(parents=True)
    with path.open("wb") as log:
        log.writelines(line + b"\n" for line in lines(number, different=different))
    return path


class _Record(msgspec.Struct):
    kind: str
    slug: str
    file_bytes: int
    file_tokens_estimate: int


class _Event(msgspec.Struct):
    id: UUID
    occurred_at: datetime
    segment_id: str
    event: UsageEventKind
    source: UsageSource
    records: list[_Record]


def loop(path: Path) -> int:
    """The straightforward loop: decode each line by type, add to a dictionary."""
    decode = msgspec.json.Decoder(_Event).decode
    found: dict[tuple[str, str], list[object]] = {}
    with path.open("rb") as log:
        for line in log:
            event = decode(line)
            for record in event.records:
                entry = found.setdefault((record.kind, record.slug), [0, None, {}, 0, 0])
                count(
                    entry, event.event, event.source, event.occurred_at, record.file_tokens_estimate
                )
    return len(found)


def count(entry: list[object], kind: str, source: str, at: object, tokens: int) -> None:
    """Add one record of one event to its entry, as a loop would."""
    if kind == "use":
        entry[0] += 1  # type: ignore[operator] # a list as a loop would have it
        sources = entry[2]
        sources[source] = sources.get(source, 0) + 1  # type: ignore[index,attr-defined] # likewise
        if entry[1] is None or at > entry[1]:  # type: ignore[operator] # likewise
            entry[1] = at
    else:
        entry[3] += 1  # type: ignore[operator] # likewise
        entry[4] = tokens


def json_loop(path: Path) -> int:
    """The same with the standard library's json, which checks no types."""
    found: dict[tuple[str, str], list[object]] = {}
    with path.open("rb") as log:
        for line in log:
            event = json.loads(line)
            for record in event["records"]:
                entry = found.setdefault((record["kind"], record["slug"]), [0, None, {}, 0, 0])
                tokens = record["file_tokens_estimate"]
                count(entry, event["event"], event["source"], event["occurred_at"], tokens)
    return len(found)


def duckdb_case(path: Path) -> Case | None:
    """DuckDB's `read_json` with the same aggregation: fast, and not strict."""
    try:
        import duckdb  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - only if there
    except ImportError:
        return None
    query = f"""
        select r.kind, r.slug, count(*) filter (event = 'use'),
               max(occurred_at) filter (event = 'use') :: varchar,
               count(*) filter (event = 'resident_exposure')
        from (select event, occurred_at, unnest(records) as r
              from read_json('{path}', format = 'newline_delimited'))
        group by all order by all
    """  # noqa: S608 - our own path
    return lambda: duckdb.execute(query).fetchall()


def rounds(cases: dict[str, Case], number: int) -> dict[str, list[float]]:
    """Run the cases in turns and return the seconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(number):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            taken[name].append(time.perf_counter() - begin)
    return taken


def reading(number: int, repeat: int, *, different: bool) -> dict[str, list[float]]:
    """Time the reports on a log of `number` events."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "whole"
        path = make_log(root, number, different=different)
        workspace = Workspace(root)
        cases: dict[str, Case] = {
            "straightforward loop": lambda: loop(path),
            "json.loads per line": lambda: json_loop(path),
            "ours, cold, 1 process": lambda: workspace.report(cache=False, processes=1),
            "ours, cold, 2 processes": lambda: workspace.report(cache=False, processes=2),
            "wc -l": lambda: subprocess.run(["wc", "-l", path], check=True, capture_output=True),
        }
        duck = duckdb_case(path)
        if duck is not None:
            cases["DuckDB read_json"] = duck
        taken = rounds(cases, repeat)
        if not different:
            taken |= cached(Path(directory), workspace, path, repeat)
        return taken


def cached(
    directory: Path, workspace: Workspace, path: Path, repeat: int
) -> dict[str, list[float]]:
    """Time a report with a thousand new events against one on those thousand alone."""
    fresh = [*lines(1000, seed=2)]
    alone = directory / "alone"
    alone_path = Workspace(alone).layout.events_path
    alone_path.parent.mkdir(parents=True)
    alone_path.write_bytes(b"".join(line + b"\n" for line in fresh))
    whole: list[float] = []
    only: list[float] = []
    workspace.report()
    for _ in range(max(repeat, 9)):
        with path.open("ab") as log:
            log.writelines(line + b"\n" for line in fresh)
        begin = time.perf_counter()
        workspace.report()
        whole.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        Workspace(alone).report(cache=False)
        only.append(time.perf_counter() - begin)
    return {"ours, cached, 1,000 new": whole, "ours, those 1,000 alone": only}


def appending(number: int, repeat: int) -> dict[str, list[float]]:
    """Time appends: without any protection, and ours."""
    made = [
        UsageEvent.new(
            "s", UsageEventKind.USE, UsageSource.MEMORY_READ,
            [UsageRecordSnapshot("decision", "alpha", 456, 114)],
        )
        for _ in range(number)
    ]  # fmt: skip
    plain = {
        "id": made[0].id, "occurred_at": made[0].occurred_at_text, "segment_id": "s",
        "event": "use", "source": "MemoryRead",
        "records": [dict(zip(("kind", "slug", "file_bytes", "file_tokens_estimate"),
                             made[0].records[0], strict=False))],
    }  # fmt: skip
    encoded = [encode(event) for event in made]
    with tempfile.TemporaryDirectory() as directory:
        bare = Path(directory) / "bare.jsonl"

        def unprotected() -> None:
            for _ in range(number):
                with open(bare, "ab") as log:
                    log.write(json.dumps(plain).encode() + b"\n")

        roots = [Path(directory) / name for name in ("ours", "fsync", "writer")]
        for root in roots:
            root.mkdir()
        ours, synced = Workspace(roots[0]), Workspace(roots[1], durability="fsync")
        writer = LogWriter(Workspace(roots[2]).layout)

        def without_encoding() -> None:
            for line in encoded:
                writer.append(line)

        return rounds(
            {
                "json.dumps, open, write, close": unprotected,
                "ours": lambda: [ours.append(event) for event in made],
                "ours, without encoding": without_encoding,
                "ours, fsync (a tenth)": lambda: [synced.append(e) for e in made[: number // 10]],
            },
            repeat,
        )


HOOK = """
import json, sys
from ctxuse import UsageSource, Workspace
payload = json.load(sys.stdin)
workspace = Workspace(payload["root"])
workspace.append_use(payload["session"], UsageSource.MEMORY_READ,
                     [workspace.snapshot("decision", "alpha")])
"""


def starting(repeat: int) -> dict[str, list[float]]:
    """Time processes from their start to their end."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make_log(root, 100)
        (root / ".yoi/memory/decisions").mkdir()
        (root / ".yoi/memory/decisions/alpha.md").write_text("text")
        payload = json.dumps({"root": directory, "session": "s"}).encode()

        def start(*words: str, stdin: bytes = b"") -> Case:
            return lambda: subprocess.run(
                [sys.executable, *words],
                check=True,
                capture_output=True,
                input=stdin,
                cwd=root,
                env=env,
            )

        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        report = ("-m", "ctxuse", "report")
        return rounds(
            {
                "python -c pass": start("-c", "pass"),
                "append one event": start("-c", HOOK, stdin=payload),
                "report --format json": start(*report, "--format", "json"),
                "report (table)": start(*report),
            },
            repeat,
        )


def show(title: str, taken: dict[str, list[float]], base: str) -> None:
    """Print one table of ratios to the median of `base`."""
    print(f"\n{title}\n")
    print(f"| what | times {base} | spread | seconds |")
    print("| --- | ---: | ---: | ---: |")
    unit = statistics.median(taken[base])
    for name, seconds in taken.items():
        ratio = [second / unit for second in seconds]
        print(
            f"| {name} | {statistics.median(ratio):.2f} | {min(ratio):.2f} to {max(ratio):.2f} "
            f"| {statistics.median(seconds):.4f} |",
            flush=True,
        )


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the large log")
    parser.add_argument("--repeat", type=int, default=5, help="rounds of each case")
    parser.add_argument("--json", type=Path, default=Path("bench/figures.json"))
    options = parser.parse_args()
    figures: dict[str, dict[str, list[float]]] = {}
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors")
    events: int = options.events
    parallel.FROM = min(parallel.FROM, 4 * 1024 * 1024)
    for title, different in ((f"{events:,} events", False), (f"{events // 4:,} different", True)):
        taken = reading(events // 4 if different else events, options.repeat, different=different)
        figures[title] = taken
        show(f"Reading a log of {title}", taken, "straightforward loop")
    figures["appending"] = appending(2_000, options.repeat)
    show("Appending 2,000 events", figures["appending"], "json.dumps, open, write, close")
    figures["starting"] = starting(max(options.repeat, 15))
    show("Starting", figures["starting"], "python -c pass")
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    shutil.rmtree("bench/__pycache__", ignore_errors=True)


if __name__ == "__main__":
    main()
