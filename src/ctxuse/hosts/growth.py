"""Bytes per token of a session, by what its context grows from one response to the next."""

from collections.abc import Iterable

from ctxuse.hosts.transcripts import LEAST_BYTES


class Growth:
    """Measures a session's bytes per token: what entered between two responses.

    Its tokens are the difference of what the two took in, by the model's own accounting.

    Attributes:
        samples: The bytes per token of each.
    """

    def __init__(self, samples: Iterable[float] = ()) -> None:
        self.samples = [*samples]
        self._bytes = 0
        self._total: int | None = None

    def entered(self, length: int) -> None:
        """Take note of bytes that the next response takes in."""
        self._bytes += length

    def answered(self, total: object) -> None:
        """Take note of how many tokens a response took in; what is no number says nothing."""
        if not isinstance(total, int) or isinstance(total, bool):
            return
        grown = 0 if self._total is None else total - self._total
        if grown > 0 and self._bytes >= LEAST_BYTES:
            self.samples.append(self._bytes / grown)
        self._total, self._bytes = total, 0

    def begins_anew(self) -> None:
        """Take note that something of an unknown size entered, or that all was replaced."""
        self._total, self._bytes = None, 0
