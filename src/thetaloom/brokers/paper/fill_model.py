"""When a limit order fills, and at which prices of its legs: pure functions of quotes and draws.

The point is the net price that lies ``fill_at`` of the way from mid to natural. By default an order whose limit has
reached it fills at its limit, never better. Two other models are less simple: one improves the price by a drawn
share of the way to the point, one lets the order stand in a queue for a drawn time unless the market crosses it.
Down to the natural price each leg is done between its bid and its ask; a limit that gives away more than the
market asks for is still done at the limit, as agreed, and then its legs lie beyond their quotes and the evidence
says so.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import CENT, Price

RULE = "limit <= mid - fill_at * (mid - natural)"
IMPROVE_RULE = f"{RULE}; price = limit + share * (point - limit)"
QUEUE_RULE = f"limit <= natural, or {RULE} for seconds_needed"
SHARE_UNIT = Decimal("0.000001")
LEG_PRICE_DIGITS = (6, 9, 12, 15, 18)  # the coarsest at which every leg stays within its quote
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A fill that the quotes allow: its net price, that of each leg, and the evidence as canonical JSON."""

    price: Price
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


@dataclass(frozen=True, slots=True)
class QuotedMarket:
    """Valid quotes of all legs of a structure at one instant, and the fill point among them."""

    legs: tuple[Leg, ...]
    quotes: Mapping[OptionContract, Quote]
    quoted: tuple[_QuotedLeg, ...]
    now: datetime
    fill_at: Decimal

    @property
    def mid(self) -> Decimal:
        """The net of all mids."""
        return sum((-leg.ratio * leg.mid for leg in self.quoted), ZERO)

    @property
    def natural(self) -> Decimal:
        """The net at which the market trades at once."""
        return sum((-leg.ratio * leg.natural for leg in self.quoted), ZERO)

    @property
    def point(self) -> Decimal:
        """The net from which on an order fills, or in the queue model begins to wait."""
        return self.mid - self.fill_at * (self.mid - self.natural)

    def priced(self, limit: Price, *, price: Price | None = None, rule: str = RULE, **more: object) -> Priced:
        """Return the fill of one structure at ``price``, by default the limit, with its evidence."""
        done = limit if price is None else price
        evidence: dict[str, object] = {
            "rule": rule,
            "as_of": self.now,
            "fill_at": self.fill_at,
            "limit": limit,
            "mid": self.mid,
            "natural": self.natural,
            "point": self.point,
            "beyond_natural": Decimal(limit) < self.natural,
            "quotes": [
                {"contract": leg.contract.compact, "ratio": leg.ratio, "quote": self.quotes[leg.contract]}
                for leg in self.legs
            ],
        }
        prices = allocate(self.quoted, Decimal(done), self.mid, self.natural)
        return Priced(price=done, leg_prices=prices, model=canonical_json(evidence | more).decode())


def read_market(
    legs: Sequence[Leg],
    quotes: Mapping[OptionContract, Quote],
    *,
    now: datetime,
    fill_at: Decimal,
    age_max: timedelta,
    closes: bool = False,
) -> QuotedMarket | None:
    """Return the market of a structure; ``None`` where the quotes of its legs do not allow a trade now."""
    quoted = []
    for leg in legs:
        quote = quotes.get(leg.contract)
        if quote is None or not judge_quote(quote, now, age_max, to_sell=leg.ratio < 0, closes=closes).is_allowed:
            return None
        assert quote.bid is not None and quote.ask is not None  # judged above
        quoted.append(_QuotedLeg(leg.ratio, Decimal(quote.bid), Decimal(quote.ask)))
    return QuotedMarket(tuple(legs), quotes, tuple(quoted), now, fill_at)


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
    market = read_market(legs, quotes, now=now, fill_at=fill_at, age_max=age_max, closes=closes)
    return None if market is None or limit > Price(market.point) else market.priced(limit)


def improved(market: QuotedMarket, limit: Price, seed: int, *names: object) -> Priced | None:
    """Price a fill that gets a drawn share of the way from its limit to the fill point, in whole cents."""
    room = market.point - Decimal(limit)
    if room < 0:
        return None
    share = draw_share(seed, "improve", *names)
    price = limit + Price((room * share).quantize(CENT, ROUND_FLOOR))
    return market.priced(limit, price=price, rule=IMPROVE_RULE, seed=seed, share=share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The place of an order among others at its price: how long it must stand there, and how long it has."""

    seconds_needed: int
    seconds_stood: int  # up to ``since``, which is when the market came back to it
    since: datetime | None

    def stood_at(self, now: datetime) -> int:
        """Return how long the market has stood at the limit in all."""
        return self.seconds_stood + (0 if self.since is None else int((now - self.since).total_seconds()))

    def seen(self, market: QuotedMarket | None, limit: Price, now: datetime) -> "Queue":
        """Return the place after a look at the market."""
        stands = market is not None and Decimal(limit) <= market.point
        if stands == (self.since is not None):
            return self
        if stands:
            return replace(self, since=now)
        return replace(self, seconds_stood=self.stood_at(now), since=None)


def queued(market: QuotedMarket, limit: Price, place: Queue, seed: int) -> Priced | None:
    """Price the fill of an order whose turn has come, or which the market has crossed."""
    crossed = Decimal(limit) <= market.natural
    stood = place.stood_at(market.now)
    if not crossed and (place.since is None or stood < place.seconds_needed):
        return None
    needed = place.seconds_needed
    return market.priced(limit, rule=QUEUE_RULE, seed=seed, crossed=crossed, seconds_stood=stood, seconds_needed=needed)


def queue_seconds(seed: int, seconds_max: int, *names: object) -> int:
    """Draw how long an order stands in the queue at its price."""
    return int(draw_share(seed, "queue", *names) * seconds_max)


def draw_share(seed: int, *names: object) -> Decimal:
    """Draw a share from 0 up to 1 that depends on nothing but the seed and the names."""
    digest = hashlib.blake2b("\x1f".join(map(str, (seed, *names))).encode(), digest_size=8).digest()
    return (Decimal(int.from_bytes(digest)) / 2**64).quantize(SHARE_UNIT, ROUND_FLOOR)


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
