"""One workspace of a fleet: where it is, and what may be shown of that."""

import os
import re

import msgspec

from ctxuse.layout import WorkspaceLayout


class Source(msgspec.Struct, frozen=True):
    """A workspace that was found.

    Attributes:
        address: Where it is, as it is shown: without user, password and query.
        url: Its root's address; empty for a folder of this machine.
        root: Its root, as the system names it; empty for others.
        logs: Of others, the files below ``_usage`` that hold events, with their sizes in bytes.
        size: Bytes of its logs.
    """

    address: str
    url: str = ""
    root: bytes = b""
    logs: tuple[tuple[str, int], ...] = ()
    size: int = 0

    @property
    def layout(self) -> WorkspaceLayout | None:
        """Its layout; None when it is not a folder of this machine."""
        return WorkspaceLayout(os.fsdecode(self.root)) if self.root else None

    @property
    def place(self) -> str:
        """Its root as a place: a path or an address."""
        return self.url or os.fsdecode(self.root)


_SECRETS = re.compile(r"(?<=://)[^/@\s]*@|(?<=\S)\?[^\s\"']*=[^\s\"']*")


def without_secrets(text: str, url: str = "") -> str:
    """Return `text` without the user, password and query of the addresses in it.

    Args:
        text: An address, or what somebody says of one.
        url: An address whose user, password and query are to go wherever they stand.
    """
    for found in _SECRETS.finditer(url):
        secret = found[0].strip("@?")
        for part in (secret, secret.partition(":")[2], secret.partition("=")[2]):
            if part:
                text = text.replace(part, "\N{HORIZONTAL ELLIPSIS}")
    return _SECRETS.sub("", text)


def shown_path(path: str) -> str:
    """Return a path of this machine as text that can be written as UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_address(place: str) -> bool:
    """Whether `place` is an address such as ``s3://…``, not a path."""
    return "://" in place
