"""What Alpaca's server lets in: requests for orders, checked against the specification to the last field."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Any

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.testing.broker_servers.backend import WireOrder

ORDER_FIELDS = frozenset(
    {
        "symbol",
        "qty",
        "notional",
        "side",
        "type",
        "time_in_force",
        "limit_price",
        "stop_price",
        "trail_price",
        "trail_percent",
        "extended_hours",
        "client_order_id",
        "order_class",
        "legs",
        "take_profit",
        "stop_loss",
        "position_intent",
        "advanced_instructions",
    }
)
PATCH_FIELDS = frozenset(
    {
        "qty",
        "time_in_force",
        "limit_price",
        "stop_price",
        "trail",
        "client_order_id",
        "notional",
    }
)
LEG_FIELDS = frozenset({"symbol", "ratio_qty", "side", "position_intent"})
INTENTS = {
    "buy_to_open": (1, Effect.OPEN),
    "sell_to_open": (-1, Effect.OPEN),
    "buy_to_close": (1, Effect.CLOSE),
    "sell_to_close": (-1, Effect.CLOSE),
}
ID_LENGTH_MAX = 128
# What the backend refuses, in Alpaca's status, code and words.
REFUSED: dict[Refusal, tuple[int, int, str]] = {
    Refusal.INSUFFICIENT_BUYING_POWER: (403, 40310000, "insufficient options buying power"),
    Refusal.STRIKE_GONE: (422, 42210000, "asset is not active"),
    Refusal.MARKET_CLOSED: (422, 42210000, "options orders are only allowed during market hours"),
    Refusal.BAD_PRICE: (422, 42210000, "invalid limit_price: does not fulfill the increment"),
    Refusal.NOT_PERMITTED: (403, 40310000, "account not eligible to trade uncovered option contracts"),
    Refusal.TOO_MANY_LEGS: (422, 42210000, "at most 4 legs are allowed"),
    Refusal.QUANTITY_CONFLICT: (403, 40310000, "insufficient qty available for order"),
    Refusal.DUPLICATE: (422, 40010001, "client_order_id must be unique"),
    Refusal.BROKER_ERROR: (500, 50010000, "internal server error occurred"),
    Refusal.UNKNOWN: (422, 42210000, "unprocessable"),
}


class Turned(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def refused(refusal: Refusal, more: str = "") -> Turned:
    """Return the answer to what the backend refuses."""
    status, code, words = REFUSED[refusal]
    return Turned(status, code, f"{words} ({more})" if more else words)


def wire_order(body: Mapping[str, Any], faults: list[str]) -> WireOrder:
    """Read a request for an order; what the protocol does not know is a fault."""
    _known(body, ORDER_FIELDS, "order", faults)
    if body.get("type") != "limit":
        raise _bad("type", "only limit orders are taken here")
    if body.get("time_in_force") != "day":
        raise _bad("time_in_force", "options orders only support day")
    client = str(body.get("client_order_id", ""))
    if len(client) > ID_LENGTH_MAX:
        raise _bad("client_order_id", "longer than 128 characters")
    quantity = _whole(body.get("qty"), "qty")
    limit = number(body.get("limit_price"), "limit_price")
    if body.get("order_class", "simple") == "mleg":
        legs, effect = _legs(body, faults)
        credit = -limit
    else:
        legs, effect = _one(body)
        if limit < 0:
            raise _bad("limit_price", "must be positive")
        credit = limit if legs[0].ratio < 0 else -limit
    return WireOrder(legs=legs, quantity=quantity, limit_price=Price(credit), effect=effect, client_order_id=client)


def number(raw: Any, name: str) -> Decimal:
    """Read a number, written as text or not."""
    try:
        read = Decimal(str(raw))
    except InvalidOperation:
        raise _bad(name, "not a number") from None
    if raw is None or not read.is_finite():
        raise _bad(name, "missing")
    return read


def patch(body: Mapping[str, Any], faults: list[str]) -> tuple[Decimal, int | None, str]:
    """Read a request to replace: limit, quantity and the new client order id."""
    _known(body, PATCH_FIELDS, "patch", faults)
    quantity = None if body.get("qty") is None else _whole(body["qty"], "qty")
    return number(body.get("limit_price"), "limit_price"), quantity, str(body.get("client_order_id", ""))


def _legs(body: Mapping[str, Any], faults: list[str]) -> tuple[tuple[Leg, ...], Effect]:
    told = body.get("legs")
    if not isinstance(told, list) or not 2 <= len(told) <= 4:
        raise _bad("legs", "between 2 and 4 legs are required, at most 4 legs are allowed")
    if body.get("symbol") or body.get("side"):
        raise _bad("symbol", "not allowed for mleg orders")
    legs, effects = [], set()
    for one in told:
        _known(one, LEG_FIELDS, "leg", faults)
        leg, effect = _leg(one, _whole(one.get("ratio_qty"), "ratio_qty"))
        legs.append(leg)
        effects.add(effect)
    if len({leg.contract for leg in legs}) < len(legs):
        raise _bad("legs", "all legs must have unique symbols")
    if gcd(*(leg.ratio for leg in legs)) > 1:
        raise _bad("legs", "leg ratios must be relatively prime")
    if len(effects) > 1:
        raise _bad("position_intent", "legs that open and legs that close are not taken together here")
    return tuple(legs), effects.pop()


def _one(body: Mapping[str, Any]) -> tuple[tuple[Leg, ...], Effect]:
    leg, effect = _leg(body, 1)
    return (leg,), effect


def _leg(record: Mapping[str, Any], ratio: int) -> tuple[Leg, Effect]:
    sign, effect = INTENTS.get(str(record.get("position_intent")), (0, Effect.OPEN))
    side = {"buy": 1, "sell": -1}.get(str(record.get("side")), 0)
    if not sign or side != sign:
        raise _bad("position_intent", f"{record.get('position_intent')} does not go with {record.get('side')}")
    try:
        contract = parse_option_symbol(str(record.get("symbol")))
    except InvalidInput:
        raise Turned(422, 42210000, f'asset "{record.get("symbol")}" not found') from None
    if contract.compact != record.get("symbol"):
        raise Turned(422, 42210000, f'asset "{record.get("symbol")}" not found')
    return Leg(contract=contract, ratio=sign * ratio), effect


def _known(record: Mapping[str, Any], fields: frozenset[str], name: str, faults: list[str]) -> None:
    unknown = set(record) - fields
    if unknown:
        faults.append(f"{name}: unknown fields {sorted(unknown)}")


def _whole(raw: Any, name: str) -> int:
    read = number(raw, name)
    if read != read.to_integral_value() or read <= 0:
        raise _bad(name, "must be a whole number above zero")
    return int(read)


def _bad(name: str, why: str) -> Turned:
    return Turned(422, 42210000, f"invalid {name}: {why}")
