"""What the log holds already of what a transcript tells, under its id or another one.

An occurrence has one id to everyone who sees it, but for two reasons. Hooks give new ids to what no
transcript tells under an id of its own. And the id holds the record's name: that changes when a
skill is moved, a command deleted, a plugin updated, or read from where its files are not. So an
event that is not there is looked for under the names that the log has in its segment: one of the
same occurrence that what is read now does not give is it, under the name that it had then.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator

from ctxuse.events import UsageEvent, UsageEventKind, UsageSource
from ctxuse.hosts.recordfile import OTHER_KINDS
from ctxuse.hosts.transcripts import Happened
from ctxuse.ids import derived_id, is_derived

Name = tuple[str, str]
"""Kind and slug of a record."""


_MOST_LOOKED_UP = 100_000
"""So many former names are looked up in a segment, or a few more; beyond that a record that is
called otherwise by now is taken for another one."""


class Recorded:
    """What is in the log of an agent's sessions; looked for when it is first asked for.

    Args:
        host: The agent.
        events: Gives all events of the log; with `names` only those that have new ids.
        names: Gives the names that an event's record may have in the log.
    """

    def __init__(
        self,
        host: str,
        events: Callable[[], Iterable[object]],
        names: Callable[[UsageEvent], Collection[Name]] | None = None,
    ) -> None:
        self._host = host
        self._events = events
        self._names = names or self._names_in_segment
        self._looked = False
        self._exposed: set[tuple[str, str, str]] = set()
        self._typed: set[str] = set()
        self._by_call: dict[tuple[str, UsageEventKind, str | None], set[Name]] = defaultdict(set)
        self._looked_up: Counter[str] = Counter()

    def by_hook(self, item: Happened) -> bool:
        """Whether hooks have recorded what an event tells, as far as that has to be asked.

        Of what was resident they have, where they have recorded the same record there; of a use,
        where they have recorded that anything was.
        """
        if not item.unless_exposed and not item.unless_typed:
            return False
        self._look()
        event = item.event
        is_use = event.event is UsageEventKind.USE
        which = _ANY if is_use else _name(event)
        return (item.unless_exposed and (event.segment_id, *which) in self._exposed) or (
            item.unless_typed and event.segment_id in self._typed
        )

    def known(
        self, occurrence: list[Happened], has: Callable[[str], bool]
    ) -> Iterator[tuple[UsageEvent, bool]]:
        """Yield the events of an occurrence, and of each whether it is in the log."""
        there = [any(map(has, ids_of(self._host, item))) for item in occurrence]
        former = 0 if all(there) else self._former(occurrence, has)
        for item, is_there in zip(occurrence, there, strict=True):
            is_former = not is_there and former > 0
            former -= is_former
            yield item.event, is_there or is_former

    def _former(self, occurrence: list[Happened], has: Callable[[str], bool]) -> int:
        """How many events of an occurrence are in the log by names that it does not give now."""
        key, event = occurrence[0].key, occurrence[0].event
        if key is None or self._looked_up[event.segment_id] > _MOST_LOOKED_UP:
            return 0
        now = {_name(item.event) for item in occurrence}
        names = {*self._names(event)} - now
        self._looked_up[event.segment_id] += len(names)
        return sum(has(derived_id(self._host, key, *name)) for name in names)

    def _names_in_segment(self, event: UsageEvent) -> Collection[Name]:
        """The names in the log of events of no call; of a call, its own and those of its kind."""
        self._look()
        calls, kinds = {event.call_id, None}, [event.event] if event.call_id else [*UsageEventKind]
        keys = ((event.segment_id, kind, call) for kind in kinds for call in calls)
        return {name for key in keys for name in self._by_call.get(key, ())}

    def _look(self) -> None:
        """Take note of what the log says, once."""
        if self._looked:
            return
        self._looked = True
        for event in self._events():
            if not isinstance(event, UsageEvent) or event.host != self._host or not event.records:
                continue
            if is_derived(event.id):
                self._by_call[event.segment_id, event.event, event.call_id].add(_name(event))
            elif event.event is UsageEventKind.USE:
                if event.actor == "user" and event.source is UsageSource.WORKFLOW_INVOKE:
                    self._typed.add(event.segment_id)
            else:
                names = [(record.kind, record.slug) for record in event.records]
                by_hook = any(kind in OTHER_KINDS for kind, _ in names)  # else by the MCP server
                names += [_ANY] if by_hook else []
                self._exposed |= {(event.segment_id, *name) for name in names}


def ids_of(host: str, item: Happened) -> list[str]:
    """Return the ids that an event has, or had in an earlier version."""
    former = item.formerly
    more = [] if former is None else [derived_id(host, former, *_name(item.event))]
    return [item.event.id, *more]


def _name(event: UsageEvent) -> Name:
    return event.records[0].kind, event.records[0].slug


_ANY = ("", "")
"""Stands for records of whatever name."""
