"""Which records a shell's output shows, by the output itself: what entered, not what was meant.

Strategy: the lines of the records on the disk are indexed; each line of the output is looked up,
also without what programs put in front of it (a number, a file's name, the sign of a difference).
What a command names may be shown by any of its lines, but for those that the command says itself.
What it does not name (a pattern, a variable, a script) must be shown by lines that no other record
has, and by enough of them that chance is no explanation. A search is no use, so the output of
nothing but searches is not looked at, and where one stands beside other programs a line behind a
file's name or a number is no evidence of what is not named.

An agent often writes down what it was shown. So of a file that was written after a past call, and
is not named by it, most must stand there: what was copied from an output is a part of the record.
And where a file that is named is gone or was written since, its text may stand in another one now:
then what is not named and was written, or moved there, since shows nothing.

Nothing of the output or of the files is kept.
"""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from ctxuse.files import is_as_it_was, read_beginning, read_small, real_path
from ctxuse.hosts.lines import (
    LARGEST,
    MOST_BYTES,
    MOST_FILES,
    SHORTEST,
    OtherFiles,
    among,
    bytes_of,
    forms,
    lines_of,
    lines_printed,
    weight,
)
from ctxuse.hosts.mentions import Mentions, Said
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.typed import NamedTuple, Self

_ENOUGH = 20
"""So many characters of its own show a record that the command does not name."""

_MOST_OF_IT = 0.9
"""So much of a record that was written after a call must stand in what the call printed."""

_PART = 4
"""So many characters of a line that was cut show a file that is named, but for a single word."""


class Found(NamedTuple):
    """What an output shows.

    Attributes:
        shown: The records, in the order in which they come.
        is_all: Whether there is nothing else in it.
    """

    shown: list["Shown"]
    is_all: bool


class Shown(NamedTuple):
    """A record that stood in an output.

    Attributes:
        record: The record, by the file that was shown.
        bytes: Bytes of its lines that stood there.
    """

    record: RecordFile
    bytes: int


class Command(NamedTuple):
    """A command that printed something.

    Attributes:
        text: The command.
        named: The files of records that it names to show them.
        others: The paths of other files that it names.
        said: What stands in it beside the programs that search.
        sought: What stands in those.
    """

    text: str
    named: Sequence[RecordFile]
    others: Sequence[str] = ()
    said: str | None = None
    sought: str = ""


class _Text(NamedTuple):
    """A file: its lines, its bytes, and when it was written, in nanoseconds since the epoch."""

    lines: set[str]
    size: int
    written_ns: int


def shows(record: RecordFile, text: str) -> bool:
    """Return whether something of a file stands in a text that is said to show it.

    Tools give what went wrong as text, too, so rulers and fences show nothing, nor does a word that
    a tool may say by itself, unless it is all there is in the file. Lines may stand behind numbers;
    of one that was cut enough must stand there.
    """
    try:
        lines = lines_of(read_beginning(record.named, MOST_BYTES))
    except OSError:
        return False
    printed = {form for line in lines_printed(text) for form in forms(line) if form}
    held = lines & printed
    if any(map(_tells, held)) or weight(held) >= _ENOUGH:
        return True
    if held == lines and any(map(str.isalnum, "".join(held))):
        return True
    begun = {part for line in printed for part in _beginnings(line) if weight({part}) >= _ENOUGH}
    known = sorted(lines) if begun else []
    return any(
        place < len(known) and known[place].startswith(part)
        for part in begun
        for place in [bisect_left(known, part)]
    )


def _tells(line: str) -> bool:
    """Whether a line is more than rulers, and than a word that a tool may say by itself."""
    is_word = line.isascii() and len(line.split()) == 1
    return weight({line}) > 0 and not is_word


def _shows_when_cut(line: str, command: str, *, is_whole: bool) -> bool:
    """Whether a part of a line shows a file that is named.

    A word alone may be what went wrong, unless it is a whole line, or the command cuts bytes.
    """
    may_be_word = is_whole or any(sign in command for sign in _CUTTING)
    return len(line) >= _PART and (may_be_word or _tells(line) or weight({line}) >= _ENOUGH)


_CUTTING = (" -c", "--bytes", "dd ")


def _beginnings(line: str) -> Iterator[str]:
    """Yield what may be the beginning of a line: all of it, and what stands before dots."""
    yield line
    for dots in ("...", "…"):
        yield line.rpartition(dots)[0].rstrip()


class KnownLines:
    """The lines of records on the disk.

    Args:
        files: The files of the records, those before others that must be among them.
        root: The root of the workspace.
    """

    def __init__(self, files: Iterable[RecordFile], root: str) -> None:
        self._root = root
        self._files: list[RecordFile] = []
        self._texts: list[set[str]] = []
        self._written_ns: list[int] = []
        self._holders: dict[str, list[int]] = {}
        self._places: dict[str, int] = {}
        self._seen: set[str] = set()
        self._left = MOST_BYTES
        self._kept: dict[str, _Text | None] = {}
        self._room = 2 * MOST_BYTES
        self._others = OtherFiles()
        self._learn(files)

    @classmethod
    def of(
        cls,
        places: Places,
        named: Iterable[RecordFile],
        command: str,
        near: Iterable[RecordFile] | None = None,
    ) -> Self:
        """Return the lines of the records that there are now, those that a command names first.

        Args:
            places: Where records lie.
            named: The files that the command names to show them.
            command: The command.
            near: The files that hold a line of what is looked for; of all others nothing is known
                then. None for all there are.
        """
        files = [*record_files(places)] if near is None else [*near]
        said = Mentions(command, places.root)
        files.sort(key=lambda record: not said.file(os.path.basename(record.named)))
        return cls((*named, *files), places.root)

    @contextmanager
    def also(self, files: Iterable[RecordFile]) -> Iterator[Self]:
        """Have the lines of these files, too, as far as there is room; not behind it any more.

        What one command names must not change what another has shown.
        """
        number, left = len(self._files), self._left
        self._learn(files)
        try:
            yield self
        finally:
            for record, lines in zip(self._files[number:], self._texts[number:], strict=True):
                del self._places[record.named]
                self._seen.discard(record.named)
                for line in lines:
                    holders = self._holders[line]
                    holders[:] = [place for place in holders if place < number]
                    if not holders:
                        del self._holders[line]
            del self._files[number:], self._texts[number:], self._written_ns[number:]
            self._left = left

    def _learn(self, files: Iterable[RecordFile]) -> None:
        for record in files:
            if record.named not in self._seen and len(self._files) < MOST_FILES and self._left > 0:
                self._seen.add(record.named)
                self._add(record)

    def _add(self, record: RecordFile) -> None:
        text = self._text_of(record.named)
        if text is None:
            return
        self._left -= text.size
        self._places[record.named] = len(self._files)
        for line in text.lines:
            self._holders.setdefault(line, []).append(len(self._files))
        self._files.append(record)
        self._texts.append(text.lines)
        self._written_ns.append(text.written_ns)

    def _text_of(self, path: str) -> "_Text | None":
        """What is in a file; None if it cannot be read. Of some that is kept, as it comes again."""
        if path in self._kept:
            return self._kept[path]
        text = None
        with suppress(OSError):
            data = read_small(path, min(LARGEST, self._left))
            text = _Text(lines_of(data), len(data), os.stat(path).st_mtime_ns)
        self._room -= 1 if text is None else 1 + text.size
        if self._room > 0:
            self._kept[path] = text
        return text

    def knows(self, record: RecordFile) -> bool:
        """Whether the lines of a record are among them."""
        return record.named in self._places

    def shown(self, output: str, command: Command, past_ns: int | None = None) -> Found:
        """Return the records that stand in an output.

        Args:
            output: The output.
            command: The command that printed it.
            past_ns: When that was, in nanoseconds since the epoch, if it was in the past; None for
                now.
        """
        explicit = {record.named for record in command.named}
        text = command.text if command.said is None else command.said
        said = Mentions(text, self._root, command.others)
        lines = lines_printed(output)
        texts = [self._as_held(line) for line in lines]
        # many records may have a line that comes often: each is looked at once
        holders = {text: self._holders.get(text, []) for text in texts}
        likely = {
            place
            for place in self._any_of(holders.values())
            if self._files[place].named in explicit or said.mentions(self._files[place])
        }
        own = Said(command.text)
        unsaid = {text: of for text, of in holders.items() if of and not own.has(text)}
        found = self._sure(unsaid, likely)
        present = {*texts}
        doubtful = {place for place in found if self._files[place].named not in explicit}
        if doubtful:
            proof = unsaid.keys() & (lines if command.sought else texts)
            proof -= self._of_others(command, doubtful, proof)
            sought = Mentions(command.sought, self._root)
            proved = self._sure({line: holders[line] for line in proof}, likely)
            found -= {
                place
                for place in doubtful
                if place not in proved
                or (sought.mentions(self._files[place]) and not said.mentions(self._files[place]))
            }
        found |= {  # also where all of it stands in another one, which is named, too
            place
            for place in map(self._places.get, explicit)
            if place is not None
            and self._texts[place] <= present
            # what the command itself wrote before is said as a whole
            and (
                not unsaid.keys().isdisjoint(those := self._texts[place])
                or weight(those) >= _ENOUGH
            )
        }
        if past_ns is not None:
            # what a file that is named held before may stand in another one now
            is_known = all(
                path in self._places and self._written_ns[self._places[path]] <= past_ns
                for path in explicit
            )
            found = {
                place
                for place in found
                if self._files[place].named in explicit
                or said.record(self._files[place])
                or (is_known and self._was(place, past_ns, present))
                or is_as_it_was(self._files[place].named, past_ns)
            }
        some = [line for line in lines if line]
        ends, begins = (
            [
                line
                for line in those
                if _shows_when_cut(line, command.text, is_whole=line in self._holders)
                and not own.has(line)
            ]
            for those in (some[:1], some[-1:])
        )
        cut = {
            place: size
            for place in map(self._places.get, explicit)
            if place is not None and place not in found and (size := self._cut(ends, begins, place))
        }
        theirs = {text: among(of, found) for text, of in holders.items()}
        sizes = self._sizes(texts, theirs)
        sizes |= cut  # of these a part of a line is all there is
        shown = [Shown(self._files[place], size) for place, size in sizes.items()]
        return Found(shown, is_all=all(of for text, of in theirs.items() if text))

    def _any_of(self, holders: Iterable[list[int]]) -> set[int]:
        """The records that have any of some lines."""
        found: set[int] = set()
        for of in holders:
            found.update(of)
            if len(found) == len(self._files):
                break
        return found

    def _as_held(self, line: str) -> str:
        """A line as a record has it; as it is, where none has it."""
        return next((form for form in forms(line) if form in self._holders), line)

    def _of_others(self, command: Command, doubtful: set[int], lines: set[str]) -> set[str]:
        """Those of lines that other files have which a command names: no evidence of a record."""
        same = {real_path(self._files[place].named) for place in doubtful}
        found: set[str] = set()
        left = MOST_BYTES
        for path in command.others:
            if left > 0 and real_path(path) not in same:
                with suppress(OSError):
                    other = self._others.of(path, min(LARGEST, left))
                    found |= {line for line in lines if other.has(line)}
                    left -= other.size
        return found

    @staticmethod
    def _sure(holders: dict[str, list[int]], likely: set[int]) -> set[int]:
        """The records of which enough stands there."""
        own: dict[int, set[str]] = {}
        for line, of in holders.items():
            if len(of) == 1:
                own.setdefault(of[0], set()).add(line)
            elif of:  # several have it: that of those that are likely, if it is one
                alike = among(of, likely)
                if len(alike) == 1:
                    own.setdefault(alike[0], set()).add(line)
        return {
            place
            for place, those in own.items()
            if weight(those) >= (SHORTEST if place in likely else _ENOUGH)
        }

    def _was(self, place: int, past_ns: int, present: set[str]) -> bool:
        """Whether a record is the one that was there, and not one written from the output."""
        if self._written_ns[place] <= past_ns:
            return True
        known = self._texts[place]
        return weight(known & present) >= _MOST_OF_IT * weight(known)

    def _cut(self, ends: list[str], begins: list[str], place: int) -> int:
        """The bytes of lines that end or begin a line of a record."""
        texts = self._texts[place]
        parts = {line for line in ends if any(text.endswith(line) for text in texts)}
        parts |= {line for line in begins if any(text.startswith(line) for text in texts)}
        return sum(map(bytes_of, parts))

    def _sizes(self, texts: list[str], theirs: dict[str, list[int]]) -> dict[int, int]:
        """The bytes of each record that was found, as far as its lines follow one another.

        Records that have the same lines share the bytes of these.
        """
        sizes: dict[int, int] = {}
        present: int | None = None
        sets = {text: frozenset(of) for text, of in theirs.items()}
        takers: dict[str, int] = {}
        for text in texts:
            mine = sets[text]
            if mine and present not in mine:
                present = theirs[text][0]
            if present is not None and (mine or not text):
                sizes[present] = sizes.get(present, 0) + bytes_of(text)
                takers[text] = present
        alike: dict[int, int] = {}
        for text, of in theirs.items():
            for place in of:
                if place not in sizes:
                    alike.setdefault(place, takers[text])
        self._share(alike, texts, theirs, sizes)
        return sizes

    def _share(
        self,
        alike: dict[int, int],
        texts: list[str],
        theirs: dict[str, list[int]],
        sizes: dict[int, int],
    ) -> None:
        """Give records that stood there, too, their part of the bytes of those with the same lines.

        Args:
            alike: Such records, with that which took a line of theirs.
            texts: The lines, as they come.
            theirs: The records that each line is of.
            sizes: The bytes so far.
        """
        common: dict[int, int] = {}
        for text, times in Counter(texts).items():
            for place in theirs[text]:
                if place in alike:
                    common[place] = common.get(place, 0) + times * bytes_of(text)
        number = Counter(alike.values())
        for place, taker in alike.items():
            own = sum(map(bytes_of, self._texts[place]))
            share = min(own, common[place] // (number[taker] + 1), sizes[taker])
            sizes[place] = share
            sizes[taker] -= share
