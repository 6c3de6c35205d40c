"""Loss guards: after a bad day, week or streak new risk waits, and the answer says until when."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.positions import Position
from thetaloom.domain.risk.limits_facts import LossRecord, Portfolio, Trade
from thetaloom.domain.risk.limits_rows import (
    OFF_FINDING,
    Check,
    Finding,
    Group,
    Limit,
    at_most,
    percent_of,
    released,
)
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied, unknown

MINUTE = timedelta(minutes=1)


def loss_record(
    closed: Sequence[Position],
    calendar: TradingCalendar,
    now: datetime,
    *,
    cool_down_minutes: int | None = None,
    is_whole: bool = True,
) -> LossRecord:
    """Return what the guards count, from the closed positions of the account in any order.

    Where they are not the whole of its life, but at least this week's, the total and the streak stay unknown.
    """
    ordered = sorted((held.closed_at, held.symbol, held.realized_pnl) for held in closed if held.closed_at is not None)
    today = calendar.exchange_date(now)
    week_on = first_of_week(today)
    week = [pnl for at, _, pnl in ordered if calendar.exchange_date(at) >= week_on]
    streak = _streak(pnl for _, _, pnl in reversed(ordered))
    return LossRecord(
        as_of=now,
        realized_week=sum(week, Money(0)),
        realized_total=sum((pnl for _, _, pnl in ordered), Money(0)) if is_whole else None,
        losses_in_a_row=streak if is_whole else None,
        day_ends_at=calendar.next_session(today).open_at,
        week_ends_at=_next_week(calendar, week_on),
        streak_ends_at=_day_after(calendar, ordered[-1][0]) if streak else None,
        cool_downs=_cool_downs(ordered, calendar, now, cool_down_minutes),
    )


def looks_far_back(limits: RiskLimits) -> bool:
    """Tell whether a guard counts positions that were closed before this week."""
    guards = (limits.max_loss_total_percent, limits.max_losses_in_a_row, limits.symbol_cool_down_minutes)
    return any(bound is not None for bound in guards)


def first_of_week(on: date) -> date:
    """Return the Monday of a date's week."""
    return on - timedelta(days=on.weekday())


def _streak(newest_first: Iterable[Money]) -> int:
    count = 0
    for pnl in newest_first:
        if pnl >= 0:
            break
        count += 1
    return count


def _day_after(calendar: TradingCalendar, at: datetime) -> datetime:
    return calendar.next_session(calendar.exchange_date(at)).open_at


def _next_week(calendar: TradingCalendar, week_on: date) -> datetime:
    return calendar.next_session(week_on + timedelta(days=6)).open_at


def _cool_downs(
    ordered: Sequence[tuple[datetime, str, Money]], calendar: TradingCalendar, now: datetime, minutes: int | None
) -> dict[str, datetime]:
    if minutes is None:
        return {}
    ends: dict[str, datetime] = {}
    for at, symbol, pnl in ordered:
        if pnl < 0:
            ends[symbol] = _when_open(calendar, at + minutes * MINUTE)
    return {symbol: end for symbol, end in sorted(ends.items()) if end > now}


def _when_open(calendar: TradingCalendar, at: datetime) -> datetime:
    # Nobody can trade before the exchange opens, so that is when the symbol is free.
    return at if calendar.is_open(at) else calendar.next_open(at)


def _max_trades_per_day(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    found = at_most(Reason.MAX_TRADES_PER_DAY, portfolio.opened_today + 1, limits.max_trades_per_day)
    return released(found, portfolio.record.day_ends_at)


def _max_loss_per_day(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    percent = limits.max_loss_per_day_percent
    found = _loss(Reason.MAX_LOSS_PER_DAY, portfolio, portfolio.realized_today, percent, "realized_today")
    return released(found, portfolio.record.day_ends_at)


def _max_loss_per_week(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    percent, realized = limits.max_loss_per_week_percent, portfolio.record.realized_week
    found = _loss(Reason.MAX_LOSS_PER_WEEK, portfolio, realized, percent, "realized_week")
    return released(found, portfolio.record.week_ends_at)


def _max_loss_total(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    percent, realized = limits.max_loss_total_percent, portfolio.record.realized_total
    return _loss(Reason.MAX_LOSS_TOTAL, portfolio, realized, percent, "realized_total")


def _loss(reason: Reason, portfolio: Portfolio, realized: Money | None, percent: Decimal | None, name: str) -> Finding:
    if percent is None:
        return Finding(verdict=ALLOWED, value=None if realized is None else -Decimal(realized) + 0)
    bound = percent_of(portfolio, percent)
    if realized is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, **{name: "unknown"}), bound=bound)
    loss = -realized
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=loss)
    if loss < bound:
        return Finding(verdict=ALLOWED, value=loss, bound=bound)
    verdict = denied(reason, value=loss, limit=bound, over_by=loss - bound)
    return Finding(verdict=verdict, value=loss, bound=bound)


def _max_losses_in_a_row(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound, record = limits.max_losses_in_a_row, portfolio.record
    if bound is None:
        return OFF_FINDING
    if record.losses_in_a_row is None or record.as_of is None:
        return Finding(verdict=unknown(Reason.MAX_LOSSES_IN_A_ROW, losses="unknown"), bound=Decimal(bound))
    streak, ends_at = record.losses_in_a_row, record.streak_ends_at
    if streak < bound or ends_at is None or record.as_of >= ends_at:
        return Finding(verdict=ALLOWED, value=Decimal(streak), bound=Decimal(bound))
    verdict = denied(Reason.MAX_LOSSES_IN_A_ROW, value=streak, limit=bound, over_by=streak - bound)
    return released(Finding(verdict=verdict, value=Decimal(streak), bound=Decimal(bound)), ends_at)


def _symbol_cool_down(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound, record = limits.symbol_cool_down_minutes, portfolio.record
    if bound is None:
        return OFF_FINDING
    if record.cool_downs is None or record.as_of is None:
        return Finding(verdict=unknown(Reason.SYMBOL_COOL_DOWN, cool_downs="unknown"), bound=Decimal(bound))
    ends_at = record.cool_downs.get(trade.symbol)
    if ends_at is None or record.as_of >= ends_at:
        return Finding(verdict=ALLOWED, value=Decimal(0), bound=Decimal(bound))
    left = -(-(ends_at - record.as_of) // MINUTE)  # begun minutes count
    verdict = denied(Reason.SYMBOL_COOL_DOWN, value=left, limit=bound, over_by=left, symbol=trade.symbol)
    return released(Finding(verdict=verdict, value=Decimal(left), bound=Decimal(bound)), ends_at)


def _loss_row(name: str, doc: str, reason: Reason, check: Check, *, optional: bool) -> Limit:
    return Limit(
        name=name,
        group=Group.GUARDS,
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        optional=optional,
        doc=doc,
        reason=reason,
        check=check,
    )


GUARD_LIMITS: tuple[Limit, ...] = (
    Limit(
        name="max_trades_per_day",
        group=Group.GUARDS,
        unit="trades",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most positions opened on one day.",
        reason=Reason.MAX_TRADES_PER_DAY,
        check=_max_trades_per_day,
    ),
    _loss_row(
        "max_loss_per_day_percent",
        "The realized loss, in percent of net liquidating value, at which new risk waits for tomorrow.",
        Reason.MAX_LOSS_PER_DAY,
        _max_loss_per_day,
        optional=False,
    ),
    _loss_row(
        "max_loss_per_week_percent",
        "The realized loss of a week, in percent of net liquidating value, at which new risk waits for the next week.",
        Reason.MAX_LOSS_PER_WEEK,
        _max_loss_per_week,
        optional=True,
    ),
    _loss_row(
        "max_loss_total_percent",
        "The realized loss of the account's life, in percent of net liquidating value, at which new risk ends.",
        Reason.MAX_LOSS_TOTAL,
        _max_loss_total,
        optional=True,
    ),
    Limit(
        name="max_losses_in_a_row",
        group=Group.GUARDS,
        unit="losses",
        kind=int,
        lowest=1,
        highest=1000,
        optional=True,
        doc="How many positions in a row may close at a loss before new risk waits for the next session.",
        reason=Reason.MAX_LOSSES_IN_A_ROW,
        check=_max_losses_in_a_row,
    ),
    Limit(
        name="symbol_cool_down_minutes",
        group=Group.GUARDS,
        unit="minutes",
        kind=int,
        lowest=1,
        highest=100_000,
        optional=True,
        doc="How long a symbol waits after a position on it closed at a loss; it ends only while the exchange is open.",
        reason=Reason.SYMBOL_COOL_DOWN,
        check=_symbol_cool_down,
    ),
)
