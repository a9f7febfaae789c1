"""A directory as anybody could hand one out: with a module of every name that we import."""

import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path

from fleets import as_log, make_workspace, some_events

NAMES = {
    *sys.stdlib_module_names,
    *importlib.metadata.packages_distributions(),
    "ctxuse",
    "sitecustomize",
    "usercustomize",
}
"""The names of all modules that there are to import, and more."""


class Hostile:
    """A directory of modules that leave a mark when they are run."""

    def __init__(self, root: Path, names: Iterable[str] = NAMES) -> None:
        self.root = root / "clone"
        self._marks = root / "marks"
        self._marks.mkdir(parents=True)
        make_workspace(self.root, as_log(some_events(20, 1)))
        for name in sorted(names):
            if name.isidentifier():
                text = f"open({str(self._marks / name)!r}, 'w').close()\n"
                (self.root / f"{name}.py").write_text(text)

    def ran(self) -> list[str]:
        """Return the modules that were run since this was asked last."""
        marks = sorted(self._marks.iterdir())
        for mark in marks:
            mark.unlink()
        return [mark.name for mark in marks]
