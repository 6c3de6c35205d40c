"""What the API answers of positions: what was opened, what is still held, and where each part stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from thetaloom.domain.book.orders import Order as OrderBook
from thetaloom.domain.book.position_status import PositionStatus, position_status, spreads_shown
from thetaloom.domain.book.positions import Position as HeldBook
from thetaloom.web.api.records import Exact, Legs, Record


class Position(Record):
    """One structure held, or no longer held."""

    id: str
    run_id: str
    strategy_id: str
    account_id: str
    symbol: str
    legs: Legs
    quantity: int
    opened_quantity: int
    is_open: bool
    realized_pnl: Exact = Field(description="Of what is closed, after all fees so far.")
    fees: Exact
    opened_at: datetime
    closed_at: datetime | None


class Spread(Record):
    """A part of a position that opens and closes as one, and the order that rests at its target."""

    name: str = Field(examples=["put_spread_1"])
    legs: Legs
    opened_quantity: int = Field(description="Ever opened.")
    remaining: int = Field(description="Still held.")
    entry_price: Exact | None = Field(description="Net, per share; null once nothing is held.")
    realized: Exact = Field(description="Of what closed as a whole, before fees.")
    target_percent: Exact | None = Field(description="Of its premium; null: it has no target.")
    target_order: str | None = Field(description="The newest order at its target.")
    target_price: Exact | None
    target_status: str | None


class LooseLeg(Record):
    """Contracts that belong to no whole spread."""

    occ_symbol: str
    quantity: int = Field(description="Sold negative.")
    price: Exact
    since: datetime
    cause: str


class Shares(Record):
    """Shares that contracts of a position turned into."""

    symbol: str
    quantity: int = Field(description="Sold short negative.")
    price: Exact = Field(description="What they came at: the strike.")
    since: datetime
    cause: str = Field(examples=["assignment"])


class HeldPosition(Position):
    """A position with where it stands, and its parts."""

    status: PositionStatus
    spreads: list[Spread]
    loose: list[LooseLeg]
    shares: list[Shares]
    shares_held: int = Field(description="All of them; sold short negative.")
    chain_id: str = Field(description="The first position of a chain of rolls; its own id by default.")
    rolled_from: str | None

    @classmethod
    def of(cls, position: HeldBook, orders: Sequence[OrderBook]) -> "HeldPosition":
        """Return a position as it is shown, with the orders of its run, oldest first."""
        return cls(**held_fields(position, orders))


def held_fields(position: HeldBook, orders: Sequence[OrderBook]) -> dict[str, Any]:
    """Return the fields of ``HeldPosition``."""
    loose = [
        LooseLeg(
            occ_symbol=one.contract.occ_symbol,
            quantity=one.quantity,
            price=one.price,
            since=one.since,
            cause=one.cause,
        )
        for one in position.loose
    ]
    return {
        **{name: getattr(position, name) for name in Position.model_fields},
        "status": position_status(position, orders),
        "spreads": [Spread.model_validate(one) for one in spreads_shown(position, orders)],
        "loose": loose,
        "shares": [Shares.model_validate(one) for one in position.shares],
        "shares_held": position.shares_held,
        "chain_id": position.chain_id,
        "rolled_from": position.rolled_from,
    }
