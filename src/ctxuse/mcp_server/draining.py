"""Answering what was accepted: a server whose client closes its end goes on until that is done.

The SDK ends with its input and drops what is under way. But what a tool gave is recorded by then,
so it is to be answered, too.
"""

from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

PATIENCE = 30.0
"""Seconds that are waited for the last answers."""

Incoming = SessionMessage | Exception


class Accepted:
    """The requests that are not answered yet."""

    def __init__(self) -> None:
        self._ids: set[object] = set()
        self._changed = anyio.Event()

    def came(self, message: object) -> None:
        """Take note of what the client sent."""
        if isinstance(message, JSONRPCRequest):
            self._ids.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method.endswith("/cancelled"):
            cancelled = (message.params or {}).get("requestId")  # it is never answered
            if isinstance(cancelled, (int, str)):  # anything else is the id of none
                self._done(cancelled)

    def went(self, message: object) -> None:
        """Take note of what the client was sent."""
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._done(message.id)

    async def answered(self) -> None:
        """Wait until all are answered, but not without end."""
        with anyio.move_on_after(PATIENCE):
            while self._ids:
                await self._changed.wait()
                self._changed = anyio.Event()

    def _done(self, request_id: object) -> None:
        self._ids.discard(request_id)
        self._changed.set()


Inner = TypeVar("Inner", bound=ReadStream[Incoming] | WriteStream[SessionMessage])


class _Watched(Generic[Inner]):
    """A stream whose messages are taken note of.

    Args:
        inner: The stream.
        accepted: Who takes note.
    """

    def __init__(self, inner: Inner, accepted: Accepted) -> None:
        self._inner, self._accepted = inner, accepted

    async def aclose(self) -> None:
        """Close it."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, traceback)


class Input(_Watched[ReadStream[Incoming]]):
    """What the client sends. It ends when the client has ended it and all is answered."""

    @property
    def last_context(self) -> object:
        """The context variables of who sent last, for the SDK."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Incoming:
        """Return the next message. Raises: EndOfStream."""
        try:
            item = await self._inner.receive()
        except anyio.EndOfStream:
            await self._accepted.answered()
            raise
        if isinstance(item, SessionMessage):
            self._accepted.came(item.message)
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Incoming:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None


class Output(_Watched[WriteStream[SessionMessage]]):
    """What the client is sent."""

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message."""
        await self._inner.send(item)
        self._accepted.went(item.message)

    async def aclose(self) -> None:
        """Close it."""
        await self._inner.aclose()
