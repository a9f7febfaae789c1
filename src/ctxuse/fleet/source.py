"""One workspace of a fleet: where it is, and what may be shown of that."""

import os
import re

import msgspec

from ctxuse.errors import CtxuseError
from ctxuse.files import what_happened
from ctxuse.fleet.pieces import Part
from ctxuse.layout import USAGE_DIR, WorkspaceLayout
from ctxuse.redaction import hidden, without_credentials, without_secrets


class Source(msgspec.Struct, frozen=True):
    """A workspace that was found.

    Attributes:
        address: Where it is, as it is shown: without user, password and query. No two of those
            that are found together share one.
        url: Its root's address; empty for a folder of this machine.
        root: Its root, as the system names it; empty for others.
        logs: Of others, the files below ``_usage`` that hold events, with their sizes in bytes.
        size: Bytes of its logs.
        packed: Where packs beside it hold pieces of its logs.
    """

    address: str
    url: str = ""
    root: bytes = b""
    logs: tuple[tuple[str, int], ...] = ()
    size: int = 0
    packed: tuple[Part, ...] = ()

    @property
    def layout(self) -> WorkspaceLayout | None:
        """Its layout; None when it is not a folder of this machine."""
        return WorkspaceLayout(os.fsdecode(self.root)) if self.root else None

    @property
    def place(self) -> str:
        """Its root as a place: a path or an address."""
        return self.url or os.fsdecode(self.root)

    @property
    def parent(self) -> str:
        """The place it lies in."""
        if not self.url:
            return os.path.dirname(self.place)
        above = self.url.rstrip("/").rpartition("/")[0]
        return f"{above}/" if above.endswith(":/") else above

    @property
    def folder(self) -> str:
        """The name of its root in that."""
        return self.url.rstrip("/").rpartition("/")[2] if self.url else os.path.basename(self.place)

    @property
    def packs(self) -> set[str]:
        """The names of these packs."""
        return {part.pack for part in self.packed}

    @property
    def is_in_packs_alone(self) -> bool:
        """Whether it is no workspace of this machine any more, but packs hold logs of it."""
        layout = self.layout
        return bool(self.packed) and layout is not None and not layout.has_marker

    @property
    def usage_url(self) -> str:
        """The address of its folder ``_usage``."""
        return f"{self.url.removesuffix('/')}/{'/'.join(USAGE_DIR)}"

    @property
    def name(self) -> str:
        """What tells it from every other one: its address without credentials, or its path.

        It is not to be shown: what an address has in the place of credentials may belong to it.
        """
        return without_credentials(self.url) if self.url else shown_path(os.fsdecode(self.root))


def shown_path(path: str) -> str:
    """Return a path of this machine as text that can be written as UTF-8, another for each."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:  # no path can be that
        return path.encode("utf-8", "backslashreplace").decode()
    shown = raw.decode("utf-8", "backslashreplace")
    if os.sep != "\\" and _ESCAPED.search(shown):
        shown = raw.replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")
    return shown


_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")


def shown_address(url: str) -> str:
    """Return an address as it is shown."""
    return shown_path(hidden(url))


def shown_place(place: str) -> str:
    """Return what somebody named, a path or an address, as it may be shown."""
    return shown_address(place) if is_address(place) else shown_path(place)


def is_address(place: str) -> bool:
    """Whether `place` is an address such as ``s3://…``, not a path."""
    return "://" in place


_LOCAL_SCHEMES = ("file://", "local://")


def without_local_scheme(place: str) -> str:
    """Return an address of this machine's files as the path it is; others as they are."""
    for scheme in _LOCAL_SCHEMES:
        place = place.removeprefix(scheme)
    return place


_MOST_SAID = 300


def reason_of(error: BaseException, url: str = "") -> str:
    """Return what `error` says of what is at `url`, in one line, without secrets."""
    if isinstance(error, CtxuseError):
        said = str(getattr(error, "reason", "") or error)
    elif isinstance(error, FileNotFoundError):
        said = "it does not exist"
    elif isinstance(error, OSError):
        said = what_happened(error)
    else:
        said = f"{type(error).__name__}: {error}"
    return without_secrets(" ".join(said.split()), url)[:_MOST_SAID]
