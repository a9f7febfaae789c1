"""How far a log was sent to an endpoint, kept in the user's state directory.

A file of the log is known again by what it held: a hash of its beginning and one of the bytes
before the mark. So a log that is archived goes on where it went, and one that is another begins
anew. A mark is put down when the endpoint has acknowledged what stands before it, on the disk; who
is killed between the two sends that batch once more, and no other.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from ctxuse.cache import Cache
from ctxuse.errors import FleetError, SendingElsewhereError
from ctxuse.layout import lacks_home, state_dir
from ctxuse.log.reader import OpenLog, pread
from ctxuse.remembered import digest

_EDGE = 4096
_VERSION = 1
_PATIENCE = 1.0


class Reached(msgspec.Struct, array_like=True, frozen=True):
    """A place in a file of the log before which everything was sent.

    Attributes:
        offset: Bytes before it.
        head: A hash of the first 4 KiB of these.
        tail: A hash of the last 4 KiB of these.
    """

    offset: int
    head: str
    tail: str

    @classmethod
    def of(cls, log: OpenLog, offset: int) -> "Reached":
        """Return the place behind the first `offset` bytes of a file."""
        edge = min(_EDGE, offset)
        head, tail = pread(log.descriptor, edge, 0), pread(log.descriptor, edge, offset - edge)
        return cls(offset, digest(head), digest(tail))


class _Stored(msgspec.Struct):
    version: int
    files: list[Reached]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


class Marks:
    """How far the files of a log were sent.

    Args:
        environ: The environment, for where the user's state directory is.
        name: What tells the workspace from every other one: a path without links, or an address.
        endpoint: Where it is sent.
    """

    def __init__(self, environ: Mapping[str, str], name: str, endpoint: str) -> None:
        self._where = endpoint
        self._path = os.path.join(state_dir(environ), "otlp")
        self._store = Cache(self._path, most=2**62, prune_every=2**62)
        self._key = digest(os.fsencode(name) + b"\0" + os.fsencode(endpoint)) + ".sent"
        self._has_home = not lacks_home(self._path, environ)
        self._is_proved = False
        self._files = self._stored()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See to it that nobody else sends this log there meanwhile, and begin where they ended.

        Raises:
            SendingElsewhereError: Somebody does.
        """
        with self._store.alone(f"{self._key}-alone", _PATIENCE) as is_alone:
            if not is_alone:
                reason = "another process sends this log there just now"
                raise SendingElsewhereError(self._where, reason)
            self._files = self._stored()
            yield

    def prove(self) -> None:
        """See to it, before anything is sent, that it can be put down.

        Raises:
            FleetError: Nothing can be kept there, so nothing is to be sent.
        """
        if not self._has_home:
            raise self._not_kept()
        if not self._is_proved:
            self._keep()
            self._is_proved = True

    @property
    def is_new(self) -> bool:
        """Whether nothing was sent so far."""
        return not self._files

    def of(self, log: OpenLog) -> int:
        """Return how many bytes of a file were sent."""
        head = digest(pread(log.descriptor, min(_EDGE, log.end), 0))
        near = {
            one
            for one in self._files
            if 0 < one.offset <= log.end and (one.offset < _EDGE or one.head == head)
        }  # of the marks of other files mostly the beginning is another
        ends = {one.offset for one in near}
        return max((end for end in ends if Reached.of(log, end) in near), default=0)

    def reached(self, log: OpenLog, before: int, offset: int) -> None:
        """Put down that a file was sent up to a place, and on the disk.

        Args:
            log: The file.
            before: Up to where it had been.
            offset: The place.

        Raises:
            FleetError: It could not be put down.
        """
        mark = Reached.of(log, offset)
        former = Reached.of(log, before) if before else None
        self._files = [one for one in self._files if one != former] + [mark]
        self._keep()

    def _stored(self) -> list[Reached]:
        data = self._store.load(self._key) if self._has_home else None
        try:
            stored = None if data is None else _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            stored = None
        return stored.files if stored is not None and stored.version == _VERSION else []

    def _keep(self) -> None:
        data = _encode(_Stored(_VERSION, self._files))
        self._store.save(self._key, data, sync=True)
        if self._store.load(self._key) != data:
            raise self._not_kept()

    def _not_kept(self) -> FleetError:
        reason = "how far a log was sent cannot be kept here; XDG_STATE_HOME names another place"
        return FleetError(self._path, reason)
