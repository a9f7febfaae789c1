"""The server: tools, resources, prompts and instructions over one workspace.

Its functions only translate: what is given and what is recorded is the business of
`ctxuse.context`. Resources and prompts are looked up on the disk each time they are listed.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, BinaryIO

from msgspec import Meta, Struct, convert

from ctxuse import __version__
from ctxuse.context.catalog import catalog
from ctxuse.context.frontmatter import RecordText
from ctxuse.context.given import LeftOut
from ctxuse.errors import InvalidSettingError
from ctxuse.hosts.caller import gets_prompts_unasked
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
from ctxuse.mcp_server.protocol import (
    Asked,
    Implementation,
    McpSession,
    Prompt,
    Resource,
    ResourceTemplate,
    Tool,
)
from ctxuse.mcp_server.recording import Recording
from ctxuse.mcp_server.rpc import Connection, Params
from ctxuse.mcp_server.tools import Work
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
_MOST_SAID = 200

Slug = Annotated[str, Meta(description="The record's name", min_length=1, max_length=64)]
"""An argument that names a record; whether it is a slug, the answer says."""

_AnyName = Annotated[str, Meta(max_length=64)]


class Server:
    """An MCP server over one workspace, for one client; an `Offer` of the protocol.

    Args:
        workspace: The workspace.
        environ: The environment, for who is calling; that of the process when None.
        has_resources: Whether it says that it has resources: some agents then hand their model
            tools for these, whatever there are.
    """

    about = Implementation("ctxuse", __version__, "ctxuse: memory, knowledge and workflows")
    templates: Sequence[ResourceTemplate] = (
        ResourceTemplate(
            f"{SCHEME}://{{kind}}/{{slug}}",
            "record",
            "A record of this workspace",
            "A memory, decision, request, knowledge or workflow record, whole",
            MARKDOWN,
        ),
    )

    def __init__(
        self,
        workspace: Workspace,
        environ: Mapping[str, str] | None = None,
        *,
        has_resources: bool = True,
    ) -> None:
        self._workspace = workspace
        self.has_resources = has_resources
        self._recording = Recording(workspace, os.environ if environ is None else environ)
        self.instructions = self._recording.instructions
        works = (
            Work.of("Read a record", self.memory_read),
            Work.of("Search records", self.memory_search),
            Work.of("Include knowledge", self.knowledge_reference),
            Work.of("Invoke a workflow", self.workflow_invoke),
            Work.of("Evidence on all records", self.usage_report),
            Work.of("Evidence on one record", self.usage_record),
        )
        self._works = {work.tool.name: work for work in works}
        self.tools: Sequence[Tool] = [work.tool for work in works]

    def serve(self, incoming: BinaryIO, outgoing: BinaryIO) -> bool:
        """Serve the client at the other end; return whether all that it asked for was answered."""
        session = McpSession(self)
        all_answered = Connection(incoming, outgoing, session.answer, session.AT_ONCE).serve()
        self._recording.finish(hurry=not all_answered)
        return all_answered

    def hurry(self) -> None:
        """Record at once what was given, as the process ends."""
        self._recording.finish(hurry=True)

    def call(self, asked: Asked, name: str, arguments: Params) -> Struct | None:
        """Return the answer of a tool; None where there is no such tool.

        Raises:
            CtxuseError: It cannot give what was asked for.
            msgspec.ValidationError: The arguments are not the tool's.
        """
        work = self._works.get(name)
        return None if work is None else work(asked, arguments)

    def resources(self) -> Iterator[Resource]:
        """Yield the records that are on the disk now."""
        for record in catalog(self._workspace.layout):
            yield Resource(
                uri=f"{SCHEME}://{record.kind}/{record.slug}",
                name=f"{record.kind}/{record.slug}",
                description=None if isinstance(record, LeftOut) else _description(record),
                mime_type=MARKDOWN,
            )

    def read(self, asked: Asked, uri: str) -> Mapping[str, str]:
        """Return a record whole. Recorded as ``MemoryRead``.

        Raises:
            CtxuseError: There is none of this address, or it cannot be read.
        """
        scheme, _, name = uri[: 2 * _LONGEST_NAME].partition("://")
        kind, _, slug = name.partition("/")
        if scheme != SCHEME:
            raise InvalidSettingError("uri", uri[:_MOST_SAID], f"{SCHEME}://KIND/SLUG")
        segment = self._recording.segment(asked, None, expose=False)
        text = segment.give(kind, None if kind == slug == "summary" else slug, limit=_WHOLE).text
        return {"mimeType": MARKDOWN, "text": text}

    def prompts(self) -> Iterator[Prompt]:
        """Yield the workflows that users may invoke."""
        for record in catalog(self._workspace.layout, [RecordKind.WORKFLOW]):
            if not isinstance(record, LeftOut) and record.for_user:
                yield Prompt(name=record.slug, description=_description(record))

    def prompt(self, asked: Asked, name: str) -> str:
        """Return a workflow that the user asked for. Recorded as ``WorkflowInvoke``.

        Not of a client that gets prompts also unasked: what its users ask for, its hooks tell.

        Raises:
            CtxuseError: There is none of this name, or it is not for users.
        """
        enters = not gets_prompts_unasked(asked.client.name)
        segment = self._recording.segment(asked, "user", enters=enters)
        return segment.invoke(name[:_LONGEST_NAME], by_user=True).text

    def memory_read(
        self,
        asked: Asked,
        kind: Kind,
        slug: Annotated[_AnyName | None, Meta(description="Its name; none for the summary")] = None,
        offset: Annotated[int, Meta(ge=0, description="Lines to leave out")] = 0,
        limit: Annotated[int, Meta(ge=1, description="Lines to give at most")] = 2000,
    ) -> RecordLines:
        """Read a record of this workspace, up to 32 KiB.

        Go on from offset + lines while that is below total_lines.
        """
        given = self._recording.segment(asked).give(kind, slug, offset, limit, AT_ONCE)
        return convert(given, RecordLines, from_attributes=True)

    def memory_search(
        self,
        asked: Asked,
        query: Annotated[str, Meta(description="Words that all must occur", max_length=1000)],
        kinds: Annotated[
            list[Kind] | None, Meta(description="Only these kinds; all when left out")
        ] = None,
        limit: Annotated[int, Meta(ge=1, le=100, description="Records to give at most")] = 20,
    ) -> Hits:
        """Find records of this workspace that hold all words of a query; gives excerpts."""
        return Hits.of(self._recording.segment(asked).search(query, kinds, limit))

    def knowledge_reference(self, asked: Asked, slug: Slug) -> Body:
        """Include a knowledge record, as #slug in a message does."""
        given = self._recording.segment(asked).reference(slug, most_bytes=AT_ONCE)
        return convert(given, Body, from_attributes=True)

    def workflow_invoke(self, asked: Asked, slug: Slug) -> WorkflowText:
        """Invoke a workflow, as /slug in a message does, with the knowledge that it requires."""
        return WorkflowText.of(self._recording.segment(asked).invoke(slug, most_bytes=AT_ONCE))

    def usage_report(self, asked: Asked) -> Report:
        """Say of each record how often it was read and was resident: evidence, never a verdict."""
        self._recording.segment(asked)
        return Report.of(self._workspace.report())

    def usage_record(
        self,
        asked: Asked,
        kind: Annotated[str, Meta(max_length=64)],
        slug: Annotated[str, Meta(max_length=1024)],
    ) -> RecordReport:
        """Say of one record how often it was read and was resident; null is unknown."""
        self._recording.segment(asked)
        return RecordReport.of(self._workspace.report(), kind, slug)


def _description(record: RecordText) -> str | None:
    return visible(record.description) or None
