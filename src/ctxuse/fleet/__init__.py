"""Many workspaces: one report over them, collecting their logs, exporting their events.

The only importer of `fsspec`, `distributed` and `pyarrow`, each where it is needed: a report over
folders of this machine needs none of them. `jobs` is what a worker is asked, `work` is what it
does; `running` has them done by an executor of whatever kind: `interpreters` are processes of ours,
`cluster` is a Dask scheduler. What is counted and how counts become those of a fleet stands in
`ctxuse.counting.tally` and `ctxuse.reports.fleet`.
"""
