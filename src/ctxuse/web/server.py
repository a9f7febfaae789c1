"""Opens the socket on loopback, says where the page is, and serves until it is interrupted."""

import errno
import os
import socket
from collections.abc import Callable, Mapping

import uvicorn

from ctxuse.errors import ServeError
from ctxuse.web.app import Site
from ctxuse.web.guard import Guard
from ctxuse.web.token import token_for
from ctxuse.workspace import Workspace
from ctxuse.zones import Zone

LOOPBACK = "127.0.0.1"

USUAL_PORT = 8427
"""The port that is tried where none is asked for; when it is taken, any free one is used."""

MOST_REQUESTS = 128
"""So many requests may be under way at once; further ones are answered 503."""


def serve(  # noqa: PLR0913 - what serving depends on
    workspace: Workspace,
    *,
    title: str,
    zone: Zone,
    port: int | None = None,
    renew: bool = False,
    environ: Mapping[str, str] = os.environ,
    ready: Callable[[str], object],
) -> None:
    """Serve a workspace's page until interrupted.

    Args:
        workspace: The workspace.
        title: What it is called.
        zone: The time zone in which days are counted and times are shown.
        port: The port; None takes `USUAL_PORT` or, when that is taken, a free one.
        renew: Give the page a new address: the one before leads nowhere from then on.
        environ: The environment, for where the user's state directory is.
        ready: Told the address when it can be opened.

    Raises:
        ServeError: The port cannot be opened.
    """
    token = token_for(workspace.layout, environ=environ, renew=renew)
    opened = _opened(port)
    with opened:
        number = opened.getsockname()[1]
        hosts = [f"{name}:{number}" for name in (LOOPBACK, "localhost")]
        app = Guard(Site(workspace, title=title, zone=zone).app(), token=token, hosts=hosts)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="critical",
            server_header=False,
            date_header=False,
            lifespan="on",
            limit_concurrency=MOST_REQUESTS,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=30,
        )
        server = _Server(config, lambda: ready(f"http://{LOOPBACK}:{number}/{token}/"))
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _opened(port: int | None) -> socket.socket:
    """A socket on loopback, and nowhere else."""
    tried = USUAL_PORT if port is None else port
    # The protocol is named because asyncio turns off the delay of small packets only where it is.
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((LOOPBACK, tried))
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise ServeError(tried, error.strerror or str(error)) from error
            opened.bind((LOOPBACK, 0))
    except BaseException:
        opened.close()
        raise
    return opened
