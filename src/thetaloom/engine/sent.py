"""What was sent of late, counted from the committed orders: a restart forgets nothing."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from thetaloom.domain.book.orders import Order
from thetaloom.domain.risk.limits import Sent
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money
from thetaloom.engine.desk import Desk
from thetaloom.ports.store import UnitOfWork

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=seconds) for seconds in (1, 60, 3600, 86_400))


def sent_of(desk: Desk, uow: UnitOfWork, now: datetime, *, without: ClientOrderId | None = None) -> Sent:
    """Return what entry orders of the desk's account, all but ``without``, have sent up to now."""
    began = session_began(desk, now)
    entries = uow.orders.entries_since(desk.broker.account_id, min(began, now - HOUR))
    entries = [order for order in entries if order.client_order_id != without]
    of_session = [order for order in entries if order.staged_at >= began]
    by_symbol: Counter[str] = Counter()
    for order in of_session:
        by_symbol[order.legs[0].contract.underlying] += contracts_of(order.legs, order.quantity)
    return Sent(
        orders_in_second=_count(entries, now - SECOND),
        orders_in_minute=_count(entries, now - MINUTE),
        orders_in_hour=_count(entries, now - HOUR),
        orders_in_session=len(of_session),
        contracts_in_minute=_contracts(entries, now - MINUTE),
        contracts_in_hour=_contracts(entries, now - HOUR),
        contracts_in_session=sum(by_symbol.values()),
        contracts_by_symbol=dict(sorted(by_symbol.items())),
        notional_in_session=sum((notional_of(order.legs, order.quantity) for order in of_session), Money(0)),
    )


def session_began(desk: Desk, now: datetime) -> datetime:
    """Return when the session began that is counted now; outside of one the last day counts."""
    session = desk.calendar.session_at(now)
    return now - DAY if session is None else session.open_at


def contracts_of(legs: Iterable[Leg], quantity: int) -> int:
    """Return how many contracts so many structures are."""
    return quantity * sum(abs(leg.ratio) for leg in legs)


def notional_of(legs: Iterable[Leg], quantity: int) -> Money:
    """Return what so many structures would deliver at their strikes, all legs added up."""
    each = (Money(leg.contract.strike * leg.contract.multiplier * abs(leg.ratio)) for leg in legs)
    return sum(each, Money(0)) * quantity


def _count(entries: list[Order], since: datetime) -> int:
    return sum(order.staged_at > since for order in entries)


def _contracts(entries: list[Order], since: datetime) -> int:
    return sum(contracts_of(order.legs, order.quantity) for order in entries if order.staged_at > since)
