"""The log on disk: opened, written, read, checked, mended. The map is in ARCHITECTURE.md.

Nothing here knows what a report is.
"""
