"""`ctxuse` without a command: this project at once, or the projects that there are."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
from rich.text import Text

from ctxuse.cli import FAILED, common
from ctxuse.cli.progress import progress
from ctxuse.files import real_path
from ctxuse.hosts.installation import installed
from ctxuse.hosts.parts import hosts_with, installation_of, title_of
from ctxuse.hosts.places import Places
from ctxuse.importing import Session
from ctxuse.layout import WorkspaceLayout
from ctxuse.overview import Agent, Overview, Start, overview
from ctxuse.projects import all_sessions, project_here, roots
from ctxuse.render.tables import Column, Moment, Table
from ctxuse.render.terminal import as_text, printed
from ctxuse.render.words import day, listed, plural
from ctxuse.reports.report import Rows, build_report
from ctxuse.times import parse_ns
from ctxuse.visible import visible


def show_overview() -> None:
    """Print what can be seen from the current directory, and name what could not be read.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    here = os.getcwd()
    places = Places(WorkspaceLayout(here))
    unreadable: list[tuple[str, str]] = []
    found = all_sessions(places, unreadable)
    of = roots(found, places)
    root = project_here(here, of, places)
    if root is None:
        common.show(_elsewhere(found, of, places))
    else:
        unreadable += _show(root, found, of)
    if unreadable:
        common.note_not_read(unreadable)
        click.get_current_context().exit(FAILED)


def _show(root: str, found: Sequence[Session], of: Sequence[str]) -> list[tuple[str, str]]:
    """Print what can be seen of a project, and return what could not be read, with the reason."""
    same = {its for its in set(of) if real_path(its) == real_path(root)}
    own = [session for session, its in zip(found, of, strict=True) if its in same]
    with progress("reading transcripts") as on_progress:
        seen = overview(WorkspaceLayout(root), own, on_progress=on_progress)
    common.show_report(build_report(seen.tally.basic).chosen(Rows("tokens")), "table")
    said = ["", *_sessions(seen), "", *_next(seen)]
    common.show(printed([*map(Text, said)], common.width(), color=common.with_color()))
    return seen.unreadable


def _sessions(seen: Overview) -> Iterator[str]:
    for agent in seen.agents:
        yield f"{title_of(agent.host)}, {_agent(agent)}"
    if not seen.agents:
        yield f"No session of {_agents()} began here, or none is kept"
    beyond = sum(agent.beyond for agent in seen.agents)
    if beyond and seen.in_log:
        held = plural(seen.in_log, "event")
        yield f"The log holds {held}; the transcripts tell of {beyond:,} more"
    elif beyond:
        all_of = "The one event is" if beyond == 1 else f"All {beyond:,} events are"
        yield f"{all_of} from transcripts: the log holds none"


def _agent(agent: Agent) -> str:
    said = plural(agent.sessions, "session")
    if agent.since_ns is not None:
        said += f" since {day(agent.since_ns)}"
    if agent.start is None:
        return f"{said}; what stood resident when the last one began is unknown"
    return f"{said}; at the start of the last one {_start(agent.start)}"


def _start(start: Start) -> str:
    said = f"{plural(start.records, 'record')} stood resident"
    known = start.records - start.unknown
    if not known:
        return f"{said}, of unknown size"
    said += f", {f'{known:,} of them ' if start.unknown else ''}{plural(start.tokens, 'token')}"
    if start.estimated:
        said += ", estimated" if start.estimated == known else f", {start.estimated:,} estimated"
    return said + (f"; the size of {start.unknown:,} is unknown" if start.unknown else "")


class _Step(NamedTuple):
    command: str
    what: str


def _next(seen: Overview) -> list[str]:
    steps = [*_steps(seen)]
    wide = max(len(step.command) for step in steps)
    return ["Next:", *(f"  {step.command:<{wide}}  {step.what}" for step in steps)]


def _steps(seen: Overview) -> Iterator[_Step]:
    places = Places(seen.layout)
    hosts = [agent.host for agent in seen.agents] or hosts_with("install")
    able = [host for host in hosts if host in hosts_with("install")]
    lacking = [host for host in able if not installed(installation_of(host), places)]
    for host in lacking:
        yield _Step(f"ctxuse setup {host}", f"have {title_of(host)} record from now on")
    if not lacking and not seen.layout.has_marker:
        yield _Step("ctxuse init", "make this a workspace, which has a log")
    for agent in seen.agents:
        if agent.beyond:
            what = "write what its transcripts tell into the log"
            yield _Step(f"ctxuse import {agent.host}", what)
    if seen.in_log:
        yield _Step("ctxuse serve", "look at it on a page")
    yield _Step("ctxuse --help", "all commands")


def _agents() -> str:
    *most, last = map(title_of, hosts_with("transcript"))
    return f"{', '.join(most)} or {last}"


class _Project(NamedTuple):
    """A project in which there were sessions."""

    root: str
    sessions: set[tuple[str, str]]
    since_ns: int | None


def _elsewhere(found: Sequence[Session], of: Sequence[str], places: Places) -> str:
    """The projects in which there were sessions."""
    if not found:
        where = [path for host in hosts_with("transcript") for path in places.transcript_dirs(host)]
        return (
            f"No project here, and no session of {_agents()} in"
            f" {listed([_short(path, places) for path in where], visible)}\n"
        )
    columns: list[Column[_Project]] = [
        Column("Project", "", lambda p: _short(p.root, places), right=False),
        Column("Sessions", "", lambda p: len(p.sessions)),
        Column("Since", "", lambda p: Moment(p.since_ns)),
    ]
    notes = ["No project here. In one of these, ctxuse shows it; ctxuse --help lists all commands"]
    table = Table(columns, _projects(found, of), notes=notes)
    return as_text(table, width=common.width(), color=common.with_color())


def _projects(found: Sequence[Session], of: Sequence[str]) -> list[_Project]:
    grouped: defaultdict[str, list[Session]] = defaultdict(list)
    for one, root in zip(found, of, strict=True):
        if not one.head.nested:
            grouped[root].append(one)
    projects = []
    for root, kept in grouped.items():
        times = [parse_ns(one.head.at) for one in kept if one.head.at is not None]
        since_ns = min((at_ns for at_ns in times if at_ns is not None), default=None)
        sessions = {(one.host, one.head.session or one.path) for one in kept}
        projects.append(_Project(root, sessions, since_ns))
    return sorted(projects, key=lambda p: (-len(p.sessions), p.root))


def _short(path: str, places: Places) -> str:
    """A path as people write it."""
    if path == places.home or path.startswith(places.home + os.sep):
        return "~" + path[len(places.home) :]
    return path
