"""Positions and orders: what is held or was, what works or did, and the buttons that end them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown
from thetaloom.domain.book.rolls import StrikesFrom
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId, PositionId
from thetaloom.engine.commands import (
    AdjustPosition,
    CancelOrder,
    ClosePosition,
    ReplaceTargets,
    RollPosition,
    SellShares,
)
from thetaloom.engine.portfolio_greeks import Greeks
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.order_quality import QualityReport, orders_quality
from thetaloom.store.queries.orders import ORDERS, list_orders
from thetaloom.store.queries.positions import POSITIONS, list_positions, position_detail
from thetaloom.web.front import FrontDoor
from thetaloom.web.marked import MarkedReview, greeks_of, protections, reviews_of
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, Word, count_of, day_of, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.order_notes import OrderNote, order_notes
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import ORDERS_TABLE, POSITIONS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter()
MEASURED = 20  # of the newest orders with a fill; each is measured by the evidence of all its moves


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsView:
    """Some positions; those that are open with their marks."""

    frame: Frame
    positions: Sequence[Position]
    reviews: Mapping[PositionId, MarkedReview]
    greeks: Mapping[PositionId, Greeks]
    guards: Mapping[PositionId, ProtectionShown | None]
    table: TableShown


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    """Some orders, what is to be said below them, and what the fills of the newest ones were worth."""

    frame: Frame
    orders: Sequence[Order]
    notes: Mapping[ClientOrderId, OrderNote]
    quality: QualityReport
    table: TableShown


@router.get("/positions")
def positions(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """List the positions, newest first unless sorted."""
    asked = read_asked(POSITIONS_TABLE, asking)
    if asked.is_csv:
        return csv_file(POSITIONS_TABLE, POSITIONS.every(front.database, front.user, wish=asked.wish))
    found = list_positions(front.database, front.user, wish=asked.wish, window=asked.window)
    view = PositionsView(
        frame=frame_of(front, "positions", notice),
        positions=found.rows,
        reviews=reviews_of(front, found.rows),
        table=table_of(POSITIONS_TABLE, asked, found),
        greeks={one.id: greeks_of(front, one, front.now) for one in found.rows if one.is_open},
        guards=protections(front, [one for one in found.rows if one.is_open]),
    )
    return page("positions.html", view)


@router.get("/positions/{position_id}")
def position(front: FrontDoor, position_id: str) -> Response:
    """Lead to the page of the run that holds the position."""
    found = position_detail(front.database, front.user, PositionId(position_id))
    return RedirectResponse(f"/runs/{found.run_id}#position", 303)


@router.post("/positions/{position_id}/closing")
async def close(front: FrontDoor, position_id: str, part: Word = "", quantity: Word = "") -> Response:
    """Close a position now, or a part of it."""
    command = ClosePosition(
        user_id=front.user,
        position_id=PositionId(position_id),
        quantity=count_of(quantity, "quantity"),
        part=part.strip() or None,
    )
    closing = await front.ask(command, Position)
    return see(f"/runs/{closing.run_id}", "closing")


@router.post("/positions/{position_id}/selling-shares")
async def sell_shares(front: FrontDoor, position_id: str) -> Response:
    """Trade away the shares that a position was left with."""
    command = SellShares(user_id=front.user, position_id=PositionId(position_id))
    found = await front.ask(command, Position)
    return see(f"/runs/{found.run_id}", "closing")


@router.post("/positions/{position_id}/rolling")
async def roll(
    front: FrontDoor,
    position_id: str,
    expiration: Word = "",
    dte: Word = "",
    strikes: Word = "",
    quantity: Word = "",
    part: Word = "",
) -> Response:
    """Start the run that proposes the roll, and show it."""
    command = RollPosition(
        user_id=front.user,
        position_id=PositionId(position_id),
        expires_on=day_of(expiration, "expiration"),
        dte=count_of(dte, "dte"),
        strikes=_strikes_of(strikes, StrikesFrom.BY_RULE),
        quantity=count_of(quantity, "quantity"),
        part=part.strip() or None,
    )
    started = await front.ask(command, WorkflowRun)
    return see(f"/runs/{started.id}", "rolling")


@router.post("/positions/{position_id}/adjusting")
async def adjust(
    front: FrontDoor,
    position_id: str,
    add: Word = "",
    take_off: Word = "",
    expiration: Word = "",
    dte: Word = "",
    strikes: Word = "",
    quantity: Word = "",
) -> Response:
    """Start the run that proposes one more spread and show it, or take a spread off."""
    command = AdjustPosition(
        user_id=front.user,
        position_id=PositionId(position_id),
        add=add.strip() or None,
        take_off=take_off.strip() or None,
        quantity=count_of(quantity, "quantity"),
        expires_on=day_of(expiration, "expiration"),
        dte=count_of(dte, "dte"),
        strikes=_strikes_of(strikes, StrikesFrom.SAME),
    )
    moved = await front.ask(command, WorkflowRun)
    return see(f"/runs/{moved.id}", "closing" if take_off.strip() else "adjusting")


@router.post("/positions/{position_id}/targets")
async def replace_targets(front: FrontDoor, position_id: str) -> Response:
    """Place the targets as the strategy asks for them now."""
    command = ReplaceTargets(user_id=front.user, position_id=PositionId(position_id))
    changed = await front.ask(command, Position)
    return see(f"/runs/{changed.run_id}", "targets")


@router.get("/orders")
def orders(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """List the orders, newest first unless sorted."""
    asked = read_asked(ORDERS_TABLE, asking)
    if asked.is_csv:
        return csv_file(ORDERS_TABLE, ORDERS.every(front.database, front.user, wish=asked.wish))
    found = list_orders(front.database, front.user, wish=asked.wish, window=asked.window)
    view = OrdersView(
        frame=frame_of(front, "orders", notice),
        orders=found.rows,
        notes=order_notes(front, found.rows),
        quality=orders_quality(front.database, front.user, count=MEASURED),
        table=table_of(ORDERS_TABLE, asked, found),
    )
    return page("orders.html", view)


@router.post("/orders/{order_id}/cancellation")
async def cancel(front: FrontDoor, order_id: str) -> Response:
    """Ask the broker to cancel an order."""
    await front.tell(CancelOrder(user_id=front.user, client_order_id=ClientOrderId(order_id)))
    return see("/orders", "canceled")


def _strikes_of(text: str, usual: StrikesFrom) -> StrikesFrom:
    if text and text not in list(StrikesFrom):
        raise InvalidInput(f"{text!r} is no way to choose strikes; good ones: {', '.join(StrikesFrom)}")
    return StrikesFrom(text) if text else usual
