"""`python -m ctxuse` is the command `ctxuse`."""

from ctxuse.cli.main import main

main()
