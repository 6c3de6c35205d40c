"""What is remembered of a position while it is watched: entry, its highest believable profit, its ladder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.ladder import LadderState
from thetaloom.domain.book.marks import Marks, recordable_close
from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.words import DealerGamma
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import PositionId, UserId
from thetaloom.domain.values.money import Money, Price


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What was known when the position was opened; ``None`` is unknown."""

    spot: Price | None = None
    iv: Decimal | None = None  # of the legs, each weighed by its ratio; 0.20 = 20 %
    atr: Decimal | None = None  # dollars
    delta: Decimal | None = None  # per share, of one structure
    dealer: DealerGamma | None = None
    zero_gamma: Price | None = None
    closing_cost_max: Money | None = None  # the most that closing one structure can cost; None = unlimited or unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionWatch:
    """A position's memory. ``high_water`` is of the whole position, realized and not, before fees.

    ``high_close`` is the highest closing price of one structure of ``legs``: profit given back is told per structure,
    so that closing a part gives nothing back. A structure with other legs starts anew.
    """

    position_id: PositionId
    user_id: UserId
    entry: EntryFacts | None = None
    legs: tuple[Leg, ...] = ()
    high_close: Price | None = None
    high_water: Money | None = None
    high_at: datetime | None = None
    ladders: Mapping[str, LadderState] = field(default_factory=dict)  # by the name of the spread


def watch_of(position: Position) -> PositionWatch:
    """Return an empty memory."""
    return PositionWatch(position_id=position.id, user_id=position.user_id)


def observed(watch: PositionWatch, position: Position, marks: Marks) -> PositionWatch:
    """Return the memory after a look at the market; the same one where nothing rose."""
    close = recordable_close(marks)
    if close is None or not position.quantity:
        return watch
    return raised(watch, position, close, marks.now)


def raised(watch: PositionWatch, position: Position, close: Price, at: datetime) -> PositionWatch:
    """Return the memory after a believable closing price; the same one where it is no higher than what is known."""
    legs = position.held_legs
    profit = position.unrealized_pnl(close) + position.realized
    high_water = profit if watch.high_water is None else max(profit, watch.high_water)
    high_close = close if watch.legs != legs or watch.high_close is None else max(close, watch.high_close)
    if watch.legs == legs and high_close == watch.high_close and high_water == watch.high_water:
        return watch
    return replace(watch, legs=legs, high_close=high_close, high_water=high_water, high_at=at)


def merged(ours: PositionWatch, stored: PositionWatch | None) -> PositionWatch:
    """Return our memory with what another process saw: the higher marks, and an entry that is known is kept.

    Ladders are as stored: only the step that works them writes them, and a monitor's copy may be older.
    """
    if stored is None:
        return ours
    entry = stored.entry or ours.entry
    ours = replace(ours, ladders=stored.ladders)
    is_ahead = stored.high_close is not None and (ours.high_close is None or stored.high_close > ours.high_close)
    if ours.legs != stored.legs or not is_ahead:
        return replace(ours, entry=entry)
    return replace(
        ours, entry=entry, high_close=stored.high_close, high_water=stored.high_water, high_at=stored.high_at
    )
