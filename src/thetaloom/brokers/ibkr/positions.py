"""What happens to holdings without an order: read off the positions, because TWS does not tell it otherwise.

Exercise, assignment and expiration come neither as executions nor as messages through the socket; the positions just
change. Where contracts, shares and cash fit one explanation and no other, it is written as that; what does not fit is
left for reconciliation to show, never guessed.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from thetaloom.domain.book.transactions import (
    Transaction,
    balance_of,
    cash_settled,
    exercised,
    expiration_transactions,
)
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import NOTHING, Money, Price

K = TypeVar("K")
MARK = "held"
CONTRACTS_MAX = 8  # that ended at once on one underlying and are still explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an account holds; ``sequence`` is of the newest transaction that is in it."""

    contracts: Mapping[OptionContract, int] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    cash: Money | None = None
    sequence: int = 0

    def after(self, happened: Sequence[Transaction]) -> "Held":
        """Return what is held once transactions are added."""
        moved = balance_of(NOTHING, happened)
        return Held(
            contracts=_sum(self.contracts, moved.contracts),
            shares=_sum(self.shares, moved.shares),
            cash=None if self.cash is None else self.cash + moved.cash,
            sequence=max([self.sequence, *(one.sequence for one in happened)]),
        )

    def to_text(self) -> str:
        """Return it as text for the book."""
        contracts = {f"{one.occ_symbol}|{one.multiplier}": held for one, held in self.contracts.items()}
        cash = None if self.cash is None else str(self.cash)
        told = {"sequence": self.sequence, "cash": cash, "shares": dict(self.shares), "contracts": contracts}
        return json.dumps(told, sort_keys=True)


def read_held(text: str) -> Held:
    """Read what ``to_text`` wrote."""
    told = json.loads(text)
    contracts = {}
    for name, held in told["contracts"].items():
        symbol, _, multiplier = name.partition("|")
        listed = parse_option_symbol(symbol)
        contracts[
            OptionContract(
                root=listed.root,
                expires_on=listed.expires_on,
                right=listed.right,
                strike=listed.strike,
                multiplier=int(multiplier),
            )
        ] = held
    cash = None if told["cash"] is None else Money(told["cash"])
    return Held(contracts=contracts, shares=told["shares"], cash=cash, sequence=told["sequence"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    contract: OptionContract
    held: int  # of it that went away
    has_ended: bool


def explained(
    before: Held,
    now: Held,
    *,
    at: datetime,
    calendar: TradingCalendar,
    spots: Mapping[str, Price],
) -> list[Transaction]:
    """Return the transactions that lead from what should be held to what is, as far as they are certain."""
    by_symbol: dict[str, list[_Gone]] = {}
    for contract in sorted({*before.contracts, *now.contracts}):
        held, left = before.contracts.get(contract, 0), now.contracts.get(contract, 0)
        if held != left and abs(left) <= abs(held) and left * held >= 0:
            gone = _Gone(contract=contract, held=held - left, has_ended=at >= calendar.settles_at(contract))
            by_symbol.setdefault(contract.underlying, []).append(gone)
    cash = None if before.cash is None or now.cash is None or len(by_symbol) > 1 else now.cash - before.cash
    found: list[Transaction] = []
    for symbol, gone_of in by_symbol.items():
        shares = now.shares.get(symbol, 0) - before.shares.get(symbol, 0)
        found += _certain(gone_of, shares, cash, at, spots.get(symbol))
    return found


def _certain(
    gone: Sequence[_Gone], shares: int, cash: Money | None, at: datetime, spot: Price | None
) -> list[Transaction]:
    if len(gone) > CONTRACTS_MAX:
        return []
    fitting = [one for one in _ways(gone, at, spot) if _shares_of(one) == shares]
    if cash is not None:
        exact = [one for one in fitting if _cash_of(one) == cash]
        is_cash_settled = any(one.contract.is_index and one.has_ended for one in gone)
        fitting = exact if is_cash_settled else exact or fitting  # only the cash tells what an index was worth
    return fitting[0] if len(fitting) == 1 else []


def _ways(gone: Sequence[_Gone], at: datetime, spot: Price | None) -> list[list[Transaction]]:
    """Return all ways in which contracts may have gone; where nothing tells, there are several."""
    each = [_ways_of(one, at, spot) for one in gone]
    return [[step for steps in choice for step in steps] for choice in itertools.product(*each)]


def _ways_of(one: _Gone, at: datetime, spot: Price | None) -> list[tuple[Transaction, ...]]:
    contract = one.contract
    name = f"position:{contract.compact}:{at:%Y%m%d%H%M%S}:{one.held}"
    if not one.has_ended:
        # Before its end a contract goes by exercise, or by a trade whose execution is still to come.
        return [()] if contract.is_index else [exercised(contract, one.held, at, name), ()]
    if contract.is_index:
        worthless = expiration_transactions(contract, one.held, _far(contract), at, name)
        settled = [] if spot is None else [cash_settled(contract, one.held, spot, at, name)]
        return [worthless, *(way for way in settled if way[0].cash)]
    return [
        exercised(contract, one.held, at, name),
        expiration_transactions(contract, one.held, _far(contract), at, name),
    ]


def _far(contract: OptionContract) -> Price:
    """Return a price of the underlying at which a contract is worth nothing."""
    return Price(contract.strike)


def _shares_of(way: Sequence[Transaction]) -> int:
    return sum(one.quantity for one in way if one.contract is None)


def _cash_of(way: Sequence[Transaction]) -> Money:
    return sum((one.cash for one in way), NOTHING)


def is_explained(before: Held, now: Held) -> bool:
    """Tell whether contracts and shares are what they should be."""
    return before.contracts == now.contracts and before.shares == now.shares


def _sum(first: Mapping[K, int], second: Mapping[K, int]) -> dict[K, int]:
    added = {one: first.get(one, 0) + second.get(one, 0) for one in {*first, *second}}
    return {one: held for one, held in added.items() if held}
