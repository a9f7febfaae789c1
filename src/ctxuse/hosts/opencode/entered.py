"""What of records stands in a context beside what a tool was called for, and what tells it."""

from collections.abc import Iterator

from ctxuse.events import UsageEvent
from ctxuse.hosts.calls import Call
from ctxuse.hosts.lookup import text
from ctxuse.hosts.opencode.tools import loaded
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.session import Session


def exposures(call: Call, output: object, metadata: object, origin: Origin) -> Iterator[UsageEvent]:
    """Yield the exposures of instructions that came along with a file that was read."""
    for path, context_bytes in loaded(output, metadata):
        record = origin.places.instructions_at(origin.here(path))
        if record is not None:
            snapshot = origin.snapshot(record, call.at_ns, None, context_bytes)
            yield call.session.exposure([snapshot], call.at_ns, call.key)


def mention(session: Session, url: object, shown: int | None, part: str, at_ns: int) -> Call | None:
    """Return how a file entered that the user named by its address; None where its text did not.

    What is said before it in the message is its text, as a rule: the bytes of a file that it shows
    are given. The host names its `part`.
    """
    path = path_of(url)
    if path is None or shown is None:
        return None
    key = f"mention:{part}"
    call = Call(session, "mention", path, key, by_user=True, at_ns=at_ns)
    return call._replace(context_bytes=shown)


def path_of(url: object) -> str | None:
    """Return the path of a file that is named by its address; None for anything else."""
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - seldom wanted

    said = text(url)
    if said is None or not said.startswith("file://"):
        return None
    try:
        return text(unquote(urlsplit(said).path))
    except ValueError:
        return None
