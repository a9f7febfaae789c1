"""JSON-RPC 2.0 over two streams, a message a line: what MCP calls its stdio transport.

Strategy: one thread reads; what takes time is answered by a few others, so that a call that waits
holds up nobody. What was accepted is answered also when the client has closed its end, since what
a tool gave is recorded by then.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import Annotated, BinaryIO, Literal

import msgspec

from ctxuse.hosts.jsonlines import with_whole_characters
from ctxuse.visible import visible

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603

LONGEST = 4 * 1024 * 1024
"""Bytes of a message that is read at most."""

PATIENCE = 30.0
"""Seconds that are waited for the last answers."""

_THREADS = 8
_MOST_ACCEPTED = 64
"""Requests under way, and in a batch; the next is looked at when one of them is answered."""

_CHUNK = 64 * 1024

Id = int | str
Params = Mapping[str, object]
Answer = Callable[[str, Params], object]
"""Given a method and its parameters, returns the result, or raises `RpcError`."""


class RpcError(Exception):
    """A request that is answered with an error.

    Args:
        code: The error's number, as JSON-RPC and MCP give it.
        message: What is wrong, for people.
        data: More of it, for programs.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class _Message(msgspec.Struct):
    """A request, a notification (without an id), or an answer (without a method)."""

    jsonrpc: Literal["2.0"]
    id: Id | None = None
    method: str | None = None
    params: dict[str, object] | None = None


class _Numbered(msgspec.Struct):
    id: Id | None = None


_Batch = Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=_MOST_ACCEPTED)]
_decode = msgspec.json.Decoder(_Message).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_encode = msgspec.json.Encoder().encode


class Connection:
    """One client: reads its requests and writes the answers.

    Args:
        incoming: What the client sends.
        outgoing: Where the answers go.
        answer: Answers a request; called by several threads at once.
        at_once: Methods that are answered before the next message is read.
    """

    def __init__(
        self,
        incoming: BinaryIO,
        outgoing: BinaryIO,
        answer: Answer,
        at_once: frozenset[str] = frozenset(),
    ) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._answer, self._at_once = answer, at_once
        self._writing = Lock()
        self._gone = False
        self._accepted = BoundedSemaphore(_MOST_ACCEPTED)
        self._under_way: dict[Id, Future[None]] = {}

    def serve(self) -> bool:
        """Answer until the client closes its end, and return whether all was answered.

        After `PATIENCE` it is not waited any longer for what is still under way.
        """
        pool = ThreadPoolExecutor(_THREADS, "ctxuse-mcp")
        for line in _lines(self._incoming):
            if self._gone:
                break
            for message in _messages(line):
                self._take(message, pool)
        under_way = wait([*self._under_way.values()], PATIENCE).not_done
        pool.shutdown(wait=not under_way, cancel_futures=True)
        return not under_way

    def _take(self, line: bytes | msgspec.Raw | None, pool: ThreadPoolExecutor) -> None:
        """Answer a message, or see to it that it will be."""
        try:
            if line is None:
                raise RpcError(PARSE_ERROR, f"a message of more than {LONGEST:,} bytes")
            message = _message(line)
        except RpcError as error:
            self._write_error(_id_on(line or b""), error)
            return
        method, params = message.method, message.params or {}
        if method is None:
            return  # an answer; nothing was asked
        if message.id is None:
            if method == "notifications/cancelled":
                self._cancel(params.get("requestId"))
        elif method in self._at_once:
            self._reply(message.id, method, params)
        else:
            self._accepted.acquire()  # given back by `_done`
            future = pool.submit(self._reply, message.id, method, params)
            self._under_way[message.id] = future
            future.add_done_callback(partial(self._done, message.id))

    def _done(self, request_id: Id, future: "Future[None]") -> None:
        with suppress(KeyError):
            if self._under_way[request_id] is future:  # an id may be given twice
                del self._under_way[request_id]
        self._accepted.release()

    def _cancel(self, request_id: object) -> None:
        """Take back a request that is not begun; one that is will be answered all the same."""
        if isinstance(request_id, (int, str)) and request_id in self._under_way:
            self._under_way[request_id].cancel()

    def _reply(self, request_id: Id, method: str, params: Params) -> None:
        if self._gone:
            return  # nothing would enter
        try:
            answer = {"jsonrpc": "2.0", "id": request_id, "result": self._answer(method, params)}
            self._write(_encode(answer))
        except RpcError as error:
            self._write_error(request_id, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the client is told
            fault = f"a fault of ctxuse itself: {type(error).__name__}"
            print(f"ctxuse mcp: {fault}: {visible(str(error))}", file=sys.stderr)  # noqa: T201 - hosts keep it
            self._write_error(request_id, RpcError(INTERNAL_ERROR, fault))

    def _write_error(self, request_id: Id | None, error: RpcError) -> None:
        said: dict[str, object] = {"code": error.code, "message": error.message}
        if error.data is not None:
            said["data"] = error.data
        self._write(_encode({"jsonrpc": "2.0", "id": request_id, "error": said}))

    def _write(self, data: bytes) -> None:
        with self._writing:
            try:
                self._outgoing.write(data + b"\n")
                self._outgoing.flush()
            except (OSError, ValueError):  # the client has gone
                self._gone = True


def _messages(line: bytes | None) -> Sequence[bytes | msgspec.Raw | None]:
    """The messages on a line: of a batch, as revision 2025-03-26 has them, each by itself."""
    try:
        return [line] if line is None or line.lstrip()[:1] != b"[" else _decode_batch(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [line]  # it is refused as a whole


def _message(line: bytes | msgspec.Raw) -> _Message:
    try:
        return _decode(line)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"no JSON-RPC message: {visible(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"no JSON: {visible(str(error))}") from None


def _id_on(line: bytes | msgspec.Raw) -> Id | None:
    """The id of what is no proper message, so that its client waits no longer."""
    try:
        return msgspec.json.decode(line, type=_Numbered).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield each line that is not blank; None for one that is too long."""
    while line := stream.readline(LONGEST + 1):
        if len(line) <= LONGEST:
            if not line.isspace():
                yield with_whole_characters(line)
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_CHUNK)
        yield None
