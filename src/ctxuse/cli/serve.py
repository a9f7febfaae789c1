"""`ctxuse serve`: the live page."""

import os
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common
from ctxuse.errors import MissingExtraError
from ctxuse.processes import open_page, outside

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.web.address import AddressFile
    from ctxuse.zones import Zone

_LIBRARIES = {"starlette", "uvicorn", "sse_starlette", "anyio", "jinja2", "vl_convert"}


@click.command("serve")
@common.workspace_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="The port; 0 is any free one.  [default: that of the last time, 8427, or any free one]",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in a browser.")
@click.option("--new-address", is_flag=True, help="Let the address before lead nowhere.")
@common.zone_option
def command(
    *, layout: "WorkspaceLayout", port: int | None, open_it: bool, new_address: bool, zone: "Zone"
) -> None:
    """Serve the report on this machine as a page that updates itself.

    It prints an address with a secret in it and serves until Ctrl-C. Only programs of this machine
    can reach it, and only who knows the address is answered. The address stays the same for a
    workspace while its port is free, so that a page that is open goes on after a restart. Beside
    the pages there is a JSON API, described in api/openapi.json. Needs the extra ctxuse[web].

    \b
    Examples:
      ctxuse serve --open
      ctxuse serve --port 0 --tz Europe/Berlin
    """
    common.require_writing("serve")  # the file of its address could not be kept private either
    try:
        from ctxuse.web.server import serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in _LIBRARIES:
            raise MissingExtraError("ctxuse serve", "web") from error
        raise

    def ready(address: str, file: "AddressFile") -> None:
        common.show(f"{address}\n")
        common.note("serving until Ctrl-C")
        environ = outside(os.environ, os.fspath(layout))
        if open_it and not open_page(file.redirection(address), environ):
            common.note("there is no program here that opens it: open the address in a browser")

    common.note_elsewhere(layout)
    serve(
        layout,
        title=common.title(layout),
        zone=zone,
        port=port,
        renew=new_address,
        environ=os.environ,
        ready=ready,
    )
