"""``order``: what was sent to the broker, and canceling it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, table, to_plain
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.words import legs_text, price_text
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.engine.commands import CancelOrder, ResolveOrder
from thetaloom.engine.order_doubt import Resolution
from thetaloom.store.queries.order_quality import one_quality, orders_quality
from thetaloom.store.queries.orders import list_orders, order_detail

app = typer.Typer(help="Look at orders and cancel them.", no_args_is_help=True, add_completion=False)
OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="The client order id.")]


@app.command("list")
def list_command(
    is_open: Annotated[bool | None, typer.Option("--open/--closed", help="Only open ones, or only ended ones.")] = None,
    status: Annotated[OrderStatus | None, typer.Option("--status", help="Only orders of this status.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Only orders of this run.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List orders, newest first."""
    with reading() as read:
        page = list_orders(
            read.database,
            read.user,
            is_open=is_open,
            status=status,
            run=RunId(run) if run else None,
            window=window(limit, offset),
        )
    if as_json:
        emit(page)
        return
    names = ("order", "run", "effect", "legs", "filled", "limit", "status", "staged")
    rows = (
        (
            one.client_order_id,
            one.run_id,
            one.effect.value,
            legs_text(one.legs),
            f"{one.filled}/{one.quantity}",
            price_text(one.limit_price),
            one.status.value,
            one.staged_at,
        )
        for one in page.rows
    )
    table(shown_of(page, "order"), names, rows)


@app.command()
def show(order: OrderArgument, as_json: JsonOption = False) -> None:
    """Show an order with its fills."""
    with reading() as read:
        found = order_detail(read.database, read.user, ClientOrderId(order))
        measured = one_quality(read.database, read.user, ClientOrderId(order))
    if as_json:
        emit(found)
        return
    _print(found.order)
    if measured is not None:
        pairs(
            "execution",
            {
                "given up against mid on arrival": measured.arrival_cost,
                "in half-spreads": measured.arrival_half_spreads,
                "given up against mid at the fill": measured.fill_cost,
                "given up against hindsight": measured.hindsight_cost,
                "limits": f"{measured.limits} in {measured.seconds} s",
            },
        )
    if found.fills:
        rows = ((one.fill_id, one.quantity, price_text(one.price), one.fees, one.filled_at) for one in found.fills)
        table("fills", ("fill", "quantity", "price", "fees", "at"), rows)


@app.command()
def quality(
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only orders sent from this day on (UTC).")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Only orders of this run.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """Measure how well orders were filled: against mid on arrival, mid at the fill and the best in hindsight."""
    start = None if since is None else since.replace(tzinfo=UTC)
    with reading() as read:
        found = orders_quality(
            read.database, read.user, start=start, run=RunId(run) if run else None, count=window(limit, 0).limit
        )
    if as_json:
        emit(found)
        return
    names = (
        "order",
        "filled",
        "price",
        "cost to arrival",
        "half-spreads",
        "cost to mid",
        "place",
        "hindsight",
        "limits",
    )
    rows = (
        (
            one.client_order_id,
            one.quantity,
            price_text(one.fill_price),
            one.arrival_cost,
            one.arrival_half_spreads,
            one.fill_cost,
            one.fill_place,
            one.hindsight_cost,
            f"{one.limits} in {one.seconds} s",
        )
        for one in found.orders
    )
    many = "order" if found.summary.orders == 1 else "orders"
    table(f"{found.summary.orders} {many}", names, rows)
    total = found.summary
    pairs(
        "together",
        {
            "given up against arrival": total.arrival_cost,
            "mean half-spreads paid": total.arrival_half_spreads_mean,
            "mean place at the fill": total.fill_place_mean,
            "given up against hindsight": total.hindsight_cost,
            "mean limits": total.limits_mean,
            "mean seconds": total.seconds_mean,
        },
    )


@app.command()
def cancel(order: OrderArgument, as_json: JsonOption = False) -> None:
    """Ask the broker to cancel an order; the broker's report decides."""
    with opened() as platform:
        carry_out(platform, CancelOrder(user_id=platform.user_id, client_order_id=ClientOrderId(order)))
        found = order_detail(platform.database, platform.user_id, ClientOrderId(order)).order
    if as_json:
        emit(to_plain(found))
    else:
        say(f"[bold]{found.client_order_id}[/] is {found.status.value}, {found.filled} of {found.quantity} filled")


@app.command("resolve")
def resolve_command(order: OrderArgument, as_json: JsonOption = False) -> None:
    """Look an order without an answer up in the broker's books now, and say what happens next."""
    with opened() as platform:
        found = carry_out(platform, ResolveOrder(user_id=platform.user_id, client_order_id=ClientOrderId(order)))
    if as_json:
        emit(to_plain(found))
    elif isinstance(found, Resolution):
        books = "do not know it" if found.known is None else f"know it, {'open' if found.known.is_open else 'ended'}"
        status = f"[bold]{found.order.client_order_id}[/] is {found.order.status.value}"
        say(f"{status}; the broker's books {books}. {found.next}")


def _print(one: Order) -> None:
    pairs(
        one.client_order_id,
        {
            "run": one.run_id,
            "effect": one.effect.value,
            "legs": legs_text(one.legs),
            "status": one.status.value,
            "filled": f"{one.filled} of {one.quantity}",
            "limit": f"{price_text(one.limit_price)}, {one.time_in_force.value}, replaced {one.revision} times",
            "broker's id": one.broker_order_id,
            "staged": one.staged_at,
            "in doubt since": one.unresolved_since,
            "what happens next": _next(one),
            "refused": f"{one.refusal.value}: {one.refusal.text}" if one.refusal is not None else None,
            "canceled after": one.expires_at,
            "reason": one.reason or None,
        },
    )


def _next(one: Order) -> str | None:
    if one.unresolved_since is None or not one.is_open:
        return None
    return f"its books are looked at again; `thetaloom order resolve {one.client_order_id}` looks now"
