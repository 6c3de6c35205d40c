"""From an order on the wire to an order of the exchange behind it: what TWS refuses before any exchange sees it."""

from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.book.orders import Effect, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.testing.broker_servers.backend import WireOrder
from thetaloom.testing.broker_servers.ibkr.listing import NAMES, Listing
from thetaloom.testing.broker_servers.ibkr.placing import AskedOrder

LEGS_MAX = 4
# How TWS words what our exchange refuses: a code and a reason.
REASONS: dict[Refusal, tuple[int, str]] = {
    Refusal.INSUFFICIENT_BUYING_POWER: (
        201,
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH"
        " LOAN VALUE MUST EXCEED THE INITIAL MARGIN",
    ),
    Refusal.STRIKE_GONE: (200, "No security definition has been found for the request"),
    Refusal.MARKET_CLOSED: (201, "Order rejected - reason:The exchange is closed."),
    Refusal.BAD_PRICE: (110, "The price does not conform to the minimum price variation for this contract."),
    Refusal.NOT_PERMITTED: (201, "Order rejected - reason:No trading permissions."),
    Refusal.TOO_MANY_LEGS: (201, f"Order rejected - reason:A combination has at most {LEGS_MAX} legs."),
    Refusal.QUANTITY_CONFLICT: (201, "Order rejected - reason:The position that would be closed is not held."),
    Refusal.DUPLICATE: (103, "Duplicate order id"),
    Refusal.BROKER_ERROR: (107, "Cannot transmit incomplete order."),
    Refusal.UNKNOWN: (201, "Order rejected - reason:Please contact your broker."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Why an order goes no further."""

    code: int
    text: str


def read(asked: AskedOrder, listing: Listing, accounts: list[str]) -> WireOrder | Wrong:
    """Return what an order wants of the exchange, or why it is refused here."""
    wrong = _checked(asked, accounts)
    if wrong is not None:
        return wrong
    legs = _legs(asked, listing)
    if legs is None:
        return Wrong(code=200, text="No security definition has been found for the request")
    quantity, limit = asked.quantity or Decimal(0), asked.limit or Decimal(0)
    return WireOrder(
        legs=legs,
        quantity=int(quantity),
        limit_price=Price(limit if asked.action == "SELL" else -limit),
        effect=Effect.CLOSE if asked.open_close == "C" else Effect.OPEN,
        time_in_force=TimeInForce(asked.time_in_force),
        client_order_id=asked.reference,
    )


def _checked(asked: AskedOrder, accounts: list[str]) -> Wrong | None:
    if asked.account not in accounts:
        return Wrong(code=321, text="Error validating request.-'b3' : cause - Invalid account code")
    if asked.action not in {"BUY", "SELL"} or asked.kind != "LMT" or asked.limit is None:
        return Wrong(code=321, text="Error validating request.-'b3' : cause - Invalid side or order type")
    if asked.time_in_force not in {"DAY", "GTC"}:
        return Wrong(code=391, text="The time-in-force field contains an invalid value")
    if asked.quantity is None or asked.quantity <= 0 or asked.quantity % 1:
        return Wrong(code=434, text="The order size cannot be zero.")
    if asked.contract.exchange != "SMART" or asked.contract.currency != "USD":
        return Wrong(code=200, text="No security definition has been found for the request")
    if asked.contract.kind == "OPT":
        # Options have no negative price; a combination may.
        return None if asked.limit > 0 else Wrong(code=110, text=REASONS[Refusal.BAD_PRICE][1])
    if asked.contract.kind != "BAG":
        return Wrong(code=321, text="Error validating request.-'b3' : cause - Invalid security type")
    return _checked_legs(asked)


def _checked_legs(asked: AskedOrder) -> Wrong | None:
    if len(asked.legs) < 2:
        return Wrong(code=314, text="Security type 'BAG' requires combo leg details")
    if len(asked.legs) > LEGS_MAX:
        return Wrong(code=201, text=REASONS[Refusal.TOO_MANY_LEGS][1])
    for leg in asked.legs:
        if leg.ratio < 1 or leg.action not in {"BUY", "SELL"} or leg.exchange != "SMART":
            return Wrong(code=313, text="Combo details for leg are invalid")
    if len({leg.conid for leg in asked.legs}) != len(asked.legs):
        return Wrong(code=312, text="Combo details are invalid: a contract stands twice")
    return None


def _legs(asked: AskedOrder, listing: Listing) -> tuple[Leg, ...] | None:
    direction = 1 if asked.action == "BUY" else -1
    if asked.contract.kind == "OPT":
        found = listing.matching(asked.contract)
        option = listing.option(found[0].conid) if len(found) == 1 else None
        return None if option is None else (Leg(contract=option, ratio=direction),)
    legs = []
    for leg in asked.legs:
        option = listing.option(leg.conid)
        if option is None or NAMES.told(option.underlying) != asked.contract.symbol:
            return None
        sign = direction if leg.action == "BUY" else -direction
        legs.append(Leg(contract=option, ratio=sign * leg.ratio))
    return tuple(legs)
