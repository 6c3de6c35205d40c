"""The scanner: one pair of symbol and strategy a turn, so that no quote waits for it; then the best are started.

Nothing is kept of a scan before its end: after a kill it begins anew, and only one process can end it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from thetaloom.domain.market.view import MarketView
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import TriggerKind
from thetaloom.domain.run.scans import (
    CHANGES_KEPT,
    Scan,
    ScanPair,
    ScanStatus,
    Screen,
    funnel_of,
    ranked,
    screen_of,
    screen_order,
)
from thetaloom.domain.run.schedules import Firing, FiringStatus
from thetaloom.domain.strategy.ranking import MarketState, RankedStrategy, rank_strategies
from thetaloom.domain.strategy.scoring import score_rule_of
from thetaloom.domain.strategy.screening import screening_score, trend_score
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.commands import StartRun
from thetaloom.engine.desk import Desk
from thetaloom.engine.ranking import read_state
from thetaloom.engine.starting import write_run
from thetaloom.engine.step import tell_user
from thetaloom.errors import BrokerUnavailable, DomainError, MarketDataUnavailable
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=1)
FRAME_MINUTES, FRAME_COUNT = 15, 28  # of the session so far, for the place of the price in its range
FAULTS = (DomainError, ArithmeticError, ValueError, LookupError, TypeError)  # of one pair; the engine must outlive it
SCREENED = ("iv_rank", "atm_iv", "iv_change_5d", "hv_30", "underlying_price")


@dataclass(slots=True)
class Work:
    """A scan under way, in memory alone."""

    scan: Scan
    slices: Iterator[None]
    pairs: list[ScanPair] = field(default_factory=list)
    screens: list[Screen] = field(default_factory=list)


class Scanner:
    """Takes up the scans that were asked for, one after the other."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._work: Work | None = None
        self._read_at: datetime | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a scan is under way."""
        return self._work is not None

    def forget(self) -> None:
        """Look for new scans before the next use."""
        self._read_at = None

    def turn(self) -> bool:
        """Look at one more pair, or end the scan; return whether anything was done."""
        work = self._work or self._taken_up()
        if work is None:
            return False
        self._work = work
        if next(work.slices, "end") == "end":
            finish_scan(self._desk, work.scan, work.pairs, work.screens)
            self._work, self._read_at = None, None
        return True

    def _taken_up(self) -> Work | None:
        now = self._desk.clock.now()
        if self._read_at is not None and now - self._read_at < LOOK_EVERY:
            return None
        self._read_at = now
        with self._desk.store.reading() as uow:
            waiting = uow.scans.running()
            strategies = strategies_of(uow, waiting[0]) if waiting else []
        if not waiting:
            return None
        work = Work(scan=waiting[0], slices=iter(()))
        work.slices = _slices(self._desk, work, strategies)
        return work


def strategies_of(uow: UnitOfWork, scan: Scan) -> list[Strategy]:
    """Return the strategies that a scan is about: those it names, or all that are active."""
    known = {one.strategy.id: one.strategy for one in uow.strategies.all_latest(scan.user_id)}
    if scan.strategy_ids:
        return [known[wanted] for wanted in scan.strategy_ids if wanted in known]
    return [strategy for strategy in known.values() if strategy.active]


def scan_symbol(
    desk: Desk, user: UserId, symbol: str, strategies: Sequence[Strategy], now: datetime
) -> tuple[list[ScanPair], Screen]:
    """Return the pairs and the screen of one symbol at once, for who has a process of its own for it."""
    read = read_symbol(desk, user, symbol, now)
    if isinstance(read, ScanPair):
        return [read], Screen(symbol=symbol, total=None, unknown=("market",))
    return [pair_of(strategy, read) for strategy in strategies], screen(desk, read)


def read_symbol(desk: Desk, user: UserId, symbol: str, now: datetime) -> MarketState | ScanPair:
    """Read the market of a symbol, or say why no strategy can be looked at on it."""
    try:
        if desk.market.underlying(symbol) is None:
            return _without(symbol, Reason.UNKNOWN_SYMBOL, source=desk.market.name)
        return read_state(desk, user, symbol, now)
    except BrokerUnavailable as error:
        return _without(symbol, Reason.ACCOUNT_UNKNOWN, message=error.message)
    except MarketDataUnavailable as error:
        return _without(symbol, Reason.NO_MARKET_DATA, message=error.message)
    except FAULTS as error:
        log.exception("scan_could_not_read", symbol=symbol)
        return _without(symbol, Reason.STEP_FAILED, message=str(error))


def pair_of(strategy: Strategy, state: MarketState) -> ScanPair:
    """Judge one strategy on one market; a fault takes out this pair and no other."""
    try:
        (found,) = rank_strategies([strategy], state).entries
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


def screen(desk: Desk, state: MarketState) -> Screen:
    """Rank a symbol for screening; a number that is not known leaves it without a rank, and says which."""
    symbol = state.chain.underlying
    known = _numbers(state.view)
    bars = desk.market.intraday(symbol, FRAME_MINUTES, FRAME_COUNT)
    today = [bar for bar in bars if bar.session_on == state.today]
    unknown = [name for name in SCREENED if name not in known]
    if not today:
        unknown.append("day_range")
    if unknown:
        return Screen(symbol=symbol, total=None, unknown=tuple(unknown))
    price, change = known["underlying_price"], known["iv_change_5d"]
    trend = trend_score(
        price=price,
        day_low=min(price, *(Decimal(str(bar.low)) for bar in today)),
        day_high=max(price, *(Decimal(str(bar.high)) for bar in today)),
        iv=known["atm_iv"],
        hv=known["hv_30"],
        iv_change=change,
    )
    rank = screening_score(iv_rank=known["iv_rank"], iv_index=known["atm_iv"], iv_change_5d=change, trend=trend.total)
    return screen_of(symbol, rank)


def finish_scan(desk: Desk, scan: Scan, pairs: Sequence[ScanPair], screens: Sequence[Screen]) -> Scan | None:
    """Write what a scan came to and start its best; ``None`` where another process did so first."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        priorities = {one.id: score_rule_of(one).priority for one in strategies_of(uow, scan)}
        placed = ranked_pairs(pairs, priorities)
        runs = _start_best(desk, uow, scan, placed, now)
        done = replace(
            scan,
            status=ScanStatus.DONE,
            finished_at=now,
            pairs=len(placed),
            eligible=sum(pair.is_eligible for pair in placed),
            funnel=funnel_of(placed),
            screens=tuple(screen_order(screens)),
            run_ids=runs,
        )
        if not uow.scans.finish(done):
            return None
        uow.scans.add_pairs(done, placed)
        _end_firing(uow, done, now)
        facts = {"scan": done.id, "pairs": done.pairs, "eligible": done.eligible, "runs": " ".join(runs)}
        tell_user(uow, done.user_id, EventKind.SCAN_COMPLETED, now, **facts)
        uow.commit()
    for run in runs:
        desk.dispatch.enqueue(run, now)
    return done


def ranked_pairs(pairs: Sequence[ScanPair], priorities: dict[StrategyId, int]) -> list[ScanPair]:
    """Return the pairs in order, the eligible with their rank."""
    ordered = ranked(pairs, priorities)
    return [replace(pair, rank=rank) if pair.is_eligible else pair for rank, pair in enumerate(ordered, start=1)]


def _start_best(
    desk: Desk, uow: UnitOfWork, scan: Scan, placed: Sequence[ScanPair], now: datetime
) -> tuple[RunId, ...]:
    runs: list[RunId] = []
    for pair in placed:
        if len(runs) == scan.best or not pair.is_eligible or pair.strategy_id is None:
            break
        wanted = StartRun(
            user_id=scan.user_id,
            symbol=pair.symbol,
            strategy_id=pair.strategy_id,
            trigger=TriggerKind.SCAN,
            schedule_id=scan.schedule_id,
            schedule_due_at=scan.due_at,
            scan_id=scan.id,
        )
        run = write_run(desk, uow, wanted, now)
        if run is not None:
            runs.append(run.id)
    return tuple(runs)


def _end_firing(uow: UnitOfWork, scan: Scan, now: datetime) -> None:
    if scan.schedule_id is None or scan.due_at is None:
        return
    firing: Firing | None = uow.schedules.firing(scan.schedule_id, scan.due_at)
    if firing is None or firing.scan_id != scan.id:
        return
    facts = {**firing.facts, "pairs": str(scan.pairs), "eligible": str(scan.eligible)}
    ended = replace(firing, status=FiringStatus.DONE, finished_at=now, run_ids=scan.run_ids, facts=facts)
    uow.schedules.save_firing(ended)
    told = {"schedule": firing.schedule_id, "due_at": firing.due_at.isoformat(), "status": ended.status.value}
    tell_user(uow, firing.user_id, EventKind.FIRING_ENDED, now, reason="", runs=" ".join(scan.run_ids), **told)


def _slices(desk: Desk, work: Work, strategies: Sequence[Strategy]) -> Iterator[None]:
    for symbol in work.scan.symbols:
        read = read_symbol(desk, work.scan.user_id, symbol, desk.clock.now())
        if isinstance(read, ScanPair):
            work.pairs.append(read)
            yield
            continue
        work.screens.append(screen(desk, read))
        yield
        for strategy in strategies:
            work.pairs.append(pair_of(strategy, read))
            yield


def _without(symbol: str, reason: Reason, **facts: str) -> ScanPair:
    return ScanPair(symbol=symbol, strategy_id=None, is_eligible=False, reason=reason.value, facts=facts)


def _changes(found: RankedStrategy) -> tuple[str, ...]:
    return tuple(blocking.change for blocking in found.blocking[:CHANGES_KEPT])


def _numbers(view: MarketView) -> dict[str, Decimal]:
    return {name: measured.number for name, measured in view.numbers.items()}
