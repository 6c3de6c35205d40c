"""How well an order was filled, against mid on arrival, mid at the fill and the best schedule in hindsight.

All prices are net and ours (credit positive), so a cost is what was given up: reference minus fill. A *place* is where
a price lies on the line from mid (0) to natural (1); below 0 it is better than mid.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price

PLACE_STEP = Decimal("0.0001")
PRICE_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedStep:
    """One limit of an order with the quotes it was set at."""

    at: datetime
    limit_price: Price
    mid_price: Price
    natural_price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedFill:
    """A fill of an order, and the quotes of its moment where they are known."""

    at: datetime
    quantity: int
    price: Price
    mid_price: Price | None = None
    natural_price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuality:
    """What one order's fills were worth. Costs are what we gave up: positive is worse, negative better than asked.

    ``None`` is unknown: quotes that were not recorded, or no way between mid and natural to measure by.
    """

    client_order_id: ClientOrderId
    quantity: int  # structures filled
    fill_price: Price  # average
    first_limit_at: datetime
    last_filled_at: datetime
    arrival_mid: Price
    arrival_half_spread: Price  # mid minus natural
    arrival_cost: Money
    arrival_half_spreads: Decimal | None  # the same in half-spreads on arrival: 0 at mid, 1 at natural
    fill_mid: Price | None
    fill_cost: Money | None
    fill_place: Decimal | None  # where the fill lay between mid and natural of its moment
    hindsight_price: Price | None  # the best that any recorded moment would have given
    hindsight_cost: Money | None
    limits: int  # that were sent
    seconds: int  # from the first limit to the last fill


def place_of(price: Price, mid: Price, natural: Price) -> Decimal | None:
    """Return where ``price`` lies from mid (0) to natural (1); ``None`` where they are the same."""
    half = mid - natural
    if half <= 0:
        return None
    return (mid - price).ratio(half).quantize(PLACE_STEP, ROUND_HALF_EVEN) + 0


def order_quality(
    client_order_id: ClientOrderId, steps: Sequence[QuotedStep], fills: Sequence[QuotedFill], multiplier: int
) -> OrderQuality | None:
    """Measure an order by its limits, oldest first, and its fills; ``None`` without a fill or a recorded limit."""
    if not steps or not fills:
        return None
    quantity = sum(fill.quantity for fill in fills)
    price = _mean((fill.price, fill.quantity) for fill in fills)
    first, last_at = steps[0], max(fill.at for fill in fills)
    half = first.mid_price - first.natural_price
    fill_mid = _known_mean([(fill.mid_price, fill.quantity) for fill in fills])
    fill_natural = _known_mean([(fill.natural_price, fill.quantity) for fill in fills])
    place = None if fill_mid is None or fill_natural is None else place_of(price, fill_mid, fill_natural)
    best = None if place is None else _hindsight(steps, price, place, last_at)
    return OrderQuality(
        client_order_id=client_order_id,
        quantity=quantity,
        fill_price=price,
        first_limit_at=first.at,
        last_filled_at=last_at,
        arrival_mid=first.mid_price,
        arrival_half_spread=half,
        arrival_cost=(first.mid_price - price).times(multiplier, quantity).to_cents(),
        arrival_half_spreads=place_of(price, first.mid_price, first.natural_price),
        fill_mid=fill_mid,
        fill_cost=None if fill_mid is None else (fill_mid - price).times(multiplier, quantity).to_cents(),
        fill_place=place,
        hindsight_price=best,
        hindsight_cost=None if best is None else (best - price).times(multiplier, quantity).to_cents(),
        limits=len(steps),
        seconds=int((last_at - first.at).total_seconds()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """Many orders at a glance; ``None`` where no order has the number."""

    orders: int
    arrival_cost: Money
    hindsight_cost: Money
    arrival_half_spreads_mean: Decimal | None
    fill_place_mean: Decimal | None
    limits_mean: Decimal | None
    seconds_mean: Decimal | None


def summarize(found: Sequence[OrderQuality]) -> QualitySummary:
    """Sum the costs and average the rest over the orders that have it."""
    return QualitySummary(
        orders=len(found),
        arrival_cost=sum((one.arrival_cost for one in found), Money(0)),
        hindsight_cost=sum((one.hindsight_cost for one in found if one.hindsight_cost is not None), Money(0)),
        arrival_half_spreads_mean=_average(one.arrival_half_spreads for one in found),
        fill_place_mean=_average(one.fill_place for one in found),
        limits_mean=_average(Decimal(one.limits) for one in found),
        seconds_mean=_average(Decimal(one.seconds) for one in found),
    )


def _hindsight(steps: Sequence[QuotedStep], price: Price, place: Decimal, last_at: datetime) -> Price:
    """Return the best price that somebody who gives way to ``place`` would have taken at a recorded moment.

    A limit that stood until the next one and was not taken bounds its moment: nothing as good was to be had there.
    """
    stood = [step for step in steps if step.at <= last_at]
    found = [price]
    for index, step in enumerate(stood):
        taken = _rounded(step.mid_price - (step.mid_price - step.natural_price) * place)
        was_refused = index < len(stood) - 1
        if not was_refused or taken < step.limit_price:
            found.append(taken)
    return max(found)


def _mean(pairs: Iterable[tuple[Price, int]]) -> Price:
    pairs = list(pairs)
    total = sum((price * count for price, count in pairs), Price(0))
    return _rounded(total / sum(count for _, count in pairs))


def _known_mean(pairs: Sequence[tuple[Price | None, int]]) -> Price | None:
    known = [(price, count) for price, count in pairs if price is not None]
    return _mean(known) if len(known) == len(pairs) else None


def _rounded(price: Price) -> Price:
    if price == price.to_tick(PRICE_STEP):
        return price
    return Price(Decimal(price).quantize(PRICE_STEP, ROUND_HALF_EVEN))


def _average(numbers: Iterable[Decimal | None]) -> Decimal | None:
    known = [number for number in numbers if number is not None]
    return (sum(known, Decimal(0)) / len(known)).quantize(PLACE_STEP, ROUND_HALF_EVEN) if known else None
