"""The automated daily cycle: at most one entry an account and day, decided in up to three looks at fresh prices."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.run.runs import Outcome
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason

CRON = "*/15 10-14 * * 1-5"
WINDOW_FROM, WINDOW_TO = time(10, 0), time(14, 45)
SETTLE = timedelta(seconds=3)  # for the data, before the first look at prices
RETRY = timedelta(seconds=5)
ATTEMPTS_MAX = 3
PRICE_AGE_SECONDS_MAX = 30
STALE = frozenset({Reason.STALE_QUOTE.value, Reason.STALE_MARKET_DATA.value})
BLIND = frozenset({Reason.NO_QUOTE.value, Reason.NO_MARKET_DATA.value, Reason.NO_SPOT.value, Reason.EMPTY_CHAIN.value})


class CycleStatus(StrEnum):
    """How a cycle ended."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"


class CycleMove(StrEnum):
    """What comes next."""

    SETTLE = "settle"  # wait for the data, then look at prices
    RETRY = "retry"
    START = "start"  # a run, which checks the risk, prices and executes
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleLook:
    """What one look saw. ``attempt`` 0 asks only whether a cycle may begin, and sees no prices."""

    at: datetime
    attempt: int
    account_active: bool
    is_primary: bool  # the account is that of the schedule's user
    session_valid: bool  # the broker answers
    is_open: bool
    trades_today: int  # entries that were neither canceled, rejected nor expired
    dry_run: bool = False
    verdict: str | None = None  # reason code of the strategy's no, empty for a yes; None: nothing to judge
    mid_price: Price | None = None  # net of the structure
    price_age_seconds: Decimal | None = None  # of the oldest leg


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleAnswer:
    """What follows from a look, or from what became of the run."""

    move: CycleMove
    status: CycleStatus | None = None
    reason: Reason | None = None


def decide_cycle(look: CycleLook) -> CycleAnswer:
    """Decide what a cycle does after a look; pure, so that the stored looks can be decided again."""
    barred = _barred(look)
    if barred is not None:
        return _skipped(barred)
    if look.attempt == 0:
        return CycleAnswer(move=CycleMove.SETTLE)
    fault = _price_fault(look)
    if fault is None and look.verdict:
        return _skipped(Reason.UNSUITABLE_MARKET_CONDITIONS)
    if fault is not None and look.attempt < ATTEMPTS_MAX:
        return CycleAnswer(move=CycleMove.RETRY, reason=fault)
    if fault is not None:
        return CycleAnswer(move=CycleMove.END, status=CycleStatus.FAILED, reason=fault)
    return _skipped(Reason.DRY_RUN_MODE) if look.dry_run else CycleAnswer(move=CycleMove.START)


def result_of_run(outcome: Outcome | None, reason: str, *, was_sent: bool) -> CycleAnswer:
    """Return how a cycle ended by what became of its run; ``was_sent``: an order went to the broker."""
    if was_sent:
        return CycleAnswer(move=CycleMove.END, status=CycleStatus.SUCCESS)
    if outcome is Outcome.DENIED:
        return _skipped(Reason.RISK_VALIDATION_FAILED)
    if outcome is Outcome.NO_TRADE:
        is_closed = reason == Reason.MARKET_CLOSED.value
        return _skipped(Reason.MARKET_CLOSED if is_closed else Reason.UNSUITABLE_MARKET_CONDITIONS)
    return CycleAnswer(move=CycleMove.END, status=CycleStatus.FAILED, reason=Reason.ENTRY_FAILED)


def _barred(look: CycleLook) -> Reason | None:
    if not (look.account_active and look.is_primary and look.session_valid):
        return Reason.NO_ACTIVE_ACCOUNT
    if not look.is_open:
        return Reason.MARKET_CLOSED
    return Reason.TRADE_EXISTS_TODAY if look.trades_today else None


def _price_fault(look: CycleLook) -> Reason | None:
    if look.verdict is None or look.verdict in BLIND:
        return Reason.NO_MARKET_DATA
    if look.verdict in STALE:
        return Reason.STALE_PRICES
    if look.verdict == Reason.NOT_A_CREDIT.value:
        return Reason.NO_CREDIT
    if look.verdict:
        return None  # the market does not suit; its prices need not be fresh for that
    if look.mid_price is None or look.price_age_seconds is None:
        return Reason.NO_MARKET_DATA
    return Reason.STALE_PRICES if look.price_age_seconds > PRICE_AGE_SECONDS_MAX else None


def _skipped(reason: Reason) -> CycleAnswer:
    return CycleAnswer(move=CycleMove.END, status=CycleStatus.SKIPPED, reason=reason)
