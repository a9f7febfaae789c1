"""The secret in the address, and the port: kept, so that an address leads to its page again.

Both are kept for each workspace in the user's state directory, in a file that only the user can
read. The secret is random; who knows it may look.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from ctxuse.files import directory_made, read_small, real_path, replacing
from ctxuse.layout import WorkspaceLayout, state_dir

_KEPT = re.compile(r"([A-Za-z0-9_-]{43}) ([0-9]{1,5})")


class SavedAddress(NamedTuple):
    """Where a workspace's page is found.

    Attributes:
        token: The secret.
        port: The port that it was last served at; 0 when it was not yet.
    """

    token: str
    port: int = 0


class AddressFile:
    """The file that keeps it.

    Args:
        layout: The workspace.
        environ: The environment, for where the user's state directory is.
    """

    def __init__(self, layout: WorkspaceLayout, environ: Mapping[str, str]) -> None:
        root = os.fsencode(real_path(layout))
        name = hashlib.sha256(root).hexdigest()[:32]
        self.path = os.path.join(state_dir(environ), "serve", name)

    def door(self, *, renew: bool = False) -> SavedAddress:
        """Return what is kept, or a new one.

        Args:
            renew: Make a new one in any case, and forget the one that is kept.

        Raises:
            OSError: It was to be renewed, and what is kept cannot be removed.
        """
        if renew:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        return self._kept() or SavedAddress(secrets.token_urlsafe(32))

    def keep(self, door: SavedAddress) -> None:
        """Keep it, if that is possible."""
        self._write(self.path, f"{door.token} {door.port}")

    def redirection(self, address: str) -> str:
        """Return the path of a page that leads to `address`, for a browser to be started with.

        What a program is started with can be seen by other users of the machine, the file not.

        Raises:
            OSError: It cannot be written.
        """
        path = f"{self.path}.html"
        text = f'<!doctype html><meta http-equiv="refresh" content="0;url={address}">'
        if not self._write(path, text):
            raise OSError("the page that leads to the address cannot be written: " + path)
        return path

    def _write(self, path: str, text: str) -> bool:
        try:
            directory_made(os.path.dirname(path), 0o700).close()
            with replacing(path) as file:
                file.write(text.encode("ascii"))
        except OSError:
            return False
        return True

    def _kept(self) -> SavedAddress | None:
        """What is kept, if nobody else could have read or written it."""
        try:
            status = os.lstat(self.path)
            text = read_small(self.path, 64).decode("ascii", "replace")
        except OSError:
            return None
        kept = _KEPT.fullmatch(text)
        private = status.st_mode & 0o077 == 0 and status.st_uid == os.getuid()
        return SavedAddress(kept[1], int(kept[2])) if kept and private else None
