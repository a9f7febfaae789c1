"""`ctxuse export`: send the events of a log to a collector of OpenTelemetry."""

import os
from typing import TYPE_CHECKING

import click

from ctxuse.cli import FAILED, common
from ctxuse.cli.progress import progress
from ctxuse.redaction import without_secrets
from ctxuse.workspace import Workspace

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@click.command("export")
@click.argument("form", metavar="otlp", type=click.Choice(["otlp"]))
@click.argument("endpoint", required=False)
@common.workspace_option
@click.option(
    "--header",
    "headers",
    metavar="NAME=VALUE",
    multiple=True,
    help="Sent along; OTEL_EXPORTER_OTLP_HEADERS says the same and is seen by nobody else.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    help="Seconds in which a batch is tried to be sent.",
)
@click.option("--no-metrics", is_flag=True, help="Send events alone, not the report's figures.")
def command(  # noqa: PLR0913 - these are its options
    *,
    form: str,  # noqa: ARG001 - there is one
    endpoint: str | None,
    layout: "WorkspaceLayout",
    headers: tuple[str, ...],
    timeout: float,
    no_metrics: bool,
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

    endpoint = endpoint or os.environ.get(_ENDPOINT)
    if not endpoint:
        raise click.UsageError(f"where to? Give the endpoint, or set {_ENDPOINT}")
    if not endpoint.startswith(("http://", "https://")):
        raise click.UsageError("the endpoint is the address of an OTLP/HTTP receiver: http://...")
    named = dict(_header(text) for text in headers)
    common.note_no_marker(layout)
    with progress("sending") as on_progress:
        sent = export_otlp(
            Workspace(layout),
            endpoint,
            headers=named,
            metrics=not no_metrics,
            seconds=timeout,
            on_progress=on_progress,
        )
    where = without_secrets(endpoint)
    common.show(f"{sent.events:,} events as {sent.records:,} log records to {where}\n")
    if sent.skipped:
        common.note(f"{sent.skipped:,} lines are not counted, and were not sent: ctxuse check")
    if sent.refused:
        common.note(f"the receiver says that it does not keep {sent.refused:,} log records")
        click.get_current_context().exit(FAILED)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter("a header is NAME=VALUE", param_hint="--header")
    return name.strip(), value.strip()
