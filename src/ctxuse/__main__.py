"""What the command `ctxuse` is, and `python -m ctxuse`."""

import atexit
import gc
import os
import sys
from contextlib import suppress

_SELDOM = 50_000
"""New objects until garbage is looked for: modules that are loaded leave many, and none of it."""


def main() -> None:
    """Run the command line of this process and exit with its status."""
    gc.set_threshold(_SELDOM)
    try:
        from ctxuse.processes import module_path, open_standard_streams  # noqa: PLC0415 - see below

        open_standard_streams()
        sys.path[:] = module_path(sys.path)  # `-m` puts the current directory first
        from ctxuse.cli.main import finished  # noqa: PLC0415 - and nothing comes from there

        _end(finished())
    except KeyboardInterrupt:  # also while all that is imported
        os._exit(130)


def _end(status: int) -> None:
    """Exit, and at once where nothing waits for Python's own end, which takes all apart."""
    import threading  # noqa: PLC0415 - after all that imports it

    registered = getattr(atexit, "_ncallbacks", None)
    if registered is not None and not registered() and threading.active_count() == 1:
        with suppress(OSError, ValueError):  # nobody takes it any more
            if sys.stderr is not None:
                sys.stderr.flush()
        os._exit(status)
    from ctxuse.cli.main import leave  # noqa: PLC0415 - it is loaded

    leave(status)


if __name__ == "__main__":
    main()
