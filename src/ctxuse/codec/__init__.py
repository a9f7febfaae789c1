"""One event ⇄ one line. The stored form is a promise; docs/format.md is its text.

`encode` and `decode` are separate modules because they have different budgets: writing happens
inside somebody's agent and imports only the standard library's json, reading may cost msgspec.

History of the stored form:

* *legacy*: `session_id` where the format now says `segment_id`. Named when met, never counted.
* *1*: the form of the reference. What ctxuse writes is form 1 with optional fields, which every
  reader of form 1 ignores; there is no version number in a line.
"""

MAX_WRITTEN_LINE = 64 * 1024
"""The longest line we write, in bytes, its newline included."""

MAX_READ_LINE = 1024 * 1024
"""The longest line that is looked at, in bytes, without its newline."""
