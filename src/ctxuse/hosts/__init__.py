"""What agents hand over → events. One folder an agent, and one line in the table below.

No agent is special anywhere else. A folder says in `HOST` where its agent keeps what, and how it
makes itself known. It may hold more parts, each of which may be missing:

- `hook`: its payloads → events; on the way of every hook call, so it imports only what is cheap
- `transcript`: its transcripts → events
- `install`: where its settings are, and what belongs into them
- `mcp`: who calls an MCP server, when it is this agent
- `telemetry`: what it sends by OTLP → events

What is asked of these parts stands in `ctxuse.hosts.parts` and `ctxuse.hosts.caller`.
"""

import sys

from ctxuse.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from ctxuse.hosts.host import Host

HOSTS = {
    "claude-code": "claude_code",
    "cline": "cline",
    "codex": "codex",
    "copilot": "copilot",
    "cursor": "cursor",
    "gemini-cli": "gemini_cli",
    "opencode": "opencode",
    "pi": "pi",
    "qwen-code": "qwen_code",
}
"""The agents that are known, as events name them, and their folders."""


def known_hosts() -> "tuple[Host, ...]":
    """Return what the agents that are known say of themselves."""
    return tuple(map(host_named, HOSTS))


def host_named(name: str) -> "Host":
    """Return what an agent says of itself.

    Raises:
        KeyError: The agent is not known.
    """
    host: Host = module_of(name).HOST
    return host


def module_of(name: str, part: str | None = None) -> "ModuleType":
    """Return the folder of an agent, or a part of it; `importlib` takes long to import itself.

    Raises:
        KeyError: The agent is not known.
        ModuleNotFoundError: It has no such part.
    """
    module = ".".join(filter(None, ("ctxuse.hosts", HOSTS[name], part)))
    __import__(module)
    return sys.modules[module]


def project_of(environ: "Mapping[str, str]") -> str | None:
    """Return the project of the agent that started this process, where one says so."""
    named = (environ.get(host.project_variable) for host in known_hosts())
    return next(filter(None, named), None)


def user_hooks(name: str, config_dirs: "Mapping[str, str]") -> str:
    """Return the file in which the user's hooks of an agent stand, in its own directory."""
    import os  # noqa: PLC0415 - nothing is loaded with the package

    return os.path.join(config_dirs[name], host_named(name).user_hooks)
