"""`make bench`: what reading, appending and starting cost, as ratios within one run.

Machines are noisy: every figure is the median of several rounds that take turns, and what counts is
its ratio to another figure of the same run. Writes tables to stdout, figures to a JSON file and,
where the growth over size is asked for, a plot.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from inputs import lines, make_log, make_sessions, make_transcripts
from rivals import Case, duckdb_case, json_loop, loop

from ctxuse import (
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageReport,
    UsageSource,
    Workspace,
)
from ctxuse.cache import Cache
from ctxuse.codec.encode import encode
from ctxuse.counting.detail import DetailTally
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.places import Places
from ctxuse.hosts.reading import read_one
from ctxuse.importing import import_transcripts
from ctxuse.layout import WorkspaceLayout
from ctxuse.log.handle import Handle
from ctxuse.log.writer import LogWriter
from ctxuse.overview import overview
from ctxuse.projects import all_sessions
from ctxuse.query import EVERYTHING
from ctxuse.reports.making import make_report

CACHED = ("ours, cached, 1,000 new", "ours, those 1,000 alone")

Figures = dict[str, list[float]]
"""The seconds (or other figures) of each case, one for each round."""


def rounds(cases: dict[str, Case], number: int) -> Figures:
    """Run the cases in turns and return the seconds of each."""
    taken: Figures = {name: [] for name in cases}
    for _ in range(number):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            taken[name].append(time.perf_counter() - begin)
    return taken


EARLIER = Tuning(second_process=4 * 2**20)
"""Reads by several processes from a smaller size on."""


def cold(workspace: Workspace, processes: int, tuning: Tuning = EARLIER) -> UsageReport:
    """Read a log in full and return the report."""
    return make_report(workspace.layout, EVERYTHING, Reading(processes=processes, tuning=tuning))


def reading(number: int, repeat: int, *, different: bool) -> Figures:
    """Time the reports on a log of `number` events."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "whole"
        path = make_log(root, number, different=different)
        workspace = Workspace(root)
        cases: dict[str, Case] = {
            "straightforward loop": lambda: loop(path),
            "json.loads per line": lambda: json_loop(path),
            "ours, cold, 1 process": lambda: cold(workspace, 1),
            "ours, cold, 2 processes": lambda: cold(workspace, 2),
            "wc -l": lambda: subprocess.run(["wc", "-l", path], check=True, capture_output=True),
        }
        duck = duckdb_case(path)
        if duck is not None:
            cases["DuckDB read_json"] = duck
        taken = rounds(cases, repeat)
        if not different:
            taken |= cached(Path(directory), workspace, path, repeat)
        return taken


def fuller(number: int, repeat: int) -> Figures:
    """Time the fuller figures of a log of `number` events."""
    with tempfile.TemporaryDirectory() as directory:
        workspace = Workspace(directory)
        make_log(Path(directory), number)

        def one_by_one() -> None:
            tally = DetailTally()
            for found in workspace.events():
                if isinstance(found, UsageEvent):
                    tally.add(found)

        return rounds(
            {
                COLD: lambda: workspace.report(cache=False, processes=1),
                "fuller": lambda: workspace.full_report(cache=False, processes=1),
                "fuller, event by event": one_by_one,
            },
            repeat,
        )


COLD = "ours, cold, 1 process"
ZONE = "Europe/Berlin"


def cached(directory: Path, workspace: Workspace, path: Path, repeat: int) -> Figures:
    """Time a report with a thousand new events against one on those thousand alone.

    The full read that one report in a hundred makes is left out.
    """
    fresh = b"".join(line + b"\n" for line in lines(1000, seed=2))
    alone = Workspace(directory / "alone")
    alone.layout.events_path.parent.mkdir(parents=True, exist_ok=True)
    alone.layout.events_path.write_bytes(fresh)
    sampled = Reading(Cache(str(directory / "cache")), tuning=Tuning(full_read_every=2**62))
    make_report(workspace.layout, EVERYTHING, sampled)
    size = path.stat().st_size
    with path.open("ab") as log:
        log.write(fresh)
    taken = rounds(
        {
            CACHED[0]: lambda: make_report(workspace.layout, EVERYTHING, sampled),
            CACHED[1]: lambda: alone.report(cache=False),
        },
        max(5 * repeat, 25),
    )
    os.truncate(path, size)
    return taken


@contextmanager
def changed(home: object, name: str, value: object) -> Iterator[None]:
    """Set an attribute for a while."""
    before = getattr(home, name)
    setattr(home, name, value)
    try:
        yield
    finally:
        setattr(home, name, before)


def appending(number: int, repeat: int) -> Figures:
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

        def all_of_it() -> None:
            for event in made:
                ours.append(event)

        def without_encoding() -> None:
            for line in encoded:
                writer.append(line)

        def without_lock() -> None:
            with changed(Handle, "_take_lock", lambda *_: None):
                all_of_it()

        def without_reading_back() -> None:
            with changed(LogWriter, "_stands", lambda *_: True):
                all_of_it()

        return rounds(
            {
                "json.dumps, open, write, close": unprotected,
                "ours": all_of_it,
                "ours, without the side lock": without_lock,
                "ours, without reading back": without_reading_back,
                "ours, without checks and encoding": without_encoding,
                "ours, fsync (a tenth)": lambda: [synced.append(e) for e in made[: number // 10]],
            },
            repeat,
        )


def transcripts(size: int, repeat: int) -> Figures:
    """Time imports of transcripts of `size` bytes, and what is seen of a project without one."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "app"
        (root / ".git").mkdir(parents=True)
        paths = make_transcripts(Path(directory) / ".claude/projects/app", root, size)
        files = [str(path) for path in paths]
        environ = {"HOME": directory}
        places = Places(WorkspaceLayout(root), environ)

        def each_line() -> None:
            for path in paths:
                with path.open("rb") as file:
                    for line in file:
                        json.loads(line)

        def imported(*, processes: int = 1, cache: bool = False) -> None:
            import_transcripts(
                Workspace(root), HOST, files, processes=processes, cache=cache, environ=environ
            )

        def anew(*, processes: int) -> None:
            shutil.rmtree(root / ".yoi", ignore_errors=True)
            Workspace(root).init()
            imported(processes=processes)

        def read() -> None:
            past = PastPlaces(places.layout, environ)
            for path in files:
                read_one(HOST, path, past).close()

        def seen(*, fresh: bool) -> None:
            if fresh:
                shutil.rmtree(Path(directory) / ".cache", ignore_errors=True)
            overview(places.layout, all_sessions(places, []), environ=environ)

        anew(processes=1)
        imported(cache=True)
        again = rounds({AGAIN: partial(imported, cache=True)}, repeat)
        shutil.rmtree(root / ".yoi")
        seen(fresh=True)
        known = rounds({"a project, seen again": partial(seen, fresh=False)}, repeat)
        return (
            again
            | known
            | rounds(
                {
                    EACH_LINE: each_line,
                    "reading, 1 process": read,
                    "a project, first seen": partial(seen, fresh=True),
                    "import, 1 process": partial(anew, processes=1),
                    "import, 2 processes": partial(anew, processes=2),
                },
                repeat,
            )
        )


HOST = "claude-code"
EACH_LINE = "json.loads per line"
AGAIN = "import again, nothing new"


def starting(repeat: int) -> Figures:
    """Time processes from their start to their end."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make_log(root, 100)
        (root / ".yoi/memory/decisions").mkdir()
        (root / ".yoi/memory/decisions/alpha.md").write_text("text")
        read = {"file_path": str(root / ".yoi/memory/decisions/alpha.md")}
        payload = {
            "session_id": "s", "cwd": directory, "hook_event_name": "PostToolUse",
            "tool_name": "Read", "tool_input": read,
        }  # fmt: skip
        other = {**payload, "tool_input": {"file_path": str(root / "README.md")}}
        call_ids = iter(range(10**9))

        def hook(content: Mapping[str, object]) -> Case:
            def call() -> object:
                stdin = json.dumps({**content, "tool_use_id": str(next(call_ids))}).encode()
                return start("-m", "ctxuse.hook", "claude-code", stdin=stdin)()

            return call

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
                BARE: start("-c", "pass"),
                "a hook, a record was read": hook(payload),
                "a hook, another file was read": hook(other),
                "report --format json": start(*report, "--format", "json"),
                "report (table)": start(*report),
            },
            repeat,
        )


REPORT_CACHED = "ctxuse report, from what is remembered"


def costs(number: int, repeat: int) -> Figures:
    """Time `ctxuse cost` beside `ctxuse report`, both from what is remembered, and it anew."""
    with tempfile.TemporaryDirectory() as home:
        usage = Path(home) / "work/.yoi/memory/_usage"
        usage.mkdir(parents=True, mode=0o700)
        make_sessions(usage / "events.jsonl", number)

        def run(*words: str) -> Case:
            command = [sys.executable, "-m", "ctxuse", *words, "-w", f"{home}/work"]
            env = {"HOME": home, "PATH": os.environ.get("PATH", "")}
            return lambda: subprocess.run(command, check=True, capture_output=True, env=env)

        cases = {
            REPORT_CACHED: run("report"),
            "ctxuse cost, from what is remembered": run("cost"),
        }
        for case in cases.values():
            case()
        taken = rounds(cases, max(repeat, 9))
        return taken | rounds({"ctxuse cost, anew": run("cost", "--no-cache")}, 1)


MONTH = ("--since", "2026-07-01", "--until", "2026-08-01")
PARTS = {
    "a month of 116 days": MONTH,
    "a week": ("--since", "2026-07-06", "--until", "2026-07-13"),
    "since a moment": ("--since", "2026-08-03T15:20:00Z"),
    "an actor's uses": ("--actor", "agent"),
    "an actor's uses, a month": ("--actor", "agent", *MONTH),
    "a month in another zone": ("--tz", ZONE, *MONTH),
}
FORMS = {"the table": (), "all figures": ("--wide", "--format", "json-full")}


def parts(number: int, repeat: int) -> dict[str, Figures]:
    """Time `ctxuse report` of parts beside the report of everything, from what is remembered.

    With each the same anew: everything is read, by as many processes as there are.
    """
    with tempfile.TemporaryDirectory() as home:
        make_log(Path(home) / "work", number)

        def run(*words: str) -> Case:
            command = [sys.executable, "-m", "ctxuse", "report", *words, "-w", f"{home}/work"]
            env = {"HOME": home, "PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
            return lambda: subprocess.run(command, check=True, capture_output=True, env=env)

        found: dict[str, Figures] = {}
        for form, words in FORMS.items():
            cases = {REPORT_CACHED: run(*words)}
            cases |= {name: run(*words, *part) for name, part in PARTS.items()}
            for case in cases.values():
                case()
            anew = {f"{name}, anew": run(*words, "--no-cache", *PARTS[name]) for name in PARTS}
            taken = rounds(cases, max(repeat, 9))
            taken |= rounds({"everything, anew": run(*words, "--no-cache"), **anew}, 1)
            found[form] = taken
        return found


HOOK = Path(sys.executable).with_name("ctxuse-hook")
BARE = "python -c pass"
SETTLED = 2.5
"""Seconds after which what is remembered of a file lasts."""


def hooks(repeat: int) -> Figures:
    """Time hooks of shell commands in workspaces with few and with many records."""
    call_ids = iter(range(10**9))
    with tempfile.TemporaryDirectory() as home:

        def hook(root: Path, tool: str, given: Mapping[str, str], response: object) -> Case:
            def call() -> object:
                payload = {
                    "session_id": "s", "cwd": str(root), "hook_event_name": "PostToolUse",
                    "tool_name": tool, "tool_input": given, "tool_response": response,
                    "tool_use_id": str(next(call_ids)),
                }  # fmt: skip
                return run([str(HOOK), HOST], json.dumps(payload).encode())

            return call

        def run(words: list[str], stdin: bytes = b"") -> object:
            env = {"HOME": home, "PATH": os.environ.get("PATH", "")}
            return subprocess.run(words, check=True, capture_output=True, input=stdin, env=env)

        cases: dict[str, Case] = {BARE: lambda: run([sys.executable, "-c", "pass"])}
        for number in (30, 500):
            root = Path(home) / f"{number}"
            decisions = root / ".yoi/memory/decisions"
            decisions.mkdir(parents=True)
            texts = [
                "".join(f"line {line} of decision {record} with words\n" for line in range(40))
                for record in range(number)
            ]
            for record, text in enumerate(texts):
                (decisions / f"d{record}.md").write_text(text)
            make = {"command": "make"}
            far = {"stdout": "total 8\nOn branch main\n" * 20, "stderr": ""}
            near = {"stdout": texts[1], "stderr": ""}
            read, shown = {"file_path": f"{root}/x.py"}, {"command": f"cat {decisions}/d1.md"}
            among = f"{number} records"
            cases[f"{among}: a read of none"] = hook(root, "Read", read, None)
            cases[f"{among}: a command, nothing near"] = hook(root, "Bash", make, far)
            cases[f"{among}: a command shows one"] = hook(root, "Bash", shown, near)
        time.sleep(SETTLED)
        for case in cases.values():
            case()
        return rounds(cases, repeat)


FIRST, WITH_CHARTS = "serve: the first page", "serve: the first page, and again with its charts"


def live_page(number: int, repeat: int) -> Figures:
    """Time the live page of a log with a checkpoint, and the page as a file.

    From the start of the process to the last byte, but for a page that was given before.
    """
    import urllib.request  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory() as home:
        root = Path(home) / "work"
        make_log(root, number)
        env = {"HOME": home, "PATH": os.environ.get("PATH", "")}
        program = [sys.executable, "-m", "ctxuse"]
        without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        ends: list[float] = []
        again: list[float] = []

        def serve(pages: int) -> Case:
            def case() -> None:
                words = [*program, "serve", "--port", "0", "-w", str(root)]
                with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.DEVNULL) as process:  # fmt: skip
                    if process.stdout is None:
                        return
                    address = process.stdout.readline().strip()
                    for _ in range(pages):
                        without_proxy.open(address).read()
                    ends.append(time.perf_counter())
                    if pages > 1:
                        without_proxy.open(address).read()
                        again.append(time.perf_counter() - ends[-1])
                    process.kill()

            return case

        def run(*words: str) -> Case:
            return lambda: subprocess.run(words, check=True, capture_output=True, env=env)

        cases: dict[str, Case] = {
            BARE: run(sys.executable, "-c", "pass"),
            FIRST: serve(1),
            WITH_CHARTS: serve(2),
            "report --format html": run(*program, "report", "--format", "html", "-w", str(root)),
        }
        for case in cases.values():
            case()
        again.clear()
        taken: Figures = {name: [] for name in cases}
        for _ in range(repeat):
            for name, case in cases.items():
                begin = time.perf_counter()
                ends.clear()
                case()
                taken[name].append([*ends, time.perf_counter()][0] - begin)
        return taken | {"serve: a page given before": again}


MEMORY = """
import re, sys
if len(sys.argv) > 1:
    from ctxuse import Workspace
    Workspace(sys.argv[1]).report(cache=False, processes=1)
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""


def memory(number: int) -> Figures:
    """How many MiB a cold report of a thousand records takes above the bare interpreter's.

    Nothing where the system does not tell (a process's own maximum, not that of its parent).
    """
    if sys.platform != "linux":
        return {}

    def most(*words: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, *words], check=True, capture_output=True
        )
        return int(done.stdout) / 2**10

    bare = most()
    found: Figures = {}
    for different in (False, True):
        for size in (number // 10, number):
            with tempfile.TemporaryDirectory() as directory:
                make_log(Path(directory), size, different=different, records=1000)
                name = f"{size:,} {'different' if different else 'usual'} lines"
                found[name] = [most(directory) - bare]
    return found


def from_which_size(repeat: int) -> dict[str, Figures]:
    """Time one process against two on logs of growing size."""
    found: dict[str, Figures] = {}
    tuning = Tuning(second_process=2, ahead=2 * 2**20)
    for number in (12_500, 25_000, 50_000, 100_000, 200_000, 400_000):
        with tempfile.TemporaryDirectory() as directory:
            path = make_log(Path(directory), number)
            workspace = Workspace(directory)
            found[f"{path.stat().st_size / 2**20:.0f} MiB"] = rounds(
                {
                    "one": partial(cold, workspace, 1, tuning),
                    "two": partial(cold, workspace, 2, tuning),
                },
                repeat,
            )
    return found


def growth(sizes: list[int], repeat: int, plot: Path) -> dict[str, Figures]:
    """Time reports over logs of growing size, and plot them."""
    import matplotlib.pyplot as plt  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - only here

    found: dict[str, Figures] = {}
    for number in sizes:
        with tempfile.TemporaryDirectory() as directory:
            path = make_log(Path(directory) / "whole", number)
            workspace = Workspace(Path(directory) / "whole")
            taken = rounds(
                {
                    "straightforward loop": partial(loop, path),
                    "ours, cold": partial(workspace.report, cache=False),
                },
                repeat,
            )
            found[str(number)] = taken | cached(Path(directory), workspace, path, repeat)
            show_reading(f"{number:,} events", found[str(number)])
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name in next(iter(found.values())):
        axes.plot(sizes, [statistics.median(found[str(n)][name]) for n in sizes], "o-", label=name)
    axes.set(xscale="log", yscale="log", xlabel="events in the log", ylabel="seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    figure.savefig(plot, metadata={"Date": None})
    return found


def show_reading(title: str, taken: Figures) -> None:
    """Print the cold cases against the loop, and the cached one against the new events alone."""
    others = {name: seconds for name, seconds in taken.items() if not name.startswith(CACHED)}
    show(title, others, "straightforward loop")
    warm = {name: taken[name] for name in CACHED if name in taken}
    if warm:
        show(f"{title}, with a checkpoint", warm, CACHED[1])


def show(title: str, taken: Figures, base: str) -> None:
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
    parser.add_argument(
        "--growth", type=int, default=0, metavar="N",
        help="instead, plot the growth from 10,000 to N events",
    )  # fmt: skip
    parser.add_argument("--hooks", action="store_true", help="instead, only hooks of commands")
    parser.add_argument("--starting", action="store_true", help="instead, only what starts")
    parser.add_argument("--page", action="store_true", help="instead, only the live page")
    parser.add_argument("--plot", type=Path, default=Path("docs/growth.svg"))
    parser.add_argument("--json", type=Path, default=Path("bench/figures.json"))
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors")
    events: int = options.events
    figures: dict[str, Figures] = {}
    if options.growth:
        sizes = [10**n for n in range(4, 12) if 10**n <= options.growth]
        figures = growth(sizes, options.repeat, options.plot)
    elif options.hooks or options.starting or options.page:
        if options.starting:
            figures["starting"] = show_starting(options.repeat)
        if options.hooks:
            figures["hooks"] = show_hooks(options.repeat)
        if options.page:
            figures["page"] = show_page(events, options.repeat)
    else:
        figures = everything(events, options.repeat)
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    shutil.rmtree("bench/__pycache__", ignore_errors=True)


def everything(events: int, repeat: int) -> dict[str, Figures]:
    """Run all but the growth."""
    figures: dict[str, Figures] = {}
    for title, number, different in (
        (f"{events:,} events", events, False),
        (f"{events // 4:,} different", events // 4, True),
    ):
        figures[title] = reading(number, repeat, different=different)
        show_reading(f"Reading a log of {title}", figures[title])
    title = f"Fuller figures of a log of {events // 4:,} events"
    figures[title] = fuller(events // 4, repeat)
    show(title, figures[title], COLD)
    figures["memory"] = memory(events // 2)
    print("\nMemory of a cold report on a thousand records, in one process\n")
    print("| log | MiB above the interpreter's |\n| --- | ---: |")
    for name, (figure,) in figures["memory"].items():
        print(f"| {name} | {figure:.0f} |")
    print("\nTwo processes, in times of one\n")
    print("| log | times | spread |\n| --- | ---: | ---: |")
    for size, taken in from_which_size(max(repeat, 7)).items():
        figures[f"processes, {size}"] = taken
        ratios = [two / one for one, two in zip(taken["one"], taken["two"], strict=True)]
        middle = statistics.median(ratios)
        print(f"| {size} | {middle:.2f} | {min(ratios):.2f} to {max(ratios):.2f} |", flush=True)
    figures["appending"] = appending(2_000, max(repeat, 9))
    show("Appending 2,000 events", figures["appending"], "json.dumps, open, write, close")
    figures["transcripts"] = transcripts(64_000_000, repeat)
    show("Transcripts, 64 MB", figures["transcripts"], EACH_LINE)
    figures["costs"] = costs(events, repeat)
    show(f"Costs of {events:,} events", figures["costs"], REPORT_CACHED)
    for form, taken in parts(events, repeat).items():
        figures[f"parts, {form}"] = taken
        show(f"Parts of a log of {events:,} events: {form}", taken, REPORT_CACHED)
    figures["starting"] = show_starting(max(repeat, 15))
    figures["hooks"] = show_hooks(max(repeat, 15))
    figures["page"] = show_page(events, max(repeat, 7))
    return figures


def show_starting(repeat: int) -> Figures:
    """Time processes from their start to their end and print that."""
    taken = starting(repeat)
    show("Starting", taken, BARE)
    return taken


def show_page(number: int, repeat: int) -> Figures:
    """Time the live page and print that."""
    taken = live_page(number, repeat)
    show(f"The live page of {number:,} events", taken, BARE)
    return taken


def show_hooks(repeat: int) -> Figures:
    """Time hooks of shell commands and print that."""
    taken = hooks(repeat)
    show("Hooks of shell commands", taken, BARE)
    return taken


if __name__ == "__main__":
    main()
