"""Places for who reads much of the past: each path is looked up once."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.hosts.recordlines import LinesOfRecords
from ctxuse.hosts.texts import Texts
from ctxuse.layout import WorkspaceLayout

_MOST_PATHS = 20_000


class PastPlaces(Places):
    """Places of which each path is looked up once: what a transcript names, it names often.

    Attributes:
        recent: Whether the past is so short that files are as large as they were.
    """

    def __init__(
        self,
        layout: WorkspaceLayout,
        environ: Mapping[str, str] | None = None,
        start: str | None = None,
        *,
        recent: bool = False,
    ) -> None:
        super().__init__(layout, environ, start=start, lenient=True)
        self.recent = recent
        self._at: dict[str, RecordFile | None] = {}
        self._named: dict[str, RecordFile | None] = {}
        self._starting: dict[str, PastPlaces] = {}

    def record_at(self, path: str) -> RecordFile | None:
        """As of `Places`."""
        return _once(self._at, path, super().record_at)

    def skill_named(self, name: str) -> RecordFile | None:
        """As of `Places`."""
        return _once(self._named, name, super().skill_named)

    def starting_in(self, directory: str) -> "PastPlaces":
        """As of `Places`."""
        return _once(self._starting, directory, self._another)

    def _another(self, start: str) -> "PastPlaces":
        found = PastPlaces(self.layout, self.environ, start, recent=self.recent)
        found.kept |= {Texts: self.keep(Texts), LinesOfRecords: self.keep(LinesOfRecords)}
        return found


V = TypeVar("V")


def _once(known: dict[str, V], name: str, look: Callable[[str], V]) -> V:
    try:
        return known[name]
    except KeyError:
        if len(known) >= _MOST_PATHS:
            known.clear()
        found = known[name] = look(name)
        return found
