"""What is where: pages, their assets, the stream of changes, and the JSON API."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlencode

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ctxuse.errors import CtxuseError
from ctxuse.fullreport import FullReport, FullReportRecord
from ctxuse.groups import GroupedReport
from ctxuse.places import OTHER_KINDS, Places
from ctxuse.render.page.html import LivePage, asset, live_html, problem_html, record_html, style
from ctxuse.render.record import record_fields
from ctxuse.times import instant
from ctxuse.web.asked import COUNTING, Asked, BadQueryError, read, record_name
from ctxuse.web.live import Live
from ctxuse.web.schema import document
from ctxuse.workspace import Workspace
from ctxuse.zones import UTC, Zone

MOST_LISTENERS = 64
"""So many pages may wait for changes at a time."""

STYLE, SCRIPT = "text/css", "text/javascript"

_Answering = Callable[[Request], Awaitable[Response]]


class Site:
    """The pages and the API of one workspace.

    Args:
        workspace: The workspace.
        title: What it is called.
        zone: The time zone where an address names none.
        live: What computes each answer once.
    """

    def __init__(
        self, workspace: Workspace, *, title: str, zone: Zone = UTC, live: Live | None = None
    ) -> None:
        self._workspace = workspace
        self._title = title
        self._zone = zone
        self._listeners = 0
        self.live = Live(workspace.layout) if live is None else live

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

        pages: Mapping[str, _Answering] = {"/": self.overview, "/record": self.record}
        api: Mapping[str, _Answering] = {
            "/api/report": self.api_report,
            "/api/record": self.api_record,
            "/api/groups": self.api_groups,
            "/api/version": self.api_version,
            "/api/openapi.json": self.api_schema,
        }
        others: Mapping[str, _Answering] = {
            "/assets/page.css": _asset(style(), STYLE),
            "/assets/page.js": _asset(asset("page.js"), SCRIPT),
            "/assets/live.js": _asset(asset("live.js"), SCRIPT),
            "/changes": self.changes,
        }
        routes = [Route(path, _careful(answer, _page_problem)) for path, answer in pages.items()]
        routes += [Route(path, _careful(answer, _json_problem)) for path, answer in api.items()]
        routes += [Route(path, answer) for path, answer in others.items()]
        nothing = {404: _nothing_here}
        app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=nothing)
        app.router.redirect_slashes = False
        return app

    async def overview(self, request: Request) -> Response:
        """The page of all records."""
        asked = self._asked(request, COUNTING, form=True)
        version = self.live.version
        report = await self._full(asked)

        def drawn() -> str:
            others = any(record.basic.kind in OTHER_KINDS for record in report.records)
            on_disk = Places(self._workspace.layout).on_disk(outside=others)
            return live_html(
                report.with_disk(on_disk),
                title=self._title,
                live=self._page(asked, version),
                address=lambda record: _address(record, asked),
            )

        key = ("page", asked.counting)
        return HTMLResponse(await self.live.answer(key, drawn, moves=asked.moves))

    async def record(self, request: Request) -> Response:
        """The page of one record."""
        asked = self._about_record(request, "name", form=True)
        version = self.live.version
        report = await self._full(asked)

        def drawn() -> str:
            page = self._page(asked, version)
            page = page._replace(
                up=f"./?{asked.counting}", kept=(("name", record_name(asked.kind, asked.slug)),)
            )
            return record_html(asked.kind, asked.slug, report, live=page)

        key = ("record", asked.counting, asked.kind, asked.slug)
        return HTMLResponse(await self.live.answer(key, drawn, moves=asked.moves))

    async def changes(self, _: Request) -> Response:
        """The stream of server-sent events: one whenever the log has changed, and one at once."""
        if self._listeners >= MOST_LISTENERS:
            return PlainTextResponse("too many pages are open", 503, {"retry-after": "5"})
        return EventSourceResponse(self._versions(), ping=15, headers={"cache-control": "no-store"})

    async def _versions(self) -> AsyncIterator[ServerSentEvent]:
        self._listeners += 1
        try:
            known = ""
            while True:
                known = await self.live.wait(known)
                yield ServerSentEvent(event="version", data=known, retry=1000)
        finally:
            self._listeners -= 1

    async def api_report(self, request: Request) -> Response:
        """Every record that is in an event."""
        return _json((await self._full(self._asked(request, COUNTING))).fields())

    async def api_record(self, request: Request) -> Response:
        """One record over time."""
        asked = self._about_record(request, "kind", "slug")
        report = await self._full(asked)
        now = Places(self._workspace.layout).now(asked.kind, asked.slug)
        return _json(record_fields(asked.kind, asked.slug, report, now))

    async def api_groups(self, request: Request) -> Response:
        """By day, week, segment, host, source, actor or kind."""
        asked = self._asked(request, (*COUNTING, "by"))

        def computed() -> GroupedReport:
            since, until = asked.window()
            return self._workspace.grouped_report(
                asked.by,
                since=None if since is None else instant(since),
                until=None if until is None else instant(until),
                actors=asked.actors or None,
                without_actors=asked.without,
                zone=asked.zone,
            )

        key = ("groups", asked.counting, asked.by)
        return _json((await self.live.answer(key, computed, moves=asked.moves)).fields())

    async def api_version(self, request: Request) -> Response:
        """Another text when the log has changed."""
        self._asked(request, ())
        return _json({"version": self.live.version})

    async def api_schema(self, _: Request) -> Response:
        """What the API answers."""
        return _json(document())

    async def _full(self, asked: Asked) -> FullReport:
        def computed() -> FullReport:
            since, until = asked.window()
            report = self._workspace.full_report(
                since=None if since is None else instant(since),
                until=None if until is None else instant(until),
                actors=asked.actors or None,
                without_actors=asked.without,
                zone=asked.zone,
            )
            return report.with_files(Places(self._workspace.layout).now)

        key = ("report", asked.counting)
        return await self.live.answer(key, computed, moves=asked.moves)

    def _asked(self, request: Request, allowed: tuple[str, ...], *, form: bool = False) -> Asked:
        query = request.query_params.multi_items()
        return read(query, allowed=allowed, zone=self._zone, form=form)

    def _about_record(self, request: Request, *names: str, form: bool = False) -> Asked:
        asked = self._asked(request, (*COUNTING, *names), form=form)
        if not asked.kind or not asked.slug:
            message = f"{' and '.join(names)} must say which record"
            raise BadQueryError(message)
        return asked

    def _page(self, asked: Asked, version: str) -> LivePage:
        return LivePage(
            version=version,
            zone=self._zone.name,
            since=asked.since,
            until=asked.until,
            tz=asked.tz,
            actor=asked.actors[0] if asked.actors else "",
            without="maintenance" in asked.without,
        )


def _address(record: FullReportRecord, asked: Asked) -> str:
    which = urlencode({"name": record_name(*record.key)}, safe="/")
    return f"record?{which}&{asked.counting}".rstrip("&")


def _asset(text: str, media: str) -> _Answering:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=media)

    return answer


def _json(value: object, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=True)
    return Response(text, status, media_type="application/json")


def _json_problem(message: str, status: int) -> Response:
    return _json({"error": message}, status)


def _page_problem(message: str, status: int) -> Response:
    return HTMLResponse(problem_html(message), status)


def _careful(answer: _Answering, problem: Callable[[str, int], Response]) -> _Answering:
    """What `answer` gives, or what went wrong as a clear answer, whatever that is."""

    async def answering(request: Request) -> Response:
        try:
            return await answer(request)
        except BadQueryError as error:
            return problem(str(error), 400)
        except CtxuseError as error:
            return problem(str(error), 503)
        except Exception as error:  # noqa: BLE001 - a server goes on, and says what happened
            logging.getLogger("ctxuse").warning("a request failed: %r", error)
            return problem(f"a fault of ctxuse itself: {type(error).__name__}", 500)

    return answering


async def _nothing_here(_: Request, __: Exception) -> Response:
    return PlainTextResponse("there is nothing here", 404)
