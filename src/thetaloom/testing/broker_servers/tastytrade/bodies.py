"""The bodies of orders that a client sends, read as strictly as the specification is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Any

from thetaloom.domain.book.orders import Effect, TimeInForce
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.errors import InvalidInput

LEGS_MAX = 4
FIELDS = frozenset(
    [
        "time-in-force",
        "order-type",
        "price",
        "price-effect",
        "value",
        "value-effect",
        "stop-trigger",
        "gtc-date",
        "legs",
        "source",
        "partition-key",
        "preflight-id",
        "rules",
        "advanced-instructions",
        "external-identifier",
        "automated-source",
        "behavior",
    ]
)
REPLACED_FIELDS = FIELDS - {"legs", "advanced-instructions"}
STRICT = "strict-position-effect-validation"
LEG_FIELDS = frozenset(["instrument-type", "symbol", "action", "quantity", "remaining-quantity", "fills"])
TIMES = {"Day": TimeInForce.DAY, "GTC": TimeInForce.GTC}
TYPES = ("Limit", "Market", "Stop", "Stop Limit")
COMPLEX = {"OCO": False, "OTO": True, "OTOCO": True}  # by type: whether a trigger order comes first


class Malformed(Exception):
    """The body is not what the specification asks for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order as it was asked for."""

    legs: tuple[Leg, ...]
    quantity: int
    effect: Effect
    time_in_force: TimeInForce
    order_type: str
    price: Decimal | None  # credit positive
    stop_trigger: Decimal | None
    external_identifier: str | None
    source: str
    is_strict: bool = False  # an order that closes what is not held is refused, and does not open instead


def read_order(body: Any, *, legs_of: Wanted | None = None) -> Wanted:
    """Read an order; a replacement leaves its legs out and has those of the order that it replaces."""
    if not isinstance(body, dict):
        raise Malformed("invalid_request", "the body is no object")
    unknown = sorted(set(body) - (FIELDS if legs_of is None else REPLACED_FIELDS))
    if unknown:
        raise Malformed("validation_error", f"{', '.join(unknown)} is not allowed")
    order_type = body.get("order-type")
    if order_type not in TYPES:
        raise Malformed("validation_error", "order-type does not have a valid value")
    time_in_force = TIMES.get(str(body.get("time-in-force")))
    if time_in_force is None:
        raise Malformed("validation_error", "time-in-force does not have a valid value")
    if legs_of is None:
        legs, quantity, effect = _read_legs(body.get("legs"))
    else:
        legs, quantity, effect = legs_of.legs, legs_of.quantity, legs_of.effect
    if order_type == "Stop" and len(legs) > 1:
        raise Malformed("validation_error", "stop market orders of several legs are not supported")
    return Wanted(
        legs=legs,
        quantity=quantity,
        effect=effect,
        time_in_force=time_in_force,
        order_type=order_type,
        price=_read_price(body, order_type),
        stop_trigger=_number(body, "stop-trigger") if "Stop" in order_type else None,
        external_identifier=body.get("external-identifier"),
        source=str(body.get("source", "")),
        is_strict=_is_strict(body) if legs_of is None else legs_of.is_strict,
    )


def _is_strict(body: Mapping[str, Any]) -> bool:
    told = body.get("advanced-instructions", {})
    if not isinstance(told, dict) or set(told) - {STRICT} or not isinstance(told.get(STRICT, False), bool):
        raise Malformed("validation_error", "advanced-instructions does not have a valid value")
    return bool(told.get(STRICT, False))


def read_complex(body: Any) -> tuple[str, Wanted | None, list[Wanted]]:
    """Read a complex order: its type, its trigger and the orders that depend on it or on each other."""
    if not isinstance(body, dict) or set(body) - {"type", "trigger-order", "orders", "source"}:
        raise Malformed("validation_error", "a complex order has a type, a trigger-order, orders and a source")
    kind = str(body.get("type"))
    if kind not in COMPLEX:
        raise Malformed("validation_error", "type does not have a valid value")
    if COMPLEX[kind] != ("trigger-order" in body):
        raise Malformed("validation_error", f"{kind}: a trigger-order is missing or too many")
    trigger = read_order(body["trigger-order"]) if COMPLEX[kind] else None
    orders = [read_order(one) for one in body.get("orders") or ()]
    if not orders or (kind != "OTO" and len(orders) != 2):
        raise Malformed("validation_error", f"{kind} does not have the right number of orders")
    return kind, trigger, orders


def _read_legs(sent: Any) -> tuple[tuple[Leg, ...], int, Effect]:
    if not isinstance(sent, list) or not sent:
        raise Malformed("validation_error", "legs is missing")
    if len(sent) > LEGS_MAX:
        raise Malformed("too_many_legs", f"an order has at most {LEGS_MAX} legs")
    read = [_read_leg(one) for one in sent]
    if len({contract for contract, _, _ in read}) < len(read):
        raise Malformed("illegal_buy_and_sell_on_same_symbol", "a symbol stands in two legs")
    effects = {effect for _, _, effect in read}
    quantity = gcd(*(count for _, count, _ in read))
    legs = tuple(Leg(contract=parse_option_symbol(contract), ratio=count // quantity) for contract, count, _ in read)
    # A roll opens and closes in one order; the exchange behind this server does not trade one.
    if len(effects) > 1:
        raise Malformed("validation_error", "opening and closing legs in one order are not simulated")
    return legs, quantity, effects.pop()


def _read_leg(one: Mapping[str, Any]) -> tuple[str, int, Effect]:
    unknown = sorted(set(one) - LEG_FIELDS)
    if unknown or one.get("instrument-type") != "Equity Option":
        raise Malformed("validation_error", f"a leg of {one.get('instrument-type')!r} with {unknown}")
    side, _, effect = str(one.get("action")).partition(" to ")
    if side not in {"Buy", "Sell"} or effect not in {"Open", "Close"}:
        raise Malformed("validation_error", "action does not have a valid value")
    symbol = str(one.get("symbol"))
    try:
        contract = parse_option_symbol(symbol)
        count = int(Decimal(str(one.get("quantity"))))
    except (InvalidInput, InvalidOperation, ValueError) as error:
        raise Malformed("invalid_symbol", f"{symbol}: symbol or quantity is not valid") from error
    if contract.occ_symbol != symbol or count < 1:
        raise Malformed("invalid_symbol", f"{symbol} is no option symbol of 21 characters, or its quantity is not")
    return symbol, count if side == "Buy" else -count, Effect(effect.lower())


def _read_price(body: Mapping[str, Any], order_type: str) -> Decimal | None:
    if "Limit" not in order_type:
        if "price" in body:
            raise Malformed("validation_error", f"price is not allowed for {order_type}")
        return None
    price = _number(body, "price")
    if price == 0:
        return price
    effect = body.get("price-effect")
    if price < 0 or effect not in {"Credit", "Debit"}:
        raise Malformed("validation_error", "price is positive, and price-effect is Credit or Debit")
    return price if effect == "Credit" else -price


def _number(body: Mapping[str, Any], name: str) -> Decimal:
    try:
        return Decimal(str(body[name]))
    except (KeyError, InvalidOperation) as error:
        raise Malformed("validation_error", f"{name} is missing or no number") from error
