"""One broker under test, the hand that makes its market and its world, and what it told, as scenarios read it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TypeVar

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import BrokerReport, ReportKind, apply_report
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput, ThetaloomError, Unavailable
from thetaloom.ports.broker import Broker, KeepsGroups, Preview
from thetaloom.ports.market_data import MarketData
from thetaloom.testing import builders
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.told import folded
from thetaloom.testing.broker_contract.world import Busts, Outside, SignIn, Streams, Wire

T = TypeVar("T")
LOOK_SECONDS = 0.02  # between two looks at what no report tells, such as how a line stands


def nothing() -> None:
    """Do nothing: a broker in our own process has told everything by the time its call is over."""


@dataclass(slots=True, kw_only=True)
class Rig:
    """A fresh account without holdings, 100,000 dollars of cash and a market in session that fills nothing yet.

    It is the one thing here that changes: ``restart`` puts another broker in the place of the first.
    """

    broker: Broker
    plan_parts: Callable[[Order, Sequence[int]], object]  # before an order is sent: how many fill at a time
    fill: Callable[[Order], object]  # lets a working order fill at its limit: the next part, or all that remains
    expire: Callable[[Order], object]  # lets the trading day end
    reopen: Callable[[], Broker]  # the same account after a restart of our side
    next_session: Callable[[], object] | None = None  # lets the day end and the next begin
    close_market: Callable[[], object] | None = None  # goes to an evening
    outside: Outside | None = None
    judges: bool = False
    execute: Callable[[Order, OptionContract, int, Price], object] | None = None  # a leg alone, bought positive
    wire: Wire | None = None  # what can break between us and the broker
    streams: Streams | None = None
    sign_in: SignIn | None = None  # the plugin, and the server that it signs in to
    market: MarketData | None = None  # its own market data; it quotes what the builders' default structure needs
    set_quote: Callable[[OptionContract, Price | None, Price | None], object] | None = None  # moves that market
    set_greeks: Callable[[OptionContract, float, float], object] | None = None  # volatility and delta
    charges_fees: bool = True  # as the paper broker does, to the cent; else none at all
    tells_fees: bool = True  # with each fill; else its transactions tell them
    pass_time: Callable[[], object] = nothing  # lets time pass between two orders, so that one is older
    settle: Callable[[], object] = nothing  # waits until all that the broker's side did has been told to ours
    close: Callable[[], object] = nothing
    patience_seconds: float = 0.0  # how long a report may take; zero where the call itself reports
    sent: dict[ClientOrderId, Order] = field(default_factory=dict)
    heard: list[BrokerReport] = field(default_factory=list)  # by this broker, since its start
    stirred: Event = field(default_factory=Event)  # set by every report, so that whoever waits looks at once
    stirred_by: Broker | None = None

    @property
    def has_fees_in_fills(self) -> bool:
        """Whether each fill carries its fees."""
        return self.charges_fees and self.tells_fees

    def lacks(self, ability: Ability) -> bool:
        """Tell whether this rig, or its broker, cannot do something."""
        return not ability.is_had_by(self)

    @property
    def world(self) -> Outside:
        """The world, for scenarios that need it."""
        return _there(self.outside, "no outside")

    @property
    def exchange(self) -> Busts:
        """The exchange that busts and corrects, for scenarios that need it."""
        return _there(self.outside if isinstance(self.outside, Busts) else None, "no busts")

    @property
    def line(self) -> Wire:
        """The wire, for scenarios that need it."""
        return _there(self.wire, "no wire")

    @property
    def lines(self) -> Streams:
        """The streams, for scenarios that need them."""
        return _there(self.streams, "no streams")

    @property
    def gate(self) -> SignIn:
        """Where one signs in, for scenarios that need it."""
        return _there(self.sign_in, "nowhere to sign in")

    @property
    def feed(self) -> MarketData:
        """Its market data, for scenarios that need it."""
        return _there(self.market, "no market data")

    @property
    def groups(self) -> KeepsGroups:
        """The broker, for scenarios whose orders depend on each other."""
        return _there(self.broker if isinstance(self.broker, KeepsGroups) else None, "no groups of orders")

    def quote(self, contract: OptionContract, bid: Price | None, ask: Price | None) -> None:
        """Let the market quote a contract so, and its feed tell it."""
        _there(self.set_quote, "no market of its own")(contract, bid, ask)

    def tell_greeks(self, contract: OptionContract, iv: float, delta: float) -> None:
        """Let the market know greeks of a contract."""
        _there(self.set_greeks, "no greeks")(contract, iv, delta)

    def pass_session(self) -> None:
        """Go to the next session, for scenarios that need it."""
        _there(self.next_session, "no sessions")()

    def wait_for_evening(self) -> None:
        """Go to an evening, for scenarios that need it."""
        _there(self.close_market, "no sessions")()

    def do_leg(self, order: Order, contract: OptionContract, quantity: int, price: Price) -> None:
        """Let contracts of one leg alone be done, for scenarios that need it."""
        _there(self.execute, "no executions by leg")(order, contract, quantity, price)
        self.settle()

    def submit(self, order: Order) -> None:
        """Send an order, and wait until all is told."""
        self.pass_time()
        self.broker.submit(self.ours(order))
        self.settle()

    def preview(self, order: Order) -> Preview:
        """Ask what an order would do."""
        return self.broker.preview(replace(order, account_id=self.broker.account_id))

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move a limit, and wait until all is told."""
        self.broker.replace(client_order_id, limit_price, revision)
        self.settle()

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel, and wait until all is told."""
        self.broker.cancel(client_order_id)
        self.settle()

    def done(self, order: Order) -> Order:
        """Send an order and let it fill whole."""
        self.submit(order)
        self.fill(order)
        return order

    def attempt(self, order: Order) -> ThetaloomError | None:
        """Send an order over a wire that may break; return our error, if one was raised, and wait for nothing."""
        ours = self.ours(order)
        return error_of(lambda: self.broker.submit(ours))

    def ours(self, order: Order) -> Order:
        """Return an order for this account, which reports will be followed of."""
        ours = replace(order, account_id=self.broker.account_id)
        self.sent.setdefault(order.client_order_id, ours)
        return ours

    def restart(self) -> Broker:
        """Start our side again, and go on with that broker."""
        self.broker = self.reopen()
        self.heard.clear()
        return self.broker

    def reports(self, client_order_id: ClientOrderId) -> list[BrokerReport]:
        """Return what was reported of one order; executions of legs are put together to whole fills."""
        self.heard += self.broker.reports_since(self.heard[-1].sequence if self.heard else 0)
        told = [one for one in self.heard if one.client_order_id == client_order_id]
        order = self.sent.get(client_order_id)
        return told if order is None else folded(order.legs, told)

    def kinds(self, client_order_id: ClientOrderId) -> list[ReportKind]:
        """Return the kinds of what was reported of one order."""
        return [one.kind for one in self.reports(client_order_id)]

    def moves(self, after: int) -> list[Transaction]:
        """Return the transactions of contracts and shares; what a broker tells of fees apart is left out."""
        return [one for one in self.broker.transactions(after) if one.quantity]

    def fees(self) -> Money:
        """Return all fees of the account, those that the broker tells apart from fills among them."""
        happened = self.broker.transactions(0)
        apart = sum((one.cash for one in happened if one.kind is TransactionKind.FEE), NOTHING)
        return sum((one.fees for one in happened), apart)

    def charges(self, fees: Money) -> None:
        """Check that the account has paid these fees in all, or none where it pays none."""
        self.soon(lambda: self.fees() == (fees if self.charges_fees else NOTHING))

    def expect(self, client_order_id: ClientOrderId, *kinds: ReportKind) -> None:
        """Check that exactly this is reported of one order, within the broker's time."""
        self.wait_for(lambda: self.kinds(client_order_id) == list(kinds))
        assert self.kinds(client_order_id) == list(kinds), f"{self.kinds(client_order_id)} instead of {list(kinds)}"

    def followed(self, order: Order) -> Order:
        """Return the order as our side has it after all reports about it."""
        known = builders.sent(order)
        for report in self.reports(order.client_order_id):
            known = apply_report(known, report)
        return known

    def soon(self, is_so: Callable[[], bool]) -> None:
        """Check that something becomes so, within the broker's time."""
        assert self.wait_for(is_so), "it did not come true"

    def wait_for(self, is_so: Callable[[], bool]) -> bool:
        """Wait until something is so, no longer than a report may take; tell whether it is.

        While nobody answers to a question that it asks it is not so yet.
        """
        until = time.monotonic() + self.patience_seconds
        if self.stirred_by is not self.broker:
            self.broker.on_report(self.stirred.set)
            self.stirred_by = self.broker
        self.stirred.clear()  # before the look: what is told during it is looked at again
        while not (found := _is_so_now(is_so)) and time.monotonic() < until:
            self.stirred.wait(LOOK_SECONDS)
            self.stirred.clear()
        return found


def error_of(act: Callable[[], object]) -> ThetaloomError | None:
    """Return the error of ours that something raises; none of anybody else's is caught."""
    try:
        act()
    except ThetaloomError as error:
        return error
    return None


def _is_so_now(is_so: Callable[[], bool]) -> bool:
    try:
        return is_so()
    except Unavailable:
        return False


def _there(part: T | None, what: str) -> T:
    if part is None:
        raise InvalidInput(f"this rig has {what}")
    return part
