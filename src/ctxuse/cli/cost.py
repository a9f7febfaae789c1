"""`ctxuse cost`: the tokens of each record, times the requests it stood in."""

import math
from typing import TYPE_CHECKING

import click

from ctxuse.cli import common, names
from ctxuse.reports.cost import PRICES, SORTS, Prices
from ctxuse.reports.making import make_cost_report
from ctxuse.visible import quoted

if TYPE_CHECKING:
    from ctxuse.layout import WorkspaceLayout
    from ctxuse.query import Query


_MOST = 1e12
"""What a million tokens may cost: no sum of it is beyond what a number holds."""


def _prices(said: str) -> Prices:
    found: dict[str, float] = {}
    for part in said.split(","):
        name, sign, number = (text.strip() for text in part.partition("="))
        try:
            price = float(number)
        except ValueError:
            price = math.nan
        if not sign or name not in PRICES or name in found or not 0 <= price <= _MOST:
            raise click.BadParameter(f"{quoted(part)} is no price: write in=3,cached=0.3,out=15")
        found[name] = price
    if "in" not in found:
        raise click.BadParameter("the price of what is taken in is missing: in=3,cached=0.3,out=15")
    return Prices(found["in"], found.get("cached"), found.get("written"), found.get("out"))


@click.command("cost")
@common.workspace_option
@common.format_option("table", "json", "csv", "markdown")
@common.output_option
@click.option(
    "--price",
    "prices",
    metavar="PRICES",
    callback=lambda _, __, text: None if text is None else _prices(text),
    help="What a million tokens cost, in whatever money: in=3,cached=0.3,out=15.",
)
@click.option(
    "--window-tokens",
    "window",
    type=click.IntRange(min=1),
    metavar="N",
    help="What the model's window takes, where no transcript tells it.",
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="tokens",
    show_default=True,
    help="The column to sort by: texts from A to Z, numbers from the largest.",
)
@click.option("--top", type=click.IntRange(min=0), metavar="N", help="Only the first N records.")
@common.kind_option
@common.window_options
@click.option("--no-cache", is_flag=True, help="Read the whole log; use no checkpoint.")
@common.takes_query
def command(  # noqa: PLR0913 - a cost has these options
    *,
    layout: "WorkspaceLayout",
    query: "Query",
    form: str,
    output: str | None,
    prices: Prices | None,
    window: int | None,
    sort: str,
    top: int | None,
    no_cache: bool,
) -> None:
    """Print what each record came to: its tokens, times the requests in which it stood.

    What is resident is sent with every request of a session. How many there were, and how many
    tokens each took in, transcripts say; the column of tokens adds up to that, with everything else
    as one row. --since and --until choose requests; what had entered before stands in them, too.

    \b
    Examples:
      ctxuse cost
      ctxuse cost --since 7d --top 10
      ctxuse cost --kind skill --sort requests
      ctxuse cost --price in=3,cached=0.3,out=15    per million tokens; nothing is built in
      ctxuse cost --window-tokens 200000            shares of a window that no transcript tells
      ctxuse cost --format csv -o cost.csv

    PRICES are of tokens taken in (in), of these from a cache (cached) or written to one (written),
    and of responses (out). One that is missing counts like in; out is left out.

    What a table's headings mean is said below it.
    """
    with common.reading(no_cache=no_cache) as reading:
        common.note(*names.check_words(query, layout, reading))
        report = make_cost_report(layout, query, reading, prices=prices, window=window)
    common.note_elsewhere(layout)
    common.show_report(report.chosen(sort, top, query.kinds), form, output)
