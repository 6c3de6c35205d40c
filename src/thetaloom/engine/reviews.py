"""A position held against its exit rules at this moment, for whoever asks; nothing is changed."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.book.exits import ExitAnswer, ExitDecision, Marks, decide_exit
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch, observed
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.entry_facts import remembered
from thetaloom.engine.marks import mark
from thetaloom.engine.position_views import read_view


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReview:
    """A position, its marks, and every exit rule with its number."""

    position: Position
    marks: Marks
    decision: ExitDecision
    watch: PositionWatch
    beside: Money | None = NOTHING  # profit and loss of loose legs and shares at the market; None = a price is missing

    @property
    def wants_out(self) -> bool:
        """Whether a rule is met."""
        return self.decision.answer is ExitAnswer.CLOSE

    @property
    def unrealized_pnl(self) -> Money | None:
        """Profit and loss if all were closed at mid, shares at their price; unknown without prices to believe."""
        position, price = self.position, self.marks.close_price
        if not position.is_open or self.beside is None:
            return None
        if not position.lots:
            return self.beside
        return None if price is None else position.unrealized_pnl(price) + self.beside


def review_position(desk: Desk, position: Position, strategy: Strategy, now: datetime) -> ExitReview:
    """Return what the exit rules say of the position at the market's prices of ``now``."""
    with desk.store.reading() as uow:
        watch = remembered(desk, uow, position)
    marks = mark(read_view(desk, position, strategy, now, watch=watch))
    watch = observed(watch, position, marks)
    decision = decide_exit(strategy.exits, position, marks, frozenset(position.exits_fired), watch=watch)
    beside = _beside(desk, position, marks.spot, now)
    return ExitReview(position=position, marks=marks, decision=decision, watch=watch, beside=beside)


def _beside(desk: Desk, position: Position, spot: Price | None, now: datetime) -> Money | None:
    total = NOTHING
    if position.shares:
        if spot is None:
            return None
        total += position.shares_pnl(spot)
    if not position.loose:
        return total
    quotes = desk.market.quotes([one.contract for one in position.loose], now)
    for one in position.loose:
        quote = quotes.get(one.contract)
        if quote is None or quote.mid is None:
            return None
        total += one.premium + quote.mid.times(one.contract.multiplier, one.quantity)
    return total
