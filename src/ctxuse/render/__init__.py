"""Values → text to show: tables, CSV, Markdown. Pure functions to strings.

Nothing from a log, a path or a command line reaches their results raw: every foreign text passes
`ctxuse.visible`, and what a sheet or Markdown needs on top is done by its module here.
"""
