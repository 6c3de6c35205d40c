"""The automated daily cycle at work: each look is gathered, decided by the domain's rule, and kept with the firing."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from thetaloom.domain.book.orders import OrderPurpose, OrderStatus
from thetaloom.domain.run.daily_cycle import (
    RETRY,
    SETTLE,
    CycleAnswer,
    CycleLook,
    CycleMove,
    CycleStatus,
    decide_cycle,
    result_of_run,
)
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.run.schedules import Firing, FiringStatus, Schedule
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.ranking import rank_market
from thetaloom.engine.starting import wanted_run, write_run
from thetaloom.errors import AnswerPending, BrokerUnavailable, DomainError, Unavailable
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

UNSENT = frozenset({OrderStatus.STAGED, OrderStatus.DENIED})
NO_TRADE = frozenset({OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.DENIED})
ENDS = {
    CycleStatus.SUCCESS: FiringStatus.DONE,
    CycleStatus.SKIPPED: FiringStatus.SKIPPED,
    CycleStatus.FAILED: FiringStatus.FAILED,
}
MICROSECOND = timedelta(microseconds=1)


def look_again(desk: Desk, uow: UnitOfWork, schedule: Schedule, firing: Firing, now: datetime) -> Firing:
    """Take the next look of a cycle and return the firing as it goes on."""
    look = gather_look(desk, uow, schedule, len(firing.looks), now)
    answer = decide_cycle(look)
    seen = replace(firing, looks=(*firing.looks, look), look_at=None)
    match answer.move:
        case CycleMove.SETTLE:
            return replace(seen, look_at=now + SETTLE)
        case CycleMove.RETRY:
            return replace(seen, look_at=now + RETRY)
        case CycleMove.START if schedule.strategy_id is not None:
            (symbol,) = schedule.symbols
            run = write_run(desk, uow, wanted_run(firing, schedule.strategy_id, symbol), now)
            if run is not None:
                return replace(seen, run_ids=(run.id,))
            answer = CycleAnswer(move=CycleMove.END, status=CycleStatus.FAILED, reason=Reason.STRATEGY_NOT_FOUND)
    return _ended(seen, answer, now)


def settle_run(uow: UnitOfWork, firing: Firing, now: datetime) -> Firing | None:
    """Return the firing with how it ended, once its run has an order at the broker or is over; else ``None``."""
    (run,) = uow.runs.many(firing.run_ids)
    entries = [order for order in uow.orders.of_run(run.id) if order.purpose is OrderPurpose.ENTRY]
    was_sent = any(order.status not in UNSENT for order in entries)
    if not was_sent and not run.is_final and run.status is not RunStatus.ERROR:
        return None
    return _ended(firing, result_of_run(run.outcome, run.reason, was_sent=was_sent), now)


def gather_look(desk: Desk, uow: UnitOfWork, schedule: Schedule, attempt: int, now: datetime) -> CycleLook:
    """Read what the next look of a cycle is decided on."""
    account = desk.broker.account_id
    owner = uow.accounts.owner(account)
    session = desk.calendar.session_at(now)
    entries = () if session is None else uow.orders.entries_since(account, session.open_at)
    look = CycleLook(
        at=now,
        attempt=attempt,
        account_active=owner is not None,
        is_primary=owner == schedule.user_id,
        session_valid=_answers(desk),
        is_open=session is not None,
        trades_today=sum(order.status not in NO_TRADE or order.filled > 0 for order in entries),
        dry_run=schedule.dry_run,
    )
    if attempt == 0 or not look.session_valid or schedule.strategy_id is None:
        return look
    stored = uow.strategies.latest(schedule.user_id, schedule.strategy_id)
    return look if stored is None else _with_prices(desk, look, stored.strategy, schedule)


def _with_prices(desk: Desk, look: CycleLook, strategy: Strategy, schedule: Schedule) -> CycleLook:
    (symbol,) = schedule.symbols
    try:
        (found,) = rank_market(desk, schedule.user_id, symbol, [strategy]).entries
        contracts = [leg.contract for leg in found.legs]
        quotes = desk.market.quotes(contracts, look.at)
    except AnswerPending:
        raise  # the look is taken when the answer is there
    except (Unavailable, DomainError, ArithmeticError, ValueError, LookupError) as error:  # the engine outlives it
        log.warning("daily_cycle_could_not_look", schedule=schedule.id, error=str(error))
        return replace(look, verdict=Reason.NO_MARKET_DATA.value)
    # Without a score table of its own a strategy may be started by name whatever the bias: here it is named.
    is_fine = found.is_eligible or (strategy.score is None and found.verdict == found.score.verdict)
    verdict = "" if is_fine or found.verdict.reason is None else found.verdict.reason.value
    ages = [Decimal(quote.age(look.at) // MICROSECOND) / 1_000_000 for quote in quotes.values()]
    mid: Price | None = None if found.evaluation is None else found.evaluation.mid_price
    is_whole = bool(contracts) and len(quotes) == len(contracts)
    return replace(look, verdict=verdict, mid_price=mid, price_age_seconds=max(ages) if is_whole else None)


def _answers(desk: Desk) -> bool:
    try:
        desk.broker.account()
    except AnswerPending:
        raise  # the look is taken when the answer is there
    except BrokerUnavailable:
        return False
    return True


def _ended(firing: Firing, answer: CycleAnswer, now: datetime) -> Firing:
    status = answer.status or CycleStatus.FAILED
    return replace(
        firing,
        status=ENDS[status],
        reason="" if answer.reason is None else answer.reason.value,
        finished_at=now,
        look_at=None,
        facts={**firing.facts, "result": status.value},
    )
