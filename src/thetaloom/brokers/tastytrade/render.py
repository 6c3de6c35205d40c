"""Our orders in tastytrade's words. The SDK splits our sign (credit positive) into a price and its effect."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tastytrade.order import (
    AdvancedInstructions,
    InstrumentType,
    LimitOrder,
    OrderAction,
    OrderTimeInForce,
    StopLimitOrder,
    StopOrder,
)
from tastytrade.order import Leg as WireLeg

from thetaloom.domain.book.orders import Effect, Order, TimeInForce
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price

SOURCE = "thetaloom"
TIMES = {TimeInForce.DAY: OrderTimeInForce.DAY, TimeInForce.GTC: OrderTimeInForce.GTC}
ACTIONS = {
    (True, Effect.OPEN): OrderAction.BUY_TO_OPEN,
    (False, Effect.OPEN): OrderAction.SELL_TO_OPEN,
    (True, Effect.CLOSE): OrderAction.BUY_TO_CLOSE,
    (False, Effect.CLOSE): OrderAction.SELL_TO_CLOSE,
}


def new_order(order: Order) -> LimitOrder:
    """Return an order as it is placed: one that closes is refused where what it closes is not held.

    Without that word tastytrade turns it into one that opens.
    """
    return limit_order(order).model_copy(update={"advanced_instructions": _strict(order)})


def replacement(order: Order, limit_price: Price) -> LimitOrder:
    """Return an order as it replaces itself at another limit; the instructions of the first stand."""
    return limit_order(replace(order, limit_price=limit_price))


def limit_order(order: Order) -> LimitOrder:
    """Return an order at its limit."""
    return LimitOrder(
        time_in_force=TIMES[order.time_in_force],
        source=SOURCE,
        legs=wire_legs(order.legs, order.quantity, order.effect),
        price=Decimal(within_width(order.legs, order.effect, order.limit_price)),
        external_identifier=str(order.client_order_id),
    )


def stop_order(order: Order, stop_trigger: Price, *, is_strict: bool) -> StopOrder | StopLimitOrder:
    """Return the order that closes once the net price has come to ``stop_trigger``.

    One leg closes at the market, several at the order's limit: tastytrade has no stop at the market for them.
    """
    common = {
        "time_in_force": TIMES[order.time_in_force],
        "source": SOURCE,
        "legs": wire_legs(order.legs, order.quantity, order.effect),
        "stop_trigger": Decimal(stop_trigger),
        "external_identifier": str(order.client_order_id),
        "advanced_instructions": _strict(order) if is_strict else None,
    }
    if len(order.legs) == 1:
        return StopOrder(**common)
    return StopLimitOrder(price=Decimal(within_width(order.legs, order.effect, order.limit_price)), **common)


def _strict(order: Order) -> AdvancedInstructions | None:
    return AdvancedInstructions(strict_position_effect_validation=True) if order.effect is Effect.CLOSE else None


def wire_legs(legs: Sequence[Leg], quantity: int, effect: Effect) -> list[WireLeg]:
    """Return legs as they are sent: each with its own count of contracts."""
    return [
        WireLeg(
            instrument_type=InstrumentType.EQUITY_OPTION,
            symbol=leg.contract.occ_symbol,
            action=ACTIONS[leg.ratio > 0, effect],
            quantity=abs(leg.ratio) * quantity,
        )
        for leg in legs
    ]


def within_width(legs: Sequence[Leg], effect: Effect, limit_price: Price) -> Price:
    """Return the limit, or the most that closing ``legs`` can ever be worth where the limit offers more.

    tastytrade refuses an order that pays more than the width of a spread, and the exit would be lost.
    """
    most = worth_max(legs) if effect is Effect.CLOSE else None
    return limit_price if most is None else max(limit_price, Price(-most))


def worth_max(legs: Sequence[Leg]) -> Decimal | None:
    """Return the most that ``legs`` can be worth at expiration per share; ``None`` where that has no end."""
    calls = sum(leg.ratio for leg in legs if leg.contract.right is Right.CALL)
    if len(legs) < 2 or calls > 0 or not is_single_expiration(legs):
        return None
    strikes = [Decimal(0), *(leg.contract.strike for leg in legs)]
    return max(sum((_worth(leg, spot) for leg in legs), Decimal(0)) for spot in strikes)


def _worth(leg: Leg, spot: Decimal) -> Decimal:
    inside = spot - leg.contract.strike if leg.contract.right is Right.CALL else leg.contract.strike - spot
    return max(inside, Decimal(0)) * leg.ratio
