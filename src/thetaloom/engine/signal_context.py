"""What the trigger step reads for a run that a signal started: the signal, what others say, and the market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.reading import read_market
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.market.words import Direction as Way
from thetaloom.domain.market.words import MarketBias, Trend
from thetaloom.domain.run.confluence import (
    VIX_NONE,
    Confidence,
    Confluence,
    SignalMarket,
    Vote,
    agreement,
    confidence,
)
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.run.signal_records import SourceRecord, record_of, weight_of
from thetaloom.domain.run.signal_shapes import CONTEXT_SYMBOL
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Direction, Signal, SignalAction
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.history import volatility_index
from thetaloom.engine.lineage import output_of
from thetaloom.engine.market_inputs import inputs_of
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.store import UnitOfWork

VOTES_WITHIN = timedelta(days=1)  # no profile lets a word count for longer
CONTEXT_LIFE = timedelta(seconds=60)  # of what a source says of the market, where the market itself does not
GEX_LIFE = timedelta(days=1)
UP = {Way.UP.value: Direction.BULLISH, Way.DOWN.value: Direction.BEARISH, Way.FLAT.value: Direction.NEUTRAL}
SIGNS = {MarketBias.BULLISH.value: 1, MarketBias.BEARISH.value: -1, MarketBias.NEUTRAL.value: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalGiven:
    """What decides on a run that a signal started."""

    own: Vote
    direction: Direction
    points: int
    size_factor: Decimal
    confidence_min: int | None
    others: tuple[Vote, ...]
    market: SignalMarket


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalJudged:
    """What the sources say together, and the confidence that comes of all."""

    confluence: Confluence
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFinding:
    """Whether a run starts."""

    verdict: Verdict
    signal: SignalJudged | None = None


def size_factor_of(desk: Desk, uow: UnitOfWork, run: WorkflowRun) -> Decimal | None:
    """Return by what the signal that started a run scales its size; ``None`` for a run that no signal started."""
    if run.signal_id is None:
        return None
    judged = output_of(desk, uow, run.id, StepName.TRIGGER, TriggerFinding).signal
    return None if judged is None else judged.confidence.size_factor


def signal_given(desk: Desk, run: WorkflowRun, now: datetime) -> SignalGiven | None:
    """Read what a run's signal is to be judged by; ``None`` for a run that no signal started."""
    if run.signal_id is None:
        return None
    with desk.store.reading() as uow:
        signal = uow.signals.get(run.signal_id)
        profiles = {one.name: one for one in uow.signals.sources(run.user_id)}
        records = {
            name: record_of(uow.signals.scores(run.user_id, name))
            for name, one in profiles.items()
            if one.weighs_by_record
        }
        said = uow.signals.recent(run.user_id, {run.symbol, CONTEXT_SYMBOL}, now - VOTES_WITHIN)
    if signal is None or signal.source not in profiles:
        return None
    earlier = [one for one in said if one.id != signal.id and one.received_at <= now and one.source in profiles]
    votes = [one for one in earlier if _is_vote(one, signal)]
    return SignalGiven(
        own=_vote(signal, profiles[signal.source], now, records),
        direction=signal.direction,
        points=signal.points,
        size_factor=signal.size_factor,
        confidence_min=profiles[signal.source].confidence_min,
        others=tuple(_vote(one, profiles[one.source], one.received_at, records) for one in votes),
        market=_market(desk, run.symbol, earlier, now),
    )


def judge_signal(given: SignalGiven, now: datetime) -> tuple[Verdict, SignalJudged]:
    """Decide whether the signal may go on, with every number behind the answer."""
    together = agreement(given.own, given.others, now)
    found = confidence(given.direction, given.market, together, points=given.points, size_factor=given.size_factor)
    judged = SignalJudged(confluence=together, confidence=found)
    vix = given.market.vix
    if vix is not None and vix > VIX_NONE:
        return denied(Reason.SIGNAL_VIX_HIGH, vix=vix, limit=VIX_NONE), judged
    if given.confidence_min is not None and found.total < given.confidence_min:
        low = denied(Reason.SIGNAL_CONFIDENCE_LOW, confidence=found.total, limit=given.confidence_min)
        return low, judged
    return ALLOWED, judged


def _is_vote(one: Signal, signal: Signal) -> bool:
    return (
        one.symbol == signal.symbol
        and one.timeframe == signal.timeframe
        and one.action in (SignalAction.OPEN, SignalAction.OBSERVE)
    )


def _vote(signal: Signal, source: SignalSource, at: datetime, records: Mapping[str, SourceRecord]) -> Vote:
    return Vote(
        signal_id=signal.id,
        source=source.name,
        direction=signal.direction,
        weight=weight_of(source, records.get(source.name)),
        half_life_minutes=source.half_life_minutes,
        minutes_max=source.vote_minutes_max,
        received_at=at,
    )


def _market(desk: Desk, symbol: str, said: list[Signal], now: datetime) -> SignalMarket:
    view = _view(desk, symbol, now)
    vix, _ = volatility_index(desk.market, desk.calendar, now)
    gex, gex_at = _told(said, "gex_strength", now, GEX_LIFE)
    alignment, pointing = _alignment(said, symbol, now)
    told_vix, _ = _told(said, "vix", now, CONTEXT_LIFE)
    told_bias, _ = _told(said, "bias", now, CONTEXT_LIFE)
    bias = _bias(view)
    return SignalMarket(
        vix=told_vix if vix is None else Decimal(vix),
        trend=_trend(view),
        bias=told_bias if bias is None else bias,
        iv_rank=_number(view, "iv_rank"),
        gex_strength=None if gex is None or abs(gex) > 1 else gex,
        gex_age_minutes=None if gex_at is None else int((now - gex_at).total_seconds() // 60),
        alignment=alignment,
        alignment_direction=pointing,
    )


def _view(desk: Desk, symbol: str, now: datetime) -> MarketView | None:
    try:
        chain = desk.market.chain(symbol, now)
    except MarketDataUnavailable:
        return None
    if chain is None:
        return None
    expirations = list_expirations(chain, desk.calendar, now)
    return read_market(inputs_of(desk.market, desk.calendar, desk.settings, chain, expirations, now))


def _trend(view: MarketView | None) -> Direction | None:
    strength, way = _word(view, "trend"), _word(view, "direction")
    if strength is None or way is None:
        return None
    return Direction.NEUTRAL if strength == Trend.WEAK.value else UP.get(way)


def _bias(view: MarketView | None) -> Decimal | None:
    word, sure = _word(view, "bias"), _number(view, "bias_confidence")
    if word is None:
        return None
    if SIGNS[word] == 0:
        return Decimal(0)
    return None if sure is None else SIGNS[word] * sure / 100


def _told(said: list[Signal], name: str, now: datetime, life: timedelta) -> tuple[Decimal | None, datetime | None]:
    for one in reversed(said):
        if name in one.facts and now - one.received_at <= life:
            try:
                number = Decimal(one.facts[name])
            except InvalidOperation:
                continue
            if number.is_finite():
                return number, one.received_at
    return None, None


def _alignment(said: list[Signal], symbol: str, now: datetime) -> tuple[Decimal | None, Direction | None]:
    for one in reversed(said):
        if "alignment" in one.facts and one.symbol == symbol:
            return _told([one], "alignment", now, VOTES_WITHIN)[0], one.direction
    return None, None


def _number(view: MarketView | None, name: str) -> Decimal | None:
    known = None if view is None else view.numbers.get(name)
    return None if known is None else known.number


def _word(view: MarketView | None, name: str) -> str | None:
    known = None if view is None else view.words.get(name)
    return None if known is None else known.word
