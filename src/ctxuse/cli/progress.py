"""Progress bars on stderr, where that is a terminal and something takes long."""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.progress import Progress

LONG = 64 * 1024 * 1024
"""Bytes to read from which on a progress bar is shown."""


def progress(what: str) -> "AbstractContextManager[Callable[[int, int], None]]":
    """Give a function that shows on stderr, if that is a terminal, how far a long reading is."""

    def made() -> "Progress":
        from rich.console import Console  # noqa: PLC0415 - only for a long reading
        from rich.progress import Progress  # noqa: PLC0415 - likewise

        return Progress(console=Console(stderr=True), transient=True)

    return shown_progress(what, made, least=LONG)


@contextmanager
def shown_progress(
    what: str, made: "Callable[[], Progress]", *, least: int = 0
) -> "Iterator[Callable[[int, int], None]]":
    """Give a function that shows on stderr, if that is a terminal, what is done of how much.

    Args:
        what: What is done.
        made: Makes the bar, when it is first needed.
        least: How much there has to be for a bar to be shown.
    """
    shown: list[Progress] = []

    def told(done: int, whole: int) -> None:
        if whole < least or sys.stderr is None or not sys.stderr.isatty():
            return
        if not shown:
            shown.append(made())
            shown[0].start()
            shown[0].add_task(what, total=whole)
        shown[0].update(shown[0].task_ids[0], completed=done, total=whole)

    try:
        yield told
    finally:
        for bar in shown:
            bar.stop()
