"""Faults of whole commands, as real processes: stopped, with failing calls, hostile input."""

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from commands import SCRIPTS
from faults.processes import Figures, Told, event, figures, log_of
from faults.scenarios import payloads
from hostile import Hostile
from starting import until
from web import FEW_DESCRIPTORS, ask, silent_connections, start

from ctxuse import UsageEvent, Workspace
from ctxuse.codec.encode import encode

PATIENCE = 60
"""Seconds in which everything ends that is not unbounded."""

MOST_LINES = 1_000_000
"""Lines that a process tells at most, so that one which does not stop is noticed."""

DISTURBED = (signal.SIGKILL, signal.SIGINT)


class Workshop:
    """A workspace with records, a log with glued lines, and another log to import.

    Attributes:
        cwd: The directory in which the commands are run; the current one at first.
        told: What was begun and acknowledged.
        stuck: How often the lock was held, or an append failed, afterwards.
        unbounded: How often a process did not end.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "here"
        self.other = root / "other"
        self.home = root / "home"
        for directory in (self.root, self.other, self.home):
            directory.mkdir()
        decision = self.root / ".yoi" / "memory" / "decisions" / "alpha.md"
        decision.parent.mkdir(parents=True)
        decision.write_text("one\n", encoding="utf-8")
        self.cwd: Path | None = None
        self.told: list[Told] = []
        self.stuck = self.unbounded = 0
        for _ in range(200):
            self._append(self.root)
        glued = [event("glued") for _ in range(20)]
        with log_of(self.root).open("ab") as log:
            for first, second in zip(glued[::2], glued[1::2], strict=True):
                log.write(encode(first) + encode(second) + b"\n")
        self.told.append(Told([one.id for one in glued], []))
        self.imported = [self._append(self.other) for _ in range(200)]
        self.told.append(Told([one.id for one in self.imported], []))

    def commands(self) -> dict[str, list[str]]:
        """The nine commands that come near a log."""
        words = {
            "record": ["use", "decision/alpha", "--segment", "s"],
            "report": ["--all"],
            "show": ["decision/alpha"],
            "check": [],
            "repair": [],
            "archive": [],
            "import": ["log", str(self.other)],
            "doctor": [],
            "init": [],
        }
        return {
            name: [str(SCRIPTS / "ctxuse"), name, *rest, "--workspace", str(self.root)]
            for name, rest in words.items()
        }

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the commands."""
        return {**os.environ, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home)}

    def run(self, name: str, words: list[str], *, stopped_by: int = 0, after: float = 0) -> None:
        """Run a command, stop it when asked to, and look at what it leaves.

        Args:
            name: The command.
            words: What is run.
            stopped_by: A signal; 0 for none.
            after: Seconds after which it is sent.
        """
        with (
            hearing_interrupts(),
            subprocess.Popen(
                words,
                env=self.environ,
                cwd=self.cwd,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process,
        ):
            if stopped_by:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(after)
                process.send_signal(stopped_by)
            try:
                out, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.unbounded += 1
                process.kill()
                out, _ = process.communicate()
        if name == "record":
            with suppress(ValueError, KeyError):
                recorded = [json.loads(out)["id"]]
                self.told.append(Told(recorded, recorded))
        if name == "import" and process.returncode == 0:
            self.told.append(Told([], [one.id for one in self.imported]))
        self.look()

    def look(self) -> None:
        """See whether the lock is free and an append works."""
        with (log_of(self.root).parent / "events.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.stuck += 1
        try:
            self._append(self.root)
        except OSError:
            self.stuck += 1

    def figures(self) -> Figures:
        """What became of all events."""
        found = figures(self.root, self.told)
        return found._replace(stuck=self.stuck, unbounded=self.unbounded)

    def _append(self, root: Path) -> UsageEvent:
        fresh = event("appended")
        with Workspace(root) as workspace:
            workspace.append(fresh)
        if root == self.root:
            self.told.append(Told([fresh.id], [fresh.id]))
        return fresh


def stopped_commands(root: Path, times: int, by: int, seed: int = 1) -> Figures:
    """Each of the nine commands, stopped at some moment by a signal, again and again."""
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    workshop = Workshop(root)
    commands = [*workshop.commands().items()]
    for number in range(times):
        name, words = commands[number % len(commands)]
        workshop.run(name, words, stopped_by=by, after=chance.uniform(0.01, 0.4))
    for name, words in commands:  # and all of them work
        workshop.run(name, words)
    return workshop.figures()


CALLS = ("openat", "write", "flock", "pread64", "fsync", "fdatasync", "rename,renameat,renameat2")


def failing_commands(root: Path, errors: tuple[str, ...], whens: tuple[str, ...]) -> Figures:
    """Each of the nine commands while the calls that reach the log's files fail, by strace."""
    workshop = Workshop(root)
    usage = log_of(workshop.root).parent
    paths = [usage, usage / "events.jsonl", usage / "events.lock"]
    watched = [word for path in paths for word in ("-P", str(path))]
    for name, words in workshop.commands().items():
        for calls in CALLS:
            for error in errors:
                for when in whens:
                    inject = f"inject={calls}:error={error}:when={when}"
                    tracing = ["strace", "-f", "-qq", "-o", os.devnull, *watched]
                    tracing += ["-e", f"trace={calls}", "-e", inject]
                    workshop.run(name, [*tracing, *words])
    for name, words in workshop.commands().items():
        workshop.run(name, words)
    return workshop.figures()


def hostile_payloads(project: Path) -> Iterator[bytes]:
    """Payloads that were made to take long."""

    def payload(event_name: str, **fields: object) -> bytes:
        whole = {"session_id": "s", "cwd": str(project), "hook_event_name": event_name, **fields}
        return json.dumps(whole).encode()

    for unit in (
        "env ", "(x)", "((", "$(", '"$(', "`", '\\"', "<<a\n", "cat a;", "x(){", "{a,", "a=( ",
        "! ", "cat a>b;", "bash -c 'x' ",
    ):  # fmt: skip
        command = unit * (64_000 // len(unit))
        yield payload("PostToolUse", tool_name="Bash", tool_input={"command": command})
    yield payload("PostToolUse", tool_name="Read", tool_input={"file_path": "/a" * 2_000})
    for name in ("SessionStart", "PostToolUse"):
        yield payload(name, cwd="/a" * 2_000)
        yield payload(name, cwd=str(project) + "/a" * 1_900)
    yield payload("SessionStart")
    yield b"[" * 1_000_000
    yield b'{"a":' * 1_000_000
    yield b'{"session_id": "' + b'\\"' * 1_000_000
    yield b"\xff" * 10_000_000


def hostile_hooks(root: Path, skills: int) -> Figures:
    """Hooks with input that was made to take long: each ends in silence, and the next works."""
    project = root / "project"
    heads = ("[" + "a, " * 20_000 + "]", "{" + "a: b, " * 10_000 + "}", "[" * 60_000)
    for number in range(skills):
        skill = project / ".claude" / "skills" / f"s{number}" / "SKILL.md"
        skill.parent.mkdir(parents=True)
        skill.write_text(f"---\nx: {heads[number % len(heads)]}\n---\nbody\n", encoding="utf-8")
    project.mkdir(exist_ok=True)
    hostile = [*hostile_payloads(project)]
    good = payloads(project, len(hostile))
    stuck = unbounded = 0
    told: list[Told] = []
    environ = {**os.environ, "HOME": str(root), "CLAUDE_PROJECT_DIR": ""}

    def fire(data: bytes) -> None:
        nonlocal stuck, unbounded
        try:
            done = subprocess.run(
                [sys.executable, "-m", "ctxuse.hook", "claude-code"],
                input=data, capture_output=True, check=False, timeout=PATIENCE, env=environ,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            unbounded += 1
        else:
            stuck += (done.returncode, done.stdout, done.stderr) != (0, b"", b"")

    for data, (event_id, payload) in zip(hostile, good, strict=True):
        fire(data)
        fire(payload)
        told.append(Told([event_id], [event_id]))
    return figures(project, told)._replace(stuck=stuck, unbounded=unbounded)


def hostile_directory(root: Path) -> Figures:
    """The nine commands where a module of every name that they import lies beside them."""
    workshop = Workshop(root)
    hostile = Hostile(root / "anybody")
    workshop.cwd = hostile.root
    for name, words in workshop.commands().items():
        workshop.run(name, words)
        assert hostile.ran() == [], name
    return workshop.figures()


def silent_server(root: Path, requests: int, connections: int) -> Figures:
    """A live page of 256 descriptors beside silent connections, asked after each append.

    Counted is what its last answer counts; stuck are the requests that it did not answer.
    """
    workspace = Workspace(root)
    served = start(root, root, "--port", "0", program=FEW_DESCRIPTORS)
    told = Told([], [])
    counted = stuck = 0

    def asked() -> bool:
        """Ask for the report, and tell whether it has all that was acknowledged."""
        nonlocal counted, stuck
        try:
            counted = json.loads(ask(served, "api/report").body)["evidence"]["events"]
        except (OSError, ValueError, KeyError):
            stuck += 1
        return counted == len(told.acknowledged)

    try:
        with silent_connections(served, connections):
            for _ in range(requests):
                fresh = event("shown")
                told.attempted.append(fresh.id)
                workspace.append(fresh)
                told.acknowledged.append(fresh.id)
                asked()
            until(asked)  # the page looks at its log twice a second
    finally:
        served.process.kill()
        served.process.communicate()
    return figures(root, [told])._replace(counted=counted, stuck=stuck)


@contextmanager
def hearing_interrupts() -> Iterator[None]:
    """Have what is started in a block hear Ctrl-C, also in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


APPENDING = """
import sys
from ctxuse import Workspace
from faults.processes import event

def tell(line):
    sys.stdout.write(line + "\\n")  # whole or not at all
    sys.stdout.flush()

workspace = Workspace(sys.argv[1])
for number in range(int(sys.argv[2])):
    try:
        while True:
            fresh = event("interrupted")
            tell(f"try {fresh.id}")
            workspace.append(fresh)
            tell(f"ok {fresh.id}")
    except KeyboardInterrupt:
        tell("caught")
"""


def interrupts(root: Path, times: int) -> Figures:
    """Ctrl-C again and again in one process that goes on appending."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    lines: list[str] = []
    with (
        hearing_interrupts(),
        subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(root), str(times)],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stdout is not None
        for number in range(times):
            lines += [child.stdout.readline() for _ in range(3 + number % 7)]
            time.sleep(number % 5 / 10_000)
            child.send_signal(signal.SIGINT)
            most = len(lines) + MOST_LINES
            while (line := child.stdout.readline()) not in {"caught\n", ""}:
                lines.append(line)
                if len(lines) > most:  # the interrupt got lost
                    child.kill()
    told = Told(
        [line.split()[1] for line in lines if line.startswith("try ")],
        [line.split()[1] for line in lines if line.startswith("ok ")],
    )
    with (log_of(root).parent / "events.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return figures(root, [told])._replace(stuck=int(child.returncode != 0))
