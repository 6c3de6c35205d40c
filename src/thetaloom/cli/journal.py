"""``journal``: what each trade was, computed from its records, and what people noted."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import money_text, price_text
from thetaloom.domain.values.ids import PositionId
from thetaloom.domain.values.symbols import canonical_symbol
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

    wanted = canonical_symbol(symbol) if symbol else None
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


GROUPS: dict[str, list[str]] = {
    "": [
        "run_id",
        "strategy_id",
        "account_id",
        "chain_id",
        "symbol",
        "structure",
        "quantity",
        "is_open",
        "opened_at",
        "closed_at",
        "days_held",
        "entry_reason",
        "exit_reason",
        "outcome",
        "biases",
    ],
    "at the entry": [
        "entry_price",
        "entry_spot",
        "entry_dte",
        "entry_iv",
        "entry_iv_rank",
        "entry_iv_change",
        "entry_vix",
        "entry_regime",
        "entry_score",
        "entry_delta",
        "entry_gamma",
        "entry_theta",
        "entry_vega",
        "pop",
        "p50",
        "touch",
        "expected_value",
        "max_profit",
        "max_loss",
        "width",
        "breakevens",
        "buying_power",
        "rationale",
    ],
    "the plan": ["planned_price", "planned_target", "planned_stop", "planned_exit_dte", "planned_rules", "risk"],
    "at the exit": [
        "exit_price",
        "exit_spot",
        "exit_dte",
        "exit_iv",
        "exit_iv_rank",
        "exit_vix",
        "exit_regime",
        "exit_delta",
    ],
    "the result": [
        "realized",
        "fees",
        "pnl",
        "is_winner",
        "r_multiple",
        "percent_of_max_profit",
        "return_on_risk_percent",
        "return_on_capital_percent",
        "entry_slippage",
        "exit_slippage",
        "managed_at_half",
        "mfe",
        "mae",
        "unprotected_minutes",
    ],
}
MONEY = frozenset(
    [
        "realized",
        "fees",
        "pnl",
        "max_profit",
        "max_loss",
        "mfe",
        "mae",
        "expected_value",
        "planned_target",
        "planned_stop",
        "risk",
        "buying_power",
        "entry_slippage",
        "exit_slippage",
    ]
)
PRICES = frozenset({"entry_price", "exit_price", "planned_price"})
UNITS = {
    "entry_iv_rank": "of 100",
    "exit_iv_rank": "of 100",
    "entry_iv_change": "points over 5 sessions",
    "entry_iv": "a year; 0.20 = 20 %",
    "exit_iv": "a year; 0.20 = 20 %",
    "entry_delta": "shares",
    "exit_delta": "shares",
    "entry_gamma": "shares per dollar",
    "entry_theta": "dollars a day",
    "entry_vega": "dollars per point",
    "entry_dte": "days to expiration",
    "exit_dte": "days to expiration",
    "planned_exit_dte": "days to expiration",
    "risk": "one R",
    "r_multiple": "R",
    "percent_of_max_profit": "%",
    "return_on_risk_percent": "% of the max loss",
    "return_on_capital_percent": "% of the buying power",
    "pop": "0 to 1",
    "p50": "0 to 1",
    "touch": "0 to 1",
}
WORDS = frozenset({"structure", "entry_reason", "exit_reason", "outcome", "entry_regime", "exit_regime"})
KEPT = {True: "kept", False: "broken", None: "cannot be told"}


def _print(found: "JournalEntry") -> None:
    for title, names in GROUPS.items():
        shown = {name.replace("_", " "): _shown(name, getattr(found, name)) for name in names}
        units = {name.replace("_", " "): unit for name, unit in UNITS.items() if getattr(found, name) is not None}
        pairs(title or found.position_id, shown, units)
    rules: dict[str, object] = {name.replace("_", " "): KEPT[kept] for name, kept in found.compliance.items()}
    percent = found.compliance_percent
    pairs("the rules", {**rules, "kept": None if percent is None else f"{percent:f} %"})
    rows = (
        (one.first_at, one.purpose, one.part or None, one.quantity, money_text(one.cash), money_text(one.fees))
        for one in found.steps
    )
    table("orders that filled", ("first fill", "purpose", "part", "quantity", "brought", "fees"), rows)
    pairs("", {"note": found.note or None})


def _shown(name: str, value: Any) -> object:
    if value is None or isinstance(value, datetime):
        return value
    if name in MONEY:
        return money_text(value)
    if name in PRICES:
        return price_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "\n".join(str(to_plain(one)) for one in value) or None
    return str(to_plain(value)).replace("_", " ") if name in WORDS else to_plain(value)
