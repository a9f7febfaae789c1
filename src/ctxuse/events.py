"""The event types. Frozen values; no I/O.

They are named tuples rather than dataclasses because they are made inside hooks, where importing
`dataclasses` would cost as much as everything else together
(docs/decisions/0002-cheap-to-write.md). The meaning of every field is in docs/format.md §2 and §5.
"""

import time
from collections.abc import Callable, Iterable
from enum import Enum, StrEnum

from ctxuse.errors import InvalidEventError
from ctxuse.ids import new_id
from ctxuse.times import format_ns, instant
from ctxuse.typed import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from whenever import Instant

U64_MAX = 2**64 - 1
"""The largest size, count or token figure that the format holds."""

BYTES_PER_TOKEN = 4
"""The reference's estimate: a token for every four bytes begun."""

Actor = Literal["user", "agent", "subagent", "maintenance"]
"""Whose doing an event was. Reads by a tool that tidies records are ``maintenance``."""

TokensFrom = Literal["usage", "calibrated"]
"""How `context_tokens` is known: the model's own accounting, or a ratio measured in the session."""

SizeFrom = Literal["transcript", "unknown"]
"""Where the sizes come from when it is not the file on disk at that moment."""


SIZE_UNKNOWN: SizeFrom = "unknown"
"""The word that says that both sizes are 0 and mean nothing."""


class UsageEventKind(StrEnum):
    """What happened to the records of an event; values are the words on disk."""

    USE = "use"
    """They were explicitly read into the context. A search hit is not a use."""

    RESIDENT_EXPOSURE = "resident_exposure"
    """They were in the context because they are resident. Cost telemetry, never a use."""


class UsageSource(StrEnum):
    """The way a record entered the context; values are the words on disk. A closed set."""

    MEMORY_READ = "MemoryRead"
    """An explicit read by kind and slug, whatever the kind."""

    KNOWLEDGE_REF = "KnowledgeRef"
    """A ``#slug`` reference in a message."""

    WORKFLOW_INVOKE = "WorkflowInvoke"
    """A ``/slug`` invocation."""

    RESIDENT_INJECTION = "ResidentInjection"
    """Resident: system prompt or standing instructions. The source of every exposure."""


def is_text(text: str) -> bool:
    """Return whether an event can hold a text: without half a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def estimate_tokens(size: int) -> int:
    """Return the reference's estimate of the tokens in `size` bytes: a quarter, rounded up."""
    return -(-size // BYTES_PER_TOKEN)


class UsageRecordSnapshot(NamedTuple):
    """One record as it was at the moment of an event.

    Attributes:
        kind: A `RecordKind`'s value or another word, such as ``skill``.
        slug: The record's name within its kind.
        file_bytes: Size of the whole record file, in bytes, 0 to 2^64-1.
        file_tokens_estimate: A quarter of `file_bytes`, rounded up.
        context_bytes: Bytes of the record that really entered the context, where known.
        context_tokens: Tokens of the same, where better known than by the quarter.
        tokens_from: How `context_tokens` is known.
        size_from: Where the sizes come from, when not from the file on disk at that moment. With
            ``unknown`` both sizes are 0 and mean nothing.
    """

    kind: str
    slug: str
    file_bytes: int
    file_tokens_estimate: int
    context_bytes: int | None = None
    context_tokens: int | None = None
    tokens_from: str | None = None
    size_from: str | None = None

    @property
    def sized(self) -> bool:
        """Whether the sizes mean something."""
        return self.size_from != SIZE_UNKNOWN

    def context(self) -> tuple[int | None, int | None, str | None]:
        """Return the bytes that entered, the tokens, and from where these are known."""
        return self.context_bytes, self.context_tokens, self.tokens_from

    @classmethod
    def from_bytes(cls, kind: str, slug: str, data: bytes) -> "UsageRecordSnapshot":
        """Return the snapshot of a record whose whole file content is `data`.

        Args:
            kind: A `RecordKind` or any other word.
            slug: The record's name within its kind; it is not checked.
            data: The file's content; only its length is kept.

        Raises:
            InvalidEventError: An argument is of another type.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidEventError("data", "is not bytes")
        return cls.from_size(kind, slug, len(data))

    @classmethod
    def from_size(cls, kind: str, slug: str, size: int) -> "UsageRecordSnapshot":
        """Return the snapshot of a record whose file is `size` bytes long; see `from_bytes`."""
        word = kind.value if isinstance(kind, Enum) else kind
        for field, value in (("kind", word), ("slug", slug)):
            if not isinstance(value, str):
                raise InvalidEventError(field, "is not text")
        return cls(str(word), str(slug), size, estimate_tokens(size))


MOST_REQUESTS = 500
"""So many requests stand on one line, at most."""


class Requests(NamedTuple):
    """A block of requests of one segment and one model that follow one another.

    Attributes:
        first: The host's id of the first response.
        at_ms: When the first part of each response came, in milliseconds after the event's time.
        input: The tokens that each took in, cached ones included.
        output: The tokens of each response.
        cached: Of `input` what came from a cache; empty where nothing did, or it is not known.
        written: Of `input` what was written to one; likewise.
        compactions: When the context was compacted, each before a request of the block and after
            the one before it, in milliseconds after the event's time.
        model: The model, where known.
        window: Tokens of its window, where known.
        bytes_per_token: Measured in the session up to there, where it could be.
    """

    first: str
    at_ms: tuple[int, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    cached: tuple[int, ...] = ()
    written: tuple[int, ...] = ()
    compactions: tuple[int, ...] = ()
    model: str | None = None
    window: int | None = None
    bytes_per_token: float | None = None


class UsageEvent(NamedTuple):
    """One event: one line of the log.

    Attributes:
        id: A UUID in canonical text.
        occurred_at_ns: When it happened, in nanoseconds since the epoch; see `occurred_at`.
        segment_id: One stretch of one agent session; any text.
        event: Use or resident exposure.
        source: The way the records entered the context.
        records: The records, in the order they entered.
        host: The agent whose doing it was, such as ``claude-code``, where known.
        actor: Whose doing within it, one of `Actor`, where known.
        call_id: The host's id of the tool call, where there was one.
        agent_type: What the host calls the kind of sub-agent, where it was one's doing.
        requests: What is told of requests of the segment; only of an event without records.
    """

    id: str
    occurred_at_ns: int
    segment_id: str
    event: UsageEventKind
    source: UsageSource
    records: tuple[UsageRecordSnapshot, ...]
    host: str | None = None
    actor: str | None = None
    call_id: str | None = None
    agent_type: str | None = None
    requests: Requests | None = None

    @classmethod
    def new(  # noqa: PLR0913 - an event has these fields
        cls,
        segment_id: str,
        event: UsageEventKind,
        source: UsageSource,
        records: Iterable[UsageRecordSnapshot],
        *,
        host: str | None = None,
        actor: Actor | None = None,
        call_id: str | None = None,
        agent_type: str | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> "UsageEvent":
        """Return a new event that happens now, with a new UUIDv7.

        Args:
            segment_id: One stretch of one agent session; any text.
            event: Use or resident exposure.
            source: The way the records entered the context.
            records: The records, in the order they entered.
            host: The agent whose doing it was, where known.
            actor: Whose doing within it, where known.
            call_id: The host's id of the tool call, where there was one.
            agent_type: What the host calls the kind of sub-agent, where it was one's doing.
            clock: Tells the present time in nanoseconds since the epoch.

        Raises:
            InvalidEventError: `event` or `source` is no word of the closed set.
        """
        try:
            event, source = UsageEventKind(event), UsageSource(source)
        except ValueError as error:
            raise InvalidEventError(
                "event or source", f"is not of the closed set: {error}"
            ) from None
        now = clock()
        return cls(
            id=new_id(now),
            occurred_at_ns=now,
            segment_id=segment_id,
            event=event,
            source=source,
            records=tuple(records),
            host=host,
            actor=actor,
            call_id=call_id,
            agent_type=agent_type,
        )

    @property
    def occurred_at(self) -> "Instant":
        """When it happened, as a `whenever.Instant` (nanosecond precision)."""
        return instant(self.occurred_at_ns)

    @property
    def occurred_at_text(self) -> str:
        """When it happened, as it is written on disk: RFC 3339 in UTC."""
        return format_ns(self.occurred_at_ns)
