"""The exchange behind a broker under test: the hand that makes its market, and the hour that its clock shows."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.ports.clock import Clock
from thetaloom.testing import builders as b
from thetaloom.testing.bench import SPREAD_QUOTES
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.rigs import DAY_ENDS, EVENING, NIGHT, list_odd
from thetaloom.testing.broker_servers.backend import Backend, WireOrder
from thetaloom.testing.broker_servers.world import World
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

SPOT = 575
CALL_QUOTES = {"SPY 2026-01-16 C 590": (1.30, 1.50), "SPY 2026-01-16 C 595": (0.90, 1.10)}
# Contracts of the scenarios that the market lists and nobody wants: no order rests against them.
LISTED = (
    "SPY 2026-01-16 P 550",
    "SPY 2026-01-16 C 580",
    "SPY 2026-01-23 P 560",
    *(f"SPY 2026-01-16 P {500 + number}" for number in range(10)),
)
EARLIER = timedelta(minutes=30)  # than any clock of a broker shows
WIDE = (0.05, 9.95)
NumberOf = Callable[[ClientOrderId], BrokerOrderId]


class TheirClock:
    """The broker's clock: ours, ahead of it or behind."""

    def __init__(self, ours: Clock) -> None:
        self._ours, self._ahead = ours, timedelta(0)

    def now(self) -> datetime:
        """Return the time at the broker."""
        return self._ours.now() + self._ahead

    def skew(self, seconds: float) -> None:
        """Let it be ahead of ours, or behind where negative."""
        self._ahead = timedelta(seconds=seconds)


class Venue:
    """One backend on a market set by hand, and what a rig does to both."""

    def __init__(self, folder: Path, account: str) -> None:
        self.clock = FakeClock()
        self.theirs = TheirClock(self.clock)
        self.market = FixedMarket(self.theirs, always_fresh=True)
        at = self.clock.now() - EARLIER
        self.market.set_quotes(dict.fromkeys(LISTED, WIDE) | CALL_QUOTES | SPREAD_QUOTES, at=at)
        self.market.set_spot("SPY", SPOT, at=at)
        list_odd(self.market, at)
        self._over: set[ClientOrderId] = set()  # orders that ended, and our side knows
        self._seen: tuple[str, ...] = ()  # the transactions that our side is known to have
        self.backend = Backend(self.market, self.theirs, b.trading_calendar(), folder, account=account)

    def plan_parts(self, order: Order, parts: Sequence[int]) -> None:
        """Let an order fill in parts."""
        self.backend.script_fills(order.client_order_id, parts)

    def meet(self, order: Order) -> None:
        """Let the market meet an order's limit."""
        for leg, price in zip(order.legs, b.leg_prices(order.legs, order.limit_price), strict=True):
            self.market.set_quote(leg.contract, price, price)
        self.clock.advance(seconds=1)
        self.backend.tick()

    def live_until(self, *instants: str) -> None:
        """Look at the market at instants of New York."""
        for text in instants:
            if b.new_york(text) >= self.clock.now():
                self.clock.move_to(b.new_york(text))
                self.backend.tick()

    def end_day(self) -> None:
        """Let the trading day end."""
        self.live_until(DAY_ENDS)

    def pass_night(self) -> None:
        """Let the day end and the next begin."""
        self.live_until(*NIGHT)

    def wait_for_evening(self) -> None:
        """Go to an evening."""
        self.live_until(EVENING)

    def quote(self, contract: OptionContract, bid: Price | None, ask: Price | None) -> None:
        """Let a contract be quoted so."""
        self.market.set_quote(contract, bid, ask)

    def execute(self, order: Order, contract: OptionContract, quantity: int, price: Price) -> None:
        """Do contracts of one leg of an order of ours."""
        self.backend.execute(self.number_of(order.client_order_id), contract, quantity, price)

    def number_of(self, client_order_id: ClientOrderId) -> BrokerOrderId:
        """Return the number under which an order of ours works now."""
        number = self.backend.by_client_id(client_order_id)[-1].broker_order_id
        while (later := self.backend.replaced_by(number)) is not None:
            number = later
        return number

    def untold(self, rig: Rig) -> str:
        """Say what happened here and was not told to our side yet; nothing where all was."""
        for name in [one for one in rig.sent if one not in self._over]:
            theirs = self._newest(name)
            if theirs is not None and (untold := _untold(rig.followed(rig.sent[name]), theirs)):
                return f"order {name}: {untold}"
            if theirs is not None and not theirs.is_open:
                self._over.add(name)
        happened = tuple(one.transaction_id for one in self.backend.transactions() if one.quantity)
        if happened == self._seen:
            return ""  # no question is asked at the broker whose answer is known: real ones count them
        told = len(rig.moves(0))
        if len(happened) != told:
            return f"{len(happened)} transactions, {told} of them told"
        held, known = dict(self.backend.holdings()), dict(rig.broker.holdings())
        if held != known:
            return f"{held} is held, {known} is told"
        self._seen = happened
        return ""

    def _newest(self, name: ClientOrderId) -> BrokerOrder | None:
        found = self.backend.by_client_id(name)
        return self.backend.order(self.number_of(name)) if found else None


def warm_up(folder: Path) -> None:
    """Have the kernels of pricing compiled before a server has to answer in time: of a sold put, then of shares."""
    folder.mkdir(parents=True)
    venue = Venue(folder, "WARM-1")
    order = b.order(limit="0.90")
    wire = WireOrder(legs=order.legs, quantity=1, limit_price=order.limit_price, effect=order.effect)
    number = venue.backend.place(wire).broker_order_id
    venue.backend.execute(number, order.legs[0].contract, -1, Price(1))
    venue.backend.account()
    venue.backend.world.trade_elsewhere(order.legs, 1, Price(1))
    venue.backend.world.assign(order.legs[0].contract)
    venue.backend.account()
    venue.backend.close()


class ToldWorld:
    """The world outside of a backend; whatever happens in it has been told to our side when its call is over."""

    def __init__(self, world: World, rig: Callable[[], Rig], number_of: NumberOf) -> None:
        self._world, self._rig, self._number_of = world, rig, number_of
        self._theirs: dict[BrokerOrderId, BrokerOrderId] = {}  # as the broker shows them, and as the exchange does

    def assign(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Let sold contracts be exercised against the account."""
        self._world.assign(contract, quantity)
        self._rig().settle()

    def exercise(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Exercise bought contracts."""
        self._world.exercise(contract, quantity)
        self._rig().settle()

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself."""
        self._world.liquidate(contract, quantity, price)
        self._rig().settle()

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade as another program."""
        self._world.trade_elsewhere(legs, quantity, price)
        self._rig().settle()

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price) -> None:
        """Trade shares as another program."""
        self._world.trade_shares_elsewhere(symbol, quantity, price)
        self._rig().settle()

    def bust(self, contract: OptionContract) -> None:
        """Let the exchange take back the newest trade of a contract."""
        self._world.bust(contract)
        self._rig().settle()

    def correct(self, contract: OptionContract, quantity: int, price: Price) -> None:
        """Let the newest trade of a contract have been of so many contracts at another price."""
        self._world.correct(contract, quantity, price)
        self._rig().settle()

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Place an order as another program; return the id that the broker shows it under."""
        before = self._shown()
        number = self._world.place_elsewhere(legs, quantity, limit_price, effect)
        assert self._rig().wait_for(lambda: self._shown() > before), "an order from elsewhere is not shown"
        (shown,) = self._shown() - before
        self._theirs[shown] = number
        return shown

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel an order as another program."""
        self._world.cancel_elsewhere(self._theirs.get(broker_order_id) or self._number_of(self._mine(broker_order_id)))
        self._rig().settle()

    def _shown(self) -> set[BrokerOrderId]:
        return {one.broker_order_id for one in self._rig().broker.open_orders()}

    def _mine(self, shown: BrokerOrderId) -> ClientOrderId:
        rig = self._rig()  # asked by what was told: there may be no line just now
        return next(name for name, order in rig.sent.items() if rig.followed(order).broker_order_id == shown)


def _untold(ours: Order, theirs: BrokerOrder) -> str:
    if ours.filled != theirs.filled:
        return f"{theirs.filled} are filled, {ours.filled} are told"
    if not theirs.is_open and ours.status is not theirs.status:
        return f"it is {theirs.status}, {ours.status} is told"
    if theirs.is_open and (ours.broker_order_id is None or ours.limit_price != theirs.limit_price):
        return f"it works at {theirs.limit_price}, {ours.status} at {ours.limit_price} is told"
    return ""
