"""`make bench-fleet`: what a report over many workspaces costs, as ratios within one run.

Workspaces hold copies of a few made-up logs. Every figure is the median of rounds that take turns;
what counts is its ratio to another figure of the same run. Writes tables to stdout.
"""

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from inputs import lines

from ctxuse.fleet import wire
from ctxuse.fleet.collect import collect
from ctxuse.fleet.compact import compact
from ctxuse.fleet.counting import count
from ctxuse.fleet.discovery import find
from ctxuse.fleet.export import export_events
from ctxuse.fleet.filesystems import filesystem
from ctxuse.fleet.jobs import batches
from ctxuse.fleet.reporting import fleet_report
from ctxuse.fleet.store import LocalStore, open_store
from ctxuse.layout import WorkspaceLayout
from ctxuse.reports.fleet import FleetQuery, FleetTally
from ctxuse.times import instant

TEMPLATES = 10
MERGED = FleetQuery(merge_records=True)

Case = Callable[[], object]


def make_fleet(root: Path, workspaces: int, events: int) -> Path:
    """Write so many workspaces of so many events each."""
    logs = [
        b"".join(line + b"\n" for line in lines(events, seed=seed)) for seed in range(TEMPLATES)
    ]
    for number in range(workspaces):
        path = WorkspaceLayout(root / f"w{number:06}").events_path
        path.parent.mkdir(parents=True)
        path.write_bytes(logs[number % TEMPLATES])
    return root


def rounds(cases: dict[str, Case], number: int) -> dict[str, list[float]]:
    """Run the cases in turns and return the seconds of each."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(number):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            taken[name].append(time.perf_counter() - begin)
    return taken


def show(title: str, taken: dict[str, list[float]], base: str) -> None:
    """Print one table of ratios to the median of `base`."""
    print(f"\n{title}\n\n| what | times {base} | spread | seconds |\n| --- | ---: | ---: | ---: |")
    unit = statistics.median(taken[base])
    for name, seconds in taken.items():
        ratio = [second / unit for second in seconds]
        print(
            f"| {name} | {statistics.median(ratio):.2f} | {min(ratio):.2f} to {max(ratio):.2f} "
            f"| {statistics.median(seconds):.3f} |",
            flush=True,
        )


def workers(root: Path, repeat: int) -> None:
    """One worker and two, side by side."""
    report = partial(fleet_report, [str(root)], cache=False)
    for title, options in (("records apart", {}), ("merged records", {"merge_records": True})):
        taken = rounds(
            {
                "one worker": partial(report, workers=1, **options),
                "two workers": partial(report, workers=2, **options),
            },
            repeat,
        )
        show(f"Report, {title}", taken, "one worker")
        pairs = zip(taken["one worker"], taken["two workers"], strict=True)
        gain = [one / two for one, two in pairs]
        middle = statistics.median(gain)
        print(
            f"\nTwo workers: {middle:.2f} times as fast ({min(gain):.2f} to {max(gain):.2f}), "
            f"efficiency {middle / 2:.2f}"
        )


def kinds(root: Path, repeat: int) -> None:
    """Everything else that can be asked of the same workspaces, against the plain report."""
    report = partial(fleet_report, [str(root)], cache=False, workers=2)
    evidence = report(merge_records=True).evidence
    begin, end = evidence.since_ns or 0, evidence.until_ns or 0
    late = instant(end - (end - begin) // 10)

    def into_folder(do: Callable[[str], object]) -> Case:
        def case() -> None:
            with tempfile.TemporaryDirectory() as target:
                do(target)

        return case

    cases: dict[str, Case] = {
        "merged records": partial(report, merge_records=True),
        "records apart": report,
        "the last tenth": partial(report, merge_records=True, since=late),
        "by day": partial(report, merge_records=True, by="day"),
        "distinct ids (all copies)": partial(report, merge_records=True, distinct_ids=True),
        "collect": into_folder(lambda to: collect([str(root)], to, workers=2)),
        "export": into_folder(lambda to: export_events([str(root)], to, workers=2)),
    }
    show("Two workers", rounds(cases, repeat), "merged records")


def dask(root: Path, repeat: int) -> None:
    """The workers of a Dask scheduler on this machine against processes of ours."""
    from distributed import LocalCluster  # noqa: PLC0415 - only here

    cluster = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )
    with cluster:
        report = partial(fleet_report, [str(root)], cache=False)
        there = cluster.scheduler_address
        cases: dict[str, Case] = {
            "processes, merged": partial(report, workers=2, merge_records=True),
            "Dask, merged": partial(report, executor=there, merge_records=True),
            "processes, apart": partial(report, workers=2),
            "Dask, apart": partial(report, executor=there),
        }
        show("Two workers of Dask", rounds(cases, repeat), "processes, merged")


def growth(sizes: list[int], events: int) -> None:
    """Reports over more and more workspaces."""
    print(f"\nGrowth, {events:,} events in each, two workers\n")
    print("| workspaces | merged, s | apart, s | merged, µs an event | MiB here, merged | apart |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for number in sizes:
        with tempfile.TemporaryDirectory() as directory:
            root = make_fleet(Path(directory), number, events)
            report = partial(fleet_report, [str(root)], cache=False, workers=2)
            seconds: list[float] = []
            held: list[float] = []
            for merge in (True, False):
                begin = time.perf_counter()
                report(merge_records=merge)
                seconds.append(time.perf_counter() - begin)
            for merge in (True, False):
                tracemalloc.start()
                report(merge_records=merge)
                held.append(tracemalloc.get_traced_memory()[1] / 2**20)
                tracemalloc.stop()
            each = seconds[0] / number / events * 1e6
            print(
                f"| {number:,} | {seconds[0]:.2f} | {seconds[1]:.2f} | {each:.2f} "
                f"| {held[0]:.1f} | {held[1]:.1f} |",
                flush=True,
            )


def costs(repeat: int) -> None:
    """What one event, one workspace and one merged record cost a single worker."""
    number, events = 500, 2000
    with tempfile.TemporaryDirectory() as directory:
        empty = make_fleet(Path(directory) / "empty", number, 0)
        full = make_fleet(Path(directory) / "full", number, events)
        sources = {name: find([str(root)]).sources for name, root in
                   (("empty", empty), ("full", full))}  # fmt: skip
        dumped = [
            wire.dump(count(batch, MERGED, cache=False))
            for _, batch in batches(sources["full"][:64], 1)
        ]
        records = len(wire.load(dumped[0]).whole.records)

        def merged() -> None:
            whole = FleetTally()
            for data in dumped:
                whole.merge(wire.load(data))

        taken = rounds(
            {
                "finding": lambda: find([str(empty)]),
                "empty": lambda: count(sources["empty"], MERGED, cache=False),
                "full": lambda: count(sources["full"], MERGED, cache=False),
                "apart": lambda: count(sources["full"], FleetQuery(), cache=False),
                "merging": merged,
            },
            repeat,
        )
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    per_event = (middle["full"] - middle["empty"]) / number / events
    figures = {
        "an event": per_event,
        "a workspace, found": middle["finding"] / number,
        "a workspace, opened and read": middle["empty"] / number,
        "a record of a batch, merged": middle["merging"] / len(dumped) / records,
    }
    print("\nCosts of one worker\n\n| what | times an event | µs |\n| --- | ---: | ---: |")
    for name, seconds_each in figures.items():
        print(f"| {name} | {seconds_each / per_event:.1f} | {seconds_each * 1e6:.2f} |")
    size = len(dumped[0])
    print(f"\nA batch's result: {records} records, {size:,} bytes, {size / records:.0f} a record")


REQUESTS = {"names": "list", "read": "get", "copy": "get", "write": "put", "remove": "delete"}
"""What the operations of a folder are called in the table."""


@contextmanager
def counted(folder: str) -> Iterator[Counter[str]]:
    """Count what is asked of a folder of this machine or of S3, by kind, in this process."""
    made: Counter[str] = Counter()
    s3 = folder.startswith("s3://")
    owner: Any = type(filesystem(folder)[0]) if s3 else LocalStore
    names = ["_call_s3"] if s3 else [*REQUESTS]
    real = {name: getattr(owner, name) for name in names}

    def counting(name: str) -> Callable[..., Any]:
        def operation(self: object, *words: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
            kind = str(words[0]).partition("_")[0] if s3 else REQUESTS[name]
            made[kind] += len(words[0]) if name == "remove" else 1
            return real[name](self, *words, **more)

        return operation

    for name in names:
        setattr(owner, name, counting(name))
    try:
        yield made
    finally:
        for name in names:
            setattr(owner, name, real[name])


def collected(target: str, number: int, events: int) -> None:
    """Collected workspaces before and after they are put into packs, by one thread."""
    where = "in a bucket" if "://" in target else "on disk"
    print(f"\nCollected: {number:,} workspaces of {events} events, {where}\n")
    print("| what | seconds | requests | files afterwards |\n| --- | ---: | --- | ---: |")
    with tempfile.TemporaryDirectory() as directory:
        fleet = str(make_fleet(Path(directory), number, events))
        one: dict[str, Any] = {"executor": "threads", "workers": 1}
        collecting = partial(collect, [fleet], target, host="bench", **one)
        report = partial(fleet_report, [target], merge_records=True, cache=False, **one)
        cases: dict[str, Case] = {
            "collect, everything new": collecting,
            "report": report,
            "compact: into packs": partial(compact, target, now=time.time(), **one),
            "report, packs and pieces": report,
            "compact, after the grace": partial(compact, target, now=time.time() + 9000, **one),
            "report, packs": report,
            "collect, nothing new": collecting,
            "compact, nothing new": partial(compact, target, now=time.time() + 18000, **one),
        }
        for name, case in cases.items():
            with counted(target) as made:
                begin = time.perf_counter()
                case()
                seconds = time.perf_counter() - begin
            kinds = ", ".join(f"{kind} {times:,}" for kind, times in sorted(made.items()))
            files = len(open_store(target).names())
            print(f"| {name} | {seconds:.2f} | {kinds} | {files:,} |", flush=True)


@contextmanager
def bucket() -> Iterator[str]:
    """A bucket of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - only here

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    os.environ |= {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    filesystem("s3://bench")[0].mkdir("bench")
    yield "s3://bench/collected"
    server.stop()


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1000, help="in each workspace")
    parser.add_argument("--repeat", type=int, default=5, help="rounds of each case")
    parser.add_argument("--growth", type=int, default=10_000, help="up to so many workspaces")
    parser.add_argument("--collected", type=int, metavar="N", help="only N collected workspaces")
    parser.add_argument("--in-bucket", type=int, metavar="N", help="only N of them, in a bucket")
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors")
    if options.collected or options.in_bucket:
        if options.collected:
            with tempfile.TemporaryDirectory() as target:
                collected(target, options.collected, 10)
        if options.in_bucket:
            with bucket() as target:
                collected(target, options.in_bucket, 10)
        return
    print(f"{options.workspaces:,} workspaces of {options.events:,} events")
    costs(options.repeat)
    with tempfile.TemporaryDirectory() as directory:
        root = make_fleet(Path(directory), options.workspaces, options.events)
        workers(root, options.repeat)
        kinds(root, max(1, options.repeat // 2))
        dask(root, max(1, options.repeat // 2))
    growth([10**n for n in range(1, 8) if 10**n <= options.growth], options.events)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
