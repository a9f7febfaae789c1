"""Writing packs. What they are stands in `ctxuse.fleet.packs`."""

import errno
import time
from hashlib import sha256

import msgspec

from ctxuse.fleet.folder import LEFT
from ctxuse.fleet.packs import MOST_PIECES, Index, file_of, hash_of, moment
from ctxuse.fleet.pieces import Piece
from ctxuse.fleet.store import Store

_encode = msgspec.json.Encoder().encode


class PackWriter:
    """Writes packs, one after the other.

    Args:
        store: The place where the workspaces are.
        begun: When the compaction began, as names begin with it: no pack is older.
        size: Bytes of a pack, at most, unless one piece alone has more.
    """

    def __init__(self, store: Store, begun: str, size: int) -> None:
        self._store = store
        self._begun = begun
        self._size = size
        self._data = bytearray()
        self._pieces: dict[str, list[Piece]] = {}
        self._number = 0
        self.packs = 0
        self.bytes = 0

    def add(self, folder: str, piece: Piece, data: bytes, *, joins: bool = True) -> None:
        """Add a piece.

        Args:
            folder: The folder of its workspace; those of one follow one another.
            piece: The piece.
            data: Its bytes.
            joins: Whether it may become one with the piece before it that it continues.

        Raises:
            OSError: A pack that was full could not be written.
        """
        if self._data and (len(self._data) + len(data) > self._size or self._number >= MOST_PIECES):
            self.flush()
        its = self._pieces.setdefault(folder, [])
        if joins and its and its[-1].stream == piece.stream and its[-1].end == piece.start:
            its[-1] = its[-1]._replace(end=piece.end, mark=piece.mark)
        else:
            its.append(piece)
            self._number += 1
        self._data += data

    def flush(self) -> None:
        """Write what was added since the last pack.

        Raises:
            OSError: It could not be written.
        """
        if not self._data:
            return
        names = {folder: [piece.name for piece in its] for folder, its in self._pieces.items()}
        data = bytes(self._data)
        index = _encode(Index(sha256(data).hexdigest(), names))
        name = self._written(data, hash_of(index))
        self._store.write(file_of(name, "index"), index, sync=True)
        self.packs += 1
        self.bytes += len(data)
        self._data, self._pieces, self._number = bytearray(), {}, 0

    def _written(self, data: bytes, digest: str) -> str:
        """Write a pack without its index, whose hash is known, and return its name.

        What took so long that it may be removed as left unfinished is written anew.

        Raises:
            OSError: It could not be written, or takes too long again.
        """
        for _ in range(2):
            begin = time.time()
            name = f"{max(self._begun, moment(begin))}-{digest}"
            self._store.write(file_of(name), data, sync=True)
            if time.time() - begin < LEFT / 2:
                return name
        raise OSError(errno.ETIMEDOUT, "a pack takes too long to be written")
