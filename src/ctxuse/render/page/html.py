"""Puts a view into a page."""

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ctxuse.errors import MissingExtraError
from ctxuse.fullreport import FullReport
from ctxuse.render.page import columns
from ctxuse.render.page.view import view_of

if TYPE_CHECKING:
    import jinja2


def page_html(report: FullReport, *, title: str, counted: str = "") -> str:
    """Return a report as one page of HTML that needs nothing else.

    Args:
        report: The report.
        title: What the workspace is called.
        counted: Whose uses are counted, when not everybody's.

    Raises:
        MissingExtraError: The libraries of the extra ``html`` are not installed.
    """
    style, script = f"{asset('page.css')}{columns.style()}\n", asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}';"
        f" script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    return template("page.html").render(
        view=view_of(report, title=title, counted=counted),
        policy=policy,
        style=style,
        script=script,
    )


def asset(name: str) -> str:
    """Return a file of ours that lies beside this module."""
    return files("ctxuse.render.page").joinpath(name).read_text(encoding="utf-8")


@cache
def template(name: str) -> "jinja2.Template":
    """Return a template of ours, every text in which is escaped.

    Raises:
        MissingExtraError: What fills templates is not installed.
    """
    try:
        import jinja2  # noqa: PLC0415 - only where a page is made
    except ImportError as error:
        raise MissingExtraError("the page", "html") from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
