"""What hooks have recorded of what a transcript tells under no id of its own."""

from collections.abc import Callable, Iterable

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.hosts.recordfile import OTHER_KINDS
from ctxuse.hosts.transcripts import Happened
from ctxuse.ids import is_derived


class Hooked:
    """What hooks of an agent have recorded, by segment; looked for when it is first asked for.

    Hooks give new ids to what no transcript tells under an id of its own.

    Args:
        host: The agent.
        events: Gives all events of the log.
    """

    def __init__(self, host: str, events: Callable[[], Iterable[object]]) -> None:
        self._host = host
        self._events = events
        self._exposed: set[tuple[str, str, str]] | None = None
        self._typed: set[str] = set()

    def has(self, item: Happened) -> bool:
        """Whether hooks have recorded what an event tells, as far as that has to be asked.

        Of what was resident they have, where they have recorded the same record there; of a use,
        where they have recorded that anything was.
        """
        if not item.unless_exposed and not item.unless_typed:
            return False
        exposed, event = self._look(), item.event
        is_use = event.event is UsageEventKind.USE
        which = _ANY if is_use else (event.records[0].kind, event.records[0].slug)
        return (item.unless_exposed and (event.segment_id, *which) in exposed) or (
            item.unless_typed and event.segment_id in self._typed
        )

    def _look(self) -> set[tuple[str, str, str]]:
        """What hooks have recorded as resident: segment, kind and slug; and segments alone."""
        if self._exposed is not None:
            return self._exposed
        self._exposed = set()
        for event in self._events():
            if not isinstance(event, UsageEvent) or event.host != self._host:
                continue
            if is_derived(event.id):
                continue
            if event.event is UsageEventKind.USE:
                if event.actor == "user" and event.source is UsageSource.WORKFLOW_INVOKE:
                    self._typed.add(event.segment_id)
                continue
            names = [(record.kind, record.slug) for record in event.records]
            by_hook = any(kind in OTHER_KINDS for kind, _ in names)  # else by the MCP server
            names += [_ANY] if by_hook else []
            self._exposed |= {(event.segment_id, *name) for name in names}
        return self._exposed


_ANY = ("", "")
"""Stands for records of whatever name."""
