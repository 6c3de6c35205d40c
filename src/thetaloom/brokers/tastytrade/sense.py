"""Whether what tastytrade tells of an order can be: a book must not hold what no order can have done."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tastytrade.order import Leg as WireLeg
from tastytrade.order import PlacedOrder

from thetaloom.brokers.tastytrade.parse import contract_of
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.report_book import SentOrder

COUNT_MAX, PRICE_MAX = 10_000_000, Decimal(10_000_000)
AHEAD_MAX, EARLIEST_AT = timedelta(days=1), datetime(2000, 1, 1, tzinfo=UTC)


def is_sensible(order: PlacedOrder, sent: SentOrder, now: datetime) -> bool:
    """Tell whether an order can be the one that was sent, and its fills can have been done."""
    ours = {leg.contract: leg.ratio * sent.order.quantity for leg in sent.order.legs}
    try:
        theirs = {contract_of(leg.symbol): leg for leg in order.legs}
        return (
            theirs.keys() == ours.keys()
            and len(order.legs) == len(ours)
            and all(_fits(leg, ours[contract]) for contract, leg in theirs.items() if contract is not None)
            and all(_can_be(leg, now) for leg in order.legs)
        )
    except NONSENSE:  # an instant beyond the calendar, or a number beyond all
        return False


def _fits(leg: WireLeg, ours: int) -> bool:
    return int(leg.action.multiplier) * ours > 0 and 0 < _whole(leg.quantity) <= abs(ours)


def _can_be(leg: WireLeg, now: datetime) -> bool:
    fills, remaining = leg.fills or [], leg.remaining_quantity
    return (
        all(_whole(fill.quantity) > 0 and 0 <= fill.fill_price < PRICE_MAX for fill in fills)
        and all(EARLIEST_AT < fill.filled_at.astimezone(UTC) < now + AHEAD_MAX for fill in fills)
        and sum(_whole(fill.quantity) for fill in fills) <= _whole(leg.quantity)
        and (remaining is None or 0 <= _whole(remaining) <= _whole(leg.quantity))
    )


def _whole(number: Decimal | int | None) -> int:
    exact = Decimal(number or 0)
    if exact.adjusted() > 9 or exact != exact.to_integral_value() or abs(exact) > COUNT_MAX:
        raise ValueError(f"{number} is no count")
    return int(exact)
