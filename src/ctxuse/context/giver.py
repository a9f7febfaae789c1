"""What gives the records of a workspace to an agent, and records what it gave."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ctxuse.context.given import Expansion, Included, LeftOut, ReadText, Resident
from ctxuse.context.residenttext import line
from ctxuse.errors import (
    CtxuseError,
    InvalidSettingError,
    InvalidSlugError,
    NotForUsersError,
    RecordNotFoundError,
    RecordTooLongError,
)
from ctxuse.events import (
    Actor,
    UsageEvent,
    UsageEventKind,
    UsageRecordSnapshot,
    UsageSource,
)
from ctxuse.layout import RecordKind, WorkspaceLayout
from ctxuse.records import read_record

if TYPE_CHECKING:
    from ctxuse.context.frontmatter import RecordText
    from ctxuse.context.given import SearchHit
    from ctxuse.context.references import Reference

Record = Callable[[UsageEvent], UsageEvent | None]
"""Stores an event where that is a by-product: never raises, returns None when it was not stored."""

LONGEST_MESSAGE = 256 * 1024
"""Characters of a message in which references are looked for."""

_LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8, at most."""


class Giver:
    """Gives the records of a workspace in one segment of a session, and records what it gave.

    What is recorded never changes what is given, also when the log cannot be written. Safe to
    share between threads.

    Args:
        layout: The workspace.
        segment_id: The segment's id; any text.
        record: Stores an event.
        host: The agent whose session it is, where known.
        actor: Whose doing within it what is asked for is, where known.
        call_id: The host's id of the tool call, where there is one.
        agent_type: What the host calls the kind of sub-agent, where it is one's doing.
    """

    def __init__(  # noqa: PLR0913 - an event has these fields
        self,
        layout: WorkspaceLayout,
        segment_id: str,
        record: Record,
        *,
        host: str | None = None,
        actor: Actor | None = None,
        call_id: str | None = None,
        agent_type: str | None = None,
    ) -> None:
        self._layout = layout
        self._segment_id = segment_id
        self._record = record
        self._host = host
        self._actor = actor
        self._call_id = call_id
        self._agent_type = agent_type

    def give(
        self,
        kind: str,
        slug: str | None = None,
        offset: int = 0,
        limit: int = 2000,
        most_bytes: int | None = None,
    ) -> ReadText:
        r"""Return a record's text, or some lines of it. Recorded as ``MemoryRead``.

        Lines end in ``\n``. Bytes that are no UTF-8 are replaced.

        Args:
            kind: One of the five kinds.
            slug: The record's slug; None for the summary.
            offset: How many lines to leave out at the beginning.
            limit: How many lines to return at most.
            most_bytes: How many bytes of UTF-8 to return at most: whole lines, or, where the first
                alone is longer, its beginning. All that `limit` allows when None.

        Raises:
            UnknownKindError: No file is known for records of this kind.
            InvalidSlugError: `slug` is not a slug, is missing, or was given for the summary.
            InvalidSettingError: `offset` is negative or not before the end, or `limit` is below 1,
                or `most_bytes` below 4, the longest character.
            RecordNotFoundError: The file does not exist.
            RecordUnreadableError: It exists but cannot be read, or a link leads out of the
                workspace.
        """
        if kind == RecordKind.SUMMARY:
            if slug is not None:
                raise InvalidSlugError(slug, "there is one summary; leave the slug out")
            slug = RecordKind.SUMMARY.value
        elif slug is None:
            raise InvalidSlugError("", f"which {kind} record is meant? Give its slug")
        if offset < 0:
            raise InvalidSettingError("offset", str(offset), "0 or more")
        if limit < 1:
            raise InvalidSettingError("limit", str(limit), "1 or more")
        if most_bytes is not None and most_bytes < _LONGEST_CHARACTER:
            raise InvalidSettingError("most_bytes", str(most_bytes), "4 or more")
        data = read_record(self._layout, kind, slug)
        whole = data.decode("utf-8", "replace")
        total = whole.count("\n") + (not whole.endswith("\n") and whole != "")
        if offset and offset >= total:
            raise InvalidSettingError("offset", str(offset), f"below {total}, the lines it has")
        begin = _behind_lines(whole, 0, offset)
        text = whole[begin : _behind_lines(whole, begin, limit)]
        lines, cut = min(limit, total - offset), 0
        if most_bytes is not None and len(text.encode()) > most_bytes:
            text, lines, cut = _first_bytes(text, most_bytes)
        size = len(text.encode())
        given = ReadText(str(kind), slug, text, offset, lines, total, size, len(data), cut)
        snapshot = _snapshot(given.kind, slug, given.file_bytes, given.context_bytes)
        self._use(UsageSource.MEMORY_READ, [snapshot])
        return given

    def reference(self, slug: str, *, most_bytes: int | None = None) -> Included:
        """Return the body of a knowledge record. Recorded as ``KnowledgeRef``.

        Args:
            slug: The record's slug.
            most_bytes: How many bytes of UTF-8 it may have; any number when None.

        Raises:
            RecordTooLongError: It has more.
            InvalidSlugError: `slug` is not a slug.
            RecordNotFoundError: The file does not exist.
            RecordUnreadableError: As `give`.
            BrokenRecordError: Its frontmatter cannot be understood.
        """
        included = _included(self._open(RecordKind.KNOWLEDGE, slug))
        _fits(included, most_bytes)
        self._use(UsageSource.KNOWLEDGE_REF, _snapshots([included]))
        return included

    def invoke(
        self, slug: str, *, by_user: bool = False, most_bytes: int | None = None
    ) -> Expansion:
        """Return the body of a workflow and of the knowledge it requires.

        Recorded as ``WorkflowInvoke``, all in one event. Required knowledge that cannot be had is
        left out, with the reason.

        Args:
            slug: The workflow's slug.
            by_user: Whether a user asks for it; some are not for users.
            most_bytes: How many bytes of UTF-8 all bodies together may have; required knowledge
                that is too long for what is left of them is left out. Any number when None.

        Raises:
            RecordTooLongError: The workflow alone has more.
            NotForUsersError: `by_user`, and the frontmatter says ``user_invocable: false``.
            InvalidSlugError: As `reference`.
            RecordNotFoundError: As `reference`; only for the workflow itself.
            RecordUnreadableError: As `reference`, likewise.
            BrokenRecordError: As `reference`, likewise.
        """
        workflow = self._open(RecordKind.WORKFLOW, slug)
        if by_user and not workflow.for_user:
            raise NotForUsersError(workflow.kind, slug)
        included, left_out = self._with_required(workflow, set(), most_bytes)
        self._use(UsageSource.WORKFLOW_INVOKE, _snapshots(included))
        return Expansion(tuple(included), tuple(left_out))

    def expand(self, text: str) -> Expansion:
        """Return what the references in a message stand for.

        ``#slug`` is a knowledge record and recorded as ``KnowledgeRef``; ``/slug`` is a workflow,
        which brings the knowledge that it requires along, and recorded as ``WorkflowInvoke``. Only
        whole words count, and none in code, links and paths. Nothing in the message is an error.

        Args:
            text: The message, as the user wrote it; it is not stored.
        """
        from ctxuse.context.references import references  # noqa: PLC0415 - Markdown is dear

        found = references(text[:LONGEST_MESSAGE])
        named = {ref.slug for ref in found if self._is_for_user(ref)}
        included: list[Included] = []
        left_out: list[LeftOut] = []
        unknown: list[str] = []
        knowledge: list[Included] = []
        for reference in found:
            try:
                record = self._open(reference.kind, reference.slug)
                if not record.for_user:
                    raise NotForUsersError(record.kind, record.slug)
                if reference.kind == RecordKind.KNOWLEDGE:
                    knowledge.append(_included(record))
                    included.append(knowledge[-1])
                else:
                    seen = {*named, *(r.slug for r in included if r.required_by)}
                    parts, missing = self._with_required(record, seen)
                    self._use(UsageSource.WORKFLOW_INVOKE, _snapshots(parts))
                    included += parts
                    left_out += missing
            except RecordNotFoundError:
                if not reference.slug.replace("-", "").isdigit():
                    unknown.append(str(reference))
            except CtxuseError as error:
                left_out.append(LeftOut(reference.kind, reference.slug, str(error)))
        self._use(UsageSource.KNOWLEDGE_REF, _snapshots(knowledge))
        unread = max(0, len(text) - LONGEST_MESSAGE)
        return Expansion(tuple(included), tuple(left_out), tuple(unknown), unread)

    def standing(self, *, lines_first: bool = False) -> Resident:
        """Return what should stand in the system prompt; nothing is recorded, see `expose`.

        That is the body of the summary, and a line for every knowledge and workflow record whose
        frontmatter says ``model_invokation: true``: how to refer to it, and its description. What
        is broken is left out, with the reason.

        Args:
            lines_first: Have the lines of records before the summary, for who may cut the text.
        """
        from ctxuse.context.catalog import catalog  # noqa: PLC0415 - YAML is dear

        parts: list[Included] = []
        left_out: list[LeftOut] = []
        for record in catalog(self._layout, _RESIDENT_KINDS):
            if isinstance(record, LeftOut):
                left_out.append(record)
            elif record.kind == RecordKind.SUMMARY:
                if record.body:
                    parts.append(_included(record))
            elif record.for_model and not record.description:
                left_out.append(LeftOut(record.kind, record.slug, "it has no description"))
            elif record.for_model:
                text = line(record.kind, record.slug, record.description)
                parts.append(replace(_included(record), text=text))
        parts.sort(key=lambda part: (part.kind == RecordKind.SUMMARY) is lines_first)
        summary = [part.text for part in parts if part.kind == RecordKind.SUMMARY]
        lines = "\n".join(part.text for part in parts if part.kind != RecordKind.SUMMARY)
        texts = [lines, *summary] if lines_first else [*summary, lines]
        text = "\n\n".join(filter(None, texts))
        return Resident(text, tuple(parts), tuple(left_out))

    def expose(self, resident: Resident) -> bool:
        """Record that what `standing` gave has come into a context, as one event.

        Returns:
            Whether there was nothing to record or it was recorded.
        """
        return self._expose(_snapshots(resident.records))

    def _expose(self, snapshots: Iterable[UsageRecordSnapshot]) -> bool:
        return self._append(
            UsageEventKind.RESIDENT_EXPOSURE, UsageSource.RESIDENT_INJECTION, snapshots
        )

    def search(
        self, query: str, kinds: Collection[str] | None = None, limit: int = 20
    ) -> "tuple[SearchHit, ...]":
        """Return the records that hold every word of `query`, in their name or file.

        Case does not matter. Records whose name holds a word come first; otherwise they are
        sorted by kind and slug. Nothing is recorded: to be found is not to be read.

        Args:
            query: Words, with white space between them.
            kinds: Only records of these kinds; of all five when None.
            limit: How many records to return at most.

        Raises:
            InvalidSettingError: `query` has no word, or `limit` is below 1.
        """
        from ctxuse.context.search import search  # noqa: PLC0415 - YAML is dear

        return search(self._layout, query, kinds, limit)

    def _open(self, kind: str, slug: str) -> "RecordText":
        from ctxuse.context.catalog import open_record  # noqa: PLC0415 - YAML is dear

        return open_record(self._layout, kind, slug)

    def _is_for_user(self, reference: "Reference") -> bool:
        """Whether a reference brings knowledge by itself."""
        try:
            return (
                reference.kind == RecordKind.KNOWLEDGE
                and self._open(reference.kind, reference.slug).for_user
            )
        except CtxuseError:
            return False

    def _with_required(
        self, workflow: "RecordText", seen: set[str], most_bytes: int | None = None
    ) -> tuple[list[Included], list[LeftOut]]:
        """A workflow and the knowledge it requires, but for what is in the context already."""
        included, left_out = [_included(workflow)], []
        rest = _fits(included[0], most_bytes)
        for slug in workflow.requires:
            if slug in seen:
                continue
            try:
                record = self._open(RecordKind.KNOWLEDGE, slug)
                required = _included(record, required_by=workflow.slug)
                rest = _fits(required, rest)
            except CtxuseError as error:
                left_out.append(LeftOut(RecordKind.KNOWLEDGE.value, slug, str(error)))
            else:
                included.append(required)
        return included, left_out

    def _use(self, source: UsageSource, snapshots: Iterable[UsageRecordSnapshot]) -> None:
        self._append(UsageEventKind.USE, source, snapshots)

    def _append(
        self, event: UsageEventKind, source: UsageSource, snapshots: Iterable[UsageRecordSnapshot]
    ) -> bool:
        records = tuple(snapshots)
        if not records:
            return True
        made = UsageEvent.new(
            self._segment_id,
            event,
            source,
            records,
            host=self._host,
            actor=self._actor,
            call_id=self._call_id,
            agent_type=self._agent_type,
        )
        return self._record(made) is not None


_RESIDENT_KINDS = (RecordKind.SUMMARY, RecordKind.KNOWLEDGE, RecordKind.WORKFLOW)


def _behind_lines(text: str, position: int, number: int) -> int:
    """Where in `text` the line begins that stands `number` behind the one at `position`."""
    if number >= len(text):
        return len(text)
    for _ in range(number):
        position = text.find("\n", position) + 1
        if not position:
            return len(text)
    return position


def _first_bytes(text: str, most: int) -> tuple[str, int, int]:
    """Of a text of more than `most` bytes the first lines; how many, and what is cut of the last.

    What is cut is in bytes, and only of a line that alone is too long.
    """
    first = text.encode()[:most]
    end = first.rfind(b"\n") + 1
    if end:
        return first[:end].decode(), first.count(b"\n"), 0
    line = text[: _behind_lines(text, 0, 1)]
    shown = first.decode("utf-8", "ignore")
    return shown, 1, len(line.encode()) - len(shown.encode())


def _fits(record: Included, most: int | None) -> int | None:
    """How many of at most so many bytes are left behind a record.

    Raises:
        RecordTooLongError: It has more.
    """
    if most is None:
        return None
    if record.context_bytes > most:
        raise RecordTooLongError(record.kind, record.slug, record.context_bytes, most)
    return most - record.context_bytes


def _included(record: "RecordText", required_by: str | None = None) -> Included:
    return Included(record.kind, record.slug, record.body, record.file_bytes, required_by)


def _snapshots(records: Iterable[Included]) -> list[UsageRecordSnapshot]:
    return [_snapshot(r.kind, r.slug, r.file_bytes, r.context_bytes) for r in records]


def _snapshot(kind: str, slug: str, file_bytes: int, context_bytes: int) -> UsageRecordSnapshot:
    snapshot = UsageRecordSnapshot.from_size(kind, slug, file_bytes)
    return snapshot._replace(context_bytes=context_bytes)
