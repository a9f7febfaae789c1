"""What is where: pages, their assets, the stream of changes, and the JSON API."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlencode

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ctxuse.counting.tuning import Reading
from ctxuse.errors import CtxuseError
from ctxuse.hosts.ondisk import files_called, size_now
from ctxuse.hosts.places import Places
from ctxuse.layout import WorkspaceLayout
from ctxuse.render.page.charts import engine_runs
from ctxuse.render.page.html import (
    LivePage,
    asset,
    live_html,
    problem_html,
    record_html,
    session_html,
    style,
)
from ctxuse.reports.full import FullReport, FullReportRecord
from ctxuse.reports.history import RecordHistory
from ctxuse.reports.making import (
    make_cost_report,
    make_costs,
    make_full_report,
    make_grouped_report,
    make_session_report,
    records_on_disk,
)
from ctxuse.reports.report import Rows
from ctxuse.reports.session import Costs, SessionReport
from ctxuse.web.guard import MOST_ADDRESS
from ctxuse.web.live import BusyError, GoneError, Live, Parts
from ctxuse.web.parameters import (
    COUNTING,
    BadQueryError,
    NotThereError,
    Parameters,
    read,
    record_name,
)
from ctxuse.web.schema import document
from ctxuse.zones import UTC, Zone

MOST_LISTENERS = 64
"""So many pages may wait for changes at a time."""

STYLE, SCRIPT = "text/css", "text/javascript"

_Answering = Callable[[Request], Awaitable[Response]]
_Problem = Callable[[str, int], Response]


class Site:
    """The pages and the API of one workspace.

    Args:
        layout: The workspace.
        reading: How its log is read.
        title: What it is called.
        zone: The time zone where an address names none.
        live: What computes each answer once.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        reading: Reading,
        *,
        title: str,
        zone: Zone = UTC,
        live: Live | None = None,
    ) -> None:
        self._layout = layout
        self._reading = reading
        self._places = Places(layout)
        self._title = title
        self._zone = zone
        self._listeners = 0
        self._was_shown = False
        self.live = Live(layout) if live is None else live

    def app(self) -> Starlette:
        """Return it as an application; who may come in is not its business."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            watching = asyncio.create_task(self.live.watch())
            try:
                yield
            finally:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching

        pages: Mapping[str, _Answering] = {
            "/": self.overview, "/record": self.record, "/session": self.session,
        }  # fmt: skip
        api: Mapping[str, _Answering] = {
            "/api/report": self.api_report,
            "/api/record": self.api_record,
            "/api/groups": self.api_groups,
            "/api/cost": self.api_cost,
            "/api/session": self.api_session,
            "/api/version": self.api_version,
            "/api/openapi.json": self.api_schema,
            "/changes": self.changes,
        }
        assets: Mapping[str, _Answering] = {
            "/assets/page.css": _asset(style(), STYLE),
            "/assets/page.js": _asset(asset("page.js"), SCRIPT),
            "/assets/live.js": _asset(asset("live.js"), SCRIPT),
        }
        routes = [Route(path, _careful(answer, self._page_says)) for path, answer in pages.items()]
        routes += [Route(path, _careful(answer, _json_says)) for path, answer in api.items()]
        routes += [Route(path, answer) for path, answer in assets.items()]
        nothing = {404: _nothing_here}
        app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=nothing)
        app.router.redirect_slashes = False
        return app

    async def overview(self, request: Request) -> Response:
        """The page of all records."""
        asked = self._asked(request, COUNTING, form=True)
        # the first one does not wait for the charts' engine, which takes longest of all to start
        with_charts = self._was_shown or engine_runs()
        self._was_shown = True

        def drawn(parts: Parts) -> str:
            report = self._full(asked, parts)
            report = report.with_disk(records_on_disk(report.basic, self._places))
            return live_html(
                report.chosen(Rows(sort="tokens")),
                title=self._title,
                live=self._page(asked, parts.version if with_charts else ""),
                address=lambda record: _address(record, asked),
                costs=self._costs(asked, parts),
                session=lambda segment: _session_address(segment, asked),
            )

        return HTMLResponse(
            await self._answer(request, ("page", asked.counting, with_charts), drawn)
        )

    async def record(self, request: Request) -> Response:
        """The page of one record."""
        asked = self._asked(request, (*COUNTING, "name"), form=True)
        which = _record(asked)

        def drawn(parts: Parts) -> str:
            page = self._page(asked, parts.version, ("name", record_name(*which)))
            return record_html(*which, self._full(asked, parts), live=page)

        return HTMLResponse(await self._answer(request, ("page", asked.counting, which), drawn))

    async def session(self, request: Request) -> Response:
        """The page of one session."""
        asked = self._asked(request, (*COUNTING, "segment"), form=True)

        def drawn(parts: Parts) -> str:
            found = self._session(asked.segment)
            page = self._page(asked, parts.version, ("segment", asked.segment))
            return session_html(found, asked.zone, live=page)

        key = ("session", asked.counting, asked.segment)
        return HTMLResponse(await self._answer(request, key, drawn))

    async def changes(self, request: Request) -> Response:
        """The stream of server-sent events: one whenever the log has changed, and one at once."""
        self._asked(request, ())
        if self._listeners >= MOST_LISTENERS:
            raise BusyError
        self._listeners += 1
        return _Stream(self._versions(), self._left)

    async def _versions(self) -> AsyncIterator[ServerSentEvent]:
        known = ""
        while True:
            known = await self.live.wait(known)
            yield ServerSentEvent(event="version", data=known, retry=1000)

    def _left(self) -> None:
        self._listeners -= 1

    async def api_report(self, request: Request) -> Response:
        """Every record that is in an event."""
        asked = self._asked(request, COUNTING)
        key = ("report", asked.counting)
        return await self._fields(request, key, lambda parts: self._full(asked, parts).fields())

    async def api_record(self, request: Request) -> Response:
        """One record over time."""
        asked = self._asked(request, (*COUNTING, "kind", "slug"))
        which = _record(asked)

        def history(parts: Parts) -> Mapping[str, object]:
            now, files = size_now(self._places, *which), files_called(self._places, *which)
            return RecordHistory.of(*which, self._full(asked, parts), now, files).fields()

        return await self._fields(request, ("record", asked.counting, which), history)

    async def api_groups(self, request: Request) -> Response:
        """By day, week, segment, host, source, model and the like."""
        asked = self._asked(request, (*COUNTING, "by"))

        def grouped(_: Parts) -> Mapping[str, object]:
            query = asked.query()
            return make_grouped_report(self._layout, query, asked.by, self._reading).fields()

        return await self._fields(request, ("groups", asked.counting, asked.by), grouped)

    async def api_cost(self, request: Request) -> Response:
        """What the requests of a window came to."""
        asked = self._asked(request, ("since", "until", "tz"))

        def cost(_: Parts) -> Mapping[str, object]:
            return make_cost_report(self._layout, asked.query(), self._reading).fields()

        return await self._fields(request, ("cost", asked.counting), cost)

    async def api_session(self, request: Request) -> Response:
        """One session, request by request."""
        segment = self._asked(request, ("segment",)).segment
        key = ("api session", segment)
        return await self._fields(request, key, lambda _: self._session(segment).fields())

    async def api_version(self, request: Request) -> Response:
        """Another text when the log has changed."""
        self._asked(request, ())
        return _as_json(_json({"version": self.live.version}))

    async def api_schema(self, request: Request) -> Response:
        """What the API answers."""
        self._asked(request, ())
        return _as_json(_json(document()))

    async def _answer(
        self, request: Request, key: tuple[object, ...], compute: Callable[[Parts], str]
    ) -> str:
        return await self.live.answer(key, compute, gone=request.is_disconnected)

    async def _fields(
        self,
        request: Request,
        key: tuple[object, ...],
        compute: Callable[[Parts], Mapping[str, object]],
    ) -> Response:
        """What `compute` gives, as JSON."""
        return _as_json(await self._answer(request, key, lambda parts: _json(compute(parts))))

    def _full(self, asked: Parameters, parts: Parts) -> FullReport:
        """The report that is asked for, of the version of `parts`, with files as they are now."""

        def counted() -> FullReport:
            return make_full_report(self._layout, asked.query(), self._reading)

        report = parts.part(("counted", asked.counting), counted, moves=asked.moves)
        return report.with_files(partial(size_now, self._places))

    def _session(self, segment: str) -> SessionReport:
        """The report on a session or sub-agent; how its id begins may be enough."""
        if not segment:
            message = "segment is missing: the id of a session, or how it begins"
            raise BadQueryError(message)
        found = make_session_report(self._layout, segment)
        if isinstance(found, SessionReport):
            return found
        message = "several sessions begin so" if found else "no session is called so"
        raise NotThereError(f"segment: {message}")

    def _costs(self, asked: Parameters, parts: Parts) -> Costs:
        """What the requests that are asked for came to."""

        def counted() -> Costs:
            return make_costs(self._layout, asked.query(), self._reading)

        return parts.part(("costs", asked.counting), counted, moves=asked.moves)

    def _asked(
        self, request: Request, allowed: tuple[str, ...], *, form: bool = False
    ) -> Parameters:
        query = request.query_params.multi_items()
        return read(query, allowed=allowed, zone=self._zone, form=form)

    def _page(self, asked: Parameters, version: str, of: tuple[str, str] | None = None) -> LivePage:
        """What a page has on top; it carries along what it is of, and what its form cannot show."""
        kept = [("actor", actor) for actor in asked.actors[1:]]
        kept += [("without", actor) for actor in asked.without if actor != "maintenance"]
        kept += [of] if of else []
        return LivePage(
            version=version,
            zone=self._zone.name,
            since=asked.since,
            until=asked.until,
            tz=asked.tz,
            actor=asked.actors[0] if asked.actors else "",
            without="maintenance" in asked.without,
            up=f"./?{asked.counting}" if of else "",
            kept=kept,
        )

    def _page_says(self, message: str, status: int) -> Response:
        page = LivePage(self.live.version, zone=self._zone.name, up="./")
        return HTMLResponse(problem_html(message, page), status)


class _Stream(EventSourceResponse):
    """A stream that tells when it has ended, however it did."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], left: Callable[[], None]) -> None:
        super().__init__(events, ping=15)
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


def _record(asked: Parameters) -> tuple[str, str]:
    if asked.record is None:
        message = "which record is meant is not said"
        raise BadQueryError(message)
    return asked.record


def _address(record: FullReportRecord, asked: Parameters) -> str | None:
    which = urlencode({"name": record_name(*record.key)}, safe="/")
    address = f"record?{which}&{asked.counting}".rstrip("&")
    return address if len(address) < MOST_ADDRESS - 200 else None


def _session_address(segment: str, asked: Parameters) -> str:
    return f"session?{urlencode({'segment': segment})}&{asked.counting}".rstrip("&")


def _asset(text: str, media: str) -> _Answering:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=media)

    return answer


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)


def _as_json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


def _json_says(message: str, status: int) -> Response:
    return _as_json(_json({"error": message}), status)


def _careful(answer: _Answering, says: _Problem) -> _Answering:
    """What `answer` gives, or what went wrong as a clear answer, whatever that is."""

    async def answering(request: Request) -> Response:
        try:
            return await answer(request)
        except NotThereError as error:
            return says(str(error), 404)
        except BadQueryError as error:
            return says(str(error), 400)
        except CtxuseError as error:
            return says(str(error), 503)
        except BusyError:
            return says("too many ask at once: try again in a moment", 503)
        except GoneError:
            return says("nobody waits for this any more", 503)
        except Exception as error:  # noqa: BLE001 - a server goes on, and says what happened
            logging.getLogger("ctxuse").warning("a request failed: %r", error)
            return says(f"a fault of ctxuse itself: {type(error).__name__}", 500)

    return answering


async def _nothing_here(_: Request, __: Exception) -> Response:
    return PlainTextResponse("there is nothing here", 404)
