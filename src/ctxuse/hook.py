"""`ctxuse-hook HOST`: what an agent's hook calls. Takes a payload on stdin, appends what it means.

The agent comes first: nothing is printed, the exit status is 0 whatever happens, no prompt and no
content of a file is kept, and what costs time to import is imported where it is used.
"""

import os
import sys
from collections.abc import Mapping
from typing import BinaryIO

MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes of a payload that are read; a longer one is none."""

USAGE = """\
usage: ctxuse-hook HOST [--everywhere] < payload

For an agent's hook to call, not for people: ctxuse setup installs it, ctxuse doctor
says whether it works. Reads one payload, prints nothing, and always exits with 0.
"""


def main() -> None:
    """Run a hook. Never raises, never prints, always exits with 0."""
    try:
        if sys.stdin is not None and sys.stdin.isatty():
            sys.stderr.write(USAGE)
        elif sys.stdin is not None:
            run(sys.argv[1:], sys.stdin.buffer, os.environ)
    except BaseException:  # noqa: BLE001, S110 - nothing disturbs the agent, not even an interrupt
        pass
    finally:
        _leave()


def _leave() -> None:
    """Exit with 0 at once, so that nothing that runs at the end can say otherwise."""
    os._exit(0)


def run(words: list[str], stdin: BinaryIO, environ: Mapping[str, str]) -> None:
    """Append what one payload means.

    Args:
        words: The host, and ``--everywhere`` to write also where there is no workspace yet.
        stdin: The payload: JSON.
        environ: The environment.
    """
    from ctxuse.hosts.lookup import parsed  # noqa: PLC0415 - likewise
    from ctxuse.hosts.parts import hook_of  # noqa: PLC0415 - not for the usage

    data = stdin.read(MAX_PAYLOAD + 1)
    host = hook_of(words[0]) if words else None
    if host is None or not data.strip() or len(data) > MAX_PAYLOAD:
        return
    fields = parsed(data)
    if not isinstance(fields, dict):
        return
    payload = host.read(fields, environ)
    root = _root(payload.project, environ, everywhere="--everywhere" in words[1:])
    if root is None:
        return
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - likewise
    from ctxuse.ids import is_derived  # noqa: PLC0415 - not for the usage
    from ctxuse.layout import WorkspaceLayout  # noqa: PLC0415 - likewise

    layout = WorkspaceLayout(root)
    recorder = None
    for event in host.events(payload, Places(layout, environ, start=payload.project)):
        if recorder is None:
            from ctxuse.recorder import Recorder  # noqa: PLC0415 - most files are no records

            recorder = Recorder(layout, environ=environ)
            if recorder.recording and not layout.has_marker:
                recorder.init()  # so that git is told what to do with the log
        recorder.try_append(event, once=is_derived(event.id), quiet=True)


def _root(project: str | None, environ: Mapping[str, str], *, everywhere: bool) -> str | None:
    """The root of the workspace that a project lies in; None where nothing is to be written.

    That is the project's directory or the nearest above it with the marker, but none from the home
    directory upwards: a marker there would collect every project of the user.
    """
    from ctxuse.hosts.paths import holds, is_same  # noqa: PLC0415 - likewise
    from ctxuse.layout import MARKER  # noqa: PLC0415 - not for the usage

    if not project or not os.path.isabs(project):
        return None
    project = os.path.normpath(project)
    home = os.path.realpath(environ.get("HOME") or os.path.expanduser("~"))
    directory = project
    while directory != os.path.dirname(directory):
        if os.path.isdir(os.path.join(directory, *MARKER)):
            return None if holds(directory, home) else directory
        if is_same(directory, home):
            break
        directory = os.path.dirname(directory)
    return project if everywhere and os.path.isdir(project) and not holds(project, home) else None


if __name__ == "__main__":
    main()
