"""Many workspaces: one report over them, collecting their logs, exporting their events.

The only importer of `fsspec`, `distributed` and `pyarrow`, each where it is needed: a report over
folders of this machine needs none of them. `jobs` is what a worker is asked, `work` is what it
does; `running` hands jobs to processes and threads, `cluster` to a Dask scheduler. What is counted
and how counts become those of a fleet stands in `ctxuse.counting.tally` and `ctxuse.reports.fleet`.
"""
