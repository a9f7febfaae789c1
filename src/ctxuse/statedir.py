"""Where a user's programs keep what is theirs and not the project's."""

import os
from collections.abc import Mapping


def state_dir(environ: Mapping[str, str]) -> str:
    """Return our directory below the user's state directory; it may not exist.

    Args:
        environ: The environment: ``XDG_STATE_HOME`` where it is absolute, else ``HOME``.
    """
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # a relative one is to be ignored, says its specification
        home = environ.get("HOME") or os.path.expanduser("~")
        state = os.path.join(home, ".local", "state")
    return os.path.join(state, "ctxuse")
