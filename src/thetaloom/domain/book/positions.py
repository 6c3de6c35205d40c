"""A position: one structure held in one account, as the lots its opening fills left."""

from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, FillId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput, OverfillError


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What one opening fill left: ``quantity`` structures opened at net ``price`` per share."""

    fill_id: FillId
    quantity: int
    price: Price
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A structure held; its legs always open and close together."""

    id: PositionId
    run_id: RunId
    user_id: UserId
    account_id: AccountId
    strategy_id: StrategyId
    symbol: str
    legs: tuple[Leg, ...]  # as opened: a bought leg has a positive ratio
    lots: tuple[Lot, ...] = ()
    opened_quantity: int = 0
    realized: Money = NOTHING  # profit and loss of what is closed, before fees
    fees: Money = NOTHING  # all fees so far, negative
    opened_at: datetime
    closed_at: datetime | None = None
    exits_fired: tuple[int, ...] = ()  # indices of the partial exit rules that have had their turn
    version: int = 0

    def __post_init__(self) -> None:
        if len({leg.contract.multiplier for leg in self.legs}) != 1:
            raise InvalidInput(f"{self.id} needs at least one leg, and all legs with one multiplier")

    @property
    def quantity(self) -> int:
        """Structures still held."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def is_open(self) -> bool:
        """Whether anything is still held."""
        return self.quantity > 0

    @property
    def multiplier(self) -> int:
        """Shares per contract; the same for all legs."""
        return self.legs[0].contract.multiplier

    @property
    def entry_price(self) -> Price:
        """Average net price per share of what is still held, credit positive."""
        if not self.is_open:
            raise InvalidInput(f"{self.id} holds nothing and has no entry price")
        total = sum((lot.price * lot.quantity for lot in self.lots), Price(0))
        return total / self.quantity

    @property
    def realized_pnl(self) -> Money:
        """Profit and loss of what is closed, after all fees so far."""
        return self.realized + self.fees

    def unrealized_pnl(self, close_price: Price) -> Money:
        """Profit and loss if all were closed at ``close_price``, which is negative when closing costs."""
        return sum(((lot.price + close_price).times(self.multiplier, lot.quantity) for lot in self.lots), Money(0))

    def with_open_fill(self, fill: Fill) -> "Position":
        """Return the position after an opening fill."""
        lot = Lot(fill_id=fill.fill_id, quantity=fill.quantity, price=fill.price, opened_at=fill.filled_at)
        return replace(
            self,
            lots=(*self.lots, lot),
            opened_quantity=self.opened_quantity + fill.quantity,
            fees=self.fees + fill.fees,
            closed_at=None,
        )

    def with_close_fill(self, fill: Fill) -> "Position":
        """Return the position after a closing fill, taking the oldest lots first."""
        if fill.quantity > self.quantity:
            raise OverfillError(fill.client_order_id, fill.quantity, self.quantity)
        left, kept, realized = fill.quantity, [], Money(0)
        for lot in self.lots:
            taken = min(left, lot.quantity)
            left -= taken
            realized += (lot.price + fill.price).times(self.multiplier, taken)
            if taken < lot.quantity:
                kept.append(replace(lot, quantity=lot.quantity - taken))
        return replace(
            self,
            lots=tuple(kept),
            realized=self.realized + realized,
            fees=self.fees + fill.fees,
            closed_at=None if kept else fill.filled_at,
        )
