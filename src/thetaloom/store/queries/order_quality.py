"""Execution quality: filled orders measured by the quotes that their lineage recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from thetaloom.domain.book.execution_quality import (
    OrderQuality,
    QualitySummary,
    QuotedFill,
    QuotedStep,
    order_quality,
    summarize,
)
from thetaloom.domain.book.fill_places import quotes_at_fill
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.ids import ClientOrderId, RunId, UserId
from thetaloom.domain.values.money import Price
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import matching, owned, since
from thetaloom.store.repositories.lineage import evidence_of
from thetaloom.store.schema import fills, lineage
from thetaloom.store.schema import orders as table
from thetaloom.store.statements import columns_of, value_of, values_of

ORDERS_MAX = 500  # the newest that are looked at
_WALKING = (StepName.SUBMIT_ORDER, StepName.CLOSE_POSITION)
_MOVES = frozenset({"stage", "replace"})


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Filled orders, newest first, and all of them together."""

    summary: QualitySummary
    orders: tuple[OrderQuality, ...]


def orders_quality(
    database: Database,
    user: UserId,
    *,
    start: datetime | None = None,
    run: RunId | None = None,
    count: int = ORDERS_MAX,
) -> QualityReport:
    """Measure the user's newest orders with a fill, sent from ``start`` on; without recorded quotes one is left out."""
    chosen = select(*columns_of(table, Order)).where(
        owned(table, user), table.c.filled > 0, *since(table.c.staged_at, start), *matching(table.c.run_id, run)
    )
    with database.connect() as connection:
        rows = connection.execute(chosen.order_by(table.c.staged_at.desc(), table.c.client_order_id).limit(count))
        found = [quality for row in rows.all() if (quality := _quality(connection, value_of(Order, row)))]
    return QualityReport(summary=summarize(found), orders=tuple(found))


def one_quality(database: Database, user: UserId, order: ClientOrderId) -> OrderQuality | None:
    """Measure one order of the user; ``None`` while it has no fill or no recorded quotes."""
    chosen = select(*columns_of(table, Order)).where(owned(table, user), table.c.client_order_id == order)
    with database.connect() as connection:
        row = connection.execute(chosen).first()
        if row is None:
            raise NotFound(f"there is no order {order}", advice="`thetaloom order list` shows the orders.")
        return _quality(connection, value_of(Order, row))


def _quality(connection: Connection, order: Order) -> OrderQuality | None:
    chosen = select(*columns_of(fills, Fill)).where(fills.c.client_order_id == order.client_order_id)
    found = values_of(Fill, connection.execute(chosen.order_by(fills.c.filled_at, fills.c.fill_id)))
    multiplier = order.legs[0].contract.multiplier
    return order_quality(order.client_order_id, _steps(connection, order), list(map(_quoted, found)), multiplier)


def _quoted(fill: Fill) -> QuotedFill:
    mid, natural = quotes_at_fill(fill)
    return QuotedFill(at=fill.filled_at, quantity=fill.quantity, price=fill.price, mid_price=mid, natural_price=natural)


def _steps(connection: Connection, order: Order) -> list[QuotedStep]:
    columns = (lineage.c.started_at, lineage.c.input_digest, lineage.c.output_digest)
    chosen = select(*columns).where(lineage.c.run_id == order.run_id, lineage.c.step.in_(_WALKING))
    steps = []
    for row in connection.execute(chosen.order_by(lineage.c.seq)).all():
        move = (_evidence(connection, row.output_digest) or {}).get("move")
        if not move or move["action"] not in _MOVES or move["mid_price"] is None or move["natural_price"] is None:
            continue
        given = _evidence(connection, row.input_digest)
        if given["given"].get("client_order_id") == order.client_order_id:
            steps.append(
                QuotedStep(
                    at=row.started_at,
                    limit_price=Price(move["limit_price"]),
                    mid_price=Price(move["mid_price"]),
                    natural_price=Price(move["natural_price"]),
                )
            )
    return steps


def _evidence(connection: Connection, digest: str) -> Any:
    return msgspec.json.decode(evidence_of(connection, digest)[1])
