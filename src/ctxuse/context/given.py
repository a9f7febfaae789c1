"""What the context layer gives back: plain values."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ReadText:
    """A record's text, or a part of it, as `Segment.read` gives it.

    Attributes:
        kind: The record's kind.
        slug: Its slug; ``summary`` for the summary.
        text: The lines asked for, with their line ends.
        offset: How many lines stand before them.
        lines: How many they are.
        total_lines: How many lines the file has.
        context_bytes: The size of `text` in UTF-8, in bytes.
        file_bytes: The size of the whole file, in bytes.
        cut_bytes: What is left out at the end of the last line, in bytes; 0 unless that one alone
            is longer than was asked for.
    """

    kind: str
    slug: str
    text: str
    offset: int
    lines: int
    total_lines: int
    context_bytes: int
    file_bytes: int
    cut_bytes: int = 0

    @property
    def rest(self) -> int:
        """How many lines of the file follow."""
        return self.total_lines - self.offset - self.lines


@dataclass(frozen=True, slots=True)
class Included:
    """The body of a record that is to stand in the context.

    Attributes:
        kind: The record's kind.
        slug: Its slug.
        text: Its body, without the frontmatter.
        file_bytes: The size of its whole file, in bytes.
        required_by: The slug of the workflow that brought it along, if one did.
    """

    kind: str
    slug: str
    text: str
    file_bytes: int
    required_by: str | None = None

    @property
    def context_bytes(self) -> int:
        """The size of `text` in UTF-8, in bytes."""
        return len(self.text.encode())


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that could not be given.

    Attributes:
        kind: Its kind.
        slug: Its slug, as it was named.
        reason: Why, for people; safe to show.
    """

    kind: str
    slug: str
    reason: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """What the references in a message stand for.

    Attributes:
        included: The records that are to stand in the context, in the order they were named, each
            once; the knowledge that a workflow requires stands behind it.
        left_out: Records that exist but may not or cannot be included, and required ones that do
            not exist, with the reason.
        unknown: References, as in the message, to records that do not exist. Those without a
            letter are left out: ``#12`` is more often an issue than a record.
        unread: Characters at the end of the message in which no reference was looked for, since it
            is too long.
    """

    included: tuple[Included, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unknown: tuple[str, ...] = ()
    unread: int = 0

    @property
    def text(self) -> str:
        """The bodies, with a blank line between them."""
        return "\n\n".join(record.text for record in self.included)


@dataclass(frozen=True, slots=True)
class Resident:
    """What should stand in the system prompt.

    Attributes:
        text: The summary's body, and below it a line for each record that asks to be known; or the
            texts that an agent has of its own, with a blank line between them.
        records: What of each record it holds.
        left_out: Records that ask to be in it and are broken, with the reason.
    """

    text: str
    records: tuple[Included, ...]
    left_out: tuple[LeftOut, ...]

    def up_to(self, characters: int) -> "Resident":
        """Return what of it stands in the first characters of its text."""
        records: list[Included] = []
        position = 0
        for record in self.records:
            begin = self.text.index(record.text, position)
            position = begin + len(record.text)
            part = self.text[begin : min(position, characters)]
            if part:
                records.append(replace(record, text=part))
        return Resident(self.text[:characters], tuple(records), self.left_out)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line in which a search found something.

    Attributes:
        line: Its number in the file, from 1.
        text: It, or the part of it around what was found, without white space at either end.
    """

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A record in which a search found all of its words.

    Attributes:
        kind: The record's kind.
        slug: Its slug; ``summary`` for the summary.
        description: Its ``description``; empty without one.
        excerpts: The first lines that hold one of the words.
    """

    kind: str
    slug: str
    description: str
    excerpts: tuple[Excerpt, ...]
