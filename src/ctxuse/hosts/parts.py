"""The parts that an agent's folder may hold beside what it says of itself."""

from ctxuse.hosts import HOSTS, module_of
from ctxuse.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ctxuse.events import UsageEvent
    from ctxuse.hosts.calls import Call
    from ctxuse.hosts.installation import Installation
    from ctxuse.hosts.jsonlines import OnRead
    from ctxuse.hosts.payload import Payload
    from ctxuse.hosts.places import Places
    from ctxuse.hosts.transcripts import Head, Rest, Told


MOST_UNHEARD = 24
"""So many other sessions are looked at when one begins: each may have ended unheard."""


class Hook(Protocol):
    """The `hook` module of an agent."""

    def read(self, fields: "Mapping[str, object]", environ: "Mapping[str, str]") -> "Payload":
        """Return the payload that was handed over."""
        ...

    def events(self, payload: "Payload", places: "Places") -> "Iterator[UsageEvent]":
        """Yield what a payload tells of."""
        ...

    def followed(self, payload: "Payload") -> "Followed":
        """Return the transcripts that may tell more now; see `Transcripts.read_on`."""
        ...


class Followed(NamedTuple):
    """Transcripts that may tell more than has been read.

    Attributes:
        paths: Their paths.
        of_others: Whether they are of other sessions than the one that a payload is of.
        goes_on: Whether more is to come, so that what is not full is not stored of requests.
    """

    paths: list[str]
    of_others: bool = False
    goes_on: bool = False


class Transcripts(Protocol):
    """The `transcript` module of an agent."""

    def head(self, path: str) -> "Head":
        """Return what the first lines of a transcript say of its session.

        Raises:
            OSError: The file cannot be read.
        """
        ...

    def read(
        self, path: str, places: "Places", told: "Told", on_read: "OnRead | None" = None
    ) -> None:
        """Tell what a transcript tells.

        Args:
            path: The transcript.
            places: The places of the workspace.
            told: What is told.
            on_read: Told how many bytes have been read.

        Raises:
            OSError: The file cannot be read; `told` has what came before.
        """
        ...

    def read_on(self, path: str, places: "Places", told: "Told", rest: "Rest", most: int) -> "Rest":
        """Tell what a transcript tells from a rest on, and return the next one.

        Only of an agent whose hook says that a transcript is to be followed.
        """
        ...


class Telling(NamedTuple):
    """What an event of an agent's own telemetry tells.

    Attributes:
        segment_id: The session.
        call: A call of a tool, with what is known of its response; None where that is not said.
        is_untold: Whether it is not said what was called, as names are masked, or who called.
        needs_file: Whether it counts only where its record has a file here.
    """

    segment_id: str
    call: "Call | None" = None
    is_untold: bool = False
    needs_file: bool = False


class Telemetry(Protocol):
    """What reads the events of an agent's own telemetry, in the order in which they come."""

    def read(self, event: str, said: "Mapping[str, object]", at_ns: int) -> "Iterator[Telling]":
        """Yield what an event tells.

        Args:
            event: Its name, as the agent's `tells` gives it.
            said: Its attributes.
            at_ns: When it happened, in nanoseconds since the epoch.
        """
        ...


def hosts_with(part: str) -> list[str]:
    """Return the agents whose folders hold a part, such as ``hook`` or ``transcript``."""
    from importlib.util import find_spec  # noqa: PLC0415 - not on the way of a hook

    return [host for host in HOSTS if find_spec(f"ctxuse.hosts.{HOSTS[host]}.{part}")]


def hook_of(host: str) -> Hook | None:
    """Return how the payloads of an agent are read; None for one that has none, or is not known."""
    if host not in HOSTS:
        return None
    module = f"ctxuse.hosts.{HOSTS[host]}.hook"
    try:
        found: Hook = module_of(host, "hook")
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None
    return found


def transcripts_of(host: str) -> Transcripts:
    """Return how the transcripts of an agent are read; it is one of `hosts_with` transcripts."""
    found: Transcripts = module_of(host, "transcript")
    return found


def installation_of(host: str) -> "Installation":
    """Return where the settings of an agent are; it is one of `hosts_with` an installation."""
    found: Installation = module_of(host, "install").INSTALLATION
    return found


def title_of(host: str) -> str:
    """Return what people call an agent."""
    if host in hosts_with("install"):
        return installation_of(host).title
    return host.replace("-", " ").title()
