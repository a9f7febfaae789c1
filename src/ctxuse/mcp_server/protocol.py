"""The Model Context Protocol, as far as a server of tools, resources and prompts needs it.

Source: the specification's revisions 2024-11-05 to 2025-11-25, in which a client introduces itself
first (``initialize``), and 2026-07-28, in which every request says in its ``_meta`` who asks and in
which version. A client may speak either; each request is answered in its own way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from ctxuse.errors import CtxuseError
from ctxuse.mcp_server.rpc import INVALID_PARAMS, METHOD_NOT_FOUND, Params, RpcError
from ctxuse.visible import visible

INITIALIZE = "initialize"
_AGREED = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that are agreed on by ``initialize``, the newest last."""

_ENVELOPED = ("2026-07-28",)
"""Revisions that every request names."""

_UNSUPPORTED_VERSION = -32022
_RESOURCE_NOT_FOUND = -32002
"""For revisions before 2026-07-28, which has `INVALID_PARAMS`."""

_OURS = "io.modelcontextprotocol/"
_VERSION, _CLIENT = f"{_OURS}protocolVersion", f"{_OURS}clientInfo"
_CAPABILITIES, _SERVER = f"{_OURS}clientCapabilities", f"{_OURS}serverInfo"

_CACHEABLE = frozenset({
    "server/discover", "tools/list", "resources/list", "resources/templates/list", "resources/read",
    "prompts/list",
})  # fmt: skip
_NOT_TO_BE_KEPT = {"ttlMs": 0, "cacheScope": "private"}

_MOST_SAID = 500
"""Characters of what is wrong with the arguments of a tool."""


class Client(NamedTuple):
    """What a client says of itself."""

    name: str | None = None
    version: str = ""


class Asked(NamedTuple):
    """What comes with every request.

    Attributes:
        client: Who asks.
        meta: Its ``_meta``.
    """

    client: Client
    meta: Params


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True):
    """A value of the protocol: its fields are the JSON's, those that are not known left out."""


class Implementation(_Wire):
    """A server's or a client's name."""

    name: str
    version: str = ""
    title: str | None = None


class ToolAnnotations(_Wire):
    """What a tool does to the world."""

    read_only_hint: bool
    idempotent_hint: bool
    open_world_hint: bool | None


class Tool(_Wire):
    """A tool, as a client is told of it."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    annotations: ToolAnnotations


class Resource(_Wire):
    """A resource, as a client is told of it."""

    uri: str
    name: str
    description: str | None = None
    mime_type: str | None = None


class ResourceTemplate(_Wire):
    """How the addresses of resources are made."""

    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None


class Prompt(_Wire):
    """A prompt, as a client is told of it."""

    name: str
    description: str | None = None


class Offer(Protocol):
    """What a server offers. Whatever is wrong with a request it raises as `CtxuseError`."""

    about: Implementation
    instructions: str
    tools: Sequence[Tool]
    templates: Sequence[ResourceTemplate]
    has_resources: bool

    def call(self, asked: Asked, name: str, arguments: Params) -> msgspec.Struct | None:
        """Return the answer of a tool; None where there is no such tool.

        Raises:
            msgspec.ValidationError: The arguments are not the tool's.
        """

    def resources(self) -> Iterable[Resource]:
        """Return the resources there are now."""

    def read(self, asked: Asked, uri: str) -> Mapping[str, str]:
        """Return a resource: its ``text`` and ``mimeType``."""

    def prompts(self) -> Iterable[Prompt]:
        """Return the prompts there are now."""

    def prompt(self, asked: Asked, name: str) -> str:
        """Return the text of a prompt."""


class _Initialize(_Wire):
    protocol_version: str
    client_info: Implementation


class _Call(_Wire):
    name: str
    arguments: dict[str, Any] | None = None


class _Read(_Wire):
    uri: str


class _Get(_Wire):
    name: str


Result = dict[str, object]
Wire = TypeVar("Wire", bound=_Wire)


class McpSession:
    """What one client asks for, and the answers."""

    AT_ONCE = frozenset({INITIALIZE, "ping", "server/discover", "tools/list"})
    """What later requests rest on, and what takes no time."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._client = Client()
        self._methods: Mapping[str, Callable[[Asked, Params], Result]] = {
            "tools/list": lambda *_: {"tools": [*offer.tools]},
            "tools/call": self._call,
            "resources/list": lambda *_: {"resources": [*offer.resources()]},
            "resources/templates/list": lambda *_: {"resourceTemplates": [*offer.templates]},
            "resources/read": self._read,
            "prompts/list": lambda *_: {"prompts": [*offer.prompts()]},
            "prompts/get": self._prompt,
        }

    def answer(self, method: str, params: Params) -> Result:
        """Return the result of a request.

        Raises:
            RpcError: It cannot be answered.
        """
        meta = params.get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        if _VERSION in meta:
            return self._in_envelope(method, params, meta)
        if method == INITIALIZE:
            return self._initialize(_known(params, _Initialize))
        if method == "ping":
            return {}
        return self._result(method, params, Asked(self._client, meta))

    def _in_envelope(self, method: str, params: Params, meta: Params) -> Result:
        """Answer a request of a revision that every request names."""
        if meta[_VERSION] not in _ENVELOPED or method == INITIALIZE:
            raise RpcError(
                _UNSUPPORTED_VERSION,
                "Unsupported protocol version",
                {"supported": [*_ENVELOPED], "requested": meta[_VERSION]},
            )
        if not isinstance(meta.get(_CAPABILITIES), dict):
            raise RpcError(INVALID_PARAMS, f"_meta lacks {_CAPABILITIES}")
        if method == "server/discover":
            result = {"supportedVersions": [*_ENVELOPED], **self._introduction()}
        else:
            told = meta.get(_CLIENT)
            client = Client() if told is None else _client(_known(told, Implementation))
            result = self._result(method, params, Asked(client, meta))
        kept = _NOT_TO_BE_KEPT if method in _CACHEABLE else {}
        return {
            **result,
            **kept,
            "resultType": "complete",
            "_meta": {_SERVER: self._offer.about},
        }

    def _initialize(self, told: _Initialize) -> Result:
        self._client = _client(told.client_info)
        version = told.protocol_version if told.protocol_version in _AGREED else _AGREED[-1]
        return {
            "protocolVersion": version,
            "serverInfo": self._offer.about,
            **self._introduction(),
        }

    def _introduction(self) -> Result:
        instructions = self._offer.instructions
        more = ("resources",) if self._offer.has_resources else ()
        capabilities: Result = {name: {} for name in ("tools", *more, "prompts")}
        said = {"instructions": instructions} if instructions else {}
        return {"capabilities": capabilities, **said}

    def _result(self, method: str, params: Params, asked: Asked) -> Result:
        if method not in self._methods:
            raise RpcError(METHOD_NOT_FOUND, "Method not found", visible(method[:_MOST_SAID]))
        return self._methods[method](asked, params)

    def _call(self, asked: Asked, params: Params) -> Result:
        call = _known(params, _Call)
        try:
            answer = self._offer.call(asked, call.name, call.arguments or {})
        except (CtxuseError, msgspec.ValidationError) as error:  # for the model, which can mend it
            return _told(visible(str(error)[:_MOST_SAID]), is_error=True)
        if answer is None:
            return _told(f"Unknown tool: {visible(call.name[:_MOST_SAID])}", is_error=True)
        text = msgspec.json.encode(answer).decode()
        return {**_told(text), "structuredContent": answer}

    def _read(self, asked: Asked, params: Params) -> Result:
        uri = _known(params, _Read).uri
        try:
            return {"contents": [{"uri": uri, **self._offer.read(asked, uri)}]}
        except CtxuseError as error:
            code = INVALID_PARAMS if _VERSION in asked.meta else _RESOURCE_NOT_FOUND
            raise RpcError(code, visible(str(error)), {"uri": uri[:_MOST_SAID]}) from error

    def _prompt(self, asked: Asked, params: Params) -> Result:
        try:
            text = self._offer.prompt(asked, _known(params, _Get).name)
        except CtxuseError as error:
            raise RpcError(INVALID_PARAMS, visible(str(error))) from error
        return {"messages": [{"role": "user", "content": _text(text)}]}


def _known(value: object, as_type: type[Wire]) -> Wire:
    """Return parameters as what they must be."""
    try:
        return msgspec.convert(value, as_type)
    except msgspec.ValidationError as error:
        message = f"Invalid params: {visible(str(error)[:_MOST_SAID])}"
        raise RpcError(INVALID_PARAMS, message) from None


def _client(told: Implementation) -> Client:
    return Client(told.name, told.version)


def _told(text: str, *, is_error: bool = False) -> Result:
    return {"content": [_text(text)], "isError": is_error}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
