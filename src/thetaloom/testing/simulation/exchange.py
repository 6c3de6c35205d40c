"""The exchange behind the lying broker: it fills at true prices, in parts, and never more than is held."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.reports import BrokerReport
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.clock import Clock
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.market import SimulatedMarket

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
        self._held: dict[RunId, int] = {}
        self._looked_at: dict[ClientOrderId, datetime] = {}

    def held(self, run: RunId) -> int:
        """Return how many structures of a run are truly held."""
        return self._held.get(run, 0)

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
            remaining = min(remaining, self.held(order.run_id))
        if remaining <= 0:
            return
        part = self._chances.count(1, remaining) if self._chances.happens(IN_PARTS) else remaining
        truth.fill(order.client_order_id, part)
        change = part if order.effect is Effect.OPEN else -part
        self._held[order.run_id] = self.held(order.run_id) + change

    def _end_needless(self, truth: ScriptedBroker, sent: Iterable[HasOrder], run: RunId) -> None:
        for known in sent:
            order = known.order
            closes = order.run_id == run and order.effect is Effect.CLOSE
            if closes and not self.held(run) and _is_open(truth, order):
                truth.cancel(order.client_order_id)

    def _expire_all(self, truth: ScriptedBroker, sent: Mapping[ClientOrderId, HasOrder], now: datetime) -> None:
        for known in sent.values():
            if _is_open(truth, known.order) and self._calendar.next_close(known.order.staged_at) <= now:
                truth.expire(known.order.client_order_id)

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
            self.settled_cash += truth.balances.cash - before
            for known in sent.values():
                if any(leg.contract == contract for leg in known.order.legs):
                    self._held[known.order.run_id] = 0


def _is_open(truth: ScriptedBroker, order: Order) -> bool:
    found = truth.find(order.client_order_id)
    return found is not None and found.is_open
