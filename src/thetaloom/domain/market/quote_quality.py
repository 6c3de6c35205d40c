"""How far one quote can be believed: a score from 0 to 1 with every deduction named.

What a quote says of itself (age, sides, width against its own history, bounds that no price may leave) is judged on
every look. What its neighbors say (parity, order and convexity over the strikes, the smile) costs quotes, and is
judged where they are given; without them it is unknown, and nothing is deducted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract, Right

HIGH_SCORE = 0.8  # from here on a quote is evidence by itself
FLOOR_SCORE = 0.3  # below it a quote is no evidence at all

NICKEL_FROM = 3.0  # dollars; cheaper options may be quoted to the cent
STUB_BID_MAX, STUB_ASK_MIN, STUB_TIMES = 0.05, 1.0, 10.0
WORTHLESS_ASK_MAX = 0.15  # a bid of zero under so low an ask is what an option worth nothing looks like
AGE_POINTS_MAX = 0.15  # lost on the way to the age limit; an option that nobody trades is quoted seldom
LOCKED_POINTS = 0.4
WORTHLESS_POINTS = 0.1
NEIGHBOR_POINTS = 0.8

# A running median moves one step toward each reading, however far that lies: a burst of bad ones hardly moves it.
DEVIATION_START, DEVIATION_MIN = 0.25, 0.05  # of the logarithm of the relative width
STEP_SHARE_MIN = 0.08
CHEAP = 0.10  # dollars
NARROW = 0.05 + 1e-9  # dollars; never wide
HISTORY_MIN = 5  # readings before a contract's own history is used
WIDER_MIN = math.log(2.0)  # up to twice as wide as usual is usual
DEVIATIONS_MAX = 4.0
WIDE_POINTS, WIDE_POINTS_PER_LOG, WIDE_POINTS_MAX = 0.25, 0.25, 0.6
# Without a history: what would be wide for any option.
UNKNOWN_WIDE_RATIO, UNKNOWN_WIDE_DOLLARS = 0.5, 0.30
UNKNOWN_WIDE_POINTS_MAX = 0.75


class Flaw(StrEnum):
    """Why a quote is believed less."""

    NO_QUOTE = "no_quote"
    INVALID = "invalid"
    ONE_SIDED = "one_sided"
    CROSSED = "crossed"
    LOCKED = "locked"
    STALE = "stale"
    OUT_OF_ORDER = "out_of_order"  # older than one that was seen before it
    ZERO_BID = "zero_bid"  # on a leg to sell
    STUB = "stub"
    ABSURD = "absurd"  # asks more than the option can ever be worth
    WIDE = "wide"
    OUT_OF_BOUNDS = "out_of_bounds"  # asks less than exercise brings
    PARITY = "parity"
    MONOTONICITY = "monotonicity"
    CONVEXITY = "convexity"
    OFF_SMILE = "off_smile"

    @property
    def words(self) -> str:
        """The flaw as people read it."""
        return "older than one seen before it" if self is Flaw.OUT_OF_ORDER else self.value.replace("_", " ")


DAMNING = frozenset(
    {
        *(Flaw.NO_QUOTE, Flaw.INVALID, Flaw.ONE_SIDED, Flaw.CROSSED, Flaw.OUT_OF_ORDER),
        *(Flaw.ZERO_BID, Flaw.STUB, Flaw.ABSURD, Flaw.OUT_OF_BOUNDS),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """One flaw and what it takes from the score."""

    flaw: Flaw
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteScore:
    """1 is a quote without a flaw; 0 is no evidence."""

    score: float
    deductions: tuple[Deduction, ...] = ()

    def less(self, found: Sequence[Deduction]) -> "QuoteScore":
        """Return the score after more deductions."""
        if not found:
            return self
        left = max(0.0, self.score - sum(one.points for one in found))
        return QuoteScore(score=round(left, 6), deductions=(*self.deductions, *found))

    def has(self, flaw: Flaw) -> bool:
        """Say whether this flaw was found."""
        return any(one.flaw is flaw for one in self.deductions)


FLAWLESS = QuoteScore(score=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One contract's quote as the quality rules read it: bare numbers, so that a thousand positions cost little."""

    is_call: bool
    strike: float
    bid: float | None
    ask: float | None
    quoted_at: datetime | None

    @property
    def mid(self) -> float | None:
        """Half-way between both sides."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def half_width(self) -> float:
        """Half of what lies between both sides; zero when unknown or crossed."""
        return 0.0 if self.bid is None or self.ask is None else max(0.0, self.ask - self.bid) / 2

    @property
    def is_sound(self) -> bool:
        """Whether it has two sides in their order and a bid."""
        return self.bid is not None and self.ask is not None and 0 < self.bid < self.ask


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthHistory:
    """Running median and deviation of the logarithm of one contract's relative width."""

    median: float = 0.0
    deviation: float = DEVIATION_START
    readings: int = 0

    def seen(self, sighting: Sighting) -> "WidthHistory":
        """Return the history after one more reading; a crossed, locked or one-sided quote is none."""
        reading = log_width(sighting)
        if reading is None:
            return self
        if self.readings == 0:
            return WidthHistory(median=reading, readings=1)
        share = max(STEP_SHARE_MIN, 1.0 / (self.readings + 1))
        step = share * max(self.deviation, DEVIATION_MIN)
        median = self.median + min(max(reading - self.median, -step), step)
        away = abs(reading - median)
        deviation = self.deviation + min(max(away - self.deviation, -step), step)
        return WidthHistory(median=median, deviation=max(DEVIATION_MIN, deviation), readings=self.readings + 1)

    def usual_half_width(self, mid: float) -> float | None:
        """Return half the bid-ask width that is usual at this mid; ``None`` while too little was seen."""
        return None if self.readings < HISTORY_MIN else math.exp(self.median) * (mid + CHEAP) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a quote is judged against."""

    now: datetime
    age_seconds_max: float
    spot: float | None
    years: float
    rate: float
    dividend_yield: float
    is_american: bool
    to_sell: bool
    newest_at: datetime | None = None  # of the contract's quotes seen so far


def sighting_of(contract: OptionContract, quote: Quote | None) -> Sighting:
    """Read a quote for judging; the one place where its prices become bare numbers."""
    return Sighting(
        is_call=contract.right is Right.CALL,
        strike=float(contract.strike),
        bid=None if quote is None or quote.bid is None else float(quote.bid),
        ask=None if quote is None or quote.ask is None else float(quote.ask),
        quoted_at=None if quote is None else quote.quoted_at,
    )


def tick_of(price: float) -> float:
    """Return the tick that is usual at this price."""
    return 0.05 if price >= NICKEL_FROM else 0.01


def log_width(sighting: Sighting) -> float | None:
    """Return the logarithm of the width relative to the mid and a dime; unknown unless the quote has a width.

    The dime lets the width of an option that is worth next to nothing be told from that of a stub.
    """
    mid, half = sighting.mid, sighting.half_width
    return math.log(2 * half / (mid + CHEAP)) if mid is not None and half > 0 else None


def score_quote(sighting: Sighting, history: WidthHistory, around: Surroundings) -> QuoteScore:
    """Score a quote by what it says of itself; the first damning flaw ends the judgement at zero."""
    damning = _damning(sighting, around)
    if damning is not None:
        return QuoteScore(score=0.0, deductions=(Deduction(flaw=damning, points=1.0),))
    found = []
    age = _age_points(sighting, around)
    if age >= 1:
        return QuoteScore(score=0.0, deductions=(Deduction(flaw=Flaw.STALE, points=1.0),))
    if age > 0.01:
        found.append(Deduction(flaw=Flaw.STALE, points=age))
    if sighting.bid == sighting.ask:
        found.append(Deduction(flaw=Flaw.LOCKED, points=LOCKED_POINTS))
    if around.to_sell and sighting.bid == 0:
        found.append(Deduction(flaw=Flaw.ZERO_BID, points=WORTHLESS_POINTS))
    wide = _wide_points(sighting, history)
    if wide > 0:
        found.append(Deduction(flaw=Flaw.WIDE, points=wide))
    return FLAWLESS.less(found)


def _damning(sighting: Sighting, around: Surroundings) -> Flaw | None:
    bid, ask = sighting.bid, sighting.ask
    if sighting.quoted_at is None or (bid is None and ask is None):
        return Flaw.NO_QUOTE
    if bid is None or ask is None:
        return Flaw.ONE_SIDED
    if bid < 0 or ask <= 0:
        return Flaw.INVALID
    if bid > ask:
        return Flaw.CROSSED
    if around.newest_at is not None and sighting.quoted_at < around.newest_at:
        return Flaw.OUT_OF_ORDER
    if around.to_sell and bid == 0 and ask > WORTHLESS_ASK_MAX:
        return Flaw.ZERO_BID
    if bid <= STUB_BID_MAX and ask >= max(STUB_ASK_MIN, STUB_TIMES * bid):
        return Flaw.STUB
    return _bounds(sighting.is_call, sighting.strike, bid, ask, around)


def _bounds(is_call: bool, strike: float, bid: float, ask: float, around: Surroundings) -> Flaw | None:
    spot = around.spot
    if spot is None:
        return None
    tick = tick_of(ask)
    most = spot if is_call else strike
    if bid > most + tick or (ask > most + tick and ask > 3 * bid):
        return Flaw.ABSURD
    carried = spot * math.exp(-around.dividend_yield * around.years)
    owed = strike * math.exp(-around.rate * around.years)
    inside = carried - owed if is_call else owed - carried
    if around.is_american:
        inside = max(inside, spot - strike if is_call else strike - spot)
    # The spot may be a second older than the quote, or the quote than the spot.
    return Flaw.OUT_OF_BOUNDS if ask < inside - tick - 0.005 * spot else None


def _age_points(sighting: Sighting, around: Surroundings) -> float:
    if sighting.quoted_at is None:
        return 1.0
    age = (around.now - sighting.quoted_at).total_seconds()
    if age > around.age_seconds_max:
        return 1.0
    return AGE_POINTS_MAX * max(0.0, age) / around.age_seconds_max if around.age_seconds_max > 0 else 0.0


def _wide_points(sighting: Sighting, history: WidthHistory) -> float:
    reading = log_width(sighting)
    if reading is None or sighting.half_width * 2 <= max(NARROW, 2.5 * tick_of(sighting.ask or 0.0)):
        return 0.0
    if history.readings < HISTORY_MIN:
        ratio = math.exp(reading)
        if ratio <= UNKNOWN_WIDE_RATIO or sighting.half_width * 2 <= UNKNOWN_WIDE_DOLLARS:
            return 0.0
        return min(UNKNOWN_WIDE_POINTS_MAX, WIDE_POINTS + (ratio - UNKNOWN_WIDE_RATIO))
    above = reading - history.median - max(WIDER_MIN, DEVIATIONS_MAX * history.deviation)
    return 0.0 if above <= 0 else min(WIDE_POINTS_MAX, WIDE_POINTS + WIDE_POINTS_PER_LOG * above)
