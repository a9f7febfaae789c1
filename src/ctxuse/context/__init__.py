"""The ways in which records enter a context: read, ``#slug``, ``/slug``, resident.

Each gives what was asked for and records what it gave. Recording is a by-product: a log that
cannot be written changes no answer. Looking for records records nothing.
"""
