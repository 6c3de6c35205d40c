"""The exchange and the books behind a simulated broker's server: one paper account, its market, and planned troubles.

Fills, buying power, sessions, expiration and assignment are the paper broker's own. What it lacks and brokers have is
added here: ids that change with a replacement, orders without an id of the client's, and legs that are done apart.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.brokers.paper.settings import PaperSettings
from thetaloom.domain.book.orders import Effect, Order, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, ReportKind
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.broker import Preview
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData
from thetaloom.testing.broker_servers.troubles import ServerTrouble as ServerTrouble
from thetaloom.testing.broker_servers.troubles import Troubles
from thetaloom.testing.broker_servers.venue_books import VenueBooks
from thetaloom.testing.broker_servers.words import Change as Change
from thetaloom.testing.broker_servers.words import Changed as Changed
from thetaloom.testing.broker_servers.words import WireOrder as WireOrder
from thetaloom.testing.broker_servers.world import World

FOREVER = timedelta(days=3650)  # servers end orders by their time in force alone
FIRST_ID = 1001


@dataclass(slots=True, kw_only=True)
class _Known:
    """An order under one of the ids that its broker gave it."""

    key: ClientOrderId  # in the paper broker's books
    client_order_id: str
    replaces: BrokerOrderId | None = None
    replaced_by: BrokerOrderId | None = None
    last: BrokerOrder | None = None  # as it was when it was replaced
    refusal: tuple[Refusal, str] | None = None


class Backend:
    """What every simulated server stands on; its methods may be called from any thread."""

    def __init__(
        self,
        market: MarketData,
        clock: Clock,
        calendar: TradingCalendar,
        folder: Path,
        *,
        account: str = "SIM0001",
        cash: Money = Money(100_000),  # noqa: B008  # a value that cannot change
        seed: int = 1,
        **settings: object,
    ) -> None:
        self.market, self.clock, self.calendar = market, clock, calendar
        self.account_number = account
        self.is_live = False  # what the server says of itself; a test may say otherwise
        url = f"sqlite:///{folder}/venue.db"
        given = {"account_id": AccountId(account), "starting_cash": cash, "seed": seed} | settings
        self._settings = PaperSettings(**given)  # type: ignore[arg-type]  # whatever a test sets is checked there
        self.paper = PaperBroker(
            database_url=url, settings=self._settings, market=market, clock=clock, calendar=calendar
        )
        self.lock = self._lock = threading.RLock()  # a server that keeps books of its own shares it
        self._books = VenueBooks(self.paper, url, cash, clock=clock, calendar=calendar, lock=self._lock)
        self._troubles, self._hears = Troubles(), list[Callable[[Change], None]]()
        self.world = World(self.paper, self._changing, self._newest, self.cancel, self._books.correct)
        self._known: dict[BrokerOrderId, _Known] = {}
        self._visible: dict[ClientOrderId, BrokerOrderId] = {}  # the newest id of each order in the books
        self._hidden: set[BrokerOrderId] = set()
        self._numbers = itertools.count(FIRST_ID)
        self.name_order: Callable[[int], str] = str  # how this broker's order ids look
        self._seen_orders: dict[BrokerOrderId, BrokerOrder] = {}
        self._seen_transactions = 0
        self._legs_done: dict[BrokerOrderId, dict[OptionContract, int]] = {}

    def close(self) -> None:
        """Let go of the books."""
        self._books.close()
        self.paper.close()

    # What a test plans and hears.

    def plan(self, call: str, *troubles: ServerTrouble | None) -> None:
        """Name what goes wrong with the next calls: of submit, replace, cancel, read or stream."""
        with self._lock:
            self._troubles.plan(call, *troubles)

    def take_trouble(self, call: str) -> ServerTrouble | None:
        """Return what goes wrong with this call."""
        with self._lock:
            return self._troubles.take(call)

    def on_change(self, hear: Callable[[Change], None]) -> None:
        """Have ``hear`` called with each change, from the thread that made it."""
        self._hears.append(hear)

    def arrive(self) -> None:
        """Let what was late be seen and told."""
        with self._lock:
            self._hidden.clear()
            self._tell()

    # What a server does for its client.

    def place(self, wire: WireOrder, *, late: bool = False) -> BrokerOrder:
        """Take an order, or refuse it; every call is a new order, whatever its client's id."""
        with self._lock:
            number = BrokerOrderId(self.name_order(next(self._numbers)))
            key = ClientOrderId(f"wire-{number}")
            self._known[number] = _Known(key=key, client_order_id=wire.client_order_id)
            self._visible[key] = number
            if late:
                self._hidden.add(number)
            self.paper.submit(self._order(wire, key))
            self._note_refusal(number, ReportKind.REJECTED)
            self._tell()
            return self._show(number)

    def preview(self, wire: WireOrder) -> Preview:
        """Say what an order would do."""
        with self._lock:
            return self.paper.preview(self._order(wire, ClientOrderId("wire-preview")))

    def replace(
        self, broker_order_id: BrokerOrderId, limit_price: Price, *, new_id: bool = False, client_order_id: str = ""
    ) -> BrokerOrder | None:
        """Move a limit, under the same id or as a new order; ``None`` where it is refused, see ``refusal_of``."""
        with self._lock:
            known = self._known.get(broker_order_id)
            before = self.order(broker_order_id)
            if known is None or before is None or known.replaced_by is not None:
                return None
            revision = self._books.booked(known.key).revision + 1
            self.paper.replace(known.key, limit_price, revision)
            if self._note_refusal(broker_order_id, ReportKind.REPLACE_REFUSED):
                return None
            number = broker_order_id
            if new_id:
                number = BrokerOrderId(self.name_order(next(self._numbers)))
                known.last = replace(before, is_open=False, status=OrderStatus.CANCELED)
                known.replaced_by = number
                self._known[number] = _Known(key=known.key, client_order_id=client_order_id, replaces=broker_order_id)
                self._visible[known.key] = number
            self._tell()
            return self._show(number)

    def cancel(self, broker_order_id: BrokerOrderId) -> bool:
        """Cancel an order; ``False`` where it does not work any more."""
        with self._lock:
            found = self.order(broker_order_id)
            if found is None or not found.is_open:
                return False
            if self._books.booked(self._known[broker_order_id].key).is_ours:
                self.paper.cancel(self._known[broker_order_id].key)
            else:
                self.paper.cancel_elsewhere(self._books.booked(self._known[broker_order_id].key).broker_order_id)
            self._tell()
            return True

    def order(self, broker_order_id: BrokerOrderId) -> BrokerOrder | None:
        """Return an order as the books have it under this id; what is late is not there yet."""
        with self._lock:
            if broker_order_id in self._hidden or broker_order_id not in self._known:
                return None
            return self._show(broker_order_id)

    def orders(self) -> list[BrokerOrder]:
        """Return all orders, oldest first, replaced ones under their old ids too."""
        with self._lock:
            self._adopt()
            return [self._show(number) for number in self._known if number not in self._hidden]

    def by_client_id(self, client_order_id: str) -> list[BrokerOrder]:
        """Return the orders that came under a client's id, oldest first."""
        return [one for one in self.orders() if client_order_id and one.client_order_id == client_order_id]

    def replaces(self, broker_order_id: BrokerOrderId) -> BrokerOrderId | None:
        """Return the id that this one took the place of."""
        known = self._known.get(broker_order_id)
        return None if known is None else known.replaces

    def replaced_by(self, broker_order_id: BrokerOrderId) -> BrokerOrderId | None:
        """Return the id that took the place of this one."""
        known = self._known.get(broker_order_id)
        return None if known is None else known.replaced_by

    def refusal_of(self, broker_order_id: BrokerOrderId) -> tuple[Refusal, str] | None:
        """Return why the last thing asked of an order was refused."""
        known = self._known.get(broker_order_id)
        return None if known is None else known.refusal

    def time_in_force(self, broker_order_id: BrokerOrderId) -> TimeInForce:
        """Return how long an order works: until its contracts end, or for the day."""
        booked = self._books.booked(self._known[broker_order_id].key)
        return TimeInForce.GTC if booked.ends_at - booked.placed_at > timedelta(days=4) else TimeInForce.DAY

    def effect(self, broker_order_id: BrokerOrderId) -> Effect:
        """Return whether an order opens or closes."""
        return self._books.booked(self._known[broker_order_id].key).effect

    def executions(self, after: int = 0) -> list[Transaction]:
        """Return what was done, one leg each, with the newest id of its order; oldest first.

        What busts and corrections made of it later is among the transactions.
        """
        trades = [one for one in self.transactions(after) if one.kind is TransactionKind.TRADE and one.contract]
        return [one for one in trades if not one.corrects]

    def transactions(self, after: int = 0) -> list[Transaction]:
        """Return every movement of cash, contracts and shares, with the newest id of its order; oldest first."""
        with self._lock:
            return [self._under_its_id(one) for one in self._books.transactions(after)]

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive."""
        return self._books.holdings()

    def shares(self) -> Mapping[str, int]:
        """Return the shares held."""
        return self._books.shares()

    @property
    def is_cash_account(self) -> bool:
        """Whether nothing is lent to the account."""
        return self._settings.is_cash_account

    def account(self) -> AccountSnapshot:
        """Return the balances and shares."""
        with self._lock:
            return replace(self.paper.account(), is_live=self.is_live)

    def tick(self) -> None:
        """Let the market fill, the day end, and what has expired settle."""
        with self._changing():
            self.paper.tick()

    def script_fills(self, client_order_id: str, parts: Sequence[int]) -> None:
        """Let an order that is to come under this client's id fill in parts."""
        numbers = itertools.count()

        def is_it(order: Order) -> bool:
            known = self._known.get(self._visible.get(order.client_order_id, BrokerOrderId("")))
            return known is not None and known.client_order_id == client_order_id and next(numbers) == 0

        self.paper.script(is_it, fills=parts)

    def execute(self, broker_order_id: BrokerOrderId, contract: OptionContract, quantity: int, price: Price) -> str:
        """Do contracts of one leg apart from the others, bought positive; return the execution's id."""
        with self._lock:
            known = self._known[broker_order_id]
            done = self._legs_done.setdefault(broker_order_id, {})
            booked = self._books.booked(known.key)
            number = sum(map(abs, done.values())) + 1
            one = Transaction(
                sequence=0,
                transaction_id=f"{broker_order_id}-L{number}",
                kind=TransactionKind.TRADE,
                happened_at=self.clock.now(),
                symbol=contract.underlying,
                contract=contract,
                quantity=quantity,
                price=price,
                cash=price.times(contract.multiplier, -quantity),
                fees=self._settings.fee_per_contract * -abs(quantity),
                client_order_id=booked.client_order_id,
                broker_order_id=booked.broker_order_id,
            )
            done[contract] = done.get(contract, 0) + quantity
            whole = max(0, min(done.get(leg.contract, 0) // leg.ratio for leg in booked.legs))
            status = OrderStatus.FILLED if whole >= booked.quantity else booked.status
            with self._books.write() as ledger:
                ledger.record([one])
                ledger.update_order(
                    replace(booked, filled=whole, fills=number, filled_at=one.happened_at, status=status)
                )
            self._books.forget()
            self._tell()
            return one.transaction_id

    def _order(self, wire: WireOrder, key: ClientOrderId) -> Order:
        now = self.clock.now()
        return Order(
            client_order_id=key,
            run_id=RunId("wire"),
            account_id=AccountId(self.account_number),
            effect=wire.effect,
            legs=wire.legs,
            quantity=wire.quantity,
            limit_price=wire.limit_price,
            time_in_force=wire.time_in_force,
            staged_at=now,
            expires_at=now + FOREVER,
        )

    def _show(self, number: BrokerOrderId) -> BrokerOrder:
        known = self._known[number]
        shown = known.last or self._books.booked(known.key).told
        client = ClientOrderId(known.client_order_id) if known.client_order_id else None
        return replace(shown, broker_order_id=number, client_order_id=client)

    def _note_refusal(self, number: BrokerOrderId, kind: ReportKind) -> bool:
        known = self._known[number]
        told = [one for one in self.paper.reports_since(0) if one.client_order_id == known.key]
        is_refused = bool(told) and told[-1].kind is kind
        known.refusal = (told[-1].refusal or Refusal.UNKNOWN, told[-1].message) if is_refused else None
        return is_refused

    def _adopt(self) -> None:
        """Give ids to orders that were placed elsewhere."""
        for key in self._books.elsewhere():
            if key not in self._visible:
                number = BrokerOrderId(self.name_order(next(self._numbers)))
                self._known[number] = _Known(key=key, client_order_id="")
                self._visible[key] = number

    def _newest(self) -> BrokerOrderId:
        return next(reversed(self._known))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self._tell()

    def _under_its_id(self, one: Transaction) -> Transaction:
        number = None if one.client_order_id is None else self._visible.get(one.client_order_id)
        if number is None:
            return one
        client = self._known[number].client_order_id
        return replace(one, broker_order_id=number, client_order_id=ClientOrderId(client) if client else None)

    def _tell(self) -> None:
        self._adopt()
        changes = []
        for number in self._known:
            seen = self._seen_orders.get(number)
            if number in self._hidden or (seen is not None and not seen.is_open and number not in self._legs_done):
                continue  # what has ended changes only where legs are done after it
            if seen != (shown := self._show(number)):
                self._seen_orders[number] = shown
                changes.append(Change(of=Changed.ORDER, broker_order_id=number))
        fresh = self.transactions(self._seen_transactions)
        self._seen_transactions += len(fresh)
        for one in fresh:
            if one.kind is TransactionKind.TRADE and one.contract is not None:
                changes.append(Change(of=Changed.EXECUTION, broker_order_id=one.broker_order_id, execution=one))
            else:
                changes.append(Change(of=Changed.ACCOUNT))
        for change in changes:
            self._say(change)

    def _say(self, change: Change) -> None:
        times = {ServerTrouble.NOT_TOLD: 0, ServerTrouble.TWICE: 2}
        trouble = self._troubles.take("stream")
        for _ in range(1 if trouble is None else times.get(trouble, 1)):
            for hear in self._hears:
                hear(change)
