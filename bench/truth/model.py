"""A model that plays scripts: an API on 127.0.0.1, which keeps every request.

A prompt that holds ``[[play NAME]]`` plays that script, turn by turn. Which turn follows from the
request alone: sessions, sub-agents and sessions that are resumed need no state.
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

_PLAY = re.compile(r"\[\[play ([\w.-]+)\]\]")
BYTES_PER_TOKEN = 3.2


class Tool(NamedTuple):
    """A call of a tool that the model makes.

    Attributes:
        name: The tool.
        input: What it is given.
        is_search: Whether it searches: what a search finds is no use.
    """

    name: str
    input: Mapping[str, object]
    is_search: bool = False


Script = Sequence[Sequence[Tool]]
"""The calls of each turn; behind the last one the model says that it is done."""


class Request(NamedTuple):
    """A request that an agent has sent.

    Attributes:
        session: The session's id.
        agent: The sub-agent's id; None for the main thread.
        body: What was sent.
        taken: The tokens that it is said to have taken in.
    """

    session: str
    agent: str | None
    body: dict[str, Any]
    taken: int = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


class ScriptedModel:
    """Plays scripts as long as it is entered; how a request is answered its subclasses say.

    Args:
        scripts: The scripts, by name.

    Attributes:
        requests: What was asked, in order.
        calls: The calls that were made, by id.
    """

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.requests: list[Request] = []
        self.calls: dict[str, Tool] = {}
        self.scripts = scripts
        self.ids = itertools.count(1)
        self._lock = threading.Lock()
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with model._lock:
                    kind, text = model.reply(self.path, headers, data)
                self._send(kind, text)

            def do_GET(self) -> None:
                self._send("application/json", "{}", 404)

            do_HEAD = do_GET  # noqa: N815 - the name is the standard library's

            def _send(self, kind: str, text: str, status: int = 200) -> None:
                data = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - likewise
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)

    def reply(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[str, str]:
        """Return the type and the text of the answer to a request."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def turn_of(
    scripts: Mapping[str, Script], said: Sequence[tuple[str, str]], turns: Sequence[int]
) -> Sequence[Tool]:
    """Return the calls that are next in the script of the last prompt that names one.

    Args:
        scripts: The scripts, by name.
        said: Role and text of each message, in order.
        turns: For each, how many turns of the model stand behind it.
    """
    for (role, text), turn in reversed([*zip(said, turns, strict=True)]):
        names = _PLAY.findall(text)
        if role == "user" and names:
            script = scripts.get(names[-1], ())
            return script[turn] if turn < len(script) else ()
    return ()


class Messages(ScriptedModel):
    """The Messages API."""

    def reply(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[str, str]:
        """Return the type and the text of the answer to a request."""
        body = json.loads(data)
        if path.startswith("/v1/messages/count_tokens"):
            return "application/json", json.dumps({"input_tokens": tokens_of(body)})
        session = headers.get("x-claude-code-session-id") or ""
        agent = headers.get("x-claude-code-agent-id")
        self.requests.append(Request(session, agent, body, tokens_of(body)))
        message = self._answer(body)
        if body.get("stream"):
            return "text/event-stream", "".join(_events(message))
        return "application/json", json.dumps(message)

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        tools = self._turn(body)
        content: list[dict[str, Any]] = []
        for tool in tools:
            call_id = f"toolu_{next(self.ids):024d}x"
            self.calls[call_id] = tool
            content.append(
                {"type": "tool_use", "id": call_id, "name": tool.name, "input": {**tool.input}}
            )
        total = tokens_of(body)
        usage = {
            "input_tokens": min(total, 10),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": max(0, total - 10),
            "output_tokens": 20,
        }
        return {
            "id": f"msg_{next(self.ids):024d}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "m"),
            "content": content or [{"type": "text", "text": "Done."}],
            "stop_reason": "tool_use" if content else "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }

    def _turn(self, body: dict[str, Any]) -> Sequence[Tool]:
        messages = body.get("messages", []) if body.get("tools") else []
        said = [(message["role"], text_of(message["content"])) for message in messages]
        turns = [
            sum(role == "assistant" for role, _ in said[index + 1 :]) for index in range(len(said))
        ]
        return turn_of(self.scripts, said, turns)


class Completions(ScriptedModel):
    """The Chat Completions API; whose a request is, the agent's own says."""

    def thread(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the session that a request is of, and the sub-agent; None for the main thread."""
        raise NotImplementedError

    def reply(self, path: str, headers: Mapping[str, str], data: bytes) -> tuple[str, str]:
        """Return the type and the text of the answer to a request."""
        body = json.loads(data)
        if not path.split("?", maxsplit=1)[0].endswith("/chat/completions"):
            return "application/json", "{}"
        session, agent = self.thread(headers, body)
        self.requests.append(Request(session, agent, body, tokens_of(body)))
        calls = [self._call(index, tool) for index, tool in enumerate(self._turn(body))]
        content = None if calls else "Done."
        message: dict[str, object] = {"role": "assistant", "content": content}
        total, why = tokens_of(body), "tool_calls" if calls else "stop"
        usage = {
            "prompt_tokens": total, "completion_tokens": 20, "total_tokens": total + 20,
            "prompt_tokens_details": {"cached_tokens": 0},
        }  # fmt: skip
        answer = {
            "id": f"chatcmpl-{next(self.ids):012d}", "created": int(time.time()),
            "model": body.get("model", "m"),
        }  # fmt: skip
        if not body.get("stream"):
            whole = message | ({"tool_calls": calls} if calls else {})
            choices = [{"index": 0, "message": whole, "finish_reason": why}]
            done = {**answer, "object": "chat.completion", "choices": choices, "usage": usage}
            return "application/json", json.dumps(done)
        deltas: list[dict[str, Any]] = [message, {}]
        deltas[1:1] = [{"tool_calls": [call]} for call in calls]
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else why}]}
            for delta in deltas
        ]
        events = [*chunks, {"choices": [], "usage": usage}]
        said = ({**answer, "object": "chat.completion.chunk", **event} for event in events)
        return "text/event-stream", "".join(
            [*(f"data: {json.dumps(event)}\n\n" for event in said), "data: [DONE]\n\n"]
        )

    def _call(self, index: int, tool: Tool) -> dict[str, Any]:
        call_id = f"call_{next(self.ids):016d}x"
        self.calls[call_id] = tool
        function = {"name": tool.name, "arguments": json.dumps({**tool.input})}
        return {"index": index, "id": call_id, "type": "function", "function": function}

    def _turn(self, body: Mapping[str, Any]) -> Sequence[Tool]:
        messages = body.get("messages", []) if body.get("tools") else []
        said = [(message["role"], text_of(message.get("content"))) for message in messages]
        calling = [bool(message.get("tool_calls")) for message in messages]
        turns = [sum(calling[index + 1 :]) for index in range(len(said))]
        return turn_of(self.scripts, said, turns)


def text_of(content: object) -> str:
    """Return the text of a message, without what tools have answered."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(block["text"] for block in blocks if block.get("type") == "text")


def tokens_of(body: object) -> int:
    """Return about how many tokens a request has."""
    return int(len(json.dumps(body, ensure_ascii=False).encode()) / BYTES_PER_TOKEN)


def _events(message: dict[str, Any]) -> list[str]:
    def event(kind: str, **fields: object) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    said = [event("message_start", message={**message, "content": [], "stop_reason": None})]
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        said.append(event("content_block_start", index=index, content_block=empty))
        said.append(event("content_block_delta", index=index, delta=delta))
        said.append(event("content_block_stop", index=index))
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    said.append(event("message_delta", delta=stop, usage={"output_tokens": 20}))
    return [*said, event("message_stop")]
