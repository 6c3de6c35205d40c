"""The automated daily cycle: at most one entry an account and day, decided in three looks at fresh prices."""

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


class CycleStatus(StrEnum):
    """How a cycle ended."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"


class CycleReason(StrEnum):
    """Why a cycle was skipped or failed."""

    NO_ACTIVE_ACCOUNT = "no_active_account"
    MARKET_CLOSED = "market_closed"
    TRADE_EXISTS_TODAY = "trade_exists_today"
    UNSUITABLE_MARKET_CONDITIONS = "unsuitable_market_conditions"
    RISK_VALIDATION_FAILED = "risk_validation_failed"
    DRY_RUN_MODE = "dry_run_mode"
    STALE_PRICES = "stale_prices"
    NO_CREDIT = "no_credit"
    NO_MARKET_DATA = "no_market_data"
    ENTRY_FAILED = "entry_failed"


class CycleMove(StrEnum):
    """What comes next."""

    SETTLE = "settle"  # wait for the data, then look at prices
    RETRY = "retry"
    START = "start"  # a run, which checks the risk, prices and executes
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleLook:
    """What one look saw. ``attempt`` 0 asks only whether a cycle may begin."""

    at: datetime
    attempt: int
    account_active: bool
    is_primary: bool  # the account belongs to the user of the schedule
    session_valid: bool  # the broker answers
    is_open: bool
    trades_today: int  # entries that were neither canceled, rejected nor expired
    is_suitable: bool | None = None  # the strategy's own verdict on the market; None: not looked at
    verdict: str = ""  # its reason code
    mid_price: Price | None = None  # net of the structure
    price_age_seconds: Decimal | None = None  # of the oldest leg
    takes_credit: bool = True  # debits have no credit to be positive
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleAnswer:
    """What follows from a look."""

    move: CycleMove
    status: CycleStatus | None = None
    reason: CycleReason | None = None


def decide_cycle(look: CycleLook) -> CycleAnswer:
    """Decide what a cycle does after a look; pure, so that the stored looks can be decided again."""
    barred = _barred(look)
    if barred is not None:
        return _skipped(barred)
    if look.attempt == 0:
        return CycleAnswer(move=CycleMove.SETTLE)
    if look.is_suitable is False:
        return _skipped(CycleReason.UNSUITABLE_MARKET_CONDITIONS)
    fault = _price_fault(look)
    if fault is not None:
        if look.attempt < ATTEMPTS_MAX:
            return CycleAnswer(move=CycleMove.RETRY, reason=fault)
        return CycleAnswer(move=CycleMove.END, status=CycleStatus.FAILED, reason=fault)
    if look.dry_run:
        return _skipped(CycleReason.DRY_RUN_MODE)
    return CycleAnswer(move=CycleMove.START)


def result_of_run(outcome: Outcome | None, reason: str, *, was_sent: bool) -> CycleAnswer:
    """Return how a cycle ended by what became of its run; ``was_sent``: an order went to the broker."""
    if was_sent:
        return CycleAnswer(move=CycleMove.END, status=CycleStatus.SUCCESS)
    if outcome is Outcome.DENIED:
        return _skipped(CycleReason.RISK_VALIDATION_FAILED)
    if outcome is Outcome.NO_TRADE:
        closed = reason == Reason.MARKET_CLOSED.value
        return _skipped(CycleReason.MARKET_CLOSED if closed else CycleReason.UNSUITABLE_MARKET_CONDITIONS)
    return CycleAnswer(move=CycleMove.END, status=CycleStatus.FAILED, reason=CycleReason.ENTRY_FAILED)


def _barred(look: CycleLook) -> CycleReason | None:
    if not (look.account_active and look.is_primary and look.session_valid):
        return CycleReason.NO_ACTIVE_ACCOUNT
    if not look.is_open:
        return CycleReason.MARKET_CLOSED
    return CycleReason.TRADE_EXISTS_TODAY if look.trades_today else None


def _price_fault(look: CycleLook) -> CycleReason | None:
    if look.is_suitable is None or look.mid_price is None or look.price_age_seconds is None:
        return CycleReason.NO_MARKET_DATA
    if look.price_age_seconds > PRICE_AGE_SECONDS_MAX:
        return CycleReason.STALE_PRICES
    return CycleReason.NO_CREDIT if look.takes_credit and look.mid_price <= 0 else None


def _skipped(reason: CycleReason) -> CycleAnswer:
    return CycleAnswer(move=CycleMove.END, status=CycleStatus.SKIPPED, reason=reason)
