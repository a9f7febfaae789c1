"""The lines of all records, kept for who reads much of the past."""

from ctxuse.hosts.evidence import KnownLines
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.remembered import digest

_MOST = 2
"""So many different sets of records have their lines kept."""


class LinesOfRecords:
    """The lines of records, kept once for all directories in which a session has the same ones."""

    def __init__(self) -> None:
        self._known: dict[str, KnownLines] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, places: Places) -> KnownLines:
        """Return those of the records that there are for a session."""
        key, files = places.kept.get(KnownLines), None
        if not isinstance(key, str) or key not in self._known:
            files = [*record_files(places)]
            key = digest(repr(files).encode(errors="surrogatepass"))
            places.kept[KnownLines] = key
        found = self._known.pop(key, None) or KnownLines.of(places, (), "", files)
        self._known[key] = found
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return found
