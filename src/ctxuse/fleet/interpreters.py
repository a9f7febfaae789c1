"""Interpreters of our own as a `concurrent.futures.Executor`: what ``processes`` are.

Each is a process that is told through a pipe which function to call with which bytes, and answers
with bytes. When one is gone, the call it was at fails and says so, no other does, and the next call
starts another. They end with the executor, and with the process that started them.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from queue import SimpleQueue
from threading import Event
from typing import Any, ParamSpec, TypeVar

import msgspec

from ctxuse.processes import (
    LostWorkerError,
    NotAMessageError,
    end_with,
    receive,
    send,
    start_interpreter,
)

P = ParamSpec("P")
T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, str, tuple[bytes, ...]]).decode


class Interpreters(Executor):
    """So many processes of this machine."""

    def __init__(self, workers: int) -> None:
        self._closing = Event()
        self._all = [_Interpreter(self._closing) for _ in range(workers)]
        self._idle: SimpleQueue[_Interpreter] = SimpleQueue()
        for one in self._all:
            self._idle.put(one)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ctxuse-fleet")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a function called in a process.

        Args:
            fn: One of a module, found there by its name; it returns bytes.
            args: Bytes.
            kwargs: None.
        """
        if kwargs:
            raise TypeError("a process takes no arguments by name")
        asked: Any = self._pool.submit(self._call, _encode((fn.__module__, fn.__name__, args)))
        future: Future[T] = asked
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as `Executor`
        """End the processes, also those that are at work: what was asked of these fails."""
        self._closing.set()
        for one in self._all:
            one.end()
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        for one in self._all:
            one.end()

    def _call(self, message: bytes) -> bytes:
        one = self._idle.get()
        try:
            return one.ask(message)
        finally:
            self._idle.put(one)


class _Interpreter:
    """A process that does one thing after the other; when it is gone, the next starts another."""

    def __init__(self, closing: Event) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._closing = closing

    def ask(self, message: bytes) -> bytes:
        """Return the answer.

        Raises:
            LostWorkerError: The process ended meanwhile, or could not do it.
        """
        running = self._running or self._start()
        if running.stdin is None or running.stdout is None:
            raise AssertionError
        answer: bytes | None = None
        try:
            send(running.stdin, message)
            answer = receive(running.stdout)
        except NotAMessageError as error:
            self.end()
            raise LostWorkerError(str(error)) from error
        except (OSError, ValueError):  # a pipe is broken, or closed by `end`
            pass
        if answer is None:
            self.end()
            status = running.returncode
            raise LostWorkerError(f"the process that read it ended with status {status}")
        if answer[:1] != b"+":
            raise LostWorkerError(answer[1:].decode(errors="replace"))
        return answer[1:]

    def end(self) -> None:
        """End the process, if there is one."""
        running, self._running = self._running, None
        if running is not None:
            running.kill()
            running.wait()
            for pipe in (running.stdin, running.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._closing.is_set():
            raise LostWorkerError("no process is started any more")
        program = f"from ctxuse.fleet.interpreters import serve; serve({os.getpid()})"
        try:
            self._running = start_interpreter(program, stdin=subprocess.PIPE)
        except OSError as error:
            raise LostWorkerError(f"no process can be started: {error.strerror}") from error
        return self._running


def serve(parent: int) -> None:
    """Do what stdin asks, answers to stdout, until there is no more: what a process of ours runs.

    Whatever else prints to stdout goes to stderr.

    Args:
        parent: The process that started us, which may be gone by now; then so are we.
    """
    end_with(parent)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked = sys.stdin.buffer
    with answers:
        while (message := receive(asked)) is not None:
            try:
                module, name, parts = _decode(message)
                answer = b"+" + getattr(import_module(module), name)(*parts)
            except Exception as error:  # noqa: BLE001 - who asked decides what becomes of it
                answer = _failed(error)
            try:
                send(answers, answer)
            except NotAMessageError as error:
                send(answers, _failed(error))


def _failed(error: Exception) -> bytes:
    return b"-" + f"{type(error).__name__}: {error}".encode(errors="backslashreplace")
