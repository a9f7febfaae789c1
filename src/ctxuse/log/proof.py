"""Proving the checkpoints: what they give against a full read."""

from dataclasses import dataclass

from ctxuse.layout import WorkspaceLayout
from ctxuse.log.archives import checkpoint_name
from ctxuse.log.checkpoint import cached_tally, forget, load
from ctxuse.log.full import FULL
from ctxuse.log.kept import BASIC
from ctxuse.log.parallel import count_in_parallel
from ctxuse.log.reader import open_logs


@dataclass(frozen=True, slots=True)
class CacheCheck:
    """What the checkpoint of one log file was found to be.

    Attributes:
        file: The log file.
        bytes: How many bytes of it the checkpoint stands for; None when there is none to be used.
        equal: Whether the tally made with it is that of a full read. If not, it was removed.
    """

    file: str
    bytes: int | None
    equal: bool


def check_cache(layout: WorkspaceLayout) -> list[CacheCheck]:
    """Read every file of the log in full and compare with what its checkpoint gives.

    Raises:
        LogUnreadableError: The log exists but cannot be read.
    """
    found: list[CacheCheck] = []
    for log in open_logs(layout):
        stored = load(layout, checkpoint_name(log.name), BASIC)
        equal = cached_tally(layout, log, BASIC) == count_in_parallel(log, BASIC)
        fuller = load(layout, checkpoint_name(log.name, FULL.suffix), FULL)
        if equal and fuller is not None:
            equal = cached_tally(layout, log, FULL) == count_in_parallel(log, FULL)
        if not equal:
            forget(layout, log.name)
        found.append(CacheCheck(log.name, stored.offset if stored else None, equal))
    return found
