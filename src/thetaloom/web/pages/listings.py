"""Positions and orders: what is held or was, what works or did, and the buttons that end them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.ids import ClientOrderId, PositionId
from thetaloom.engine.commands import CancelOrder, ClosePosition, ReplaceTargets
from thetaloom.store.queries.orders import list_orders
from thetaloom.store.queries.positions import list_positions
from thetaloom.web.front import FrontDoor
from thetaloom.web.marked import MarkedReview, reviews_of
from thetaloom.web.pages.forms import Notice, PageNumber, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsView:
    """Some positions; those that are open with their marks."""

    frame: Frame
    positions: Sequence[Position]
    reviews: Mapping[PositionId, MarkedReview]
    pager: Pager


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    """Some orders."""

    frame: Frame
    orders: Sequence[Order]
    pager: Pager


@router.get("/positions")
def positions(
    front: FrontDoor, number: Annotated[PageNumber, Query(alias="page")] = 1, notice: Notice = ""
) -> Response:
    """List the positions, newest first."""
    found = list_positions(front.database, front.user, window=window_of(number))
    view = PositionsView(
        frame=frame_of(front, "positions", notice),
        positions=found.rows,
        reviews=reviews_of(front, found.rows),
        pager=pager_of("/positions", found),
    )
    return page("positions.html", view)


@router.post("/positions/{position_id}/closing")
async def close(front: FrontDoor, position_id: str, part: Word = "", quantity: Word = "") -> Response:
    """Close a position now, or a part of it."""
    size = int(quantity) if quantity.isdecimal() else None
    command = ClosePosition(user_id=front.user, position_id=PositionId(position_id), quantity=size, part=part or None)
    closing = await front.ask(command, Position)
    return see(f"/runs/{closing.run_id}", "closing")


@router.post("/positions/{position_id}/targets")
async def replace_targets(front: FrontDoor, position_id: str) -> Response:
    """Place the targets as the strategy asks for them now."""
    command = ReplaceTargets(user_id=front.user, position_id=PositionId(position_id))
    changed = await front.ask(command, Position)
    return see(f"/runs/{changed.run_id}", "targets")


@router.get("/orders")
def orders(front: FrontDoor, number: Annotated[PageNumber, Query(alias="page")] = 1, notice: Notice = "") -> Response:
    """List the orders, newest first."""
    found = list_orders(front.database, front.user, window=window_of(number))
    view = OrdersView(frame=frame_of(front, "orders", notice), orders=found.rows, pager=pager_of("/orders", found))
    return page("orders.html", view)


@router.post("/orders/{order_id}/cancellation")
async def cancel(front: FrontDoor, order_id: str) -> Response:
    """Ask the broker to cancel an order."""
    await front.tell(CancelOrder(user_id=front.user, client_order_id=ClientOrderId(order_id)))
    return see("/orders", "canceled")
