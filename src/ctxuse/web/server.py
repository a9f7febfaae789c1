"""Opens the socket on loopback, says where the page is, and serves until it is interrupted."""

import errno
import socket
from collections.abc import Callable, Mapping
from functools import partial

import uvicorn

from ctxuse.cache import cache_of
from ctxuse.counting.tuning import Reading
from ctxuse.errors import ServeError
from ctxuse.files import what_happened
from ctxuse.layout import WorkspaceLayout
from ctxuse.web.address import AddressFile, SavedAddress
from ctxuse.web.app import Site
from ctxuse.web.connections import AT_ONCE, Connection, Limits, Room, usual_limits
from ctxuse.web.guard import Guard
from ctxuse.zones import Zone

LOOPBACK = "127.0.0.1"

USUAL_PORT = 8427
"""The port that is tried where none is asked for and none was used before."""

_WWW = 80
"""The port that browsers do not name."""

_WAITING = 65_535
"""Connections that the system is asked to keep until they are accepted; it keeps what it allows."""

_SILENT: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"none": {"class": "logging.NullHandler"}},
    "loggers": {
        name: {"handlers": ["none"], "propagate": False} for name in ("uvicorn", "asyncio")
    },
}
"""What others do to us is not told on the terminal of whoever serves."""


def serve(  # noqa: PLR0913 - what serving depends on
    layout: WorkspaceLayout,
    *,
    title: str,
    zone: Zone,
    port: int | None = None,
    renew: bool = False,
    environ: Mapping[str, str],
    ready: Callable[[str, AddressFile], object],
    limits: Limits | None = None,
) -> None:
    """Serve a workspace's page until interrupted.

    Args:
        layout: The workspace.
        title: What it is called.
        zone: The time zone in which days are counted and times are shown.
        port: The port; None takes that of the last time, or `USUAL_PORT`, or any free one.
        renew: Give the page a new address: the one before leads nowhere from then on.
        environ: The environment, for where the user's state directory is.
        ready: Told the address, and the file that keeps it, when it can be opened.
        limits: What connections may take; those of the system leave the usual ones when None.

    Raises:
        ServeError: The port cannot be opened.
        OSError: The address was to be a new one, and the one before cannot be forgotten.
    """
    file = AddressFile(layout, environ)
    door = file.door(renew=renew)
    with _opened(port, door.port) as opened:
        number = opened.getsockname()[1]
        door = SavedAddress(door.token, number)
        file.keep(door)
        names = (LOOPBACK, "localhost")
        hosts = [f"{name}:{number}" for name in names] + [*(names if number == _WWW else ())]
        site = Site(layout, Reading(cache_of(environ)), title=title, zone=zone)
        app = Guard(site.app(), token=door.token, hosts=hosts)
        room = Room(limits or usual_limits())
        config = uvicorn.Config(
            app,
            http=partial(Connection, room=room),  # type: ignore[arg-type] # a class, but for that
            ws="none",
            loop="asyncio",
            access_log=False,
            log_config=_SILENT,
            server_header=False,
            date_header=False,
            lifespan="on",
            backlog=AT_ONCE,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=30,
        )
        address = f"http://{LOOPBACK}:{number}/{door.token}/"
        _Server(config, room, lambda: ready(address, file)).run(sockets=[opened])


class _Server(uvicorn.Server):
    """Says when it is ready, and closes connections that say nothing."""

    def __init__(self, config: uvicorn.Config, room: Room, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._room = room
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            for opened in sockets or ():
                opened.listen(_WAITING)  # asyncio takes as many at once as it lets wait
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        self._room.close_silent()
        return await super().on_tick(counter)


def _opened(port: int | None, last: int) -> socket.socket:
    """A socket on loopback, and nowhere else."""
    tried = [port] if port is not None else [*([last] if last else []), USUAL_PORT, 0]
    # The protocol is named because asyncio turns off the delay of small packets only where it is.
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for number in tried:
            try:
                opened.bind((LOOPBACK, number))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or number == tried[-1]:
                    raise ServeError(number, what_happened(error)) from error
            else:
                return opened
    except BaseException:
        opened.close()
        raise
    return opened
