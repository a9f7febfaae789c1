"""ctxuse: which records enter an agent's context, and what keeping them resident costs.

The names below are the public interface. They are loaded on first use, so that importing this
package inside an agent costs next to nothing.
"""

TYPE_CHECKING = False  # as type checkers know it: not even `typing` is imported yet

if TYPE_CHECKING:
    from ctxuse.codec.decode import SkipReason as SkipReason
    from ctxuse.context.given import Excerpt as Excerpt
    from ctxuse.context.given import Expansion as Expansion
    from ctxuse.context.given import Included as Included
    from ctxuse.context.given import LeftOut as LeftOut
    from ctxuse.context.given import ReadText as ReadText
    from ctxuse.context.given import Resident as Resident
    from ctxuse.context.given import SearchHit as SearchHit
    from ctxuse.errors import AppendError as AppendError
    from ctxuse.errors import BrokenRecordError as BrokenRecordError
    from ctxuse.errors import CtxuseError as CtxuseError
    from ctxuse.errors import FleetError as FleetError
    from ctxuse.errors import InvalidEventError as InvalidEventError
    from ctxuse.errors import InvalidPathError as InvalidPathError
    from ctxuse.errors import InvalidSettingError as InvalidSettingError
    from ctxuse.errors import InvalidSlugError as InvalidSlugError
    from ctxuse.errors import LogUnreadableError as LogUnreadableError
    from ctxuse.errors import MaintenanceError as MaintenanceError
    from ctxuse.errors import MissingExtraError as MissingExtraError
    from ctxuse.errors import NotForUsersError as NotForUsersError
    from ctxuse.errors import NoWorkspaceError as NoWorkspaceError
    from ctxuse.errors import RecordNotFoundError as RecordNotFoundError
    from ctxuse.errors import RecordTooLongError as RecordTooLongError
    from ctxuse.errors import RecordUnreadableError as RecordUnreadableError
    from ctxuse.errors import SettingsError as SettingsError
    from ctxuse.errors import TranscriptError as TranscriptError
    from ctxuse.errors import UnknownKindError as UnknownKindError
    from ctxuse.events import UsageEvent as UsageEvent
    from ctxuse.events import UsageEventKind as UsageEventKind
    from ctxuse.events import UsageRecordSnapshot as UsageRecordSnapshot
    from ctxuse.events import UsageSource as UsageSource
    from ctxuse.layout import RecordKind as RecordKind
    from ctxuse.layout import RecordRef as RecordRef
    from ctxuse.layout import Slug as Slug
    from ctxuse.layout import WorkspaceLayout as WorkspaceLayout
    from ctxuse.log.check import CheckResult as CheckResult
    from ctxuse.log.reader import SkippedLine as SkippedLine
    from ctxuse.log.repair import RepairResult as RepairResult
    from ctxuse.reports.report import Evidence as Evidence
    from ctxuse.reports.report import UsageReport as UsageReport
    from ctxuse.reports.report import UsageReportRecord as UsageReportRecord
    from ctxuse.segment import Segment as Segment
    from ctxuse.workspace import Workspace as Workspace

__version__ = "0.2.0"

_NAMES = {
    "codec.decode": "SkipReason",
    "context.given": "Excerpt Expansion Included LeftOut ReadText Resident SearchHit",
    "errors": (
        "AppendError BrokenRecordError CtxuseError FleetError InvalidEventError InvalidPathError"
        " InvalidSettingError InvalidSlugError LogUnreadableError MaintenanceError"
        " MissingExtraError NoWorkspaceError NotForUsersError RecordNotFoundError"
        " RecordTooLongError RecordUnreadableError SettingsError TranscriptError UnknownKindError"
    ),
    "events": "UsageEvent UsageEventKind UsageRecordSnapshot UsageSource",
    "layout": "RecordKind RecordRef Slug WorkspaceLayout",
    "log.check": "CheckResult",
    "log.reader": "SkippedLine",
    "log.repair": "RepairResult",
    "reports.report": "Evidence UsageReport UsageReportRecord",
    "segment": "Segment",
    "workspace": "Workspace",
}
"""What each module gives."""

_HOME = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = [*sorted(_HOME), "__version__"]  # noqa: PLE0604 - the names are strings: keys of a dict


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        message = f"module 'ctxuse' has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - only when a name is first asked for

    value: object = getattr(import_module(f"ctxuse.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
