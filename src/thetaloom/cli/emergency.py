"""Halting without the database and without the engine: what ``thetaloom halt`` does when all else is down."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from thetaloom.config import Settings
from thetaloom.domain.book.halts import ALL, only_closes
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.errors import Unavailable
from thetaloom.paper_parts import paper_books, paper_broker_alone
from thetaloom.ports.broker import Broker

T = TypeVar("T")
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Canceled:
    """What was canceled at the broker directly, and what was left alone."""

    asked: tuple[ClientOrderId, ...] = ()
    spared: int = 0  # orders that only close
    note: str = ""


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises; ``Unavailable`` when it takes longer than ``seconds``."""
    found: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001  # whoever waits gets it, whatever it is
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not found:
        raise Unavailable(f"no answer within {seconds:g} s")
    return found[0]


def cancel_entries(settings: Settings, scope: str, *, patience: float) -> Canceled:
    """Cancel the entries that still work at the broker after ``patience`` seconds, without any database of ours."""
    if scope.startswith("strategy:"):
        return Canceled(note="a broker's books know no strategies; the engine cancels the entries of this one")
    books = paper_books(settings)
    if books is not None and not books.exists():
        return Canceled(note="the broker has no books yet")
    with paper_broker_alone(settings) as broker:
        if scope not in (ALL, f"account:{broker.account_id}"):
            return Canceled(note=f"{scope} is not the account of this broker")
        _let_the_engine(broker, patience)
        return cancel_at(broker)


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
