"""Which records stand in a system prompt, by the prompt itself: what entered, not what was meant.

Strategy: of each record on the disk its text is looked for. Instructions, memories and the
workspace's own stand there whole, with or without their frontmatter; what is listed (skills,
commands, agents) by its name and its description, and of these the lines count from the one to the
other, with those behind them that name the file. White space may differ. Of files that hold the
same text one entered: the one whose path stands there, too, or else the first by name.
"""

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.files import read_small
from ctxuse.hosts.listing import described
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import BROUGHT_ALONG, RecordFile
from ctxuse.records import MAX_RECORD

_FEWEST = 20
"""Characters of a text that show by themselves which record it is of."""

_LONGEST = 20_000
"""Characters of a text that is looked for as it stands; of a longer one its own bytes count."""

_BEFORE = 300
"""Characters before a description in which the name of what it describes must stand."""


class Standing(NamedTuple):
    """A record that stands in a prompt.

    Attributes:
        record: The record.
        context_bytes: Bytes of it that stand there.
    """

    record: RecordFile
    context_bytes: int


def standing_in(prompt: str, places: Places) -> list[Standing]:
    """Return the records that stand in a system prompt, each once, by kind and slug.

    Args:
        prompt: The prompt, as it is sent.
        places: Where records lie.
    """
    flat = _Flat(prompt)
    by_text: dict[str, Standing] = {}
    files = (record for record in record_files(places) if record.named == record.file)
    for record in sorted(files, key=lambda one: (one.kind, one.slug)):
        for text in _texts(record, flat):
            known = by_text.get(text)
            if known is None or (not _is_named(known.record, prompt) and _is_named(record, prompt)):
                by_text[text] = Standing(record, len(text.encode()))
            break
    found = {(one.record.kind, one.record.slug): one for one in by_text.values()}
    return [found[name] for name in sorted(found)]


class _Flat:
    """A prompt with one space wherever it has white space, and where of it that stands.

    A pattern with any white space between the words of a text would be tried from each word on.

    Args:
        prompt: The prompt.
    """

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        words = [*re.finditer(r"\S+", prompt)]
        self.words = " ".join(word[0] for word in words)
        self._starts = [word.start() for word in words]
        lengths = (word.end() - word.start() + 1 for word in words)
        self._flat_starts = [0, *accumulate(lengths)][:-1]

    def find(self, flat: str) -> Iterator[tuple[int, int]]:
        """Yield where in the prompt a text begins and ends, which is flat, too, and not empty."""
        begin = self.words.find(flat)
        while begin >= 0:
            end = begin + len(flat)
            yield self._place(begin), self._place(end - 1) + 1
            begin = self.words.find(flat, end)

    def _place(self, at: int) -> int:
        word = bisect_right(self._flat_starts, at) - 1
        return self._starts[word] + at - self._flat_starts[word]


def _texts(record: RecordFile, flat: _Flat) -> Iterator[str]:
    """Yield what of a record stands in a prompt; the first is it."""
    try:
        data = read_small(record.file, MAX_RECORD)
        parts = take_apart(record.kind, record.slug, data)
    except (OSError, BrokenRecordError):
        return
    for whole in (data.decode("utf-8", "replace"), parts.body):
        text = _found(whole, flat)
        if text is not None:
            yield text
    if record.kind in BROUGHT_ALONG:
        yield from _listed(record, described(parts.fields, "description"), flat)


def _listed(record: RecordFile, about: str, flat: _Flat) -> Iterator[str]:
    """Yield the entry of a record in a listing."""
    if len(about) < _FEWEST or about not in flat.words:
        return
    prompt = flat.prompt
    name = re.compile(rf"(?<![\w-]){re.escape(record.slug.rpartition(':')[2])}(?![\w-])")
    for start, end in flat.find(" ".join(about.split())):
        before = prompt[max(0, start - _BEFORE) : start]
        named = [*name.finditer(before)]
        if named:
            begin = prompt.rfind("\n", 0, start - len(before) + named[-1].start()) + 1
            yield prompt[begin : _end_of_entry(record, prompt, end)]


def _end_of_entry(record: RecordFile, prompt: str, end: int) -> int:
    """Where the entry ends whose description ends there: behind the lines that name the file."""
    last = end
    for _ in range(3):
        stop = prompt.find("\n", end)
        stop = len(prompt) if stop < 0 else stop
        if last == end or record.file in prompt[end:stop]:
            last = stop
        end = stop + 1
        if end > len(prompt):
            break
    return last


def _found(text: str, flat: _Flat) -> str | None:
    """A text as it stands in a prompt; None where it does not, or is too short to tell."""
    text = text.strip()
    words = " ".join(text.split())
    if len(words) < _FEWEST or words not in flat.words:
        return None
    if text in flat.prompt or len(words) > _LONGEST:
        return text
    begin, end = next(flat.find(words))
    return flat.prompt[begin:end]


def _is_named(record: RecordFile, prompt: str) -> bool:
    """Whether the path of a record stands in a prompt."""
    return record.file in prompt or os.path.realpath(record.file) in prompt
