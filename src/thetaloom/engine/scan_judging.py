"""One symbol of a scan: its market is read on the engine's thread and judged wherever there is room."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeVar

import structlog

from thetaloom.domain.market.reading import MarketInputs
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.run.scans import CHANGES_KEPT, DayRange, ScanPair, Screen, screen_of
from thetaloom.domain.strategy.ranking import MarketState, RankedStrategy, rank_strategies
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.ranking import gather_state, read_chain, with_view
from thetaloom.errors import AnswerPending, BrokerUnavailable, DomainError, MarketDataUnavailable
from thetaloom.ports.patience import waiting_at_most

log = structlog.get_logger()
T = TypeVar("T")

FRAME_MINUTES, FRAME_COUNT = 15, 28  # of the session so far, for the place of the price in its range
FAULTS = (DomainError, ArithmeticError, ValueError, LookupError, TypeError)  # of one pair; the engine must outlive it


class Slice(Enum):
    """What a slice of reading came to before the last one."""

    READ = "read"
    WAITS = "waits"  # for an answer from outside: there is nothing to do until it comes


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolMarket:
    """What all strategies are judged on for one symbol; another process can be given it."""

    symbol: str
    inputs: MarketInputs
    state: MarketState  # without its view, which is worked out by whoever judges
    day: DayRange | None
    sector: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSymbol:
    """What became of one symbol."""

    pairs: tuple[ScanPair, ...]
    screen: Screen


def read_symbol(desk: Desk, user: UserId, symbol: str, now: datetime) -> SymbolMarket | ScanPair:
    """Read the market of a symbol, or say why no strategy can be looked at on it."""
    with waiting_at_most(None):
        return next(found for found in read_in_slices(desk, user, symbol, now) if not isinstance(found, Slice))


def read_in_slices(desk: Desk, user: UserId, symbol: str, now: datetime) -> Iterator[SymbolMarket | ScanPair | Slice]:
    """Read the market of a symbol in slices of a few milliseconds; the last one gives it."""
    try:
        known = yield from _answer_of(lambda: desk.market.underlying(symbol))
        if known is None:
            yield _without(symbol, Reason.UNKNOWN_SYMBOL, source=desk.market.name)
            return
        chain = yield from _answer_of(lambda: read_chain(desk, symbol, now))
        yield Slice.READ
        inputs, state = yield from _answer_of(lambda: gather_state(desk, user, chain, max(now, desk.clock.now())))
        day = yield from _answer_of(lambda: _day_range(desk, state))
    except BrokerUnavailable as error:
        yield _without(symbol, Reason.ACCOUNT_UNKNOWN, message=error.message)
    except MarketDataUnavailable as error:
        yield _without(symbol, Reason.NO_MARKET_DATA, message=error.message)
    except FAULTS as error:
        log.exception("scan_could_not_read", symbol=symbol)
        yield _without(symbol, Reason.STEP_FAILED, message=str(error))
    else:
        yield SymbolMarket(symbol=symbol, inputs=inputs, state=state, day=day, sector=known.sector)


def _answer_of(ask: Callable[[], T]) -> Generator[Slice, None, T]:
    while True:
        try:
            return ask()
        except AnswerPending:
            yield Slice.WAITS


def _day_range(desk: Desk, state: MarketState) -> DayRange | None:
    bars = desk.market.intraday(state.chain.underlying, FRAME_MINUTES, FRAME_COUNT)
    today = [bar for bar in bars if bar.session_on == state.today]
    lows, highs = [Decimal(str(bar.low)) for bar in today], [Decimal(str(bar.high)) for bar in today]
    return DayRange(low=min(lows), high=max(highs)) if today else None


def judge_symbol(strategies: Sequence[Strategy], read: SymbolMarket) -> JudgedSymbol:
    """Judge all strategies on one symbol."""
    state = state_of(read)
    if isinstance(state, ScanPair):
        return JudgedSymbol(pairs=(state,), screen=unscreened(read.symbol))
    return JudgedSymbol(pairs=tuple(pair_of(strategy, state) for strategy in strategies), screen=screen(read, state))


def state_of(read: SymbolMarket) -> MarketState | ScanPair:
    """Work out the numbers of a market."""
    try:
        return with_view(read.inputs, read.state)
    except FAULTS as error:
        log.exception("scan_could_not_read", symbol=read.symbol)
        return _without(read.symbol, Reason.STEP_FAILED, message=str(error))


def pair_of(strategy: Strategy, state: MarketState) -> ScanPair:
    """Judge one strategy on one market; a fault takes out this pair and no other."""
    try:
        (found,) = rank_strategies([strategy], state, with_chances=False).entries
    except FAULTS as error:
        log.exception("scan_could_not_judge", symbol=state.chain.underlying, strategy=strategy.id)
        failed = _without(state.chain.underlying, Reason.STEP_FAILED, message=str(error))
        return replace(failed, strategy_id=strategy.id)
    evaluation, reason = found.evaluation, found.verdict.reason
    return ScanPair(
        symbol=state.chain.underlying,
        strategy_id=strategy.id,
        is_eligible=found.is_eligible,
        reason="" if reason is None else reason.value,
        facts=dict(found.verdict.facts),
        changes=_changes(found),
        score=found.score.total,
        structure="" if evaluation is None else evaluation.structure_name,
        legs=tuple(leg.notation for leg in found.legs),
        mid_price=None if evaluation is None else evaluation.mid_price,
        max_loss=None if evaluation is None else evaluation.max_loss,
        pop=None if evaluation is None else evaluation.pop,
    )


def screen(read: SymbolMarket, state: MarketState) -> Screen:
    """Rank a symbol for screening, among all and within its sector."""
    return screen_of(read.symbol, _numbers(state.view), read.day, read.sector)


def unscreened(symbol: str) -> Screen:
    """Return the screen of a symbol whose market could not be read."""
    return Screen(symbol=symbol, total=None, unknown=("market",))


def _without(symbol: str, reason: Reason, **facts: str) -> ScanPair:
    return ScanPair(symbol=symbol, strategy_id=None, is_eligible=False, reason=reason.value, facts=facts)


def _changes(found: RankedStrategy) -> tuple[str, ...]:
    return tuple(blocking.change for blocking in found.blocking[:CHANGES_KEPT])


def _numbers(view: MarketView) -> dict[str, Decimal]:
    return {name: measured.number for name, measured in view.numbers.items()}
