"""The scripted broker's account: what is held, the cash, and what happens to both without an order of ours."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.book.transactions import Transaction, TransactionKind, expiration_transactions
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.clock import Clock
from thetaloom.testing.builders import Number
from thetaloom.testing.scripted_transactions import after, after_correction, ended, moved, traded


class ScriptedAccount:
    """One account and its transactions; a test may change ``held`` and ``balances`` behind everybody's back."""

    def __init__(self, clock: Clock, *, account_id: AccountId, cash: Number, is_live: bool) -> None:
        self.clock, self.account_id, self.is_live = clock, account_id, is_live
        self.happened: list[Transaction] = []
        self.balances: AccountSnapshot = AccountSnapshot(
            account_id=account_id,
            as_of=clock.now(),
            cash=Money(str(cash)),
            net_liquidating_value=Money(str(cash)),
            buying_power=Money(str(cash)),
            is_live=is_live,
        )
        self.held: dict[OptionContract, int] = {}  # a test may change it: trades made elsewhere, assignments
        self._wakes: list[Callable[[], None]] = []

    def record(self, happened: Iterable[Transaction]) -> None:
        """Book transactions."""
        for one in happened:
            kept = replace(one, sequence=len(self.happened) + 1)
            self.happened.append(kept)
            self.held, self.balances = after(self.held, self.balances, kept)

    def assign(self, contract: OptionContract, quantity: int | None = None, *, spot: Price | None = None) -> None:
        """Let sold contracts be exercised against the account, by default all; those of an index need a spot."""
        count = max(0, -self.held.get(contract, 0)) if quantity is None else quantity
        self._happen(lambda name, at: ended(self.held, contract, -count, spot, at, name))

    def exercise(self, contract: OptionContract, quantity: int | None = None, *, spot: Price | None = None) -> None:
        """Exercise bought contracts, by default all; those of an index need a spot."""
        count = max(0, self.held.get(contract, 0)) if quantity is None else quantity
        self._happen(lambda name, at: ended(self.held, contract, count, spot, at, name))

    def settle(self, contract: OptionContract, spot: Price) -> None:
        """Let what is held of a contract end at a price of its underlying."""
        held = self.held[contract]
        self._happen(lambda name, at: expiration_transactions(contract, held, spot, at, name))

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself, by default all of them and for nothing."""
        held = self.held.get(contract, 0)
        leg, paid = Leg(contract=contract, ratio=-1 if held > 0 else 1), price or Price(0)
        self._happen(lambda name, at: traded([leg], quantity or abs(held), paid * -leg.ratio, at, name))

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade structures as another program would."""
        self._happen(lambda name, at: traded(legs, quantity, price or Price(0), at, name))

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price) -> None:
        """Buy shares as another program would, or sell them when negative."""
        self.post(TransactionKind.TRADE, price.times(-quantity), symbol=symbol, shares=quantity)

    def bust(self, contract: OptionContract) -> None:
        """Let the exchange take back the newest trade of a contract."""
        self._happen(lambda _, at: after_correction(self.happened, contract, 0, None, at))

    def correct(self, contract: OptionContract, quantity: int, price: Price) -> None:
        """Let the newest trade of a contract have been of so many contracts at another price."""
        self._happen(lambda _, at: after_correction(self.happened, contract, quantity, price, at))

    def post(self, kind: TransactionKind, cash: Money, *, symbol: str = "", shares: int = 0) -> None:
        """Move cash, and shares where told: dividends, interest, fees, transfers."""
        self._happen(lambda name, at: (moved(kind, cash, at, name, symbol=symbol, shares=shares),))

    def _happen(self, make: Callable[[str, datetime], Iterable[Transaction]]) -> None:
        happened = make(f"T-{len(self.happened) + 1:06d}", self.clock.now())
        self.record(replace(one, client_order_id=None, broker_order_id=None) for one in happened)
        for wake in self._wakes:
            wake()
