"""The error tree.

Every error of ours carries its facts as attributes, survives pickling (its attributes are its
arguments) and has a message that says what happened, where, and what to do next. What a log
contains and cannot be counted is not an error but a value: see `ctxuse.log.reader.SkippedLine`.
"""

from ctxuse.typed import Self
from ctxuse.visible import quoted, visible


class CtxuseError(Exception):
    """The base of everything ctxuse raises on purpose."""

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Pickle by class and arguments, which are all the facts there are."""
        return type(self), self.args


class _FileError(CtxuseError, OSError):
    """Trouble with a file. An `OSError` too, for who catches those."""

    def __new__(cls, *facts: object, **named: object) -> Self:
        """Make it without what `OSError` does: take three arguments for errno, text and path."""
        made = super().__new__(cls)
        made.args = (*facts, *named.values())
        return made

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason


class InvalidSlugError(CtxuseError, ValueError):
    """A text that should name a record is not a slug.

    Attributes:
        slug: The text as given.
        rule: What it breaks, where that is not the rule of slugs.
    """

    code = "invalid_slug"

    def __init__(self, slug: str, rule: str | None = None) -> None:
        super().__init__(slug, rule)
        self.slug = slug
        self.rule = rule

    def __str__(self) -> str:
        if self.rule is not None:
            return f"{quoted(self.slug)}: {visible(self.rule)}"
        return (
            f"{quoted(self.slug)} is not a slug: 1 to 64 of a-z, 0-9 and '-', "
            "with no '-' at either end and no '--'"
        )


class UnknownKindError(CtxuseError, ValueError):
    """A record was asked for by a kind that has no file in the workspace.

    Attributes:
        kind: The kind as given.
    """

    code = "unknown_kind"

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"no file is known for records of kind {quoted(self.kind)}: "
            "use summary, decision, request, workflow or knowledge"
        )


class InvalidPathError(CtxuseError, ValueError):
    """Something lies where records live but is not a record.

    Attributes:
        path: The path as given.
    """

    code = "invalid_path"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"{quoted(self.path)} lies where records live but is not one: records are "
            "memory/summary.md, memory/decisions/<slug>.md, memory/requests/<slug>.md "
            "and knowledge/<slug>.md"
        )


class InvalidSettingError(CtxuseError, ValueError):
    """A setting has a value that it cannot have.

    Attributes:
        name: The argument or the environment variable.
        value: Its value.
        allowed: What it may be.
    """

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name = name
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{visible(self.name)} is {visible(self.allowed)}, not {quoted(self.value)}"


class MissingExtraError(CtxuseError, ImportError):
    """A part of ctxuse was asked for whose libraries are not installed.

    Attributes:
        what: What was asked for.
        extra: The extra that brings the libraries.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)
        self.what = what
        self.extra = extra

    def __str__(self) -> str:
        install = f"pip install 'ctxuse[{visible(self.extra)}]'"
        return f"{visible(self.what)} needs libraries that are not installed: {install}"


class UnsupportedSystemError(CtxuseError):
    """Something was asked for that needs a system on which logs can be written.

    Attributes:
        what: What was asked for.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return (
            f"{visible(self.what)} does not work on this system: here logs are read and reported,"
            " not written. Linux, macOS and WSL can do both"
        )


class ServeError(CtxuseError):
    """The page cannot be served.

    Attributes:
        port: The port that was to be opened.
        reason: Why it cannot be.
    """

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(port, reason)
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        what = f"port {self.port} of this machine cannot be opened ({visible(self.reason)})"
        return f"{what}: --port 0 takes any free one"


class FleetError(CtxuseError, RuntimeError):
    """Workspaces could not be worked on together, or sent. No log was changed by trying.

    Attributes:
        where: What is at fault: a scheduler's address, a folder to write to, an endpoint.
        reason: What happened.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{visible(self.where)}: {visible(self.reason)}"


class SendingElsewhereError(FleetError):
    """A log is sent to the same place by another process just now."""


class NoWorkspaceError(CtxuseError, LookupError):
    """There is no workspace where one is needed.

    Attributes:
        start: The directory that was to be one, or from which one was looked for.
        anothers: A directory above it that is one of somebody else; None where there is none.
    """

    def __init__(self, start: str, anothers: str | None = None) -> None:
        super().__init__(start, anothers)
        self.start = start
        self.anothers = anothers

    def __str__(self) -> str:
        said = (
            f"no .yoi/memory/ in {quoted(self.start)}: there is no workspace; ctxuse init makes one"
        )
        if self.anothers is not None:
            where = quoted(self.anothers)
            said += f"; the one in {where} belongs to another user: --workspace names it"
        return said


class RecordNotFoundError(_FileError, FileNotFoundError):
    """The record's file does not exist.

    Attributes:
        kind: The record's kind.
        slug: The record's slug.
        path: Where its file should be.
    """

    def __init__(self, kind: str, slug: str, path: str) -> None:
        self.kind = kind
        self.slug = slug
        self.path = path

    def __str__(self) -> str:
        what = f"no {visible(self.kind)} record {quoted(self.slug)}"
        return f"{what}: {quoted(self.path)} does not exist"


class RecordUnreadableError(_FileError):
    """The record's file exists but could not be read.

    Attributes:
        path: The file.
        reason: What the system said, or what the file is instead of a regular file.
    """

    def __str__(self) -> str:
        return f"cannot read the record {quoted(self.path)}: {visible(self.reason)}"


class RecordTooLongError(CtxuseError, ValueError):
    """A record's body is longer than what may be given at once; `Segment.read` gives it in parts.

    Attributes:
        kind: The record's kind.
        slug: The record's slug.
        size: The size of its body, in bytes.
        most: The most that may be given, in bytes.
    """

    def __init__(self, kind: str, slug: str, size: int, most: int) -> None:
        super().__init__(kind, slug, size, most)
        self.kind = kind
        self.slug = slug
        self.size = size
        self.most = most

    def __str__(self) -> str:
        return (
            f"{visible(self.kind)} {quoted(self.slug)} has {self.size:,} bytes, more than the "
            f"{self.most:,} that are given here; read it in parts"
        )


class BrokenRecordError(CtxuseError, ValueError):
    """A record's file was read, but what it says of itself cannot be understood.

    Attributes:
        kind: The record's kind.
        slug: The record's slug.
        reason: What is wrong with it.
    """

    def __init__(self, kind: str, slug: str, reason: str) -> None:
        super().__init__(kind, slug, reason)
        self.kind = kind
        self.slug = slug
        self.reason = reason

    def __str__(self) -> str:
        return f"{visible(self.kind)} {quoted(self.slug)} is broken: {visible(self.reason)}"


class NotForUsersError(CtxuseError):
    """A user asked for a record that is not for users.

    Attributes:
        kind: The record's kind.
        slug: The record's slug.
    """

    def __init__(self, kind: str, slug: str) -> None:
        super().__init__(kind, slug)
        self.kind = kind
        self.slug = slug

    def __str__(self) -> str:
        return (
            f"{visible(self.kind)} {quoted(self.slug)} is not for users: its frontmatter says "
            "user_invocable: false"
        )


class InvalidEventError(CtxuseError, ValueError):
    """An event that may not be written: nothing was stored.

    Attributes:
        field: Which field is at fault, as in ``records[0].file_bytes``.
        reason: What is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"the event cannot be written: {visible(self.field)} {visible(self.reason)}"


class AppendError(_FileError):
    """An event could not be appended to the log.

    Attributes:
        path: The log.
        action: What was being done, as in ``open`` or ``write``.
        reason: What happened.
        stored: False when the event is not in the log; None when it cannot be told (part or all
            of it may be there, but it was not acknowledged). Never True: a stored event is no
            error. To try again without the danger of counting it twice, use
            `Workspace.append_once`.
        errno: The system's number for what happened, where there is one.
    """

    def __init__(
        self,
        path: str,
        action: str,
        reason: str,
        stored: bool | None = False,  # noqa: FBT001, FBT002 - pickling passes it by position
        errno: int | None = None,
    ) -> None:
        self.errno = errno
        self.path = path
        self.action = action
        self.reason = reason
        self.stored = stored

    def __str__(self) -> str:
        stored = "nothing was stored" if self.stored is False else "it may be stored or not"
        return (
            f"cannot append to {quoted(self.path)}: {visible(self.action)}: "
            f"{visible(self.reason)} ({stored})"
        )


class MaintenanceError(_FileError):
    """The log could not be repaired or archived. No event was lost by trying.

    Attributes:
        path: The file or directory at fault.
        action: What was being done, as in ``copy aside`` or ``rename``.
        reason: What happened.
        archive: The name in ``_usage`` that the log got before; None when it is where it was.
    """

    def __init__(self, path: str, action: str, reason: str, archive: str | None = None) -> None:
        self.path = path
        self.action = action
        self.reason = reason
        self.archive = archive

    def __str__(self) -> str:
        after = "no event was lost; try again when this is mended"
        if self.archive is not None:
            after = (
                f"the log is archived as {visible(self.archive)} and its events count, but this may"
                " not survive a power cut"
            )
        return f"{quoted(self.path)}: {visible(self.action)}: {visible(self.reason)} ({after})"


class SettingsError(_FileError):
    """A file of an agent's settings could not be read or changed; it is as it was.

    Attributes:
        path: The file.
        reason: What happened, or what is wrong with it.
    """

    def __str__(self) -> str:
        return f"the settings {quoted(self.path)}: {visible(self.reason)}"


class SetupError(CtxuseError):
    """The hooks of an agent cannot be installed here; nothing was written.

    Attributes:
        reason: Why, and what to do instead.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return visible(self.reason)


class TranscriptError(_FileError):
    """A transcript or another log could not be read.

    Attributes:
        path: The file.
        reason: What happened.
    """

    def __str__(self) -> str:
        return f"cannot import {quoted(self.path)}: {visible(self.reason)}"


class LogUnreadableError(_FileError):
    """The log exists but could not be read.

    Attributes:
        path: The log.
        reason: What the system said, or what was found in its place.
    """

    def __str__(self) -> str:
        return f"cannot read the log {quoted(self.path)}: {visible(self.reason)}"
