"""A broker whose exchange is honest and whose messages are not: they fail, arrive late, twice, shuffled or never.

The truth is a ``ScriptedBroker`` without any trouble. Between it and the platform lies a bad line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown
from thetaloom.ports.broker import Preview
from thetaloom.ports.clock import Clock
from thetaloom.testing.broker import ScriptedBroker, Trouble
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.exchange import Exchange
from thetaloom.testing.simulation.faults import ABSENCE_SECONDS, Fault, Faults
from thetaloom.testing.simulation.history import History
from thetaloom.testing.simulation.witness import Wireside, Witness

SOON = timedelta(milliseconds=200)  # how long the broker takes to report when nothing is wrong
Wire = Callable[[Literal["before", "after"]], None]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request on its way."""

    arrives_at: datetime
    number: int
    carry_out: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Told:
    """A report on its way."""

    at: datetime
    number: int
    report: BrokerReport


@dataclass(slots=True)
class Line:
    """The bad line: what is on its way, and what was said."""

    requests: list[_Sent] = field(default_factory=list)
    reports: list[_Told] = field(default_factory=list)
    read: int = 0  # of the truth's reports
    count: int = 0


class LyingBroker:
    """Implements ``ports.broker.SimulatedBroker``; ``faults`` may be replaced at any time, to end all lies."""

    name = "lying"
    simulated = True
    is_live = False

    def __init__(self, clock: Clock, exchange: Exchange, chances: Chances, faults: Faults, history: History) -> None:
        self.truth = ScriptedBroker(clock)
        self.account_id: AccountId = self.truth.account_id
        self.exchange, self.faults = exchange, faults
        self.lateness_seconds: float = ABSENCE_SECONDS  # within this a request arrives and is to be found, or never
        self.witness = Witness(self._is_live, exchange.holds, history)
        self.sent = self.witness.sent
        self.is_away: Callable[[], bool] = lambda: False
        self.is_barred: Callable[[Order], bool] = lambda order: False  # halted for new risk, as the platform answered
        self.on_wire: Wire = lambda phase: None
        self.capabilities = replace(self.truth.capabilities, absence_seconds=ABSENCE_SECONDS)
        exchange.tells_legs = lambda order: self.sent[order.client_order_id].tells_legs
        self.lost_at: datetime | None = None  # when a report was lost last
        self._clock, self._chances, self._history = clock, chances, history
        self._line = Line()
        self._awaited: dict[ClientOrderId, datetime] = {}
        self._wakes: list[Callable[[], None]] = []
        self._refuses = False  # the request that arrives now
        self._session_from = 0  # of the truth's order numbers, where the broker numbers anew

    def submit(self, order: Order) -> None:
        """Send a new order."""
        known = self.witness.meet(order, self._clock.now())
        if order.effect is Effect.OPEN and self.is_barred(order):
            self.witness.breach("no new risk while halted", f"{order.client_order_id} was sent")
        self._send("submit", order.client_order_id, lambda: self._arrive(known, order))

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move the limit of a working order."""
        self._send("replace", client_order_id, lambda: self._replace(client_order_id, limit_price, revision))

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel a working order."""
        self._send("cancel", client_order_id, lambda: self._cancel(client_order_id))

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Trade shares; nobody of the simulation asks for it, so no lie is told about it."""
        self._check_line()
        return self.truth.trade_shares(order)

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel a working order that is not ours."""
        self._check_line()
        self.truth.cancel_orphan(broker_order_id)

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up in the books, which may lag behind what arrived."""
        self._check_line()
        known = self.sent.get(client_order_id)
        if known is None or known.visible_at is None or self._clock.now() < known.visible_at:
            return None
        found = self.truth.find(client_order_id)
        return None if found is None else replace(found, broker_order_id=self._number(found.broker_order_id))

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports let out after ``sequence``."""
        self._check_line()
        return self.witness.stream[sequence:]

    def account(self) -> AccountSnapshot:
        """Return the balances."""
        self._check_line()
        return self.truth.account()

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held."""
        self._check_line()
        return self.truth.holdings()

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return the orders that work, as the books show them by now."""
        self._check_line()
        there = self.truth.open_orders()
        found = [self.find(one.client_order_id) if one.client_order_id else one for one in there]
        return [order for order in found if order is not None]

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after a sequence."""
        self._check_line()
        told = self.truth.transactions(after)
        self.witness.tell_transactions(told)
        return told

    def preview(self, order: Order) -> Preview:
        """Return what the truth would say of the order."""
        self._check_line()
        return self.truth.preview(order)

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when a report is let out."""
        self._wakes.append(wake)

    def tick(self) -> None:
        """Let arrive, trade and be told what is due by now."""
        now = self._clock.now()
        while due := min((one for one in self._line.requests if one.arrives_at <= now), key=_first, default=None):
            self._line.requests.remove(due)
            due.carry_out()
        self.exchange.trade(self.truth, self.sent, self.faults, self.witness.stream)
        self._take_truth(now)
        if not self.is_away():
            self._let_out(now)

    def begin_session(self) -> None:
        """Forget who listened; a broker that numbers anew begins to."""
        self._wakes.clear()
        if self.faults.rate(Fault.NUMBERS_ARE_REUSED):
            self._session_from = len(self.sent)

    def calm_down(self) -> None:
        """Stop lying; what is on its way comes now."""
        self.faults = Faults()
        now = self._clock.now()
        self._line.requests = [replace(one, arrives_at=now) for one in self._line.requests]
        self._line.reports = [replace(one, at=now) for one in self._line.reports]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way."""
        return not (self._line.requests or self._line.reports or self.truth.reports_since(self._line.read))

    @property
    def reports_let_out(self) -> int:
        """How many reports the platform could read so far."""
        return len(self.witness.stream)

    def next_at(self, now: datetime) -> datetime | None:
        """Return when something on the line is due next, or when an order without an answer is worth another look."""
        waiting = [one.arrives_at for one in self._line.requests] + [one.at for one in self._line.reports]
        self._awaited = {order: until for order, until in self._awaited.items() if until > now}
        if self._awaited:
            waiting.append(now + timedelta(seconds=15))
        return min(waiting, default=None)

    def _send(self, verb: str, client_order_id: ClientOrderId, carry_out: Callable[[], None]) -> None:
        self.on_wire("before")
        self._history.note("wire", f"{verb} {client_order_id}")
        self._check_line()
        now = self._clock.now()
        self._awaited[client_order_id] = now + timedelta(minutes=3)
        if self._happens(Fault.REQUEST_FAILS):
            raise BrokerUnavailable(f"{verb}: unavailable")
        if self._happens(Fault.REQUEST_IS_LOST):
            raise OutcomeUnknown(f"{verb}: no answer")
        if self._happens(Fault.REQUEST_ARRIVES_LATE):
            self._line.count += 1
            arrives_at = now + self._chances.seconds(0.5, self.lateness_seconds / 2)
            self._line.requests.append(_Sent(arrives_at, self._line.count, carry_out))
            raise OutcomeUnknown(f"{verb}: no answer")
        self._refuses = self._happens(Fault.REQUEST_IS_REFUSED)
        carry_out()
        self._take_truth(now)
        self.on_wire("after")
        if self._happens(Fault.ANSWER_IS_LOST):
            raise OutcomeUnknown(f"{verb}: the server failed after taking it")

    def _arrive(self, known: Wireside, order: Order) -> None:
        now = self._clock.now()
        self.witness.arrive(known)
        lag = self._chances.seconds(0.1, ABSENCE_SECONDS / 2 - 1) if self._happens(Fault.BOOKS_LAG) else timedelta(0)
        known.visible_at = known.visible_at or now + lag
        if known.arrivals == 1:
            known.tells_legs = self._happens(Fault.LEGS_ARE_TOLD_ALONE)
        if order.effect is Effect.CLOSE and order.quantity > self.exchange.closable(order) and known.arrivals == 1:
            self._refuses = True  # a broker does not let a closing order open the reverse
        self._plan_refusal()
        self.truth.submit(order)

    def _is_live(self, client_order_id: ClientOrderId) -> bool:
        found = self.truth.find(client_order_id)
        return found is not None and found.is_open

    def _replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        self._plan_refusal()
        self.truth.replace(client_order_id, limit_price, revision)

    def _plan_refusal(self) -> None:
        if self._refuses:
            self.truth.plan(Trouble.REFUSED)
        self._refuses = False

    def _cancel(self, client_order_id: ClientOrderId) -> None:
        fills_first = self._happens(Fault.FILL_AFTER_END) and self._is_live(client_order_id)
        self._plan_refusal()
        self.truth.cancel(client_order_id)
        if fills_first and not self._is_live(client_order_id):
            self.exchange.fill_late(self.truth, self.sent[client_order_id].order)

    def _take_truth(self, now: datetime) -> None:
        fresh = self.truth.reports_since(self._line.read)
        self._line.read += len(fresh)
        for report in fresh:
            if self._happens(Fault.REPORT_IS_LOST):
                self._history.note("wire", f"loses {report.kind.value} {report.client_order_id}")
                self.lost_at = now
                continue
            delay = SOON
            if self._happens(Fault.REPORT_IS_LATE):
                delay = self._chances.seconds(1, 7200 if self._chances.happens(0.1) else 60)
            if self._happens(Fault.REPORTS_ARE_SHUFFLED):
                delay += self._chances.seconds(0.01, 3)
            self._tell(report, now + delay)
            if self._happens(Fault.REPORT_IS_REPEATED):
                self._tell(report, now + delay + self._chances.seconds(0.01, 600))

    def _tell(self, report: BrokerReport, at: datetime) -> None:
        self._line.count += 1
        self._line.reports.append(_Told(at, self._line.count, report))

    def _let_out(self, now: datetime) -> None:
        due = sorted((told for told in self._line.reports if told.at <= now), key=lambda told: (told.at, told.number))
        self._line.reports = [told for told in self._line.reports if told.at > now]
        for told in due:
            number = told.report.broker_order_id
            said = replace(
                told.report,
                sequence=len(self.witness.stream) + 1,
                broker_order_id=None if number is None else self._number(number),
            )
            self.witness.tell(said)
            self._awaited.pop(said.client_order_id, None)
            amount = "" if said.fill is None else f" {said.fill.quantity} at {said.fill.price}"
            if said.execution is not None:
                amount = f" {said.execution.quantity:+d} {said.execution.contract.notation} at {said.execution.price}"
            self._history.note("report", f"{said.sequence} {said.kind.value} {said.client_order_id}{amount}")
            for wake in self._wakes:
                wake()

    def _number(self, number: BrokerOrderId) -> BrokerOrderId:
        if not self._session_from:
            return number
        counted = int(number.removeprefix("S-")) - self._session_from
        return BrokerOrderId(f"S-{counted if counted > 0 else counted + self._session_from:06d}")

    def _check_line(self) -> None:
        if self.is_away():
            raise BrokerUnavailable("the lying broker is away")

    def _happens(self, fault: Fault) -> bool:
        rate = self.faults.rate(fault)
        return rate > 0 and self._chances.happens(rate)


def _first(one: _Sent) -> tuple[datetime, int]:
    return one.arrives_at, one.number
