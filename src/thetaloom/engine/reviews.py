"""A position held against its exit rules at this moment, for whoever asks; nothing is changed."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.book.exits import ExitAnswer, ExitDecision, Marks, decide_exit
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch, observed
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Money
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

    @property
    def wants_out(self) -> bool:
        """Whether a rule is met."""
        return self.decision.answer is ExitAnswer.CLOSE

    @property
    def unrealized_pnl(self) -> Money | None:
        """Profit and loss if all were closed at mid; unknown without quotes that can be believed."""
        price = self.marks.close_price
        return None if price is None or not self.position.is_open else self.position.unrealized_pnl(price)


def review_position(desk: Desk, position: Position, strategy: Strategy, now: datetime) -> ExitReview:
    """Return what the exit rules say of the position at the market's prices of ``now``."""
    with desk.store.reading() as uow:
        watch = remembered(desk, uow, position)
    marks = mark(read_view(desk, position, strategy, now, watch=watch))
    watch = observed(watch, position, marks)
    decision = decide_exit(strategy.exits, position, marks, frozenset(position.exits_fired), watch=watch)
    return ExitReview(position=position, marks=marks, decision=decision, watch=watch)
