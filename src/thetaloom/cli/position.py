"""``position``: what is held and what was, and closing it."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thetaloom.cli import rolling
from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.why import what_comes_next
from thetaloom.cli.words import legs_text, money_text, price_text
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.position_status import position_status, spreads_shown
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.share_orders import shares_advice, shares_text
from thetaloom.domain.values.ids import PositionId, StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import (
    AdoptPosition,
    AssignClose,
    ClosePosition,
    IgnoreFinding,
    ReplaceTargets,
    SellShares,
)
from thetaloom.errors import InvalidInput, InvariantError, Unavailable
from thetaloom.store.queries.positions import list_positions, orders_of_positions, position_detail
from thetaloom.store.queries.quote_gaps import gaps_of_position
from thetaloom.store.queries.runs import run_detail

if TYPE_CHECKING:
    from thetaloom.domain.book.protection import ProtectionShown
    from thetaloom.engine.shown_marks import ShownMarks

app = typer.Typer(help="Look at positions and close them.", no_args_is_help=True, add_completion=False)
PRICE_MAX = 1_000_000  # per share
PositionArgument = Annotated[str, typer.Argument(metavar="POSITION", help="The position's id.")]

FindingArgument = Annotated[str, typer.Argument(metavar="FINDING", help="The finding's id, as reconcile shows it.")]


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
            symbol=canonical_symbol(symbol) if symbol else None,
            window=window(limit, offset),
        )
        orders = orders_of_positions(read.database, read.user, page.rows)
    shown = _protections(page.rows)
    if as_json:
        records = [_record(one, orders[one.id]) | {"protection": to_plain(shown[one.id])} for one in page.rows]
        emit({**to_plain(page), "rows": records})
        return
    names = (
        "position",
        "symbol",
        "status",
        "protection",
        "legs",
        "quantity",
        "entry",
        "realized",
        "fees",
        "opened",
        "closed",
    )
    rows = (
        (
            one.id,
            one.symbol,
            position_status(one, orders[one.id]).value,
            _protection_text(shown[one.id]) if one.is_open else None,
            legs_text(one.legs),
            f"{one.quantity}, {shares_text(one)}" if one.shares_held else one.quantity,
            price_text(one.entry_price) if one.quantity else None,
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
        orders = orders_of_positions(read.database, read.user, [found])[found.id]
        gaps = gaps_of_position(read.database, read.user, found)
    marks = _marks(found) if found.is_open else None
    protection = _protections([found])[found.id]
    if as_json:
        mark = None if marks is None else _mark_record(marks)
        told = {"mark": mark, "protection": to_plain(protection), "gaps": to_plain(gaps)}
        emit({**_record(found, orders), **told})
        return
    pairs(
        found.id,
        {
            "run": found.run_id,
            "strategy": found.strategy_id,
            "status": position_status(found, orders).value,
            "legs": legs_text(found.legs),
            "quantity": found.quantity,
            **({"shares": f"{found.shares_held:+d}, {_shares_lines(found)}"} if found.shares else {}),
            "entry": price_text(found.entry_price) if found.quantity else None,
            **({} if marks is None else _mark_lines(marks)),
            "protection": _protection_text(protection),
            "unprotected": f"{protection.unprotected_minutes} min" if protection is not None else None,
            "realized, after fees": money_text(found.realized_pnl),
            "fees": money_text(found.fees),
            "opened": found.opened_at,
            "closed": found.closed_at,
        },
    )
    rows = ((lot.fill_id, lot.quantity, price_text(lot.price), lot.opened_at) for lot in found.lots)
    table("lots", ("fill", "quantity", "price", "opened"), rows)
    _spreads_table(found, orders)
    if gaps:
        missing = ((one.began_at, one.ended_at, one.seconds, one.what, one.source, one.reason) for one in gaps)
        table("gaps", ("from", "to", "seconds", "connection", "of", "because"), missing)


@app.command()
def close(
    position: PositionArgument,
    quantity: Annotated[int | None, typer.Option("--quantity", min=1, help="Close so many; without it, all.")] = None,
    part: Annotated[str | None, typer.Option("--part", help="Close this spread; without it, in proportion.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Close an open position now, or a part of it; its resting targets are canceled first."""
    with opened() as platform:
        wish = ClosePosition(user_id=platform.user_id, position_id=PositionId(position), quantity=quantity, part=part)
        carry_out(platform, wish)
        found = position_detail(platform.database, platform.user_id, PositionId(position))
        orders = orders_of_positions(platform.database, platform.user_id, [found])[found.id]
        coming = what_comes_next(run_detail(platform.database, platform.user_id, found.run_id))
    if as_json:
        emit({**_record(found, orders), "next": coming})
        return
    partly = "is being closed in part" if found.keep_asked and any(found.keep_asked.values()) else "is being closed"
    say(f"[bold]{found.id}[/] {partly if found.is_open else 'is closed'}")
    say(f"[bold]next:[/] {escape(coming)}")


@app.command("sell-shares")
def sell_shares(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Trade away the shares that contracts turned into, now and at the market; sold short ones are bought back."""
    with opened() as platform:
        carry_out(platform, SellShares(user_id=platform.user_id, position_id=PositionId(position)))
        found = position_detail(platform.database, platform.user_id, PositionId(position))
        orders = orders_of_positions(platform.database, platform.user_id, [found])[found.id]
    if as_json:
        emit(_record(found, orders))
        return
    text = (
        f"still {shares_text(found)}: the broker's word is awaited" if found.shares_held else "holds no shares any more"
    )
    say(f"[bold]{found.id}[/] {text}" + ("" if found.is_open else f"; realized {money_text(found.realized_pnl)}"))


@app.command()
def targets(
    position: PositionArgument,
    anew: Annotated[
        bool, typer.Option("--replace", help="Cancel them and place them as the strategy asks for them now.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the spreads of a position and the orders that rest at their profit targets."""
    if anew:
        with opened() as platform:
            carry_out(platform, ReplaceTargets(user_id=platform.user_id, position_id=PositionId(position)))
    with reading() as read:
        found = position_detail(read.database, read.user, PositionId(position))
        orders = orders_of_positions(read.database, read.user, [found])[found.id]
    if as_json:
        emit({"position": found.id, "targets": to_plain(spreads_shown(found, orders))})
        return
    _spreads_table(found, orders)


@app.command()
def adopt(
    finding: FindingArgument,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy whose exits watch it.")],
    price: Annotated[
        str | None, typer.Option("--price", help="Net price per structure, received positive, where it is not known.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a position of a holding that came from elsewhere; no order comes of the adoption itself."""
    with opened() as platform:
        wish = AdoptPosition(
            user_id=platform.user_id,
            finding_id=finding,
            strategy_id=StrategyId(strategy),
            price=None if price is None else _amount(price),
        )
        made = carry_out(platform, wish)
        if not isinstance(made, Position):
            raise InvariantError("an adoption makes a position")
        found = position_detail(platform.database, platform.user_id, made.id)
        orders = orders_of_positions(platform.database, platform.user_id, [found])[found.id]
    if as_json:
        emit(_record(found, orders))
        return
    say(f"[bold]{found.id}[/] of {escape(found.strategy_id)} holds {escape(legs_text(found.legs))}")


@app.command()
def ignore(finding: FindingArgument, as_json: JsonOption = False) -> None:
    """Leave alone what a reconciliation found: it is none of ours."""
    with opened() as platform:
        left = carry_out(platform, IgnoreFinding(user_id=platform.user_id, finding_id=finding))
    if as_json:
        emit(to_plain(left))
        return
    say(f"[bold]{escape(finding)}[/] is left alone")


@app.command()
def assign(finding: FindingArgument, position: PositionArgument, as_json: JsonOption = False) -> None:
    """Say which position lost the contracts that a trade elsewhere closed, or that are gone at the broker."""
    with opened() as platform:
        wish = AssignClose(user_id=platform.user_id, finding_id=finding, position_id=PositionId(position))
        carry_out(platform, wish)
        found = position_detail(platform.database, platform.user_id, PositionId(position))
        orders = orders_of_positions(platform.database, platform.user_id, [found])[found.id]
    if as_json:
        emit(_record(found, orders))
        return
    say(f"[bold]{found.id}[/] {'holds less' if found.is_open else 'is closed'}")


def _amount(text: str) -> Decimal:
    refused = InvalidInput(f"{text[:40]!r} is no price; a good one: 1.25")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise refused from None
    if not amount.is_finite() or abs(amount) > PRICE_MAX:
        raise refused
    return amount


app.command()(rolling.roll)
app.command()(rolling.adjust)
app.command()(rolling.chain)


@app.command()
def plan(position: PositionArgument, as_json: JsonOption = False) -> None:
    """Show what expiration does to a position if nobody does anything, which rules act before, and early assignment."""
    from thetaloom.engine.expiry_plans import expiry_plan

    with opened() as platform:
        found = position_detail(platform.database, platform.user_id, PositionId(position))
        planned, blips = expiry_plan(platform.desk, found, platform.clock.now())
    if as_json:
        emit({"position": found.id, "shares": found.shares_held, **to_plain(planned), "radar": to_plain(blips)})
        return
    pairs(found.id, {"as of": planned.as_of, "shares held": found.shares_held or None, "first": planned.acts_first})
    for one in planned.contracts:
        radar = next((blip for blip in blips if blip.contract == one.contract), None)
        pairs(
            f"{one.quantity:+d} {one.contract.notation}",
            {
                "settles": one.settlement,
                "last trade": one.last_trade_at,
                "decided at": one.settles_at,
                "tell the broker by": one.instruct_by,
                "if nothing is done": one.if_nothing,
                "early assignment": None if radar is None else radar.likelihood.value,
                **({} if radar is None else {alert.value: alert.advice for alert in radar.alerts}),
            },
        )
    table("rules that act by time", ("rule", "at"), ((turn.rule, turn.at) for turn in planned.turns))


def _spreads_table(position: Position, orders: Sequence[Order]) -> None:
    names = ("part", "legs", "left", "opened", "entry", "realized", "target", "at", "order", "status")
    rows = (
        (
            one.name,
            legs_text(one.legs),
            one.remaining,
            one.opened_quantity,
            None if one.entry_price is None else price_text(one.entry_price),
            money_text(one.realized),
            None if one.target_percent is None else f"{one.target_percent:f} %",
            None if one.target_price is None else price_text(one.target_price),
            one.target_order,
            one.target_status,
        )
        for one in spreads_shown(position, orders)
    )
    table("spreads", names, rows)


def _protections(positions: Sequence[Position]) -> "dict[PositionId, ProtectionShown | None]":
    from thetaloom.engine.journal import read_protection

    if not positions:
        return {}
    with opened() as platform, platform.store.reading() as uow:
        now = platform.clock.now()
        return {one.id: read_protection(platform.desk, uow, one, now) for one in positions}


def _protection_text(protection: "ProtectionShown | None") -> str | None:
    if protection is None:
        return None
    words = protection.state.value.replace("_", " ")
    return words if protection.cause is None else f"{words}: {protection.cause.value.replace('_', ' ')}"


def _marks(position: Position) -> "ShownMarks | None":
    from thetaloom.engine.shown_marks import shown_marks

    with opened() as platform:
        try:
            return shown_marks(platform.desk, position, platform.clock.now())
        except Unavailable:
            return None


def _shares_lines(position: Position) -> str:
    with opened() as platform:
        by_us = platform.desk.broker.capabilities.shares
        try:
            spot = platform.desk.market.spot(position.symbol, platform.clock.now())
        except Unavailable:
            spot = None
    profit = "unknown" if spot is None else money_text(position.shares_pnl(spot))
    return f"{profit} at the market. {shares_advice(position, by_us=by_us)}"


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


def _record(position: Position, orders: Sequence[Order]) -> dict[str, object]:
    shown = [to_plain(one) for one in spreads_shown(position, orders)]
    lots = {spread.name: to_plain(spread.lots) for spread in position.spreads}
    return {
        **to_plain(position),
        "status": position_status(position, orders).value,
        "spreads": [{**one, "lots": lots[one["name"]]} for one in shown],
        "lots": to_plain(position.lots),
        "quantity": position.quantity,
        "is_open": position.is_open,
        "entry_price": to_plain(position.entry_price) if position.quantity else None,
        "realized_pnl": to_plain(position.realized_pnl),
        "shares_held": position.shares_held,
    }
