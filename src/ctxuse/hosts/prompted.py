"""Which records stand in a system prompt, by the prompt itself: what entered, not what was meant.

Strategy: of each record on the disk its text is looked for. Instructions, memories and the
workspace's own stand there whole, with or without their frontmatter; what is listed (skills,
commands, agents) by its name and its description, and of these the lines count from the one to the
other, with those behind them that name the file. White space may differ: both are looked at with
one blank between words, and the prompt is taken apart once. Of files that hold the same text one
entered: the one whose path stands there, too, or else the first by name. What stands there only
within the text of another file entered with that one.
"""

import re
from bisect import bisect_right, insort
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.files import read_small, real_path
from ctxuse.hosts.ondisk import record_files
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import BROUGHT_ALONG, Placed, RecordFile
from ctxuse.records import MAX_RECORD

_FEWEST = 20
"""Characters of a text that show by themselves which record it is of."""

_BEFORE = 300
"""Characters before a description in which the name of what it describes must stand."""


_END_OF_SENTENCE = re.compile(r"[.!?]\s")
"""Behind it a name is that of what is described no more."""


class _Prompt:
    """A prompt, and where in it the words are."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = " ".join(text.split())

    def places(self, flat: str) -> Iterator[int]:
        """Yield where among the words a text of words begins, each time it stands there."""
        at = self.words.find(flat)
        while at >= 0:
            yield at
            at = self.words.find(flat, at + len(flat))

    def span(self, at: int, size: int) -> tuple[int, int]:
        """Return where in the prompt begins and ends what among the words does."""
        return self._place(at), self._place(at + size - 1) + 1

    def _place(self, at: int) -> int:
        begins, among_words = self._begins
        word = bisect_right(among_words, at) - 1
        return begins[word] + at - among_words[word]

    @cached_property
    def _begins(self) -> tuple[list[int], list[int]]:
        """Where each word begins, in the prompt and among the words."""
        begins = [found.start() for found in re.finditer(r"\S+", self.text)]
        sizes = (len(word) + 1 for word in self.words.split(" "))
        return begins, [*accumulate(sizes, initial=0)][:-1]


def standing_in(prompt: str, places: Places) -> list[Placed]:
    """Return the records that stand in a prompt as it is sent, each once, by kind and slug."""
    told = _Prompt(prompt)
    by_text: dict[str, Placed] = {}
    listed: set[str] = set()
    files = (record for record in record_files(places) if record.named == record.file)
    for record in sorted(files, key=lambda one: (one.kind, one.slug)):
        for text, is_listed in _texts(record, told):
            known = by_text.get(text)
            if known is None or (not _is_named(known.record, prompt) and _is_named(record, prompt)):
                by_text[text] = Placed(record, len(text.encode()))
            if is_listed:
                listed.add(text)
            break
    within = _within_others(told, {t: one for t, one in by_text.items() if t not in listed})
    found = {
        (one.record.kind, one.record.slug): one
        for text, one in by_text.items()
        if text not in within
    }
    return [found[name] for name in sorted(found)]


def _within_others(prompt: _Prompt, standing: dict[str, Placed]) -> set[str]:
    """Those of the texts that stand in a prompt only within longer ones, and are not named."""
    within: set[str] = set()
    spans: list[tuple[int, int]] = []  # none is within another one, so that ends ascend, too
    flat = {text: " ".join(text.split()) for text in standing}
    for text in sorted(standing, key=lambda one: len(flat[one]), reverse=True):
        alone = [*_outside(prompt, flat[text], spans)]
        if not alone and not _is_named(standing[text].record, prompt.text):
            within.add(text)
        for at in alone:
            insort(spans, (at, at + len(flat[text])))
    return within


def _outside(prompt: _Prompt, flat: str, spans: list[tuple[int, int]]) -> Iterator[int]:
    """Yield where a text stands that is in none of these longer spans."""
    at = prompt.words.find(flat)
    while at >= 0:
        end = at + len(flat)
        before = bisect_right(spans, at, key=lambda span: span[0])
        begin, behind = spans[before - 1] if before else (0, 0)
        if end <= behind and behind - begin > len(flat):
            end = behind - len(flat) + 1  # the first place that is not within it
        else:
            yield at
        at = prompt.words.find(flat, end)


def _texts(record: RecordFile, prompt: _Prompt) -> Iterator[tuple[str, bool]]:
    """Yield what of a record stands in a prompt, and whether it is an entry; the first is it."""
    try:
        data = read_small(record.file, MAX_RECORD)
        parts = take_apart(record.kind, record.slug, data)
    except (OSError, BrokenRecordError):
        return
    for whole in (data.decode("utf-8", "replace"), parts.body):
        text = _found(whole, prompt)
        if text is not None:
            yield text, False
    about = parts.fields.get("description")
    if record.kind in BROUGHT_ALONG and isinstance(about, str):
        for text in _listed(record, about, prompt):
            yield text, True


def _listed(record: RecordFile, about: str, prompt: _Prompt) -> Iterator[str]:
    """Yield the entry of a record in a listing."""
    flat = " ".join(about.split())
    if len(flat) < _FEWEST:
        return
    name = re.compile(rf"(?<![\w-]){re.escape(record.slug.rpartition(':')[2])}(?![\w-])")
    for at in prompt.places(flat):
        begin, end = prompt.span(at, len(flat))
        before = prompt.text[max(0, begin - _BEFORE) : begin]
        named = [*name.finditer(before)]
        if named and _END_OF_SENTENCE.search(before, named[-1].end()) is None:
            begin = prompt.text.rfind("\n", 0, begin - len(before) + named[-1].start()) + 1
            yield prompt.text[begin : _end_of_entry(record, prompt.text, end)]


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


def _found(text: str, prompt: _Prompt) -> str | None:
    """A text as it stands in a prompt; None where it does not, or is too short to tell."""
    text = text.strip()
    flat = " ".join(text.split())
    at = prompt.words.find(flat) if len(flat) >= _FEWEST else -1
    if at < 0:
        return None
    if text in prompt.text:
        return text
    begin, end = prompt.span(at, len(flat))
    return prompt.text[begin:end]


def _is_named(record: RecordFile, prompt: str) -> bool:
    """Whether the path of a record stands in a prompt."""
    return record.file in prompt or real_path(record.file) in prompt
