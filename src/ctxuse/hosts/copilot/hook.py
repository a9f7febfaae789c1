"""The payloads of GitHub Copilot CLI's hooks: when there is more to read in a transcript (1.0.102).

Of a tool call they name no id, so all that is recorded comes from the transcript.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ctxuse.events import UsageEvent
from ctxuse.files import closing_fd, open_regular
from ctxuse.hosts.copilot import HOST, NAME
from ctxuse.hosts.lookup import name, parsed, text
from ctxuse.hosts.parts import MOST_UNHEARD, Followed
from ctxuse.hosts.paths import latest, paths_in
from ctxuse.hosts.payload import Payload
from ctxuse.hosts.places import Places
from ctxuse.times import parse_ns

TRANSCRIPT = "events.jsonl"
"""What the transcript of a session is called, in a directory that is called as the session."""

_FIRST_LINE = 64 * 1024
_PATIENCE, _AGAIN = 0.5, 0.02
"""Seconds that a transcript is waited for at most, and after which it is looked at again."""


def read(fields: Mapping[str, object], environ: Mapping[str, str]) -> Payload:
    """Return a payload; of other programs that run these hooks it says nothing.

    The project is where the session began, as its transcript says: ``cwd`` follows ``/cd``.
    """
    fields = fields if environ.get("COPILOT_CLI") else {}
    session = name(fields, "session_id")
    transcript = text(fields, "transcript_path")
    if transcript is None and session is not None and os.path.basename(session) == session:
        own = HOST.own_directory(environ, environ.get("HOME") or os.path.expanduser("~"))
        transcript = os.path.join(own, *HOST.transcripts, session, TRANSCRIPT)
    began = None if transcript is None else _began_in(transcript)
    at_ns = parse_ns(text(fields, "timestamp") or "") or 0
    return Payload.of(NAME, fields, began)._replace(transcript=transcript, at_ns=at_ns)


def _began_in(transcript: str) -> str | None:
    """The directory in which a session began; None where its transcript does not say."""
    try:
        with closing_fd(open_regular(transcript)) as descriptor:
            line = os.read(descriptor, _FIRST_LINE).partition(b"\n")[0]
    except OSError:
        return None
    return text(parsed(line), "data", "context", "cwd")


def events(payload: Payload, places: Places) -> Iterator[UsageEvent]:
    """Yield nothing: what payloads tell of, transcripts tell with an id."""
    del payload, places
    yield from ()


def followed(payload: Payload) -> Followed:
    """Return the transcripts that may tell more now than has been read."""
    own = payload.transcript
    match payload.event:
        case "Stop" | "SubagentStop" | "SessionEnd" if own is not None:
            _wait_for(own, payload.at_ns)
            return Followed([own], goes_on=payload.event != "SessionEnd")
        case "SessionStart" if own is not None:
            return Followed(_latest_before(own), of_others=True)
        case _:
            return Followed([])


def _wait_for(transcript: str, at_ns: int) -> None:
    """Wait until a transcript was written after a moment: what was before stands in it then.

    That is a tenth of a second later. Where it takes longer, what comes then is for the next hook.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):  # it is not there yet
            if os.stat(transcript).st_mtime_ns >= at_ns:
                return
        time.sleep(_AGAIN)


def _latest_before(transcript: str) -> list[str]:
    """The transcripts of other sessions that were written last, the latest at the end."""
    sessions = paths_in(os.path.dirname(os.path.dirname(transcript)))
    paths = (os.path.join(session, TRANSCRIPT) for session in sessions)
    return latest((path for path in paths if path != transcript), MOST_UNHEARD)
