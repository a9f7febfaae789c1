"""Are the counters alive? What is installed, what has ever fired, and what stands in the way.

Facts about the plumbing, and what to do about it. Of records nothing is said but whether the file
of one that was resident is still there.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache as once

from msgspec import Struct, field

from ctxuse.cache import cache_of
from ctxuse.counting.checkpoint import load, place_of
from ctxuse.counting.kinds import BASIC
from ctxuse.counting.tuning import Reading
from ctxuse.errors import CtxuseError
from ctxuse.events import UsageEvent, UsageEventKind
from ctxuse.hosts.installation import Installed, how_to_remove, installed, turned_off
from ctxuse.hosts.ondisk import size_now
from ctxuse.hosts.parts import hosts_with, installation_of, title_of
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import BROUGHT_ALONG
from ctxuse.ids import is_derived
from ctxuse.importing import began_in, sessions
from ctxuse.layout import WorkspaceLayout, passed_over
from ctxuse.log.failures import read_marks
from ctxuse.log.opening import CAN_WRITE
from ctxuse.log.reader import open_logs
from ctxuse.render.words import plural
from ctxuse.setup.version import program_of, version_of
from ctxuse.times import format_ns
from ctxuse.visible import quoted
from ctxuse.workspace import Workspace

MOST_MARKS = 10
"""So many marks of failed recordings are given, the latest."""


class Trouble(Struct, frozen=True):
    """Something that keeps events from being recorded or counted.

    Attributes:
        what: What it is.
        remedy: What to do about it.
    """

    what: str
    remedy: str


class Step(Struct, frozen=True):
    """What can be done next, where nothing stands in the way.

    Attributes:
        what: What is the case.
        command: What to do.
    """

    what: str
    command: str


class HostFacts(Struct, frozen=True):
    """What is installed for one agent.

    Attributes:
        host: The agent, as events name it.
        program: Where its program is; None when it is not on the path, or no hooks of ours are for
            it.
        hooks: Our hooks that are installed, in whatever file.
        missing: Of its events those that no hook of ours is installed for, if any is.
        transcripts: How many transcripts it keeps of sessions that began in this workspace.
        limits: What it does not tell hooks of, where some are installed.
    """

    host: str
    program: str | None
    hooks: tuple[Installed, ...]
    missing: tuple[str, ...]
    transcripts: int = 0
    limits: tuple[str, ...] = ()


class SourceFacts(Struct, frozen=True):
    """One way in which records have entered contexts.

    Attributes:
        host: The agent; None for events that do not say.
        source: The source.
        events: How many events of it there are.
        last: When the last of them happened: RFC 3339.
    """

    host: str | None
    source: str
    events: int
    last: str


class GoneRecord(Struct, frozen=True):
    """A record that was resident and has no file now.

    Attributes:
        kind: Its kind.
        slug: Its slug.
        last: When it was last resident: RFC 3339.
    """

    kind: str
    slug: str
    last: str


class FailedRecording(Struct, frozen=True):
    """A mark that a failed recording has left.

    Attributes:
        at: When it failed: RFC 3339.
        what: What failed.
    """

    at: str
    what: str


class Examination(Struct, frozen=True):
    """What was found; its fields are those of the command's JSON.

    Attributes:
        root: The workspace's root.
        has_marker: Whether it has ``.yoi/memory/``.
        recording: Whether recording is turned on.
        log_bytes: The size of the present log; None when there is none.
        events: Events of the whole log.
        lines_not_counted: Lines of it that are not counted.
        checkpoint_bytes: How much of the present log its checkpoint stands for; None without one.
        hosts: What is installed for each agent that hooks of ours are for, and for those that only
            keep transcripts of sessions in this workspace.
        sources: What has ever fired, sorted by host and source.
        gone: Records that were resident and have no file now.
        marks: What failed recordings have left, the latest.
        troubles: What stands in the way, and what to do about it.
        next: What can be done next.
    """

    root: str
    has_marker: bool
    recording: bool
    log_bytes: int | None
    events: int
    lines_not_counted: int
    checkpoint_bytes: int | None
    hosts: tuple[HostFacts, ...]
    sources: tuple[SourceFacts, ...]
    gone: tuple[GoneRecord, ...]
    marks: tuple[FailedRecording, ...] = field(name="failed_recordings")
    troubles: tuple[Trouble, ...]
    next: tuple[Step, ...] = ()


def examine(workspace: Workspace, environ: Mapping[str, str] | None = None) -> Examination:
    """Look at everything that recording depends on. Nothing is changed.

    Args:
        workspace: The workspace.
        environ: The environment, for where the agents' settings are and what is on the path; that
            of the process when None.
    """
    if environ is None:
        environ = os.environ
    layout = workspace.layout
    places = Places(layout, environ)
    hooked = tuple(_host(name, places, environ) for name in hosts_with("install"))
    hosts = (*hooked, *_only_imported(places))
    marks = sorted(read_marks(layout, environ=environ))
    troubles = [*_workspace_troubles(workspace, places), *_host_troubles(hooked, places, environ)]
    log = _Log()
    troubles += _log_troubles(workspace, log)
    if marks:
        what = f"{plural(len(marks), 'recording')} failed, the last one with: {marks[-1].what}"
        where = os.path.join("_usage", "trouble.jsonl")
        troubles.append(Trouble(what, f"mend that; the marks are in {where}, delete it then"))
    return Examination(
        root=os.fspath(layout),
        has_marker=layout.has_marker,
        recording=workspace.recording,
        log_bytes=_size(layout),
        events=log.events,
        lines_not_counted=log.not_counted,
        checkpoint_bytes=_checkpoint(layout, environ),
        hosts=hosts,
        sources=tuple(log.fired.sources()),
        gone=tuple(_gone(log.fired.exposed, places)),
        marks=tuple(FailedRecording(format_ns(m.at_ns), m.what) for m in marks[-MOST_MARKS:]),
        troubles=tuple(troubles),
        next=tuple(_steps(workspace, hosts, log.fired)),
    )


class _Log:
    """What is known of the log, as far as it was looked at.

    Attributes:
        events: Its events.
        not_counted: Its lines that are not counted.
        fired: What has fired.
    """

    def __init__(self) -> None:
        self.events = self.not_counted = 0
        self.fired = _Fired()


def _log_troubles(workspace: Workspace, log: _Log) -> Iterator[Trouble]:
    """Look at the log, and yield what stands in the way."""
    remedy = "mend that first: no report can be made"
    try:
        for found in workspace.events():
            if isinstance(found, UsageEvent):
                log.events += 1
                log.fired.add(found)
            else:
                log.not_counted += 1
        remedy = "reports can be made, but whether ids stand twice was not looked at"
        check = workspace.check()
    except CtxuseError as error:
        yield Trouble(str(error), remedy)
        return
    log.events, log.not_counted = check.events, check.skipped_lines
    if not check.clean:
        yield Trouble(_not_clean(check.skipped_lines, check.repeated_ids), _CHECK)
    if check.in_future:
        lie = "lies" if check.in_future == 1 else "lie"
        what = f"{plural(check.in_future, 'event')} {lie} in the future"
        yield Trouble(what, "compare the clocks of the machines that write the log")


_CHECK = "ctxuse check lists them, ctxuse repair recovers what can be recovered"


def _not_clean(skipped: int, repeated: int) -> str:
    lines, ids = plural(skipped, "line"), plural(repeated, "id")
    parts = [f"{lines} of the log {'is' if skipped == 1 else 'are'} not counted"] if skipped else []
    return " and ".join(
        [*parts, *([f"{ids} {'stands' if repeated == 1 else 'stand'} twice"] if repeated else [])]
    )


def _host(name: str, places: Places, environ: Mapping[str, str]) -> HostFacts:
    agent = installation_of(name)
    hooks = tuple(installed(agent, places))
    there = {hook.event for hook in hooks}
    missing = tuple(event for event in agent.matchers if event not in there) if hooks else ()
    if missing:
        known = agent.groups("", version_of(agent, environ, places.root))
        missing = tuple(event for event in missing if event in known)
    program = program_of(agent, environ, places.root)
    number, limits = _kept(name, places), agent.limits if hooks else ()
    return HostFacts(name, program, hooks, missing, number, limits)


def _kept(name: str, places: Places) -> int:
    """How many transcripts an agent keeps of sessions that began in a workspace."""
    kept = sessions(name, places) if name in hosts_with("transcript") else ()
    return len(began_in(places.layout, kept))


def _only_imported(places: Places) -> Iterator[HostFacts]:
    """Yield what is known of agents that hooks of ours are not for, but that had sessions here."""
    for name in hosts_with("transcript"):
        number = 0 if name in hosts_with("install") else _kept(name, places)
        if number:
            yield HostFacts(name, None, (), (), number)


def _workspace_troubles(workspace: Workspace, places: Places) -> Iterator[Trouble]:
    if places.is_above_projects(places.root):
        yield Trouble(
            "this is the home directory, or one above it: hooks record nothing here",
            "make each project a workspace of its own: ctxuse init",
        )
    if not CAN_WRITE:
        yield Trouble(
            "on this system logs are read and reported, not written",
            "record on Linux, macOS or WSL",
        )
    if not workspace.layout.has_marker:
        yield Trouble(
            "there is no .yoi/memory/ here, so hooks and the server record nothing", "ctxuse init"
        )
        anothers = passed_over(os.fspath(workspace.layout))
        if anothers is not None:
            yield Trouble(
                f"the one in {quoted(anothers)} belongs to another user: nothing is recorded there"
                " from here",
                "make this one a workspace of its own (ctxuse init), or begin sessions in theirs",
            )
    if not workspace.recording:
        yield Trouble("CTXUSE_DISABLE is set: recording is turned off", "unset it")


def _host_troubles(
    hosts: tuple[HostFacts, ...], places: Places, environ: Mapping[str, str]
) -> Iterator[Trouble]:
    for host in hosts:
        agent = installation_of(host.host)
        for file in turned_off(agent, places) if host.hooks else ():
            yield Trouble(f"{file} turns all hooks of {agent.title} off", "change it there")
        calling: dict[str, set[str]] = {}
        for hook in host.hooks:
            calling.setdefault(hook.command, set()).add(hook.file)
        for command, those in sorted(calling.items()):
            if shutil.which(command, path=environ.get("PATH")) is None:
                where = ", ".join(sorted(those))
                yield Trouble(
                    f"the hooks of {agent.title} in {where} call {command}, which is not there",
                    f"ctxuse setup {host.host} --remove, then install it anew",
                )
        files = sorted({hook.file for hook in host.hooks})
        remove = how_to_remove(agent, places, files)
        if len(host.hooks) > len({hook.event for hook in host.hooks}):
            yield Trouble(
                f"the hooks of {agent.title} are installed more than once: {', '.join(files)}",
                f"leave one of them; to take the others out: {remove}",
            )
        for what, remedy in agent.untrusted(places, [*host.hooks]):
            yield Trouble(what, remedy)
        if host.missing:
            own = {agent.project_file(places): "", agent.user_file(places): " --user"}
            update = f"ctxuse setup {host.host}{own[files[0]]}" if files[0] in own else None
            yield Trouble(
                f"the hooks of {agent.title} miss {', '.join(host.missing)}",
                update if update and len(files) == 1 else f"{remove}; then install them anew",
            )


def _steps(workspace: Workspace, hosts: tuple[HostFacts, ...], fired: "_Fired") -> Iterator[Step]:
    """What leads on: evidence of the past that is not in the log, and of the future."""
    init = "" if workspace.layout.has_marker else " --init"
    for host in hosts:
        title, kept = title_of(host.host), host.transcripts
        transcripts = f"{kept:,} transcript{'' if kept == 1 else 's'}"
        if kept and host.host not in fired.hosts:
            yield Step(
                f"{title} keeps {transcripts} of sessions in this directory, and no event of it is"
                " in the log",
                f"ctxuse import {host.host}{init}",
            )
        if host.host not in hosts_with("install"):
            continue
        if not host.hooks and (kept or host.program or host.host in fired.hosts):
            yield Step(
                f"no hooks of ctxuse are installed for {title}: its sessions leave no event of"
                " themselves",
                f"ctxuse setup {host.host}",
            )
        if host.hooks and host.host not in fired.hooks:
            yield Step(
                f"the hooks of {title} are installed, and the log holds no event that only they"
                " record. That can mean that no session has begun since, or that hooks do not run",
                installation_of(host.host).afterwards,
            )


@once
def _only_hooks_tell(host: str) -> Callable[[UsageEvent], bool]:
    """See `Installation.only_hooks_tell`; of an agent that has none what has a new id."""
    if host in hosts_with("install"):
        return installation_of(host).only_hooks_tell
    return lambda event: not is_derived(event.id)


class _Fired:
    """What has fired.

    Attributes:
        counts: Events by host and source.
        last: When the last of them happened, in nanoseconds since the epoch.
        exposed: When each record was last resident, likewise.
        hooks: The hosts that an event names which no import makes.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.last: dict[tuple[str, str], int] = {}
        self.exposed: dict[tuple[str, str], int] = {}
        self.hooks: set[str] = set()

    @property
    def hosts(self) -> set[str]:
        """The hosts that events name."""
        return {host for host, _ in self.counts}

    def add(self, event: UsageEvent) -> None:
        """Take note of an event."""
        host = event.host or ""
        key, at_ns = (host, event.source.value), event.occurred_at_ns
        self.counts[key] += 1
        self.last[key] = max(at_ns, self.last.get(key, at_ns))
        if host not in self.hooks and _only_hooks_tell(host)(event):
            self.hooks.add(host)
        if event.event is UsageEventKind.RESIDENT_EXPOSURE:
            for record in event.records:
                if not record.sized and record.kind in BROUGHT_ALONG:
                    continue  # it may never have had a file
                name = (record.kind, record.slug)
                self.exposed[name] = max(at_ns, self.exposed.get(name, at_ns))

    def sources(self) -> Iterator[SourceFacts]:
        """Yield what has fired by host and source."""
        for (host, source), number in sorted(self.counts.items()):
            at = format_ns(self.last[host, source])
            yield SourceFacts(host or None, source, number, at)


def _gone(exposed: Mapping[tuple[str, str], int], places: Places) -> Iterator[GoneRecord]:
    for (kind, slug), last_ns in sorted(exposed.items()):
        if size_now(places, kind, slug) == (None, True):
            yield GoneRecord(kind, slug, format_ns(last_ns))


def _size(layout: WorkspaceLayout) -> int | None:
    try:
        return layout.events_path.lstat().st_size
    except OSError:
        return None


def _checkpoint(layout: WorkspaceLayout, environ: Mapping[str, str]) -> int | None:
    reading = Reading(cache_of(environ, wanted=True))
    with suppress(CtxuseError):
        for log in open_logs(layout):
            place = place_of(layout, log, reading) if log.is_present else None
            stored = None if place is None else load(place, BASIC)
            if stored is not None:
                return stored.offset
    return None
