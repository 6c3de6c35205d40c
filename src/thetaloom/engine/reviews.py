"""A position held against its exit rules at this moment, for whoever asks; nothing is changed."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.book.exits import ExitAnswer, ExitDecision, Marks, decide_exit
from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Money
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import mark, view_position
from thetaloom.engine.order_manager import leg_quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReview:
    """A position, its marks, and every exit rule with its number."""

    position: Position
    marks: Marks
    decision: ExitDecision

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
    quotes = leg_quotes(desk, position.held_legs, now)
    age_max = strategy.liquidity.quote_age_seconds_max
    view = view_position(desk, position, strategy.exits, quotes, age_max, now)
    marks = mark(view)
    decision = decide_exit(strategy.exits, position, marks, fired=frozenset(position.exits_fired))
    return ExitReview(position=position, marks=marks, decision=decision)
