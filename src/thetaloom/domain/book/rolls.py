"""A roll: closing (a part of) one position and opening its successor, under one approval; and how far it got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, PositionId, RunId, UserId, make_client_order_id
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.ticks import TickRule


class RollKind(StrEnum):
    """What one approval covers."""

    ROLL = "roll"  # close, then open
    ADD = "add"  # open a spread beside the position


class StrikesFrom(StrEnum):
    """Where the strikes of what is opened come from."""

    SAME = "same"  # those that are closed, in another expiration
    BY_RULE = "by-rule"  # the strategy's own rules choose anew


class RollState(StrEnum):
    """How far a roll got. Everything else is read from the orders."""

    PROPOSED = "proposed"  # nothing has been asked of the position
    CLOSING = "closing"  # approved: the position's run is to close
    CLOSED = "closed"  # the closing order is filled; the opening one follows
    ENDED = "ended"


class Progress(StrEnum):
    """What the books say of the closing order of a roll."""

    NOT_ASKED = "not_asked"
    WAITS = "waits"  # for the closing order, or for its end
    CLOSED = "closed"  # as many as it will ever be
    NOT_CLOSED = "not_closed"  # it ended and closed nothing, or can't be placed any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """What a person asked for, fixed when it was asked; the run ``run_id`` proposes and opens it."""

    run_id: RunId  # of the successor
    user_id: UserId
    position_id: PositionId
    position_run_id: RunId
    kind: RollKind
    strikes: StrikesFrom
    legs: tuple[Leg, ...]  # that are closed or added to, as held
    quantity: int  # of them
    keep: Mapping[str, int]  # spreads of the position that stay, by name
    part: str = ""  # the spread it is about; empty = whole structures
    expires_on: date | None = None
    dte: int | None = None
    state: RollState = RollState.PROPOSED
    asked_at: datetime | None = None  # when the position's run was told to close
    close_floor: Price | None = None  # the worst net price of the closing order, as approved
    version: int = 0

    @property
    def closes(self) -> bool:
        """Whether it takes anything off."""
        return self.kind is not RollKind.ADD

    @property
    def closing_legs(self) -> tuple[Leg, ...]:
        """The legs as closing trades them."""
        return tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in self.legs)

    @property
    def order_id(self) -> ClientOrderId:
        """The one closing order of this roll: the same intent can never become two orders."""
        return make_client_order_id(self.position_run_id, OrderPurpose.ROLL.value, 1, self.run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingTerms:
    """The closing side of a proposal, as it was shown."""

    position_id: PositionId
    part: str
    legs: tuple[Leg, ...]  # as closing trades them
    quantity: int
    mid_price: Price  # net, credit positive: to buy back is negative
    natural_price: Price
    limit_floor: Price
    fees: Money  # negative
    releases: Money | None  # buying power that closing frees; None = unknown
    net_floor: Money  # the least that both sides together may bring, before fees; negative = cost


def progress_of(roll: Roll, position: Position, orders: Sequence[Order]) -> Progress:
    """Say from our books how far the closing order of a roll got; ``orders`` are those of the position's run."""
    if roll.state is RollState.PROPOSED:
        return Progress.NOT_ASKED
    mine = next((order for order in orders if order.client_order_id == roll.order_id), None)
    if mine is not None:
        if mine.is_open:
            return Progress.WAITS
        return Progress.CLOSED if mine.filled else Progress.NOT_CLOSED
    if not can_close(roll, position):
        return Progress.NOT_CLOSED  # somebody or something else closed it meanwhile
    return Progress.WAITS


def may_stage(roll: Roll, position: Position, orders: Sequence[Order]) -> bool:
    """Say whether the closing order of an approved roll has yet to be staged."""
    asked = roll.state is RollState.CLOSING and can_close(roll, position)
    return asked and all(order.client_order_id != roll.order_id for order in orders)


def can_close(roll: Roll, position: Position) -> bool:
    """Say whether the position still holds exactly what the roll was approved to close."""
    legs, quantity = position.closing(roll.keep)
    if roll.part:
        going = position.leaving(roll.keep)
        return going == {roll.part: roll.quantity}
    return legs == roll.legs and quantity == roll.quantity


def opening_quantity(roll: Roll, proposed: int, closed: int) -> int:
    """Return how many structures may be opened once ``closed`` units are closed: never more than went."""
    return proposed * min(closed, roll.quantity) // roll.quantity


def opening_floor(
    terms: ClosingTerms, *, brought: Money, closed: int, quantity: int, multiplier: int, ticks: TickRule
) -> Price:
    """Return the worst price to open at: what the approved net leaves after what closing has brought."""
    share = Decimal(terms.net_floor) * min(closed, terms.quantity) / terms.quantity
    return ticks.up(Price((share - Decimal(brought)) / (multiplier * quantity)))


def works_for_roll(order: Order) -> bool:
    """Say whether an order closes a position for its roll."""
    return order.effect is Effect.CLOSE and order.purpose is OrderPurpose.ROLL
