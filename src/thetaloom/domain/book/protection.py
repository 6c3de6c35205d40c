"""Who protects a position now: an order at the broker, our own watch, or nobody; and for how long nobody did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, PositionId, UserId
from thetaloom.domain.values.money import Money

PULSE_GAP_MAX = timedelta(seconds=180)  # of trading time without a look: whoever looked is gone


class Protection(StrEnum):
    """What stands between a position and a loss that nobody stops."""

    BROKER = "protected_at_broker"  # orders rest there for all that is held, whatever becomes of us
    WATCHED = "watched_by_us"  # we see believable quotes of all legs, and act on them
    UNPROTECTED = "unprotected"


class Cause(StrEnum):
    """Why nobody protects a position."""

    BLIND_QUOTES = "blind_quotes"  # a leg's quote can't be believed
    RUN_PAUSED = "run_paused"
    RUN_ERROR = "run_error"
    ENGINE_DOWN = "engine_down"
    MARKET_DATA_OUT = "market_data_out"
    SHARES_HELD = "shares_held"  # no exit rule watches shares that contracts turned into


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionCare:
    """What is known of a position's protection since it was opened; times are of trading hours alone."""

    position_id: PositionId
    user_id: UserId
    account_id: AccountId
    state: Protection
    cause: Cause | None = None  # of an unprotected one
    since: datetime
    unprotected: Mapping[str, int] = field(default_factory=dict)  # seconds by cause, before ``since``
    low_water: Money | None = None  # the lowest profit seen, realized and not, before fees
    low_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionShown:
    """A position's protection at one moment."""

    state: Protection
    cause: Cause | None
    since: datetime | None
    unprotected_minutes: int
    by_cause: Mapping[str, int]  # seconds


def judge_protection(
    position: Position, orders: Iterable[Order], *, is_paused: bool, is_failed: bool, sees: bool | None
) -> tuple[Protection, Cause | None]:
    """Say who protects a position; ``sees`` is whether all legs have believable quotes, ``None`` = no market data."""
    if position.shares:
        return Protection.UNPROTECTED, Cause.SHARES_HELD
    if is_at_broker(position, orders):
        return Protection.BROKER, None
    if is_paused:
        return Protection.UNPROTECTED, Cause.RUN_PAUSED
    if is_failed:
        return Protection.UNPROTECTED, Cause.RUN_ERROR
    if sees is None:
        return Protection.UNPROTECTED, Cause.MARKET_DATA_OUT
    return (Protection.WATCHED, None) if sees else (Protection.UNPROTECTED, Cause.BLIND_QUOTES)


def is_at_broker(position: Position, orders: Iterable[Order]) -> bool:
    """Say whether orders that work at the broker would close all that is held."""
    if position.loose:
        return False
    resting = (OrderPurpose.TARGET, OrderPurpose.LADDER)
    working = [
        one
        for one in orders
        if one.effect is Effect.CLOSE and one.status is OrderStatus.WORKING and one.purpose in resting
    ]
    held = [spread for spread in position.spreads if spread.quantity]
    return bool(held) and all(
        sum(one.remaining for one in working if one.part == spread.name) >= spread.quantity for spread in held
    )


def trading_time(calendar: TradingCalendar, start: datetime, end: datetime) -> timedelta:
    """Return how much of a stretch of time the exchange was open."""
    total, at = timedelta(0), start
    while at < end:
        if calendar.is_open(at):
            closes = min(calendar.next_close(at), end)
            total += closes - at
            at = closes
        else:
            at = calendar.next_open(at)
    return total


def after_look(
    care: PositionCare, state: Protection, cause: Cause | None, now: datetime, calendar: TradingCalendar
) -> PositionCare:
    """Return the care after a look; the same one where nothing changed."""
    if (care.state, care.cause) == (state, cause):
        return care
    return replace(care, state=state, cause=cause, since=now, unprotected=_with_running(care, now, calendar))


def after_gap(care: PositionCare, last_look: datetime, now: datetime, calendar: TradingCalendar) -> PositionCare:
    """Return the care after nobody looked from ``last_look`` to ``now``; orders at the broker worked on."""
    if care.state is Protection.BROKER or trading_time(calendar, last_look, now) <= PULSE_GAP_MAX:
        return care
    return after_look(care, Protection.UNPROTECTED, Cause.ENGINE_DOWN, max(care.since, last_look), calendar)


def shown_protection(
    care: PositionCare | None, last_look: datetime | None, now: datetime, calendar: TradingCalendar
) -> ProtectionShown:
    """Return how a position stands at ``now``; one that nobody has looked at for too long is unprotected."""
    if care is None:
        return ProtectionShown(
            state=Protection.UNPROTECTED, cause=Cause.ENGINE_DOWN, since=None, unprotected_minutes=0, by_cause={}
        )
    known = care if last_look is None else after_gap(care, last_look, now, calendar)
    by_cause = _with_running(known, now, calendar)
    return ProtectionShown(
        state=known.state,
        cause=known.cause,
        since=known.since,
        unprotected_minutes=sum(by_cause.values()) // 60,
        by_cause=by_cause,
    )


def ended_care(care: PositionCare, now: datetime, calendar: TradingCalendar) -> PositionCare:
    """Return the care of a position that holds nothing any more: nothing is counted from here on."""
    return replace(
        care, state=Protection.WATCHED, cause=None, since=now, unprotected=_with_running(care, now, calendar)
    )


def _with_running(care: PositionCare, now: datetime, calendar: TradingCalendar) -> dict[str, int]:
    known = dict(care.unprotected)
    if care.state is Protection.UNPROTECTED and care.cause is not None:
        seconds = int(trading_time(calendar, care.since, now).total_seconds())
        if seconds:
            known[care.cause.value] = known.get(care.cause.value, 0) + seconds
    return known
