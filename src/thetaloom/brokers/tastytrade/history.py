"""tastytrade's history in our book: a trade goes under the ids of its executions, so that one fact counts once.

The history and the orders name an execution differently, and both are read. What only one of them knew by an id of
its own would be booked twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from tastytrade.account import Transaction as WireTransaction

from thetaloom.brokers.tastytrade.parse import is_delivery, transaction_of
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.settlements import DELIVERS
from thetaloom.domain.book.transactions import Transaction, TransactionKind, taken_back
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.clock import Clock

log = structlog.get_logger()

ALONE_MAX = timedelta(minutes=10)  # shares whose contracts are told later than this came from elsewhere
RECORDED = "transaction:"  # begins the mark of one that was written down under other ids


class History:
    """Writes the transactions of one account into its book, each once."""

    def __init__(self, book: ReportBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._recorded: set[int] = set()
        self._alone: dict[int, datetime] = {}  # since when shares wait for the contracts that they came of

    def record(self, found: Sequence[WireTransaction], asked: frozenset[int]) -> frozenset[int]:
        """Write what is new; return the orders that must tell their fills first. ``asked`` have told all they know.

        An order that nobody knows may be ours: a replacement, or one whose answer was lost. It is asked for first.
        """
        known = list(self._book.transactions(0))
        ids, held = {one.transaction_id for one in known}, dict[OptionContract, int]()
        for old in known:
            _move(held, old)
        untold, untold_ids = set[int](), set[int]()  # orders, and trades: what reverses one waits with it
        for one in sorted(found, key=lambda one: (one.executed_at, is_delivery(one))):  # shares after their contracts
            if str(one.id) in ids or self._is_recorded(one) or one.reverses_id in untold_ids:
                continue
            sent = None if one.order_id is None else self._book.sent_as(BrokerOrderId(str(one.order_id)))
            moved = transaction_of(one, None if sent is None else sent.client_order_id, held)
            if moved is not None and is_delivery(one):
                moved = self._delivered(one.id, moved, known)
            if moved is None:
                continue
            parts = self._reversed(one, moved, known) or self._parts(moved, sent, ids) or replacement(moved, known)
            if one.order_id is not None and (not parts or (sent is None and one.order_id not in asked)):
                untold.add(one.order_id)
                untold_ids.add(one.id)
                continue
            self._book.record(parts)
            self._mark(one, parts)
            known += parts
            ids |= {part.transaction_id for part in parts}
            _move(held, moved)
        for number in untold & asked:
            log.warning("tastytrade_trade_without_fill", order_id=number)  # it waits, and the balance will not add up
        return frozenset(untold)

    def _delivered(self, number: int, moved: Transaction, known: Sequence[Transaction]) -> Transaction | None:
        """Return shares under the kind of the contracts that they came of; ``None`` while those are not told yet."""
        kind = next((one.kind for one in known if _brought(one, moved)), None)
        if kind is not None:
            return replace(moved, kind=kind)
        now = self._clock.now()
        return moved if now - self._alone.setdefault(number, now) >= ALONE_MAX else None

    def _parts(self, moved: Transaction, sent: SentOrder | None, ids: set[str]) -> list[Transaction]:
        if sent is None or moved.contract is None:
            return [moved]
        told = [one.execution for one in self._book.reports_since(0) if one.client_order_id == sent.client_order_id]
        return as_executions(moved, [one for one in told if one is not None and one.execution_id not in ids])

    def _reversed(self, one: WireTransaction, moved: Transaction, known: Sequence[Transaction]) -> list[Transaction]:
        if one.reverses_id is None or moved.contract is None or moved.kind is not TransactionKind.TRADE:
            return []
        told = self._book.mark(f"{RECORDED}{one.reverses_id}") or ""
        before = {str(one.reverses_id), *told.split()}
        trades = [each for each in known if each.transaction_id in before and each.kind is TransactionKind.TRADE]
        return reversals(moved, trades)

    def _is_recorded(self, one: WireTransaction) -> bool:
        has_parts = one.order_id is not None or one.reverses_id is not None
        if has_parts and one.id not in self._recorded and self._book.mark(f"{RECORDED}{one.id}"):
            self._recorded.add(one.id)
        return one.id in self._recorded

    def _mark(self, one: WireTransaction, parts: Sequence[Transaction]) -> None:
        if [part.transaction_id for part in parts] != [str(one.id)]:
            self._book.put_mark(f"{RECORDED}{one.id}", " ".join(part.transaction_id for part in parts))
            self._recorded.add(one.id)


def as_executions(moved: Transaction, told: Iterable[LegExecution]) -> list[Transaction]:
    """Return a trade as one transaction for each of its executions, under their ids; none where they are not told.

    ``told`` are the executions of its order that no transaction was read of before. Those of one contract at one
    price are worth the same, whichever is taken; a trade at a price between several is all of them together.
    """
    size = 1 if moved.contract is None else moved.contract.multiplier
    same = [one for one in told if one.contract == moved.contract and one.quantity * moved.quantity > 0]
    chosen = _adding_up([one for one in same if one.price == moved.price], moved.quantity)
    if not chosen and sum(one.quantity for one in same) == moved.quantity:
        chosen = same
    cash = [one.price.times(size, -one.quantity) for one in chosen]
    rest = moved.cash - sum(cash, NOTHING)  # where their mean was rounded
    return [
        replace(
            moved,
            transaction_id=one.execution_id,
            quantity=one.quantity,
            price=one.price,
            cash=paid + rest if one is chosen[-1] else paid,
            fees=moved.fees if one is chosen[-1] else NOTHING,
        )
        for one, paid in zip(chosen, cash, strict=True)
    ]


def reversals(moved: Transaction, trades: Sequence[Transaction]) -> list[Transaction]:
    """Return a trade that was reversed as what takes back each of its executions, whichever side it names itself.

    One of a trade that nobody knows is the opposite of what moved its cash.
    """
    if not trades:
        sign = 1 if moved.cash < 0 else -1
        return [replace(moved, quantity=sign * abs(moved.quantity), client_order_id=None)]
    name = moved.transaction_id
    back = [
        taken_back(one, name if len(trades) == 1 else f"{name}:{number}", moved.happened_at)
        for number, one in enumerate(trades, start=1)
    ]
    rest = moved.cash + moved.fees - sum((one.cash for one in back), NOTHING)  # fees that were given back
    return [*back[:-1], replace(back[-1], cash=back[-1].cash + rest)]


def replacement(moved: Transaction, known: Sequence[Transaction]) -> list[Transaction]:
    """Return a trade that no execution of its order tells as what stands in the place of one that was taken back."""
    trade = next((each for each in known if _stands_for(moved, each, known)), None)
    return [] if trade is None else [replace(moved, client_order_id=None, corrects=trade.transaction_id)]


def _stands_for(moved: Transaction, trade: Transaction, known: Sequence[Transaction]) -> bool:
    """Tell whether a trade is what one that was taken back should have been: of its order, and not told before."""
    if moved.contract is None or (trade.contract, trade.broker_order_id) != (moved.contract, moved.broker_order_id):
        return False
    back = [one.quantity * trade.quantity for one in known if one.corrects == trade.transaction_id]
    return moved.quantity * trade.quantity > 0 and bool(back) and all(sign < 0 for sign in back)


def _brought(ended: Transaction, shares: Transaction) -> bool:
    """Tell whether shares came of contracts that ended."""
    contract = ended.contract
    return (
        contract is not None
        and ended.kind in DELIVERS
        and (ended.symbol, ended.happened_at) == (shares.symbol, shares.happened_at)
        and Price(contract.strike) == shares.price
        and abs(ended.quantity) * contract.multiplier == abs(shares.quantity)
    )


def _move(held: dict[OptionContract, int], moved: Transaction) -> None:
    if moved.contract is not None:
        held[moved.contract] = held.get(moved.contract, 0) + moved.quantity


def _adding_up(found: list[LegExecution], wanted: int) -> list[LegExecution]:
    exact = [one for one in found if one.quantity == wanted]
    if exact:
        return exact[:1]
    total = 0
    for number, one in enumerate(found, start=1):
        total += one.quantity
        if total == wanted:
            return found[:number]
    return []
