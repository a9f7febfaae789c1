"""Reports: what a tally says, as values; and how a query becomes one."""
