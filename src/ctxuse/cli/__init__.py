"""The command line. Each command is a file of its own, imported only when it is called.

Commands parse words, call `ctxuse.workspace` and print what `ctxuse.render` made. Data goes to
stdout, everything else to stderr.
"""

DONE, FOUND, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses: done, a check found something, wrong usage, not done or not all, interrupted."""
