"""How many connections are held, and for how long without a request.

Anybody on this machine can open connections, also without knowing the address. One that is being
answered is left alone; the others are silent: nothing was asked yet, or nothing more since the last
answer. A silent one is closed when it has been that for too long and, once there is no room, the
one that is silent for the longest time makes room for the next. So whoever asks gets in, however
many others hold connections open, and descriptors do not run out. Who is refused (`guard`) gets one
answer on a connection, and so cannot have one answered without end.
"""

import asyncio
import time
from contextlib import suppress
from typing import NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ctxuse.web.guard import HEADERS

AT_ONCE = 16
"""So many connections are accepted before those that have to go are closed."""

_FEWEST, _MOST = 8, 512
_OTHERS = 64
"""Descriptors that are left to logs, pipes and libraries."""


class Limits(NamedTuple):
    """What connections may take.

    Attributes:
        most: So many are held at a time.
        silent: Seconds that one is held without a whole request.
    """

    most: int
    silent: float = 30.0


def usual_limits() -> Limits:
    """Return limits that keep well below the descriptors that this process may have."""
    with suppress(ImportError):
        import resource  # noqa: PLC0415 - not on every system

        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors != resource.RLIM_INFINITY:
            return Limits(max(_FEWEST, min(_MOST, (descriptors - _OTHERS) // 2)))
    return Limits(_MOST)


class Room:
    """The connections that are held.

    Args:
        limits: What they may take.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._silent: dict[Connection, float] = {}  # since when, the longest time first
        self._answered: set[Connection] = set()

    def is_silent(self, connection: "Connection") -> None:
        """Take note of one that asks for nothing; if there is no room, close the first of these."""
        self._answered.discard(connection)
        self._silent.setdefault(connection, time.monotonic())
        if len(self._silent) + len(self._answered) > self._limits.most:
            self._close(next(iter(self._silent)))

    def is_answered(self, connection: "Connection") -> None:
        """Take note of one that asked for something."""
        self._silent.pop(connection, None)
        self._answered.add(connection)

    def is_gone(self, connection: "Connection") -> None:
        """Take note of one that is closed."""
        self._silent.pop(connection, None)
        self._answered.discard(connection)

    def close_silent(self) -> None:
        """Close those that have been silent for too long."""
        until = time.monotonic() - self._limits.silent
        while self._silent:
            connection, since = next(iter(self._silent.items()))
            if since > until:
                return
            self._close(connection)

    def _close(self, connection: "Connection") -> None:
        self.is_gone(connection)
        connection.close()


class Connection(H11Protocol):
    """A connection that tells its room what it does; every answer of its own has our headers."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        room: Room,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._room = room

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin silent."""
        super().connection_made(transport)  # type: ignore[arg-type] # what asyncio gives
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be gone."""
        self._room.is_gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Ask for something, once all of a request is there."""
        super().data_received(data)
        self._tell()

    def on_response_complete(self) -> None:
        """Be silent again, if nothing more was asked for already."""
        super().on_response_complete()
        self._tell()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, unless another answer has begun."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            said = msg.encode("ascii")
            headers = {
                **HEADERS, "content-type": "text/plain; charset=utf-8",
                "content-length": str(len(said)), "connection": "close",
            }  # fmt: skip
            answer = h11.Response(
                status_code=400, headers=[*headers.items()], reason=b"Bad Request"
            )
            for event in (answer, h11.Data(data=said), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def close(self) -> None:
        """Close it; what its peer has not taken by now is lost."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _tell(self) -> None:
        if self.transport.is_closing():
            return
        if getattr(self.cycle, "response_complete", True):  # there is no cycle before a request
            self._room.is_silent(self)
        else:
            self._room.is_answered(self)
