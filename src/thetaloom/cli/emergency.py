"""Halting without the database and without the engine: what ``thetaloom halt`` does when all else is down."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from thetaloom.cli.bounded import within as within
from thetaloom.cli.emergency_broker import HomeBroker, broker_alone, broker_of_home, sweep
from thetaloom.config import PAPER_BROKER, Settings
from thetaloom.domain.book.halts import ALL, only_closes
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.paper_parts import paper_books, paper_broker_alone
from thetaloom.ports.broker import Broker

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """What was canceled at the broker directly, and what was left alone."""

    asked: tuple[ClientOrderId, ...] = ()
    spared: int = 0  # orders that only close
    left: Mapping[ClientOrderId, str] = field(default_factory=dict)  # why not, by client order id
    note: str = ""
    broker: str = PAPER_BROKER


def cancel_entries(settings: Settings, scope: str, *, patience: float) -> Canceled:
    """Cancel the entries that still work at the broker after ``patience`` seconds, without any database of ours."""
    if scope.startswith("strategy:"):
        return Canceled(note="a broker's books know no strategies; the engine cancels the entries of this one")
    home = broker_of_home(settings)
    if home.name != PAPER_BROKER:
        return _cancel_at_real(settings, home, scope, patience=patience)
    books = paper_books(settings)
    if books is not None and not books.exists():
        return Canceled(note="the broker has no books yet")
    with paper_broker_alone(settings) as broker:
        if scope not in (ALL, f"account:{broker.account_id}"):
            return Canceled(note=f"{scope} is not the account of this broker")
        _let_the_engine(broker, patience)
        return cancel_at(broker)


def _cancel_at_real(settings: Settings, home: HomeBroker, scope: str, *, patience: float) -> Canceled:
    with broker_alone(settings, home) as broker:
        if scope not in (ALL, f"account:{broker.account_id}"):
            return Canceled(note=f"{scope} is not the account of this broker", broker=home.name)
        swept = sweep(broker, patience=patience)
    return Canceled(asked=swept.canceled, spared=swept.spared, left=swept.left, broker=home.name)


def cancel_at(broker: Broker) -> Canceled:
    """Ask the broker to cancel every order of ours that could open risk, within its rate."""
    held = broker.holdings()
    ours = [order for order in broker.open_orders() if order.client_order_id is not None]
    entries = [order.client_order_id for order in ours if not only_closes(order, held)]
    asked = []
    pace = threading.Event()
    for order_id in entries:
        if order_id is not None:
            broker.cancel(order_id)
            asked.append(order_id)
            pace.wait(1 / broker.capabilities.orders_per_second)
    return Canceled(asked=tuple(asked), spared=len(ours) - len(entries))


def _let_the_engine(broker: Broker, patience: float) -> None:
    # A living engine sees the flag at once and cancels in the books' own way; that is better than over its head.
    looks = int(patience / LOOK_SECONDS)
    while looks > 0 and any(order.client_order_id is not None for order in broker.open_orders()):
        threading.Event().wait(LOOK_SECONDS)
        looks -= 1
