"""How well a leg can be traded, 0 to 100: open interest, bid-ask width and volume, weighed as their table says."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.strategy.evaluation import LegEvaluation
from thetaloom.domain.values.money import HUNDRED

HALF = Decimal(50)
MISSING = Decimal(40)  # what a part scores of which nothing is known
WEIGHT_LIQUIDITY = Decimal("0.40")
WEIGHT_BID_ASK = Decimal("0.40")
WEIGHT_ACTIVITY = Decimal("0.20")
OPEN_INTEREST_PIVOT, OPEN_INTEREST_FULL = 500, 1500
VOLUME_PIVOT, VOLUME_FULL = 50, 500
WIDTH_PIVOT = Decimal(10)  # percent of mid
WIDTH_RATE_NARROW, WIDTH_RATE_WIDE = Decimal(5), Decimal(10)  # points per percent on either side of the pivot
LAST_TRADE_SECONDS_MAX = 7200
LAST_TRADE_FACTOR = Decimal("0.8")
STEP = Decimal("0.01")


class Quality(StrEnum):
    """A strike quality in a word."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


LEVELS: tuple[tuple[int, Quality], ...] = ((80, Quality.EXCELLENT), (60, Quality.GOOD), (40, Quality.FAIR))


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeQuality:
    """The quality of one strike and its three parts, each 0 to 100."""

    total: Decimal
    liquidity: Decimal
    bid_ask: Decimal
    activity: Decimal

    @property
    def level(self) -> Quality:
        """The quality in a word."""
        return quality_level(self.total)


def quality_level(total: Decimal) -> Quality:
    """Return the word for a quality: 80 and up excellent, 60 good, 40 fair, else poor."""
    return next((level for least, level in LEVELS if total >= least), Quality.POOR)


def strike_quality(
    *,
    open_interest: int | None,
    volume: int | None,
    bid: Decimal | None,
    ask: Decimal | None,
    last_trade_age_seconds: int | None = None,
) -> StrikeQuality:
    """Return the quality of a strike; a part of which nothing is known scores 40."""
    liquidity = _ramp(open_interest, OPEN_INTEREST_PIVOT, OPEN_INTEREST_FULL)
    bid_ask = _bid_ask(bid, ask)
    activity = _ramp(volume, VOLUME_PIVOT, VOLUME_FULL)
    if last_trade_age_seconds is not None and last_trade_age_seconds > LAST_TRADE_SECONDS_MAX:
        activity *= LAST_TRADE_FACTOR
    total = WEIGHT_LIQUIDITY * liquidity + WEIGHT_BID_ASK * bid_ask + WEIGHT_ACTIVITY * activity
    return StrikeQuality(
        total=total.quantize(STEP),
        liquidity=liquidity.quantize(STEP),
        bid_ask=bid_ask.quantize(STEP),
        activity=activity.quantize(STEP),
    )


def leg_quality(leg: LegEvaluation) -> StrikeQuality:
    """Return the quality of an evaluated leg; chains do not tell when a contract last traded."""
    return strike_quality(
        open_interest=leg.open_interest,
        volume=leg.volume,
        bid=None if leg.bid is None else Decimal(leg.bid),
        ask=None if leg.ask is None else Decimal(leg.ask),
    )


def structure_quality(legs: Sequence[StrikeQuality]) -> tuple[Decimal, Decimal]:
    """Return the quality of the weakest leg and the mean of all."""
    totals = [leg.total for leg in legs]
    return min(totals), (sum(totals, Decimal(0)) / len(totals)).quantize(STEP)


def _ramp(count: int | None, pivot: int, full: int) -> Decimal:
    if count is None or count < 0:
        return MISSING
    if count < pivot:
        return HALF * count / pivot
    return min(HUNDRED, HALF + HALF * (count - pivot) / (full - pivot))


def _bid_ask(bid: Decimal | None, ask: Decimal | None) -> Decimal:
    if bid is None or ask is None or bid > ask or bid + ask <= 0:
        return MISSING
    percent = (ask - bid) * HUNDRED / ((bid + ask) / 2)
    if percent <= WIDTH_PIVOT:
        return HUNDRED - WIDTH_RATE_NARROW * percent
    worst = HUNDRED - WIDTH_RATE_NARROW * WIDTH_PIVOT
    return max(Decimal(0), worst - WIDTH_RATE_WIDE * (percent - WIDTH_PIVOT))
