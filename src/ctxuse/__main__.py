"""What the command `ctxuse` is, and `python -m ctxuse`."""

import os
import sys


def main() -> None:
    """Run the command line of this process and exit with its status."""
    try:
        from ctxuse.processes import module_path, open_standard_streams  # noqa: PLC0415 - see below

        open_standard_streams()
        sys.path[:] = module_path(sys.path)  # `-m` puts the current directory first
        from ctxuse.cli.main import main as run  # noqa: PLC0415 - and nothing comes from there

        run()
    except KeyboardInterrupt:  # also while all that is imported
        os._exit(130)


if __name__ == "__main__":
    main()
