"""Orders: lists, one with its fills, cancel."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.engine.commands import CancelOrder
from thetaloom.store.queries.order_quality import ORDERS_MAX, orders_quality
from thetaloom.store.queries.orders import list_orders, order_detail
from thetaloom.web.api import records
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import OrderWithFills, Page, paged
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["orders"])


@router.get("/orders", responses=documented())
def orders(
    front: FrontDoor,
    window: PageWindow,
    status: OrderStatus | None = None,
    run: Annotated[str | None, Query(max_length=128)] = None,
) -> Page[records.Order]:
    """List the orders, newest first."""
    wanted = RunId(run) if run else None
    return paged(list_orders(front.database, front.user, status=status, run=wanted, window=window), records.Order)


@router.get("/orders/quality", responses=documented())
def quality(
    front: FrontDoor,
    since: datetime | None = None,
    run: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1, le=ORDERS_MAX)] = 50,
) -> records.QualityReport:
    """Measure filled orders against mid on arrival, mid at the fill and the best in hindsight, newest first."""
    wanted = RunId(run) if run else None
    start = since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    found = orders_quality(front.database, front.user, start=start, run=wanted, count=limit)
    return records.QualityReport.model_validate(found)


@router.get("/pending-orders", responses=documented())
def pending_orders(front: FrontDoor, window: PageWindow) -> Page[records.Order]:
    """List the orders that may still fill."""
    return paged(list_orders(front.database, front.user, is_open=True, window=window), records.Order)


@router.get("/order-status/{order_id}", responses=documented(404))
def order_status(front: FrontDoor, order_id: Id) -> OrderWithFills:
    """Return one order, by our client order id, with its fills."""
    return _detail(front, order_id)


@router.post("/orders/{order_id}/cancel", responses=COMMANDED)
async def cancel(front: FrontDoor, order_id: Id) -> OrderWithFills:
    """Ask the broker to cancel; its report decides, so the order may still be PENDING_CANCEL, or fill."""
    await front.tell(CancelOrder(user_id=front.user, client_order_id=ClientOrderId(order_id)))
    return await front.read(lambda: _detail(front, order_id))


def _detail(front: Front, order_id: str) -> OrderWithFills:
    return OrderWithFills.model_validate(order_detail(front.database, front.user, ClientOrderId(order_id)))
