"""The books behind a simulated server: read from the database once after each change, however often they are asked."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import RLock
from typing import TypeVar

from thetaloom.brokers.paper.books import Books, Ledger
from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.brokers.paper.tables import BookedOrder
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import NotFound
from thetaloom.ports.clock import Clock
from thetaloom.testing.scripted_transactions import after_correction

T = TypeVar("T")


class VenueBooks:
    """Reads the books of a paper broker that nobody else writes to."""

    def __init__(
        self, paper: PaperBroker, url: str, cash: Money, *, clock: Clock, calendar: TradingCalendar, lock: RLock
    ) -> None:
        account = AccountId(paper.account_id)
        self._books = Books(url, account, cash, opened_at=clock.now(), settles_at=calendar.settles_at)
        self._paper, self._lock, self._clock = paper, lock, clock
        self._known: dict[str, object] = {}
        paper.on_report(self.forget)

    def close(self) -> None:
        """Let go of the books."""
        self._books.close()

    def forget(self) -> None:
        """Read everything anew: the books have changed."""
        with self._lock:
            self._known.clear()

    def write(self) -> AbstractContextManager[Ledger]:
        """Change the books; ``forget`` has to follow."""
        return self._books.write()

    def correct(self, contract: OptionContract, quantity: int, price: Price | None) -> None:
        """Let the newest trade of a contract have been of so many contracts, at another price; none: it is busted."""
        everything = self.transactions(0)
        rows = after_correction(everything, contract, quantity, price, self._clock.now())
        trade = next(one for one in everything if one.transaction_id == rows[0].corrects)
        ours, theirs = trade.client_order_id, trade.broker_order_id
        with self.write() as ledger:
            ledger.record([replace(one, client_order_id=ours, broker_order_id=theirs) for one in rows])
        self.forget()

    def booked(self, key: ClientOrderId) -> BookedOrder:
        """Return an order. Raises ``NotFound``."""
        found = self._once(f"order {key}", lambda: self._booked(key))
        if found is None:
            raise NotFound(f"no order {key} is in the books")
        return found

    def elsewhere(self) -> Sequence[ClientOrderId]:
        """Return the orders that work and were placed elsewhere."""
        return self._once("elsewhere", self._elsewhere)

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        everything = self._once("transactions", lambda: self._paper.transactions(0))
        return [one for one in everything if one.sequence > after]

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held."""
        return self._once("holdings", self._paper.holdings)

    def shares(self) -> Mapping[str, int]:
        """Return the shares held, without a look at margins."""
        return self._once("shares", self._paper.shares)

    def _once(self, name: str, read: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._known:
                self._known[name] = read()
            return self._known[name]  # type: ignore[return-value]  # one name, one kind of answer

    def _booked(self, key: ClientOrderId) -> BookedOrder | None:
        with self._books.read() as ledger:
            return ledger.order(key)

    def _elsewhere(self) -> Sequence[ClientOrderId]:
        with self._books.read() as ledger:
            return [one.client_order_id for one in ledger.open_orders() if not one.is_ours]
