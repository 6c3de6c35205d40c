"""A chain of rolls and adjustments: each link with its own profit and loss, and what they came to together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.position_status import PositionStatus, position_status
from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import PositionId, RunId, UserId
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import owned
from thetaloom.store.queries.positions import orders_of_positions, position_detail
from thetaloom.store.schema import positions as table
from thetaloom.store.statements import columns_of, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One position of a chain."""

    position_id: PositionId
    run_id: RunId
    rolled_from: PositionId | None
    status: PositionStatus
    legs: tuple[Leg, ...]
    opened_quantity: int
    quantity: int  # still held
    opened_at: datetime
    closed_at: datetime | None
    realized: Money  # of what is closed, before fees
    fees: Money
    premium: Money  # what opening that which is still held has brought, or cost

    @property
    def realized_pnl(self) -> Money:
        """Profit and loss of what is closed, after all fees so far."""
        return self.realized + self.fees

    @property
    def cash(self) -> Money:
        """All that its orders have moved so far, after fees."""
        return self.realized_pnl + self.premium


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChain:
    """The links, oldest first."""

    chain_id: PositionId
    symbol: str
    links: tuple[ChainLink, ...]

    @property
    def is_open(self) -> bool:
        """Whether any of it is still held."""
        return any(link.quantity for link in self.links)

    @property
    def realized(self) -> Money:
        """Of all links, before fees."""
        return sum((link.realized for link in self.links), NOTHING)

    @property
    def fees(self) -> Money:
        """Of all links, negative."""
        return sum((link.fees for link in self.links), NOTHING)

    @property
    def realized_pnl(self) -> Money:
        """What the chain has earned so far, after fees."""
        return self.realized + self.fees

    @property
    def cash(self) -> Money:
        """All that the chain's orders have moved so far, after fees; once nothing is held, what it has earned."""
        return sum((link.cash for link in self.links), NOTHING)


def chain_of(database: Database, user: UserId, position: PositionId) -> PositionChain:
    """Return the chain that a position belongs to. Raises ``NotFound`` for one that is not the user's."""
    found = position_detail(database, user, position)
    linked = select(*columns_of(table, Position)).where(owned(table, user), table.c.chain_id == found.chain_id)
    with database.connect() as connection:
        rows = values_of(Position, connection.execute(linked.order_by(table.c.opened_at, table.c.id)))
    held = in_order(rows)
    orders = orders_of_positions(database, user, held)
    links = tuple(link_of(one, orders[one.id]) for one in held)
    return PositionChain(chain_id=found.chain_id, symbol=found.symbol, links=links)


def in_order(positions: Sequence[Position]) -> list[Position]:
    """Return the positions of one chain, each after the one that it was rolled from."""
    placed: list[Position] = []
    waiting = list(positions)
    while waiting:
        known = {one.id for one in placed}
        ready = [one for one in waiting if one.rolled_from is None or one.rolled_from in known]
        placed += ready or waiting
        waiting = [one for one in waiting if one not in placed]
    return placed


def link_of(position: Position, orders: Sequence[Order] = ()) -> ChainLink:
    """Return a position as a link; ``orders`` are those of its run."""
    premium = sum((one.premium for one in position.spreads), sum((one.premium for one in position.loose), NOTHING))
    return ChainLink(
        position_id=position.id,
        run_id=position.run_id,
        rolled_from=position.rolled_from,
        status=position_status(position, orders),
        legs=position.legs,
        opened_quantity=position.opened_quantity,
        quantity=position.quantity,
        opened_at=position.opened_at,
        closed_at=position.closed_at,
        realized=position.realized,
        fees=position.fees,
        premium=premium,
    )
