"""What installing and removing hooks changes in a file of settings. Pure."""

import json

from ctxuse.errors import SettingsError
from ctxuse.files import LARGEST
from ctxuse.hosts.handlers import SCRIPTS, handlers, our_command, settings_of_own
from ctxuse.hosts.host import Version
from ctxuse.hosts.installation import Installation
from ctxuse.hosts.lookup import parsed, size
from ctxuse.setup.jsontext import NotEditableError, add, take_out
from ctxuse.setup.settings import SettingsFile

_BY_HAND = " (--dry-run in an empty directory shows what to write by hand)"


def with_hooks(
    file: SettingsFile,
    installation: Installation,
    command: str,
    version: Version | None = None,
    *,
    everywhere: bool,
) -> str:
    """Return the text of the settings with our hooks, in place of those that are there.

    Args:
        file: The settings.
        installation: The agent.
        command: How the hook is called.
        version: The agent's version; None for the newest.
        everywhere: Whether it is to write in directories without a workspace, too.

    Raises:
        SettingsError: The file cannot be edited; the message says what to do by hand.
    """
    own = installation.own_text(command, version, everywhere=everywhere)
    if own is not None:
        if file.text.strip() and settings_of_own(file.text) is None:
            raise SettingsError(file.path, "it is not ours; it was left alone")
        return own
    text = without_hooks(file) if file.text.strip() else _empty(installation)
    entries = installation.groups(command, version, everywhere=everywhere)
    try:
        for event, entry in entries.items():
            text = add(text, ["hooks", event], entry)
    except NotEditableError as error:
        raise SettingsError(file.path, f"{error}; it was left alone{_BY_HAND}") from error
    if (size(text) or 0) > LARGEST:  # nobody could read it, nor take the hooks out again
        why = f"with the hooks it would have more than {LARGEST:,} bytes"
        raise SettingsError(file.path, f"{why}; it was left alone{_BY_HAND}")
    return text


def without_hooks(file: SettingsFile) -> str:
    """Return the text of the settings without our hooks; others in the same entry stay.

    Nothing is left of a file that is ours alone; a script that is not holds none of ours.

    Raises:
        SettingsError: As `with_hooks`.
    """
    text = file.text
    if settings_of_own(text) is not None:
        return ""
    if file.path.endswith(SCRIPTS):
        return text
    if not text.strip() or not _may_hold_ours(text):
        return text
    try:
        text = take_out(text, ["hooks", dict], _only_ours)
        return take_out(text, ["hooks", dict, list, "hooks"], _ours)
    except NotEditableError as error:
        raise SettingsError(file.path, f"{error}; it was left alone{_BY_HAND}") from error


def without_left_over(text: str, installation: Installation) -> str:
    """Return the text of settings; nothing where only what hooks need beside them is left there."""
    is_left_over = installation.beside and parsed(text) in (installation.beside, {})
    return "" if is_left_over else text


def _empty(installation: Installation) -> str:
    return f"{json.dumps(installation.beside, indent=2)}\n"


def _may_hold_ours(text: str) -> bool:
    """Whether a handler of ours stands anywhere, also below a key that stands there once more."""
    found = False

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal found
        value = dict(pairs)
        found = found or _ours(value)
        return value

    try:
        json.loads(text, object_pairs_hook=look)
    except (ValueError, RecursionError):  # what is wrong with it is said when it is edited
        return True
    return found


def _ours(handler: object) -> bool:
    return our_command(handler) is not None


def _only_ours(entry: object) -> bool:
    """Whether an entry is a handler of ours, or holds such and no others."""
    inner = [handler for _, handler in handlers({"hooks": {"": [entry]}})]
    return bool(inner) and all(map(_ours, inner))
