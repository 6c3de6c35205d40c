"""Executions and their commissions, in whatever order TWS tells them, written once each.

A leg's execution is written when its commission is there, or without it after a while: a position must not wait for
a fee. A commission that comes later still is booked by itself. The summary that TWS sends of a combination as a whole
(it has the combination as its contract) is no execution: its legs are.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from ib_async import CommissionReport, Contract, Execution

from thetaloom.brokers.ibkr import parse
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.book.transactions import Transaction, TransactionKind, corrected, taken_back
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput
from thetaloom.links.nonsense import NONSENSE
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.clock import Clock

log = structlog.get_logger()

OPTION = "OPT"
TRADED = frozenset({OPTION, "STK"})  # as positions are read: currencies, futures and bonds are none of ours
MARK, BACK = "exec:", ":taken-back"  # of the ids of transactions
NEW_YORK = ZoneInfo("America/New_York")
COUNT_MAX = 10_000_000
AHEAD_MAX, EARLIEST_AT = timedelta(days=1), datetime(2000, 1, 1, tzinfo=UTC)  # of what can have happened
Whose = Callable[[Execution], ClientOrderId | None]


class Executions:
    """Writes executions into the book; its methods run in the loop of the connection."""

    def __init__(
        self,
        book: ReportBook,
        whose: Whose,
        learn: Callable[[Contract], OptionContract | None],
        wait_seconds: float,
        account: str,
        clock: Clock,
    ) -> None:
        self._book = book
        self._whose = whose
        self._learn = learn
        self._wait_seconds = wait_seconds
        self._account = account
        self._clock = clock
        self._waiting: dict[str, tuple[Contract, Execution]] = {}  # by the id of the execution
        self._commissions: dict[str, Money] = {}
        self._written: dict[str, _Written] = {}

    def told(self, contract: Contract, execution: Execution) -> None:
        """Take an execution; one that is written already, or of a combination as a whole, changes nothing."""
        if contract.secType not in TRADED or execution.acctNumber not in {"", self._account}:
            return
        if not self._can_be(contract, execution):
            log.warning("ibkr_execution_unreadable", execution_id=execution.execId[:40])
            return
        number = execution.execId
        fees = self._commissions.pop(number, None)
        if fees is not None:
            self._write(contract, execution, fees)
        elif number not in self._waiting and self._known(number) is None:
            self._waiting[number] = (contract, execution)
            asyncio.get_running_loop().call_later(self._wait_seconds, self._give_up, number)

    def _can_be(self, contract: Contract, execution: Execution) -> bool:
        """Tell whether it can have happened, and to the order that it names."""
        try:
            side, shares, at = parse.sign_of(execution.side), execution.shares, execution.time
            revision = parse.execution_base(execution.execId)[1]
            is_whole = -(revision > 1) < shares <= COUNT_MAX and shares == int(shares)
            is_in_time = EARLIEST_AT < at < self._clock.now() + AHEAD_MAX
        except (InvalidInput, *NONSENSE):
            return False
        if not (is_whole and is_in_time and execution.execId and parse.price_of(execution.price) is not None):
            return False
        ours = self._whose(execution)
        sent = None if ours is None else self._book.sent(ours)
        option = self._learn(contract)
        if option is None and contract.secType == OPTION:
            return False
        return sent is None or any(leg.contract == option and leg.ratio * side > 0 for leg in sent.order.legs)

    def cost(self, report: CommissionReport) -> None:
        """Take what an execution cost."""
        number, fees = report.execId, -(parse.money_of(report.commission) or NOTHING)
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._write(*waiting, fees)
            return
        known = self._known(number)
        if known is None:
            self._commissions[number] = fees
        elif not known.has_fees:
            self._keep(known.with_fees())
            self._write_late(number, fees)

    def flush(self) -> None:
        """Write what still waits for its commission; for the end of the connection."""
        for number in list(self._waiting):
            self._give_up(number)

    def _give_up(self, number: str) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            self._write(*waiting, None)

    def _write(self, contract: Contract, execution: Execution, fees: Money | None) -> None:
        base, revision = parse.execution_base(execution.execId)
        price = parse.price_of(execution.price)
        before = self._kept(base)
        if price is None or (before is not None and before.revision >= revision):
            return
        if before is None and not execution.shares:
            return  # busted before we heard of it
        quantity = int(execution.shares) * parse.sign_of(execution.side)
        if before is None:
            self._write_new(contract, execution, base, quantity, price, fees)
        else:
            self._correct(base, execution, quantity, price)
        self._keep(_Written(base=base, revision=revision, price=price, has_fees=fees is not None))

    def _write_new(
        self, contract: Contract, execution: Execution, base: str, quantity: int, price: Price, fees: Money | None
    ) -> None:
        option = self._learn(contract)
        client_order_id = self._whose(execution)
        perm_id = BrokerOrderId(str(execution.permId)) if execution.permId else None
        multiplier = option.multiplier if option is not None else 1
        self._book.record(
            [
                Transaction(
                    sequence=0,
                    transaction_id=f"exec:{base}",
                    kind=TransactionKind.TRADE,
                    happened_at=execution.time,
                    symbol=canonical_symbol(contract.symbol) if option is None else option.underlying,
                    contract=option,
                    quantity=quantity,
                    price=price,
                    cash=price.times(multiplier, -quantity),
                    fees=fees or NOTHING,
                    client_order_id=client_order_id,
                    broker_order_id=perm_id,
                )
            ]
        )
        if option is None or client_order_id is None:
            return
        done = LegExecution(
            execution_id=FillId(f"exec:{base}"),
            client_order_id=client_order_id,
            contract=option,
            quantity=quantity,
            price=price,
            fees=fees or NOTHING,
            executed_at=execution.time,
        )
        at = execution.time
        self._book.report(
            f"exec:{base}", ReportKind.LEG_FILLED, client_order_id, at=at, broker_order_id=perm_id, execution=done
        )

    def gone(self, told: frozenset[str], differs: Mapping[OptionContract, int]) -> list[Transaction]:
        """Return what takes back trades whose executions TWS tells no more, where they are all that ``differs``.

        TWS has no word for a trade that was busted: the execution is left out of its list, and the position changes.
        Only trades of our orders count: of those of other clients its list need not tell.
        """
        rows, now = self._book.transactions(0), self._clock.now()
        today, corrected = now.astimezone(NEW_YORK).date(), {one.corrects for one in rows}
        ours = {_base_of(one) for one in rows if one.client_order_id is not None} - told
        found: list[Transaction] = []
        for contract, difference in differs.items():
            mine = [
                one
                for one in rows
                if one.contract == contract
                and one.transaction_id.startswith(MARK)
                and one.transaction_id not in corrected
                and not one.transaction_id.endswith(BACK)
                and one.happened_at.astimezone(NEW_YORK).date() == today
                and _base_of(one) in ours
            ]
            if mine and sum(one.quantity for one in mine) == -difference:
                found += [taken_back(one, f"{one.transaction_id}{BACK}", now) for one in mine]
        return found

    def _correct(self, base: str, execution: Execution, quantity: int, price: Price) -> None:
        # The trade that stands is taken back, and what it should have been stands in its place.
        rows = self._book.transactions(0)
        mine = [one for one in rows if _base_of(one) == base and not one.transaction_id.endswith(BACK)]
        if mine and (mine[-1].quantity, mine[-1].price) != (quantity, price):
            name = f"{MARK}{execution.execId}"
            self._book.record(corrected(mine[-1], name, self._clock.now(), quantity=quantity, price=price))

    def _write_late(self, number: str, fees: Money) -> None:
        base, _ = parse.execution_base(number)
        traded = next((one for one in self._book.transactions(0) if one.transaction_id == f"exec:{base}"), None)
        if traded is not None and fees:
            self._book.record(
                [
                    Transaction(
                        sequence=0,
                        transaction_id=f"fee:{number}",
                        kind=TransactionKind.FEE,
                        happened_at=traded.happened_at,
                        symbol=traded.symbol,
                        contract=None,
                        quantity=0,
                        price=None,
                        cash=NOTHING,
                        fees=fees,
                        client_order_id=traded.client_order_id,
                        broker_order_id=traded.broker_order_id,
                    )
                ]
            )

    def _known(self, number: str) -> "_Written | None":
        base, revision = parse.execution_base(number)
        kept = self._kept(base)
        return None if kept is None or kept.revision < revision else kept

    def _kept(self, base: str) -> "_Written | None":
        if base not in self._written:
            text = self._book.mark(f"exec:{base}")
            if text is None:
                return None
            revision, price, has_fees = text.split()
            self._written[base] = _Written(
                base=base, revision=int(revision), price=Price(price), has_fees=has_fees == "1"
            )
        return self._written[base]

    def _keep(self, one: "_Written") -> None:
        self._written[one.base] = one
        self._book.put_mark(f"exec:{one.base}", f"{one.revision} {one.price} {int(one.has_fees)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """An execution that is in the book."""

    base: str
    revision: int
    price: Price
    has_fees: bool

    def with_fees(self) -> "_Written":
        return replace(self, has_fees=True)


def _base_of(one: Transaction) -> str:
    """Return which execution a transaction is of, in whichever of its corrections; nothing for any other."""
    name = one.transaction_id
    if not name.startswith(MARK):
        return ""
    return parse.execution_base(name.removeprefix(MARK))[0] if one.corrects else name.removeprefix(MARK)
