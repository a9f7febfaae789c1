"""The log on disk: where it is opened (`place`), written (`writer`) and read (`reader`).

Nothing here knows what a report is.
"""
