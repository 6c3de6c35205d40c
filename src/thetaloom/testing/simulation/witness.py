"""What the broker itself can witness: which orders came, how often, beside which others, and how fast."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.testing.simulation.history import History

ENDS = frozenset({ReportKind.CANCELED, ReportKind.REJECTED, ReportKind.EXPIRED})
BY_PART = frozenset({OrderPurpose.TARGET, OrderPurpose.LADDER})
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Wireside:
    """What the simulation knows of each order that was ever sent, whatever the platform believes."""

    order: Order
    arrivals: int = 0
    visible_at: datetime | None = None
    is_told_ended: bool = False  # the platform was told that it ended
    tells_legs: bool = False  # each leg is reported by itself
    told: Counter[OptionContract] = field(default_factory=Counter)  # contracts done, as reports and transactions told


@dataclass(slots=True)
class Breach:
    """A law broken before the broker's own eyes."""

    invariant: str
    message: str


class Witness:
    """Keeps what was sent and what the platform was told, and notes each law that a request breaks."""

    def __init__(
        self,
        is_live: Callable[[ClientOrderId], bool],
        truly_held: Callable[[RunId, OptionContract], int],
        history: History,
    ) -> None:
        self.sent: dict[ClientOrderId, Wireside] = {}
        self.stream: list[BrokerReport] = []  # all that the platform could read so far
        self.breaches: list[Breach] = []
        self.held: dict[RunId, Counter[OptionContract]] = {}  # by each run, as reports told
        self.told: dict[RunId, Counter[OptionContract]] = {}  # and as reports and transactions told
        self._reported: set[str] = set()  # the legs of fills of which reports told, by the ids of their transactions
        self._told: set[str] = set()  # and of which reports or transactions told
        self.entries_per_minute_max = 100
        self._is_live, self._truly_held, self._history = is_live, truly_held, history

    def meet(self, order: Order, now: datetime) -> Wireside:
        """Look at an order that is sent, arrived or not."""
        if order.client_order_id not in self.sent:
            self.sent[order.client_order_id] = Wireside(order)
            self._check_pace(order, now)
        return self.sent[order.client_order_id]

    def arrive(self, known: Wireside) -> None:
        """Look at an order that arrives."""
        order = known.order
        known.arrivals += 1
        if known.arrivals > 1:
            self.breach("no duplicate order", f"{order.client_order_id} arrived {known.arrivals} times")
        live = [one for one in self._beside(known) if _intent(one.order) == _intent(order)]
        if live:
            names = ", ".join(one.order.client_order_id for one in live)
            self.breach("one live order an intent", f"{order.client_order_id} arrived while {names} was live")
        if order.effect is Effect.CLOSE:
            self._check_closing(known)
        else:
            self._check_opening(order)

    def tell(self, report: BrokerReport) -> None:
        """Let a report out: from now on the platform can know what it says."""
        self.stream.append(report)
        known = self.sent[report.client_order_id]
        known.is_told_ended |= report.kind in ENDS
        legs: Sequence[tuple[str, OptionContract, int]] = ()
        if report.fill is not None:
            numbered = enumerate(report.fill.legs, start=1)
            legs = [(f"{report.fill.fill_id}-{number}", leg.contract, leg.quantity) for number, leg in numbered]
        elif report.execution is not None:
            done = report.execution
            legs = [(f"{done.execution_id}-1", done.contract, done.quantity)]
        for name, contract, quantity in legs:
            if name not in self._reported:
                self._reported.add(name)
                self.held.setdefault(known.order.run_id, Counter())[contract] += quantity
            self._learn(known, name, contract, quantity)

    def tell_transactions(self, told: Sequence[Transaction]) -> None:
        """Let transactions be read: what they say of our orders the platform can know before any report says it."""
        for one in told:
            known = None if one.client_order_id is None else self.sent.get(one.client_order_id)
            if known is not None and one.contract is not None:
                self._learn(known, one.transaction_id, one.contract, one.quantity)

    def _learn(self, known: Wireside, name: str, contract: OptionContract, quantity: int) -> None:
        if name not in self._told:
            self._told.add(name)
            known.told[contract] += quantity
            self.told.setdefault(known.order.run_id, Counter())[contract] += quantity

    def breach(self, invariant: str, message: str) -> None:
        """Note a law that was broken."""
        self.breaches.append(Breach(invariant, message))
        self._history.note("BREACH", f"{invariant}: {message}")

    def _beside(self, known: Wireside) -> list[Wireside]:
        # Others of the same run that live, and of which the platform was not told that they ended.
        return [
            one
            for one in self.sent.values()
            if one is not known
            and one.order.run_id == known.order.run_id
            and not one.is_told_ended
            and self._is_live(one.order.client_order_id)
        ]

    def _check_closing(self, known: Wireside) -> None:
        # As far as the platform could know, from reports or transactions, and with what else of its orders closes.
        closing = [one for one in (known, *self._beside(known)) if one.order.effect is Effect.CLOSE]
        run = known.order.run_id
        for what in _beyond(self.told.get(run, Counter()), [(one.order, one.told) for one in closing]):
            self.breach("no closing order beyond what is held", f"{known.order.client_order_id}: {what}")

    def _check_opening(self, order: Order) -> None:
        for run, held in self.held.items():
            for leg in order.legs:
                is_there = held[leg.contract] * leg.ratio < 0 and self._truly_held(run, leg.contract) != 0
                if run != order.run_id and is_there:
                    message = f"{order.client_order_id}: {leg.notation}, {run} holds {held[leg.contract]:+d}"
                    self.breach("no entry against another's contracts", message)

    def _check_pace(self, order: Order, now: datetime) -> None:
        if order.effect is not Effect.OPEN:
            return
        entries = [one.order for one in self.sent.values() if one.order.effect is Effect.OPEN]
        count = sum(now - entry.staged_at < MINUTE for entry in entries)
        if count > self.entries_per_minute_max:
            self.breach("no runaway", f"{order.client_order_id} is entry {count} within a minute")


def _intent(order: Order) -> tuple[Effect, OrderPurpose, str]:
    # A run has one entry and one exit at a time, and one target and one step of the ladder for each of its parts.
    return order.effect, order.purpose, order.part if order.purpose in BY_PART else ""


def _beyond(held: Counter[OptionContract], closing: Sequence[tuple[Order, Counter[OptionContract]]]) -> list[str]:
    wanted: Counter[OptionContract] = Counter()
    for order, done in closing:
        left = order.quantity - min(done[leg.contract] // leg.ratio for leg in order.legs)
        for leg in order.legs:
            wanted[leg.contract] += leg.ratio * left
    return [
        f"{number:+d} {contract.notation} of {held[contract]:+d} held"
        for contract, number in wanted.items()
        if number * held[contract] > 0 or abs(number) > abs(held[contract])
    ]
