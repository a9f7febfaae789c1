"""`ctxuse export`: send the events of a log to a collector of OpenTelemetry."""

from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, sending
from ctxuse.cli.progress import progress
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ctxuse.layout import WorkspaceLayout
    from ctxuse.otlp.export import Target


@click.command("export")
@click.argument("form", metavar="otlp", type=click.Choice(["otlp"]))
@click.argument("endpoint", required=False)
@common.workspace_option
@sending.sending_options
def command(
    *,
    form: str,  # noqa: ARG001 - there is one
    endpoint: str | None,
    layout: "WorkspaceLayout",
    target_at: "Callable[[str | None], Target]",
) -> None:
    """Send the events of the log to a collector of OpenTelemetry, and the report's figures.

    ENDPOINT is the address of an OTLP/HTTP receiver, without /v1/logs; when it is left out,
    OTEL_EXPORTER_OTLP_ENDPOINT. What was acknowledged there before is not sent again: call it as
    often as you like, from cron, say. Each record of an event, and each request, is a log record;
    its ctxuse.event.id and ctxuse.event.index tell it from all others. What could not be sent is
    left for the next time, and the exit status is 3. Needs the extra ctxuse[otel].

    \b
    Examples:
      ctxuse export otlp http://localhost:4318
      OTEL_EXPORTER_OTLP_HEADERS=authorization=... ctxuse export otlp https://otel.example.org
    """
    from ctxuse.otlp.export import export_otlp  # noqa: PLC0415 - only when it is called

    target = target_at(endpoint)
    common.note_elsewhere(layout)
    with progress("sending") as on_progress:
        sent = export_otlp(Workspace(layout), target, on_progress=on_progress)
    sending.show_sent(sent, target)
    sending.leave_with(sent)
