"""``journal``: what each trade was, computed from its records, and what people noted."""

from typing import TYPE_CHECKING, Annotated

import typer

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import money_text, price_text
from thetaloom.domain.values.ids import PositionId
from thetaloom.store.queries.positions import list_positions

if TYPE_CHECKING:
    from thetaloom.engine.trade_record import JournalEntry

app = typer.Typer(help="Read the journal of trades.", no_args_is_help=True, add_completion=False)
PositionArgument = Annotated[str, typer.Argument(metavar="POSITION", help="The position's id.")]


@app.command("list")
def list_command(
    is_open: Annotated[bool | None, typer.Option("--open/--closed", help="Only held ones, or only ended ones.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only trades on this symbol.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List trades with what they brought, newest first."""
    from thetaloom.engine.journal import read_entry

    wanted = symbol.upper() if symbol else None
    with reading() as read:
        page = list_positions(read.database, read.user, is_open=is_open, symbol=wanted, window=window(limit, offset))
    with opened() as platform, platform.store.reading() as uow:
        now = platform.clock.now()
        entries = [read_entry(platform.desk, uow, position, now) for position in page.rows]
    if as_json:
        emit({**to_plain(page), "rows": to_plain(entries)})
        return
    rows = (
        (
            one.position_id,
            one.symbol,
            one.structure,
            one.quantity,
            money_text(one.pnl),
            None if one.percent_of_max_profit is None else f"{one.percent_of_max_profit:f} %",
            one.exit_reason or None,
            one.days_held,
            None if one.compliance_percent is None else f"{one.compliance_percent:f} %",
        )
        for one in entries
    )
    names = ("position", "symbol", "structure", "quantity", "P/L", "of max", "exit", "days", "rules kept")
    table(shown_of(page, "trade"), names, rows)


@app.command()
def show(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Show the record of one trade."""
    from thetaloom.engine.journal import own_position, read_entry

    with opened() as platform, platform.store.reading() as uow:
        held = own_position(uow, platform.user_id, PositionId(position))
        found = read_entry(platform.desk, uow, held, platform.clock.now())
    if as_json:
        emit(found)
        return
    _print(found)


@app.command("note")
def note_command(
    position: PositionArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note; an empty one takes it out.")],
    as_json: JsonOption = False,
) -> None:
    """Write a note to a trade, in the place of the one before."""
    from thetaloom.engine.commands import NoteTrade

    with opened() as platform:
        wish = NoteTrade(user_id=platform.user_id, position_id=PositionId(position), note=text)
        found = carry_out(platform, wish)
    if as_json:
        emit(found)
        return
    say(f"[bold]{position}[/] is noted")


def _print(found: "JournalEntry") -> None:
    plain = to_plain(found)
    money = {"realized", "fees", "pnl", "max_profit", "max_loss", "mfe", "mae"}
    prices = {"entry_price", "exit_price"}
    lines: dict[str, object] = {}
    for name, entry in plain.items():
        if name in {"position_id", "user_id", "compliance", "note"}:
            continue
        value = getattr(found, name)
        shown = money_text(value) if name in money and value is not None else entry
        lines[name.replace("_", " ")] = price_text(value) if name in prices and value is not None else shown
    words = {True: "kept", False: "broken", None: "cannot be told"}
    lines |= {f"rule {name.replace('_', ' ')}": words[kept] for name, kept in found.compliance.items()}
    pairs(found.position_id, {**lines, "note": found.note or None})
