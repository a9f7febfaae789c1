"""Where an agent's settings are, what of ours belongs into them, and what is there."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ctxuse.events import UsageEvent
from ctxuse.files import read_small
from ctxuse.hosts import user_hooks
from ctxuse.hosts.handlers import (
    COMMAND,
    EVERYWHERE,
    OWN_FILE,
    SHARED,
    handlers,
    hooks_in,
    our_command,
    words_of,
)
from ctxuse.hosts.host import Version
from ctxuse.hosts.places import Places
from ctxuse.ids import is_derived


@dataclass(frozen=True, slots=True)
class Installation:
    """How hooks are installed into one agent.

    Attributes:
        host: The agent, as events name it.
        title: Its name for people.
        project_file: A project's settings, as they are shared.
        other_files: Settings and other files in which hooks may stand, beside those two; only
            looked at.
        matchers: The events of the agent that our hook is called for, with the tools, if not all.
        handler: Takes the words by which our hook is called and the agent's version, None for the
            newest; gives the handler as settings have it.
        in_groups: Whether handlers stand in groups below an event; else each by itself.
        beside: What a file of hooks needs beside them.
        since: The first versions that know an event, of those that not all do.
        own_file: Where our hook does not stand in settings but in a file that is ours alone: takes
            the words by which our hook is called, gives what stands in it behind its first line.
        is_off: Takes what a file of settings says, tells whether it turns all hooks off.
        afterwards: What the user has to do then, for people.
        executable: The program of the agent.
        limits: What it does not tell hooks of, for people.
        only_hooks_tell: Takes an event, tells whether no import makes such a one: where there is
            one, hooks have run.
        untrusted: Takes the places and the hooks of ours that are installed, gives what of them it
            does not run because nobody has said that it may, and what to do about that.
    """

    host: str
    title: str
    project_file: Callable[[Places], str]
    other_files: Callable[[Places], list[str]]
    matchers: Mapping[str, str | None]
    handler: Callable[[list[str], Version | None], dict[str, object]]
    is_off: Callable[[object], bool]
    afterwards: str
    executable: str
    in_groups: bool = True
    beside: Mapping[str, object] = field(default_factory=dict)
    since: Mapping[str, Version] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    own_file: Callable[[list[str]], str] | None = None
    only_hooks_tell: Callable[[UsageEvent], bool] = lambda event: not is_derived(event.id)
    untrusted: "Callable[[Places, list[Installed]], list[tuple[str, str]]]" = lambda *_: []

    def user_file(self, places: Places) -> str:
        """Return the user's settings."""
        return user_hooks(self.host, places.config_dirs)

    def files(self, places: Places) -> list[str]:
        """Return every file in which hooks may stand, the user's first."""
        own = [self.user_file(places), self.project_file(places)]
        return list(dict.fromkeys([*own, *self.other_files(places)]))

    def groups(
        self, command: str, version: Version | None = None, *, everywhere: bool = False
    ) -> dict[str, dict[str, object]]:
        """Return by event what belongs into the settings.

        Args:
            command: How the hook is called; by its name alone in settings that others share.
            version: The agent's version; None for the newest.
            everywhere: Whether it is to write in directories without a workspace, too.
        """
        handler = self.handler(self._words(command, everywhere=everywhere), version)
        entry: dict[str, object] = {"hooks": [handler]} if self.in_groups else handler
        return {
            event: {"matcher": matcher, **entry} if matcher else {**entry}
            for event, matcher in self.matchers.items()
            if version is None or version >= self.since.get(event, ())
        }

    def own_text(
        self, command: str, version: Version | None = None, *, everywhere: bool = False
    ) -> str | None:
        """Return the text of a hook file that is ours alone; None where hooks stand in settings.

        It takes what `groups` does.
        """
        if self.own_file is None:
            return None
        groups = self.groups(command, version, everywhere=everywhere)
        said = json.dumps({"hooks": {event: [group] for event, group in groups.items()}})
        return f"{OWN_FILE}{said}\n{self.own_file(self._words(command, everywhere=everywhere))}"

    def _words(self, command: str, *, everywhere: bool) -> list[str]:
        """The words by which our hook is called."""
        words = [command, self.host, *([EVERYWHERE] if everywhere else [])]
        return [*words, SHARED] if command == COMMAND else words


@dataclass(frozen=True, slots=True)
class Installed:
    """A hook of ours that stands in a file.

    Attributes:
        file: The file.
        event: The agent's event it is called for.
        command: The program that is called.
        everywhere: Whether it writes in directories without a workspace, too.
        is_outdated: Whether it is not what would be installed today: it would record beside a hook
            of the user's own, as those that settings share are told apart since 0.2, or it stands
            in a file that is ours and has another text.
    """

    file: str
    event: str
    command: str
    everywhere: bool = False
    is_outdated: bool = False


def installed(installation: Installation, places: Places) -> list[Installed]:
    """Return every hook of ours that is installed for an agent; unreadable files hold none."""
    return [
        Installed(
            file,
            event,
            command,
            everywhere=EVERYWHERE in words_of(handler),
            is_outdated=_is_outdated(installation, file, command, words_of(handler)),
        )
        for file in installation.files(places)
        for event, handler in handlers(hooks_in(file))
        if (command := our_command(handler)) is not None
    ]


def _is_outdated(installation: Installation, file: str, command: str, words: list[object]) -> bool:
    """See `Installed`."""
    text = installation.own_text(command, everywhere=EVERYWHERE in words)
    if text is None:
        return command == COMMAND and SHARED not in words
    try:
        return read_small(file) != text.encode()
    except OSError:
        return False


def how_to_remove(installation: Installation, places: Places, files: list[str]) -> str:
    """Return how hooks are taken out of `files`, for people."""
    commands = {
        installation.project_file(places): f"ctxuse setup {installation.host} --remove",
        installation.user_file(places): f"ctxuse setup {installation.host} --remove --user",
    }
    ways = [commands.get(file, f"by hand, or with its plugin, from {file}") for file in files]
    return "; ".join(dict.fromkeys(ways))


def turned_off(installation: Installation, places: Places) -> list[str]:
    """Return the files that turn all hooks of an agent off."""
    return [file for file in installation.files(places) if installation.is_off(hooks_in(file))]


def for_shell(words: list[str]) -> str:
    """Return the text by which a shell calls our hook.

    Called by its name alone, as in settings that a project shares, it is silent where it is not
    installed.
    """
    called = shlex.join(words)
    if words[0] != COMMAND:
        return called
    return f"if command -v {COMMAND} >/dev/null 2>&1; then exec {called}; fi"
