"""What the demo answers as JSON: runs, orders and fills."""

from typing import Any

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.share_orders import shares_text
from thetaloom.domain.strategy.structures import Leg
from thetaloom.store.queries.runs import RunDetail


def run_json(detail: RunDetail) -> dict[str, Any]:
    """Return a run with its steps and what it came to."""
    run, position = detail.run, detail.position
    return {
        "id": run.id,
        "strategy": run.strategy_id,
        "symbol": run.symbol,
        "trigger": run.trigger.value,
        "status": run.status.value,
        "outcome": run.outcome.value if run.outcome else None,
        "reason": run.reason,
        "steps": [
            {
                "seq": record.seq,
                "step": record.step.value,
                "status": record.status.value,
                "reason": record.reason,
                "duration_us": record.duration_us,
            }
            for record in detail.timeline
        ],
        "legs": [_leg_json(leg) for leg in (position.legs if position else ())],
        "quantity": position.opened_quantity if position else 0,
        "entry_price": _average(detail, Effect.OPEN),
        "exit_price": _average(detail, Effect.CLOSE),
        "shares": sum(lot.quantity for lot in position.shares) if position else 0,
        "holds": shares_text(position) if position and not run.is_final else "",
        "fees": float(position.fees) if position else 0.0,
        "realized_pnl": float(position.realized_pnl) if position else 0.0,
    }


def _average(detail: RunDetail, effect: Effect) -> float | None:
    orders = {order.client_order_id for order in detail.orders if order.effect is effect}
    done = [fill for fill in detail.fills if fill.client_order_id in orders]
    quantity = sum(fill.quantity for fill in done)
    return float(sum(float(fill.price) * fill.quantity for fill in done) / quantity) if quantity else None


def _leg_json(leg: Leg) -> dict[str, Any]:
    contract = leg.contract
    return {
        "occ": contract.occ_symbol,
        "right": contract.right.value,
        "strike": str(contract.strike),
        "expiration": contract.expires_on.isoformat(),
        "quantity": leg.ratio,
    }


def order_json(detail: RunDetail, order: Order) -> dict[str, Any]:
    """Return an order."""
    return {
        "id": order.client_order_id,
        "run": detail.run.id,
        "effect": order.effect.value,
        "purpose": order.purpose.value,
        "status": order.status.value,
        "quantity": order.quantity,
        "filled": order.filled,
        "limit_price": float(order.limit_price),
        "replaced": order.revision,
        "legs": [_leg_json(leg) for leg in order.legs],
    }


def fill_json(detail: RunDetail, fill: Fill) -> dict[str, Any]:
    """Return a fill."""
    return {
        "id": fill.fill_id,
        "order": fill.client_order_id,
        "run": detail.run.id,
        "quantity": fill.quantity,
        "price": float(fill.price),
        "fees": float(fill.fees),
        "filled_at": fill.filled_at.isoformat(),
    }
