"""What an analyst says of a market: a direction, how sure, and at which prices it would be wrong or done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from thetaloom.domain.market.chart_series import ChartSeries, DrawnChart
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

REASONS_MAX = 32
REASON_LENGTH_MAX = 500
CONFIDENCE_PLACES = 4
LABELS = {"high": Decimal("0.8"), "medium": Decimal("0.5"), "low": Decimal(0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """What an analyst is shown; a timeframe without bars enough is ``None``."""

    symbol: str
    spot: Price | None
    spot_as_of: datetime | None
    daily: ChartSeries | None
    weekly: ChartSeries | None
    charts: tuple[DrawnChart, ...] = ()
    prompt: str = ""  # rendered; empty for analysts that read no words
    prompt_reference: str = ""  # which templates it was made of, such as daily-en@3
    source: str = ""
    synthetic: bool = False
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A directional or neutral view; one whose levels stand on the wrong side cannot be made.

    A level that was not said is ``None``, never a number made up for it.
    """

    analyst: str
    direction: MarketBias
    confidence: Decimal  # 0 to 1
    entry: Price | None = None
    stop: Price | None = None  # below the entry of a bullish view, above that of a bearish one
    targets: tuple[Price, ...] = ()  # the nearest first
    reasons: tuple[str, ...] = ()
    model: str = ""
    cost: Money | None = None  # positive = paid; None = not known
    made_at: datetime

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise InvalidInput(f"confidence is {self.confidence}; expected 0 to 1")
        if any(level is not None and level <= 0 for level in (self.entry, self.stop, *self.targets)):
            raise InvalidInput("a level is zero or less; expected prices above zero")
        if self.direction is MarketBias.NEUTRAL:
            if self.stop is not None or self.targets:
                raise InvalidInput("a neutral opinion has no stop and no target")
        else:
            _refuse_wrong_sides(self)

    @property
    def label(self) -> str:
        """The confidence in a word: high from 0.8, medium from 0.5, else low."""
        return next(word for word, least in LABELS.items() if self.confidence >= least)

    @property
    def risk(self) -> Price | None:
        """Dollars per share from the entry to the stop."""
        return None if self.entry is None or self.stop is None else abs(self.entry - self.stop)

    @property
    def reward(self) -> Price | None:
        """Dollars per share from the entry to the first target."""
        return None if self.entry is None or not self.targets else abs(self.targets[0] - self.entry)

    @property
    def r_multiple(self) -> Decimal | None:
        """The reward over the risk, by the first target; ``None`` where a level is missing."""
        risk, reward = self.risk, self.reward
        return None if risk is None or reward is None else round(reward.ratio(risk), CONFIDENCE_PLACES)

    @property
    def expected_return_percent(self) -> Decimal | None:
        """The reward in percent of the entry; ``None`` where a level is missing."""
        entry, reward = self.entry, self.reward
        return None if entry is None or reward is None else round(reward.ratio(entry) * 100, CONFIDENCE_PLACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOpinion:
    """That an analyst has nothing to say, and why; it never stands for a trade."""

    analyst: str
    reason: str
    model: str = ""
    cost: Money | None = None  # a failed answer may have been paid for
    made_at: datetime


def _refuse_wrong_sides(opinion: Opinion) -> None:
    sign = 1 if opinion.direction is MarketBias.BULLISH else -1
    levels = [level for level in (opinion.stop, opinion.entry, *opinion.targets) if level is not None]
    if not _rises([Price(sign * Decimal(level)) for level in levels]):
        found = ", ".join(str(level) for level in levels)
        wanted = "stop, entry and targets" + (" each above" if sign > 0 else " each below")
        raise InvalidInput(f"levels {found} of a {opinion.direction} opinion; expected {wanted} the one before")


def _rises(levels: Sequence[Price]) -> bool:
    return all(one < after for one, after in pairwise(levels))
