"""When the paper exchange trades an order: all its legs at once, in the option hours of their roots."""

from collections.abc import Iterable
from datetime import datetime

from thetaloom.domain.book.orders import TimeInForce
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession, options_close_at
from thetaloom.domain.values.instruments import OptionContract


def trades_at(calendar: TradingCalendar, contracts: Iterable[OptionContract], at: datetime) -> bool:
    """Tell whether all contracts trade at an instant."""
    session = calendar.session_on(calendar.exchange_date(at))
    if session is None or at < session.open_at:
        return False
    return all(
        at < options_close_at(contract.root, session) and at < calendar.last_trading_at(contract)
        for contract in contracts
    )


def last_trading_at(calendar: TradingCalendar, contracts: Iterable[OptionContract]) -> datetime:
    """Return the instant at which the first of the contracts stops trading for good."""
    return min(calendar.last_trading_at(contract) for contract in contracts)


def order_ends_at(
    calendar: TradingCalendar, contracts: Iterable[OptionContract], at: datetime, time_in_force: TimeInForce
) -> datetime:
    """Return when an order that arrives now expires; one for the day that comes after the close works the next day."""
    contracts = tuple(contracts)
    last = last_trading_at(calendar, contracts)
    if time_in_force is TimeInForce.GTC:
        return last
    today = calendar.exchange_date(at)
    session = calendar.session_on(today)
    if session is None or at >= _close_at(contracts, session):
        session = calendar.next_session(today)
    return min(last, _close_at(contracts, session))


def marks_judged_at(calendar: TradingCalendar, at: datetime) -> datetime:
    """Return the instant against which the age of a mark counts: now, or the last close while the market is shut."""
    if calendar.is_open(at):
        return at
    today = calendar.exchange_date(at)
    session = calendar.session_on(today)
    if session is None or at < session.open_at:
        session = calendar.previous_session(today)
    return session.close_at


def _close_at(contracts: tuple[OptionContract, ...], session: TradingSession) -> datetime:
    return min(options_close_at(contract.root, session) for contract in contracts)
