"""``position``: what is held and what was, and closing it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.why import what_comes_next
from thetaloom.cli.words import legs_text, money_text, price_text
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import ClosePosition
from thetaloom.errors import Unavailable
from thetaloom.store.queries.positions import list_positions, position_detail
from thetaloom.store.queries.runs import run_detail

if TYPE_CHECKING:
    from thetaloom.engine.shown_marks import ShownMarks

app = typer.Typer(help="Look at positions and close them.", no_args_is_help=True, add_completion=False)
PositionArgument = Annotated[str, typer.Argument(metavar="POSITION", help="The position's id.")]


@app.command("list")
def list_command(
    is_open: Annotated[bool | None, typer.Option("--open/--closed", help="Only held ones, or only ended ones.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only positions on this symbol.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List positions, newest first."""
    with reading() as read:
        page = list_positions(
            read.database,
            read.user,
            is_open=is_open,
            symbol=symbol.upper() if symbol else None,
            window=window(limit, offset),
        )
    if as_json:
        emit({**to_plain(page), "rows": [_record(position) for position in page.rows]})
        return
    names = ("position", "symbol", "legs", "quantity", "entry", "realized", "fees", "opened", "closed")
    rows = (
        (
            one.id,
            one.symbol,
            legs_text(one.legs),
            one.quantity,
            price_text(one.entry_price) if one.lots else None,
            money_text(one.realized_pnl),
            money_text(one.fees),
            one.opened_at,
            one.closed_at,
        )
        for one in page.rows
    )
    table(shown_of(page, "position"), names, rows)


@app.command()
def show(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Show a position with its lots, and at what an open one is marked: mids, or a model where none can be believed."""
    with reading() as read:
        found = position_detail(read.database, read.user, PositionId(position))
    marks = _marks(found) if found.is_open else None
    if as_json:
        emit({**_record(found), "mark": None if marks is None else _mark_record(marks)})
        return
    pairs(
        found.id,
        {
            "run": found.run_id,
            "strategy": found.strategy_id,
            "legs": legs_text(found.legs),
            "quantity": found.quantity,
            "entry": price_text(found.entry_price) if found.lots else None,
            **({} if marks is None else _mark_lines(marks)),
            "realized, after fees": money_text(found.realized_pnl),
            "fees": money_text(found.fees),
            "opened": found.opened_at,
            "closed": found.closed_at,
        },
    )
    rows = ((lot.fill_id, lot.quantity, price_text(lot.price), lot.opened_at) for lot in found.lots)
    table("lots", ("fill", "quantity", "price", "opened"), rows)


@app.command()
def close(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Close an open position now."""
    with opened() as platform:
        carry_out(platform, ClosePosition(user_id=platform.user_id, position_id=PositionId(position)))
        found = position_detail(platform.database, platform.user_id, PositionId(position))
        coming = what_comes_next(run_detail(platform.database, platform.user_id, found.run_id))
    if as_json:
        emit({**_record(found), "next": coming})
        return
    say(f"[bold]{found.id}[/] {'is being closed' if found.is_open else 'is closed'}")
    say(f"[bold]next:[/] {escape(coming)}")


def _marks(position: Position) -> "ShownMarks | None":
    from thetaloom.engine.shown_marks import shown_marks

    with opened() as platform:
        try:
            return shown_marks(platform.desk, position, platform.clock.now())
        except Unavailable:
            return None


def _mark_lines(marks: "ShownMarks") -> dict[str, object]:
    title = f"mark ({marks.source})" if marks.source else "mark"
    lines: dict[str, object] = {title: "unknown" if marks.worth is None else f"{marks.worth:+f}"}
    for mark in marks.legs:
        if not mark.verdict.is_allowed:
            worth = "no mark" if mark.worth is None else f"{mark.worth:f} ({mark.source})"
            lines[mark.leg.contract.notation] = (
                f"{worth}, its quote cannot be believed: {mark.verdict.reason or 'unknown'}"
            )
    return lines


def _mark_record(marks: "ShownMarks") -> dict[str, object]:
    return {**to_plain(marks), "worth": to_plain(marks.worth), "source": marks.source}


def _record(position: Position) -> dict[str, object]:
    return {
        **to_plain(position),
        "quantity": position.quantity,
        "is_open": position.is_open,
        "entry_price": to_plain(position.entry_price) if position.lots else None,
        "realized_pnl": to_plain(position.realized_pnl),
    }
