"""The names that people type: completed by the shell, and the nearest known one for a wrong one.

Names are known from the log and from the disk. A shell waits for completions, so these come from
the end of the log and never fail; who has typed a wrong name waits for a report anyway.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

import click

from ctxuse.layout import RecordKind, WorkspaceLayout
from ctxuse.patterns import pattern
from ctxuse.visible import quoted, visible

if TYPE_CHECKING:
    from ctxuse.counting.kinds import LogTally
    from ctxuse.counting.tuning import Reading
    from ctxuse.query import Query

KINDS = (*(kind.value for kind in RecordKind), "skill", "instructions", "memory")
"""The kinds of record that are known without a log."""

ACTORS = ("agent", "maintenance", "subagent", "unknown", "user")
"""The actors that are known without a log."""

_TAIL = 1024 * 1024
"""Bytes of the log's end that completions are looked for in."""

_MOST_COMPARED = 1_000
"""So many known names are compared with a wrong one at most, those that begin and end like it."""

_MOST_OFFERED = 500
"""So many completions a shell is offered at most."""


_LEFT_ALONE = pattern(r"\w(?:[\w.:@%+,/-]|(?<=/)~)*", re.ASCII)
"""A name that means nothing else to a shell, and no option to a command."""


def record_name(kind: str, slug: str) -> str:
    """Return what people call a record: ``decision/alpha``, ``summary``."""
    return kind if kind == slug == RecordKind.SUMMARY else f"{kind}/{slug}"


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a wrong one; None when none is much like it."""
    import difflib  # noqa: PLC0415 - only for a wrong name
    from heapq import nlargest  # noqa: PLC0415 - likewise

    wrong = wrong[:256]
    names = sorted({*known})
    about = max(2, len(wrong) // 3)
    alike = [name for name in names if abs(len(name) - len(wrong)) <= about]
    if len(alike) > _MOST_COMPARED:
        alike = nlargest(_MOST_COMPARED, alike, key=lambda name: _ends_shared(name, wrong))
    found = difflib.get_close_matches(wrong, alike, n=1, cutoff=0.7)
    begun = [name for name in names if name.startswith(wrong)] if wrong else []
    return next(iter([*found, *begun]), None)


def _ends_shared(one: str, other: str) -> int:
    """How many characters two names share from the beginning on, and from the end."""
    pairs = ([one, other], [one[::-1], other[::-1]])
    return sum(len(os.path.commonprefix(pair)) for pair in pairs)  # noqa: RUF071 - characters


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return a question that names the known name most like a wrong one; empty without any."""
    return _asked(nearest(wrong, known))


def which_record(kind: str, slug: str, known: Iterable[tuple[str, str]]) -> str:
    """Return such a question about a record: one of the same kind, else one of like kind."""
    keys = {*known}
    near = nearest(slug, (other for of, other in keys if of == kind))
    if near is not None:
        return _asked(record_name(kind, near))
    kinds = {of for of, other in keys if other == slug}
    if kinds:
        return _asked(record_name(nearest(kind, kinds) or min(kinds), slug))
    like = nearest(kind, {of for of, _ in keys})
    near = nearest(slug, (other for of, other in keys if of == like))
    return "" if like is None or near is None else _asked(record_name(like, near))


def _asked(near: str | None) -> str:
    return "" if near is None else f"; did you mean {visible(near)}?"


def check_words(query: "Query", layout: WorkspaceLayout, reading: "Reading") -> list[str]:
    """Refuse kinds and actors that no event has when they are much like a known one.

    Returns:
        What is to be said of others that no event has.

    Raises:
        click.UsageError: A name is much like a known one.
        LogUnreadableError: The log exists but cannot be read.
    """
    actors = {*(query.actors or ()), *query.without_actors}.difference(ACTORS)
    kinds = {*query.kinds}.difference(KINDS)
    if not actors and not kinds:
        return []
    from ctxuse.query import EVERYTHING  # noqa: PLC0415 - only for an unusual name
    from ctxuse.reports.making import make_full_report  # noqa: PLC0415 - likewise

    records = make_full_report(layout, EVERYTHING, reading).records
    return [
        *unknown_kinds(kinds, {record.basic.kind for record in records}),
        *unknown_actors(actors, {name for record in records for name in record.actors}),
    ]


def unknown_kinds(kinds: Collection[str], found: Collection[str]) -> list[str]:
    """Return what is to be said of kinds that are neither usual nor `found`.

    Raises:
        click.UsageError: One is much like a known kind.
    """
    return _unknown(kinds, {*KINDS, *found}, "no record is of the kind {}; there are {}")


def unknown_actors(actors: Collection[str], found: Collection[str]) -> list[str]:
    """Return what is to be said of actors that are neither usual nor `found`.

    Raises:
        click.UsageError: One is much like a known actor.
    """
    return _unknown(actors, {*ACTORS, *found}, "no use by {} is counted; usual are {}")


def _unknown(wrong: Collection[str], known: Collection[str], what: str) -> list[str]:
    said = []
    for name in sorted({*wrong}.difference(known)):
        near = nearest(name, known)
        if near is not None:
            text = what.partition(";")[0].format(quoted(name))
            raise click.UsageError(f"{text}; did you mean {visible(near)}?")
        listed = ", ".join(sorted(map(visible, known))[:12])
        said.append(what.format(quoted(name), listed))
    return said


def no_secrets(
    context: click.Context,  # noqa: ARG001 - click's signature
    parameter: click.Parameter,  # noqa: ARG001 - click's signature
    value: tuple[str, ...],
) -> tuple[str, ...]:
    """Return names that reports repeat; refuse those that are addresses with secrets in them."""
    for name in value:
        if "://" not in name:
            continue
        from ctxuse.redaction import hidden  # noqa: PLC0415 - addresses are rare

        if hidden(name) != name:
            raise click.BadParameter(f"{quoted(name)} is an address, no name")
    return value


Completer = Callable[[click.Context, click.Parameter, str], list[str]]
"""What click asks for completions."""


def completer(names: Callable[[WorkspaceLayout], Iterable[str]]) -> Completer:
    """Return what offers those of `names` that begin as typed; silent on any trouble.

    A shell puts them into the command as they are, and names may be of a clone's making: only those
    that any shell leaves alone are offered.
    """

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        try:
            chosen = context.params.get("layout")
            layout = chosen if isinstance(chosen, WorkspaceLayout) else WorkspaceLayout.find()
            offered = {name for name in names(layout) if name.startswith(incomplete)}
            return sorted(filter(_LEFT_ALONE.fullmatch, offered))[:_MOST_OFFERED]
        except Exception:  # noqa: BLE001 - a shell's prompt is no place to complain in
            return []

    return complete


def own_records(layout: WorkspaceLayout) -> list[str]:
    """Return the records of the workspace that have a file."""
    return [record_name(ref.kind, str(ref.slug)) for ref in layout.records_on_disk()]


def records(layout: WorkspaceLayout) -> list[str]:
    """Return the records that have a file, and those at the end of the log."""
    from ctxuse.hosts.ondisk import on_disk  # noqa: PLC0415 - only for a shell that waits
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - likewise

    there = on_disk(Places(layout), outside=True)
    named = [record_name(ref.kind, str(ref.slug)) for ref in there]
    return named + [record_name(*key) for key in _tail(layout).basic.records]


def kinds(layout: WorkspaceLayout) -> list[str]:
    """Return the usual kinds of record, and those at the end of the log."""
    return [*KINDS, *(kind for kind, _ in _tail(layout).basic.records)]


def actors(layout: WorkspaceLayout) -> list[str]:
    """Return the usual actors, and those at the end of the log."""
    return [*ACTORS, *(a for r in _tail(layout).detail.records.values() for a in r.actors if a)]


def hosts(layout: WorkspaceLayout) -> list[str]:
    """Return the agents that are known, and those at the end of the log."""
    from ctxuse.hosts import HOSTS  # noqa: PLC0415 - only for a shell that waits

    return [*HOSTS, *(h for r in _tail(layout).detail.records.values() for h in r.hosts if h)]


def zones(layout: WorkspaceLayout) -> list[str]:  # noqa: ARG001 - a completer's signature
    """Return the names of time zones."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - only for a shell that waits

    return ["local", "UTC", *available_timezones()]


def _tail(layout: WorkspaceLayout) -> "LogTally":
    """What is counted of the end of the present log."""
    from ctxuse.counting.count import tally_of  # noqa: PLC0415 - only for a shell that waits
    from ctxuse.counting.kinds import DETAIL, LogTally  # noqa: PLC0415 - likewise
    from ctxuse.layout import LOG_NAME  # noqa: PLC0415 - likewise
    from ctxuse.log.reader import open_logs  # noqa: PLC0415 - likewise

    if not os.path.exists(layout.events_path):
        return LogTally()
    parts = (
        tally_of(log, DETAIL, max(0, log.end - _TAIL))
        for log in open_logs(layout)
        if log.name == LOG_NAME
    )
    return LogTally.merged(parts)
