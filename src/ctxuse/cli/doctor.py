"""`ctxuse doctor`: are the counters alive?"""

import json
import os
import textwrap
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from ctxuse.cli import FOUND, common
from ctxuse.doctor import Examination, HostFacts, examine
from ctxuse.hosts.parts import hosts_with, installation_of, title_of
from ctxuse.render.words import count, minute, plural
from ctxuse.times import parse_ns
from ctxuse.visible import visible
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ctxuse.layout import WorkspaceLayout


@click.command("doctor")
@common.workspace_option
@common.format_option("text", "json")
@click.pass_context
def command(context: click.Context, *, layout: "WorkspaceLayout", form: str) -> None:
    """Say what is installed, what has fired, and what can be done.

    Looks at the hooks of every known agent, at the log and at what failed recordings have left.
    Facts about the plumbing and what to do about it; nothing is changed. Where nothing stands in
    the way it says what can be done next, such as importing sessions or installing hooks.

    Exits with 0 when nothing stands in the way, else with 1.

    \b
    Examples:
      ctxuse doctor
      ctxuse doctor --format json | jq '.sources'
    """
    found = examine(Workspace(layout), os.environ)
    if form == "json":
        common.show_json(json.dumps(to_builtins(found), indent=2) + "\n")
    else:
        common.show("".join(visible(line) + "\n" for line in _lines(found)))
    if found.troubles:
        context.exit(FOUND)


def _lines(found: Examination) -> "Iterator[str]":
    yield f"Workspace   {found.root}{'' if found.has_marker else ' (no .yoi/memory/)'}"
    yield f"Log         {_log(found)}"
    for host in found.hosts:
        yield from _host_lines(host)
    yield ""
    yield "Has fired                                  events  last (UTC)"
    for source in found.sources:
        name = f"{source.host or 'unknown host'}, {source.source}"
        yield f"  {name:<38} {count(source.events):>8}  {_minute(source.last)}"
    if not found.sources:
        yield "  nothing yet"
    if found.gone:
        yield ""
        yield "Was resident, and has no file now          last (UTC)"
        for record in found.gone:
            yield f"  {record.kind + '/' + record.slug:<40} {_minute(record.last)}"
    if found.marks:
        yield ""
        yield "Recordings that failed"
        for mark in found.marks:
            yield f"  {_minute(mark.at)}  {mark.what}"
    yield ""
    yield from _last_lines(found)


def _last_lines(found: Examination) -> "Iterator[str]":
    """What stands in the way, and what can be done next."""
    if not found.troubles:
        yield "Nothing stands in the way of recording."
    for trouble in found.troubles:
        yield from _wrapped("! ", trouble.what)
        yield from _wrapped("  → ", trouble.remedy)
    for step in found.next:
        yield ""
        yield from _wrapped("", f"{step.what}.")
        yield from _wrapped("  → ", step.command)


def _wrapped(sign: str, text: str) -> list[str]:
    """A paragraph behind a sign, broken between words."""
    return textwrap.wrap(
        visible(text),
        common.width(),
        initial_indent=sign,
        subsequent_indent=" " * len(sign),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _minute(time: str) -> str:
    return minute(parse_ns(time))


def _log(found: Examination) -> str:
    if found.log_bytes is None and not found.events:
        return "none yet"
    checkpoint = found.checkpoint_bytes
    cache = "no checkpoint" if checkpoint is None else f"a checkpoint of {checkpoint:,} bytes"
    return (
        f"{found.events:,} events, {found.lines_not_counted:,} lines not counted,"
        f" {count(found.log_bytes)} bytes, {cache}"
    )


def _host_lines(host: HostFacts) -> "Iterator[str]":
    if host.host not in hosts_with("install"):
        kept = plural(host.transcripts, "transcript")
        yield f"{title_of(host.host):<11} no hooks of ctxuse are for it; {kept} of sessions here"
        return
    agent = installation_of(host.host)
    title, name = f"{agent.title:<11} ", agent.executable
    for file in sorted({hook.file for hook in host.hooks}):
        events = [hook.event for hook in host.hooks if hook.file == file]
        yield from _wrapped(title, f"hooks for {', '.join(events)} in {file}")
        title = " " * len(title)
    for limit in host.limits:
        yield from _wrapped(f"{title}- ", limit)
    if not host.hooks:
        yield f"{title}no hooks installed"
    program = f"is {host.program}" if host.program else "is not on this path"
    yield f"{' ' * len(title)}its program {name} {program}"
