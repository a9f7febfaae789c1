"""One workspace of a fleet: where it is, and what may be shown of that."""

import os
import re
from contextlib import suppress

import msgspec

from ctxuse.errors import CtxuseError
from ctxuse.files import is_directory, what_happened
from ctxuse.fleet.pieces import Part
from ctxuse.layout import COLLECTED, MARKER, USAGE_DIR, WorkspaceLayout
from ctxuse.log.names import is_log
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
        return bool(self.packed and self.root) and not self._may_hold(*MARKER)

    @property
    def has_own_log(self) -> bool:
        """Whether it has a log that was not collected; also where nobody can say."""
        if self.url:
            return any(is_log(name) for name, _ in self.logs)
        try:
            return any(map(is_log, os.listdir(os.path.join(self.place, *USAGE_DIR))))
        except OSError as error:
            return not isinstance(error, FileNotFoundError | NotADirectoryError)

    @property
    def has_collected(self) -> bool:
        """Whether it has a folder of collected logs of its own; also where nobody can say."""
        if self.url:
            return any(name.startswith(f"{COLLECTED}/") for name, _ in self.logs)
        return self._may_hold(*USAGE_DIR, COLLECTED)

    def _may_hold(self, *folder: str) -> bool:
        """Whether it has a folder, as one of this machine; also where nobody can say."""
        try:
            return is_directory(os.path.join(self.place, *folder))
        except OSError:
            return True

    @property
    def usage_url(self) -> str:
        """The address of its folder ``_usage``."""
        return f"{self.url.removesuffix('/')}/{'/'.join(USAGE_DIR)}"

    @property
    def name(self) -> str:
        """What it is remembered by: its address as it was named, without credentials, or its path.

        It is not to be shown: what an address has in the place of credentials may belong to it.
        """
        return without_credentials(self.url) if self.url else shown_path(os.fsdecode(self.root))

    @property
    def identity(self) -> str:
        """What tells it from every other one; not to be shown either."""
        return identity_of(self.url) if self.url else self.name


def identity_of(url: str) -> str:
    """Return what tells the place at an address from every other one, however it is named.

    That is the kind of file system, and what this one makes of the address: ``s3://`` and
    ``s3a://`` are one. Where there is no such kind here, it is the address.
    """
    bare = without_credentials(url)
    with suppress(ImportError, ValueError):
        from fsspec import (  # type: ignore[import-untyped] # noqa: PLC0415 - only for addresses
            get_filesystem_class,
        )

        kind = get_filesystem_class(url.partition("://")[0])
        server = sorted(kind._get_kwargs_from_urls(bare).items())  # noqa: SLF001 - as fsspec does
        path = kind._strip_protocol(bare).strip("/")  # noqa: SLF001 - likewise
        return f"{kind.__module__}.{kind.__qualname__}\0{server}\0/{path}"
    return bare.rstrip("/")


_BUCKETS = re.compile(r"(?:s3a?|gcs|gs|az|abfss?|oss|obs)://")


def holds_buckets(url: str) -> bool:
    """Whether an address names no bucket, but all of them."""
    scheme, _, rest = url.partition("://")
    return _BUCKETS.fullmatch(f"{scheme}://{rest.rstrip('/')}") is not None


def why_refused(url: str) -> str:
    """Return why an address is one that no command takes; empty where it is not."""
    if "::" in url:
        return "addresses that are chained with :: are neither read nor written"
    if holds_buckets(url):
        return f"it names no bucket: write {url.partition('://')[0]}://BUCKET"
    return ""


def as_text(text: str) -> str:
    """Return `text` with what cannot be written as UTF-8 escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def shown_path(path: str) -> str:
    """Return a path of this machine as text that can be written as UTF-8, another for each."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:  # no path can be that
        return as_text(path)
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


_LOCAL_SCHEME = re.compile(r"(?:file|local)://(?:localhost(?=/))?")


def without_local_scheme(place: str) -> str:
    """Return an address of this machine's files as the path it is; others as they are."""
    scheme = _LOCAL_SCHEME.match(place)
    return place if scheme is None else place[scheme.end() :]


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
    return as_text(without_secrets(" ".join(said.split()), url)[:_MOST_SAID])
