"""The lines of transcripts: each is read by a struct that takes of it what is asked for.

No line, however long, deep or broken, ends an import: what cannot be read is counted.
"""

import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from ctxuse.files import closing_fd, open_regular
from ctxuse.log.reader import behind_hole

LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of a line that is looked at; images make some very long."""

Else = list[object] | str | int | float | bool | None
"""What may stand on a line where an object is looked for."""


class Other(msgspec.Struct):
    """An object of which nothing is wanted."""


NOT_SAID = msgspec.Raw(b"null")
"""A part that is left as it is, where there is none."""

_MOST_TYPES = 50
_BUFFER = 256 * 1024
START = 16 * 1024
"""Bytes that are read at a time where only the first lines are wanted."""

OnRead = Callable[[int], object]
"""Told, now and then, how many bytes more have been read."""


class Strange(Counter[str]):
    """Lines that say nothing that is known, by type; of very many types, under one name."""

    def saw(self, kind: str, times: int = 1) -> None:
        """Take note of lines of a type that is not known."""
        known = kind in self or len(self) < _MOST_TYPES
        self[kind[:64] if known else "(others)"] += times


_HALF = re.compile(
    rb"(?<!\\)(\\(?:\\\\)*+)u[dD]"
    rb"(?:[89abAB][0-9a-fA-F]{2}(\\u[dD][c-fC-F][0-9a-fA-F]{2})?+|[c-fC-F][0-9a-fA-F]{2})"
)
"""Half a character, by its escape, with the backslashes before it: an odd number. With its other
half in the last group it is a whole one."""


def with_whole_characters(line: bytes) -> bytes:
    """Return a line of JSON with the sign for what is no character in place of halves of some.

    Hosts cut texts where a character has two halves, and write down the one that is left.
    """
    return _HALF.sub(lambda found: found[0] if found[2] else found[1] + b"ufffd", line)


COMPRESSED = ".zst"
"""How the names of transcripts end that a host has compressed."""

_ALWAYS, _TIMES = 256 * 1024, 300
"""So many bytes a compressed transcript may be, and so many times as many as it has on the disk.

Honest ones are five to thirty times as long. Many small files may be given at once, so that what is
always allowed has to be little."""


def _as_written(file: BinaryIO, path: str) -> AbstractContextManager[BinaryIO]:
    """A file as it was written down: what is compressed is read through that.

    Raises:
        OSError: It is compressed, and the library that reads it is not there.
    """
    if not path.endswith(COMPRESSED):
        return nullcontext(file)
    for module in ("compression.zstd", "backports.zstd"):  # since Python 3.14; before
        with suppress(ModuleNotFoundError):
            opened: AbstractContextManager[BinaryIO] = _Whole(import_module(module), file)
            return opened
    raise OSError(errno.ENOTSUP, "it is compressed; to read it: pip install 'ctxuse[zstd]'", path)


class _Whole:
    """A compressed file whose damage is an `OSError`, as that of others is."""

    def __init__(self, zstd: Any, file: BinaryIO) -> None:  # noqa: ANN401 - one of two modules
        self._file = zstd.ZstdFile(file)
        self._damage = zstd.ZstdError
        self._most = _ALWAYS + _TIMES * os.fstat(file.fileno()).st_size

    def __enter__(self) -> Any:  # noqa: ANN401 - as much of a file as is used here
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def readline(self, size: int) -> bytes:
        """Return the next line, or as much of it. Raises: OSError."""
        try:
            line: bytes = self._file.readline(size)
            if self._file.tell() > self._most:
                raise OSError(errno.EFBIG, f"it is more than {self._most:,} bytes uncompressed")
        except (self._damage, EOFError) as error:
            raise OSError(errno.EIO, f"it is damaged: {error}") from error
        return line

    def seek(self, offset: int) -> None:
        """Go to a place of what was written down. Raises: OSError."""
        try:
            self._file.seek(offset)
        except (self._damage, EOFError) as error:
            raise OSError(errno.EIO, f"it is damaged: {error}") from error


def _end_of_line(file: BinaryIO, at: int, plain: BinaryIO) -> int | None:
    """Pass over the rest of a line from `at` on, and tell where it ends; None if it does not.

    Holes of what is not compressed are not read.
    """
    while rest := file.readline(LONGEST_LINE):
        at += len(rest)
        if rest.endswith(b"\n"):
            return at
        if file is plain:
            raw = os.lseek(plain.fileno(), 0, os.SEEK_CUR)
            behind = behind_hole(plain.fileno(), at, os.fstat(plain.fileno()).st_size)
            os.lseek(plain.fileno(), raw, os.SEEK_SET)  # the buffer takes it for where it left it
            at = plain.seek(max(at, behind))
    return None


L = TypeVar("L")


class Position:
    """Where in a transcript somebody reads.

    Attributes:
        offset: The bytes before what is read next; a line that is not finished is not among them.
    """

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset


class Lines(Generic[L]):
    """Reads the lines of transcripts.

    Args:
        of: The struct that takes of a line what is asked for; all fields have defaults, and take
            whatever stands there.
        buffer: Bytes that are read at a time.
    """

    def __init__(self, of: type[L], buffer: int = _BUFFER) -> None:
        self._of = of
        self._buffer = buffer
        self._decode = msgspec.json.Decoder(of | Else).decode

    def read(
        self,
        path: str,
        strange: Strange | None = None,
        on_read: OnRead | None = None,
        position: Position | None = None,
        end: int | None = None,
    ) -> Iterator[L]:
        """Yield the lines of a transcript that are JSON objects; others are counted in `strange`.

        Args:
            path: The transcript.
            strange: Where lines that are none are counted.
            on_read: Told how much has been read.
            position: Where to begin; it says where the line that is given ends.
            end: No line that begins behind it is read, in bytes; to the end of the file when None.

        Raises:
            OSError: The file cannot be read, or is no regular one.
        """
        read = 0
        position = Position() if position is None else position
        with (
            closing_fd(open_regular(path)) as descriptor,
            open(descriptor, "rb", buffering=self._buffer, closefd=False) as plain,
            _as_written(plain, path) as file,
        ):
            if position.offset:
                file.seek(position.offset)
            while (end is None or position.offset <= end) and (line := file.readline(LONGEST_LINE)):
                read += len(line)
                position.offset += len(line) if line.endswith(b"\n") else 0
                if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                    found: L | str | None = "(line too long)"
                    ended = _end_of_line(file, position.offset + len(line), plain)
                    position.offset = position.offset if ended is None else ended
                else:
                    found = self._line(line)
                if found is not None and not isinstance(found, str):
                    yield found
                elif found is not None and strange is not None:
                    strange[found] += 1
                if on_read is not None and read >= _BUFFER:
                    on_read(read)
                    read = 0
        if on_read is not None:
            on_read(read)

    def _line(self, line: bytes) -> L | str | None:
        """What a line holds; why it is none that is read; None for a blank one."""
        try:
            if not line.isascii():
                line.decode()  # of what is passed over nobody else looks at it
            try:
                found = self._decode(line)
            except msgspec.DecodeError:
                whole = with_whole_characters(line)
                if whole == line:
                    raise
                found = self._decode(whole)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "(no JSON)" if line.strip() else None
        return found if isinstance(found, self._of) else "(no object)"


_raw = msgspec.json.Decoder().decode


def held(part: msgspec.Raw, decode: Callable[[msgspec.Raw], object] = _raw) -> object:
    """Return what a part of a line holds that was left as it was; None for what cannot be held.

    Such a part is only passed over when its line is read: a number in it may be too large. Of it is
    taken what `decode` asks for, else all.
    """
    try:
        return decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
