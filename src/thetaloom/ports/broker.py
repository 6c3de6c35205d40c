"""The broker: takes orders and answers only through its reports and its books."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder, BrokerReport
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerNote:
    """One fact about a broker that no number tells: its signs, ticks, cut-offs, and what its test site lacks."""

    topic: str  # as "price sign", "tick", "cut-off", "rate limit", "paper account", "maintenance"
    text: str
    source: str  # where it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCapabilities:
    """What a broker can do, so that nobody has to find out with an order."""

    legs_max: int  # of one order
    gtc: bool  # orders of several legs may rest over many sessions
    replace: bool  # a working order's limit can be moved without a gap in which none works
    native_oco: bool
    absence_seconds: int  # how long an order that ``find`` does not know may still turn up
    orders_per_second: int  # requests that it takes without refusing more
    shares: bool = False  # it trades shares for us, at once or not at all; see ``trade_shares``
    exact_books: bool = False  # a call that is over is in its books or never will be, and none is taken twice
    legs_min: int = 1  # of an order that is sent as a combination
    ratio_max: int = 100  # the largest ratio of a leg
    market_orders: bool = False  # of several legs
    keeps_id_on_replace: bool = True  # else a replacement is a new order in the broker's books
    replace_keeps_place: bool = False  # whether the parts filled before count against the replacement's quantity
    reports_by_leg: bool = False  # executions come leg by leg, in any order
    native_otoco: bool = False
    refuses_known_ids: bool = (
        True  # a client order id of ours that it has seen before is refused or answered, not traded
    )
    client_order_id_length_max: int = 64
    preview: bool = True  # it says what an order would do without placing it
    cancels_per_second: int | None = None  # that it takes in an emergency; None: as ``orders_per_second``
    working_orders_max: int | None = None  # a contract and side
    notes: tuple[BrokerNote, ...] = ()  # what a person should know, for the page of the docs


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a broker says that an order would do; nothing was placed."""

    buying_power_effect: Money | None  # what it would tie up, fees included; negative where it frees something
    buying_power_after: Money | None
    fees: Money | None  # negative: we would pay them
    refusal: Refusal | None = None  # None: it would be taken
    message: str = ""


class Broker(Protocol):
    """One account at one broker.

    Every call may raise ``BrokerUnavailable`` (nothing reached the broker) or ``OutcomeUnknown`` (it may have).
    What became of a request comes as a report; reports are kept until the end of time and read by sequence.
    """

    name: str
    account_id: AccountId
    simulated: bool

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What this broker can do."""
        ...

    def preview(self, order: Order) -> Preview:
        """Say what an order would do, without placing it; what the broker does not tell is ``None``."""
        ...

    def submit(self, order: Order) -> None:
        """Send a new order. A client order id that the broker has seen before is not a second order."""
        ...

    def trade_shares(self, order: ShareOrder) -> SharesAnswer:
        """Trade shares at once at the market, or refuse; never more than are held. An id seen before is no second.

        What was traded is in the transactions under the client order id when the call is over.
        """
        ...

    def replace(self, client_order_id: ClientOrderId, limit_price: Price, revision: int) -> None:
        """Ask to move the limit of a working order."""
        ...

    def cancel(self, client_order_id: ClientOrderId) -> None:
        """Ask to cancel a working order."""
        ...

    def cancel_orphan(self, broker_order_id: BrokerOrderId) -> None:
        """Ask to cancel a working order that is not ours. Raises ``NotFound`` where no such order works."""
        ...

    def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look the order up in the broker's books; ``None`` proves that it never arrived."""
        ...

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Return all orders that work, oldest first, also those that were placed elsewhere."""
        ...

    def reports_since(self, sequence: int) -> Sequence[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        ...

    def account(self) -> AccountSnapshot:
        """Return the balances."""
        ...

    def holdings(self) -> Mapping[OptionContract, int]:
        """Return the contracts held, bought positive and sold negative, by the broker's books."""
        ...

    def transactions(self, after: int) -> Sequence[Transaction]:
        """Return the transactions after the sequence ``after``, oldest first; they are kept until the end of time.

        A trade of ours has the id that its report has, of the fill or of the execution: else it would count twice.
        """
        ...

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from any thread, when there is a new report."""
        ...


@runtime_checkable
class CancelsTogether(Protocol):
    """A broker at which many orders are canceled with fewer questions, or better, than one by one."""

    def cancel_together(self, broker_order_ids: frozenset[BrokerOrderId]) -> Mapping[BrokerOrderId, str]:
        """Ask to cancel working orders, whoever placed them; return why not, by order, where it cannot be asked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """What closes a position: a limit at the target, and a stop; when one of the two is done the other ends."""

    target: Order
    stop: Order  # at the trigger it closes at the market, or at its limit where a broker takes no other stop
    stop_trigger: Price


@runtime_checkable
class KeepsGroups(Protocol):
    """A broker that itself keeps orders which depend on each other; see ``native_oco`` and ``native_otoco``.

    Each member is an order of ours with reports of its own. The engine works its exits itself, at every broker alike.
    """

    def place_oco(self, bracket: Bracket) -> str | None:
        """Place target and stop, of which one cancels the other; return the pair's id, ``None`` where refused."""
        ...

    def place_otoco(self, entry: Order, bracket: Bracket) -> str | None:
        """Place an entry that brings target and stop with it once it is filled."""
        ...

    def cancel_group(self, group: str) -> None:
        """Cancel all that still works of a group. Raises ``NotFound`` where there is none of that id."""
        ...


class SimulatedBroker(Broker, Protocol):
    """A broker whose exchange is ours: somebody must tell it that the market moved."""

    def tick(self) -> None:
        """Look at the market as it is now: fill what fills, expire what expires, settle what has settled."""
        ...
