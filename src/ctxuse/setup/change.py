"""What installing and removing hooks changes in a file of settings. Pure."""

from ctxuse.errors import SettingsError
from ctxuse.hosts.handlers import handlers, our_command
from ctxuse.hosts.host import Version
from ctxuse.hosts.installation import Installation
from ctxuse.hosts.lookup import at, items, stored
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
    text = without_hooks(file) if file.text.strip() else "{}\n"
    groups = installation.groups(command, version, everywhere=everywhere)
    try:
        for event, group in groups.items():
            text = add(text, ["hooks", event], group)
    except NotEditableError as error:
        raise SettingsError(file.path, f"{error}; it was left alone{_BY_HAND}") from error
    return text


def without_hooks(file: SettingsFile) -> str:
    """Return the text of the settings without our hooks; others in the same entry stay.

    Raises:
        SettingsError: As `with_hooks`.
    """
    text = file.text
    if not text.strip():
        return text
    settings = stored(file.path)
    hooks = at(settings, "hooks")
    try:
        for event, groups in hooks.items() if isinstance(hooks, dict) else ():
            for index, group in enumerate(items(groups)):
                shared = not _only_ours(group)
                text = take_out(text, ["hooks", event, index, "hooks"], _ours) if shared else text
            text = take_out(text, ["hooks", event], _only_ours)
        if settings is None:
            take_out(text, [], bool)  # says what is wrong with it
    except NotEditableError as error:
        raise SettingsError(file.path, f"{error}; it was left alone{_BY_HAND}") from error
    return text


def _ours(handler: object) -> bool:
    return our_command(handler) is not None


def _only_ours(group: object) -> bool:
    """Whether an entry holds our handlers and no others."""
    inner = [handler for _, handler in handlers({"hooks": {"": [group]}})]
    return bool(inner) and all(map(_ours, inner))
