"""What the table of watched positions is told of a position and of the time."""

import math
from datetime import datetime

from thetaloom.domain.book.exit_numbers import EARLY_CLOSE_MINUTES, premium_of
from thetaloom.domain.book.marks import MarketFacts
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.engine.exit_rows import rows_of
from thetaloom.engine.marks import MINUTE
from thetaloom.engine.watch_slots import Moment, Slot, microseconds


def slot_of(
    position: Position,
    strategy: Strategy,
    watch: PositionWatch,
    facts: MarketFacts,
    calendar: TradingCalendar,
    *,
    beside_target: bool,
    is_careful: bool = False,
) -> Slot:
    """Return a position as the table takes it in."""
    legs, opened_on = position.held_legs, calendar.exchange_date(position.opened_at)
    return Slot(
        run=position.run_id,
        symbol=position.symbol,
        legs=legs,
        premium=float(premium_of(position)),
        scale=float(position.multiplier * position.quantity),
        realized=float(position.realized),
        opened_on=opened_on.toordinal(),
        age_max=strategy.liquidity.quote_age_seconds_max * 1_000_000,
        high_close=watch.high_close if watch.legs == legs else None,
        high_water=None if watch.high_water is None else float(watch.high_water),
        rows=rows_of(position, strategy.exits, watch, facts, opened_on, beside_target=beside_target),
        is_careful=is_careful,
    )


def moment_of(calendar: TradingCalendar, now: datetime) -> Moment:
    """Return an instant as the table looks at it."""
    session = calendar.session_at(now)
    return Moment(
        at=microseconds(now),
        today=calendar.exchange_date(now).toordinal(),
        minute=math.nan if session is None else calendar.minute_of_day(now),
        to_close=math.nan if session is None else (session.close_at - now) // MINUTE,
        close_minute=math.nan if session is None else calendar.minute_of_day(session.close_at),
        early_minutes=EARLY_CLOSE_MINUTES,
    )


def ends_week_on(position: Position, calendar: TradingCalendar, now: datetime) -> bool:
    """Say whether the nearest expiration of a position trades last today and ends its week."""
    legs = position.held_legs
    if not legs:
        return False
    nearest = min((leg.contract for leg in legs), key=lambda contract: contract.expires_on)
    return calendar.ends_week(nearest, calendar.exchange_date(now))
