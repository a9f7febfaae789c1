"""What the commands share that send by OTLP: where to, the options, what is said afterwards."""

import os
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING

import click

from ctxuse.cli import FAILED, common
from ctxuse.redaction import without_secrets

if TYPE_CHECKING:
    from ctxuse.otlp.export import Sent, Target

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

OPTIONS = ("headers", "timeout", "no_metrics")
"""What `sending_options` adds."""


def sending_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what is said of sending; the command gets `target_at`: an endpoint → a `Target`."""

    @wraps(command)
    def with_target(
        *, headers: tuple[str, ...], timeout: float, no_metrics: bool, **others: object
    ) -> None:
        made = partial(_target, headers=headers, timeout=timeout, no_metrics=no_metrics)
        command(target_at=made, **others)

    for option in (
        click.option(
            "--no-metrics", is_flag=True, help="Send events alone, not the report's figures."
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(0.1, 600),
            default=30.0,
            show_default=True,
            help="Seconds in which a batch is tried to be sent.",
        ),
        click.option(
            "--header",
            "headers",
            metavar="NAME=VALUE",
            multiple=True,
            help="Sent along; OTEL_EXPORTER_OTLP_HEADERS says the same and is seen by nobody else.",
        ),
    ):
        with_target = option(with_target)
    return with_target


def _target(
    endpoint: str | None, *, headers: tuple[str, ...], timeout: float, no_metrics: bool
) -> "Target":
    """Return where to send to, and how.

    Raises:
        click.UsageError: Nobody says where to, or what they say is no address; or a header is none.
    """
    from ctxuse.otlp.export import Target  # noqa: PLC0415 - only when it is called

    endpoint = endpoint or os.environ.get(ENDPOINT)
    if not endpoint:
        raise click.UsageError(f"where to? Give the endpoint, or set {ENDPOINT}")
    if not endpoint.startswith(("http://", "https://")):
        raise click.UsageError("the endpoint is the address of an OTLP/HTTP receiver: http://...")
    named = dict(_header(text) for text in headers)
    return Target(endpoint, named, metrics=not no_metrics, seconds=timeout)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter("a header is NAME=VALUE", param_hint="--header")
    return name.strip(), value.strip()


def show_sent(sent: "Sent", target: "Target", of: str = "") -> None:
    """Print what was sent, maybe ``of 3 workspaces``, and say on stderr what was not."""
    from ctxuse.render.words import plural  # noqa: PLC0415 - rendering comes last

    what = " ".join(filter(None, [plural(sent.events, "event"), of]))
    where = without_secrets(target.endpoint)
    common.show(f"{what} as {plural(sent.records, 'log record')} to {where}\n")
    if sent.skipped:
        common.note(f"{sent.skipped:,} lines are not counted, and were not sent: ctxuse check")
    if sent.refused:
        common.note(f"the receiver says that it does not keep {sent.refused:,} log records")


def leave_with(sent: "Sent") -> None:
    """Exit with the status that says so if the receiver does not keep what it was sent."""
    if sent.refused:
        click.get_current_context().exit(FAILED)
