"""The server: tools, resources, prompts and instructions over one workspace.

Its functions only translate: what is given and what is recorded is the business of
`ctxuse.context`. Resources and prompts are looked up on the disk each time they are listed.
"""

import inspect
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Annotated

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    GetPromptResult,
    Prompt,
    PromptMessage,
    Resource,
    TextContent,
    ToolAnnotations,
)
from pydantic import Field

from ctxuse import __version__
from ctxuse.context.catalog import catalog
from ctxuse.context.frontmatter import RecordText
from ctxuse.context.given import LeftOut, Resident
from ctxuse.context.segment import Segment
from ctxuse.errors import CtxuseError, RecordUnreadableError
from ctxuse.events import Actor, UsageEvent
from ctxuse.hosts.caller import caller, delivered
from ctxuse.ids import new_id
from ctxuse.layout import RecordKind
from ctxuse.mcp_server.answers import (
    Body,
    Hits,
    Kind,
    RecordLines,
    RecordReport,
    Report,
    WorkflowText,
)
from ctxuse.mcp_server.draining import Accepted, Input, Output
from ctxuse.visible import visible
from ctxuse.workspace import Workspace

SCHEME = "ctxuse"
MARKDOWN = "text/markdown"
_WHOLE = 2**62
AT_ONCE = 32 * 1024
"""Bytes of records' text that one answer of a tool holds at most.

A host refuses an answer that is too large, and then nothing of it enters. Claude Code (2.1.197)
lets 12,500 tokens through uncounted, at four characters of JSON each.
"""
_LONGEST_NAME = 65
"""Characters of a name that are looked at: one more than a slug can have."""

Slug = Annotated[str, Field(description="The record's name", min_length=1, max_length=64)]
"""An argument that names a record; whether it is a slug, the answer says."""

_READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class Server(MCPServer[None]):
    """An MCP server over one workspace.

    Args:
        workspace: The workspace.
        environ: The environment, for who is calling; that of the process when None.
    """

    def __init__(self, workspace: Workspace, environ: Mapping[str, str] | None = None) -> None:
        self._workspace = workspace
        self._environ = os.environ if environ is None else environ
        self._own_segment = f"mcp-{new_id(time.time_ns())}"
        self._exposure = Lock()
        quiet = workspace.segment(self._own_segment)
        self._resident: Resident | None = quiet.resident_unrecorded(lines_first=True)
        super().__init__(
            "ctxuse",
            title="ctxuse: memory, knowledge and workflows",
            instructions=self._resident.text or None,
            version=__version__,
            log_level="WARNING",
        )
        self._add_tools()
        self.resource(
            f"{SCHEME}://{{kind}}/{{slug}}",
            name="record",
            title="A record of this workspace",
            description="A memory, decision, request, knowledge or workflow record, whole",
            mime_type=MARKDOWN,
        )(self._read_record)

    async def run_stdio_async(self) -> None:
        """Serve one client; when that closes its end, answer what was accepted, and end."""
        accepted = Accepted()
        async with stdio_server() as (incoming, outgoing):
            await self._lowlevel_server.run(
                Input(incoming, accepted),
                Output(outgoing, accepted),
                self._lowlevel_server.create_initialization_options(),
            )

    async def list_resources(self) -> list[Resource]:
        """List the records that are on the disk now."""
        return await anyio.to_thread.run_sync(lambda: [*self._resources()])

    async def list_prompts(self) -> list[Prompt]:
        """List the workflows that users may invoke."""
        return await anyio.to_thread.run_sync(lambda: [*self._prompts()])

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, object] | None = None,  # noqa: ARG002 - workflows take none
        context: "Context[None, object] | None" = None,
    ) -> GetPromptResult:
        """Return a workflow that the user asked for. Recorded as ``WorkflowInvoke``."""
        try:
            given = await anyio.to_thread.run_sync(
                lambda: self._segment(context, "user").invoke(name[:_LONGEST_NAME], by_user=True)
            )
        except CtxuseError as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error)) from error
        text = TextContent(type="text", text=given.text)
        return GetPromptResult(messages=[PromptMessage(role="user", content=text)])

    def _add_tools(self) -> None:
        for tool, title in (
            (self.memory_read, "Read a record"),
            (self.memory_search, "Search records"),
            (self.knowledge_reference, "Include knowledge"),
            (self.workflow_invoke, "Invoke a workflow"),
            (self.usage_report, "Evidence on all records"),
            (self.usage_record, "Evidence on one record"),
        ):
            description = inspect.cleandoc(tool.__doc__ or "")
            self.add_tool(tool, title=title, description=description, annotations=_READ_ONLY)

    def memory_read(
        self,
        ctx: Context[None, object],
        kind: Kind,
        slug: Annotated[
            str | None, Field(description="The record's name; none for the summary", max_length=64)
        ] = None,
        offset: Annotated[int, Field(ge=0, description="Lines to leave out")] = 0,
        limit: Annotated[int, Field(ge=1, description="Lines to give at most")] = 2000,
    ) -> RecordLines:
        """Read a record of this workspace: its summary, a decision, request, workflow or knowledge.

        Gives the first lines up to 32 KiB; go on from offset + lines while that is below
        total_lines. Counted as a use of the record.
        """
        with _tool_errors():
            return RecordLines.of(self._segment(ctx).read(kind, slug, offset, limit, AT_ONCE))

    def memory_search(
        self,
        ctx: Context[None, object],
        query: Annotated[str, Field(description="Words that all must occur", max_length=1000)],
        kinds: Annotated[
            list[Kind] | None, Field(description="Only these kinds; all when left out")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=100, description="Records to give at most")] = 20,
    ) -> Hits:
        """Find records of this workspace that hold all words of a query, in name or text.

        Gives excerpts with line numbers; read a record with memory_read. Counted as nothing.
        """
        with _tool_errors():
            return Hits.of(self._segment(ctx).search(query, kinds, limit))

    def knowledge_reference(self, ctx: Context[None, object], slug: Slug) -> Body:
        """Include a knowledge record, as #slug in a message does. Counted as a use."""
        with _tool_errors():
            given = self._segment(ctx).reference(slug, most_bytes=AT_ONCE)
            return Body(kind=given.kind, slug=given.slug, text=given.text)

    def workflow_invoke(self, ctx: Context[None, object], slug: Slug) -> WorkflowText:
        """Invoke a workflow, as /slug in a message does: its steps, and the knowledge it requires.

        Counted as a use of each.
        """
        with _tool_errors():
            return WorkflowText.of(self._segment(ctx).invoke(slug, most_bytes=AT_ONCE))

    def usage_report(self, ctx: Context[None, object]) -> Report:
        """Say of each record how often it was read and was resident, and since when that is known.

        Evidence, never a verdict: what is not in it may have been read before or elsewhere.
        """
        with _tool_errors():
            self._segment(ctx)
            return Report.of(self._workspace.report())

    def usage_record(
        self,
        ctx: Context[None, object],
        kind: Annotated[str, Field(description="The record's kind", max_length=64)],
        slug: Annotated[str, Field(description="The record's name", max_length=1024)],
    ) -> RecordReport:
        """Say of one record how often it was read and was resident, and since when that is known.

        Null is unknown: no evidence is not evidence of disuse.
        """
        with _tool_errors():
            self._segment(ctx)
            return RecordReport.of(self._workspace.report(), kind, slug)

    def _read_record(self, kind: str, slug: str, ctx: Context[None, object]) -> str:
        segment = self._segment(ctx, None, expose=False)
        try:
            name = None if kind == slug == "summary" else slug
            return segment.read(kind, name, limit=_WHOLE).text
        except RecordUnreadableError as error:
            raise ResourceError(str(error)) from error
        except CtxuseError as error:
            raise ResourceNotFoundError(str(error)) from error

    def _segment(
        self,
        context: "Context[None, object] | None",
        actor: Actor | None = "agent",
        *,
        expose: bool = True,
    ) -> Segment:
        """The segment of who is calling; with the first call its exposure is recorded.

        Where there is no marker nothing is recorded: that would make one.
        """
        meta: Mapping[str, object] = {}
        client, version = None, ""
        if context is not None:
            request = context.request_context
            meta = {str(key): value for key, value in (request.meta or {}).items()}
            params = request.session.client_params
            if params is not None:
                client, version = params.client_info.name, params.client_info.version
        who = caller(meta, client, self._environ)
        segment_id = who.segment_id or self._own_segment
        layout = self._workspace.layout
        record = self._workspace.try_append if layout.has_marker else _nothing
        if expose:
            session_id = segment_id.partition("/")[0] if who.in_subagent else segment_id
            self._expose(Segment(layout, session_id, record, host=who.host), who.host, version)
        if who.in_subagent and actor != "user":
            actor = "subagent"
        return Segment(layout, segment_id, record, host=who.host, actor=actor, call_id=who.call_id)

    def _expose(self, segment: Segment, host: str | None, version: str) -> None:
        """Record that the instructions came into a context, as far as the host delivers them."""
        with self._exposure:
            if self._resident is None:
                return
            most = delivered(host, version)
            resident = self._resident if most is None else self._resident.up_to(most)
            if segment.expose(resident):
                self._resident = None

    def _resources(self) -> Iterator[Resource]:
        for record in catalog(self._workspace.layout):
            yield Resource(
                uri=f"{SCHEME}://{record.kind}/{record.slug}",
                name=f"{record.kind}/{record.slug}",
                description=None if isinstance(record, LeftOut) else _description(record),
                mime_type=MARKDOWN,
            )

    def _prompts(self) -> Iterator[Prompt]:
        for record in catalog(self._workspace.layout, [RecordKind.WORKFLOW]):
            if not isinstance(record, LeftOut) and record.for_user:
                yield Prompt(name=record.slug, description=_description(record))


@contextmanager
def _tool_errors() -> Iterator[None]:
    """Tell the model what was wrong with what it asked for."""
    try:
        yield
    except CtxuseError as error:
        raise ToolError(str(error)) from error


def _nothing(event: UsageEvent) -> None:
    """Record nothing."""


def _description(record: RecordText) -> str | None:
    return visible(record.description) or None
