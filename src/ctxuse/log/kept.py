"""The kinds of tally that can be counted by several processes, kept as bytes and remembered."""

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from ctxuse.log.archives import BASIC_SUFFIX
from ctxuse.log.count import count_log
from ctxuse.log.stored import dump, load
from ctxuse.tally import Tally


class Mergeable(Protocol):
    """A tally, of whatever figures."""

    def merge(self, later: Self, /) -> None:
        """Add the tally of lines that stand later in the file."""
        ...


T = TypeVar("T", bound=Mergeable)


class Kept(NamedTuple, Generic[T]):
    """A kind of tally.

    Attributes:
        home: Where this value is, as ``module:name``, for a worker to find it.
        version: Raised whenever the stored form or the rules of counting change.
        suffix: What stands behind the log's name in the name of its checkpoint.
        empty: Makes a tally of nothing.
        tally_of: Counts a stretch of a log in this process: takes the open log, where to begin, and
            by name whom to tell of the `progress` in bytes.
        dump: Makes bytes of a tally.
        load: Makes a tally of bytes; raises ValueError when they hold none.
    """

    home: str
    version: bytes
    suffix: str
    empty: Callable[[], T]
    tally_of: Callable[..., T]
    dump: Callable[[T], bytes]
    load: Callable[[bytes], T]


BASIC = Kept(
    home="ctxuse.log.kept:BASIC",
    version=b"ctxuse checkpoint 3\n",
    suffix=BASIC_SUFFIX,
    empty=Tally,
    tally_of=count_log,
    dump=dump,
    load=load,
)
"""The tally of the reference's figures."""
