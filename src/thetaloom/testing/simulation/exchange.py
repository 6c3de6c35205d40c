"""The exchange behind the lying broker: it fills at true prices, in parts, and never more than is held."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from thetaloom.domain.book.orders import Effect, Order, TimeInForce
from thetaloom.domain.book.reports import BrokerReport
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.clock import Clock
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.market import SimulatedMarket

ELSEWHERE = "IWM"  # in one account one net number is held of a contract: other programs keep to what is not ours
INSIDE = 0.25  # the chance of a fill at each look of a limit between mid and natural
IN_PARTS = 0.5  # the chance that a fill is only a part of what remains


class HasOrder(Protocol):
    """What the simulation knows of an order that was sent."""

    order: Order


class Exchange:
    """Fills what can trade now; closing orders end when nothing is left to close."""

    def __init__(self, clock: Clock, calendar: TradingCalendar, market: SimulatedMarket, chances: Chances) -> None:
        self._clock, self._calendar, self._market, self._chances = clock, calendar, market, chances
        self.settled_cash = Money(0)  # what expirations brought so far
        self.tells_legs: Callable[[Order], bool] = lambda order: False  # each leg by itself, instead of whole fills
        self.elsewhere: Counter[OptionContract] = Counter()  # what no order of the platform brought
        self.elsewhere_cash = Money(0)
        self.by_run: dict[RunId, Counter[OptionContract]] = {}
        self._looked_at: dict[ClientOrderId, datetime] = {}

    def holds(self, run: RunId, contract: OptionContract) -> int:
        """Return how many contracts a run truly holds."""
        return self.by_run.get(run, Counter())[contract]

    def closable(self, order: Order) -> int:
        """Return how many structures of a closing order its run truly holds."""
        held = self.by_run.get(order.run_id, Counter())
        return min(max(0, -held[leg.contract] // leg.ratio) for leg in order.legs)

    def trade(
        self,
        truth: ScriptedBroker,
        sent: Mapping[ClientOrderId, HasOrder],
        faults: Faults,
        stream: Sequence[BrokerReport],
    ) -> None:
        """Look at every working order once an instant."""
        now = self._clock.now()
        if not self._calendar.is_open(now):
            self._expire_all(truth, sent, now)
            self._settle(truth, sent, now)
            return
        for known in sent.values():
            order = known.order
            if self._looked_at.get(order.client_order_id) == now or not _is_open(truth, order):
                continue
            self._looked_at[order.client_order_id] = now
            if faults.rate(Fault.ORDER_EXPIRES) and self._chances.happens(faults.rate(Fault.ORDER_EXPIRES)):
                truth.expire(order.client_order_id)
            elif self._trades(truth, order):
                self._fill(truth, order)
                self._end_needless(truth, sent.values(), order.run_id)

    def fill_late(self, truth: ScriptedBroker, order: Order) -> None:
        """Fill a part of an order that has ended: it traded just before."""
        self._fill(truth, order)

    def trade_elsewhere(self, truth: ScriptedBroker) -> str:
        """Let another program trade a contract that no strategy here trades; say what it did."""
        contract = self._chances.one_of(self._market.contracts(ELSEWHERE))
        quote = self._market.fair([contract], self._clock.now())[contract]
        cash = truth.balances.cash
        if quote.mid is None or cash is None:
            return "nothing"
        leg = Leg(contract=contract, ratio=self._chances.one_of((1, -1)))
        quantity = self._chances.count(1, 3)
        truth.trade_elsewhere([leg], quantity, quote.mid * -leg.ratio)
        self.elsewhere[contract] += leg.ratio * quantity
        if truth.balances.cash is not None:
            self.elsewhere_cash += truth.balances.cash - cash
        return f"{leg.ratio * quantity:+d} {contract.notation}"

    def assign_early(self, truth: ScriptedBroker) -> str:
        """Let somebody exercise a contract that the account sold, all of it; say what happened."""
        sold = [one for one, held in truth.held.items() if held < 0 and one not in self.elsewhere]
        if not sold:
            return "nothing"
        contract = self._chances.one_of(sold)
        with self._settling(truth):
            truth.assign(contract)
        for of_run in self.by_run.values():
            del of_run[contract]
        return contract.notation

    def trade_shares(self, truth: ScriptedBroker) -> None:
        """Let the broker close out the shares that contracts turned into."""
        with self._settling(truth):
            for symbol, shares in dict(truth.balances.shares or {}).items():
                truth.trade_shares_elsewhere(symbol, -shares, self._market.true_spot(symbol, self._clock.now()))

    @contextmanager
    def _settling(self, truth: ScriptedBroker) -> Iterator[None]:
        before = truth.balances.cash
        yield
        if before is not None and truth.balances.cash is not None:
            self.settled_cash += truth.balances.cash - before

    def _trades(self, truth: ScriptedBroker, order: Order) -> bool:
        standing = truth.find(order.client_order_id)
        if standing is None:
            return False
        quotes = self._market.fair([leg.contract for leg in order.legs], self._clock.now())
        mid, natural = Price(0), Price(0)
        for leg in order.legs:
            quote = quotes[leg.contract]
            if quote.bid is None or quote.ask is None or quote.mid is None:
                return False
            mid -= quote.mid * leg.ratio
            natural -= (quote.ask if leg.ratio > 0 else quote.bid) * leg.ratio
        if standing.limit_price <= natural:
            return True
        return standing.limit_price <= mid and self._chances.happens(INSIDE)

    def _fill(self, truth: ScriptedBroker, order: Order) -> None:
        standing = truth.find(order.client_order_id)
        remaining = 0 if standing is None else order.quantity - standing.filled
        if order.effect is Effect.CLOSE:
            remaining = min(remaining, self.closable(order))
        if remaining <= 0:
            return
        part = self._chances.count(1, remaining) if self._chances.happens(IN_PARTS) else remaining
        if self.tells_legs(order):
            self._execute(truth, order, part)
        else:
            truth.fill(order.client_order_id, part)
        held = self.by_run.setdefault(order.run_id, Counter())
        for leg in order.legs:
            held[leg.contract] += leg.ratio * part

    def _execute(self, truth: ScriptedBroker, order: Order, part: int) -> None:
        quotes = self._market.fair([leg.contract for leg in order.legs], self._clock.now())
        for leg in self._chances.shuffled(order.legs):
            quote, left = quotes[leg.contract], abs(leg.ratio) * part
            price = (quote.ask if leg.ratio > 0 else quote.bid) or Price(0)
            while left:  # a leg, too, may come in pieces
                number = self._chances.count(1, left)
                truth.execute(order.client_order_id, leg.contract, number if leg.ratio > 0 else -number, price)
                left -= number
        truth.count_filled(order.client_order_id, part)

    def _end_needless(self, truth: ScriptedBroker, sent: Iterable[HasOrder], run: RunId) -> None:
        for known in sent:
            order = known.order
            closes = order.run_id == run and order.effect is Effect.CLOSE
            if closes and not self.closable(order) and _is_open(truth, order):
                truth.cancel(order.client_order_id)

    def _expire_all(self, truth: ScriptedBroker, sent: Mapping[ClientOrderId, HasOrder], now: datetime) -> None:
        for known in sent.values():
            if _is_open(truth, known.order) and self._ends_at(known.order) <= now:
                truth.expire(known.order.client_order_id)

    def _ends_at(self, order: Order) -> datetime:
        if order.time_in_force is TimeInForce.GTC:
            return min(self._calendar.settles_at(leg.contract) for leg in order.legs)
        return self._calendar.next_close(order.staged_at)

    def _settle(self, truth: ScriptedBroker, sent: Mapping[ClientOrderId, HasOrder], now: datetime) -> None:
        for contract in list(truth.held):
            settles_at = self._calendar.settles_at(contract)
            if settles_at > now or truth.balances.cash is None:
                continue
            spot = self._market.true_spot(contract.underlying, settles_at)
            before = truth.balances.cash
            truth.settle(contract, spot)
            for symbol, shares in dict(truth.balances.shares or {}).items():
                truth.trade_shares_elsewhere(symbol, -shares, spot)
            brought = truth.balances.cash - before
            if self.elsewhere.pop(contract, 0):
                self.elsewhere_cash += brought
            else:
                self.settled_cash += brought
            for of_run in self.by_run.values():
                del of_run[contract]


def _is_open(truth: ScriptedBroker, order: Order) -> bool:
    found = truth.find(order.client_order_id)
    return found is not None and found.is_open
