"""Our orders as Alpaca's requests: signs, symbols and intents."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.tables import (
    CLIENT_ORDER_ID_LENGTH_MAX,
    CUT_OFF_MINUTES,
    LEGS_MAX,
    RATIO_MAX,
)
from thetaloom.domain.book.order_shapes import wrong_shape
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price

_REPLACEMENT = "-r"  # stands between our id and the revision in the id of a replacement


def limit_of(legs: Sequence[Leg], limit: Price) -> Price:
    """Return our limit as Alpaca writes it: a credit of several legs negative, one leg without a sign."""
    return abs(limit) if len(legs) == 1 else -limit


def our_limit(legs: Sequence[Leg], theirs: Price) -> Price:
    """Return a limit of Alpaca's as we write it, credit positive."""
    if len(legs) == 1:
        return theirs if legs[0].ratio < 0 else -theirs
    return -theirs


def order_request(order: Order) -> Any:  # of the SDK, which has no types
    """Return the request that places an order."""
    common = {
        "qty": order.quantity,
        "time_in_force": sdk.TimeInForce.DAY,
        "client_order_id": order.client_order_id,
        "limit_price": float(limit_of(order.legs, order.limit_price)),
    }
    if len(order.legs) == 1:
        (leg,) = order.legs
        return sdk.LimitOrderRequest(
            symbol=leg.contract.compact, side=_side(leg), position_intent=_intent(leg, order.effect), **common
        )
    legs = [
        sdk.OptionLegRequest(
            symbol=leg.contract.compact,
            ratio_qty=abs(leg.ratio),
            side=_side(leg),
            position_intent=_intent(leg, order.effect),
        )
        for leg in order.legs
    ]
    return sdk.LimitOrderRequest(order_class=sdk.OrderClass.MLEG, legs=legs, **common)


def replace_request(legs: Sequence[Leg], limit: Price, client_order_id: str, quantity: int | None) -> Any:
    """Return the request that moves a limit; ``quantity`` is what is left where a part has filled."""
    return sdk.ReplaceOrderRequest(
        limit_price=float(limit_of(legs, limit)), client_order_id=client_order_id, qty=quantity
    )


def replacement_id(client_order_id: ClientOrderId, revision: int) -> str:
    """Name the order that replaces one of ours."""
    return f"{client_order_id}{_REPLACEMENT}{revision}"


def our_id(theirs: str) -> ClientOrderId | None:
    """Return the client order id of ours that an order of theirs was sent under; ``None``: not through us."""
    if not theirs.startswith("tl-"):
        return None
    first, mark, revision = theirs.rpartition(_REPLACEMENT)
    return ClientOrderId(first if mark and revision.isdigit() else theirs)


def refusal_before(order: Order, calendar: TradingCalendar, now: datetime) -> tuple[Refusal, str] | None:
    """Say why an order is not even sent."""
    return _wrong_shape(order) or _wrong_time(order, calendar, now)


def _wrong_shape(order: Order) -> tuple[Refusal, str] | None:
    if wrong := wrong_shape(order.legs, legs_max=LEGS_MAX):
        return wrong
    ratios = [abs(leg.ratio) for leg in order.legs]
    if max(ratios) > RATIO_MAX:
        return Refusal.NOT_PERMITTED, f"ratios {', '.join(map(str, ratios))}: Alpaca takes {RATIO_MAX} at most"
    if len(order.client_order_id) + len("-r000") > CLIENT_ORDER_ID_LENGTH_MAX:
        return Refusal.NOT_PERMITTED, f"the client order id is longer than {CLIENT_ORDER_ID_LENGTH_MAX} characters"
    if len(order.legs) == 1 and Price(0) != order.limit_price and (order.limit_price > 0) != (order.legs[0].ratio < 0):
        return Refusal.BAD_PRICE, f"limit {order.limit_price} has the wrong sign for {order.legs[0].notation}"
    return None


def _wrong_time(order: Order, calendar: TradingCalendar, now: datetime) -> tuple[Refusal, str] | None:
    if not calendar.is_open(now):
        return Refusal.MARKET_CLOSED, "the exchange is closed, and Alpaca would keep the order for the next day"
    for leg in order.legs:
        last = calendar.last_trading_at(leg.contract)
        if now >= last:
            return Refusal.STRIKE_GONE, f"{leg.contract.notation} stopped trading at {last:%Y-%m-%d %H:%M} UTC"
        # Whether an order that closes is still taken is Alpaca's to say: refused here, its exit would be lost for sure.
        if order.effect is Effect.OPEN and now >= last - timedelta(minutes=CUT_OFF_MINUTES):
            message = (
                f"{leg.contract.notation} expires today, and Alpaca opens nothing {CUT_OFF_MINUTES} minutes before"
            )
            return Refusal.NOT_PERMITTED, message
    return None


def _side(leg: Leg) -> Any:
    return sdk.OrderSide.BUY if leg.ratio > 0 else sdk.OrderSide.SELL


def _intent(leg: Leg, effect: Effect) -> Any:
    if effect is Effect.OPEN:
        return sdk.PositionIntent.BUY_TO_OPEN if leg.ratio > 0 else sdk.PositionIntent.SELL_TO_OPEN
    return sdk.PositionIntent.BUY_TO_CLOSE if leg.ratio > 0 else sdk.PositionIntent.SELL_TO_CLOSE
