"""`ctxuse-hook HOST`: what an agent's hook calls. Takes a payload on stdin, appends what it means.

The agent comes first: nothing is printed, the exit status is 0 whatever happens, no prompt and no
content of a file is kept, and what costs time to import is imported where it is used.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from ctxuse.typed import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import signal

    from ctxuse.events import UsageEvent
    from ctxuse.hosts.parts import Hook
    from ctxuse.hosts.payload import Payload
    from ctxuse.hosts.places import Places
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.log.once import Searched
    from ctxuse.recorder import Recorder
else:
    try:  # what `signal` makes its enumerations of, for which a hook has no time
        import _signal as signal
    except ImportError:
        import signal

MAX_PAYLOAD = 64 * 1024 * 1024
"""Bytes of a payload that are read; a longer one is none."""

SECONDS = 2.0
"""How long a hook works at most, the wait for the log's lock included: an agent waits for it."""

MOST_SECONDS = 10.0
"""How long, where a busy machine gives it the processor for less than a quarter of `SECONDS`."""

TO_ARRIVE = 30.0
"""Seconds in which the payload must have arrived."""

_AFTER_COMPACTION = "compact"
"""Why instructions are loaded once more, which may be soon after the first time."""

_AGAIN = 0.1
"""Seconds after which is looked again whether the time is over."""

_TO_END = 0.5
"""Seconds that what is done now has to end, once the time is over."""

_OUT_OF_TIME = "its time was over"

USAGE = """\
usage: ctxuse-hook HOST [--everywhere] [--shared] < payload

For an agent's hook to call, not for people: ctxuse setup installs it, ctxuse doctor
says whether it works. Reads one payload, prints nothing, and always exits with 0.
"""


class _OutOfTimeError(BaseException):
    """The time is over. Nothing that catches errors catches it."""


class Clock:
    """The time that a hook has. An append is not cut off: it gets what is left as its patience.

    Args:
        to_arrive: Seconds in which the payload must have arrived, from now on; None for as much
            time as all takes.
    """

    def __init__(self, to_arrive: float | None) -> None:
        self._limited = to_arrive is not None and hasattr(signal, "setitimer")
        self._over = False
        self.note: Callable[[str], object] = lambda _: None
        """Leaves a mark of why not all was done; before it is known where, nothing."""
        self._start(to_arrive or 0.0, to_arrive or 0.0)
        if self._limited:
            signal.signal(signal.SIGALRM, self._look)
            self._look_after(self._seconds)

    def begin(self) -> None:
        """Begin with the work."""
        self._start(SECONDS, MOST_SECONDS)
        self._look_after(SECONDS)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        starved = time.process_time() - self._processor < self._seconds / 4
        end = self._began + (self._most if starved else self._seconds)
        return max(0.0, end - time.monotonic()) if self._limited else MOST_SECONDS

    def end(self) -> None:
        """End what is done now.

        Raises:
            _OutOfTimeError: Always.
        """
        self._over = True
        self._look_after(_TO_END)
        raise _OutOfTimeError

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing be cut off in a block."""
        self._look_after(0)
        try:
            yield
        finally:
            self._look_after(_AGAIN)

    def _start(self, seconds: float, most: float) -> None:
        self._began, self._processor = time.monotonic(), time.process_time()
        self._seconds, self._most = seconds, most

    def _look_after(self, seconds: float) -> None:
        if self._limited:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)

    def _look(self, *_: object) -> None:
        """End what is done now, if the time is over; if that does not end, leave a mark and end."""
        if self.left:
            return
        if not self._over:
            self.end()
        self._look_after(0)
        try:
            self.note(_OUT_OF_TIME)
        finally:
            _leave()


def main(to_arrive: float = TO_ARRIVE) -> None:
    """Run a hook. Never raises, never prints, always exits with 0.

    Args:
        to_arrive: Seconds in which the payload must have arrived.
    """
    gc.disable()  # it ends before it has left much behind
    try:
        try:
            from ctxuse.processes import (  # noqa: PLC0415 - may fail
                module_path,
                open_standard_streams,
            )

            open_standard_streams()
            sys.path[:] = module_path(sys.path)  # PYTHONPATH may name the project's directory
            if sys.stdin is not None and sys.stdin.isatty():
                sys.stderr.write(USAGE)
            elif sys.stdin is not None:
                run(sys.argv[1:], sys.stdin.buffer, os.environ, Clock(to_arrive))
        except BaseException:  # noqa: BLE001, S110 - nothing disturbs the agent, not even an interrupt
            pass
    finally:  # also when the time ends, or an interrupt comes, just now
        _leave()


def _leave() -> None:
    """Exit with 0 at once, so that nothing that runs at the end can say otherwise."""
    os._exit(0)


def run(
    words: list[str], stdin: BinaryIO, environ: Mapping[str, str], clock: Clock | None = None
) -> None:
    """Append what one payload means; when the time is over before, leave a mark of that.

    Args:
        words: The host; ``--everywhere`` to write also where there is no workspace yet;
            ``--shared`` to leave it to a hook of the user's own where there is one.
        stdin: The payload: JSON.
        environ: The environment.
        clock: The time it has; None for as long as it takes.
    """
    from ctxuse.hosts.lookup import parsed  # noqa: PLC0415 - likewise
    from ctxuse.hosts.parts import hook_of  # noqa: PLC0415 - not for the usage

    clock = clock or Clock(None)
    data = stdin.read(MAX_PAYLOAD + 1)
    clock.begin()
    host = hook_of(words[0]) if words else None
    if host is None or not data.strip() or len(data) > MAX_PAYLOAD:
        return
    from ctxuse.layout import WorkspaceLayout, is_recording  # noqa: PLC0415 - likewise

    if not is_recording(environ):
        return  # also of what is read on in transcripts nothing is taken note of
    fields = parsed(data)
    if not isinstance(fields, dict):
        return
    payload = host.read(fields, environ)
    root = _root(payload.project, environ, everywhere="--everywhere" in words[1:])
    if root is None:
        return
    layout = WorkspaceLayout(root)
    clock.note = partial(_note, layout, environ, payload.event)
    try:
        try:
            _record(words, host, payload, _Recording(layout, environ, clock))
        except Exception as error:  # noqa: BLE001 - whatever it was, what was told of may be missing
            with clock.stopped():
                clock.note(type(error).__name__)
    except _OutOfTimeError:  # or just then, in the other one
        with clock.stopped():
            clock.note(_OUT_OF_TIME)


def _record(words: list[str], host: "Hook", payload: "Payload", recording: "_Recording") -> None:
    """Append what a payload means, and what the transcripts tell that it names."""
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - likewise

    layout, environ = recording.layout, recording.environ
    places = Places(layout, environ, start=payload.project)
    if "--shared" in words[1:] and _user_has_it(words[0], places, payload.event):
        return
    for event in host.events(payload, places):
        if payload.reason == _AFTER_COMPACTION or not _was_told(event, layout):
            recording.append(event)
    found = host.followed(payload)
    if found.paths:
        from ctxuse.following import Following, bring_in  # noqa: PLC0415 - at some ends only

        bring_in(Following(words[0], layout, environ), found, recording)


class _Recording:
    """Appends events, each without being cut off. Nothing is opened before the first."""

    def __init__(self, layout: "WorkspaceLayout", environ: Mapping[str, str], clock: Clock) -> None:
        self.layout = layout
        self.environ = environ
        self._clock = clock
        self._recorder: Recorder | None = None

    def append(self, event: "UsageEvent", searched: "Searched | None" = None) -> bool:
        """Append an event, and say whether nothing went wrong; that leaves a mark.

        Args:
            event: The event.
            searched: How far the log was searched for it, if it was and it is not there.

        Raises:
            _OutOfTimeError: There is no time left; looked at here, since an append is not cut off.
        """
        with self._ready() as recorder:
            return recorder.try_quietly(event, searched)

    def append_while(self, event: "UsageEvent", still: Callable[[], bool]) -> bool | None:
        """Append an event if that is still right; see `Recorder.try_while`.

        Raises:
            _OutOfTimeError: As of `append`.
        """
        with self._ready() as recorder:
            return recorder.try_while(event, still)

    @contextmanager
    def _ready(self) -> "Iterator[Recorder]":
        """Give what appends, and let nothing be cut off while it does."""
        if not self._clock.left:
            self._clock.end()
        with self._clock.stopped():
            if self._recorder is None:
                from ctxuse.recorder import Recorder  # noqa: PLC0415 - most files are no records

                self._recorder = Recorder(
                    self.layout, environ=self.environ, most_patience=self._clock.left
                )
            yield self._recorder


def _was_told(event: "UsageEvent", layout: "WorkspaceLayout") -> bool:
    """Whether something resident was told of just now, which has no id of its own."""
    from ctxuse.events import UsageEventKind  # noqa: PLC0415 - likewise
    from ctxuse.ids import is_derived  # noqa: PLC0415 - likewise

    if event.event is not UsageEventKind.RESIDENT_EXPOSURE or is_derived(event.id):
        return False
    from ctxuse.log.lately import stands_lately  # noqa: PLC0415 - of few events only

    return stands_lately(layout, event)


def _note(
    layout: "WorkspaceLayout", environ: Mapping[str, str], event: str | None, why: str
) -> None:
    """Leave a mark that a hook did not come to its end."""
    from ctxuse.log.failures import leave_mark  # noqa: PLC0415 - only in this case

    what = f"hook: {(event or 'an event')[:64]}: {why}; what it told of may be missing"
    leave_mark(layout, what, environ=environ)


def _user_has_it(host: str, places: "Places", event: str | None) -> bool:
    """Whether a hook of ours that is there stands in the user's settings for an event, too."""
    from ctxuse.hosts import user_hooks  # noqa: PLC0415 - likewise
    from ctxuse.hosts.handlers import handlers, hooks_in, our_command  # noqa: PLC0415 - likewise

    settings = hooks_in(user_hooks(host, places.config_dirs))
    programs = (our_command(handler) for its, handler in handlers(settings) if its == event)
    return any(program is not None and os.access(program, os.X_OK) for program in programs)


def _root(project: str | None, environ: Mapping[str, str], *, everywhere: bool) -> str | None:
    """The root of the workspace that a project lies in; None where nothing is to be written.

    That is the project's directory or the nearest above it with the marker, in a linked worktree of
    git that of its main checkout, but none of somebody else, and none from the home directory
    upwards: a marker there would collect every project of the user.
    """
    from ctxuse.files import real_path  # noqa: PLC0415 - likewise
    from ctxuse.hosts.paths import holds, is_same  # noqa: PLC0415 - likewise
    from ctxuse.layout import is_anothers, workspaces_from  # noqa: PLC0415 - not for the usage
    from ctxuse.worktrees import worktree_of  # noqa: PLC0415 - likewise

    if not project or not os.path.isabs(project):
        return None
    project = os.path.normpath(project)
    home = real_path(environ.get("HOME") or os.path.expanduser("~"))
    for directory in workspaces_from(project):
        if not holds(directory, home):
            return directory
        if is_same(directory, home):
            return None
    worktree = worktree_of(project)
    root = project if worktree is None else worktree.in_main(project)
    may_be_one = everywhere and os.path.isdir(root) and not is_anothers(root, project)
    return root if may_be_one and not holds(root, home) else None


if __name__ == "__main__":
    main()
