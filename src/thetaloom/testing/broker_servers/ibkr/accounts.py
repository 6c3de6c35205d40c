"""The books of the exchange in the words of TWS: orders, executions, positions, balances."""

from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.money import Money
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.ibkr.listing import Listing
from thetaloom.testing.broker_servers.ibkr.telling import ToldContract, ToldExecution, ToldOrder

STATUSES = {
    OrderStatus.WORKING: "Submitted",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
    OrderStatus.REJECTED: "Inactive",
}
COMPLETED = {
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled by Trader",
    OrderStatus.EXPIRED: "Cancelled by System",
    OrderStatus.REJECTED: "Rejected",
}


@dataclass(slots=True, kw_only=True)
class Placed:
    """How an order came: under which ids of the client's, and as what."""

    client_id: int = 0
    order_id: int = 0  # zero: placed by hand in TWS
    action: str = "BUY"


class Accounts:
    """What TWS knows of the one account."""

    def __init__(self, backend: Backend, listing: Listing) -> None:
        self._backend = backend
        self._listing = listing
        number = backend.account_number
        is_shaped = number.startswith("U") if backend.is_live else number.startswith("D")
        self.number = number if is_shaped else ("U" if backend.is_live else "DU") + number
        self._shares: dict[str, int] = {}
        self._counted = 0
        self.placed: dict[BrokerOrderId, Placed] = {}
        self.stands: dict[BrokerOrderId, str] = {}  # how orders that work stand, where that is not Submitted
        self.why_held: dict[BrokerOrderId, str] = {}
        self.currency = "USD"

    def order(self, number: BrokerOrderId) -> ToldOrder | None:
        """Return an order; ``None`` where the books do not show it."""
        found = self._backend.order(number)
        return None if found is None else self.told(found)

    def orders(self) -> list[ToldOrder]:
        """Return all orders."""
        return [self.told(one) for one in self._backend.orders()]

    def told(self, one: BrokerOrder) -> ToldOrder:
        """Return an order in the words of TWS."""
        # An order placed by hand is bound by client 0 under a number below zero.
        placed = self.placed.get(one.broker_order_id) or Placed(order_id=-int(one.broker_order_id))
        is_single = len(one.legs) == 1
        ratio = abs(one.legs[0].ratio) if is_single else 1
        action = ("BUY" if one.legs[0].ratio > 0 else "SELL") if is_single else placed.action
        limit = Decimal(one.limit_price) / ratio
        legs = one.legs if action == "BUY" or is_single else [_turned(leg) for leg in one.legs]
        contract = self._listing.told(one.legs[0].contract) if is_single else self._listing.bag(legs)
        effect = self._backend.effect(one.broker_order_id)
        status = self.stands.get(one.broker_order_id, STATUSES[one.status]) if one.is_open else STATUSES[one.status]
        return ToldOrder(
            order_id=placed.order_id,
            client_id=placed.client_id,
            perm_id=int(one.broker_order_id),
            contract=contract,
            action=action,
            quantity=Decimal(one.quantity * ratio),
            limit=limit if action == "SELL" else -limit,
            time_in_force=self._backend.time_in_force(one.broker_order_id).value,
            account=self.number,
            open_close="C" if effect is Effect.CLOSE else "O",
            reference=one.client_order_id or "",
            status=status,
            filled=Decimal(one.filled * ratio),
            remaining=Decimal((one.quantity - one.filled) * ratio) if one.is_open else Decimal(0),
            why_held=self.why_held.get(one.broker_order_id, ""),
            completed_status="" if one.is_open else COMPLETED[one.status],
            completed_at=None if one.is_open else self._backend.clock.now(),
        )

    def executions(self, transaction: Transaction, number: int) -> ToldExecution | None:
        """Return a trade as an execution; ``None`` for what moved without one."""
        if transaction.kind is not TransactionKind.TRADE or not transaction.quantity:
            return None
        if transaction.transaction_id.endswith(":taken-back"):
            return None  # TWS does not say so: the execution is told no more, and the position has changed
        revision = 1
        if transaction.corrects:
            rows = self._backend.transactions()
            number = next(one.sequence for one in rows if one.transaction_id == transaction.corrects)
            revision = 2
        placed = self.placed.get(transaction.broker_order_id or BrokerOrderId(""), Placed())
        contract = self._contract(transaction)
        price = Decimal(transaction.price or 0)
        return ToldExecution(
            execution_id=f"0000e0d5.{number:08x}.01.{revision:02}",
            order_id=placed.order_id,
            client_id=placed.client_id,
            perm_id=int(transaction.broker_order_id or 0),
            reference=transaction.client_order_id or "",
            account=self.number,
            contract=contract,
            side="BOT" if transaction.quantity > 0 else "SLD",
            quantity=Decimal(abs(transaction.quantity)),
            price=price,
            cumulative=Decimal(abs(transaction.quantity)),
            at=transaction.happened_at,
            commission=-Decimal(transaction.fees),
        )

    def positions(self) -> list[tuple[ToldContract, int]]:
        """Return what is held."""
        options = [(self._listing.told(one), held) for one, held in self._backend.holdings().items()]
        return options + [(self._listing.shares(symbol), held) for symbol, held in self._held_shares().items()]

    def _held_shares(self) -> dict[str, int]:
        # The backend tells shares with the balances only, and for those it solves the margin of the whole account.
        fresh = self._backend.transactions(self._counted)
        for one in fresh:
            self._counted = max(self._counted, one.sequence)
            if one.contract is None and one.quantity:
                self._shares[one.symbol] = self._shares.get(one.symbol, 0) + one.quantity
        return {symbol: held for symbol, held in self._shares.items() if held}

    def values(self) -> dict[str, str]:
        """Return the balances by tag; what is not known is left out."""
        account = self._backend.account()
        told: dict[str, Money | None] = {
            "NetLiquidation": account.net_liquidating_value,
            "TotalCashValue": account.cash,
            "BuyingPower": account.buying_power,
            "AvailableFunds": account.buying_power,
            "EquityWithLoanValue": account.net_liquidating_value,
        }
        kind = "CASH" if account.is_cash_account else "INDIVIDUAL"
        return {"AccountType": kind} | {tag: str(one) for tag, one in told.items() if one is not None}

    def _contract(self, transaction: Transaction) -> ToldContract:
        if transaction.contract is None:
            return self._listing.shares(transaction.symbol)
        return self._listing.told(transaction.contract, exchange="CBOE")


def _turned(leg: Leg) -> Leg:
    return Leg(contract=leg.contract, ratio=-leg.ratio)
