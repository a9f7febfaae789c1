"""The skills that are loaded in a session of GitHub Copilot CLI → events (1.0.102).

A call of a skill is answered with a word. Then the host says which skill was loaded, with its text,
and what of it was delivered to the model; what the user typed is delivered with the prompt.
"""

import hashlib
import re
from collections.abc import Mapping
from itertools import islice
from typing import TypeVar

from ctxuse.hosts.calls import Call, uses
from ctxuse.hosts.copilot.lines import Data
from ctxuse.hosts.lookup import name, size, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.recordfile import skill_name
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Told

V = TypeVar("V")

_BODY = "body "
"""How what is kept at a rest of the text of a skill is called: what tells it, and its bytes."""

_KEPT = 256
_MOST_OPEN = 64
"""So many texts are waited for at once, the last ones; a turn has a few."""

_DELIVERED = re.compile(
    r'<skill-context name="([^"\n]{1,256})">\n(?:(?!</?skill-context).)*</skill-context>', re.DOTALL
)


class Skills:
    """What is open of the skills of a session, and what is told of them when they are delivered."""

    def __init__(self, origin: Origin, told: Told, noted: Mapping[str, str | int | None]) -> None:
        self._origin = origin
        self._told = told
        self._open: list[Call] = []
        """Calls that were answered, and prompts, of which the text is still to come."""
        self._sizes = kept(noted, _BODY, int)

    @property
    def none_open(self) -> bool:
        """Whether what follows can be understood without what came before."""
        return not self._open

    @property
    def noted(self) -> dict[str, int]:
        """What is kept at a rest."""
        return to_keep(self._sizes, _BODY, _KEPT)

    def called(self, call: Call) -> None:
        """Take note of a call that was answered."""
        self._open = [*self._open[1 - _MOST_OPEN :], call]

    def loaded(self, data: Data, thread: Session, line: str | None, at_ns: int) -> None:
        """Take note of a skill that was loaded."""
        self._knows(data.content)
        said, path = name(data.name), text(data.path)
        if said is None:
            return
        files = None if path is None else (path,)
        if data.trigger == "user-invoked" and line is not None:
            subject = skill_name(said) or said
            self.called(
                Call(thread, "skill", subject, line, by_user=True, at_ns=at_ns, files=files)
            )
            return
        for number, call in enumerate(self._open):
            if _is_of(call, said, thread) and call.files is None:
                self._open[number] = call._replace(files=files)
                return

    def delivered(self, data: Data, thread: Session) -> None:
        """Tell of a skill whose text was delivered to the model."""
        self._knows(data.content)
        said = (name(data.source) or "").removeprefix("skill-")
        length = size(data.content)
        if length is None:
            body = self._sizes.get(text(data.contentId) or "")
            around = [size(data.prefix), size(data.suffix)]
            length = None if body is None else body + sum(part or 0 for part in around)
        self._tell(said, thread, length)

    def prompted(self, data: Data, thread: Session) -> None:
        """Tell of the skills that were delivered with a prompt."""
        said = data.transformedContent
        for found in _DELIVERED.finditer(said) if isinstance(said, str) else ():
            self._tell(found[1], thread, size(found[0]))

    def end(self) -> None:
        """Wait no longer for what is open: of a skill that was not delivered nothing entered."""
        self._open.clear()

    def _tell(self, said: str, thread: Session, length: int | None) -> None:
        call = next((call for call in self._open if _is_of(call, said, thread)), None)
        if call is not None:
            self._open.remove(call)
            found = uses(call._replace(context_bytes=length), self._origin)
            self._told.happened(found, of=None if call.by_user else call.key, key=call.key)

    def _knows(self, content: object) -> None:
        """Take note of the text of a skill, which later lines only refer to."""
        length = size(content)
        if isinstance(content, str) and length is not None:
            digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()
            self._sizes[f"sha256:{digest}"] = length


def to_keep(named: dict[str, V], begins: str, most: int) -> dict[str, V]:
    """Return the last of what is kept at a rest under names that begin alike.

    A rest may be behind each line, so what is not kept is not looked at.
    """
    last = [*islice(reversed(named.items()), most)]
    return {begins + name: value for name, value in reversed(last)}


def kept(noted: Mapping[str, object], begins: str, kind: type[V]) -> dict[str, V]:
    """Return what was kept so at a rest."""
    found = {name.removeprefix(begins): noted[name] for name in noted if name.startswith(begins)}
    return {name: value for name, value in found.items() if isinstance(value, kind)}


def _is_of(call: Call, said: str, thread: Session) -> bool:
    is_same = call.subject in {said, skill_name(said)}
    return is_same and call.session.segment_id == thread.segment_id
