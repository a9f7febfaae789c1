"""The faults that can be run short, as a test, or long, by `make torture`.

Each returns the figures of our writers; what must hold is `Figures.assert_sound`. Nothing here
measures time or waits for a while and hopes: it waits for what it needs to have happened.
"""

import random
import signal
from pathlib import Path

from faults.processes import (
    Child,
    Figures,
    Told,
    event,
    figures,
    like_the_reference,
    log_of,
    ours,
    starting_gate,
)

from ctxuse import Workspace


def many_writers(root: Path, each: int, writers: int = 8) -> Figures:
    """Processes that append lines of 0.2 to 60 kB at once."""
    with starting_gate() as ready:
        children = [
            ours(root, f"writer-{n}", each, lambda i: (200, 2_000, 60_000)[i % 3], ready)
            for n in range(writers)
        ]
    return figures(root, [child.told() for child in children])


def beside_reference(root: Path, each: int, writers: int = 8, others: int = 2) -> Figures:
    """The same beside writers that put down a line and its newline in two steps, without a lock."""
    with starting_gate() as ready:
        children = [ours(root, f"writer-{n}", each, ready=ready) for n in range(writers)]
        beside = [
            like_the_reference(root, f"other-{n}", each * writers, ready) for n in range(others)
        ]
    told = [child.told() for child in children]
    for child in beside:
        child.lines()
    return figures(root, told)


def kill(root: Path, kills: int, seed: int = 1) -> Figures:
    """SIGKILL in a loop while appending; after each kill a new writer appends."""
    chance = random.Random(seed)  # noqa: S311 - when to kill is no secret
    told: list[Told] = []
    for number in range(kills):
        child = ours(root, f"killed-{number}", 1_000_000, lambda _: 6_000)
        child.wait_for(chance.randrange(1, 60))
        child.kill()
        told += [child.told(), ours(root, f"after-{number}", 1).told()]
        assert child.status == -signal.SIGKILL
        assert len(told[-1].acknowledged) == 1
    return figures(root, told)


def archive(root: Path, each: int, writers: int = 4) -> tuple[Figures, int]:
    """Archive again and again beside writers of ours and writers like the reference.

    Returns:
        The figures, and how many archives were made.
    """
    with starting_gate() as ready:
        children = [ours(root, f"writer-{n}", each, ready=ready) for n in range(writers)]
        beside = [like_the_reference(root, "other", each, ready)]

        def archiving(tell: "object") -> None:
            workspace = Workspace(root)
            workspace.append(event("first"))
            ready()
            while not (root / "stop").exists():
                name = workspace.archive()
                if name is not None and callable(tell):
                    tell(name)

        archiver = Child(archiving)
    told = [child.told() for child in children]
    for child in beside:
        child.lines()
    (root / "stop").touch()
    return figures(root, told), len(archiver.lines())


def reading_along(root: Path, each: int, writers: int = 3) -> tuple[Figures, int]:
    """Reports and checks, one after the other, while writers run: counts only grow.

    Returns:
        The figures, and how many reports were made meanwhile.
    """
    with starting_gate() as ready:
        children = [
            ours(root, f"writer-{n}", each, lambda i: (200, 20_000)[i % 2], ready)
            for n in range(writers)
        ]
    workspace = Workspace(root)
    counted = reports = 0
    while counted < each * writers:
        evidence = workspace.report().evidence
        assert evidence.events >= counted
        assert evidence.skipped_lines == 0 or not log_of(root).read_bytes().endswith(b"\n")
        counted = evidence.events
        reports += 1
        for child in children:
            child.take_in()
    return figures(root, [child.told() for child in children]), reports
