"""Hostile files: *huge-input*; *planted-path* for readers and helpers; *hostile-text* as a path.

*planted-path* for the writer is in tests/test_writer.py, *hostile-text* on screens, in sheets and
pages in tests/test_render.py and tests/test_cli.py.
"""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.processes import Child
from strategies import an_event

from ctxuse import InvalidSlugError, LogUnreadableError, MaintenanceError, UsageEvent, Workspace
from ctxuse.codec.encode import encode

LINE = encode(an_event()) + b"\n"
MIB = 1024 * 1024


def sparse(path: Path) -> None:
    """A line of 10 GB that takes no room on the disk, between two events."""
    with path.open("wb") as log:
        log.write(LINE)
        log.seek(10 * 1024 * MIB, os.SEEK_CUR)
        log.write(b"\n" + LINE)


def brackets(path: Path) -> None:
    nested = b"[" * 1_000_000
    unknown = LINE[:-2] + b',"later":' + b"[" * 500_000 + b"]" * 500_000 + b"}\n"
    objects = b'{"id":' * 170_000
    path.write_bytes(LINE + nested + b"\n" + unknown + objects + b"\n" + LINE)


def numbers(path: Path) -> None:
    long = b"9" * (10 * MIB)
    fits = b"9" * (MIB - 1000)
    path.write_bytes(
        LINE
        + LINE.replace(b"456", long)
        + LINE.replace(b"456", fits)
        + LINE.replace(b"456", b"1e" + fits)
        + LINE.replace(b'"slug"', b'"later":' + fits + b',"slug"')
        + LINE
    )


def newlines(path: Path) -> None:
    path.write_bytes(LINE + b"\n" * (2 * MIB) + LINE)


def pending(path: Path) -> None:
    path.write_bytes(LINE + LINE + b'{"id":"' + b"x" * (150 * MIB))


@pytest.mark.parametrize("make", [sparse, brackets, numbers, newlines, pending])
@pytest.mark.parametrize("look", ["report", "check", "repair"])
def test_huge_input_is_read_in_little_memory_and_later_events_count(
    workspace: Workspace, make: Callable[[Path], None], look: str
) -> None:
    workspace.layout.usage_dir.mkdir()
    make(workspace.layout.events_path)

    def work(tell: Callable[[str], None]) -> None:
        before = peak_memory()
        fresh = Workspace(workspace.layout.root)
        match look:
            case "report":
                tell(f"{fresh.report().evidence.events >= 2}")
            case "check":
                tell(f"{fresh.check().events >= 2}")
            case _:
                tell(f"{fresh.repair(dry_run=True).recovered == 0}")
        tell(str(peak_memory() - before))

    fine, grown = Child(work).lines()
    assert fine == "True"
    assert int(grown) < 100 * MIB


def peak_memory() -> int:
    """The most memory this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("what", ["directory", "link", "fifo", "hard link"])
def test_planted_path_is_refused_by_everything_that_reads_or_mends(
    workspace: Workspace, what: str
) -> None:
    victim = workspace.layout.root / "victim"
    victim.write_bytes(LINE + b"fragment" + LINE + b"\xff\n")
    workspace.layout.usage_dir.mkdir()
    path = workspace.layout.events_path
    match what:
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to(victim)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.hardlink_to(victim)
    content = victim.read_bytes()
    for look in (workspace.report, workspace.check, lambda: [*workspace.events()]):
        with pytest.raises(LogUnreadableError):
            look()
    with pytest.raises(LogUnreadableError):
        workspace.repair(overwrite_invalid_utf8=True)
    with pytest.raises(MaintenanceError):
        workspace.archive()
    assert victim.read_bytes() == content


def test_planted_path_among_the_archives_is_refused(workspace: Workspace) -> None:
    victim = workspace.layout.root / "victim"
    victim.write_bytes(LINE)
    workspace.append(an_event())
    (workspace.layout.usage_dir / "events.20261101T000000Z.jsonl").symlink_to(victim)
    with pytest.raises(LogUnreadableError, match="20261101T000000Z"):
        workspace.report()


@pytest.mark.parametrize("slug", ["../../etc/passwd", "a/b", "/etc/passwd", "a\x00b", "..", "a\n"])
def test_hostile_text_is_never_a_path(workspace: Workspace, slug: str) -> None:
    with pytest.raises(InvalidSlugError):
        workspace.layout.record_path("decision", slug)
    with pytest.raises(InvalidSlugError):
        workspace.snapshot("decision", slug)
    record = an_event().records[0]._replace(slug=slug)
    stored = workspace.append(an_event(records=(record,)))  # in the log it is just a text
    assert isinstance(stored, UsageEvent)
    assert [r.slug for r in workspace.report().records] == [slug]
