"""What is remembered is believed only from where nobody else writes, and only if it can be true."""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fleets import make_fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from loglines import UNUSUAL, usual
from strategies import an_event, events
from test_count import BERLIN

from ctxuse import UsageEvent, UsageReport, Workspace
from ctxuse.cache import Cache, cache_of
from ctxuse.codec.encode import encode
from ctxuse.counting.checkpoint import count_logs
from ctxuse.counting.count import tally_of
from ctxuse.counting.kinds import BASIC, DETAIL, LogTally, TallyKind, dump
from ctxuse.counting.proving import check_cache
from ctxuse.counting.sound import is_sound
from ctxuse.counting.tuning import Reading, Tuning
from ctxuse.fleet.reporting import fleet_report
from ctxuse.log.names import remove_old_checkpoints
from ctxuse.log.reader import OpenLog
from ctxuse.query import EVERYTHING
from ctxuse.render.forms import shown
from ctxuse.reports.making import make_full_report, make_report

SMALL = Tuning(checkpoint=1)
"""Makes small logs be worth a checkpoint."""

UNSAMPLED = SMALL._replace(hashed=0, edge=300, samples=0, full_read_every=2**62)
"""As in a large log, most bytes are in no hash."""


def cached(tuning: Tuning = SMALL) -> Reading:
    """Reads as users do."""
    return Reading(cache_of(os.environ), tuning=tuning)


def report(workspace: Workspace, reading: Reading | None = None) -> UsageReport:
    """A report."""
    return make_report(workspace.layout, EVERYTHING, reading or cached())


def cold(workspace: Workspace) -> UsageReport:
    """The report of a full read."""
    return report(workspace, Reading())


def files() -> list[Path]:
    """The files of the cache."""
    found = cache_of(os.environ)
    assert found is not None
    return [path for path in Path(found.path).rglob("*") if path.is_file()]


def forge(path: Path, kind: TallyKind, change: Callable[[list[object]], object]) -> None:
    """Change the tally in a checkpoint, and have its checksum agree."""
    payload = path.read_bytes()[len(kind.version) + 32 :]
    cut = 60 + int(payload[:60].split()[1])
    tally = json.loads(payload[cut:])
    change(tally)
    payload = payload[:cut] + json.dumps(tally).encode()
    path.write_bytes(kind.version + sha256(payload).digest() + payload)


def one_more(tally: list[object]) -> None:
    """A lie that keeps every sum."""
    tally[1]["events"] += 1000  # type: ignore[index] # the counts of all


def test_it_is_kept_in_the_users_own_directory_that_nobody_else_enters(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "": Path(os.environ["HOME"], ".cache/ctxuse"),
        "XDG_CACHE_HOME": tmp_path / "theirs/ctxuse",
        "CTXUSE_CACHE_DIR": tmp_path / "chosen/here",
    }.items():
        if name:
            where = value.parent if name.startswith("XDG") else value
            monkeypatch.setenv(name, str(where))
        workspace = copy_of("reference")
        before = {path.name for path in workspace.layout.usage_dir.iterdir()}
        report(workspace)
        (kept,) = files()
        assert kept.is_relative_to(value)
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(value.stat().st_mode) == 0o700
        assert {path.name for path in workspace.layout.usage_dir.iterdir()} == before
        shutil.rmtree(workspace.layout.root)


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "CTXUSE_CACHE_DIR"])
def test_a_relative_place_is_ignored(
    copy_of: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path
) -> None:
    """It would lie in whatever repository one stands in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, "here")
    report(copy_of("reference"))
    assert not (tmp_path / "here").exists()
    assert all(path.is_relative_to(os.environ["HOME"]) for path in files())


def test_a_workspace_is_known_by_any_of_its_paths_and_by_no_other(
    copy_of: Callable[[str], Workspace], tmp_path: Path
) -> None:
    workspace = copy_of("reference")
    report(workspace)
    (tmp_path / "link").symlink_to(workspace.layout.root)
    assert report(Workspace(tmp_path / "link")) == cold(workspace)
    assert len(files()) == 1
    shutil.copytree(workspace.layout.root, tmp_path / "copy")
    assert report(Workspace(tmp_path / "copy")) == cold(workspace)
    assert len(files()) == 2


def ways_to_write() -> Iterator[Callable[[Path], None]]:
    """How somebody else could have come to write a checkpoint."""

    def others_may_write(path: Path) -> None:
        path.chmod(0o666)

    def the_group_may_write_the_shard(path: Path) -> None:
        path.parent.chmod(0o770)

    def others_may_write_the_directory(path: Path) -> None:
        path.parent.parent.chmod(0o777)

    def the_file_is_a_link(path: Path) -> None:
        path.rename(path.with_name("moved"))
        path.symlink_to("moved")

    def the_shard_is_a_link(path: Path) -> None:
        path.parent.rename(path.parent.with_name("moved"))
        path.parent.symlink_to("moved")

    def the_directory_is_a_link(path: Path) -> None:
        path.parent.parent.rename(path.parent.parent.with_name("moved"))
        path.parent.parent.symlink_to("moved")

    yield from (
        others_may_write, the_group_may_write_the_shard, others_may_write_the_directory,
        the_file_is_a_link, the_shard_is_a_link, the_directory_is_a_link,
    )  # fmt: skip
    if os.geteuid() == 0:  # nobody else can give files away

        def the_file_is_somebody_elses(path: Path) -> None:
            os.chown(path, 12345, 12345)

        def the_directory_is_somebody_elses(path: Path) -> None:
            os.chown(path.parent.parent, 12345, 12345)

        yield from (the_file_is_somebody_elses, the_directory_is_somebody_elses)


@pytest.mark.parametrize("way", [*ways_to_write()], ids=lambda way: way.__name__)
def test_what_somebody_else_may_have_written_is_not_believed(
    copy_of: Callable[[str], Workspace], way: Callable[[Path], None]
) -> None:
    workspace = copy_of("reference")
    report(workspace)
    (kept,) = files()
    forge(kept, BASIC, one_more)
    assert report(workspace) != cold(workspace)  # where only its user writes it is
    way(kept)
    assert report(workspace) == cold(workspace)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works in the homes of others")
def test_root_leaves_nothing_in_the_home_of_another_user(
    copy_of: Callable[[str], Workspace],
) -> None:
    workspace = copy_of("reference")
    home = Path(os.environ["HOME"])
    os.chown(home, 12345, 12345)
    assert report(workspace) == report(workspace) == cold(workspace)
    assert [*home.iterdir()] == []


def test_what_a_repository_brings_along_is_never_read_and_only_our_old_names_go(
    copy_of: Callable[[str], Workspace], tmp_path: Path
) -> None:
    workspace = copy_of("reference")
    report(workspace)
    (kept,) = files()
    forge(kept, BASIC, one_more)
    usage = workspace.layout.usage_dir
    ours = ["events.jsonl.checkpoint", "events.jsonl.full.checkpoint",
            "events.20260101T000000Z.jsonl.checkpoint",
            "events.20260101T000000.000001Z.jsonl.full.checkpoint"]  # fmt: skip
    for name in ours:
        shutil.copy(kept, usage / name)
    kept.unlink()
    others = ["events.jsonl.checkpoint.bak", "my.events.jsonl.checkpoint", "checkpoint",
              "events.2026.jsonl.checkpoint", "events.jsonl.Full.checkpoint"]  # fmt: skip
    for name in others:
        (usage / name).write_text("not ours")
    assert report(workspace) == cold(workspace)
    left = {path.name for path in usage.iterdir()}
    assert left == {"events.jsonl", *others}
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (usage / ours[0]).symlink_to(victim)
    (usage / ours[1]).mkdir()
    remove_old_checkpoints(os.fspath(workspace.layout))
    assert victim.read_text() == "theirs"
    assert {*ours[:2]} <= {path.name for path in usage.iterdir()}


def test_a_huge_file_in_its_place_is_not_read(copy_of: Callable[[str], Workspace]) -> None:
    workspace = copy_of("reference")
    expected = cold(workspace)
    report(workspace)
    (kept,) = files()
    with kept.open("r+b") as file:
        file.truncate(8 * 2**30)
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from test_cache import *; print(report(Workspace(sys.argv[1])).to_json(), end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, workspace.layout.root],
        cwd=Path(__file__).parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == expected.to_json()
    assert kept.stat().st_size < 2**20  # replaced by a good one


def test_an_entry_has_a_bound_and_so_have_all_together(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"), largest=1000, most=16 * 20_000, prune_every=1)
    cache.save("a", b"x" * 1001)
    assert cache.load("a") is None
    cache.save("a-used", b"x" * 1000)
    for number in range(99):
        cache.save(f"a{number}", b"x" * 1000)
        os.utime(tmp_path / "cache/a" / f"a{number}", ns=(0, number + 1))
        assert cache.load("a-used") == b"x" * 1000
    left = {path.name for path in (tmp_path / "cache/a").iterdir()}
    assert left == {"a-used", "a97", "a98"}
    cache.save("b", b"x")  # of another shard
    assert cache.load("b") == b"x"
    cache.remove("b")
    assert cache.load("b") is None


def leaves(value: object) -> Iterator[tuple[list[object] | dict[str, object], object]]:
    """Each place in a JSON value that holds no other."""
    if isinstance(value, list):
        items: list[tuple[object, object]] = [*enumerate(value)]
    elif isinstance(value, dict):
        items = [*value.items()]
    else:
        return
    for key, inner in items:
        if isinstance(inner, list | dict) and inner:
            yield from leaves(inner)
        else:
            yield value, key


@pytest.mark.parametrize("kind", [BASIC, DETAIL], ids=["basic", "detail"])
def test_a_forged_checkpoint_never_raises(
    copy_of: Callable[[str], Workspace], kind: TallyKind
) -> None:
    workspace = copy_of("reference")
    with workspace.layout.events_path.open("ab") as log:
        log.write(b"\n".join(UNUSUAL) + b"\n")

    def text() -> str:
        if kind is BASIC:
            return report(workspace).to_json()
        full = make_full_report(workspace.layout, EVERYTHING, cached())
        return "".join(
            shown(full, form, width=99, color=False)
            for form in ("table", "csv", "markdown", "json-full")
        )

    expected = text()
    (kept,) = [path for path in files() if path.suffix == f".{kind.name}"]
    good = kept.read_bytes()
    number = len([*leaves(json.loads(dump(count_logs(workspace.layout, kind, Reading()))))])
    chance = random.Random(1)  # noqa: S311 - a seed
    used = 0
    for index in chance.sample(range(number), min(number, 150)):

        def change(tally: list[object], index: int = index) -> None:
            where, key = [*leaves(tally)][index]
            old = where[key]  # type: ignore[index,call-overload] # a list or a dict
            others = [-1, 0, 1, 10**18, 10**40, -(10**40), 1.5, "x", "\x1b[31m", None, True, [], {}]
            where[key] = chance.choice(others)  # type: ignore[index,call-overload] # likewise
            if where[key] == old:  # type: ignore[index,call-overload] # likewise
                where[key] = ["other"]  # type: ignore[index,call-overload] # likewise

        kept.write_bytes(good)
        forge(kept, kind, change)
        used += text() != expected
    assert used < 15  # a name or a size can be another one: no sum knows of it


@pytest.mark.parametrize(
    "change",
    [
        lambda rest: rest.update(events=-1),
        lambda rest: rest.update(skipped={"no such reason": 1}),
        lambda rest: rest.update(skipped={"not_json": -1}),
        lambda rest: rest.update(until_ns=10**30),
        lambda rest: rest.update(since_ns=None),
        lambda rest: rest.update(since_ns=rest["until_ns"] + 1),
        lambda rest: rest.update(segments=["x" * 1000]),
        lambda rest: rest.update(segments=None),
        lambda rest: rest.update(events=0),
    ],
)
def test_what_cannot_be_true_is_not_used(
    copy_of: Callable[[str], Workspace], change: Callable[[dict[str, object]], None]
) -> None:
    workspace = copy_of("reference")
    report(workspace)
    (kept,) = files()
    forge(kept, BASIC, lambda tally: change(tally[1]))  # type: ignore[arg-type] # the counts of all
    assert report(workspace) == cold(workspace)


@given(
    seed=st.integers(0, 2**32),
    some=st.lists(events, max_size=9),
    unusual=st.lists(st.sampled_from(UNUSUAL), max_size=9),
)
@settings(deadline=None)
def test_every_tally_of_a_log_is_sound(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    some: list[UsageEvent],
    unusual: list[bytes],
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed that Hypothesis can shrink
    lines = [*usual(chance, 20), *map(encode, some), *unusual]
    chance.shuffle(lines)
    path = tmp_path_factory.getbasetemp() / "a log"
    path.write_bytes(b"\n".join(lines) + b"\n")
    with path.open("rb") as file:
        log = OpenLog(path.name, file.fileno(), path.stat().st_size)
        for kind in (BASIC, DETAIL):
            assert is_sound(tally_of(log, kind), kind)
    assert is_sound(LogTally(), DETAIL)
    assert BERLIN.name


def numbered(workspace: Workspace, number: int) -> None:
    """Append so many events, the last of which is one the change below is not in."""
    for index in range(number):
        workspace.append(an_event(segment_id=f"s{index:05}"))


@pytest.mark.parametrize("tuning", [SMALL, UNSAMPLED], ids=["all hashed", "sampled"])
@pytest.mark.parametrize("by", ["repair", "another program"])
def test_a_change_during_a_slow_report_leaves_no_stale_figure(
    workspace: Workspace, tuning: Tuning, by: str
) -> None:
    """What was counted already is changed in place: neither its hash nor a removal comes late."""
    numbered(workspace, 90)
    path = workspace.layout.events_path
    if by == "repair":
        path.write_bytes(path.read_bytes().replace(b"s00005", b"s0000\xff"))
    told = 0

    def in_the_middle(read: int, _: int) -> None:
        nonlocal told
        told += 1
        if told != 30:
            return
        assert read > 10_000
        if by == "repair":
            assert workspace.repair(overwrite_invalid_utf8=True).overwritten == 1
        else:
            with path.open("r+b") as log:
                log.seek(path.read_bytes().index(b'"use"', 4000))
                log.write(b'"xse"')

    small = tuning._replace(block=700)
    report(workspace, cached(small)._replace(on_progress=in_the_middle))
    assert told >= 30
    assert report(workspace, cached(small)) == cold(workspace)


def test_what_is_found_to_be_wrong_is_not_brought_back_by_who_is_still_counting(
    workspace: Workspace,
) -> None:
    """A report that began from a checkpoint that lies ends after that was found."""
    numbered(workspace, 9)
    reading = cached(UNSAMPLED)
    report(workspace, reading)
    (kept,) = files()
    forge(kept, BASIC, one_more)
    numbered(workspace, 9)
    found: list[bool] = []

    def in_the_middle(_: int, __: int) -> None:
        if not found:
            found.extend(one.equal for one in check_cache(workspace.layout, reading.cache))
            found.extend(
                one.equal for one in check_cache(workspace.layout, reading.cache, UNSAMPLED)
            )

    report(workspace, reading._replace(on_progress=in_the_middle))
    assert found == [True, False]  # a log as small as this one has none by the usual sizes
    assert report(workspace, reading) == cold(workspace)


def test_a_fleet_remembers_where_its_workers_are_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_fleet(tmp_path / "fleet", 2, events=4000)
    monkeypatch.setenv("CTXUSE_CACHE_DIR", str(tmp_path / "shared"))
    expected = fleet_report([str(root)], cache=False)
    assert not (tmp_path / "shared").exists()
    for scheduler in ("processes", "threads"):
        assert fleet_report([str(root)], executor=scheduler) == expected
    assert len(files()) == 2
    assert [*Path(os.environ["HOME"]).iterdir()] == []
    for kept in files():
        forge(kept, BASIC, one_more)
    assert fleet_report([str(root)]) != expected
    monkeypatch.setenv("CTXUSE_NO_CACHE", "1")
    assert fleet_report([str(root)]) == expected
