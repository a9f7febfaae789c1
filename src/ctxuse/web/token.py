"""The secret in the address: who knows it may look.

It is random and kept, for each workspace, in the user's state directory in a file that only the
user can read, so that a page that is open finds the server again after a restart.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress

from ctxuse.layout import WorkspaceLayout
from ctxuse.smallfile import read_small

_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")


def token_for(layout: WorkspaceLayout, *, environ: Mapping[str, str], renew: bool = False) -> str:
    """Return the secret of a workspace: the one that is kept, else a new one, kept if possible.

    Args:
        layout: The workspace.
        environ: The environment, for where the user's state directory is.
        renew: Make a new one in any case: addresses that were given out lead nowhere from then on.
    """
    path = _path(layout, environ)
    kept = None if renew else _kept(path)
    if kept is not None:
        return kept
    token = secrets.token_urlsafe(32)
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fresh = f"{path}.{os.getpid()}.tmp"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, token.encode())
        finally:
            os.close(descriptor)
        os.replace(fresh, path)
    return token


def _kept(path: str) -> str | None:
    """What is kept, if nobody else could have read or written it."""
    try:
        status = os.lstat(path)
        data = read_small(path, 64)
    except OSError:
        return None
    private = status.st_mode & 0o077 == 0 and status.st_uid == os.getuid()
    return data.decode() if private and _TOKEN.fullmatch(data) else None


def _path(layout: WorkspaceLayout, environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    state = environ.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state")
    root = os.path.realpath(layout)
    name = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(state, "ctxuse", "serve", f"{name}.token")
