"""Who is let in: nobody but a browser or program of this machine that knows the address.

A page elsewhere may make a browser ask us (a foreign origin), or bring its own name to point here
(a foreign host); neither knows the token, and neither is answered. Every answer forbids what a page
of ours does not need.
"""

import hmac
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every answer of ours says; what is no HTTP is refused before it comes here."""

MOST_ADDRESS = 8192
"""Bytes that a path with its query may have."""


class Guard:
    """Lets through what may pass, with the token taken off the path.

    Args:
        app: What answers.
        token: The first part of every path.
        hosts: The names and ports under which we are called, as in ``127.0.0.1:8427``.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            refusal.headers["connection"] = "close"  # one answer, whatever else is asked on it
            await refusal(scope, receive, with_headers)
            return
        prefix = f"/{self._token.decode()}"
        inner = dict(scope)
        inner["path"] = scope["path"][len(prefix) :]
        inner["raw_path"] = scope["raw_path"][len(prefix) :]
        await self._app(inner, receive, with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return PlainTextResponse("this is no host of ours", 421)
        origins = headers.getlist("origin")
        if any(origin not in self._origins for origin in origins):
            return PlainTextResponse("a page of another origin may not ask", 403)
        opens_a_page = (headers.getlist("sec-fetch-mode"), headers.getlist("sec-fetch-dest")) == (
            ["navigate"],
            ["document"],
        )
        if not opens_a_page and {*headers.getlist("sec-fetch-site")} - {"none", "same-origin"}:
            return PlainTextResponse("a page of another site may not ask", 403)
        if scope["method"] != "GET":
            return PlainTextResponse("only GET", 405, {"allow": "GET"})
        raw = scope["raw_path"]
        if len(raw) + len(scope["query_string"]) > MOST_ADDRESS:
            return PlainTextResponse("the address is too long", 414)
        first, _, rest = raw.removeprefix(b"/").partition(b"/")
        if not hmac.compare_digest(first, self._token):
            return PlainTextResponse(
                "the address lacks its token: use the one that ctxuse serve printed", 403
            )
        if not raw.startswith(b"/" + self._token + b"/") or b"%" in rest or b"\\" in rest:
            return PlainTextResponse("there is nothing here", 404)
        return None
