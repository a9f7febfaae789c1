"""Counting: the lines of a log become tallies, whole or in part, from checkpoints or by workers.

What is counted stands in `tally` and `detail`, and is pure; how it gets there in the others.
"""
