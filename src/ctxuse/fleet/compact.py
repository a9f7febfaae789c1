"""Putting what was collected into few large files: `ctxuse fleet compact`.

Pieces of many workspaces go into packs (`ctxuse.fleet.packs`), by the order of their folders, and
small packs into larger ones. What is held twice then is removed by a later run, when the packs have
been there for the *grace*: whoever listed before has that long to read. Nothing tells runs of one
another; each goes by what is there, so they may be broken off, and run beside one another, beside
collectors and beside reports. What a worker does with some workspaces stands in
`ctxuse.fleet.compacting`.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import cache, partial
from typing import NamedTuple

import msgspec

from ctxuse.errors import CtxuseError, FleetError
from ctxuse.fleet.compacting import holdings_in
from ctxuse.fleet.folder import LEFT
from ctxuse.fleet.jobs import Compact, Compacted, Prove, Proved, batches
from ctxuse.fleet.opening import why_not_believed
from ctxuse.fleet.packs import (
    MOST_PIECES,
    PACK_SIZE,
    PACKS,
    Found,
    Pack,
    VanishedError,
    file_of,
    listed_anew,
    moment,
    packs_in,
)
from ctxuse.fleet.pieces import STREAMS, collected_in, is_folder, parse
from ctxuse.fleet.running import Engine, open_engine
from ctxuse.fleet.source import Source, is_address, reason_of, shown_place, without_local_scheme
from ctxuse.fleet.store import Store, open_store
from ctxuse.fleet.target import AnyExecutor, prepared, writing_to
from ctxuse.layout import COLLECTED
from ctxuse.progress import OnProgress, silent
from ctxuse.reports.fleet import Unreadable

GRACE = 3600.0
"""Seconds for which a pack has to be there before what it holds is removed elsewhere."""

FEW = 4
"""Packs of about the same size that become one, at least."""

_PROVED = 8
"""Packs in a job that reads them whole."""

_WRONG = "it does not hold the bytes that its index says, so it stands for nothing"

_SMALLEST_TIER = 16
"""Packs of up to two to the power of this many bytes are of about the same size."""


class Compaction(NamedTuple):
    """What became of compacting.

    Attributes:
        workspaces: How many workspaces have something in packs or in files of their own.
        done: What was done, all workspaces together, and what was left as it is.
        packs_removed: Packs that were removed, since others hold the same.
    """

    workspaces: int
    done: Compacted
    packs_removed: int


def compact(  # noqa: PLR0913 - compacting has these options
    target: str,
    *,
    grace: float = GRACE,
    executor: AnyExecutor = "processes",
    workers: int | None = None,
    pack_size: int = PACK_SIZE,
    now: float | None = None,
    on_progress: OnProgress = silent,
) -> Compaction:
    """Put what was collected in `target` into packs, and remove what packs have held for long.

    Args:
        target: The folder or address that was collected to.
        grace: Seconds for which a pack has to be there before what it holds is removed elsewhere.
        executor: As for a report; it needs to be able to write to `target`.
        workers: As for a report.
        pack_size: Bytes of a pack, at most.
        now: When it begins, in seconds since the epoch; the time of the clock when None. Packs
            are not dated earlier.
        on_progress: Called with how many workspaces are done, and how many there are to do.

    Raises:
        MissingExtraError: What is asked for needs libraries that are not installed.
        FleetError: The executor cannot be used, or `target` cannot, or nothing was collected there.
    """
    local = without_local_scheme(target)
    if not is_address(local) and not os.path.isdir(local):
        raise FleetError(shown_place(local), "there is no such folder")
    target = prepared(target, executor)
    now = time.time() if now is None else now
    job = Compact(
        target=target, begun=moment(now), settled=moment(now - grace), pack_size=pack_size
    )
    with ExitStack() as stack:

        @cache
        def engine() -> Engine:
            return stack.enter_context(open_engine(executor, workers))

        try:
            begun = moment(now - max(grace, LEFT))
            return listed_anew(partial(_compact, job, begun, engine, on_progress))
        except VanishedError as error:
            raise FleetError(shown_place(target), f"{error}; try again later") from error


def _compact(
    job: Compact, unfinished: str, engine: Callable[[], Engine], on_progress: OnProgress
) -> Compaction:
    """Compact, and remove what was begun before a time and is `unfinished`."""
    target = job.target
    with writing_to(target):
        store = open_store(target)
        files, unlisted = _listed(store, target)
        packs = packs_in(store, files)
    number = len(_known(target, files, packs))
    if not number and not packs.troubles and not unlisted:
        raise FleetError(shown_place(target), "nothing was collected in it")
    plan = _proved(job, files, packs, {*unlisted}, engine)
    packs.troubles.update(unlisted)
    done = Compacted(unreadable=_unreadable(target, files, packs))
    if plan.sources:
        jobs = (_job(job, batch, plan.taken_up, plan.superseded)
                for _, batch in batches(plan.sources, 1, MOST_PIECES))  # fmt: skip
        ready = 0
        for one, result in engine().results(jobs):
            _add(done, msgspec.json.decode(result, type=Compacted))
            ready += one.number
            on_progress(ready, len(plan.sources))
    superseded = sorted(plan.superseded.difference(done.needed))
    gone = {file_of(name, "index"): name for name in superseded}
    left = store.remove(gone)
    gone = {index: name for index, name in gone.items() if index not in left}
    with writing_to(target):
        rest = _unfinished(store, [name for name in packs.rest if name < unfinished])
    left |= store.remove([file_of(name) for name in (*gone.values(), *rest)])
    for name, why in left.items():
        there = shown_place(f"{target.rstrip('/')}/{name}")
        done.unreadable.append(Unreadable(there, f"it cannot be removed: {why}"))
    return Compaction(number, done, len(gone))


def _unfinished(store: Store, packs: Collection[str]) -> list[str]:
    """Return those of some packs without an index that have none now either, while this run works.

    Raises:
        OSError: They cannot be listed.
    """
    files = store.names(PACKS) if packs else {}
    return [name for name in packs if file_of(name, "index") not in files]


class _Plan(NamedTuple):
    """What is to be done.

    Attributes:
        sources: The workspaces of which something is to be done.
        taken_up: The packs whose pieces go into new ones.
        superseded: The packs of which others seem to hold everything.
        relied_on: The packs that have to hold what their indexes say, for all that.
    """

    sources: list[Source]
    taken_up: set[str]
    superseded: set[str]
    relied_on: set[str]


def _planned(
    known: Sequence[Source], packs: Mapping[str, Pack], job: Compact, kept: AbstractSet[str]
) -> _Plan:
    """Plan for workspaces, without a change to packs that are to be `kept`."""
    settled = {name: pack for name, pack in packs.items() if _is_settled(name, job)}
    superseded = {*settled}.difference(kept, *(_needed(one, job.settled) for one in known))
    rest = {name: pack for name, pack in settled.items() if name not in superseded | kept}
    taken_up = _taken_up(rest, job.pack_size)
    plan = _Plan([], taken_up, superseded, taken_up | superseded)
    plan.sources.extend(_to_do(known, job.settled, plan))
    return plan


def _listed(store: Store, target: str) -> tuple[dict[str, int], dict[str, str]]:
    """The files of packs and of what was collected, with their sizes.

    With them come the folders that cannot be listed, or that a report would not believe, each with
    the reason: what went into packs would be believed.

    Raises:
        OSError: The place, or its folder of packs, cannot be listed.
    """
    folders = store.folders()
    if folders is None:
        return store.names(), {}
    files, is_local = store.names(PACKS), not is_address(target)
    unlisted: dict[str, str] = {}
    for folder in filter(PACKS.__ne__, folders):
        its: dict[str, int] = {}
        try:
            its = store.names(collected_in(folder), STREAMS)
            reason = why_not_believed(os.path.join(target, folder)) if its and is_local else ""
        except (CtxuseError, OSError) as error:
            reason = reason_of(error, target)
        if reason:
            unlisted[folder] = reason
        else:
            files |= its
    return files, unlisted


def _proved(
    job: Compact,
    files: Mapping[str, int],
    packs: Found,
    left: set[str],
    engine: Callable[[], Engine],
) -> _Plan:
    """Return a plan that relies on packs only that were read whole, and were right.

    Those that are not are taken out. Workspaces with something in a pack that cannot be read now
    are left as they are, as are those whose folders are given as `left`.
    """
    proved: set[str] = set()
    while True:
        known = [one for one in _known(job.target, files, packs) if one.folder not in left]
        kept = {part.pack for folder in left for part in packs.parts.get(folder, ())}
        plan = _planned(known, packs.packs, job, kept)
        asked = sorted(plan.relied_on - proved)
        if not asked:
            return plan
        proved.update(asked)
        found = [(name, packs.packs[name].size, packs.packs[name].sha256) for name in asked]
        jobs = (Prove(target=job.target, packs=(*found[at : at + _PROVED],))
                for at in range(0, len(found), _PROVED))  # fmt: skip
        unread: dict[str, str] = {}
        wrong: list[str] = []
        for _, result in engine().results(jobs):
            one = msgspec.json.decode(result, type=Proved)
            unread |= one.unread
            wrong += one.wrong
            if one.gone:
                raise VanishedError
        if not wrong and not unread:
            return plan
        left |= packs.folders_of(unread)
        packs.drop(dict.fromkeys(wrong, _WRONG) | unread)


def _known(target: str, files: Mapping[str, int], packs: Found) -> list[Source]:
    """The workspaces that have something in packs or in files of their own, by folder."""
    folders: dict[str, dict[str, int]] = {folder: {} for folder in packs.parts}
    for name, size in files.items():
        folder = name.partition("/")[0]
        below = name.removeprefix(f"{collected_in(folder)}/")
        if below != name and is_folder(folder) and parse(below) is not None:
            folders.setdefault(folder, {})[f"{COLLECTED}/{below}"] = size
    found = []
    for folder, its in sorted(folders.items()):
        place = f"{target.rstrip('/')}/{folder}"
        there = {"url": place} if is_address(target) else {"root": os.fsencode(place)}
        parts = (*packs.parts.get(folder, ()),)
        found.append(Source(shown_place(place), logs=(*its.items(),), packed=parts, **there))
    return found


def _is_settled(name: str, job: Compact) -> bool:
    return name[: len(job.settled)] <= job.settled


def _needed(source: Source, settled: str) -> set[str]:
    """The packs that alone hold something of a workspace, among those that stay."""
    holdings = holdings_in(source).values()
    return {part.pack for holding in holdings for _, part in holding.in_packs(settled)}


def _to_do(known: Sequence[Source], settled: str, plan: _Plan) -> Iterator[Source]:
    """Yield the workspaces of which something is to be packed, removed or said.

    With them comes what is looked at of such streams; their sizes are the bytes to be packed. What
    stands for what is removed is added to the plan.
    """
    moved = plan.taken_up | plan.superseded
    for source in known:
        size, meant = 0, []
        for holding in holdings_in(source).values():
            in_moved = [(piece, part) for piece, part in holding.packed if part.pack in moved]
            if holding.loose or in_moved:
                plan.relied_on.update(holding.standing(settled, plan.superseded))
            packed = holding.packed_stream().end if holding.loose else 0
            new = sum(piece.size for piece in holding.loose if piece.end > packed)
            new += sum(piece.size for piece, part in in_moved if part.pack in plan.taken_up)
            size += new
            least = min((piece.end for piece in holding.loose), default=None)
            trouble = holding.stream().trouble
            if (
                new
                or in_moved
                or len(holding.receipts) > 1
                or holding.lost
                or (least is not None and least <= holding.packed_stream(settled).end)
                or trouble
            ):
                meant.append(holding if trouble else holding.without_rest(settled, moved))
        if meant:
            names = {f"{COLLECTED}/{piece.name}" for one in meant for piece in one.files}
            logs = tuple(one for one in source.logs if one[0] in names)
            parts = tuple(part for one in meant for _, part in one.packed)
            yield msgspec.structs.replace(source, logs=logs, packed=parts, size=size)


def _taken_up(packs: Mapping[str, Pack], size: int) -> set[str]:
    """The packs that are written anew as larger ones: of each tier all, or none."""
    tiers: dict[int, set[str]] = {}
    for name, pack in packs.items():
        if pack.size < size // 2 and pack.pieces < MOST_PIECES // 2:
            tier = max(0, pack.size.bit_length() - _SMALLEST_TIER + 1) // 2
            tiers.setdefault(tier, set()).add(name)
    return set().union(*(names for names in tiers.values() if len(names) >= FEW))


def _job(
    job: Compact, sources: Collection[Source], taken_up: set[str], superseded: set[str]
) -> Compact:
    packs = set().union(*(source.packs for source in sources))
    return msgspec.structs.replace(
        job,
        sources=tuple(sources),
        taken_up=tuple(sorted(taken_up & packs)),
        superseded=tuple(sorted(superseded & packs)),
    )


def _add(whole: Compacted, part: Compacted) -> None:
    for name in Compacted.__struct_fields__:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))


def _unreadable(target: str, files: Mapping[str, int], packs: Found) -> list[Unreadable]:
    """Indexes that are none, and folders with pieces that no collector has made."""
    place = target.rstrip("/")
    said = {shown_place(f"{place}/{name}"): reason for name, reason in packs.troubles.items()}
    for name in files:
        folder = name.partition("/")[0]
        if name.startswith(f"{collected_in(folder)}/") and not is_folder(folder):
            said[shown_place(f"{place}/{folder}")] = "no collector gives a folder such a name"
    return [Unreadable(address, reason) for address, reason in said.items()]
