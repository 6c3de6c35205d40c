"""``order``: what was sent to the broker, and canceling it."""

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
    if as_json:
        emit(found)
        return
    _print(found.order)
    if found.fills:
        rows = ((one.fill_id, one.quantity, price_text(one.price), one.fees, one.filled_at) for one in found.fills)
        table("fills", ("fill", "quantity", "price", "fees", "at"), rows)


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
