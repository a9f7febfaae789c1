"""`python -m ctxuse` is the command `ctxuse`."""

import sys

from ctxuse.processes import module_path

sys.path[:] = module_path(sys.path)  # `-m` puts the current directory first
from ctxuse.cli.main import main  # noqa: E402 - nothing more is imported from there

main()
