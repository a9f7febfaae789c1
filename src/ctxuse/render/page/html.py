"""Puts a view into a page."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple, get_args

from msgspec.structs import replace

from ctxuse.errors import MissingExtraError
from ctxuse.events import Actor
from ctxuse.query import UNNAMED
from ctxuse.render import words
from ctxuse.render.fleet import in_workspaces, not_counted, own_report, without_skipped
from ctxuse.render.page import columns
from ctxuse.render.page.recordview import record_view
from ctxuse.render.page.sessionview import cost_view, session_view
from ctxuse.render.page.view import MOST_LINES, Address, CostView, Place, view_of
from ctxuse.render.tables import OnPage
from ctxuse.reports.fleet import FleetReport, SeenWorkspace
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.session import Costs, SessionReport
from ctxuse.visible import visible
from ctxuse.zones import Zone

if TYPE_CHECKING:
    import jinja2


class LivePage(NamedTuple):
    """What a page that a server gives has on top: it loads its assets, and offers windows.

    Attributes:
        version: What the log was when the page was made, for the page to know when it changed;
            empty where its charts are not drawn: then it asks for itself again at once.
        zone: The time zone where none is asked for.
        since: The beginning of the window as its reader wrote it.
        until: Its end, likewise.
        tz: The time zone, likewise.
        actor: Whose uses are counted; empty for everybody's.
        without: Whether uses by maintenance are left out.
        up: Where the page of all records is; empty on that page.
        kept: What else of the address a new window keeps: name and value.
    """

    version: str
    zone: str = "UTC"
    since: str = ""
    until: str = ""
    tz: str = ""
    actor: str = ""
    without: bool = False
    up: str = ""
    kept: Sequence[tuple[str, str]] = ()

    @property
    def actors(self) -> list[tuple[str, str]]:
        """Whose uses can be chosen: value and text, safe to show."""
        known = (*get_args(Actor), UNNAMED)
        other = [self.actor] if self.actor and self.actor not in known else []
        return [("", "all"), *((actor, visible(actor)) for actor in (*known, *other))]


def page_html(  # noqa: PLR0913 - what a page has
    report: FullReport,
    *,
    title: str,
    more: Sequence[str] = (),
    beside: Sequence[columns.Beside] = (),
    costs: Costs | None = None,
    places: Sequence[Place] = (),
) -> str:
    """Return a report as one page of HTML that needs nothing else.

    Args:
        report: The report.
        title: What the workspace is called.
        more: What else it rests on, safe to show.
        beside: Columns before the usual ones.
        costs: What requests came to, where that is wanted.
        places: The workspaces, where it is of many.

    Raises:
        MissingExtraError: The libraries of the extra ``html`` are not installed.
    """
    view = view_of(report, title=title, more=more, beside=beside)
    view = view._replace(
        cost=_costs(costs),
        places=places[:MOST_LINES],
        more_places=max(0, len(places) - MOST_LINES),
    )
    alone = _alone([extra.column for extra in beside])
    return template("page.html").render(view=view, live=None, **alone)


def _costs(
    costs: Costs | None, address: Callable[[str], str] | None = None, *, drawn: bool = True
) -> CostView | None:
    """What a page says of requests; nothing where none is known."""
    if costs is None or not costs.report.cost.requests:
        return None
    return cost_view(costs, address, drawn=drawn)


def fleet_page(report: FleetReport) -> str:
    """Return the fuller figures of many workspaces as one page of HTML that needs nothing else.

    Raises:
        MissingExtraError: The libraries of the extra ``html`` are not installed.
        ValueError: The report has no fuller figures.
    """
    if report.full is None:
        message = "the report has no fuller figures"
        raise ValueError(message)
    number = words.plural(len(report.workspaces), "workspace")
    said = [f"From {number}; records of one kind and slug are one", *not_counted(report, visible)]
    full = replace(report.full, basic=without_skipped(report))
    beside = [_holders(report)] if report.holders else []
    zone = report.evidence.zone
    places = [_place(workspace, zone) for workspace in report.workspaces]
    return page_html(full, title=number, more=said, beside=beside, places=places)


def _place(workspace: SeenWorkspace, zone: Zone) -> Place:
    times = (words.minute(ns, zone) for ns in (workspace.since_ns, workspace.until_ns))
    cells = (visible(workspace.address), words.count(workspace.events), *times)
    return Place(cells, own_report(workspace))


def _holders(report: FleetReport) -> columns.Beside:
    """The column that says in how many of all workspaces a record is."""

    def cell(record: FullReportRecord) -> columns.Cell:
        return columns.Cell(*in_workspaces(report, record.basic))

    meaning = "In how many of all workspaces that were counted there is evidence of the record"
    return columns.Beside(OnPage("in-workspaces", "In", meaning), cell)


def live_html(  # noqa: PLR0913 - what such a page has
    report: FullReport,
    *,
    title: str,
    live: LivePage,
    address: Address,
    costs: Costs | None = None,
    session: Callable[[str], str] | None = None,
) -> str:
    """Return a report as a page for a server to give; see `page_html`.

    `address` says where a record's own page is, `session` where that of a session is.

    Raises:
        MissingExtraError: As `page_html`.
    """
    drawn = bool(live.version)
    view = view_of(report, title=title, address=address, drawn=drawn)
    view = view._replace(cost=_costs(costs, session, drawn=drawn))
    return template("page.html").render(view=view, live=live)


def record_html(kind: str, slug: str, report: FullReport, *, live: LivePage) -> str:
    """Return the page of one record, of which `report` says what is known, for a server to give.

    Raises:
        MissingExtraError: As `page_html`.
    """
    view = record_view(kind, slug, report)
    return template("record.html").render(view=view, live=live)


def session_html(report: SessionReport, zone: Zone, *, live: LivePage | None = None) -> str:
    """Return the page of one session: in one file that needs nothing else, or for a server to give.

    Raises:
        MissingExtraError: As `page_html`.
    """
    view = session_view(report, zone)
    return template("record.html").render(view=view, live=live, **_alone())


def _alone(beside: Sequence[OnPage] = ()) -> dict[str, str]:
    """What a page in one file has in it: its style, its script, and what it may do."""
    css, script = style(beside), asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}';"
        f" script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    return {"policy": policy, "style": css, "script": script}


class _Problem(NamedTuple):
    title: str
    notes: Sequence[str]


def problem_html(message: str, live: LivePage) -> str:
    """Return a page for a server to give where there is none: `message`, safe to show, says why."""
    return template("base.html").render(view=_Problem("This cannot be shown", [message]), live=live)


def style(beside: Sequence[OnPage] = ()) -> str:
    """Return the style of all pages, `beside` the columns before the usual ones."""
    return f"{asset('page.css')}{columns.style(beside)}\n"


def asset(name: str) -> str:
    """Return a file of ours that lies beside this module."""
    return files("ctxuse.render.page").joinpath(name).read_text(encoding="utf-8")


@cache
def template(name: str) -> "jinja2.Template":
    """Return a template of ours, every text in which is escaped.

    Raises:
        MissingExtraError: What fills templates is not installed.
    """
    try:
        import jinja2  # noqa: PLC0415 - only where a page is made
    except ImportError as error:
        raise MissingExtraError("the page", "html") from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
