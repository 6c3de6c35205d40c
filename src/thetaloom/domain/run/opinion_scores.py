"""How an opinion came out: what was said, what the market did, and what that is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.opinion_records import OpinionRecord
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.money import Price

HORIZON_SESSIONS = 20  # after which an opinion is judged; the shipped prompts ask for just that
CALM = Decimal("0.5")  # a market was flat when it moved less than half of what its range makes likely
PLACES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionScore:
    """One opinion, and from its due day on how it came out; what cannot be judged stays ``None``."""

    id: str  # of the opinion
    user_id: UserId
    run_id: RunId
    strategy_id: StrategyId
    symbol: str
    analyst: str
    model: str = ""
    prompt: str = ""  # which templates, such as daily-en@3
    synthetic: bool
    made_at: datetime
    made_on: date  # the session it was made in
    due_on: date  # the session at whose close it is judged
    direction: MarketBias
    confidence: Decimal
    start: Price  # the last price it was made at
    band: Price | None = None  # a move of less is flat; None: not known, so a neutral opinion cannot be judged
    entry: Price | None = None
    stop: Price | None = None
    target: Price | None = None  # the first
    judged_at: datetime | None = None
    end: Price | None = None
    is_right: bool | None = None
    is_up: bool | None = None  # whether an opinion that is always bullish would have been right
    brier: Decimal | None = None
    r_result: Decimal | None = None  # of a trade at its levels: target and stop once the entry was touched

    @property
    def move(self) -> Decimal | None:
        """The way from start to end, as a fraction."""
        return None if self.end is None else round(self.end.ratio(self.start) - 1, PLACES)


def score_of(
    record: OpinionRecord, *, prompt: str, atr: float | None, made_on: date, due_on: date
) -> OpinionScore | None:
    """Return the score that an opinion will get, before anybody knows it; ``None`` for what cannot be judged."""
    if record.direction is None or record.confidence is None or record.spot is None or record.spot <= 0:
        return None
    return OpinionScore(
        id=record.id,
        user_id=record.user_id,
        run_id=record.run_id,
        strategy_id=record.strategy_id,
        symbol=record.symbol,
        analyst=record.analyst,
        model=record.model,
        prompt=prompt,
        synthetic=record.synthetic,
        made_at=record.made_at,
        made_on=made_on,
        due_on=due_on,
        direction=record.direction,
        confidence=record.confidence,
        start=record.spot,
        band=flat_band(atr),
        entry=record.entry,
        stop=record.stop,
        target=record.targets[0] if record.targets else None,
    )


def flat_band(atr: float | None) -> Price | None:
    """Return the move below which a market was flat: half the average true range, grown with the root of time."""
    if atr is None or not math.isfinite(atr) or atr <= 0:
        return None
    return Price(round(CALM * Decimal(str(atr * math.sqrt(HORIZON_SESSIONS))), 2))


def judge(score: OpinionScore, bars: Sequence[Bar], now: datetime, *, gives_up: bool = False) -> OpinionScore:
    """Judge an opinion by the sessions after it, oldest first; without the one it is due on nothing is judged.

    With ``gives_up`` an opinion that cannot be judged counts as looked at, and neither right nor wrong.
    """
    after = [bar for bar in bars if score.made_on < bar.session_on <= score.due_on]
    if not after or after[-1].session_on != score.due_on or not all(_is_price(bar) for bar in after):
        return replace(score, judged_at=now) if gives_up else score
    end = Price(str(after[-1].close))
    change = Decimal(end) - Decimal(score.start)
    right = _is_right(score, change)
    return replace(
        score,
        judged_at=now,
        end=end,
        is_right=right,
        is_up=change > 0,
        brier=None if right is None else round((score.confidence - int(right)) ** 2, PLACES),
        r_result=trade_result(score, after),
    )


def trade_result(score: OpinionScore, after: Sequence[Bar]) -> Decimal | None:
    """Return what a trade at the opinion's levels came to, in multiples of its risk; ``None`` if it was never entered.

    Within one session the stop is taken to come first, for nobody can tell.
    """
    if score.entry is None or score.stop is None or score.target is None:
        return None
    sign = 1 if score.direction is MarketBias.BULLISH else -1
    entry, risk = Decimal(score.entry), abs(Decimal(score.entry) - Decimal(score.stop))
    entered = next((at for at, bar in enumerate(after) if bar.low <= float(entry) <= bar.high), None)
    if entered is None:
        return None
    for bar in after[entered:]:
        if bar.low <= float(score.stop) if sign > 0 else bar.high >= float(score.stop):
            return Decimal(-1)
        if bar.high >= float(score.target) if sign > 0 else bar.low <= float(score.target):
            return round(abs(Decimal(score.target) - entry) / risk, PLACES)
    return round(sign * (Decimal(str(after[-1].close)) - entry) / risk, PLACES)


def _is_right(score: OpinionScore, change: Decimal) -> bool | None:
    match score.direction:
        case MarketBias.BULLISH:
            return change > 0
        case MarketBias.BEARISH:
            return change < 0
    return None if score.band is None else abs(change) <= score.band


def _is_price(bar: Bar) -> bool:
    return 0 < bar.low <= bar.close <= bar.high < math.inf
