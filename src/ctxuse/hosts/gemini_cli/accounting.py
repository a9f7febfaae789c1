"""Bytes per token of a session, by the model's own accounting in its chat."""

from collections.abc import Iterable

from ctxuse.hosts.transcripts import LEAST_BYTES


class Accounting:
    """Measures a session's bytes per token: what entered between two responses.

    Its tokens are the difference of what the two took in.

    Attributes:
        samples: The bytes per token of each.

    Args:
        samples: Those that are known already.
    """

    def __init__(self, samples: Iterable[float] = ()) -> None:
        self.samples = [*samples]
        self._bytes = self._total = 0

    def entered(self, length: int) -> None:
        """Take note of bytes that the next response takes in."""
        self._bytes += length

    def answered(self, taken: int) -> None:
        """Take note of the tokens that a response took in."""
        grown = taken - self._total if self._total else 0
        if grown > 0 and self._bytes >= LEAST_BYTES:
            self.samples.append(self._bytes / grown)
        self._total, self._bytes = taken, 0

    def begins_anew(self) -> None:
        """Take note that the history was replaced: what enters now is not known."""
        self._total = self._bytes = 0
