"""``alert``: what needs a person's look."""

from typing import Annotated

import typer

from thetaloom.cli.access import reading
from thetaloom.cli.output import JsonOption, emit, indented, say, shown_instant
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import price_text
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.store.queries.alerts import list_alerts

app = typer.Typer(help="See what needs a look.", no_args_is_help=True, add_completion=False)
COLORS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


@app.callback()
def alert() -> None:
    """See what needs a person's look, how soon, and what to do about it."""


@app.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    position: Annotated[str | None, typer.Option("--position", help="Only those of this position.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only those on this symbol.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List alerts that stand, the most urgent first."""
    wanted = canonical_symbol(symbol) if symbol else None
    with reading() as read:
        page = list_alerts(
            read.database,
            read.user,
            standing=None if every else True,
            position=position,
            symbol=wanted,
            window=window(limit, offset),
        )
    if as_json:
        emit(page)
        return
    say(f"[bold]{shown_of(page, 'alert')}[/]")
    for one in page.rows:
        word = one.priority.value
        over = f", over since {shown_instant(one.ended_at)}" if one.ended_at is not None else ""
        say(f"[{COLORS[word]}]{word}[/] {one.urgency.value}  {one.symbol}  {one.subject}  {one.cause}{over}")
        indented(one.details)
        indented(one.recommended_action, word="do")
        if one.limit_price is not None:
            indented(f"{one.order_type} at {price_text(one.limit_price)}", word="order")
        indented(shown_instant(one.raised_at), word="since")
