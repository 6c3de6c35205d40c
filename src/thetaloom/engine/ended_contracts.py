"""Contracts that trade no longer while our books still hold them: nobody can close them, the broker must tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk

ASK_AFTER = timedelta(minutes=30)  # of the next session: by then the clearing house and a reconciliation have spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What the broker has to tell of."""

    contracts: tuple[OptionContract, ...]
    asks: bool  # it is late, and nobody was asked yet


def ended_contracts(calendar: TradingCalendar, position: Position, now: datetime) -> tuple[OptionContract, ...]:
    """Return what the position holds of contracts that trade no longer."""
    return tuple(one for one in position.contracts_held if calendar.last_trading_at(one) <= now)


def awaited_of(desk: Desk, run: WorkflowRun, position: Position, now: datetime) -> Awaited | None:
    """Return what the broker has to tell of this position; ``None`` where all of it still trades."""
    contracts = ended_contracts(desk.calendar, position, now)
    if not contracts:
        return None
    is_late = any(ask_at(desk.calendar, one) <= now for one in contracts)
    return Awaited(contracts=contracts, asks=is_late and run.reason != Reason.SETTLEMENT_MISSING.value)


def ask_at(calendar: TradingCalendar, contract: OptionContract) -> datetime:
    """Return when a person is asked about a contract of which the broker says nothing."""
    return calendar.next_open(calendar.settles_at(contract)) + ASK_AFTER


def ends_of(desk: Desk, contracts: Iterable[OptionContract]) -> tuple[datetime, ...]:
    """Return the instants at which something ends for these contracts."""
    calendar, found = desk.calendar, list(contracts)
    return tuple(
        instant
        for one in found
        for instant in (calendar.last_trading_at(one), calendar.settles_at(one), ask_at(calendar, one))
    )
