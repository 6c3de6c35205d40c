"""Which symbols are worth a look: the screening, trend and sector scores, each with its weights in sight."""

from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.values.money import HUNDRED

ONE = Decimal(1)
ZERO = Decimal(0)
TEN = Decimal(10)

SCREEN_IV_RANK = Decimal("0.30")
SCREEN_IV_INDEX = Decimal("0.15")
SCREEN_IV_CHANGE = Decimal("0.35")
SCREEN_TREND = Decimal("0.20")

TREND_DAY_POSITION = Decimal("0.5")
TREND_IV_PREMIUM = Decimal("0.3")
TREND_IV_DIRECTION = Decimal("0.2")

SECTOR_IV_RANK = Decimal("0.30")
SECTOR_HV = Decimal("0.25")
SECTOR_IV_CHANGE = Decimal("0.25")
SECTOR_DECORRELATION = Decimal("0.20")
DECORRELATION_PER_BETA = Decimal(50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a score: weight × number, within its bounds."""

    name: str
    weight: Decimal
    number: Decimal

    @property
    def points(self) -> Decimal:
        """What the part adds."""
        return self.weight * self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """A score and the parts it is the sum of."""

    total: Decimal
    parts: tuple[Part, ...]


def screening_score(*, iv_rank: Decimal, iv_index: Decimal, iv_change_5d: Decimal, trend: Decimal) -> Rank:
    """Return 0 to 100: 0.30 IV rank, 0.15 IV in percent, 0.35 of ten times its 5-day change, 0.20 trend.

    ``iv_index`` and ``iv_change_5d`` are percentage points; ``trend`` is a trend score, -1 to 1. Each part is held
    to 0 to 100 before it is weighed, so that one wild number cannot carry the score alone.
    """
    return _rank(
        Part(name="iv_rank", weight=SCREEN_IV_RANK, number=_held(iv_rank)),
        Part(name="iv_index", weight=SCREEN_IV_INDEX, number=_held(iv_index)),
        Part(name="iv_change_5d", weight=SCREEN_IV_CHANGE, number=_held(iv_change_5d * TEN)),
        Part(name="trend", weight=SCREEN_TREND, number=_held((trend + ONE) * HUNDRED / 2)),
    )


def trend_score(
    *, price: Decimal, day_low: Decimal, day_high: Decimal, iv: Decimal, hv: Decimal, iv_change: Decimal
) -> Rank:
    """Return -1 to 1: 0.5 place in the day's range, 0.3 premium of IV over HV, 0.2 direction of IV.

    The place runs from -1 at the low to 1 at the high, 0 where the day has no range; the premium is IV over HV
    less 1, held to -1 and 1, and 0 without HV.
    """
    height = day_high - day_low
    place = ZERO if height <= 0 else (price - day_low) / height * 2 - ONE
    premium = ZERO if hv <= 0 else iv / hv - ONE
    sign = Decimal((iv_change > 0) - (iv_change < 0))
    return _rank(
        Part(name="day_position", weight=TREND_DAY_POSITION, number=_held(place, -ONE, ONE)),
        Part(name="iv_premium", weight=TREND_IV_PREMIUM, number=_held(premium, -ONE, ONE)),
        Part(name="iv_direction", weight=TREND_IV_DIRECTION, number=sign),
    )


def decorrelation(beta: Decimal) -> Decimal:
    """Return how little a symbol follows its benchmark, 0 to 100: 100 less 50 for each unit of |beta|."""
    return max(ZERO, HUNDRED - DECORRELATION_PER_BETA * abs(beta))


def sector_score(*, iv_rank: Decimal, hv_30: Decimal, iv_change_5d: Decimal, beta: Decimal) -> Rank:
    """Return the IV edge of a symbol within its sector: 0.30 IV rank, 0.25 HV, 0.25 IV change × 10, 0.20 apart.

    ``hv_30`` and ``iv_change_5d`` are percentage points. Each part is held to 0 to 100 before it is weighed.
    """
    return _rank(
        Part(name="iv_rank", weight=SECTOR_IV_RANK, number=_held(iv_rank)),
        Part(name="hv_30", weight=SECTOR_HV, number=_held(hv_30)),
        Part(name="iv_change_5d", weight=SECTOR_IV_CHANGE, number=_held(iv_change_5d * TEN)),
        Part(name="decorrelation", weight=SECTOR_DECORRELATION, number=decorrelation(beta)),
    )


def _rank(*parts: Part) -> Rank:
    return Rank(total=sum((part.points for part in parts), ZERO), parts=parts)


def _held(number: Decimal, least: Decimal = ZERO, most: Decimal = HUNDRED) -> Decimal:
    return max(least, min(most, number))
