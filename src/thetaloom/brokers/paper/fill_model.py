"""When a limit order fills, and at which prices of its legs: a pure function of quotes.

The point is the net price that lies ``fill_at`` of the way from mid to natural. An order whose limit has
reached it fills at its limit, never better. Down to the natural price each leg is done between its bid and
its ask; a limit that gives away more than the market asks for is still done at the limit, as agreed, and
then its legs lie beyond their quotes and the evidence says so.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price

RULE = "limit <= mid - fill_at * (mid - natural)"
LEG_PRICE_DIGITS = (6, 9, 12, 15, 18)  # the coarsest at which every leg stays within its quote
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A fill that the quotes allow: the price of each leg, and the evidence as canonical JSON."""

    leg_prices: tuple[Price, ...]
    model: str


@dataclass(frozen=True, slots=True)
class _QuotedLeg:
    ratio: int
    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    @property
    def natural(self) -> Decimal:
        return self.ask if self.ratio > 0 else self.bid


def judge_fill(
    legs: Sequence[Leg],
    limit: Price,
    quotes: Mapping[OptionContract, Quote],
    *,
    now: datetime,
    fill_at: Decimal,
    age_max: timedelta,
    closes: bool = False,
) -> Priced | None:
    """Price the fill of one structure at ``limit``; ``None`` where the quotes of all legs do not allow it now."""
    quoted = []
    for leg in legs:
        quote = quotes.get(leg.contract)
        if quote is None or not judge_quote(quote, now, age_max, to_sell=leg.ratio < 0, closes=closes).is_allowed:
            return None
        assert quote.bid is not None and quote.ask is not None  # judged above
        quoted.append(_QuotedLeg(leg.ratio, Decimal(quote.bid), Decimal(quote.ask)))
    mid = sum((-leg.ratio * leg.mid for leg in quoted), ZERO)
    natural = sum((-leg.ratio * leg.natural for leg in quoted), ZERO)
    point = mid - fill_at * (mid - natural)
    if limit > Price(point):
        return None
    prices = allocate(quoted, Decimal(limit), mid, natural)
    evidence = {
        "rule": RULE,
        "as_of": now,
        "fill_at": fill_at,
        "limit": limit,
        "mid": mid,
        "natural": natural,
        "point": point,
        "beyond_natural": Decimal(limit) < natural,
        "quotes": [
            {"contract": leg.contract.compact, "ratio": leg.ratio, "quote": quotes[leg.contract]} for leg in legs
        ],
    }
    return Priced(leg_prices=prices, model=canonical_json(evidence).decode())


def allocate(legs: Sequence[_QuotedLeg], net: Decimal, mid: Decimal, natural: Decimal) -> tuple[Price, ...]:
    """Return leg prices with exactly this net; each gives way from its mid in proportion to its width."""
    targets = _within(legs, net, mid, natural) if net >= natural else _beyond(legs, net, natural)
    rest = _rest_leg(legs, within=net >= natural)
    prices: list[Decimal] = []
    for digits in LEG_PRICE_DIGITS:
        unit = Decimal(1).scaleb(-digits)
        prices = [target.quantize(unit, ROUND_HALF_EVEN) for target in targets]
        others = sum((-leg.ratio * price for i, (leg, price) in enumerate(zip(legs, prices, strict=True)) if i != rest))
        prices[rest] = (others - net) / legs[rest].ratio
        if net < natural or all(leg.bid <= price <= leg.ask for leg, price in zip(legs, prices, strict=True)):
            break
    return tuple(Price(price.normalize() + 0) for price in prices)


def draw_quantity(remaining: int, probability: Decimal, *seeds: object) -> int:
    """Return how many of the remaining structures fill now: all, or with this probability only a part."""
    digest = hashlib.blake2b("\x1f".join(map(str, seeds)).encode(), digest_size=16).digest()
    chance, part = int.from_bytes(digest[:8]), int.from_bytes(digest[8:])
    if remaining == 1 or chance >= probability * 2**64:
        return remaining
    return 1 + part % (remaining - 1)


def is_exact_divisor(ratio: int) -> bool:
    """Tell whether every finite decimal divided by ``ratio`` is a finite decimal."""
    left = abs(ratio)
    for factor in (2, 5):
        while left % factor == 0:
            left //= factor
    return left == 1


def _within(legs: Sequence[_QuotedLeg], net: Decimal, mid: Decimal, natural: Decimal) -> list[Decimal]:
    share = (mid - net) / (mid - natural) if mid > natural else ZERO
    return [leg.mid + share * (leg.natural - leg.mid) for leg in legs]


def _beyond(legs: Sequence[_QuotedLeg], net: Decimal, natural: Decimal) -> list[Decimal]:
    # Buyers can overpay without end; sellers can give away no more than all.
    bought = sum((leg.ratio * leg.ask for leg in legs if leg.ratio > 0), ZERO)
    raised = 1 + (natural - net) / bought if bought else Decimal(1)
    lowered = Decimal(1) if bought else net / natural
    return [leg.natural * (raised if leg.ratio > 0 else lowered) for leg in legs]


def _rest_leg(legs: Sequence[_QuotedLeg], *, within: bool) -> int:
    """Choose the leg that takes the rounding: of those that divide exactly the one with the most room."""

    def room(index: int) -> Decimal:
        leg = legs[index]
        return abs(leg.ratio) * (leg.ask - leg.bid if within else leg.natural)

    return max((i for i, leg in enumerate(legs) if is_exact_divisor(leg.ratio)), key=room)
